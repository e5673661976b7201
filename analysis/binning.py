"""Where numbers are cut: near their quantiles at round edges, frequent values alone; and how a level is called and selected."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np

from modelglass.analysis.sql_text import literal

_SLACK = 0.15
"""Share of a bin by which an edge may move to be a round number."""


def to_number_of(whole: bool) -> Any:
    """Give the type of plain Python numbers: int or float."""
    return int if whole else float


def cuts_of(
    ordered: np.ndarray, starts: np.ndarray, counts: np.ndarray, heavy: np.ndarray, bins: int, whole: bool
) -> list[tuple[Any, bool]]:
    """Choose where to cut: (edge, True) cuts before the edge, (edge, False) just after it. Rising."""
    to_number = to_number_of(whole)
    cuts: list[tuple[Any, bool]] = []
    rest = len(ordered) - int(counts[heavy].sum())
    left = max(bins - len(heavy), 1)
    begin = 0
    for h in [*heavy, None]:
        end = len(ordered) if h is None else int(starts[h])
        segment = ordered[begin:end]
        if len(segment):
            cuts += [(e, True) for e in _edges(segment, max(1, round(left * len(segment) / rest)), to_number)]
        if h is not None:
            value = to_number(ordered[end])
            begin = end + int(counts[h])
            cuts.append((value, True))
            if begin < len(ordered):
                cuts.append((value + 1, True) if whole else (value, False))
    return cuts


def _edges(segment: np.ndarray, parts: int, to_number: Any) -> list[Any]:
    """Cut a sorted segment into about equal parts at round numbers."""
    m, edges = len(segment), list[Any]()
    slack = int(_SLACK * m / parts)
    for j in range(1, parts):
        rank = round(j * m / parts)
        low, high = max(rank - slack, 1), min(rank + slack, m - 1)
        if low > high:
            continue
        if not segment[low - 1] < segment[high]:  # one value fills it all: cut before or after it, whichever is nearer
            before = int(np.searchsorted(segment, segment[high], side="left"))
            after = int(np.searchsorted(segment, segment[high], side="right"))
            places = [p for p in (before, after) if 0 < p < m]
            if not places:
                continue
            low = high = min(places, key=lambda p: abs(p - rank))
        edge = round_between(
            to_number(segment[low - 1]), to_number(segment[high]), to_number(segment[min(max(rank, low), high)])
        )
        if not edges or edge > edges[-1]:
            edges.append(edge)
    return edges


def round_between(low: Any, high: Any, target: Any) -> Any:
    """Give the roundest number e with low < e <= high, and of several equally round ones that closest to target.

    Whole numbers give a whole number, floats a float. Round means few digits, a last 5 counting for half a digit.

    >>> round_between(24, 26, 25), round_between(0.113, 0.131, 0.12), round_between(99_123, 117_827, 110_000)
    (25, 0.12, 100000)
    """
    if low < 0 <= high:
        return type(high)(0)
    whole = isinstance(high, int)
    lowest, highest = (Decimal(min(max(x, -1.7e308), 1.7e308)) if not whole else Decimal(x) for x in (low, high))
    middle = min(max(Decimal(target) if whole or abs(target) < 1.7e308 else highest, lowest), highest)
    top = max(lowest.copy_abs(), highest.copy_abs()).adjusted() + 1
    for exponent in range(top, -1 if whole else top - 20, -1):
        for step in (Decimal(10) ** exponent, Decimal(5) * Decimal(10) ** (exponent - 1)):
            if whole and step < 1:
                continue
            first, last = (lowest / step).__floor__() + 1, (highest / step).__floor__()
            if first <= last:
                edge = min(max(round(middle / step), first), last) * step
                found = int(edge) if whole else float(edge)
                if low < found <= high:
                    return found
    return high


def levels_between(
    cuts: list[tuple[Any, bool]], distinct: np.ndarray, heavy: np.ndarray, whole: bool
) -> tuple[list[int], list[tuple[Any, bool, Any, bool]]]:
    """Turn cuts to levels (low, low included, high, high included), None for no bound, and the place of their first value."""
    to_number = to_number_of(whole)
    places, bounds = [0], []
    for edge, before in cuts:
        place = int(
            np.searchsorted(distinct, np.asarray(edge, dtype=distinct.dtype), side="left" if before else "right")
        )
        if places[-1] < place < len(distinct):
            places.append(place)
            bounds.append((edge, before))
    levels, points = [], set(heavy.tolist())
    for i, place in enumerate(places):
        low, low_in = bounds[i - 1] if i else (None, False)
        high, before = bounds[i] if i < len(bounds) else (None, True)
        if place in points or (whole and low is not None and high == low + 1):
            low, low_in, high, before = to_number(distinct[place]), True, to_number(distinct[place]), False
        levels.append((low, low_in, high, not before))
    return places, levels


def level_label(low: Any, low_in: bool, high: Any, high_in: bool, whole: bool) -> str:
    """Write a level for people: "< 25", "25 to < 37", "40", "> 0 to < 5", ">= 50"."""
    if low is not None and high is not None and low == high:
        return _text(low, whole)
    above = None if low is None else f"{'>=' if low_in else '>'} {_text(low, whole)}"
    below = None if high is None else f"{'<=' if high_in else '<'} {_text(high, whole)}"
    if above and below:
        return f"{above.removeprefix('>= ')} to {below}"
    return above or below or "all"


def _text(value: Any, whole: bool) -> str:
    return str(int(value)) if whole else repr(float(value)).removesuffix(".0")


def level_condition(name: str, low: Any, low_in: bool, high: Any, high_in: bool) -> str:
    """Write a level as a condition in SQL."""
    if low is not None and high is not None and low == high:
        return f"{name} = {literal(low)}"
    parts = []
    if low is not None:
        parts.append(f"{name} {'>=' if low_in else '>'} {literal(low)}")
    if high is not None:
        parts.append(f"{name} {'<=' if high_in else '<'} {literal(high)}")
    return " AND ".join(parts) or f"{name} IS NOT NULL"
