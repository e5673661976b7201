"""The list of checks: what is found comes first and leads to its rows, clean data is let be, row order and odd input change nothing."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import modelglass as mg
from modelglass.analysis import data_checks
from modelglass.analysis.data_checks import CHECKS, find, measure
from modelglass.analysis.errors import InputError, NotApplicable, Stopped
from modelglass.analysis.finding import Budget
from modelglass.analysis.findings import findings
from modelglass.analysis.registry import run
from modelglass.analysis.result import result_json

N = 1200


def table(seed=0, n=N):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": np.clip(np.round(18 + rng.gamma(2.6, 9, n)), 18, 90),
            "income": np.exp(rng.normal(8, 0.8, n)).round(2),
            "job": rng.choice(["clerk", "cook", "<b>smith</b>"], n),
            "visits": rng.poisson(2, n),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300 * 24, n), unit="h"),
        }
    )
    pull = (frame["age"] - 40) / 20 + np.log(frame["income"]) - 8
    frame["y"] = np.where(rng.random(n) < 1 / (1 + np.exp(-pull)), "yes", "no")
    return frame


@pytest.fixture(scope="module")
def model():
    frame = table(99, 2000)
    return LogisticRegression(max_iter=1000).fit(frame[["age", "income", "visits"]], frame["y"])


def spoiled():
    """A table with five things wrong, each in a place of its own."""
    rng = np.random.default_rng(5)
    frame = table()
    frame["visits"] = frame["visits"].where(rng.random(N) >= 0.05, -999)
    march = frame["when"].between("2024-03-01", "2024-04-15")
    frame.loc[march, "income"] *= 100
    frame["constant"] = 3.5
    return pd.concat([frame, frame.sample(60, random_state=1)], ignore_index=True)


@pytest.fixture(scope="module")
def ev(model):
    return mg.Evaluation(model, spoiled(), target="y", time="when", train=table(99, 2000))


def test_what_is_wrong_is_found_and_leads_to_its_rows(ev):
    result = data_checks(ev)
    found = {f.kind: f for f in result.found}
    assert {"duplicates", "unit_change", "missing_code", "constant_column"} <= set(found)
    assert found["missing_code"].where == '"visits" = -999'
    assert (found["unit_change"].features, found["unit_change"].severity) == (("income",), "high")
    inside = ev.where(found["unit_change"].where).frame["when"]
    assert pd.Timestamp("2024-02-28") <= inside.min() <= inside.max() <= pd.Timestamp("2024-04-17")
    assert found["unit_change"].estimate == pytest.approx(100, rel=0.3)
    assert found["duplicates"].n == 120
    for f, rows in zip(result.found, result.rows, strict=True):
        assert f.evidence == "data_checks"
        assert f.advice.endswith(".")
        assert not f.sentence.endswith(".")
        if f.where is not None:
            assert set(ev.where(f.where).frame.index) >= set(rows.tolist())
    assert [f.severity for f in result.found] == sorted(
        (f.severity for f in result.found), key=["high", "medium", "low"].index
    )


def test_clean_data_is_let_be(model):
    highs = []
    for seed in range(6):
        clean = mg.Evaluation(model, table(seed), target="y", time="when", train=table(seed + 50, 2000))
        highs += [f.sentence for f in data_checks(clean).found if f.severity != "low"]
    assert highs == []
    said = data_checks(clean).sentence()
    assert "found nothing wrong with the data" in said
    assert "2 cannot say" in said


def test_the_order_of_rows_does_not_matter(model):
    frame = spoiled()
    one = measure(frame, target="y")
    other = measure(frame.sample(frac=1, random_state=3), target="y")
    assert [f.sentence for f in one.found] == [f.sentence for f in other.found]
    assert [sorted(r.tolist()) for r in one.rows] == [sorted(r.tolist()) for r in other.rows]


def test_the_frame_has_a_row_for_each_thing_and_each_quiet_check(ev):
    result = data_checks(ev)
    frame = result.frame()
    assert (frame["outcome"] == "found").sum() == len(result.found)
    assert set(frame["check"]) == set(CHECKS) == set(result.checks["check"])
    assert frame.loc[frame["outcome"] == "cannot say", "said"].str.len().min() > 5
    text = json.dumps(result_json("data_checks", result), allow_nan=False)
    assert json.loads(text)["sentence"] == result.sentence()


def test_a_cohort_is_checked_but_not_for_constants(ev):
    result = data_checks(ev.where("job = 'cook'"))
    said = result.checks.set_index("check").loc["constants"]
    assert (said["outcome"], "cohort" in said["said"]) == ("cannot say", True)
    assert result.n == (ev.frame["job"] == "cook").sum()


def test_declared_drawn_and_among_the_findings(ev):
    outcome = run(ev, "data_checks")
    made = mg.figure(outcome.result)
    names = [text for trace in made.data for text in trace.text]
    assert len(names) == len(CHECKS)
    assert sum(len(t.y) for t in made.data) == len(CHECKS)
    told = findings(ev, budget=60)
    assert "data_checks" in {f.evidence for f in told.found}
    assert told.found[0].severity == "high"


def test_nothing_found_is_not_drawn(model):
    clean = mg.Evaluation(model, table(1), target="y")
    result = data_checks(clean, checks=["duplicates"])
    assert result.found == ()
    with pytest.raises(NotApplicable, match="nothing was found"):
        mg.figure(result)


def test_names_and_values_that_look_like_markup_are_escaped():
    frame = table().rename(columns={"visits": "<i>visits</i>"})
    frame["<i>visits</i>"] = frame["<i>visits</i>"].where(np.arange(N) % 20 > 0, 999)
    result = measure(frame, target="y", checks=["codes"])
    made = mg.figure(result)
    shown = [t for trace in made.data for t in [*trace.text, *trace.hovertext]]
    assert any("&lt;i&gt;visits" in t for t in shown)
    assert not any("<i>" in t for t in shown)


def test_without_a_model_all_columns_count():
    frame = table()
    ev = mg.Evaluation.from_predictions(frame["y"], frame["y"], frame=frame.assign(constant=1), target="y")
    found = data_checks(ev).found
    assert [f.features for f in found if f.kind == "constant_column"] == [("constant",)]
    assert "which columns the model reads is not known" in " ".join(data_checks(ev).checks["said"])
    bare = data_checks(mg.Evaluation.from_predictions([0, 1] * 60, [0, 1] * 60))
    assert bare.found == ()


def test_a_column_that_the_model_does_not_read_weighs_less(model):
    frame = table().assign(unused=7)
    ev = mg.Evaluation(model, frame, target="y")
    assert [f.severity for f in data_checks(ev).found if f.features == ("unused",)] == ["low"]


def test_budget_progress_and_refusals(ev):
    budget = Budget(30, rows=1000)
    assert find(ev, budget)
    assert budget.used == 1000
    with pytest.raises(InputError, match="duplicates"):
        data_checks(ev, checks=["duplicate"])
    with pytest.raises(InputError, match="100 or more as rows"):
        data_checks(ev, rows=5)
    seen = []

    def stop(share, what):
        seen.append(what)
        if len(seen) == 3:
            raise Stopped

    with pytest.raises(Stopped):
        data_checks(ev, rows=700, progress=stop)  # of so many rows nothing is kept yet
    assert seen[0] == "checking: rows that repeat"


@pytest.mark.parametrize("n", [1, 2, 5, 30])
def test_few_rows_are_no_trouble(n):
    frame = pd.DataFrame({"a": np.arange(n, dtype=float), "b": ["x"] * n, "when": pd.date_range("2024", periods=n), "y": [0, 1] * (n // 2) + [0] * (n % 2)})  # fmt: skip
    measure(frame, target="y").sentence()


def test_odd_columns_are_no_trouble():
    rng = np.random.default_rng(0)
    n = 300
    frame = pd.DataFrame(
        {
            "empty": [None] * n,
            "gaps": np.where(rng.random(n) < 0.9, np.nan, 1.0),
            "infinite": np.where(rng.random(n) < 0.1, np.inf, rng.normal(size=n)),
            "huge": rng.normal(size=n) * 1e300,
            "tags": [["a"]] * n,
            "nullable": pd.array(rng.integers(0, 5, n), dtype="Int64"),
            "category": pd.Categorical(rng.choice(["a", "b"], n), categories=["a", "b", "never"]),
            "time": pd.date_range("2024", periods=n, tz="Europe/Berlin"),
            "text": [f"some words that differ {i} times over" for i in range(n)],
            "flag": rng.random(n) < 0.5,
            "y": rng.normal(size=n),
        }
    )
    result = measure(frame, target="y")
    assert "constant_column" in {f.kind for f in result.found}
    weighted = mg.Evaluation.from_predictions(
        frame["y"], frame["y"] * 0.9, frame=frame.drop(columns="infinite"), target="y"
    )
    data_checks(weighted).sentence()


def test_real_adult(data_file):
    frame = pd.read_csv(data_file("adult_test.csv"))
    result = measure(frame, target="income")
    codes = [(f.features, f.where, f.n) for f in result.found if f.kind == "missing_code"]
    assert codes == [(("capital_gain",), '"capital_gain" = 99999', int((frame["capital_gain"] == 99999).sum()))]
    assert {f.severity for f in result.found} <= {"medium", "low"}
    assert not [f for f in result.found if "hours_per_week" in f.features and f.severity != "low"]


def test_asked_again_they_are_not_made_again_and_carry_the_threshold_of_now(ev, monkeypatch):
    first = data_checks(ev)
    monkeypatch.setitem(CHECKS, "duplicates", ("Rows that repeat", lambda data: pytest.fail("made again")))
    again = data_checks(ev.with_threshold(0.7))
    assert again.found == first.found
    assert again.source.threshold == 0.7
    assert first.source.threshold is None
    monkeypatch.undo()
    assert data_checks(ev, rows=500).settings["rows"] == 500
