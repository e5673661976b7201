"""What each column of the data is: numeric, categorical, boolean, datetime, text or id. Inferred once, settable."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from modelglass.analysis.errors import InputError, unknown_name

KINDS = ("numeric", "categorical", "boolean", "datetime", "text", "id")
ID_ROWS = 50
"""A column can be an id only in data with more rows than this."""
ID_SHARE = 0.95
SNIFFED = 2_000
"""Values of a string column that are looked at for words and lengths; all values count for uniqueness and dates."""

_ID_NAME = re.compile(r"(^|[_\W])(id|ids|key|uuid|guid|index|idx|row|rownum|no|nr|number)$", re.IGNORECASE)
_ID_CAMEL = re.compile(r"[a-z]I[dD]$")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?)?(Z|[+-]\d{2}:?\d{2})?$", re.ASCII)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the data.

    kind      numeric, categorical, boolean, datetime, text or id
    how       why it is taken for that, in plain words, or "given"
    missing   missing values; unique: distinct values, missing not counted
    note      what else a person should know; empty where there is nothing
    description, unit, level_order    what a person said of it; empty where nothing was said
    """

    name: str
    kind: str
    how: str
    missing: int
    unique: int
    note: str = ""
    description: str = ""
    unit: str = ""
    level_order: tuple[str, ...] = ()


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
    found = {}
    for name in frame.columns:
        column = _infer(str(name), frame[name])
        found[name] = _settle(column, frame[name], given[name]) if name in given else column
    return found


def as_datetime(series: pd.Series) -> pd.Series:
    """Read a column as times: datetime64 without a time zone, NaT where missing.

    A time zone is dropped and the wall time kept; strings must be ISO dates (``2024-01-31``, ``2024-01-31 12:30:00``), and
    those with an offset (``+02:00``, ``Z``) become UTC.

    Raises
    ------
    InputError
        Some value is neither a date nor missing.
    """
    values = plain(series)
    if values is not None and types.is_datetime64_dtype(values.dtype):
        return values
    times = _iso_times(values) if values is not None else None
    if times is None:
        raise InputError(
            f"Expected dates in the column {series.name!r}: a datetime type, or text such as 2024-01-31 or 2024-01-31 12:30:00.",
            f"It holds {series.dtype} values, for example {_example(series)}.",
            "Write the dates that way, or leave the type of this column to be inferred.",
        )
    return times


def plain(series: pd.Series) -> pd.Series | None:
    """Bring a column of any dtype to one of few: what coding and SQL conditions both read, so that they agree.

    Gives booleans (``bool`` or ``boolean``), integers (numpy's, or pandas' nullable ones), ``float64`` (NaN is missing),
    ``datetime64`` without a time zone (wall time kept), strings (``object`` or ``str``) or categories of any of these.
    Decimals become float64, durations seconds; mixed objects become strings. None where the values are not scalars.
    """
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _plain_category(series)
    if isinstance(dtype, pd.SparseDtype):
        return plain(series.sparse.to_dense())
    if isinstance(dtype, pd.ArrowDtype):
        return _plain_arrow(series)
    if isinstance(dtype, pd.PeriodDtype):
        return series.dt.to_timestamp()
    if isinstance(dtype, pd.IntervalDtype):
        return series.astype(object).map(str, na_action="ignore")
    if isinstance(dtype, pd.DatetimeTZDtype):
        return series.dt.tz_localize(None)
    if types.is_bool_dtype(dtype) or types.is_integer_dtype(dtype) or types.is_datetime64_dtype(dtype):
        return series
    if types.is_timedelta64_dtype(dtype):
        return series.dt.total_seconds()
    if types.is_complex_dtype(dtype):
        return None
    if types.is_float_dtype(dtype):
        return _floats(series)
    return _plain_object(series) if types.is_object_dtype(dtype) else series


def _floats(series: pd.Series) -> pd.Series:
    if series.dtype == np.float64:
        return series
    return pd.Series(series.to_numpy(dtype=np.float64, na_value=np.nan), index=series.index, name=series.name)


