"""The one loop of the slice search, compiled. Imported only when a search runs, because numba takes a second to load."""

from __future__ import annotations

from numba import njit


@njit(nogil=True, cache=True, boundscheck=False)
def count(codes, rows, cells, columns, offsets, sizes, loss, weight, n, w, e):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Add each row to the cell (its prefix cell, its level) of every later column.

    codes (N, m) levels, a row's side by side; rows (r,) places; cells (r,) prefix cell of each; columns (c,) later columns;
    offsets, sizes (c,) where a column's block starts and its levels; loss (N,) already times weight; weight (N,) or (0,).
    n, w, e (total,) are added to; w stays untouched where there are no weights.
    """
    weighted = len(weight) > 0
    for i in range(len(rows)):
        row, cell, lost = rows[i], cells[i], loss[rows[i]]
        for j in range(len(columns)):
            at = offsets[j] + cell * sizes[j] + codes[row, columns[j]]
            n[at] += 1
            e[at] += lost
            if weighted:
                w[at] += weight[row]


@njit(nogil=True, cache=True, boundscheck=False)
def descend(codes, first, second, size, place, rows, cells):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Keep the rows whose cell of two columns is worth going on with; give how many.

    place (size of first x size,) new number of a cell or -1; rows, cells (N,) are written.
    """
    kept = 0
    for row in range(codes.shape[0]):
        cell = place[codes[row, first] * size + codes[row, second]]
        if cell >= 0:
            rows[kept] = row
            cells[kept] = cell
            kept += 1
    return kept
