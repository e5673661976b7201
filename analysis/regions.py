"""Several levels of a column at once, in as few words as they need, and as one condition in SQL."""

from __future__ import annotations

import numpy as np

from modelglass.analysis.binning import level_condition, level_label
from modelglass.analysis.coding import MISSING, OTHER, Coding
from modelglass.analysis.errors import listed
from modelglass.analysis.joining import bracketed, rest_of
from modelglass.analysis.sql_text import quote_name


def missing_level(coding: Coding) -> int | None:
    """Give the level of missing values; None where there is none."""
    last = len(coding.labels) - 1
    return last if last >= 0 and coding.conditions[last].endswith(" IS NULL") else None


def ordered(coding: Coding) -> bool:
    """Tell whether levels next to one another belong together: numbers and times."""
    return coding.bounds is not None


def region(coding: Coding, allowed: np.ndarray) -> tuple[str, str]:
    """Say that a row is in one of some levels: in words, and in SQL.

    Parameters
    ----------
    coding : Coding
    allowed : bool array, shape (n_levels,)
        Some but not all levels; of numbers and times they must be neighbours, with or without missing.

    Returns
    -------
    words, condition

    Examples
    --------
    >>> jobs = Coding("job", np.array([0, 1]), ("cook", "clerk"), ("job = 'cook'", "job = 'clerk'"), "categorical")
    >>> region(jobs, np.array([True, False]))
    ('job is cook', "job = 'cook'")
    """
    missing = missing_level(coding)
    if ordered(coding):
        return _span(coding, allowed, missing)
    kept, left = np.flatnonzero(allowed), np.flatnonzero(~allowed)
    if len(kept) <= len(left):
        return f"{coding.column} is {_names(coding, kept)}", _in(coding, kept, missing) or _any(coding, kept)
    sql = _not_in(coding, left, missing) or rest_of(_any(coding, left))
    return f"{coding.column} is not {_names(coding, left)}", sql


def _in(coding: Coding, levels: np.ndarray, missing: int | None) -> str:
    """Name plain values in one list; nothing where some levels are no plain values."""
    values = _values(coding, levels, missing)
    if values is None:
        return ""
    name, null = quote_name(coding.column), missing is not None and missing in levels
    parts = [f"{name} = {values[0]}" if len(values) == 1 else f"{name} IN ({', '.join(values)})"] if values else []
    return " OR ".join(parts + [f"{name} IS NULL"] * null)


def _not_in(coding: Coding, levels: np.ndarray, missing: int | None) -> str:
    values = _values(coding, levels, missing)
    if values is None:
        return ""
    name = quote_name(coding.column)
    parts = [f"{name} <> {values[0]}" if len(values) == 1 else f"{name} NOT IN ({', '.join(values)})"] if values else []
    if missing is None or missing not in levels:
        return " OR ".join(parts + [f"{name} IS NULL"] * (missing is not None))
    return " AND ".join(parts) or f"{name} IS NOT NULL"


def _values(coding: Coding, levels: np.ndarray, missing: int | None) -> list[str] | None:
    """Give the values of some levels as SQL writes them, without missing; None where a level is more than one value."""
    start = f"{quote_name(coding.column)} = "
    conditions = [coding.conditions[i] for i in levels if i != missing]
    plain = coding.kind in ("categorical", "boolean") and all(c.startswith(start) for c in conditions)
    return [c.removeprefix(start) for c in conditions] if plain else None


def _span(coding: Coding, allowed: np.ndarray, missing: int | None) -> tuple[str, str]:
    bounds = coding.bounds or ()
    gone = missing is not None and bool(allowed[missing])
    kept = np.flatnonzero(allowed[: len(bounds)])
    if not len(kept):
        return f"{coding.column} is missing", coding.conditions[missing or 0]
    if len(kept) == len(bounds):
        return f"{coding.column} is known", f"{coding.term} IS NOT NULL"
    words, sql = _of_levels(coding, int(kept[0]), int(kept[-1]))
    if not gone:
        return words, sql
    return f"{words} or missing", f"{bracketed(sql)} OR {coding.conditions[missing or 0]}"


def _of_levels(coding: Coding, first: int, last: int) -> tuple[str, str]:
    """Say a run of levels of numbers or times; one that holds the lowest or highest has no bound there."""
    if first == last:
        label = coding.labels[first]
        return f"{coding.column}{' ' if label[:1] in '<>' else ' is '}{label}", coding.conditions[first]
    bounds = coding.bounds or ()
    low, low_in = bounds[first][:2] if first else (None, False)
    high, high_in = bounds[last][2:] if last < len(bounds) - 1 else (None, False)
    sql = level_condition(coding.term, low, low_in, high, high_in)
    if coding.kind == "datetime":
        return f"{coding.column} is {coding.labels[first]} to {coding.labels[last]}", sql
    whole = all(isinstance(v, int) for v in (low, high) if v is not None)
    label = level_label(low, low_in, high, high_in, whole)
    return f"{coding.column}{' ' if label[:1] in '<>' else ' is '}{label}", sql


def _names(coding: Coding, levels: np.ndarray) -> str:
    names = {MISSING: "missing", OTHER: "another value"}
    said = [names.get(coding.labels[i], coding.labels[i]) for i in levels]
    return said[0] if len(said) == 1 else f"{listed(said[:-1], 12)} or {said[-1]}"


def _any(coding: Coding, levels: np.ndarray) -> str:
    return " OR ".join(coding.conditions[i] for i in levels)
