"""Rules for the parts of scikit-learn, other than trees, whose compiled code follows numbers from the file."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import scipy.sparse as sp

from modelglass.analysis.models.trees import Damaged, Uncheckable

METRICS = frozenset(
    [
        "braycurtis",
        "canberra",
        "chebyshev",
        "cityblock",
        "cosine",
        "euclidean",
        "hamming",
        "l1",
        "l2",
        "manhattan",
        "minkowski",
        "sqeuclidean",
    ]
)
"""Distances that need nothing but the two rows."""


def int_attribute(est: Any, name: str) -> int:
    """Give a stored whole number of at least 1; scikit-learn skips its width check where ``n_features_in_`` is absent."""
    value = vars(est).get(name)
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise Damaged(f"{name} is missing or not a whole number")
    return int(value)


def array(est: Any, name: str, ndim: int, kinds: str) -> np.ndarray:
    """Give a stored array of known dimensions and kind of number."""
    value = vars(est).get(name)
    if not isinstance(value, np.ndarray) or value.ndim != ndim or value.dtype.kind not in kinds:
        raise Damaged(f"{name} is missing or not an array of {ndim} dimensions")
    return value


def check_svm(est: Any) -> None:
    """Libsvm copies from these arrays by the sizes of the others (see its ``set_model``)."""
    columns, regression = int_attribute(est, "n_features_in_"), type(est).__name__.endswith("SVR")
    if (
        est._impl not in ("c_svc", "nu_svc", "epsilon_svr", "nu_svr")
        or vars(est).get("_impl")
        or est._impl.endswith("svr") != regression
    ):
        raise Damaged("the kind of support vector machine does not agree with its class")
    if not isinstance(est.kernel, str) or est.kernel not in ("linear", "poly", "rbf", "sigmoid"):
        raise Uncheckable(f"a support vector machine with the kernel {est.kernel!r} cannot be checked")
    vectors, count = est.support_vectors_, array(est, "_n_support", 1, "i")
    if len(vectors.shape) != 2 or vectors.shape[1] != columns or bool(est._sparse) != sp.issparse(vectors):
        raise Damaged("the support vectors do not agree with the columns")
    machines = 2 if regression else len(est.classes_)
    rows, pairs = vectors.shape[0], machines * (machines - 1) // 2
    if machines < 2 or len(count) != machines or (count < 0).any() or count.dtype != np.int32:
        raise Damaged("the numbers of support vectors do not agree with the classes")
    total = int(count[0]) if regression else int(count.sum(dtype=np.int64))
    if total != rows or len(array(est, "support_", 1, "i")) != rows:
        raise Damaged("the numbers of support vectors do not agree with the vectors")
    if est._dual_coef_.shape != (machines - 1, rows) or sp.issparse(est._dual_coef_) != sp.issparse(vectors):
        raise Damaged("the dual coefficients do not agree with the support vectors")
    if sp.issparse(vectors):
        _check_csr_for_libsvm(vectors, est._dual_coef_, machines, rows)
    if array(est, "_intercept_", 1, "f").shape != (pairs,):
        raise Damaged("the intercepts do not agree with the classes")
    for name in ("_probA", "_probB"):
        if len(array(est, name, 1, "f")) not in (0, pairs):
            raise Damaged("the probability coefficients do not agree with the classes")
    if len(est._probA) != len(est._probB):
        raise Damaged("the probability coefficients do not agree with the classes")
    weights = vars(est).get("class_weight_", np.empty(0))
    if not isinstance(weights, np.ndarray) or weights.ndim != 1 or len(weights) not in (0, machines):
        raise Damaged("the class weights do not agree with the classes")


def _check_csr_for_libsvm(vectors: Any, coefficients: Any, machines: int, rows: int) -> None:
    """The sparse door of libsvm is handed the arrays inside the matrices."""
    if vectors.format != "csr" or coefficients.format != "csr":
        raise Damaged("the support vectors are not in row format")
    vectors.check_format(full_check=True)
    if coefficients.data.shape != ((machines - 1) * rows,) or vectors.data.dtype != np.float64:
        raise Damaged("the dual coefficients do not agree with the support vectors")


def check_neighbors(est: Any) -> None:
    """Nearest neighbours: rows, labels and metric agree; a search tree is built again from the rows it indexes."""
    columns, data = int_attribute(est, "n_features_in_"), est._fit_X
    if (
        not ((isinstance(data, np.ndarray) and data.dtype.kind in "fiub") or sp.issparse(data))
        or len(data.shape) != 2
        or data.shape[1] != columns
    ):
        raise Damaged("the stored rows do not agree with the columns")
    if sp.issparse(data):
        data.check_format(full_check=True)
    elif not np.isfinite(data).all():
        raise Damaged("the stored rows are not finite")
    labels, rows = est._y, data.shape[0]
    if (
        not isinstance(labels, np.ndarray)
        or labels.ndim < 1
        or len(labels) != rows
        or int(est.n_samples_fit_) != rows
        or not rows
    ):
        raise Damaged("the stored rows do not agree with their outcomes")
    if type(est).__name__.endswith("Classifier"):
        if labels.ndim != 1 or labels.dtype.kind not in "iu" or isinstance(est.classes_, list):
            raise Uncheckable("neighbours with several outputs cannot be checked")
        if labels.min() < 0 or labels.max() >= len(est.classes_):
            raise Damaged("a stored class is out of range")
    extra = {k: v for k, v in est.effective_metric_params_.items() if v is not None}
    plain = set(extra) <= {"p"} and all(isinstance(v, (int, float)) for v in extra.values())
    if est.effective_metric_ not in METRICS or not plain:
        raise Uncheckable("neighbours with their own metric cannot be checked")
    _rebuild_search_tree(est, data)


def _rebuild_search_tree(est: Any, data: Any) -> None:
    from sklearn.neighbors import BallTree, KDTree

    kinds = {"kd_tree": KDTree, "ball_tree": BallTree}
    if est._fit_method not in {*kinds, "brute"}:
        raise Damaged("the way of searching neighbours is unknown")
    if vars(est).get("_tree") is not None:
        raise Damaged("a search tree was not built here")
    if est._fit_method in kinds:
        leaf_size = int_attribute(est, "leaf_size")
        est._tree = kinds[est._fit_method](
            data, leaf_size, metric=est.effective_metric_, **est.effective_metric_params_
        )


def check_one_hot(est: Any) -> None:
    """One-hot encoding writes column numbers that follow from its stored maps; they must lie inside the width it states."""
    groups = est.categories_
    if not isinstance(groups, list) or len(groups) != int_attribute(est, "n_features_in_"):
        raise Damaged("the categories do not agree with the columns")
    if not all(isinstance(g, np.ndarray) and g.ndim == 1 for g in groups):
        raise Damaged("the categories of a column are not an array")
    levels = [len(g) for g in groups]
    if vars(est).get("_infrequent_enabled"):
        maps, rare = est._default_to_infrequent_mappings, est._infrequent_indices
        if len(maps) != len(groups) or len(rare) != len(groups):
            raise Damaged("the infrequent categories do not agree with the columns")
        for i, (mapping, few) in enumerate(zip(maps, rare, strict=True)):
            if (mapping is None) != (few is None):
                raise Damaged("the infrequent categories do not agree with the columns")
            if mapping is not None:
                kept = levels[i] - len(few) + 1
                if len(mapping) != levels[i] or np.min(mapping) < 0 or np.max(mapping) >= kept:
                    raise Damaged("an infrequent category is out of range")
                levels[i] = kept
    drop = est._drop_idx_after_grouping
    if drop is not None:
        if len(drop) != len(groups):
            raise Damaged("the dropped categories do not agree with the columns")
        for i, at in enumerate(drop):
            if at is not None:
                if int(at) != at or not 0 <= at < levels[i]:
                    raise Damaged("a dropped category is out of range")
                levels[i] -= 1
    if [int(n) for n in est._n_features_outs] != levels:
        raise Damaged("the width of the one-hot columns does not agree with the categories")


def check_vectorizer(est: Any) -> None:
    """Words to columns: each column number once, from 0; and text comes from the data, never from files that the data name."""
    if getattr(est, "input", "content") != "content":
        raise Damaged("a text vectorizer that opens files is refused")
    words = vars(est).get("vocabulary_", {})
    if type(words) is not dict or sorted(words.values()) != list(range(len(words))):
        raise Damaged("the columns of the vocabulary are not numbered one by one")


def check_hashing(est: Any) -> None:
    """Hashing divides by the number of columns."""
    if getattr(est, "input", "content") != "content" or not 1 <= int_attribute(est, "n_features") <= 2**31 - 1:
        raise Damaged("the number of hashed columns is out of range")


def check_spline(spline: Any) -> None:
    """What the constructor of BSpline checks, which loading goes around. Since scipy 1.18 the numbers stand in an object within."""
    inner = vars(spline).get("_delegate_to")
    if inner is not None:
        from scipy.interpolate import BSpline

        spaces = [vars(spline).get(name) for name in ("_xp", "_xp_internal")]
        if type(spline) is not BSpline or type(inner).__qualname__ != "_BSpline" or not all(map(_is_numpy, spaces)):
            raise Damaged("a spline does not hold what scipy puts there")
    knots, values, degree = np.asarray(spline.t), np.asarray(spline.c), spline.k
    if (
        isinstance(degree, bool)
        or not isinstance(degree, (int, np.integer))
        or degree < 0
        or knots.ndim != 1
        or values.ndim < 1
    ):
        raise Damaged("a spline has no degree or knots")
    bases = len(knots) - degree - 1
    if knots.dtype != np.float64 or values.dtype != np.float64 or bases < degree + 1 or values.shape[0] < bases:
        raise Damaged("the coefficients of a spline do not agree with its knots")
    if not np.isfinite(knots).all() or (np.diff(knots) < 0).any():
        raise Damaged("the knots of a spline are not in order")
    if spline.axis != 0 or not np.isfinite(values).all() or spline.extrapolate not in (True, False, "periodic"):
        raise Damaged("the coefficients of a spline cannot be so")


def _is_numpy(space: Any) -> bool:
    return isinstance(space, ModuleType) and space.__name__.rpartition(".")[2] == "numpy"


def check_generator(generator: Any) -> None:
    """Positions in the buffers of random generators are followed without a check."""
    state = (
        generator.get_state(legacy=False)
        if isinstance(generator, np.random.RandomState)
        else generator.bit_generator.state
    )
    inner = state.get("state")
    position = inner.get("pos", 0) if isinstance(inner, dict) else 0
    if not 0 <= position <= 624 or not 0 <= state.get("buffer_pos", 0) <= 4:
        raise Damaged("the position of a random generator is out of range")
