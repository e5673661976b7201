"""Does a column change its scale: other units in a stretch of time, or in a level of another column?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from modelglass.analysis.checked_data import CheckedData, Hit, hit
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.finding import Severity
from modelglass.analysis.selecting import Place, between, either, level_of
from modelglass.analysis.stretches import Clock, Split, best_window, clocks, coarser, runs, sharpened, two_groups
from modelglass.analysis.wording import say

P_MOST = 1e-4
CLEAR = 0.5
"""What is no power of ten must lie apart by so large a gap, as a share of the distance (honest seasons come in two groups too)."""
SPREAD = 0.5
"""How far (in powers of ten) the change of the spread within bins may be from that of the size."""
LEAST = 0.25
"""Shifts of less than this many powers of ten (a factor of 1.8) are no change of units."""
FACTORS = {
    7.0: "days and weeks", 12.0: "months and years", 24.0: "hours and days", 60.0: "seconds and minutes", 3600.0: "seconds and hours",
    86_400.0: "seconds and days", 2.2046: "kilograms and pounds", 2.54: "centimetres and inches", 3.2808: "metres and feet",
    1.6093: "kilometres and miles", 3.6: "kilometres an hour and metres a second", 365.25: "days and years",
}  # fmt: skip
"""Ratios of common units other than powers of ten."""
_AT = np.array([0.1, 0.25, 0.5, 0.75, 0.9])
_FEWEST = 20


@dataclass(frozen=True, slots=True)
class Shift:
    """How the logarithm (base 10) of absolute values moves.

    size    at the median; error: its standard error; uneven: how far the quartiles move from that
    step    power of ten by which the step changes to which values are rounded (7 and 8, then 700 and 800: 2); None where not rounded
    """

    size: float
    error: float
    uneven: float
    step: int | None = None

    @property
    def ratio(self) -> float:
        """How many times as large."""
        return float(10**self.size)

    def power(self) -> int | None:
        """Give the power of ten that explains it, if one does and the shape stays."""
        if self.step and abs(self.size - self.step) <= 0.5:
            return self.step
        nearest = round(self.size)
        close = abs(self.size - nearest) <= min(0.03 + 4 * self.error, 0.2) and self.error <= 0.15
        return nearest if nearest and close and self.even() else None

    def units(self) -> str:
        """Name the common units whose ratio explains it; empty where none does."""
        for factor, words in FACTORS.items():
            if self.error <= 0.01 and abs(abs(self.size) - np.log10(factor)) <= 0.01 + 2 * self.error and self.even():
                return words
        return ""

    def even(self) -> bool:
        """Tell whether the whole distribution moved alike, not only its middle."""
        return self.uneven <= 0.1 + 6 * self.error


def shift(inside: np.ndarray, outside: np.ndarray) -> Shift:
    """Measure the shift between two samples of logarithms.

    >>> round(shift(np.log10([100.0, 200, 400, 800] * 10), np.log10([1.0, 2, 4, 8] * 10)).size, 3)
    2.0
    """
    a, b = np.quantile(inside, _AT), np.quantile(outside, _AT)
    spread = [np.subtract(*np.quantile(v, [0.75, 0.25])) / 1.349 for v in (inside, outside)]
    error = float(np.hypot(*(1.2533 * s / np.sqrt(len(v)) for s, v in zip(spread, (inside, outside)))))
    size = float(a[2] - b[2])
    return Shift(size, error, float(np.abs(a - b - size)[1:4].max()))


def step_change(inside: np.ndarray, outside: np.ndarray) -> int | None:
    """Give the power of ten by which rounding got coarser: nearly all values inside are multiples of it, and few outside are.

    >>> rng = np.random.default_rng(0)
    >>> step_change(100.0 * rng.integers(1, 99, 60), 1.0 * rng.integers(1, 99, 60))
    2
    """
    fine = next((10.0**-d for d in range(4) if _multiples(outside, 10.0**-d) >= 0.95), None)
    if fine is None:
        return None
    coarse = (p for p in (6, 5, 4, 3, 2, 1) if _multiples(inside, fine * 10.0**p) >= 0.95)
    power = next(coarse, None)
    return power if power and _multiples(outside, fine * 10.0**power) <= 0.3 else None


def _multiples(values: np.ndarray, unit: float) -> float:
    """Give the share of values that are multiples of a unit."""
    parts = values / unit
    return float((np.abs(parts - np.round(parts)) <= 1e-6 * np.maximum(np.abs(parts), 1)).mean())


def logs(values: np.ndarray) -> np.ndarray:
    """Give log10 |x|, NaN where x is 0 or missing: a change of units moves it by a constant, whatever the sign."""
    with np.errstate(divide="ignore"):
        found = np.log10(np.abs(values))
    return np.where(np.isfinite(found), found, np.nan)


def check_units(data: CheckedData) -> list[Hit]:
    """Columns whose scale changes by a common factor."""
    names = data.of_kind("numeric", target=True)
    along = clocks(data)
    names = [c for c in names if np.unique(data.numbers(c)[:2_000]).size > 10 or data.columns[c].unique > 10]
    if not names:
        raise NotApplicable("there are no columns of numbers with more than 10 values")
    hits = [
        h for c in along for name in names if name != c.name if (h := _along(data, c, name, len(names) * len(along)))
    ]
    told = {h.finding.features for h in hits}
    small = data.part(data.rows)
    return hits + [h for h in _by_levels(small, data, names) if h.finding.features not in told]


def binwise(
    values: np.ndarray,
    clock: Clock,
    measured: Callable[[np.ndarray], float] = lambda part: float(np.median(part)),
    fewest: int = 10,
) -> np.ndarray:
    """Measure each bin (its median), NaN where fewer than ``fewest`` rows have a value."""
    order = clock.order
    ends = np.cumsum(np.bincount(clock.bin + 1, minlength=clock.bins + 1))
    out = np.full(clock.bins, np.nan)
    for b, part in enumerate(np.split(values[order], ends[:-1])[1:]):
        known = part[~np.isnan(part)]
        if len(known) >= fewest:
            out[b] = measured(known)
    return out


def smooth_middle(distinct: np.ndarray) -> Callable[[np.ndarray], float]:
    """Give a median for values on a grid, which counts do not make jump from one value to the next.

    Each of the sorted ``distinct`` values stands for the range half way to its neighbours, evenly, as in grouped data; where values
    hardly repeat it is the plain median.

    >>> smooth_middle(np.array([1.0, 2.0, 3.0]))(np.array([1.0, 2, 2, 3, 3, 3]))
    2.5
    """
    edges = (distinct[1:] + distinct[:-1]) / 2
    edges = np.r_[distinct[:1], edges, distinct[-1:]]

    def measured(part: np.ndarray) -> float:
        middle = float(np.median(part))
        at = int(np.searchsorted(distinct, middle))
        if at == len(distinct) or distinct[at] != middle:
            return middle
        below, here = float((part < middle).mean()), float((part == middle).mean())
        return float(edges[at] + (0.5 - below) / here * (edges[at + 1] - edges[at]))

    return measured


def _along(data: CheckedData, clock: Clock, name: str, looks: int) -> Hit | None:
    values = data.numbers(name)
    z = logs(values)
    clock = coarser(clock, ~np.isnan(z))
    middles = binwise(z, clock, smooth_middle(np.unique(z[~np.isnan(z)])))
    splits = [two_groups(middles)]
    # an outcome depends on other columns, so a smooth rise of it is no surprise: only a gap is
    if name != data.target and np.isfinite(middles).any() and np.nanmax(middles) - np.nanmin(middles) >= 0.5:
        splits.append(best_window(z, clock))
    for split in splits:
        if split is None or abs(split.apart) < LEAST or split.p * looks > P_MOST:
            continue
        found = _stretch(data, clock, name, z, split)
        if found is not None:
            moved, place, places = found
            return _told(data, name, moved, place, places, split.p * looks)
    return None


def _stretch(
    data: CheckedData, clock: Clock, name: str, z: np.ndarray, split: Split
) -> tuple[Shift, Place, np.ndarray] | None:
    """Measure the shift in a stretch, its ends moved to the right times; None where it is not a change of scale."""
    odd = np.isin(clock.bin, np.flatnonzero(split.odd)) & ~np.isnan(z)
    rest = (clock.bin >= 0) & ~odd & ~np.isnan(z)
    found = shift(z[odd], z[rest])
    middle = float(np.median(z[rest])) + found.size / 2
    votes = np.sign(np.nan_to_num(z - middle)) * np.sign(found.size)
    parts, places = [], []
    for start, stop in runs(split.odd):
        low, high, rows = sharpened(clock, start, stop, votes)
        parts.append(between(data, clock.name, low, high))
        places.append(rows)
    inside = np.unique(np.concatenate(places))
    kept = np.zeros(data.n, dtype=bool)
    kept[inside] = True
    kept &= ~np.isnan(z)
    rest = ~kept & ~np.isnan(z)
    values = data.numbers(name)
    if min(kept.sum(), rest.sum()) < _FEWEST or not _spread_moves_too(values, clock, split, found.size):
        return None
    found, local = _beside(clock, z, kept, split)
    found = replace(found, step=step_change(values[kept], values[rest]))
    if found.power() is None and (local.power() or replace(local, step=found.step).power()):
        found = local
    wanders = split.gap == 0.0 and not _steps(clock, z, split.odd, found.size)
    if wanders or (found.power() is None and split.gap < CLEAR):
        return None
    return found, either(parts), inside


def _spread_moves_too(values: np.ndarray, clock: Clock, split: Split, size: float) -> bool:
    """Tell whether the spread within bins changes by the same factor: a level that only wanders (through 0, say) keeps its spread."""
    spread = binwise(
        np.where(values == 0, np.nan, values), clock, lambda part: float(np.subtract(*np.quantile(part, [0.75, 0.25])))
    )
    a, b = (np.nanmedian(spread[odd]) if np.isfinite(spread[odd]).any() else 0.0 for odd in (split.odd, ~split.odd))
    return bool(a > 0 and b > 0 and abs(np.log10(a / b) - size) <= (SPREAD if abs(size) > 1.5 else 0.35))


def _steps(clock: Clock, z: np.ndarray, odd: np.ndarray, size: float) -> bool:
    """Tell whether values move at the ends of a stretch, from two bins to the next two: what only grows moves little there."""
    near = np.ones(5)
    inside = odd & (np.convolve(~odd, near, "same") > 0)
    outside = ~odd & (np.convolve(odd, near, "same") > 0)
    a, b = (z[np.isin(clock.bin, np.flatnonzero(bins)) & ~np.isnan(z)] for bins in (inside, outside))
    if min(len(a), len(b)) < 10:
        return False
    return bool((np.median(a) - np.median(b)) / size >= 0.6)


def _beside(clock: Clock, z: np.ndarray, kept: np.ndarray, split: Split) -> tuple[Shift, Shift]:
    """Compare a stretch with all the rest, and with the bins beside it alone (seasons differ less there).

    Neighbours in time are alike, so the standard error is at least that of bins.
    """
    rest = ~kept & ~np.isnan(z)
    found = replace(s := shift(z[kept], z[rest]), error=max(s.error, split.error))
    width = max(int(split.odd.sum()) // 2, 2)
    beside = np.convolve(split.odd, np.ones(2 * width + 1), "same") > 0
    close = rest & np.isin(clock.bin, np.flatnonzero(beside))
    if close.sum() < _FEWEST:
        return found, found
    return found, replace(s := shift(z[kept], z[close]), error=max(s.error, split.error))


def _told(data: CheckedData, name: str, found: Shift, place: Place, places: np.ndarray, p: float) -> Hit:
    power, units = found.power(), found.units()
    severity: Severity = "high" if power else "medium"
    times = f"{say(found.ratio)} times as large" if found.size > 0 else f"{say(1 / found.ratio)} times smaller"
    if power:
        times = f"about {10 ** abs(power):,} times {'as large' if power > 0 else 'smaller'}"
    why = ": another unit" if power else f": the ratio of {units}" if units else ", from one row to the next"
    known = np.abs(data.numbers(name)[places])
    middle = np.nanmedian(known) if np.isfinite(known).any() else np.nan
    return hit(
        data,
        "unit_change" if power or units else "scale_break",
        severity,
        f"{name} is {times} where {place.words} ({rows_text(len(places))}, median size {say(float(middle))}) than in the rest{why}",
        columns=(name,),
        where=place.where,
        places=places,
        n=len(places),
        estimate=found.ratio,
        low=float(10 ** (found.size - 1.96 * found.error)),
        high=float(10 ** (found.size + 1.96 * found.error)),
        p_adjusted=min(p, 1.0),
        advice=f"Ask where {name} comes from in these rows, and bring it to one unit before it reaches the model: it takes these values as "
        "they stand.",
    )


# levels of another column --------------------------------------------------------------------------------------------


def _by_levels(small: CheckedData, data: CheckedData, names: list[str]) -> list[Hit]:
    hits = []
    slicers = small.slicers()
    looks = max(len(slicers) * len(names), 1)
    zs = {name: logs(small.numbers(name)) for name in names}
    for slicer in slicers:
        coding = small.levels(slicer)
        for name in names:
            if name in (slicer, data.target):
                continue
            found = _odd_levels(zs[name], coding.codes, len(coding.labels), looks)
            if found is None:
                continue
            odd, moved, p, sure = found
            place = either([level_of(coding, i) for i in odd])
            places = np.flatnonzero(np.isin(data.levels(slicer).codes, _same_levels(small, data, slicer, odd)))
            told = _told(data, name, moved, place, places, p)
            if not sure and told.finding.severity == "high":
                told = replace(told, finding=replace(told.finding, severity="medium"))
            hits.append(told)
    return hits


def _same_levels(small: CheckedData, data: CheckedData, slicer: str, odd: list[int]) -> list[int]:
    wanted = {small.levels(slicer).labels[i] for i in odd}
    return [i for i, label in enumerate(data.levels(slicer).labels) if label in wanted]


def _odd_levels(
    z: np.ndarray, codes: np.ndarray, count: int, looks: int
) -> tuple[list[int], Shift, float, bool] | None:
    """Find levels whose values are larger by a power of ten than those of all others, which are alike."""
    known = ~np.isnan(z)
    n = np.bincount(codes[known], minlength=count)
    used = np.flatnonzero(n >= _FEWEST)
    if len(used) < 2:
        return None
    mean = np.bincount(codes[known], weights=z[known], minlength=count)[used] / n[used]
    order = np.argsort(mean, kind="stable")
    gaps = np.diff(mean[order])
    at = int(gaps.argmax())
    if gaps[at] < 0.8:
        return None
    low, high = used[order[: at + 1]], used[order[at + 1 :]]
    odd, rest = (low, high) if n[low].sum() < n[high].sum() else (high, low)
    others = mean[np.isin(used, rest)]
    if others.max() - others.min() > 0.3 * gaps[at]:
        return None
    inside, outside = z[known & np.isin(codes, odd)], z[known & np.isin(codes, rest)]
    moved = shift(inside, outside)
    if not moved.power() or moved.error > 0.08:
        return None
    p = float(2 * stats.norm.sf(abs(moved.size) / max(moved.error, 1e-9))) * looks * len(used)
    sure = len(rest) >= 2 and len(inside) <= 0.4 * (len(inside) + len(outside))
    return (sorted(int(i) for i in odd), moved, min(p, 1.0), sure) if p <= P_MOST else None
