"""Counting for the slice search: by the compiled loop, or by numpy where there is too little to count to load numba for it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

COMPILED = "modelglass.analysis.search_kernels"
FEW = 5_000_000
"""Rows times columns counted at a time: for fewer numpy serves until numba, which takes a second, is loaded."""


def counter(many: int) -> tuple[Callable[..., None], bool]:
    """Give what counts, ``search_kernels.count`` or ``count``, and whether it wants the codes of a row side by side in memory.

    Both add in the order of rows, so they give the same bits.
    """
    if COMPILED not in sys.modules and many <= FEW:
        return count, False
    from modelglass.analysis import search_kernels

    return search_kernels.count, True


def count(
    codes: np.ndarray,
    rows: np.ndarray,
    cells: np.ndarray,
    columns: np.ndarray,
    offsets: np.ndarray,
    sizes: np.ndarray,
    loss: NDArray[Any],
    weight: NDArray[Any],
    n: np.ndarray,
    w: NDArray[Any],
    e: NDArray[Any],
) -> None:
    """Add each row to the cell (its prefix cell, its level) of every later column; parameters as in ``search_kernels.count``."""
    every = len(rows) == len(codes)  # places of rows rise
    lost = loss if every else loss[rows]
    weighs = weight if every or not len(weight) else weight[rows]
    prefix = cells.astype(np.intp)
    ends = np.append(offsets[1:], len(n))
    for column, start, end, size in zip(columns, offsets, ends, sizes):
        level = codes[:, column] if every else codes[rows, column]
        at, many = prefix * size + level, end - start
        n[start:end] += np.bincount(at, minlength=many)
        e[start:end] += np.bincount(at, lost, minlength=many)
        if len(weight):
            w[start:end] += np.bincount(at, weighs, minlength=many)
