"""Columns to levels: readable bins and categories, each with the SQL condition that selects exactly its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from modelglass.analysis.binning import (
    cuts_of,
    level_condition,
    level_label,
    levels_between,
    to_number_of,
)
from modelglass.analysis.columns import Column, as_datetime, is_number, plain
from modelglass.analysis.conditions import literal, quote_name
from modelglass.analysis.describing import in_given_order
from modelglass.analysis.errors import InputError, NotApplicable

MISSING = "(missing)"
OTHER = "(other)"
MOST_PERIODS = 12
Bound = tuple[Any, bool, Any, bool]


@dataclass(frozen=True, eq=False, slots=True)
class Coding:
    """Which level each row of a column is in.

    column      name of the column; crossed columns are joined with " * "
    codes       int64 of shape (n_rows,), in [0, len(labels)); every row is in exactly one level
    labels      what each level is called, all different
    conditions  the SQL condition that selects exactly the rows of each level
    kind        kind of the column, or "crossed"
    edges       inner edges of numeric bins (float64, never falling: the low ends of all levels but the first), else None
    note        what a person should know, such as rare levels that were grouped; empty where there is nothing
    bounds      of numbers and times: (low, low included, high, high included) of each level but missing, rising, None for no bound; else None
    term        how SQL reads the value, where there are bounds
    distinct    different values among these rows, missing not counted, where coding had to tell them apart; else None
    """

    column: str
    codes: np.ndarray
    labels: tuple[str, ...]
    conditions: tuple[str, ...]
    kind: str
    edges: np.ndarray | None = None
    note: str = ""
    bounds: tuple[Bound, ...] | None = None
    term: str = ""
    distinct: int | None = None


def code_column(series: pd.Series, column: Column, *, bins: int = 5, max_levels: int = 50) -> Coding:
    """Give each row of a column its level.

    Numbers are cut near their quantiles at round edges; a value that fills a whole bin alone, such as a frequent 0, gets a level
    of its own; whole numbers of at most ``2 * bins`` different values get one level each. Categories stand in their order if they
    have one, else by frequency. Times are cut in years, quarters, months, days or hours, whichever gives at most 12.
    Missing is a level, the last.

    Parameters
    ----------
    series : Series of shape (n_rows,)
    column : Column
        What the column is; its kind decides.
    bins : int
        About how many levels numbers are cut into, at least 2.
    max_levels : int
        The most frequent categories that are kept; the others are grouped as "(other)", and the note says so.

    Raises
    ------
    NotApplicable
        Text and ids have no levels; nor have values that are no scalars.
    InputError
        ``bins`` or ``max_levels`` below 2; values that cannot be read as the column's kind.
    """
    for name, value in (("bins", bins), ("max_levels", max_levels)):
        if not isinstance(value, (int, np.integer)) or value < 2:
            raise InputError(
                f"Expected a whole number of at least 2 for {name}.", f"Got {value!r}.", "Choose for example 5."
            )
    if column.kind in ("text", "id"):
        what = "free text" if column.kind == "text" else "an id"
        raise NotApplicable(f"the column {column.name!r} is {what}, which has no groups to compare")
    values = as_datetime(series) if column.kind == "datetime" else plain(series)
    if values is None:
        raise NotApplicable(f"the values of the column {column.name!r} are not plain numbers, texts or dates")
    if column.kind == "datetime":
        read = plain(series)
        is_text = read is None or not types.is_datetime64_dtype(read.dtype)
        return _code_times(
            values, column, f"CAST({quote_name(column.name)} AS TIMESTAMP)" if is_text else quote_name(column.name)
        )
    if column.kind == "numeric":
        if not is_number(values):
            raise InputError(
                f"Expected numbers in the column {column.name!r}.",
                f"It was read as {series.dtype}.",
                "Give it another type, or name the texts that stand for missing values with --na.",
            )
        return _code_numbers(values, column, int(bins))
    return _code_levels(values, column, int(max_levels))


def cross(codings: Sequence[Coding]) -> Coding:
    """Cross several codings of the same rows; only combinations that occur become levels, in the order of their parts.

    >>> a = Coding("a", np.array([0, 1, 1]), ("x", "y"), ("a = 'x'", "a = 'y'"), "categorical")
    >>> b = Coding("b", np.array([0, 0, 1]), ("1", "2"), ("b = 1", "b = 2"), "numeric")
    >>> cross([a, b]).labels, cross([a, b]).codes.tolist()
    (('x, 1', 'y, 1', 'y, 2'), [0, 1, 2])
    """
    if not codings:
        raise InputError("Expected at least one column to cross.", "Got none.", "Name the columns.")
    if len(codings) == 1:
        return codings[0]
    codes, parts = codings[0].codes, np.arange(len(codings[0].labels))[:, None]
    for coding in codings[1:]:
        codes, present = _compact(codes * len(coding.labels) + coding.codes, len(parts) * len(coding.labels))
        first, second = np.divmod(present, max(len(coding.labels), 1))
        parts = np.column_stack([parts[first], second])
    labels = [", ".join(c.labels[i] for c, i in zip(codings, row)) for row in parts]
    if len(set(labels)) < len(labels):  # commas within labels: quote them all
        labels = [", ".join(repr(c.labels[i]) for c, i in zip(codings, row)) for row in parts]
    conditions = tuple(" AND ".join(c.conditions[i] for c, i in zip(codings, row)) for row in parts)
    notes = " ".join(dict.fromkeys(c.note for c in codings if c.note))
    return Coding(" * ".join(c.column for c in codings), codes, tuple(labels), conditions, "crossed", None, notes)


def _compact(keys: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Renumber keys in [0, size) without gaps, keeping their order; give the new codes and the keys that occur."""
    if size > 4 * len(keys) + 1_000_000:
        present, codes = np.unique(keys, return_inverse=True)
        return codes.astype(np.int64).reshape(-1), present
    seen = np.bincount(keys, minlength=size) > 0
    return (np.cumsum(seen) - 1)[keys], np.flatnonzero(seen)


