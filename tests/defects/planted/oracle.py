"""Could it be found at all? What somebody measures who knows where to look: the check that a planted strength is fair.

``evidence`` gives a plain number, and how many standard errors it is from "nothing wrong" on **half** of the evaluation rows (a search that
proposes on one half has only the other one to judge by). Plants that need no statistics (copies, codes, constants) are counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from .tables import probabilities
from .worlds import World


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A number, what it is, and how sure it is on half of the rows (infinite: it is a count, not an estimate)."""

    what: str
    value: float
    sure: float


def evidence(world: World) -> Evidence:
    """Measure the plant of a world, knowing where it is and what it does (``Truth.seen_as``)."""
    truth = world.truth
    if truth is None:
        raise ValueError("Expected a world with a plant.")
    half = np.random.default_rng(world.made.seed).random(len(world.test)) < 0.5
    return SEEN_AS[truth.seen_as](world, half, np.ones(len(half), bool) if truth.rows is None else truth.rows)


def _off(world: World, half: np.ndarray, rows: np.ndarray) -> Evidence:
    """Promises that do not come true in the planted rows: of a class, or of a value in RMSE; or labels that surprise more than promised."""
    here = half & rows
    if world.made.task == "regression":
        error = world.test[world.target].to_numpy() - world.predicted()
        return Evidence(
            what="bias in RMSE", value=float(error[here].mean() / np.sqrt(np.mean(error**2))), sure=_sure(error[here])
        )
    p = world.predicted()
    gaps = np.eye(p.shape[1])[world.codes()] - p
    sure = [_sure(gaps[here, k]) for k in range(p.shape[1])]
    k = int(np.argmax(sure))
    excess = excess_log_loss(world)
    return Evidence(what="gap of a class", value=float(gaps[here, k].mean()), sure=max(sure[k], _sure(excess[here])))


def _spread(world: World, half: np.ndarray, rows: np.ndarray) -> Evidence:
    """Larger errors in the planted rows than in the others: log loss beyond the promised, or squares in units of their mean."""
    if world.made.task == "regression":
        error = (world.test[world.target].to_numpy() - world.predicted()) ** 2
        loss = error / error[~rows].mean() - 1
        return Evidence(
            what="excess of squared error", value=float(loss[half & rows].mean()), sure=_sure(loss[half & rows])
        )
    loss = excess_log_loss(world)
    return Evidence(what="excess log loss", value=float(loss[half & rows].mean()), sure=_sure(loss[half & rows]))


def _all_labels(world: World, half: np.ndarray, _: np.ndarray) -> Evidence:
    """Wrong labels anywhere: log loss beyond the promised; in regression how much heavier the tails are than a normal's (share beyond 3 robust SD)."""
    if world.made.task != "regression":
        return _spread(world, half, np.ones(len(half), bool))
    error = world.test[world.target].to_numpy() - world.predicted()
    error = error[half] - np.median(error[half])
    far = np.abs(error) > 3 * 1.4826 * np.median(np.abs(error))
    return Evidence(
        what="share beyond 3 robust SD",
        value=float(far.mean()),
        sure=float((far.mean() - 0.014) / np.sqrt(0.014 / len(far))),
    )


def _alone(world: World, half: np.ndarray, _: np.ndarray) -> Evidence:
    """How well the column tells the outcome alone (AUC of its ranks or levels, or R2): sure by how far the best other one is behind."""
    assert world.truth is not None
    mine = alone(world, world.truth.columns[0], half)
    others = max(alone(world, name, half) for name in world.made.features if name not in world.truth.columns)
    n = half.sum()
    return Evidence(what=f"alone (best other {others:.2f})", value=mine, sure=float((mine - others) * np.sqrt(n)))


def alone(world: World, column: str, half: np.ndarray) -> float:
    """Give the AUC (largest over classes, folded at a half) or R2 of one column alone, by 10 bins or levels measured on the other half."""
    values, y = world.test[column], world.test[world.target]
    if values.dtype.kind in "if":
        values = np.ceil(values.rank(pct=True) * 10).fillna(0)
    means = {}
    outcomes = (
        [y.astype(float)] if world.made.task == "regression" else [(y == c).astype(float) for c in world.made.classes]
    )
    for k, outcome in enumerate(outcomes):
        learned = (
            values[half]
            .map(outcome[~half].groupby(values[~half]).mean())
            .astype(float)
            .fillna(outcome.mean())
            .to_numpy()
        )
        known = outcome[half].to_numpy()
        if world.made.task == "regression":
            means[k] = 1 - float(np.mean((known - learned) ** 2) / known.var())
        else:
            ranks, ones = rankdata(learned), known.sum()
            means[k] = float((ranks[known == 1].sum() - ones * (ones + 1) / 2) / (ones * (len(known) - ones)))
    return max(means.values())


def _counted(world: World, half: np.ndarray, rows: np.ndarray) -> Evidence:
    return Evidence(what="rows", value=float(rows.sum()), sure=np.inf)


SEEN_AS: dict[str, Callable[[World, np.ndarray, np.ndarray], Evidence]] = {
    "off": _off,
    "spread": _spread,
    "labels": _all_labels,
    "alone": _alone,
    "counted": _counted,
}


def excess_log_loss(world: World) -> np.ndarray:
    """Log loss less what the model itself promises it to be: 0 on average where the probabilities are right, (n,)."""
    p = np.clip(world.predicted(), 1e-6, 1.0)
    p = p / p.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(p)), world.codes()]) + (p * np.log(p)).sum(axis=1)


def _sure(values: np.ndarray) -> float:
    return float(abs(values.mean()) / (values.std(ddof=1) / np.sqrt(len(values)))) if len(values) > 10 else 0.0


def true_gap(world: World, rows: np.ndarray) -> float:
    """Give how far off the model truly is on some rows of a clean world, on average: in RMSE, or in nats of log loss beyond the promised.

    From the predictor that made the outcomes, so that no chance is in it: whether a claim about a clean world is chance or a true imperfection.
    """
    if world.made.task == "regression":
        middle, unit = world.made.scale
        error = world.test[world.target].to_numpy() - world.predicted()
        off = middle + unit * world.rows.eta - world.predicted()
        return float(off[rows].mean() / np.sqrt(np.mean(error**2)))
    p = np.clip(world.predicted(), 1e-6, 1.0)
    return float(((p - probabilities(world.made, world.rows.eta)) * np.log(p)).sum(axis=1)[rows].mean())
