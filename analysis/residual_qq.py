"""Residuals against the normal distribution: are large errors more frequent than a bell curve allows?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from modelglass.analysis import intervals
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.estimates_labels import share_and_effective_n
from modelglass.analysis.performance import check_level
from modelglass.analysis.ranking import kish, ranked, weights
from modelglass.analysis.rates import decisions
from modelglass.analysis.result import Result
from modelglass.analysis.source import UNNAMED, Source
from modelglass.analysis.wording import ranged, say

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

MOST_POINTS = 200
FEWEST_ROWS = 20
TAIL = 0.01


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class ResidualQQ(Result):
    """Quantiles of the residuals (actual minus predicted) beside those of a normal distribution.

    points  one row per shown quantile, rising: share (of the rows, weight where weighted, below it), normal (quantile of the normal
            distribution with the residuals' median and interquartile range), estimate (of the residuals), low, high (band:
            where the estimate lies in settings["level"] of samples, point by point, if residuals are normal), outside (whether
            it does not), n (rows)
    tails   two rows: which ("low", "high"), share (1 % or, with fewer than 1,000 rows, that of 10 rows), normal, estimate, low,
            high (interval of the quantile itself at settings["level"], by Woodruff 1952), ratio (how many times farther from
            the middle than normal), clear (whether it is outside the band), n
    """

    points: pd.DataFrame
    tails: pd.DataFrame
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row per shown quantile."""
        return self.points

    def sentence(self) -> str:
        """Say whether the tails are longer than normal, and how many points leave the band."""
        n = int(self.points.n.iloc[0])
        said = []
        for row in self.tails.itertuples():
            side = "below" if row.which == "low" else "above"
            where = f"{100 * row.share:.3g}% of rows lie {side} {ranged(row.estimate, row.low, row.high)}, normal would be {say(row.normal)}"
            if row.clear:
                longer = "longer" if row.ratio > 1 else "shorter"
                said.append(f"the tail {side} is {longer} than normal ({where})")
            else:
                said.append(f"the tail {side} may be normal ({where})")
        outside, level = float(self.points.outside.mean()), self.settings["level"]
        return (
            f"Over {rows_text(n)} {said[0]}; {said[1]}. {outside:.0%} of the points leave the band that holds each of them in "
            f"{level:.0%} of normal samples."
        )


def residual_qq(ev: Evaluation, *, level: float = 0.95) -> ResidualQQ:
    """Hold the residuals against the normal distribution.

    Parameters
    ----------
    ev : Evaluation of a regression
    level : float, level of the band and of the intervals

    Raises
    ------
    NotApplicable
        In classification, with fewer than 20 rows (or clusters), and where residuals do not vary.
    """
    if ev.task != "regression":
        raise NotApplicable("the target is a class and not a number, so there are no residuals")
    return measure(ev.y, ev.predicted, ev.weight, cluster=ev.cluster, level=level, source=ev.source)


