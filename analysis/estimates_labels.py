"""Metrics of the confusion table by group: shares, F1, balanced accuracy, Matthews correlation, means over classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelglass.analysis import intervals
from modelglass.analysis.estimated import ESTIMATORS, ROUNDING, Estimates, all_rows, estimator, few_clusters, rows_text
from modelglass.analysis.groups import Groups, finite

Floats = NDArray[Any]


def proportion(groups: Groups, numerator: np.ndarray, denominator: np.ndarray, level: float) -> Estimates:
    """Wilson interval of the weight in some cells of the confusion table over the weight in more cells, (k, k) masks.

    With weights Wilson's test of each share with its own linearised variance (``intervals.weighted_wilson``). Clusters: the rows
    that would know the share as well, and Student's t.
    """
    share, effective, df = share_and_effective_n(groups, numerator, denominator)
    if groups.clustered or groups.rows.weight is None:
        low, high = intervals.wilson(share, effective, level, df)
    else:
        low, high = intervals.weighted_wilson(*_sides(groups, numerator, denominator), level)
    found = Estimates(share, low, high, (groups.table * denominator).sum((1, 2)), "Wilson")
    return few_clusters(_few_rows(found), groups)


def _few_rows(found: Estimates) -> Estimates:
    """Give no interval of a share of very few rows: with so few values to take it holds nearly every share, or too few."""
    return found.no_interval(
        found.support < FEWEST_ROWS,
        lambda g: f"rests on only {rows_text(found.support[g])}, at least {FEWEST_ROWS} are needed",
    )


FEWEST_ROWS = 5


def _sides(groups: Groups, numerator: np.ndarray, denominator: np.ndarray) -> tuple[Floats, Floats, Floats, Floats]:
    """Give weight of hits and misses, and squared weight of both, (g,) each."""
    one, square = groups.table_w, groups.table_w2
    miss = denominator - numerator
    return tuple((t * mask).sum((1, 2)) for t in (one, square) for mask in (numerator, miss))  # type: ignore[return-value]


def share_and_effective_n(
    groups: Groups, numerator: np.ndarray, denominator: np.ndarray
) -> tuple[Floats, Floats, Floats | None]:
    """Give the share, the number of independent rows that would know it as well, and degrees of freedom (None: normal).

    Independent rows of equal weight: their number. With weights p(1-p) over the linearised variance, which unlike Kish's n
    holds when weights depend on the outcome, at a share moved off 0 and 1 by half a row on each side; a little fewer in
    small classes, where the typical weights are themselves estimates. With clusters the same from sums over clusters; at 0
    and 1, where that variance is 0, Kish's n of the clusters.
    """
    hit, miss, hit2, miss2 = _sides(groups, numerator, denominator)
    bottom = hit + miss
    with np.errstate(divide="ignore", invalid="ignore"):
        share = hit / bottom
        if groups.clustered:
            return share, _clustered_n(groups, share, bottom, numerator, denominator), groups.df
        if groups.rows.weight is None:
            return share, bottom, None
        typical_hit, typical_miss, n = intervals.typical_weights(hit, miss, hit2, miss2)
        near = (n * share + 0.5) / (n + 1)
        known = 1 - 2 * ((hit2 + miss2) / bottom**2 - 1 / (groups.table * denominator).sum((1, 2)))
        return share, n * np.maximum(known, 0.5) / intervals.inflation(near, near, typical_hit, typical_miss), None


def _clustered_n(
    groups: Groups, share: Floats, bottom: Floats, numerator: np.ndarray, denominator: np.ndarray
) -> Floats:
    gradient = (numerator - share[:, None, None] * denominator) / bottom[:, None, None]
    variance = groups.cell_variance(finite(gradient))
    part = denominator.reshape(-1)[groups.rows.cell].astype(float)
    units = groups.unit_moments(part if groups.rows.weight is None else part * groups.rows.weight)[0]
    inside = (share > 0) & (share < 1) & (variance > ROUNDING)
    return np.where(inside, share * (1 - share) / variance, bottom**2 / units)


def _cells(k: int, *places: tuple[int | slice, int | slice]) -> np.ndarray:
    mask = np.zeros((k, k))
    for place in places:
        mask[place] = 1.0
    return mask


ALL = slice(None)
# numerator, denominator (cells as (outcome, decision)), what is absent where the denominator is empty
PROPORTIONS: dict[str, tuple[tuple, tuple, str]] = {
    "precision": (((1, 1),), ((ALL, 1),), "no rows predicted positive"),
    "recall": (((1, 1),), ((1, ALL),), "no positives"),
    "fpr": (((0, 1),), ((0, ALL),), "no negatives"),
    "fnr": (((1, 0),), ((1, ALL),), "no positives"),
    "selection_rate": (((ALL, 1),), ((ALL, ALL),), "no rows"),
}


def binary_proportion(name: str, groups: Groups, level: float) -> Estimates:
    """Estimate one of the shares of a two-by-two table."""
    numerator, denominator, absent = PROPORTIONS[name]
    found = proportion(groups, _cells(2, *numerator), _cells(2, *denominator), level)
    return found.cannot(np.isnan(found.estimate), lambda g: f"{absent} among {rows_text(groups.n[g])}")


@estimator("accuracy")
def _accuracy(groups: Groups, level: float) -> Estimates:
    k = groups.rows.classes
    return proportion(groups, np.eye(k), np.ones((k, k)), level)


for _name in ("fpr", "fnr", "selection_rate"):
    ESTIMATORS[_name] = lambda groups, level, name=_name: binary_proportion(name, groups, level)  # type: ignore[misc]


@estimator("precision")
def _precision(groups: Groups, level: float) -> Estimates:
    if groups.rows.task == "binary":
        return binary_proportion("precision", groups, level)
    return _macro(groups, level, "precision")


@estimator("recall")
def _recall(groups: Groups, level: float) -> Estimates:
    if groups.rows.task == "binary":
        return binary_proportion("recall", groups, level)
    return _macro(groups, level, "recall")


@estimator("f1")
def _f1(groups: Groups, level: float) -> Estimates:
    """Binary: F1 = 2J/(1+J) with the Jaccard share J = tp/(tp+fp+fn), so Wilson's interval of J is carried over."""
    if groups.rows.task != "binary":
        return _macro(groups, level, "f1")
    found = proportion(groups, _cells(2, (1, 1)), _cells(2, (ALL, 1), (1, ALL)), level)
    found.estimate, found.low, found.high = (2 * j / (1 + j) for j in (found.estimate, found.low, found.high))
    found.method = "Wilson on tp/(tp+fp+fn)"
    return found.cannot(
        np.isnan(found.estimate), lambda g: f"none positive or predicted positive among {rows_text(groups.n[g])}"
    )


