"""The compiled loops of exact Shapley values of trees. Imported only when they run, because numba takes a second to load.

All of them let go of Python's lock. Nodes are those of an ``Ensemble``; codes those of its ``codes``; phi has shape (k, p, rows).
"""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

COMPILED: dict[str, Any] = {"nogil": True, "cache": True, "boundscheck": False, "error_model": "numpy"}


@njit(**COMPILED)
def above_of(node, parent, feature, found):  # pragma: no cover
    """Write the distinct columns asked above a node; give how many."""
    m, at = 0, parent[node]
    while at >= 0:
        if _place(found, m, feature[at]) < 0:
            found[m] = feature[at]
            m += 1
        at = parent[at]
    return m


@njit(**COMPILED)
def _place(found, m, wanted):  # pragma: no cover
    for j in range(m):
        if found[j] == wanted:
            return j
    return -1


@njit(**COMPILED)
def cut_tree(start, stop, right, feature, parent, end, most, outputs, cost, whole):  # pragma: no cover
    """Find the cheapest cut of a tree into groups whose comparisons fit ``most`` bits; give its cost (inf: there is none).

    cost, whole (N,) are written: the cost of the part below a node, and whether that is one group. The cost is about the number of
    additions a row; a large table costs more than a small one because it leaves the processor's cache.
    """
    inside = np.zeros(stop - start, np.int64)
    found = np.empty(stop - start + 1, np.int64)
    for v in range(stop - 1, start - 1, -1):
        apart = np.inf
        if right[v] >= 0:
            inside[v - start] = 1 + inside[v + 1 - start] + inside[right[v] - start]
            apart = cost[v + 1] + cost[right[v]]
        own = np.inf
        if inside[v - start] <= most:
            m = above_of(v, parent, feature, found)
            bits = m + inside[v - start]
            if bits <= most:
                for i in range(v, end[v]):
                    if right[i] >= 0 and _place(found, m, feature[i]) < 0:
                        found[m] = feature[i]
                        m += 1
                own = m * outputs + 0.15 * bits + 1.0 + 2.0**bits * m * outputs * 2e-4
        cost[v] = min(own, apart)
        whole[v] = own <= apart and own < np.inf
    return cost[start]


@njit(**COMPILED)
def describe_group(v, right, feature, parent, end, terms, bit_of_term, columns):  # pragma: no cover
    """Say which comparisons make the bits of a group, in the order of bits; give (terms, bits above, bits, columns).

    One bit for each column asked above (all its conditions hold), then one for each node inside (goes left). A term is twice the node,
    plus 1 where left is wanted.
    """
    above = above_of(v, parent, feature, columns)
    t = 0
    for j in range(above):
        child, at = v, parent[v]
        while at >= 0:
            if feature[at] == columns[j]:
                terms[t] = 2 * at + (child == at + 1)
                bit_of_term[t] = j
                t += 1
            child, at = at, parent[at]
    bits, m = above, above
    for i in range(v, end[v]):
        if right[i] >= 0:
            terms[t] = 2 * i + 1
            bit_of_term[t] = bits
            bits += 1
            t += 1
            if _place(columns, m, feature[i]) < 0:
                columns[m] = feature[i]
                m += 1
    return t, above, bits, m


@njit(**COMPILED)
def leaf_patterns(leaf, v, right, feature, parent, end, share, above, columns, m, mask, want, z):  # pragma: no cover
    """For each of a group's columns: which bits tell that all its conditions on the way to a leaf hold, and their joint share.

    mask (m,): 0 where the way does not ask the column.
    """
    for j in range(m):
        mask[j], want[j], z[j] = 0, 0, 1.0
    child, at = leaf, parent[leaf]
    while at >= 0:
        j = _place(columns, m, feature[at])
        z[j] *= share[child]
        if at >= v:
            bit = above
            for i in range(v, at):
                if right[i] >= 0:
                    bit += 1
            mask[j] |= 1 << bit
            if child == at + 1:
                want[j] |= 1 << bit
        else:
            mask[j] |= 1 << j
            want[j] |= 1 << j
        child, at = at, parent[at]


@njit(**COMPILED)
def leaf_by_shares(u, z, points, weights, table):  # pragma: no cover
    """Fill table (u, 2**u): Shapley values of a leaf of value 1 for each pattern of conditions that hold, absent ones holding by share.

    The value of a set of present columns is a product over columns, so its Shapley value is an integral of a polynomial of degree
    u - 1 over the share of columns present; Gauss's rule with (u + 1) // 2 points gives it exactly.
    """
    factors = np.empty(u)
    for pattern in range(1 << u):
        for i in range(u):
            table[i, pattern] = 0.0
        for k in range(len(points)):
            product = weights[k]
            for i in range(u):
                factors[i] = (1.0 - points[k]) * z[i] + (points[k] if (pattern >> i) & 1 else 0.0)
                product *= factors[i]
            if product != 0.0:
                for i in range(u):
                    table[i, pattern] += product * (float((pattern >> i) & 1) - z[i]) / factors[i]


@njit(**COMPILED)
def leaf_by_background(u, held, weight, one_of, table):  # pragma: no cover
    """The same against background rows: held (B,) their patterns, weight (B,) summing to 1, one_of (a, b) = a! b! / (a + b + 1)!."""
    full = (1 << u) - 1
    for pattern in range(1 << u):
        for i in range(u):
            table[i, pattern] = 0.0
        for b in range(len(held)):
            if weight[b] == 0.0 or (pattern | held[b]) != full:
                continue
            only_row, only_other = 0, 0
            for i in range(u):
                here, there = (pattern >> i) & 1, (held[b] >> i) & 1
                only_row += here & (1 - there)
                only_other += there & (1 - here)
            for i in range(u):
                here, there = (pattern >> i) & 1, (held[b] >> i) & 1
                if here and not there:
                    table[i, pattern] += weight[b] * one_of[only_row - 1, only_other]
                elif there and not here:
                    table[i, pattern] -= weight[b] * one_of[only_row, only_other - 1]


