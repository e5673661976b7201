"""Remedies that need only outcomes and predictions: recalibration, own threshold, labels, a shift, own margins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from modelglass.analysis import recalibrating
from modelglass.analysis.cheapest import halved
from modelglass.analysis.costs import Costs
from modelglass.analysis.crossfit import Gain, crossfitted, judged, splits, why_none
from modelglass.analysis.estimates_labels import binary_proportion
from modelglass.analysis.estimates_values import mean_of
from modelglass.analysis.groups import Rows
from modelglass.analysis.ranking import one, one_group
from modelglass.analysis.weighted import quantile
from modelglass.analysis.wording import percent, ranged, say, signed

ERRORS = "fp=1, fn=1"
LABELS = "check labels"
BAND = 0.9
"""Share of errors that margins should hold."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Tried:
    """One suggestion: see ``remedies.Remedies.table``; the gain's p is not adjusted (NaN where nothing was tested).

    repaired    the cohort's rows as the model answers with a column repaired, where that helps
    alone       of labels: nothing else that was tried explains them about as well
    """

    remedy: str
    measure: str
    says: str
    gain: Gain
    column: str = ""
    now: float = np.nan
    note: str = ""
    repaired: Rows | None = None
    alone: bool = True

    def record(self) -> tuple[Any, ...]:
        """Give the values of the table's row."""
        g = self.gain
        ends = (self.now, g.estimate, g.low, g.high, g.p, g.n)
        return (self.remedy, self.column, self.measure, *ends, self.says, self.note or g.note)


def nothing(remedy: str, measure: str, n: int, note: str) -> Tried:
    """Give a suggestion that cannot be tried, with the reason."""
    return Tried(
        remedy=remedy,
        measure=measure,
        says="",
        gain=Gain(estimate=np.nan, low=np.nan, high=np.nan, p=np.nan, n=n, note=note),
    )


def of_rows(
    here: Rows, there: Rows, *, costs: Costs | None, costs_there: Costs | None, level: float, seed: int
) -> list[Tried]:
    """Try everything that fits the task."""
    note = why_none(here)
    names = (
        ("shift predictions", "own margins") if here.task == "regression" else ("recalibrate", LABELS, "own threshold")
    )
    if note:
        return [
            nothing(name, "", len(here.y), f"cannot say: {note}")
            for name in names
            if here.task == "binary" or name != names[-1]
        ]
    cuts = splits(here, seed)
    if here.task == "regression":
        return [_shift(here, cuts, level), _margins(here, there, cuts, level)]
    tried = _of_probabilities(here, there, cuts, level)
    if here.task == "binary":
        tried.append(_threshold(here, there, costs, costs_there, cuts, level))
    return tried


# classes -----------------------------------------------------------------------------------------------------------


def _of_probabilities(here: Rows, there: Rows, cuts: list[np.ndarray], level: float) -> list[Tried]:
    if not here.probability or here.score is None:
        why = (
            "cannot say: the scores are not probabilities"
            if here.score is not None
            else "cannot say: there are only predicted labels"
        )
        return [nothing(name, "log loss a row", len(here.y), why) for name in ("recalibrate", LABELS)]
    p = recalibrating.by_class(here.score)
    before = recalibrating.losses(p, here.y)

    def weight(places: np.ndarray) -> np.ndarray | None:
        return None if here.weight is None else here.weight[places]

    def scale(fit: np.ndarray, use: np.ndarray) -> np.ndarray:
        fitted = recalibrating.scaling(p[fit], here.y[fit], weight(fit))
        return before[use] - recalibrating.losses(recalibrating.scaled(p[use], fitted), here.y[use])

    def flip(fit: np.ndarray, use: np.ndarray) -> np.ndarray:
        share = recalibrating.flips(p[fit], here.y[fit], weight(fit))
        return before[use] - recalibrating.losses(recalibrating.flipped(p[use], share), here.y[use])

    scaled, flipped = crossfitted(cuts, scale), crossfitted(cuts, flip)
    now = float(np.average(before, weights=here.weight))
    return [
        _recalibrate(here, p, judged(here, scaled, level), now),
        _labels(here, there, p, scaled, flipped, now, level),
    ]


