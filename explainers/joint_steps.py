"""Second-order accumulated local effects: what two columns' small steps do together beyond what each does, added up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelglass.explainers.accumulated_local_effects import Steps, measure


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Pairs:
    """Which row takes which pair of steps, and where each row stands.

    rows        places of the rows used
    row         (pairs,): place among ``rows``;  step, other_step (pairs,): from value s to s + 1 of the one, t to t + 1 of the other column
    one, other  the steps of each column by itself, of these rows
    """

    rows: np.ndarray
    row: np.ndarray
    step: np.ndarray
    other_step: np.ndarray
    one: Steps
    other: Steps


def pairs_of(one: Steps, other: Steps) -> Pairs:
    """Put the steps of two columns together: a row takes each step of the one with each of the other."""
    rows = np.intersect1d(one.rows, other.rows)
    one, other = one.of(rows), other.of(rows)
    a, b = np.argsort(one.row, kind="stable"), np.argsort(other.row, kind="stable")
    many = np.bincount(other.row, minlength=len(rows))
    first_b = np.cumsum(many) - many
    times = many[one.row[a]]
    left = np.repeat(a, times)
    within = np.arange(len(left)) - np.repeat(np.cumsum(times) - times, times)
    right = b[first_b[one.row[left]] + within]
    return Pairs(rows=rows, row=one.row[left], step=one.step[left], other_step=other.step[right], one=one, other=other)


First = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Influence of each row on the mean answer (rows,) and on the effects of both columns, (rows, values) and (rows, other values)."""
STACK = 256
"""Surfaces that are worked on at once."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Influence:
    """What each row does to a surface, in parts that are cheap to keep; they add up.

    own         (pairs,): what the row of a pair does to the mean of its cell, and so, by ``SecondOrder.lever_of_filled``, to the surface
    one, other  (rows, values): what a row does to all values of one row or column of the surface;  every (rows,): to all of it
    """

    own: np.ndarray
    one: np.ndarray
    other: np.ndarray
    every: np.ndarray


class SecondOrder:
    """Adds up second differences (Apley and Zhu 2020, section 3.2): the work that does not depend on what the model answers, done once.

    The surface is 0 on average over the rows, and so is the effect of each column in it. A cell that no row could take has the mean of
    the nearest one that some could (counted in steps), as in the authors' program.

    Parameters
    ----------
    pairs : Pairs
    weight : array, shape (rows,), optional

    Attributes
    ----------
    cell    (pairs,): the cell of each pair of steps
    source  (cells,): the cell whose mean each one has, itself where rows took it
    lever   (cells, values * other values): what the surface gains with the mean of a cell, were it not filled from another
    """

    def __init__(self, pairs: Pairs, weight: np.ndarray | None = None):
        self.pairs = pairs
        self.weight = np.ones(len(pairs.rows)) if weight is None else np.asarray(weight, dtype=float)
        self.share = self.weight / self.weight.sum()
        self.shape = len(pairs.one.grid.values) - 1, len(pairs.other.grid.values) - 1
        self.cell = pairs.step * self.shape[1] + pairs.other_step
        self.total = np.bincount(self.cell, weights=self.weight[pairs.row], minlength=self.shape[0] * self.shape[1])
        self.source = nearest_filled(self.total.reshape(self.shape) > 0)
        self._moves = self._moving(pairs.one, pairs.other.stands), self._moving(pairs.other, pairs.one.stands)
        self._reach = self._reached()
        cells = len(self.total)
        some = [slice(i, i + STACK) for i in range(0, cells, STACK)]
        self.lever = np.concatenate(
            [self._apart(self._added(np.eye(cells)[at])).reshape(-1, self._reach.size) for at in some]
        )

    def lever_of_filled(self) -> np.ndarray:
        """Give the same with what a cell does through those that are filled from it; 0 for these."""
        out = np.zeros_like(self.lever)
        np.add.at(out, self.source, self.lever)
        return out

    def means(self, differences: np.ndarray) -> np.ndarray:
        """Give the mean second difference of each cell, that of its source where no row took it; (cells,)."""
        added = np.bincount(self.cell, weights=self.weight[self.pairs.row] * differences, minlength=len(self.total))
        return np.divide(added, self.total, out=np.zeros(len(added)), where=self.total > 0)[self.source]

    def surface(self, differences: np.ndarray) -> np.ndarray:
        """Give what both columns do together beyond what each does alone, (values, other values), from second differences (pairs,)."""
        return self._apart(self._added(self.means(differences)[None]))[0]

    def first_order(self, answers: np.ndarray, one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, First]:
        """Give the mean answer plus what each column does alone, (values, other values), and the influence of each row on these.

        answers: of the rows as they are, (rows,); one, other: what the steps of each column do, shape of ``Steps.row`` of each.
        """
        mean, taken = self.share @ answers, (self.pairs.one, self.pairs.other)
        (curve, own), (other_curve, other_own) = (
            measure(d, s.row, s.step, s.stands, self.weight, len(s.grid.values))
            for d, s in zip((one, other), taken, strict=True)
        )
        return mean + curve[:, None] + other_curve[None, :], (self.share * (answers - mean), own, other_own)

    def influence(self, differences: np.ndarray, correction: np.ndarray) -> Influence:
        """Give the influence of each row on ``surface``; correction (cells,): by which what rows do to the mean of their cell is multiplied."""
        pairs, means = self.pairs, self.means(differences)
        own = self.weight[pairs.row] * (differences - means[self.cell])
        own = np.divide(own, self.total[self.cell], out=np.zeros(len(own)), where=self.total[self.cell] > 0)
        added = self._added(means[None])[0]
        one, of_one = self._alone(added, pairs.one, pairs.other.stands)
        other, of_other = self._alone(added.T, pairs.other, pairs.one.stands)
        here = at_rows(added - one[:, None] - other[None, :], pairs.one.stands, pairs.other.stands)
        every = of_one @ self._reach.sum(axis=1) + of_other @ self._reach.sum(axis=0)
        every -= self.share * (here - self.share @ here)
        return Influence(own=own * correction[self.cell], one=-of_one, other=-of_other, every=every)

    def _added(self, means: np.ndarray) -> np.ndarray:
        """Add up means of cells (stack, cells): (stack, values, other values)."""
        out = np.zeros((len(means), self.shape[0] + 1, self.shape[1] + 1))
        out[:, 1:, 1:] = means.reshape(-1, *self.shape).cumsum(axis=1).cumsum(axis=2)
        return out

    def _apart(self, added: np.ndarray) -> np.ndarray:
        """Take each column's own effect and the mean over rows away from a stack of surfaces."""
        one = self._effect(added, *self._moves[0])
        other = self._effect(added.transpose(0, 2, 1), *self._moves[1])
        left = added - one[:, :, None] - other[:, None, :]
        return left - np.einsum("sab,ab->s", left, self._reach)[:, None, None]

    def _moving(self, steps: Steps, other_stands: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Say where rows stand that take each step of a column, (steps, other values) of sum 1; and where all stand, (values,)."""
        m, k = len(steps.grid.values), int(other_stands.max(initial=0)) + 1
        weight = np.repeat(self.weight[steps.row] / 2, 2)
        place = (steps.step[:, None] * k + other_stands[steps.row]).ravel()
        moving = np.bincount(place, weights=weight, minlength=(m - 1) * k).reshape(m - 1, k)
        total = moving.sum(axis=1, keepdims=True)
        stand = np.bincount(steps.stands.ravel(), weights=np.repeat(self.share / 2, 2), minlength=m)
        return np.divide(moving, total, out=np.zeros_like(moving), where=total > 0), stand

    def _reached(self) -> np.ndarray:
        """Give the share of rows that stand at each value of the surface."""
        stands, other = self.pairs.one.stands, self.pairs.other.stands
        width = self.shape[1] + 1
        places = np.concatenate([stands[:, i] * width + other[:, j] for i in (0, 1) for j in (0, 1)])
        found = np.bincount(places, weights=np.tile(self.share / 4, 4), minlength=(self.shape[0] + 1) * width)
        return found.reshape(-1, width)

    @staticmethod
    def _effect(added: np.ndarray, moving: np.ndarray, stand: np.ndarray) -> np.ndarray:
        """Give the effect of the first column in a stack of surfaces, as ``measure`` does by the same steps of the same rows."""
        k = moving.shape[1]
        mean = np.einsum("sak,ak->sa", np.diff(added[:, :, :k], axis=1), moving)
        curve = np.concatenate([np.zeros((len(added), 1)), np.cumsum(mean, axis=1)], axis=1)
        return curve - (curve @ stand)[:, None]

    def _alone(self, surface: np.ndarray, steps: Steps, other_stands: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the effect of the first column in a surface, and the influence of each row on it, were the surface known."""
        there = other_stands[steps.row]
        up, down = surface[steps.step + 1], surface[steps.step]
        moves = np.take_along_axis(up - down, there, axis=1).mean(axis=1)
        return measure(moves, steps.row, steps.step, steps.stands, self.weight, len(surface))


def at_rows(surface: np.ndarray, stands: np.ndarray, other_stands: np.ndarray) -> np.ndarray:
    """Give the mean of the corners between which each row stands, shape (rows,)."""
    return np.mean([surface[stands[:, i], other_stands[:, j]] for i in (0, 1) for j in (0, 1)], axis=0)


def nearest_filled(filled: np.ndarray) -> np.ndarray:
    """Give, for each cell of a grid, the number of the nearest one that is filled (the first of several), itself where it is.

    >>> nearest_filled(np.array([[True, False, False, True]])).tolist()
    [0, 0, 3, 3]
    """
    known, out = np.argwhere(filled), np.arange(filled.size).reshape(filled.shape)
    if len(known):
        for place in np.argwhere(~filled):
            out[tuple(place)] = np.ravel_multi_index(
                tuple(known[np.argmin(((known - place) ** 2).sum(axis=1))]), filled.shape
            )
    return out.ravel()
