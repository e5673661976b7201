"""Cohorts of one row: no sentence, title or note says "1 rows"; what cannot be said of one row says so."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure
from modelglass.analysis.registry import fitting, run

WRONG = re.compile(
    r"(?<![\d.,])1 (rows|slices|others|classes|columns|shuffles|clusters|levels|values)\b|\b0 row\b", re.IGNORECASE
)

ONE = re.compile(
    r"(?<![\d.,])1 row (\([^)]*\) )?(also |that )?(are|get|have|hold|stand|lie|repeat|do)\b|\b(all|these) 1 row\b"
)
"""Words that go with several rows, beside one."""


@pytest.fixture(scope="module", params=["binary", "multiclass", "regression"])
def evaluation(request):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.integers(18, 80, 120), "pay": rng.normal(3, 1, 120).round(2)})
    drive = frame["age"] / 30 + frame["pay"] + rng.normal(0, 1, 120)
    if request.param == "regression":
        return Evaluation(LinearRegression().fit(frame, drive), frame.assign(y=drive), target="y")
    cuts = [-np.inf, 4, 6, np.inf] if request.param == "multiclass" else [-np.inf, 5, np.inf]
    y = pd.cut(drive, cuts, labels=["low", "middle", "high"][: len(cuts) - 1]).astype(str)
    return Evaluation(LogisticRegression().fit(frame, y), frame.assign(y=y), target="y")


def words_of(result):
    yield "sentence", result.sentence()
    yield "source", result.source.text()
    frame = result.frame()
    for name in {"note"} & set(frame.columns):
        yield from ((name, str(text)) for text in frame[name].dropna().unique())
    try:
        layout = figure(result).to_plotly_json()["layout"]
    except NotApplicable:
        return
    yield "title", str(layout.get("title", {}).get("text", ""))
    yield from (("annotation", str(note.get("text", ""))) for note in layout.get("annotations", ()))


@pytest.mark.parametrize("rows", [1, 2])
def test_words_of_a_tiny_cohort(evaluation, rows):
    cohort = evaluation.take(range(rows))
    said = 0
    for analysis in fitting(evaluation.task):
        if analysis.cost != "instant" or any(s.kind == "row" for s in analysis.settings):
            continue
        outcome = run(cohort, analysis)
        told = [("reason", outcome.reason or "")] if outcome.result is None else list(words_of(outcome.result))
        said += len(told)
        for where, text in told:
            assert not WRONG.search(text), (analysis.name, where, text)
            assert not ONE.search(text), (analysis.name, where, text)
    assert said > 5


def test_one_row_says_nothing_about_calibration(evaluation):
    if evaluation.task != "binary":
        pytest.skip("probabilities of two classes")
    result = run(evaluation.take([0]), "calibration").result
    assert "one row cannot show" in result.sentence()


def test_one_row_of_the_data_is_spoken_of_as_one(evaluation):
    """The analyses that take longer, and the data checks, which look for single rows."""
    cohort = evaluation.take([3])
    for name in (
        "findings",
        "permutation_importance",
        "noise_robustness",
        "missing_robustness",
        "baselines",
        "label_errors",
    ):
        outcome = run(cohort, name)
        text = outcome.reason or outcome.result.sentence() + outcome.result.text()
        assert not WRONG.search(text), (name, text)
        assert not ONE.search(text), (name, text)


def test_one_row_without_an_outcome_is_said_so():
    frame = pd.DataFrame({"age": [1.0, 2.0, 3.0, 4.0], "y": [1.0, 2.0, 4.0, None]})
    model = LinearRegression().fit(frame[["age"]], [1, 2, 3, 4])
    notes = " ".join(note.text for note in Evaluation(model, frame, target="y").notes)
    assert "1 of 4 rows has no value in 'y' and is left out." in notes
