"""Under a budget too short for all rows, analyses of many rows give what fits and say so. The clock counts rows asked: nothing hangs on the machine."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.neural_network import MLPClassifier

import modelglass as mg
from modelglass.analysis import budget, in_time
from modelglass.analysis.budget import within_budget
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.figures.html import result_html
from modelglass.analysis.registry import analyses, get, run
from modelglass.analysis.result import result_json
from modelglass.app.report.sections import block

EACH = 0.001
"""Seconds of the clock for each row that the model is asked about."""
SHORTENED = {a.name: setting for a in analyses().values() for setting in a.settings if setting.fewest is not None}
GIVEN = {
    "lime_weights": {"row": 3},
    "shapley_values": {"method": "sampling"},
    "what_if": {"changes": "a += 1"},
    "explanation_quality_row": {"row": 3},
    "interaction_strength": {"features": ["a", "b", "c"]},
}


class Counted:
    """Knows a, and b with c; counts the rows it is asked about."""

    classes_ = np.array(["no", "yes"])

    def __init__(self):
        self.rows = 0

    def predict_proba(self, X):
        self.rows += len(X)
        p = 1 / (1 + np.exp(-(X["a"] + X["b"] * X["c"]).to_numpy(dtype=float)))
        return np.column_stack([1 - p, p])

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


@pytest.fixture
def counted(monkeypatch):
    model = Counted()
    clock = SimpleNamespace(monotonic=lambda: EACH * model.rows)
    monkeypatch.setattr(budget, "time", clock)
    monkeypatch.setattr(in_time, "time", clock)
    return model


def evaluation(model, n=6_000):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(n, 4)), columns=list("abcd"))
    score = frame.a + frame.b * frame.c + rng.normal(size=n)
    ev = mg.Evaluation(model, frame.assign(t=np.where(score > 0, "yes", "no")), target="t")
    _ = ev.predicted  # asked before
    return ev


@pytest.mark.parametrize("name", ["partial_dependence", "accumulated_local_effects", "interaction_strength",
                                  "joint_effect", "individual_conditional_expectation", "lime_weights", "what_if"])  # fmt: skip
def test_a_budget_that_runs_out_gives_what_there_is_and_says_so(counted, name):
    ev, setting, given = evaluation(counted), SHORTENED[name], GIVEN.get(name, {})
    counted.rows = 0
    whole = run(ev, name, **given).result
    needed = EACH * counted.rows
    assert whole.source.cut == ""
    with within_budget(needed * 0.6):
        got = run(ev, name, **given).result
    rows, all_rows = got.settings[setting.name], whole.settings[setting.name]
    assert setting.fewest <= rows < all_rows
    assert got.source.cut.startswith(f"{setting.label}: {rows:,}")
    assert f"the budget of {needed * 0.6:g} s was short" in got.source.cut
    assert got.source.cut in got.in_full()
    assert got.source.cut in result_json(name, got)["sentence"]
    # what is given is what the same analysis gives for so many rows
    same = run(ev, name, **{**given, setting.name: rows}).result
    pd.testing.assert_frame_equal(got.frame(), same.frame())


@pytest.mark.parametrize("name", ["permutation_importance", "importances"])
def test_what_keeps_its_own_work_in_part_gives_few_rows_where_even_that_is_too_little(counted, name):
    ev = evaluation(counted)
    given = GIVEN.get(name, {})
    counted.rows = 0
    whole = run(ev, name, **given).result
    needed = EACH * counted.rows
    with within_budget(needed / 3):
        got = run(ev, name, **given).result
    said = got.in_full()
    rows = got.settings["rows"]
    if got.source.cut and name in SHORTENED:
        assert SHORTENED[name].fewest <= rows < whole.settings["rows"]
        same = run(ev, name, **{**given, "rows": rows}).result
        pd.testing.assert_frame_equal(got.frame(), same.frame())
    else:
        assert "time" in said or "budget" in said
    assert len(got.frame())


@pytest.mark.parametrize("name", sorted(SHORTENED))
def test_fewest_is_within_the_range_and_below_what_is_usual(name):
    setting = SHORTENED[name]
    assert (setting.low or 1) <= setting.fewest
    assert setting.default is None or in_time.MANY * setting.fewest <= setting.default


def test_enough_time_changes_nothing(counted):
    ev = evaluation(counted)
    whole = run(ev, "partial_dependence").result
    with within_budget(1_000.0):
        got = run(ev, "partial_dependence").result
    assert got.source == whole.source
    pd.testing.assert_frame_equal(got.frame(), whole.frame())


@pytest.mark.parametrize("name", ["partial_dependence", "noise_robustness", "what_if"])
def test_what_a_call_costs_is_not_taken_for_the_cost_of_rows(counted, monkeypatch, name):
    """A call costs as much as 100,000 rows: from few rows alone all of them seem to need many times what they do."""
    ev, asked, calls = evaluation(counted), Counted.predict_proba, []
    monkeypatch.setattr(Counted, "predict_proba", lambda model, X: (calls.append(1), asked(model, X))[1])
    clock = SimpleNamespace(monotonic=lambda: EACH * (counted.rows + 100_000 * len(calls)))
    monkeypatch.setattr(budget, "time", clock)
    monkeypatch.setattr(in_time, "time", clock)
    given = {"features": ["a"], "rows": 6_000} if name == "partial_dependence" else GIVEN.get(name, {})
    began = clock.monotonic()
    whole = run(ev, name, **given).result
    needed = clock.monotonic() - began
    with within_budget(3.5 * needed):
        got = run(ev, name, **given).result
    assert got.source.cut == ""
    pd.testing.assert_frame_equal(got.frame(), whole.frame())


def test_not_many_more_rows_than_the_fewest_are_asked_for_at_once(counted):
    ev = evaluation(counted)
    counted.rows = 0
    run(ev, "partial_dependence", features=["a"], rows=199)
    needed, counted.rows = counted.rows, 0
    with within_budget(1_000.0):
        got = run(ev, "partial_dependence", features=["a"], rows=199).result
    assert counted.rows == needed
    assert got.settings["rows"] == 199
    assert got.source.cut == ""


def test_data_of_few_rows_are_all_there_is(counted):
    ev = evaluation(counted, n=40)
    with within_budget(1_000.0):
        got = run(ev, "partial_dependence").result
    assert got.settings["rows"] == 40
    assert got.source.cut == ""


def test_not_even_the_fewest_are_done_in_time(counted):
    ev = evaluation(counted)
    with within_budget(0.01):
        outcome = run(ev, "partial_dependence")
    assert outcome.result is None
    assert "the budget of 0.01 s was spent" in outcome.reason


def test_what_was_left_out_stands_in_report_notebook_and_terminal(counted):
    ev = evaluation(counted)
    with within_budget(30.0):
        outcome = run(ev, "partial_dependence")
    cut = outcome.result.source.cut
    assert cut.startswith("Rows averaged over: ")
    assert " instead of 1,000, because the budget of 30 s was short; give more with --budget." in cut
    assert cut in block(outcome, failed="", label="", id="x", include_rows=False).sentence
    assert cut in result_html(outcome.result)
    assert cut in outcome.result.opening()
    told = json.loads(json.dumps(result_json("partial_dependence", outcome.result)))
    assert told["sentence"].endswith(cut)
    assert told["cut"] == outcome.result.source.as_dict()["cut"] == cut
    assert "cut" not in ev.source.as_dict()  # what stands beside all results says nothing of each
    assert "cut" not in result_json("partial_dependence", run(ev, "partial_dependence").result)


@pytest.fixture(scope="module")
def layered():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(1_200, 4)), columns=list("abcd"))
    y = np.where(frame.a + frame.b * frame.c + rng.normal(size=1_200) > 0, "yes", "no")
    model = MLPClassifier((8,), tol=0.01, random_state=0).fit(frame, y)
    return mg.Evaluation(model, frame.assign(t=y), target="t", train=frame.assign(t=y))


@pytest.mark.parametrize("name", sorted(SHORTENED))
def test_the_fewest_are_enough_for_an_answer_that_tells_how_many_were_used(layered, name):
    setting = SHORTENED[name]
    given = {**GIVEN.get(name, {}), setting.name: setting.fewest} | {"concept_activation": {"concepts": "a < -1"}}.get(
        name, {}
    )
    ev = layered.where("a > 0") if name in ("shapley_difference", "why_here", "remedies") else layered
    if name == "shapley_interactions":
        tree = HistGradientBoostingClassifier(max_iter=5).fit(ev.inputs(), ev.frame.t)
        ev = mg.Evaluation(tree, ev.frame, target="t")
    result = run(ev, name, **given).result
    assert result is not None
    assert result.settings[setting.name] == setting.fewest


def test_too_few_rows_to_say_anything_are_no_answer(counted):
    ev, known = evaluation(counted), get("robust_threshold")
    with pytest.raises(NotApplicable, match="only 50 rows"):
        known.function()(ev, rows=50)
    few = replace(known, settings=tuple(replace(s, fewest=50) if s.name == "rows" else s for s in known.settings))
    with within_budget(1_000.0):
        got = run(ev, few).result
    assert got.settings["rows"] == 2_000
