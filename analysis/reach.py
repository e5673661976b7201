"""How each raw column reaches a model's last estimator: what bounds over raw columns are put together from.

Only what a Pipeline's structure shows is built upon: that each column the estimator sees is made from one raw column, and that a
scaler or imputer draws a straight line through the numbers that are there. Levels, and numbers on steps, are tried one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.constraints import numbers
from modelglass.analysis.models.provenance import FLAG, Provenance, dense, own_threshold, provenance
from modelglass.analysis.possible import Space, on_step

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

FEW = 128
"""Rows on which what the structure shows is checked."""
MOST_VALUES = 1_000
"""Values on steps up to which every one of a column is tried."""
ROUNDING, ROUNDING_32 = 1e-12, 1e-6
"""Of the size of what is added up: how far a straight line may be off for rounding, in 64 and 32 bits."""

FOREIGN = (ValueError, TypeError, AttributeError, IndexError, KeyError, RuntimeError)
"""What other people's transformers and models raise on rows they cannot read."""


class Unreadable(Exception):
    """A transformer or a model cannot be asked for what is needed; the text completes "because ..."."""


def asked(ask: Callable[..., Any], *given: Any, what: str) -> Any:
    """Ask other people's code; what it raises becomes ``Unreadable``.

    Raises
    ------
    Unreadable
    """
    try:
        return ask(*given)
    except FOREIGN as error:
        raise Unreadable(f"{what} cannot be read ({' '.join(str(error).split())[:100]})") from error


@dataclass(eq=False, kw_only=True, slots=True)
class Values:
    """What one column becomes at each of its possible values, with what follows from it.

    columns     those made of it and of the columns that follow from it
    codes       (V,): its values as ``Space`` has them; seen (V, len(columns)); allowed (V,): whether a row may move there
    """

    columns: np.ndarray
    codes: np.ndarray
    seen: np.ndarray
    allowed: np.ndarray


@dataclass(eq=False, kw_only=True, slots=True)
class Reach:
    """Rows of a space as the last estimator sees them, and how they would change.

    seen        float64 (n, q); block: for each raw column the columns made of it
    slope, shift, slack  (q,): a straight column is slope * number + shift, give or take slack; NaN elsewhere
    straight    bool (p,): each column made of this number is straight
    values      raw column -> its values: levels, and numbers on steps that are not straight
    follow      column that follows from others -> the column of levels that alone decides it
    """

    space: Space
    seen: np.ndarray
    block: list[np.ndarray]
    slope: np.ndarray
    shift: np.ndarray
    slack: np.ndarray
    straight: np.ndarray
    values: dict[int, Values]
    follow: dict[int, int]

    def followers(self, j: int) -> list[int]:
        """Give the columns that the levels of a column decide."""
        return [d for d, source in self.follow.items() if source == j]

    def own_columns(self, j: int) -> np.ndarray:
        """Give the columns made of a raw column and of what follows from it."""
        return np.concatenate([self.block[j], *(self.block[d] for d in self.followers(j))])

    def stays(self, rows: np.ndarray) -> np.ndarray:
        """Tell which cells cannot move, (m, p): as the space says, and where what follows from them cannot."""
        own = self.space.stays(rows)
        out = own.copy()
        for d, source in self.follow.items():
            out[:, source] |= own[:, d]
        return out


def traced(ev: Evaluation) -> Provenance:
    """Follow the raw columns to the last estimator.

    Raises
    ------
    Unreadable
        Where a transformer makes columns from several raw ones, or nothing is known of what it does.
    """
    if own_threshold(ev.estimator):
        raise Unreadable("the model decides at a threshold of its own, behind its raw output")
    made: Provenance = asked(provenance, ev.estimator, fed(ev, ev.whole.inputs().iloc[:FEW]), what="its pipeline")
    if not made.exact:
        raise Unreadable(made.reason)
    guessed = [i for b, s in zip(made.bent, made.sources, strict=True) if "FunctionTransformer" in b for i in s]
    if guessed:
        raise Unreadable(f"nothing is known of the function that changes {str(ev.features[guessed[0]])!r}")
    return made


def fed(ev: Evaluation, frame: pd.DataFrame) -> pd.DataFrame:
    """Give raw rows as the model is handed them."""
    return ev.feed.apply(frame) if ev.feed else frame


def as_numbers(handed: Any) -> np.ndarray:
    """Give what an estimator is handed as numbers, float64, NaN missing."""
    return np.asarray(dense(handed), dtype=float)


def transformed(ev: Evaluation, made: Provenance, frame: pd.DataFrame) -> Any:
    """Give raw rows as the last estimator is handed them.

    Raises
    ------
    Unreadable
    """
    return asked(made.transform, fed(ev, frame), what="its pipeline")


def reach(
    ev: Evaluation, space: Space, made: Provenance, see: Callable[[Any], np.ndarray], uneven: Collection[int] = ()
) -> Reach:
    """Find how the raw columns of a space reach the last estimator.

    Parameters
    ----------
    see : callable
        What the estimator is handed -> the numbers it works with, float64 (m, q), NaN missing.
    uneven : columns
        Those it does not take as numbers, whatever the transformers do.

    Raises
    ------
    Unreadable
    """
    place, p = made.raw_index, len(space.names)

    def ask(places: np.ndarray, X: np.ndarray) -> np.ndarray:
        return np.asarray(see(transformed(ev, made, space.rows(places, X))), dtype=float)

    every = np.arange(len(space.X))
    out = Reach(
        space=space, seen=ask(every, space.X), block=[np.flatnonzero(place == j) for j in range(p)],
        slope=np.full(len(place), np.nan), shift=np.full(len(place), np.nan), slack=np.zeros(len(place)),
        straight=np.zeros(p, bool), values={}, follow=_follow(space),
    )  # fmt: skip
    bent = np.array([bool(b - {FLAG}) for b in made.bent]) if made.bent else np.zeros(len(place), bool)
    bent[list(uneven)] = True
    for j in np.flatnonzero(space.number):
        if not bent[out.block[j]].any():
            out.straight[j] = _straighten(out, int(j), made, ask)
    _try_values(out, ask)
    return out


