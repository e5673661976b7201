"""Leaves of trees as boxes of the space that constraints allow: what it costs to enter one, and where one would stand then.

The trees may stand behind transformers that make each column from one raw column (``reach``): a number's interval is drawn back along
the straight line it went through, levels are those that every column made of them lets in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from modelglass.analysis.boundary import raw_output
from modelglass.analysis.leaf_edges import Edges, edges_of
from modelglass.analysis.leaf_regions import Regions, output_of, regions
from modelglass.analysis.models.provenance import Provenance
from modelglass.analysis.models.tree_models import tree_model
from modelglass.analysis.possible import Space
from modelglass.analysis.progress import lots
from modelglass.analysis.reach import Reach, Unreadable, asked, held_columns, reach, transformed

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

MOST_CELLS = 2_000_000
"""Leaves times columns up to which boxes are made."""
COSTS, KEPT = 2_000_000, 8_000_000
"""Rows times leaves whose costs are made at once, and up to which they are kept."""


@dataclass(eq=False, kw_only=True, slots=True)
class Boxes:
    """L leaves of T trees over p raw columns.

    edges       of the straight numbers
    missing     (L, p): whether a missing value is inside; fits: column -> bool (L, V): which of its allowed values are inside
    value (L, k), tree (L,), base (k,), raw (n, k): the raw output of the rows
    """

    space: Space
    reach: Reach
    regions: Regions
    edges: Edges
    missing: np.ndarray
    fits: dict[int, np.ndarray]
    raw: np.ndarray
    held: set[int] = field(default_factory=set)
    _costs: np.ndarray | None = None

    @property
    def value(self) -> np.ndarray:
        """Outputs of the leaves, (L, k)."""
        return self.regions.value

    @property
    def tree(self) -> np.ndarray:
        """Tree of each leaf."""
        return self.regions.tree

    @property
    def trees(self) -> int:
        """Number of trees."""
        return len(self.regions.trees.starts) - 1

    @property
    def base(self) -> np.ndarray:
        """What stands beside the trees."""
        return self.regions.trees.base

    def costs(self, rows: np.ndarray) -> np.ndarray:
        """Cost for each row to enter each leaf, (m, L): a lower bound, infinite where the constraints do not allow it."""
        n = len(self.space.X)
        if n * len(self.tree) > KEPT:
            return self._made(rows)
        if self._costs is None:
            self._costs = np.concatenate([self._made(at) for at in self.blocks(n)])
        return self._costs[rows]

    def _made(self, rows: np.ndarray) -> np.ndarray:
        out = np.zeros((len(rows), len(self.tree)))
        every = self.reach.stays(rows)
        for j in range(len(self.space.names)):
            per, stays = self.space.per[j], every[:, j]
            if j in self.reach.follow or (per == 0 and j not in self.held):
                continue  # it follows from others: counted with these, or free to go anywhere, in the bound
            off = self._off(j, rows)
            if off is None:
                continue
            off[stays] = np.where(off[stays] > 0, np.inf, 0.0)
            if not np.isfinite(per) or not per:
                out += np.where(off > 0, np.inf, 0.0)
            else:
                out += np.where(np.isinf(off), np.inf, off * per)
        return out

    def _off(self, j: int, rows: np.ndarray) -> np.ndarray | None:
        """How far a column of rows is from each leaf, (m, L), 1 for another level; None where no leaf asks it or nothing is known."""
        x = self.space.X[rows, j]
        if self.reach.straight[j] and j not in self.reach.values:
            off = self.edges.off(j, x)
            off[np.isnan(x)] = np.where(self.missing[:, j], 0.0, np.inf)
            return off
        if j not in self.fits and j in self.space.free and self.space.number[j]:
            return None
        columns = self.reach.own_columns(j)
        inside = self.regions.all_inside(columns, self.reach.seen[np.ix_(rows, columns)]).T
        if j not in self.fits:
            return np.where(inside, 0.0, np.inf)
        known, fits = self.reach.values[j], self.fits[j]
        if not self.space.number[j]:
            return np.where(inside, 0.0, np.where(fits.any(axis=1), 1.0, np.inf)[None])
        low = np.where(fits, known.codes[None], np.inf).min(axis=1)
        high = np.where(fits, known.codes[None], -np.inf).max(axis=1)
        off = np.maximum(np.maximum(low[None] - x[:, None], x[:, None] - high[None]), 0.0)
        return np.where(inside, 0.0, np.where(np.isnan(off), np.inf, off))

    def blocks(self, n: int) -> list[np.ndarray]:
        """Cut places 0 to n - 1 into blocks whose costs fit into memory."""
        return lots(n, max(1, COSTS // max(1, len(self.tree))))

    def own_values(self, value: np.ndarray, cost: np.ndarray) -> np.ndarray:
        """Give the value of the leaf that each row is in, for each tree, (m, T); the largest where rounding leaves several."""
        out = np.full((len(cost), self.trees), -np.inf)
        for t in range(self.trees):
            at = np.flatnonzero(self.tree == t)
            out[:, t] = np.where(cost[:, at] == 0, value[at], -np.inf).max(axis=1)
        return np.where(np.isfinite(out), out, 0.0)

    def entered(self, places: np.ndarray, leaves: np.ndarray) -> np.ndarray:
        """Give rows moved just into leaves, (m, p); not yet made possible."""
        X = self.space.X[places].copy()
        for j in self.space.free:
            x = X[:, j]
            if j in self.fits:
                known = self.reach.values[j]
                fits = self.fits[j][leaves]
                inside = self._own_inside(known.columns, places, leaves)
                far = np.abs(known.codes[None] - x[:, None]) if self.space.number[j] else 1.0
                nearest = known.codes[np.where(fits, far, np.inf).argmin(axis=1)]
                X[:, j] = np.where(np.isnan(x) | inside | ~fits.any(axis=1), x, nearest)
            elif self.reach.straight[j]:
                X[:, j] = self.edges.entered(j, x, leaves)
        return X

    def _own_inside(self, columns: np.ndarray, places: np.ndarray, leaves: np.ndarray) -> np.ndarray:
        rows, back = np.unique(places, return_inverse=True)
        inside = self.regions.all_inside(columns, self.reach.seen[np.ix_(rows, columns)])
        return inside[leaves, back]

    def cells(self, most: int) -> list[np.ndarray] | None:
        """Give for each column that may change one value in each cell between thresholds, levels as such; None where the grid is too large.

        The value is the edge that is entered first: (from above, from below), shape (2, cells), infinite at the outer ends.
        """
        out, size = [], 1
        for j in self.space.free:
            if j in self.fits:
                known = self.reach.values[j]
                made = np.tile(known.codes[known.allowed], (2, 1))
            elif self.reach.straight[j]:
                made = np.stack(self.edges.grid(j))
            else:
                return None
            out.append(made)
            size *= made.shape[1] + 1
            if size > most:
                return None
        return out


def boxes_of(ev: Evaluation, space: Space, made: Provenance) -> Boxes:
    """Make the boxes of a model's leaves over raw columns.

    Raises
    ------
    Unreadable
        It has no trees that are known, or too many leaves, or what stands before them cannot be asked.
    """
    handed = transformed(ev, made, space.frame)
    raw = asked(raw_output, made.estimator, handed, what="its raw output")
    read = tree_model(made.estimator, handed, raw, output_of)
    if isinstance(read, str):
        raise Unreadable(read)
    trees = read.trees
    leaves = int((trees.right < 0).sum())
    if leaves * max(len(space.names), trees.n_features) > MOST_CELLS:
        raise Unreadable(f"its {leaves:,} leaves are too many")
    see = partial(asked, read.encode, what="what its trees see")
    found = reach(ev, space, made, see, _uneven(made.estimator, handed, trees))
    here = regions(trees)
    missing = np.ones((len(here.tree), len(space.names)), dtype=bool)
    for j in range(len(space.names)):
        gone = np.flatnonzero(np.isnan(space.X[:, j]))[:1]
        if len(gone):
            missing[:, j] = here.all_inside(found.block[j], found.seen[np.ix_(gone, found.block[j])])[:, 0]
    return Boxes(
        space=space, reach=found, regions=here, edges=edges_of(found, here), missing=missing, raw=raw,
        fits={j: here.all_inside(v.columns, v.seen) & v.allowed for j, v in found.values.items()}, held=held_columns(space),
    )  # fmt: skip


def _uneven(estimator: Any, handed: Any, trees: Any) -> list[int]:
    """Give the columns that trees do not take as numbers: categories, and all where one number stands for a missing value."""
    missing = getattr(estimator, "missing", np.nan)
    leaps = missing is not None and not (isinstance(missing, (float, np.floating)) and np.isnan(missing))
    sparse = type(estimator).__module__.startswith("xgboost") and hasattr(handed, "tocsr")
    settings = estimator.get_params() if type(estimator).__module__.startswith("lightgbm") else {}
    if leaps or sparse or settings.get("zero_as_missing"):
        return list(range(trees.n_features))
    return [j for j, table in enumerate(trees.tables) if isinstance(table, (int, np.integer))]


def certified_costs(cost: np.ndarray, value: np.ndarray, tree: np.ndarray, trees: int, need: np.ndarray) -> np.ndarray:
    """Give the cost (m,) below which the trees' values cannot add up to ``need`` (m,), from the cost to enter each leaf (m, L).

    Infinite where even all leaves that can be entered do not.
    """
    from modelglass.analysis.leaf_kernels import swept

    return swept(cost, np.ascontiguousarray(value), np.ascontiguousarray(tree), trees, need)
