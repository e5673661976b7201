"""Metrics that compare what probabilities promise with what came: means of signed gaps, whose expectation is 0 for a model that is right."""

from __future__ import annotations

import numpy as np

from modelglass.analysis.estimated import Estimates, estimator
from modelglass.analysis.estimates_scores import brier_losses, log_losses
from modelglass.analysis.estimates_values import SIGNED_SKEWNESS_FACTOR, mean_of
from modelglass.analysis.groups import Groups, Rows


def calibration_gaps(rows: Rows) -> np.ndarray:
    """Probability less outcome, (n,)."""
    return np.asarray(rows.score, float) - rows.y


def excess_log_losses(rows: Rows) -> np.ndarray:
    """Log loss less the entropy of the promised probabilities, (n,): expectation 0 where these are right, however hard the row."""
    eps = np.finfo(float).eps
    p = np.asarray(rows.score, float)
    p = np.clip(np.column_stack([1 - p, p]) if rows.task == "binary" else p, eps, 1 - eps)
    return log_losses(rows) + (p * np.log(p)).sum(axis=1)


def excess_brier_losses(rows: Rows) -> np.ndarray:
    """Brier loss less what the probabilities promise it to be, (n,): as ``excess_log_losses``, but bounded however sure a wrong promise was."""
    p = np.asarray(rows.score, float)
    promised = p * (1 - p)
    return brier_losses(rows) - (promised if rows.task == "binary" else promised.sum(axis=1))


@estimator("calibration_gap")
def _calibration_gap(groups: Groups, level: float) -> Estimates:
    rows = groups.rows
    return mean_of(groups, rows.keep("gaps", lambda: calibration_gaps(rows)), level, SIGNED_SKEWNESS_FACTOR)


@estimator("excess_log_loss")
def _excess_log_loss(groups: Groups, level: float) -> Estimates:
    rows = groups.rows
    return mean_of(groups, rows.keep("excess", lambda: excess_log_losses(rows)), level, SIGNED_SKEWNESS_FACTOR)


@estimator("excess_brier_score")
def _excess_brier_score(groups: Groups, level: float) -> Estimates:
    rows = groups.rows
    return mean_of(groups, rows.keep("excess_brier", lambda: excess_brier_losses(rows)), level, SIGNED_SKEWNESS_FACTOR)
