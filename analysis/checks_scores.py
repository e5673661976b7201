"""Do scores and predictions tell rows apart? Scores of exactly 0 or 1, one answer for many rows, one answer for all."""

from __future__ import annotations

import numpy as np

from modelglass.analysis.checked_data import CheckedData, Hit, hit
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import agree, all_rows, rows_text
from modelglass.analysis.finding import Severity
from modelglass.analysis.intervals import wilson
from modelglass.analysis.row_hashes import run_lengths
from modelglass.analysis.wording import part, say

LEAST = 0.01


def check_scores(data: CheckedData) -> list[Hit]:
    """Scores or predictions that are the same on many rows."""
    if data.predicted is None:
        raise NotApplicable("there are no predictions")
    answers = data.score if data.score is not None else data.predicted
    flat = answers if answers.ndim == 1 else answers.max(axis=1)
    if len(np.unique(flat)) == 1 and (answers.ndim == 1 or len(np.unique(answers, axis=0)) == 1):
        return [_all_the_same(data, float(flat[0]))]
    hits = _certain(data) if data.probability else []
    if data.score is not None or data.task == "regression":
        hits += _one_value(data, flat)
    return hits


def _all_the_same(data: CheckedData, value: float) -> Hit:
    return hit(
        data,
        "one_answer",
        "high",
        f"The model gives {all_rows(data.n)} the same answer ({say(value)})",
        harm=1.0,
        advice="It does not look at its inputs: check that it was fitted, and that the columns reach it as it expects them.",
    )


def _certain(data: CheckedData) -> list[Hit]:
    """Probabilities of exactly 0 or 1: a promise of never and always."""
    score = np.asarray(data.score)
    if score.ndim == 1:
        sure = (score == 0) | (score == 1)
        said = (score == 1).astype(float)
        right = said == data.outcome_indicators()[0]
    else:
        sure = score.max(axis=1) == 1
        right = score.argmax(axis=1) == data.y
    places = np.flatnonzero(sure)
    share = len(places) / data.n
    if share < LEAST or len(places) < 10:
        return []
    wrong = places[~right[places]]
    low, high = (float(v) for v in wilson(len(wrong) / len(places), len(places)))
    severity: Severity = "medium" if low > 0.005 else "low"
    return [
        hit(
            data,
            "saturated_scores",
            severity,
            f"{rows_text(len(places))} ({part(share)} of {data.n:,}) {agree(len(places), 'has', 'have')} a probability of exactly 0 or 1, and {len(wrong):,} of these are wrong "
            f"({len(wrong) / len(places):.1%})",
            places=places,
            n=len(places),
            estimate=len(wrong) / len(places),
            low=low,
            high=high,
            harm=len(wrong) / data.n,
            advice="Nothing is certain: smooth or recalibrate the scores. One such row that is wrong makes the log loss infinite, and no "
            "threshold tells these rows apart.",
        )
    ]


def _one_value(data: CheckedData, flat: np.ndarray) -> list[Hit]:
    """One value on many rows, where the others differ."""
    ordered = np.sort(flat)
    counts = run_lengths(ordered)
    at = int(counts.argmax())
    value, count = float(ordered[np.cumsum(counts)[at] - 1]), int(counts[at])
    others = np.delete(counts, at)
    if data.probability and value in (0.0, 1.0):
        return []
    if count < max(20, 0.05 * data.n) or len(others) < 20 or count < 10 * others.max(initial=1):
        return []
    places = np.flatnonzero(flat == value)
    what = "prediction" if data.task == "regression" else "score"
    return [
        hit(
            data,
            "one_answer",
            "medium",
            f"{rows_text(count)} ({part(count / data.n)} of {data.n:,}) {agree(count, 'gets', 'get')} the same {what}, {say(value)}; no other stands more than "
            f"{int(others.max()):,} times",
            places=places,
            n=count,
            estimate=count / data.n,
            advice="Find out whether a default, a cap or a rule answers for these rows instead of the model.",
        )
    ]
