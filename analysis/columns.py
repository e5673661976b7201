"""What each column of the data is: numeric, categorical, boolean, datetime, text, id or other. Inferred once, settable."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from pandas.api import types

from modelglass.analysis.errors import InputError, listed, unknown_name
from modelglass.analysis.plain import ISO, as_datetime, example, gaps_of_texts, is_number, iso_times, plain

__all__ = ["KINDS", "OTHER", "Column", "Count", "as_datetime", "infer_columns", "is_number", "plain"]

KINDS = ("numeric", "categorical", "boolean", "datetime", "text", "id")
"""Kinds that a person can give; what cannot be read as any of them is ``OTHER``."""
OTHER = "other"
MOST_LEVELS = 50
"""Categories that slices keep; the rarer ones are grouped."""
ID_ROWS = 50
"""A column can be an id only in data with more rows than this."""
ID_SHARE = 0.95
SNIFFED = 2_000
"""Values of a string column that are looked at for words and lengths; all values count for uniqueness and dates."""
_HEAD = 10_000
"""Rows looked at first: most columns show within them that they are no ids, and not constant."""
_MANY_ROWS = 50_000
"""From here on columns are looked at side by side."""

Made = TypeVar("Made")
_ID_NAME = re.compile(r"(^|[_\W])(id|ids|key|uuid|guid|index|idx|row|rownum|no|nr|number)$", re.IGNORECASE)
_ID_CAMEL = re.compile(r"[a-z]I[dD]$")


class Count:
    """A number that is counted when it is first asked for: to tell a million different numbers apart takes long, and is seldom asked.

    Equal to the number itself; pickled as the number.
    """

    __slots__ = ("_count", "_value")

    def __init__(self, count: Callable[[], int]):
        self._count: Callable[[], int] | None = count
        self._value = 0

    def __int__(self) -> int:
        count = self._count
        if count is not None:
            self._value = count()
            self._count = None  # lets the column go
        return self._value

    def settle(self, value: int) -> None:
        """Take the number from whoever has counted it by the way."""
        self._value, self._count = value, None

    def __eq__(self, other: object) -> bool:
        return int(self) == int(other) if isinstance(other, (int, Count)) else NotImplemented

    def __hash__(self) -> int:
        return hash(int(self))

    def __repr__(self) -> str:
        return str(int(self))

    def __reduce__(self) -> tuple[type, tuple[int]]:
        return int, (int(self),)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the data.

    kind      numeric, categorical, boolean, datetime, text, id, or other (nested and binary values: for nothing but the model)
    how       why it is taken for that, in plain words, or "given"
    missing   missing values; distinct: different values, missing not counted (``unique`` gives it as int)
    note      what else a person should know; empty where there is nothing
    description, unit, level_order    what a person said of it; empty where nothing was said
    expected  whether the answer should be "rising" or "falling" with it, as a person said; else empty
    """

    name: str
    kind: str
    how: str
    missing: int
    distinct: int | Count
    note: str = ""
    description: str = ""
    unit: str = ""
    level_order: tuple[str, ...] = ()
    expected: str = ""

    @property
    def unique(self) -> int:
        """Different values, missing not counted; counted when first asked for."""
        return int(self.distinct)


def infer_columns(frame: pd.DataFrame, given: Mapping[str, str] | None = None) -> dict[str, Column]:
    """Say what each column is.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        Column names must be unique strings.
    given : mapping of column name to kind, optional
        Overrides what would be inferred.

    Raises
    ------
    InputError
        A name in ``given`` that is no column, an unknown kind, or values that cannot be read as the given kind.
    """
    given = dict(given or {})
    for name, kind in given.items():
        if name not in frame.columns:
            raise unknown_name("column", name, frame.columns)
        if kind not in KINDS:
            raise unknown_name("column type", str(kind), KINDS)
    columns = [(str(name), frame[name]) for name in frame.columns]

    def one(named: tuple[str, pd.Series]) -> Column:
        column = _infer(*named)
        return _settle(column, named[1], given[named[0]]) if named[0] in given else column

    return {column.name: column for column in side_by_side(one, columns, len(frame))}


def side_by_side(one: Callable[[Any], Made], columns: Sequence[Any], rows: int) -> Iterable[Made]:
    """Do one thing for each column, on several cores where the rows are many; in order."""
    cores = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, 4)
    if rows < _MANY_ROWS or cores < 2:
        return map(one, columns)
    with ThreadPoolExecutor(max_workers=cores) as pool:
        return list(pool.map(one, columns))


