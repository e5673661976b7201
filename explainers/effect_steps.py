"""Answers at a few grid points of each row, which are near its own value: what accumulated local effects ask of trees and coefficients."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.progress import Progress, span
from modelglass.explainers.effect_links import answered
from modelglass.explainers.effect_trees import Job, node_ways
from modelglass.explainers.effect_ways import FastWay, jobs_in_passes, seen_by
from modelglass.explainers.shapley_exact import fed
from modelglass.explainers.tree_shapley import in_parts

ROWS = 512
Asks = tuple[np.ndarray, np.ndarray]
Fill = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(rows as the estimator sees them, their grid points (rows, jobs, w)) -> answers (rows, groups, jobs, w)."""


def answers_at(
    way: FastWay,
    ev: Evaluation,
    donors: Mapping[str, pd.DataFrame],
    asks: Mapping[str, Asks],
    progress: Progress | None = None,
) -> dict[str, np.ndarray] | None:
    """Give the answers for chosen pairs of a row and a grid point, arrays of shape (pairs, groups); None where too many points have no order.

    Parameters
    ----------
    donors : as in ``effect_ways.answers``
    asks : mapping of column to two arrays of shape (pairs,): places of rows, and places in the grid
    """
    passes = jobs_in_passes(way, ev, donors)
    if len(passes) > 1:
        return None
    jobs = passes[0]
    seen = seen_by(way, fed(ev, ev.inputs()), span(progress, 0.0, 0.2))
    names, k = list(donors), len(way.base)
    slots = {c: _slots(asks[c][0]) for c in names}
    width = 1 + max(int(s.max(initial=0)) for s in slots.values())
    points = np.full((ev.n, len(names), width), -1, dtype=np.int32)
    for j, c in enumerate(names):
        points[asks[c][0], j, slots[c]] = asks[c][1]
    found = np.empty((ev.n, k, len(names), width))
    fill = (_of_trees if way.trees is not None else _of_coefficients)(way, jobs)

    def part(first: int) -> int:
        here = slice(first, min(first + ROWS, ev.n))
        found[here] = fill(seen[here], points[here])
        return here.stop - first

    what = f"steps of {len(names)} columns over {ev.n:,} rows"
    in_parts(part, range(0, ev.n, ROWS), ev.n, what, None, span(progress, 0.2, 1.0))
    return {c: found[asks[c][0], :, j, slots[c]] for j, c in enumerate(names)}


def _slots(rows: np.ndarray) -> np.ndarray:
    """Number the pairs of each row, shape (pairs,)."""
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
    compared = (
        trees.starts, trees.output, trees.right, trees.feature, trees.value, trees.cut, trees.shift, trees.listed, trees.goes_left
    )  # fmt: skip
    ways = node_ways(trees, way.made.raw_index, jobs)[0]

    def fill(seen: np.ndarray, points: np.ndarray) -> np.ndarray:
        n, k = len(seen), trees.n_outputs
        whole, moved = np.zeros((n, k)), np.zeros((n, k, *points.shape[1:]))
        step_kernels.add_points(seen, *compared, *ways, points, whole, moved)
        raw = moved + (whole + way.base)[:, :, None, None]
        answered(raw.reshape(n, k, -1), way.link)
        return raw

    return fill


def _of_coefficients(way: FastWay, jobs: list[Job]) -> Fill:
    b = way.coefficients
    assert b is not None
    columns = [way.made.raw_index == job.raw for job in jobs]
    grids = [job.numbers[:, c] @ b[:, c].T for job, c in zip(jobs, columns, strict=True)]

    def fill(seen: np.ndarray, points: np.ndarray) -> np.ndarray:
        n, own = len(seen), seen @ b.T + way.base
        raw = np.empty((n, len(b), *points.shape[1:]))
        for j, (c, grid) in enumerate(zip(columns, grids, strict=True)):
            rest = own - seen[:, c] @ b[:, c].T
            raw[:, :, j] = rest[:, :, None] + grid[points[:, j]].transpose(0, 2, 1)
        answered(raw.reshape(n, len(b), -1), way.link)
        return raw

    return fill
