"""A few typical curves for many: rows whose answers follow a column in the same shape, and their share."""

from __future__ import annotations

import numpy as np

ENOUGH = 0.9
"""The fewest curves are taken that explain this share of how rows respond."""


def typical(lines: np.ndarray, weight: np.ndarray | None = None, most: int = 3, seed: int = 0) -> np.ndarray:
    """Tell which lines are alike in shape, whatever their height.

    Each line is taken around its own mean and put to the nearest of k centres (k-means, Lloyd 1982); k is the smallest that explains nine
    tenths of the sum of squares, at most ``most``. It describes these rows and tests nothing.

    Parameters
    ----------
    lines : array, shape (rows, grid)
    weight : array, shape (rows,), optional

    Returns
    -------
    array of int, shape (rows,)
        Place of each line's cluster, that of the largest share first.

    >>> typical(np.array([[0.0, 1, 2], [5, 6, 7], [4, 3, 2.0]])).tolist()
    [0, 0, 1]
    """
    from sklearn.cluster import KMeans

    weight = np.ones(len(lines)) if weight is None else np.asarray(weight, dtype=float)
    shape = lines - lines.mean(axis=1, keepdims=True)
    total = float(weight @ (shape**2).sum(axis=1))
    labels = np.zeros(len(lines), dtype=np.int64)
    used = np.flatnonzero(weight > 0)
    different = len(np.unique(shape[used].round(12), axis=0))
    for k in range(1, min(most, different) + 1):
        found = KMeans(k, n_init=5, random_state=seed).fit(shape[used], sample_weight=weight[used])
        labels = found.predict(shape)
        if found.inertia_ <= (1 - ENOUGH) * total:
            break
    share = np.bincount(labels, weights=weight)
    place = np.empty(len(share), dtype=np.int64)
    place[np.argsort(-share, kind="stable")] = np.arange(len(share))
    return place[labels]
