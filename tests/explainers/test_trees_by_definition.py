"""Shapley values of every kind of tree model against the definition, in float64, to 1e-9.

The trees are read here from what each library itself gives out (``tree_``, saved JSON, dumps), not by our parsers: what is compared is the
whole way from a fitted model to its values.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier

from modelglass.analysis.models.tree_models import tree_model
from modelglass.explainers import boosters
from modelglass.explainers.tree_shapley import output_of
from modelglass.explainers.tree_shapley import tree_shapley as explain

P, ROWS, BACKGROUND = 4, 5, 7
CATEGORY = 0
"""The column of codes: the first, where HistGradientBoosting puts its categorical columns anyway."""


@dataclass
class Node:
    cover: float
    value: np.ndarray | None = None
    feature: int = -1
    goes_left: Callable[[float], bool] | None = None
    left: Node | None = None
    right: Node | None = None


def worth(node: Node, x: np.ndarray, present: frozenset[int]) -> np.ndarray:
    """What a tree gives where absent columns follow the training rows."""
    if node.value is not None:
        return node.value
    assert node.goes_left is not None
    if node.feature in present:
        return worth(node.left if node.goes_left(x[node.feature]) else node.right, x, present)
    children = (node.left, node.right)
    return sum((c.cover / node.cover if node.cover else 0.5) * worth(c, x, present) for c in children)


def by_definition(value_of: Callable[[frozenset[int]], np.ndarray]) -> np.ndarray:
    """Shapley (1953) over all sets of columns; shape (columns, outputs)."""
    sets = {frozenset(s): value_of(frozenset(s)) for n in range(P + 1) for s in itertools.combinations(range(P), n)}
    out = []
    for j in range(P):
        without = [s for s in sets if j not in s]
        weight = [math.factorial(len(s)) * math.factorial(P - len(s) - 1) / math.factorial(P) for s in without]
        out.append(sum(w * (sets[s | {j}] - sets[s]) for w, s in zip(weight, without, strict=True)))
    return np.array(out)


def placed(value: float, place: int, outputs: int) -> np.ndarray:
    out = np.zeros(outputs)
    out[place] = value
    return out


def of_sklearn(tree: Any, leaf: Callable[[int, int], np.ndarray], i: int = 0, depth: int = 0) -> Node:
    """A tree_; leaf(node, depth) gives its values."""
    cover = float(tree.weighted_n_node_samples[i])
    if tree.children_left[i] < 0:
        return Node(cover, leaf(i, depth))
    threshold, missing = tree.threshold[i], bool(tree.missing_go_to_left[i])
    return Node(
        cover,
        feature=int(tree.feature[i]),
        goes_left=lambda v: missing if np.isnan(v) else np.float32(v) <= threshold,
        left=of_sklearn(tree, leaf, tree.children_left[i], depth + 1),
        right=of_sklearn(tree, leaf, tree.children_right[i], depth + 1),
    )


def averaged(model: Any) -> list[Node]:
    estimators = getattr(model, "estimators_", [model])
    return [of_sklearn(e.tree_, lambda i, _, e=e: e.tree_.value[i, 0] / len(estimators)) for e in estimators]


def boosted(model: Any) -> list[Node]:
    k, rate = model.estimators_.shape[1], model.learning_rate
    return [
        of_sklearn(e.tree_, lambda i, _, e=e, j=j: placed(rate * e.tree_.value[i, 0, 0], j, k))
        for stage in model.estimators_
        for j, e in enumerate(stage)
    ]


def usual(n: float) -> float:
    """Mean length of a failed search in a binary tree of n rows (Liu, Ting and Zhou 2008)."""
    return 0.0 if n <= 1 else 1.0 if n == 2 else 2 * (math.log(n - 1) + np.euler_gamma) - 2 * (n - 1) / n


def isolated(model: Any) -> list[Node]:
    whole = len(model.estimators_) * usual(model.max_samples_)
    return [
        of_sklearn(e.tree_, lambda i, d, e=e: np.array([(d + usual(e.tree_.n_node_samples[i])) / whole]))
        for e in model.estimators_
    ]


def of_hist(model: Any) -> list[Node]:
    k = model.n_trees_per_iteration_

    def node(predictor: Any, place: int, i: int = 0) -> Node:
        n = predictor.nodes[i]
        if n["is_leaf"]:
            return Node(float(n["count"]), placed(float(n["value"]), place, k))
        missing, threshold = bool(n["missing_go_to_left"]), float(n["num_threshold"])
        bits = predictor.raw_left_cat_bitsets[n["bitset_idx"]] if n["is_categorical"] else None

        def goes_left(v: float) -> bool:
            if np.isnan(v):
                return missing
            return bool(bits[int(v) // 32] >> (int(v) % 32) & 1) if bits is not None else v <= threshold

        left, right = node(predictor, place, n["left"]), node(predictor, place, n["right"])
        return Node(float(n["count"]), feature=int(n["feature_idx"]), goes_left=goes_left, left=left, right=right)

    return [node(p, j) for stage in model._predictors for j, p in enumerate(stage)]


def of_xgboost(model: Any) -> list[Node]:
    held = json.loads(bytes(model.get_booster().save_raw("json")))["learner"]["gradient_booster"]["model"]
    k = max(held["tree_info"]) + 1

    def node(tree: dict[str, Any], place: int, i: int = 0) -> Node:
        cover, condition = float(np.float32(tree["sum_hessian"][i])), np.float32(tree["split_conditions"][i])
        if tree["left_children"][i] < 0:
            return Node(cover, placed(float(condition), place, k))
        missing = bool(tree["default_left"][i])
        return Node(
            cover,
            feature=tree["split_indices"][i],
            goes_left=lambda v: missing if np.isnan(v) else np.float32(v) < condition,
            left=node(tree, place, tree["left_children"][i]),
            right=node(tree, place, tree["right_children"][i]),
        )

    return [node(t, j) for t, j in zip(held["trees"], held["tree_info"], strict=True)]


def of_lightgbm(model: Any) -> list[Node]:
    held = model.booster_.dump_model()
    k = held["num_tree_per_iteration"]

    def node(at: dict[str, Any], place: int) -> Node:
        if "leaf_value" in at:
            return Node(float(at.get("leaf_count", 1)), placed(at["leaf_value"], place, k))
        assert at["decision_type"] == "<="
        threshold, by_zero = at["threshold"], at["missing_type"] == "None"

        def goes_left(v: float) -> bool:
            return (threshold >= 0.0 if by_zero else at["default_left"]) if np.isnan(v) else v <= threshold

        left, right = node(at["left_child"], place), node(at["right_child"], place)
        return Node(
            float(at["internal_count"]), feature=at["split_feature"], goes_left=goes_left, left=left, right=right
        )

    return [node(t["tree_structure"], i % k) for i, t in enumerate(held["tree_info"])]


def of_catboost(model: Any, folder: Any) -> list[Node]:
    model.save_model(str(folder / "model.json"), format="json")
    held = json.loads((folder / "model.json").read_text())
    treated = {f["feature_index"]: f["nan_value_treatment"] for f in held["features_info"]["float_features"]}
    scale = held["scale_and_bias"][0]

    def node(tree: dict[str, Any], level: int, leaf: int) -> Node:
        """Split by the last condition first: it is the highest bit of a leaf's number."""
        if level < 0:
            weights = np.asarray(tree["leaf_weights"])
            values = np.asarray(tree["leaf_values"]).reshape(len(weights), -1)
            return Node(float(weights[leaf]), scale * values[leaf])
        split = tree["splits"][level]
        border, feature = np.float32(split["border"]), split["float_feature_index"]
        low, high = node(tree, level - 1, leaf), node(tree, level - 1, leaf | 1 << level)
        return Node(
            low.cover + high.cover,
            feature=feature,
            goes_left=lambda v: treated[feature] != "AsTrue" if np.isnan(v) else not np.float32(v) > border,
            left=low,
            right=high,
        )

    return [node(t, len(t["splits"]) - 1, 0) for t in held["oblivious_trees"]]