def _infer(name: str, series: pd.Series) -> Column:
    gone = gaps_of_texts(series)
    values = plain(series) if gone is None else series
    absent = int(np.count_nonzero(series.isna() if gone is None else gone))
    if values is None:
        note = "Left out of conditions, slices and explanations."
        return Column(name, OTHER, f"{_nested(series)}, which are no plain numbers, texts or dates", absent, 0, note)
    filled = len(values) - absent
    if isinstance(values.dtype, pd.CategoricalDtype):
        codes = values.cat.codes.to_numpy()
        levels = int(np.count_nonzero(np.bincount(codes[codes >= 0], minlength=1)))
        how = "ordered category type" if values.cat.ordered else "category type"
        return Column(name, "categorical", how, absent, levels)
    if not filled:
        return Column(name, *_kind(name, values, 0, 0), absent, 0, "All values are missing.")
    unique: int | Count = _distinct(values)
    kind, how = _kind(name, values, filled, unique)
    note = "One value only." if _one_value(values, unique) else ""
    if kind == "categorical":
        note = note or _mixed(series, values)
    return Column(name, kind, _said(series, how), absent, unique, note)


def _nested(series: pd.Series) -> str:
    known = series.dropna()
    if not types.is_object_dtype(series.dtype) or not len(known):
        return f"values of type {series.dtype}"
    what = type(known.iloc[0]).__name__
    return f"values such as {what}{'s' if what in ('list', 'dict', 'tuple', 'set', 'ndarray') else ''}"


def _said(series: pd.Series, how: str) -> str:
    """Say how a type that plain columns do not know was read."""
    dtype = series.dtype
    kind = str(getattr(dtype, "pyarrow_dtype", dtype))
    if types.is_timedelta64_dtype(dtype) or kind.startswith("duration"):
        return "durations, read as seconds"
    zone = getattr(dtype, "tz", None) or getattr(getattr(dtype, "pyarrow_dtype", None), "tz", None)
    if zone is not None:
        return f"times in the zone {zone}, read as the clock there shows them"
    if kind.startswith("decimal") or (how == "numbers" and types.is_object_dtype(dtype)):
        return "decimal numbers, read as floating ones"
    return how


