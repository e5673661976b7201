"""The compiled loop of accumulated local effects of trees. Imported only when it runs, because numba takes a second to load.

It lets go of Python's lock. Nodes are those of an ``Ensemble``; codes stand row by row, shape (rows, p); jobs are those of ``effect_kernels``.
"""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numpy as np
from numba import njit

from modelglass.explainers.effect_kernels import PREFIX, SUFFIX
from modelglass.explainers.tree_kernels import COMPILED, goes


@njit(**COMPILED)
def _point_goes(point, node, way, split, bits):  # pragma: no cover
    """Tell whether a grid point of the job that a node asks goes left there."""
    if way[node] == PREFIX:
        return point < split[node]
    if way[node] == SUFFIX:
        return point >= split[node]
    return (bits[node] >> np.uint64(point)) & np.uint64(1) == 1


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
                j, s, v = whose[c], slot[c], nodes[c]
                apart[j, s] = False
                p = points[r, j, s]
                while right[v] >= 0:
                    if job[v] == j:
                        left = _point_goes(p, v, way, split, bits)
                    else:
                        left = goes(x[feature[v]], v, cut, shift, listed, goes_left)
                    v = v + 1 if left else right[v]
                for o in range(k):
                    moved[r, to + o, j, s] += value[v, o] - value[node, o]
