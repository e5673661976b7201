"""The content of a loaded scikit-learn model: every index that compiled code will follow is checked before the first prediction.

``check_model`` walks the whole object graph: ensembles, nested pipelines, calibrators, searches, attributes, lists, dictionaries and object
arrays. A tree may stand nowhere but in the estimator that bounds the columns it is asked with. No attribute may take the place of a method,
so what is checked is what runs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache, partial
from types import ModuleType
from typing import Any

import numpy as np
import scipy.sparse as sp

from modelglass.analysis.errors import InputError
from modelglass.analysis.models.safety_rules import (
    check_generator,
    check_hashing,
    check_neighbors,
    check_one_hot,
    check_spline,
    check_svm,
    check_vectorizer,
    int_attribute,
)
from modelglass.analysis.models.trees import (
    LEAF,
    Damaged,
    Uncheckable,
    check_links,
    check_tree,
    depth,
    parse_hist,
    parse_sklearn,
)

UNKNOWN = (
    "Nothing needs to be wrong with it. If you made the file yourself, load it in Python and pass the model itself."
)
TODO = "The file is damaged or was tampered with. If you made it yourself, load it in Python and pass the model itself."


def check_model(model: Any, file: str) -> None:
    """Walk a loaded object and check all of it.

    Raises
    ------
    InputError
        Naming the place, where an index could leave its array or a shape does not agree.
    """
    seen: dict[int, Any] = {}
    results: set[int] = set()
    stack: list[tuple[Any, str, Any]] = [(model, "model", None)]
    while stack:
        item, where, parent = stack.pop()
        if _plain(item):
            continue
        try:
            _check_place(item, where, parent, results)
            if id(item) in seen:
                continue
            seen[id(item)] = item
            children = _visit(item)
            if qualified(item).startswith(SEARCHES):
                results.update(id(child) for step, child in children if step == ".cv_results_")
        except Damaged as error:
            known = not isinstance(error, Uncheckable)
            raise InputError(
                f"Expected a model whose parts {'agree with each other' if known else 'can be checked before they run'}.",
                f"In {file}, at {where}: {error}.",
                TODO if known else UNKNOWN,
            ) from None
        except Exception as error:  # noqa: BLE001  the content decides what a check stumbles over
            raise InputError(
                "Expected a model whose parts agree with each other.",
                f"In {file}, at {where}: the check of {type(item).__name__} failed ({type(error).__name__}: {str(error)[:120]}).",
                TODO,
            ) from None
        stack.extend((child, f"{where}{step}", item) for step, child in children)


def _plain(item: Any) -> bool:
    kinds = (bool, int, float, complex, str, bytes, bytearray, slice, type, np.generic, np.dtype, np.ufunc, ModuleType)
    return item is None or isinstance(item, kinds)


def _check_place(item: Any, where: str, parent: Any, results: set[int]) -> None:
    """Refuse what is dangerous anywhere but in one place.

    A tree outside its estimator would be asked with any number of columns; a masked array hides from numpy, and so from every check,
    numbers that compiled code reads all the same (searches keep their settings in such: ``results`` are the ids of those tables,
    which hold them directly, so that no model that stands in one as well is let through with its own).
    """
    if _is_tree(item) and not (where.endswith(".tree_") and qualified(parent) in TREES):
        raise Damaged("a tree stands outside a tree model")
    if isinstance(item, np.ndarray) and type(item) is not np.ndarray and id(parent) not in results:
        raise Damaged(f"an array is a {type(item).__name__}")


def _is_tree(item: Any) -> bool:
    return qualified(item) == "sklearn.tree._tree.Tree"


def qualified(item: Any) -> str:
    """Qualified name of an object's type."""
    kind = type(item)
    return f"{kind.__module__}.{kind.__qualname__}"


