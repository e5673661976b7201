"""Columns of any pandas type brought to a few plain ones, which coding, conditions and typing all read, so that they agree."""

from __future__ import annotations

import re
import sys
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from modelglass.analysis.errors import InputError

ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?)?(Z|[+-]\d{2}:?\d{2})?$", re.ASCII)


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
    times = iso_times(values) if values is not None else None
    if times is None:
        raise InputError(
            f"Expected dates in the column {series.name!r}: a datetime type, or text such as 2024-01-31 or 2024-01-31 12:30:00.",
            f"It holds {series.dtype} values, for example {example(series)}.",
            "Write the dates that way, or leave the type of this column to be inferred.",
        )
    return times


def unique(values: pd.Series) -> Any:
    """Give the different values, missing not counted; None where they cannot be told apart, such as lists."""
    try:
        return values.dropna().unique()
    except (TypeError, NotImplementedError):  # not hashable; of Arrow's nested types
        return None


def different(values: pd.Series, what: str) -> int:
    """Count different values, missing not counted; ``what`` is the column for people.

    Raises
    ------
    InputError
        Values that cannot be told apart, such as lists.
    """
    found = unique(values)
    if found is None:
        raise InputError(
            f"Expected one number, text or date a row in {what}.",
            f"It holds values such as {example(values)}.",
            "Choose another column, or make one of plain values from it.",
        )
    return len(found)


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
    import pyarrow.compute as pc

    kind = series.dtype.pyarrow_dtype
    if pa.types.is_dictionary(kind):
        return plain(series.astype(object))
    if pa.types.is_boolean(kind):
        return series.astype("boolean")
    if pa.types.is_integer(kind):
        return series.astype("UInt64" if pa.types.is_unsigned_integer(kind) else "Int64")
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        values = pa.chunked_array(series.array.__arrow_array__())
        return _series(values.cast(pa.float64()).to_numpy(zero_copy_only=False), series)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        values = pa.chunked_array(series.array.__arrow_array__())
        local = pc.local_timestamp(values) if getattr(kind, "tz", None) else values
        unit = kind.unit if pa.types.is_timestamp(kind) and kind.unit != "s" else "ms"
        return _series(local.cast(pa.timestamp(unit)).to_numpy(zero_copy_only=False), series)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or str(kind) == "string_view":
        return series.astype("string")
    if pa.types.is_duration(kind):
        return series.astype(f"timedelta64[{kind.unit}]").dt.total_seconds()
    if pa.types.is_null(kind):
        return pd.Series(np.nan, index=series.index, name=series.name)
    if pa.types.is_time(kind):
        return _strings(series.astype(object))
    return None


def _series(values: np.ndarray, like: pd.Series) -> pd.Series:
    return pd.Series(values, index=like.index, name=like.name)


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
    scalar = (str, int, float, bool, np.generic)
    if not all((isinstance(v, scalar) or types.is_scalar(v)) and not isinstance(v, bytes) for v in values[~missing]):
        return None
    out = np.empty(len(values), dtype=object)
    out[missing] = None
    out[~missing] = [str(v) for v in values[~missing]]
    return pd.Series(out, index=series.index, name=series.name, dtype=object)


def _times(series: pd.Series) -> pd.Series | None:
    """Turn date and time objects to datetime64; strings where they are out of its range or of several time zones."""
    try:
        times = pd.to_datetime(series)
    except pd.errors.OutOfBoundsDatetime:
        return _far_times(series)
    except (ValueError, TypeError, OverflowError):
        return _strings(series)
    if isinstance(times.dtype, pd.DatetimeTZDtype):
        return times.dt.tz_localize(None)
    return times if types.is_datetime64_dtype(times.dtype) else _strings(series)


def _far_times(series: pd.Series) -> pd.Series | None:
    """The same by microseconds: pandas 2 counts nanoseconds, from 1677 to 2262 only, and 9999-12-31 is often written."""
    values = series.to_numpy(dtype=object)
    known = ~pd.isna(values)
    if any(getattr(v, "tzinfo", None) is not None for v in values[known]):
        return _strings(series)
    out = np.full(len(values), np.datetime64("NaT", "us"))
    out[known] = [np.datetime64(v, "us") for v in values[known]]
    return pd.Series(out, index=series.index, name=series.name)


def iso_times(values: pd.Series) -> pd.Series | None:
    """Parse strings that are all ISO dates; None where one is not, or where there is none."""
    if not is_text(values):
        return None
    codes, levels = pd.factorize(values)
    if not len(levels) or not all(isinstance(v, str) and ISO.match(v) for v in levels):
        return None
    try:
        parsed = pd.to_datetime(pd.Series(levels, dtype=object), format="ISO8601", utc=True).dt.tz_localize(None)
    except (ValueError, OverflowError, pd.errors.OutOfBoundsDatetime):
        return None
    taken = parsed.to_numpy()[codes]
    taken[codes < 0] = np.datetime64("NaT", "ns")
    return pd.Series(taken, index=values.index, name=values.name)


class _Addresses:
    """The places of the objects of an array in memory, as numbers: numpy compares these at once, objects one by one."""

    def __init__(self, values: np.ndarray):
        self._kept = values  # as long as somebody reads its addresses
        self.__array_interface__ = {
            "version": 3,
            "typestr": f"<u{values.itemsize}" if sys.byteorder == "little" else f">u{values.itemsize}",
            "data": (values.__array_interface__["data"][0], True),
            "shape": values.shape,
            "strides": values.strides,
        }


def gaps_of_texts(series: pd.Series) -> np.ndarray | None:
    """Tell which values of a column of texts, kept as Python objects, are missing, (n,) bool; None where it holds anything else.

    The usual objects that stand for missing are found by identity, and where nothing but texts is left, as ``infer_dtype`` tells
    quickly, that was all. pandas' own ``isna`` asks each object whether it is any of a dozen things, and takes five times as long.
    """
    if not types.is_object_dtype(series.dtype) or sys.implementation.name != "cpython":
        return None
    values = series.to_numpy()
    gone = np.zeros(len(values), dtype=bool)
    if types.infer_dtype(values, skipna=False) == "string":
        return gone
    addresses = np.asarray(_Addresses(values))
    for nothing in (None, np.nan, pd.NA, pd.NaT):
        gone |= addresses == id(nothing)
    return gone if types.infer_dtype(values[~gone], skipna=False) == "string" else None


def missing(series: pd.Series) -> np.ndarray:
    """Tell which values are missing, (n,) bool: as ``series.isna()``, but quicker for texts."""
    gone = gaps_of_texts(series)
    return series.isna().to_numpy(dtype=bool) if gone is None else gone


def is_text(values: pd.Series) -> bool:
    """Tell whether a plain column holds texts."""
    return isinstance(values.dtype, pd.StringDtype) or types.is_object_dtype(values.dtype)


def is_number(values: pd.Series | None) -> bool:
    """Tell whether a plain column holds numbers that have an order and a distance (booleans do not count)."""
    return values is not None and types.is_numeric_dtype(values.dtype) and not types.is_bool_dtype(values.dtype)


def example(series: pd.Series, numbers: bool = True) -> str:
    """Give a value to show in a message; with numbers=False one that is no number, where there is one."""
    known: Any = series.dropna()
    if not len(known):
        return "nothing but missing values"
    if not numbers:
        odd = known[pd.to_numeric(known.astype(str), errors="coerce").isna()]
        known = odd if len(odd) else known
    first = known.iloc[0]
    shown = repr(first.item() if isinstance(first, (np.number, np.bool_)) else first)
    return shown if len(shown) <= 40 else shown[:37] + "..."