def _recalibrate(here: Rows, p: np.ndarray, gain: Gain, now: float) -> Tried:
    fitted = recalibrating.scaling(p, here.y, here.weight)
    slope = fitted[0]
    how = "stretched" if slope > 1 else "drawn together"
    shift = fitted[2] - fitted[1] if p.shape[1] == 2 else np.nan
    moved = "" if np.isnan(shift) else f" and moved by {signed(shift)}"
    says = (
        f"recalibrating the probabilities here (log-odds {how} to {say(slope)} times{moved}) lowers the log loss a row from {say(now)} by "
        f"{ranged(gain.estimate, gain.low, gain.high)}"
    )
    return Tried(remedy="recalibrate", measure="log loss a row", says=says, gain=gain, now=now)


def _labels(
    here: Rows,
    there: Rows,
    p: np.ndarray,
    scaled: list[np.ndarray],
    flipped: list[np.ndarray],
    now: float,
    level: float,
) -> Tried:
    """Flipped labels and too bold probabilities look alike; labels are suspected unless recalibration surely fits better."""
    gain = judged(here, flipped, level)
    share = recalibrating.flips(p, here.y, here.weight)
    low, high = _share_interval(here, p, share, level)
    usual = (
        recalibrating.flips(recalibrating.by_class(np.asarray(there.score)), there.y, there.weight)
        if there.score is not None
        else 0.0
    )
    pairs = list(zip(flipped, scaled))
    better, worse = (judged(here, [sign * (f - s) for f, s in pairs], level).p for sign in (1, -1))
    note = (
        "recalibration surely fits these outcomes better than flipped labels do"
        if worse <= 1 - level and not gain.note
        else ""
    )
    says = (
        f"checking the labels here: outcomes look as if {percent(share, low, high)} of them were flipped, in the other rows "
        f"{percent(usual)}; taking that into account lowers the log loss a row from {say(now)} by "
        f"{ranged(gain.estimate, gain.low, gain.high)}"
    )
    if note:
        gain = Gain(estimate=gain.estimate, low=gain.low, high=gain.high, p=1.0, n=gain.n)
    alone = bool(better <= 1 - level)
    return Tried(remedy=LABELS, measure="log loss a row", says=says, gain=gain, now=now, note=note, alone=alone)


def _share_interval(rows: Rows, p: np.ndarray, share: float, level: float) -> tuple[float, float]:
    """Give the interval of the share of flipped labels: sandwich variance of its likelihood, over clusters where given."""
    own = p[np.arange(len(rows.y)), rows.y]
    apart = (1 - own) / (p.shape[1] - 1) - own
    score = apart / (own + share * apart)
    weight = np.ones(len(own)) if rows.weight is None else rows.weight
    information = float(weight @ score**2) / weight.sum()
    if not 0 < share < 1 - 1 / p.shape[1] or information <= 0:
        return np.nan, np.nan
    _, low, high = one(
        mean_of(
            one_group(np.zeros(len(own)), weight=rows.weight, cluster=rows.cluster), share + score / information, level
        )
    )
    return max(low, 0.0), min(high, 1.0)