def _visit(item: Any) -> list[tuple[str, Any]]:
    """Check one object by itself and give its parts, each with the step that leads there."""
    if isinstance(item, dict):
        return [(f"[{k!r}]", v) for k, v in item.items()] + [(".keys", k) for k in item if not _plain(k)]
    if isinstance(item, (list, tuple, set, frozenset)):
        return [(f"[{i}]", v) for i, v in enumerate(item)]
    if isinstance(item, np.ndarray):
        return [(f"[{i}]", v) for i, v in enumerate(item.ravel().tolist())] if item.dtype == object else []
    if sp.issparse(item):
        if item.format not in ("csr", "csc", "coo"):
            raise Damaged(f"a sparse array is of the format {item.format}")
        item.check_format(full_check=True) if item.format != "coo" else item._check()
        return []
    if isinstance(item, partial):
        return [(".func", item.func), (".args", item.args), (".keywords", item.keywords)]
    if isinstance(item, (np.random.RandomState, np.random.Generator)):
        check_generator(item)
        return []
    attributes = getattr(item, "__dict__", None)
    if not isinstance(attributes, dict) or inspect.isfunction(item):
        return []
    name = qualified(item)
    if name.startswith(("sklearn.", "scipy.")):
        _check_shadows(type(item), attributes)
    _check_written(attributes)
    rule = RULES.get(name)
    if rule is not None and not (name in FITTED and _unfitted(attributes)):
        rule(item)
    return [(f".{k}", v) for k, v in attributes.items()]


def _unfitted(attributes: Mapping[str, Any]) -> bool:
    """Say whether scikit-learn will refuse to predict with this: its ``check_is_fitted`` looks for the same names."""
    return "_fit_method" not in attributes and not any(k.endswith("_") and not k.startswith("__") for k in attributes)


@cache
def _method_names(kind: type) -> frozenset[str]:
    """Names that are looked up on the class but that an attribute of the object would hide."""
    hidden = set()
    for name in dir(kind):
        found = inspect.getattr_static(kind, name)
        if callable(found) or (hasattr(type(found), "__get__") and not hasattr(type(found), "__set__")):
            hidden.add(name)
    return frozenset(hidden)


def _check_shadows(kind: type, attributes: Mapping[str, Any]) -> None:
    hidden = _method_names(kind) & attributes.keys()
    if hidden:
        raise Damaged(f"{kind.__name__} has something in place of its method {sorted(hidden)[0]}")


def _check_written(attributes: Mapping[str, Any]) -> None:
    """Refuse settings by which a numpy function would write into arrays of the model once they are checked."""
    for name in HANDED_ON:
        settings = attributes.get(name)
        if isinstance(settings, dict) and settings.get("out") is not None:
            raise Damaged(f"{name} lets a function write into an array (out)")


def check_tree_estimator(est: Any) -> None:
    """A decision tree: its Tree agrees with the columns, classes and outputs of the estimator that asks it."""
    columns = int_attribute(est, "n_features_in_")
    tree = vars(est).get("tree_")
    if not _is_tree(tree):
        raise Damaged("tree_ is not a tree")
    if tree.node_count < 1 or tree.node_count != tree.capacity:
        raise Damaged("the number of nodes of a tree does not agree with its arrays")
    if tree.n_features != columns:
        raise Damaged(f"a tree of {tree.n_features} columns stands in an estimator of {columns}")
    outputs = int_attribute(est, "n_outputs_")
    if tree.n_outputs != outputs or tree.value.shape != (tree.node_count, outputs, tree.max_n_classes):
        raise Damaged("the values of a tree do not agree with its outputs")
    if type(est).__name__.endswith("Classifier"):
        classes = est.classes_ if outputs > 1 else [est.classes_]
        if [len(c) for c in classes] != tree.n_classes.tolist():
            raise Damaged("the values of a tree do not agree with its classes")
    elif tree.max_n_classes != 1:
        raise Damaged("a regression tree has classes")
    parsed = parse_sklearn(tree)
    check_tree(parsed, columns)
    if not depth(parsed.left, parsed.right) <= tree.max_depth <= tree.node_count:
        raise Damaged("the depth of a tree is not what its nodes say")


def check_forest(est: Any) -> None:
    """A forest: trees of its own kind that read its own columns, since it asks them without their own check of the width."""
    columns = int_attribute(est, "n_features_in_")
    members = est.estimators_
    if not isinstance(members, list) or not members:
        raise Damaged("estimators_ is not a list of trees")
    shape = _outcomes(est)
    for member in members:
        _check_member(member, columns)
        if (
            type(member).__name__.endswith("Classifier") != type(est).__name__.endswith("Classifier")
            or _outcomes(member, True) != shape
        ):
            raise Damaged("a tree of the forest has other classes or outputs")


def _outcomes(est: Any, as_counts: bool = False) -> tuple[int, list[int]]:
    outputs = int_attribute(est, "n_outputs_")
    if not type(est).__name__.endswith("Classifier"):
        return outputs, []
    classes = est.classes_ if outputs > 1 else [est.classes_]
    return outputs, [len(c) for c in classes]


