"""The compiled loop that follows rows through trees with some columns taken from other rows. Imported only when it runs."""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numpy as np
from numba import njit

from modelglass.explainers.tree_kernels import COMPILED, goes


@njit(**COMPILED)
def moved(  # pragma: no cover
    codes, orders, begin, stop, first, groups, columns, place_of, starts, output, right, feature, value, cut, shift, listed, goes_left, out,
):  # fmt: skip
    """Add to out (rows, groups, k) how much the sum of the trees moves when a group of columns comes from another row.

    codes (n, p); row r takes the columns of group g from row orders[g, r]. Pairs of column and group stand sorted by column: those of column
    f at first[f] : first[f + 1], their groups in ``groups`` and columns in ``columns``; place_of (groups, p) is the pair's place, -1 where
    the group does not hold the column. Each row goes down each tree once; where a node asks a column of a group and the other row's value
    goes the other way, that group's own way is followed from there. So a group costs little in trees and branches that do not ask it.
    """
    n_groups, k, pairs = orders.shape[0], value.shape[1], len(groups)
    left_at = np.full(n_groups, -1, np.int64)  # the last (row, tree) in which a group has left the row's way
    leaf_of, gone = np.empty(n_groups, np.int64), np.empty(n_groups, np.int64)
    rows = stop - begin
    taken = np.empty((rows, pairs), codes.dtype)
    for r in range(rows):
        for i in range(pairs):
            taken[r, i] = codes[orders[groups[i], begin + r], columns[i]]
    stamp = 0
    for tree in range(len(starts) - 1):
        o, root = output[tree], starts[tree]
        for r in range(rows):
            stamp += 1
            left, node = 0, root
            own, others = codes[begin + r], taken[r]
            while right[node] >= 0:
                f = feature[node]
                mine = goes(own[f], node, cut, shift, listed, goes_left)
                for i in range(first[f], first[f + 1]):
                    if goes(others[i], node, cut, shift, listed, goes_left) == mine:
                        continue
                    g = groups[i]
                    if left_at[g] == stamp:
                        continue
                    left_at[g] = stamp
                    at = right[node] if mine else node + 1
                    while right[at] >= 0:
                        h = feature[at]
                        j = place_of[g, h]
                        code = own[h] if j < 0 else others[j]
                        at = at + 1 if goes(code, at, cut, shift, listed, goes_left) else right[at]
                    leaf_of[left], gone[left] = at, g
                    left += 1
                node = node + 1 if mine else right[node]
            for i in range(left):
                for c in range(k):
                    out[r, gone[i], o + c] += value[leaf_of[i], c] - value[node, c]
