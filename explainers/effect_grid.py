"""The grid of a raw column: values of its own at which an effect is asked for, and where the data are beside it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.describing import in_given_order
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers.loops import held_back

FEW = 5
"""Fewer rows than this in a bin or cell are few: an effect there rests on rows that hardly occur."""

MANY = 20_000
"""Rows from which on compiled loops are loaded for them."""
BLOCK, FEW_EDGES = 8_192, 100
"""Numbers that are compared with each edge while they are in the processor's cache; up to so many edges that costs less than a search. They are
counted in bytes, so never more than 255."""

Asks = tuple[np.ndarray, np.ndarray]
"""Places of rows, and places in a grid, of the same length."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Grid:
    """Values of one raw column.

    values      as in the data, shape (grid,)
    donors      whole raw rows of the data that hold them, shape (grid, n_features)
    kind        "ordered" (numbers, dates; ascending) or "levels"
    """

    name: str
    values: pd.Series
    donors: pd.DataFrame
    kind: str


def grid_of(ev: Evaluation, name: str, grid: int, *, ends: bool = False) -> Grid:
    """Choose the grid of a raw column from the whole data; with ``ends`` from the smallest to the largest value."""
    found: Grid = ev.whole.keep(("grid", name, grid, ends), lambda: _made(ev, name, grid, ends))
    return found


def _made(ev: Evaluation, name: str, grid: int, ends: bool) -> Grid:
    at, kind = grid_rows(ev, name, grid, ends=ends)
    if not len(at):
        raise NotApplicable(f"the column {name!r} has no values")
    donors = ev.whole.frame.iloc[at][list(ev.features)]  # the few rows first: all inputs are a copy of them
    return Grid(name=name, values=donors[name].reset_index(drop=True), donors=donors, kind=kind)


def grid_rows(ev: Evaluation, name: str, grid: int, *, ends: bool = False) -> tuple[np.ndarray, str]:
    """Give rows of the whole data that hold the grid's values, in order, and the kind: "ordered" or "levels"."""
    column = ev.whole.frame[name]
    codes, levels = pd.factorize(column, sort=False)
    first = np.full(len(levels), len(codes))
    np.minimum.at(first, codes[codes >= 0], np.flatnonzero(codes >= 0))
    if ev.columns[name].kind in ("numeric", "datetime") and pd.api.types.is_numeric_dtype(
        column.dtype
    ) | pd.api.types.is_datetime64_any_dtype(column.dtype):
        order = np.argsort(np.asarray(levels), kind="stable")
        if len(order) > grid:
            order = order[_quantile_places(np.bincount(codes[codes >= 0], minlength=len(levels))[order], grid, ends)]
        return first[order], "ordered"
    count = np.bincount(codes[codes >= 0], minlength=len(levels))
    order = np.argsort(-count, kind="stable")[:grid]
    given = in_given_order([levels[i] for i in order], ev.columns[name].level_order)
    if given is not None:
        order = order[given]
    elif isinstance(column.dtype, pd.CategoricalDtype) and column.dtype.ordered:
        order = order[np.argsort(column.cat.codes.to_numpy()[first[order]], kind="stable")]
    elif ev.columns[name].kind == "boolean":
        order = order[np.argsort([str(levels[i]) for i in order], kind="stable")]
    missing = np.flatnonzero(codes < 0)[:1]
    return np.concatenate([first[order], missing]).astype(np.int64), "levels"


def _quantile_places(count: np.ndarray, grid: int, whole: bool = False) -> np.ndarray:
    """Choose places among sorted distinct values: quantiles of the rows; where few values fill most rows, of the values as well."""
    ends = np.cumsum(count)
    shares = np.linspace(0.0, 1.0, grid) if whole else np.linspace(0.005, 0.995, grid)
    places = np.unique(np.searchsorted(ends, shares * ends[-1], side="left"))
    if len(places) <= grid // 2:
        more = np.linspace(0, len(count) - 1, grid - len(places)).round().astype(np.int64)
        places = np.unique(np.concatenate([places, more]))
    return np.minimum(places, len(count) - 1)


def near(ev: Evaluation, at: Grid) -> np.ndarray:
    """Count the rows of ``ev`` nearest to each grid value (one more each), so that rare values weigh little."""
    places = nearest(ev.inputs()[at.name], at)
    return 1.0 + np.bincount(places[places >= 0], minlength=len(at.values))


def nearest(column: pd.Series, at: Grid) -> np.ndarray:
    """Give the place of the grid value nearest to each row's value, or of its level; -1 where there is none."""
    known = column.notna().to_numpy()
    if at.kind == "levels":
        levels = list(at.values.dropna())
        places = pd.Index(levels, dtype=object).get_indexer(pd.Index(column, dtype=object)).astype(np.int64)
        absent = np.flatnonzero(at.values.isna().to_numpy())
        return np.where(known, places, absent[0] if len(absent) else -1)
    places, grid = np.full(len(column), -1), floats(at.values)
    places[known] = np.searchsorted((grid[1:] + grid[:-1]) / 2, floats(column[known]))
    return places


