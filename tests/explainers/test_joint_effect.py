"""Two columns together: sums worked by hand, the authors' formula written out loop by loop, scikit-learn's brute force."""

import numpy as np
import pandas as pd
import pytest
from sklearn import inspection
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

from modelglass.analysis.errors import InputError, NotApplicable, Stopped
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure
from modelglass.explainers import accumulated_local_effects, joint_effect, joint_steps
from modelglass.explainers.accumulated_local_effects import steps_of

STEPS = "accumulated_local_effects"


def asked(model, X, **kwargs):
    return Evaluation(
        model, X.assign(t=np.arange(float(len(X)))), target="t", task="regression", features=list(X), **kwargs
    )


def surface(result, column="beyond"):
    cells = result.frame()
    shape = cells.value.nunique(), cells.other_value.nunique()
    return cells[column].to_numpy().reshape(shape)


def numbers(n=600, seed=0):
    rng = np.random.default_rng(seed)
    a = rng.uniform(0, 1, n)
    return pd.DataFrame({"a": a, "b": a * 0.5 + rng.uniform(0, 1, n), "c": rng.normal(size=n)})


def second_order_by_loops(f, x, y, zx, zy):
    """Apley and Zhu's estimator for two numbers, cell by cell: f(x, y) with the other columns as each row has them."""
    K, M = len(zx) - 1, len(zy) - 1
    k = np.clip(np.searchsorted(zx, x, side="left"), 1, K)
    m = np.clip(np.searchsorted(zy, y, side="left"), 1, M)
    delta, count = np.full((K + 1, M + 1), np.nan), np.zeros((K + 1, M + 1))
    for i in range(1, K + 1):
        for j in range(1, M + 1):
            here = np.flatnonzero((k == i) & (m == j))
            count[i, j] = len(here)
            if len(here):
                corner = [f(here, zx[i - p], zy[j - q]) for p, q in ((0, 0), (1, 0), (0, 1), (1, 1))]
                delta[i, j] = np.mean(corner[0] - corner[1] - corner[2] + corner[3])
    assert count[1:, 1:].all()  # no cell to be filled
    F = np.zeros((K + 1, M + 1))
    for i in range(1, K + 1):
        for j in range(1, M + 1):
            F[i, j] = np.sum(delta[1 : i + 1, 1 : j + 1])
    fx, fy = np.zeros(K + 1), np.zeros(M + 1)
    for i in range(1, K + 1):
        step = sum(count[i, j] * (F[i, j] - F[i - 1, j] + F[i, j - 1] - F[i - 1, j - 1]) / 2 for j in range(1, M + 1))
        fx[i] = fx[i - 1] + step / count[i].sum()
    for j in range(1, M + 1):
        step = sum(count[i, j] * (F[i, j] - F[i, j - 1] + F[i - 1, j] - F[i - 1, j - 1]) / 2 for i in range(1, K + 1))
        fy[j] = fy[j - 1] + step / count[:, j].sum()
    F = F - fx[:, None] - fy[None, :]
    mean = sum(
        count[i, j] * (F[i, j] + F[i - 1, j] + F[i, j - 1] + F[i - 1, j - 1]) / 4
        for i in range(1, K + 1)
        for j in range(1, M + 1)
    )
    return F - mean / len(x)


def test_second_order_is_the_authors_formula():
    X = numbers()

    def model(frame):
        return (np.sin(3 * frame["a"]) * frame["b"] ** 2 * (1 + 0.3 * frame["c"]) + frame["a"] + frame["b"]).to_numpy()

    got = joint_effect(asked(model, X), features=["a", "b"], grid=5, rows=None)
    zx, zy = (np.array(sorted(set(got.frame()[c])), dtype=float) for c in ("value", "other_value"))
    wanted = second_order_by_loops(
        lambda rows, u, v: model(X.iloc[rows].assign(a=u, b=v)), X.a.to_numpy(), X.b.to_numpy(), zx, zy
    )
    np.testing.assert_allclose(surface(got), wanted, atol=1e-12)
    alone = accumulated_local_effects(asked(model, X), features=["a", "b"], grid=5, rows=None).curves
    main = [alone[alone.feature == c].estimate.to_numpy() for c in ("a", "b")]
    np.testing.assert_allclose(
        surface(got, "estimate"), wanted + model(X).mean() + main[0][:, None] + main[1][None, :], atol=1e-12
    )


