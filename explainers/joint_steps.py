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


def second_order(differences: np.ndarray, pairs: Pairs, weight: np.ndarray | None = None) -> np.ndarray:
    """Add up second differences: what two columns do together beyond what each does alone (Apley and Zhu 2020, section 3.2).

    Parameters
    ----------
    differences : array, shape (pairs,)
        What the step of one column does after the step of the other, minus what it does before.
    weight : array, shape (rows,), optional

    Returns
    -------
    array, shape (values of the one column, values of the other)
        0 on average over the rows, and so is the effect of each column in it. A cell that no row could take has the mean of the nearest
        one that some could (counted in steps), as in the authors' program.
    """
    stands, other_stands = pairs.one.stands, pairs.other.stands
    weight = np.ones(len(pairs.rows)) if weight is None else np.asarray(weight, dtype=float)
    shape = len(pairs.one.grid.values) - 1, len(pairs.other.grid.values) - 1
    cell, w = pairs.step * shape[1] + pairs.other_step, weight[pairs.row]
    total = np.bincount(cell, weights=w, minlength=shape[0] * shape[1])
    added = np.bincount(cell, weights=w * differences, minlength=shape[0] * shape[1])
    mean = np.divide(added, total, out=np.full(len(total), np.nan), where=total > 0).reshape(shape)
    surface = np.zeros((shape[0] + 1, shape[1] + 1))
    surface[1:, 1:] = _filled(mean).cumsum(axis=0).cumsum(axis=1)
    alone = _alone(surface, pairs.one, other_stands, weight), _alone(surface.T, pairs.other, stands, weight)
    surface = surface - alone[0][:, None] - alone[1][None, :]
    return surface - np.average(at_rows(surface, stands, other_stands), weights=weight)


def at_rows(surface: np.ndarray, stands: np.ndarray, other_stands: np.ndarray) -> np.ndarray:
    """Give the mean of the corners between which each row stands, shape (rows,)."""
    return np.mean([surface[stands[:, i], other_stands[:, j]] for i in (0, 1) for j in (0, 1)], axis=0)


def _alone(surface: np.ndarray, steps: Steps, other_stands: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Give the effect of the first column in a surface, by the same steps of the same rows."""
    there = other_stands[steps.row]
    up, down = surface[steps.step + 1], surface[steps.step]
    moves = np.take_along_axis(up - down, there, axis=1).mean(axis=1)
    return measure(moves, steps.row, steps.step, steps.stands, weight, len(surface))[0]


def _filled(mean: np.ndarray) -> np.ndarray:
    known = np.argwhere(np.isfinite(mean))
    if not len(known):
        return np.zeros(mean.shape)
    out = mean.copy()
    for place in np.argwhere(~np.isfinite(mean)):
        out[tuple(place)] = mean[tuple(known[np.argmin(((known - place) ** 2).sum(axis=1))])]
    return out
