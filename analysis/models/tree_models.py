"""From a fitted tree model of any library to its trees side by side, checked against the model's own output.

No library is imported here: a fitted model brings its own along, and its trees are read from what it writes about itself.
"""

from __future__ import annotations

import json
import tempfile
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from modelglass.analysis.models.ensemble import Ensemble, ensemble
from modelglass.analysis.models.trees import LEAF, Damaged, ParsedTree, parse_hist, parse_sklearn

FORESTS = frozenset({"RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor"})
SINGLE_TREES = frozenset(
    {"DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor"}
)
CLOSE = 1e-4
"""The trees must give the model's raw output this closely, relative to its largest value: some libraries add up in 32 bits."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class _Read:
    """What was read: trees, the output each adds to, how values are compared and weighted, and how rows become numbers."""

    trees: Sequence[ParsedTree]
    output: Sequence[int]
    n_features: int
    n_outputs: int
    single: bool
    weight: float = 1.0
    encode: Callable[[Any], np.ndarray]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class TreeModel:
    """The trees of a model, and ``encode``: rows as the model is fed them -> numbers as its trees see them, (n, p)."""

    trees: Ensemble
    encode: Callable[[Any], np.ndarray]


_known: weakref.WeakKeyDictionary[Any, TreeModel] = weakref.WeakKeyDictionary()


def tree_model(
    estimator: Any, rows: Any, raw: np.ndarray, output: Callable[[Ensemble, np.ndarray], np.ndarray]
) -> TreeModel | str:
    """Read the trees of a fitted model, once for as long as it gives the same output; a text says why they cannot be read (completing "because ...").

    Parameters
    ----------
    estimator : fitted model
    rows, raw : some rows as it is fed them, and its raw output for them, shape (n, k), by which the reading is checked
    output : callable
        (Ensemble, numbers) -> sum of its trees, shape (n, k).
    """
    known = _known.get(estimator) if type(estimator).__hash__ is not None else None
    if known is not None and _checked(known, rows, raw, output, settled=True) is known:
        return known
    try:
        read = _read(estimator)
    except (Damaged, KeyError, AttributeError, ValueError, TypeError, IndexError) as error:
        return f"its trees cannot be read ({' '.join(str(error).split())[:120]})"
    if isinstance(read, str):
        return read
    if any(not np.isfinite(t.cover).all() for t in read.trees):
        return "its trees do not say how many training rows reached them"
    trees = ensemble(
        read.trees, read.output, read.n_features, np.zeros(read.n_outputs), single=read.single, weight=read.weight
    )
    made = _checked(TreeModel(trees=trees, encode=read.encode), rows, raw, output)
    if isinstance(made, TreeModel) and type(estimator).__hash__ is not None:
        _known[estimator] = made
    return made


def _checked(
    made: TreeModel,
    rows: Any,
    raw: np.ndarray,
    output: Callable[[Ensemble, np.ndarray], np.ndarray],
    *,
    settled: bool = False,
) -> TreeModel | str:
    """Compare with the model's raw output; what stands beside the trees is found by that, and must be the same for all rows."""
    try:
        sums = output(made.trees, made.encode(rows))
    except (ValueError, TypeError, AttributeError, IndexError) as error:
        return f"its rows cannot be read as numbers ({' '.join(str(error).split())[:120]})"
    if sums.shape != raw.shape:
        return f"its trees give {sums.shape[1]} outputs and the model {raw.shape[1]}"
    beside = np.median(raw - sums, axis=0)
    off = raw - sums if settled else raw - sums - beside
    if np.abs(off).max(initial=0.0) > CLOSE * max(1.0, float(np.abs(raw).max(initial=0.0))):
        return "its trees do not add up to its raw output"
    return made if settled else TreeModel(trees=replace(made.trees, base=made.trees.base + beside), encode=made.encode)


def _read(estimator: Any) -> _Read | str:
    name, library = type(estimator).__name__, type(estimator).__module__.split(".")[0]
    if library == "xgboost":
        return _xgboost(estimator)
    if library == "lightgbm":
        return _lightgbm(estimator)
    if library == "catboost":
        return _catboost(estimator)
    if library != "sklearn":
        return f"{name} is no tree model that is known"
    if name in FORESTS or name in SINGLE_TREES:
        if estimator.n_outputs_ > 1:
            return "the model has several outputs"
        members = estimator.estimators_ if name in FORESTS else [estimator]
        trees = [parse_sklearn(m.tree_) for m in members]
        return _of_sklearn(estimator, trees, [0] * len(trees), trees[0].value.shape[1], 1 / len(trees))
    if name in ("GradientBoostingClassifier", "GradientBoostingRegressor"):
        stages = estimator.estimators_
        trees = [parse_sklearn(m.tree_) for stage in stages for m in stage]
        outputs = list(range(stages.shape[1])) * len(stages)
        return _of_sklearn(estimator, trees, outputs, stages.shape[1], float(estimator.learning_rate))
    if name in ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"):
        return _hist(estimator)
    if name == "IsolationForest":
        return _isolation(estimator)
    return f"{name} is no tree model that is known"


