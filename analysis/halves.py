"""Cutting rows in two: one half proposes or grows, the other judges. Whatever order the rows stand in, the same rows fall on each side."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from modelglass.analysis.groups import Rows

_ODD = np.uint64(0x9E3779B97F4A7C15)


def halves(rows: Rows, seed: int, codes: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Cut the rows in two at random, whole clusters together.

    The draw is made among the rows in the order of their content, so that it does not depend on where they stand; rows of the same
    content are interchangeable.

    Parameters
    ----------
    rows : Rows
    seed : int
    codes : integer array, shape (n_rows, m), optional
        Levels of the rows, which are content too.

    Returns
    -------
    Places in each half, rising.
    """
    part = parts(rows, seed, 2, codes)
    return np.flatnonzero(part == 0), np.flatnonzero(part == 1)


def parts(rows: Rows, seed: int, count: int, codes: np.ndarray | None = None) -> np.ndarray:
    """Cut the rows in ``count`` equal parts as ``halves`` does; the number of each row's part, (n_rows,)."""
    content = content_of(rows, codes)
    unit = np.arange(len(content))
    if rows.cluster is not None:
        unit = np.unique(np.asarray(rows.cluster), return_inverse=True)[1].reshape(-1)
        content = _summed(content, unit)
    rng = np.random.default_rng((seed, 4_711))
    side = np.empty(len(content), np.int64)
    side[np.argsort(content, kind="stable")[rng.permutation(len(content))]] = (
        np.arange(len(content)) * count // max(len(content), 1)
    )
    return side[unit]


def content_of(rows: Rows, codes: np.ndarray | None) -> np.ndarray:
    """Hash what is known of each row but its place and the number of its cluster, (n_rows,)."""
    found = np.zeros(len(rows.y), np.uint64)
    for values in _columns([rows.y, rows.predicted, rows.score, rows.weight, codes]):
        bits = values.astype(np.float64) + 0.0  # minus zero is zero
        found = (found ^ bits.view(np.uint64)) * _ODD
        found ^= found >> np.uint64(29)
    return found


def _columns(arrays: Iterable[np.ndarray | None]) -> Iterable[np.ndarray]:
    for values in arrays:
        if values is not None:
            yield from ([values] if values.ndim == 1 else values.T)


def _summed(content: np.ndarray, unit: np.ndarray) -> np.ndarray:
    order = np.argsort(unit, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(unit[order]) > 0])
    return np.add.reduceat(content[order], starts) if len(content) else content
