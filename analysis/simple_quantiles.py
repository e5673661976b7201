"""Simple predictions of a quantile: one for all rows, one for each level of a column, and a linear model moved up or down."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from modelglass.analysis.estimates_values import Quantiles, pinball
from modelglass.analysis.simple_models import TRAIN, Setup, best_single, linear
from modelglass.analysis.single_features import FEWEST_ROWS, binned

MOST_VALUES = 3_000_000
"""Rows times columns up to which every column is tried by its loss; beyond, the one that explains most of the mean is taken."""
FEWEST_BEYOND = 5
"""Rows of a level to expect beyond its quantile; with fewer the quantile of all rows stands in."""


def one_for_all(made: Setup, share: float) -> np.ndarray:
    """Give the weighted quantile of the outcome, the same for every row, (1, n)."""
    known = made.fold == TRAIN if made.trained else np.ones(made.data.n, dtype=bool)
    return np.full((1, len(made.asked)), _quantile(made.data.y[known], made.data.weights()[known], share))


def best_level(
    made: Setup, names: list[str], share: float, told: Callable[[float], None] = lambda _: None
) -> tuple[str, np.ndarray] | None:
    """Give the column whose quantiles by level have the least pinball loss here, and these, (1, n); None without columns."""
    asked = made.asked
    if made.data.n * len(names) > MOST_VALUES:
        single = best_single(made, names)
        names = [] if single is None else [single.name]
    y, weight = made.data.y[asked], made.data.weights()[asked]
    best: tuple[float, str, np.ndarray] | None = None
    for i, name in enumerate(names):
        out = by_level(made, name, share)
        loss = float(weight @ pinball(out[0] - y, share))
        if best is None or loss < best[0]:
            best = loss, name, out
        told((i + 1) / len(names))
    return None if best is None else best[1:]


def by_level(made: Setup, name: str, share: float) -> np.ndarray:
    """Give the quantile of each row's level of one column, from the other folds (or the training rows), (1, n)."""
    data, codes = made.data, binned(made.data, name)[0]
    weight, count = data.weights(), int(codes.max(initial=0)) + 1
    fewest = max(FEWEST_ROWS, FEWEST_BEYOND / min(share, 1 - share))
    out = np.empty(data.n)
    for fold in np.unique(made.fold[made.asked]):
        fit, at = made.fold != fold, made.fold == fold
        y, w, code = data.y[fit], weight[fit], codes[fit]
        found = weighted_quantiles(y, code, w, count, share)
        enough = np.bincount(code, minlength=count) >= fewest
        out[at] = np.where(enough & np.isfinite(found), found, _quantile(y, w, share))[codes[at]]
    return out[made.asked][None]


def moved_linear(
    made: Setup, names: list[str], share: float, told: Callable[[float], None] = lambda _: None
) -> np.ndarray:
    """Predict by the linear model of the mean, moved so that the share of the rows it was fitted on lies at or below, (1, n)."""
    return linear(made, names, told, partial(_quantile, share=share))


def _quantile(values: np.ndarray, weight: np.ndarray, share: float) -> float:
    return float(weighted_quantiles(values, np.zeros(len(values), dtype=np.int64), weight, 1, share)[0])


def weighted_quantiles(
    values: np.ndarray, codes: NDArray[np.int64], weight: np.ndarray, count: int, share: float
) -> np.ndarray:
    """Give the weighted quantile (averaged inverse of the distribution) of each of ``count`` groups, (count,); NaN for an empty one.

    >>> weighted_quantiles(np.array([3.0, 1.0, 2.0, 9.0]), np.zeros(4, int), np.ones(4), 2, 0.5).tolist()
    [2.5, nan]
    """
    order = np.lexsort((values, codes))
    ends = np.cumsum(np.bincount(codes, minlength=count))
    upto = np.concatenate([[0.0], np.cumsum(weight[order])])
    starts = np.concatenate([[0], ends[:-1]])
    at = Quantiles(values[order], upto[1:], upto[starts], upto[ends] - upto[starts], starts, ends)
    return at(np.full(count, share))