def _of_sklearn(estimator: Any, trees: Sequence[ParsedTree], output: Sequence[int], k: int, weight: float) -> _Read:
    return _Read(
        trees=trees,
        output=output,
        n_features=int(estimator.n_features_in_),
        n_outputs=k,
        single=True,
        weight=weight,
        encode=_numbers,
    )


def _isolation(estimator: Any) -> _Read:
    """Read the mean path length of an isolation forest (Liu et al. 2008), as a share of that of an ordinary row."""
    usual = float(_path_length(np.array([estimator._max_samples]))[0])
    if usual <= 0:
        raise Damaged("it was fitted on one row only")
    trees = []
    for member, columns in zip(estimator.estimators_, estimator.estimators_features_, strict=True):
        parsed = parse_sklearn(member.tree_)
        length = np.zeros(len(parsed.left))
        for node in np.flatnonzero(~parsed.leaf):  # parents stand before their children
            length[[parsed.left[node], parsed.right[node]]] = length[node] + 1
        value = (length + _path_length(member.tree_.n_node_samples))[:, None]
        feature = np.where(parsed.leaf, LEAF, np.asarray(columns)[np.maximum(parsed.feature, 0)])
        trees.append(replace(parsed, value=value, feature=feature.astype(np.int64)))
    return _of_sklearn(estimator, trees, [0] * len(trees), 1, 1 / (usual * len(trees)))


def _path_length(rows: np.ndarray) -> np.ndarray:
    """Mean length of an unsuccessful search in a binary tree of so many rows (Preiss 1999): what a leaf's rows would still need."""
    n = np.maximum(np.asarray(rows, dtype=float), 2.0)
    grown = np.where(n > 2, 2.0 * (np.log(np.maximum(n - 1.0, 1.0)) + np.euler_gamma) - 2.0 * (n - 1.0) / n, 1.0)
    return np.where(np.asarray(rows) <= 1, 0.0, grown)


def _hist(estimator: Any) -> _Read:
    trees = [parse_hist(p) for stage in estimator._predictors for p in stage]
    k = len(estimator._predictors[0])
    categorical = getattr(estimator, "is_categorical_", None)
    columns = int(estimator.n_features_in_)
    if categorical is None or not np.any(categorical):
        place = np.arange(columns)
    else:  # the booster sees the categorical columns first, encoded
        place = np.concatenate([np.flatnonzero(categorical), np.flatnonzero(~np.asarray(categorical))])
        trees = [replace(t, feature=np.where(t.feature == LEAF, LEAF, place[t.feature])) for t in trees]

    def encode(X: Any) -> np.ndarray:
        if categorical is None or not np.any(categorical):
            return _numbers(X)
        # an unknown category becomes a missing one
        seen = np.asarray(estimator._preprocess_X(X, reset=False), dtype=float)
        out = np.empty_like(seen)
        out[:, place] = seen
        return out

    return _Read(
        trees=trees,
        output=list(range(k)) * len(estimator._predictors),
        n_features=columns,
        n_outputs=k,
        single=False,
        encode=encode,
    )


def _xgboost(estimator: Any) -> _Read | str:
    from modelglass.analysis.models.xgboost_file import read_xgboost

    booster = estimator.get_booster() if hasattr(estimator, "get_booster") else estimator
    begin, end = estimator._get_iteration_range(None) if hasattr(estimator, "_get_iteration_range") else (0, 0)
    if end:
        booster = booster[begin:end]
    content, trees = read_xgboost(bytes(booster.save_raw("ubj")))
    learner = content["learner"]
    gradient = learner["gradient_booster"]
    if gradient.get("name") != "gbtree":
        return f"its booster is of the kind {gradient.get('name')}"
    info = [int(i) for i in gradient["model"]["tree_info"]]
    missing = getattr(estimator, "missing", np.nan)

    def encode(X: Any) -> np.ndarray:
        if hasattr(X, "tocsr"):  # what a sparse row does not hold is missing
            dense = np.full(X.shape, np.nan)
            entries = X.tocoo()
            dense[entries.row, entries.col] = entries.data
        else:
            dense = _numbers(X)
        if missing is not None and not np.isnan(missing):
            dense = np.where(dense == missing, np.nan, dense)
        return dense

    return _Read(
        trees=trees,
        output=info,
        n_features=int(learner["learner_model_param"]["num_feature"]),
        n_outputs=max(info, default=0) + 1,
        single=True,
        encode=encode,
    )


