"""The compiled loops of effects over many rows: bins, sums of powers in them, steps and grids of a perceptron. Imported only when they run.

They let go of Python's lock.
"""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numpy as np
from numba import njit

from modelglass.explainers.tree_kernels import COMPILED

BLOCK = 1_024


@njit(**COMPILED)
def _count_four(x, a, b, c, d, start, found):  # pragma: no cover
    for r in range(len(found)):
        here = x[start + r]
        two = (1.0 if here > a else 0.0) + (1.0 if here > b else 0.0)
        found[r] += two + (1.0 if here > c else 0.0) + (1.0 if here > d else 0.0)


@njit(**COMPILED)
def steps_above(edges, x, out):  # pragma: no cover
    """Write the number of edges below each number, out int64 (n,); the number of edges is a multiple of four."""
    for start in range(0, len(x), BLOCK):
        found = np.zeros(min(BLOCK, len(x) - start))
        for e in range(0, len(edges), 4):
            _count_four(x, edges[e], edges[e + 1], edges[e + 2], edges[e + 3], start, found)
        for r in range(len(found)):
            out[start + r] = np.int64(found[r])


@njit(**COMPILED)
def sums_in_bins(x, bin_of, count, mean, sums):  # pragma: no cover
    """Write how many numbers each bin holds, their mean, and the sums of second to fourth powers around it, sums (3, bins); all start at 0."""
    for r in range(len(x)):
        count[bin_of[r]] += 1
        mean[bin_of[r]] += x[r]
    for b in range(len(count)):
        mean[b] /= max(count[b], 1)
    for r in range(len(x)):
        b = bin_of[r]
        own = x[r] - mean[b]
        square = own * own
        sums[0, b] += square
        sums[1, b] += square * own
        sums[2, b] += square * square


@njit(fastmath=True, **COMPILED)
def relu_ends(whole, held, weights, share, last, shift, rows, step, out):  # pragma: no cover
    """Write what a perceptron of one hidden layer of rectified units sums up at both ends of steps, out (outputs, 2, pairs).

    whole (n, units): what that layer sums up for rows as they are; held (n, c): their numbers in the c columns that change; weights (c, units);
    share (grid, units): those columns' share at each grid value; last (outputs, units), shift (outputs,): the layer behind.
    """
    units = whole.shape[1]
    less, more = np.empty(units), np.empty(units)
    for p in range(len(rows)):
        r, s = rows[p], step[p]
        for u in range(units):
            less[u] = whole[r, u]
        for c in range(held.shape[1]):
            x = held[r, c]
            if x != 0.0:
                for u in range(units):
                    less[u] -= x * weights[c, u]
        for u in range(units):
            rest = less[u]
            less[u] = max(rest + share[s, u], 0.0)
            more[u] = max(rest + share[s + 1, u], 0.0)
        for o in range(len(last)):
            a = b = shift[o]
            for u in range(units):
                a += less[u] * last[o, u]
                b += more[u] * last[o, u]
            out[o, 0, p], out[o, 1, p] = a, b


@njit(fastmath=True, **COMPILED)
def _rectified(rest, r, share, v, out):  # pragma: no cover
    for u in range(len(out)):
        out[u] = max(rest[r, u] + share[v, u], 0.0)


@njit(fastmath=True, **COMPILED)
def _bent(rest, r, share, v, base, slope, out):  # pragma: no cover
    for u in range(len(out)):
        out[u] = base + slope / (1.0 + rest[r, u] * share[v, u])


@njit(fastmath=True, **COMPILED)
def first_layer(rest, share, v, rectified, base, slope, out):  # pragma: no cover
    """Write what the units of a perceptron's first layer hold at grid value v, out (rows, units).

    rest (rows, units), share (grid, units): what they sum up without a column, and that column's part. Units are rectified, or else
    base + slope / (1 + e) with e the product of the two, which then are exponentials.
    """
    for r in range(len(rest)):
        if rectified:
            _rectified(rest, r, share, v, out[r])
        else:
            _bent(rest, r, share, v, base, slope, out[r])


@njit(fastmath=True, **COMPILED)
def layer_over(rest, share, rectified, base, slope, last, shift, out):  # pragma: no cover
    """Write what a perceptron of one hidden layer sums up at each grid value, out (outputs, grid, rows).

    last (outputs, units), shift (outputs,): the layer behind; the others as in ``first_layer``.
    """
    held = np.empty(rest.shape[1])
    for r in range(len(rest)):
        for v in range(len(share)):
            if rectified:
                _rectified(rest, r, share, v, held)
            else:
                _bent(rest, r, share, v, base, slope, held)
            for o in range(len(last)):
                whole = 0.0
                for u in range(len(held)):
                    whole += held[u] * last[o, u]
                out[o, v, r] = shift[o] + whole
