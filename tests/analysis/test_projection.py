"""Rows in two dimensions: equal to other implementations, indifferent to the order of rows, honest about chance."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import NearestNeighbors

import modelglass as mg
from modelglass.analysis import declared, joining, projection
from modelglass.analysis.columns import infer_columns
from modelglass.analysis.encoding import MOST_LEVELS, encode, of_numbers
from modelglass.analysis.errors import InputError, MissingPackage, NotApplicable
from modelglass.analysis.figures import marks
from modelglass.analysis.nearness import nearness
from modelglass.analysis.plane import METHODS, WEIGHTED, plane
from modelglass.analysis.projection import COLOURS, measure
from modelglass.explainers import shapley_values

HAS_UMAP = importlib.util.find_spec("umap") is not None
HERE = [m for m in METHODS if m != "umap" or HAS_UMAP]
HOSTILE = "<b>$x$</b>"


def table(n=240, seed=0):
    rng = np.random.default_rng(seed)
    made = pd.DataFrame(
        {
            "size": rng.normal(50, 9, n).round(1),
            "count": rng.integers(0, 9, n),
            "city": rng.choice(["Rome", HOSTILE, "Oslo"], n),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 900, n), "D"),
        }
    )
    made.loc[rng.random(n) < 0.1, "size"] = np.nan
    made.loc[rng.random(n) < 0.1, "city"] = None
    made.iloc[n // 2] = made.iloc[0]  # rows that are the same
    return made


def evaluation(task="binary", n=240, **more):
    frame = table(n)
    rng = np.random.default_rng(1)
    drive = frame["size"].fillna(50) / 9 + frame["count"] + rng.normal(0, 2, n)
    fed = frame[["count"]].assign(size=frame["size"].fillna(50))
    y = {
        "binary": np.where(drive > drive.median(), "yes", "no"),
        "multiclass": np.array(["low", HOSTILE, "high"])[np.digitize(drive, drive.quantile([0.3, 0.7]))],
        "regression": drive,
    }[task]
    model = (LinearRegression() if task == "regression" else LogisticRegression(max_iter=500)).fit(fed, y)
    frame = frame.assign(size=frame["size"].fillna(50))
    return mg.Evaluation(
        model, frame.assign(y=y, **more), target="y", **{k: k for k in more if k in ("weight", "cluster")}
    )


# the matrix ------------------------------------------------------------------------------------------------------------


def encoded(frame, weight=None):
    return encode(frame, infer_columns(frame), weight)


def test_every_column_has_the_same_weight():
    frame = table()
    found = encoded(frame)
    assert found.columns == ("size", "count", "city", "when")
    for name in found.columns:
        part = found.values[:, [n == name or n.startswith(f"{name}: ") for n in found.names]]
        assert part.var(axis=0).sum() == pytest.approx(1)
    assert not np.isnan(found.values).any()


def test_a_small_matrix_by_hand():
    frame = pd.DataFrame({"a": [1.0, 3.0, np.nan, 3.0], "b": ["u", "u", "v", None]})
    found = encode(frame, infer_columns(frame, {"a": "numeric", "b": "categorical"}))
    assert found.names == ("a", "a: missing", "b: u", "b: v", "b: missing")
    filled = np.array([1.0, 3, 3, 3])
    block = np.column_stack([filled / filled.std(), [0, 0, 1, 0]])
    np.testing.assert_allclose(found.values[:, :2], block / np.sqrt(1 + 3 / 16))
    levels = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    np.testing.assert_allclose(found.values[:, 2:], levels / np.sqrt(2 / 4 * 2 / 4 + 2 * 3 / 16))


def test_weight_two_is_the_row_twice():
    frame, w = table(60), np.random.default_rng(0).integers(1, 4, 60)
    once, several = encoded(frame, w.astype(float)), encoded(frame.loc[frame.index.repeat(w)].reset_index(drop=True))
    np.testing.assert_allclose(once.values.repeat(w, axis=0), several.values, atol=1e-12)


def test_what_is_no_column_to_lay_out_is_said():
    frame = table(80).assign(
        id=[f"r{i}" for i in range(80)], same=1, nothing=np.nan, many=[f"l{i % 60}" for i in range(80)]
    )
    frame["big"] = np.where(np.arange(80) == 3, np.inf, np.arange(80.0))
    found = encode(frame, infer_columns(frame, {"id": "id", "many": "categorical"}))
    assert set(found.left_out) == {"id", "same", "nothing"}
    assert sum(n.startswith("many: ") for n in found.names) == MOST_LEVELS + 1
    assert np.isfinite(found.values).all()
    assert found.negative is None
    assert encoded(frame.assign(count=-frame["count"])[["count", "size"]]).negative == "count"


# the plane, against other implementations ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def numbers():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, 200)
    values = rng.normal(size=(200, 6)) * [3, 2, 1, 1, 1, 0.5]
    values[:, 2] += 2 * codes
    values[:, 3] -= 2 * (codes == 1)
    return values, codes


def up_to_sign(a, b, rtol=1e-6):
    for i in range(2):
        sign = np.sign(a[:, i] @ b[:, i])
        np.testing.assert_allclose(a[:, i] * sign, b[:, i], atol=rtol * np.abs(b[:, i]).max())


def test_principal_components_are_those_of_scikit_learn(numbers):
    values, _ = numbers
    theirs = PCA(2).fit(values)
    mine = plane(values, "pca")
    up_to_sign(mine.xy, theirs.transform(values))
    np.testing.assert_allclose(mine.share, theirs.explained_variance_ratio_)


def test_truncated_svd_is_that_of_scikit_learn(numbers):
    values = numbers[0] + 5
    up_to_sign(plane(values, "svd").xy, TruncatedSVD(2, random_state=0, n_iter=50).fit_transform(values), 1e-5)


def test_discriminants_are_those_of_scikit_learn(numbers):
    values, codes = numbers
    theirs = LinearDiscriminantAnalysis(n_components=2).fit(values, codes)
    mine, other = plane(values, "lda", outcome=codes), theirs.transform(values)
    up_to_sign(mine.xy / mine.xy.std(axis=0), other / other.std(axis=0))
    np.testing.assert_allclose(mine.share, theirs.explained_variance_ratio_)


def test_two_classes_have_one_discriminant_and_what_that_leaves(numbers):
    values, codes = numbers
    two = (codes > 0).astype(int)
    mine = plane(values, "lda", outcome=two)
    theirs = LinearDiscriminantAnalysis().fit(values, two).transform(values)[:, 0]
    assert abs(np.corrcoef(mine.xy[:, 0], theirs)[0, 1]) == pytest.approx(1)
    assert abs(np.corrcoef(*mine.xy.T)[0, 1]) < 1e-9
    assert np.isnan(mine.share[1])


@pytest.mark.parametrize("several", [False, True])
def test_partial_least_squares_is_that_of_scikit_learn(several, numbers):
    values, codes = numbers
    goal = np.eye(3)[codes] if several else values @ [1, 0.5, 0, 0, 2, 1.0] + codes
    theirs = PLSRegression(2, scale=False, tol=1e-12, max_iter=10_000).fit(values, goal)
    mine = plane(values, "pls", outcome=goal)
    up_to_sign(mine.xy, theirs.transform(values), 1e-5)
    np.testing.assert_allclose((values - values.mean(axis=0)) @ mine.loadings, mine.xy, atol=1e-8)


def test_independent_components_are_found_again():
    rng = np.random.default_rng(0)
    hidden = np.column_stack([rng.laplace(size=3000), rng.uniform(-1, 1, 3000) ** 5 * 9, *rng.normal(size=(3, 3000))])
    found = plane(hidden @ rng.normal(size=(5, 5)), "ica").xy
    fits = np.abs(np.corrcoef(np.column_stack([found, hidden[:, :2]]).T))[:2, 2:]
    assert fits.max(axis=0).min() > 0.97


def test_non_negative_factors_add_up_to_the_matrix():
    rng = np.random.default_rng(0)
    rows, columns = rng.random((80, 2)), rng.random((2, 6))
    made = plane(rows @ columns, "nmf")
    assert made.xy.min() >= 0
    assert "100%" in made.how
    np.testing.assert_allclose(made.xy @ made.loadings.T, rows @ columns, atol=0.02)
    with pytest.raises(NotApplicable, match="negative"):
        plane(rng.normal(size=(30, 4)), "nmf")


@pytest.mark.parametrize("method", [m for m in HERE if m in ("tsne", "umap")])
def test_groups_that_lie_apart_stay_together(method):
    rng = np.random.default_rng(0)
    group = np.arange(150) % 3
    values = rng.normal(size=(150, 8)) + 12 * rng.normal(size=(3, 8))[group]
    xy = plane(values, method, seed=1).xy
    near = NearestNeighbors(n_neighbors=6).fit(xy).kneighbors(return_distance=False)
    assert (group[near] == group[:, None]).mean() > 0.98
    np.testing.assert_array_equal(xy, plane(values, method, seed=1).xy)


@pytest.mark.parametrize("method", sorted(WEIGHTED))
def test_a_weight_is_the_row_several_times(method, numbers):
    values, codes = numbers
    w = np.random.default_rng(0).integers(1, 4, len(values))
    once = plane(values, method, outcome=codes, weight=w.astype(float))
    several = plane(values.repeat(w, axis=0), method, outcome=codes.repeat(w))
    np.testing.assert_allclose(once.xy.repeat(w, axis=0), several.xy, atol=1e-8)
    np.testing.assert_allclose(once.share, several.share, atol=1e-10)


# errors near errors ----------------------------------------------------------------------------------------------------


def test_neighbours_counted_by_hand():
    xy = np.array([[0.0, 0], [1, 0], [3, 0], [6, 0], [10, 0]])
    error = np.array([1, 0, 1, 1, 0.0])
    found = nearness(xy, error, neighbours=2, draws=0)
    # neighbours of 0: 1, 3 -> 1/2; of 3: 1, 0 (at 0 and at 6 equally far: half each) -> (0 + (1 + 1) / 2) / 2; of 6: 3, 10 -> 1/2
    assert found.estimate == pytest.approx((0.5 + 0.5 + 0.5) / 3)
    weighted = nearness(xy, error, np.array([1, 3, 1, 1, 1.0]), neighbours=2, draws=0)
    assert weighted.estimate == pytest.approx((1 / 4 + 1 / 4 + 1 / 2) / 3)


@pytest.mark.parametrize("numeric", [False, True])
def test_neighbours_are_those_of_scikit_learn(numeric):
    rng = np.random.default_rng(0)
    xy = rng.normal(size=(300, 2))
    error = rng.exponential(size=300) if numeric else (rng.random(300) < 0.2).astype(float)
    near = NearestNeighbors(n_neighbors=10).fit(xy).kneighbors(return_distance=False)
    theirs = float(error @ error[near].mean(axis=1) / error.sum())
    assert nearness(xy, error, draws=0).estimate == pytest.approx(theirs)


def test_rows_at_one_place_share_in_any_order():
    rng = np.random.default_rng(0)
    xy, error = rng.integers(0, 4, (200, 2)).astype(float), (rng.random(200) < 0.3).astype(float)
    at = rng.permutation(200)
    assert nearness(xy, error, draws=0).estimate == pytest.approx(
        nearness(xy[at], error[at], draws=0).estimate, abs=1e-12
    )
    same = np.zeros((50, 2))
    few = (np.arange(50) < 10).astype(float)
    assert nearness(same, few, draws=0).estimate == pytest.approx(9 / 49)
    assert np.isnan(nearness(same, np.zeros(50)).estimate)
    assert np.isnan(nearness(same, np.ones(50)).estimate)


@pytest.mark.parametrize("weighted", [False, True])
def test_errors_strewn_at_random_are_said_to_lie_together_as_seldom_as_the_level_says(weighted):
    rng = np.random.default_rng(5)
    beyond = 0
    for i in range(300):
        xy, error = rng.normal(size=(80, 2)) ** 3, (rng.random(80) < 0.2).astype(float)
        weight = rng.exponential(size=80) if weighted else None
        found = nearness(xy, error, weight, neighbours=5, draws=199, seed=i)
        beyond += found.estimate > found.high
    assert beyond <= 300 * 0.025 + 3 * np.sqrt(300 * 0.025 * 0.975) + 1


def test_deals_by_brute_force():
    """Errors are dealt with their weights: the same permutations, each row's three nearest others looked up one by one."""
    rng = np.random.default_rng(1)
    xy, error, weight = rng.normal(size=(12, 2)), rng.random(12), rng.exponential(size=12)
    far = ((xy[:, None] - xy[None]) ** 2).sum(axis=2)
    near = np.argsort(far + np.diag(np.full(12, np.inf)), axis=1)[:, :3]

    def among(e, w):
        means = [np.average(e[rows], weights=w[rows]) for rows in near]
        return np.average(means, weights=w * e)

    for w in (weight, None):
        found = nearness(xy, error, w, neighbours=3, draws=40, seed=3)
        mass, deals = np.ones(12) if w is None else w, np.random.default_rng((3, 77_003))
        dealt = [among(error[at], mass[at]) for at in (deals.permutation(12) for _ in range(40))]
        assert found.estimate == pytest.approx(among(error, mass), rel=1e-12)
        assert found.expected == pytest.approx(np.mean(dealt), rel=1e-12)
        assert [found.low, found.high] == pytest.approx(np.quantile(dealt, [0.025, 0.975]), rel=1e-12)
        assert found.p == (1 + sum(d >= found.estimate for d in dealt)) / 41