def _check_member(member: Any, columns: int) -> None:
    if qualified(member) not in TREES:
        raise Damaged("a member is not a decision tree")
    if int_attribute(member, "n_features_in_") != columns:
        raise Damaged(f"a tree reads {member.n_features_in_} columns, the ensemble {columns}")


def check_gradient_boosting(est: Any) -> None:
    """Gradient boosting writes each tree's output straight into column k of an array that ``init_`` and the loss made."""
    columns, width = int_attribute(est, "n_features_in_"), int_attribute(est, "n_trees_per_iteration_")
    members = est.estimators_
    if not isinstance(members, np.ndarray) or members.dtype != object or members.ndim != 2 or members.shape[1] != width:
        raise Damaged("estimators_ does not agree with the classes")
    for member in members.ravel().tolist():
        _check_member(member, columns)
        if type(member).__name__ != "DecisionTreeRegressor" or member.tree_.n_outputs != 1:
            raise Damaged("a member is not a regression tree of one output")
    classes = len(est.classes_) if type(est).__name__.endswith("Classifier") else 1
    if width != (classes if classes > 2 else 1) or bool(est._loss.is_multiclass) != (width > 1):
        raise Damaged("the loss or the trees do not agree with the classes")
    init = est.init_
    if isinstance(init, str) and init == "zero":
        return
    if qualified(init) not in ("sklearn.dummy.DummyClassifier", "sklearn.dummy.DummyRegressor"):
        raise Uncheckable("gradient boosting that starts from another model (init) cannot be checked")
    if init.n_outputs_ != 1 or (classes > 1 and (init.n_classes_ != classes or len(init.class_prior_) != classes)):
        raise Damaged("the start of gradient boosting does not agree with its classes")


def check_hist(est: Any) -> None:
    """HistGradientBoosting: nodes, bitsets, bin map and the width of its preprocessor."""
    columns = int_attribute(est, "n_features_in_")
    if vars(est).get("_in_fit") or int(est._n_features) != columns:
        raise Damaged("the booster does not agree with its columns")
    mapper = est._bin_mapper
    categorical = _check_bin_mapper(mapper, columns)
    _check_preprocessor(est, columns)
    width = int_attribute(est, "n_trees_per_iteration_")
    classes = len(est.classes_) if type(est).__name__.endswith("Classifier") else 1
    if width != (classes if classes > 2 else 1) or np.shape(est._baseline_prediction) != (1, width):
        raise Damaged("the trees of an iteration do not agree with the classes")
    if not np.isfinite(est._baseline_prediction).all() or not isinstance(est._predictors, list):
        raise Damaged("the baseline is not finite")
    for iteration in est._predictors:
        if not isinstance(iteration, list) or len(iteration) != width:
            raise Damaged("an iteration does not have one tree a class")
        for predictor in iteration:
            _check_predictor(predictor, columns, categorical)


def _check_bin_mapper(mapper: Any, columns: int) -> np.ndarray:
    categorical, edges = mapper.is_categorical_, mapper.bin_thresholds_
    if (
        not isinstance(categorical, np.ndarray)
        or categorical.shape != (columns,)
        or categorical.dtype not in (np.uint8, bool)
    ):
        raise Damaged("the bin map does not agree with the columns")
    if not isinstance(edges, list) or len(edges) != columns or len(mapper.n_bins_non_missing_) != columns:
        raise Damaged("the bin map does not agree with the columns")
    for known, is_categorical in zip(edges, categorical, strict=True):
        if not isinstance(known, np.ndarray) or known.ndim != 1 or len(known) > 255 or np.isnan(known).any():
            raise Damaged("the bin edges of a column cannot be so")
        if is_categorical and len(known) and (known.min() < 0 or known.max() > 254 or (known != np.floor(known)).any()):
            raise Damaged("a category of the bin map is out of range")
    if not 0 <= int(mapper.missing_values_bin_idx_) <= 255:
        raise Damaged("the bin of missing values is out of range")
    return categorical.astype(bool)


