"""How far the rates of slices lie apart: all pairs at once, and clusters that reach over several slices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from modelglass.analysis.curves import MOST_SLICES
from modelglass.analysis.groups import Groups, Rows

RATES = ("selection_rate", "recall", "fpr")
FEWEST = 60
"""Effective rows (Kish) below which weights and clusters together give no interval of a gap: simulated, with 30 of them one of 95 % for
28 pairs at once holds in 84 %. Weights alone, and clusters alone, hold their level from what their rates ask for."""
NAMES = {"selection_rate": "selection rate", "recall": "true positive rate", "fpr": "false positive rate"}


def largest_slices(y: np.ndarray, code: np.ndarray, labels: Sequence[str], where: Sequence[str] = ()) -> pd.DataFrame:
    """Give the (at most 8) levels with the most rows, in the order of the labels: group, where, n, positives, code.

    Parameters
    ----------
    y : array, shape (n,), 0 or 1
    code : int array, shape (n,), places in ``labels``
    where : sequence of str, optional
        SQL condition of each level.
    """
    n, positives = np.bincount(code, minlength=len(labels)), np.bincount(code, y, minlength=len(labels)).astype(int)
    kept = np.sort(np.argsort(-n, kind="stable")[:MOST_SLICES])
    kept = kept[n[kept] > 0]
    return pd.DataFrame(
        {
            "group": [str(labels[c]) for c in kept],
            "where": [where[c] if len(where) else "" for c in kept],
            "n": n[kept],
            "positives": positives[kept],
            "code": kept,
        }
    )


def strict(level: float, count: int) -> float:
    """Give the level of one pair, so that all pairs of ``count`` slices hold together (Bonferroni)."""
    return 1 - (1 - level) / max(count * (count - 1) / 2, 1)


def rests_on(y: np.ndarray, rate: str) -> np.ndarray:
    """Tell which rows a rate is a share of, (n,) bool; ``y`` 0/1."""
    return np.ones(len(y), dtype=bool) if rate == "selection_rate" else y == (rate == "recall")


def enough(groups: Groups, rate: str, weighted: bool) -> np.ndarray:
    """Tell for which groups the interval of a rate may stand in that of a gap, (g,) bool."""
    if not (weighted and groups.clustered):
        return np.ones(groups.count, dtype=bool)
    of = {"selection_rate": slice(None), "recall": slice(1, 2), "fpr": slice(0, 1)}[rate]
    sums, squares = (table[:, of].sum(axis=(1, 2)) for table in (groups.table_w, groups.table_w2))
    return sums**2 >= FEWEST * squares


def correlations(rows: Rows, code: np.ndarray, count: int) -> np.ndarray:
    """Give the correlation of the errors of two slices' rates, (rates, count, count).

    Rows of one cluster in two slices err together. What a cluster adds to the error of a rate is the sum of the influences of its
    rows; the correlation is that of these sums. 0 for independent rows.

    Parameters
    ----------
    rows : Rows of two classes; clusters as codes from 0 without gaps
    code : int array, shape (n,)
        Slice of each row; those from ``count`` on are in none.
    """
    found = np.zeros((len(RATES), count, count))
    if rows.cluster is None or not len(code):
        return found
    weight = np.ones(len(code)) if rows.weight is None else rows.weight
    clusters = int(rows.cluster.max()) + 1
    for m, rate in enumerate(RATES):
        at = np.flatnonzero(rests_on(rows.y, rate) & (code < count))
        here, w, hit = code[at], weight[at], (rows.predicted[at] == 1).astype(float)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.bincount(here, w * hit, minlength=count) / np.bincount(here, w, minlength=count)
        sums = np.bincount(rows.cluster[at] * count + here, w * (hit - share[here]), minlength=clusters * count)
        product = sums.reshape(clusters, count).T @ sums.reshape(clusters, count)
        size = np.sqrt(np.diag(product))
        found[m] = np.divide(product, np.outer(size, size), out=found[m], where=np.outer(size, size) > 0)
    return found


def pairs(estimate: np.ndarray, low: np.ndarray, high: np.ndarray, together: np.ndarray) -> np.ndarray:
    """Give the rate of each slice less that of each other, with its interval: (..., count, count, 3).

    The intervals of the two rates are joined (MOVER), with the correlation of their errors: Zou (2008), On the estimation of
    additive interaction by use of the four-by-two table and beyond, American Journal of Epidemiology 168, 212-224.

    Parameters
    ----------
    estimate, low, high : arrays, shape (..., count)
        At the level of all pairs together, see ``strict``.
    together : array, shape (..., count, count)
        ``correlations``.
    """
    down, up = estimate - low, high - estimate
    apart = estimate[..., :, None] - estimate[..., None, :]
    ends = []
    for first, second in ((down, up), (up, down)):
        a, b = first[..., :, None], second[..., None, :]
        ends.append(np.sqrt(np.maximum(a**2 + b**2 - 2 * together * a * b, 0.0)))
    return np.stack([apart, apart - ends[0], apart + ends[1]], axis=-1)


def widest(found: np.ndarray, names: Sequence[str]) -> tuple[str, str, float, float, float]:
    """Give the slices that lie farthest apart, how far, and the interval of the largest gap, from ``pairs`` of one rate.

    A slice whose rate has no value is left out. One whose rate has no interval leaves the largest gap without one.
    """
    apart = found[..., 0]
    if np.isnan(apart).all():
        return "", "", np.nan, np.nan, np.nan
    i, j = divmod(int(np.nanargmax(apart)), apart.shape[1])
    known = ~np.eye(len(apart), dtype=bool) & ~np.isnan(apart)
    low, high = (float(found[known, end].max(initial=-1.0)) for end in (1, 2))  # NaN where one is
    if np.isnan(high) or not known.any():
        return names[i], names[j], float(apart[i, j]), np.nan, np.nan
    return names[i], names[j], float(apart[i, j]), max(low, 0.0), high
