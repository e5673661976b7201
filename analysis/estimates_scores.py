"""Metrics of scores and probabilities by group: ROC AUC, average precision, log loss, Brier score, calibration error."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np

from modelglass.analysis import intervals
from modelglass.analysis.auc import ByGroup, auc_by_group, average_precision_by_group
from modelglass.analysis.estimated import ESTIMATORS, ROUNDING, Estimates, estimator, few_clusters, rows_text
from modelglass.analysis.estimates_labels import (
    FEWEST_OF_EACH_CLASS,
    binary_proportion,
    one_class,
    present,
    smallest_class,
)
from modelglass.analysis.estimates_values import mean_of
from modelglass.analysis.groups import Groups, Moments, Rows, finite, join, plain_moments

ByGroupFunction = Callable[..., ByGroup]
Average = Literal["macro", "weighted", "ovo"]
ECE_BINS = 10


AVERAGES: dict[str, tuple[ByGroupFunction, Average]] = {
    "roc_auc": (auc_by_group, "macro"),
    "roc_auc_ovr_weighted": (auc_by_group, "weighted"),
    "roc_auc_ovo": (auc_by_group, "ovo"),
    "average_precision": (average_precision_by_group, "macro"),
    "average_precision_weighted": (average_precision_by_group, "weighted"),
}
"""Of each ranking metric what it is made of, and how several classes are joined."""


def _ranked(groups: Groups, by_group: ByGroupFunction, average: Average = "macro") -> tuple[np.ndarray, Moments]:
    """Give estimate (g,) and moments of a ranking metric.

    In binary positives and negatives are two samples; of several classes the rows are one.
    """
    rows = groups.rows
    if rows.task == "binary" and rows.weight is None and not groups.clustered and by_group is auc_by_group:
        found = groups.auc()
        sizes = groups.table.sum(2).astype(float)
        both = zip(np.asarray(found.second), np.asarray(found.third), sizes.T)
        return found.estimate, join([plain_moments(second, third, n) for second, third, n in both])
    estimate, influence = influences(groups, by_group, average)
    return estimate, groups.moments(influence, rows.y == 1 if rows.task == "binary" else None)


def influences(groups: Groups, by_group: ByGroupFunction, average: Average) -> tuple[np.ndarray, np.ndarray]:
    """Give the estimate (g,) of a ranking metric and the influence (n,) of each row on its group's, weight included.

    Of several classes: each against the rest, plain mean ("macro") or weighted by the share of each class ("weighted"); "ovo" is
    the plain mean over pairs of classes (Hand and Till 2001). A class against each other class by turns, all counting the same,
    is that class against the rest where rows are weighted so that the other classes are equally large; so it costs no more.
    """
    rows = groups.rows
    if rows.task == "binary":
        found = by_group(groups.runs(1), influence=True)
        influence = np.asarray(found.influence)
        with np.errstate(invalid="ignore"):  # groups without a positive
            return found.estimate, finite(influence if rows.weight is None else influence * rows.weight)
    k, codes = rows.classes, groups.codes
    sizes = groups.table_w.sum(2)
    key = codes * k + rows.y
    with np.errstate(divide="ignore", invalid="ignore"):
        share = sizes / groups.w[:, None] if average == "weighted" else np.full(sizes.shape, 1 / k)
        weight = rows.weight
        if average == "ovo":
            weight = equal = finite((1.0 if weight is None else weight) / sizes.reshape(-1)[key])
        parts, influence = np.empty((k, groups.count)), np.zeros(len(codes))
        for c in range(k):
            found = by_group(groups.runs(c, weight if average == "ovo" else None), influence=True)
            parts[c] = found.estimate
            influence += np.asarray(found.influence) * (share[:, c][codes] if average == "weighted" else 1 / k)
        estimate = (share.T * parts).sum(0)
        if average == "weighted":  # more rows of a class: it counts more
            influence += ((parts.T - estimate[:, None]) / groups.w[:, None]).reshape(-1)[key]
        if weight is not None:
            influence *= weight
        if average == "ovo":  # a class's rows only say how its members are spread, not how many they are
            influence -= equal * np.bincount(key, finite(influence), groups.count * k)[key]
    return estimate, finite(influence)


def _roc_auc(groups: Groups, level: float, average: Average = "macro") -> Estimates:
    """DeLong's variance; binary of independent rows in a score interval (``intervals.auc_score``), which is right for AUC near 1.

    Several classes and clusters: Student's t on the logit scale, mixed with Hall's correction for skewness as classes are uneven.
    On the logit scale alone intervals are too short where one class is small and the AUC near 1, because the mean over the
    small class is skewed; corrected for skewness alone they are too wide where the classes are even. The mix, with the share
    |m - n|/(m + n) for the correction, holds in both (``benchmarks/coverage_metrics.py``). At 1 and 0, where the variance is 0: Wilson on
    the rarer class.
    """
    auc, moments = _ranked(groups, auc_by_group, average)
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
    flat = ~(moments.variance > ROUNDING) & np.isfinite(auc)
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


def _average_precision(groups: Groups, level: float, average: Average = "macro") -> Estimates:
    value, moments = _ranked(groups, average_precision_by_group, average)
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
        (value >= 1) | ~(moments.variance > ROUNDING),
        lambda g: f"the estimate is at its limit on {rows_text(groups.n[g])}",
    )
    fewest = FEWEST_POSITIVES if groups.rows.task == "binary" else FEWEST_OF_EACH_CLASS
    return few_clusters(rare(found, groups, fewest), groups)


for _name, (_by_group, _average) in AVERAGES.items():
    ESTIMATORS[_name] = partial(_roc_auc if _by_group is auc_by_group else _average_precision, average=_average)


def top_k(groups: Groups, level: float, k: int) -> Estimates:
    """Top-k accuracy: the share of rows whose class is among the k with the highest scores; of equal scores the later class first.

    Ties as in scikit-learn's ``top_k_accuracy_score``.
    """
    rows = groups.rows
    hit = top_hits(rows, k)
    held = rows.keep(
        ("top", k),
        lambda: Rows(
            task="binary",
            y=hit.astype(np.int64),
            predicted=hit.astype(np.int64),
            weight=rows.weight,
            cluster=rows.cluster,
        ),
    )
    found = binary_proportion("selection_rate", Groups(held, groups.codes, groups.count), level)
    if k >= rows.classes:
        found.cannot(groups.n >= 0, lambda g: f"of {rows.classes} classes every one is among the first {k}")
    return found


def top_hits(rows: Rows, k: int) -> np.ndarray:
    """Tell of each row whether its class is among the k with the highest scores, (n,)."""
    return rows.keep("place of the class", lambda: _place(rows)) < k


def _place(rows: Rows) -> np.ndarray:
    """Give how many classes stand before the row's own, by falling score, (n,)."""
    score = np.asarray(rows.score)
    own = np.take_along_axis(score, rows.y[:, None], 1)
    later = np.arange(rows.classes)[None, :] > rows.y[:, None]
    return ((score > own) | ((score == own) & later)).sum(1)


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
    found = mean_of(
        groups, groups.rows.keep("log_loss", lambda: log_losses(groups.rows)), level, tails=groups.clustered
    )
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