def _check_preprocessor(est: Any, columns: int) -> None:
    """What feeds the booster must give exactly ``columns`` columns: an ordinal encoder and a pass-through of known make."""
    inner = vars(est).get("_preprocessor")
    if inner is None:
        return
    if qualified(inner) != "sklearn.compose._column_transformer.ColumnTransformer" or inner.n_features_in_ != columns:
        raise Damaged("the booster's preprocessor is not the one that scikit-learn makes")
    total = 0
    for _, step, chosen in inner.transformers_:
        if len(chosen) == 0:
            continue
        mask = np.asarray(chosen)
        if mask.dtype != bool or mask.shape != (columns,):
            raise Damaged("the booster's preprocessor does not agree with the columns")
        if isinstance(step, str):
            if step == "drop" and not mask.any():
                continue
            raise Damaged("the booster's preprocessor drops columns")
        name, count = qualified(step), int(mask.sum())
        function = vars(step).get("func") if name.endswith(".FunctionTransformer") else None
        known = (name.endswith("preprocessing._encoders.OrdinalEncoder") and len(step.categories_) == count) or (
            name.endswith("_function_transformer.FunctionTransformer")
            and (function is None or isinstance(function, partial))
        )
        if not known and count:
            raise Damaged("the booster's preprocessor is not the one that scikit-learn makes")
        total += count
    if total != columns:
        raise Damaged("the booster's preprocessor does not give every column once")


def _check_predictor(predictor: Any, columns: int, categorical: np.ndarray) -> None:
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE

    if qualified(predictor) != "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor":
        raise Damaged("a member of the booster is not a tree")
    nodes = predictor.nodes
    if not isinstance(nodes, np.ndarray) or nodes.ndim != 1 or nodes.dtype != PREDICTOR_RECORD_DTYPE or not len(nodes):
        raise Damaged("the nodes of a tree are not of the right type")
    for bits in (predictor.raw_left_cat_bitsets, predictor.binned_left_cat_bitsets):
        if (
            not isinstance(bits, np.ndarray)
            or bits.dtype != np.uint32
            or bits.ndim != 2
            or bits.shape[1] != 8
            or not bits.flags.c_contiguous
        ):
            raise Damaged("the bitsets of a tree are not of the right shape")
    split = nodes["is_leaf"] == 0
    links = [np.where(split, nodes[side].astype(np.int64), LEAF) for side in ("left", "right")]
    check_links(*links)
    by_category = split & (nodes["is_categorical"] != 0)
    sets = min(len(predictor.raw_left_cat_bitsets), len(predictor.binned_left_cat_bitsets))
    if (nodes["bitset_idx"][by_category] >= sets).any():
        raise Damaged("a bitset index points outside the bitsets")
    asked = nodes["feature_idx"][by_category]
    if ((asked < 0) | (asked >= columns)).any() or not categorical[asked].all():
        raise Damaged("a tree asks a column for a category that has none")
    check_tree(parse_hist(predictor), columns)


SEARCHES = "sklearn.model_selection._search"
HANDED_ON = ("kw_args", "inv_kw_args", "kernel_params", "metric_params")
"""Attributes that are handed to a function of the file as its keywords."""
_T, _F = "sklearn.tree._classes.", "sklearn.ensemble._forest."
_N, _S = "sklearn.neighbors.", "sklearn.svm._classes."
_X, _H = (
    "sklearn.feature_extraction.",
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoosting",
)
TREES = frozenset(
    _T + n for n in ("DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor")
)
RULES: Mapping[str, Callable[[Any], None]] = {
    **dict.fromkeys(TREES, check_tree_estimator),
    **{
        _F + n: check_forest
        for n in (
            "RandomForestClassifier",
            "RandomForestRegressor",
            "ExtraTreesClassifier",
            "ExtraTreesRegressor",
        )
    },
    **{f"sklearn.ensemble._gb.GradientBoosting{n}": check_gradient_boosting for n in ("Classifier", "Regressor")},
    **{_H + n: check_hist for n in ("Classifier", "Regressor")},
    **{_S + n: check_svm for n in ("SVC", "NuSVC", "SVR", "NuSVR")},
    **{
        f"{_N}_{kind}.{n}": check_neighbors
        for kind, n in (
            ("classification", "KNeighborsClassifier"),
            ("classification", "RadiusNeighborsClassifier"),
            ("regression", "KNeighborsRegressor"),
            ("regression", "RadiusNeighborsRegressor"),
        )
    },
    **{f"{_X}text.{n}": check_vectorizer for n in ("CountVectorizer", "TfidfVectorizer")},
    f"{_X}_dict_vectorizer.DictVectorizer": check_vectorizer,
    **{_X + n: check_hashing for n in ("text.HashingVectorizer", "_hash.FeatureHasher")},
    "sklearn.preprocessing._encoders.OneHotEncoder": check_one_hot,
    **{f"scipy.interpolate._bsplines.{n}": check_spline for n in ("BSpline", "_BSpline")},
}
FITTED = frozenset(name for name, rule in RULES.items() if rule not in (check_hashing, check_spline, check_vectorizer))
"""Estimators that check for themselves, before anything else, whether they were fitted."""