def present(groups: Groups) -> np.ndarray:
    """Which classes have rows in a group, as outcome, (g, k)."""
    return groups.table.sum(2) > 0


def smallest_class(groups: Groups) -> np.ndarray:
    """Rows of the rarest class that occurs in each group, (g,)."""
    sizes = groups.table.sum(2)
    return np.where(present(groups), sizes, np.iinfo(np.int64).max).min(1) * present(groups).any(1)


def one_class(groups: Groups) -> Callable[[int], str]:
    """Write why two classes are needed."""

    def reason(g: int) -> str:
        names = groups.rows.names
        only = int(np.argmax(groups.table[g].sum(1)))
        if groups.rows.task == "binary":
            return f"no {'negatives' if only == 1 else 'positives'} among {rows_text(groups.n[g])}"
        name = names[only] if names else str(only)
        return f"only the class {name} among {rows_text(groups.n[g])}"

    return reason


@estimator("balanced_accuracy")
def _balanced_accuracy(groups: Groups, level: float) -> Estimates:
    """Mean of the recalls, each with Jeffreys' interval, joined by MOVER: classes are disjoint rows, so independent.

    Wilson's are a little short there when recalls are near 1. Classes of one cluster are not independent: there the delta
    method on the logit scale.
    """
    k, parts = groups.rows.classes, []
    for c in range(k):
        share, effective, df = share_and_effective_n(groups, _cells(k, (c, c)), _cells(k, (c, ALL)))
        ends = intervals.jeffreys(share, effective, level)
        parts.append((share, *(ends if df is None else intervals.wilson(share, effective, level, df))))
    shares, lows, highs = (np.column_stack(part) for part in zip(*parts))
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.nansum(shares, 1) / np.sum(~np.isnan(shares), 1)
    low, high = intervals.mover_mean(mean, shares, lows, highs)
    method = "Jeffreys by class, joined by MOVER"
    if groups.clustered:
        variance, df = delta_variance(groups, macro_parts(groups.table_w, "recall", groups.table_w.sum(2) > 0)[1])
        inside = (mean > 0) & (mean < 1) & (variance > ROUNDING)
        delta = intervals.on_logit(mean, variance, level, np.maximum(df - (k - 1), 1))
        low, high = np.where(inside, delta[0], low), np.where(inside, delta[1], high)
        method = "delta method on the logit scale"
    found = Estimates(mean, low, high, smallest_class(groups), method)
    found.cannot(present(groups).sum(1) < 2, one_class(groups))
    return few_clusters(_few_rows(found), groups)


