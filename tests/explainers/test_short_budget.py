"""Explanations under a budget that is too short: what there is is given and said. The clock counts rows asked (and fits): nothing hangs on the machine."""

from __future__ import annotations

import time
from threading import Event
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier

import modelglass as mg
from modelglass.analysis import budget, in_time
from modelglass.analysis.budget import within_budget
from modelglass.analysis.errors import Stopped
from modelglass.analysis.registry import run
from modelglass.explainers import shapley_sampling
from modelglass.explainers.shapley_exact import exact_way
from modelglass.explainers.tree_shapley import in_parts

EACH, FIT = 0.001, 1.0
"""Seconds of the clock for each row that the model is asked about, and for a fit."""
CLOCK = {"seconds": 0.0}


class Slow(ClassifierMixin, BaseEstimator):
    """Knows a, and b with c; a fit learns whether a column is told apart at all."""

    def __init__(self, *, takes_time=True):
        self.takes_time = takes_time

    def fit(self, X, y):
        CLOCK["seconds"] += FIT
        self.told_, self.classes_ = [name for name in "abcd" if X[name].nunique() > 1], np.array(["no", "yes"])
        return self

    def predict_proba(self, X):
        CLOCK["seconds"] += EACH * len(X)
        at = {name: X[name].to_numpy(dtype=float) if name in self.told_ else 0.0 for name in "abcd"}
        p = 1 / (1 + np.exp(-(2 * at["a"] + at["b"] * at["c"]) * np.ones(len(X))))
        return np.column_stack([1 - p, p])

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


@pytest.fixture
def ev(monkeypatch):
    clock = SimpleNamespace(monotonic=lambda: CLOCK["seconds"])
    monkeypatch.setattr(budget, "time", clock)
    monkeypatch.setattr(in_time, "time", clock)
    monkeypatch.setattr(shapley_sampling, "MOST_CELLS", 4_000)  # lots of 125 pairs, however fast the machine is
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(3_000, 4)), columns=list("abcd"))
    score = 2 * frame.a + frame.b * frame.c + rng.normal(size=3_000)
    frame["t"] = np.where(score > 0, "yes", "no")
    model = Slow().fit(frame[list("abcd")], frame.t)
    made = mg.Evaluation(model, frame, target="t", positive="yes", train=frame.iloc[:500])
    _ = made.predicted  # asked before
    return made


def spent(ev, name, seconds, **settings):
    """Give what came of an analysis, and the seconds that it took."""
    began = CLOCK["seconds"]
    with within_budget(seconds):
        outcome = run(ev, name, **settings)
    return outcome, CLOCK["seconds"] - began


def test_permutation_importance_takes_fewer_rows(ev):
    whole, needed = spent(ev, "permutation_importance", 1e6, n_repeats=3, settle=False)
    outcome, took = spent(ev, "permutation_importance", 0.6 * needed, n_repeats=3, settle=False)
    got = outcome.result
    assert took < 0.7 * needed
    rows = got.settings["rows"]
    assert 200 <= rows < 3_000 == whole.result.settings["rows"]
    assert f"Rows used: {rows:,} instead of 3,000, because the budget of" in got.in_full()
    assert got.made == 3
    same = run(ev, "permutation_importance", n_repeats=3, settle=False, rows=rows).result
    pd.testing.assert_frame_equal(got.frame(), same.frame())


def test_fits_that_there_was_no_time_for_are_left_out(ev):
    whole, needed = spent(ev, "drop_column_importance", 1e6)
    assert list(whole.result.frame().feature.sort_values()) == list("abcd")
    outcome, took = spent(ev, "drop_column_importance", 0.6 * needed)
    got, few = outcome.result, len(outcome.result.frame())
    assert took < 0.6 * needed + 2 * FIT + 2 * 3
    assert 1 <= few < 4
    assert f"Fitted without {few} of 4 columns only, because the budget of" in got.in_full()
    expected = whole.result.frame()
    expected = expected[expected.feature.isin(got.frame().feature)].reset_index(drop=True)
    pd.testing.assert_frame_equal(got.frame(), expected)
    nothing, _ = spent(ev, "drop_column_importance", 0.5)
    assert nothing.result is None
    assert "the budget of 0.5 s was spent" in nothing.reason


def test_each_way_to_importance_has_its_share(ev):
    shuffling, fits = (spent(ev, n, 1e6)[1] for n in ("permutation_importance", "drop_column_importance"))
    outcome, _ = spent(ev, "importances", 2.5 * (shuffling + fits), refit=True)
    got = outcome.result
    found = got.importance.groupby("method", sort=False).size()
    assert found.index[0] == "shuffled"
    assert found.iloc[0] == 4
    assert "moves predictions" in found.index
    assert len(mg.figure(got).data) == len(found)
    assert len(got.ranks()) == 4
    short, _ = spent(ev, "importances", 9.0, refit=True)
    assert "Not left out of the fit: the budget of 9 s was spent" in short.result.sentence()
    assert "Rows used: " in short.result.in_full()


