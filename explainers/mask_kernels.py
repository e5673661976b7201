"""The compiled loops of partial dependence (and, in part, of accumulated local effects) of small trees, whose leaves are the bits of one number. Imported only when they run.

They let go of Python's lock. Nodes are those of an ``Ensemble``; codes stand column by column, shape (p, rows); jobs are those of
``effect_kernels``. That each leaf is a bit, and a comparison that comes out takes the other side's leaves away, is the idea of QuickScorer
(Lucchese et al. 2015, SIGIR); here the comparisons of one column are kept apart, so that any one column can be left free.
"""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numpy as np
from numba import njit

from modelglass.explainers.effect_kernels import points_left
from modelglass.explainers.tree_kernels import COMPILED, goes

_SPREAD = np.uint64(0x03F79D71B4CB0A89)
_PLACE = np.zeros(64, dtype=np.int64)
_PLACE[[(int(_SPREAD) << i & (1 << 64) - 1) >> 58 for i in range(64)]] = np.arange(64)
ALL = ~np.uint64(0)


@njit(**COMPILED)
def lowest(bits):  # pragma: no cover
    """Give the place of the lowest bit that is set (de Bruijn's sequence)."""
    return _PLACE[((bits & (~bits + np.uint64(1))) * _SPREAD) >> np.uint64(58)]


@njit(**COMPILED)
def leaf_ranges(  # pragma: no cover
    starts,
    right,
    parent,
    leaf,
    slot,
    first_slot,
    first_range,
    job,
    way,
    split,
    bits,
    first,
    size,
    low,
    high,
    mask,
    reached,
):
    """Write which cells of each of a tree's jobs belong to a leaf, as far as the conditions on that job's column decide.

    low, high, mask (ranges,): of leaf l and slot s of tree t at first_range[t] + l * slots + s; first and last cell + 1, and which of those
    between where masks say it. reached (slots in all,): the leaves, as bits, that at least one grid point comes to.
    """
    for t in range(len(starts) - 1):
        slots = first_slot[t + 1] - first_slot[t]
        for v in range(starts[t], starts[t + 1]):
            if right[v] >= 0:
                continue
            at = first_range[t] + leaf[v] * slots
            for s in range(slots):
                j = job[first_slot[t] + s]
                points = size[j] if j >= 0 else 0
                low[at + s], high[at + s] = 0, points
                mask[at + s] = ALL if points >= 64 else (np.uint64(1) << np.uint64(points)) - np.uint64(1)
            child, node = v, parent[v]
            while node >= 0:
                s = slot[node]
                if job[first_slot[t] + s] >= 0:
                    low[at + s], high[at + s], mask[at + s] = points_left(
                        low[at + s], high[at + s], mask[at + s], node, child == node + 1, way, split, bits
                    )
                child, node = node, parent[node]
            for s in range(slots):
                if low[at + s] < high[at + s] and mask[at + s] != 0:
                    reached[first_slot[t] + s] |= np.uint64(1) << np.uint64(leaf[v])
                    low[at + s] += first[job[first_slot[t] + s]]
                    high[at + s] += first[job[first_slot[t] + s]]


@njit(**COMPILED)
def take_leaves(x, node, cut, shift, listed, goes_left, yes, no, into):  # pragma: no cover
    """Take from the leaves of rows with these codes, into (rows,), those that a node's comparison leaves out."""
    most = cut[node]
    if listed[node] >= 0:
        for r in range(len(x)):
            into[r] &= yes if goes(x[r], node, cut, shift, listed, goes_left) else no
    elif shift[node]:
        for r in range(len(x)):
            into[r] &= yes if cut.dtype.type(x[r] + 1) <= most else no
    else:
        for r in range(len(x)):
            into[r] &= yes if x[r] <= most else no


@njit(**COMPILED)
def left_over(  # pragma: no cover
    codes, tree, starts, right, feature, cut, shift, listed, goes_left, slot, keep_left, keep_right, slots, left
):
    """Write for each slot of a tree the leaves that its conditions leave, as bits: left (slots, rows)."""
    left[:slots] = ALL
    for v in range(starts[tree], starts[tree + 1]):
        if right[v] >= 0:
            take_leaves(codes[feature[v]], v, cut, shift, listed, goes_left, keep_left[v], keep_right[v], left[slot[v]])


@njit(**COMPILED)
def without_one(left, slots, reached, own, others):  # pragma: no cover
    """Turn left (slots, rows) into the leaves that are left without a slot's own conditions, but for the row's own leaf.

    own (rows,): the one leaf that all conditions leave; others (rows,): the slots, as bits, that have such leaves.
    """
    rows = left.shape[1]
    before = np.empty((slots, rows), np.uint64)
    own[:], others[:] = ALL, np.uint64(0)
    for s in range(slots):
        for r in range(rows):
            before[s, r] = own[r]
            own[r] &= left[s, r]
    after = np.empty(rows, np.uint64)
    after[:] = ALL
    for s in range(slots - 1, -1, -1):
        bit, may = np.uint64(1) << np.uint64(s), reached[s]
        for r in range(rows):
            here = left[s, r]
            free = before[s, r] & after[r] & may & ~own[r]
            after[r] &= here
            left[s, r] = free
            others[r] |= bit if free != 0 else np.uint64(0)


@njit(**COMPILED)
def add_small_trees(  # pragma: no cover
    codes, starts, output, right, feature, cut, shift, listed, goes_left, slot, keep_left, keep_right, first_slot, job, reached,
    first_leaf, value, first_range, low, high, mask, by_mask, whole, steps,
):  # fmt: skip
    """Add trees of at most 64 leaves as ``effect_kernels.add_trees`` does: to whole (rows, k) and steps (rows, k, cells).

    value (leaves, k); job, reached (slots in all,) as the arrays of ``leaf_ranges``; slots without a job have -1 and no leaves.
    """
    rows, k = codes.shape[1], value.shape[1]
    most = 0
    for t in range(len(starts) - 1):
        most = max(most, first_slot[t + 1] - first_slot[t])
    left, own, others = np.empty((most, rows), np.uint64), np.empty(rows, np.uint64), np.empty(rows, np.uint64)
    for t in range(len(starts) - 1):
        slots, to, leaves = first_slot[t + 1] - first_slot[t], output[t], first_leaf[t]
        jobs = job[first_slot[t] : first_slot[t + 1]]
        left_over(
            codes, t, starts, right, feature, cut, shift, listed, goes_left, slot, keep_left, keep_right, slots, left
        )
        without_one(left, slots, reached[first_slot[t] : first_slot[t + 1]], own, others)
        for r in range(rows):
            mine = leaves + lowest(own[r])
            for o in range(k):
                whole[r, to + o] += value[mine, o]
            waiting = others[r]
            while waiting:
                s = lowest(waiting)
                waiting &= waiting - np.uint64(1)
                free = left[s, r]
                while free:
                    leaf = lowest(free)
                    free &= free - np.uint64(1)
                    at = first_range[t] + leaf * slots + s
                    for o in range(k):
                        delta = value[leaves + leaf, o] - value[mine, o]
                        if by_mask[jobs[s]]:
                            for c in range(high[at] - low[at]):
                                steps[r, to + o, low[at] + c] += delta * float(
                                    (mask[at] >> np.uint64(c)) & np.uint64(1)
                                )
                        else:
                            steps[r, to + o, low[at]] += delta
                            steps[r, to + o, high[at]] -= delta