def test_two_levels_by_two_numbers_by_hand():
    """Answer 1 where s is "yes" and x is 1, else 0; one row in each of four cells.

    Each row's second difference is 1. Added up: 0, 0, 0, 1. The mean effect of s there is 0 and 1/2, that of x 0 and 1/2 (each row
    stands on its own level, and on the mean of both ends of its bin): taken away, half the difference is left at each corner.
    """
    X = pd.DataFrame(
        {"s": pd.Categorical(["no", "no", "yes", "yes"] * 50, ["no", "yes"], ordered=True), "x": [0.0, 1, 0, 1] * 50}
    )

    def model(frame):
        return ((frame["s"] == "yes") & (frame["x"] == 1)).to_numpy(float)

    got = joint_effect(asked(model, X), features=["s", "x"], rows=None)
    np.testing.assert_allclose(surface(got), [[0.25, -0.25], [-0.25, 0.25]])
    assert got.frame().near.tolist() == [50] * 4
    assert got.kinds == {"s": "levels", "x": "ordered"}
    by_setting = joint_effect(asked(model, X), features=["s", "x"], rows=None, method="partial_dependence")
    np.testing.assert_allclose(surface(by_setting), [[0.25, -0.25], [-0.25, 0.25]])
    np.testing.assert_allclose(surface(by_setting, "estimate"), [[0, 0], [0, 1]])


@pytest.mark.parametrize("pair", [["age", "pay"], ["city", "age"], ["city", "job"]])
@pytest.mark.parametrize("method", [STEPS, "partial_dependence"])
def test_a_sum_leaves_nothing(made, pair, method):
    ev = made(LinearRegression(), "amount")
    got = joint_effect(ev, features=pair, method=method, grid=6)
    assert np.abs(got.frame().beyond).max() < 1e-9
    assert np.ptp(got.frame().estimate) > 1


def test_setting_both_equals_scikit_learn(made):
    ev = made(HistGradientBoostingClassifier(max_iter=10))
    got = joint_effect(ev, features=["age", "city"], method="partial_dependence", grid=4, rows=None)
    X = ev.inputs().astype({"age": float})
    values = {c: np.array(list(dict.fromkeys(got.frame()[k]))) for c, k in (("age", "value"), ("city", "other_value"))}
    theirs = inspection.partial_dependence(
        ev.estimator, X, ["age", "city"], method="brute", kind="average", custom_values=values
    )
    np.testing.assert_allclose(surface(got, "estimate"), np.squeeze(theirs["average"]), atol=1e-9)
    assert (got.frame().low < got.frame().estimate).all()
    assert "No interval" not in got.sentence()


def test_no_interval_of_a_probability_leaves_0_to_1():
    """One row of 400 carries the mean: its interval reached below 0, and above 1 for the other class."""
    frame = pd.DataFrame({"a": np.arange(400.0), "b": np.r_[9.0, np.full(399, -9.0)], "c": np.arange(400.0) % 7})
    model = LogisticRegression()
    model.classes_, model.coef_, model.intercept_ = np.array([0, 1]), np.array([[0.0, 3.0, 0.0]]), np.zeros(1)
    model.n_features_in_, model.feature_names_in_ = 3, np.array(["a", "b", "c"], dtype=object)
    frame["y"] = np.arange(400) % 2
    for positive in (0, 1):
        ev = Evaluation(model, frame, target="y", positive=positive)
        got = joint_effect(ev, features=["a", "c"], method="partial_dependence", rows=None, grid=3).frame()
        assert ((got.low >= 0) & (got.high <= 1) & (got.low < got.estimate) & (got.estimate < got.high)).all()
        assert (got.low.eq(0) if positive else got.high.eq(1)).all()


def test_weights_of_nothing_take_rows_away(made):
    ev = made(HistGradientBoostingClassifier(max_iter=10))
    whole = ev.inputs().pay.notna() & (np.arange(ev.n) < 200)
    weighted = ev.frame.assign(w=np.where(whole, 3.0, 0.0))
    same = ["y3", "amount"]
    a = Evaluation(ev.estimator, weighted, target="y", weight="w", ignore=same)
    for method in (STEPS, "partial_dependence"):
        got = joint_effect(a, features=["member", "city"], method=method, rows=None).frame()
        few = Evaluation(ev.estimator, ev.frame[whole.to_numpy()], target="y", ignore=same)
        want = joint_effect(few, features=["member", "city"], method=method, rows=None).frame()
        if method == STEPS:
            keys = ["value", "other_value"]
            got, want = (f.astype(dict.fromkeys(keys, str)).sort_values(keys, ignore_index=True) for f in (got, want))
            np.testing.assert_allclose(got.estimate, want.estimate, atol=1e-9)
            np.testing.assert_allclose(got.beyond, want.beyond, atol=1e-9)