def test_errors_that_lie_together_are_found():
    rng = np.random.default_rng(0)
    xy = rng.normal(size=(400, 2))
    error = (rng.random(400) < np.where(xy[:, 0] > 0.8, 0.5, 0.1)).astype(float)
    found = measure(xy, error)
    assert found.estimate > found.high > found.expected > found.low
    assert found.p < 0.01
    for silent in (measure(xy, error, clustered=True), measure(xy, error, supervised=True)):
        assert silent.estimate == found.estimate
        assert np.isnan(silent.low)


# the whole -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", HERE)
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_every_method_and_task(method, task):
    ev = evaluation(task, 120)
    if (method, task) == ("lda", "regression"):
        with pytest.raises(NotApplicable, match="partial least squares"):
            projection(ev, method=method)
        return
    found = projection(ev, method=method)
    assert len(found.frame()) == ev.n
    assert np.isfinite(found.points[["x", "y"]].to_numpy(float)).all()
    assert "nearest" in found.sentence() or "neighbours of rows" in found.sentence()
    assert "nan " not in found.sentence()
    assert ("not to be read" in found.sentence()) == (method in ("tsne", "umap"))
    assert ("knows the outcomes" in found.sentence()) == (method in ("lda", "pls"))
    assert np.isnan(found.nearness["low"][0]) == (method in ("lda", "pls"))
    assert ev.where(found.points["where"][7]).frame.index.tolist() == [found.points["row"][7]]


