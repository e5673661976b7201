"""Findings: planted faults come first, clean data gives none of high severity, the budget and what was looked at are told."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from modelglass.analysis.errors import InputError
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure
from modelglass.analysis.finding import Budget, Finding
from modelglass.analysis.findings import Findings, boiled_down, findings


def world(seed, n=4000, flipped=0.0, task="binary"):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"job": rng.choice(list("abcd"), n), "town": rng.choice(list("xyz"), n), "age": rng.normal(40, 10, n)}
    )
    bad = (frame["job"] == "b") & (frame["town"] == "z")
    if task == "regression":
        spread = 1 + (frame["job"] == "a")  # harder, but not wrong
        predicted = 3 * rng.normal(size=n)
        y = predicted + rng.normal(size=n) * spread + flipped * 2 * bad
        return Evaluation.from_predictions(y, predicted, frame=frame, task="regression"), bad
    p = 1 / (
        1 + np.exp(-(rng.normal(size=n) * np.where(frame["job"] == "a", 0.5, 2.5)))
    )  # job a is hard, and the model knows
    y = (rng.random(n) < p).astype(int)
    y = np.where(bad & (rng.random(n) < flipped), 1 - y, y)
    return Evaluation.from_predictions(y, score=p, threshold=0.5, frame=frame, positive=1), bad


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_flipped_labels_in_a_conjunction_come_first(task):
    ev, bad = world(0, flipped=0.6, task=task)
    found = findings(ev)
    first = found.found[0]
    assert first.severity == "high"
    assert ev.where(first.where).n == bad.sum()
    assert first.features == ("job", "town")
    assert first.p_adjusted < 0.05
    assert first.evidence in set(found.frame()["evidence"])


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_clean_data_gives_nothing_of_high_severity(task):
    high = sum(any(f.severity == "high" for f in findings(world(seed, 2000, task=task)[0]).found) for seed in range(20))
    assert high <= 1


def test_hard_slices_are_told_with_less_weight():
    ev, _ = world(3)
    found = findings(ev)
    assert [f.severity for f in found.found if f.where and "'a'" in f.where] == ["medium"]


def test_what_was_looked_at_is_told_and_the_json_is_strict():
    ev, _ = world(1, n=1500)
    found = findings(ev)
    assert "find_slices" in set(found.looked["analysis"])
    assert found.sentence()
    assert json.loads(json.dumps(found.records(), allow_nan=False)) == json.loads(json.dumps(found.records()))
    assert figure(found) is not None


def test_a_budget_that_runs_out_is_told():
    ev, _ = world(1, n=1500)
    found = findings(ev, budget=1e-6)
    assert not found.looked["ran"].any()
    fits = ~found.looked["note"].str.startswith("is for ")
    assert set(found.looked.loc[fits, "note"]) == {"the budget had run out"}
    assert "gave no answer" in found.sentence()
    assert (
        found.opening()
        == f"Nothing was found. Only 0 of {len(found.looked)} checks ran, on 1,500 rows; below stands what was looked at."
    )
    assert (
        "- Data checks (Is anything wrong with the data: repeats, leaks, changed units, codes, gaps?): not run, the budget had run out"
        in found.text()
    )
    with pytest.raises(InputError, match="budget above 0"):
        findings(ev, budget=0)
    assert Budget(10).left() <= 10


def looked(ran, rows):
    given = {"analysis": "a", "title": "A", "question": "What?", "ran": ran, "rows": rows, "found": 0, "note": ""}
    return pd.DataFrame(given, index=range(len(rows)))


def of(found, ran=True, rows=(500, 500)):
    source = world(0, 500)[0].source
    return Findings(found=tuple(found), looked=looked(ran, list(rows)), left_out=0, source=source, settings={})


def test_the_opening_says_how_many_need_a_look_and_how_much_was_looked_at():
    low, high = finding(), finding(severity="high")
    assert of([high, low]).opening() == (
        "1 thing needs a look, most harmful first; 1 thing is good to know. 2 of 2 checks ran, on 500 rows."
    )
    assert of([low, low], rows=(500, 100)).opening() == (
        "Nothing that needs a look was found; 2 things are good to know. 2 of 2 checks ran, on 500 rows (1 of them on a sample)."
    )
    nothing = of([])
    assert nothing.opening() == "Nothing was found. 2 of 2 checks ran, on 500 rows; below stands what was looked at."
    assert nothing.looked_at() == ["A (What?): 500 rows, nothing found"] * 2
    assert nothing.text() == "Looked at:\n- A (What?): 500 rows, nothing found\n- A (What?): 500 rows, nothing found"


def test_the_same_advice_is_told_once():
    text = of([finding(), finding(), finding(kind="other")]).text()
    assert text.count("What to do: d (shown by e)") == 1
    assert text.count("What to do: as for 1. (shown by e)") == 2


def test_what_cannot_be_told_is_not_called_looked_at():
    values = findings(world(0, 1500, task="regression")[0])
    row = values.looked.set_index("analysis").loc["label_errors"]
    assert not row["ran"]
    assert row["note"].startswith("cannot say: nobody can tell wrong values")
    checks = values.looked.set_index("analysis").loc["data_checks"]
    assert checks["ran"]
    assert "no training data were given" in checks["note"]


def test_a_bias_is_told_in_words():
    ev, _ = world(0, flipped=0.6, task="regression")
    said = findings(ev).found[0]
    assert said.sentence.startswith(f"Predictions of {ev.target} are ")
    assert "too low on average" in said.sentence
    assert said.estimate < 0


def finding(kind="k", severity="low", where=None, p=float("nan"), harm=0.0, features=("a",)):
    return Finding(
        kind=kind,
        severity=severity,
        sentence="s",
        n=1,
        evidence="e",
        advice="d",
        where=where,
        p_adjusted=p,
        harm=harm,
        features=features,
    )


def test_boiling_down():
    given = [
        finding(severity="low"),
        finding(severity="high", where="a = 1", harm=1),
        finding(severity="high", where="b = 1", harm=2),
        finding(kind="other", severity="medium", where="b = 1"),
        finding(severity="high", where="c = 1", p=0.2),
    ]
    assert [(f.severity, f.where) for f in boiled_down(given)] == [("high", "b = 1"), ("high", "a = 1"), ("low", None)]


def test_findings_of_a_kind_about_mostly_the_same_rows_are_told_once():
    masks = {"a = 1": np.arange(100) < 50, "a < 2": np.arange(100) < 60, "b = 1": np.arange(100) >= 50}
    given = [
        finding(severity="high", where="a = 1", features=("a",)),
        finding(severity="medium", where="a < 2", features=("a", "b")),
        finding(severity="medium", where="b = 1", features=("b",)),
        finding(kind="other", severity="low", where="a < 2", features=("a",)),
    ]
    assert [f.where for f in boiled_down(given, masks.__getitem__)] == ["a = 1", "b = 1", "a < 2"]
    assert len(boiled_down(given)) == 3  # one condition is told once, whatever kind


def test_a_moved_threshold_leaves_out_only_what_asks_the_model(monkeypatch):
    """What counts in the answers that are there is looked at again; what would ask the model anew is listed as not run."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=400), "b": rng.choice(list("xyz"), 400)})
    y = np.where(frame.a + rng.logistic(size=400) > 0, "yes", "no")
    coded = make_column_transformer((OneHotEncoder(), ["b"]), remainder="passthrough")
    ev = Evaluation(make_pipeline(coded, LogisticRegression()).fit(frame, y), frame.assign(t=y), target="t")
    first, moved = findings(ev), ev.with_threshold(0.4)
    monkeypatch.setattr(type(ev.model), "both", lambda self, X: pytest.fail("the model was asked"))
    again = findings(moved)
    note = again.looked.set_index("analysis").note
    left_out = set(note.index[note.str.startswith("the threshold was moved")])
    assert left_out == {"accumulated_local_effects", "adversarial", "fragile_rows"}
    assert set(first.looked.analysis) == set(again.looked.analysis)
    assert not first.looked.note.str.startswith("the threshold was moved").any()


def test_a_model_that_refuses_changed_rows_leaves_the_other_findings():
    """One question about changed rows ended them all."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(600, 3)), columns=list("abc"))
    seen = set(map(tuple, X.itertuples(index=False)))

    class Wary:
        classes_ = np.array(["no", "yes"])

        def predict_proba(self, rows):
            if any(tuple(r) not in seen for r in rows.itertuples(index=False)):
                raise ValueError("never seen")
            p = 1 / (1 + np.exp(-3 * rows.a.to_numpy()))
            return np.column_stack([1 - p, p])

        def predict(self, rows):
            return self.classes_[(self.predict_proba(rows)[:, 1] > 0.5).astype(int)]

    y = np.where((X.a > 0) & (X.b < 1) | (X.b > 1) & (rng.random(600) < 0.5), "yes", "no")
    got = findings(Evaluation(Wary(), X.assign(y=y), target="y"), budget=60)
    ended = got.looked[got.looked.note.str.contains("never seen")]
    assert set(ended.analysis) >= {"accumulated_local_effects", "adversarial"}
    assert "find_slices" in set(got.looked[got.looked.ran].analysis)