def _lightgbm(estimator: Any) -> _Read | str:
    from modelglass.analysis.models.lightgbm_file import read_lightgbm

    booster = getattr(estimator, "booster_", estimator)
    text = booster.model_to_string(num_iteration=booster.best_iteration if booster.best_iteration > 0 else None)
    header, trees = read_lightgbm(text.encode())
    k = int(header["num_tree_per_iteration"])
    weight = k / len(trees) if "average_output" in header else 1.0
    return _Read(
        trees=trees,
        output=[i % k for i in range(len(trees))],
        n_features=int(header["max_feature_idx"]) + 1,
        n_outputs=k,
        single=False,
        weight=weight,
        encode=_numbers,
    )


def _catboost(estimator: Any) -> _Read | str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        estimator.save_model(str(path), format="json")
        content = json.loads(path.read_text(encoding="utf-8"))
    if "oblivious_trees" not in content:
        return "its trees are not of CatBoost's usual kind"
    about = content["features_info"]
    if about.get("categorical_features"):
        return "CatBoost keeps categories as statistics, which cannot be read as trees"
    numeric = {f["feature_index"]: f for f in about["float_features"]}
    scale, bias = content.get("scale_and_bias", [1.0, [0.0]])
    k = len(bias)
    trees = [_oblivious(t, numeric, k) for t in content["oblivious_trees"]]
    columns = 1 + max(f["flat_feature_index"] for f in numeric.values())
    return _Read(
        trees=trees, output=[0] * len(trees), n_features=columns, n_outputs=k, single=True, weight=float(scale), encode=_numbers
    )  # fmt: skip


def _oblivious(tree: dict[str, Any], numeric: dict[int, dict[str, Any]], k: int) -> ParsedTree:
    """Write a tree that asks the same on each level as a full binary tree: split 0 decides the lowest bit of a leaf's number."""
    splits = tree["splits"] or []
    if any(s.get("split_type", "FloatFeature") != "FloatFeature" for s in splits):
        raise Damaged("a split is not by a number")
    d = len(splits)
    inner, total = 2**d - 1, 2 ** (d + 1) - 1
    values = np.asarray(tree["leaf_values"], dtype=float).reshape(2**d, k)
    weights = np.asarray(tree["leaf_weights"], dtype=float)
    place = np.arange(total)
    level = np.log2(place + 1).astype(int)
    number = np.zeros(
        total, dtype=np.int64
    )  # bits of the leaf's number decided on the way: the last split is asked first
    for i in range(1, total):
        number[i] = number[(i - 1) // 2] | (0 if i % 2 else 1) << (d - level[i])
    cover = np.zeros(total)
    value = np.zeros((total, k))
    value[inner:], cover[inner:] = values[number[inner:]], weights[number[inner:]]
    for i in range(inner - 1, -1, -1):
        cover[i] = cover[2 * i + 1] + cover[2 * i + 2]
    asked = [splits[d - 1 - level[i]] for i in range(inner)]
    # x > border goes right
    return ParsedTree(
        left=np.where(place < inner, 2 * place + 1, LEAF),
        right=np.where(place < inner, 2 * place + 2, LEAF),
        feature=np.array(
            [numeric[s["float_feature_index"]]["flat_feature_index"] for s in asked] + [LEAF] * 2**d, dtype=np.int64
        ),
        threshold=np.array([float(s["border"]) for s in asked] + [np.nan] * 2**d),
        missing_left=np.array(
            [numeric[s["float_feature_index"]].get("nan_value_treatment", "AsIs") != "AsTrue" for s in asked]
            + [False] * 2**d
        ),
        value=value,
        cover=cover,
    )


def _numbers(X: Any) -> np.ndarray:
    """Rows as numbers: categories of pandas become their codes, missing ones NaN."""
    if hasattr(X, "tocsr"):
        return np.asarray(X.todense(), dtype=float)
    if not hasattr(X, "dtypes") or not hasattr(X, "columns"):
        return np.asarray(X, dtype=float)
    out = np.empty(X.shape)
    for j in range(X.shape[1]):
        column = X.iloc[:, j]
        if hasattr(column, "cat"):
            codes = column.cat.codes.to_numpy(dtype=float)
            out[:, j] = np.where(codes < 0, np.nan, codes)
        else:
            out[:, j] = column.to_numpy(dtype=float, na_value=np.nan)
    return out
