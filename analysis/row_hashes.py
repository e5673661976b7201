"""Rows as 64-bit hashes that can be added up: which rows are equal, in all columns or in all but some, without comparing texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from modelglass.analysis.plain import is_number, plain

Hashes = NDArray[np.uint64]
_ODD = np.uint64(0x9E3779B97F4A7C15)


def row_hashes(frame: pd.DataFrame, columns: Sequence[str]) -> Hashes:
    """Give a hash of each row over these columns, shape (n_rows,): the sum of ``column_hashes``."""
    total = np.zeros(len(frame), np.uint64)
    for name in columns:
        total += column_hashes(frame[name], name)
    return total


def column_hashes(values: pd.Series, name: object) -> Hashes:
    """Give a hash of each value, shape (n_rows,), other for each column name, so that sums over columns can be told apart.

    Numbers are compared as float64, times to the microsecond, everything else by its text; missing equals missing, minus zero is zero.
    """
    seen = plain(values)
    if seen is None:
        seen = values.astype("object").map(repr, na_action="ignore")
    if isinstance(seen.dtype, pd.CategoricalDtype):
        levels = _hashed(pd.Series(seen.cat.categories))
        found = np.append(levels, _missing())[seen.cat.codes.to_numpy()]
    else:
        found = _hashed(seen)
    salt = pd.util.hash_array(np.array([str(name)], dtype=object))[0]
    return _mixed(found ^ salt)


def _missing() -> Hashes:
    return pd.util.hash_array(np.array([np.nan]))


def _hashed(values: pd.Series) -> Hashes:
    if is_number(values):
        numbers = values.to_numpy(dtype="float64", na_value=np.nan) + 0.0
        return pd.util.hash_array(np.where(np.isnan(numbers), np.nan, numbers))
    if types.is_datetime64_dtype(values.dtype):
        stamps = values.to_numpy().astype("datetime64[us]")
        return np.where(np.isnat(stamps), _missing(), pd.util.hash_array(stamps.astype(np.int64)))
    codes, levels = pd.factorize(values)
    texts = pd.Series(levels, dtype=object).map(str).to_numpy(dtype=object)
    hashed = pd.util.hash_array(texts, categorize=False) if len(texts) else np.zeros(0, np.uint64)
    return np.append(hashed, _missing())[codes]


def _mixed(values: Hashes) -> Hashes:
    """Spread the bits (splitmix64, Steele et al. 2014): sums of hashes of different values must not meet by arithmetic."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (values ^ (values >> np.uint64(31))) * _ODD


def equal_pairs(hashes: Hashes) -> int:
    """Count pairs of equal rows.

    >>> equal_pairs(np.array([1, 2, 1, 1], np.uint64))
    3
    """
    counts = run_lengths(np.sort(hashes))
    return int((counts * (counts - 1) // 2).sum())


def run_lengths(ordered: np.ndarray) -> NDArray[np.int64]:
    """Give how often each value stands in sorted ones."""
    if not len(ordered):
        return np.zeros(0, np.int64)
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    return np.diff(np.r_[starts, len(ordered)])


def times_seen(hashes: Hashes) -> NDArray[np.int64]:
    """Give for each row how many rows are equal to it, itself among them.

    >>> times_seen(np.array([1, 2, 1, 1], np.uint64)).tolist()
    [3, 1, 3, 3]
    """
    order = np.argsort(hashes, kind="stable")
    counts = run_lengths(hashes[order])
    out = np.empty(len(hashes), np.int64)
    out[order] = np.repeat(counts, counts)
    return out
