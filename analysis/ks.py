"""The Kolmogorov-Smirnov statistic with an interval that holds."""

from __future__ import annotations

from typing import Any

import numpy as np

from modelglass.analysis.estimated import FEWEST_CLUSTERS
from modelglass.analysis.groups import Rows
from modelglass.analysis.intervals import mover_mean
from modelglass.analysis.ranking import Ranking
from modelglass.analysis.rates import decisions, metric

FEWEST_OF_A_CLASS = 20
_PLACES = 100
_DRAWS = 800


def ks_statistic(ranking: Ranking, rows: Rows, level: float, seed: int) -> dict[str, Any]:
    """Give the largest distance of true over false positive rate: estimate, low, high, threshold, share.

    The largest of many distances is too large on average, most where scores tell nothing. Its error is that of the largest
    among the thresholds where the distance may be largest (Raghavachari 1973, Annals of Statistics 1, 67-73): thresholds are
    kept whose distance is within chance of the largest, the errors of all of them are drawn together (normal, with the
    covariance of rows or clusters), and the quantiles of the largest error give the interval. It is widened to that of the
    distance at the threshold found (Wilson by class, joined by MOVER), which knows small classes. No interval with fewer than
    20 rows of a class.
    """
    tpr, fpr = ranking.tp / ranking.tp[-1], ranking.fp / ranking.fp[-1]
    distance = tpr - fpr
    best = int(np.argmax(distance))
    taken = ranking.tp + ranking.fp
    found: dict[str, Any] = {
        "estimate": float(distance[best]),
        "low": np.nan,
        "high": np.nan,
        "threshold": float(np.append(np.inf, ranking.threshold)[best]),
        "share": float(taken[best] / taken[-1]),
    }
    few = min(ranking.positives, ranking.negatives) < FEWEST_OF_A_CLASS or 0 < ranking.clusters < FEWEST_CLUSTERS
    if few:
        return found
    weighted = rows.weight is not None
    even = np.searchsorted(taken, np.linspace(0, 1, _PLACES + 2)[1:-1] * taken[-1])
    place = np.unique(np.append(even, best))
    noise = _noise(ranking, rows, place, seed)
    sd = noise.std(axis=0)
    wide = np.quantile(np.abs(noise).max(axis=1), level)
    close = distance[place] + wide >= distance[best]  # may be the farthest: within what chance does to any distance
    largest = noise[:, close & (sd > 0)].max(axis=1) if (close & (sd > 0)).any() else np.zeros(_DRAWS)
    down, up = np.quantile(largest, [0.5 - level / 2, 0.5 + level / 2])
    low, high = _at_one(ranking, best, level, weighted)
    top = float(distance[best])
    found["low"] = float(np.clip(min(low, top - up), 0.0, 1.0))
    found["high"] = float(np.clip(max(high, top - down, top), 0.0, 1.0))
    return found


def _noise(ranking: Ranking, rows: Rows, place: np.ndarray, seed: int) -> np.ndarray:
    """Draw the error of the distance at some entries together: (draws, t)."""
    weight = np.ones(len(rows.y)) if rows.weight is None else rows.weight
    each = weight * np.where(rows.y == 1, 1 / ranking.tp[-1], -1 / ranking.fp[-1])
    column = np.searchsorted(place, ranking.place(np.asarray(rows.score)), side="left")
    size = len(place)
    if rows.cluster is None:
        code = np.zeros(len(each), dtype=np.int64)
        covariance = _independent(ranking, rows.y == 1, weight, column, place)
    else:
        _, code = np.unique(rows.cluster, return_inverse=True)
        covariance = _clustered(code.ravel(), column, each, ranking, rows, place)
    values, vectors = np.linalg.eigh(covariance)
    drawn = np.random.default_rng(seed).standard_normal((_DRAWS, size))
    return drawn @ (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T  # the symmetric root: the only one


def _independent(
    ranking: Ranking, positive: np.ndarray, weight: np.ndarray, column: np.ndarray, place: np.ndarray
) -> np.ndarray:
    """Covariance of the distance at two entries, (t, t): that of two weighted distribution functions."""
    size = len(place)
    found = np.zeros((size, size))
    for among, reached in ((positive, ranking.tp), (~positive, ranking.fp)):
        rate = reached[place] / reached[-1]
        squares = np.cumsum(np.bincount(column[among], weight[among] ** 2, minlength=size + 1))
        below = squares[:size]
        both = np.minimum(below[:, None], below[None, :])
        outer = rate[:, None] * rate[None, :]
        cross = below[:, None] * rate[None, :]
        found += (both - cross - cross.T + outer * squares[-1]) / reached[-1] ** 2
    return found


def _clustered(
    code: np.ndarray, column: np.ndarray, each: np.ndarray, ranking: Ranking, rows: Rows, place: np.ndarray
) -> np.ndarray:
    """Sum over clusters the products of their influences at two entries, (t, t), in blocks of clusters."""
    size, count = len(place), int(code.max()) + 1
    tpr, fpr = ranking.tp[place] / ranking.tp[-1], ranking.fp[place] / ranking.fp[-1]
    masses = [np.bincount(code, np.where(rows.y == c, np.abs(each), 0.0), minlength=count) for c in (1, 0)]
    found, order = np.zeros((size, size)), np.argsort(code, kind="stable")
    block = max(1, 1_000_000 // (size + 1))
    edges = np.searchsorted(code[order], np.arange(0, count + block, block))
    for part in range(len(edges) - 1):
        here, first = order[edges[part] : edges[part + 1]], part * block
        many = min(block, count - first)
        key = (code[here] - first) * (size + 1) + column[here]
        sums = np.bincount(key, each[here], minlength=many * (size + 1)).reshape(many, size + 1)
        influence = np.cumsum(sums, axis=1)[:, :size]
        influence -= masses[0][first : first + many, None] * tpr - masses[1][first : first + many, None] * fpr
        found += influence.T @ influence
    return found * (count / (count - 1.0))


def _at_one(ranking: Ranking, entry: int, level: float, weighted: bool) -> tuple[float, float]:
    """Give the interval of the distance at one entry."""
    shown = decisions(ranking, np.array([entry]), weighted=weighted)
    recall, fpr = metric(shown, "recall", level), metric(shown, "fpr", level)
    parts = np.array([[recall.estimate[0], -fpr.estimate[0]]])
    lows, highs = np.array([[recall.low[0], -fpr.high[0]]]), np.array([[recall.high[0], -fpr.low[0]]])
    low, high = mover_mean(parts.mean(1), parts, lows, highs)
    return float(np.nan_to_num(2 * low[0], nan=1.0)), float(np.nan_to_num(2 * high[0], nan=0.0))
