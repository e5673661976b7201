"""Exact Shapley values of trees: against the training rows that each tree remembers, or against background rows.

A tree is cut into groups of leaves such that the comparisons on the way to a group and inside it are few; what a group adds to each
column for every outcome of these comparisons is tabulated once, and a row then costs one addition a column and group (Woodelf, Nadel
and Wettenstein 2026, tabulates leaves in this spirit). Trees too deep for tables, and models asked about few rows, are walked through.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cache
from threading import Event
from typing import Any

import numpy as np

from modelglass.analysis.models.ensemble import Ensemble
from modelglass.analysis.progress import Progress, tell

MOST_BITS = 8
WAIT = 0.2
"""Seconds between two reports, where parts take longer."""
ROWS, WALKED_ROWS = 1024, 64
"""Rows handled abreast: by tables and by walks."""
WALK = 2.5
"""Cost of one node at one point of Gauss's rule in a walk, where one addition from a table costs 1."""
FILL = 1.5
"""Cost of one cell of a table being filled, likewise, for each leaf of its group."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Tables:
    """Groups of the trees that are tabulated; arrays as ``add_groups`` takes them. Trees without groups are walked."""

    tabulated: np.ndarray
    first_group: np.ndarray
    first_term: np.ndarray
    terms: np.ndarray
    bit_of_term: np.ndarray
    bits: np.ndarray
    first_column: np.ndarray
    columns: np.ndarray
    first_cell: np.ndarray
    cells: np.ndarray


def tree_shapley(
    trees: Ensemble,
    X: np.ndarray,
    *,
    background: np.ndarray | None = None,
    weight: np.ndarray | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Explain the sum of the trees.

    Parameters
    ----------
    trees : Ensemble
    X : array, shape (n, p)
        As the trees see it; NaN is missing.
    background : array, shape (b, p), optional
        Absent columns take the values of these rows (interventional). Without it they follow the training rows down each tree
        (path-dependent; Lundberg et al. 2020).
    weight : array, shape (b,), optional
        Of the background rows.
    threads : int, optional
        All processors without it.

    Returns
    -------
    values : array, shape (n, p, k)
    base : array, shape (k,)
        values sum to the output minus base.
    """
    from modelglass.explainers import tree_kernels as kernels

    n, p, k = len(X), trees.n_features, trees.n_outputs
    codes = trees.codes(X)
    others, shares = _others(trees, background, weight)
    tables = build(trees, n, others, shares)
    out = np.empty((n, p, k))
    walks = np.flatnonzero(~tables.tabulated)
    rows = ROWS if tables.tabulated.all() else (WALKED_ROWS if not tables.tabulated.any() else 256)
    one_of = _one_of(int(trees.depth.max(initial=0)) + 1)
    largest = int(np.diff(trees.starts).max(initial=1))
    gauss = _gauss(_most_columns(trees))

    def part(first: int) -> int:
        here = np.ascontiguousarray(codes[:, first : first + rows])
        phi = np.zeros((k, p, here.shape[1]))
        outcome = np.empty((largest, here.shape[1]), dtype=np.uint8)
        for t in np.flatnonzero(tables.tabulated):
            kernels.add_groups(
                here, t, *trees.compared, tables.first_group, tables.first_term, tables.terms, tables.bit_of_term, tables.bits,
                tables.first_column, tables.columns, tables.first_cell, tables.cells, phi, outcome,
            )  # fmt: skip
        for t in walks:
            _walk(trees, int(t), here, others, shares, gauss, one_of, phi, outcome)
        out[first : first + here.shape[1]] = phi.transpose(2, 1, 0)
        return here.shape[1]

    in_parts(part, range(0, n, rows), n, f"Shapley values of {n:,} rows", threads, progress)
    return out, base_of(trees, others, shares)


def base_of(trees: Ensemble, others: np.ndarray | None = None, weight: np.ndarray | None = None) -> np.ndarray:
    """Give the output where every column is absent, shape (k,)."""
    if others is None:
        reach = np.ones(len(trees.parent))
        for d in range(1, int(trees.depth.max(initial=0)) + 1):
            at = np.flatnonzero(trees.depth == d)
            reach[at] = reach[trees.parent[at]] * trees.share[at]
        out = trees.base.copy()
        tree = np.repeat(np.arange(len(trees.output)), np.diff(trees.starts))
        for o in range(trees.value.shape[1]):
            np.add.at(out, trees.output[tree] + o, reach * trees.value[:, o])
        return out
    return trees.base + _sums(trees, others) @ np.asarray(weight)


def steps_a_row(trees: Ensemble) -> float:
    """Estimate the nanoseconds of one row on one processor, at most."""
    deepest = np.maximum.reduceat(trees.depth, trees.starts[:-1])
    q = (np.minimum(deepest, trees.n_features) + 1) // 2
    return float(WALK * (np.diff(trees.starts) * q).sum() * trees.value.shape[1])


