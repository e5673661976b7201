"""The compiled loops of partial dependence. Imported only when they run, because numba takes a second to load.

They let go of Python's lock. Nodes are those of an ``Ensemble``; codes stand row by row, shape (rows, p). A *job* is a raw column with its
grid; its cells stand together, and the cells of all jobs side by side.
"""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numpy as np
from numba import njit

from modelglass.explainers.tree_kernels import COMPILED, goes

PREFIX, SUFFIX, MASK = 0, 1, 2


@njit(**COMPILED)
def points_left(low, high, mask, node, left, way, split, bits):  # pragma: no cover
    """Give what of a job's grid points (places low to high, or a mask of bits) goes left, or right, at a node that asks its column."""
    if way[node] == MASK:
        return low, high, mask & (bits[node] if left else ~bits[node])
    if (way[node] == PREFIX) == left:
        return low, min(high, split[node]), mask
    return max(low, split[node]), high, mask


@njit(**COMPILED)
def _add(into, at, size, low, high, mask, by_mask, delta):  # pragma: no cover
    """Add to some of a job's cells: to the steps between them, or where a mask says."""
    if not by_mask:
        into[at + low] += delta
        into[at + high] -= delta
        return
    for c in range(size):
        into[at + c] += delta * float((mask >> np.uint64(c)) & np.uint64(1))


@njit(**COMPILED)
def add_trees(  # pragma: no cover
    codes, starts, output, right, feature, value, cut, shift, listed, goes_left, deepest,
    job, way, split, bits, first, size, by_mask, whole, steps,
):  # fmt: skip
    """Add all trees: to whole (rows, k) each row's own output, to steps (rows, k, cells) what changes when a job's column is set.

    A row adds to a leaf where all conditions on the way hold, or where those that fail ask one column only: so from each node on the
    row's own way, the other side is followed with that node's column free and all others fixed.

    job (N,): the job of the column asked, -1: none. way, split, bits (N,): which grid points of the job go left: those before ``split``
    (PREFIX), from it on (SUFFIX), or those whose bit is set (MASK). first, size, by_mask (jobs,): first cell, grid points, and
    whether cells hold values (MASK) or the steps between them. Each job has one more cell than points.
    """
    k, count = value.shape[1], len(first)
    path = np.empty(deepest + 2, np.int64)
    low, high = np.zeros(count, np.int64), size.copy()
    full = np.empty(count, np.uint64)
    for j in range(count):
        full[j] = ~np.uint64(0) if size[j] >= 64 else (np.uint64(1) << np.uint64(size[j])) - np.uint64(1)
    mask = full.copy()
    stack = np.empty(deepest + 2, np.int64)
    lows, highs = np.empty(deepest + 2, np.int64), np.empty(deepest + 2, np.int64)
    masks = np.empty(deepest + 2, np.uint64)
    for tree in range(len(starts) - 1):
        to = output[tree]
        for r in range(codes.shape[0]):
            x, depth, node = codes[r], 0, starts[tree]
            while right[node] >= 0:
                path[depth] = node
                depth += 1
                node = node + 1 if goes(x[feature[node]], node, cut, shift, listed, goes_left) else right[node]
            own = node
            path[depth] = own
            for o in range(k):
                whole[r, to + o] += value[own, o]
            for d in range(depth):
                v = path[d]
                j = job[v]
                if j < 0:
                    continue
                left = path[d + 1] == v + 1
                a, b, m = points_left(low[j], high[j], mask[j], v, not left, way, split, bits)
                low[j], high[j], mask[j] = points_left(low[j], high[j], mask[j], v, left, way, split, bits)
                if a >= b or m == 0:
                    continue
                top = 1
                stack[0], lows[0], highs[0], masks[0] = right[v] if left else v + 1, a, b, m
                while top:
                    top -= 1
                    node, a, b, m = stack[top], lows[top], highs[top], masks[top]
                    while right[node] >= 0:
                        if job[node] == j:
                            c, e, n = points_left(a, b, m, node, False, way, split, bits)
                            a, b, m = points_left(a, b, m, node, True, way, split, bits)
                            if a >= b or m == 0:
                                node, a, b, m = right[node], c, e, n
                                continue
                            if c < e and n != 0:
                                stack[top], lows[top], highs[top], masks[top] = right[node], c, e, n
                                top += 1
                            node = node + 1
                        elif goes(x[feature[node]], node, cut, shift, listed, goes_left):
                            node = node + 1
                        else:
                            node = right[node]
                    for o in range(k):
                        delta = value[node, o] - value[own, o]
                        if delta != 0.0:
                            _add(steps[r, to + o], first[j], size[j], a, b, m, by_mask[j], delta)
            for d in range(depth):
                j = job[path[d]]
                if j >= 0:
                    low[j], high[j], mask[j] = 0, size[j], full[j]


@njit(**COMPILED)
def summed(whole, steps, base, first, size, by_mask, out):  # pragma: no cover
    """Turn steps (rows, k, cells) into the raw output at each grid point, out (rows, k, points)."""
    for r in range(steps.shape[0]):
        for o in range(steps.shape[1]):
            at, own = 0, whole[r, o] + base[o]
            for j in range(len(first)):
                running = own
                for c in range(size[j]):
                    here = steps[r, o, first[j] + c]
                    if by_mask[j]:
                        out[r, o, at] = own + here
                    else:
                        running += here
                        out[r, o, at] = running
                    at += 1


@njit(fastmath=True, **COMPILED)
def add_powers(out, about, sums):  # pragma: no cover
    """Write the sums over rows of the first four powers of out (m, rows) minus about (m,), into sums (4, m)."""
    for c in range(out.shape[0]):
        one = two = three = four = 0.0
        for r in range(out.shape[1]):
            x = out[c, r] - about[c]
            square = x * x
            one += x
            two += square
            three += square * x
            four += square * square
        sums[0, c], sums[1, c], sums[2, c], sums[3, c] = one, two, three, four