def test_cells_without_rows_are_said_and_hatched():
    X = numbers()
    X["b"] = X.a  # only the diagonal has rows

    def model(frame):
        return (frame["a"] * frame["b"]).to_numpy()

    got = joint_effect(asked(model, X), features=["a", "b"], grid=6, rows=None)
    few = int((got.frame().near < 5).sum())
    assert few == 30
    assert f"{few} of 36 cells hold fewer than 5 rows" in got.sentence()
    apart = np.abs(np.subtract.outer(np.arange(6), np.arange(6)))
    np.testing.assert_array_equal(np.isnan(surface(got, "low")), apart > 1)  # corners of bins that hold rows have one
    assert "20 of 36 cells have no interval, mostly because they are added up across cells of hardly" in got.sentence()
    bars = [t for t in figure(got).data if t.type == "bar"]
    assert [len(b.x) for b in bars] == [few] * 3
    heat = [t for t in figure(got).data if t.type == "heatmap"]
    np.testing.assert_allclose(heat[0].z, surface(got, "estimate").T)
    np.testing.assert_allclose(heat[1].z, surface(got).T)


def test_a_cell_no_row_could_take_is_filled_from_the_nearest():
    assert joint_steps.nearest_filled(np.array([[True, False, False, True]])).tolist() == [0, 0, 3, 3]


def parts_of(ev, grid=5):
    """What the surface of a and b is made of, as ``joint_effect`` asks for it."""
    steps = [steps_of(ev, c, grid) for c in ("a", "b")]
    pairs = joint_steps.pairs_of(*steps)
    X, edges = ev.inputs(), [s.grid.values.to_numpy(float) for s in steps]

    def corner(i, j):
        rows = X.iloc[pairs.row].assign(a=edges[0][pairs.step + i], b=edges[1][pairs.other_step + j])
        return ev.output(rows)

    return pairs, corner(1, 1) - corner(0, 1) - corner(1, 0) + corner(0, 0)


@pytest.mark.parametrize("holes", [False, True])
def test_influences_are_the_derivative_of_the_surface_by_the_weights(holes):
    X = numbers(120)
    if holes:
        X["b"] = X.a + (X.b - X.a) * 0.3
    rng = np.random.default_rng(1)
    weight = rng.uniform(0.5, 2, len(X))

    def model(frame):
        return (np.sin(3 * frame["a"]) * frame["b"] ** 2 * (1 + 0.3 * frame["c"])).to_numpy()

    pairs, differences = parts_of(asked(model, X))
    second = joint_steps.SecondOrder(pairs, weight)
    assert (second.total == 0).any() == holes
    part = second.influence(differences, np.ones(len(second.total)))
    own = np.zeros((len(X), len(second.total)))
    np.add.at(own, (pairs.row, second.cell), part.own)
    shape = second.surface(differences).shape
    found = (own @ second.lever_of_filled()).reshape(len(X), *shape)
    found = found + part.one[:, :, None] + part.other[:, None, :] + part.every[:, None, None]
    for i in (0, 7, 60):
        more, less = weight.copy(), weight.copy()
        more[i], less[i] = weight[i] * (1 + 1e-5), weight[i] * (1 - 1e-5)
        up, down = (joint_steps.SecondOrder(pairs, w).surface(differences) for w in (more, less))
        np.testing.assert_allclose(found[i], (up - down) / 2e-5, atol=1e-8)
    assert np.abs(found).max() > 1e-3