def library(name: str, kind: str, **settings: Any) -> Any:
    return getattr(pytest.importorskip(name), kind)(**settings)


SMALL = {"max_depth": 4, "random_state": 0}
FEW = {"n_estimators": 4, "max_depth": 3}
HIST = {"max_iter": 4, "max_leaf_nodes": 7, "min_samples_leaf": 5, "categorical_features": [CATEGORY]}
CAT = {"iterations": 4, "depth": 3, "verbose": 0, "allow_writing_files": False, "thread_count": 1}
XGB = {**FEW, "n_jobs": 1}
LGB = {"n_estimators": 4, "num_leaves": 7, "min_child_samples": 5, "verbose": -1, "n_jobs": 1}
CASES: dict[str, tuple[Callable[[], Any], str, Callable[..., list[Node]], bool]] = {
    # name: (make the model, outcome "two", "three" or "number", how its trees are read here, whether rows have missing values)
    "tree, three classes": (lambda: DecisionTreeClassifier(**SMALL), "three", averaged, True),
    "tree, number": (lambda: DecisionTreeRegressor(**SMALL), "number", averaged, True),
    "extra tree": (lambda: ExtraTreeClassifier(**SMALL), "two", averaged, False),
    "forest, three classes": (lambda: RandomForestClassifier(4, **SMALL), "three", averaged, True),
    "forest, number": (lambda: RandomForestRegressor(4, **SMALL), "number", averaged, True),
    "extra trees, three classes": (lambda: ExtraTreesClassifier(4, **SMALL), "three", averaged, True),
    "extra trees, number": (lambda: ExtraTreesRegressor(4, **SMALL), "number", averaged, False),
    "boosting, two classes": (lambda: GradientBoostingClassifier(**FEW), "two", boosted, False),
    "boosting, three classes": (lambda: GradientBoostingClassifier(**FEW), "three", boosted, False),
    "boosting, number": (lambda: GradientBoostingRegressor(**FEW), "number", boosted, False),
    "histogram boosting, two classes": (lambda: HistGradientBoostingClassifier(**HIST), "two", of_hist, True),
    "histogram boosting, three classes": (lambda: HistGradientBoostingClassifier(**HIST), "three", of_hist, True),
    "histogram boosting, number": (lambda: HistGradientBoostingRegressor(**HIST), "number", of_hist, True),
    "xgboost, two classes": (lambda: library("xgboost", "XGBClassifier", **XGB), "two", of_xgboost, True),
    "xgboost, three classes": (lambda: library("xgboost", "XGBClassifier", **XGB), "three", of_xgboost, True),
    "xgboost, number": (lambda: library("xgboost", "XGBRegressor", **XGB), "number", of_xgboost, True),
    "lightgbm, two classes": (lambda: library("lightgbm", "LGBMClassifier", **LGB), "two", of_lightgbm, True),
    "lightgbm, three classes": (lambda: library("lightgbm", "LGBMClassifier", **LGB), "three", of_lightgbm, True),
    "lightgbm, number": (lambda: library("lightgbm", "LGBMRegressor", **LGB), "number", of_lightgbm, True),
    "catboost, two classes": (lambda: library("catboost", "CatBoostClassifier", **CAT), "two", of_catboost, True),
    "catboost, three classes": (lambda: library("catboost", "CatBoostClassifier", **CAT), "three", of_catboost, True),
    "catboost, number": (lambda: library("catboost", "CatBoostRegressor", **CAT), "number", of_catboost, True),
    "isolation forest": (
        lambda: IsolationForest(n_estimators=4, max_samples=64, random_state=0),
        "none",
        isolated,
        False,
    ),
}


