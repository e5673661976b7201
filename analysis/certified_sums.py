"""The least that a change must cost where a model adds up one function of each raw column: linear models, also behind Pipelines.

What a change can add to the raw output is the sum of what its columns add alone. So the cheapest way to close the gap is a knapsack:
numbers along straight lines may move any part of their way (fractional, the steepest per cost first), another level is taken or not, and
up to ``MOST_TRIED`` columns of levels are tried in every combination. Steps, orders and sums between columns can only make it dearer.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from modelglass.analysis.boundary import CLOSE, Boundary, boundaries, raw_output
from modelglass.analysis.constraints import FAR, Together
from modelglass.analysis.models.provenance import Provenance
from modelglass.analysis.possible import Space
from modelglass.analysis.progress import lots
from modelglass.analysis.reach import Reach, Unreadable, as_numbers, asked, held_columns, reach, transformed

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

MOST_TRIED = 8
"""Columns of levels of which every combination is tried; of others any part of a change counts."""
TINY = 1e-30
CELLS = 4_000_000
"""Rows times combinations times columns at once."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Closed:
    """Of one way to change the answer the least cost (m,), and rows there (m, p), NaN where there are none."""

    way: Boundary
    cost: np.ndarray
    X: np.ndarray


def is_sum(estimator: Any) -> bool:
    """Tell whether an estimator is one of scikit-learn's linear ones."""
    own = type(estimator).__module__.split(".")[0] == "sklearn"
    return own and hasattr(estimator, "coef_") and not hasattr(estimator, "support_vectors_")


def closed(ev: Evaluation, space: Space, made: Provenance, amount: float) -> list[Closed]:
    """Give for each way to change answers the least that it costs.

    Raises
    ------
    Unreadable
    """
    handed = transformed(ev, made, space.frame)
    raw = asked(raw_output, made.estimator, handed, what="its raw output")
    ways = boundaries(ev, raw, amount)
    found = reach(ev, space, made, partial(asked, as_numbers, what="what its weights are multiplied with"))
    weights = np.atleast_2d(np.asarray(made.estimator.coef_, dtype=float)).T
    shift = np.asarray(made.estimator.intercept_, dtype=float).ravel()
    if weights.shape != (found.seen.shape[1], raw.shape[1]):
        raise Unreadable("its weights do not fit its columns")
    off = np.abs(found.seen @ weights + shift - raw).max(initial=0.0)
    size = max(1.0, float(np.abs(raw).max(initial=0.0)))
    if not off <= CLOSE * size:
        raise Unreadable("its raw output is not that of its weights")
    by_share = ev.threshold is not None and ev.score_kind == "probability"
    slack = 4 * off + 1e-12 * size + (_at_threshold(ev.threshold) if by_share else 0.0)
    out = []
    for way in ways:
        need = -(raw[way.rows] @ way.a + way.b) - slack * np.abs(way.a).sum()
        items = items_of(found, np.tile(weights @ way.a, (len(way.rows), 1)), way.rows)
        cost, X = knapsack(items, np.maximum(need, 0.0))
        out.append(Closed(way=way, cost=cost, X=X))
    return out


def _at_threshold(threshold: float | None) -> float:
    """Give how far raw output may be from the threshold's for rounding of the probability."""
    near = min(threshold or 0.0, 1 - (threshold or 0.0))
    return 1e-15 / max(near, 1e-12)


@dataclass(eq=False, kw_only=True, slots=True)
class Items:
    """What changes of columns can add for m rows.

    free        (m,): what follows from changes may add beside, at no cost
    parts       (column, rate, most, move) of columns that may move any part of their way, each (m,): what they add per cost, at most, and
                how far the column moves for it (NaN: not known)
    jumps       (column, add, to) of columns of levels, each (m,): what the best other level adds, and that level
    """

    space: Space
    rows: np.ndarray
    free: np.ndarray
    parts: list[tuple[int, np.ndarray, np.ndarray, np.ndarray]]
    jumps: list[tuple[int, np.ndarray, np.ndarray]]


