"""Anchors: the rule must really hold the decision; without alibi the reason, the licence and the install line."""

import importlib.util
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from modelglass.analysis import budget
from modelglass.analysis.budget import within_budget
from modelglass.analysis.errors import InputError, MissingPackage, NotApplicable, Stopped
from modelglass.analysis.registry import run
from modelglass.explainers import anchor

HERE = importlib.util.find_spec("alibi") is not None


def needs_alibi(test):
    return pytest.mark.alibi(pytest.mark.skipif(not HERE, reason="alibi is not installed here")(test))


def test_without_alibi_it_says_why_and_how(made, monkeypatch):
    monkeypatch.setitem(sys.modules, "alibi", None)  # as where it is not installed
    monkeypatch.delitem(sys.modules, "alibi.explainers", raising=False)
    with pytest.raises(MissingPackage) as caught:
        anchor(made(LogisticRegression(max_iter=300)), row=3)
    text = str(caught.value)
    assert "Business Source Licence" in text
    assert "not for production" in text
    assert "pip install 'modelglass[alibi]'" in text
    assert "numpy < 2" in text


def test_regression_has_no_decision_to_anchor(made):
    with pytest.raises(NotApplicable, match="a regression model makes none"):
        anchor(made(LinearRegression(), "amount"), row=3)


def test_threshold_is_checked(made):
    with pytest.raises(InputError, match="Expected a threshold of precision"):
        anchor(made(LogisticRegression(max_iter=300)), row=3, threshold=1.5)


@pytest.fixture(scope="module")
def ev(made):
    return made(DecisionTreeClassifier(max_depth=4, random_state=0), n=600)


@needs_alibi
def test_the_rule_holds_the_decision(ev):
    """Rows of the data that fulfil the rule, with all other columns shuffled: the model decides as for the row."""
    for row in (3, 11):
        got = anchor(ev, row=row, seed=1)
        assert got.decision == str(ev.classes[ev.predicted[row]])
        rng = np.random.default_rng(0)
        X = ev.inputs()
        fixed = {f for f in ev.features for c in got.conditions if f in c}
        like = X[_fulfils(X, got.conditions, X.iloc[row])]
        assert len(like) / len(X) == pytest.approx(got.coverage, abs=0.08)
        tried = like.sample(4_000, replace=True, random_state=0).reset_index(drop=True)
        for f in set(ev.features) - fixed:
            tried[f] = X[f].to_numpy()[rng.integers(0, len(X), len(tried))]
        tried = tried.astype(X.dtypes.to_dict())
        held = (ev.predict_codes(tried) == ev.predicted[row]).mean()
        assert held == pytest.approx(got.precision, abs=0.06)
        assert got.met == (got.precision >= 0.95)
        assert got.decision in got.sentence()


@needs_alibi
def test_seed_decides_and_numpys_state_is_left_alone(ev):
    np.random.seed(5)
    one = anchor(ev, row=7, seed=2)
    after = np.random.random()
    np.random.seed(5)
    assert after == np.random.random()
    assert one.frame().equals(anchor(ev, row=7, seed=2).frame())


@needs_alibi
def test_missing_is_a_level(ev):
    row = int(np.flatnonzero(ev.frame.pay.isna())[0])
    got = anchor(ev, row=row, threshold=0.9)
    assert all("nan" not in c for c in got.conditions)


@needs_alibi
def test_it_can_be_stopped(ev):
    calls = []

    def stop(share, what):
        calls.append(share)
        if len(calls) == 3:
            raise Stopped("stop")

    with pytest.raises(Stopped):
        anchor(ev, row=3, progress=stop)
    assert calls == sorted(calls)


def _fulfils(X, conditions, row):
    """Rows that are in the same bin or level as the row, for each column that a condition names."""
    keep = np.ones(len(X), bool)
    for c in conditions:
        name = next(f for f in X.columns if f in c)
        parts = c.split()
        if " = " in c and name not in ("pay",):
            keep &= (
                X[name].astype(str).eq(str(row[name])).to_numpy()
                | (X[name].isna() & (str(row[name]) == "nan")).to_numpy()
            )
        elif name == "pay":
            edges = np.quantile(X.pay.dropna(), [0.25, 0.5, 0.75])
            bins = np.where(X.pay.isna(), 9, np.searchsorted(edges, X.pay))
            keep &= bins == (9 if np.isnan(row.pay) else np.searchsorted(edges, row.pay))
        else:
            at = parts.index(name)
            if at + 2 < len(parts) + 1 and at + 1 < len(parts):
                bound = float(parts[at + 2])
                keep &= (X[name] <= bound) if parts[at + 1] == "<=" else (X[name] > bound)
            if at >= 2:
                keep &= float(parts[at - 2]) < X[name]
    return keep


@needs_alibi
def test_what_ends_the_first_question_is_no_error_of_alibis(ev):
    def stop(share, what):
        raise Stopped("enough")

    with pytest.raises(Stopped, match="enough"):
        anchor(ev, row=3, progress=stop)
    with within_budget(1e-9):
        assert "the budget of 1e-09 s was spent" in run(ev, "anchor", row=3).reason


@needs_alibi
def test_a_budget_that_runs_out_gives_the_best_rule_of_few_conditions(made, monkeypatch):
    """The clock counts rows asked, so nothing hangs on the machine."""
    ev = made(DecisionTreeClassifier(max_depth=6, random_state=0), n=600)
    asked, original = [0], type(ev).predict_codes

    def counted(self, frame):
        asked[0] += len(frame)
        return original(self, frame)

    monkeypatch.setattr(type(ev), "predict_codes", counted)
    monkeypatch.setattr(budget, "time", SimpleNamespace(monotonic=lambda: asked[0] / 1_000))
    whole = anchor(ev, row=7, seed=0, threshold=1.0)
    needed, asked[0] = asked[0] / 1_000, 0
    assert len(whole.conditions) > 1
    one = anchor(ev, row=7, seed=0, threshold=1.0, max_size=1)
    found = []
    for share in np.linspace(0.1, 2.0, 20):
        asked[0] = 0
        with within_budget(share * needed):
            outcome = run(ev, "anchor", row=7, threshold=1.0)
        assert asked[0] / 1_000 < share * needed + 0.2  # one more lot of rows at most
        found.append(outcome.result)
    assert found[0] is None
    assert found[-1].frame().equals(whole.frame())
    assert found[-1].source.cut == ""
    cut = [got for got in found if got is not None and got.source.cut]
    assert cut
    assert cut[0].frame().equals(one.frame())
    assert "Only rules of at most 1 condition were sought, because the budget of" in cut[0].in_full()