def _threshold(
    here: Rows, there: Rows, costs: Costs | None, costs_there: Costs | None, cuts: list[np.ndarray], level: float
) -> Tried:
    """An own threshold gains where it beats both the decisions in use and the one threshold that is cheapest on the other side."""
    errors = costs is None or (costs.said["fp"], costs.said["fn"], costs.said["tp"], costs.said["tn"]) == (
        1.0,
        1.0,
        0.0,
        0.0,
    )
    unit = "errors a row" if errors else "cost a row"
    if here.score is None or costs is None or costs_there is None:
        return nothing("own threshold", unit, len(here.y), "cannot say: there are no scores")
    ready, other = halved(here, costs), halved(there, costs_there)
    score = np.asarray(here.score)
    place = np.empty(len(score), np.int64)
    assert ready is not None  # two rows or more
    place[ready.places] = np.arange(len(score))
    common = None if other is None else costs.of(score >= other.pick(np.ones(len(other.score), bool)))
    now = costs.of(here.predicted == 1)

    def own(fit: np.ndarray, use: np.ndarray) -> np.ndarray:
        among = np.zeros(len(score), bool)
        among[place[fit]] = True
        return costs.cut(use).of(score[use] >= ready.pick(among))

    decided = crossfitted(cuts, own)
    gain = judged(here, [now - d for d in decided], level)
    against = gain if common is None else judged(here, [common - d for d in decided], level)
    mean = float(np.average(now, weights=here.weight))
    note = "" if gain.note or against.p <= gain.p or against.estimate > 0 else "one threshold for all would do as well"
    says = (
        f"a threshold of its own ({say(ready.pick(np.ones(len(score), bool)))}) lowers the {unit.replace(' a row', '')} a row from {say(mean)} by "
        f"{ranged(gain.estimate, gain.low, gain.high)}"
    )
    both = Gain(
        estimate=gain.estimate,
        low=gain.low,
        high=gain.high,
        p=float(np.fmax(gain.p, against.p)),
        n=gain.n,
        note=gain.note,
    )
    return Tried(remedy="own threshold", measure=unit, says=says, gain=both, now=mean, note=note)


# numbers -----------------------------------------------------------------------------------------------------------


def _shift(here: Rows, cuts: list[np.ndarray], level: float) -> Tried:
    error = np.asarray(here.y - here.predicted, float)

    def shifted(fit: np.ndarray, use: np.ndarray) -> np.ndarray:
        by = quantile(error[fit], None if here.weight is None else here.weight[fit], 0.5)
        return np.abs(error[use]) - np.abs(error[use] - by)

    gain = judged(here, crossfitted(cuts, shifted), level)
    now = float(np.average(np.abs(error), weights=here.weight))
    by = quantile(error, here.weight, 0.5)
    says = (
        f"moving the predictions here by {signed(by)} (the middle of what was missed) lowers the absolute error a row from {say(now)} by "
        f"{ranged(gain.estimate, gain.low, gain.high)}"
    )
    return Tried(remedy="shift predictions", measure="absolute error a row", says=says, gain=gain, now=now)


def _margins(here: Rows, there: Rows, cuts: list[np.ndarray], level: float) -> Tried:
    """Own margins gain where they score better than those of the other side (interval score; Gneiting and Raftery 2007)."""
    size = np.abs(np.asarray(here.y - here.predicted, float))
    common = quantile(np.abs(there.y - there.predicted), there.weight, BAND)

    def cost(of: np.ndarray, margin: float) -> np.ndarray:
        return 2 * margin + 2 / (1 - BAND) * np.maximum(of - margin, 0.0)

    def own(fit: np.ndarray, use: np.ndarray) -> np.ndarray:
        margin = quantile(size[fit], None if here.weight is None else here.weight[fit], BAND)
        return cost(size[use], common) - cost(size[use], margin)

    gain = judged(here, crossfitted(cuts, own), level)
    inside = (size <= common).astype(np.int64)
    held = one(binary_proportion("selection_rate", one_group(inside, weight=here.weight, cluster=here.cluster), level))
    says = (
        f"margins of its own: ±{say(common)} holds {BAND:.0%} of the errors elsewhere and {percent(*held)} here; ±{say(quantile(size, here.weight, BAND))} "
        f"would hold {BAND:.0%} here (interval score better by {ranged(gain.estimate, gain.low, gain.high)})"
    )
    now = float(np.average(cost(size, common), weights=here.weight))
    return Tried(remedy="own margins", measure="interval score a row", says=says, gain=gain, now=now)