def _mixed(series: pd.Series, values: pd.Series) -> str:
    """Say that values of several types were read as text, or that most texts are numbers."""
    if types.is_object_dtype(series.dtype) and values is not series:
        known = series.dropna()
        kinds = sorted({type(v).__name__ for v in known.iloc[:: max(1, len(known) // SNIFFED)]})
        return f"Holds values of several types ({listed(kinds, 4)}), read as texts." if len(kinds) > 1 else ""
    levels = pd.unique(values.iloc[:_HEAD].dropna())[:SNIFFED]
    odd = [v for v in levels if not _looks_numeric(v)]
    if not odd or len(odd) > 0.2 * len(levels):
        return ""
    return (
        f"Mostly numbers, but also texts such as {listed(map(repr, odd), 3)}; name those that mean missing with --na."
    )


def _looks_numeric(text: object) -> bool:
    try:
        float(str(text))
    except ValueError:
        return False
    return True


def _distinct(values: pd.Series) -> int | Count:
    """Count different values, missing not counted, when asked."""
    if types.is_bool_dtype(values.dtype):
        known = values.dropna()
        return int(known.any()) + int(not known.all())
    if values.dtype == np.float64 or types.is_datetime64_dtype(values.dtype):
        return Count(lambda: _distinct_sorted(values))
    if types.is_integer_dtype(values.dtype):
        return Count(lambda: _distinct_whole(values))
    return Count(lambda: _distinct_texts(values))


def _distinct_sorted(values: pd.Series) -> int:
    """Sorting beats hashing where most values differ."""
    numbers = np.sort(values.dropna().to_numpy())
    return int(np.count_nonzero(numbers[1:] != numbers[:-1])) + 1 if len(numbers) else 0


def _distinct_whole(values: pd.Series) -> int:
    known = values.dropna()
    low, high = int(known.min()), int(known.max())
    if high - low > 4 * len(known) + 1_000_000:
        return int(known.nunique())
    seen = np.zeros(high - low + 1, dtype=bool)
    numbers = known.to_numpy(dtype=np.uint64 if types.is_unsigned_integer_dtype(known.dtype) else np.int64)
    seen[(numbers - numbers.dtype.type(low)).astype(np.int64)] = True
    return int(np.count_nonzero(seen))


def _distinct_texts(values: pd.Series) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        found = pa.array(values, from_pandas=True)
        return int(pc.count_distinct(found, mode="only_valid").as_py())
    except (pa.ArrowException, UnicodeError):  # texts that are no Unicode
        return int(values.nunique())


def _one_value(values: pd.Series, unique: int | Count) -> bool:
    if not isinstance(unique, Count):
        return unique == 1
    head = values.iloc[:_HEAD].dropna()
    if len(head) and (head != head.iloc[0]).any():
        return False
    return int(unique) == 1


def _kind(name: str, values: pd.Series, filled: int, unique: int | Count) -> tuple[str, str]:
    if types.is_bool_dtype(values.dtype):
        return "boolean", "true and false values"
    if types.is_datetime64_dtype(values.dtype):
        return "datetime", "datetime type"
    if types.is_integer_dtype(values.dtype):
        return _kind_of_whole(name, values, filled, unique)
    if types.is_float_dtype(values.dtype):
        return "numeric", "numbers" if filled else "no values"
    return _kind_of_text(values, filled, unique)


def _kind_of_whole(name: str, values: pd.Series, filled: int, unique: int | Count) -> tuple[str, str]:
    """Tell ids from numbers; all values are counted only where name or range speak for an id and the first rows not against it."""
    if filled > ID_ROWS:
        named = bool(_ID_NAME.search(name) or _ID_CAMEL.search(name))
        span = int(values.max()) - int(values.min()) + 1
        may_be = (span == filled or (named and span > filled)) and not values.iloc[:_HEAD].dropna().duplicated().any()
        if may_be and int(unique) == filled:
            how = "a different whole number on every row, and named like an id"
            return "id", how if named else "whole numbers that count the rows"
    return "numeric", "whole numbers"


def _share_that_differs(values: pd.Series, filled: int, unique: int | Count) -> float:
    """Tell which share of the values differ, by rows drawn at random where these settle it, else by counting.

    0 stands for a share well below half: of rows drawn at random at least as large a share differs as of all rows. 1 stands for one far
    above ``ID_SHARE``: where a share s of N values differ, of m drawn at least m² (1 - s) / N pairs are alike (fewest where values come
    in twos), 45 for s = 0.95 and m = 30 sqrt(N); that none is seen has then a chance below 1e-19 (birthdays).
    """
    rng, n = np.random.default_rng(0), len(values)
    most = int(np.ceil(30 * n / np.sqrt(filled)))
    wide = max(most, 30_000)
    for size in (2_000, wide if n > 2 * wide else most):
        if n <= 2 * size:
            continue
        drawn = values.iloc[np.sort(rng.choice(n, size, replace=False, shuffle=False))].dropna()
        differing = drawn.nunique()
        if differing < 0.4 * len(drawn):
            return 0.0
        if differing == len(drawn) >= 29 * np.sqrt(filled):
            return 1.0
    return int(unique) / filled


def _kind_of_text(values: pd.Series, filled: int, unique: int | Count) -> tuple[str, str]:
    head = values.iloc[:_HEAD].dropna().iloc[:1]
    head = head if len(head) else values.dropna().iloc[:1]
    if len(head) and ISO.match(str(head.iloc[0])) and iso_times(values) is not None:
        return "datetime", "text that is an ISO date on every row"
    share = _share_that_differs(values, filled, unique) if filled else 0.0
    if share <= 0.5:
        return "categorical", "text"
    known = np.arange(len(values)) if filled == len(values) else np.flatnonzero(values.notna().to_numpy())
    seen = values.iloc[known[:: max(1, filled // SNIFFED)]].astype(str)
    if seen.str.count(r"\s+").median() >= 4:
        return "text", "long texts of several words, mostly different"
    if filled > ID_ROWS and share > ID_SHARE:
        return "id", "a different text on (almost) every row"
    return "categorical", "text"


def _settle(column: Column, series: pd.Series, kind: str) -> Column:
    """Apply the kind that a person gave, or say why the values do not allow it."""
    values = plain(series)
    if kind == "datetime":
        as_datetime(series)
    elif kind == "numeric" and not is_number(values):
        raise InputError(
            f"Expected numbers in the column {column.name!r}, which was given as numeric.",
            f"It was read as {series.dtype}, for example {example(series, numbers=False)}.",
            "If some text stands for a missing value, name it with --na; otherwise give another type.",
        )
    elif values is None and kind in ("categorical", "boolean"):
        raise InputError(
            f"Expected plain values in the column {column.name!r}, which was given as {kind}.",
            f"It holds {series.dtype} values such as {example(series)}.",
            "Leave its type to be inferred.",
        )
    return replace(column, kind=kind, how="given")
