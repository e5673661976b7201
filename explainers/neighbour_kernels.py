"""The compiled loops that find the nearest training rows while one column is set to each value of a grid. Imported only when they run.

They let go of Python's lock.
"""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numpy as np
from numba import njit

from modelglass.explainers.tree_kernels import COMPILED

BLOCK, LEAP = 1_024, 32


@njit(fastmath={"contract"}, **COMPILED)
def _add_four(a, b, c, d, x, y, start, one, other):  # pragma: no cover
    p, q, r, s = x
    t, u, v, w = y
    for j in range(len(one)):
        i, k, m, n = a[start + j], b[start + j], c[start + j], d[start + j]
        e, f, g, h = i - p, k - q, m - r, n - s
        one[j] += (e * e + f * f) + (g * g + h * h)
        e, f, g, h = i - t, k - u, m - v, n - w
        other[j] += (e * e + f * f) + (g * g + h * h)


@njit(**COMPILED)
def rests(training, kept, Z, out):  # pragma: no cover
    """Write squared distances to training rows by the kept columns alone, out (rows, n); training (p, n), Z (rows, kept).

    Two rows and four columns at a time, as reading is what takes long: rows are even in number, and columns a multiple of four.
    """
    for start in range(0, training.shape[1], BLOCK):
        for r in range(0, len(Z), 2):
            one, other = out[r, start : start + BLOCK], out[r + 1, start : start + BLOCK]
            one[:] = 0.0
            other[:] = 0.0
            for c in range(0, len(kept), 4):
                a, b, d, e = training[kept[c]], training[kept[c + 1]], training[kept[c + 2]], training[kept[c + 3]]
                x = Z[r, c], Z[r, c + 1], Z[r, c + 2], Z[r, c + 3]
                y = Z[r + 1, c], Z[r + 1, c + 1], Z[r + 1, c + 2], Z[r + 1, c + 3]
                _add_four(a, b, d, e, x, y, start, one, other)


@njit(**COMPILED)
def _sink(far, at, v, size, d, j):  # pragma: no cover
    """Put d, of training row j, in the place of the farthest of the first so many of heap v."""
    i = 0
    while True:
        child = 2 * i + 1
        if child >= size:
            break
        if child + 1 < size and far[v, child + 1] > far[v, child]:
            child += 1
        if far[v, child] <= d:
            break
        far[v, i], at[v, i] = far[v, child], at[v, child]
        i = child
    far[v, i], at[v, i] = d, j


@njit(fastmath={"contract"}, **COMPILED)
def _offer(rest, own, numbers, j, d, far, at, edge):  # pragma: no cover
    """Offer training row j to the heap of each grid value, far and at (grid, m), edge (grid,) their farthest; tell whether one took it.

    own (n, c), numbers (c, grid): what training rows and grid values hold; d (grid,): room for distances.
    """
    for v in range(len(d)):
        d[v] = rest
    for c in range(own.shape[1]):
        x = own[j, c]
        for v in range(len(d)):
            a = numbers[c, v] - x
            d[v] += a * a
    nearer = False
    for v in range(len(d)):
        nearer |= d[v] < edge[v]
    if nearer:
        for v in range(len(d)):
            if d[v] < edge[v]:
                _sink(far, at, v, far.shape[1], d[v], j)
                edge[v] = far[v, 0]
    return nearer


@njit(**COMPILED)
def _threshold(rest, m):  # pragma: no cover
    """Give a distance below which at least 2 m rows are."""
    leaps = len(rest) // LEAP
    if leaps <= 2 * m:
        return np.inf
    least = np.empty(leaps)
    for i in range(leaps):
        low = np.inf
        for j in range(i * LEAP, (i + 1) * LEAP):
            low = min(low, rest[j])
        least[i] = low
    least.sort()
    return least[2 * m]