def test_importances_of_a_part_of_the_fits(ev):
    whole = run(ev, "importances", refit=True).result
    outs = [spent(ev, "importances", seconds, refit=True)[0].result for seconds in np.linspace(10, 200, 30)]
    part = [got for got in outs if got is not None and "Fitted without" in got.source.cut]
    assert part
    got = part[0]
    fitted = got.importance[got.importance.method == "left out of the fit"]
    assert 1 <= len(fitted) < 4
    assert set(fitted.feature) <= set(whole.importance.feature)
    assert len(mg.figure(got).data) == 3
    assert "Most important column by each way" in got.sentence()


def test_a_row_is_changed_less_often(ev):
    _, needed = spent(ev, "explanation_quality_row", 1e6, row=3)
    outcome, took = spent(ev, "explanation_quality_row", 0.5 * needed, row=3)
    got = outcome.result
    assert took < 0.6 * needed
    assert 3 <= got.settings["small_changes"] < 20
    assert f"Small changes of the row: {got.settings['small_changes']} instead of 20, because" in got.in_full()
    assert got.of("stable").n == got.settings["small_changes"]


def test_tests_of_an_explanation_take_fewer_background_rows_and_say_so(ev):
    whole, needed = spent(ev, "explanation_quality", 1e6)
    outcome, took = spent(ev, "explanation_quality", 0.8 * needed)
    got = outcome.result
    assert took < 0.85 * needed
    assert whole.result.settings["background"] == 100
    assert 10 <= got.settings["background"] < 100
    rows = got.settings["background"]
    assert f"sampling against only {rows} background rows, because the time is short, leaves an error" in got.sentence()
    assert "against only" not in whole.result.sentence()


def test_sampled_values_take_fewer_background_rows_and_those_rows_that_are_done(ev):
    whole, needed = spent(ev, "shapley_values", 1e6)
    assert whole.result.settings["background"] == 100
    outcome, took = spent(ev, "shapley_values", 0.02 * needed)
    got = outcome.result
    assert took < 0.03 * needed
    background = got.settings["background"]
    assert 10 <= background < 100
    assert f"({background} background rows instead of 100, because the time is short" in got.how
    assert f"absent features take the values of {background} background rows" in got.sentence()
    assert len(got.rows) >= 5
    same = run(ev, "shapley_values", background=background).result  # as where so few are asked for
    at = np.searchsorted(np.sort(same.rows), got.rows)
    np.testing.assert_allclose(got.values, same.values[np.argsort(same.rows)][at], atol=1e-12)
    asked, _ = spent(ev, "shapley_values", 0.3 * needed, background=80)
    assert asked.result.settings["background"] == 80


def test_exact_values_of_as_many_rows_as_fit(ev):
    """How long a row takes is known before; below ten rows they are sampled."""
    forest = RandomForestClassifier(20, random_state=0).fit(ev.inputs(), ev.frame.t)
    deep = mg.Evaluation(forest, ev.frame, target="t", positive="yes")
    second = exact_way(deep).work(None) / 1e9
    for name, given in (("shapley_values", deep), ("shapley_difference", deep.where("a > 0"))):
        outcome, _ = spent(given, name, 400 * second)
        got = outcome.result
        assert got.method == "tree"
        assert got.settings["rows"] == 200
        assert "Rows explained: 200 instead of 1,000, because the budget of" in got.in_full()
        pd.testing.assert_frame_equal(got.frame(), run(given, name, rows=200).result.frame())
        whole, _ = spent(given, name, 1e6)
        assert (whole.result.settings["rows"], whole.result.source.cut) == (1_000, "")
    sampled = spent(deep, "shapley_values", 5 * second)[0].result
    assert sampled.method == "sampling"
    assert "so deep that 10 rows would take longer than there is time" in sampled.sentence()


def test_both_sides_of_a_difference_have_their_share_and_the_same_background(ev):
    here = ev.where("a > 0")
    whole, needed = spent(here, "shapley_difference", 1e6)
    outcome, took = spent(here, "shapley_difference", 0.05 * needed)
    got = outcome.result
    assert took < 0.07 * needed
    for side in ("rows", "rows_there"):
        assert 5 <= got.settings[side] <= whole.result.settings[side]
    assert 10 <= got.settings["background"] < 100
    assert got.of("mean").estimate.sum() == pytest.approx(got.totals.estimate[0], abs=1e-12)
    assert "background rows instead of 100, because the time is short" in got.sentence()


def test_the_background_of_a_sampled_difference_is_said_to_be_given(ev):
    got = run(ev.where("a > 0"), "shapley_difference").result
    assert "100 background rows (the intervals take these as given)." in got.sentence()


def test_long_parts_are_told_that_it_is_over():
    """A part that would take a minute ends when the progress ends the work."""
    ended, asked = Event(), []

    def part(first):
        ended.wait(60)
        return 1

    def stop(share, what):
        asked.append(share)
        if len(asked) == 2:
            raise Stopped("enough")

    began = time.perf_counter()
    with pytest.raises(Stopped):
        in_parts(part, range(0, 4), 4, "rows", 2, stop, ended)
    assert time.perf_counter() - began < 30
    assert asked == [0.0, 0.0]
