"""The difference of two weighted means, of many values at once, with an interval that knows weights and clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from modelglass.analysis import intervals
from modelglass.analysis.estimated import FEWEST_CLUSTERS, rows_text
from modelglass.analysis.groups import tail_df
from modelglass.analysis.weighted import equal_rows

Floats = NDArray[Any]
_STEPS = 40
FEWEST_ROWS, FEWEST_UNEQUAL_ROWS = 100, 200
"""Rows of a side from which an interval is given, and with unequal weights (Kish's number) or clusters: below them it held its level
for some kinds of values only."""
EVEN_FACTOR = 0.5
"""Where both sides are equally unsure their skewness largely cancels, and what is seen of the rest is mostly noise; where one side
is known well it counts as for a single mean (``intervals.SKEWNESS_FACTOR``). Coverage in ``benchmarks/coverage_explanations.py``."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Sample:
    """Values of some rows: ``values`` (n, m), ``weight`` (n,) or None, ``cluster`` (n,) codes or None.

    Codes of two samples that are compared name the same clusters.
    """

    values: Floats
    weight: Floats | None = None
    cluster: NDArray[np.integer] | None = None


@dataclass(frozen=True, eq=False, slots=True)
class _Side:
    """One sample: means (m,), influences of its units (u, m) corrected for their own part in the mean, names of the units (u,)
    or None, Kish's number of units and degrees of freedom.
    """

    mean: Floats
    freed: Floats
    unit: np.ndarray | None
    kish: float
    df: float


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class MeanDifference:
    """Means here and there and their difference, (m,) each.

    estimate    here less there; low, high: its interval (NaN where none holds its level)
    p           two-sided p-value of no difference, by the same method; NaN where there is no interval
    """

    here: Floats
    there: Floats
    estimate: Floats
    low: Floats
    high: Floats
    p: Floats


def mean_difference(here: Sample, there: Sample, level: float = 0.95) -> MeanDifference:
    """Compare weighted means of two samples.

    Student's t corrected for skewness (Hall 1992) with Welch's degrees of freedom, long tails counted (``groups.tail_df``). A
    cluster with rows on both sides moves both means; its influences are taken together.

    Parameters
    ----------
    here, there : Sample
        With the same m values; both with clusters or both without.

    >>> found = mean_difference(Sample(values=np.array([[1.0], [3.0]])), Sample(values=np.array([[0.0], [2.0]])))
    >>> float(found.estimate[0])
    1.0
    """
    a, b = _side(here), _side(there)
    squares = [(s.freed**2).sum(axis=0) for s in (a, b)]
    cubes = [(s.freed**3).sum(axis=0) * _unbiased(s.kish) for s in (a, b)]
    fourths = [(s.freed**4).sum(axis=0) for s in (a, b)]
    variance, third = squares[0] + squares[1], cubes[0] - cubes[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        df = variance**2 / sum(q**2 / max(s.df, 1e-9) for q, s in zip(squares, (a, b)))
        tails = [tail_df(q, f, np.asarray(s.df)) for q, f, s in zip(squares, fourths, (a, b))]
        tail = variance**2 / sum(q**2 / t for q, t in zip(squares, tails))
        variance, third = _with_shared(a, b, variance, third)
        skewness = np.where(variance > 0, third / variance**1.5, 0.0)
        uneven = np.nan_to_num(np.abs(squares[0] - squares[1]) / (squares[0] + squares[1]))
    factor = EVEN_FACTOR + (intervals.SKEWNESS_FACTOR - EVEN_FACTOR) * uneven
    free = np.fmin(np.where(np.isfinite(df), df, 1.0), np.where(np.isfinite(tail), tail, np.inf))
    usable = (variance > 0) & (why_none(here, there) == "")
    estimate = a.mean - b.mean
    low, high = intervals.skewed(estimate, variance, skewness, level, free, factor)
    p = _p_of(estimate, variance, skewness, free, factor)
    return MeanDifference(
        here=a.mean,
        there=b.mean,
        estimate=estimate,
        low=np.where(usable, low, np.nan),
        high=np.where(usable, high, np.nan),
        p=np.where(usable, p, np.nan),
    )


def why_none(here: Sample, there: Sample) -> str:
    """Say why no interval of a difference of means of these samples would hold its level; "" where one does."""
    for sample in (here, there):
        kish = equal_rows(sample.weight, len(sample.values))
        unequal = not kish > len(sample.values) * (1 - 1e-9)
        fewest = FEWEST_UNEQUAL_ROWS if unequal or sample.cluster is not None else FEWEST_ROWS
        if not kish >= fewest * (1 - 1e-9):
            effective = " (weights counted)" if unequal else ""
            return f"one side has {rows_text(round(kish))}{effective}, and at least {fewest} are needed"
        if sample.cluster is not None and len(np.unique(sample.cluster)) < FEWEST_CLUSTERS:
            return f"one side has fewer than {FEWEST_CLUSTERS} clusters"
    return ""


def _side(sample: Sample) -> _Side:
    values = np.asarray(sample.values, float)
    n, m = values.shape
    weight = np.ones(n) if sample.weight is None else sample.weight
    total = weight.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = weight @ values / total
        influence = weight[:, None] * (values - mean) / total
    unit, mass = None, weight
    if sample.cluster is not None:
        unit, place = np.unique(sample.cluster, return_inverse=True)
        place = place.ravel()
        influence = np.column_stack([np.bincount(place, influence[:, j], len(unit)) for j in range(m)])
        mass = np.bincount(place, weight, len(unit))
    with np.errstate(divide="ignore", invalid="ignore"):
        kish = float(mass.sum() ** 2 / (mass**2).sum())
        df = float((mass**2).sum() ** 2 / (mass**4).sum()) - 1
        part = 1 - 2 * mass / mass.sum() + 1 / kish
        freed = influence / np.sqrt(np.maximum(part, 1e-12))[:, None]
    # sizes of few clusters are estimates as well: one degree of freedom less holds the level (as in groups.moments)
    df = df if unit is None else max(df - 1, min(df, 1.0))
    few = not kish > 1 + 1e-9
    return _Side(mean, np.full_like(freed, np.nan) if few else freed, unit, kish, df)


def _with_shared(a: _Side, b: _Side, variance: Floats, third: Floats) -> tuple[Floats, Floats]:
    """Take clusters with rows on both sides for one: what they add to one mean they take from the difference."""
    if a.unit is None or b.unit is None:
        return variance, third
    _, at, other = np.intersect1d(a.unit, b.unit, return_indices=True)
    if not len(at):
        return variance, third
    x, y = a.freed[at], b.freed[other]
    return np.maximum(variance - 2 * (x * y).sum(axis=0), 0.0), third + 3 * (x * y * (y - x)).sum(axis=0)


def _unbiased(n: float) -> float:
    return float(np.sqrt(n * (n - 1)) / (n - 2)) if n > 2.5 else 0.0


def _p_of(estimate: Floats, variance: Floats, skewness: Floats, df: Floats, factor: Floats) -> Floats:
    """Give one less the highest level at which the interval leaves out 0, (m,): halving the normal quantile of the tail."""
    below, above = np.zeros(len(estimate)), np.full(len(estimate), 12.0)
    for _ in range(_STEPS):
        middle = (below + above) / 2
        low, high = intervals.skewed(estimate, variance, skewness, 1 - 2 * special.ndtr(-middle), df, factor)
        out = (low > 0) | (high < 0)
        below, above = np.where(out, middle, below), np.where(out, above, middle)
    return np.minimum(2 * special.ndtr(-below), 1.0)