def _plain_category(series: pd.Series) -> pd.Series | None:
    levels = pd.Series(series.cat.categories)
    values = plain(levels)
    if values is None:
        return None
    if values.duplicated().any():  # two levels that are the same once plain, such as 1 and "1"
        return plain(series.astype(object))
    return series.cat.rename_categories(pd.Index(values)) if values is not levels else series


def _plain_arrow(series: pd.Series) -> pd.Series | None:
    import pyarrow as pa

    kind = series.dtype.pyarrow_dtype
    if pa.types.is_dictionary(kind):
        return plain(series.astype(object))
    if pa.types.is_boolean(kind):
        return series.astype("boolean")
    if pa.types.is_integer(kind):
        return series.astype("UInt64" if pa.types.is_unsigned_integer(kind) else "Int64")
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _floats(series)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        times = pd.Series(series.to_numpy(dtype=object, na_value=None), index=series.index, name=series.name)
        return _times(times)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return series.astype(object).where(series.notna(), None)
    if pa.types.is_duration(kind):
        return series.astype("timedelta64[ns]").dt.total_seconds()
    if pa.types.is_null(kind):
        return pd.Series(np.nan, index=series.index, name=series.name)
    return None


def _plain_object(series: pd.Series) -> pd.Series | None:
    kind = types.infer_dtype(series, skipna=True)
    if kind == "string":
        return series
    if kind == "empty":
        return pd.Series(np.nan, index=series.index, name=series.name, dtype=np.float64)
    if kind == "boolean":
        return series.astype("boolean")
    if kind == "integer":
        try:
            return series.astype("Int64")
        except (OverflowError, TypeError, ValueError):
            return _strings(series)
    if kind in ("floating", "mixed-integer-float", "decimal"):
        return pd.to_numeric(series.astype(np.float64))
    if kind in ("datetime", "datetime64", "date"):
        return _times(series)
    if kind in ("timedelta", "timedelta64"):
        return pd.to_timedelta(series).dt.total_seconds()
    return _strings(series)


def _strings(series: pd.Series) -> pd.Series | None:
    """Turn scalar objects to strings; None where some are no scalars."""
    values = series.to_numpy(dtype=object)
    missing = pd.isna(values)
    if not all(isinstance(v, (str, int, float, bool, np.generic)) or types.is_scalar(v) for v in values[~missing]):
        return None
    out = np.empty(len(values), dtype=object)
    out[missing] = None
    out[~missing] = [str(v) for v in values[~missing]]
    return pd.Series(out, index=series.index, name=series.name, dtype=object)


def _times(series: pd.Series) -> pd.Series | None:
    """Turn date and time objects to datetime64; strings where they are out of its range or of several time zones."""
    try:
        times = pd.to_datetime(series)
    except (ValueError, TypeError, OverflowError, pd.errors.OutOfBoundsDatetime):
        return _strings(series)
    if isinstance(times.dtype, pd.DatetimeTZDtype):
        return times.dt.tz_localize(None)
    return times if types.is_datetime64_dtype(times.dtype) else _strings(series)


def _iso_times(values: pd.Series) -> pd.Series | None:
    """Parse strings that are all ISO dates; None where one is not, or where there is none."""
    if not _is_text(values):
        return None
    codes, levels = pd.factorize(values)
    if not len(levels) or not all(isinstance(v, str) and _ISO.match(v) for v in levels):
        return None
    try:
        parsed = pd.to_datetime(pd.Series(levels, dtype=object), format="ISO8601", utc=True).dt.tz_localize(None)
    except (ValueError, OverflowError, pd.errors.OutOfBoundsDatetime):
        return None
    taken = parsed.to_numpy()[codes]
    taken[codes < 0] = np.datetime64("NaT")
    return pd.Series(taken, index=values.index, name=values.name)


def _is_text(values: pd.Series) -> bool:
    return isinstance(values.dtype, pd.StringDtype) or types.is_object_dtype(values.dtype)


