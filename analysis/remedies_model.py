"""Remedies that ask the model: does it do better in the cohort where a column that looks unlike itself is repaired?"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from modelglass.analysis import recalibrating
from modelglass.analysis.crossfit import crossfitted, judged, splits, why_none
from modelglass.analysis.errors import InputError
from modelglass.analysis.groups import Rows, rows_of
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.remedies_rows import Tried, nothing
from modelglass.analysis.repairs import Repair, Way, proposed
from modelglass.analysis.sides import Sides
from modelglass.analysis.wording import ranged, say

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation


AS_GOOD = 0.95
"""Of the ways to repair a column the first one is taken that gains this part of what the best one gains."""
REFUSED = "cannot say: the model refuses the values that could be put instead"


def repairs(here: Evaluation, sides: Sides, level: float, progress: Progress | None) -> list[Tried]:
    """Try to repair columns; of the ways to repair one, the way judged on a half is the one that is best on the other.

    Parameters
    ----------
    here : Evaluation
        The cohort, or a sample of it.
    sides : Sides
    """
    if here.model is None:
        return [nothing("repair column", "", here.n, "cannot say: there is no model to ask about other values")]
    rows = rows_of(here)
    why = why_none(rows)
    if why:
        return [nothing("repair column", "", here.n, f"cannot say: {why}")]
    found = proposed(here.inputs(), sides.there.inputs(), by_condition=sides.by_condition, words=sides.words)
    if not found:
        note = "no column that the model reads looks unlike itself here"
        return [nothing("repair column", loss_name(rows), here.n, note)]
    cuts, before = splits(rows, here.seed), losses(rows)
    asked = sum(len(w.columns) for r in found for w in r.ways)
    done, tried = 0, []
    for repair in found:
        answered: list[tuple[Way, Rows]] = []
        for way in repair.ways:
            tell(progress, done / asked, f"Asking the model with {repair.column} repaired")
            with suppress(InputError):  # the model refuses such values
                answered.append((way, _answered(here, rows, repair.column, way)))
            done += len(way.columns)
        if answered:
            tried.append(_tried(repair, rows, cuts, before, answered, level))
        else:
            tried.append(replace(nothing("repair column", loss_name(rows), here.n, REFUSED), column=repair.column))
    return tried


def loss_name(rows: Rows) -> str:
    """Name the loss that repairs are judged by."""
    if rows.task == "regression":
        return "absolute error a row"
    return "log loss a row" if rows.probability and rows.score is not None else "errors a row"


def losses(rows: Rows) -> np.ndarray:
    """Give the loss of each row, (n,): absolute error, log loss, or 1 for a wrong label."""
    if rows.task == "regression":
        return np.abs(np.asarray(rows.predicted - rows.y, float))
    if rows.probability and rows.score is not None:
        return recalibrating.losses(recalibrating.by_class(rows.score), rows.y)
    return (rows.y != rows.predicted).astype(float)


def _answered(here: Evaluation, rows: Rows, column: str, way: Way) -> Rows:
    """Ask the model about the cohort with another column; of several columns the answers are averaged."""
    inputs = here.inputs()
    answers = [here.answer(inputs.assign(**{column: values})) for values in way.columns]
    predicted, score = answers[0]
    if len(answers) > 1 and score is not None:
        score = np.mean([np.asarray(s) for _, s in answers], axis=0)
    if len(answers) > 1 and here.task == "regression":
        predicted = np.mean([p for p, _ in answers], axis=0)
    if here.task == "binary":
        predicted = (predicted == here.positive_index).astype(np.int64)
    return replace(rows, predicted=predicted, score=score)


def _tried(
    repair: Repair,
    rows: Rows,
    cuts: list[np.ndarray],
    before: np.ndarray,
    answered: list[tuple[Way, Rows]],
    level: float,
) -> Tried:
    gains = before - np.array([losses(after) for _, after in answered])  # (ways, n)
    weight = np.ones(len(before)) if rows.weight is None else rows.weight

    def best(places: np.ndarray) -> int:
        means = gains[:, places] @ weight[places]
        if not means.max() > 0:
            return -1
        return int(np.argmax(means >= AS_GOOD * means.max()))  # simple ways come first

    def judge(fit: np.ndarray, use: np.ndarray) -> np.ndarray:
        at = best(fit)
        return np.zeros(len(use)) if at < 0 else gains[at, use]

    gain = judged(rows, crossfitted(cuts, judge), level)
    now, at = float(np.average(before, weights=weight)), best(np.arange(len(before)))
    name = loss_name(rows).removesuffix(" a row")
    instead = answered[max(at, 0)][0].words
    says = (
        f"looking into {repair.column}, which is {repair.words}: with {instead} the {name} a row falls from {say(now)} by "
        f"{ranged(gain.estimate, gain.low, gain.high)}"
    )
    note = "no way to repair it helps" if gain.note.startswith("the best fit") else gain.note
    return Tried(
        remedy="repair column",
        column=repair.column,
        measure=loss_name(rows),
        says=says,
        gain=replace(gain, note=note),
        now=now,
        repaired=answered[at][1] if at >= 0 else None,
    )
