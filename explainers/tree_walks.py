"""The compiled walks through trees that are too deep for tables, and their prediction. Imported only when they run.

Nodes are those of an ``Ensemble``; codes those of its ``codes``; phi has shape (k, p, rows).
"""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numpy as np
from numba import njit

from modelglass.explainers.tree_kernels import COMPILED, compare, goes


@njit(fastmath=True, **COMPILED)
def walk_tree(  # pragma: no cover
    codes, tree, starts, output, right, feature, parent, depth, same, share, together, value,
    cut, shift, listed, goes_left, points, weights, deepest, phi, outcome,
):  # fmt: skip
    """Add one deep tree to phi by a walk through all its nodes, many rows abreast.

    At each point of Gauss's rule the factors of the way down are multiplied, and on the way up the leaves below are added: work of nodes
    times points (the polynomial of Linear TreeSHAP, Yu et al. 2022, kept by its values instead of its coefficients).
    """
    rows, q, k = codes.shape[1], len(points), value.shape[1]
    start, stop = starts[tree], starts[tree + 1]
    compare(codes, start, stop, right, feature, cut, shift, listed, goes_left, outcome)
    holds = np.empty((deepest + 1, rows))
    down = np.empty((deepest + 1, q, rows))
    up = np.zeros((deepest + 1, k, q, rows))
    way = np.empty(deepest + 1, np.int64)
    for j in range(q):
        for r in range(rows):
            down[0, j, r] = weights[j]
    for i in range(start, stop):
        d = depth[i]
        way[d] = i
        if d > 0:
            _step_down(i, parent[i], d, depth, same, share, together, outcome[parent[i] - start], points, holds, down)
        if right[i] >= 0:
            up[d] = 0.0
            continue
        for o in range(k):
            for j in range(q):
                for r in range(rows):
                    up[d, o, j, r] = value[i, o] * down[d, j, r]
        ahead = depth[i + 1] if i + 1 < stop else 1
        for e in range(d, ahead - 1, -1):
            if e > 0:
                _step_up(
                    way[e], e, depth, same, together, feature[parent[way[e]]], output[tree], points, holds, up, phi
                )


@njit(fastmath=True, **COMPILED)
def _step_down(i, above, d, depth, same, share, together, left, points, holds, down):  # pragma: no cover
    rows, wanted = holds.shape[1], 1 if i == above + 1 else 0
    o = holds[d]
    for r in range(rows):
        o[r] = 1.0 if left[r] == wanted else 0.0
    before = same[i]
    if before < 0:
        for j in range(len(points)):
            g, t = (1.0 - points[j]) * together[i], points[j]
            for r in range(rows):
                down[d, j, r] = down[d - 1, j, r] * (g + t * o[r])
        return
    held = holds[depth[before]]
    for r in range(rows):
        o[r] *= held[r]
    for j in range(len(points)):
        t = points[j]
        inverse = 1.0 / ((1.0 - t) * together[before] + t)
        a, b = (1.0 - t) * together[i] * inverse - share[i], t * inverse
        for r in range(rows):
            down[d, j, r] = down[d - 1, j, r] * (share[i] + a * held[r] + b * o[r])


@njit(fastmath=True, **COMPILED)
def _step_up(i, d, depth, same, together, asked, output, points, holds, up, phi):  # pragma: no cover
    rows, k = holds.shape[1], up.shape[1]
    o, before = holds[d], same[i]
    for j in range(len(points)):
        t = points[j]
        low = -1.0 / (1.0 - t) if together[i] > 0.0 else 0.0
        high = (1.0 - together[i]) / (t + (1.0 - t) * together[i]) - low
        if before >= 0:
            z = together[before]
            base = low - (1.0 - z) / (t + (1.0 - t) * z)
            held = holds[depth[before]]
            for c in range(k):
                into, here, over = phi[output + c, asked], up[d, c, j], up[d - 1, c, j]
                for r in range(rows):
                    into[r] += (base * held[r] + high * o[r]) * here[r]
                    over[r] += here[r]
        else:
            for c in range(k):
                into, here, over = phi[output + c, asked], up[d, c, j], up[d - 1, c, j]
                for r in range(rows):
                    into[r] += (low + high * o[r]) * here[r]
                    over[r] += here[r]


@njit(**COMPILED)
def against_background(  # pragma: no cover
    codes,
    others,
    weight,
    tree,
    starts,
    output,
    right,
    feature,
    value,
    cut,
    shift,
    listed,
    goes_left,
    deepest,
    one_of,
    phi,
):
    """Add one deep tree to phi against background rows: others (p, B), weight (B,) summing to 1.

    Each row meets each background row: where both go the same way the walk does not branch, where they part it takes both ways and
    remembers whose value of the column it follows (Lundberg et al. 2020, independent TreeSHAP).
    """
    n, p, k = codes.shape[1], codes.shape[0], value.shape[1]
    owner = np.zeros(p, np.int8)
    stack, undo = np.empty(3 * deepest + 4, np.int64), np.empty(3 * deepest + 4, np.int64)
    for r in range(n):
        for b in range(others.shape[1]):
            mine, theirs, top = 0, 0, 1
            stack[0], undo[0] = starts[tree], -1
            while top:
                top -= 1
                node = stack[top]
                if node < 0:  # an entry that gives a column back
                    f = -node - 1
                    mine, theirs, owner[f] = mine - (owner[f] == 1), theirs - (owner[f] == 2), 0
                    continue
                if undo[top] >= 0:
                    f, who = undo[top] // 4, undo[top] % 4
                    owner[f] = who
                    mine, theirs = mine + (who == 1), theirs + (who == 2)
                while right[node] >= 0:
                    f = feature[node]
                    x = goes(codes[f, r], node, cut, shift, listed, goes_left)
                    y = goes(others[f, b], node, cut, shift, listed, goes_left)
                    if owner[f] == 1 or (owner[f] == 0 and x == y):
                        node = node + 1 if x else right[node]
                    elif owner[f] == 2:
                        node = node + 1 if y else right[node]
                    else:
                        stack[top], undo[top] = -f - 1, -1
                        stack[top + 1], undo[top + 1] = (node + 1 if y else right[node]), 4 * f + 2
                        stack[top + 2], undo[top + 2] = -f - 1, -1
                        top += 3
                        owner[f], mine = 1, mine + 1
                        node = node + 1 if x else right[node]
                if mine + theirs:
                    for f in range(p):
                        if owner[f] == 1:
                            for o in range(k):
                                phi[output[tree] + o, f, r] += weight[b] * value[node, o] * one_of[mine - 1, theirs]
                        elif owner[f] == 2:
                            for o in range(k):
                                phi[output[tree] + o, f, r] -= weight[b] * value[node, o] * one_of[mine, theirs - 1]


@njit(**COMPILED)
def predict(codes, starts, output, right, feature, value, cut, shift, listed, goes_left, out):  # pragma: no cover
    """Add the leaves that rows reach to out (k, rows)."""
    for tree in range(len(starts) - 1):
        for r in range(codes.shape[1]):
            node = starts[tree]
            while right[node] >= 0:
                left = goes(codes[feature[node], r], node, cut, shift, listed, goes_left)
                node = node + 1 if left else right[node]
            for o in range(value.shape[1]):
                out[output[tree] + o, r] += value[node, o]
