"""Rows that noise turns over: by hand, against the normal distribution, named where planted, and judged on other rows and other draws."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

import modelglass as mg
from modelglass.analysis import fragile_rows
from modelglass.analysis.errors import InputError, NotApplicable, Stopped
from modelglass.analysis.finding import Budget
from modelglass.analysis.fragile_rows import ALL, HARDEST, OTHERS, hardest, measure
from modelglass.analysis.fragile_rows_find import find
from modelglass.analysis.groups import Rows

N = 2_000


@pytest.fixture(scope="module")
def ev():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=N), "b": rng.normal(size=N), "where": rng.choice(["here", "there"], N)})
    y = np.where(X.a > 0, "yes", "no")
    model = LogisticRegression(C=100).fit(X[["a", "b"]], y)
    return mg.Evaluation(model, X.assign(y=y), target="y", positive="yes")


def rows(n, **more):
    return Rows(task="binary", y=np.zeros(n, int), predicted=np.zeros(n, int), **more)


def test_by_hand():
    changed = np.array(
        [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 1, 0]], float
    )  # even draws choose, odd ones judge
    got = measure(rows(4), changed, [], share=0.25).parts.set_index("part")
    assert got.loc[ALL, "estimate"] == 5 / 16
    assert got.loc[HARDEST, "n"] == 1
    assert (got.loc[HARDEST, "estimate"], got.loc[HARDEST, "rest"], got.loc[HARDEST, "of_all"]) == (1.0, 2 / 6, 0.5)
    assert (got.loc[OTHERS, "estimate"], got.loc[OTHERS, "share"]) == (2 / 6, 0.75)
    weighted = measure(rows(4, weight=np.array([1.0, 1, 2, 0])), changed, [], share=0.25).parts.set_index("part")
    assert weighted.loc[ALL, "estimate"] == pytest.approx((3 + 1 + 2) / 16)
    assert weighted.loc[HARDEST, "of_all"] == pytest.approx(2 / 5)


def test_the_most_fragile_are_those_nearest_to_the_share():
    assert hardest(np.array([0.0, 0.0, 0.0]), None, 0.5).tolist() == [False] * 3
    assert hardest(np.array([1.0, 1.0, 0.5, 0.0]), None, 0.1).tolist() == [True, True, False, False]
    assert hardest(np.array([1.0, 0.5, 0.5, 0.0]), None, 0.7).tolist() == [True, True, True, False]
    assert hardest(np.array([1.0, 0.5, 0.0]), np.array([8.0, 1, 1]), 0.9).tolist() == [True, True, False]


def test_shares_are_those_of_the_normal_distribution(ev):
    got = fragile_rows(ev, draws=60)
    w = ev.estimator.coef_[0]
    reach = np.hypot(*(w * 0.1 * [np.subtract(*np.quantile(ev.frame[c], [0.75, 0.25])) / 1.349 for c in "ab"]))
    chance = ndtr(-np.abs(ev.frame[["a", "b"]].to_numpy() @ w + ev.estimator.intercept_[0]) / reach)
    assert got.parts.estimate[0] == pytest.approx(chance.mean(), abs=0.002)
    assert got.parts.low[0] < chance.mean() < got.parts.high[0]
    each = got.rows.set_index("row").fragility.loc[ev.frame.index]
    assert np.abs(each.to_numpy() - chance).max() < 0.3
    assert np.corrcoef(each, chance)[0, 1] > 0.95
    assert got.rows.fragility.is_monotonic_decreasing


def test_what_marks_them_is_named_and_selects_its_rows(ev):
    got = fragile_rows(ev)
    assert len(got.slices) >= 1
    assert all('"a"' in where for where in got.slices["where"])
    first = got.slices.iloc[0]
    inside = ev.where(first["where"])
    assert first["rows"] == inside.n
    assert first.n < inside.n
    each = got.rows.set_index("row").fragility
    assert each.loc[inside.frame.index].mean() == pytest.approx(first.estimate, abs=0.1)
    assert first.low > got.parts.estimate[0]
    assert "Such rows stand most of all where a" in got.sentence()
    figure = mg.figure(got)
    drawn = {y: x for trace in figure.data[:2] for y, x in zip(trace.y, trace.x)}
    assert len(drawn) == len(got.parts)
    np.testing.assert_allclose(sorted(drawn.values()), np.sort(got.parts.estimate))


def test_estimates_come_from_the_other_draws_and_the_other_half():
    """Pure chance: rows chosen for changing often change no more often in draws that did not choose them, and no column marks them."""
    rng = np.random.default_rng(3)
    changed = (rng.random((8, N)) < 0.1).astype(float)
    got = measure(rows(N), changed, []).parts.set_index("part")
    assert changed[::2].mean(axis=0)[hardest(changed[::2].mean(axis=0), None, 0.1)].mean() > 0.25
    assert got.loc[HARDEST, "low"] < 0.1 < got.loc[HARDEST, "high"]
    X = pd.DataFrame({f"x{i}": rng.normal(size=N) for i in range(3)})
    from modelglass.analysis.discovery import searched_codings
    from modelglass.analysis.groups import rows_of

    own = mg.Evaluation.from_predictions(rng.integers(0, 2, N), prediction=rng.integers(0, 2, N), frame=X)
    assert measure(rows_of(own), changed, searched_codings(own)).slices.empty


def test_regression_moves_and_robust_models(ev):
    X = ev.frame[["a", "b"]]
    line = mg.Evaluation(LinearRegression().fit(X, 3 * X.a), X.assign(t=3 * X.a), target="t")
    got = fragile_rows(line, draws=20)
    spread = np.subtract(*np.quantile(X.a, [0.75, 0.25])) / 1.349
    assert got.parts.estimate[0] == pytest.approx(3 * 0.1 * spread * np.sqrt(2 / np.pi), rel=0.03)
    assert "moves predictions by" in got.sentence()
    y = np.where(X.a > 0, "yes", "no")
    still = mg.Evaluation(DummyClassifier().fit(X, y), X.assign(y=y), target="y", positive="yes")
    got = fragile_rows(still)
    assert got.parts.part.tolist() == [ALL]
    assert got.parts.estimate[0] == 0
    assert "No slice" in got.sentence()
    assert "changes 0.0% of decisions" in got.sentence()
    assert find(still, Budget(10.0)) == []


def test_few_rows_refusals_and_stop(ev):
    got = fragile_rows(ev, rows=100)
    assert got.parts.n[0] == 100
    assert "at least 200 rows" in got.sentence()
    with pytest.raises(NotApplicable, match="only predictions"):
        fragile_rows(mg.Evaluation.from_predictions([0, 1], prediction=[0, 1]))
    for wrong, match in (({"strength": 0}, "strength"), ({"share": 1.0}, "share"), ({"draws": 1}, "draws")):
        with pytest.raises(InputError, match=match):
            fragile_rows(ev, **wrong)

    def stop(share, what):
        raise Stopped("enough")

    with pytest.raises(Stopped):
        fragile_rows(ev, progress=stop)


def test_a_model_that_refuses_a_possible_row_is_told(ev):
    known = set(ev.frame.a)

    def picky(frame):
        if not set(frame.a) <= known:
            raise RuntimeError("too large")
        return (frame.a > 0).astype(int).to_numpy()

    own = mg.Evaluation(picky, ev.frame[["a"]].assign(y=(ev.frame.a > 0).astype(int)), target="y", task="binary")
    with pytest.raises(InputError, match="RuntimeError: too large"):
        fragile_rows(own)
    budget = Budget(10.0)
    assert find(own, budget) == []
    assert "too large" in budget.note


def test_a_finding_needs_more_changes_than_a_smooth_boundary_gives(ev):
    assert find(ev, Budget(20.0)) == []
    with pytest.raises(NotApplicable, match="predictions only"):
        find(mg.Evaluation.from_predictions([0, 1] * 9, prediction=[0, 1] * 9), Budget(1.0))
    rng = np.random.default_rng(0)
    X = ev.frame[["a", "b"]]
    learnt = KNeighborsClassifier(1).fit(X, np.where(X.a + 2 * rng.logistic(size=N) > 0, "yes", "no"))
    new = pd.DataFrame(rng.normal(size=(N, 2)), columns=["a", "b"])
    own = mg.Evaluation(learnt, new.assign(y=np.where(new.a > 0, "yes", "no")), target="y", positive="yes")
    got = find(own, Budget(20.0))
    assert [f.kind for f in got] == ["fragile_rows"]
    assert got[0].low > 0.1
    assert got[0].n == N
    assert (got[0].where is None) == (got[0].features == ())
