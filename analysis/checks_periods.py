"""Is a column unlike itself in a stretch of time: other values, other levels, other gaps?"""

from __future__ import annotations

import numpy as np

from modelglass.analysis.checked_data import CheckedData, Hit, hit
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.selecting import between, either
from modelglass.analysis.stretches import Clock, clocks, runs, two_groups

P_MOST = 1e-4
LEAST = 0.3
"""Share of the values that must stand elsewhere in the distribution."""


def check_periods(data: CheckedData) -> list[Hit]:
    """Columns whose distribution in one stretch of time is unlike all other stretches."""
    along = clocks(data)
    if not along:
        raise NotApplicable("there is no column of times")
    names = [c for c in data.inputs if data.columns[c].kind in ("numeric", "categorical", "boolean")]
    if data.target in data.columns and data.columns[data.target].kind in ("numeric", "categorical", "boolean"):
        names.append(data.target)
    looks = len(names) * len(along)
    return [h for c in along for name in names if name != c.name if (h := _unlike(data, c, name, looks))]


def distances(codes: np.ndarray, bins: np.ndarray, levels: int, count: int) -> np.ndarray:
    """Give for each bin the total variation distance between its levels and those of the typical bin (the median share of each level)."""
    kept = bins >= 0
    table = (
        np.bincount(bins[kept] * levels + codes[kept], minlength=count * levels).reshape(count, levels).astype(float)
    )
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    typical = np.median(shares, axis=0)
    typical = typical / max(typical.sum(), 1e-12)
    return np.abs(shares - typical).sum(axis=1) / 2


def _unlike(data: CheckedData, clock: Clock, name: str, looks: int) -> Hit | None:
    coding = data.levels(name, 10)
    if len(coding.labels) < 2:
        return None
    away = distances(coding.codes, clock.bin, len(coding.labels), clock.bins)
    split = two_groups(away, most_runs=2, most_share=0.34)
    if split is None or split.apart < LEAST or split.gap < 0.5 or split.p * looks > P_MOST:
        return None
    places = np.flatnonzero(np.isin(clock.bin, np.flatnonzero(split.odd)))
    parts = []
    for start, stop in runs(split.odd):
        inside = clock.seconds[(clock.bin >= start) & (clock.bin < stop)]
        known = clock.seconds[clock.bin >= 0]
        low = None if start == 0 else float(inside.min())
        high = None if stop == clock.bins else float(inside.max())
        parts.append(between(data, clock.name, low, high if high is not None and high < known.max() else None))
    place = either(parts)
    here = np.bincount(coding.codes[places], minlength=len(coding.labels)) / len(places)
    rest = np.bincount(np.delete(coding.codes, places), minlength=len(coding.labels)) / max(data.n - len(places), 1)
    most = int((here - rest).argmax())
    return hit(
        data,
        "period_break",
        "medium",
        f"{name} is unlike itself where {place.words} ({rows_text(len(places))}): {coding.labels[most]} makes up {here[most]:.0%} of it there, "
        f"{rest[most]:.0%} elsewhere, and {split.apart:.0%} of the values would have to move to make it like other times",
        columns=(name,),
        where=place.where,
        places=places,
        n=len(places),
        estimate=split.apart,
        p_adjusted=min(split.p * looks, 1.0),
        advice=f"Find out what happened to {name} then: another source, rule or meaning, or a fault.",
    )
