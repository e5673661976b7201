"""Stretches of time: rows cut into bins of equal count along a clock, and the stretch in which something is otherwise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from modelglass.analysis.checked_data import CheckedData

BINS, FEWEST_ROWS = 60, 30
"""Bins along a clock at most, and rows that a bin should have."""


@dataclass(frozen=True, eq=False, slots=True)
class Clock:
    """Rows along time.

    name    column of times; seconds: (n,) time of each row, NaN where missing
    bin     (n,) bin of each row along time, -1 where the time is missing; rows of one time are in one bin
    bins    number of bins; order: rows sorted by bin; by_time: rows with a time, sorted by it
    """

    name: str
    seconds: np.ndarray
    bin: NDArray[np.int64]
    bins: int
    order: NDArray[np.int64]
    by_time: NDArray[np.int64]


def clocks(data: CheckedData) -> list[Clock]:
    """Give the clocks of the data: columns of times, and whole numbers that count the rows."""
    counts = [c for c, about in data.columns.items() if about.kind == "id" and "count the rows" in about.how]
    return data.keep("clocks", lambda: [c for name in [*data.times, *counts] if (c := _clock(data, name)) is not None])


def _clock(data: CheckedData, name: str) -> Clock | None:
    seconds = data.seconds(name)
    known = np.isfinite(seconds)
    if known.sum() < 4 * FEWEST_ROWS:
        return None
    by_time = np.argsort(seconds, kind="stable")[: int(known.sum())]
    ordered = seconds[by_time]
    wanted = int(min(BINS, len(ordered) // FEWEST_ROWS))
    edges = np.unique(ordered[(np.arange(1, wanted) * len(ordered)) // wanted])
    edges = edges[edges > ordered[0]]
    if len(edges) < 3:
        return None
    bins = np.where(known, np.searchsorted(edges, seconds, side="right"), -1)
    return Clock(name, seconds, bins, len(edges) + 1, np.argsort(bins, kind="stable"), by_time)


def coarser(clock: Clock, usable: NDArray[np.bool_], rows: int = 15) -> Clock:
    """Join neighbouring bins until the typical one has so many usable rows; the clock itself where it has."""
    counts = np.bincount(clock.bin[usable & (clock.bin >= 0)], minlength=clock.bins)
    typical = float(np.median(counts))
    times = 1 if typical >= rows else int(np.ceil(rows / max(counts.sum() / clock.bins, 1e-9)))
    if times <= 1:
        return clock
    bins = np.where(clock.bin >= 0, clock.bin // times, -1)
    return Clock(clock.name, clock.seconds, bins, -(-clock.bins // times), clock.order, clock.by_time)


def runs(chosen: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Give the stretches of true values as (first, one after the last).

    >>> runs(np.array([True, False, True, True]))
    [(0, 1), (2, 4)]
    """
    steps = np.diff(np.r_[0, chosen.astype(np.int8), 0])
    return list(zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist()))


@dataclass(frozen=True, eq=False, slots=True)
class Split:
    """Bins that fall into two groups.

    odd     (b,) which are the odd ones; apart: distance of the groups' medians, in the values' unit
    gap     the empty space between the groups, as a share of that distance
    error   standard error of the distance, from the bins; p: p-value of "one group"
    """

    odd: NDArray[np.bool_]
    apart: float
    gap: float
    error: float
    p: float


def two_groups(values: np.ndarray, *, most_runs: int = 3, most_share: float = 0.5) -> Split | None:
    """Split values of bins, in order of time, at their widest gap, where the smaller group is a few stretches.

    The p-value is that of Student's t between the two groups, times the number of ways to cut one stretch out of the bins
    (Bonferroni); None where the bins do not fall into two groups: the gap is under a quarter of the distance of the groups' medians.
    """
    known = np.flatnonzero(np.isfinite(values))
    if len(known) < 5:
        return None
    ordered = np.sort(values[known])
    gaps = np.diff(ordered)
    at = int(gaps.argmax())
    if not gaps[at] > 0:
        return None
    above = np.isfinite(values) & (values > ordered[at])
    below = np.isfinite(values) & ~above
    odd = above if above.sum() <= below.sum() else below
    rest = below if odd is above else above
    if odd.sum() > most_share * len(known) or len(runs(odd | ~np.isfinite(values))) > most_runs + 1:
        return None
    a, b = values[odd], values[rest]
    apart = float(np.median(a) - np.median(b))
    gap = _gap(values, odd, rest, apart)
    if gap < 0.25:
        return None
    df = len(a) + len(b) - 2
    pooled = float(((a - a.mean()) ** 2).sum() + ((b - b.mean()) ** 2).sum()) / max(df, 1)
    error = np.sqrt(max(pooled, 1e-24) * (1 / len(a) + 1 / len(b)))
    ways = len(known) * (len(known) + 1) / 2
    p = min(float(2 * stats.t.sf(abs(a.mean() - b.mean()) / error, df)) * ways, 1.0)
    return Split(odd, apart, gap, float(1.2533 * error), p)


