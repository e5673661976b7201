"""The search behind ``adversarial`` and ``counterfactuals``: the cheapest possible change of a row that makes an answer another one.

The model is a black box that is asked about many changed rows at once. In turn: every column alone, at rising distance, with bisection;
the most effective columns together; other rows of the data as they are (a start beyond the boundary, brought back column by column: a
boundary walk on the mixed space); then rounds of small changes of the best found so far, which keep what is cheaper (evolution).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from modelglass.analysis.budget import Spent, left
from modelglass.analysis.errors import Enough
from modelglass.analysis.possible import Space
from modelglass.analysis.progress import Progress, lots, tell

OFFSETS = np.array([0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0])
"""Distances, in spreads, at which each number alone is tried, both ways."""
WIDE, POINTS = 2_800, 32
"""Rows that one call of a bisection may ask, and parts that it cuts a way into at most: a call costs more than few rows."""
HALVINGS, ROUGH, TOGETHER, EACH, ASKED = 14, 5, 6, 6, 16_384
"""Bisection steps, and those within a round; columns changed together at first; kinds of proposals; rows asked at once."""
KEPT = 0.5
"""Seconds of a budget given to all analyses together that are kept for what follows the search, at most."""

Ask = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""(places (m,), possible rows (m, p)) -> whether each is beyond the boundary (m,), and how far it pulls towards it (m,), NaN: unknown."""


@dataclass(eq=False, kw_only=True, slots=True)
class Found:
    """The best of each row.

    best        float64 (n, p), rows as ``Space`` has them; the row itself where none was found
    cost        float64 (n,), infinite where none was found
    alone       float64 (n, p): cost of the cheapest change of one column alone; infinite where none was found
    asked       rows the model was asked about; rounds: of evolution that were finished
    ended       what ended it before the end: "time", a "person" (``Enough``), or "": nothing
    """

    best: np.ndarray
    cost: np.ndarray
    alone: np.ndarray
    asked: int = 0
    rounds: int = 0
    ended: str = ""


def search(
    space: Space,
    ask: Ask,
    *,
    seed: int,
    rounds: int,
    seconds: float | None = None,
    starts: np.ndarray | None = None,
    hints: Callable[[Searcher], None] | None = None,
    exact: bool = True,
    alike: bool = False,
    progress: Progress | None = None,
) -> Found:
    """Search for all rows of ``space``.

    Parameters
    ----------
    rounds : int
        Rounds of evolution.
    seconds : float, optional
        After so long the search stops; the best so far is given.
    starts : float array (n, k, p), optional
        For each row other rows that are beyond its boundary; all NaN: none.
    hints : callable, optional
        Proposes more (leaf boxes of trees), by ``searcher.offer``.
    exact : bool
        Bring the flips of each column alone to the boundary, for ``Found.alone``.
    alike : bool
        The rows are one row several times, which differ in what must stay; in the first nothing must that may move in another.
    """
    one = Searcher(space, ask, seed, seconds, progress)
    try:
        for share, what, step in (
            (0.05, "every column alone", lambda: one.alone(exact=exact, alike=alike)),
            (0.35, "from other rows", lambda: one.from_others(starts)),
            (0.4, "back towards the rows", lambda: one.shrink(np.arange(len(space.X)), ROUGH)),
            (0.45, "columns together", one.together),
            (0.55, "leaves of the trees", lambda: hints(one) if hints else None),
            (0.6, "back towards the rows", lambda: one.shrink(np.arange(len(space.X)))),
        ):
            one.now = (share, what)
            one.tell()
            step()
        for r in range(rounds):
            one.now = (0.65 + 0.35 * r / rounds, f"round {r + 1} of {rounds}")
            one.tell()
            one.evolve()
            one.found.rounds = r + 1
        one.shrink(np.arange(len(space.X)))
    except (Spent, Enough) as end:
        one.found.ended = end.by
    return one.found


