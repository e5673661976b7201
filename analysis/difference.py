"""A metric in one part of the rows against the rest: both, their difference, its interval and p-value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from modelglass.analysis import intervals, paired
from modelglass.analysis.estimates import estimate
from modelglass.analysis.groups import Groups, Rows
from modelglass.analysis.metrics import Metric
from modelglass.analysis.own_difference import own_difference
from modelglass.analysis.own_metrics import Bootstrap

_STEPS = 40
FARTHEST = 8.2
"""Normal quantile beyond which p-values are not told apart: the level is then 1 but for rounding."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Difference:
    """A metric inside a part and outside it.

    estimate, low, high     inside, with its interval; rest: outside
    effect, effect_low, effect_high     inside minus outside, with its interval
    p           two-sided p-value of "no difference", from the same method as the interval; NaN where there is no interval
    n, support  rows inside, and those of them that the metric rests on
    note        why something is NaN
    method      of the difference's interval
    """

    estimate: float
    low: float
    high: float
    rest: float
    effect: float
    effect_low: float
    effect_high: float
    p: float
    n: int
    support: int
    note: str
    method: str


def difference(
    metric: Metric,
    rows: Rows,
    inside: np.ndarray,
    level: float = 0.95,
    *,
    test: bool = True,
    own: Bootstrap | None = None,
) -> Difference:
    """Compare a metric inside and outside a part.

    Parameters
    ----------
    inside : bool array, shape (n_rows,)
    test : bool
        False leaves the p-value out (NaN), which costs most of the time.
    own : Bootstrap, optional
        How a function of the user's own is drawn; without it there is no interval and no p-value of one.

    Notes
    -----
    Rows: the two intervals are joined as for independent samples (MOVER; Zou and Donner 2008; for shares this is Newcombe's method),
    and p is one less the highest level at which the joined interval leaves out 0. Clusters may lie on both sides, so there the
    influences of both sides are added up by cluster, with Student's t. Functions of the user's own are drawn once (``own_difference``).
    """
    if metric.function is not None:
        return _of_own(metric, rows, inside, level, own)
    groups = Groups(rows, inside.astype(np.int64), 2)
    found = estimate(metric, groups, level)
    rest, here = (float(v) for v in found.estimate)
    clustered = rows.cluster is not None
    low, high, p, method = (
        _by_cluster(metric, rows, inside, level) if clustered else _by_rows(metric, groups, level, test)
    )
    note = str(found.note[1] or found.note[0])
    return Difference(
        estimate=here,
        low=float(found.low[1]),
        high=float(found.high[1]),
        rest=rest,
        effect=here - rest,
        effect_low=low,
        effect_high=high,
        p=p,
        n=int(groups.n[1]),
        support=int(found.support[1]),
        note=note,
        method=method,
    )


def _of_own(metric: Metric, rows: Rows, inside: np.ndarray, level: float, own: Bootstrap | None) -> Difference:
    found = own_difference(metric, rows, inside, level, own)
    n = int(inside.sum())
    return Difference(
        estimate=found.estimate,
        low=found.low,
        high=found.high,
        rest=found.rest,
        effect=found.estimate - found.rest,
        effect_low=found.effect_low,
        effect_high=found.effect_high,
        p=found.p,
        n=n,
        support=n,
        note=found.note,
        method="bootstrap, t" if np.isfinite(found.p) else "none",
    )


def _by_rows(metric: Metric, groups: Groups, level: float, test: bool) -> tuple[float, float, float, str]:
    def joined(at: float) -> tuple[float, float]:
        found = estimate(metric, groups, at)
        (b, a), (b_low, a_low), (b_high, a_high) = found.estimate, found.low, found.high
        effect = a - b
        return float(effect - np.hypot(a - a_low, b_high - b)), float(effect + np.hypot(a_high - a, b - b_low))

    low, high = joined(level)
    rest, here = estimate(metric, groups, level).estimate
    if not np.isfinite(low + high):
        return np.nan, np.nan, np.nan, "none"
    if not test:
        return low, high, np.nan, "MOVER"
    effect = float(here - rest)
    return low, high, _p_value(joined, effect, low if effect > 0 else high, level), "MOVER"