def items_of(found: Reach, w: np.ndarray, rows: np.ndarray, *, bounded: bool = True) -> Items:
    """Say what changes can add to the weighted sum of what the last estimator sees, weights ``w`` (m, q).

    Unless ``bounded``, columns that add what has no known bound count as staying.

    Raises
    ------
    Unreadable
        Where what a column adds has no known bound.
    """
    space, stays = found.space, found.stays(rows)
    out = Items(space=space, rows=rows, free=np.zeros(len(rows)), parts=[], jumps=[])
    lines = _lines(found, w, out, stays)
    for j in space.free:
        moves = ~stays[:, j]
        if found.straight[j]:
            slope = _slope(found, w, j) + lines.get(int(j), 0.0)
            if slope.any():
                out.parts.append((j, *_way(space, j, slope, rows, moves)))
        elif j in found.values:
            add = np.where(moves[:, None], _added(found, w, j, rows), 0.0)
            best = add.argmax(axis=1)
            most, to = np.maximum(add.max(axis=1), 0.0), found.values[j].codes[best]
            if not space.number[j]:
                out.jumps.append((j, most, to))
                continue
            far = np.abs(found.values[j].codes[None] - space.X[rows, j][:, None]) * space.per[j]
            rate = np.where(add > 0, add / np.maximum(far, TINY), 0.0).max(axis=1)
            out.parts.append((j, rate, most, np.full(len(rows), np.nan)))
        elif bounded and moves.any() and (w[:, found.block[j]] != 0).any():
            raise Unreadable(f"what a change of {space.names[j]!r} adds has no known bound")
    if bounded:
        _beside(found, w, out)
    return out


def _slope(found: Reach, w: np.ndarray, j: int) -> np.ndarray:
    """Give what 1 of a straight number adds, (m,)."""
    return w[:, found.block[j]] @ found.slope[found.block[j]]


def _way(space: Space, j: int, slope: np.ndarray, rows: np.ndarray, moves: np.ndarray) -> tuple[np.ndarray, ...]:
    """Give rate, most and move of a straight number; see ``Items``."""
    rule, x, up = space.of[j], space.X[rows, j], slope > 0
    room = np.maximum(np.where(up, rule.high - x, x - rule.low), 0.0) + 2 * FAR * rule.step
    room = np.where(moves & (slope != 0) & ((rule.direction == "any") | ((rule.direction == "up") == up)), room, 0.0)
    size = np.abs(slope)
    with np.errstate(invalid="ignore"):
        most = np.where(room > 0, room * size, 0.0)
    return size / max(space.per[j], TINY), most, 1 / np.where(slope != 0, slope, np.inf)


def _added(found: Reach, w: np.ndarray, j: int, rows: np.ndarray) -> np.ndarray:
    """Give what each value of a column adds to rows, (m, V); -inf where it is not allowed."""
    known = found.values[j]
    mine = w[:, known.columns]
    add = mine @ known.seen.T - (found.seen[np.ix_(rows, known.columns)] * mine).sum(axis=1)[:, None]
    return np.where(known.allowed[None], add, -np.inf)


def _lines(found: Reach, w: np.ndarray, out: Items, stays: np.ndarray) -> dict[int, np.ndarray]:
    """Give what columns that follow straight numbers along a line, a sum or a difference add with each, by its place; rounding goes to ``free``."""
    space, slopes = found.space, dict[int, np.ndarray]()
    for factors, last, link in _on_lines(found):
        rule, own = space.of[last], _slope(found, w, last)
        held = stays[:, [*(space.place(c) for c in link.columns)]].any(axis=1)
        for source, factor in factors.items():
            stays[:, source] |= held
            slopes[source] = slopes.get(source, np.zeros(len(w))) + factor * own
        off = space.followed(link, space.X[out.rows], rounded=False) - space.X[out.rows, last]
        out.free += np.where(held, 0.0, np.maximum(own * off, 0.0) + np.abs(own) * rule.step / 2)
    return slopes


def _on_lines(found: Reach) -> list[tuple[dict[int, float], int, Together]]:
    """Find (sources that may move with their factors, last, link) where a straight number follows straight numbers along a line, a sum or a difference."""
    space, out = found.space, []
    after = {space.place(link.columns[-1]) for link in space.derived}
    for link in space.derived:
        *sources, last = (space.place(c) for c in link.columns)
        ways = {"line": (link.value,), "sum": (1.0, 1.0), "difference": (1.0, -1.0)}.get(link.by, ())
        factors = {j: f for j, f in zip(sources, ways) if j in space.free}
        if factors and not after & set(sources) and found.straight[[*factors, last]].all():
            out.append((factors, last, link))
    return out


