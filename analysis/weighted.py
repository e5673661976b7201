"""Descriptions of weighted values: quantiles, the standardised difference of two means, how many rows that weigh the same would say as much."""

from __future__ import annotations

import numpy as np

from modelglass.analysis.estimated import rows_text


def quantile(values: np.ndarray, weight: np.ndarray | None, share: float) -> float:
    """Give a weighted quantile: the mean of the values below and above it where it falls between two.

    >>> quantile(np.array([4.0, 1.0, 2.0]), None, 0.5), quantile(np.array([1.0, 3.0]), np.array([1.0, 1.0]), 0.5)
    (2.0, 2.0)
    """
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(np.ones(len(values)) if weight is None else weight[order])
    target = share * reached[-1]
    slack = 1e-12 * max(abs(target), 1.0)
    left = int(np.searchsorted(reached, target - slack, side="left"))
    right = int(np.searchsorted(reached, target + slack, side="right"))
    last = len(values) - 1
    return float((values[order[min(left, last)]] + values[order[min(right, last)]]) / 2)


def standardised_difference(values: np.ndarray, inside: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Give the difference of the means inside and outside over the root of the mean of both variances; NaN where there is none.

    Variances are those of samples (n - 1; with weights the sum of weights less 1, so that a weight of 2 is the row twice).

    >>> standardised_difference(np.array([2.0, 4.0, 0.0, 2.0]), np.array([True, True, False, False])).__round__(3)
    1.414
    """
    means, variances = [], []
    size = float(np.abs(values).max(initial=0.0))
    if 0 < size < np.inf:  # it has no unit, and squares of huge values are no numbers
        values = values / size
    for side in (inside, ~inside):
        w = np.ones(int(side.sum())) if weight is None else weight[side]
        x, whole = values[side], w.sum()
        if not whole > 1 or not np.isfinite(x).all():
            return float("nan")
        means.append(w @ x / whole)
        variances.append(w @ (x - means[-1]) ** 2 / (whole - 1))
    spread = np.sqrt(np.mean(variances))
    return float((means[0] - means[1]) / spread) if spread > 0 else float("nan")


LARGE_PART = 0.05
"""From this share of the weight on it is named that one row carries it."""


def equal_rows(weight: np.ndarray | None, n: int) -> float:
    """Give Kish's number (1965, Survey Sampling): how many rows that weigh the same would say as much about a mean; 0 without weight.

    >>> equal_rows(None, 3), equal_rows(np.array([2.0, 2.0]), 2), round(equal_rows(np.array([1e6, 1.0, 1.0]), 3), 3)
    (3.0, 2.0, 1.0)
    """
    if weight is None:
        return float(n)
    largest = float(np.max(weight, initial=0.0))
    if not largest > 0:
        return 0.0
    part = weight / largest  # squares of huge weights are no numbers
    return float(part.sum() ** 2 / (part**2).sum())


def as_equal_rows(weight: np.ndarray | None, n: int) -> str:
    """Say how many rows there are and, where weights make them count for fewer, for how many, and why.

    >>> as_equal_rows(None, 1500)
    '1,500 rows'
    >>> as_equal_rows(np.append(np.ones(99), 1e6), 100)
    '100 rows, which count for no more than 1 because of their weights (one row carries 99.99 % of the weight)'
    """
    kish = equal_rows(weight, n)
    if weight is None or not kish < n * (1 - 1e-9):
        return rows_text(n)
    largest = 1 / float((weight / weight.max()).sum()) if kish > 0 else 0.0
    why = f" (one row carries {100 * largest:.4g} % of the weight)" if largest >= LARGE_PART else ""
    return f"{rows_text(n)}, which count for no more than {round(kish):,} because of their weights{why}"
