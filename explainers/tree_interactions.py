"""Exact Shapley interactions of trees, for all pairs of columns that any tree asks on one way; every other pair is 0."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event

import numpy as np

from modelglass.analysis.models.ensemble import Ensemble
from modelglass.analysis.progress import Progress
from modelglass.explainers.tree_shapley import gauss_rules, in_parts

ROWS = 32
STEP = 0.6
"""Nanoseconds of one pair of edges at one point of Gauss's rule, on one processor."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Pairs:
    """Which pairs of groups of columns can interact.

    first, second   int64 (m,): the two groups, first < second
    pair_of         int64 (p, p): for two columns the place of their groups' pair, -1 where there is none (or one group holds both)
    """

    first: np.ndarray
    second: np.ndarray
    pair_of: np.ndarray


def pairs_of(trees: Ensemble, group: np.ndarray) -> Pairs:
    """Find the pairs of groups asked on a common way; group int (p,): for each column of the trees its group, -1: none."""
    from modelglass.explainers import interaction_kernels as kernels

    n_groups, group = int(group.max(initial=-1)) + 1, np.asarray(group, dtype=np.int64)
    together = np.zeros((n_groups, n_groups), dtype=np.bool_)
    kernels.mark_pairs(trees.right, trees.feature, trees.parent, group, together)
    first, second = np.nonzero(together)
    place = np.full((n_groups + 1, n_groups + 1), -1, dtype=np.int64)  # the last row and column: of no group
    place[first, second] = place[second, first] = np.arange(len(first))
    return Pairs(first=first, second=second, pair_of=np.ascontiguousarray(place[group][:, group]))


def steps_a_row(trees: Ensemble) -> float:
    """Estimate the nanoseconds of one row on one processor."""
    edges = np.add.reduceat(np.maximum(trees.depth - 1, 1), trees.starts[:-1])
    deepest = np.maximum.reduceat(trees.depth, trees.starts[:-1])
    points = np.maximum(np.minimum(deepest, trees.n_features) // 2, 1)
    return float(STEP * (edges * points).sum() * trees.value.shape[1])


def tree_interactions(
    trees: Ensemble, X: np.ndarray, pairs: Pairs, *, threads: int | None = None, progress: Progress | None = None
) -> np.ndarray:
    """Give the Shapley interaction of each pair; absent columns follow the training rows down each tree.

    The interaction index of Grabisch and Roubens (1999), as Lundberg et al. (2020) use it for trees; worked out at the points of Gauss's
    rule on one walk a tree. Where a group holds several columns, the interactions between two groups are added up.

    Parameters
    ----------
    X : array, shape (n, p)
        As the trees see it; NaN is missing.

    Returns
    -------
    array, shape (n, m, k)
        The whole of each interaction: twice what shap writes in each of its two places.
    """
    from modelglass.explainers import interaction_kernels as kernels

    n, m, k = len(X), len(pairs.first), trees.n_outputs
    out = np.zeros((n, m, k))
    if not m:
        return out
    codes = trees.codes(X)
    largest = int(np.diff(trees.starts).max(initial=1))
    deepest = np.maximum.reduceat(trees.depth, trees.starts[:-1])

    ended = Event()

    def part(first: int) -> int:
        here = np.ascontiguousarray(codes[:, first : first + ROWS])
        found = np.zeros((k, m, here.shape[1]))
        outcome = np.empty((largest, here.shape[1]), dtype=np.uint8)
        for t in np.flatnonzero(deepest > 1):
            if ended.is_set():
                break
            points, weights = gauss_rules(max(min(int(deepest[t]), trees.n_features) // 2, 1))
            kernels.walk_pairs(
                here, t, trees.starts, trees.output, trees.right, trees.feature, trees.parent, trees.depth, trees.same, trees.share,
                trees.together, trees.value, trees.cut, trees.shift, trees.listed, trees.goes_left, points, weights, int(deepest[t]),
                pairs.pair_of, found, outcome,
            )  # fmt: skip
        out[first : first + here.shape[1]] = found.transpose(2, 1, 0)
        return here.shape[1]

    in_parts(part, range(0, n, ROWS), n, f"Interactions of {n:,} rows", threads, progress, ended)
    return out