def steps_against(trees: Ensemble, background: int) -> float:
    """Estimate the nanoseconds of one row against so many background rows on one processor, at most.

    Two rows meet in about the square root of a tree's leaves (measured: forests, single trees and boosters of 31 to 5,000 leaves).
    """
    leaves = (np.diff(trees.starts) + 1) / 2
    return float(background * np.sqrt(leaves).sum() * (30.0 + 3.0 * trees.n_features))


def output_of(trees: Ensemble, X: np.ndarray) -> np.ndarray:
    """Give the sum of the trees for rows, shape (n, k)."""
    return trees.base + _sums(trees, trees.codes(X)).T


def _sums(trees: Ensemble, codes: np.ndarray) -> np.ndarray:
    from modelglass.explainers import tree_walks

    out = np.zeros((trees.n_outputs, codes.shape[1]))
    tree_walks.predict(codes, *trees.valued, out)
    return out


def _walk(
    trees: Ensemble, t: int, codes: np.ndarray, others: np.ndarray | None, shares: np.ndarray,
    gauss: np.ndarray, one_of: np.ndarray, phi: np.ndarray, outcome: np.ndarray,
) -> None:  # fmt: skip
    from modelglass.explainers import tree_walks

    nodes = slice(trees.starts[t], trees.starts[t + 1])
    deepest = int(trees.depth[nodes].max(initial=0))
    if others is not None:
        tree_walks.against_background(codes, others, shares, t, *trees.valued, deepest, one_of, phi)
        return
    q = (min(deepest, trees.n_features) + 1) // 2
    points, weights = gauss[:, q * (q - 1) // 2 : q * (q + 1) // 2]
    tree_walks.walk_tree(
        codes, t, trees.starts, trees.output, trees.right, trees.feature, trees.parent, trees.depth, trees.same, trees.share,
        trees.together, trees.value, trees.cut, trees.shift, trees.listed, trees.goes_left, points, weights, deepest, phi, outcome,
    )  # fmt: skip


def build(trees: Ensemble, n: int, others: np.ndarray | None = None, weight: np.ndarray | None = None) -> Tables:
    """Cut the trees that are worth it for ``n`` rows into groups, and fill their tables."""
    from modelglass.explainers import tree_kernels as kernels

    count, k = len(trees.output), trees.value.shape[1]
    cost, whole = np.empty(len(trees.right)), np.zeros(len(trees.right), dtype=np.bool_)
    terms, bit, columns = (np.empty(len(trees.right) + 1, dtype=np.int64) for _ in range(3))
    gauss, one_of = _gauss(_most_columns(trees)), _one_of(MOST_BITS + 2)
    about, tabulated, group_of = [], np.zeros(count, dtype=bool), [0]
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for t in range(count):
        start, stop = int(trees.starts[t]), int(trees.starts[t + 1])
        shape = (trees.right, trees.feature, trees.parent, trees.end)
        price = kernels.cut_tree(start, stop, *shape, MOST_BITS, k, cost, whole)
        roots = _roots(trees, whole, start, stop) if np.isfinite(price) else np.empty(0, dtype=np.int64)
        tabulated[t] = np.isfinite(price) and _worth_it(trees, t, n, price, others)
        for v in roots if tabulated[t] else ():
            used, above, bits, m = kernels.describe_group(v, *shape, terms, bit, columns)
            about.append((v, above, bits, m))
            parts.append((terms[:used].copy(), bit[:used].copy(), columns[:m].copy()))
        group_of.append(len(about))
    sizes = np.array([m * k << bits for _, _, bits, m in about], dtype=np.int64)
    first_cell = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    cells = np.zeros(int(first_cell[-1]))
    held = _held_by_group(kernels, trees, others, parts, group_of)
    for g, (v, above, bits, m) in enumerate(about):
        table = cells[first_cell[g] : first_cell[g + 1]].reshape(k, m, 1 << bits)
        kernels.fill_group(
            v, trees.right, trees.feature, trees.parent, trees.end, trees.share, trees.value, above, bits, parts[g][2], m, gauss,
            held[g] if others is not None else _NOBODY, weight if weight is not None else _NOTHING, one_of, table,
        )  # fmt: skip
    return Tables(
        tabulated=tabulated, first_group=np.array(group_of), first_term=_firsts(p[0] for p in parts),
        terms=_joined(p[0] for p in parts), bit_of_term=_joined(p[1] for p in parts),
        bits=np.array([bits for _, _, bits, _ in about], dtype=np.int64), first_column=_firsts(p[2] for p in parts),
        columns=_joined(p[2] for p in parts), first_cell=first_cell, cells=cells,
    )  # fmt: skip


_NOBODY, _NOTHING = np.empty(0, dtype=np.int64), np.empty(0)


def _roots(trees: Ensemble, whole: np.ndarray, start: int, stop: int) -> np.ndarray:
    found, at = [], start
    while at < stop:
        if whole[at]:
            found.append(at)
        at = int(trees.end[at]) if whole[at] else at + 1
    return np.array(found, dtype=np.int64)


def _worth_it(trees: Ensemble, t: int, n: int, price: float, others: np.ndarray | None) -> bool:
    """Tell whether tables cost less than a walk for so many rows."""
    start, stop = trees.starts[t], trees.starts[t + 1]
    nodes, deepest = int(stop - start), int(trees.depth[start:stop].max(initial=0))
    q = (min(deepest, trees.n_features) + 1) // 2
    filling = FILL * (nodes + 1) / 2 * 2.0**MOST_BITS * deepest
    walk = WALK * nodes * max(q, 1) * trees.value.shape[1]
    if others is not None:  # each pair of rows parts on a few columns
        walk, filling = (
            20.0 * deepest * others.shape[1],
            filling + (nodes + 1) / 2 * 4.0 * others.shape[1] * 2.0**deepest,
        )
    return filling + n * price < n * walk


def _held_by_group(
    kernels: Any,
    trees: Ensemble,
    others: np.ndarray | None,
    parts: Sequence[tuple[np.ndarray, ...]],
    group_of: Sequence[int],
) -> list[np.ndarray]:
    """For each group the bits of every background row."""
    if others is None:
        return []
    held, scratch, out = np.empty(others.shape[1], dtype=np.uint8), np.empty(others.shape[1], dtype=np.uint16), []
    largest = int(np.diff(trees.starts).max(initial=1))
    outcome = np.empty((largest, others.shape[1]), dtype=np.uint8)
    starts, _, right, feature, cut, shift, listed, goes_left = trees.compared
    for t in range(len(trees.output)):
        if group_of[t] == group_of[t + 1]:
            continue
        kernels.compare(others, starts[t], starts[t + 1], right, feature, cut, shift, listed, goes_left, outcome)
        for g in range(group_of[t], group_of[t + 1]):
            kernels.index_group(starts[t], parts[g][0], parts[g][1], outcome, held, scratch)
            out.append(scratch.astype(np.int64))
    return out


def _others(
    trees: Ensemble, background: np.ndarray | None, weight: np.ndarray | None
) -> tuple[np.ndarray | None, np.ndarray]:
    if background is None:
        return None, np.empty(0)
    codes, place = np.unique(trees.codes(background), axis=1, return_inverse=True)
    shares = np.bincount(place.ravel(), weights=weight, minlength=codes.shape[1]).astype(float)
    return np.ascontiguousarray(codes), shares / shares.sum()


def _most_columns(trees: Ensemble) -> int:
    return max(1, min(int(trees.depth.max(initial=1)), trees.n_features))


@cache
def _gauss(columns: int) -> np.ndarray:
    """Gauss's rules on [0, 1] with 1, 2, ... points, one after the other, enough for products over so many columns; shape (2, n)."""
    most = max((columns + 1) // 2, MOST_BITS // 2)
    return np.concatenate([gauss_rules(q) for q in range(1, most + 1)], axis=1)


@cache
def _one_of(most: int) -> np.ndarray:
    """Give a! b! / (a + b + 1)! for a and b up to ``most``."""
    from scipy import special

    a, b = np.arange(most + 1.0)[:, None], np.arange(most + 1.0)[None]
    return np.exp(special.gammaln(a + 1) + special.gammaln(b + 1) - special.gammaln(a + b + 2))


def _joined(arrays: Any) -> np.ndarray:
    listed = list(arrays)
    return np.concatenate(listed) if listed else np.empty(0, dtype=np.int64)


def _firsts(arrays: Any) -> np.ndarray:
    return np.concatenate([[0], np.cumsum([len(a) for a in arrays])]).astype(np.int64)


def gauss_rules(points: int) -> np.ndarray:
    """Give Gauss's rule on [0, 1] with so many points: points and weights, shape (2, points)."""
    x, w = np.polynomial.legendre.leggauss(points)
    return np.array([(x + 1) / 2, w / 2])


def in_parts(
    part: Any,
    firsts: range,
    n: int,
    what: str,
    threads: int | None,
    progress: Progress | None,
    ended: Event | None = None,
) -> None:
    """Do parts of the rows on threads of our own; an exception of the progress stops after the parts under way, which ``ended`` may tell."""
    threads = threads or int(os.environ.get("NUMBA_NUM_THREADS") or os.cpu_count() or 1)
    done, waiting = 0, iter(firsts)
    with ThreadPoolExecutor(threads) as pool:
        running: set[Future[int]] = set()
        try:
            while True:
                for first in waiting:
                    running.add(pool.submit(part, first))
                    if len(running) >= 2 * threads:
                        break
                if not running:
                    return
                ready, running = wait(running, timeout=WAIT, return_when=FIRST_COMPLETED)
                for one in ready or [None]:
                    done += 0 if one is None else one.result()
                    tell(progress, done / max(n, 1), what)
        finally:
            if ended is not None:
                ended.set()
            for one in running:
                one.cancel()