def macro_parts(table: np.ndarray, name: str, counted: np.ndarray | None = None) -> tuple[Floats, np.ndarray]:
    """Give the mean over classes of precision, recall or F1 and its gradient (g, k, k) by weight in each cell.

    The classes that occur as outcome or decision count (or those ``counted``, (g, k)), as in scikit-learn; an undefined share
    counts as 0.
    """
    occurs = (table.sum(2) + table.sum(1)) > 0 if counted is None else counted
    with np.errstate(divide="ignore", invalid="ignore"):
        _, mean, gradient = _mean_over_classes(table, name, occurs / occurs.sum(1, keepdims=True))
    return mean, finite(gradient)


def weighted_parts(table: np.ndarray, name: str) -> tuple[Floats, np.ndarray]:
    """Give the same mean with each class weighted by its share of the outcomes, and its gradient."""
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = table.sum((1, 2))[:, None]
        value, mean, gradient = _mean_over_classes(table, name, table.sum(2) / whole)
        gradient += ((value - mean[:, None]) / whole)[:, :, None]  # more rows of a class: it counts more
    return mean, finite(gradient)


def _mean_over_classes(table: np.ndarray, name: str, part: np.ndarray) -> tuple[Floats, Floats, np.ndarray]:
    """Give precision, recall or F1 by class (g, k), their mean with fixed parts (g, k), and that mean's gradient."""
    rows, columns, hits = table.sum(2), table.sum(1), np.einsum("gii->gi", table)
    scale = {"recall": rows, "precision": columns, "f1": (rows + columns) / 2}[name]
    value = np.where(scale > 0, hits / scale, 0.0)
    slope = np.where((part > 0) & (scale > 0), part / scale, 0.0)
    mean = np.where(part > 0, part * value, 0.0).sum(1)
    gradient = np.zeros_like(table, dtype=float)
    by_row = {"recall": 1.0, "precision": 0.0, "f1": 0.5}[name]
    gradient -= by_row * (value * slope)[:, :, None]
    gradient -= (1 - by_row) * (value * slope)[:, None, :]
    index = np.arange(table.shape[1])
    gradient[:, index, index] += slope
    return value, np.where(np.isnan(part).any(1), np.nan, mean), gradient


def delta_variance(groups: Groups, gradient: np.ndarray) -> tuple[Floats, Floats]:
    """Give the variance of a function of the confusion table from its gradient, and degrees of freedom."""
    variance = groups.cell_variance(gradient)
    if groups.clustered:
        return variance, groups.units - 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        kish = groups.w**2 / groups.table_w2.sum((1, 2))
        return np.where(kish > 1, variance * kish / (kish - 1), np.nan), kish - 1


FEWEST_OF_EACH_CLASS = 15


def _macro(groups: Groups, level: float, name: str) -> Estimates:
    mean, gradient = macro_parts(groups.table_w, name)
    variance, df = delta_variance(groups, gradient)
    low, high = intervals.on_logit(mean, variance, level, df)
    found = Estimates(mean, low, high, groups.n, "delta method on the logit scale")
    margins = np.minimum(groups.table.sum(2), groups.table.sum(1))
    rarest = np.where(groups.table.sum(2) + groups.table.sum(1) > 0, margins, np.iinfo(np.int64).max).min(1)
    found.no_interval(
        rarest < FEWEST_OF_EACH_CLASS,
        lambda g: (
            f"a class has only {rows_text(rarest[g])} as outcome or decision, at "
            f"least {FEWEST_OF_EACH_CLASS} are needed"
        ),
    )
    found.no_interval((mean <= 0) | (mean >= 1), lambda g: f"the estimate is at its limit on {rows_text(groups.n[g])}")
    return few_clusters(found, groups)