def _with_missing(
    column: Column,
    codes: np.ndarray,
    missing: np.ndarray,
    labels: list[str],
    conditions: list[str],
    edges: np.ndarray | None = None,
    note: str = "",
    bounds: Sequence[Bound] | None = None,
    term: str = "",
    distinct: int | None = None,
) -> Coding:
    """Put the codes of the filled rows in their places, and missing as the last level."""
    if len(codes) < len(missing):
        full = np.full(len(missing), len(labels), dtype=np.int64)
        full[~missing] = codes
        codes = full
        labels.append(_unused(MISSING, labels))
        conditions.append(f"{quote_name(column.name)} IS NULL")
    known = None if bounds is None else tuple(bounds)
    return Coding(column.name, codes, tuple(labels), tuple(conditions), column.kind, edges, note, known, term, distinct)


def _unused(label: str, labels: Sequence[str]) -> str:
    """Give a label that no value of the data has taken."""
    while label in labels:
        label = f"({label})"
    return label


# --- numbers ---------------------------------------------------------------------------------------------------------


def _code_numbers(values: pd.Series, column: Column, bins: int) -> Coding:
    missing = values.isna().to_numpy(dtype=bool)
    numbers = _filled(values, missing)
    ordered, starts = _ordered(numbers)
    distinct, counts = ordered[starts], np.diff(starts, append=len(ordered))
    whole = numbers.dtype.kind in "iu" or bool(
        np.all(distinct == np.floor(distinct)) and np.all(np.abs(distinct) < 2.0**53)
    )
    name = quote_name(column.name)
    if len(distinct) <= (2 * bins if whole else bins):
        firsts = distinct
        levels = [(v, True, v, True) for v in map(to_number_of(whole), distinct)]
    else:
        heavy = np.flatnonzero(counts >= len(ordered) / bins)
        cuts = cuts_of(ordered, starts, counts, heavy, bins, whole)
        places, levels = levels_between(cuts, distinct, heavy, whole)
        firsts = distinct[places]
    codes = _codes(numbers, firsts)
    labels = [level_label(*level, whole) for level in levels]
    conditions = [level_condition(name, *level) for level in levels]
    edges = np.array([float(low) for low, *_ in levels[1:]], dtype=np.float64)
    return _with_missing(
        column, codes, missing, labels, conditions, edges, bounds=levels, term=name, distinct=len(distinct)
    )


