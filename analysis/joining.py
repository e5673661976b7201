"""Conditions put together: both, any, the rest, a range of values, and rows by their numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from modelglass.analysis.reserved import ROW
from modelglass.analysis.sql_text import literal

MOST_RANGES = 200
"""More alternatives than these nest too deep for a parser."""


def between(name: str | None, low: float, high: float, *, left: bool = True, right: bool = False) -> str | None:
    """Say that a value lies between two edges; ``left`` and ``right`` tell which edge belongs to it, an infinite one is left out.

    >>> between("_score", 0.1, 0.2), between("_error", -np.inf, 3.0, right=True), between(None, 0, 1)
    ('_score >= 0.1 AND _score < 0.2', '_error <= 3.0', None)
    """
    if name is None or np.isnan(low) or np.isnan(high):
        return None
    parts = [f"{name} {'>=' if left else '>'} {literal(float(low))}"] if np.isfinite(low) else []
    parts += [f"{name} {'<=' if right else '<'} {literal(float(high))}"] if np.isfinite(high) else []
    return " AND ".join(parts) or f"{name} IS NOT NULL"


def in_bins(
    name: str | None,
    left: Iterable[float],
    right: Iterable[float],
    *,
    closed: str = "left",
    outer: Iterable[float] = (),
) -> list[str | None]:
    """Give the condition of each bin; the two outer edges are no bounds, because the outer bins hold what lies beyond.

    Parameters
    ----------
    name : str or None
        What is binned, as SQL reads it.
    left, right : edges of the bins
    closed : {"left", "right"}
        Which edge belongs to its bin.
    outer : two numbers, optional
        Lowest and highest edge; without them those of these bins.

    >>> in_bins("x", [0, 1], [1, 2])
    ['x < 1.0', 'x >= 1.0']
    """
    lefts, rights = np.asarray(list(left), dtype=float), np.asarray(list(right), dtype=float)
    ends = list(outer) or ([lefts.min(), rights.max()] if len(lefts) else [0.0, 0.0])
    low, high = np.where(lefts <= ends[0], -np.inf, lefts), np.where(rights >= ends[1], np.inf, rights)
    return [between(name, a, b, left=closed == "left", right=closed == "right") for a, b in zip(low, high)]


def conjoined(*parts: str | None) -> str | None:
    """Join conditions by AND, each in brackets where it needs them; None where one of them is None, ``TRUE`` adds nothing.

    >>> conjoined("a > 1", "b = 2 OR c = 3"), conjoined("a > 1", None), conjoined("TRUE", "a > 1")
    ('a > 1 AND (b = 2 OR c = 3)', None, 'a > 1')
    """
    if any(part is None for part in parts):
        return None
    kept = [str(part) for part in parts if part != "TRUE"]
    if len(kept) < 2:
        return kept[0] if kept else "TRUE"
    return " AND ".join(bracketed(part) for part in kept)


def bracketed(sql: str) -> str:
    r"""Put a condition in brackets where joining it by AND could change its meaning; a comment in it ends with its line.

    >>> bracketed("a = 1 AND b = 2"), bracketed("a = 1 OR b = 2"), bracketed("a = 1 -- one")
    ('a = 1 AND b = 2', '(a = 1 OR b = 2)', '(a = 1 -- one\n)')
    """
    plain = not re.search(r"--|/\*|\bor\b", sql, re.IGNORECASE)
    return sql if plain else f"({sql}{_end(sql)})"


def rest_of(sql: str) -> str:
    """Say that a condition is not true: it is false, or missing values leave it open.

    >>> rest_of("age < 30")
    'NOT coalesce((age < 30), FALSE)'
    """
    return f"NOT coalesce(({sql}{_end(sql)}), FALSE)"


def _end(sql: str) -> str:
    return "\n" if "--" in sql else ""


def any_of(conditions: Iterable[str]) -> str | None:
    """Say that at least one of some conditions holds; rows by number are put together in one list.

    >>> any_of(["_row = 4", "_row = 2", "age < 3"]), any_of(["_row = 7"]), any_of([])
    ('_row IN (2,4) OR age < 3', '_row = 7', None)
    """
    start = f"{ROW} = "
    found = list(dict.fromkeys(conditions))
    numbers = sorted({int(c.removeprefix(start)) for c in found if _is_row(c)})
    parts = [c for c in found if not _is_row(c)]
    if len(numbers) == 1:
        parts.insert(0, f"{start}{numbers[0]}")
    elif numbers:
        parts.insert(0, rows_in(numbers))
    if len(parts) < 2:
        return parts[0] if parts else None
    return " OR ".join(f"({p})" if " AND " in p else p for p in parts)


def _is_row(sql: str) -> bool:
    return sql.startswith(f"{ROW} = ") and sql.removeprefix(f"{ROW} = ").isdigit()


def rows_in(numbers: Iterable[int]) -> str:
    """Name rows by their numbers, in as few characters as it takes: long runs as ranges, the others in one list.

    >>> rows_in([1, 2, 3, 9]), rows_in(range(100, 200)), rows_in([*range(100, 200), 7])
    ('_row IN (1,2,3,9)', '_row BETWEEN 100 AND 199', '_row IN (7) OR _row BETWEEN 100 AND 199')
    """
    rows = np.unique(np.fromiter(numbers, dtype=np.int64))
    ends = np.flatnonzero(np.r_[np.diff(rows) != 1, True])
    starts = np.r_[0, ends[:-1] + 1]
    alone, ranges = list[str](), list[str]()
    for first, last in zip(starts, ends):
        as_range = f"{ROW} BETWEEN {rows[first]} AND {rows[last]}"
        as_list = [str(v) for v in rows[first : last + 1]]
        if len(ranges) < MOST_RANGES and len(as_range) + 4 < len(",".join(as_list)):
            ranges.append(as_range)
        else:
            alone += as_list
    return " OR ".join([f"{ROW} IN ({','.join(alone)})"] * bool(alone) + ranges)


def is_rows(sql: str) -> bool:
    """Tell whether a condition does nothing but name rows by their numbers, as ``rows_in`` and ``any_of`` write it.

    >>> is_rows("_row IN (1,2) OR _row BETWEEN 5 AND 90"), is_rows("_row = 3"), is_rows("_row = 3 AND age < 2")
    (True, True, False)
    """
    one = rf"{ROW} (= \d+|IN \(\d+(,\d+)*\)|BETWEEN \d+ AND \d+)"
    return re.fullmatch(rf"{one}( OR {one})*", sql) is not None
