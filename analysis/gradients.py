"""Where a model's own gradients point: candidates for the cheapest change of models with hidden layers.

At a row's best change so far the model is taken for the plane that touches it there. The cheapest possible change that reaches that
plane's boundary has a closed form (``certified_sums``: numbers, levels, ranges and directions as the constraints have them). On the way
there from the row the model's own boundary is looked up, and from that point the same again: a fixed point is a cheapest change nearby.
(The idea of DeepFool, Moosavi-Dezfooli et al. 2016, with costs and constraints of a table.)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from modelglass.analysis.boundary import Boundary, boundaries
from modelglass.analysis.certified_sums import items_of, knapsack
from modelglass.analysis.models import perceptron
from modelglass.analysis.models import torch as torch_model
from modelglass.analysis.models.provenance import unwrapped
from modelglass.analysis.possible import Space
from modelglass.analysis.progress import lots
from modelglass.analysis.reach import Reach, Unreadable, as_numbers, asked, reach, traced

if TYPE_CHECKING:
    from modelglass.analysis.cheapest_change import Searcher
    from modelglass.analysis.evaluation import Evaluation

TURNS, LOOKS, POINTS, FURTHER = 4, 2, 12, 1.5
"""Planes of each row; times that the model is looked at on each way, at how many points, and how much further than the plane says."""
RADIUS, POLISHES, OVER = 0.25, 12, (0.0, 0.03, 0.15)
"""Of the small planes: how far each column may move at first, in cost; how often; and by how much more than a plane needs."""
TINY = 1e-30
ROUNDING, ROUNDING_32 = 1e-10, 1e-6
"""Of the size of the output: what adding up in another order may change, in 64 and 32 bits."""
BLOCK = 2_000
"""Rows at once."""


@dataclass(eq=False, kw_only=True)
class Gradients:
    """A model with hidden layers, as a function of raw rows.

    mix         (outputs, k): from what the layers put out to the raw output that ``ways`` are about
    sure        margin from which a row is surely beyond the boundary, whatever rounding does
    asked       rows that its layers were asked about (a gradient counts as two)
    """

    space: Space
    reach: Reach
    final: Any
    module: Any
    mix: np.ndarray
    ways: list[Boundary]
    sure: float
    asked: int = 0

    def numbers(self, rows: np.ndarray, X: np.ndarray) -> np.ndarray:
        """Give possible changed rows as the layers see them, (m, q), without asking the transformers again."""
        found, out = self.reach, self.reach.seen[rows].copy()
        moved = (self.space.X[rows] != X) & ~np.isnan(X)
        for j in map(int, np.flatnonzero(moved.any(axis=0))):
            at = np.flatnonzero(moved[:, j])
            if found.straight[j]:
                columns = found.block[j]
                out[np.ix_(at, columns)] = X[at, j][:, None] * found.slope[columns] + found.shift[columns]
            elif j in found.values:
                known = found.values[j]
                place = np.abs(known.codes[None] - X[at, j][:, None]).argmin(axis=1)
                out[np.ix_(at, known.columns)] = known.seen[place]
        return out

    def margins(self, way: Boundary, at: np.ndarray, X: np.ndarray) -> np.ndarray:
        """Give how far rows are beyond the boundary, (m,); ``at`` are places among ``way.rows``."""
        numbers = self.numbers(way.rows[at], X)
        self.asked += len(numbers)
        return _outputs(self.final, self.module, numbers) @ (self.mix @ way.a) + way.b[at]

    def plane(self, way: Boundary, at: np.ndarray, X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give the margin of rows (m,), its slopes by what the layers see (m, q), and that (m, q)."""
        numbers, weights = self.numbers(way.rows[at], X), self.mix @ way.a
        self.asked += 2 * len(numbers)
        raw, slope = _sloped(self.final, self.module, numbers, weights)
        return raw @ weights + way.b[at], slope, numbers

    def propose(self, searcher: Searcher) -> None:
        """Offer what the planes point to."""
        for way in self.ways:
            for at in lots(len(way.rows), BLOCK):
                self._turns(searcher, way, at)

    def _turns(self, searcher: Searcher, way: Boundary, at: np.ndarray) -> None:
        X, cost = self.space.X[way.rows[at]].copy(), np.full(len(at), np.inf)
        for _ in range(TURNS):
            margin, slope, numbers = self.plane(way, at, X)
            need = 2 * self.sure - (margin + (slope * (self.reach.seen[way.rows[at]] - numbers)).sum(axis=1))
            items = items_of(self.reach, slope, way.rows[at], bounded=False)
            there = knapsack(items, np.maximum(need, 0.0), far=True)[1]
            X, beyond = self._on_the_way(way, at, there)
            searcher.offer(way.rows[at[beyond]], X[beyond])
            now = self.space.cost(way.rows[at], X)
            going = ~beyond | (now < cost * (1 - 1e-4))
            cost = np.where(beyond, np.minimum(cost, now), cost)
            at, X, cost = at[going], X[going], cost[going]
            if not len(at):
                return

    def _on_the_way(self, way: Boundary, at: np.ndarray, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the first point found beyond the boundary on the way from rows (levels are taken at once), or where it ends; whether it is beyond."""
        rows, every = way.rows[at], np.repeat(np.arange(len(at)), POINTS)
        own, best = self.space.X[rows], self.space.project(rows, there)
        low, high = np.zeros(len(at)), np.full(len(at), FURTHER)
        reached, k = np.zeros(len(at), bool), np.arange(len(at))
        for _ in range(LOOKS):
            part = low[:, None] + np.arange(1, POINTS + 1) / POINTS * (high - low)[:, None]
            X = np.where(self.space.number, own[every] + part.reshape(-1, 1) * (there - own)[every], there[every])
            X = self.space.project(rows[every], X)
            beyond = (self.margins(way, at[every], X) >= self.sure).reshape(part.shape)
            has, first = beyond.any(axis=1), beyond.argmax(axis=1)
            best[has] = X.reshape(len(at), POINTS, -1)[has, first[has]]
            high = np.where(has, part[k, first], high)
            low = np.where(has & (first > 0), part[k, np.maximum(first - 1, 0)], low)
            reached |= has
        return best, reached

    def polish(self, searcher: Searcher) -> None:
        """Exchange, by small planes about the best of each row, changes that pull little for their cost for such that pull more."""
        for way in self.ways:
            for at in lots(len(way.rows), BLOCK):
                at = at[np.isfinite(searcher.found.cost[way.rows[at]])]
                if len(at):
                    at = at[self.margins(way, at, searcher.found.best[way.rows[at]]) >= -self.sure]
                if len(at):
                    self._polished(searcher, way, at)

    def _polished(self, searcher: Searcher, way: Boundary, at: np.ndarray) -> None:
        X = searcher.found.best[way.rows[at]].copy()
        radius = np.full(len(at), RADIUS)
        for _ in range(POLISHES):
            there = self._exchanged(way, at, X, radius)
            better, X = self._cheaper(way, at, X, there)
            radius = np.where(better, radius * 1.5, radius * 0.35)
            going = radius > RADIUS / 100
            if not going.all():
                searcher.offer(way.rows[at[~going]], X[~going])
                at, X, radius = at[going], X[going], radius[going]
            if not len(at):
                return
        searcher.offer(way.rows[at], X)

    def _exchanged(self, way: Boundary, at: np.ndarray, X: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """Give the cheapest points on the planes at X within ``radius`` (in cost of each column), and a little beyond: (m, OVER, p)."""
        space, rows = self.space, way.rows[at]
        margin, seen, _ = self.plane(way, at, X)
        free = space.smooth & self.reach.straight
        per, slope = np.where(free, np.maximum(space.per, TINY), 1.0), np.zeros(X.shape)
        for j in np.flatnonzero(free):
            slope[:, j] = seen[:, self.reach.block[j]] @ self.reach.slope[self.reach.block[j]]
        slope[self.reach.stays(rows)] = 0.0
        low, high = space.reaches(rows)
        low, high = np.maximum(low, X - radius[:, None] / per), np.minimum(high, X + radius[:, None] / per)
        base = np.where(slope != 0, np.clip(space.X[rows], low, high), X)  # back to the row as far as it goes
        lost = (slope * np.nan_to_num(base - X)).sum(axis=1)
        size = np.abs(slope)
        room = np.where(slope > 0, high - base, np.where(slope < 0, base - low, 0.0)) * size
        order = np.argsort(-size / per, axis=1, kind="stable")
        room = np.take_along_axis(room, order, axis=1)
        before, moved = np.cumsum(room, axis=1) - room, np.zeros(X.shape)
        out = np.empty((len(at), len(OVER), X.shape[1]))
        for i, over in enumerate(OVER):
            need = np.maximum(2 * self.sure - (margin + lost), 0.0) + over * (np.abs(lost) + np.abs(margin))
            np.put_along_axis(moved, order, np.clip(need[:, None] - before, 0.0, room), axis=1)
            out[:, i] = base + np.sign(slope) * moved / np.where(size > 0, size, 1.0)
        return out

    def _cheaper(
        self, way: Boundary, at: np.ndarray, X: np.ndarray, there: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Give for rows the cheapest of the points, and of those halfway, that is beyond the boundary; whether it is cheaper than X."""
        rows = way.rows[at]
        tried = np.concatenate([there, (there + X[:, None]) / 2], axis=1)
        many = tried.shape[1]
        every = np.repeat(np.arange(len(at)), many)
        points = self.space.project(rows[every], tried.reshape(-1, X.shape[1]))
        cost = self.space.cost(rows[every], points)
        now = self.space.cost(rows, X)
        good = np.flatnonzero((cost < now[every] * (1 - 1e-6)) & self.space.possible(rows[every], points))
        beyond = np.zeros(len(every), bool)
        if len(good):
            beyond[good] = self.margins(way, at[every[good]], points[good]) >= self.sure
        cost = np.where(beyond, cost, np.inf).reshape(len(at), many)
        best = cost.argmin(axis=1)
        better = np.isfinite(cost.min(axis=1))
        out = X.copy()
        out[better] = points.reshape(len(at), many, -1)[better, best[better]]
        return better, out


def _outputs(final: Any, module: Any, numbers: np.ndarray) -> np.ndarray:
    return perceptron.forward(final, numbers)[-1] if module is None else torch_model.outputs(module, numbers)


def _sloped(final: Any, module: Any, numbers: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if module is not None:
        return torch_model.input_gradient(module, numbers, weights)
    values = perceptron.forward(final, numbers)
    return values[-1], perceptron.backward(final, values, weights)[0]


def gradients_of(ev: Evaluation, space: Space, amount: float) -> Gradients | str:
    """Find the gradients of a model for the rows of ``ev``, or say why there are none (completing "because ...")."""
    final = unwrapped(ev.estimator)[0]
    module = torch_model.module_of(final)
    if module is None and not perceptron.is_perceptron(final):
        return f"{type(final).__name__} has no hidden layers that are known"
    try:
        found = reach(ev, space, traced(ev), partial(asked, as_numbers, what="what its layers see"))
        raw = asked(_outputs, final, module, found.seen, what="its layers")
        k = raw.shape[1]
        asked(_sloped, final, module, found.seen[:2], np.ones(k), what="its gradients")
        mix = np.array([[-1.0], [1.0]]) if ev.task == "binary" and k == 2 else np.eye(k)
        ways = boundaries(ev, raw @ mix, amount)
    except Unreadable as error:
        return str(error)
    sure = (ROUNDING if module is None else ROUNDING_32) * max(1.0, float(np.abs(raw).max()))
    return Gradients(space=space, reach=found, final=final, module=module, mix=mix, ways=ways, sure=sure)
