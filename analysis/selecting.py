"""A condition that selects given rows, where one short one does: a stretch of time, a range, or a few levels of one column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pandas.api import types

from modelglass.analysis.plain import plain
from modelglass.analysis.sql_text import literal, quote_name

if TYPE_CHECKING:
    from modelglass.analysis.checked_data import CheckedData
    from modelglass.analysis.coding import Coding

PRECISE, COMPLETE = 0.9, 0.95
MOST_LEVELS = 5


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is: the SQL condition, and the same in words, to follow "where"."""

    where: str
    words: str


def level_of(coding: Coding, level: int) -> Place:
    """Give the place of one level of a column."""
    return Place(coding.conditions[level], f"{coding.column} is {coding.labels[level]}")


def either(places: Sequence[Place]) -> Place:
    """Join places: in one or another of them."""
    if len(places) == 1:
        return places[0]
    return Place(" OR ".join(f"({p.where})" for p in places), ", or ".join(p.words for p in places))


def selecting(data: CheckedData, places: np.ndarray) -> tuple[str | None, str]:
    """Find a condition on one column that holds for these rows (95 % of them) and hardly any other (10 % of those it selects).

    Returns
    -------
    sql : str or None
        None where no such condition is found.
    words : str
        ", all where ..." to be added to a sentence; empty without a condition.
    """
    if len(places) < 5 or len(places) > 0.6 * data.n:
        return None, ""
    wanted = np.zeros(data.n, dtype=bool)
    wanted[places] = True
    best: tuple[float, Place] | None = None
    numeric = [c for c, about in data.columns.items() if about.kind in ("numeric", "id") and c != data.target]
    ordered = [*data.times, *numeric]
    for name in ordered:
        found = _range(data, name, wanted)
        if found is not None and (best is None or found[0] > best[0]):
            best = found
    for name in data.of_kind("categorical", "boolean"):
        found = _levels(data, name, wanted)
        if found is not None and (best is None or found[0] > best[0]):
            best = found
    return (None, "") if best is None else (best[1].where, f", nearly all where {best[1].words}")


def _score(wanted: np.ndarray, chosen: np.ndarray) -> float | None:
    both, picked = int((wanted & chosen).sum()), int(chosen.sum())
    if both < COMPLETE * wanted.sum() or both < PRECISE * picked:
        return None
    return 2 * both / (picked + wanted.sum())


def _range(data: CheckedData, name: str, wanted: np.ndarray) -> tuple[float, Place] | None:
    about = data.columns[name]
    if about.kind == "id" and not types.is_numeric_dtype(data.frame[name].dtype):
        return None
    values = data.seconds(name) if about.kind == "datetime" else data.numbers(name)
    mine = values[wanted]
    mine = mine[np.isfinite(mine)]
    if not len(mine):
        return None
    low, high = mine.min(), mine.max()
    score = _score(wanted, (values >= low) & (values <= high))
    if score is None:
        return None
    known = values[np.isfinite(values)]
    return score, between(data, name, low if low > known.min() else None, high if high < known.max() else None)


def between(data: CheckedData, name: str, low: float | None, high: float | None) -> Place:
    """Give a range of a numeric or time column, ends included; None leaves an end open.

    Times come as seconds since 1970.
    """
    sql, time = quote_name(name), data.columns[name].kind == "datetime"
    if time:
        read = plain(data.frame[name])
        if read is None or not types.is_datetime64_dtype(read.dtype):
            sql = f"CAST({sql} AS TIMESTAMP)"

    def both(value: float) -> tuple[str, str]:
        if time:
            stamp = pd.Timestamp(round(value * 1e6), unit="us")
            return literal(stamp), str(stamp).removesuffix(" 00:00:00")
        number = int(value) if float(value).is_integer() and abs(value) < 2**53 else float(value)
        return literal(number), f"{number:,}" if isinstance(number, int) else f"{number:,.6g}"

    if low is not None and high is not None:
        (low_sql, low_said), (high_sql, high_said) = both(low), both(high)
        if low == high:
            return Place(f"{sql} = {low_sql}", f"{name} is {low_said}")
        return Place(f"{sql} BETWEEN {low_sql} AND {high_sql}", f"{name} is {low_said} to {high_said}")
    if low is not None:
        return Place(
            f"{sql} >= {both(low)[0]}",
            f"{name} is {both(low)[1]} or more" if not time else f"{name} is from {both(low)[1]} on",
        )
    if high is not None:
        return Place(
            f"{sql} <= {both(high)[0]}",
            f"{name} is {both(high)[1]} or less" if not time else f"{name} is up to {both(high)[1]}",
        )
    return Place(f"{sql} IS NOT NULL", f"{name} is known")


def _levels(data: CheckedData, name: str, wanted: np.ndarray) -> tuple[float, Place] | None:
    if data.columns[name].unique > 1_000:
        return None
    codes, levels = pd.factorize(plain(data.frame[name]))
    inside = np.bincount(codes[wanted & (codes >= 0)], minlength=len(levels))
    share = inside / np.maximum(np.bincount(codes[codes >= 0], minlength=len(levels)), 1)
    kept = np.flatnonzero(share >= PRECISE)
    if not len(kept) or len(kept) > MOST_LEVELS:
        return None
    score = _score(wanted, np.isin(codes, kept))
    if score is None:
        return None
    written = [literal(levels[i]) for i in sorted(kept, key=lambda i: str(levels[i]))]
    sql = quote_name(name)
    where = f"{sql} = {written[0]}" if len(written) == 1 else f"{sql} IN ({', '.join(written)})"
    return score, Place(where, f"{name} is {' or '.join(sorted(str(levels[i]) for i in kept))}")