@pytest.mark.parametrize("method", HERE)
def test_the_order_of_the_rows_changes_nothing(method):
    ev = evaluation("binary", 120)
    shuffled = ev.frame.sample(frac=1, random_state=0)
    other = mg.Evaluation(ev.estimator, shuffled.reset_index(drop=True), target="y")
    one, two = projection(ev, method=method), projection(other, method=method)
    at = pd.Index(shuffled.index).get_indexer(ev.frame.index)
    np.testing.assert_array_equal(one.points[["x", "y"]], two.points[["x", "y"]].iloc[at])
    np.testing.assert_allclose(one.nearness.to_numpy(float), two.nearness.to_numpy(float), rtol=1e-12)


def test_the_columns_that_the_model_reads_are_drawn_and_the_others_are_not():
    ev = evaluation()
    assert projection(ev).columns == tuple(ev.features)
    assert "2 columns over 240 rows" in projection(ev).sentence()
    frame = table()
    alone = mg.Evaluation.from_predictions(
        np.arange(240) % 2, prediction=np.arange(240) % 3 // 2, frame=frame.assign(w=1.0), weight="w"
    )
    assert projection(alone).columns == ("size", "count", "city", "when")


def test_the_sample_is_stated_and_a_threshold_asks_for_no_new_layout(monkeypatch):
    ev = evaluation()
    found = projection(ev, n=100, seed=3)
    assert found.source.sample == len(found.points) == 100
    assert found.source.seed == 3
    module = sys.modules[projection.__module__]
    monkeypatch.setattr(module, "plane", lambda *a, **k: pytest.fail("laid out again"))
    moved = projection(ev.with_threshold(0.8), n=100, seed=3)
    np.testing.assert_array_equal(moved.points[["x", "y"]], found.points[["x", "y"]])
    at = ev.with_threshold(0.8)
    assert (
        moved.points["error"].tolist()
        == (at.predicted != at.y)[np.isin(at.frame.index, moved.points["row"])].astype(int).tolist()
    )
    assert moved.source.threshold == 0.8


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_colours_and_their_figures(task):
    ev = evaluation(task)
    for color in [*COLOURS, "city", "size", "when"]:
        if color == "score" and task != "binary":
            with pytest.raises(NotApplicable, match="score"):
                projection(ev, color=color)
            continue
        found = projection(ev, color=color, cohort="count < 3")
        made = mg.figure(found)
        assert sum(len(t.x) for t in made.data) == ev.n
        assert marks.by_area(made)
        words = str(marks.without_conditions(made.to_dict()))
        assert "<b>" not in words.replace("<br>", "")
        if color == "cohort":
            assert (found.points["colour"] == "in the cohort").sum() == ev.where("count < 3").n
        assert set(marks.conditions_of(made)["where"]) == set(found.points["where"])


