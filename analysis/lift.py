"""Lift and gain: how much of a class the rows that score highest hold; and how far apart the scores of two classes lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis import intervals
from modelglass.analysis.auc import SortedScores
from modelglass.analysis.curves import curves, told
from modelglass.analysis.errors import InputError
from modelglass.analysis.estimated import FEWEST_CLUSTERS, rows_text
from modelglass.analysis.ks import ks_statistic
from modelglass.analysis.performance import check_level
from modelglass.analysis.ranking import Ranking, kish, one_class, one_group, ranking_of, share
from modelglass.analysis.rates import decisions
from modelglass.analysis.result import Result
from modelglass.analysis.source import UNNAMED, Source
from modelglass.analysis.wording import percent, score

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

MOST_POINTS = 100
FEWEST_POSITIVES = 20


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Lift(Result):
    """What the rows with the highest scores hold.

    curve   one row per class (or slice) and depth, rising: group, share (of the rows, highest scores first; weight where
            weighted; rows of equal score are taken evenly), threshold (the lowest score among them), gain (share of the class
            that they hold), gain_low, gain_high, lift (gain / share: how many times more often than among all rows), low,
            high (of lift), precision (share of them that is of the class), n (rows taken). Intervals are pointwise at
            settings["level"] for the same share of a whole population, so they know that the threshold is estimated too; NaN
            with fewer than 20 rows of the class.
    areas   one row per class (or slice, after one of all rows): group, estimate (Kolmogorov-Smirnov statistic: the largest
            distance between share of the class and share of the others reached), low, high, threshold, share (where it is
            reached), gain, gain_low, gain_high, lift, lift_low, lift_high (at the depth settings["top"]), n, positives,
            negatives (rows), baseline (share of the class), note (why there is no curve, else "")
    """

    curve: pd.DataFrame
    areas: pd.DataFrame
    source: Source
    settings: Mapping[str, Any]
    note: str = ""

    def frame(self) -> pd.DataFrame:
        """Give one row per class and depth."""
        return self.curve

    def sentence(self) -> str:
        """Say what the top rows hold, and the Kolmogorov-Smirnov statistic."""
        known = self.areas.dropna(subset="estimate")
        if known.empty:
            return f"There is no lift curve: {self.areas.note.iloc[0]}."
        depth = f"the top {100 * self.settings['top']:.3g}% of scores"
        if len(self.areas) > 1:
            ranged = known.assign(estimate=known.lift)
            said = lambda row: f"{_times(row.lift, row.lift_low, row.lift_high)}"  # noqa: E731
            return told(ranged, self.settings, f"the lift of {depth}", said, self.note)
        whole = known.iloc[0]
        return (
            f"The rows with {depth} hold {percent(whole.gain, whole.gain_low, whole.gain_high)} of the "
            f"{rows_text(whole.positives)} of {whole.group}, {_times(whole.lift, whole.lift_low, whole.lift_high)} as many as "
            f"rows taken at random ({rows_text(int(whole.n))} in all). The scores of {whole.group} and of the others are "
            f"farthest apart at {whole.threshold:.3g}: Kolmogorov-Smirnov {score(whole.estimate, whole.low, whole.high)}."
        )


def _times(value: float, low: float, high: float) -> str:
    return f"{value:.2f} times" + ("" if np.isnan(low) else f" ({low:.2f} to {high:.2f})")


def lift(ev: Evaluation, *, top: float = 0.1, by: str | None = None, class_: Any = None, level: float = 0.95) -> Lift:
    """Give gain and lift at every depth, and the Kolmogorov-Smirnov statistic.

    Parameters
    ----------
    ev : Evaluation with scores
    top : float
        The depth told in the sentence, a share of the rows in (0, 1].
    by : str, optional
        A column: the curve of all rows, and one of each of its levels (the 8 with the most rows).
    class_ : label, optional
        One class against the rest; without it the positive one, or each of several.
    level : float, level of the intervals

    Raises
    ------
    NotApplicable
        Without scores, in regression, and where there is only one class among the rows.
    """
    level = check_level(level)
    return Lift(**curves(ev, measure, by=by, class_=class_, level=level, top=top, seed=ev.seed))


def measure(
    y_true: Any,
    score: Any,
    weight: Any = None,
    *,
    cluster: Any = None,
    predicted: Any = None,
    threshold: float | None = None,
    top: float = 0.1,
    level: float = 0.95,
    seed: int = 0,
    group: str = "positive",
    scores: SortedScores | None = None,
    source: Source = UNNAMED,
) -> Lift:
    """Give the same from arrays of shape (n_rows,); predicted and threshold play no part.

    y_true 0/1, score rising with the chance of 1, weight >= 0, cluster codes; ``scores`` are the same rows sorted, where that
    was done already.

    >>> found = measure([1, 1, 0, 1, 0, 0, 0, 0, 0, 0], np.arange(10)[::-1], top=0.2)
    >>> round(float(found.areas.gain[0]), 3), round(float(found.areas.lift[0]), 3)
    (0.667, 3.333)
    """
    if not 0 < top <= 1:
        raise InputError("Expected a depth above 0 and up to 1, such as 0.1 for the top 10%.", f"Got {top:g}.")
    rows = one_group(y_true, None, score, weight, cluster, scores).rows
    ranking = ranking_of(rows.sorted_scores(), np.asarray(rows.score), cluster)
    n, positive, negative = len(rows.y), ranking.tp[-1], ranking.fp[-1]
    whole: dict[str, Any] = {"group": group, "estimate": np.nan, "low": np.nan, "high": np.nan, "note": ""}
    whole |= dict.fromkeys(("threshold", "share", *_TOP), np.nan)
    whole |= {"n": n, "positives": ranking.positives, "negatives": ranking.negatives}
    whole["baseline"] = float(share(positive, positive + negative))
    curve = pd.DataFrame()
    whole["note"] = one_class(ranking, group)
    if not whole["note"]:
        points = min(n, MOST_POINTS)
        curve = captured(ranking, np.arange(1, points + 1) / points, level, weighted=weight is not None)
        curve.insert(0, "group", group)
        at = captured(ranking, np.array([top]), level, weighted=weight is not None).iloc[0]
        whole |= dict(zip(_TOP, at[["gain", "gain_low", "gain_high", "lift", "low", "high"]].tolist()))
        whole |= ks_statistic(ranking, rows, level, seed)
    settings = {"top": top, "level": level, "seed": seed}
    return Lift(
        curve=curve,
        areas=pd.DataFrame([whole]),
        source=source,
        settings=settings,
    )


_TOP = ("gain", "gain_low", "gain_high", "lift", "lift_low", "lift_high")


def captured(ranking: Ranking, depth: np.ndarray, level: float, *, weighted: bool) -> pd.DataFrame:
    """Give what the rows with the highest scores hold, at some depths (shares of the weight, in (0, 1]).

    Notes
    -----
    At depth q the gain is G = P(score > t, positive) / P(positive) with t such that P(score > t) = q. The influence of a row on
    it is ``[y * above - G * y - p * (above - q)] / P(positive)``, where ``p`` is the share of positives among rows that score
    about t: a row above raises the threshold, which gives up a row that is positive with chance p. The variance of the sum (over
    clusters where given) becomes an effective number of rows for Wilson's interval. ``p`` is taken from the 0.5 n^0.8 rows on
    either side. Between two scores all is interpolated; the standard error then is at most the interpolated one.
    """
    taken = ranking.tp + ranking.fp
    whole, positive = taken[-1], ranking.tp[-1]
    upper = np.clip(np.searchsorted(taken, depth * whole * (1 - 1e-12), side="left"), 1, len(taken) - 1)
    lower = upper - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.clip(np.nan_to_num((depth * whole - taken[lower]) / (taken[upper] - taken[lower])), 0.0, 1.0)
    near = _precision_near(ranking, upper)
    spread = (1 - part) * _spread(ranking, lower, near, weighted) + part * _spread(ranking, upper, near, weighted)
    inside = ranking.tp[lower] + part * (ranking.tp[upper] - ranking.tp[lower])
    gain = np.clip(inside / positive, 0.0, 1.0)
    gain = np.where(gain > 1 - 1e-12, 1.0, gain)  # sums of weights leave a trace of rounding
    kish_n = kish(positive, ranking.powers[1, 0, -1])
    with np.errstate(divide="ignore", invalid="ignore"):
        known = (spread > 0) & (gain > 0) & (gain < 1)
        effective = np.where(known, gain * (1 - gain) / spread**2, kish_n)
    df = None
    if ranking.products is not None:
        df = np.full(len(depth), ranking.clusters - 1.0)
    elif weighted:
        df = np.full(len(depth), max(float(kish_n) - 1, 1.0))
    low, high = intervals.wilson(gain, effective, level, df)
    everything = depth >= 1
    low, high = np.where(everything, 1.0, low), np.where(everything, 1.0, high)
    few = ranking.positives < FEWEST_POSITIVES or 0 < ranking.clusters < FEWEST_CLUSTERS
    low, high = (np.full(len(depth), np.nan) if few else v for v in (low, high))
    rows = ranking.selected[lower] + part * (ranking.selected[upper] - ranking.selected[lower])
    return pd.DataFrame(
        {
            "share": depth,
            "threshold": ranking.threshold[upper - 1],
            "gain": gain,
            "gain_low": low,
            "gain_high": high,
            "lift": gain / depth,
            "low": low / depth,
            "high": high / depth,
            "precision": inside / (depth * whole),
            "n": np.round(rows).astype(np.int64),
        }
    )


def _precision_near(ranking: Ranking, entry: np.ndarray) -> np.ndarray:
    """Give the share of positives among the rows that score about as high as an entry, (t,)."""
    n = ranking.selected[-1]
    reach = int(np.ceil(0.5 * n**0.8))
    first = np.searchsorted(ranking.selected, np.maximum(ranking.selected[entry - 1] - reach, 0), side="right") - 1
    last = np.searchsorted(ranking.selected, np.minimum(ranking.selected[entry] + reach, n), side="left")
    first, last = np.maximum(first, 0), np.minimum(last, len(ranking.selected) - 1)
    pos, neg = (v[last] - v[first] for v in (ranking.tp, ranking.fp))
    return np.nan_to_num(share(pos, pos + neg))


def _spread(ranking: Ranking, entry: np.ndarray, near: np.ndarray, weighted: bool) -> np.ndarray:
    """Give the standard error of the gain at some entries, (t,)."""
    found = decisions(ranking, entry, weighted=weighted)
    positive, whole = ranking.tp[-1], ranking.tp[-1] + ranking.fp[-1]
    gain, depth = ranking.tp[entry] / positive, (ranking.tp[entry] + ranking.fp[entry]) / whole
    rest = near * depth
    gradient = np.stack([rest, rest - near, rest - gain, 1 - gain - near + rest], axis=-1) / positive
    variance = found.cell_variance(gradient.reshape(-1, 2, 2))
    return np.sqrt(np.maximum(variance, 0.0))
