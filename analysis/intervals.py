"""Intervals, vectorised over groups: arrays of shape (g,) in, (low, high) of shape (g,) out; NaN where the input is NaN.

Which metric uses which one, and from what support on, is decided in ``estimates`` by the simulation in
``benchmarks/coverage.py``.
"""

from __future__ import annotations

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


SKEWNESS_FACTOR = 1.4
"""Sample skewness is too small in small samples of skewed values; coverage in ``benchmarks/coverage.py`` is best with 1.3 to 1.5."""


def skewed(
    estimate: Floats,
    variance: Floats,
    skewness: Floats,
    level: float,
    df: ArrayLike | None = None,
    factor: float = SKEWNESS_FACTOR,
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
