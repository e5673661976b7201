"""Leaves of trees as boxes of the columns that the trees see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from modelglass.analysis.models.ensemble import Ensemble


@dataclass(eq=False, kw_only=True, slots=True)
class Regions:
    """L leaves over the q columns that the trees see.

    low, high   (L, q): a number is inside where low < x <= high (low <= x < high where the trees are strict)
    missing     (L, q): whether missing is inside; sets: column -> leaf -> which codes of categories are inside
    value (L, k), tree (L,)
    """

    trees: Ensemble
    low: np.ndarray
    high: np.ndarray
    missing: np.ndarray
    sets: dict[int, dict[int, np.ndarray]]
    value: np.ndarray
    tree: np.ndarray

    def inside(self, column: int, seen: np.ndarray) -> np.ndarray:
        """Tell which numbers of a column are inside of which leaves, (L, m), compared as the trees compare."""
        trees, low, high = self.trees, self.low[:, column, None], self.high[:, column, None]
        x = (np.asarray(seen, dtype=np.float32).astype(float) if trees.single else seen)[None]
        inside: np.ndarray = (x >= low) & (x < high) if trees.strict else (x > low) & (x <= high)
        inside |= np.isnan(x) & self.missing[:, column, None]
        for leaf, codes in self.sets.get(column, {}).items():
            inside[leaf] &= codes[_place(trees, column, seen)] > 0
        return inside

    def all_inside(self, columns: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """Tell for rows (m, columns) in which leaves all of these columns are, (L, m)."""
        out = np.ones((len(self.tree), len(seen)), dtype=bool)
        for i, column in enumerate(columns):
            if self.asked(column):
                out &= self.inside(int(column), seen[:, i])
        return out

    def asked(self, column: int) -> bool:
        """Tell whether any tree asks a column."""
        low, high = self.low[:, column], self.high[:, column]
        return column in self.sets or bool(
            (low > -np.inf).any() or (high < np.inf).any() or not self.missing[:, column].all()
        )


def regions(trees: Ensemble) -> Regions:
    """Walk through the trees."""
    low, high, missing, sets, leaves = _walked(trees)
    tree = np.searchsorted(trees.starts, leaves, side="right") - 1
    value = np.zeros((len(leaves), trees.n_outputs))
    width = trees.value.shape[1]
    for i, (leaf, t) in enumerate(zip(leaves, tree, strict=True)):
        value[i, trees.output[t] : trees.output[t] + width] = trees.value[leaf]
    return Regions(trees=trees, low=low, high=high, missing=missing, sets=sets, value=value, tree=tree)


def _place(trees: Ensemble, j: int, seen: np.ndarray) -> np.ndarray:
    """Codes of numbers of a categorical column, as ``Ensemble.codes`` gives them."""
    X = np.full((len(seen), trees.n_features), np.nan)
    X[:, j] = seen
    return trees.codes(X)[j].astype(np.int64)


def _walked(trees: Ensemble) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[int, dict[int, np.ndarray]], np.ndarray]:
    """Go down every tree once: (low, high, missing) of each leaf, sets of categories by column and leaf, and the leaves' nodes."""
    p, wraps = trees.n_features, int(np.iinfo(trees.cut.dtype).max) + 1
    leaves = np.flatnonzero(trees.right < 0)
    place = {int(node): i for i, node in enumerate(leaves)}
    low, high = np.full((len(leaves), p), -np.inf), np.full((len(leaves), p), np.inf)
    missing = np.ones((len(leaves), p), dtype=bool)
    sets: dict[int, dict[int, np.ndarray]] = {}
    for root in trees.starts[:-1]:
        stack: list[tuple[Any, ...]] = [(int(root), np.full(p, -np.inf), np.full(p, np.inf), np.ones(p, bool), {})]
        while stack:
            node, a, b, gone, kept = stack.pop()
            if trees.right[node] < 0:
                i = place[node]
                low[i], high[i], missing[i] = a, b, gone
                for j, codes in kept.items():
                    sets.setdefault(j, {})[i] = codes
                continue
            j = int(trees.feature[node])
            for left in (True, False):
                c, d, g, k = a.copy(), b.copy(), gone.copy(), dict(kept)
                if trees.listed[node] >= 0:
                    size = int(trees.tables[j]) + 2  # type: ignore[arg-type]
                    goes = trees.goes_left[trees.listed[node] : trees.listed[node] + size]
                    mine = goes if left else 1 - goes
                    k[j] = mine * k.get(j, np.ones(size, dtype=np.uint8))
                    g[j] &= bool(mine[-1])
                else:
                    shift = int(trees.shift[node])
                    at = float(trees.tables[j][(int(trees.cut[node]) - shift) % wraps])  # type: ignore[index]
                    g[j] &= bool(shift) == left
                    if left:
                        d[j] = min(d[j], at)
                    else:
                        c[j] = max(c[j], at)
                stack.append((node + 1 if left else int(trees.right[node]), c, d, g, k))
    return low, high, missing, sets, leaves


def output_of(trees: Ensemble, X: np.ndarray) -> np.ndarray:
    """Give the sum of the trees for a few rows, shape (n, k)."""
    codes = trees.codes(X).astype(np.int64)
    n, wraps = len(X), int(np.iinfo(trees.cut.dtype).max) + 1
    out = np.tile(trees.base.astype(float), (n, 1))
    rows, width = np.arange(n), trees.value.shape[1]
    for t, root in enumerate(trees.starts[:-1]):
        node = np.full(n, int(root))
        while (open_ := trees.right[node] >= 0).any():
            code, listed = codes[trees.feature[node], rows], trees.listed[node]
            compared = (code + trees.shift[node].astype(np.int64)) % wraps <= trees.cut[node]
            known = trees.goes_left[np.where(listed >= 0, listed + code, 0)] > 0 if len(trees.goes_left) else compared
            left = np.where(listed >= 0, known, compared)
            node = np.where(open_, np.where(left, node + 1, trees.right[node]), node)
        out[:, trees.output[t] : trees.output[t] + width] += trees.value[node]
    return out