def drawn(missing: bool) -> tuple[Any, dict[str, Any]]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, P))
    X[:, CATEGORY] = rng.integers(0, 6, 300)
    drive = X[:, 1] * X[:, 2] + X[:, 3] + np.isin(X[:, CATEGORY], (1, 4)) + 0.3 * rng.normal(size=300)
    if missing:
        X[rng.random(X.shape) < 0.15] = np.nan
    return X, {"two": drive > 0.3, "three": np.digitize(drive, [0, 1]), "number": drive, "none": None}


def raw_of(model: Any, X: Any) -> np.ndarray:
    if boosters.library(model):
        raw = boosters.margins(model, X)
    elif isinstance(model, IsolationForest):
        raw = -np.log2(-model.score_samples(X))
    else:
        forest = hasattr(model, "estimators_") and not hasattr(model, "loss")
        asks = model.predict if not hasattr(model, "predict_proba") else model.predict_proba
        raw = asks(X) if forest or not hasattr(model, "decision_function") else model.decision_function(X)
    return np.asarray(raw, dtype=float).reshape(len(X), -1)


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_the_definition(name, tmp_path):
    make, outcome, nodes_of, missing = CASES[name]
    X, y = drawn(missing)
    model = make().fit(X, y[outcome])
    nodes = nodes_of(model, tmp_path) if nodes_of is of_catboost else nodes_of(model)
    assert {n.feature for n in nodes} - {-1}  # they do split
    given = pd.DataFrame(X, columns=list("abcd")) if boosters.library(model) in ("xgboost", "catboost") else X
    read = tree_model(model, given[:100], raw_of(model, given[:100]), output_of)
    assert not isinstance(read, str), read
    rows, background, all_of = X[:ROWS], X[-BACKGROUND:], frozenset(range(P))
    whole = np.array([sum(worth(n, x, all_of) for n in nodes) for x in X])
    off = raw_of(model, given) - whole  # what is no tree: a constant
    np.testing.assert_allclose(off, np.broadcast_to(off[0], off.shape), atol=1e-5 if boosters.library(model) else 1e-9)

    wanted = np.array([by_definition(lambda s, x=x: sum(worth(n, x, s) for n in nodes)) for x in rows])
    assert np.abs(wanted).max() > 1e-3
    codes = read.encode(given)
    got = explain(read.trees, codes[:ROWS])[0]
    np.testing.assert_allclose(got, wanted, atol=1e-9, rtol=0)

    def mixed(x: np.ndarray, present: frozenset[int]) -> np.ndarray:
        known = np.isin(np.arange(P), list(present))
        return np.mean([sum(worth(n, np.where(known, x, b), all_of) for n in nodes) for b in background], axis=0)

    wanted = np.array([by_definition(lambda s, x=x: mixed(x, s)) for x in rows])
    got = explain(read.trees, codes[:ROWS], background=codes[-BACKGROUND:])[0]
    np.testing.assert_allclose(got, wanted, atol=1e-9, rtol=0)
