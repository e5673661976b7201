"""Accumulated local effects against alibi's, against sums worked by hand, and their intervals."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from modelglass.analysis.errors import InputError, NotApplicable, Stopped
from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import accumulated_local_effects, joint_effect
from modelglass.explainers.accumulated_local_effects import measure, steps_of
from modelglass.explainers.effect_answers import Answers, asked
from modelglass.explainers.effect_steps import answers_at
from modelglass.explainers.level_order import by_likeness
from modelglass.explainers.rows import influence_interval, interval_of_powers
from modelglass.explainers.step_powers import powers_of


def numbers(n=700):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(n, 3))
    X[:, 1] += X[:, 0]
    X[:, 2] = rng.integers(0, 6, n)
    y = X[:, 0] * X[:, 1] + np.sin(X[:, 2]) + 0.1 * rng.normal(size=n)
    return pd.DataFrame(X, columns=list("abc")), y


@pytest.mark.alibi
@pytest.mark.filterwarnings("ignore:the `interpolation=` argument:DeprecationWarning")
@pytest.mark.parametrize("kind", ["regression", "binary", "several classes", "asked"])
def test_equals_alibi_on_the_same_grid(kind):
    ale = pytest.importorskip("alibi.explainers.ale", reason="alibi is not installed here")
    X, y = numbers()
    if kind == "regression":
        model, target = HistGradientBoostingRegressor(max_iter=20), y
    elif kind == "several classes":
        model, target = RandomForestClassifier(8, random_state=0), pd.qcut(y, 3, labels=["l", "m", "h"]).astype(str)
    else:
        model = HistGradientBoostingClassifier(max_iter=20) if kind == "binary" else KNeighborsClassifier()
        target = (y > 0).astype(int)
    ev = Evaluation(model.fit(X, target), X.assign(t=target), target="t")
    got = accumulated_local_effects(ev, features=list("abc"), grid=12, rows=None)
    predict = model.predict if kind == "regression" else model.predict_proba
    theirs = ale.ALE(lambda v: predict(pd.DataFrame(v, columns=list("abc"))))
    grids = {j: np.array(list(got.curves[got.curves.feature == c].value.unique())) for j, c in enumerate("abc")}
    them = theirs.explain(X.to_numpy(), grid_points=grids)
    for j, c in enumerate("abc"):
        np.testing.assert_allclose(them.feature_values[j], grids[j])
        for g, group in enumerate(got.groups):
            curve = got.curves[(got.curves.feature == c) & (got.curves.group == group)]
            column = -1 if kind in ("binary", "asked") else g
            np.testing.assert_allclose(curve.estimate, them.ale_values[j][:, column], atol=1e-6)


@pytest.mark.parametrize("kind", ["boosted", "forest", "levels", "linear", "additive"])
def test_a_few_points_of_each_row_are_those_of_the_whole_grid(kind):
    X, y = numbers(300)
    if kind == "levels":
        X = X.assign(c=pd.Categorical(X.c.astype(int).map(dict(enumerate("uvwxyz")))))
    model = {
        "forest": RandomForestClassifier(6, max_depth=6, random_state=0),
        "linear": LogisticRegression(),
        "levels": HistGradientBoostingClassifier(max_iter=20, categorical_features="from_dtype"),
    }.get(kind, HistGradientBoostingClassifier(max_iter=20))
    target = pd.qcut(y, 3, labels=["l", "m", "h"]).astype(str)
    ev = Evaluation(model.fit(X, target), X.assign(t=target), target="t")
    answers = Answers(ev, additive=kind == "additive")
    grids = {c: steps_of(ev, c, 9).grid for c in "abc"}
    rng = np.random.default_rng(0)
    asks = {c: (rng.integers(0, 300, 500), rng.integers(0, len(g.donors), 500)) for c, g in grids.items()}
    whole, few = answers.rows(ev, grids), answers_at(answers.way, ev, {c: g.donors for c, g in grids.items()}, asks)
    for c, (row, point) in asks.items():
        assert few[c].shape == (500, 3)
        np.testing.assert_allclose(few[c], whole[c][point, row], rtol=0, atol=1e-12)


def test_rows_are_transformed_once_and_asked_at_their_points():
    X, y = numbers(200)
    X = X.assign(c=X.c.astype(int).map(dict(enumerate("uvwxyz"))))
    coded = make_column_transformer((OneHotEncoder(sparse_output=False), ["c"]), remainder=StandardScaler())
    model = make_pipeline(coded, MLPClassifier((4,), max_iter=5, random_state=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ev = Evaluation(model.fit(X, y > 0), X.assign(t=y > 0), target="t")
    answers, grids = Answers(ev), {c: steps_of(ev, c, 9).grid for c in "abc"}
    assert answers.through is not None
    rng = np.random.default_rng(0)
    asks = {c: (rng.integers(0, 200, 300), rng.integers(0, len(g.donors), 300)) for c, g in grids.items()}
    few = answers.at(ev, grids, asks)
    for c, (row, point) in asks.items():
        np.testing.assert_allclose(few[c], asked(ev, grids[c])[point, row], rtol=0, atol=1e-12)


def test_sums_of_powers_are_those_of_the_influence_of_each_row(made):
    ev = made(LinearRegression(), "amount")
    rng = np.random.default_rng(0)
    step = np.concatenate([np.arange(7), rng.integers(0, 7, ev.n - 7)])
    stands, differences = np.column_stack([step, step + 1]), rng.exponential(size=ev.n) * (step + 1)
    curve, powers = powers_of(differences, step, 7)
    wanted, influence = measure(differences, np.arange(ev.n), step, stands)
    np.testing.assert_allclose(curve, wanted, rtol=1e-12)
    np.testing.assert_allclose(powers, [((influence * ev.n) ** p).sum(axis=0) for p in (2, 3, 4)], rtol=1e-9)
    low, high = influence_interval(ev, wanted, influence, 0.9)
    np.testing.assert_allclose(interval_of_powers(curve, powers, ev.n, 0.9)[1:], [low, high], rtol=1e-9)


def test_a_linear_model_has_straight_lines(made):
    ev = made(LinearRegression(), "amount")
    curve = accumulated_local_effects(ev, features="age", rows=None).curves
    slope = np.diff(curve.estimate) / np.diff(np.array(list(curve.value), dtype=float))
    assert np.ptp(slope) == pytest.approx(0, abs=1e-9)


def test_levels_by_hand():
    """Levels low, mid, high in this order; answers 0, 1 and 5 whatever else: steps of 1 and 4, two rows, one row and one row."""
    X = pd.DataFrame({"s": pd.Categorical(["low", "low", "mid", "high"] * 60, ["low", "mid", "high"], ordered=True)})

    def model(frame):
        return frame["s"].map({"low": 0.0, "mid": 1.0, "high": 5.0}).astype(float).to_numpy()

    ev = Evaluation(model, X.assign(t=np.arange(240.0)), target="t", task="regression", features=["s"])
    curve = accumulated_local_effects(ev, features="s", rows=None).curves
    assert curve.value.tolist() == ["low", "mid", "high"]
    assert curve.estimate.tolist() == pytest.approx([-1.5, -0.5, 3.5])  # the average row has (0 + 0 + 1 + 5) / 4
    assert curve.n.unique().tolist() == [240]


def test_steps_are_asked_only_of_rows_that_are_near():
    """Where a and b are the same, a model that goes wild far from the diagonal shows nothing of it."""
    rng = np.random.default_rng(0)
    a = rng.uniform(0, 1, 2000)
    X = pd.DataFrame({"a": a, "b": a + rng.normal(size=2000) * 0.01})

    def model(frame):
        far = np.abs(frame["a"] - frame["b"]) > 0.2
        return np.where(far, 1000.0, frame["a"])

    ev = Evaluation(model, X.assign(t=a), target="t", task="regression", features=["a", "b"])
    curves = accumulated_local_effects(ev, rows=None).curves
    b = curves[curves.feature == "b"].estimate
    assert np.abs(b).max() < 1e-9
    assert np.ptp(curves[curves.feature == "a"].estimate) == pytest.approx(np.ptp(a), rel=1e-6)


def test_missing_values_are_left_out_and_weights_of_nothing_change_nothing(made):
    ev = made(LogisticRegression(max_iter=300))
    known = ev.inputs().pay.notna()
    got = accumulated_local_effects(ev, features=["pay", "job"], rows=None).curves
    assert got[got.feature == "pay"].n.unique().tolist() == [int(known.sum())]
    assert got[got.feature == "job"].n.unique().tolist() == [int(ev.inputs().job.notna().sum())]
    one = Evaluation(ev.estimator, ev.frame.assign(w=1.0), target="y", weight="w", ignore=["y3", "amount"])
    pd.testing.assert_frame_equal(accumulated_local_effects(one, features=["pay", "job"], rows=None).curves, got)
    half = ev.frame.assign(w=np.where(np.arange(ev.n) < 300, 2.0, 0.0))
    part = Evaluation(ev.estimator, half, target="y", weight="w", ignore=["y3", "amount"])
    few = Evaluation(ev.estimator, ev.frame.iloc[:300], target="y", ignore=["y3", "amount"])
    names = {"features": ["member", "city"], "rows": None}
    a, b = accumulated_local_effects(part, **names).curves, accumulated_local_effects(few, **names).curves
    assert sorted(zip(a.value.astype(str), a.estimate.round(9))) == sorted(
        zip(b.value.astype(str), b.estimate.round(9))
    )


def test_bins_without_rows_join_the_next(made):
    ev = made(HistGradientBoostingClassifier(max_iter=10)).where("age < 25 OR age > 60")
    curve = accumulated_local_effects(ev, features="age", rows=None).curves
    ages = np.array(list(curve.value))
    assert ((ages >= 25) & (ages <= 60)).sum() <= 1
    assert np.isfinite(curve.estimate).all()


def test_levels_alike_stand_side_by_side():
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(4), 100)
    place = np.array([0.0, 6.0, 2.0, 4.0])[codes]
    others = pd.DataFrame({"x": place + rng.normal(size=400), "z": np.where(place > 3, "u", "v")})
    order = by_likeness(others, codes, np.arange(4)).tolist()
    assert order in ([0, 2, 3, 1], [1, 3, 2, 0])
    assert by_likeness(others, codes % 2, np.arange(2)).tolist() == [0, 1]


def test_several_classes_one_chosen_and_the_sentence(made):
    ev = made(HistGradientBoostingClassifier(max_iter=5), "y3")
    got = accumulated_local_effects(ev, features="age", class_="mid")
    assert got.groups == ("mid",)
    assert (
        "Against the average row, counting only steps that rows near them could take: age: probability of mid"
        in got.sentence()
    )
    every = accumulated_local_effects(ev, features="age")
    sums = every.curves.groupby("value").estimate.sum()
    np.testing.assert_allclose(sums, 0, atol=1e-9)  # probabilities sum to 1


def test_refusals_and_stop(made):
    ev = made(LogisticRegression(max_iter=300))
    with pytest.raises(InputError, match="Did you mean 'city'"):
        accumulated_local_effects(ev, features="cty")
    with pytest.raises(InputError, match="Expected rows of at least two"):
        accumulated_local_effects(ev, rows=1)
    with pytest.raises(NotApplicable, match="'city' has one value only"):
        accumulated_local_effects(ev.where("city = 'Oslo'"), features="city")

    def stop(share, what):
        raise Stopped("stop")

    with pytest.raises(Stopped):
        accumulated_local_effects(ev, features="age", progress=stop)


def test_a_column_whose_rows_all_weigh_nothing_is_left_out_and_said():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 3)), columns=list("abc"))
    X.loc[100:, "a"] = np.nan
    X["s"] = np.where(np.arange(300) < 100, "p", None)
    X.loc[:40, "s"] = "q"
    given = X.assign(t=rng.normal(size=300), w=np.where(np.arange(300) < 100, 0.0, 1.0))

    def model(frame):
        return (frame["a"].fillna(0) * frame["b"] + frame["c"] + (frame["s"] == "p")).to_numpy()

    ev = Evaluation(model, given, target="t", task="regression", features=list("abcs"), weight="w")
    for name in ("a", "s"):
        with pytest.raises(NotApplicable, match=f"all rows that have a value of '{name}' weigh 0"):
            accumulated_local_effects(ev, features=[name])
    with pytest.raises(NotApplicable, match="all rows that have a value of 'a' weigh 0"):
        joint_effect(ev, features=["a", "b"])
    got = accumulated_local_effects(ev)
    assert set(got.curves.feature) == {"b", "c"}
    assert got.settings["features"] == ["b", "c"]
    assert "without a, because all rows that have a value of 'a' weigh 0; without s, because" in got.sentence()
    assert np.isfinite(got.curves.estimate).all()
    by = accumulated_local_effects(ev.where("a IS NULL"), by="b > 0")
    assert set(by.curves.feature) == {"b", "c"}


def test_levels_beyond_the_grid_are_left_out_without_a_word_of_pandas():
    """Most frequent levels only; pandas 3 warns of values without a category, and warnings are errors here."""
    frame = pd.DataFrame({"city": np.repeat(list("abcde"), [50, 40, 30, 20, 10]), "x": np.arange(150.0)})
    frame["t"] = frame.city.map({"a": 0.0, "b": 1, "c": 3, "d": 7, "e": 20}) + frame.x
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["city"]), remainder="passthrough"),
        LinearRegression(),
    ).fit(frame[["city", "x"]], frame.t)
    curve = accumulated_local_effects(Evaluation(model, frame, target="t"), features="city", grid=3).curves
    assert sorted(curve.value) == ["a", "b", "c"]
    effect = curve.set_index("value").estimate
    np.testing.assert_allclose([effect["b"] - effect["a"], effect["c"] - effect["a"]], [1, 3])


def test_what_is_kept_does_not_outlive_coefficients_nor_changes_of_a_table():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 2)), columns=list("ab"))
    model = LinearRegression().fit(X, X.a + X.b)
    ev = Evaluation(model, X.assign(t=X.a), target="t")
    first = accumulated_local_effects(ev, features=["a"])
    first.density.loc[:, "n"] = -1
    model.coef_ = model.coef_ * 2
    second = accumulated_local_effects(ev, features=["a"])
    np.testing.assert_allclose(second.curves.estimate, 2 * first.curves.estimate, atol=1e-9)
    assert second.density.n.sum() == 300
    model.predict = lambda X: np.zeros(len(X))  # what its coefficients give is no longer its answer
    model.coef_ = model.coef_ * 2
    third = accumulated_local_effects(ev, features=["a"])
    assert third.way == "the model was asked"
    assert not third.curves.estimate.any()
