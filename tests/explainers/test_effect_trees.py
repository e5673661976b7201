"""Small trees whose leaves are bits, against walks down the same trees."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer
from sklearn.tree import DecisionTreeRegressor

from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import effect_trees
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