class Searcher:
    """The state of one search: the best so far, and the one way to try something (``offer``)."""

    def __init__(self, space: Space, ask: Ask, seed: int, seconds: float | None, progress: Progress | None):
        n, p = space.X.shape
        self.space, self._ask, self.rng = space, ask, np.random.default_rng((seed, 20_011))
        self.found = Found(best=space.X.copy(), cost=np.full(n, np.inf), alone=np.full((n, p), np.inf))
        self.gain = np.zeros((n, p))  # pull of the most effective change of each column, per cost
        self.move = np.full((n, p), np.nan)  # the value of that change
        self.far, self.far_gain = np.full((n, p), np.nan), np.zeros((n, p))  # the same of the strongest change
        self.flip = np.full((n, p), np.nan)  # the value of the cheapest change of each column that flips alone
        self._tight = np.full(n, np.nan)  # cost at which nothing more could be taken back
        if (given := left()) is not None:  # of all analyses together, a tenth kept for summing up
            seconds = min(np.inf if seconds is None else seconds, max(0.0, given[0] - min(given[1] / 10, KEPT)))
        self._ends = None if seconds is None else time.monotonic() + seconds
        self._progress, self.now = progress, (0.0, "")

    def tell(self) -> None:
        """Report, and stop where the time is over."""
        if self._ends is not None and time.monotonic() > self._ends:
            raise Spent
        tell(self._progress, *self.now)

    def offer(
        self, places: np.ndarray, X: np.ndarray, *, all_of: bool = False
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Try rows: made possible, asked, and kept where they are beyond the boundary and cheaper than the best so far.

        Only what would be cheaper is asked, or everything with ``all_of``.

        Returns
        -------
        beyond, pull, X : whether each was found beyond the boundary (m,), its pull (m,; NaN where not asked), the rows as they were asked.
        """
        beyond, pull = np.zeros(len(places), bool), np.full(len(places), np.nan)
        X = self.space.project(places, X)
        good = self.space.possible(places, X) & (self.space.X[places] != X).any(axis=1, where=~np.isnan(X))
        cost = self.space.cost(places, X)
        todo = np.flatnonzero(good & (all_of | (cost < self.found.cost[places] * (1 - 1e-9))))
        for start in range(0, len(todo), ASKED):
            at = todo[start : start + ASKED]
            beyond[at], pull[at] = self._ask(places[at], X[at])
            self.found.asked += len(at)
            self._keep(places[at], X[at], cost[at], beyond[at])
            self.tell()
        return beyond, pull, X

    def _keep(self, places: np.ndarray, X: np.ndarray, cost: np.ndarray, beyond: np.ndarray) -> None:
        at = np.flatnonzero(beyond)
        at = at[np.lexsort((cost[at], places[at]))]
        at = at[np.unique(places[at], return_index=True)[1]]  # the cheapest of each row
        at = at[cost[at] < self.found.cost[places[at]]]
        self.found.best[places[at]], self.found.cost[places[at]] = X[at], cost[at]

    # the steps -------------------------------------------------------------------------------------------------

    def alone(self, *, exact: bool = True, alike: bool = False) -> None:
        """Try every column alone: numbers at rising distance both ways and at the ends of their range, all levels."""
        brackets: list[tuple[np.ndarray, ...]] = []
        width = sum(
            2 * len(OFFSETS) + 2 if self.space.number[j] else len(self.space.of[j].levels) for j in self.space.free
        )
        for lot in lots(1 if alike else len(self.space.X), max(1, ASKED // width)):
            values = {j: self._values(j, lot) for j in self.space.free}
            places = np.concatenate([np.repeat(lot, v.shape[1]) for v in values.values()])
            X, at = self.space.X[places], 0
            for j, v in values.items():
                X[at : at + v.size, j] = v.ravel()
                at += v.size
            beyond, pull, X = self.offer(places, X, all_of=True)
            cost, at = self.space.cost(places, X), 0
            for j, v in values.items():
                part = slice(at, at + v.size)
                at += v.size
                mine = cost[part].reshape(v.shape), beyond[part].reshape(v.shape), X[part, j].reshape(v.shape)
                self._learn(j, lot, mine[0], pull[part].reshape(v.shape), mine[2])
                brackets += self._bracket(j, lot, *mine)
        if alike:
            self._hand_on()
        if brackets and exact:
            self._halve_alone(*(np.concatenate(parts) for parts in zip(*brackets, strict=True)))

    def _hand_on(self) -> None:
        """Let the other rows know what was learnt from the first, of which they are copies, in the columns that they may change."""
        rows = np.arange(len(self.space.X))
        stays = self.space.stays(rows)
        for known in (self.gain, self.far_gain):
            known[:] = np.where(stays, 0.0, known[0])
        for known in (self.move, self.far, self.flip):
            known[:] = np.where(stays, np.nan, known[0])
        self.found.alone[:] = np.where(stays, np.inf, self.found.alone[0])
        j = self.found.alone.argmin(axis=1)
        X, flip = self.space.X.copy(), self.flip[rows, j]
        X[rows, j] = np.where(np.isnan(flip), X[rows, j], flip)
        self.offer(rows, X)

    def _values(self, j: int, lot: np.ndarray) -> np.ndarray:
        """Values to try of one column, shape (rows, m)."""
        rule, now = self.space.of[j], self.space.X[lot, j]
        if not self.space.number[j]:
            return np.tile(np.arange(len(rule.levels), dtype=float), (len(lot), 1))
        steps = np.concatenate([-OFFSETS[::-1], OFFSETS]) * rule.spread
        if rule.step > 0.02 * rule.spread:  # the nearest steps, each once
            steps = np.sign(steps) * np.maximum(np.abs(steps), rule.step)
        ends = np.tile([rule.low, rule.high], (len(lot), 1))
        return np.column_stack([now[:, None] + steps, np.where(np.isfinite(ends), ends, now[:, None])])

    def _learn(self, j: int, lot: np.ndarray, cost: np.ndarray, pull: np.ndarray, value: np.ndarray) -> None:
        """Note the most effective and the strongest change of the column."""
        gain = np.where(np.isfinite(pull) & (cost > 0), pull, 0.0)
        rate = gain / np.maximum(cost, 1e-12)
        rows = np.arange(len(lot))
        best, most = rate.argmax(axis=1), gain.argmax(axis=1)
        self.gain[lot, j], self.move[lot, j] = rate[rows, best], value[rows, best]
        self.far_gain[lot, j], self.far[lot, j] = gain[rows, most], value[rows, most]

    def _bracket(
        self, j: int, lot: np.ndarray, cost: np.ndarray, beyond: np.ndarray, value: np.ndarray
    ) -> list[tuple[np.ndarray, ...]]:
        """Note what flips alone; give (places, columns, last value short of the boundary, first value beyond) of numbers, each way."""
        out: list[tuple[np.ndarray, ...]] = []
        now = self.space.X[lot, j]
        flips = np.where(beyond, cost, np.inf)
        self.found.alone[lot, j] = flips.min(axis=1)
        self.flip[lot, j] = np.where(beyond.any(axis=1), value[np.arange(len(lot)), flips.argmin(axis=1)], np.nan)
        for side in (-1, 1) if self.space.number[j] else ():
            ours = (value > now[:, None]) if side > 0 else (value < now[:, None])
            has = np.flatnonzero((beyond & ours).any(axis=1))
            if len(has):
                first = np.where(beyond & ours, cost, np.inf)[has].argmin(axis=1)
                good, limit = value[has, first], cost[has, first]
                inner = np.where(ours[has] & ~beyond[has] & (cost[has] < limit[:, None]), cost[has], -1.0)
                bad = np.where(inner.max(axis=1) > 0, value[has, inner.argmax(axis=1)], now[has])
                out.append((lot[has], np.full(len(has), j), bad, good))
        return out

    def _halve_alone(self, places: np.ndarray, j: np.ndarray, bad: np.ndarray, good: np.ndarray) -> None:
        """Bring flips of one column alone to the boundary, all rows and columns at once."""
        good = self._halved(places, j, self.space.X[places], bad, good, keep_all=True)
        X = self.space.X[places]
        X[np.arange(len(places)), j] = good
        np.minimum.at(self.found.alone, (places, j), self.space.cost(places, self.space.project(places, X)))

    def _halved(
        self,
        places: np.ndarray,
        j: np.ndarray,
        base: np.ndarray,
        bad: np.ndarray,
        good: np.ndarray,
        *,
        keep_all: bool = False,
        halvings: int = HALVINGS,
    ) -> np.ndarray:
        """Move the value ``good`` of column ``j`` of each row of ``base`` towards ``bad`` as far as it stays beyond the boundary.

        Of few rows many points are asked at once instead of one: a call costs more than its rows.
        """
        good, bad, rows = good.copy(), bad.copy(), np.arange(len(places))
        step = np.array([self.space.of[c].step for c in j])
        parts = int(2 ** np.clip(np.floor(np.log2(WIDE / max(len(rows), 1) + 1)), 1, np.log2(POINTS)))
        for _ in range(int(np.ceil(halvings / np.log2(parts)))):
            at = rows[np.abs(good - bad) > np.maximum(1.01 * step, 1e-9 * np.abs(good))]
            if not len(at):
                break
            inner = np.arange(1, parts) / parts
            X = np.repeat(base[at], parts - 1, axis=0)
            every = np.repeat(np.arange(len(at)), parts - 1)
            X[np.arange(len(X)), j[at][every]] = (bad[at][:, None] + inner * (good[at] - bad[at])[:, None]).ravel()
            beyond, _, X = self.offer(places[at][every], X, all_of=keep_all)
            value = X[np.arange(len(X)), j[at][every]].reshape(len(at), parts - 1)
            beyond = beyond.reshape(value.shape)
            # the nearest to the row that is beyond
            first = np.where(beyond.any(axis=1), beyond.argmax(axis=1), parts - 1)
            edges = np.column_stack([bad[at], value, good[at]])
            k = np.arange(len(at))
            stuck = (edges[k, first] == bad[at]) & (edges[k, first + 1] == good[at])
            bad[at] = np.where(stuck, good[at], edges[k, first])
            good[at] = edges[k, first + 1]
        return good

    def together(self) -> None:
        """Change the most effective columns together: the first one, two, three ... of each row, as if their pulls added up."""
        n = len(self.space.X)
        most = min(TOGETHER, len(self.space.free))
        for gains, moves in ((self.gain, self.move), (self.far_gain, self.far), (self.gain, self.far)):
            order = np.argsort(-gains, axis=1, kind="stable")[:, :most]
            X, proposed = self.space.X.copy(), []
            for k in range(most):
                rows, j = np.arange(n), order[:, k]
                use = (gains[rows, j] > 0) & ~np.isnan(moves[rows, j])
                X[rows[use], j[use]] = moves[rows[use], j[use]]
                proposed.append((rows[use], X[use]))
            self.offer(*(np.concatenate(parts) for parts in zip(*proposed, strict=True)))

    def from_others(self, starts: np.ndarray | None) -> None:
        """Start from other rows that are beyond the boundary."""
        if starts is not None:
            rows, k = np.nonzero(~np.isnan(starts).all(axis=2))
            self.offer(rows, starts[rows, k])

    def shrink(self, rows: np.ndarray, halvings: int = HALVINGS) -> None:
        """Take changes back: of each row wholly where it stays beyond the boundary, then by halves, the dearest column first."""
        rows = rows[np.isfinite(self.found.cost[rows]) & (self.found.cost[rows] != self._tight[rows])]
        self._drop(rows)
        price = self.space.costs(rows, self.found.best[rows])
        order = np.argsort(-price, axis=1, kind="stable")
        for k in range(int((price > 0).sum(axis=1).max(initial=0))):
            at = np.flatnonzero(np.take_along_axis(price, order[:, [k]], axis=1)[:, 0] > 0)
            places, j = rows[at], order[at, k]
            places, j = places[self.space.number[j]], j[self.space.number[j]]
            base = self.found.best[places].copy()
            good = base[np.arange(len(places)), j]
            self._halved(places, j, base, self.space.X[places, j], good, halvings=halvings)
        if halvings == HALVINGS:
            self._tight[rows] = self.found.cost[rows]

    def _drop(self, rows: np.ndarray) -> None:
        """Take changes back wholly: each column alone; then more and more together, those first that cost most for the pull they give."""
        while len(rows):
            before, best = self.found.cost[rows].copy(), self.found.best[rows].copy()
            price = self.space.costs(rows, best)
            i, j = np.nonzero(price > 0)
            X = best[i]
            X[np.arange(len(i)), j] = self.space.X[rows[i], j]
            beyond, pull, _ = self.offer(rows[i], X)
            self._drop_several(rows, best, price, i[beyond], j[beyond], pull[beyond])
            rows = rows[self.found.cost[rows] < before * (1 - 1e-9)]

    def _drop_several(
        self, rows: np.ndarray, best: np.ndarray, price: np.ndarray, i: np.ndarray, j: np.ndarray, pull: np.ndarray
    ) -> None:
        """Offer rows with two, three ... of the columns ``j`` as they were that rows ``i`` can do without one by one."""
        most, rate = np.full(len(rows), -np.inf), np.zeros(price.shape)
        np.maximum.at(most, i, pull)
        rate[i, j] = price[i, j] / (most[i] - pull + 1e-9)
        order, count = np.argsort(-rate, axis=1, kind="stable"), np.bincount(i, minlength=len(rows))
        X, proposed = best.copy(), []
        for k in range(int(count.max(initial=0))):
            at = np.flatnonzero(count > k)
            X[at, order[at, k]] = self.space.X[rows[at], order[at, k]]
            proposed += [(rows[at], X[at])] if k else []
        if proposed:
            self.offer(*(np.concatenate(parts) for parts in zip(*proposed, strict=True)))

    def evolve(self) -> None:
        """Propose changes of the best of each row, and shrink what became cheaper."""
        rows = np.arange(len(self.space.X))
        before = self.found.cost.copy()
        each = EACH * int(np.clip(WIDE // (8 * EACH * len(rows)), 1, 4))
        places = np.repeat(rows, each)
        X = self.found.best[places].copy()
        kind = np.tile(np.arange(each) % EACH, len(rows))
        self._mutate(places, X, kind)
        self.offer(places, X)
        better = np.flatnonzero(self.found.cost < before * (1 - 1e-6))
        self.shrink(better, ROUGH)

    def _mutate(self, places: np.ndarray, X: np.ndarray, kind: np.ndarray) -> None:
        """Kinds 0, 1: a part of the changes taken back, one effective change added; 2: all numbers shrunk; 3: a number trades with another;
        4, 5: one column exchanged for another.
        """
        m, space, rng = len(places), self.space, self.rng
        origin = space.X[places]
        has = np.isfinite(self.found.cost[places])
        changed = (origin != X) & ~np.isnan(X)
        back = changed & (rng.random(X.shape) < np.where(kind < 2, 0.5, np.where(kind < 4, 0.0, 1.0))[:, None])
        one = (rng.random(X.shape) * changed).argmax(axis=1)
        only = np.zeros_like(back)
        only[np.arange(m), one] = changed[np.arange(m), one]
        back = np.where((kind >= 4)[:, None], only, back)
        X[back] = origin[back]
        shrunk = np.where(np.isin(kind, (2, 3)), rng.uniform(0.5, 1.0, m), 1.0)[:, None]
        numbers = changed & ~back & space.number
        with np.errstate(invalid="ignore"):  # an infinite value stays, and is none of these
            X[numbers] = (origin + (X - origin) * shrunk)[numbers]
        weight = np.maximum(self.gain[places], 0)[:, space.free] + 1e-9
        pick = space.free[
            (rng.random(weight.shape) ** (1 / np.maximum(weight / weight.max(axis=1, keepdims=True), 1e-6))).argmax(
                axis=1
            )
        ]
        rows = np.flatnonzero((kind != 2) | ~has)
        j = pick[rows]
        near, far = self.move[places[rows], j], self.far[places[rows], j]
        u = rng.random(len(rows))
        with np.errstate(invalid="ignore"):
            value = np.where(rng.random(len(rows)) < 0.5, near, origin[rows, j] + u * (far - origin[rows, j]))
        value = np.where(space.number[j], value, near)
        use = np.isfinite(value)
        X[rows[use], j[use]] = value[use]
