"""The compiled loops of accumulated local effects of trees. Imported only when they run, because numba takes a second to load.

They let go of Python's lock. Nodes are those of an ``Ensemble``; codes stand row by row, shape (rows, p), for small trees column by column
too; jobs are those of ``effect_kernels``.
"""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numpy as np
from numba import njit

from modelglass.explainers.effect_kernels import MASK, PREFIX, SUFFIX
from modelglass.explainers.mask_kernels import ALL, lowest, take_leaves
from modelglass.explainers.tree_kernels import COMPILED, goes


@njit(**COMPILED)
def _point_goes(point, node, way, split, bits):  # pragma: no cover
    """Tell whether a grid point of the job that a node asks goes left there."""
    if way[node] == PREFIX:
        return point < split[node]
    if way[node] == SUFFIX:
        return point >= split[node]
    return (bits[node] >> np.uint64(point)) & np.uint64(1) == 1


@njit(inline="always", **COMPILED)
def _follow(x, j, p, v, right, feature, cut, shift, listed, goes_left, job, way, split, bits):  # pragma: no cover
    """Go down from node v with a row whose job j holds a grid point; give the leaf."""
    while right[v] >= 0:
        if job[v] == j:
            left = _point_goes(p, v, way, split, bits)
        else:
            left = goes(x[feature[v]], v, cut, shift, listed, goes_left)
        v = v + 1 if left else right[v]
    return v


@njit(**COMPILED)
def add_points(  # pragma: no cover
    codes, starts, output, right, feature, value, cut, shift, listed, goes_left, job, way, split, bits, points, whole, moved,
):  # fmt: skip
    """Add all trees: to whole (rows, k) each row's own output, to moved (rows, k, jobs, w) what changes at chosen points of each job.

    The row goes down each tree once. Only where a chosen point goes the other way than the row does it leave the row's path, once, and is
    followed from there: near points hardly ever do.

    points (rows, jobs, w): grid points of the jobs, -1: none.
    """
    k, jobs, w = value.shape[1], points.shape[1], points.shape[2]
    apart = np.zeros((jobs, w), np.bool_)
    nodes, whose, slot = np.empty(jobs * w, np.int64), np.empty(jobs * w, np.int64), np.empty(jobs * w, np.int64)
    for tree in range(len(starts) - 1):
        to = output[tree]
        for r in range(codes.shape[0]):
            x, node, count = codes[r], starts[tree], 0
            while right[node] >= 0:
                left = goes(x[feature[node]], node, cut, shift, listed, goes_left)
                j = job[node]
                if j >= 0:
                    for s in range(w):
                        p = points[r, j, s]
                        if p >= 0 and not apart[j, s] and _point_goes(p, node, way, split, bits) != left:
                            apart[j, s] = True
                            nodes[count], whose[count], slot[count] = right[node] if left else node + 1, j, s
                            count += 1
                node = node + 1 if left else right[node]
            for o in range(k):
                whole[r, to + o] += value[node, o]
            for c in range(count):
                j, s = whose[c], slot[c]
                apart[j, s] = False
                v = _follow(
                    x,
                    j,
                    points[r, j, s],
                    nodes[c],
                    right,
                    feature,
                    cut,
                    shift,
                    listed,
                    goes_left,
                    job,
                    way,
                    split,
                    bits,
                )
                for o in range(k):
                    moved[r, to + o, j, s] += value[v, o] - value[node, o]


@njit(**COMPILED)
def _mark(node, bit, way, split, bits, of_left, of_right, own, at, marked):  # pragma: no cover
    """Set a bit of the rows that come to a node and go another way there than an end of their step at (rows,), -1: none.

    of_left, of_right: leaves on each side, as bits; own (rows,): the leaf each row ends in.
    """
    if way[node] == MASK:
        goes_left = bits[node]
        for r in range(len(at)):
            if at[r] >= 0 and own[r] & (of_left | of_right) != 0:
                ends = (goes_left >> np.uint64(at[r])) & np.uint64(3)
                if ends != (np.uint64(3) if own[r] & of_left != 0 else np.uint64(0)):
                    marked[r] |= bit
        return
    first = of_left if way[node] == PREFIX else of_right  # the side of points before the split
    then, k = of_right if way[node] == PREFIX else of_left, split[node]
    for r in range(len(at)):
        apart = (at[r] >= 0) & (((own[r] & first != 0) & (at[r] + 1 >= k)) | ((own[r] & then != 0) & (at[r] < k)))
        marked[r] |= bit if apart else np.uint64(0)


@njit(**COMPILED)
def add_small_steps(  # pragma: no cover
    codes, by_row, starts, output, right, feature, value, cut, shift, listed, goes_left, keep_left, keep_right, first_leaf, of_leaf,
    job, way, split, bits, steps, points, whole, moved,
):  # fmt: skip
    """Add trees of at most 64 leaves as ``add_points`` does, for points that are the two ends of steps.

    Where all rows end, and at which nodes on their way they part from an end of a step, is found for many rows at once; only from there
    are points followed, each from the first such node.

    codes (p, rows), by_row (rows, p): the same; steps (jobs, w, rows), points (rows, jobs, 2 w): their ends. keep_left, keep_right, first_leaf
    and of_leaf as in ``Leaves`` (of_leaf: its value).
    """
    rows, k = codes.shape[1], value.shape[1]
    own, marked = np.empty(rows, np.uint64), np.empty(rows, np.uint64)
    inner, done = np.empty(64, np.int64), np.full(points.shape[1:], -1)
    for t in range(len(starts) - 1):
        to, count = output[t], 0
        own[:], marked[:] = ALL, np.uint64(0)
        for v in range(starts[t], starts[t + 1]):
            if right[v] >= 0:
                take_leaves(codes[feature[v]], v, cut, shift, listed, goes_left, keep_left[v], keep_right[v], own)
                inner[count] = v
                count += 1
        for i in range(count):
            v, bit = inner[i], np.uint64(1) << np.uint64(i)
            for s in range(steps.shape[1] if job[v] >= 0 else 0):
                _mark(v, bit, way, split, bits, ~keep_right[v], ~keep_left[v], own, steps[job[v], s], marked)
        for r in range(rows):
            mine, waiting, now = first_leaf[t] + lowest(own[r]), marked[r], t * rows + r
            for o in range(k):
                whole[r, to + o] += of_leaf[mine, o]
            while waiting:
                node = inner[lowest(waiting)]  # a node stands behind those above it
                waiting &= waiting - np.uint64(1)
                j, left = job[node], own[r] & ~keep_right[node] != 0
                for s in range(points.shape[2]):
                    p = points[r, j, s]
                    if p >= 0 and done[j, s] != now and _point_goes(p, node, way, split, bits) != left:
                        done[j, s] = now
                        leaf = _follow(
                            by_row[r], j, p, right[node] if left else node + 1, right, feature, cut, shift, listed, goes_left,
                            job, way, split, bits,
                        )  # fmt: skip
                        for o in range(k):
                            moved[r, to + o, j, s] += value[leaf, o] - of_leaf[mine, o]
