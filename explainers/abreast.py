"""Small trees added up for many rows abreast: which columns and models that is for, and the programs that trees become."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from modelglass.analysis.models.ensemble import Ensemble
from modelglass.explainers.effect_trees import Cells, Job, asks_of, cells_of

LANES = 64
"""Rows are rounded up to a multiple of so many, so that no loop has a rest."""
STEPS, MOST = 6, 10
"""Kinds of steps; and steps for each leaf from which on leaf masks are faster: trees that ask few columns again and again."""
Add = Callable[[np.ndarray], np.ndarray]
"""Codes of rows as they stand, shape (rows, p) -> the trees' output at each grid point, without what stands beside the trees: (k, points, rows)."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Programs:
    """What to do for each tree, as ``abreast_kernels.write_programs`` leaves it.

    cells   of the jobs
    column  (jobs,): the column of the trees that each job's nodes ask, -1: none
    """

    steps: np.ndarray
    places: np.ndarray
    needed: tuple[int, int]
    cells: Cells
    column: np.ndarray

    @property
    def cost(self) -> float:
        """Say how many steps there are in all; masks are bytes, so they cost less than numbers."""
        count = self.places[-1]
        return float(count[0] / 4 + count[1:].sum())


def is_plain(trees: Ensemble, raw_index: np.ndarray, job: Job) -> bool:
    """Tell whether a job's nodes compare one column of numbers, which rises with its grid points and misses at none."""
    asks = asks_of(trees, raw_index, job.raw)
    if not len(asks):
        return True
    column = trees.feature[asks[0]]
    codes = job.numbers[:, column]
    one = (trees.feature[asks] == column).all() and (trees.listed[asks] < 0).all()
    return bool(one and (codes[1:] >= codes[:-1]).all() and codes[-1] < np.iinfo(codes.dtype).max)


def programs_of(trees: Ensemble, raw_index: np.ndarray, jobs: Sequence[Job]) -> Programs:
    """Write the programs of small trees for plain jobs."""
    from modelglass.explainers import abreast_kernels as kernels

    nodes = len(trees.right)
    below = trees.cut.astype(np.int64) - trees.shift  # the last code that goes left, of values that are there
    job_of, split, column = np.full(nodes, -1), np.zeros(nodes, dtype=np.int64), np.full(len(jobs), -1)
    for i, job in enumerate(jobs):
        asks = asks_of(trees, raw_index, job.raw)
        if len(asks):
            job_of[asks], column[i] = i, trees.feature[asks[0]]
            split[asks] = np.searchsorted(job.numbers[:, column[i]].astype(np.int64), below[asks], side="right")
    cells = cells_of(jobs, np.zeros(len(jobs), dtype=np.bool_))
    tree = trees.starts, trees.right, trees.parent, trees.end
    most = 2 * nodes + int(trees.depth[trees.right >= 0].sum())  # each node may come up once more for each one above it
    steps = np.zeros((STEPS, most, 4), dtype=np.int32)
    count, places = np.zeros(STEPS, dtype=np.int64), np.zeros((len(trees.output) + 1, STEPS), dtype=np.int64)
    needed = kernels.write_programs(*tree, below, job_of, split, cells.first, cells.count, steps, count, places)
    steps = np.ascontiguousarray(steps[:, : count.max()])
    return Programs(steps=steps, places=places, needed=needed, cells=cells, column=column)


def abreast(trees: Ensemble, raw_index: np.ndarray, jobs: Sequence[Job], base: np.ndarray) -> Add | None:
    """Give the loop that adds up small trees for plain jobs, three to four times as fast as by leaf masks; None where it would not be.

    Parameters
    ----------
    raw_index : array, shape (p,)
        Raw column of each column that the trees see.
    base : array, shape (k,)
        What stands beside the trees.
    """
    from modelglass.explainers import abreast_kernels as kernels

    programs = programs_of(trees, raw_index, jobs)
    if programs.cost > MOST * (trees.right < 0).sum():
        return None
    cells, missing = programs.cells, np.iinfo(trees.cut.dtype).max
    asked = [(c, cells.count + i) for i, c in enumerate(programs.column) if c >= 0]

    def add(seen: np.ndarray) -> np.ndarray:
        n, k = len(seen), trees.n_outputs
        rows = -(-n // LANES) * LANES
        codes = np.zeros((seen.shape[1], rows), dtype=seen.dtype)
        codes[:, :n] = seen.T
        whole, steps = np.zeros((k, rows)), np.zeros((k, cells.count + len(jobs), rows))
        kernels.add_abreast(codes, *trees.valued, programs.steps, programs.places, programs.needed, whole, steps)
        for column, cell in asked:
            if (codes[column] == missing).any():
                kernels.add_absent(codes, *trees.valued, column, cell, missing, whole, steps)
        out = np.empty((k, int(cells.size.sum()), rows))
        kernels.summed_abreast(whole, steps, base, cells.first, cells.size, cells.count, out)
        return out if n == rows else np.ascontiguousarray(out[:, :, :n])

    return add
