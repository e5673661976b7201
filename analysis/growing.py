"""A small tree grown greedily on a loss, over coded columns: best split first, by histograms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from modelglass.analysis.coding import Coding
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.regions import missing_level, ordered

Floats = NDArray[Any]
SURE = 0.05
"""A split is made where chance gives as large a difference in fewer than this share of nodes, all splits tried there counted (Bonferroni)."""
MOST_NAMED = 3
"""Levels without an order that a split may put on one side."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Node:
    """One node of a tree.

    parent      number of its parent, -1 for the root; depth: splits above it
    column      place of the coded column that its parent was split by, -1 for the root
    allowed     by coded column the levels it may hold (bool); columns that are not in it are not restricted
    split       place of the coded column it is split by itself, -1 for a leaf
    """

    parent: int
    depth: int
    column: int
    allowed: dict[int, np.ndarray]
    split: int = -1


@dataclass(frozen=True, eq=False, slots=True)
class Split:
    """How a node may be split best: coded column, its levels that go left, sum of squares it explains."""

    column: int
    left: np.ndarray
    gain: float


@dataclass(eq=False, slots=True)
class _Growing:
    codes: np.ndarray
    codings: Sequence[Coding]
    loss: Floats
    weight: Floats | None
    support: int
    inflation: float
    levels: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.levels = np.array([len(c.labels) for c in self.codings], np.int64)

    def counted(self, rows: np.ndarray) -> list[tuple[np.ndarray, Floats, Floats]]:
        """Rows, weight and summed loss of each level of each coded column."""
        from modelglass.analysis import search_kernels

        columns = np.arange(len(self.levels))
        offsets = np.concatenate([[0], np.cumsum(self.levels)[:-1]]).astype(np.int64)
        total, weight = int(self.levels.sum()), np.zeros(0) if self.weight is None else self.weight
        n, w, e = np.zeros(total, np.int64), np.zeros(total if len(weight) else 0), np.zeros(total)
        loss = self.loss if self.weight is None else self.loss * self.weight
        cells = np.zeros(len(rows), np.int32)
        search_kernels.count(
            self.codes, rows.astype(np.int32), cells, columns, offsets, self.levels, loss, weight, n, w, e
        )
        w = w if len(weight) else n.astype(float)
        return [(n[o : o + k], w[o : o + k], e[o : o + k]) for o, k in zip(offsets, self.levels)]

    def best(self, rows: np.ndarray) -> Split | None:
        """Give the split of some rows that explains most of their loss; None where none is sure."""
        if len(rows) < 2 * self.support:
            return None
        w = np.ones(len(rows)) if self.weight is None else self.weight[rows]
        mean = float(w @ self.loss[rows] / w.sum())
        spread = float(w**2 @ (self.loss[rows] - mean) ** 2) / w.sum() * self.inflation  # of a mean of unit weight
        found: Split | None = None
        tried = 0
        for column, (n, wl, e) in enumerate(self.counted(rows)):
            splits, count = _splits(self.codings[column], n, wl, e)
            tried += count
            for left in splits:
                gain = _gain(n, wl, e, left, self.support)
                if gain > (found.gain if found else 0.0) * (1 + 1e-9):
                    found = Split(column, left, gain)
        if found is None or spread <= 0:
            return None
        chance = 2 * float(special.ndtr(-np.sqrt(found.gain / spread))) * tried
        return found if chance <= SURE else None


def _gain(n: np.ndarray, w: Floats, e: Floats, left: np.ndarray, support: int) -> float:
    """Sum of squares between two sides; 0 where one holds too few rows."""
    here, whole = int(n[left].sum()), int(n.sum())
    if min(here, whole - here) < support:
        return 0.0
    a, b, x, y = w[left].sum(), w.sum() - w[left].sum(), e[left].sum(), e.sum() - e[left].sum()
    return float(a * b / (a + b) * (x / a - y / b) ** 2) if a > 0 and b > 0 else 0.0


