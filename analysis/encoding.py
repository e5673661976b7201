"""Columns of any kind as one matrix of numbers, each column with the same weight. For pictures of rows, not for the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.columns import Column, as_datetime, plain

MOST_LEVELS = 50
"""Levels of a category with a column of their own; the rarer ones share one."""
USED = ("numeric", "boolean", "categorical", "datetime")
HOW = (
    "All columns of the data weigh the same (variance 1): numbers are standardised, missing ones take the median and get a column that says so, "
    "and categories get a column for each level."
)


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Encoded:
    """A matrix, and what its columns are.

    values      shape (n_rows, n_parts), not centred: numbers over their scale, levels as 0 or 1 over theirs
    names       of the parts, for people: "age", "city: Rome", "age: missing"
    columns     columns of the data in use; left_out those that are not, each with the reason
    order       places of the rows in an order that follows from their values alone: shape (n_rows,)
    negative    a column that has negative numbers, None where none has
    """

    values: np.ndarray
    names: tuple[str, ...]
    columns: tuple[str, ...]
    left_out: Mapping[str, str]
    order: np.ndarray
    negative: str | None


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class _Raw:
    """One column before anything is summed over rows: numbers with NaN, or codes (-1 is missing) with their levels."""

    name: str
    numbers: np.ndarray | None = None
    codes: np.ndarray | None = None
    levels: Sequence[str] = ()

    @property
    def key(self) -> np.ndarray:
        return np.nan_to_num(self.numbers, nan=-np.inf) if self.numbers is not None else np.asarray(self.codes)


def encode(
    frame: pd.DataFrame,
    columns: Mapping[str, Column],
    weight: np.ndarray | None = None,
    *,
    ties: Sequence[np.ndarray] = (),
) -> Encoded:
    """Turn columns into a matrix of numbers.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
    columns : mapping of name to Column
        What each of the frame's columns is; ids, texts and nested values are left out.
    weight : array of shape (n_rows,), optional
        For means, spreads and shares.
    ties : sequence of arrays of shape (n_rows,)
        What else may tell rows apart that are the same in all columns, for ``order``.

    Returns
    -------
    Encoded
        Whatever is summed over rows is summed in ``order``, so that the order of the data changes not even the last digit.
    """
    raw, left_out = list[_Raw](), dict[str, str]()
    for name in frame.columns:
        kind = columns[name].kind
        if kind not in USED:
            left_out[str(name)] = f"it is of the kind {kind}"
            continue
        one = _read(frame[name], str(name), kind)
        if one is None:
            left_out[str(name)] = "it has one value only"
        else:
            raw.append(one)
    n = len(frame)
    keys = [*(np.asarray(t) for t in reversed(ties)), *(r.key for r in reversed(raw))]
    order = np.lexsort(keys) if keys else np.arange(n)
    w = np.ones(n) if weight is None else np.asarray(weight, dtype=float)[order]
    parts = [_part(r, order, w) for r in raw]
    values = np.empty((n, sum(p.shape[1] for p, _ in parts)))
    values[order] = np.column_stack([p for p, _ in parts]) if parts else np.empty((n, 0))
    negative = next((r.name for r in raw if r.numbers is not None and np.nanmin(r.numbers) < 0), None)
    return Encoded(
        values=values,
        names=tuple(name for _, names in parts for name in names),
        columns=tuple(r.name for r in raw),
        left_out=left_out,
        order=order,
        negative=negative,
    )


def _read(column: pd.Series, name: str, kind: str) -> _Raw | None:
    """Give a column's values one by one; None where they are all the same."""
    if kind == "datetime":
        times = as_datetime(column)
        known = times.notna().to_numpy()
        numbers = np.full(len(column), np.nan)
        numbers[known] = times[known].to_numpy(dtype="datetime64[ns]").astype("int64") / 1e9
        return _numbers(name, numbers)
    values = plain(column)
    if values is None:
        return None
    if kind == "numeric":
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
        return _numbers(name, np.where(np.isfinite(numbers), numbers, np.nan))
    codes, found = pd.factorize(values)
    levels = [str(v) for v in found]
    counts = np.bincount(codes[codes >= 0], minlength=len(levels))
    by_count = sorted(range(len(levels)), key=lambda i: (-counts[i], levels[i]))
    place = np.full(len(levels) + 1, -1)
    place[by_count] = np.minimum(np.arange(len(levels)), MOST_LEVELS)
    names = [levels[i] for i in by_count[:MOST_LEVELS]] + ["another level"] * (len(levels) > MOST_LEVELS)
    codes = place[codes]
    if len(names) + bool((codes < 0).any()) < 2:
        return None
    return _Raw(name=name, codes=codes, levels=names)


def _numbers(name: str, numbers: np.ndarray) -> _Raw | None:
    known = numbers[~np.isnan(numbers)]
    if not len(known) or (len(known) == len(numbers) and known.min() == known.max()):
        return None
    return _Raw(name=name, numbers=numbers)


def _part(raw: _Raw, order: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Give a column's part of the matrix, rows in ``order``: variances sum to 1."""
    if raw.numbers is not None:
        numbers = raw.numbers[order]
        missing = np.isnan(numbers)
        numbers = np.where(missing, _median(numbers[~missing], w[~missing]), numbers)
        spread = np.sqrt(_variance(numbers[:, None], w))
        part, names = numbers[:, None] / np.where(spread > 0, spread, 1.0), [raw.name]
        if missing.any():
            part, names = np.column_stack([part, missing]), [raw.name, f"{raw.name}: missing"]
    else:
        codes = np.asarray(raw.codes)[order]
        names = [f"{raw.name}: {level}" for level in raw.levels]
        if (codes < 0).any():
            codes, names = np.where(codes < 0, len(names), codes), [*names, f"{raw.name}: missing"]
        part = np.eye(len(names))[codes]
    whole = float(_variance(part, w).sum())
    return (part / np.sqrt(whole) if whole > 0 else part), names


def _variance(part: np.ndarray, w: np.ndarray) -> np.ndarray:
    share = w / w.sum()
    return share @ (part - share @ part) ** 2


def _median(values: np.ndarray, w: np.ndarray) -> float:
    """Give the least value that half of the weight does not exceed; the plain one where there is no weight."""
    if not w.sum() > 0:
        return float(np.median(values))
    by_value = np.argsort(values, kind="stable")
    reached = np.cumsum(w[by_value])
    return float(values[by_value][np.searchsorted(reached, reached[-1] / 2 * (1 - 1e-12), side="left")])


def of_numbers(frame: pd.DataFrame, *, ties: Sequence[np.ndarray] = ()) -> Encoded:
    """Take a frame of finite numbers as the matrix it is, every column in its own unit."""
    values: Any = frame.to_numpy(dtype="float64")
    keys = [*(np.asarray(t) for t in reversed(ties)), *reversed(values.T)]
    order = np.lexsort(keys) if keys else np.arange(len(frame))
    used = [i for i in range(values.shape[1]) if np.ptp(values[:, i]) > 0]
    names = [str(c) for c in frame.columns]
    return Encoded(
        values=values[:, used],
        names=tuple(names[i] for i in used),
        columns=tuple(names[i] for i in used),
        left_out={name: "it has one value only" for i, name in enumerate(names) if i not in used},
        order=order,
        negative=next((names[i] for i in used if values[:, i].min() < 0), None),
    )
