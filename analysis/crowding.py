"""Whether rows crowd beside a step of the model: along one column at a time, what little changes turn over beside what larger ones do.

Every model has rows near its boundary, so a share of decisions that little changes turn over is no fault. Where rows lie evenly about a smooth
boundary that share grows in proportion to the size of the change. Rows crowd where it grows faster from the start. Distances are in spreads
of the column, and where the column as a whole is denser (the low end of incomes, say) in the narrower spread there: that a column is
skewed is no crowd.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from modelglass.analysis.changed_answers import Answers, excluded
from modelglass.analysis.crossfit import judged
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.groups import Rows
from modelglass.analysis.possible import Space
from modelglass.analysis.probing import share
from modelglass.analysis.progress import Progress, tell

if TYPE_CHECKING:
    from modelglass.analysis.constraints import ColumnRule, Constraints
    from modelglass.analysis.evaluation import Evaluation

GRID = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75)
"""Spreads by which each column is changed, both ways; ``SMALL`` and ``WIDE`` of them are compared."""
SMALL, WIDE = 0.1, 0.75
TIMES = 1.5
"""What little changes turn over must be surely more than so many times what is in proportion; about a smooth boundary bell-shaped data reach 1.37 (Laplace)."""
LOT = 8_192
NEIGHBOURS, EDGE = 0.4, 0.02
"""Share of the rows on either side that a row's own spread is taken from, and the share at both ends of a column that is left out of it."""
_Ask = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
_SMALL, _WIDE, _NEVER = GRID.index(SMALL), GRID.index(WIDE), len(GRID)


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Alone:
    """Which changes of one column alone turn each row over.

    kept    the rows asked about;  columns: numbers that were tried
    first   int (n, columns), the smallest distance in ``GRID`` that turns the row over, by its place; ``len(GRID)`` where none does
    part    float64 (n, columns), how large the small change is beside the wide one: 0.133, but for columns with steps; NaN where no step is so small
    size    (columns,) the small change, in the column's unit
    """

    kept: Evaluation
    columns: tuple[str, ...]
    first: np.ndarray
    part: np.ndarray
    size: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Crowd:
    """One column: what little changes of it turn over.

    near        int (n,), 1 where the small change suffices
    estimate, low, high     their share, with its interval;  times: as a multiple of what is in proportion;  p: of at most ``TIMES``, one-sided
    size        the small change, in the column's unit
    """

    name: str
    near: np.ndarray
    estimate: float
    low: float
    high: float
    times: float
    p: float
    size: float


def alone(ev: Evaluation, rules: Constraints, *, seconds: float, progress: Progress | None = None) -> Alone:
    """Change each column of numbers of each row alone and ask the model, for as many rows as the time allows.

    Raises
    ------
    NotApplicable
        No column may change by so little, or the constraints leave out every row.
    InputError
        The model raises an error on a possible row.
    """
    ends = time.monotonic() + seconds
    inside = np.flatnonzero([not why for why in excluded(rules, ev.inputs())])
    kept = ev.take(np.random.default_rng((ev.seed, 20_023)).permutation(inside))
    space = Space(rules, kept.inputs())
    numbers = [j for j in space.free if space.number[j] and space.of[j].spread > 0]
    if not numbers or not kept.n:
        raise NotApplicable("no column of numbers may change by so little as a tenth of its spread")
    moves = np.stack([_moves(space.of[j], space.X[:, j]) for j in numbers], axis=1)  # (n, columns, distances)
    first, ask, done = np.full((kept.n, len(numbers)), _NEVER), Answers(kept, space).ask, 0
    lot = max(1, LOT // (2 * len(GRID) * len(numbers)))
    while done < kept.n and (done == 0 or time.monotonic() < ends):
        tell(progress, done / kept.n, "every column alone")
        at = slice(done, min(done + lot, kept.n))
        first[at] = _first(space, ask, np.array(numbers), at, moves[at])
        done = at.stop
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(moves[..., _SMALL] > 0, moves[..., _SMALL] / moves[..., _WIDE], np.nan)
    return Alone(
        kept=kept if done == kept.n else kept.take(np.arange(done)),
        columns=tuple(space.names[j] for j in numbers),
        first=first[:done],
        part=part[:done],
        size=np.array([SMALL * space.of[j].spread for j in numbers]),
    )


def _moves(rule: ColumnRule, values: np.ndarray) -> np.ndarray:
    """Give the distances by which each row is changed, (n, distances): of its own spread, in whole steps where the column has steps."""
    by = own_spread(values, rule.spread)[:, None] * np.array(GRID)
    return np.floor(by / rule.step + 1e-9) * rule.step if rule.step > 0 else by


def own_spread(values: np.ndarray, spread: float) -> np.ndarray:
    """Give the spread of a column about each value, (n,), at most ``spread``: how far its neighbours reach, beside those of a normal column.

    >>> own_spread(np.linspace(0, 1, 101), 0.371)[[0, 50, 100]].round(3).tolist()
    [0.212, 0.312, 0.212]
    """
    known = np.sort(values[np.isfinite(values)])
    if len(known) < 2:
        return np.full(len(values), spread)
    rank = (np.searchsorted(known, values, side="left") + np.searchsorted(known, values, side="right")) / (
        2 * len(known)
    )
    low, high = np.clip(rank - NEIGHBOURS, EDGE, 1 - EDGE), np.clip(rank + NEIGHBOURS, EDGE, 1 - EDGE)
    reach = np.quantile(known, high) - np.quantile(known, low)
    found = reach / (special.ndtri(high) - special.ndtri(low))
    return np.where(np.isfinite(values), np.minimum(found, spread), spread)


def _first(space: Space, ask: _Ask, numbers: np.ndarray, at: slice, moves: np.ndarray) -> np.ndarray:
    """Give the place of the smallest distance that turns each row over, (rows, columns)."""
    m, p, d = moves.shape
    row, column, distance, side = (v.ravel() for v in np.indices((m, p, d, 2)))
    places, j = row + at.start, numbers[column]
    X = space.X[places]
    X[np.arange(len(X)), j] += np.where(side == 1, 1, -1) * moves[row, column, distance]
    X = space.project(places, X)
    good = np.flatnonzero(space.possible(places, X) & (space.X[places] != X).any(axis=1, where=~np.isnan(X)))
    beyond = np.zeros(len(X), bool)
    if len(good):
        beyond[good] = ask(places[good], X[good])[0]
    found = np.full((m, p), _NEVER)
    np.minimum.at(found, (row[beyond], column[beyond]), distance[beyond])
    return found


def crowd(found: Alone, c: int, level: float = 0.95) -> Crowd:
    """Judge one column (its place in ``found.columns``)."""
    kept, part = found.kept, found.part[:, c]
    fits = np.isfinite(part)
    near, wide = fits & (found.first[:, c] <= _SMALL), fits & (found.first[:, c] <= _WIDE)
    even = np.where(fits, part, 0.0) * wide
    zero = np.zeros(kept.n)
    rows = Rows(task="regression", y=zero, predicted=zero, weight=kept.weight, cluster=kept.cluster)
    more = judged(rows, [near - np.minimum(TIMES * even, wide)], level)
    w = zero + 1 if kept.weight is None else kept.weight
    estimate, low, high = share(kept, near, level)
    return Crowd(
        name=found.columns[c],
        near=near.astype(np.int64),
        estimate=estimate,
        low=low,
        high=high,
        times=float(w @ near) / float(w @ even) if w @ even > 0 else np.nan,
        p=more.p,
        size=float(found.size[c]),
    )
