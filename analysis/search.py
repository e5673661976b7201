"""Search of all conjunctions of up to three conditions for those where a loss is highest: exact, by counts and bounds.

A condition is "coded column = level". Counts of every cell of every pair (triple) of columns come from one pass over the rows for each
prefix, and of pairs of columns whose levels are unions of those of others from sums (``search_unions``); a prefix cell that cannot hold a slice better than the best found so far (an upper bound on the score of anything inside it) is not
followed. Bounds after SliceLine (Sagadeeva and Boehm 2021, SIGMOD, doi:10.1145/3448016.3457323).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelglass.analysis.errors import InputError
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.search_counts import counter
from modelglass.analysis.search_scale import Scale, Score
from modelglass.analysis.search_unions import Stack, stacks

Floats = NDArray[Any]
MOST_LEVELS = 65_535
BATCH = 4_000_000
"""Cells counted at once for one prefix: 24 bytes each."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Found:
    """The best slices, best first: k of them.

    columns, levels     (k, depth) coded columns and their levels; -1 fills shorter ones
    n, w, mean, score   (k,) rows, weight, mean loss, score
    searched            pairs of columns done with, of ``prefixes`` there are: fewer where the time ran out
    """

    columns: np.ndarray
    levels: np.ndarray
    n: np.ndarray
    w: Floats
    mean: Floats
    score: Floats
    searched: int
    prefixes: int

    def conditions(self, i: int) -> list[tuple[int, int]]:
        """Give the (column, level) pairs of one slice."""
        return [(int(c), int(v)) for c, v in zip(self.columns[i], self.levels[i]) if c >= 0]


def search(
    codes: np.ndarray,
    levels: Sequence[int],
    loss: np.ndarray,
    weight: np.ndarray | None = None,
    *,
    family: Sequence[Any] | None = None,
    depth: int = 2,
    support: int = 30,
    keep: int = 100,
    score: Score = "difference",
    alpha: float = 0.95,
    threads: int | None = None,
    seconds: float | None = None,
    progress: Progress | None = None,
) -> Found:
    """Find the ``keep`` slices of the highest score.

    Parameters
    ----------
    codes : integer array, shape (n_rows, m)
        Level of each row in each coded column, in [0, levels).
    levels : sequence of int, length m
    loss : array, shape (n_rows,)
        Loss of each row, >= 0 (score "difference": any finite number).
    weight : array, shape (n_rows,), optional
    family : sequence of length m, optional
        Coded columns of one family (other bins of the same column) are never combined.
    depth : int
        Conditions of a slice, 1 to 3.
    support : int
        Fewest rows of a slice.
    seconds : float, optional
        Time after which the search ends with what it has; ``searched`` then says how far it came.

    Returns
    -------
    Found

    Raises
    ------
    InputError
        A depth outside 1 to 3, negative or missing losses.
    """
    table, base = _checked(codes, levels, loss, depth, score)
    work = _Search(table, levels, base, weight, family, support, keep, score, alpha)
    if work.scale.largest <= 0 or work.scale.sd <= 0:  # no loss anywhere, or the same everywhere
        return work.found(0, 0)
    ends = None if seconds is None else time.monotonic() + seconds
    work.one()
    every = sum(len(work.later([first])) for first in range(len(levels))) if depth > 1 else 0
    pairs, counted = work.two(ends, progress, depth) if depth > 1 else ([], 0)
    open_ = len(pairs) - work.three(pairs, threads, ends, progress) if depth > 2 else 0
    tell(progress, 1.0, "searching slices")
    return work.found(counted - open_, every)


def _checked(
    codes: np.ndarray, levels: Sequence[int], loss: np.ndarray, depth: int, score: str
) -> tuple[np.ndarray, np.ndarray]:
    if depth not in (1, 2, 3):
        raise InputError("Expected slices of 1 to 3 conditions.", f"Got {depth!r}.", "Choose 1, 2 or 3.")
    loss = np.asarray(loss, dtype=np.float64)
    if not np.isfinite(loss).all():
        raise InputError(
            "Expected a loss for each row.", f"{int((~np.isfinite(loss)).sum()):,} are missing or infinite."
        )
    if score == "sliceline" and (loss < 0).any():
        raise InputError(
            "Expected losses of zero or more for this score.",
            f"The smallest is {loss.min():g}.",
            'Use score="difference".',
        )
    small = np.uint8 if max(levels, default=1) <= 256 else np.uint16
    return np.asfortranarray(codes, dtype=small), loss if score == "sliceline" else loss - loss.min(initial=0.0)


