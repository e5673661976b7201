"""Parsed trees: by hand, and against scikit-learn's own predictions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.tree import DecisionTreeRegressor

from modelglass.analysis.models.trees import (
    Damaged,
    ParsedTree,
    check_links,
    check_reach,
    check_tree,
    depth,
    parse_hist,
    parse_sklearn,
)


def walk(tree, row, cast=float):
    node = 0
    while not tree.leaf[node]:
        x, listed = row[tree.feature[node]], tree.categories[node] if tree.categories else None
        if np.isnan(x):
            left = tree.missing_left[node]
        else:
            left = cast(x) <= tree.threshold[node] if listed is None else int(x) in listed
        node = tree.left[node] if left else tree.right[node]
    return tree.value[node, 0]


def test_links_by_hand():
    left, right = np.array([1, 3, -1, -1, -1]), np.array([2, 4, -1, -1, -1])
    check_links(left, right)
    assert depth(left, right) == 2
    assert check_reach(left, right).all()
    for bad_left, bad_right in (([1, -1], [1, -1]), ([0, -1, -1], [1, -1, -1]), ([1, -1, -1], [-1, -1, -1]), ([], []),
                                ([1, -1, -1, -1], [2, -1, -1, -1])):  # fmt: skip
        with pytest.raises(Damaged):
            check_links(np.array(bad_left, dtype=int), np.array(bad_right, dtype=int))


@given(st.lists(st.tuples(st.integers(-2, 8), st.integers(-2, 8)), min_size=1, max_size=7))
def test_accepted_links_always_lead_every_walk_to_a_leaf(links):
    left, right = (np.array(side) for side in zip(*links, strict=True))
    try:
        check_links(left, right)
    except Damaged:
        return
    seen, todo = [], [0]
    while todo:
        node = todo.pop()
        seen.append(node)
        assert len(seen) <= len(left)
        if left[node] != -1:
            todo += [left[node], right[node]]
    assert sorted(seen) == list(range(len(left)))


def small_tree(**changes):
    fields = {
        "left": np.array([1, -1, -1]), "right": np.array([2, -1, -1]), "feature": np.array([0, -1, -1]),
        "threshold": np.array([0.5, np.nan, np.nan]), "missing_left": np.zeros(3, dtype=bool), "value": np.array([[0.0], [1.0], [2.0]]),
        "cover": np.array([3.0, 1.0, 2.0]), **changes,
    }  # fmt: skip
    return ParsedTree(**fields)


def test_splits_by_hand():
    check_tree(small_tree(), 1)
    check_tree(small_tree(threshold=np.array([np.inf, np.nan, np.nan])), 1)
    for changes in (
        {"feature": np.array([1, -1, -1])},
        {"threshold": np.full(3, np.nan)},
        {"value": np.array([[0.0], [np.inf], [2.0]])},
    ):
        with pytest.raises(Damaged):
            check_tree(small_tree(**changes), 1)


def test_sklearn_trees_predict_the_same_when_walked_by_hand(small):
    X = small.Xr.copy()
    X[::5, 2] = np.nan
    tree = DecisionTreeRegressor(max_depth=5, random_state=0).fit(X, small.yr)
    parsed = parse_sklearn(tree.tree_)
    np.testing.assert_allclose([walk(parsed, row, np.float32) for row in X], tree.predict(X))
    assert parsed.cover[0] == len(X)
    assert parsed.leaf.sum() == tree.get_n_leaves()


def test_hist_trees_predict_the_same_when_walked_by_hand(small):
    rng = np.random.default_rng(0)
    X = np.column_stack([small.Xr[:, 2], rng.integers(0, 9, 150)]).astype(float)
    X[::6, 0] = np.nan
    y = small.yr + 300 * np.isin(X[:, 1], [1, 4, 8])
    model = HistGradientBoostingRegressor(max_iter=4, categorical_features=[1], min_samples_leaf=5).fit(X, y)
    trees = [parse_hist(one) for (one,) in model._predictors]
    assert any(t.categories is not None for t in trees)
    # scikit-learn puts the categorical columns first
    by_hand = [sum(walk(t, row[[1, 0]]) for t in trees) + model._baseline_prediction[0, 0] for row in X]
    np.testing.assert_allclose(by_hand, model.predict(X))
