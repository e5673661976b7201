"""Do rows that are near each other in a picture share their errors? The share among nearest neighbours, against chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from modelglass.analysis.progress import Progress, blocks, tell

NEIGHBOURS = 10
DRAWS = 999
AT_ONCE = 20_000
"""Errors dealt out at once: more no longer fit near the processor."""
_SPARE = 8
"""Further places looked at, for those equally far."""
_SAME = 1e-9
"""Share of the picture's width within which two places are one, and two distances the same."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Nearness:
    """Error among the neighbours of erring rows.

    estimate    mean error of the neighbours of a row, weighted by the row's own error: where errors are 0 or 1, the share of
                errors among the neighbours of a wrong row
    expected, low, high   the same where errors are dealt out at random over the places: mean, and the range that holds the share
                ``level`` of such deals
    p           share of deals, this one counted, at least as large (one-sided)
    """

    estimate: float
    expected: float
    low: float
    high: float
    p: float


NONE = Nearness(estimate=np.nan, expected=np.nan, low=np.nan, high=np.nan, p=np.nan)


def nearness(
    xy: np.ndarray,
    error: np.ndarray,
    weight: np.ndarray | None = None,
    *,
    neighbours: int = NEIGHBOURS,
    draws: int = DRAWS,
    level: float = 0.95,
    seed: int = 0,
    progress: Progress | None = None,
) -> Nearness:
    """Compare the errors of neighbours with those of rows dealt out at random.

    A permutation test of closeness in the manner of Cuzick and Edwards (1990), conditional on the places. Rows equally far take part in
    equal shares, so the order of rows at one place does not matter.

    Parameters
    ----------
    xy : array of shape (n_rows, 2)
    error : array of shape (n_rows,), >= 0
    weight : array of shape (n_rows,), optional
        Goes with its row's error wherever that is dealt.
    neighbours : int
        Nearest other rows looked at.
    draws : int
        Random deals; 0 gives the estimate alone.

    Returns
    -------
    Nearness
        NaN where no row or every row errs the same.

    >>> four = np.array([[0, 0], [0, 1], [9, 0], [9, 1.0]])
    >>> nearness(four, np.array([1, 1, 0, 0]), neighbours=1, draws=0).estimate
    1.0
    """
    e = np.asarray(error, dtype=float)
    w = np.ones(len(e)) if weight is None else np.asarray(weight, dtype=float)
    if len(e) < 3 or not (w * e).sum() > 0 or np.ptp(e) == 0:
        return NONE
    around = _Around(np.asarray(xy, dtype=float), neighbours)
    estimate = float(around.among(e[:, None], w[:, None])[0])
    if draws < 1:
        return Nearness(estimate=estimate, expected=np.nan, low=np.nan, high=np.nan, p=np.nan)
    rng = np.random.default_rng((seed, 77_003))
    dealt = np.empty(draws)
    size = max(1, AT_ONCE // len(e))
    for block in blocks(draws):
        tell(progress, block.start / draws, "dealing errors out at random")
        for start in range(block.start, block.stop, size):
            stop = min(start + size, block.stop)
            places = np.column_stack([rng.permutation(len(e)) for _ in range(start, stop)])
            dealt[start:stop] = around.among(e[places], w[:, None] if weight is None else w[places])
    low, high = np.quantile(dealt, [(1 - level) / 2, (1 + level) / 2])
    larger = int((dealt >= estimate * (1 - 1e-12)).sum())
    return Nearness(
        estimate=estimate, expected=float(dealt.mean()), low=float(low), high=float(high), p=(1 + larger) / (1 + draws)
    )


class _Around:
    """Which places are near which, and in what shares; rows at one place are neighbours of each other first."""

    def __init__(self, xy: np.ndarray, neighbours: int):
        width = max(float(np.ptp(xy, axis=0).max()), 1e-300)
        places, self.at, n = np.unique(
            np.round(xy / width / _SAME) * _SAME, axis=0, return_inverse=True, return_counts=True
        )
        self.at, self.count = self.at.ravel(), len(places)
        others = n - 1
        need = np.minimum(neighbours, len(xy) - 1) - others  # beyond the rows at the same place
        # which rows are at a place
        self.here = csr_array(
            (np.ones(len(xy)), np.argsort(self.at, kind="stable"), np.r_[0, np.cumsum(n)]), shape=(self.count, len(xy))
        )
        self.own = np.where(need >= 0, 1.0, neighbours / np.maximum(others, 1))
        k = min(neighbours + 1 + _SPARE, self.count)
        far, near = (
            cKDTree(places).query(places, k=k) if k > 1 else (np.zeros((self.count, 1)), np.zeros((self.count, 1), int))
        )
        far, near = far.reshape(self.count, -1)[:, 1:], near.reshape(self.count, -1)[:, 1:]
        rows, columns, shares = [], [], []
        for place in np.flatnonzero(need > 0):
            chosen, part = _chosen(far[place], n[near[place]], int(need[place]))
            columns.append(near[place][chosen])
            shares.append(part[chosen])
            rows.append(np.full(int(chosen.sum()), place))
        joined = [np.concatenate(v) if v else np.zeros(0) for v in (shares, rows, columns)]
        self.links = csr_array(
            (joined[0], (joined[1].astype(int), joined[2].astype(int))), shape=(self.count, self.count)
        )

    def among(self, e: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Give the mean error of neighbours, weighted by each row's own error, (d,); errors are (n, d), weights too or (n, 1)."""
        errors = w * e
        top, below = self._sum(errors), self._sum(w)
        found = np.divide(top, below, out=np.zeros_like(top), where=below > 0)
        used = errors * (below > 0)
        whole, part = used.sum(axis=0), (used * found).sum(axis=0)
        return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)

    def _sum(self, values: np.ndarray) -> np.ndarray:
        """Sum values, (n, d), over each row's neighbours."""
        by_place, own = self.here @ values, self.own[:, None]
        return (own * by_place + self.links @ by_place)[self.at] - own[self.at] * values


def _chosen(far: np.ndarray, rows: np.ndarray, need: int) -> tuple[np.ndarray, np.ndarray]:
    """Tell which places take part, and with which share of their rows: those at the last distance share what is left."""
    reached = np.cumsum(rows)
    last = min(int(np.searchsorted(reached, need)), len(far) - 1)
    edge = far[last]
    inside = far < edge * (1 - 1e-7)
    tied = ~inside & (far <= edge * (1 + 1e-7))
    left = need - int(rows[inside].sum())
    part = np.where(inside, 1.0, np.where(tied, min(left / max(int(rows[tied].sum()), 1), 1.0), 0.0))
    return part > 0, part
