"""Metrics that compare what probabilities promise with what came: means of signed gaps, whose expectation is 0 for a model that is right."""

from __future__ import annotations

import numpy as np

from modelglass.analysis.estimated import Estimates, estimator, rows_text
from modelglass.analysis.estimates_scores import FEWEST_OF_OUTCOME, brier_losses, log_losses
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
    found = mean_of(groups, rows.keep("gaps", lambda: calibration_gaps(rows)), level, SIGNED_SKEWNESS_FACTOR)
    return _rare(found, groups)


@estimator("excess_log_loss")
def _excess_log_loss(groups: Groups, level: float) -> Estimates:
    rows = groups.rows
    found = mean_of(groups, rows.keep("excess", lambda: excess_log_losses(rows)), level, SIGNED_SKEWNESS_FACTOR)
    return _few(found, groups, "excess_log_loss")


@estimator("excess_brier_score")
def _excess_brier_score(groups: Groups, level: float) -> Estimates:
    rows = groups.rows
    found = mean_of(groups, rows.keep("excess_brier", lambda: excess_brier_losses(rows)), level, SIGNED_SKEWNESS_FACTOR)
    return _few(found, groups, "excess_brier_score")


FEWEST_ROWS = {"excess_log_loss": 200, "excess_brier_score": 100}
"""A good model is seldom wrong: of fewer rows most samples hold none of the large losses. With 50 rows intervals held the truth in 81 to
97 % instead of 95, with 100 rows in 90 to 98 (log loss, which has no bound) and 93 to 98 (Brier): ``benchmarks/coverage_metrics.py``."""


def _few(found: Estimates, groups: Groups, metric: str) -> Estimates:
    fewest = FEWEST_ROWS[metric]
    found = found.no_interval(
        groups.n < fewest, lambda g: f"rests on only {rows_text(groups.n[g])}, at least {fewest} are needed"
    )
    return _rare(found, groups)


def _rare(found: Estimates, groups: Groups) -> Estimates:
    """Give no interval where one outcome is rare, seen and promised: then few rows carry most of the loss.

    An outcome that was promised often and hardly came is no such case: that is what these metrics are to find.
    """
    if groups.rows.task != "binary":
        return found
    promised = groups.promised
    seen = groups.table.sum(2).min(1)
    rarer = np.maximum(seen, np.minimum(promised, groups.n - promised))
    return found.no_interval(
        rarer < FEWEST_OF_OUTCOME,
        lambda g: f"only {rows_text(int(seen[g]))} of one outcome, at least {FEWEST_OF_OUTCOME} are needed",
    )
