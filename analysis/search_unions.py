"""Coded columns whose levels are unions of the levels of another: what is counted for them is a sum, so no row is looked at again.

"Below 25" beside bins with an edge at 25 is such a column, as are years beside quarters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TRIED = 1_000
"""Rows that are looked at before all of them."""


@dataclass(frozen=True, eq=False, slots=True)
class Stack:
    """A coded column and those that are unions of its levels, one below the other.

    columns, levels     (r,) column and level of each row of the stack; base: the column that is counted
    sums                (r, levels of the base) 1.0 where a level of the base is part of the row's level
    at                  rows of each column
    """

    base: int
    columns: NDArray[np.int64]
    levels: NDArray[np.int64]
    sums: NDArray[np.float64]
    at: dict[int, slice]

    def over(self, cells: NDArray[Any], other: Stack) -> NDArray[np.float64]:
        """Sum the cells (levels of the base, levels of the other's base) to (rows of this stack, rows of the other)."""
        return self.sums @ cells @ other.sums.T


def stacks(codes: np.ndarray, levels: Sequence[int], family: Sequence[Any]) -> list[Stack]:
    """Put each coded column that is a function of another of its family below that one.

    Parameters
    ----------
    codes : integer array, shape (n_rows, m)
        Level of each row in each column, in [0, levels).
    family : sequence of length m
        Only columns of one family are compared.

    Returns
    -------
    One stack for each column that is no union of another's levels, in the order of these columns.

    >>> fine = np.array([0, 1, 2, 2])
    >>> found = stacks(np.column_stack([fine, fine >= 1]), [3, 2], ["a", "a"])
    >>> found[0].columns.tolist(), found[0].sums[3:].tolist()
    ([0, 0, 0, 1, 1], [[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    """
    below: dict[int, list[tuple[int, np.ndarray]]] = {}
    for name in dict.fromkeys(family):
        mine = [j for j, f in enumerate(family) if f == name]
        mine.sort(key=lambda j: (-levels[j], j))
        values = {j: np.ascontiguousarray(codes[:, j]) for j in mine} if len(mine) > 1 else {}
        bases: list[int] = []
        for j in mine:
            found = next(((b, m) for b in bases if (m := _function(values[b], values[j], levels[b])) is not None), None)
            if found is None:
                bases.append(j)
                below[j] = []
            else:
                below[found[0]].append((j, found[1]))
    return [_stacked(base, below[base], levels) for base in sorted(below)]


def _function(fine: np.ndarray, coarse: np.ndarray, levels: int) -> np.ndarray | None:
    """Give the level of ``coarse`` for each level of ``fine`` (0 where no row has that), None where it is no function of it."""
    for rows in (slice(0, _TRIED), slice(None)):
        level = np.zeros(levels, coarse.dtype)
        level[fine[rows]] = coarse[rows]
        if not np.array_equal(level[fine[rows]], coarse[rows]):
            return None
    return level


def _stacked(base: int, below: list[tuple[int, np.ndarray]], levels: Sequence[int]) -> Stack:
    parts, at, start = [np.eye(int(levels[base]))], {base: slice(0, int(levels[base]))}, int(levels[base])
    for column, level in below:
        parts.append((level[None, :] == np.arange(int(levels[column]))[:, None]).astype(float))
        at[column] = slice(start, start + int(levels[column]))
        start += int(levels[column])
    columns = np.repeat([base, *(c for c, _ in below)], [len(p) for p in parts])
    own = np.concatenate([np.arange(len(p)) for p in parts])
    return Stack(base, columns.astype(np.int64), own.astype(np.int64), np.vstack(parts), at)
