"""Answers at a few grid points of each row, which are near its own value: what accumulated local effects ask of trees and coefficients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext

import numpy as np
import pandas as pd

from modelglass.analysis.blas import blas_threads
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.progress import Progress, span
from modelglass.explainers.effect_grid import Asks, side_by_side
from modelglass.explainers.effect_links import answered, rest_of
from modelglass.explainers.effect_trees import Job, node_ways
from modelglass.explainers.effect_ways import FastWay, jobs_in_passes, linear_shares, seen_by
from modelglass.explainers.leaf_masks import are_small, leaves_of
from modelglass.explainers.shapley_exact import fed
from modelglass.explainers.tree_shapley import in_parts

ROWS, OF_NUMBERS = 512, 16_384
"""Rows handled at once: down trees, and where a linear model's own numbers are added up."""
Fill = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(rows as the estimator sees them, their grid points (rows, jobs, w)) -> answers (rows, groups, jobs, w). Or steps -> what they do."""


def answers_at(
    way: FastWay,
    ev: Evaluation,
    donors: Mapping[str, pd.DataFrame],
    asks: Mapping[str, Asks],
    progress: Progress | None = None,
    *,
    steps: bool = False,
) -> dict[str, np.ndarray] | None:
    """Give the answers for chosen pairs of a row and a grid point, arrays of shape (pairs, groups); None where too many points have no order.

    Parameters
    ----------
    donors : as in ``effect_ways.answers``
    asks : mapping of column to two arrays of shape (pairs,): places of rows, and places in the grid
    steps : bool
        What the step to the next grid point does, instead.
    """
    passes = jobs_in_passes(way, ev, donors)
    if len(passes) > 1:
        return None
    seen = seen_by(way, fed(ev, ev.inputs()), span(progress, 0.0, 0.2))
    names, k = list(donors), len(way.base)
    places = {c: _places(asks[c][0], ev.n) for c in names}
    width = 1 + max(int(np.max(slot, initial=0)) for _, slot in places.values())
    points = np.full((ev.n, len(names), width), -1, dtype=np.int32)
    for j, c in enumerate(names):
        rows, slot = places[c]
        points[rows, j, slot] = asks[c][1]
    found = np.empty((ev.n, k, len(names), width))
    fill = _fill(way, passes[0], steps)
    size = ROWS if way.trees is not None else OF_NUMBERS

    def part(first: int) -> int:
        here = slice(first, min(first + size, ev.n))
        found[here] = fill(seen[here], points[here])
        return here.stop - first

    what = f"steps of {len(names)} columns over {ev.n:,} rows"
    in_parts(part, range(0, ev.n, size), ev.n, what, None, span(progress, 0.2, 1.0))
    return {c: found[rows, :, j, slot] for j, (c, (rows, slot)) in enumerate(places.items())}


def differences(
    way: FastWay,
    ev: Evaluation,
    donors: Mapping[str, pd.DataFrame],
    asks: Mapping[str, Asks],
    progress: Progress | None = None,
) -> dict[str, np.ndarray] | None:
    """Give what steps do to rows, arrays of shape (pairs, groups): the answer at the next grid point minus that at the given one."""
    if way.trees is None:
        return _linear_steps(way, ev, donors, asks, progress)
    return answers_at(way, ev, donors, asks, progress, steps=True)


def _linear_steps(
    way: FastWay,
    ev: Evaluation,
    donors: Mapping[str, pd.DataFrame],
    asks: Mapping[str, Asks],
    progress: Progress | None,
) -> dict[str, np.ndarray]:
    """Give what steps do where coefficients add up: rows are summed up once, and each step exchanges one column's share of that."""
    b, (jobs,) = way.coefficients, jobs_in_passes(way, ev, donors)
    assert b is not None
    seen = np.asfortranarray(seen_by(way, fed(ev, ev.inputs()), span(progress, 0.0, 0.2)))
    found = {c: np.empty((len(b), len(rows))) for c, (rows, _) in asks.items()}
    shares = dict(zip(donors, linear_shares(way, jobs), strict=True))
    parts = [(c, at) for c in donors for at in range(0, len(asks[c][0]), OF_NUMBERS)]

    def part(i: int) -> int:
        c, at = parts[i]
        (columns, grid), here = shares[c], slice(at, at + OF_NUMBERS)
        rows, step = (a[here] for a in asks[c])
        taken = side_by_side(rows)
        rest = rest_of(b, way.base, seen[taken], columns, own[:, taken])
        raw = np.empty((len(b), 2, len(rows)))
        np.add(rest, grid[:, step], out=raw[:, 0])
        np.add(rest, grid[:, step + 1], out=raw[:, 1])
        answered(raw, way.link, axis=0)
        np.subtract(raw[:, 1], raw[:, 0], out=found[c][:, here])
        return 1

    own = b @ seen.T + way.base[:, None]
    several = len(way.made.raw_index) > len(np.unique(way.made.raw_index))
    with blas_threads(1) if several else nullcontext():  # threads of our own do the rows
        what = f"steps of {len(donors)} columns over {ev.n:,} rows"
        in_parts(part, range(len(parts)), len(parts), what, None, span(progress, 0.2, 1.0))
    return {c: a.T for c, a in found.items()}