def _splits(coding: Coding, n: np.ndarray, w: Floats, e: Floats) -> tuple[list[np.ndarray], int]:
    """Give the splits of a column worth trying, as the levels that go left, and how many were chosen from.

    Numbers and times: every cut, missing on either side or alone. Others: the one to three levels of the highest or lowest mean loss.
    """
    size, missing = len(n), missing_level(coding)
    gone = missing is not None and n[missing] > 0
    if ordered(coding):
        used = np.flatnonzero(n[: size if missing is None else missing])
        cuts = [np.arange(size) <= u for u in used[:-1]]
        if gone:
            alone = np.arange(size) == missing
            cuts = [*cuts, *(c | alone for c in cuts), alone]
        return cuts, len(cuts)
    used = np.flatnonzero((n > 0) & (w > 0))
    by_mean = used[np.argsort(e[used] / w[used], kind="stable")]
    most = min(MOST_NAMED, len(used) - 1)
    sides = [np.isin(np.arange(size), part) for k in range(1, most + 1) for part in (by_mean[:k], by_mean[-k:])]
    return sides, sum(comb(len(used), k) for k in range(1, most + 1))


def grow(
    codes: np.ndarray,
    codings: Sequence[Coding],
    loss: Floats,
    weight: Floats | None = None,
    *,
    cluster: np.ndarray | None = None,
    depth: int = 3,
    max_leaves: int = 8,
    support: int = 30,
    progress: Progress | None = None,
) -> list[Node]:
    """Grow a tree.

    Parameters
    ----------
    codes : integer array, shape (n_rows, m)
    codings : m Codings
    loss : array, shape (n_rows,)
    weight, cluster : arrays, shape (n_rows,), optional
        Where rows of a cluster go together a split must be that much surer.
    depth, max_leaves : int
        Splits above a leaf, and leaves, at most.
    support : int
        Fewest rows of a leaf.

    Returns
    -------
    Nodes, the root first, children after their parents; the first child is the side with the higher mean loss.
    """
    size = np.uint8 if max((len(c.labels) for c in codings), default=1) <= 256 else np.uint16
    table = np.ascontiguousarray(codes, dtype=size)
    work = _Growing(table, codings, loss, weight, support, inflation_of(loss, weight, cluster))
    nodes = [Node(parent=-1, depth=0, column=-1, allowed={})]
    rows = {0: np.arange(len(loss))}
    found = {0: work.best(rows[0])} if depth > 0 else {}
    for leaves in range(1, max_leaves):
        tell(progress, leaves / max_leaves, "growing the tree")
        ready = {at: split for at, split in found.items() if split is not None}
        if not ready:
            break
        at, split = max(ready.items(), key=lambda item: (item[1].gain, -item[0]))
        del found[at]
        goes_left = split.left[table[rows[at], split.column]]
        sides = [(rows[at][goes_left], split.left), (rows[at][~goes_left], ~split.left)]
        sides.sort(key=lambda side: -_mean(loss, weight, side[0]))
        parent = nodes[at]
        nodes[at] = replace(parent, split=split.column)
        before = parent.allowed.get(split.column, np.ones(len(split.left), bool))
        for mine, levels in sides:
            allowed = {**parent.allowed, split.column: before & levels}
            nodes.append(Node(parent=at, depth=parent.depth + 1, column=split.column, allowed=allowed))
            rows[len(nodes) - 1] = mine
            if parent.depth + 1 < depth:
                found[len(nodes) - 1] = work.best(mine)
    return nodes


def _mean(loss: Floats, weight: Floats | None, rows: np.ndarray) -> float:
    return float(np.average(loss[rows], weights=None if weight is None else weight[rows]))


def inflation_of(loss: Floats, weight: Floats | None, cluster: np.ndarray | None) -> float:
    """Give how much the variance of a mean grows because rows of a cluster go together, at least 1."""
    if cluster is None:
        return 1.0
    w = np.ones(len(loss)) if weight is None else weight
    part = w * (loss - w @ loss / w.sum())
    summed = np.bincount(np.unique(cluster, return_inverse=True)[1].reshape(-1), weights=part)
    return max(float((summed**2).sum() / max((part**2).sum(), 1e-300)), 1.0)


def members(node: Node, codes: np.ndarray) -> np.ndarray:
    """Mark the rows (n_rows,) that fall in a node."""
    mask = np.ones(len(codes), dtype=bool)
    for column, allowed in node.allowed.items():
        mask &= allowed[codes[:, column]]
    return mask