def test_rows_drawn_around_are_a_cohort():
    ev = evaluation()
    some = projection(ev).points.query("x > 0.3")
    sql = joining.any_of(some["where"])
    assert ev.where(sql).frame.index.tolist() == sorted(some["row"])
    assert joining.is_rows(sql)


def test_five_thousand_rows_of_millions_fit_into_a_link():
    from urllib.parse import urlencode

    rows = np.random.default_rng(0).choice(9_999_999, 5_000, replace=False)
    assert len(urlencode({"where": joining.rows_in(rows)})) < 60_000


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_shapley_values_are_laid_out(task):
    ev = evaluation(task)
    found = projection(ev, of="shapley_values", n=90)
    values = shapley_values(ev, rows=90)
    assert values.matrix().shape == (90, values.values.shape[1] * values.values.shape[2])
    assert found.points["row"].tolist() == values.rows.tolist()
    theirs = PCA(2).fit_transform(values.matrix())
    up_to_sign(found.points[["x", "y"]].to_numpy(float), theirs, 1e-5)
    given = projection(ev, of=values)
    np.testing.assert_allclose(given.points[["x", "y"]], found.points[["x", "y"]], atol=1e-9)
    assert "of shapley_values over 90 rows" in found.sentence()
    with pytest.raises(NotApplicable, match="negative"):
        projection(ev, of=values, method="nmf")


