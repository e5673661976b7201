"""Metrics of scores and probabilities by group: ROC AUC, average precision, log loss, Brier score, calibration error."""

from __future__ import annotations

import numpy as np

from modelglass.analysis import intervals
from modelglass.analysis.auc import ByGroup, auc_by_group, average_precision_by_group
from modelglass.analysis.estimated import Estimates, estimator, few_clusters, rows_text
from modelglass.analysis.estimates_labels import one_class, present, smallest_class
from modelglass.analysis.estimates_values import mean_of
from modelglass.analysis.groups import Groups, Moments, Rows, finite, join, plain_moments

ECE_BINS = 10


def _ranked(groups: Groups, by_group) -> tuple[np.ndarray, Moments]:
    """Give estimate (g,) and moments of a ranking metric; of several classes the plain mean, each class against the rest.

    In binary positives and negatives are two samples; of several classes the rows are one.
    """
    rows = groups.rows
    if rows.task == "binary":
        plain = rows.weight is None and not groups.clustered and by_group is auc_by_group
        found = by_group(groups.runs(1), influence=not plain)
        if plain:
            sizes = groups.table.sum(2).astype(float)
            return found.estimate, join([plain_moments(found.second[c], found.third[c], sizes[:, c]) for c in (0, 1)])
        influence, stratum = found.influence, rows.y == 1
        estimate = found.estimate
    else:
        parts: list[ByGroup] = [by_group(groups.runs(c), influence=True) for c in range(rows.classes)]
        estimate = np.mean([p.estimate for p in parts], axis=0)
        influence, stratum = np.mean([np.asarray(p.influence) for p in parts], axis=0), None
    influence = finite(influence if rows.weight is None else influence * rows.weight)
    return estimate, groups.moments(influence, stratum)


@estimator("roc_auc")
def _roc_auc(groups: Groups, level: float) -> Estimates:
    """DeLong's variance; binary of independent rows in a score interval (``intervals.auc_score``), which is right for AUC near 1.

    Several classes and clusters: Student's t on the logit scale, mixed with Hall's correction for skewness as classes are uneven.
    On the logit scale alone intervals are too short where one class is small and the AUC near 1, because the mean over the
    small class is skewed; corrected for skewness alone they are too wide where the classes are even. The mix, with the share
    |m - n|/(m + n) for the correction, holds in both (``benchmarks/coverage.py``). At 1 and 0, where the variance is 0: Wilson on
    the rarer class.
    """
    auc, moments = _ranked(groups, auc_by_group)
    if groups.rows.task == "binary" and not groups.clustered:
        with np.errstate(divide="ignore", invalid="ignore"):
            kish = groups.table_w.sum(2) ** 2 / groups.table_w2.sum(2)
        ends = intervals.auc_score(auc, moments.variance, kish[:, 1], kish[:, 0], level, moments.tail_df)
        found = Estimates(auc, *ends, smallest_class(groups), "DeLong's variance in a score interval")
    else:
        found = _auc_by_logit(groups, auc, moments, level)
    if groups.rows.task == "binary":
        found.cannot(present(groups).sum(1) < 2, one_class(groups))
    else:
        found.cannot(np.isnan(auc), lambda g: f"{_absent(groups, g)} among {rows_text(groups.n[g])}")
    return few_clusters(rare(found, groups, FEWEST_OF_A_CLASS), groups)


def _auc_by_logit(groups: Groups, auc: np.ndarray, moments: Moments, level: float) -> Estimates:
    uneven = np.full(groups.count, 0.5)
    if groups.rows.task == "binary":
        sizes = groups.table.sum(2)
        uneven = np.abs(sizes[:, 1] - sizes[:, 0]) / np.maximum(groups.n, 1)
    logit = intervals.on_logit(auc, moments.variance, level, moments.df)
    hall = intervals.skewed(auc, moments.variance, moments.skewness, level, moments.df, AUC_SKEWNESS_FACTOR)
    low, high = ((1 - uneven) * a + uneven * np.clip(b, 0, 1) for a, b in zip(logit, hall))
    found = Estimates(auc, low, high, smallest_class(groups), "DeLong, t on the logit scale, corrected for skewness")
    flat = ~(moments.variance > 0) & np.isfinite(auc)
    at_limit = intervals.wilson(auc, found.support, level, groups.df)
    found.low[flat], found.high[flat] = at_limit[0][flat], at_limit[1][flat]
    return found


AUC_SKEWNESS_FACTOR = 1.4
FEWEST_OF_A_CLASS = 10
FEWEST_POSITIVES = 10


def rare(found: Estimates, groups: Groups, fewest: int) -> Estimates:
    """Give no interval where the rows it rests on are fewer than the simulation allows."""
    return found.no_interval(
        found.support < fewest, lambda g: f"rests on only {rows_text(found.support[g])}, at least {fewest} are needed"
    )


