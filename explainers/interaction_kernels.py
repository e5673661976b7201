"""The compiled walks that give exact Shapley interactions of trees. Imported only when they run.

Nodes are those of an ``Ensemble``; codes those of its ``codes``; found has shape (k, pairs, rows).
"""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numpy as np
from numba import njit

from modelglass.explainers.tree_kernels import COMPILED, compare
from modelglass.explainers.tree_walks import _step_down


@njit(**COMPILED)
def mark_pairs(right, feature, parent, group, together):  # pragma: no cover
    """Mark in together (g, g) the groups of columns that are asked on a common way."""
    for i in range(len(right)):
        if right[i] < 0:
            continue
        a, at = group[feature[i]], parent[i]
        while at >= 0:
            b = group[feature[at]]
            if a >= 0 and b >= 0 and a != b:
                together[min(a, b), max(a, b)] = True
            at = parent[at]


@njit(fastmath=True, **COMPILED)
def walk_pairs(  # pragma: no cover
    codes, tree, starts, output, right, feature, parent, depth, same, share, together, value,
    cut, shift, listed, goes_left, points, weights, deepest, pair_of, found, outcome,
):  # fmt: skip
    """Add one tree to found: for each pair of columns their whole Shapley interaction.

    For a leaf the worth of a set of present columns is a product over columns, so the interaction of two is an integral, over the share
    t of columns present, of the leaf's product times (o - z) / (t o + (1 - t) z) of either column (o: its conditions hold for the row,
    z: for which share of the training rows). Both factors are sums over the edges of the way that ask the column, so each pair of edges
    is met once, at the lower one, with the leaves below it added up.
    """
    rows, q, k = codes.shape[1], len(points), value.shape[1]
    start, stop = starts[tree], starts[tree + 1]
    compare(codes, start, stop, right, feature, cut, shift, listed, goes_left, outcome)
    holds = np.empty((deepest + 1, rows))
    down, gain = np.empty((deepest + 1, q, rows)), np.empty((deepest + 1, q, rows))
    up = np.zeros((deepest + 1, k, q, rows))
    way, spare = np.empty(deepest + 1, np.int64), np.empty((q, rows))
    for j in range(q):
        for r in range(rows):
            down[0, j, r] = weights[j]
    for i in range(start, stop):
        d = depth[i]
        way[d] = i
        if d > 0:
            _step_down(i, parent[i], d, depth, same, share, together, outcome[parent[i] - start], points, holds, down)
            _gain(i, d, depth, same, together, points, holds, gain[d])
        if right[i] >= 0:
            up[d] = 0.0
            continue
        for o in range(k):
            for j in range(q):
                for r in range(rows):
                    up[d, o, j, r] = value[i, o] * down[d, j, r]
        ahead = depth[i + 1] if i + 1 < stop else 1
        for e in range(d, ahead - 1, -1):
            if e == 0:
                continue
            for o in range(k):
                _meet(way, e, parent, feature, pair_of, gain, up[e, o], spare, found[output[tree] + o])
                for j in range(q):
                    for r in range(rows):
                        up[e - 1, o, j, r] += up[e, o, j, r]


@njit(fastmath=True, **COMPILED)
def _gain(i, d, depth, same, together, points, holds, gain):  # pragma: no cover
    """Write gain (q, rows): what the edge into node i adds to its column's factor (o - z) / (t o + (1 - t) z)."""
    o, before = holds[d], same[i]
    for j in range(len(points)):
        t = points[j]
        low = -1.0 / (1.0 - t) if together[i] > 0.0 else 0.0
        high = (1.0 - together[i]) / (t + (1.0 - t) * together[i]) - low
        if before < 0:
            for r in range(len(o)):
                gain[j, r] = low + high * o[r]
            continue
        z = together[before]
        base = low - (1.0 - z) / (t + (1.0 - t) * z)
        held = holds[depth[before]]
        for r in range(len(o)):
            gain[j, r] = base * held[r] + high * o[r]


@njit(fastmath=True, **COMPILED)
def _meet(way, e, parent, feature, pair_of, gain, up, spare, found):  # pragma: no cover
    """Let the edge at depth e meet all edges above it that ask another column."""
    q, rows = up.shape
    asked = feature[parent[way[e]]]
    ready = False
    for d in range(1, e):
        pair = pair_of[asked, feature[parent[way[d]]]]
        if pair < 0:
            continue
        if not ready:
            for j in range(q):
                for r in range(rows):
                    spare[j, r] = gain[e, j, r] * up[j, r]
            ready = True
        into = found[pair]
        for j in range(q):
            for r in range(rows):
                into[r] += spare[j, r] * gain[d, j, r]
