"""Small trees whose leaves are bits, against walks down the same trees."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer
from sklearn.tree import DecisionTreeRegressor

from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import effect_trees, partial_dependence
from modelglass.explainers.abreast import abreast, is_plain
from modelglass.explainers.effect_grid import grid_of
from modelglass.explainers.effect_steps import answers_at, differences
from modelglass.explainers.effect_ways import fast_way, jobs_in_passes, seen_by
from modelglass.explainers.leaf_masks import are_small, leaf_masks


def columns(n=900):
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "a": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
            "b": rng.integers(0, 5, n).astype(float),
            "c": pd.Categorical(rng.choice(list("uvwxyz"), n)),
            "d": rng.normal(size=n),
        }
    )
    drive = frame.a.fillna(1) * (frame.b > 2) + frame.c.cat.codes % 3 + frame.d + rng.normal(size=n) * 0.3
    return frame, drive.to_numpy()


def both(model, X, y, asked=None, grid=20):
    """What trees add up to by masks and by walks: (whole, answers before the link) of each, and the trees."""
    from modelglass.explainers import effect_kernels

    ev = Evaluation(model, X.assign(t=y), target="t")
    way = fast_way(ev)
    assert way.trees is not None
    few = ev.sample(300)
    donors = {c: grid_of(few, c, grid).donors for c in asked or ev.features}
    jobs = jobs_in_passes(way, few, donors)[0]
    seen = seen_by(way, few.inputs(), None)
    cells, _ = effect_trees.tree_adder(way.trees, way.made.raw_index, jobs, seen)
    ways, _ = effect_trees.node_ways(way.trees, way.made.raw_index, jobs)
    found = []
    for kind in (effect_trees.by_masks, effect_trees.by_walks):
        whole = np.zeros((few.n, way.trees.n_outputs))
        steps = np.zeros((few.n, way.trees.n_outputs, cells.count))
        add = kind(way.trees, ways, seen, cells)
        for start in (0, 130):  # in blocks of unlike length
            stop = 130 if not start else few.n
            add(start, stop, whole[start:stop], steps[start:stop])
        out = np.empty((*whole.shape, int(cells.size.sum())))
        effect_kernels.summed(whole, steps, way.base, cells.first, cells.size, cells.by_mask, out)
        found.append((whole, out))
    return *found, way.trees


def same(model, X, y, **settings):
    masks, walks, trees = both(model, X, y, **settings)
    assert are_small(trees)
    np.testing.assert_allclose(masks[0], walks[0], atol=1e-12)
    np.testing.assert_allclose(masks[1], walks[1], atol=1e-12)
    assert np.ptp(masks[1]) > 0  # columns do something
    return trees


@pytest.mark.parametrize("asked", [None, ["c"], ["a", "d"]])
def test_categories_missing_values_and_columns_that_are_not_asked(asked):
    X, drive = columns()
    model = HistGradientBoostingClassifier(max_iter=12, categorical_features="from_dtype")
    same(model.fit(X, drive > 1), X, drive > 1, asked=asked)


def test_boosted_classes_each_with_trees_of_its_own():
    X, drive = columns()
    y = np.digitize(drive, [0, 1.5])
    same(HistGradientBoostingClassifier(max_iter=6, categorical_features="from_dtype").fit(X, y), X, y)


def test_a_forest_whose_leaves_hold_all_classes():
    X, drive = columns()
    X, y = X[["b", "d"]], np.digitize(drive, [0, 1.5])
    same(RandomForestClassifier(6, max_depth=5, random_state=0).fit(X, y), X, y)


@pytest.mark.parametrize(("leaves", "small"), [(63, True), (64, True), (65, False)])
def test_the_largest_small_tree(leaves, small):
    X, drive = columns()
    X = X[["b", "d"]]
    model = DecisionTreeRegressor(max_leaf_nodes=leaves, random_state=0).fit(X, drive)
    assert model.get_n_leaves() == leaves
    if small:
        trees = same(model, X, drive)
        assert (trees.right < 0).sum() == leaves
        return
    trees = fast_way(Evaluation(model, X.assign(t=drive), target="t")).trees
    assert not are_small(trees)


def test_trees_without_a_question():
    X, drive = columns()
    X = X[["d"]]
    masks, walks, trees = both(RandomForestRegressor(3, max_depth=1, min_samples_leaf=700).fit(X, drive), X, drive)
    assert len(trees.right) == 3
    np.testing.assert_allclose(masks[0], walks[0])
    assert not np.ptp(masks[1])


def test_a_tree_by_hand():
    """d <= 0: then b <= 2 gives 1, else 2; d > 0 gives 5."""
    X = pd.DataFrame({"b": [0.0, 4, 0, 4] * 3, "d": [-1.0, -1, 1, 1] * 3})
    y = np.array([1.0, 2, 5, 5] * 3)
    model = DecisionTreeRegressor(random_state=0).fit(X, y)
    trees = fast_way(Evaluation(model, X.assign(t=y), target="t")).trees
    assert trees.right.tolist() == [4, 3, -1, -1, -1]
    job = np.array([1, 0, -1, -1, -1])  # d is asked first, then b
    way, split = np.zeros(5, dtype=np.uint8), np.array([2, 1, 0, 0, 0])  # grid of d: -1, 0 | 1; of b: 0 | 4
    m = leaf_masks(trees, job, way, split, np.zeros(5, np.uint64), np.array([0, 3]), np.array([2, 3]))
    assert m.slot[:2].tolist() == [1, 0]
    assert m.job.tolist() == [0, 1]
    assert m.leaves.keep_left[:2].tolist() == [2**64 - 1 - 0b100, 2**64 - 1 - 0b010]
    assert m.leaves.keep_right[:2].tolist() == [2**64 - 1 - 0b011, 2**64 - 1 - 0b001]
    ranges = list(
        zip(m.low.tolist(), m.high.tolist(), strict=True)
    )  # of each leaf: those of b (cells 0, 1), of d (cells 3, 4, 5)
    assert ranges == [(0, 1), (3, 5), (1, 2), (3, 5), (0, 2), (5, 6)]
    assert m.reached.tolist() == [0b111, 0b111]
    assert m.leaves.value.ravel().tolist() == [1, 2, 5]


def abreast_and_walks(model, X, y, grid=20, n=300):
    """Raw answers at the points of plain jobs: rows abreast, and by walks down the same trees; which columns these are."""
    from modelglass.explainers import effect_kernels

    ev = Evaluation(model, X.assign(t=y), target="t")
    way = fast_way(ev)
    few = ev.sample(n)
    donors = {c: grid_of(few, c, grid).donors for c in ev.features}
    index = way.made.raw_index
    jobs = [j for j in jobs_in_passes(way, few, donors)[0] if is_plain(way.trees, index, j)]
    seen = seen_by(way, few.inputs(), None)
    ways, by_mask = effect_trees.node_ways(way.trees, index, jobs)
    assert not by_mask.any()
    cells = effect_trees.cells_of(jobs, by_mask)
    whole, steps = np.zeros((few.n, way.trees.n_outputs)), np.zeros((few.n, way.trees.n_outputs, cells.count))
    effect_trees.by_walks(way.trees, ways, seen, cells)(0, few.n, whole, steps)
    out = np.empty((*whole.shape, int(cells.size.sum())))
    effect_kernels.summed(whole, steps, way.base, cells.first, cells.size, cells.by_mask, out)
    add = abreast(way.trees, index, jobs, way.base)
    names = [ev.features[j.raw] for j in jobs]
    return (None if add is None else add(seen)), out.transpose(1, 2, 0), names


@pytest.mark.parametrize("n", [300, 64, 5])
def test_rows_abreast_are_walks_with_missing_values_beside_categories(n):
    X, drive = columns()
    model = HistGradientBoostingClassifier(max_iter=12, categorical_features="from_dtype").fit(X, drive > 1)
    ours, walked, names = abreast_and_walks(model, X, drive > 1, n=n)
    assert names == ["a", "b", "d"]
    np.testing.assert_allclose(ours, walked, atol=1e-12)
    assert np.ptp(walked, axis=1).min() > 0


@pytest.mark.parametrize("kind", ["classes", "forest", "narrow", "large", "stump"])
def test_rows_abreast_are_walks(kind):
    X, drive = columns()
    y = np.digitize(drive, [0, 1.5])
    model = {
        "classes": HistGradientBoostingClassifier(max_iter=6, categorical_features="from_dtype"),
        "forest": RandomForestClassifier(6, max_depth=5, random_state=0),
        "narrow": HistGradientBoostingRegressor(max_iter=5, max_leaf_nodes=9),
        "large": DecisionTreeRegressor(max_leaf_nodes=64, random_state=0),
        "stump": RandomForestRegressor(3, max_depth=1, min_samples_leaf=700),
    }[kind]
    X = X if kind == "classes" else X[["d"] if kind in ("narrow", "stump") else ["b", "d"]]
    y = drive if kind in ("narrow", "large", "stump") else y
    ours, walked, names = abreast_and_walks(model.fit(X, y), X, y)
    assert names == [c for c in X.columns if c != "c"]
    np.testing.assert_allclose(ours, walked, atol=1e-12)
    assert (np.ptp(walked, axis=1).max() > 0) == (kind != "stump")


def test_a_column_that_falls_with_its_grid_is_not_taken_abreast():
    X, drive = columns()
    X = X[["b", "d"]]
    falls = make_pipeline(FunctionTransformer(np.negative), HistGradientBoostingRegressor(max_iter=3)).fit(X, drive)
    ev = Evaluation(falls, X.assign(t=drive), target="t")
    way, donors = fast_way(ev), {"d": grid_of(ev, "d", 9).donors}
    assert not is_plain(way.trees, way.made.raw_index, jobs_in_passes(way, ev, donors)[0][0])
    got = partial_dependence(ev, features="d", rows=None, grid=9)
    assert got.way == "worked out from the model's trees"
    brute = [falls.predict(X.assign(d=float(v))).mean() for v in got.curves.value]
    np.testing.assert_allclose(got.curves.estimate, brute, atol=1e-9)


def test_trees_that_ask_two_columns_again_and_again(monkeypatch):
    """A tree 21 questions deep; where too many steps come of that, leaf masks do it."""
    rng = np.random.default_rng(2)
    X = pd.DataFrame({"a": rng.random(4_000), "b": rng.random(4_000)})
    drive = np.where(X.a + X.b > 1, 0, np.exp(9 * (X.a + X.b)) / 8_000)
    model = DecisionTreeRegressor(max_leaf_nodes=64, random_state=0).fit(X, drive)
    ours, walked, _ = abreast_and_walks(model, X, drive)
    np.testing.assert_allclose(ours, walked, atol=1e-12)
    monkeypatch.setattr("modelglass.explainers.abreast.MOST", 1)
    assert abreast_and_walks(model, X, drive)[0] is None
    ev = Evaluation(model, X.assign(t=drive), target="t")
    got = partial_dependence(ev, features="a", rows=None, grid=9).curves
    brute = [model.predict(X.assign(a=float(v))).mean() for v in got.value]
    np.testing.assert_allclose(got.estimate, brute, atol=1e-9)


def stepping(kind):
    X, drive = columns()
    y = np.digitize(drive, [0, 1.5])
    if kind == "classes":
        return HistGradientBoostingClassifier(max_iter=6, categorical_features="from_dtype").fit(X, y), X, y
    if kind == "categories":
        model = HistGradientBoostingClassifier(max_iter=12, categorical_features="from_dtype")
        return model.fit(X, drive > 1), X, drive > 1
    X = X[["b", "d"]]
    if kind == "linear":
        return LogisticRegression().fit(X, y), X, y
    depth = 4 if kind == "forest" else None
    if kind == "bins":  # narrower than the grid: a row between two values is where neither of them is
        bins = KBinsDiscretizer(30, encode="onehot-dense", quantile_method="averaged_inverted_cdf")
        forest = RandomForestRegressor(4, max_depth=6, random_state=0)
        return make_pipeline(bins, forest).fit(X[["d"]], drive), X[["d"]], drive
    return RandomForestClassifier(6, max_depth=depth, random_state=0).fit(X, y), X, y


@pytest.mark.parametrize("kind", ["classes", "categories", "forest", "bins", "deep", "linear"])
def test_steps_are_differences_of_the_answers_at_their_ends(kind):
    """Any row may take any step, and several of a column, as rows of a level between two others do."""
    model, X, y = stepping(kind)
    ev = Evaluation(model, X.assign(t=y), target="t")
    way = fast_way(ev)
    assert way.trees is None or are_small(way.trees) == (kind != "deep")
    few = ev.sample(200)
    donors = {c: grid_of(few, c, 12).donors for c in ev.features}
    rng = np.random.default_rng(0)
    asks = {c: (rng.integers(0, 200, 700), rng.integers(0, len(d) - 1, 700)) for c, d in donors.items()}
    asks[ev.features[0]] = np.arange(200), rng.integers(0, len(donors[ev.features[0]]) - 1, 200)
    low, high = (answers_at(way, few, donors, {c: (r, s + i) for c, (r, s) in asks.items()}) for i in (0, 1))
    found = differences(way, few, donors, asks)
    for c in donors:
        assert np.ptp(found[c]) > 0
        np.testing.assert_allclose(found[c], high[c] - low[c], atol=1e-12, err_msg=c)
