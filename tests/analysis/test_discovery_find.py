"""What slices add to the findings: promises that fail either way, of each class; nothing where only the rest is wrong; severity by what is lost."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from modelglass.analysis.discovery_find import find
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.finding import Budget
from modelglass.analysis.registry import get, run


def table(rng, n):
    return pd.DataFrame({"job": rng.choice(list("abcd"), n), "town": rng.choice(list("xyz"), n)})


def test_a_group_whose_even_chances_come_true_too_often_is_found():
    """Promises of a half: log loss beyond the promised is 0 there whatever comes, so only the gap shows it."""
    rng = np.random.default_rng(0)
    frame = table(rng, 4000)
    p = np.where(frame["job"] == "b", 0.5, rng.uniform(0.1, 0.9, 4000))
    y = (rng.random(4000) < np.where(frame["job"] == "b", 0.7, p)).astype(int)
    ev = Evaluation.from_predictions(y, score=p, threshold=0.5, frame=frame, positive=1)
    found = find(ev, Budget(30))
    assert found[0].severity == "high"
    assert found[0].where == "\"job\" = 'b'"
    assert found[0].estimate == pytest.approx(-0.2, abs=0.05)
    assert {f.settings["metric"] for f in found if f.severity == "high"} == {"calibration_gap"}


def test_of_several_classes_the_one_that_fails_is_named_and_shown():
    rng = np.random.default_rng(1)
    n = 5000
    frame = table(rng, n)
    p = rng.dirichlet([2, 2, 2], n)
    true = p.copy()
    there = (frame["job"] == "c").to_numpy()
    true[there] = 0.7 * p[there] + 0.3 * np.array([0, 0, 1])
    y = np.array(["low", "mid", "top"])[(rng.random(n)[:, None] > true.cumsum(axis=1)).sum(axis=1)]
    ev = Evaluation.from_predictions(y, score=dict(zip(["low", "mid", "top"], p.T)), frame=frame)
    found = [f for f in find(ev, Budget(30)) if f.severity == "high"]
    assert {f.where for f in found} == {"\"job\" = 'c'"}
    first = max(found, key=lambda f: f.harm)
    assert first.sentence.startswith("The probability of top is 2")
    assert "points too low (interval " in first.sentence
    shown = run(ev, get(first.evidence), **first.settings).result.frame()
    assert shown.loc[shown["where"] == first.where, "estimate"].iloc[0] == pytest.approx(first.estimate, abs=0.05)


def test_a_slice_that_is_right_where_the_rest_is_wrong_is_no_weak_slice():
    rng = np.random.default_rng(2)
    frame = table(rng, 4000)
    y = rng.normal(size=4000) + 1.0 * (frame["job"] != "a")
    found = find(Evaluation.from_predictions(y, np.zeros(4000), frame=frame, task="regression"), Budget(30))
    assert found
    assert not any("'a'" in f.where for f in found)


@pytest.mark.parametrize(("shift", "severity"), [(1.0, "high"), (0.2, "medium")])
def test_severity_follows_what_is_lost(shift, severity):
    rng = np.random.default_rng(3)
    frame = table(rng, 12_000)
    bad = ((frame["job"] == "a") & (frame["town"] == "x")).to_numpy()
    y = rng.normal(size=12_000) + shift * bad
    found = find(Evaluation.from_predictions(y, np.zeros(12_000), frame=frame, task="regression"), Budget(30))
    assert [f.severity for f in found if set(f.features) == {"job", "town"} and f.settings["metric"] == "bias"] == [
        severity
    ]


def test_what_the_time_was_too_short_for_is_told(monkeypatch):
    from modelglass.analysis import discovery_find

    rng = np.random.default_rng(4)
    frame = table(rng, 2000)
    ev = Evaluation.from_predictions(rng.normal(size=2000), np.zeros(2000), frame=frame, task="regression")
    whole, short = Budget(30), Budget(30)
    find(ev, whole)
    measure = discovery_find.measure
    monkeypatch.setattr(discovery_find, "measure", lambda *a, **k: measure(*a, **{**k, "seconds": 1e-9}))
    find(ev, short)
    assert whole.note == ""
    assert short.note.startswith("the time ran out in 2 of 2 searches")


@pytest.mark.parametrize(("harder", "told"), [(1.15, 0), (1.6, 1), (4.0, 3)])
def test_slices_that_are_only_hard_are_told_where_they_are_surely_harder_and_once(harder, told):
    """Three levels have wider errors, honestly: a little is nothing, half as much again is one finding, four times as much is three."""
    rng = np.random.default_rng(6)
    frame = pd.DataFrame({"job": rng.choice(list("abcdefgh"), 8000)})
    y = rng.normal(size=8000) * np.where(frame["job"].isin(["a", "b", "c"]), harder, 1.0)
    ev = Evaluation.from_predictions(y, np.zeros(8000), frame=frame, task="regression")
    hard = [f for f in find(ev, Budget(30)) if f.settings["metric"] == "mae"]
    assert len(hard) == told
    assert {f.severity for f in hard} == ({"low"} if told == 1 else {"medium"} if told else set())


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("knows", "The model says itself that these rows are hard (60.0% right by its probabilities)."),
        ("does not know", "The model promises 90.0% right there and does not know better."),
        ("no probabilities", "More columns that tell these rows apart would help, or a second opinion."),
    ],
)
def test_that_the_model_knows_is_said_only_where_it_promises_what_came_true(case, says):
    rng = np.random.default_rng(4)
    frame = table(rng, 4000)
    inside = np.arange(4000) % 5 == 0
    frame["g"] = np.where(inside, "h", "e")
    predicted = rng.integers(0, 2, 4000)
    y = np.where(rng.random(4000) < np.where(inside, 0.6, 0.9), predicted, 1 - predicted)
    sure = np.where(inside & (case == "knows"), 0.6, 0.9)
    p = np.where(predicted == 1, sure, 1 - sure)
    given = {"prediction": predicted} if case == "no probabilities" else {"score": p, "threshold": 0.5, "positive": 1}
    found = find(Evaluation.from_predictions(y, frame=frame, **given), Budget(30))
    (one,) = [f for f in found if f.settings["metric"] == "accuracy"]
    assert one.where == "\"g\" = 'h'"
    assert one.advice.startswith(says)


def test_no_finding_without_an_interval():
    """An excess of fewer than 200 rows has none: what plain errors say of these rows is told instead."""
    rng = np.random.default_rng(4)
    frame = table(rng, 3000)
    frame["g"] = np.where(np.arange(3000) % 20 == 0, "h", "e")
    p = rng.uniform(0.85, 0.95, 3000)
    y = (rng.random(3000) < np.where(frame["g"] == "h", 0.3, p)).astype(int)
    for weight in (None, "w"):
        frame["w"] = rng.choice([1.0, 2.0, 3.0], 3000)
        ev = Evaluation.from_predictions(y, score=p, threshold=0.5, positive=1, frame=frame, weight=weight)
        found = find(ev, Budget(30))
        assert found
        assert all(np.isfinite([f.low, f.high]).all() and "unknown" not in f.sentence for f in found)