def _infer(name: str, series: pd.Series) -> Column:
    values = plain(series)
    missing = int(series.isna().sum())
    if values is None:
        return Column(
            name,
            "text",
            f"values of type {series.dtype} that are not plain",
            missing,
            0,
            "Left out of conditions and slices.",
        )
    filled = len(values) - missing
    if isinstance(values.dtype, pd.CategoricalDtype):
        return Column(
            name,
            "categorical",
            "category type",
            missing,
            int((np.bincount(values.cat.codes[values.cat.codes >= 0], minlength=1) > 0).sum()),
        )
    unique = _distinct(values)
    note = "All values are missing." if not filled else "One value only." if unique == 1 else ""
    kind, how = _kind(name, values, filled, unique)
    return Column(name, kind, how, missing, unique, note)


def _distinct(values: pd.Series) -> int:
    """Count different values, missing not counted; sorting beats hashing where most floats differ."""
    if values.dtype != np.float64:
        return int(values.nunique())
    numbers = np.sort(values.to_numpy())
    numbers = numbers[: len(numbers) - int(np.isnan(numbers).sum())]
    return int(np.count_nonzero(numbers[1:] != numbers[:-1])) + 1 if len(numbers) else 0


def _kind(name: str, values: pd.Series, filled: int, unique: int) -> tuple[str, str]:
    if types.is_bool_dtype(values.dtype):
        return "boolean", "true and false values"
    if types.is_datetime64_dtype(values.dtype):
        return "datetime", "datetime type"
    if types.is_integer_dtype(values.dtype):
        if filled > ID_ROWS and unique == filled:
            if _ID_NAME.search(name) or _ID_CAMEL.search(name):
                return "id", "a different whole number on every row, and named like an id"
            if int(values.max()) - int(values.min()) == unique - 1:
                return "id", "whole numbers that count the rows"
        return "numeric", "whole numbers"
    if types.is_float_dtype(values.dtype):
        return "numeric", "numbers" if filled else "no values"
    return _kind_of_text(values, filled, unique)


def _kind_of_text(values: pd.Series, filled: int, unique: int) -> tuple[str, str]:
    head = values.dropna().iloc[:1]
    if len(head) and _ISO.match(str(head.iloc[0])) and _iso_times(values) is not None:
        return "datetime", "text that is an ISO date on every row"
    mostly_unique = filled > 0 and unique > 0.5 * filled
    if mostly_unique:
        known = values.dropna()
        seen = known.iloc[:: max(1, len(known) // SNIFFED)].astype(str)
        if seen.str.count(r"\s+").median() >= 4:
            return "text", "long texts of several words, mostly different"
    if filled > ID_ROWS and unique > ID_SHARE * filled:
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
            f"It was read as {series.dtype}, for example {_example(series, numbers=False)}.",
            "If some text stands for a missing value, name it with --na; otherwise give another type.",
        )
    elif values is None and kind in ("categorical", "boolean"):
        raise InputError(
            f"Expected plain values in the column {column.name!r}, which was given as {kind}.",
            f"It holds {series.dtype} values such as {_example(series)}.",
            "Leave its type to be inferred.",
        )
    return replace(column, kind=kind, how="given")


def is_number(values: pd.Series | None) -> bool:
    """Tell whether a plain column holds numbers that have an order and a distance (booleans do not count)."""
    return values is not None and types.is_numeric_dtype(values.dtype) and not types.is_bool_dtype(values.dtype)


def _example(series: pd.Series, numbers: bool = True) -> str:
    """Give a value to show in a message; with numbers=False one that is no number, where there is one."""
    known: Any = series.dropna()
    if not len(known):
        return "nothing but missing values"
    if not numbers:
        odd = known[pd.to_numeric(known.astype(str), errors="coerce").isna()]
        known = odd if len(odd) else known
    shown = repr(known.iloc[0])
    return shown if len(shown) <= 40 else shown[:37] + "..."