def _gap(values: np.ndarray, odd: NDArray[np.bool_], rest: NDArray[np.bool_], apart: float) -> float:
    """Give the space between two groups of bins as a share of their distance; bins at the ends of a stretch hold some of both."""
    beside = np.convolve(odd, np.ones(3), "same") > 0
    ends = np.convolve(~odd, np.ones(3), "same") > 0
    far = rest & ~beside if (rest & ~beside).sum() >= 3 else rest
    deep = odd & ~ends if (odd & ~ends).any() else odd
    sign = np.sign(apart)
    return float(((values[deep] * sign).min() - (values[far] * sign).max()) / abs(apart))


def best_window(values: np.ndarray, clock: Clock) -> Split | None:
    """Find the stretch of bins whose values rank most unlike all others (Wilcoxon's test), where no gap parts the bins.

    The p-value is times the number of stretches (Bonferroni). It holds for rows that are independent; where values wander with time
    a stretch always stands out, so more must be asked of it.
    """
    usable = np.isfinite(values) & (clock.bin >= 0)
    n, count = int(usable.sum()), clock.bins
    if n < 100:
        return None
    ranks = stats.rankdata(values[usable]) - (n + 1) / 2
    sums = np.r_[0.0, np.cumsum(np.bincount(clock.bin[usable], weights=ranks, minlength=count))]
    rows = np.r_[0, np.cumsum(np.bincount(clock.bin[usable], minlength=count))]
    start, stop = np.triu_indices(count + 1, 1)
    inside = rows[stop] - rows[start]
    kept = (inside >= 20) & (inside <= n / 2)
    if not kept.any():
        return None
    start, stop, inside = start[kept], stop[kept], inside[kept]
    z = (sums[stop] - sums[start]) / np.sqrt(inside * (n - inside) * (n + 1) / 12)
    at = int(np.abs(z).argmax())
    odd = (np.arange(count) >= start[at]) & (np.arange(count) < stop[at])
    mine = odd[clock.bin] & usable
    apart = float(np.median(values[mine]) - np.median(values[usable & ~mine]))
    return Split(odd, apart, 0.0, 0.0, min(float(2 * stats.norm.sf(abs(z[at]))) * len(z), 1.0))


def sharpened(clock: Clock, start: int, stop: int, votes: np.ndarray) -> tuple[float | None, float | None, np.ndarray]:
    """Move the ends of a stretch of bins to the times that part the rows best.

    Parameters
    ----------
    start, stop : int
        Bins of the stretch, ``stop`` not among them.
    votes : array, shape (n,)
        1 for rows that look like those of the stretch, -1 for others, 0 for those that cannot tell.

    Returns
    -------
    low, high : float or None
        First and last time of the stretch; None where it reaches the first or last time of all.
    places : int array
        Rows of the stretch.
    """
    known = clock.bin >= 0
    times, inverse = np.unique(clock.seconds[known], return_inverse=True)
    sums = np.bincount(inverse, weights=votes[known], minlength=len(times))
    first_bin = np.full(len(times), clock.bins)
    np.minimum.at(first_bin, inverse, clock.bin[known])
    upto = np.r_[0.0, np.cumsum(sums)]
    middle = (start + stop) // 2
    left = np.flatnonzero((first_bin >= start - 1) & (first_bin <= middle))
    right = np.flatnonzero((first_bin >= middle) & (first_bin <= stop))
    low = 0 if start == 0 else int(left[np.argmin(upto[left])])
    high = len(times) - 1 if stop == clock.bins else int(right[np.argmax(upto[right + 1])])
    inside = known & (clock.seconds >= times[low]) & (clock.seconds <= times[high])
    return (
        None if low == 0 else float(times[low]),
        None if high == len(times) - 1 else float(times[high]),
        np.flatnonzero(inside),
    )
