"""Leaves of trees as boxes of the space that constraints allow: what it costs to enter one, and where one would stand then."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from modelglass.analysis.boundary import raw_output
from modelglass.analysis.models.ensemble import Ensemble
from modelglass.analysis.models.tree_models import TreeModel, tree_model
from modelglass.analysis.possible import Space

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

MOST_CELLS = 2_000_000
"""Leaves times columns up to which boxes are made."""


@dataclass(eq=False, kw_only=True, slots=True)
class Boxes:
    """L leaves of T trees over p columns.

    low, high   (L, p): a number is inside where low < x <= high (low <= x < high where ``strict``); missing (L, p): whether missing is inside
    fits        column -> bool (L, levels): which levels are inside
    value (L, k), tree (L,), base (k,), raw (n, k): the raw output of the rows
    """

    space: Space
    low: np.ndarray
    high: np.ndarray
    missing: np.ndarray
    fits: dict[int, np.ndarray]
    value: np.ndarray
    tree: np.ndarray
    trees: int
    base: np.ndarray
    raw: np.ndarray
    strict: bool
    single: bool
    _shown: Any = field(default=None)

    def costs(self, rows: np.ndarray) -> np.ndarray:
        """Cost for each row to enter each leaf, (m, L): a lower bound, infinite where the constraints do not allow it."""
        out = np.zeros((len(rows), len(self.tree)))
        for j, rule in enumerate(self.space.of):
            x, per, stays = self.space.X[rows, j], self.space.per[j], self.space.stays(rows)[:, j]
            if j in self.fits:
                off = self._level_off(j, x)
            elif self.space.number[j]:
                off = self._number_off(j, rule, x)
            else:
                continue
            off[stays & ~np.isnan(x)] = np.where(off[stays & ~np.isnan(x)] > 0, np.inf, 0.0)
            gone = np.isnan(x)
            off[gone] = np.where(self.missing[:, j], 0.0, np.inf)
            if not np.isfinite(per):
                out += np.where(off > 0, np.inf, 0.0)
            else:
                out += np.where(np.isinf(off), np.inf, off * per if per else 0.0)
        return out

    def _number_off(self, j: int, rule: Any, x: np.ndarray) -> np.ndarray:
        low, high = self.low[:, j], self.high[:, j]
        edge = 1e-6 if self.single else 1e-12  # what rounding to 32 bits may let pass
        below = np.maximum(low[None] - x[:, None], 0.0)
        above = np.maximum(x[:, None] - high[None], 0.0)
        with np.errstate(invalid="ignore"):
            slack = edge * np.maximum(
                np.where(np.isfinite(low), np.abs(low), 0.0), np.where(np.isfinite(high), np.abs(high), 0.0)
            )
        off = np.maximum(np.maximum(below, above) - slack[None], 0.0)
        if self.space.per[j] == 0:  # it follows from others: free to go anywhere, in the bound
            return np.zeros_like(off)
        far = np.asarray(slack + edge)
        bad = np.atleast_2d((low > rule.high + far) | (high < rule.low - far))
        bad = bad & (np.maximum(below, above) > 0)
        if rule.direction == "up":
            bad = bad | (above > far)
        if rule.direction == "down":
            bad = bad | (below > far)
        return np.where(bad, np.inf, off)

    def _level_off(self, j: int, x: np.ndarray) -> np.ndarray:
        fits: np.ndarray = self.fits[j]
        allowed = len(self.space.of[j].levels)
        known = np.where(np.isnan(x), 0, x).astype(np.int64)
        inside = fits[:, known].T
        reachable = np.any(fits[:, :allowed], axis=1)[None]
        if self.space.per[j] == 0:
            return np.zeros(inside.shape)
        return np.where(inside, 0.0, np.where(reachable, 1.0, np.inf))

    def own_values(self, rows: np.ndarray, value: np.ndarray, cost: np.ndarray) -> np.ndarray:
        """Give the value of the leaf that each row is in, for each tree, (m, T); the largest where rounding leaves several."""
        out = np.full((len(rows), self.trees), -np.inf)
        for t in range(self.trees):
            at = np.flatnonzero(self.tree == t)
            out[:, t] = np.where(cost[np.ix_(rows, at)] == 0, value[at], -np.inf).max(axis=1)
        return np.where(np.isfinite(out), out, 0.0)

    def entered(self, places: np.ndarray, leaves: np.ndarray) -> np.ndarray:
        """Give rows moved just into leaves, (m, p); not yet made possible."""
        X = self.space.X[places].copy()
        for j in self.space.free:
            x, rule = X[:, j], self.space.of[j]
            if j in self.fits:
                allowed = self.fits[j][leaves][:, : len(rule.levels)]
                inside = self.fits[j][leaves, np.where(np.isnan(x), 0, x).astype(np.int64)]
                X[:, j] = np.where(np.isnan(x) | inside | ~allowed.any(axis=1), x, allowed.argmax(axis=1))
                continue
            low, high = self.low[leaves, j], self.high[leaves, j]
            down, up = (
                self._just(high, below=self.strict),
                self._just(low, below=None if self.strict else True, up=True),
            )
            if rule.step:
                down, up = _stepped(rule, down, np.floor, 1e-9), _stepped(rule, up, np.ceil, -1e-9)
            above = (x >= high) if self.strict else (x > high)
            under = (x < low) if self.strict else (x <= low)
            X[:, j] = np.where(above, down, np.where(under, up, x))
        return X

    def cells(self, most: int) -> list[np.ndarray] | None:
        """Give for each column that may change one value in each cell between thresholds, levels as such; None where the grid is too large.

        The value is the edge that is entered first: (from above, from below), shape (2, cells), infinite at the outer ends.
        """
        out, size = [], 1
        for j in self.space.free:
            if j in self.fits:
                made = np.tile(np.arange(len(self.space.of[j].levels), dtype=float), (2, 1))
            else:
                cuts = np.unique(np.concatenate([self.low[:, j], self.high[:, j]]))
                cuts = cuts[np.isfinite(cuts)]
                down = self._just(np.append(cuts, np.inf), below=self.strict)
                up = self._just(np.append(-np.inf, cuts), below=None if self.strict else True, up=True)
                rule = self.space.of[j]
                if rule.step:
                    down, up = _stepped(rule, down, np.floor, 1e-9), _stepped(rule, up, np.ceil, -1e-9)
                made = np.stack([down, up])
            out.append(made)
            size *= made.shape[1] + 1
            if size > most:
                return None
        return out

    def _just(self, edge: np.ndarray, *, below: bool | None, up: bool = False) -> np.ndarray:
        """Give the number nearest to an edge that is inside: the edge itself, or the next one, in 32 bits where the trees compare so."""
        with np.errstate(over="ignore", invalid="ignore"):
            if not self.single:
                return (
                    np.where(np.isfinite(edge), np.nextafter(edge, np.inf if up else -np.inf), edge) if below else edge
                )
            got = edge.astype(np.float32)
            toward = np.float32(np.inf if up else -np.inf)
            for _ in range(2):
                wide = got.astype(float)
                outside = (wide <= edge if below else wide < edge) if up else (wide >= edge if below else wide > edge)
                got = np.where(outside & np.isfinite(edge), np.nextafter(got, toward), got)
            return got.astype(float)


def _stepped(rule: Any, values: np.ndarray, way: Any, nudge: float) -> np.ndarray:
    """Give the next step down or up of the values that are finite."""
    known = np.where(np.isfinite(values), values, rule.origin)
    return np.where(
        np.isfinite(values),
        np.round(rule.origin + way((known - rule.origin) / rule.step + nudge) * rule.step, 9),
        values,
    )


def boxes_of(ev: Evaluation, space: Space) -> Boxes | str:
    """Make the boxes of a model's leaves over raw columns, or say why there are none (completing "because ...")."""
    estimator = ev.estimator
    if type(estimator).__name__ == "Pipeline":
        return (
            "the model is a pipeline, and bounds are known for trees and linear models that read the columns themselves"
        )
    fed = ev.feed.apply(space.frame) if ev.feed else space.frame
    raw = raw_output(estimator, fed)
    read = tree_model(estimator, fed, raw, output_of)
    if isinstance(read, str):
        return read
    trees = read.trees
    if (trees.right < 0).sum() * len(space.names) > MOST_CELLS:
        return f"its {int((trees.right < 0).sum()):,} leaves are too many"
    numbers = _level_numbers(ev, space, read)
    low, high, missing, sets, leaves = _walked(trees)
    fits = {}
    for j, seen in numbers.items():
        inside = (seen[None] < high[:, j, None]) & (seen[None] >= low[:, j, None]) if trees.strict else (
            (seen[None] <= high[:, j, None]) & (seen[None] > low[:, j, None])
        )  # fmt: skip
        inside |= np.isnan(seen)[None] & missing[:, j, None]
        for leaf, codes in sets.get(j, {}).items():
            inside[leaf] &= codes[_place(trees, j, seen)] > 0
        fits[j] = inside
    tree = np.searchsorted(trees.starts, leaves, side="right") - 1
    value = np.zeros((len(leaves), trees.n_outputs))
    width = trees.value.shape[1]
    for i, (leaf, t) in enumerate(zip(leaves, tree, strict=True)):
        value[i, trees.output[t] : trees.output[t] + width] = trees.value[leaf]
    return Boxes(
        space=space, low=low, high=high, missing=missing, fits=fits, value=value, tree=tree, trees=len(trees.starts) - 1,
        base=trees.base, raw=raw, strict=trees.strict, single=trees.single,
    )  # fmt: skip


def _level_numbers(ev: Evaluation, space: Space, read: TreeModel) -> dict[int, np.ndarray]:
    """Give the number that the trees see for each level of each column of levels."""
    out = {}
    for j, levels in space.levels.items():
        X = np.tile(space.X[:1], (len(levels), 1))
        there = np.flatnonzero(~np.isnan(space.X[:, j]))
        if not len(levels) or not len(there):
            continue
        X = np.tile(space.X[there[:1]], (len(levels), 1))
        X[:, j] = np.arange(len(levels))
        rows = space.rows(np.full(len(levels), there[0]), X)
        out[j] = np.asarray(read.encode(ev.feed.apply(rows) if ev.feed else rows), dtype=float)[:, j]
    return out


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


def certified_costs(cost: np.ndarray, value: np.ndarray, tree: np.ndarray, trees: int, need: np.ndarray) -> np.ndarray:
    """Give the cost (m,) below which the trees' values cannot add up to ``need`` (m,), from the cost to enter each leaf (m, L).

    Infinite where even all leaves that can be entered do not.
    """
    from modelglass.analysis.leaf_kernels import swept

    return swept(cost, np.ascontiguousarray(value), np.ascontiguousarray(tree), trees, need)