def floats(column: pd.Series) -> np.ndarray:
    """Give numbers or dates as float64; dates in nanoseconds, missing ones NaN."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column.to_numpy(dtype="datetime64[ns]").astype("int64").astype("float64")
    return column.to_numpy(dtype="float64")


def side_by_side(places: np.ndarray) -> np.ndarray | slice:
    """Give what looks these places up: a slice, which copies nothing, where each follows the one before.

    >>> side_by_side(np.array([2, 3, 4])) == slice(2, 5), side_by_side(np.array([2, 4])).tolist()
    (True, [2, 4])
    """
    return slice(places[0], places[-1] + 1) if (np.diff(places) == 1).all() else places


def many(n: int) -> bool:
    """Tell whether so many rows pay for the second that numba takes to load; always where its loops are loaded, never where they are held back."""
    return not held_back() and (n >= MANY or "modelglass.explainers.bin_kernels" in sys.modules)


def steps_above(edges: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Count the edges below each number, int64 (n,), as ``searchsorted`` does from the left; faster for few edges and many numbers.

    >>> steps_above(np.array([1.0, 2.0]), np.array([0.5, 1.0, 1.5, 2.0, 9.0])).tolist()
    [0, 0, 1, 1, 2]
    """
    if len(edges) > FEW_EDGES:
        return np.searchsorted(edges, x, side="left")
    out = np.empty(len(x), dtype=np.int64)
    if many(len(x)):
        from modelglass.explainers import bin_kernels

        rest = np.full(-len(edges) % 4, np.inf)  # above which nothing is
        bin_kernels.steps_above(np.concatenate([edges, rest]), np.ascontiguousarray(x), out)
        return out
    for at in range(0, len(x), BLOCK):
        here = x[at : at + BLOCK]
        count = np.zeros(len(here), dtype=np.uint8)
        for edge in edges:
            count += here > edge
        out[at : at + BLOCK] = count
    return out


def density(ev: Evaluation, name: str, kind: str, values: pd.Series) -> pd.DataFrame:
    """Count the rows of the evaluation: in 30 bins between the outer grid values, or by level; and say where hardly any are.

    Where a column holds whole numbers alone, each bin holds as many of them, at least one: between two of them no row can be.
    Few: under five, and in a bin also under a quarter of what each would hold if rows were spread evenly. Kept with the evaluation, as it
    follows from its data and the grid alone; a copy is given.
    """
    key = ("density", name, kind, tuple(map(repr, values)))
    found: pd.DataFrame = ev.keep(key, lambda: _density(ev, name, kind, values))
    return found.copy()


def _density(ev: Evaluation, name: str, kind: str, values: pd.Series) -> pd.DataFrame:
    column = ev.frame[name]
    if kind == "levels":
        filled = column.astype(object).where(column.notna(), None).value_counts(dropna=False)
        levels = np.array([int(filled.get(v, 0)) if not _absent(v) else int(column.isna().sum()) for v in values])
        named = values.to_numpy(dtype=object)
        return pd.DataFrame({"feature": name, "value": named, "right": np.nan, "n": levels, "few": levels < FEW})
    dates = pd.api.types.is_datetime64_any_dtype(column.dtype)
    known, inner = (_finite(floats(c.dropna() if c.hasnans else c)) for c in (column, values))
    low, high = (float(inner.min()), float(inner.max())) if len(inner) else (0.0, 0.0)
    edges = _edges(low, high, not dates and bool((known == np.round(known)).all()))
    counts = _counts(edges, known)
    left, right = (pd.to_datetime(e.astype("int64")) if dates else e for e in (edges[:-1], edges[1:]))
    return pd.DataFrame(
        {
            "feature": name,
            "value": np.asarray(left, dtype=object),
            "right": np.asarray(right, dtype=object),
            "n": counts,
            "few": counts < max(1.0, min(FEW, len(known) / (4 * len(counts)))),
        }
    )


def _finite(x: np.ndarray) -> np.ndarray:
    """Leave infinite numbers out: no bin reaches that far."""
    there = np.isfinite(x)
    return x if there.all() else x[there]


def _counts(edges: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Count numbers between neighbouring edges as ``numpy.histogram`` does: an edge belongs to the bin above it, but for the last.

    >>> _counts(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 2.0, 2.5, 3.0, 4.0])).tolist()
    [1, 3]
    """
    below = np.append(np.nextafter(edges[:-1], -np.inf), edges[-1])
    return np.bincount(steps_above(below, x), minlength=len(edges) + 1)[1:-1]


def _edges(low: float, high: float, whole: bool, bins: int = 30) -> np.ndarray:
    """Give the edges of bins from one value to another.

    >>> _edges(1.0, 3.0, True).tolist()
    [0.5, 1.5, 2.5, 3.5]
    """
    if not whole and high > low:
        return np.linspace(low, high, bins + 1)
    step = max(1.0, np.ceil((high - low + 1) / bins))
    return low - 0.5 + step * np.arange(np.ceil((high - low + 1) / step) + 1)


def _absent(value: Any) -> bool:
    return bool(pd.isna(value))
