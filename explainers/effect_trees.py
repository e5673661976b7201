"""Trees whose columns are set to the values of grids: which points go left at a node, and the loop that adds all trees up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from modelglass.analysis.models.ensemble import Ensemble
from modelglass.explainers.leaf_masks import are_small, leaf_masks

BITS = 64
"""Grid points that a mask has room for."""
Ways = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""For each node (N,): its job, -1: none; and way, split, bits as ``effect_kernels.add_trees`` takes them."""
Add = Callable[[int, int, np.ndarray, np.ndarray], None]
"""(first row, row after the last, whole (rows, k), steps (rows, k, cells)): adds all trees for these rows."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Job:
    """A raw column and some of its grid points: their numbers as the final estimator sees them, and where they stand in the answer."""

    raw: int
    numbers: np.ndarray
    points: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Cells:
    """Where the answers of each job are added up: ``first`` cell, ``size`` in points (one cell more), and whether masks say which."""

    first: np.ndarray
    size: np.ndarray
    by_mask: np.ndarray

    @property
    def count(self) -> int:
        """Cells in all."""
        return int((self.size + 1).sum())


def cells_of(jobs: Sequence[Job], by_mask: np.ndarray) -> Cells:
    """Lay the cells of jobs side by side."""
    size = np.array([len(j.points) for j in jobs], dtype=np.int64)
    return Cells(first=np.concatenate([[0], np.cumsum(size + 1)])[:-1].astype(np.int64), size=size, by_mask=by_mask)


def tree_adder(trees: Ensemble, raw_index: np.ndarray, jobs: Sequence[Job], seen: np.ndarray) -> tuple[Cells, Add]:
    """Give the loop that adds all trees, and its cells.

    Parameters
    ----------
    raw_index : array, shape (p,)
        Raw column of each column that the trees see.
    seen : array, shape (n, p)
        Rows as codes.
    """
    ways, by_mask = node_ways(trees, raw_index, jobs)
    cells = cells_of(jobs, by_mask)
    return cells, (by_masks if are_small(trees) else by_walks)(trees, ways, seen, cells)


def by_walks(trees: Ensemble, ways: Ways, seen: np.ndarray, cells: Cells) -> Add:
    """Walk down trees of any size."""
    from modelglass.explainers import effect_kernels as kernels

    deepest = int(trees.depth.max(initial=0))

    def add(start: int, stop: int, whole: np.ndarray, steps: np.ndarray) -> None:
        kernels.add_trees(
            seen[start:stop], *trees.valued, deepest, *ways, cells.first, cells.size, cells.by_mask, whole, steps
        )

    return add


def by_masks(trees: Ensemble, ways: Ways, seen: np.ndarray, cells: Cells) -> Add:
    """Add up small trees, whose leaves are bits; about three times as fast as walks."""
    from modelglass.explainers import mask_kernels as kernels

    m = leaf_masks(trees, *ways, cells.first, cells.size)
    of = m.leaves
    masks = (
        m.slot, of.keep_left, of.keep_right, m.first_slot, m.job, m.reached, of.first_leaf, of.value, m.first_range, m.low, m.high, m.mask
    )  # fmt: skip

    def add(start: int, stop: int, whole: np.ndarray, steps: np.ndarray) -> None:
        codes = np.ascontiguousarray(seen[start:stop].T)
        kernels.add_small_trees(codes, *trees.compared, *masks, cells.by_mask, whole, steps)

    return add


def node_ways(trees: Ensemble, raw_index: np.ndarray, jobs: Sequence[Job]) -> tuple[Ways, np.ndarray]:
    """Give for each node its job and which grid points of it go left, and for each job whether masks say so."""
    from modelglass.explainers import effect_kernels as kernels

    nodes = len(trees.right)
    job_of = np.full(nodes, -1, dtype=np.int64)
    way_of, split, bits = np.zeros(nodes, dtype=np.uint8), np.zeros(nodes, dtype=np.int64), np.zeros(nodes, np.uint64)
    by_mask = np.zeros(len(jobs), dtype=np.bool_)
    for i, job in enumerate(jobs):
        asks = asks_of(trees, raw_index, job.raw)
        job_of[asks] = i
        way_of[asks], split[asks], bits[asks] = ways_of(trees, raw_index, job.raw, job.numbers)
        by_mask[i] = (way_of[asks] == kernels.MASK).any()
        if by_mask[i]:
            way_of[asks] = kernels.MASK
    return (job_of, way_of, split, bits), by_mask


def asks_of(trees: Ensemble, raw_index: np.ndarray, raw: int) -> np.ndarray:
    """Nodes that ask a column made from this raw column."""
    return np.flatnonzero((trees.right >= 0) & (raw_index[trees.feature] == raw))


def ways_of(
    trees: Ensemble, raw_index: np.ndarray, raw: int, codes: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each node that asks the raw column: which grid points go left, as ``effect_kernels.add_trees`` takes it.

    codes (grid, p): of the grid's rows.
    """
    asks = asks_of(trees, raw_index, raw)
    x, listed = codes[:, trees.feature[asks]].T, trees.listed[asks]
    left = (x + trees.shift[asks][:, None]).astype(x.dtype) <= trees.cut[asks][:, None]
    for i in np.flatnonzero(listed >= 0):
        left[i] = trees.goes_left[listed[i] + x[i].astype(np.int64)] == 1
    count, changes = left.sum(axis=1), (left[:, 1:] != left[:, :-1]).sum(axis=1)
    way = np.where(changes > 1, 2, np.where(left[:, 0], 0, 1))
    split = np.where(way == 0, count, left.shape[1] - count)
    shown = left[:, :BITS].astype(np.uint64)
    bits = (shown << np.arange(shown.shape[1], dtype=np.uint64)).sum(axis=1, dtype=np.uint64)
    return way.astype(np.uint8), split, bits
