"""Decisions at many thresholds as groups, so that every metric gets the estimate and interval that all pages share.

One threshold is one group: ``Decisions`` hands the tables of outcome and decision, counted from a ranking, to the estimators of
``estimates_labels``. Cells stand in their order: tn, fp, fn, tp.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from modelglass.analysis.estimated import Estimates
from modelglass.analysis.estimates import estimate
from modelglass.analysis.groups import Groups, Rows, plain_moments
from modelglass.analysis.intervals import skewed
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.ranking import Ranking, kish

CELLS = ("tn", "fp", "fn", "tp")
SHOWN = ("precision", "recall", "f1", "accuracy", "balanced_accuracy", "fpr", "selection_rate")

Interval = tuple[np.ndarray, np.ndarray, np.ndarray]


class Decisions(Groups):
    """The same rows decided at t thresholds, one group each.

    ``second`` (t, 4, 4) is the sum over clusters of the outer product of their weights in the four cells; None for independent rows.
    """

    second: np.ndarray | None

    def __init__(
        self,
        ranking: Ranking,
        place: np.ndarray,
        *,
        weighted: bool,
        second: np.ndarray | None = None,
        clusters: int = 0,
    ):
        table, table_w, table_w2 = (_table(ranking, place, power) for power in (0, 1, 2))
        count, clustered = len(place), second is not None
        four = np.arange(4)  # stands for the rows: one a cell, so that ``rows.cell`` is 0, 1, 2, 3
        rows = Rows(
            task="binary",
            y=four // 2,
            predicted=four % 2,
            weight=np.ones(4) if weighted and not clustered else None,
            cluster=four if clustered else None,
        )
        super().__init__(rows, np.zeros(4, dtype=np.int64), count)
        n = table.sum(axis=(1, 2))
        units = np.full(count, clusters) if clustered else n
        self.__dict__.update(
            n=n, w=table_w.sum(axis=(1, 2)), table=table, table_w=table_w, table_w2=table_w2, units=units, second=second
        )

    def _products(self) -> np.ndarray:
        if self.second is None:
            raise ValueError("independent rows have no products of clusters")
        return self.second

    def unit_moments(self, values: np.ndarray, powers: tuple[int, ...] = (2,)) -> list[np.ndarray]:
        """Square the weight in some cells within clusters, summed over clusters; ``values`` (4,) by cell."""
        return [np.einsum("i,tij,j->t", values, self._products(), values)]

    def cell_variance(self, gradient: np.ndarray) -> np.ndarray:
        """Give the variance of a function of the table from its gradient (t, 2, 2) by weight in each cell."""
        if not self.clustered:
            return super().cell_variance(gradient)
        slope = gradient.reshape(-1, 4)
        return np.einsum("ti,tij,tj->t", slope, self._products(), slope) * self._correction


def _table(ranking: Ranking, place: np.ndarray, power: int) -> np.ndarray:
    """Count rows (power 0) or sum powers of weights by outcome and decision: (t, 2, 2)."""
    hits, false = (ranking.hits, ranking.selected - ranking.hits) if power == 0 else ranking.powers[power - 1]
    return np.stack([false[-1] - false[place], false[place], hits[-1] - hits[place], hits[place]], axis=-1).reshape(
        -1, 2, 2
    )


def decisions(ranking: Ranking, rows: Rows, place: np.ndarray) -> Decisions:
    """Decide the rows at some entries of their ranking (entry i selects the first i distinct scores)."""
    place = np.asarray(place)
    weighted = rows.weight is not None
    if rows.cluster is None:
        return Decisions(ranking, place, weighted=weighted)
    threshold = np.append(np.inf, ranking.threshold)[place]
    second, clusters = _second(rows, threshold)
    return Decisions(ranking, place, weighted=weighted, second=second, clusters=clusters)


def _second(rows: Rows, threshold: np.ndarray) -> tuple[np.ndarray, int]:
    """Sum over clusters the outer product of their weights in tn, fp, fn, tp at falling thresholds: (t, 4, 4), in blocks."""
    found, code = np.unique(np.asarray(rows.cluster), return_inverse=True)
    code, size, count = code.ravel(), len(threshold), len(found)
    weight = np.ones(len(code)) if rows.weight is None else rows.weight
    column = np.searchsorted(
        -threshold, -np.asarray(rows.score), side="left"
    )  # the first threshold that selects the row
    total = np.zeros((size, 4, 4))
    block = max(1, 2_000_000 // (size + 1))
    order = np.argsort(code, kind="stable")
    edges = np.searchsorted(code[order], np.arange(0, count + block, block))
    for part, (start, stop) in enumerate(pairwise(edges)):
        here = order[start:stop]
        many = min(block, count - part * block)
        key = (code[here] - part * block) * (size + 1) + column[here]
        cells = []
        for outcome in (0, 1):
            mass = np.bincount(key, weight[here] * (rows.y[here] == outcome), minlength=many * (size + 1))
            reached = np.cumsum(mass.reshape(many, size + 1), axis=1)
            cells += [reached[:, -1:] - reached[:, :-1], reached[:, :-1]]
        table = np.stack(cells, axis=-1)
        total += np.einsum("gti,gtj->tij", table, table, optimize=True)
    return total, count


def metric(groups: Groups, name: str, level: float) -> Estimates:
    """Estimate a metric at each threshold."""
    return estimate(METRICS[name], groups, level)


def mean_cost(groups: Decisions, ranking: Ranking, place: np.ndarray, cost: np.ndarray, level: float) -> Interval:
    """Give (estimate, low, high), each (t,), of the mean cost per unit of weight; ``cost`` (4,) by cell.

    t interval corrected for skewness (Hall 1992) as in ``estimates_values.mean_of``; with weights by Kish's n, and with clusters
    without the correction for skewness.
    """
    counts = groups.table_w.reshape(-1, 4)
    whole = counts.sum(axis=1)
    mean = counts @ cost / whole
    slope = (cost - mean[:, None]) / whole[:, None]
    units, third = (
        kish(whole, groups.table_w2.sum(axis=(1, 2))),
        np.sum(_table(ranking, place, 3).reshape(-1, 4) * slope**3, axis=1),
    )
    if groups.second is not None:
        plain, units, third = (
            np.einsum("ti,tij,tj->t", slope, groups.second, slope),
            groups.units.astype(float),
            np.zeros(len(mean)),
        )
    else:
        plain = groups.cell_variance(slope.reshape(-1, 2, 2))
    moments = plain_moments(plain, third, units)
    low, high = skewed(mean, moments.variance, moments.skewness, level, moments.df)
    none = ~(moments.variance > 0)
    return mean, np.where(none, np.nan, low), np.where(none, np.nan, high)
