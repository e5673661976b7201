"""The quantile a model was trained for is read from its loss, however deep it lies; and the model is held to it, not to means."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.linear_model import LinearRegression, QuantileRegressor
from sklearn.metrics import mean_pinball_loss
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from modelglass.analysis import discovery_find, fairness_find, interval_coverage_find
from modelglass.analysis.baselines import baselines
from modelglass.analysis.calibration_find import find_bias
from modelglass.analysis.contrast import contrast
from modelglass.analysis.discovery import find_slices
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.fairness import fairness
from modelglass.analysis.figures import figure
from modelglass.analysis.finding import Budget
from modelglass.analysis.findings import findings
from modelglass.analysis.interval_coverage import interval_coverage
from modelglass.analysis.models.loading import load_model
from modelglass.analysis.performance import performance
from modelglass.analysis.predictions import predictions
from modelglass.analysis.residuals import measure, residuals
from modelglass.analysis.slices import slice_metrics
from modelglass.analysis.train_test_gap import train_test_gap
from modelglass.explainers import permutation_importance


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(3)
    X = pd.DataFrame({"a": rng.normal(size=400), "b": rng.random(400)})
    return X, (5 + X.a + rng.gamma(2.0, size=400)).clip(0.1)


def hist(**settings):
    return HistGradientBoostingRegressor(loss="quantile", quantile=0.9, max_iter=10, **settings)


LINE = QuantileRegressor(quantile=0.9, alpha=0.0)


def turned(func, inverse, inner=LINE):
    return TransformedTargetRegressor(inner, func=func, inverse_func=inverse, check_inverse=False)


MODELS = {
    "hist": (hist(), 0.9),
    "boosting": (GradientBoostingRegressor(loss="quantile", alpha=0.25, n_estimators=10), 0.25),
    "line": (LINE, 0.9),
    "the line's own default": (QuantileRegressor(alpha=0.0), 0.5),
    "pipeline": (make_pipeline(StandardScaler(), hist()), 0.9),
    "search": (GridSearchCV(hist(), {"max_depth": [2]}, cv=2), 0.9),
    "search of a pipeline": (
        GridSearchCV(make_pipeline(StandardScaler(), hist()), {"histgradientboostingregressor__max_depth": [2]}, cv=2),
        0.9,
    ),
    "stack": (StackingRegressor([("line", LinearRegression())], final_estimator=LINE, cv=2), 0.9),
    "logarithm of the target": (turned(np.log, np.exp), 0.9),
    "scaled target": (TransformedTargetRegressor(LINE, transformer=StandardScaler()), 0.9),
    "ranked target": (TransformedTargetRegressor(LINE, transformer=QuantileTransformer(n_quantiles=50)), 0.9),
    "negated target": (turned(np.negative, np.negative), 0.1),
    "reciprocal target": (turned(np.reciprocal, np.reciprocal), 0.1),
    "twice turned": (make_pipeline(StandardScaler(), turned(np.negative, np.negative, turned(np.negative, np.negative))), 0.9),
    "neither rises nor falls": (turned(lambda v: np.abs(v - 6), lambda v: v + 6), None),
    "other loss": (HistGradientBoostingRegressor(loss="absolute_error", max_iter=10), None),
    "mean of a quantile and a line": (VotingRegressor([("q", LINE), ("m", LinearRegression())]), None),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_the_quantile_is_read_from_the_loss(name, rows):
    X, y = rows
    model, aim = MODELS[name]
    ev = Evaluation(model.fit(X, y), X.assign(y=y), target="y")
    assert ev.aim == aim
    assert list(ev.quantiles) == ([] if aim is None else [aim])
    told = [n.text for n in ev.notes if "was trained for" in n.text]
    assert len(told) == (aim is not None)
    if aim is not None:
        np.testing.assert_array_equal(ev.quantiles[aim], model.predict(X))
        came = float((y <= ev.predicted + 1e-9).mean())  # on the rows it was fitted on, so near its promise
        assert came == pytest.approx(aim, abs=0.06)


def test_a_transformation_that_cannot_be_tried_tells_nothing(rows):
    X, y = rows
    model = turned(np.log, np.exp).fit(X, y)
    model.transformer_.func = {}.__getitem__  # raises whatever it is given
    assert Evaluation(model, X.assign(y=y), target="y").aim is None


def test_a_cohort_is_held_against_the_rest_by_the_promise(held):
    model, frame = held
    ev = Evaluation(model, frame, target="y")
    found = contrast(ev.where("kind = 'x'"))
    row, under, x = found.of("quantile_gap"), frame.y <= ev.predicted, frame.kind == "x"
    assert (row.here, row.there) == pytest.approx((0.9 - under[x].mean(), 0.9 - under[~x].mean()))
    assert "(predictions too low) against" in found.sentence()
    assert "bias" not in set(found.table.metric)


def boosted(kind, share):
    library = pytest.importorskip(kind)
    if kind == "xgboost":
        return library.XGBRegressor(
            objective="reg:quantileerror", quantile_alpha=share, n_estimators=20, max_depth=2, n_jobs=1
        )
    if kind == "lightgbm":
        return library.LGBMRegressor(objective="quantile", alpha=share, n_estimators=20, verbose=-1, n_jobs=1)
    loss = f"Quantile:alpha={share}"
    return library.CatBoostRegressor(loss_function=loss, iterations=20, depth=2, verbose=0, allow_writing_files=False)


@pytest.mark.parametrize("kind", ["xgboost", "lightgbm", "catboost"])
def test_boosting_in_memory_inside_a_pipeline_and_from_its_file(kind, rows, tmp_path):
    X, y = rows
    alone = boosted(kind, 0.8).fit(X, y)
    path = tmp_path / {"xgboost": "m.ubj", "lightgbm": "m.txt", "catboost": "m.cbm"}[kind]
    getattr(alone, "booster_", alone).save_model(path)
    for model in (
        alone,
        load_model(path),
        make_pipeline(StandardScaler(), boosted(kind, 0.8)).fit(X, y),
    ):
        ev = Evaluation(model, X.assign(y=y), target="y")
        assert (ev.aim, list(ev.quantiles)) == (0.8, [0.8])
    fell = turned(np.negative, np.negative, boosted(kind, 0.8)).fit(X, y)
    assert Evaluation(fell, X.assign(y=y), target="y").aim == pytest.approx(0.2)


def test_several_quantiles_of_a_target_that_was_turned(rows):
    xgboost = pytest.importorskip("xgboost")
    X, y = rows
    inner = xgboost.XGBRegressor(
        objective="reg:quantileerror", quantile_alpha=[0.1, 0.5, 0.8], n_estimators=5, n_jobs=1
    )
    ev = Evaluation(turned(np.negative, np.negative, inner).fit(X, y), X.assign(y=y), target="y")
    assert list(ev.quantiles) == [0.2, 0.5, 0.9]
    assert ev.aim == 0.5
    np.testing.assert_array_equal(ev.quantiles[0.9], ev.model.whole.estimator.predict(X)[:, 0])
    assert ev.quantiles[0.9].mean() > ev.quantiles[0.2].mean()
    chosen = Evaluation(ev.model.whole.estimator, X.assign(y=y), target="y", output_column="0.9")
    assert chosen.aim == 0.9


def test_outputs_of_other_targets_are_no_quantiles_of_this_one(rows):
    X, y = rows
    model = MultiOutputRegressor(LINE).fit(X, np.column_stack([y, -y]))
    ev = Evaluation(model, X.assign(y=y), target="y", output_column=0)
    assert not ev.quantiles


@pytest.fixture(scope="module")
def held(rows):
    X, y = rows
    frame = X.assign(
        y=y, kind=np.where(np.arange(400) % 4 == 0, "x", "z"), w=1.0 + np.arange(400) % 3, g=np.arange(400) // 2
    )
    frame.loc[frame.kind == "x", "y"] += 2.0
    return hist().fit(X[200:], y[200:]), frame


@pytest.mark.parametrize("roles", [{}, {"weight": "w"}, {"weight": "w", "cluster": "g"}])
def test_the_share_below_is_told_overall_and_by_slice(held, roles):
    model, frame = held
    ev = Evaluation(model, frame, target="y", **roles)
    found = interval_coverage(ev, by="kind")
    under, w = (frame.y <= model.predict(frame[["a", "b"]])).to_numpy(), frame.w.to_numpy() if roles else np.ones(400)
    x = (frame.kind == "x").to_numpy()
    table = found.table.set_index("group")
    for group, mine in (("all rows", np.ones(400, bool)), ("x", x), ("z", ~x)):
        assert table.estimate[group] == pytest.approx(np.average(under[mine], weights=w[mine]))
        assert table.low[group] < table.estimate[group] < table.high[group]
    assert found.sentence().startswith("The model predicts the 0.9 quantile: ")
    assert "lie at or below its prediction, where 90.0% is promised" in found.sentence()
    assert "By kind it is farthest off for x" in found.sentence()
    cohort = interval_coverage(ev.where("kind = 'x'"))
    assert cohort.table.estimate[0] == pytest.approx(table.estimate["x"])


def test_given_quantiles_stand_beside_its_own(held):
    model, frame = held
    low = frame.y - 1
    ev = Evaluation(model, frame, target="y", quantiles={0.05: low.to_numpy(), 0.95: (frame.y + 1).to_numpy()})
    assert (list(ev.quantiles), ev.aim) == ([0.05, 0.9, 0.95], 0.9)
    given = Evaluation.from_predictions(frame.y, prediction=low, frame=frame.assign(low=low), quantiles={0.1: "low"})
    assert given.aim == 0.1  # what was predicted is the quantile itself
    other = Evaluation.from_predictions(frame.y, prediction=low, quantiles={0.1: low - 1})
    assert other.aim is None


def test_training_data_and_a_baseline_have_their_own_promises(held):
    model, frame = held
    median = QuantileRegressor(alpha=0.0).fit(frame[["a", "b"]], frame.y)
    ev = Evaluation(model, frame[:200], target="y", train=frame[200:], baseline=median)
    assert (ev.on("train").aim, ev.of_baseline().aim) == (0.9, 0.5)
    np.testing.assert_array_equal(ev.on("train").quantiles[0.9], model.predict(frame[["a", "b"]][200:]))
    np.testing.assert_array_equal(ev.of_baseline().quantiles[0.5], median.predict(frame[["a", "b"]][:200]))
    mean = Evaluation(model, frame, target="y", baseline=LinearRegression().fit(frame[["a", "b"]], frame.y))
    assert (mean.of_baseline().aim, dict(mean.of_baseline().quantiles)) == (None, {})


def test_a_quantile_above_the_mean_is_not_called_biased(held):
    model, frame = held
    ev = Evaluation(model, frame, target="y")
    said = residuals(ev).sentence()
    assert "overestimates" not in said
    under = (frame.y <= ev.predicted).mean()
    assert said.startswith(f"The model predicts the 0.9 quantile, not the mean: {under:.1%} (")
    assert "The model predicts the 0.9 quantile, not the mean" in performance(ev).sentence()
    with pytest.raises(NotApplicable, match=r"predicts the 0\.9 quantile and not the mean"):
        find_bias(ev, Budget(5))
    assert baselines(ev, metrics=["mae"]).settings["metrics"] == ["mae"]
    median = Evaluation(QuantileRegressor(alpha=0.0).fit(frame[["a", "b"]], frame.y), frame, target="y")
    assert baselines(median).settings["metrics"] == ["mae"]


def test_a_model_of_a_quantile_is_judged_by_its_own_loss_where_nobody_chose(held):
    """Not by R² and RMSE, which judge means."""
    model, frame = held
    ev = Evaluation(model, frame, target="y", train=frame[:200])
    loss = mean_pinball_loss(frame.y, ev.predicted, alpha=0.9)
    told = performance(ev)
    assert list(told.frame().metric) == ["pinball_loss", "mae", "median_absolute_error"]
    assert told.sentence().startswith("Pinball loss ")
    assert told.value("pinball_loss") == pytest.approx(loss, rel=1e-12)
    by_kind = slice_metrics(ev, by="kind").frame().query("metric == 'pinball_loss'").set_index("slice").estimate
    for kind in by_kind.index.drop("(all rows)"):
        at = frame.kind == kind
        assert by_kind[kind] == pytest.approx(mean_pinball_loss(frame.y[at], ev.predicted[at], alpha=0.9), rel=1e-12)
    assert permutation_importance(ev, n_repeats=2).metric == "pinball_loss"
    assert find_slices(ev).settings["metric"] == "pinball_loss"
    assert train_test_gap(ev).main == "pinball_loss"
    assert set(fairness(ev, groups=["kind"]).frame().metric) == {"pinball_loss", "mae"}
    seen = predictions(ev)
    share = np.mean(frame.y <= ev.predicted)
    assert seen.summary.at_or_below[0] == pytest.approx(share, rel=1e-12)
    assert seen.sentence().startswith(f"The model predicts the 0.9 quantile: {share:.1%} (")
    assert "R²" not in seen.sentence()
    assert figure(seen).data
    compared = contrast(ev.where("kind = 'x'")).frame()
    assert "pinball_loss" in set(compared.metric)
    assert "r2" not in set(compared.metric)
    median = Evaluation(QuantileRegressor(alpha=0.0).fit(frame[["a", "b"]], frame.y), frame, target="y")
    assert permutation_importance(median, n_repeats=2).metric == "mae"


def test_bins_of_residuals_are_off_where_the_promise_is():
    rng = np.random.default_rng(5)
    code, y = np.repeat([0, 1], 500), rng.random(1000)
    found = measure(y, np.where(code == 0, 0.9, 0.7), codes=code, labels=["kept", "broken"], values=code, aim=0.9)
    assert found.bins.at_or_below.tolist() == [np.mean(y[:500] <= 0.9), np.mean(y[500:] <= 0.7)]
    assert found.bins.clear.tolist() == [False, True]
    assert (
        f"1 of 2 bins are clearly off, most broken: {np.mean(y[500:] <= 0.7):.1%} of 500 rows lie at or below it."
        in found.sentence()
    )
    mean = measure(y, np.where(code == 0, 0.9, 0.7), codes=code, labels=["kept", "broken"], values=code)
    assert mean.bins.clear.all()  # as means both are far off


def test_a_right_quantile_that_many_outcomes_equal_is_not_called_too_high():
    """Of a target that is 0 in 80 % of rows the median is 0, and 80 % lie at or below it."""
    rng = np.random.default_rng(1)
    y = np.where(rng.random(1000) < 0.8, 0.0, rng.random(1000))
    ev = Evaluation.from_predictions(y, prediction=np.zeros(1000), quantiles={0.5: np.zeros(1000)}, task="regression")
    assert ev.aim == 0.5
    found = interval_coverage(ev)
    assert found.table.estimate[0] == np.mean(y == 0)
    assert not found.table.clear.any()
    assert found.table.equal[0] == np.mean(y == 0)
    assert found.sentence().endswith(f"where 50.0% is promised: {np.mean(y == 0):.1%} equal it, as a right one allows.")
    assert not residuals(ev).bins.clear.any()
    notes = findings(ev, budget=10).looked.set_index("analysis").note
    assert f"{np.mean(y == 0):.1%} of outcomes equal the predicted quantile" in notes["find_slices"]
    higher = Evaluation.from_predictions(y, prediction=np.full(1000, 0.01), quantiles={0.5: np.full(1000, 0.01)})
    assert interval_coverage(higher).table.clear.all()


def test_findings_tell_of_promises_and_not_of_means():
    rng = np.random.default_rng(0)
    n = 4000
    X = pd.DataFrame({"a": rng.normal(size=n), "b": rng.random(n)})
    kind = rng.choice(["x", "y", "z"], n)
    y = X.a + rng.gamma(2.0, size=n)
    model = hist(max_depth=3, min_samples_leaf=200).fit(X, y)
    frame = X.assign(kind=kind, y=y)
    quiet = findings(Evaluation(model, frame, target="y"), budget=20)
    assert not [f for f in quiet.found if f.severity == "high"]
    frame.loc[frame.kind == "x", "y"] += 1.5
    told = findings(Evaluation(model, frame, target="y"), budget=20)
    first = told.found[0]
    assert (first.severity, first.evidence) == ("high", "interval_coverage")
    assert "\"kind\" = 'x'" in first.where
    assert "at or below the prediction" in first.sentence
    assert {f.kind for f in told.found} <= {"weak_slice", "disparity", "broken_promise", "no_better_than_simple"}
    everywhere = findings(Evaluation(model, frame.assign(y=frame.y + 3), target="y"), budget=20)
    assert "broken_promise" in {f.kind for f in everywhere.found}
    assert not [f for f in everywhere.found if f.kind == "biased"]
    simple = [
        f for f in everywhere.found if f.kind == "no_better_than_simple"
    ]  # all outcomes lie 3 higher, so it is worse
    assert simple
    assert all(f.sentence.startswith("By pinball loss the model") for f in simple)


def test_a_promise_that_holds_everywhere_is_seldom_called_broken():
    """Simulation: right quantiles of a spread that differs by group and number; of 150 tables 4 had a finding, at a level of 5 %."""
    called = 0
    for seed in range(24):
        rng, n, share = np.random.default_rng(seed), 1500, (0.1, 0.5, 0.9)[seed % 3]
        frame = pd.DataFrame(
            {"k": rng.choice(list("abcd"), n), "t": rng.choice(list("xyz"), n), "u": rng.normal(size=n)}
        )
        spread = (1 + (frame.k == "a") + frame.u.abs()).to_numpy()
        right = spread * stats.t.ppf(share, 4)
        ev = Evaluation.from_predictions(
            spread * rng.standard_t(4, size=n), prediction=right, quantiles={share: right}, frame=frame
        )
        for find in (discovery_find.find, fairness_find.find, interval_coverage_find.find):
            called += any(not f.p_adjusted > 0.05 for f in find(ev, Budget(30)))
    assert called <= 4