def test_intervals_hold_the_surface_of_all_rows_and_are_left_out_where_cells_hold_few():
    """The grid is that of all rows; of 40 samples of 2,500 rows nearly all hold their surface (``benchmarks/coverage_effects.py`` has the level)."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60_000, 3)), columns=list("abc"))

    def model(frame):
        return (frame["a"] * frame["b"] * (1 + 0.5 * frame["c"]) + frame["a"] ** 2).to_numpy()

    ev = asked(model, X)
    truth = joint_effect(ev, features=["a", "b"], grid=5, rows=None).frame()
    assert truth.low.notna().all()
    held = []
    for _ in range(40):
        got = joint_effect(ev.take(rng.permutation(ev.n)[:2_500]), features=["a", "b"], grid=5, rows=None).frame()
        assert (got.note == "").all()
        held.append((got.low <= truth.estimate) & (truth.estimate <= got.high))
    assert 0.91 <= np.mean(held) <= 0.98
    first = joint_effect(ev.take(np.arange(2_500)), features=["a", "b"], grid=5, rows=None)
    assert "(95 % interval " in first.sentence()
    heat = [t for t in figure(first).data if t.type == "heatmap"]
    assert len(heat) == 3
    half = (first.frame().high - first.frame().low).to_numpy() / 2
    np.testing.assert_allclose(heat[2].z, half.reshape(5, 5).T)
    few = joint_effect(ev.take(np.arange(150)), features=["a", "b"], grid=5)
    assert few.frame().low.isna().all()
    assert "No interval of these answers, because there are too few rows or clusters" in few.sentence()


def test_only_places_beyond_thin_cells_have_no_interval():
    """b follows a, so rows are near the diagonal alone: far from it the surface is a guess, along it it has an interval."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=4_000)
    X = pd.DataFrame({"a": a, "b": 0.8 * a + 0.6 * rng.normal(size=4_000), "c": rng.normal(size=4_000)})

    def model(frame):
        return (frame["a"] * frame["b"] * (1 + frame["c"])).to_numpy()

    got = joint_effect(asked(model, X), features=["a", "b"], grid=10, rows=None)
    none = np.isnan(surface(got, "low"))
    assert none[0, -1]
    assert none[-1, 0]
    assert not none[np.arange(1, 9), np.arange(1, 9)].any()
    assert set(got.frame().note) == {"", "it is added up across cells of hardly any rows"}
    assert f"{none.sum()} of 100 cells have no interval, mostly because they are added up" in got.sentence()
    drawn = figure(got).data
    assert any("interval: none: it is added up" in t for t in drawn[0].hovertext.ravel())
    crosses = [t for t in drawn if t.type == "scatter" and t.marker.symbol == "x-thin"]
    assert [len(t.x) for t in crosses] == [none.sum()]


def test_clusters_widen_the_intervals_and_copies_of_rows_do_not_narrow_them():
    X = numbers(3_000)

    def model(frame):
        return (frame["a"] * frame["b"] * (1 + frame["c"])).to_numpy()

    plain = joint_effect(asked(model, X), features=["a", "b"], grid=4, rows=None).frame()
    twice = pd.concat([X, X], ignore_index=True).assign(g=np.tile(np.arange(len(X)), 2))
    ev = Evaluation(
        model, twice.assign(t=np.arange(6_000.0)), target="t", task="regression", features=list("abc"), cluster="g"
    )
    clusters = joint_effect(ev, features=["a", "b"], grid=4, rows=None).frame()
    np.testing.assert_allclose(clusters.estimate, plain.estimate, atol=1e-9)
    wide = (clusters.high - clusters.low) / (plain.high - plain.low)
    assert wide.between(0.97, 1.03).all()


def test_pair_and_class_chosen(made):
    ev = made(HistGradientBoostingClassifier(max_iter=5), "y3")
    got = joint_effect(ev, rows=100, grid=3)
    assert "the pair that works together most in a coarse pass over 60 rows" in got.sentence()
    assert got.groups == ("low", "mid", "top")
    np.testing.assert_allclose(got.frame().groupby(["value", "other_value"]).estimate.sum(), 1)  # probabilities
    one = joint_effect(ev, features=got.features, rows=100, grid=3, class_="mid")
    assert set(one.frame().group) == {"mid"}
    assert "probability of mid" in one.sentence()


def test_on_the_additive_scale_a_linear_model_has_none(made):
    got = joint_effect(made(LogisticRegression(max_iter=300)), features=["age", "city"], additive=True)
    assert np.abs(got.frame().beyond).max() < 1e-9
    assert got.scale.startswith("log-odds")


def test_refusals_and_stop(made):
    ev = made(LogisticRegression(max_iter=300))
    for wrong in (["age"], ["age", "age"], ["age", "pay", "city"]):
        with pytest.raises(InputError, match="Expected two different columns"):
            joint_effect(ev, features=wrong)
    with pytest.raises(InputError, match="Did you mean 'city'"):
        joint_effect(ev, features=["cty", "age"])
    with pytest.raises(InputError, match="method"):
        joint_effect(ev, features=["city", "age"], method="ale")
    with pytest.raises(InputError, match="Expected rows of at least two"):
        joint_effect(ev, rows=1)
    with pytest.raises(NotApplicable, match="'city' has one value only"):
        joint_effect(ev.where("city = 'Oslo'"), features=["city", "age"])
    with pytest.raises(NotApplicable, match="no row has a value of both 'pay' and 'job'"):
        joint_effect(ev.where("pay IS NULL OR job IS NULL"), features=["pay", "job"])
    with pytest.raises(NotApplicable, match="there is no model here"):
        joint_effect(Evaluation.from_predictions([0, 1], prediction=[0, 1]))

    def stop(share, what):
        raise Stopped("stop")

    for method in (STEPS, "partial_dependence"):
        with pytest.raises(Stopped):
            joint_effect(ev, features=["age", "city"], method=method, progress=stop)
