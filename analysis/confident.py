"""Confident learning: which rows a model is sure are of another class than their label says (Northcutt, Jiang and Chuang 2021).

Journal of Artificial Intelligence Research 70, 1373-1411. The scores must be of a model that was not fitted on these rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
_CLOSE = 1e-9
"""A probability so little below its threshold reaches it: means of equal numbers are rounded."""


def thresholds(y: np.ndarray, proba: Floats, weight: Floats | None = None) -> Floats:
    """Give for each class the mean probability of it among the rows so labelled, (k,); NaN for a class without weight.

    >>> thresholds(np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.7, 0.3], [0.4, 0.6]])).round(2).tolist()
    [0.8, 0.6]
    """
    k = proba.shape[1]
    w = np.ones(len(y)) if weight is None else weight
    own = proba[np.arange(len(y)), y]
    with np.errstate(invalid="ignore"):
        return np.bincount(y, weights=w * own, minlength=k) / np.bincount(y, weights=w, minlength=k)


def likely_class(proba: Floats, at: Floats) -> NDArray[np.int64]:
    """Give for each row the class that it surely is, (n,); -1 where the model is sure of none.

    A row is surely of a class whose threshold its probability reaches; where there are several, of the most probable of these.
    """
    reached = proba >= at - _CLOSE  # NaN: never
    best = np.where(reached, proba, -np.inf).argmax(axis=1)
    return np.where(reached.any(axis=1), best, -1)


def confident_joint(
    y: np.ndarray, likely: np.ndarray, k: int, weight: Floats | None = None
) -> tuple[NDArray[np.int64], Floats]:
    """Count the rows a model is sure of by label and likely class, (k, k), and estimate that table for all rows.

    The estimate is calibrated as in the paper: each label's counts are scaled to the weight of all rows so labelled.
    """
    sure = likely >= 0
    cell = y[sure] * k + likely[sure]
    n = np.bincount(cell, minlength=k * k).reshape(k, k)
    w = n.astype(float) if weight is None else np.bincount(cell, weights=weight[sure], minlength=k * k).reshape(k, k)
    whole = np.bincount(y, weights=weight, minlength=k).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = w / w.sum(axis=1, keepdims=True) * whole[:, None]
    alone = np.diag(whole)
    return n, np.where(w.sum(axis=1, keepdims=True) > 0, scaled, alone)


def margins(y: np.ndarray, proba: Floats) -> tuple[Floats, Floats]:
    """Give the self-confidence of each row (probability of its label) and its normalised margin (that less the largest other one)."""
    rows = np.arange(len(y))
    own = proba[rows, y]
    others = proba.copy()
    others[rows, y] = -np.inf
    return own, own - others.max(axis=1)