def _beside(found: Reach, w: np.ndarray, out: Items) -> None:
    """Add to ``free`` what all other columns that follow can add in their ranges."""
    space, rows = found.space, out.rows
    known = {last for _, last, _ in _on_lines(found)} | set(found.follow)
    held = held_columns(space)
    for link in space.derived:
        last = space.place(link.columns[-1])
        rule = space.of[last]
        if last in known or last in held or rule.immutable or not (w[:, found.block[last]] != 0).any():
            continue
        if found.straight[last] and np.isfinite([rule.low, rule.high]).all():
            edge = FAR * max(abs(rule.low), abs(rule.high), rule.step)
            x, own = space.X[rows, last], _slope(found, w, last)
            most = np.maximum(own * (rule.high + edge - x), own * (rule.low - edge - x))
        elif last in found.values:
            most = _added(found, w, last, rows).max(axis=1)
        else:
            raise Unreadable(f"{link.text()}, and what that adds has no known bound")
        out.free += np.where(found.stays(rows)[:, last], 0.0, np.maximum(most, 0.0))


def knapsack(items: Items, need: np.ndarray, *, far: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Close the gaps ``need`` (m,) at the least cost: (cost (m,), rows there).

    Where the ranges do not allow it the cost is infinite, and rows are NaN, or as far there as they can be (``far``).
    """
    tried, parts = _split(items)
    subsets = np.array(list(itertools.product((0.0, 1.0), repeat=len(tried)))).reshape(2 ** len(tried), -1)
    add = np.array([a for _, a, _ in tried]).reshape(len(tried), len(need)).T
    price = np.array([items.space.per[j] for j, _, _ in tried])
    cost, X = np.full(len(need), np.inf), items.space.X[items.rows].copy()
    size = max(1, CELLS // (len(subsets) * max(1, len(parts))))
    for at in lots(len(need), size):
        left = need[at, None] - items.free[at, None] - add[at] @ subsets.T
        total = _filled(parts, at, np.maximum(left, 0.0)) + (subsets @ price)[None]
        best = np.where(np.isfinite(total).any(axis=1), total.argmin(axis=1), len(subsets) - 1)
        cost[at] = total[np.arange(len(at)), best]
        for i, (j, _, to) in enumerate(tried):
            jump = (subsets[best, i] > 0) & (add[at, i] > 0)
            X[at[jump], j] = to[at[jump]]
        rest = need[at] - (add[at] * subsets[best]).sum(axis=1)  # nothing is free in a row that is to be tried
        _filled(parts, at, np.maximum(rest, 0.0)[:, None], X)
    return cost, X if far else np.where(np.isfinite(cost)[:, None], X, np.nan)


def _split(items: Items) -> tuple[list[Any], list[Any]]:
    """Give the columns of levels to try in every combination, and all others as parts."""
    jumps = sorted(items.jumps, key=lambda one: -float(one[1].max(initial=0.0)))
    jumps = [one for one in jumps if (one[1] > 0).any()]
    more = [
        (j, add / max(items.space.per[j], TINY), add, np.full(len(add), np.nan)) for j, add, _ in jumps[MOST_TRIED:]
    ]
    return jumps[:MOST_TRIED], [*items.parts, *more]


def _filled(parts: list[Any], at: np.ndarray, left: np.ndarray, X: np.ndarray | None = None) -> np.ndarray:
    """Fill gaps (m, s) with parts, those that add most per cost first: the cost (m, s), infinite where all do not do; moves ``X`` with them."""
    cost, wanted = np.zeros(left.shape), left
    rates = np.array([rate[at] for _, rate, _, _ in parts]).reshape(len(parts), len(at))
    order = np.argsort(-rates, axis=0, kind="stable")
    rows = np.arange(len(at))
    for k in range(len(parts)):
        which = order[k]
        most = np.array([most[at] for _, _, most, _ in parts])[which, rows]
        rate = rates[which, rows]
        take = np.where((rate > 0)[:, None], np.minimum(most[:, None], left), 0.0)
        cost = cost + take / np.maximum(rate, TINY)[:, None]
        left = left - take
        if X is not None:
            columns = np.array([j for j, _, _, _ in parts])[which]
            move = np.array([move[at] for _, _, _, move in parts])[which, rows] * take[:, 0]
            X[at, columns] += np.nan_to_num(move)
    return np.where(left > 1e-9 * np.maximum(wanted, 1e-12), np.inf, cost)
