"""How many labels are wrong at random? What probabilities that were learnt elsewhere say of it, beside rows of the place where they were learnt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEAST_CHANCE = 0.05
"""Smaller probabilities count as this one: a single outcome that was thought impossible must not decide."""


@dataclass(frozen=True, slots=True)
class Contamination:
    """Share of labels replaced by another class at random, beyond that of the rows compared with, and its standard error."""

    share: float
    error: float


def contamination(
    outcome: Floats,
    predicted: Floats,
    here: NDArray[np.bool_],
    weight: Floats,
    cluster: NDArray[np.int64] | None = None,
) -> Contamination:
    """Compare how much outcomes contradict their probabilities ``here`` and elsewhere.

    Parameters
    ----------
    outcome : float array, shape (k, n)
        0 or 1: one row a class, or one row for the positive of two classes.
    predicted : float array, shape (m, k, n)
        Probabilities of the same by each of m models that saw none of these outcomes.
    here : bool array, shape (n,)
        Rows that are asked about; all others are those compared with.
    weight : float array, shape (n,)
    cluster : int array, shape (n,), optional

    Notes
    -----
    If a share ``e`` of labels is replaced by another of k classes at random, class c comes up with probability
    ``(1 - e) p_c + e (1 - p_c) / (k - 1)``; the derivative of the log likelihood at e = 0 is, but for a constant factor and 1, the inverse of
    the probability of the class that came up (Rao's score, 1948). Its surplus over what the probabilities promise is measured on both sides,
    so that a model which is too sure of itself is so on both; how frequent each class is may differ: probabilities are moved until each side's
    classes come up as often as promised, and the score is freed from that (its regression on ``y_c - p_c`` among the rows compared with:
    Neyman's C(alpha), 1959). The difference over the surplus that one replaced label brings is the share. Smaller probabilities than
    ``LEAST_CHANCE`` are raised to it.

    >>> rng = np.random.default_rng(0)
    >>> p = rng.uniform(0.05, 0.95, 40_000)
    >>> y, here = rng.random(40_000) < p, np.arange(40_000) % 2 == 0
    >>> wrong = here & (rng.random(40_000) < 0.1)
    >>> found = contamination(np.where(wrong, ~y, y)[None].astype(float), p[None, None], here, np.ones(40_000))
    >>> bool(abs(found.share - 0.1) < 3 * found.error), bool(found.error < 0.01)
    (True, True)
    """
    outcome, predicted = each_class(outcome, predicted)
    k = len(outcome)
    chance = np.maximum(predicted, LEAST_CHANCE)
    chance = chance / chance.sum(axis=1, keepdims=True)
    for part in (here, ~here):
        chance[:, :, part] = _as_frequent(chance[:, :, part], outcome[:, part], weight[part])
    inverse = 1 / chance
    surplus = ((outcome[None] - chance) * inverse).sum(axis=1).mean(axis=0)
    others = (inverse.sum(axis=1, keepdims=True) - inverse) / (k - 1)
    gain = (chance * (others - inverse)).sum(axis=1).mean(axis=0)
    mean = chance.mean(axis=0)
    off = (outcome - mean)[1:]
    root = np.sqrt(weight[~here])
    tilt = np.linalg.lstsq((off[:, ~here] * root).T, surplus[~here] * root, rcond=None)[0]
    surplus = surplus - tilt @ off
    gain = gain - tilt @ ((1 - k * mean) / (k - 1))[1:]  # what replacing a label does to how frequent its class is
    (there, here_), (error, error_) = np.array([_mean(surplus, part, weight, cluster) for part in (~here, here)]).T
    brought = float(np.average(gain[here], weights=weight[here]))
    if not brought > 1e-6:
        return Contamination(np.nan, np.nan)
    return Contamination(float(here_ - there) / brought, float(np.hypot(error, error_)) / brought)


def each_class(outcome: Floats, predicted: Floats) -> tuple[Floats, Floats]:
    """Give outcomes and probabilities with one row a class, (k, n) and (m, k, n), where there is one for the positive of two."""
    if len(outcome) > 1:
        return outcome, predicted
    return np.vstack([1 - outcome, outcome]), np.concatenate([1 - predicted, predicted], axis=1)


def _as_frequent(chance: Floats, outcome: Floats, weight: Floats) -> Floats:
    """Multiply the odds of classes, (m, k, n), by one factor a class until each comes up as often as promised (Saerens et al. 2002)."""
    share = weight / weight.sum()
    wanted = np.maximum(outcome @ share, 1e-9)
    for _ in range(20):
        promised = (chance @ share).mean(axis=0)
        if np.abs(promised - wanted).max() < 1e-6:
            break
        chance = chance * (wanted / promised)[None, :, None]
        chance = chance / chance.sum(axis=1, keepdims=True)
    return chance


def _mean(
    values: Floats, part: NDArray[np.bool_], weight: Floats, cluster: NDArray[np.int64] | None
) -> tuple[float, float]:
    """Give the weighted mean of some rows and its standard error (sandwich; over clusters where there are)."""
    w = weight[part] / weight[part].sum()
    mean = float(w @ values[part])
    pull = w * (values[part] - mean)
    if cluster is not None:
        pull = np.bincount(np.unique(cluster[part], return_inverse=True)[1].reshape(-1), weights=pull)
    return mean, float(np.sqrt((pull**2).sum()))
