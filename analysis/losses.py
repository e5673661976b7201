"""For each metric a loss by row whose mean is high where the metric is bad: what a search for bad slices adds up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelglass.analysis.estimates_promises import calibration_gaps, excess_brier_losses, excess_log_losses
from modelglass.analysis.estimates_scores import brier_losses, log_losses
from modelglass.analysis.estimates_values import pinball_losses
from modelglass.analysis.groups import Rows
from modelglass.analysis.metrics import Metric
from modelglass.analysis.own_difference import own_losses

Floats = NDArray[Any]
EXACT = frozenset(
    {
        "accuracy",
        "fnr",
        "fpr",
        "recall",
        "precision",
        "log_loss",
        "brier_score",
        "mae",
        "pinball_loss",
        "bias",
        "calibration_gap",
        "excess_log_loss",
        "excess_brier_score",
        "mape",
        "selection_rate",
    }
)
"""Metrics (of two classes, or of values) that are the mean of their loss, or one less it; the others are only stood for by it."""


@dataclass(frozen=True, eq=False, slots=True)
class Loss:
    """A loss of some rows.

    values  (m,) higher is worse, of the rows the metric rests on
    rows    (m,) their places, or None for all rows
    exact   whether the mean of the loss in a slice says all that the metric says
    """

    values: Floats
    rows: np.ndarray | None
    exact: bool


def losses_of(metric: Metric, rows: Rows) -> list[Loss]:
    """Give the loss that stands for a metric; two where neither direction is better, one for each direction."""
    exact = metric.name in EXACT and (
        rows.task != "multiclass"
        or metric.name in ("accuracy", "log_loss", "brier_score", "excess_log_loss", "excess_brier_score")
    )
    if metric.function is not None:
        lift = own_losses(metric, rows)
        signs = {True: (-1.0,), False: (1.0,), None: (1.0, -1.0)}[metric.greater_is_better]
        return [Loss(sign * lift, None, False) for sign in signs]
    if rows.task == "regression":
        return [Loss(values, None, exact) for values in _of_values(metric.name, rows)]
    wrong = (rows.y != rows.predicted).astype(float)
    if metric.name == "log_loss":
        return [Loss(log_losses(rows), None, exact)]
    if metric.name == "excess_log_loss":
        return [Loss(excess_log_losses(rows), None, exact)]
    if metric.name == "excess_brier_score":
        return [Loss(excess_brier_losses(rows), None, exact)]
    if metric.name == "brier_score":
        return [Loss(brier_losses(rows), None, exact)]
    if rows.task == "binary":
        return _of_two(metric.name, rows, wrong, exact)
    if metric.needs in ("score", "probability") and rows.probability:
        return [Loss(log_losses(rows), None, False)]
    return [Loss(wrong, None, exact)]


def _of_values(name: str, rows: Rows) -> list[Floats]:
    error = np.asarray(rows.predicted - rows.y, float)
    if name == "bias":
        return [error, -error]
    if name in ("rmse", "r2"):
        return [error**2]
    if name == "pinball_loss":
        return [pinball_losses(rows)]
    if name == "mape":
        return [np.abs(error) / np.maximum(np.abs(rows.y), np.finfo(float).eps)]
    return [np.abs(error)]


def _of_two(name: str, rows: Rows, wrong: Floats, exact: bool) -> list[Loss]:
    part = {
        "fnr": rows.y == 1,
        "recall": rows.y == 1,
        "fpr": rows.y == 0,
        "precision": rows.predicted == 1,
        "f1": (rows.y == 1) | (rows.predicted == 1),
    }
    if name in part:
        chosen = np.flatnonzero(part[name])
        return [Loss(wrong[chosen], chosen, exact)]
    if name == "selection_rate":
        selected = rows.predicted.astype(float)
        return [Loss(selected, None, exact), Loss(-selected, None, exact)]
    if name in ("ece", "calibration_gap"):
        gap = calibration_gaps(rows)
        return [Loss(gap, None, exact), Loss(-gap, None, exact)]
    if name in ("roc_auc", "average_precision"):
        return [Loss(_misplaced(rows), None, False)]
    if name in ("balanced_accuracy", "mcc"):
        share = np.bincount(rows.y, weights=rows.weight, minlength=2)
        return [Loss(wrong / np.maximum(share, 1e-300)[rows.y] * share.sum() / 2, None, False)]
    return [Loss(wrong, None, exact)]


def _misplaced(rows: Rows) -> Floats:
    """Share of the other class's rows on the wrong side of each row's score (ties half): their mean by class is 1 - AUC."""
    score, positive = np.asarray(rows.score, float), rows.y == 1
    weight = np.ones(len(score)) if rows.weight is None else rows.weight
    out = np.zeros(len(score))
    for own in (True, False):
        other = np.flatnonzero(positive != own)
        if not len(other):
            continue
        order = other[np.argsort(score[other], kind="stable")]
        cumulated = np.concatenate([[0.0], np.cumsum(weight[order])])
        mine = np.flatnonzero(positive == own)
        below = cumulated[np.searchsorted(score[order], score[mine], side="left")]
        upto = cumulated[np.searchsorted(score[order], score[mine], side="right")]
        under = (below + upto) / 2 / max(cumulated[-1], 1e-300)
        out[mine] = 1 - under if own else under
    return out
