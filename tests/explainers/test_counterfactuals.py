"""Counterfactuals of one row: they change the answer, keep the constraints, differ, and the cheapest is the closed form."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

import modelglass as mg
from modelglass.analysis.changed_answers import Answers
from modelglass.analysis.constraints import constraints
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import counterfactuals


def people(classes=2, n=300):
    rng = np.random.default_rng(1)
    X = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n),
            "pay": np.where(rng.random(n) < 0.1, np.nan, rng.lognormal(3, 1, n).round(2)),
            "school": rng.choice(["none", "primary", "higher"], n),
            "member": rng.random(n) < 0.5,
        }
    )
    value = X.age / 20 + (X.school == "higher") * 1.5 + X.member + 0.3 * rng.logistic(size=n)
    y = (
        np.where(value > 3.6, "yes", "no")
        if classes == 2
        else np.where(value > 4, "top", np.where(value > 3, "middle", "low"))
    )
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["school"]), remainder="passthrough"),
        HistGradientBoostingClassifier(max_iter=15),
    )
    return Evaluation(model.fit(X, y), X.assign(y=y), target="y")


@pytest.fixture(scope="module")
def ev():
    return people()


def applied(ev, got, way):
    row = ev.inputs().loc[[got.row]].copy()
    for one in got.changes[got.changes.way == way].itertuples():
        assert row[one.column].iloc[0] == one.before
        row[one.column] = pd.Series([one.after], index=row.index).astype(row[one.column].dtype)
    return row


def test_every_way_changes_the_answer_and_is_possible(ev):
    rules = constraints(ev, given={"columns": {"age": {"direction": "up"}}})
    for row in ev.frame.index[:3]:
        got = counterfactuals(ev, row=row, constraints=rules, budget=None, rounds=1)
        before = ev.inputs().loc[[row]]
        was = ev.predict_codes(before)[0]
        assert 1 <= len(got.ways) <= 4
        assert got.ways.cost.is_monotonic_increasing
        sets = set()
        for way in got.ways.way:
            changed = applied(ev, got, way)
            assert ev.predict_codes(changed)[0] != was
            assert rules.violations(changed, before).empty
            assert got.changes[got.changes.way == way].cost.sum() == pytest.approx(got.ways.cost[way - 1])
            sets.add(frozenset(got.changes[got.changes.way == way].column))
        assert len(sets) == len(got.ways)  # each way changes other columns
        assert f"Row {row} is" in got.sentence()
        again = counterfactuals(ev, row=row, constraints=rules, budget=None, rounds=1)
        pd.testing.assert_frame_equal(got.frame(), again.frame())


def test_the_cheapest_is_the_closed_form_of_a_linear_model():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 3)), columns=list("abc"))
    y = np.where(X.a + 2 * X.b + 0.3 * rng.logistic(size=300) > 0, "yes", "no")
    model = LogisticRegression().fit(X, y)
    ev = Evaluation(model, X.assign(y=y), target="y")
    spread = np.array([r.spread for r in constraints(ev).columns.values()])
    margin = model.decision_function(X)
    row = int(np.argsort(np.abs(margin))[60])
    got = counterfactuals(ev, row=row, budget=None)
    assert got.ways.cost[0] == pytest.approx(np.abs(margin[row]) / (np.abs(model.coef_[0]) * spread).max(), rel=2e-3)


def test_the_class_wanted_of_several():
    ev = people(3)
    row = int(ev.frame.index[np.flatnonzero(ev.predicted == list(ev.classes).index("low"))[0]])
    got = counterfactuals(ev, row=row, want="top", rounds=1, budget=None)
    assert set(got.ways.answer) == {"top"}
    with pytest.raises(NotApplicable, match="decided as low already"):
        counterfactuals(ev, row=row, want="low")
    with pytest.raises(InputError, match="tip"):
        counterfactuals(ev, row=row, want="tip")


def test_a_range_wanted_of_a_number():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(200, 2)), columns=list("ab"))
    ev = Evaluation(LinearRegression().fit(X, 3 * X.a + X.b), X.assign(y=3 * X.a + X.b), target="y")
    got = counterfactuals(ev, row=0, low=2.0, high=2.5, budget=None)
    assert got.ways.output.between(2.0, 2.5).all()
    value = ev.predicted[0]
    with pytest.raises(NotApplicable, match="in the range wanted already"):
        counterfactuals(ev, row=0, low=value - 1, high=value + 1)
    with pytest.raises(InputError, match="low to be at most high"):
        counterfactuals(ev, row=0, low=2, high=1)
    half = counterfactuals(ev, row=0, budget=None)
    assert np.abs(half.ways.output - value).min() == pytest.approx(np.std(ev.predicted) / 2, rel=1e-2)


def test_no_way_is_an_answer_and_so_is_a_picture():
    X = pd.DataFrame({"a": np.arange(60.0), "b": np.tile([0.0, 1, 2], 20)})
    y = np.where(X.a > 30, "yes", "no")
    ev = Evaluation(DecisionTreeClassifier().fit(X, y), X.assign(y=y), target="y")
    got = counterfactuals(ev, row=5, immutable="a")
    assert not len(got.ways)
    assert "No possible change was found that makes it yes" in got.sentence()
    assert not len(got.frame())
    mg.figure(got)
    with pytest.raises(NotApplicable, match="no column change"):
        counterfactuals(ev, row=5, immutable=["a", "b"])
    with pytest.raises(InputError, match=r"hold for row 5 as it is.\nIt is left out by a: below 10"):
        counterfactuals(ev, row=5, constraints={"columns": {"a": {"low": 10}}})


def test_time_over_gives_the_best_so_far(ev):
    got = counterfactuals(ev, row=0, rounds=100_000, budget=1.5)
    assert got.stopped
    assert len(got.ways)
    assert "best so far" in got.sentence()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"row": 10_000}, "10000"),
        ({"row": 0, "count": 0}, "at least one"),
        ({"row": 0, "budget": 0}, "budget"),
        ({"row": 0, "immutable": "x"}, "'x'"),
    ],
)
def test_wrong_settings_are_said(ev, wrong, said):
    with pytest.raises(InputError, match=said):
        counterfactuals(ev, **wrong)
    with pytest.raises(NotApplicable, match="only predictions"):
        counterfactuals(Evaluation.from_predictions([0, 1], prediction=[0, 1]), row=0)


def test_the_picture_holds_every_change(ev):
    got = counterfactuals(ev, row=0, budget=None, rounds=1)
    made = mg.figure(got)
    costs = [cost for cost in made.data[0].x if cost is not None]
    np.testing.assert_allclose(costs, got.changes.sort_values("way", kind="stable").cost)
    assert len(made.layout.yaxis.ticktext) == len(got.ways) + len(got.changes)


def test_few_large_questions_instead_of_many_small_ones(monkeypatch):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 20)), columns=[f"x{j}" for j in range(20)])
    y = np.where(X.x0 * X.x1 + X.x2 > 0, "yes", "no")
    ev = Evaluation(GradientBoostingClassifier(n_estimators=20).fit(X, y), X.assign(y=y), target="y")
    sizes, ask = [], Answers.ask
    monkeypatch.setattr(Answers, "ask", lambda self, places, X: (sizes.append(len(X)), ask(self, places, X))[1])
    got = counterfactuals(ev, row=0, budget=None)
    assert sum(sizes) == got.asked
    assert len(sizes) < 80
    assert sum(sizes) < 10_000