def _p_value(joined: Callable[[float], tuple[float, float]], effect: float, end: float, level: float) -> float:
    """One less the highest level whose interval leaves 0 out, in units of the normal quantile, by false position (Illinois).

    Parameters
    ----------
    joined : function of a level that gives both ends of the interval
    effect : float
    end : float
        The end nearer to 0 at ``level``.
    """
    if effect == 0:
        return 1.0
    side, sign = (0, 1.0) if effect > 0 else (1, -1.0)
    below, above, at_below, at_above = 0.0, FARTHEST, abs(effect), -abs(effect)
    z = float(intervals.critical(level)) * abs(effect) / max(abs(effect - end), 1e-300)  # if the end went with z
    kept = 0
    for _ in range(_STEPS):
        z = min(max(z, below), above)
        found = sign * joined(float(1 - 2 * special.ndtr(-z)))[side]
        if found > 0:
            below, at_below, at_above = z, found, at_above / 2 if kept > 0 else at_above
            kept = 1
        else:  # NaN: there is no interval, so nothing is left out
            above, at_above, at_below = (
                z,
                found if np.isfinite(found) else -abs(effect),
                at_below / 2 if kept < 0 else at_below,
            )
            kept = -1
        last, z = z, below + (above - below) * at_below / (at_below - at_above)
        if abs(z - last) < 2e-4 or above - below < 1e-3:
            break
    return float(2 * special.ndtr(-z))


def _by_cluster(metric: Metric, rows: Rows, inside: np.ndarray, level: float) -> tuple[float, float, float, str]:
    unit = np.unique(np.asarray(rows.cluster), return_inverse=True)[1]
    sums, values, units = [], [], []
    for part in (np.flatnonzero(inside), np.flatnonzero(~inside)):
        value, influence = paired.influence_of(metric, rows.cut(part))
        if influence is None or not np.isfinite(value):
            return np.nan, np.nan, np.nan, "none"
        sums.append(np.bincount(unit[part], weights=influence, minlength=int(unit.max()) + 1))
        values.append(value)
        units.append(len(np.unique(unit[part])))
    if min(units) < paired.FEWEST:
        return np.nan, np.nan, np.nan, "none"
    own = [float((s**2).sum()) * u / (u - 1) for s, u in zip(sums, units)]
    variance = max(sum(own) - 2 * float(sums[0] @ sums[1]), 0.0)  # a cluster on both sides moves both
    if not variance > 0:
        return np.nan, np.nan, np.nan, "none"
    df = sum(own) ** 2 / sum(v**2 / (u - 1) for v, u in zip(own, units))  # Welch
    effect, error = values[0] - values[1], float(np.sqrt(variance))
    half = float(intervals.critical(level, df)) * error
    return effect - half, effect + half, float(2 * special.stdtr(df, -abs(effect) / error)), "influences by cluster, t"


def adjusted(p: Sequence[float], method: str = "holm") -> np.ndarray:
    """Adjust p-values for their number: "holm" (1979) or "bh" (Benjamini and Hochberg 1995); NaN stays and counts.

    >>> adjusted([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, float)
    filled = np.where(np.isfinite(values), values, 1.0)
    order, m = np.argsort(filled, kind="stable"), len(filled)
    ranked = filled[order]
    if method == "holm":
        stepped = np.maximum.accumulate(ranked * (m - np.arange(m)))
    else:
        stepped = np.minimum.accumulate((ranked * m / (np.arange(m) + 1))[::-1])[::-1]
    out = np.empty(m)
    out[order] = np.minimum(stepped, 1.0)
    return np.where(np.isfinite(values), out, np.nan)
