"""How sure is each prediction? Split-conformal intervals and sets: made on one half of the rows, judged on the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.estimated import agree, rows_text
from modelglass.analysis.groups import rows_of
from modelglass.analysis.halves import halves
from modelglass.analysis.performance import check_level
from modelglass.analysis.probing import share
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.analysis.unseen import unseen
from modelglass.analysis.wording import say

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

FEWEST, MOST_SLICES, BINS = 40, 12, 4


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Conformal(Result):
    """Whether sets (intervals) that should hold the outcome in ``coverage`` of rows do so, in all and by slice.

    slices    slice ("all rows", or a level of the column asked for), estimate (share of rows whose outcome lies in its set or interval), low,
              high (interval over rows or clusters), n, undecided (classes: share of rows whose set holds several, NaN in regression), empty
              (share of rows whose set holds none: unlike all that was seen), size (mean classes in a set, or mean width of the interval)
    cut       the conformity score that sets stop at: 1 - the probability of the class, or |outcome - prediction| in the target's unit
    undecided share of decisions that are within the prediction's own uncertainty: the set holds another class than the decided one
    undecided_low, undecided_high   its interval; NaN in regression
    calibrated  rows that the cut was made on (none of them is judged)
    left_out    rows that also stand in the training data: neither made the cut nor are judged (see ``unseen``)
    """

    slices: pd.DataFrame
    cut: float
    undecided: float
    undecided_low: float
    undecided_high: float
    calibrated: int
    left_out: int
    unit: str
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give slice, estimate, low, high, n, undecided, empty, size."""
        return self.slices

    def sentence(self) -> str:
        """Say how often the outcome lay inside, how many decisions are within their own uncertainty, and the worst slice."""
        whole = self.slices.iloc[0]
        promised = self.settings["coverage"]
        what = "intervals" if np.isnan(self.undecided) else "sets of classes"
        text = (
            f"{what.capitalize()} made to hold the outcome in {promised:.0%} of rows held it in {whole.estimate:.1%} ({whole.low:.1%} to "
            f"{whole.high:.1%}) of {rows_text(int(whole.n))} that they were not made on."
        )
        if np.isnan(self.undecided):
            text += f" They reach {say(self.cut)} to either side of the prediction."
        else:
            text += (
                f" {self.undecided:.1%} ({self.undecided_low:.1%} to {self.undecided_high:.1%}) of decisions lie within the prediction's own "
                "uncertainty: another class cannot be left out for them."
            )
        if self.left_out:
            text += f" {rows_text(self.left_out).capitalize()} that also {agree(self.left_out, 'stands', 'stand')} in the training data {agree(self.left_out, 'is', 'are')} left out."
        short = self.slices.iloc[1:]
        short = short[short.high < promised]
        if len(short):
            worst = short.loc[short.high.idxmin()]
            text += f" Where {self.settings['by']} is {worst['slice']}, only {worst.estimate:.1%} ({worst.low:.1%} to {worst.high:.1%}) are held."
        return text


def conformal(
    ev: Evaluation, *, coverage: float = 0.9, by: str | None = None, level: float = 0.95, seed: int | None = None
) -> Conformal:
    """Make prediction intervals or sets on one half of the rows, and judge them on the other.

    The halves are drawn at random, whole clusters together; training data are never used, and rows that also stand there are left out. Classes: a
    set holds every class whose probability is at least 1 - cut (Sadinle, Lei and Wasserman 2019). Numbers: prediction plus and minus the cut (Vovk et al. 2005; Lei et al. 2018). The
    cut is the conformity score of rank ceil((n + 1) coverage) among the calibration rows, weights counted.

    Parameters
    ----------
    coverage : float
        Share of rows whose outcome the sets should hold, between 0.5 and 0.999.
    by : str, optional
        A column: coverage in each of its levels with the most rows (numbers in four bins). Only coverage over all rows is promised.

    Raises
    ------
    NotApplicable
        Classes without probabilities, fewer than 40 rows (that do not stand in the training data), or so high a coverage that the rows cannot promise it.
    InputError
        A coverage that is none, an unknown column.
    """
    level, seed = check_level(level), ev.seed_or(seed)
    if isinstance(coverage, bool) or not isinstance(coverage, (int, float)) or not 0.5 <= coverage <= 0.999:
        raise InputError("Expected a coverage between 0.5 and 0.999.", f"Got {coverage!r}.", "Give e.g. 0.9.")
    if ev.task != "regression" and ev.score_kind != "probability":
        raise NotApplicable("sets of classes are made of probabilities, and the model gives none")
    every = ev.n
    ev = _judgeable(ev)
    probability = probabilities(ev)
    scores = conformity(ev.y, ev.predicted if probability is None else probability)
    made, judged = halves(rows_of(ev), seed)
    cut = cut_of(scores[made], coverage, None if ev.weight is None else ev.weight[made])
    if not np.isfinite(cut):
        raise NotApplicable(
            f"{rows_text(len(made))} cannot promise that {coverage:.4g} of outcomes are held; ask for less, or give more rows"
        )
    rest = ev.take(judged)
    held = scores[judged] <= cut
    sets = None if probability is None else (1 - probability[judged]) <= cut
    unsure = None if sets is None else several(sets, rest.predicted)
    return Conformal(
        slices=_slices(rest, held, sets, cut, by, level),
        cut=float(cut),
        **dict(zip(("undecided", "undecided_low", "undecided_high"), (np.nan,) * 3 if unsure is None else share(rest, unsure, level), strict=True)),
        calibrated=len(made),
        left_out=every - ev.n,
        unit="classes" if sets is not None else ev.target,
        source=ev.source,
        settings={"coverage": float(coverage), "by": by or None, "level": level, "seed": seed},
    )  # fmt: skip


