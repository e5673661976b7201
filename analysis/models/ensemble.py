"""All trees of a model as one set of arrays, with every threshold replaced by its place in its column's list of thresholds.

So each library's own way to compare (in 32 or 64 bits, "<" or "<=", categories, missing values) is dealt with once, when a row is
turned into codes; what works on trees compares small whole numbers and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modelglass.analysis.models.trees import LEAF, ParsedTree

_NARROW = np.iinfo(np.uint16).max


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Ensemble:
    """Trees side by side; the nodes of a tree stand in preorder: the left child of node i is node i + 1. N nodes in all.

    starts      int64 (trees + 1,): tree t is nodes starts[t] to starts[t + 1]
    output      int64 (trees,): the first output that a tree adds to
    right       int64 (N,): right child, -1 in a leaf
    feature     int64 (N,): column asked, 0 in a leaf
    parent, depth, end  int64 (N,): parent (-1: root), edges from the root, first node after the part below
    same        int64 (N,): nearest node on the way up whose edge from its parent asks the same column as the edge into this one, -1: none
    share       float64 (N,): training weight of the node over its parent's; 1 in a root
    together    float64 (N,): product of the shares of this edge and those of ``same`` above: what of the column's conditions so far
                holds for training rows
    value       float64 (N, k): output of leaves, 0 elsewhere
    cut, shift  N codes: goes left where code + shift <= cut (whole numbers that wrap round: the code of missing is the largest, and
                shift 1 makes it 0)
    listed      int64 (N,): place in ``goes_left`` where a column's categories begin; -1 where numbers are compared
    goes_left   uint8: for each code of a category whether it goes left
    tables      for each column its sorted thresholds (float64), or the number of its categories (an int)
    strict      a value equal to its threshold goes right
    single      values are compared in 32 bits
    base        float64 (k,): what stands beside the trees
    n_features  columns
    """

    starts: np.ndarray
    output: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    parent: np.ndarray
    depth: np.ndarray
    end: np.ndarray
    same: np.ndarray
    share: np.ndarray
    together: np.ndarray
    value: np.ndarray
    cut: np.ndarray
    shift: np.ndarray
    listed: np.ndarray
    goes_left: np.ndarray
    tables: Sequence[np.ndarray | int]
    strict: bool
    single: bool
    base: np.ndarray
    n_features: int

    @property
    def n_outputs(self) -> int:
        """Outputs of the whole."""
        return len(self.base)

    @property
    def compared(self) -> tuple[np.ndarray, ...]:
        """What compiled loops that go down trees take, in their order: starts, output, right, feature, cut, shift, listed, goes_left."""
        return self.starts, self.output, self.right, self.feature, self.cut, self.shift, self.listed, self.goes_left

    @property
    def valued(self) -> tuple[np.ndarray, ...]:
        """The same with ``value`` behind ``feature``."""
        return *self.compared[:4], self.value, *self.compared[4:]

    def codes(self, X: np.ndarray) -> np.ndarray:
        """Turn rows into codes, shape (n_features, n); NaN is missing, and so is a category that no tree knows.

        A category that no tree knows goes where categories go that a split does not list; only a missing one goes where missing values do.
        """
        kind = self.cut.dtype
        missing = np.iinfo(kind).max
        out = np.zeros((self.n_features, len(X)), dtype=kind)
        for j, table in enumerate(self.tables):
            x = np.asarray(X[:, j], dtype=np.float32).astype(float) if self.single else np.asarray(X[:, j], dtype=float)
            unknown = np.isnan(x)
            if isinstance(table, (int, np.integer)):
                whole = np.where(unknown, 0, np.trunc(x))
                known = (whole >= 0) & (whole < table)
                out[j] = np.where(unknown, table + 1, np.where(known, whole, table)).astype(kind)
            elif len(table):
                found = np.searchsorted(table, x, side="right" if self.strict else "left")
                out[j] = np.where(unknown, missing, found).astype(kind)
        return out


def ensemble(
    trees: Sequence[ParsedTree],
    output: Sequence[int],
    n_features: int,
    base: np.ndarray,
    *,
    single: bool,
    weight: float = 1.0,
) -> Ensemble:
    """Lay trees side by side.

    Parameters
    ----------
    trees : sequence of ParsedTree
    output : sequence of int
        The first output each tree adds to.
    n_features : int
    base : array, shape (k,)
    single : bool
        Whether the library compares in 32 bits.
    weight : float
        What each leaf's value is multiplied by (1 over the number of trees in a forest).
    """
    sizes = np.array([len(t.left) for t in trees], dtype=np.int64)
    offset = np.concatenate([[0], np.cumsum(sizes)])[:-1]
    left = _joined(trees, "left", offset)
    right = _joined(trees, "right", offset)
    place, depth = _preorder(left, right, offset)
    reached = place >= 0
    total = int(reached.sum())
    order = np.empty(total, dtype=np.int64)
    order[place[reached]] = np.flatnonzero(reached)
    split = left[order] != LEAF
    new_right = np.where(split, place[right[order]], -1)
    parent = np.full(total, -1)
    inner = np.flatnonzero(split)
    parent[inner + 1], parent[new_right[inner]] = inner, inner
    feature = np.where(split, np.concatenate([t.feature for t in trees])[order], 0).astype(np.int64)
    cover = np.concatenate([t.cover for t in trees])[order].astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(parent >= 0, cover / cover[parent], 1.0)
    share[np.isnan(share)] = 0.5  # no training row came to the parent: nothing tells the children apart
    value = np.concatenate([t.value for t in trees])[order] * weight
    value[split] = 0.0
    level = depth[order]
    same, together = _same(parent, feature, share, level)
    cut, shift, listed, goes_left, tables = _cuts(trees, order, split, feature, n_features, single)
    starts = np.concatenate([place[offset], [total]])
    return Ensemble(
        starts=starts, output=np.asarray(output, dtype=np.int64), right=new_right.astype(np.int64), feature=feature, parent=parent,
        depth=level, end=_ends(new_right, level), same=same, share=share, together=together, value=np.ascontiguousarray(value),
        cut=cut, shift=shift, listed=listed, goes_left=goes_left, tables=tables, strict=any(t.strict for t in trees), single=single,
        base=np.asarray(base, dtype=float), n_features=n_features,
    )  # fmt: skip


def _joined(trees: Sequence[ParsedTree], side: str, offset: np.ndarray) -> np.ndarray:
    return np.concatenate([np.where(t.left == LEAF, LEAF, getattr(t, side) + o) for t, o in zip(trees, offset)])


def _preorder(left: np.ndarray, right: np.ndarray, roots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give each node's place in preorder (-1: not reached) and its depth, one level of all trees at a time."""
    depth = np.full(len(left), -1)
    levels: list[np.ndarray] = []
    at = np.asarray(roots)
    while len(at):
        depth[at] = len(levels)
        levels.append(at)
        at = at[left[at] != LEAF]
        at = np.concatenate([left[at], right[at]])
    size = np.ones(len(left), dtype=np.int64)
    for at in reversed(levels):
        at = at[left[at] != LEAF]
        size[at] += size[left[at]] + size[right[at]]
    place = np.full(len(left), -1)
    place[roots] = np.concatenate([[0], np.cumsum(size[roots])])[:-1]
    for at in levels:
        at = at[left[at] != LEAF]
        place[left[at]] = place[at] + 1
        place[right[at]] = place[at] + 1 + size[left[at]]
    return place, depth