def _absent(groups: Groups, g: int) -> str:
    missing = np.flatnonzero(~present(groups)[g])
    names = [groups.rows.names[c] if groups.rows.names else str(c) for c in missing]
    return (
        f"no rows of class {names[0]}"
        if len(names) == 1
        else f"{len(names)} of {groups.rows.classes} classes do not occur"
    )


@estimator("average_precision")
def _average_precision(groups: Groups, level: float) -> Estimates:
    value, moments = _ranked(groups, average_precision_by_group)
    tails = moments.df if moments.tail_df is None else moments.tail_df
    if groups.clustered:
        low, high = intervals.on_logit(value, moments.variance, level, tails)
    else:
        low, high = intervals.near_one(value, moments.variance, level, moments.df, tails)
    positives = groups.table.sum(2)[:, 1] if groups.rows.task == "binary" else smallest_class(groups)
    found = Estimates(value, low, high, positives, "influence function, t on the logit scale")
    if groups.rows.task == "binary":
        found.cannot(positives == 0, lambda g: f"no positives among {rows_text(groups.n[g])}")
    else:
        found.cannot(np.isnan(value), lambda g: f"{_absent(groups, g)} among {rows_text(groups.n[g])}")
    found.no_interval(
        (value >= 1) | ~(moments.variance > 0), lambda g: f"the estimate is at its limit on {rows_text(groups.n[g])}"
    )
    return few_clusters(rare(found, groups, FEWEST_POSITIVES), groups)


def log_losses(rows: Rows) -> np.ndarray:
    """Minus the log of the probability given to what happened, (n,); clipped at machine precision as in scikit-learn."""
    eps = np.finfo(float).eps
    if rows.task == "binary":
        score = np.asarray(rows.score)
        given = np.where(rows.y == 1, score, 1 - score)
    else:
        given = np.take_along_axis(rows.score, rows.y[:, None], 1)[:, 0]  # type: ignore[arg-type]
    return -np.log(np.clip(given, eps, 1 - eps))


def brier_losses(rows: Rows) -> np.ndarray:
    """Squared difference of probability and outcome, (n,); of several classes summed over them, as in scikit-learn."""
    if rows.task == "binary":
        return (rows.y - rows.score) ** 2
    return ((np.eye(rows.classes)[rows.y] - rows.score) ** 2).sum(1)


@estimator("log_loss")
def _log_loss(groups: Groups, level: float) -> Estimates:
    found = mean_of(groups, groups.rows.keep("log_loss", lambda: log_losses(groups.rows)), level, tails=False)
    return _rare_outcome(found, groups)


@estimator("brier_score")
def _brier_score(groups: Groups, level: float) -> Estimates:
    found = mean_of(groups, groups.rows.keep("brier", lambda: brier_losses(groups.rows)), level, tails=False)
    return _rare_outcome(found, groups)


def _rare_outcome(found: Estimates, groups: Groups) -> Estimates:
    """Rare outcomes carry most of the loss: with fewer than ten rows of them its spread is unknown."""
    if groups.rows.task != "binary":
        return found
    rarer = groups.table.sum(2).min(1)
    return found.no_interval(
        rarer < FEWEST_OF_OUTCOME,
        lambda g: f"only {rows_text(rarer[g])} of one outcome, at least {FEWEST_OF_OUTCOME} are needed",
    )


FEWEST_OF_OUTCOME = 10


def _promise(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    if rows.task == "binary":
        return rows.score, (rows.y == 1).astype(float)  # type: ignore[return-value]
    top = rows.score.argmax(1)  # type: ignore[union-attr]
    return rows.score.max(1), (top == rows.y).astype(float)  # type: ignore[union-attr]


@estimator("ece")
def _ece(groups: Groups, level: float) -> Estimates:
    """Naeini et al. (2015), ten bins (left, right] of equal width; no interval: chance alone lifts the estimate."""
    rows = groups.rows
    promised, came = rows.keep("promise", lambda: _promise(rows))
    bins = np.clip(np.ceil(promised * ECE_BINS).astype(np.int64) - 1, 0, ECE_BINS - 1)
    gap = promised - came
    key = groups.codes * ECE_BINS + bins
    sums = np.bincount(key, gap if rows.weight is None else gap * rows.weight, groups.count * ECE_BINS)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.abs(sums.reshape(-1, ECE_BINS)).sum(1) / groups.w
    nothing = np.full(groups.count, np.nan)
    found = Estimates(value, nothing, nothing, groups.n, "none")
    return found.no_interval(
        groups.n > 0, lambda g: "chance alone lifts this error, so no interval around it holds its level"
    )