def _fill(way: FastWay, jobs: list[Job], steps: bool) -> Fill:
    if way.trees is not None and steps and are_small(way.trees):
        return _small_trees_stepped(way, jobs)
    fill = (_of_trees if way.trees is not None else _of_coefficients)(way, jobs)
    return _stepped(fill) if steps else fill


def _places(rows: np.ndarray, n: int) -> tuple[np.ndarray | slice, np.ndarray | int]:
    """Give rows and the number of each one's pair, cheap to look up where each row has one."""
    if not (rows[1:] > rows[:-1]).all():
        return rows, slots_of(rows)
    return (slice(None) if len(rows) == n else rows), 0


def ends_of(steps: np.ndarray) -> np.ndarray:
    """Give the grid points between which steps (rows, jobs, w) lead, (rows, jobs, 2 w); -1: none.

    >>> ends_of(np.array([[[3, -1]]])).tolist()
    [[[3, 4, -1, -1]]]
    """
    return np.stack([steps, np.where(steps < 0, -1, steps + 1)], axis=3).reshape(*steps.shape[:2], -1)


def _differences(found: np.ndarray) -> np.ndarray:
    """Take the answers at one end from those at the other: (rows, groups, jobs, 2 w) to (rows, groups, jobs, w)."""
    return found[..., 1::2] - found[..., ::2]


def _stepped(fill: Fill) -> Fill:
    """Give what steps do by asking for their ends."""
    return lambda seen, steps: _differences(fill(seen, ends_of(steps)))


def slots_of(rows: np.ndarray) -> np.ndarray:
    """Number the pairs of each row, shape (pairs,).

    >>> slots_of(np.array([3, 0, 3, 3, 1])).tolist()
    [0, 0, 1, 2, 0]
    """
    order = np.argsort(rows, kind="stable")
    sorted_rows = rows[order]
    starts = np.flatnonzero(np.append(True, sorted_rows[1:] != sorted_rows[:-1]))
    out = np.empty(len(rows), dtype=np.int64)
    out[order] = np.arange(len(rows)) - np.repeat(starts, np.diff(np.append(starts, len(rows))))
    return out


def _of_trees(way: FastWay, jobs: list[Job]) -> Fill:
    from modelglass.explainers import step_kernels

    trees = way.trees
    assert trees is not None
    ways = node_ways(trees, way.made.raw_index, jobs)[0]

    def fill(seen: np.ndarray, points: np.ndarray) -> np.ndarray:
        n, k = len(seen), trees.n_outputs
        whole, moved = np.zeros((n, k)), np.zeros((n, k, *points.shape[1:]))
        step_kernels.add_points(seen, *trees.valued, *ways, points, whole, moved)
        return _answered(way, moved + (whole + way.base)[:, :, None, None])

    return fill


def _small_trees_stepped(way: FastWay, jobs: list[Job]) -> Fill:
    """Give what steps do where all trees are small."""
    from modelglass.explainers import step_kernels

    trees = way.trees
    assert trees is not None
    ways, _ = node_ways(trees, way.made.raw_index, jobs)
    leaves = leaves_of(trees)
    masks = leaves.keep_left, leaves.keep_right, leaves.first_leaf, leaves.value

    def fill(seen: np.ndarray, steps: np.ndarray) -> np.ndarray:
        n, k, ends = len(seen), trees.n_outputs, ends_of(steps)
        whole, moved = np.zeros((n, k)), np.zeros((n, k, *ends.shape[1:]))
        codes, across = np.ascontiguousarray(seen.T), np.ascontiguousarray(steps.transpose(1, 2, 0))
        step_kernels.add_small_steps(codes, seen, *trees.valued, *masks, *ways, across, ends, whole, moved)
        return _differences(_answered(way, moved + (whole + way.base)[:, :, None, None]))

    return fill


def _of_coefficients(way: FastWay, jobs: list[Job]) -> Fill:
    b = way.coefficients
    assert b is not None
    shares = linear_shares(way, jobs)

    def fill(seen: np.ndarray, points: np.ndarray) -> np.ndarray:
        n, own = len(seen), b @ seen.T + way.base[:, None]
        raw = np.empty((n, len(b), *points.shape[1:]))
        for j, (columns, grid) in enumerate(shares):
            rest = rest_of(b, way.base, seen, columns, own)
            raw[:, :, j] = (rest[:, :, None] + grid[:, points[:, j]]).transpose(1, 0, 2)
        return _answered(way, raw)

    return fill


def _answered(way: FastWay, raw: np.ndarray) -> np.ndarray:
    """Send raw output (rows, groups, jobs, w) through the link, in place."""
    answered(raw.reshape(*raw.shape[:2], -1), way.link)
    return raw
