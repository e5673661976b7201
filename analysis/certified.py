"""What no change below a cost can do: lower bounds of the cheapest change, for linear models and for trees; and what they suggest to try.

A linear model: the cheapest way to close the gap is a knapsack over what its columns can add (``certified_sums``).

Trees: a leaf can be reached by changes of cost r only where the part of the space it stands for costs at most r to enter. The output
after such changes is at most the sum over trees of the largest value among the leaves that can be reached (the interval bound of
Chen et al. 2019, "Robustness verification of tree-based models", here with costs of our own). The largest r at which this sum does not
cross the boundary is certified. For a single tree that is the cheapest change itself.

Both work on raw columns, also through a Pipeline in which each column that the model sees is made from one raw column (``reach``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from modelglass.analysis.boundary import Boundary, boundaries
from modelglass.analysis.certified_sums import Closed, closed, is_sum
from modelglass.analysis.leaf_boxes import Boxes, boxes_of, certified_costs
from modelglass.analysis.possible import Space
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.reach import Unreadable, traced

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
    spent   whether the time was over before all rows were looked at (0 is certified for those)
    """

    low: np.ndarray
    how: str = ""
    none: str = ""
    hints: Callable[[Searcher], None] | None = None
    spent: bool = False


def certificate(
    ev: Evaluation, space: Space, amount: float, *, seconds: float | None = None, progress: Progress | None = None
) -> Certificate:
    """Find what can be certified for the rows of ``ev``, which are those of ``space``.

    ``seconds`` ends the bounds of trees, that of the first rows aside (their code may have to be compiled).
    """
    try:
        way = traced(ev)
        if is_sum(way.estimator):
            return _linear(ev, closed(ev, space, way, amount))
        made = boxes_of(ev, space, way)
        return _trees(ev, made, boundaries(ev, made.raw, amount), seconds, progress)
    except Unreadable as error:
        return Certificate(low=np.zeros(ev.n), none=str(error))


def _linear(ev: Evaluation, found: Sequence[Closed]) -> Certificate:
    low = np.full(ev.n, np.inf)
    for one in found:
        low[one.way.rows] = np.minimum(low[one.way.rows], one.cost * (1 - 1e-9))
    return Certificate(
        low=low, how="closed form of a linear model", hints=lambda searcher: _just_beyond(searcher, found)
    )


def _just_beyond(searcher: Searcher, found: Sequence[Closed]) -> None:
    """Try the cheapest changes themselves, a little further than the closed form says."""
    space = searcher.space
    steps = np.array([rule.step for rule in space.of])
    for one in found:
        known = np.isfinite(one.cost)
        if not known.any():
            continue
        places, X = one.way.rows[known], one.X[known]
        numbers = np.nan_to_num(np.where(space.number, X - space.X[places], 0.0))
        for nudge in (1e-9, 1e-6, 1e-3):
            searcher.offer(places, X + nudge * numbers)
        if (numbers[:, steps > 0] != 0).any():  # on steps the next one out, as the nearest may fall short
            whole = np.sign(numbers) * np.ceil(np.abs(numbers) / np.where(steps > 0, steps, 1.0) - 1e-6) * steps
            searcher.offer(places, np.where(steps > 0, space.X[places] + whole, X + 1e-6 * numbers))


def _trees(
    ev: Evaluation, made: Boxes, ways: Sequence[Boundary], seconds: float | None, progress: Progress | None
) -> Certificate:
    low, done, began, spent = np.full(ev.n, np.inf), 0, 0.0, False
    total = sum(len(made.blocks(len(way.rows))) for way in ways)
    slack = SLACK * max(1.0, float(np.abs(made.raw).max()))
    for way in ways:
        value = made.value @ way.a
        need = -(made.base @ way.a + way.b) - slack
        for at in made.blocks(len(way.rows)):
            rows = way.rows[at]
            tell(progress, done / total, "bounds of the trees' leaves")
            if done and seconds is not None and time.monotonic() - began > seconds:
                low[rows], spent = 0.0, True
                continue
            sure = certified_costs(made.costs(rows), value, made.tree, made.trees, need[at])
            low[rows] = np.minimum(low[rows], sure)
            began = began or time.monotonic()
            done += 1
    return Certificate(
        low=low * (1 - 1e-6),
        how="bounds of the trees' leaves",
        hints=lambda searcher: _propose(searcher, made, ways),
        spent=spent,
    )


def _propose(searcher: Searcher, made: Boxes, ways: Sequence[Boundary]) -> None:
    _leaves(searcher, made, ways)
    _cells(searcher, made)


def _leaves(searcher: Searcher, made: Boxes, ways: Sequence[Boundary]) -> None:
    """Try to enter single leaves: of each row those that pull most towards the boundary for their cost."""
    for way in ways:
        value = made.value @ way.a
        for rows in np.array_split(way.rows, max(1, len(way.rows) // 128)):
            price = made.costs(rows)
            own = made.own_values(value, price)
            gain = value - own[:, made.tree]
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
