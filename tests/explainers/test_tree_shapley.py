"""Our own Shapley values of trees: against the definition on small random trees, both ways of working against each other, and every library."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import shap
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression

from modelglass.analysis.errors import Stopped
from modelglass.analysis.models.ensemble import ensemble
from modelglass.analysis.models.tree_models import tree_model
from modelglass.analysis.models.trees import ParsedTree
from modelglass.explainers import boosters, tree_shapley
from modelglass.explainers.tree_interactions import pairs_of, tree_interactions
from modelglass.explainers.tree_shapley import base_of, build, output_of
from modelglass.explainers.tree_shapley import tree_shapley as explain

P = 5


def random_tree(rng, depth, outputs=1, categories=False, empty=False):
    """A tree as a library would give it: values in leaves, training weights that add up, some splits on missing values or categories."""
    rows = {k: [] for k in ("left", "right", "feature", "threshold", "missing_left", "value", "cover", "categories")}

    def grow(level, cover):
        me = len(rows["left"])
        for name in rows:
            rows[name].append(None)
        leaf = level == depth or (level > 0 and rng.random() < 0.25)
        feature = -1 if leaf else int(rng.integers(P))
        by_set = not leaf and categories and feature == P - 1
        rows["feature"][me], rows["cover"][me] = feature, cover
        rows["value"][me] = rng.normal(size=outputs)
        rows["missing_left"][me] = bool(rng.random() < 0.5) and not leaf
        rows["threshold"][me] = np.nan if leaf or by_set else float(rng.integers(-2, 3)) + 0.5
        rows["categories"][me] = rng.choice(4, rng.integers(1, 4), replace=False) if by_set else None
        rows["left"][me] = rows["right"][me] = -1
        if not leaf:
            share = 0.0 if empty and rng.random() < 0.1 else rng.uniform(0.05, 0.95)
            rows["left"][me] = grow(level + 1, cover * share)
            rows["right"][me] = grow(level + 1, cover * (1 - share))
        return me

    grow(0, 100.0)
    return ParsedTree(
        **{k: np.array(rows[k]) for k in ("left", "right", "feature", "threshold", "missing_left", "value", "cover")},
        categories=rows["categories"] if categories else None,
    )


def random_rows(rng, n, categories=False):
    X = rng.integers(-3, 4, (n, P)).astype(float)
    if categories:
        X[:, -1] = rng.integers(0, 5, n)
    X[rng.random(X.shape) < 0.1] = np.nan
    return X


def goes_left(tree, node, x):
    value = x[tree.feature[node]]
    if np.isnan(value):
        return tree.missing_left[node]
    listed = None if tree.categories is None else tree.categories[node]
    return int(value) in listed if listed is not None else value <= tree.threshold[node]


def by_shares(tree, x, present, node=0):
    """What a tree gives where absent columns follow the training rows: written down as it is defined."""
    if tree.left[node] < 0:
        return tree.value[node]
    left, right = tree.left[node], tree.right[node]
    if tree.feature[node] in present:
        return by_shares(tree, x, present, left if goes_left(tree, node, x) else right)
    share = tree.cover[left] / tree.cover[node] if tree.cover[node] else 0.5
    return share * by_shares(tree, x, present, left) + (1 - share) * by_shares(tree, x, present, right)


def by_definition(worth, outputs):
    values = np.zeros((P, outputs))
    for j in range(P):
        others = [i for i in range(P) if i != j]
        for size in range(P):
            share = math.factorial(size) * math.factorial(P - size - 1) / math.factorial(P)
            for subset in itertools.combinations(others, size):
                values[j] += share * (worth({*subset, j}) - worth(set(subset)))
    return values


def both_ways(monkeypatch, trees, X, **background):
    """By tables, and by walks."""
    out = []
    for worth_it in (True, False):
        monkeypatch.setattr(tree_shapley, "_worth_it", lambda *a, w=worth_it: w)
        out.append(explain(trees, X, **background)[0])
    return out


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.integers(0, 6), st.integers(1, 3), st.booleans(), st.booleans())
def test_path_dependent_values_are_those_of_the_definition(seed, depth, outputs, categories, empty):
    rng = np.random.default_rng(seed)
    parsed = [random_tree(rng, depth, outputs, categories, empty) for _ in range(2)]
    X = random_rows(rng, 4, categories)
    trees = ensemble(parsed, [0, 0], P, np.zeros(outputs), single=False)
    wanted = np.array([by_definition(lambda s, x=x: sum(by_shares(t, x, s) for t in parsed), outputs) for x in X])
    with pytest.MonkeyPatch.context() as patch:
        for got in both_ways(patch, trees, X):
            np.testing.assert_allclose(got, wanted, atol=1e-9)
    np.testing.assert_allclose(base_of(trees), sum(by_shares(t, X[0], set()) for t in parsed), atol=1e-12)
    np.testing.assert_allclose(output_of(trees, X), [sum(by_shares(t, x, set(range(P))) for t in parsed) for x in X])


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10**6), st.integers(0, 6), st.integers(1, 2), st.booleans())
def test_values_against_a_background_are_those_of_the_definition(seed, depth, outputs, categories):
    rng = np.random.default_rng(seed)
    tree = random_tree(rng, depth, outputs, categories)
    X, background = random_rows(rng, 3, categories), random_rows(rng, 6, categories)
    weight = rng.uniform(0, 2, 6)
    trees = ensemble([tree], [0], P, np.zeros(outputs), single=False)

    def mixed(x, present):
        rows = background.copy()
        rows[:, list(present)] = x[list(present)]
        return np.average([by_shares(tree, r, set(range(P))) for r in rows], axis=0, weights=weight)

    wanted = np.array([by_definition(lambda s, x=x: mixed(x, s), outputs) for x in X])
    with pytest.MonkeyPatch.context() as patch:
        for got in both_ways(patch, trees, X, background=background, weight=weight):
            np.testing.assert_allclose(got, wanted, atol=1e-9)
    np.testing.assert_allclose(explain(trees, X, background=background, weight=weight)[1], mixed(X[0], set()))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6))
def test_axioms(seed):
    """Efficiency, dummy, linearity; row order and blocks play no part."""
    rng = np.random.default_rng(seed)
    a, b = random_tree(rng, 5), random_tree(rng, 5)
    X = random_rows(rng, 50)
    one, two, both = (ensemble(t, [0] * len(t), P, np.zeros(1), single=False) for t in ([a], [b], [a, b]))
    values, base = explain(both, X)
    np.testing.assert_allclose(values.sum(axis=1) + base, output_of(both, X), atol=1e-9)
    np.testing.assert_allclose(values, explain(one, X)[0] + explain(two, X)[0], atol=1e-9)
    unused = sorted(set(range(P)) - set(a.feature.tolist()))
    assert not explain(one, X)[0][:, unused].any()
    order = rng.permutation(len(X))
    np.testing.assert_allclose(explain(both, X[order], threads=1)[0], values[order], atol=1e-12)


def raw_of(model, X):
    if boosters.library(model):
        return boosters.margins(model, X)
    boosted = hasattr(model, "decision_function")
    raw = model.decision_function(X) if boosted else getattr(model, "predict_proba", model.predict)(X)
    return np.asarray(raw, dtype=float).reshape(len(X), -1)


@pytest.fixture(scope="module")
def world():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 6)).astype(np.float32).astype(float)  # shap compares in 32 bits
    X[:, 4] = rng.integers(0, 6, 1500)
    drive = X[:, 0] * X[:, 1] + X[:, 2] + (X[:, 4] % 3) + rng.normal(size=1500) / 2
    return X, drive, np.digitize(drive, np.quantile(drive, [0.3, 0.7]))


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(15, random_state=0),
        RandomForestRegressor(15, max_depth=12, random_state=0),
        ExtraTreesClassifier(15, max_depth=7, random_state=0),
        GradientBoostingClassifier(n_estimators=15),
        HistGradientBoostingClassifier(max_iter=15),
    ],
    ids=lambda m: type(m).__name__,
)
@pytest.mark.parametrize("perturbation", ["tree_path_dependent", "interventional"])
def test_forests_and_boosters_equal_shap(world, model, perturbation):
    X, drive, y3 = world
    y = (
        drive
        if type(model).__name__.endswith("Regressor")
        else y3
        if "Gradient" not in type(model).__name__
        else y3 > 0
    )
    model.fit(X, y)
    read = tree_model(model, X[:100], raw_of(model, X[:100]), output_of)
    background = X[:30] if perturbation == "interventional" else None
    wanted = shap.TreeExplainer(model, background, feature_perturbation=perturbation).shap_values(
        X[:40], check_additivity=False
    )
    wanted = np.asarray(wanted)
    got, base = explain(read.trees, read.encode(X[:40]), background=background)
    np.testing.assert_allclose(got, wanted.reshape(got.shape), atol=1e-6)
    np.testing.assert_allclose(got.sum(axis=1) + base, raw_of(model, X[:40]), atol=1e-9)


def test_categorical_splits_of_hist_gradient_boosting_add_up(world):
    X, _, y3 = world
    X = X.copy()
    X[::7, 4] = np.nan
    model = HistGradientBoostingClassifier(max_iter=15, categorical_features=[4]).fit(X, y3)
    read = tree_model(model, X[:100], raw_of(model, X[:100]), output_of)
    unseen = X[:40].copy()
    unseen[:5, 4] = 17
    got, base = explain(read.trees, read.encode(unseen))
    np.testing.assert_allclose(got.sum(axis=1) + base, raw_of(model, unseen), atol=1e-9)
    assert np.abs(got[:, 4]).max() > 0.1


@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "catboost"])
@pytest.mark.parametrize("classes", [2, 3])
def test_boosted_libraries_equal_their_own_values(world, name, classes):
    import pandas as pd

    library = pytest.importorskip(name)
    X, drive, y3 = world
    frame = pd.DataFrame(X, columns=list("abcdef")).mask(np.random.default_rng(1).random(X.shape) < 0.1)
    made = {
        "xgboost": lambda: library.XGBClassifier(n_estimators=20),
        "lightgbm": lambda: library.LGBMClassifier(n_estimators=20, verbose=-1, n_jobs=1),
        "catboost": lambda: library.CatBoostClassifier(iterations=20, verbose=0, allow_writing_files=False),
    }[name]()
    model = made.fit(frame, y3 if classes == 3 else drive > 0)
    read = tree_model(model, frame[:100], raw_of(model, frame[:100]), output_of)
    wanted, base = boosters.booster_values(model, frame[:60])
    got, ours = explain(read.trees, read.encode(frame[:60]))
    np.testing.assert_allclose(got, wanted, atol=1e-4 * np.abs(wanted).max())
    np.testing.assert_allclose(ours, base, atol=1e-4)


def test_a_model_fitted_again_is_read_again(world):
    X, drive, _ = world
    model = RandomForestRegressor(5, random_state=0).fit(X, drive)
    first = tree_model(model, X[:50], raw_of(model, X[:50]), output_of)
    assert tree_model(model, X[50:90], raw_of(model, X[50:90]), output_of) is first
    model.fit(X, -drive)
    second = tree_model(model, X[:50], raw_of(model, X[:50]), output_of)
    np.testing.assert_allclose(output_of(second.trees, X)[:, 0], model.predict(X))


def test_what_the_trees_do_not_add_up_to_is_refused(world):
    X, drive, _ = world
    model = GradientBoostingRegressor(n_estimators=5, init=LinearRegression()).fit(X, drive)
    assert "add up" in tree_model(model, X[:50], raw_of(model, X[:50]), output_of)


def test_many_thresholds_need_wider_codes(world):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80_000, 1))
    model = RandomForestRegressor(2, random_state=0).fit(X, rng.normal(size=80_000))
    read = tree_model(model, X[:50], raw_of(model, X[:50]), output_of)
    assert read.trees.cut.dtype == np.uint32
    np.testing.assert_allclose(output_of(read.trees, X[:500]), raw_of(model, X[:500]), atol=1e-9)


def test_few_rows_do_not_pay_for_tables_and_a_stop_ends_it(world):
    X, drive, _ = world
    model = RandomForestRegressor(30, max_depth=6, random_state=0).fit(X, drive)
    read = tree_model(model, X[:50], raw_of(model, X[:50]), output_of)
    assert not build(read.trees, 1).tabulated.any()
    assert build(read.trees, 100_000).tabulated.any()
    seen = []

    def progress(share, what):
        seen.append(share)
        if len(seen) == 2:
            raise Stopped("stop")

    with pytest.raises(Stopped):
        explain(read.trees, X, progress=progress, threads=1)
    assert 0 < seen[0] < 1


def interaction_by_definition(worth, i, j, outputs):
    """Grabisch and Roubens: what both add together beyond what each adds, averaged over the sets of the others."""
    total, others = np.zeros(outputs), [o for o in range(P) if o not in (i, j)]
    for size in range(P - 1):
        share = math.factorial(size) * math.factorial(P - size - 2) / math.factorial(P - 1)
        for subset in itertools.combinations(others, size):
            s = set(subset)
            total += share * (worth(s | {i, j}) - worth(s | {i}) - worth(s | {j}) + worth(s))
    return total


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.integers(0, 6), st.integers(1, 3), st.booleans(), st.booleans())
def test_interactions_are_those_of_the_definition(seed, depth, outputs, categories, empty):
    rng = np.random.default_rng(seed)
    parsed = [random_tree(rng, depth, outputs, categories, empty) for _ in range(2)]
    X = random_rows(rng, 3, categories)
    trees = ensemble(parsed, [0, 0], P, np.zeros(outputs), single=False)
    pairs = pairs_of(trees, np.arange(P))
    got = tree_interactions(trees, X, pairs)
    for r, x in enumerate(X):
        for i, j in itertools.combinations(range(P), 2):
            wanted = interaction_by_definition(lambda s, x=x: sum(by_shares(t, x, s) for t in parsed), i, j, outputs)
            place = pairs.pair_of[i, j]
            np.testing.assert_allclose(got[r, place] if place >= 0 else 0.0, wanted, atol=1e-9)


@pytest.mark.parametrize("features", [1.0, 0.6])
def test_isolation_forests_equal_shap(features):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 5)).astype(np.float32).astype(float)
    model = IsolationForest(n_estimators=20, max_features=features, random_state=0).fit(X)
    raw = -np.log2(-model.score_samples(X))[:, None]
    read = tree_model(model, X[:128], raw[:128], output_of)
    got, base = explain(read.trees, read.encode(X))
    np.testing.assert_allclose(base + got.sum(axis=1), raw, atol=1e-9)
    if features == 1.0:
        explainer = shap.TreeExplainer(model)
        usual = 2 * (np.log(255) + np.euler_gamma) - 2 * 255 / 256
        np.testing.assert_allclose(got[:50, :, 0], explainer.shap_values(X[:50]) / usual, atol=1e-6)
