"""Would another threshold make decisions steadier? Decisions that are right and stay so under noise, at the best threshold of other rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.crossfit import crossfitted, judged, splits, why_none
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.groups import Rows
from modelglass.analysis.noise_draws import DRAWS, ROWS, STRENGTH, check, drawn
from modelglass.analysis.performance import check_level
from modelglass.analysis.progress import Progress
from modelglass.analysis.result import Result
from modelglass.analysis.source import UNNAMED, Source
from modelglass.analysis.wording import ranged, say

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

MOST_TRIED = 100
STEADY, CHANGE, RIGHT, FLAGGED = "right and steady", "changed by noise", "right without noise", "decided positive"


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class RobustThreshold(Result):
    """What a threshold that is chosen for steadiness gains, judged on rows that had no part in choosing it.

    table       measure ("right and steady": decided rightly, and so still with noise; "changed by noise"; "right without noise"; "decided positive"),
                now (share of decisions as they are made), then (share with the threshold chosen on other rows), estimate (then minus now), low,
                high (interval over rows or clusters), p (one-sided, of no gain, of "right and steady" only), n
    threshold   the one that all rows together choose; now: the operating one (NaN: the model's own decisions)
    """

    table: pd.DataFrame
    threshold: float
    now: float
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row for each measure."""
        return self.table

    @property
    def sure(self) -> bool:
        """Whether another threshold surely makes more decisions right and steady."""
        return bool(self.table.p.iloc[0] <= self.settings["alpha"])

    def sentence(self) -> str:
        """Say what is right and steady now, whether a threshold gains, and what that does to the rest."""
        by = self.table.set_index("measure")
        steady, n = by.loc[STEADY], rows_text(int(by.loc[STEADY].n))
        text = (
            f"{steady.now:.1%} of decisions are right and stay so under noise of {self.settings['strength']:g} spreads on every column; "
            f"{by.loc[CHANGE].now:.1%} change ({n}, {self.settings['draws']} draws of noise each)."
        )
        gain = ranged(100 * steady.estimate, 100 * steady.low, 100 * steady.high)
        if not self.sure:
            return f"{text} No other threshold surely makes more of them so (the best one of other rows gains {gain} points)."
        moved = ", ".join(
            f"{words} go from {by.loc[name].now:.1%} to {by.loc[name].then:.1%}"
            for name, words in (
                (CHANGE, "decisions changed by noise"),
                (RIGHT, "right decisions without noise"),
                (FLAGGED, "positive decisions"),
            )
        )
        return (
            f"{text} With a threshold of {say(self.threshold)} there are {gain} points more, measured on rows that did not choose it: {moved}. "
            "Both kinds of error count alike here; where they cost differently, see the thresholds by cost."
        )


def robust_threshold(
    ev: Evaluation,
    *,
    strength: float = STRENGTH,
    draws: int = DRAWS,
    constraints: Any = None,
    rows: int | None = ROWS,
    level: float = 0.95,
    alpha: float = 0.05,
    seed: int | None = None,
    progress: Progress | None = None,
) -> RobustThreshold:
    """Look for the threshold at which most decisions are right and stay so under noise; no training, no other model.

    Parameters
    ----------
    strength, draws, constraints, rows
        As in ``fragile_rows``.
    level, alpha : float
        Of the intervals; a gain is sure where its p-value is at most alpha.

    Raises
    ------
    NotApplicable
        Without a model or scores; too few rows, rows of a class, or clusters.
    InputError
        A strength or number of draws that is none; contradictory constraints; a model that raises an error on a possible row.
    """
    check(ev, strength, draws)
    if ev.score is None:
        raise NotApplicable("the model gives no scores, so there is no threshold to move")
    level, seed = check_level(level), ev.seed_or(seed)
    got = drawn(ev, strength=strength, draws=draws, constraints=constraints, rows=rows, seed=seed, progress=progress)
    found = measure(got.clean, got.draws, level=level, alpha=alpha, seed=seed, source=got.ev.source)
    now = np.nan if ev.threshold is None else float(ev.threshold)
    return replace(found, now=now, settings={**found.settings, **got.settings})


def measure(
    clean: Rows,
    draws: tuple[Rows, ...],
    *,
    level: float = 0.95,
    alpha: float = 0.05,
    seed: int = 0,
    source: Source = UNNAMED,
) -> RobustThreshold:
    """The same from the rows (``groups.Rows``, with scores) and the answers in each draw of noise."""
    why = why_none(clean)
    if why:
        raise NotApplicable(why)
    at = _At(clean, draws)
    tried = _thresholds(at.score)
    steady = np.array([at.with_threshold(t)[0] for t in tried], dtype=np.float32)  # (tried, n)
    weight = np.ones(len(at.score)) if clean.weight is None else clean.weight

    def pick(places: np.ndarray) -> float:
        return float(tried[int((steady[:, places] @ weight[places]).argmax())])

    chosen = crossfitted(splits(clean, seed), lambda fit, use: np.full(len(use), pick(fit)))
    now, by_cut = at.as_decided(), [at.with_threshold(thresholds) for thresholds in chosen]
    records = []
    for i, name in enumerate((STEADY, CHANGE, RIGHT, FLAGGED)):
        gain = judged(clean, [values[i] - now[i] for values in by_cut], level)
        before = float(np.average(now[i], weights=weight))
        p = gain.p if name == STEADY else np.nan
        records.append((name, before, before + gain.estimate, gain.estimate, gain.low, gain.high, p, gain.n))
    return RobustThreshold(
        table=pd.DataFrame(records, columns=["measure", "now", "then", "estimate", "low", "high", "p", "n"]),
        threshold=pick(np.arange(len(weight))),
        now=np.nan,
        source=source,
        settings={"draws": len(draws), "level": level, "alpha": alpha, "seed": seed},
    )


class _At:
    """What becomes of each row at a threshold: float64 (4, n): right and steady, changed, right without noise, decided positive."""

    def __init__(self, clean: Rows, draws: tuple[Rows, ...]):
        self.score, self._y, self._clean, self._draws = np.asarray(clean.score, float), clean.y, clean, draws
        self._noisy = [np.asarray(d.score, float) for d in draws]

    def with_threshold(self, threshold: float | np.ndarray) -> np.ndarray:
        """At one threshold, or at one for each row."""
        return self._of(self.score >= threshold, [noisy >= threshold for noisy in self._noisy])

    def as_decided(self) -> np.ndarray:
        return self._of(self._clean.predicted == 1, [d.predicted == 1 for d in self._draws])

    def _of(self, decided: np.ndarray, noisy: list[np.ndarray]) -> np.ndarray:
        held = np.mean([decided == one for one in noisy], axis=0)
        right = decided == (self._y == 1)
        return np.array([right * held, 1 - held, right, decided], dtype=float)


def _thresholds(score: np.ndarray) -> np.ndarray:
    """Give the thresholds that are tried: midway between neighbouring scores, at most ``MOST_TRIED`` spread over the rows, and one above all."""
    known = np.unique(score)
    if len(known) > MOST_TRIED:
        known = np.unique(np.quantile(score, np.linspace(0, 1, MOST_TRIED), method="nearest"))
    return np.append((known[1:] + known[:-1]) / 2, np.nextafter(known[-1], np.inf))