@njit(**COMPILED)
def _search(rest, own, numbers, far, at):  # pragma: no cover
    """Fill the heaps with the nearest rows at each grid value; those that are near without the column come first, as they shut out most others."""
    n, d, edge = len(rest), np.empty(len(far)), np.full(len(far), np.inf)
    first = _threshold(rest, far.shape[1])
    far[:], at[:] = np.inf, -1
    for j in range(n):
        if rest[j] <= first:
            _offer(rest[j], own, numbers, j, d, far, at, edge)
    bound = edge.max()
    for start in range(0, n, LEAP):
        took = False
        for j in range(start, min(start + LEAP, n)):
            if first < rest[j] < bound:
                took |= _offer(rest[j], own, numbers, j, d, far, at, edge)
        if took:
            bound = edge.max()


@njit(**COMPILED)
def _popped(far, at, v, size):  # pragma: no cover
    """Move the farthest of the first so many of heap v behind the others."""
    d, j = far[v, 0], at[v, 0]
    _sink(far, at, v, size - 1, far[v, size - 1], at[v, size - 1])
    far[v, size - 1], at[v, size - 1] = d, j


@njit(**COMPILED)
def _is_plain(far, at, k, slack, answer):  # pragma: no cover
    """Tell whether the k nearest are known: none behind them is as near as the last of them, or all as near as that have the same answer.

    far, at: the nearest k as a heap, those behind them in ascending order.
    """
    m, edge, tied = len(far), far[0], False
    for i in range(k, m):
        tied |= far[i] <= edge + slack
    if not tied:
        return True
    if far[m - 1] <= edge + slack and m < len(answer):
        return False  # there may be more of them
    for i in range(m):
        if abs(far[i] - edge) <= slack:
            for o in range(answer.shape[1]):
                if answer[at[i], o] != answer[at[0], o]:
                    return False
    return True


@njit(**COMPILED)
def _mean(far, at, k, by_distance, answer, out):  # pragma: no cover
    """Write the mean answer of the k nearest; by_distance: weighted with one over the distance, or those at no distance alone."""
    whole, here = 0.0, False
    out[:] = 0.0
    if by_distance:
        for i in range(k):
            here |= np.isinf(1.0 / np.sqrt(far[i]))
    for i in range(k):
        w = 1.0
        if by_distance:
            w = 1.0 / np.sqrt(far[i])
            if here:
                w = 1.0 if np.isinf(w) else 0.0
        whole += w
        for o in range(len(out)):
            out[o] += w * answer[at[i], o]
    for o in range(len(out)):
        out[o] /= whole


@njit(**COMPILED)
def over(rest, own, numbers, k, more, by_distance, digits, rounding, floor, answer, out, unknown):  # pragma: no cover
    """Write the answers of k nearest neighbours, out (grid, rows, outputs), and where their choice is not sure, unknown (grid, rows).

    rest (rows, n): squared distances by the other columns, and further rows that are not looked at; own (n, c), numbers (c, grid): what training rows and grid values hold in the c that
    change; more: neighbours looked at beyond k; answer (n, outputs): of training rows; digits, rounding (grid, rows): what a squared distance as
    large as 1 may be off by, and any on top; floor: smallest squared distance, as multiple of rounding, that gives a weight.
    """
    n, grid = rest.shape[1], numbers.shape[1]
    m = min(k + more, n)
    far, at = np.empty((grid, m)), np.empty((grid, m), dtype=np.int64)
    for r in range(out.shape[1]):
        _search(rest[r], own, numbers, far, at)
        for v in range(grid):
            for size in range(m, k, -1):
                _popped(far, at, v, size)
            slack = rounding[v, r] + digits * far[v, 0]
            sure = far[v, 0] < np.inf and _is_plain(far[v], at[v], k, slack, answer)
            if sure and by_distance:
                sure = far[v, :k].min() >= floor * rounding[v, r]
            unknown[v, r] = not sure
            if sure:
                _mean(far[v], at[v], k, by_distance, answer, out[v, r])
