"""Intervals, vectorised over groups: arrays of shape (g,) in, (low, high) of shape (g,) out; NaN where the input is NaN.

Which metric uses which one, and from what support on, is decided in ``estimates`` by the simulation in
``benchmarks/coverage_metrics.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[Any]
Interval = tuple[Floats, Floats]


def critical(level: float, df: ArrayLike | None = None) -> Floats:
    """Give the two-sided critical value: normal, or Student's t where degrees of freedom are given (NaN where df < 1)."""
    upper = 0.5 + level / 2
    if df is None:
        return np.asarray(special.ndtri(upper))
    df = np.asarray(df, float)
    with np.errstate(invalid="ignore"):
        return np.where(df >= 1, special.stdtrit(np.maximum(df, 1), upper), np.nan)


def wilson(p: ArrayLike, n: ArrayLike, level: float = 0.95, df: ArrayLike | None = None) -> Interval:
    """Wilson's score interval (1927) of a proportion ``p`` from ``n`` independent rows (effective rows when weighted).

    Never of zero width. With ``df`` Student's t replaces the normal quantile (clusters).

    >>> low, high = wilson(1.0, 10)
    >>> round(float(low), 3), float(high)
    (0.722, 1.0)
    """
    p, n = np.asarray(p, float), np.asarray(n, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        z2 = critical(level, df) ** 2 / n
        centre = (p + z2 / 2) / (1 + z2)
        half = np.sqrt(z2 * (p * (1 - p) + z2 / 4)) / (1 + z2)
    low = np.where(p <= 0, 0.0, np.maximum(centre - half, 0.0))
    high = np.where(p >= 1, 1.0, np.minimum(centre + half, 1.0))
    bad = np.isnan(p) | ~(n > 0) | np.isnan(half)
    return np.where(bad, np.nan, low), np.where(bad, np.nan, high)


PSEUDO = 0.5
"""Pseudo rows of typical weight on each side, so that the variance is known where no hit or no miss was seen; coverage in
``benchmarks/coverage_metrics.py`` is alike from 0.5 to 1."""


def weighted_wilson(hit: Floats, miss: Floats, hit2: Floats, miss2: Floats, level: float = 0.95) -> Interval:
    """Wilson's score interval for the weighted share hit / (hit + miss) of independent rows.

    The variance is taken at the share tried, not at the estimate, as Wilson (1927) does. Hits and misses may weigh differently,
    so it holds where weights depend on the outcome: with typical weights b of a hit and a of a miss (sum of squares over
    sum), a share p has the variance p(1 - p)(b(1 - p) + ap)(p/b + (1 - p)/a)/n of a ratio of means if n rows are drawn, and with
    the observed share in the last bracket if their weight is fixed; the mean of both holds best. Equal weights give Wilson's
    interval of n rows.

    Parameters
    ----------
    hit, miss, hit2, miss2 : arrays, shape (g,)
        Sums of weights and of squared weights. NaN out where both sums are 0.

    >>> two = np.array([2.0])
    >>> [bool(np.allclose(a, b)) for a, b in zip(weighted_wilson(two, 3 * two, two, 3 * two), wilson(0.25, 8))]
    [True, True]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        share = hit / (hit + miss)
        b, a, n = typical_weights(hit, miss, hit2, miss2)
        z2 = critical(level) ** 2
        ends = _ends(lambda p: (share - p) ** 2 - z2 * p * (1 - p) * inflation(p, share, b, a) / n, share)
    return np.where(share <= 0, 0.0, ends[0]), np.where(share >= 1, 1.0, ends[1])


SECTIONS, STEPS = 8, 15
"""Parts that a range is cut into at once, and how often: ends are found to 2^-45, with few calls of numpy."""


def _ends(beyond: Callable[[Floats], Floats], share: Floats) -> Floats:
    """Give the points farthest from ``share``, below and above it, up to which ``beyond`` is not above zero, (2, g).

    ``beyond`` takes and gives arrays of shape (SECTIONS - 1, 2, g). Both ends are sought at once, by cutting to eighths: bisection with
    a third of the steps, each of which costs no more while groups are few.
    """
    inside, part = np.array([share, share]), np.arange(1, SECTIONS).reshape(-1, 1, 1) / SECTIONS
    wide = np.array([share, share - 1.0])  # from inside to outside, signed
    for _ in range(STEPS):
        stays = np.logical_and.accumulate(~(beyond(inside - wide * part) > 0)).sum(0)
        inside -= wide * (stays / SECTIONS)
        wide /= SECTIONS
    return inside


def typical_weights(hit: Floats, miss: Floats, hit2: Floats, miss2: Floats) -> tuple[Floats, Floats, Floats]:
    """Give the typical weight of a hit and of a miss, ``PSEUDO`` rows of the common one added, and Kish's n, hits plus misses."""
    with np.errstate(divide="ignore", invalid="ignore"):
        common = (hit2 + miss2) / (hit + miss)
        b, a = ((square + PSEUDO * common**2) / (one + PSEUDO * common) for one, square in ((hit, hit2), (miss, miss2)))
        return b, a, hit / b + miss / a


def inflation(p: Floats, share: Floats, hit: Floats, miss: Floats) -> Floats:
    """Factor by which unequal typical weights of hits and misses raise the variance of a share p over p(1 - p)/n."""
    middle = (p + share) / 2
    return (hit * (1 - p) + miss * p) * (middle / hit + (1 - middle) / miss)


def jeffreys(p: ArrayLike, n: ArrayLike, level: float = 0.95) -> Interval:
    """Jeffreys' interval of a proportion ``p`` from ``n`` (effective) rows: quantiles of Beta(np + 1/2, n(1 - p) + 1/2), with 0
    and 1 as ends where none or all are hits (Brown, Cai and DasGupta 2001, Statistical Science 16, 101-133).
    """
    p, n = np.asarray(p, float), np.asarray(n, float)
    bad = np.isnan(p) | ~(n > 0)
    n, safe = np.where(bad, 1.0, n), np.where(bad, 0.5, p)
    low, high = (special.betaincinv(n * safe + 0.5, n * (1 - safe) + 0.5, 0.5 + s * level / 2) for s in (-1, 1))
    low, high = np.where(safe <= 0, 0.0, low), np.where(safe >= 1, 1.0, high)
    return np.where(bad, np.nan, low), np.where(bad, np.nan, high)


AUC_PSEUDO = 8.0
"""Pairs of rows that lend DeLong's variance the shape of Hanley and McNeil; coverage in ``benchmarks/coverage_metrics.py``."""


def auc_score(
    auc: Floats, variance: Floats, pos: Floats, neg: Floats, level: float = 0.95, tail_df: Floats | None = None
) -> Interval:
    """Score interval of ROC AUC of independent rows: the variance is taken at the AUC tried (Newcombe 2006, Statistics in Medicine
    25, 559-573), so it is never of zero width and short enough near 1.

    How the variance moves with AUC is Hanley and McNeil's (1982, Radiology 143, 29-36); its size is DeLong's, of which the ratio
    to theirs is drawn to 1 in small classes. ``pos, neg`` (g,): (effective) rows of each class. ``tail_df``: with degrees of
    freedom left by long tails Student's t replaces the normal quantile as the rarer class passes 50 rows.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        rarer, mean = np.fmin(pos, neg), (pos + neg) / 2 - 1

        def shape(p: Floats) -> Floats:
            return p * (1 - p) * (1 + mean * (1 - p) / (2 - p) + mean * p / (1 + p)) / (pos * neg)

        ratio = np.where(variance > 0, (variance / shape(auc) * rarer + AUC_PSEUDO) / (rarer + AUC_PSEUDO), 1.0)
        z = critical(level)
        if tail_df is not None:
            z = z + (critical(level, np.maximum(tail_df, 3.0)) - z) * rarer**2 / (rarer**2 + 50.0**2)
        ends = _ends(lambda p: (auc - p) ** 2 - z**2 * ratio * shape(p), auc)
    bad = np.isnan(auc) | np.isnan(ratio) | np.isnan(z)
    low, high = np.where(auc <= 0, 0.0, ends[0]), np.where(auc >= 1, 1.0, ends[1])
    return np.where(bad, np.nan, low), np.where(bad, np.nan, high)


def near_one(estimate: Floats, variance: Floats, level: float, df: Floats, tail_df: Floats) -> Interval:
    """Student's t on the logit scale with degrees of freedom that count long tails; near 1 in small samples, where that scale
    stretches, without them, and two fifths of the way to the arcsine scale.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(variance) / (estimate * (1 - estimate))
        near = np.clip((estimate - 0.85) / 0.1, 0, 1) * np.clip((spread - 0.5) / 0.3, 0, 1)
        t = (1 - near) * critical(level, np.maximum(tail_df, 1.5)) + near * critical(level, np.maximum(df, 1.5))
        angle, half = np.arcsin(np.sqrt(estimate)), t * spread * np.sqrt(estimate * (1 - estimate)) / 2
        ends = []
        for side in (-1, 1):
            bent = np.sin(np.clip(angle + side * half, 0, np.pi / 2)) ** 2
            ends.append(
                (1 - 0.4 * near) * special.expit(special.logit(estimate) + side * t * spread) + 0.4 * near * bent
            )
    return ends[0], ends[1]


def mover_mean(estimate: Floats, parts: Floats, lows: Floats, highs: Floats) -> Interval:
    """Interval of the plain mean of k independent estimates from their own intervals (MOVER; Zou and Donner 2008,
    Statistics in Medicine 27, 1693-1702). ``parts, lows, highs`` (g, k); NaN parts are left out.
    """
    k = np.sum(~np.isnan(parts), axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        down = np.sqrt(np.nansum((parts - lows) ** 2, axis=1)) / k
        up = np.sqrt(np.nansum((highs - parts) ** 2, axis=1)) / k
    return estimate - down, estimate + up


def on_logit(estimate: Floats, variance: Floats, level: float, df: ArrayLike | None = None) -> Interval:
    """Delta interval on the logit scale, for a quantity in (0, 1)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        half = critical(level, df) * np.sqrt(variance) / (estimate * (1 - estimate))
        middle = special.logit(estimate)
        return special.expit(middle - half), special.expit(middle + half)


def on_fisher(estimate: Floats, variance: Floats, level: float, df: ArrayLike | None = None) -> Interval:
    """Delta interval on Fisher's z scale, for a correlation in (-1, 1)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        half = critical(level, df) * np.sqrt(variance) / (1 - estimate**2)
        middle = np.arctanh(estimate)
        return np.tanh(middle - half), np.tanh(middle + half)


def on_log(estimate: Floats, variance: Floats, level: float, df: ArrayLike | None = None) -> Interval:
    """Delta interval on the log scale, for a positive quantity."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        factor = np.exp(critical(level, df) * np.sqrt(variance) / estimate)
        return estimate / factor, estimate * factor


SKEWNESS_FACTOR = 1.2
"""Sample skewness is too small in small samples of skewed values; coverage in ``benchmarks/coverage_metrics.py`` is best with 1.2 to 1.4."""


def skewed(
    estimate: Floats,
    variance: Floats,
    skewness: Floats,
    level: float,
    df: ArrayLike | None = None,
    factor: float | Floats = SKEWNESS_FACTOR,
) -> Interval:
    """Interval of a mean with Hall's monotone cubic correction for skewness (1992, JRSS B 54, 221-228).

    ``skewness`` is that of the estimate itself (sample skewness over the root of n), here taken ``factor`` times.
    0 gives Student's t interval.
    """
    t = critical(level, df)
    with np.errstate(invalid="ignore"):
        se = np.sqrt(variance)
        a = factor * skewness
        return estimate - se * _hall(t, a), estimate - se * _hall(-t, a)


def _hall(x: Floats, a: Floats) -> Floats:
    safe = np.where(np.abs(a) < 1e-4, 1.0, a)
    with np.errstate(invalid="ignore"):
        cubic = 3 / safe * (np.cbrt(1 + safe * (x - safe / 6)) - 1)
        return np.where(np.abs(a) < 1e-4, x - a / 6 - a * x * x / 3, cubic)


def ratio(
    top: Floats,
    bottom: Floats,
    var_top: Floats,
    covariance: Floats,
    var_bottom: Floats,
    level: float,
    df: ArrayLike | None = None,
) -> Interval:
    """Fieller's interval (1954, JRSS B 16, 175-185) of top / bottom; NaN where the bottom may be 0."""
    t2 = critical(level, df) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b, c = bottom**2 - t2 * var_bottom, top * bottom - t2 * covariance, top**2 - t2 * var_top
        root = np.sqrt(np.maximum(b * b - a * c, 0.0))
        low, high = (b - root) / a, (b + root) / a
    return np.where(a > 0, low, np.nan), np.where(a > 0, high, np.nan)