@njit(**COMPILED)
def fill_group(  # pragma: no cover
    v, right, feature, parent, end, share, value, above, bits, columns, m, gauss, held, weight, one_of, table
):
    """Add up the leaves of a group: table (k, m, 2**bits), zero on entry.

    gauss (3, n): the number of points, points and weights of Gauss's rules, one after the other. held (B,): for each background row the
    bits of the group; empty: absent columns hold by share.
    """
    size = 1 << bits
    mask, want = np.empty(m, np.int64), np.empty(m, np.int64)
    z, own, place = np.empty(m), np.empty(m), np.empty(m, np.int64)
    count, seen = np.zeros(size), np.empty(min(len(held), size) if len(held) else 0, np.int64)
    for leaf in range(v, end[v]):
        if right[leaf] >= 0:
            continue
        leaf_patterns(leaf, v, right, feature, parent, end, share, above, columns, m, mask, want, z)
        u = np.int64(0)  # no literal: what is called with it is then compiled once
        for j in range(m):
            if mask[j]:
                place[u], own[u] = j, z[j]
                u += 1
        if u == 0:
            continue
        one = np.empty((u, 1 << u))
        if len(held):
            distinct = 0
            for b in range(len(held)):
                pattern = _pattern(held[b], u, place, mask, want)
                if count[pattern] == 0.0:
                    seen[distinct] = pattern
                    distinct += 1
                count[pattern] += weight[b]
            sums = np.empty(distinct)
            for i in range(distinct):
                sums[i] = count[seen[i]]
                count[seen[i]] = 0.0
            leaf_by_background(u, seen[:distinct], sums, one_of, one)
        else:
            q = (u + 1) // 2
            first = q * (q - 1) // 2
            leaf_by_shares(u, own, gauss[0, first : first + q], gauss[1, first : first + q], one)
        for s in range(size):
            pattern = _pattern(s, u, place, mask, want)
            for o in range(value.shape[1]):
                if value[leaf, o] != 0.0:
                    for i in range(u):
                        table[o, place[i], s] += value[leaf, o] * one[i, pattern]


@njit(**COMPILED)
def _pattern(s, u, place, mask, want):  # pragma: no cover
    pattern = 0
    for i in range(u):
        if (s & mask[place[i]]) == want[place[i]]:
            pattern |= 1 << i
    return pattern


@njit(**COMPILED)
def compare(codes, start, stop, right, feature, cut, shift, listed, goes_left, out):  # pragma: no cover
    """Write out (nodes, rows): 1 where a row goes left at a node; untouched for leaves."""
    for i in range(start, stop):
        if right[i] < 0:
            continue
        at, column, most = i - start, feature[i], cut[i]
        if listed[i] >= 0:
            known = goes_left[listed[i] :]
            for r in range(codes.shape[1]):
                out[at, r] = known[codes[column, r]]
        elif shift[i]:  # the code of missing is the largest, and becomes 0
            for r in range(codes.shape[1]):
                out[at, r] = cut.dtype.type(codes[column, r] + 1) <= most
        else:
            for r in range(codes.shape[1]):
                out[at, r] = codes[column, r] <= most


@njit(**COMPILED)
def index_group(start, terms, bit_of_term, outcome, held, index):  # pragma: no cover
    """Write index (rows,): the bits of a group for each row."""
    rows = len(index)
    for r in range(rows):
        index[r] = 0
    t, last = 0, len(terms)
    while t < last:
        bit = bit_of_term[t]
        for r in range(rows):
            held[r] = 1
        while t < last and bit_of_term[t] == bit:
            flip = np.uint8(1 - (terms[t] & 1))
            o = outcome[(terms[t] >> 1) - start]
            for r in range(rows):
                held[r] &= o[r] ^ flip
            t += 1
        for r in range(rows):
            index[r] |= np.uint16(np.uint16(held[r]) << np.uint16(bit))


@njit(fastmath=True, **COMPILED)
def add_groups(  # pragma: no cover
    codes, tree, starts, output, right, feature, cut, shift, listed, goes_left,
    first_group, first_term, terms, bit_of_term, bits, first_column, columns, first_cell, cells, phi, outcome,
):  # fmt: skip
    """Add the groups of one tree to phi: for each row look its bits up and add one line of the group's table."""
    rows = codes.shape[1]
    index, held = np.empty(rows, np.uint16), np.empty(rows, np.uint8)
    start = starts[tree]
    compare(codes, start, starts[tree + 1], right, feature, cut, shift, listed, goes_left, outcome)
    for g in range(first_group[tree], first_group[tree + 1]):
        a, b = first_term[g], first_term[g + 1]
        index_group(start, terms[a:b], bit_of_term[a:b], outcome, held, index)
        size, at = 1 << bits[g], first_cell[g]
        m = first_column[g + 1] - first_column[g]
        outputs = (first_cell[g + 1] - at) // max(m * size, 1)
        for o in range(outputs):
            for j in range(first_column[g], first_column[g + 1]):
                column, into = cells[at : at + size], phi[output[tree] + o, columns[j]]
                for r in range(rows):
                    into[r] += column[index[r]]
                at += size


@njit(**COMPILED)
def goes(code, node, cut, shift, listed, goes_left):  # pragma: no cover
    """Tell whether a code goes left at a node."""
    if listed[node] >= 0:
        return goes_left[listed[node] + code] == 1
    return cut.dtype.type(code + shift[node]) <= cut[node]
