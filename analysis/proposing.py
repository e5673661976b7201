"""Which slices are worth judging: the best of a search that say something the ones before do not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelglass.analysis.coding import Coding
from modelglass.analysis.date_parts import column_of
from modelglass.analysis.difference import difference
from modelglass.analysis.groups import Rows
from modelglass.analysis.losses import Loss, losses_of
from modelglass.analysis.metrics import Metric
from modelglass.analysis.progress import Progress, span
from modelglass.analysis.search import Found, rows_in, search

CANDIDATES = 400
RESCORED = 120
ALIKE = 0.6
"""Two proposals with this share of common rows (Jaccard) say the same."""
SURE = 2.5
"""What is left of a proposal outside those before it must be this many standard errors worse than what is in none."""
SURE_INSIDE = 4.0
"""A slice inside another must be so many standard errors worse than the rest of that one: of its very many parts the worst was picked."""

ADDS = 3.0
"""A condition is kept where the slice is by so many standard errors worse than what the condition shuts out."""


def worse_of(metric: Metric, effect: np.ndarray) -> np.ndarray:
    """Tell which effects are to the worse; where neither way is, all that are known."""
    if metric.greater_is_better is None:
        return np.isfinite(effect)
    return effect < 0 if metric.greater_is_better else effect > 0


class Proposing:
    """What the first half says: the search, then which of its slices are worth judging.

    slices      conjunctions there are; searched, prefixes: how far the search came (``search.Found``)
    """

    def __init__(
        self,
        rows: Rows,
        codes: np.ndarray,
        codings: Sequence[Coding],
        metric: Metric,
        depth: int,
        support: int,
        seconds: float | None,
    ):
        self.rows, self.codes, self.codings, self.metric = rows, codes, codings, metric
        self.depth, self.support, self.seconds = depth, support, seconds
        self.levels = [len(c.labels) for c in codings]
        self.family = [column_of(c) for c in codings]
        self.slices, self.searched, self.prefixes = 0, 0, 0

    def proposals(self, k: int, progress: Progress | None) -> list[list[tuple[int, int]]]:
        """Give the conditions of at most k slices, best first."""
        losses = losses_of(self.metric, self.rows)
        chosen: list[tuple[float, list[tuple[int, int]]]] = []
        for i, loss in enumerate(losses):
            part = span(progress, i / len(losses), (i + 1) / len(losses))
            chosen += self._of_one(loss, k, part)
        chosen.sort(key=lambda pair: -pair[0])
        return [conditions for _, conditions in chosen[:k]]

    def _of_one(self, loss: Loss, k: int, progress: Progress | None) -> list[tuple[float, list[tuple[int, int]]]]:
        codes = self.codes if loss.rows is None else np.take(self.codes.T, loss.rows, axis=1).T
        weight = (
            None
            if self.rows.weight is None
            else (self.rows.weight if loss.rows is None else self.rows.weight[loss.rows])
        )
        if len(codes) < 2 * self.support:
            return []
        found = search(
            codes,
            self.levels,
            loss.values,
            weight,
            family=self.family,
            depth=self.depth,
            support=self.support,
            keep=CANDIDATES,
            seconds=self.seconds,
            progress=progress,
        )
        self.searched, self.prefixes = self.searched + found.searched, self.prefixes + found.prefixes
        self.slices += self._count()
        order = range(len(found.n)) if loss.exact else self._rescored(found)
        return self._distinct(loss, codes, weight, found, order, k)

    def _count(self) -> int:
        """How many conjunctions there are: elementary symmetric sums of the levels, families apart."""
        sums = [1] + [0] * self.depth
        for family in dict.fromkeys(self.family):
            levels = sum(n for n, f in zip(self.levels, self.family) if f == family)
            for d in range(self.depth, 0, -1):
                sums[d] += sums[d - 1] * levels
        return sum(sums[1:])

    def _rescored(self, found: Found) -> list[int]:
        """Order the best candidates by the metric itself: how surely it is worse inside than outside, on this half.

        A function of the user's own is called once on each side: its spread is then taken to go with the root of the rows.
        """
        scores = []
        for i in range(min(len(found.n), RESCORED)):
            inside = rows_in(self.codes, found.conditions(i))
            here = difference(self.metric, self.rows, inside, 0.95, test=False)
            worse = bool(worse_of(self.metric, np.array([here.effect]))[0])
            width = (here.effect_high - here.effect_low) / 3.92
            if self.metric.function is not None:
                width = float(np.sqrt(1 / inside.sum() + 1 / max((~inside).sum(), 1)))
            scores.append(abs(here.effect) / width if worse and width > 0 else -np.inf)
        return [int(i) for i in np.argsort(-np.asarray(scores), kind="stable") if np.isfinite(scores[i])]

    def _distinct(
        self, loss: Loss, codes: np.ndarray, weight: np.ndarray | None, found: Found, order: Sequence[int], k: int
    ) -> list[tuple[float, list[tuple[int, int]]]]:
        """Go through the candidates, best first, and take those that say something the ones before do not."""
        taken: list[np.ndarray] = []
        out: list[tuple[float, list[tuple[int, int]]]] = []
        told = Sums(loss.values, weight)
        for i in order:
            conditions = found.conditions(i)
            mask = rows_in(codes, conditions)
            if _repeats(mask, taken, told):
                continue
            shorter, wider = _shortened(codes, conditions, mask, told)
            if len(shorter) < len(conditions):
                conditions, mask = shorter, wider
                if _repeats(mask, taken, told):
                    continue
            taken.append(mask)
            out.append((float(found.score[i]), conditions))
            if len(out) == k:
                break
        return out


def _repeats(mask: np.ndarray, taken: Sequence[np.ndarray], told: Sums) -> bool:
    """Whether a slice says nothing that those taken do not: it is one of them, or where it is none it is not surely worse than the rest."""
    if any(_says_the_same(mask, other, told) for other in taken):
        return True
    rest = np.logical_or.reduce(taken) if len(taken) else np.zeros(len(mask), bool)
    return not told.surely_worse(mask & ~rest, ~mask & ~rest) and not _worse_inside(mask, rest, told)


def _shortened(
    codes: np.ndarray, conditions: list[tuple[int, int]], mask: np.ndarray, told: Sums
) -> tuple[list[tuple[int, int]], np.ndarray]:
    """Leave out conditions that add nothing: what one shuts out is more surely worse than the rows outside than it is better than the slice."""
    while len(conditions) > 1:
        best, kept, held = 0.0, conditions, mask
        for one in conditions:
            fewer = [c for c in conditions if c != one]
            wider = rows_in(codes, fewer)
            shut_out = wider & ~mask
            added = told.surely(mask, shut_out)
            alike = told.surely(shut_out, ~wider) - added
            if added < ADDS and alike > best:
                best, kept, held = alike, fewer, wider
        if kept is conditions:
            break
        conditions, mask = kept, held
    return conditions, mask


def _says_the_same(mask: np.ndarray, other: np.ndarray, told: Sums) -> bool:
    """Whether two slices share most rows, or one lies in the other and is not surely worse than the rest of it."""
    one, two, both = (int(np.count_nonzero(m)) for m in (mask, other, mask & other))
    if both > ALIKE * (one + two - both):
        return True
    if both < 0.8 * min(one, two):
        return False
    inner, outer = (mask, other) if one <= two else (other, mask)
    if inner is mask:
        return not told.surely_worse(inner, outer & ~inner, SURE_INSIDE)
    return not told.surely_worse(outer & ~inner, ~outer)


def _worse_inside(mask: np.ndarray, rest: np.ndarray, told: Sums) -> bool:
    """Whether a slice that lies mostly in those before it is surely worse than what else is in these: else it repeats them, thinned out."""
    inside = mask & rest
    mostly = np.count_nonzero(inside) >= 0.5 * np.count_nonzero(mask)
    return bool(mostly) and told.surely_worse(inside, rest & ~mask, SURE_INSIDE)


class Sums:
    """Moments of a loss over any rows, from products with their mask: no row is copied.

    Parameters
    ----------
    loss : array, shape (n,)
    weight : array, shape (n,), optional
    """

    def __init__(self, loss: np.ndarray, weight: np.ndarray | None):
        lost = loss - loss.mean()  # near 0, so that the spread is no difference of large numbers
        self._rounding = 1e-9 * float(np.abs(lost).max(initial=0.0))
        if weight is None:
            self._terms = np.stack([lost, lost**2])
        else:
            w2 = weight**2
            self._terms = np.stack([weight * lost, weight, w2 * lost**2, w2 * lost, w2])

    def surely_worse(self, inside: np.ndarray, outside: np.ndarray, sure: float = SURE) -> bool:
        """Tell whether the mean loss of some rows exceeds that of others by so many standard errors; not where there are fewer than 10."""
        one, other = self._of(inside), self._of(outside)
        return bool(one[0] - other[0] > sure * np.sqrt(one[1] + other[1]) + self._rounding)  # NaN: no

    def surely(self, inside: np.ndarray, outside: np.ndarray) -> float:
        """Give by how many standard errors the mean loss of some rows exceeds that of others; NaN where there are fewer than 10."""
        one, other = self._of(inside), self._of(outside)
        return float((one[0] - other[0]) / (np.sqrt(one[1] + other[1]) + self._rounding + 1e-300))

    def _of(self, rows: np.ndarray) -> tuple[float, float]:
        """Give the mean loss of rows, less that of all, and its squared standard error; NaN where there are too few."""
        many = np.count_nonzero(rows)
        if many < 10:
            return np.nan, np.nan
        sums = self._terms @ rows.astype(np.float64)
        if len(sums) == 2:
            mean = sums[0] / many
            return mean, max(sums[1] / many - mean**2, 0.0) / many
        if not sums[1] > 0:
            return np.nan, np.nan
        mean = sums[0] / sums[1]
        return mean, max(sums[2] - 2 * mean * sums[3] + mean**2 * sums[4], 0.0) / sums[1] ** 2