def _ordered(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the numbers in rising order, and where each different one starts."""
    if numbers.dtype.kind in "iu" and len(numbers):
        low, high = int(numbers.min()), int(numbers.max())
        if high - low < len(numbers):  # counting beats sorting
            counts = np.bincount((numbers - numbers.dtype.type(low)).astype(np.int64, copy=False))
            found = np.flatnonzero(counts)
            ordered = np.repeat(found.astype(numbers.dtype) + numbers.dtype.type(low), counts[found])
            return ordered, np.cumsum(counts[found]) - counts[found]
    ordered = np.sort(numbers)
    return ordered, np.flatnonzero(np.concatenate([[len(ordered) > 0], ordered[1:] != ordered[:-1]]))


def _filled(values: pd.Series, missing: np.ndarray) -> np.ndarray:
    """Give the numbers that are there, -0.0 as 0.0."""
    kept = values[~missing] if missing.any() else values
    if types.is_float_dtype(values.dtype):
        return kept.to_numpy(dtype=np.float64) + 0.0
    return kept.to_numpy(dtype=np.uint64 if types.is_unsigned_integer_dtype(values.dtype) else np.int64)


def _codes(numbers: np.ndarray, firsts: np.ndarray) -> np.ndarray:
    """Count for each number the levels whose first value it has reached."""
    if len(firsts) > 16:
        return np.searchsorted(firsts, numbers, side="right") - 1
    codes = np.zeros(len(numbers), dtype=np.int8)
    for first in firsts[1:]:
        codes += (numbers >= first).view(np.int8)
    return codes.astype(np.int64)


# --- categories ------------------------------------------------------------------------------------------------------


def _code_levels(values: pd.Series, column: Column, max_levels: int) -> Coding:
    ordered = False
    if isinstance(values.dtype, pd.CategoricalDtype):
        codes, levels = values.cat.codes.to_numpy().astype(np.int64), list(values.cat.categories)
        ordered = bool(values.cat.ordered)
    else:
        codes, found = pd.factorize(values)
        codes, levels = codes.astype(np.int64), [v.item() if isinstance(v, np.generic) else v for v in found]
        ordered = types.is_bool_dtype(values.dtype)
        if ordered:
            order = sorted(range(len(levels)), key=lambda i: bool(levels[i]))
            codes, levels = _reorder(codes, order), [levels[i] for i in order]
    given = in_given_order(levels, column.level_order)
    if given is not None:
        codes, levels, ordered = _reorder(codes, given), [levels[i] for i in given], True
    missing = codes < 0
    codes = codes[~missing] if missing.any() else codes
    counts = np.bincount(codes, minlength=len(levels))
    by_count = sorted(np.flatnonzero(counts).tolist(), key=lambda i: (-counts[i], str(levels[i])))
    kept = by_count[:max_levels]
    if ordered:
        kept = sorted(kept)
    rest = by_count[max_levels:]
    place = np.full(max(len(levels), 1), len(kept), dtype=np.int64)
    place[kept] = np.arange(len(kept))
    labels: list[str] = []
    for i in kept:
        labels.append(_unused(_name(levels[i]), labels))
    name = quote_name(column.name)
    written = [literal(levels[i]) for i in kept]
    conditions = [f"{name} = {w}" for w in written]
    note = ""
    if rest:
        labels.append(_unused(OTHER, labels))
        conditions.append(f"{name} NOT IN ({', '.join(written)})")
        note = f"{len(rest):,} rarer levels of {column.name} are grouped as {labels[-1]}."
    return _with_missing(
        column, place[codes], missing, labels, conditions, None, note, distinct=int(np.count_nonzero(counts))
    )


def _reorder(codes: np.ndarray, order: Sequence[int]) -> np.ndarray:
    place = np.full(len(order) + 1, -1, dtype=np.int64)
    place[list(order)] = np.arange(len(order))
    return place[codes]


def _name(value: Any) -> str:
    """Write a level for people; an empty text is said."""
    if isinstance(value, str) and not value.strip():
        return f"{value!r}"
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return str(value)


# --- times -----------------------------------------------------------------------------------------------------------

_PERIODS: tuple[tuple[str, str, int], ...] = (
    ("hour", "datetime64[h]", 1),
    ("day", "datetime64[D]", 1),
    ("month", "datetime64[M]", 1),
    ("quarter", "datetime64[M]", 3),
    *(("year", "datetime64[Y]", step) for step in (1, 2, 5, 10, 20, 50, 100)),
)


def _code_times(values: pd.Series, column: Column, name: str) -> Coding:
    missing = values.isna().to_numpy(dtype=bool)
    times = values.to_numpy()[~missing] if missing.any() else values.to_numpy()
    if not len(times):
        return _with_missing(column, np.array([], dtype=np.int64), missing, [], [], bounds=[])
    unit, starts, step = _starts(times.min(), times.max())
    periods = times.astype(starts.dtype).astype(np.int64)  # numpy rounds down, before 1970 too
    codes, present = _compact((periods - starts[0].astype(np.int64)) // step, len(starts))
    labels = [_period(unit, starts[i], starts[i + 1]) for i in present]
    conditions = [f"{name} >= {literal(starts[i])} AND {name} < {literal(starts[i + 1])}" for i in present]
    bounds = [(starts[i], True, starts[i + 1], False) for i in present]
    return _with_missing(column, codes, missing, labels, conditions, bounds=bounds, term=name)


def _starts(first: np.datetime64, last: np.datetime64) -> tuple[str, np.ndarray, int]:
    """Give the finest unit with at most 12 periods, the starts of its periods with one after the last, and its step."""
    for unit, dtype, step in _PERIODS:
        low, high = (int(t.astype(dtype).astype(np.int64)) for t in (first, last))
        offset = 1970 if unit == "year" else 0
        low = (low + offset) // step * step - offset
        starts = np.arange(low, high + step + 1, step, dtype=np.int64)
        if len(starts) - 1 <= MOST_PERIODS or step == 100:
            return unit, starts.astype(dtype), step
    raise AssertionError("unreachable: a step of 100 years ends the search")


def _period(unit: str, start: np.datetime64, stop: np.datetime64) -> str:
    text = str(start)
    if unit == "hour":
        return text.replace("T", " ") + ":00"
    if unit == "quarter":
        return f"{text[:4]} Q{int(text[5:7]) // 3 + 1}"
    last = str(stop - np.timedelta64(1, "Y")) if unit == "year" else text
    return text if last == text else f"{text} to {last}"
