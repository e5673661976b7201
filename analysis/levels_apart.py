"""Levels of two columns that no row holds together, though by chance many would: a husband who is female."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from modelglass.analysis.constraints import ColumnRule, Together

MOST_COLUMNS, MOST_LEVELS = 40, 60
FEWEST_EXPECTED = 50.0
"""Rows that would hold a pair of levels, were the columns independent: where fewer would, that none does is no sign. None where 50 would be says (at
95 %) that the pair is at least 17 times as rare as chance makes it. From 10 on chance alone is ruled out, too, but many pairs are called impossible that
are only rare (``benchmarks/levels_apart.py``).
"""


def apart(
    known: pd.DataFrame, columns: Mapping[str, ColumnRule], links: Sequence[Together], counted: np.ndarray | None = None
) -> list[Together]:
    """Find pairs of levels that no row holds, where at least 50 rows would, were the two columns independent of each other.

    Missing values are no level. Columns of which one follows from the other by a table are left to that table.

    Parameters
    ----------
    known : DataFrame, shape (n, p)
    columns : name -> rule; columns of levels are looked at, the first 40 of at most 60 levels
    links : what was found already
    counted : bool array, shape (n,), optional
        The rows that count towards what is expected (one of each cluster); all rows show which levels stand together.
    """
    coded = {
        n: _coded(known, r) for n, r in columns.items() if r.kind == "levels" and 2 <= len(r.levels) <= MOST_LEVELS
    }
    tied = {frozenset(t.columns) for t in links if t.by == "table"}
    made = []
    for a, b in itertools.combinations(list(coded)[:MOST_COLUMNS], 2):
        if frozenset((a, b)) in tied:
            continue
        shape = len(columns[a].levels), len(columns[b].levels)
        seen = _table(coded[a], coded[b], shape)
        few = seen if counted is None else _table(coded[a][counted], coded[b][counted], shape)
        expected = np.outer(few.sum(axis=1), few.sum(axis=0)) / max(int(few.sum()), 1)
        table = _levels(columns[a], columns[b], np.argwhere((seen == 0) & (expected >= FEWEST_EXPECTED)))
        if table:
            made.append(Together(kind="apart", columns=(a, b), table=table, how="on all rows"))
    return made


def _coded(known: pd.DataFrame, rule: ColumnRule) -> np.ndarray:
    """Give the place of each row's level, (n,); -1: missing."""
    return np.asarray(pd.Index(rule.levels, dtype=object).get_indexer(known[rule.name].astype(object)))


def _table(a: np.ndarray, b: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Count rows by both levels; places below 0 are missing."""
    place = a * shape[1] + b
    if a.min(initial=0) < 0 or b.min(initial=0) < 0:
        place = place[(a >= 0) & (b >= 0)]
    return np.bincount(place, minlength=shape[0] * shape[1]).reshape(shape)


def unseen(known: pd.DataFrame, one: ColumnRule, other: ColumnRule) -> dict[object, tuple[object, ...]]:
    """Give all pairs of levels that no row holds, however few would by chance: level of the one -> levels of the other."""
    a, b = (_coded(known, r) for r in (one, other))
    return _levels(one, other, np.argwhere(_table(a, b, (len(one.levels), len(other.levels))) == 0))


def _levels(one: ColumnRule, other: ColumnRule, at: np.ndarray) -> dict[object, tuple[object, ...]]:
    table: dict[object, tuple[object, ...]] = {}
    for i, j in at:
        table[one.levels[i]] = (*table.get(one.levels[i], ()), other.levels[j])
    return table
