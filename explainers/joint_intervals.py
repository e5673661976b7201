"""Intervals of second-order accumulated local effects: from the influence of each row, where no cell of hardly any rows could matter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse, special

from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import rows as shared
from modelglass.explainers.joint_steps import First, SecondOrder

FEWEST, FEW = 2.0, 10.0
"""Rows (clusters; Kish's number of them when weighted) of a cell below which its mean has no spread, and below which its spread is a guess."""
OFF, SHARE = 0.5, 0.3
"""What cells of fewer than ``FEWEST`` could do to a value, in its standard errors, and the share of its variance from those of fewer than
``FEW``, up to which it has an interval.
"""
CELLS = 2_000_000
FEW_ROWS = "there are too few rows or clusters"
THIN_CELLS = "it is added up across cells of hardly any rows"


def intervals(
    ev: Evaluation, second: SecondOrder, differences: np.ndarray, first: First, surface: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give low, high and why there is no interval ('' where there is one), each of the surface's shape.

    A surface is a smooth function of means over rows, so each row stands for a value whose mean it is (its influence), as for one column.
    What rows do to the mean of their cell is multiplied by the root of n / (n - 1), n the rows of the cell, as a mean of few takes their
    spread along. No interval where cells that no or one row took matter: were each off by what cells that are next to each other differ
    (root mean square), and all the same way, they would move the value by more than half its standard error. Nor where cells of fewer
    than ten rows bring more than 30 % of the variance, were rows equally different in all cells: jumps that happen to few rows are
    missed there. Coverage: ``benchmarks/coverage_effects.py --joint``. It speaks of the surface on this grid; what no row comes near it
    knows as little as the surface does.
    """
    count = effective(second, ev.cluster)
    thin, few = count < FEWEST - 1e-9, count < FEW - 1e-9
    part = second.influence(differences, np.sqrt(np.where(thin, 1.0, count / np.maximum(count - 1, 0.5))))
    mean, one, other = first
    every, one, other = part.every + mean, part.one + one, part.other + other
    pairs, shape = second.pairs, surface.shape
    own = sparse.csr_matrix((part.own, (pairs.row, second.cell)), shape=(len(pairs.rows), len(count)))
    lever, at = second.lever_of_filled(), np.unravel_index(np.arange(surface.size), shape)
    low, high = np.empty(surface.size), np.empty(surface.size)
    step = max(1, CELLS // max(len(pairs.rows), 1))
    for start in range(0, surface.size, step):
        here = slice(start, start + step)
        influence = own @ lever[:, here] + one[:, at[0][here]] + other[:, at[1][here]] + every[:, None]
        low[here], high[here] = shared.influence_interval(ev, surface.ravel()[here], influence, level)
    error = (high - low) / (2 * special.ndtri(0.5 + level / 2))
    doubt = np.abs(second.lever[thin]).sum(axis=0) * neighbours_differ(second, differences) if thin.any() else 0.0
    brings = lever**2 / np.maximum(count, 1.0)[:, None]
    doubtful = (doubt > OFF * error) | (brings[few].sum(axis=0) > SHARE * brings.sum(axis=0))
    why = np.where(np.isnan(low), FEW_ROWS, np.where(doubtful, THIN_CELLS, "")).astype(object)
    low[why != ""], high[why != ""] = np.nan, np.nan
    return low.reshape(shape), high.reshape(shape), why.reshape(shape)


def effective(second: SecondOrder, cluster: np.ndarray | None) -> np.ndarray:
    """Count the rows, or clusters, that took each cell's step, (cells,): Kish's number (1965) where they weigh differently."""
    row, cells = second.pairs.row, len(second.total)
    unit = row if cluster is None else np.unique(cluster, return_inverse=True)[1].ravel()[row]
    both, place = np.unique(second.cell * (unit.max() + 1) + unit, return_inverse=True)
    weight = np.bincount(place.ravel(), weights=second.weight[row])
    cell = both // (unit.max() + 1)
    total, square = (np.bincount(cell, weights=w, minlength=cells) for w in (weight, weight**2))
    return np.divide(total**2, square, out=np.zeros(cells), where=square > 0)


def neighbours_differ(second: SecondOrder, differences: np.ndarray) -> float:
    """Give by how much the mean of a cell that rows took differs from that of the nearest other one: root mean square; infinite for one cell."""
    filled = np.flatnonzero(second.total > 0)
    if len(filled) < 2:
        return np.inf
    means, places = second.means(differences)[filled], np.argwhere((second.total > 0).reshape(second.shape))
    apart = ((places[:, None] - places[None]) ** 2).sum(axis=2)
    np.fill_diagonal(apart, apart.max() + 1)
    return float(np.sqrt(np.mean((means - means[apart.argmin(axis=1)]) ** 2)))


def reasons(notes: Sequence[str]) -> str:
    """Say in a sentence how many cells have no interval and why; '' where all have one."""
    named = [n for n in notes if n]
    if not named:
        return ""
    most = max(dict.fromkeys(named), key=named.count)
    if len(named) == len(notes):
        return f" No interval of these answers, because {_of_all(most)}."
    return f" {len(named)} of {len(notes)} cells have no interval, mostly because {_of_all(most)}; more rows may help."


def _of_all(why: str) -> str:
    return why.replace("it is", "they are")
