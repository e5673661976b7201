"""Scale and location: are errors larger where predictions are larger?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.estimated import FEWEST_CLUSTERS, agree, all_rows, rows_text
from modelglass.analysis.estimates_values import mean_of
from modelglass.analysis.groups import Groups, Rows
from modelglass.analysis.intervals import critical
from modelglass.analysis.performance import check_level
from modelglass.analysis.ranking import weights
from modelglass.analysis.reserved import PREDICTION
from modelglass.analysis.residuals import MOST_POINTS, binned, spans
from modelglass.analysis.result import Result
from modelglass.analysis.source import UNNAMED, Source
from modelglass.analysis.wording import ranged, say

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

FEWEST_ROWS = 20


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class ScaleLocation(Result):
    """How far predictions are off, along the prediction.

    bins    one row per bin of the prediction: bin (label), left, right (smallest and largest prediction), center (mean),
            estimate (mean absolute residual, in the target's unit), low, high (t interval corrected for skewness, Hall 1992, at
            settings["level"]; NaN with fewer than 20 rows), root (mean of the root of the absolute residual over the residuals'
            standard deviation: what a scale-location plot shows), n (rows), where (SQL condition of the bin's rows)
    trend   one row: estimate (by how much the absolute residual rises per unit of the prediction; the slope of a straight line,
            Glejser 1969), low, high (sandwich variance, over clusters where given), at_low, at_high (the line at the 10 % and
            the 90 % quantile of the prediction), from_value, to_value (these quantiles), n
    sample  at most 2,000 rows drawn with settings["seed"], for the eye only: row, predicted, root
    """

    bins: pd.DataFrame
    trend: pd.DataFrame
    sample: pd.DataFrame
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row per bin."""
        return self.bins

    def sentence(self) -> str:
        """Say whether errors grow with the prediction, and how large they are at both ends."""
        row = self.trend.iloc[0]
        text = f"Over {rows_text(int(row.n))} predictions about {say(row.from_value)} are off by {say(row.at_low)} and those about "
        text += f"{say(row.to_value)} by {say(row.at_high)} on average (straight line)"
        slope = ranged(row.estimate, row.low, row.high)
        if np.isnan(row.low):
            return f"{text}; too few rows to say whether that is more than chance."
        if row.low <= 0 <= row.high:
            return f"{text}: no clear trend, {slope} more for each unit of the prediction."
        if row.estimate > 0:
            return f"{text}: errors grow with the prediction, by {slope} for each unit of it."
        return f"{text}: errors shrink as the prediction grows, by {ranged(-row.estimate, -row.high, -row.low)} for each unit of it."


def scale_location(ev: Evaluation, *, bins: int = 10, level: float = 0.95) -> ScaleLocation:
    """Hold the size of the residuals against the prediction.

    Parameters
    ----------
    ev : Evaluation of a regression
    bins : int, number of bins, cut at quantiles of the prediction
    level : float, level of the intervals

    Raises
    ------
    NotApplicable
        In classification, and where all predictions are the same.
    """
    level = check_level(level)
    if ev.task != "regression":
        raise NotApplicable("the target is a class and not a number, so there are no residuals")
    found = measure(
        ev.y,
        ev.predicted,
        ev.weight,
        cluster=ev.cluster,
        bins=bins,
        level=level,
        seed=ev.seed,
        rows=ev.rows,
        source=ev.source,
    )
    return replace(found, bins=found.bins.assign(where=spans(ev.words().name(PREDICTION), found.bins)))


def measure(
    actual: Any,
    predicted: Any,
    weight: Any = None,
    *,
    cluster: Any = None,
    bins: int = 10,
    level: float = 0.95,
    seed: int = 0,
    rows: Any = None,
    source: Source = UNNAMED,
) -> ScaleLocation:
    """Give the same from arrays of shape (n_rows,): numbers actual and predicted, weight >= 0, cluster codes.

    >>> measure([1.0, 3.0, 2.0, 6.0], [1.0, 2.0, 3.0, 4.0], bins=2).bins.estimate.tolist()
    [0.5, 1.5]
    """
    if bins < 1:
        raise InputError("Expected one bin or more.", f"Got {bins}.")
    y, f = np.asarray(actual, dtype=float), np.asarray(predicted, dtype=float)
    w = weights(weight, len(y))
    if f.min() == f.max():
        raise NotApplicable(
            f"{all_rows(len(f))} {agree(len(f), 'gets', 'get')} the same prediction, so errors cannot grow with it"
        )
    size = np.abs(y - f)
    held = Rows(task="regression", y=size, predicted=f, weight=None if weight is None else w, cluster=cluster)
    spread = float(np.sqrt(w @ (y - f) ** 2 / w.sum()))
    root = np.sqrt(size / spread) if spread > 0 else np.zeros(len(y))
    at = np.arange(len(y))
    if len(y) > MOST_POINTS:
        at = np.sort(np.random.default_rng(seed).choice(len(y), MOST_POINTS, replace=False))
    numbers = np.arange(len(y)) if rows is None else np.asarray(rows)
    return ScaleLocation(
        bins=_bins(held, root, w, bins, level),
        trend=pd.DataFrame([_trend(held, w, level)]),
        sample=pd.DataFrame({"row": numbers[at], "predicted": f[at], "root": root[at]}),
        source=source,
        settings={"bins": bins, "level": level, "seed": seed},
    )


def _bins(held: Rows, root: np.ndarray, w: np.ndarray, bins: int, level: float) -> pd.DataFrame:
    codes, labels, f = binned(held.predicted, bins)
    groups = Groups(held, codes, len(labels))
    mean = mean_of(groups, held.y, level)
    used = np.flatnonzero(groups.w > 0)
    place = pd.Series(f).groupby(codes).agg(["min", "max", "mean"]).reindex(range(len(labels)))
    with np.errstate(divide="ignore", invalid="ignore"):
        rooted = np.bincount(codes, w * root, minlength=len(labels)) / groups.w
    frame = pd.DataFrame(
        {
            "bin": list(labels),
            "left": place["min"],
            "right": place["max"],
            "center": place["mean"],
            "estimate": mean.estimate,
            "low": mean.low,
            "high": mean.high,
            "root": rooted,
            "n": groups.n,
            "where": None,
        }
    )
    return frame.iloc[used].reset_index(drop=True)


def _trend(held: Rows, w: np.ndarray, level: float) -> dict[str, Any]:
    """Fit a weighted straight line to the absolute residual; variance from the residuals of that line, as in HC3."""
    f, size = held.predicted, held.y
    whole = w.sum()
    middle, mean = float(w @ f) / whole, float(w @ size) / whole
    apart = f - middle
    square = float(w @ apart**2)
    slope = float(w @ (apart * size)) / square if square > 0 else float("nan")
    left = size - mean - slope * apart
    leverage = np.minimum(w / whole + w * apart**2 / square, 0.999) if square > 0 else np.zeros(len(f))
    influence = w * apart * left / square if square > 0 else np.zeros(len(f))
    if held.cluster is None:
        variance, df = float(np.sum((influence / (1 - leverage)) ** 2)), len(f) - 2.0
    else:
        _, unit = np.unique(held.cluster, return_inverse=True)
        summed, taken = (np.bincount(unit.ravel(), values) for values in (influence, leverage))
        variance = float(np.sum((summed / (1 - np.minimum(taken, 0.9))) ** 2))
        df = len(summed) - 1.0
    enough = len(f) >= FEWEST_ROWS if held.cluster is None else df + 1 >= FEWEST_CLUSTERS
    half = float(critical(level, np.array([df]))[0]) * np.sqrt(variance) if enough else float("nan")
    order = np.argsort(f, kind="stable")
    reached = np.cumsum(w[order]) / whole
    ends = [float(f[order][np.searchsorted(reached, q * (1 - 1e-12))]) for q in (0.1, 0.9)]
    return {
        "estimate": slope,
        "low": slope - half,
        "high": slope + half,
        "at_low": max(mean + slope * (ends[0] - middle), 0.0),
        "at_high": max(mean + slope * (ends[1] - middle), 0.0),
        "from_value": ends[0],
        "to_value": ends[1],
        "n": len(f),
    }