def test_weights_clusters_and_what_they_leave_unsaid():
    w, g = np.random.default_rng(0).exponential(size=240), np.arange(240) % 40
    weighted = projection(evaluation(weight=w), method="pca")
    assert not np.isnan(weighted.nearness["low"][0])
    assert "Weights play no part" in projection(evaluation(weight=w), method="ica").sentence()
    clustered = projection(evaluation(cluster=g))
    assert np.isnan(clustered.nearness["low"][0])
    assert "clusters" in clustered.sentence()


def test_a_model_without_errors_says_so():
    frame = table(50).assign(y=np.arange(50) % 2)
    ev = mg.Evaluation.from_predictions(frame["y"], prediction=frame["y"], frame=frame[["size", "count"]])
    assert "cannot be said" in projection(ev).sentence()
    assert len(mg.figure(projection(ev)).data) == 1


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        ({"method": "pcaa"}, InputError, "'pca'"),
        ({"of": "performance"}, InputError, "has a matrix"),
        ({"of": "nothing"}, InputError, "nothing"),
        ({"color": "colour"}, InputError, "colour"),
        ({"color": "cohort"}, NotApplicable, "no cohort"),
        ({"n": 3}, InputError, "4 or more as n"),
        ({"color": "cohort", "cohort": "agee < 3"}, InputError, "agee"),
    ],
)
def test_what_cannot_be_is_refused_in_words(given, error, match):
    with pytest.raises(error, match=match):
        projection(evaluation(), **given)


def test_one_column_makes_no_plane():
    frame = table(50)
    model = LinearRegression().fit(frame[["count"]], frame["count"] * 2)
    ev = mg.Evaluation(model, frame.assign(y=frame["count"] * 2.5), target="y")
    with pytest.raises(NotApplicable, match="two columns"):
        projection(ev)


def test_a_result_of_other_data_is_refused():
    with pytest.raises(InputError, match="same data"):
        projection(evaluation(n=200), of=shapley_values(evaluation(n=240), rows=20))


@pytest.mark.skipif(HAS_UMAP, reason="umap-learn is installed")
def test_umap_is_asked_for_by_name():
    with pytest.raises(MissingPackage, match="umap-learn"):
        projection(evaluation(), method="umap")


def test_numbers_alone_keep_their_unit():
    frame = pd.DataFrame({"a": [1.0, 2, 3, 9], "b": [0.0, 0, 0, 0], "c": [5, 1, -1, 3]})
    found = of_numbers(frame)
    assert found.columns == ("a", "c")
    assert found.negative == "c"
    np.testing.assert_array_equal(found.values, frame[["a", "c"]])


def test_the_record_offers_what_there_is():
    record = next(a for a in declared.ANALYSES if a.name == "projection")
    choices = {s.name: s.choices for s in record.settings}
    assert choices["method"] == METHODS
    assert choices["color"] == COLOURS