FEWEST_RIGHT_AND_WRONG = {"precision": 5, "f1": 10}
FEWEST_OF_A_CLASS_ON_AVERAGE = 15


@estimator("precision_weighted")
def _precision_weighted(groups: Groups, level: float) -> Estimates:
    return _weighted(groups, level, "precision")


@estimator("f1_weighted")
def _f1_weighted(groups: Groups, level: float) -> Estimates:
    return _weighted(groups, level, "f1")


@estimator("recall_weighted")
def _recall_weighted(groups: Groups, level: float) -> Estimates:
    """Classes weighted by their rows: the rows predicted right, over all."""
    return _accuracy(groups, level)


def _weighted(groups: Groups, level: float, name: str) -> Estimates:
    mean, gradient = weighted_parts(groups.table_w, name)
    variance, df = delta_variance(groups, gradient)
    low, high = intervals.on_logit(mean, variance, level, df)
    found = Estimates(mean, low, high, groups.n, "delta method on the logit scale")
    right = np.einsum("gii->g", groups.table)
    fewer = np.minimum(right, groups.n - right)
    fewest, many = FEWEST_RIGHT_AND_WRONG[name], FEWEST_OF_A_CLASS_ON_AVERAGE * groups.rows.classes
    found.no_interval(
        fewer < fewest,
        lambda g: (
            f"only {rows_text(fewer[g])} predicted {'right' if right[g] == fewer[g] else 'wrong'}, "
            f"at least {fewest} are needed"
        ),
    )
    found.no_interval(
        groups.n < many,
        lambda g: f"only {rows_text(groups.n[g])} of {groups.rows.classes} classes, at least {many} are needed",
    )
    return few_clusters(found, groups)


def mcc_parts(table: np.ndarray) -> tuple[Floats, np.ndarray]:
    """Give the Matthews correlation (Gorodkin 2004 for several classes) and its gradient (g, k, k) by weight in each cell."""
    total = table.sum((1, 2))[:, None, None]
    rows, columns = table.sum(2)[:, :, None], table.sum(1)[:, None, :]
    hits = np.einsum("gii->g", table)[:, None, None]
    cross = np.einsum("gi,gi->g", table.sum(2), table.sum(1))[:, None, None]
    top = hits * total - cross
    of_columns = total**2 - (columns**2).sum(2, keepdims=True)
    of_rows = total**2 - (rows**2).sum(1, keepdims=True)
    same = np.eye(table.shape[1])[None]
    d_top = same * total + hits - np.swapaxes(columns, 1, 2) - np.swapaxes(rows, 1, 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(of_columns * of_rows)
        value = top / root
        d_bottom = (total - columns) / of_columns + (total - rows) / of_rows
        gradient = d_top / root - value * d_bottom
    return value[:, 0, 0], gradient


FEWEST_IN_MARGIN = 5


@estimator("mcc")
def _mcc(groups: Groups, level: float) -> Estimates:
    k = groups.rows.classes
    value, gradient = mcc_parts(groups.table_w)
    variance, df = delta_variance(groups, finite(gradient))
    low, high = intervals.on_fisher(value, variance, level, df)
    found = Estimates(value, low, high, smallest_class(groups), "delta method on Fisher's scale")
    found.cannot(present(groups).sum(1) < 2, one_class(groups))
    found.cannot(np.isnan(value), lambda g: f"one class is predicted for {all_rows(groups.n[g])}")
    margin = np.minimum(groups.table.sum(2).min(1), groups.table.sum(1).min(1)) if k == 2 else found.support
    found.no_interval(
        margin < FEWEST_IN_MARGIN,
        lambda g: f"only {rows_text(margin[g])} of one outcome or decision, at least {FEWEST_IN_MARGIN} are needed",
    )
    found.no_interval(np.abs(value) >= 1, lambda g: f"the estimate is at its limit on {rows_text(groups.n[g])}")
    return few_clusters(found, groups)