class _Search:
    """The state of one search: the best so far, and what is worse than the worst of them is not looked at."""

    def __init__(
        self,
        codes: np.ndarray,
        levels: Sequence[int],
        loss: np.ndarray,
        weight: np.ndarray | None,
        family: Sequence[Any] | None,
        support: int,
        keep: int,
        score: Score,
        alpha: float,
    ):
        self.codes, self.levels = codes, np.asarray(levels, np.int64)
        self.family = list(family) if family is not None else list(range(len(levels)))
        self.loss = loss if weight is None else loss * weight
        self.weight = np.zeros(0) if weight is None else np.asarray(weight, np.float64)
        self.support, self.keep = max(int(support), 1), keep
        whole = float(len(loss)) if weight is None else max(float(self.weight.sum()), 1e-300)
        mean = float(self.loss.sum() / whole)
        spread = (loss - mean) ** 2
        sd = float(np.sqrt((spread if weight is None else spread * self.weight).sum() / whole))
        if weight is not None:  # a unit of weight says less than a row where weights differ (Kish)
            sd *= float(np.sqrt((self.weight**2).sum() / whole))
        self.scale = Scale(score, alpha, whole, mean, sd, float(loss.max(initial=0.0)))
        self.least = float(self.support) if weight is None else 0.0
        self.lock = threading.Lock()
        self.best: list[tuple[np.ndarray, np.ndarray, np.ndarray, Floats, Floats, Floats]] = []
        self.held = 0
        self.floor = 1e-9  # rounding: a slice no worse than the whole is of no interest

    # counting --------------------------------------------------------------------------------------------------

    @cached_property
    def by_row(self) -> np.ndarray:
        """The codes with those of a row side by side in memory, as the compiled loops want them."""
        return np.ascontiguousarray(self.codes)

    def counts(self, rows: np.ndarray, cells: np.ndarray, prefixes: int, columns: np.ndarray) -> tuple[np.ndarray, ...]:
        sizes = self.levels[columns]
        offsets = np.concatenate([[0], np.cumsum(sizes * prefixes)[:-1]]).astype(np.int64)
        total = int((sizes * prefixes).sum())
        n, e = np.zeros(total, np.int64), np.zeros(total)
        w = np.zeros(total if len(self.weight) else 0)
        counting, by_row = counter(len(rows) * len(columns))
        counting(
            self.by_row if by_row else self.codes, rows, cells, columns, offsets, sizes, self.loss, self.weight, n, w, e
        )
        return n, (w if len(self.weight) else n.astype(np.float64)), e, offsets

    def offer(self, columns: np.ndarray, levels: np.ndarray, n: np.ndarray, w: Floats, e: Floats) -> None:
        """Take the slices that are better than the worst kept."""
        score = self.scale.score(w, e)
        good = (n >= self.support) & (score > self.floor)
        if not good.any():
            return
        wide = np.full((int(good.sum()), 3), -1, np.int64)
        deep = wide.copy()
        wide[:, : columns.shape[1]], deep[:, : levels.shape[1]] = columns[good], levels[good]
        with self.lock:
            self.best.append((wide, deep, n[good], w[good], e[good], score[good]))
            self.held += len(wide)
            if self.held > 8 * self.keep + 1_000:
                self._trim()

    def _trim(self) -> None:
        joined = [np.concatenate(parts) for parts in zip(*self.best)]
        if not joined:
            return
        # ties: fewer conditions first, then the order of columns and levels, so that the answer does not depend on threads
        wide, deep, _, _, _, score = joined
        length = (wide >= 0).sum(axis=1)
        order = np.lexsort((*deep.T[::-1], *wide.T[::-1], length, -np.round(score, 12)))[: self.keep]
        kept = [part[order] for part in joined]
        self.best, self.held = [tuple(kept)], len(order)  # type: ignore[list-item]
        if len(order) == self.keep:
            self.floor = max(self.floor, float(kept[5][-1]) * (1 - 1e-12))

    # levels ----------------------------------------------------------------------------------------------------

    def one(self) -> None:
        every = np.arange(len(self.codes), dtype=np.int32)
        columns = np.arange(len(self.levels))
        n, w, e, _ = self.counts(every, np.zeros(len(every), np.int32), 1, columns)
        owner = np.repeat(columns, self.levels)
        level = np.concatenate([np.arange(k) for k in self.levels]) if len(columns) else columns
        self.offer(owner[:, None], level[:, None], n, w, e)
        self._trim()

    def later(self, used: Sequence[int]) -> np.ndarray:
        families = {self.family[c] for c in used}
        return np.array([c for c in range(max(used) + 1, len(self.levels)) if self.family[c] not in families], np.int64)

    def two(
        self, ends: float | None, progress: Progress | None, depth: int
    ) -> tuple[list[tuple[float, int, int, np.ndarray]], int]:
        """Count pairs until the time ends; give those to go on with and how many were counted.

        To go on with (none at depth 2): (bound, first, second, cells that are open), most promising first.
        """
        every, counted = np.arange(len(self.codes), dtype=np.int32), 0
        pairs: list[tuple[float, int, int, np.ndarray]] = []
        stack = {s.base: s for s in stacks(self.codes, self.levels.tolist(), self.family)}
        bases = np.array(list(stack), np.int64)
        for first in bases:
            tell(progress, (0.3 if depth > 2 else 1.0) * first / len(self.levels), "searching slices of two conditions")
            if ends is not None and time.monotonic() > ends:
                break
            later = np.intersect1d(self.later([first]), bases)
            for columns in self._batches(later, int(self.levels[first])):
                others = [stack[c] for c in columns.tolist()]
                cells = self._pairs(every, stack[int(first)], columns, others)
                counted += sum(len(stack[int(first)].at) * len(other.at) for other in others)
                if depth > 2:
                    pairs += self._open(stack[int(first)], others, *cells)
        self._trim()
        return sorted((p for p in pairs if p[0] > self.floor), key=lambda p: (-p[0], p[1], p[2])), counted

    def _batches(self, columns: np.ndarray, prefixes: int) -> list[np.ndarray]:
        if not len(columns):
            return []
        places = np.cumsum(self.levels[columns] * prefixes) // BATCH
        return [columns[places == place] for place in np.unique(places)]

    def _pairs(
        self, every: np.ndarray, first: Stack, columns: np.ndarray, others: Sequence[Stack]
    ) -> tuple[np.ndarray, Floats, Floats]:
        """Count a column with later ones, sum up for all of their stacks, offer; give the cells, one other after another."""
        k = int(self.levels[first.base])
        counted = self.counts(every, self.codes[:, first.base].astype(np.int32), k, columns)
        ends = [*counted[3][1:], len(counted[0])]
        n, w, e = (
            np.concatenate(
                [first.over(v[a:b].reshape(k, -1), s).reshape(-1) for a, b, s in zip(counted[3], ends, others)]
            )
            for v in counted[:3]
        )
        score = self.scale.score(w, e)
        good = np.flatnonzero((n >= self.support) & (score > self.floor))
        if len(good):
            width = np.array([len(s.columns) for s in others])
            starts = np.cumsum(width * len(first.columns)) - width * len(first.columns)
            other = np.searchsorted(starts, good, side="right") - 1
            i, j = np.divmod(good - starts[other], width[other])
            j += (np.cumsum(width) - width)[other]
            wide = np.column_stack([first.columns[i], np.concatenate([s.columns for s in others])[j]])
            deep = np.column_stack([first.levels[i], np.concatenate([s.levels for s in others])[j]])
            order = np.argsort(wide, axis=1)
            wide, deep = np.take_along_axis(wide, order, 1), np.take_along_axis(deep, order, 1)
            self.offer(wide, deep, n[good].astype(np.int64), w[good], e[good])
        return n, w, e

    def _open(
        self, first: Stack, others: Sequence[Stack], n: np.ndarray, w: Floats, e: Floats
    ) -> list[tuple[float, int, int, np.ndarray]]:
        """Give each pair of columns with what no slice inside its cells can exceed."""
        bound = np.where(n >= self.support, self.scale.bound(w, e, self.least), -np.inf)
        found, start = [], 0
        for other in others:
            size = len(first.columns) * len(other.columns)
            part = bound[start : start + size].reshape(len(first.columns), -1)
            start += size
            for x, rows in first.at.items():
                for y, columns in other.at.items():
                    here = part[rows, columns] if x < y else part[rows, columns].T
                    found.append((float(here.max(initial=-np.inf)), min(x, y), max(x, y), here.reshape(-1)))
        return found

    def _offer_all(
        self,
        used: list[int],
        prefix_levels: list[np.ndarray],
        columns: np.ndarray,
        offsets: np.ndarray,
        n: np.ndarray,
        w: Floats,
        e: Floats,
        prefixes: int,
    ) -> None:
        """Offer all cells of a count: prefix levels (prefixes,) of each used column, then the later columns' own."""
        score = self.scale.score(w, e)
        good = np.flatnonzero((n >= self.support) & (score > self.floor))
        if not len(good):
            return
        block = np.searchsorted(offsets, good, side="right") - 1
        prefix, level = np.divmod(good - offsets[block], self.levels[columns[block]])
        wide = np.column_stack([np.repeat([used], len(good), axis=0), columns[block]])
        deep = np.column_stack([*(levels[prefix] for levels in prefix_levels), level])
        self.offer(wide, deep, n[good], w[good], e[good])

    def three(
        self,
        pairs: list[tuple[float, int, int, np.ndarray]],
        threads: int | None,
        ends: float | None,
        progress: Progress | None,
    ) -> int:
        """Follow the open cells of all pairs; give how many pairs were looked at (those that cannot matter count as looked at)."""
        done = 0

        def follow(pair: tuple[float, int, int, np.ndarray]) -> int:
            if ends is not None and time.monotonic() > ends:
                return 0
            self._follow(*pair)
            return 1

        if not pairs:
            return 0
        self._follow(*pairs[0])  # compiles, and lifts the floor, before the others start
        with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
            try:
                for i, one in enumerate(pool.map(follow, pairs[1:])):
                    done += one
                    if i % 4 == 0:
                        tell(progress, 0.3 + 0.7 * i / len(pairs), "searching slices of three conditions")
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return done + 1

    def _follow(self, bound: float, first: int, second: int, part: np.ndarray) -> None:
        columns = self.later([first, second])
        if bound <= self.floor or not len(columns):
            return
        size = int(self.levels[second])
        kept = np.flatnonzero(part > self.floor)
        place = np.full(len(part), -1, np.int32)
        place[kept] = np.arange(len(kept), dtype=np.int32)
        rows, cells = np.empty(len(self.codes), np.int32), np.empty(len(self.codes), np.int32)
        from modelglass.analysis import search_kernels

        r = search_kernels.descend(self.by_row, first, second, size, place, rows, cells)
        for batch in self._batches(columns, len(kept)):
            n, w, e, offsets = self.counts(rows[:r], cells[:r], len(kept), batch)
            self._offer_all([first, second], [kept // size, kept % size], batch, offsets, n, w, e, len(kept))
        with self.lock:
            self._trim()

    def found(self, searched: int, prefixes: int) -> Found:
        """Give the best, in order."""
        with self.lock:
            self._trim()
        if not self.best:
            none = np.zeros((0, 3), np.int64)
            return Found(
                columns=none,
                levels=none,
                n=np.zeros(0, np.int64),
                w=np.zeros(0),
                mean=np.zeros(0),
                score=np.zeros(0),
                searched=searched,
                prefixes=prefixes,
            )
        wide, deep, n, w, e, score = self.best[0]
        return Found(columns=wide, levels=deep, n=n, w=w, mean=e / w, score=score, searched=searched, prefixes=prefixes)


def rows_in(codes: np.ndarray, conditions: Sequence[tuple[int, int]]) -> np.ndarray:
    """Mark the rows (n_rows,) that fulfil all of some (column, level) conditions."""
    mask = np.ones(len(codes), dtype=bool)
    for column, level in conditions:
        mask &= codes[:, column] == level
    return mask
