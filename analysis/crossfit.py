"""What a change that is fitted to some rows gains on others: estimate, interval and p-value, every row judged by a fit it had no part in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from modelglass.analysis import halves, intervals
from modelglass.analysis.estimated import FEWEST_CLUSTERS, rows_text
from modelglass.analysis.estimates_values import SIGNED_SKEWNESS_FACTOR
from modelglass.analysis.groups import Groups, Moments, Rows
from modelglass.analysis.weighted import equal_rows

Floats = NDArray[np.float64]
HALVINGS = 10
FEWEST_ROWS, FEWEST_OF_A_CLASS = 100, 10
_STEPS = 40


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Gain:
    """Mean gain a row; low, high: its interval; p: one-sided, of no gain; n: rows; note: why something is NaN."""

    estimate: float
    low: float
    high: float
    p: float
    n: int
    note: str = ""


def splits(rows: Rows, seed: int, codes: np.ndarray | None = None, count: int = HALVINGS) -> list[np.ndarray]:
    """Cut the rows in two, ``count`` times, whole clusters together and whatever their order: bool (n,) each."""
    return [halves.parts(rows, seed + 7_919 * i, 2, codes) == 0 for i in range(count)]


def crossfitted(cuts: Sequence[np.ndarray], judge: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> list[np.ndarray]:
    """Give the gains (n,) of each cut: ``judge(fit, use)`` gives those of the places ``use`` by what was fitted on the places ``fit``."""
    out = []
    for first in cuts:
        gains = np.zeros(len(first))
        for use, fit in (
            (np.flatnonzero(first), np.flatnonzero(~first)),
            (np.flatnonzero(~first), np.flatnonzero(first)),
        ):
            gains[use] = judge(fit, use)
        out.append(gains)
    return out


def judged(rows: Rows, gains: Sequence[np.ndarray], level: float) -> Gain:
    """Estimate the mean of gains that were found in one or more cuts, (n,) each.

    Estimate and ends of the interval (Student's t corrected for skewness, over clusters where given) are averaged over the cuts, as in
    ``cheapest.crossfitted``: the estimate loses the noise of the cut, and the interval stays as wide as one cut gives. Simulated in
    ``benchmarks/coverage_explanations.py``: it holds its level from ``FEWEST_ROWS`` rows and ``FEWEST_OF_A_CLASS`` of the rarer of two
    classes on. Where in half of the cuts the best fit changes nothing, there is nothing to give an interval of.
    """
    n = len(rows.y)
    mean, moments = _moments(rows, gains)
    estimate, moving = float(mean.mean()), moments.variance > 0
    note = why_none(rows) or ("" if moving.mean() > 0.5 else "the best fit changes nothing")
    if note:
        p = np.nan if why_none(rows) else 1.0
        return Gain(estimate=estimate, low=np.nan, high=np.nan, p=p, n=n, note=note)
    df = moments.df if moments.tail_df is None else moments.tail_df

    def ends(at: float) -> tuple[float, float]:
        both = intervals.skewed(mean, moments.variance, moments.skewness, at, df, SIGNED_SKEWNESS_FACTOR)
        low, high = (float(np.where(moving, end, mean).mean()) for end in both)
        return low, high

    low, high = ends(level)
    below, above = 0.0, 8.0
    for _ in range(_STEPS if estimate > 0 else 0):
        middle = (below + above) / 2
        below, above = (middle, above) if ends(float(1 - 2 * special.ndtr(-middle)))[0] > 0 else (below, middle)
    return Gain(estimate=estimate, low=low, high=high, p=float(special.ndtr(-below)), n=n)


def _moments(rows: Rows, gains: Sequence[np.ndarray]) -> tuple[np.ndarray, Moments]:
    """Give mean and moments of the gains of each cut: the cuts are groups of the same rows."""
    n, many = len(rows.y), len(gains)
    values = np.concatenate([np.asarray(g, float) for g in gains])
    held = Rows(
        task="regression",
        y=np.zeros(n * many),
        predicted=np.zeros(n * many),
        weight=None if rows.weight is None else np.tile(rows.weight, many),
        cluster=None if rows.cluster is None else np.tile(rows.cluster, many),
    )
    groups = Groups(held, np.repeat(np.arange(many), n), many)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = groups.weighted_sum(values) / groups.w
        influence = (values - mean[groups.codes]) / groups.w[groups.codes]
    return mean, groups.moments(influence if held.weight is None else influence * held.weight)


def why_none(rows: Rows) -> str:
    """Say why no gain on these rows can be told from chance; "" where one can."""
    n = len(rows.y)
    kish = equal_rows(rows.weight, n)
    if kish < FEWEST_ROWS * (1 - 1e-9):
        effective = f" ({kish:,.0f} when weighted)" if kish < n * (1 - 1e-9) else ""
        return f"only {rows_text(n)}{effective}, and at least {FEWEST_ROWS} are needed"
    if rows.task == "binary":
        rarer = int(np.bincount(rows.y, minlength=2).min())
        if rarer < FEWEST_OF_A_CLASS:
            return f"only {rows_text(rarer)} of one class, and at least {FEWEST_OF_A_CLASS} are needed"
    if rows.cluster is not None and len(np.unique(rows.cluster)) < 2 * FEWEST_CLUSTERS:
        return f"fewer than {2 * FEWEST_CLUSTERS} clusters, and each half needs {FEWEST_CLUSTERS}"
    return ""
