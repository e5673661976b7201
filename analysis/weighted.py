"""Descriptions of weighted values: quantiles, and the standardised difference of two means."""

from __future__ import annotations

import numpy as np


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
    for side in (inside, ~inside):
        w = np.ones(int(side.sum())) if weight is None else weight[side]
        x, whole = values[side], w.sum()
        if not whole > 1 or not np.isfinite(x).all():
            return float("nan")
        means.append(w @ x / whole)
        variances.append(w @ (x - means[-1]) ** 2 / (whole - 1))
    spread = np.sqrt(np.mean(variances))
    return float((means[0] - means[1]) / spread) if spread > 0 else float("nan")