def _ends(right: np.ndarray, level: np.ndarray) -> np.ndarray:
    end = np.arange(1, len(right) + 1)
    for d in range(int(level.max(initial=0)), -1, -1):
        at = np.flatnonzero((level == d) & (right >= 0))
        end[at] = end[right[at]]
    return end


def _same(
    parent: np.ndarray, feature: np.ndarray, share: np.ndarray, level: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each edge the nearest edge above that asks the same column, and the product of shares of that chain."""
    same, together = np.full(len(parent), -1), share.copy()
    for d in range(1, int(level.max(initial=0)) + 1):
        at = np.flatnonzero(level == d)
        asked = feature[parent[at]]
        above, waiting = parent[at], np.ones(len(at), dtype=bool)
        while True:
            waiting &= parent[above] >= 0  # an edge leads into ``above`` only where that is no root
            if not waiting.any():
                break
            hit = waiting & (feature[parent[above]] == asked)
            same[at[hit]] = above[hit]
            waiting &= ~hit
            above = np.where(waiting, parent[above], above)
        repeated = at[same[at] >= 0]
        together[repeated] = share[repeated] * together[same[repeated]]
    return same, together


def _cuts(
    trees: Sequence[ParsedTree],
    order: np.ndarray,
    split: np.ndarray,
    feature: np.ndarray,
    n_features: int,
    single: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, list[np.ndarray | int]]:
    threshold = np.concatenate([t.threshold for t in trees])[order]
    missing_left = np.concatenate([t.missing_left for t in trees])[order]
    sets = [c for t in trees for c in (t.categories if t.categories is not None else [None] * len(t.left))]
    chosen = [sets[i] for i in order]
    categorical = np.array([c is not None for c in chosen], dtype=bool) & split
    tables: list[np.ndarray | int] = []
    cut = np.zeros(len(order), dtype=np.int64)
    for j in range(n_features):
        asks = split & (feature == j)
        if (asks & categorical).any():
            tables.append(
                1 + max((int(chosen[i].max()) for i in np.flatnonzero(asks & categorical) if len(chosen[i])), default=0)
            )  # type: ignore[union-attr]
            continue
        values = threshold[asks].astype(np.float32).astype(float) if single and trees[0].strict else threshold[asks]
        table = np.unique(values)
        cut[asks] = np.searchsorted(table, values)
        tables.append(table)
    most = max((t if isinstance(t, int) else len(t) for t in tables), default=0)
    kind = np.uint16 if most + 2 < _NARROW else np.uint32
    shift = (missing_left & split).astype(np.int64)
    listed = np.full(len(order), -1)
    goes_left: list[np.ndarray] = []
    at = 0
    right_listed = any(t.listed_right for t in trees)
    for i in np.flatnonzero(categorical):
        size = int(tables[feature[i]]) + 2  # the known ones, an unknown one, a missing one
        lut = np.full(size, right_listed, dtype=np.uint8)
        lut[np.asarray(chosen[i], dtype=np.int64)] = not right_listed
        lut[-1] = missing_left[i]
        listed[i], at = at, at + size
        goes_left.append(lut)
    luts = np.concatenate(goes_left) if goes_left else np.zeros(0, dtype=np.uint8)
    return (cut + shift).astype(kind), shift.astype(kind), listed, luts, tables
