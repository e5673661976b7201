"""Compiled: the sweep over leaves behind certified costs."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def swept(cost, value, tree, trees, need):  # type: ignore[no-untyped-def]
    """For each row: open leaves in order of their cost, keep each tree's largest value, stop where their sum reaches ``need``."""
    m = cost.shape[0]
    out = np.empty(m)
    best = np.empty(trees)
    for i in range(m):
        order = np.argsort(cost[i])
        best[:] = -np.inf
        closed, total = trees, 0.0
        out[i] = np.inf
        for leaf in order:
            if np.isinf(cost[i, leaf]):
                break
            t = tree[leaf]
            if value[leaf] > best[t]:
                if np.isinf(best[t]):
                    closed -= 1
                    total += value[leaf]
                else:
                    total += value[leaf] - best[t]
                best[t] = value[leaf]
            if closed == 0 and total >= need[i]:
                out[i] = cost[i, leaf]
                break
    return out
