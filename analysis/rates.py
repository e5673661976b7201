"""Decisions at many thresholds as groups, so that every metric gets the estimate and interval that all pages share.

One threshold is one group: ``Decisions`` hands the tables of outcome and decision, counted from a ranking, to the estimators of
``estimates_labels``. Cells stand in their order: tn, fp, fn, tp.
"""

from __future__ import annotations

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

    def __init__(self, ranking: Ranking, place: np.ndarray, *, weighted: bool):
        table = _table(ranking, place, 0)
        # differences of sums leave a trace of rounding where there are no rows: there the weight is 0
        table_w, table_w2 = (np.where(table > 0, _table(ranking, place, power), 0.0) for power in (1, 2))
        second = None if ranking.products is None else _second(ranking.products, place)
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
        units = np.full(count, ranking.clusters) if clustered else n
        self.__dict__.update(
            n=n, w=table_w.sum(axis=(1, 2)), table=table, table_w=table_w, table_w2=table_w2, units=units, second=second
        )

    def turned(self) -> Decisions:
        """Give the same with the classes in the other order."""
        for name in ("table", "table_w", "table_w2", "second"):
            if self.__dict__[name] is not None:
                self.__dict__[name] = self.__dict__[name][:, ::-1, ::-1]
        return self

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
    if power == 0:
        chosen = np.append(place, len(ranking.selected) - 1)
        hits = ranking.hits[chosen]
        false = ranking.selected[chosen] - hits
    else:
        hits, false = (along[np.append(place, len(along) - 1)] for along in ranking.powers[power - 1])
    cells = [false[-1] - false[:-1], false[:-1], hits[-1] - hits[:-1], hits[:-1]]
    return np.stack(cells, axis=-1).reshape(-1, 2, 2)


def decisions(ranking: Ranking, place: np.ndarray, *, weighted: bool) -> Decisions:
    """Decide the rows at some entries of their ranking (entry i selects the first i distinct scores)."""
    return Decisions(ranking, np.asarray(place), weighted=weighted)


def _second(products: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Sum over clusters the outer product of their weights in tn, fp, fn, tp at some entries: (t, 4, 4)."""
    aa, ab, bb, ap, an, bp, bn = products[:, place]
    pp, pn, nn = products[3, -1], products[4, -1], products[6, -1]
    tn_fn = pn - bp - an + ab
    rows = [
        [nn - 2 * bn + bb, bn - bb, tn_fn, an - ab],
        [bn - bb, bb, bp - ab, ab],
        [tn_fn, bp - ab, pp - 2 * ap + aa, ap - aa],
        [an - ab, ab, ap - aa, aa],
    ]
    return np.moveaxis(np.array(rows), 2, 0)


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