def _follow(space: Space) -> dict[int, int]:
    """Find the columns that the levels of one column decide, step by step."""
    out: dict[int, int] = {}
    free = set(space.free.tolist())
    for link in space.derived:
        *sources, last = (space.place(c) for c in link.columns)
        roots = {out.get(s, s) for s in sources}
        root = next(iter(roots))
        if len(roots) == 1 and root in space.levels and root in free:
            out[last] = root
    return out


def held_columns(space: Space) -> set[int]:
    """Give the columns that follow from others of which none may move."""
    moves, held = set(space.free.tolist()), set[int]()
    for link in space.derived:
        *sources, last = (space.place(c) for c in link.columns)
        if moves.intersection(sources):
            moves.add(last)
        else:
            held.add(last)
    return held


def _straighten(out: Reach, j: int, made: Provenance, ask: Callable[..., np.ndarray]) -> bool:
    """Find the straight lines that a number goes through, and tell whether all rows lie on them."""
    space, columns = out.space, out.block[j]
    x, rule = space.X[:, j], space.of[j]
    there = np.flatnonzero(np.isfinite(x))  # an infinite value stays as it is
    if not len(there) or not len(columns):  # it is nowhere, or nothing is made of it: nothing to know
        out.slope[columns], out.shift[columns] = 1.0, 0.0
        return True
    at = there[[int(np.argmin(x[there])), int(np.argmax(x[there]))]]
    if x[at[0]] == x[at[1]]:
        ends = [e for e in (rule.low, rule.high) if np.isfinite(e) and e != x[at[0]]]
        X = space.X[at].copy()
        X[1, j] = ends[-1] if ends else x[at[0]] + max(rule.step, np.nan_to_num(rule.spread, nan=1.0), 1e-9)
        two = numbers(space.rows(at, X)[space.names[j]])
        seen = ask(at, X)[:, columns]
    else:
        two, seen = x[at], out.seen[np.ix_(at, columns)]
    if two[0] == two[1]:
        return False
    slope = (seen[1] - seen[0]) / (two[1] - two[0])
    slope[[FLAG in made.bent[c] for c in columns] if made.bent else []] = 0.0
    if not made.steps:
        slope = np.ones(len(columns))
    shift = seen[0] - slope * two[0] if made.steps else np.zeros(len(columns))
    size = np.abs(slope) * np.abs(x[there]).max() + np.abs(shift)
    single = out.space.frame[space.names[j]].dtype == np.float32
    slack = (ROUNDING_32 if single else ROUNDING) * size if made.steps else np.zeros(len(columns))
    off = np.abs(slope * x[there, None] + shift - out.seen[np.ix_(there, columns)])
    if not (off <= slack).all():
        return False
    out.slope[columns], out.shift[columns], out.slack[columns] = slope, shift, slack
    return True


def _try_values(out: Reach, ask: Callable[..., np.ndarray]) -> None:
    """See what the estimator sees at every value of the columns that are not straight, all in one question."""
    space, parts = out.space, []
    moving = set(space.free.tolist()) | {space.place(t.columns[-1]) for t in space.derived}
    for j in sorted(moving - set(out.follow)):
        if out.straight[j]:
            continue
        codes = np.arange(len(space.of[j].levels), dtype=float) if j in space.levels else _on_steps(space, j)
        base = np.flatnonzero(~out.stays(np.arange(len(space.X)))[:, j])
        if len(base) and len(codes):
            parts.append((j, int(base[0]), codes))
    if not parts:
        return
    places = np.concatenate([np.full(len(codes), base) for _, base, codes in parts])
    X, at = space.X[places].copy(), 0
    for j, _, codes in parts:
        X[at : at + len(codes), j] = codes
        for link in space.derived:  # what follows, as Space has it; what may not move alone is moved all the same
            last = space.place(link.columns[-1])
            if out.follow.get(last) == j:
                X[at : at + len(codes), last] = space.followed(link, X[at : at + len(codes)])
        at += len(codes)
    known = ~np.isnan(X) | np.isnan(space.X[places])
    seen, at = ask(places, X), 0
    for j, _, codes in parts:
        here = slice(at, at + len(codes))
        at += len(codes)
        columns = out.own_columns(j)
        out.values[j] = Values(
            columns=columns, codes=codes, seen=seen[here][:, columns], allowed=known[here].all(axis=1)
        )


def _on_steps(space: Space, j: int) -> np.ndarray:
    """Give the values of a number on steps; none where it cannot move or they are too many."""
    rule = space.of[j]
    if not space.number[j] or j not in space.free or not rule.step or not np.isfinite([rule.low, rule.high]).all():
        return np.empty(0)
    count = int((rule.high - rule.low) / rule.step) + 3
    if count > MOST_VALUES:
        return np.empty(0)
    codes = np.unique(on_step(rule, rule.low + np.arange(-1, count) * rule.step))
    edge = 1e-6 * rule.step
    return codes[(codes >= rule.low - edge) & (codes <= rule.high + edge)]
