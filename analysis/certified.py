"""What no change below a cost can do: lower bounds of the cheapest change, for linear models and for trees; and what they suggest to try.

A linear model: the cheapest way to close the gap is to move the columns with the largest weight per cost first, each as far as its
range allows (the fractional knapsack); steps and levels can only make it dearer.

Trees: a leaf can be reached by changes of cost r only where the part of the space it stands for costs at most r to enter. The output
after such changes is at most the sum over trees of the largest value among the leaves that can be reached (the interval bound of
Chen et al. 2019, "Robustness verification of tree-based models", here with costs of our own). The largest r at which this sum does not
cross the boundary is certified. For a single tree that is the cheapest change itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from modelglass.analysis.boundary import Boundary, boundaries, linear_weights, raw_output
from modelglass.analysis.leaf_boxes import Boxes, boxes_of, certified_costs
from modelglass.analysis.possible import Space

if TYPE_CHECKING:
    from modelglass.analysis.cheapest_change import Searcher
    from modelglass.analysis.evaluation import Evaluation

LEAVES_TRIED = 64
CELLS_TRIED = 5_000
"""Cells between all thresholds up to which every one is tried, so that for a small model the cheapest change itself is found."""
SLACK = 1e-6
"""Of the raw output's size: what adding up in another order can change."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Certificate:
    """Lower bounds.

    low     float64 (n,): no possible change below this cost makes the answer another one; 0 where nothing is certified
    how     in words; none: why there is none, completing "because ..." ('' where there is one)
    hints   proposes changes to the search
    """

    low: np.ndarray
    how: str = ""
    none: str = ""
    hints: Callable[[Searcher], None] | None = None


def certificate(ev: Evaluation, space: Space, amount: float) -> Certificate:
    """Find what can be certified for the rows of ``ev``, which are those of ``space``."""
    weights = linear_weights(ev, space.frame)
    try:
        if isinstance(weights, np.ndarray):
            return _linear(ev, space, weights, amount)
        return _trees(ev, space, amount)
    except (ValueError, TypeError, AttributeError, IndexError) as error:
        return _none(ev, f"its raw output cannot be read ({' '.join(str(error).split())[:100]})")


def _none(ev: Evaluation, why: str) -> Certificate:
    return Certificate(low=np.zeros(ev.n), none=why)


def _linear(ev: Evaluation, space: Space, weights: np.ndarray, amount: float) -> Certificate:
    raw = raw_output(ev.estimator, ev.feed.apply(space.frame) if ev.feed else space.frame)
    ways = boundaries(ev, raw, amount)
    if isinstance(ways, str):
        return _none(ev, ways)
    low, suggestions = np.full(ev.n, np.inf), []
    for way in ways:
        slope = weights @ way.a
        need = -(raw[way.rows] @ way.a + way.b)
        cost, X = _knapsack(space, way.rows, slope, np.maximum(need, 0.0))
        low[way.rows] = np.minimum(low[way.rows], cost * (1 - 1e-9))
        suggestions.append((way.rows, X))

    def hints(searcher: Searcher) -> None:
        for rows, X in suggestions:
            known = np.isfinite(X).all(axis=1)
            if known.any():
                for nudge in (1e-9, 1e-6, 1e-3):
                    searcher.offer(rows[known], X[known] + nudge * (X - space.X[rows])[known])

    tied = any(t.kind != "order" for t in space.rules.together)
    if tied:  # columns that move with others are not in the knapsack
        return _none(ev, "some columns follow from others, which the bound of a linear model does not know")
    return Certificate(low=low, how="closed form of a linear model", hints=hints)