def _judgeable(ev: Evaluation) -> Evaluation:
    """Leave out rows of the training data: the model is surer of them than of new ones, so a cut made on them promises too much."""
    kept = unseen(ev)
    if len(kept) < FEWEST:
        seen = (
            "" if len(kept) == ev.n else f" ({rows_text(ev.n - len(kept))} of {ev.n:,} also stand in the training data)"
        )
        raise NotApplicable(
            f"{rows_text(len(kept))} {agree(len(kept), 'is', 'are')} too few to make sets on one half and judge them on the other: {FEWEST} are needed{seen}"
        )
    return ev if len(kept) == ev.n else ev.take(kept)


def probabilities(ev: Evaluation) -> np.ndarray | None:
    """Give the probability of each class, (n, k) in the order of ``ev.classes``; None in regression."""
    if ev.task == "regression":
        return None
    score = np.asarray(ev.score, dtype=float)
    if ev.task != "binary":
        return score
    both = np.column_stack([1 - score, score])
    return both if ev.positive_index == 1 else both[:, ::-1]


def conformity(y: ArrayLike, answer: ArrayLike) -> np.ndarray:
    """Give how far each outcome is from its answer: |y - answer| for numbers (n,), 1 - the probability of its class for (n, k)."""
    y, answer = np.asarray(y), np.asarray(answer, dtype=float)
    return np.abs(y - answer) if answer.ndim == 1 else 1 - answer[np.arange(len(y)), y]


def cut_of(scores: ArrayLike, coverage: float, weight: ArrayLike | None = None) -> float:
    """Give the conformity score that new rows stay below with at least this probability; infinite where the rows cannot promise it.

    Parameters
    ----------
    scores : array, shape (n,)
        Of calibration rows, exchangeable with the new ones.
    weight : array, shape (n,), optional
        Sample weights; the new row counts as one of mean weight (Tibshirani et al. 2019).

    >>> cut_of(np.arange(1, 10), 0.8), cut_of(np.arange(1, 10), 0.95)
    (8.0, inf)
    """
    scores = np.asarray(scores, dtype=float)
    w = np.ones(len(scores)) if weight is None else np.asarray(weight, dtype=float)
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(w[order])
    need = coverage * (reached[-1] + w.mean()) * (1 - 1e-12)
    at = int(np.searchsorted(reached, need))
    return float(scores[order][at]) if at < len(scores) else np.inf


def several(sets: np.ndarray, decided: np.ndarray) -> np.ndarray:
    """Tell whose set (n, k) holds another class than the decided one, bool (n,)."""
    others = sets.copy()
    others[np.arange(len(sets)), decided] = False
    return np.asarray(others.any(axis=1))


def _slices(
    ev: Evaluation, held: np.ndarray, sets: np.ndarray | None, cut: float, by: str | None, level: float
) -> pd.DataFrame:
    records = [("all rows", *_one(ev, np.arange(ev.n), held, sets, cut, level))]
    if by:
        coding = ev.coding(by, BINS)
        counts = np.bincount(coding.codes[coding.codes >= 0], minlength=len(coding.labels))
        for code in np.argsort(-counts, kind="stable")[:MOST_SLICES]:
            places = np.flatnonzero(coding.codes == code)
            if len(places):
                records.append((str(coding.labels[code]), *_one(ev, places, held, sets, cut, level)))
    return pd.DataFrame(records, columns=["slice", "estimate", "low", "high", "n", "undecided", "empty", "size"])


def _one(
    ev: Evaluation, places: np.ndarray, held: np.ndarray, sets: np.ndarray | None, cut: float, level: float
) -> tuple[Any, ...]:
    part = ev.take(places)
    found = share(part, held[places], level)
    if sets is None:
        return (*found, len(places), np.nan, np.nan, 2 * cut)
    mine = sets[places]
    undecided = np.average(several(mine, part.predicted), weights=part.weight)
    empty, size = (np.average(v, weights=part.weight) for v in (~mine.any(axis=1), mine.sum(axis=1)))
    return (*found, len(places), float(undecided), float(empty), float(size))
