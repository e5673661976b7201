"""Which two columns explain most of a loss: the share of its variation that lies between the cells of a pair, chance taken off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelglass.analysis.progress import Progress, tell

Floats = NDArray[Any]


def explained(n: np.ndarray, w: Floats, e: Floats, squares: float, inflation: float = 1.0) -> float:
    """Share of the variation of a loss that lies between cells (epsilon squared; Kelley 1935, PNAS 21, 554-559).

    0 is expected where cells say nothing, whatever their number; it may be a little below.

    Parameters
    ----------
    n, w, e : arrays, shape (cells,)
        Rows, weight and summed loss of each cell.
    squares : float
        Weighted sum of squares of the loss less its mean.
    inflation : float
        How much larger the variance of means is because rows of a cluster go together or weigh differently.
    """
    used = (n > 0) & (w > 0)
    n, w, e = n[used], w[used], e[used]
    if squares <= 0 or len(n) < 2:
        return 0.0
    between = float((e**2 / w).sum() - e.sum() ** 2 / w.sum())
    within = max(squares - between, 0.0) / max(int(n.sum()) - len(n), 1)
    return (between - inflation * (len(n) - 1) * within) / squares


def best_pair(
    codes: np.ndarray,
    levels: Sequence[int],
    loss: Floats,
    weight: Floats | None = None,
    *,
    inflation: float = 1.0,
    fixed: int | None = None,
    progress: Progress | None = None,
) -> tuple[int, int, float, int]:
    """Give the two columns whose cells explain most of a loss, with the share, and how many pairs there were.

    Parameters
    ----------
    codes : integer array, shape (n_rows, m)
    fixed : int, optional
        One of the two is this column.
    """
    from modelglass.analysis import search_kernels

    size = np.asarray(levels, np.int64)
    table = np.ascontiguousarray(codes, dtype=np.uint8 if size.max(initial=0) <= 256 else np.uint16)
    w = np.zeros(0) if weight is None else np.asarray(weight, float)
    lost = loss if weight is None else loss * w
    squares = squares_of(loss, weight)
    every = np.arange(len(table), dtype=np.int32)
    best, pairs = (-np.inf, 0, 0), 0
    for first in range(len(size)) if fixed is None else [fixed]:
        tell(progress, first / len(size), "choosing the two columns")
        later = np.arange(first + 1, len(size)) if fixed is None else np.delete(np.arange(len(size)), fixed)
        cells = size[later] * size[first]
        at = np.concatenate([[0], np.cumsum(cells)]).astype(np.int64)
        n, e, wl = np.zeros(at[-1], np.int64), np.zeros(at[-1]), np.zeros(at[-1] if len(w) else 0)
        prefix = table[:, first].astype(np.int32)
        search_kernels.count(table, every, prefix, later, at[:-1], size[later], lost, w, n, wl, e)
        wl = wl if len(w) else n.astype(float)
        for j, second in enumerate(later):
            part = slice(at[j], at[j + 1])
            found = explained(n[part], wl[part], e[part], squares, inflation)
            best = max(best, (found, -first, -int(second)))
        pairs += len(later)
    return -best[1], -best[2], best[0], pairs


def squares_of(loss: Floats, weight: Floats | None) -> float:
    """Weighted sum of squares of a loss less its mean."""
    w = np.ones(len(loss)) if weight is None else weight
    return float(w @ (loss - w @ loss / max(w.sum(), 1e-300)) ** 2)