def _knapsack(space: Space, rows: np.ndarray, slope: np.ndarray, need: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Close the gaps ``need`` (m,) at the least cost: (cost (m,), rows there; NaN where the ranges do not allow it)."""
    X, left, cost = space.X[rows].copy(), need.copy(), np.zeros(len(rows))
    per = space.per
    rate = np.array([abs(slope[j]) / per[j] if per[j] > 0 else 0.0 for j in range(len(slope))])
    for j in np.argsort(-rate, kind="stable"):
        if rate[j] <= 0 or not space.number[j]:
            continue
        rule, up = space.of[j], slope[j] > 0
        if (up and rule.direction == "down") or (not up and rule.direction == "up"):
            continue
        room = np.maximum((rule.high - X[:, j]) if up else (X[:, j] - rule.low), 0.0)
        room = np.where(space.stays(rows)[:, j], 0.0, room)
        move = np.minimum(room, left / abs(slope[j]))
        X[:, j] += move if up else -move
        cost += move * per[j]
        left = np.maximum(left - move * abs(slope[j]), 0.0)
    levels = np.flatnonzero(~space.number & np.isfinite(per) & (slope != 0))
    lost = left > 1e-9 * np.maximum(need, 1e-12)
    if len(levels):  # numbers kept as levels (0 and 1, say): what they could add is free in the bound
        return np.zeros(len(rows)), np.where(lost[:, None], np.nan, X)
    return np.where(lost, np.inf, cost), np.where(lost[:, None], np.nan, X)


def _trees(ev: Evaluation, space: Space, amount: float) -> Certificate:
    made = boxes_of(ev, space)
    if isinstance(made, str):
        return _none(ev, made)
    ways = boundaries(ev, made.raw, amount)
    if isinstance(ways, str):
        return _none(ev, ways)
    cost = made.costs(np.arange(ev.n))
    low = np.full(ev.n, np.inf)
    slack = SLACK * max(1.0, float(np.abs(made.raw).max()))
    for way in ways:
        value = made.value @ way.a
        need = -(made.base @ way.a + way.b) - slack
        low[way.rows] = np.minimum(low[way.rows], certified_costs(cost[way.rows], value, made.tree, made.trees, need))
    low = low * (1 - 1e-6)
    return Certificate(
        low=low, how="bounds of the trees' leaves", hints=lambda searcher: _propose(searcher, made, cost, ways)
    )


def _propose(searcher: Searcher, made: Boxes, cost: np.ndarray, ways: Sequence[Boundary]) -> None:
    _leaves(searcher, made, cost, ways)
    _cells(searcher, made)


def _leaves(searcher: Searcher, made: Boxes, cost: np.ndarray, ways: Sequence[Boundary]) -> None:
    """Try to enter single leaves: of each row those that pull most towards the boundary for their cost."""
    for way in ways:
        value = made.value @ way.a
        for rows in np.array_split(way.rows, max(1, len(way.rows) // 128)):
            own = made.own_values(rows, value, cost)
            gain = value - own[:, made.tree]
            price = cost[rows]
            rate = np.where(
                (gain > 0) & (price > 0) & (price < searcher.found.cost[rows][:, None]),
                gain / np.maximum(price, 1e-12),
                0.0,
            )
            most = min(LEAVES_TRIED, rate.shape[1])
            best = np.argpartition(-rate, most - 1, axis=1)[:, :most]
            keep = np.take_along_axis(rate, best, axis=1) > 0
            places, leaves = np.repeat(rows, most)[keep.ravel()], best.ravel()[keep.ravel()]
            if len(places):
                searcher.offer(places, made.entered(places, leaves))


def _cells(searcher: Searcher, made: Boxes) -> None:
    """Try every cell between the thresholds, where there are few: all columns' ways to leave their own cell, combined."""
    grid = made.cells(CELLS_TRIED)
    if grid is None:
        return
    space, free = searcher.space, searcher.space.free
    sides = [np.arange(g.shape[1] + 1) for g in grid]
    every = np.stack([m.ravel() for m in np.meshgrid(*sides, indexing="ij")], axis=1)  # the last one: stay
    for place in range(len(space.X)):
        X = np.tile(space.X[place], (len(every), 1))
        for c, (j, edges) in enumerate(zip(free, grid, strict=True)):
            x = space.X[place, j]
            toward = (
                np.where(edges[0] < x, edges[0], np.where(edges[1] > x, edges[1], x)) if space.number[j] else edges[0]
            )
            X[:, j] = np.append(toward, x)[every[:, c]]
        searcher.offer(np.full(len(every), place), X)
