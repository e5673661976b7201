"""Differences of Shapley values between a cohort and the rest: by hand, additive, and with intervals that hold their level."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB

import modelglass as mg
from modelglass.analysis.errors import InputError, NotApplicable, Stopped
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.registry import get, run
from modelglass.analysis.result import result_json
from modelglass.explainers import shapley_difference, shapley_values


def linear(n=600, seed=0, **more):
    """y = 2a - b exactly; the cohort (g = 1) has a larger by 1."""
    rng = np.random.default_rng(seed)
    g = (np.arange(n) % 3 == 0).astype(int)
    frame = pd.DataFrame({"a": rng.normal(size=n) + g, "b": rng.normal(size=n), "g": g, **more})
    frame["y"] = 2 * frame.a - frame.b
    model = LinearRegression().fit(frame[["a", "b"]], frame.y)
    return frame, model


def test_a_linear_model_by_hand():
    frame, model = linear()
    found = shapley_difference(Evaluation(model, frame, target="y").where("g = 1"))
    here, there = frame[frame.g == 1], frame[frame.g == 0]
    table = found.of("mean").set_index("feature")
    assert table.estimate["a"] == pytest.approx(2 * (here.a.mean() - there.a.mean()))
    assert table.estimate["b"] == pytest.approx(-(here.b.mean() - there.b.mean()))
    welch = stats.ttest_ind(2 * here.a, 2 * there.a, equal_var=False).confidence_interval(0.95)
    assert table.low["a"] == pytest.approx(welch.low, abs=0.02)  # corrected for skewness, so not the same
    assert table.high["a"] == pytest.approx(welch.high, abs=0.02)
    assert table.p_adjusted["a"] < 1e-6
    assert table.n.tolist() == [200, 200]
    assert table.n_there.tolist() == [400, 400]
    size = found.of("mean absolute").set_index("feature")
    middle = frame.a.mean()
    expected = 2 * (np.abs(here.a - middle).mean() - np.abs(there.a - middle).mean())
    assert size.estimate["a"] == pytest.approx(expected)
    total = found.totals.iloc[0]
    assert total.estimate == pytest.approx(here.y.mean() - there.y.mean())
    assert "a +" in found.sentence()
    assert "higher over 200 rows here than over 400 rows of the rest" in found.sentence()


@pytest.mark.parametrize(
    ("final", "target"),
    [
        (HistGradientBoostingClassifier(max_iter=10), "y"),
        (RandomForestClassifier(5, max_depth=4, random_state=0), "y3"),
        (LogisticRegression(max_iter=500), "y3"),
        (LinearRegression(), "amount"),
        (GaussianNB(), "y"),
    ],
    ids=lambda v: v if isinstance(v, str) else type(v).__name__,
)
def test_differences_add_up_and_equal_those_of_shapley_values(final, target, made):
    ev = made(final, target)
    cohort, rest = ev.where("city = 'Oslo'"), ev.where("city <> 'Oslo'")
    settings = {"rows": 30, "background": 10} if isinstance(final, GaussianNB) else {"rows": 5_000}
    found = shapley_difference(cohort, **settings)
    mean = found.of("mean")
    sums = mean.groupby("group", sort=False).estimate.sum()
    for row in found.totals.itertuples():
        assert sums[row.group] == pytest.approx(row.estimate, abs=1e-6 * max(1, abs(row.here)))
    assert found.additivity_gap < 1e-5 * max(1.0, found.totals.here.abs().max())
    one, two = (shapley_values(e, **settings) for e in (cohort, rest))
    np.testing.assert_allclose(
        mean.set_index(["feature", "group"]).estimate.loc[[(f, g) for f in one.features for g in one.groups]],
        (one.values.mean(axis=0) - two.values.mean(axis=0)).ravel(),
        atol=1e-9,
    )
    assert found.method == one.method
    assert found.source.condition == "city = 'Oslo'"
    mg.figure(found).to_json()
    assert result_json("shapley_difference", found)["frame"]["columns"][0] == "feature"


def test_a_weight_of_two_is_the_row_twice():
    frame, model = linear()
    weight = np.random.default_rng(1).integers(1, 3, len(frame))
    weighed = shapley_difference(Evaluation(model, frame.assign(w=weight), target="y", weight="w").where("g = 1"))
    twice = frame.loc[np.repeat(frame.index, weight)].reset_index(drop=True)
    plain = shapley_difference(Evaluation(model, twice, target="y").where("g = 1"))
    columns = ["here", "there", "estimate"]  # sizes depend on the background, which is drawn
    by_weight, by_row = (f.of("mean").set_index("feature").loc[["a", "b"]] for f in (weighed, plain))
    np.testing.assert_allclose(by_weight.estimate, by_row.estimate, atol=1e-9)
    trees = RandomForestClassifier(3, max_depth=3, random_state=0).fit(frame[["a", "b"]], frame.y > 0)
    marked, doubled = (f.assign(y=f.y > 0) for f in (frame.assign(w=weight), twice))
    one = shapley_difference(Evaluation(trees, marked, target="y", weight="w").where("g = 1"), rows=5_000)
    two = shapley_difference(Evaluation(trees, doubled, target="y").where("g = 1"), rows=5_000)
    np.testing.assert_allclose(one.frame()[columns], two.frame()[columns], atol=1e-9)
    one = shapley_difference(Evaluation(model, frame.assign(w=1.0), target="y", weight="w").where("g = 1"))
    pd.testing.assert_frame_equal(
        one.frame(), shapley_difference(Evaluation(model, frame, target="y").where("g = 1")).frame()
    )


def test_clusters_widen_as_rows_alike_do_and_may_lie_on_both_sides():
    frame, model = linear(1_200)
    frame = frame.loc[np.repeat(frame.index, 2)].reset_index(drop=True)
    frame["c"] = np.arange(len(frame)) // 2
    plain = shapley_difference(Evaluation(model, frame, target="y").where("g = 1"), rows=10_000).frame()
    apart = shapley_difference(Evaluation(model, frame, target="y", cluster="c").where("g = 1"), rows=10_000).frame()
    width = (apart.high - apart.low) / (plain.high - plain.low)
    np.testing.assert_allclose(width, np.sqrt(2), rtol=0.03)
    frame["c"] = np.arange(len(frame)) // 6 % 300  # rows of both sides in each cluster, and unlike each other
    across = shapley_difference(Evaluation(model, frame, target="y", cluster="c").where("g = 1"), rows=10_000).frame()
    np.testing.assert_allclose(across.estimate, plain.estimate, atol=1e-9)
    assert across.low.notna().all()


def test_order_of_rows_does_not_matter_where_all_are_used():
    frame, model = linear()
    one = shapley_difference(Evaluation(model, frame, target="y").where("g = 1")).frame()
    mixed = frame.sample(frac=1, random_state=3).reset_index(drop=True)
    pd.testing.assert_frame_equal(
        shapley_difference(Evaluation(model, mixed, target="y").where("g = 1")).frame(), one, rtol=1e-9
    )


def test_another_cohort_or_other_data_can_be_the_other_side():
    frame, model = linear()
    ev = Evaluation(model, frame, target="y", train=frame.assign(a=frame.a + 3, y=frame.y + 6))
    cohort = ev.where("g = 1")
    by_sql, by_ev = shapley_difference(cohort, "a > 1"), shapley_difference(cohort, ev.where("a > 1"))
    pd.testing.assert_frame_equal(by_sql.frame(), by_ev.frame())
    assert by_sql.compared == "the other cohort"
    assert by_sql.of("mean").set_index("feature").estimate["a"] < 0
    train = shapley_difference(cohort, ev.on("train"))
    assert train.compared == "the other data"
    # one background for both: the difference is that of the columns, not of two averages
    shift = train.of("mean").set_index("feature").estimate["a"]
    assert shift == pytest.approx(2 * (frame.a[frame.g == 1].mean() - frame.a.mean() - 3))
    assert shapley_difference(cohort, " ").compared == "the rest"


def test_rows_on_both_sides_are_not_taken_for_two():
    frame, model = linear(3_000)
    ev = Evaluation(model, frame, target="y")
    nested = shapley_difference(ev.where("b > -10 AND g = 0"), ev.where("g = 0 AND a > -1.5"), rows=10_000)
    row = nested.of("mean").set_index("feature").loc["b"]
    apart = np.sqrt(2 / 2_000)  # standard error if the two sides were independent
    assert (row.high - row.low) / 4 < 0.5 * apart


def test_few_rows_get_no_interval_and_one_row_is_said():
    frame, model = linear()
    ev = Evaluation(model, frame, target="y")
    few = shapley_difference(ev.where("g = 1"), rows=99)
    assert few.frame().low.isna().all()
    assert few.frame().p_adjusted.isna().all()
    assert "no intervals, because one side has 99 rows, and at least 100 are needed" in few.sentence()
    one = shapley_difference(ev.take([5]))
    assert one.frame().estimate.notna().all()
    assert "1 row here" in one.sentence()
    mg.figure(one).to_json()


def test_a_stated_sample_and_its_seed():
    frame, model = linear(6_000)
    ev = Evaluation(model, frame, target="y")
    found = shapley_difference(ev.where("g = 1"))
    assert (found.settings["rows"], found.settings["rows_there"]) == (1_000, 1_000)
    assert found.source.sample == 1_000
    assert found.other.sample == 1_000
    again = shapley_difference(ev.where("g = 1"))
    pd.testing.assert_frame_equal(found.frame(), again.frame())


def test_progress_tells_and_stops(made):
    told = []
    cohort = made(GaussianNB()).where("city = 'Oslo'")
    shapley_difference(cohort, rows=10, background=5, progress=lambda share, what: told.append(share))
    assert told == sorted(told)
    assert told[-1] == 1.0

    def stop(share, what):
        raise Stopped("stop")

    with pytest.raises(Stopped):
        shapley_difference(cohort, rows=10, background=5, progress=stop)


def test_refusals(made):
    frame, model = linear()
    ev = Evaluation(model, frame, target="y")
    with pytest.raises(NotApplicable, match="no cohort is set"):
        shapley_difference(ev)
    assert "no cohort is set" in str(run(ev, get("shapley_difference")).reason)
    with pytest.raises(NotApplicable, match="the cohort holds all rows"):
        shapley_difference(ev.where("g < 2"))
    with pytest.raises(NotApplicable, match="a sample of all rows"):
        shapley_difference(ev.sample(50))
    with pytest.raises(NotApplicable, match="the same rows"):
        shapley_difference(ev.where("g = 1"), "g > 0")
    with pytest.raises(InputError, match="same task, target"):
        shapley_difference(ev.where("g = 1"), made(GaussianNB()))
    other = Evaluation(LinearRegression().fit(frame[["a", "b"]], frame.y + frame.b), frame, target="y")
    with pytest.raises(InputError, match="the same model"):
        shapley_difference(ev.where("g = 1"), other)
    with pytest.raises(InputError, match="gg"):
        shapley_difference(ev.where("g = 1"), "gg = 1")
    with pytest.raises(InputError, match="level"):
        shapley_difference(ev.where("g = 1"), level=1.0)
    with pytest.raises(NotApplicable, match="there is no model here"):
        shapley_difference(Evaluation.from_predictions([0, 1, 1], prediction=[0, 1, 0], frame=frame[:3]).where("a > 0"))


def test_the_rest_of_a_sampled_cohort_leaves_out_the_cohort():
    frame, model = linear()
    found = shapley_difference(Evaluation(model, frame, target="y").where("g = 1").sample(120))
    assert (found.settings["rows"], found.settings["rows_there"]) == (120, 400)
