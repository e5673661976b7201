"""More rows in training: how often the training data hold rows like those of the cohort, beside how often these data do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, special

from modelglass.analysis import reserved
from modelglass.analysis.crossfit import Gain
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.estimates_labels import binary_proportion
from modelglass.analysis.groups import Groups
from modelglass.analysis.ranking import one, one_group
from modelglass.analysis.remedies_rows import Tried, nothing
from modelglass.analysis.sides import Sides
from modelglass.analysis.wording import percent, ranged

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

REMEDY, MEASURE = "more rows in training", "share in training over share here"
WORTH = 0.8
"""A share in training above this part of the share here is not worth a suggestion."""
FARTHEST = 8.0
"""Normal quantile beyond which a p-value is as good as 0."""


def more_rows(sides: Sides, level: float) -> list[Tried]:
    """Compare the cohort's share of the training data with its share of these data; [] where no training data were given."""
    ev = sides.here
    if ev.whole.train is None:
        return []
    try:
        there, inside = _in_training(ev)
    except NotApplicable as answer:
        return [nothing(REMEDY, MEASURE, 0, f"cannot say: {answer.reason}")]
    mine = np.zeros(ev.whole.n, dtype=np.int64)
    mine[ev.whole._shared.mask(str(ev.condition), ev.threshold)] = 1
    here = one_group(mine, weight=ev.whole.weight, cluster=ev.whole.cluster)
    training = one_group(inside, weight=there.weight, cluster=there.cluster)
    gain, shares = ratio(training, here, level)
    found = int(inside.sum())
    says = (
        f"more rows like these in training: {percent(shares[0])} of the training data are ({rows_text(found)}) and {percent(shares[1])} of these data, "
        f"{ranged(gain.estimate, gain.low, gain.high)} times as many; whether more would help was not measured, because that takes training anew"
    )
    note = f"the training data hold {rows_text(found)} like these, {ranged(gain.estimate, gain.low, gain.high)} times their share here"
    if not gain.estimate <= WORTH:
        gain = Gain(estimate=gain.estimate, low=gain.low, high=gain.high, p=1.0, n=gain.n, note=note)
    return [Tried(remedy=REMEDY, measure=MEASURE, says=says, gain=gain, now=1.0)]


def _in_training(ev: Evaluation) -> tuple[Evaluation, np.ndarray]:
    """Give the training data and which of their rows fulfil the condition, (n,) 0/1."""
    if ev.condition is None:
        raise NotApplicable("these rows were not chosen by a condition that could be asked of the training data")
    if reserved.ROW in ev._shared.reads(ev.condition):
        raise NotApplicable("the condition names rows by their number, and those of the training data are others")
    train = ev.whole.on("train")
    try:
        return train, train._shared.mask(ev.condition, ev.threshold).astype(np.int64)
    except InputError as error:
        raise NotApplicable(
            f"the condition cannot be applied to the training data: {error.expected} {error.came}".strip()
        ) from error


def ratio(training: Groups, here: Groups, level: float) -> tuple[Gain, tuple[float, float]]:
    """Give the ratio of two shares of independent samples, and both shares.

    The intervals of the two shares (Wilson's, by the clusters or weights there are) are joined (MOVER of a ratio; Donner and Zou 2012,
    Statistical Methods in Medical Research 21, 347-359), which also serves where the first share is 0. p is one-sided, of a ratio of
    1 or more.

    Parameters
    ----------
    training, here : Groups
        Of one group each, 1 where a row is like those of the cohort.
    """

    def ends(at: float) -> tuple[float, float, float]:
        a, al, ah = one(binary_proportion("selection_rate", training, at))
        b, bl, bh = one(binary_proportion("selection_rate", here, at))
        with np.errstate(divide="ignore", invalid="ignore"):
            low = (a * b - np.sqrt(max((a * b) ** 2 - al * bh * (2 * a - al) * (2 * b - bh), 0.0))) / (
                bh * (2 * b - bh)
            )
            high = (a * b + np.sqrt(max((a * b) ** 2 - ah * bl * (2 * a - ah) * (2 * b - bl), 0.0))) / (
                bl * (2 * b - bl)
            )
        return float(a / b), float(low) if 2 * b > bh else 0.0, float(high)

    shares = (
        one(binary_proportion("selection_rate", training, level))[0],
        one(binary_proportion("selection_rate", here, level))[0],
    )
    estimate, low, high = ends(level)
    n = len(training.rows.y)
    if not np.isfinite(high):
        return Gain(
            estimate=estimate, low=np.nan, high=np.nan, p=np.nan, n=n, note="too few rows or clusters for an interval"
        ), shares
    z = _farthest_below_one(lambda z: ends(float(1 - 2 * special.ndtr(-z)))[2]) if estimate < 1 else 0.0
    return Gain(estimate=estimate, low=max(low, 0.0), high=high, p=float(special.ndtr(-z)), n=n), shares


def _farthest_below_one(end: Callable[[float], float]) -> float:
    """Give the normal quantile, from 0 to ``FARTHEST``, up to which an upper end that grows with it stays below 1."""
    if not end(0.0) < 1:
        return 0.0
    if end(FARTHEST) < 1:
        return FARTHEST
    return float(
        optimize.brentq(lambda z: np.nan_to_num(end(z), nan=np.inf, posinf=1e9) - 1, 0.0, FARTHEST, xtol=1e-11)
    )
