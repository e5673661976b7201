"""How alike raw rows are, whatever their columns hold: numbers and dates by rank, everything else the same or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.errors import NotApplicable, unknown_name
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.known_features import known_features
from modelglass.analysis.offering import sliced_by_default
from modelglass.analysis.plain import is_number

MOST_LEVELS = 50
"""Levels of a column that get a coordinate of their own in ``Likeness.matrix``; the rarer ones share one."""
_UNKNOWN = -2


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Read:
    """Rows as they are compared: ranks in [0, 1], NaN where missing, of shape (n, p_numbers), and codes of levels (n, p_levels), -1 where missing."""

    ranks: np.ndarray
    codes: np.ndarray

    def take(self, places: np.ndarray) -> Read:
        """Give some of the rows, by their places."""
        return Read(ranks=self.ranks[places], codes=self.codes[places])

    def __len__(self) -> int:
        return len(self.ranks)


def compared(ev: Evaluation, names: Any) -> list[str]:
    """Name the columns by which rows are compared: those given, else all that the model reads, else all of the data but texts and names of rows.

    Raises
    ------
    InputError
        One that the model does not read, or without a model one that the data do not have.
    NotApplicable
        There are none.
    """
    if ev.model is not None:
        return known_features(ev, names)
    there = [c for c in ev.columns if c != ev.target]
    chosen = [names] if isinstance(names, str) else list(names or ())
    for name in chosen:
        if name not in there:
            raise unknown_name("column of the data", str(name), there)
    found = chosen or [c.name for c in sliced_by_default(ev)]
    if not found:
        raise NotApplicable("the data have no columns beside outcome and predictions that could be compared")
    return found


class Likeness:
    """Compares rows by the columns of reference rows.

    The distance of two rows is the mean over columns of differences between 0 and 1: of numbers and dates the share of reference
    values between both (half of those equal to either counts), of all others 0 or 1 (Gower 1971, with ranks for ranges, so that no
    long tail makes all other rows look alike). Missing is as a value of its own.

    Parameters
    ----------
    reference : DataFrame of shape (n_rows, n_columns)
    names : sequence of str
        Columns that are compared.
    """

    def __init__(self, reference: pd.DataFrame, names: Sequence[str]):
        self.names = list(names)
        self.numbers = [n for n in self.names if _ordered(reference[n])]
        self.others = [n for n in self.names if n not in self.numbers]
        self._sorted = {}
        for name in self.numbers:
            values = _floats(reference[name])
            self._sorted[name] = np.sort(values[~np.isnan(values)])
        self._levels = {name: _levels(reference[name]) for name in self.others}
        self._order = [[*self.numbers, *self.others].index(n) for n in self.names]

    def read(self, frame: pd.DataFrame) -> Read:
        """Read rows that have these columns."""
        ranks = np.empty((len(frame), len(self.numbers)))
        codes = np.empty((len(frame), len(self.others)), dtype=np.int64)
        for j, name in enumerate(self.numbers):
            known, values = self._sorted[name], _floats(frame[name])
            both = np.searchsorted(known, values) + np.searchsorted(known, values, side="right")
            ranks[:, j] = np.where(np.isnan(values), np.nan, both / (2 * max(len(known), 1)))
        for j, name in enumerate(self.others):
            column = _plain(frame[name])
            found = self._levels[name].get_indexer(pd.Index(column))
            codes[:, j] = np.where(column.isna().to_numpy(), -1, np.where(found < 0, _UNKNOWN, found))
        return Read(ranks=ranks, codes=codes)

    def differences(self, one: Read, many: Read) -> np.ndarray:
        """Give how far the first row of ``one`` is from each of many, column by column in the order of ``names``; (n, p)."""
        gap = np.abs(many.ranks - one.ranks[0])
        gap = np.where(np.isnan(gap), np.isnan(many.ranks) != np.isnan(one.ranks[0]), gap)
        other = (many.codes != one.codes[0]) | (many.codes == _UNKNOWN)
        return np.concatenate([gap, other.astype(float)], axis=1)[:, self._order]

    def distances(self, a: Read, b: Read) -> np.ndarray:
        """Give the distance of each row of a to each of b, float32 (n_a, n_b)."""
        total = np.zeros((len(a), len(b)), dtype=np.float32)
        for x, y in zip(a.ranks.T.astype(np.float32), b.ranks.T.astype(np.float32), strict=True):
            gap = np.abs(x[:, None] - y[None])
            if np.isnan(x).any() or np.isnan(y).any():
                gap = np.where(np.isnan(gap), np.isnan(x)[:, None] != np.isnan(y)[None], gap)
            total += gap
        for u, v in zip(a.codes.T, b.codes.T, strict=True):
            total += (u[:, None] != v[None]) | (v[None] == _UNKNOWN)
        return total / max(len(self.names), 1)

    def matrix(self, rows: Read) -> np.ndarray:
        """Give rows as points, (n, d): ranks, a missing one in the middle and marked; a coordinate for each level, so that two levels are 1 apart."""
        parts = [np.where(np.isnan(rows.ranks), 0.5, rows.ranks), np.isnan(rows.ranks).astype(float)]
        half = np.sqrt(0.5)
        for codes, name in zip(rows.codes.T, self.others, strict=True):
            known = min(len(self._levels[name]), MOST_LEVELS)
            place = np.where(codes == -1, known + 1, np.where((codes < 0) | (codes >= known), known, codes))
            parts.append(half * (place[:, None] == np.arange(known + 2)))
        return np.concatenate(parts, axis=1)


def _ordered(column: pd.Series) -> bool:
    return is_number(column) or pd.api.types.is_datetime64_any_dtype(column.dtype)


def _levels(column: pd.Series) -> pd.Index:
    """Give the levels as texts, frequent ones first, whatever order the rows stand in."""
    counts = _plain(column).value_counts()
    return pd.Index(sorted(counts.index, key=lambda level: (-counts[level], level)), dtype=object)


def _plain(column: pd.Series) -> pd.Series:
    """Give levels as texts, missing left out, so that columns of other frames compare whatever type they have."""
    return column.astype(object).where(column.notna(), None).map(str, na_action="ignore")


def _floats(column: pd.Series) -> np.ndarray:
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        values = column.to_numpy(dtype="datetime64[ns]").astype("int64").astype(float)
        return np.where(column.isna().to_numpy(), np.nan, values)
    if is_number(column):
        return column.to_numpy(dtype=float, na_value=np.nan)
    return pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