def measure(
    actual: Any,
    predicted: Any,
    weight: Any = None,
    *,
    cluster: Any = None,
    level: float = 0.95,
    source: Source = UNNAMED,
) -> ResidualQQ:
    """Give the same from arrays of shape (n_rows,): numbers actual and predicted, weight >= 0, cluster codes.

    The normal line goes through the quartiles, so that long tails do not bend it. The band is that of order statistics: the share
    of normal rows below the i-th of n is Beta(i, n + 1 - i), its width taken as far as the line, which is estimated too, does not
    follow the point; with weights or clusters n is the number of independent rows that would know the share as well.

    >>> found = measure(np.arange(99.0), np.zeros(99))
    >>> float(found.points.estimate.iloc[49])
    49.0
    """
    level = check_level(level)
    r = np.asarray(actual, dtype=float) - np.asarray(predicted, dtype=float)
    weights(weight, len(r))
    along = _Sorted(r, weight, cluster)
    if along.units < FEWEST_ROWS:
        what = "rows" if cluster is None else "clusters"
        raise NotApplicable(f"the number of {what} is {along.units:,.0f}, and at least {FEWEST_ROWS} are needed")
    first, middle, third = along.at(np.array([0.25, 0.5, 0.75]))
    scale = (third - first) / (2 * special.ndtri(0.75))
    if not scale > 0:
        raise NotApplicable("half of the residuals are the same number, so they have no spread to compare")
    count = min(len(r), MOST_POINTS)
    shares = (np.arange(len(r)) + 0.5) / len(r)
    if len(r) > count:  # evenly spread over the normal quantiles too, for the tails
        reach = float(special.ndtri(1 - 0.5 / along.effective_whole))
        shares = np.unique(
            np.append(
                special.ndtr(np.linspace(-reach, reach, count // 2)), (np.arange(count // 2) + 0.5) / (count // 2)
            )
        )
    shares = along.midway(shares)
    seen, (normal, low, high) = along.at(shares), _band(along, shares, middle, scale, level)
    points = pd.DataFrame(
        {
            "share": shares,
            "normal": normal,
            "estimate": seen,
            "low": low,
            "high": high,
            "outside": (seen < low) | (seen > high),
            "n": len(r),
        }
    )
    return ResidualQQ(
        points=points, tails=_tails(along, middle, scale, level), source=source, settings={"level": level}
    )


def _band(
    along: _Sorted, shares: np.ndarray, middle: float, scale: float, level: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the normal quantiles and where those of a normal sample lie, each (t,)."""
    n, ends = along.effective(shares), (0.5 - level / 2, 0.5 + level / 2)
    low, high = (special.betaincinv(n * shares + 0.5, n * (1 - shares) + 0.5, u) for u in ends)
    normal, low, high = (middle + scale * special.ndtri(u) for u in (shares, low, high))
    line = _line_factor(shares)
    return normal, normal + line * (low - normal), normal + line * (high - normal)


def _line_factor(shares: np.ndarray) -> np.ndarray:
    """Give the standard deviation of a normal sample's quantile about the line through its quartiles, over that of itself, (t,)."""

    def covariance(a: np.ndarray, b: float | np.ndarray) -> np.ndarray:
        density = [np.exp(-(special.ndtri(v) ** 2) / 2) for v in (a, b)]
        return np.minimum(a, b) * (1 - np.maximum(a, b)) / (density[0] * density[1])

    slope = special.ndtri(shares) / (2 * special.ndtri(0.75))
    fixed, part = np.array([0.25, 0.5, 0.75]), np.stack([-slope, np.ones_like(slope), slope])
    own = covariance(shares, shares)
    cross = sum(part[i] * covariance(shares, fixed[i]) for i in range(3))
    line = sum(part[i] * part[j] * covariance(fixed[i], fixed[j]) for i in range(3) for j in range(3))
    return np.sqrt(np.maximum(own - 2 * cross + line, 0.0) / own)


def _tails(along: _Sorted, middle: float, scale: float, level: float) -> pd.DataFrame:
    share = max(TAIL, 10 / along.effective_whole)
    records = []
    for which, at in (("low", share), ("high", 1 - share)):
        n, df = along.effective(np.array([at])), along.df
        low, high = (float(v[0]) for v in intervals.wilson(np.array([at]), n, level, df))
        estimate, down, up = along.at(np.array([at, low, high]))
        normal, first, last = (float(v[0]) for v in _band(along, np.array([at]), middle, scale, level))
        clear = not first <= estimate <= last
        ratio = (estimate - middle) / (normal - middle)
        records.append((which, share, normal, estimate, down, up, ratio, clear, len(along.values)))
    return pd.DataFrame(records, columns=["which", "share", "normal", "estimate", "low", "high", "ratio", "clear", "n"])


class _Sorted:
    """Sorted numbers with weights: quantiles, and how many independent rows would know a share as well."""

    def __init__(self, values: np.ndarray, weight: Any, cluster: Any):
        order = np.argsort(values, kind="stable")
        w = np.ones(len(values)) if weight is None else np.asarray(weight, dtype=float)
        self.values, self.reached = values[order], np.cumsum(w[order])
        self.ranking = (
            None if weight is None and cluster is None else ranked(np.ones(len(values)), values, weight, cluster)
        )
        self.weighted = weight is not None
        self.effective_whole = float(kish(w.sum(), (w * w).sum()))
        self.units: float = len(values) if cluster is None else len(np.unique(cluster))
        self.df = None if cluster is None else np.array([self.units - 1.0])
        if cluster is not None:
            self.effective_whole = min(self.effective_whole, self.units)

    def at(self, share: np.ndarray) -> np.ndarray:
        """Give the least value that a share of the weight does not exceed, (t,)."""
        place = np.searchsorted(self.reached, share * self.reached[-1] * (1 - 1e-12), side="left")
        return self.values[np.minimum(place, len(self.values) - 1)]

    def midway(self, share: np.ndarray) -> np.ndarray:
        """Give the shares midway through the rows that hold some shares, each row once."""
        place = np.unique(np.minimum(np.searchsorted(self.reached, share * self.reached[-1]), len(self.values) - 1))
        place = place[np.diff(self.reached, prepend=0.0)[place] > 0]
        return (self.reached[place] + np.append(0.0, self.reached)[place]) / 2 / self.reached[-1]

    def effective(self, share: np.ndarray) -> np.ndarray:
        """Give the number of independent rows for the share below each quantile, (t,)."""
        if self.ranking is None:
            return np.full(len(share), float(len(self.values)))
        groups = decisions(self.ranking, self.ranking.place(self.at(share)), weighted=self.weighted)
        chosen, whole = np.zeros((2, 2)), np.ones((2, 2))
        chosen[:, 1] = 1.0
        found = share_and_effective_n(groups, chosen, whole)[1]
        return np.clip(np.nan_to_num(found, nan=self.effective_whole), 1.0, len(self.values))
