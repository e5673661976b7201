"""Partial dependence against scikit-learn's brute force, on the same grid and rows."""

import numpy as np
import pandas as pd
import pytest
from sklearn import inspection
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

from modelglass.analysis.errors import InputError, NotApplicable, Stopped
from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import individual_conditional_expectation, partial_dependence


@pytest.mark.parametrize(
    ("final", "target"),
    [
        (LogisticRegression(max_iter=300), "y"),
        (HistGradientBoostingClassifier(max_iter=15), "y"),
        (RandomForestClassifier(10, random_state=0), "y3"),
        (LinearRegression(), "amount"),
    ],
    ids=lambda v: v if isinstance(v, str) else type(v).__name__,
)
@pytest.mark.parametrize("feature", ["age", "pay", "city", "member"])
def test_equals_scikit_learns_brute_force(made, final, target, feature):
    ev = made(final, target)
    got = partial_dependence(ev, features=feature, grid=12, rows=None, ice=400)
    curve = got.frame()[got.frame().group == got.groups[-1]]
    values = np.array(list(curve.value))
    X = ev.inputs().astype({"age": float}) if feature == "age" else ev.inputs()
    theirs = inspection.partial_dependence(
        ev.estimator, X, [feature], method="brute", kind="both", custom_values={feature: values}
    )
    average = np.atleast_2d(theirs["average"])
    np.testing.assert_allclose(curve.estimate, average[-1], atol=1e-9)
    lines = got.lines[got.lines.group == got.groups[-1]].output.to_numpy().reshape(400, len(values))
    np.testing.assert_allclose(lines, theirs["individual"][-1], atol=1e-9)
    if target == "y3":
        assert got.groups == ("low", "mid", "top")
        assert len(got.frame()) == 3 * len(values)


def test_grid_holds_values_that_occur_with_their_type(made):
    ev = made(LogisticRegression(max_iter=300))
    got = partial_dependence(ev, features=["age", "pay", "job", "member"], grid=7)
    values = {f: list(c.value) for f, c in got.frame().groupby("feature")}
    assert set(values["age"]) <= set(ev.frame.age)
    assert all(isinstance(v, (int, np.integer)) for v in values["age"])
    assert values["age"] == sorted(values["age"])
    assert len(values["age"]) == 7
    assert set(values["pay"]) <= set(ev.frame.pay.dropna())
    assert pd.isna(values["job"][-1])
    assert values["job"][:-1] == list(ev.frame.job.value_counts().index)
    assert values["member"] == [False, True]
    assert got.kinds == {"age": "ordered", "pay": "ordered", "job": "levels", "member": "levels"}
    density = got.density[got.density.feature == "job"]
    assert density.n.tolist() == [*ev.frame.job.value_counts(), ev.frame.job.isna().sum()]


def test_a_column_of_mostly_one_value_still_gets_a_grid():
    X = pd.DataFrame({"gain": np.r_[np.zeros(950), np.arange(1, 51) * 100.0]})
    ev = Evaluation(LinearRegression().fit(X, X.gain), X.assign(t=X.gain), target="t")
    values = partial_dependence(ev, features="gain", grid=20).frame().value
    assert len(values) > 12
    assert values.max() == 5000


def test_interval_and_weights(made):
    ev = made(LogisticRegression(max_iter=300))
    frame = ev.frame.assign(w=np.where(ev.frame.city == "Oslo", 2.0, 0.0))
    weighted = Evaluation(ev.estimator, frame, target="y", weight="w", ignore=["y3", "amount"])
    got = partial_dependence(weighted, features="member", rows=None).frame()
    oslo = ev.inputs()[ev.frame.city == "Oslo"]
    answers = ev.output(oslo.assign(member=False))
    assert got.estimate[0] == pytest.approx(answers.mean())
    half = 1.96 * answers.std(ddof=1) / np.sqrt(len(oslo))
    assert (got.high[0] - got.low[0]) / 2 == pytest.approx(half, rel=0.05)


def test_no_interval_of_a_probability_leaves_0_to_1():
    """One row of 400 carries the mean: its interval reached below 0, and above 1 for the other class."""
    frame = pd.DataFrame({"a": np.arange(400.0), "b": np.r_[9.0, np.full(399, -9.0)]})
    model = LogisticRegression()
    model.classes_, model.coef_, model.intercept_ = np.array([0, 1]), np.array([[0.0, 3.0]]), np.zeros(1)
    model.n_features_in_, model.feature_names_in_ = 2, np.array(["a", "b"], dtype=object)
    frame["y"] = np.arange(400) % 2
    for positive in (0, 1):
        ev = Evaluation(model, frame, target="y", positive=positive)
        got = partial_dependence(ev, features="a", rows=None, grid=3).frame()
        assert ((got.low >= 0) & (got.high <= 1) & (got.low < got.estimate) & (got.estimate < got.high)).all()
        assert (got.low.eq(0) if positive else got.high.eq(1)).all()


def test_the_columns_that_matter_are_chosen_and_said(made):
    got = partial_dependence(made(LogisticRegression(max_iter=300)), rows=100, ice=5)
    assert len(set(got.frame().feature)) == 4
    assert "the 4 columns that move it most" in got.sentence()
    assert got.lines.row.nunique() == 5
    assert got.source.sample == 100


def test_centred_lines_start_at_nothing(made):
    ev = made(HistGradientBoostingClassifier(max_iter=15))
    plain = individual_conditional_expectation(ev, features="age", ice=20)
    centred = individual_conditional_expectation(ev, features="age", ice=20, centred=True)
    start = plain.frame().groupby("row", sort=False).output.transform("first")
    np.testing.assert_allclose(centred.frame().output, plain.frame().output - start)
    assert plain.frame().row.nunique() == plain.source.sample == 20
    assert "lines start at 0" in centred.sentence()


def test_dates_are_ordered():
    when = pd.date_range("2024-01-01", periods=200).to_series(index=range(200))

    class Days:
        feature_names_in_ = np.array(["when"], dtype=object)

        def predict(self, X):
            return (X["when"] - pd.Timestamp("2024-01-01")).dt.days.to_numpy(dtype=float)

    from modelglass.analysis.models.base import Model

    class Own(Model):
        def __init__(self):
            super().__init__(Days())
            self.task, self.feature_names = "regression", ("when",)

        def predict(self, X):
            return self.estimator.predict(X)

        def scores(self, X):
            return None

    ev = Evaluation(Own(), pd.DataFrame({"when": when, "t": np.arange(200.0)}), target="t")
    got = partial_dependence(ev, features="when", grid=5)
    assert got.frame().estimate.tolist() == [(v - pd.Timestamp("2024-01-01")).days for v in got.frame().value]
    assert got.density.n.sum() > 190


def test_refusals_and_stop(made):
    ev = made(LogisticRegression(max_iter=300))
    with pytest.raises(InputError, match="Did you mean 'city'"):
        partial_dependence(ev, features="cty")
    with pytest.raises(InputError, match="Expected a grid of at least two values"):
        partial_dependence(ev, features="city", grid=1)
    with pytest.raises(NotApplicable, match="there is no model here"):
        partial_dependence(Evaluation.from_predictions([0, 1], prediction=[0, 1]))

    def stop(share, what):
        raise Stopped("stop")

    for door in (partial_dependence, individual_conditional_expectation):
        with pytest.raises(Stopped):
            door(ev, progress=stop)
