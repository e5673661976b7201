"""Metrics that are means of losses, and those made of them: MAE, RMSE, R2, MAPE, bias, median absolute error."""

from __future__ import annotations

import numpy as np

from modelglass.analysis import intervals
from modelglass.analysis.aimed import named
from modelglass.analysis.estimated import Estimates, all_rows, estimator, few_clusters, rows_text
from modelglass.analysis.groups import Groups, Moments, Rows, finite

FEWEST_ROWS = 20
FEWEST_FOR_R2 = 200
SIGNED_SKEWNESS_FACTOR = 0.5
ROUNDING = 64 * float(np.finfo(float).eps)
"""Values that differ by less than this share of their size are the same."""


def _weighted_mean(groups: Groups, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the mean (g,) and the influence (n,) of each row on it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = groups.weighted_sum(values) / groups.w
        influence = (values - mean[groups.codes]) / groups.w[groups.codes]
    if groups.rows.weight is not None:
        influence = finite(influence * groups.rows.weight)
    return mean, influence


def _mean_and_moments(groups: Groups, values: np.ndarray) -> tuple[np.ndarray, Moments]:
    """Give the mean (g,) and its moments; those of the values asked for last are kept, for a p-value asks at many levels."""
    kept = groups.__dict__.get("_mean_of")
    if kept is None or kept[0] is not values:
        mean, influence = _weighted_mean(groups, values)
        kept = groups.__dict__["_mean_of"] = (values, mean, groups.moments(influence))
    return kept[1].copy(), kept[2]  # whoever gets an estimate may blank it


def mean_of(
    groups: Groups,
    values: np.ndarray,
    level: float,
    factor: float = intervals.SKEWNESS_FACTOR,
    *,
    tails: bool = True,
    size: float = 0.0,
) -> Estimates:
    """Weighted mean of values (n,) by group, t interval corrected for skewness (Hall 1992).

    With ``tails`` long tails of the values take degrees of freedom (``groups.tail_df``): for values without a bound. Losses of
    probabilities are as good as bounded, and their intervals too wide with it. ``size`` is that of the numbers whose differences the
    values are: what their rounding leaves is no spread.
    """
    mean, moments = _mean_and_moments(groups, values)
    df = moments.tail_df if tails and moments.tail_df is not None else moments.df
    low, high = intervals.skewed(mean, moments.variance, moments.skewness, level, df, factor)
    found = Estimates(mean, low, high, groups.n, "t, corrected for skewness (Hall)")
    return _few_rows(found, groups, moments.variance, np.maximum(np.abs(mean), size))


def _few_rows(found: Estimates, groups: Groups, variance: np.ndarray, size: np.ndarray | float = 0.0) -> Estimates:
    """Give no interval from few rows, or from values (of about this ``size``) that are the same up to rounding."""
    found.no_interval(
        groups.n < FEWEST_ROWS, lambda g: f"only {rows_text(groups.n[g])}, at least {FEWEST_ROWS} are needed"
    )
    found.no_interval(
        ~(np.sqrt(variance * groups.n) > ROUNDING * size),
        lambda g: "all rows have the same error, so its spread is unknown",
    )
    return few_clusters(found, groups)


def _errors(groups: Groups) -> np.ndarray:
    rows = groups.rows
    return rows.keep("errors", lambda: rows.predicted - rows.y)


def _size(groups: Groups) -> float:
    rows = groups.rows
    return rows.keep("size", lambda: float(max(np.abs(rows.y).max(initial=0), np.abs(rows.predicted).max(initial=0))))


@estimator("mae")
def _mae(groups: Groups, level: float) -> Estimates:
    return mean_of(groups, groups.rows.keep("absolute", lambda: np.abs(_errors(groups))), level, size=_size(groups))


def pinball(error: np.ndarray, aim: float) -> np.ndarray:
    """Pinball loss of errors (prediction minus outcome), (n,) (Koenker and Bassett 1978, Econometrica 46, 33-50).

    >>> pinball(np.array([-10.0, 10.0]), 0.9).round(9).tolist()
    [9.0, 1.0]
    """
    return np.where(error < 0, -aim * error, (1 - aim) * error)


def _aim(rows: Rows) -> float:
    """Give the quantile that predictions are of; without one the pinball loss is refused before."""
    return 0.5 if rows.aim is None else rows.aim


def pinball_losses(rows: Rows) -> np.ndarray:
    """Give the pinball loss of each row at the quantile that its prediction is of, (n,)."""
    return rows.keep("pinball", lambda: pinball(rows.predicted - rows.y, _aim(rows)))


FEWEST_BEYOND = 10
"""Rows to expect on the rarer side of a quantile for an interval of its loss: they hold most of it (``benchmarks/coverage_metrics.py``)."""


def rows_beyond(rows: Rows, codes: np.ndarray, count: int) -> np.ndarray:
    """Give how many rows are to lie on the rarer side of the quantile, in each of ``count`` groups; of weighted rows Kish's number."""
    weight = np.ones(len(codes)) if rows.weight is None else rows.weight
    with np.errstate(divide="ignore", invalid="ignore"):
        kish = np.bincount(codes, weight, minlength=count) ** 2 / np.bincount(codes, weight**2, minlength=count)
    return min(_aim(rows), 1 - _aim(rows)) * finite(kish)


@estimator("pinball_loss")
def _pinball_loss(groups: Groups, level: float) -> Estimates:
    rows = groups.rows
    found = mean_of(groups, pinball_losses(rows), level, size=_size(groups))
    beyond = rows_beyond(rows, groups.codes, groups.count)
    return found.no_interval(
        beyond < FEWEST_BEYOND * (1 - ROUNDING),
        lambda g: (
            f"only {beyond[g]:.3g} rows are to be expected on the rarer side of {named(_aim(rows))}, at least {FEWEST_BEYOND} are needed"
        ),
    )


@estimator("bias")
def _bias(groups: Groups, level: float) -> Estimates:
    return mean_of(groups, _errors(groups), level, SIGNED_SKEWNESS_FACTOR, size=_size(groups))


@estimator("mape")
def _mape(groups: Groups, level: float) -> Estimates:
    rows = groups.rows
    eps = np.finfo(float).eps
    return mean_of(
        groups,
        rows.keep("relative", lambda: np.abs(_errors(groups)) / np.maximum(np.abs(rows.y), eps)),
        level,
        size=1.0,
    )


@estimator("rmse")
def _rmse(groups: Groups, level: float) -> Estimates:
    largest = float(np.abs(_errors(groups)).max(initial=0))
    squared = groups.rows.keep("squared", lambda: _errors(groups) ** 2)
    found = mean_of(groups, squared, level, size=2 * largest * _size(groups))
    found.estimate, found.low, found.high = (np.sqrt(np.maximum(a, 0)) for a in (found.estimate, found.low, found.high))
    found.method = "root of the mean squared error's: " + found.method
    return found


@estimator("r2")
def _r2(groups: Groups, level: float) -> Estimates:
    """1 - MSE/variance: Fieller's interval of the ratio of the two means."""
    rows, codes = groups.rows, groups.codes
    squared = rows.keep("squared", lambda: _errors(groups) ** 2)
    y = rows.y.astype(float)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        mean = groups.weighted_sum(y) / groups.w
        around = (y - mean[codes]) ** 2
        mse, of_mse = _weighted_mean(groups, squared)
        var, of_var = _weighted_mean(groups, around)
        parts = groups.covariances(finite(of_mse), finite(of_var))
        free = 1 - 1 / groups.units
        low, high = intervals.ratio(mse, var / free, parts[0], parts[1] / free, parts[2] / free**2, level, parts[3])
        found = Estimates(1 - mse / var, 1 - high, 1 - low, groups.n, "Fieller's interval of error over variance")
    found.cannot(groups.n < 2, lambda g: "one row has no variance to explain")
    found.cannot(~(var > 0), lambda g: f"the outcome is the same on {all_rows(groups.n[g])}")
    found.no_interval(
        groups.n < FEWEST_FOR_R2, lambda g: f"only {rows_text(groups.n[g])}, at least {FEWEST_FOR_R2} are needed"
    )
    found.no_interval(
        np.isnan(found.low) & np.isfinite(found.estimate), lambda g: "the variance of the outcome rests on too few rows"
    )
    return _few_rows(found, groups, parts[0])


@estimator("median_absolute_error")
def _median_absolute_error(groups: Groups, level: float) -> Estimates:
    """Order statistics: Wilson's interval of the share 1/2 is read back through the weighted distribution (Woodruff 1952)."""
    rows = groups.rows
    absolute = rows.keep("absolute", lambda: np.abs(_errors(groups)))
    order = rows.keep("absolute order", lambda: np.argsort(absolute, kind="stable"))
    index = order[np.argsort(groups.codes[order], kind="stable")]
    weight = np.ones(len(index)) if rows.weight is None else rows.weight[index]
    cumulated, ends = np.cumsum(weight), np.cumsum(groups.n)
    before = np.concatenate([[0.0], cumulated])[ends - groups.n]
    at = Quantiles(absolute[index], cumulated, before, groups.w, ends - groups.n, ends)
    median = at(np.full(groups.count, 0.5))
    with np.errstate(divide="ignore", invalid="ignore"):
        below = (absolute <= median[groups.codes]).astype(float)
        share, influence = _weighted_mean(groups, below)
        moments = groups.moments(finite(influence))
        effective = share * (1 - share) / moments.variance
    df = None if rows.weight is None and not groups.clustered else moments.df
    low, high = intervals.wilson(np.full(groups.count, 0.5), effective, level, df)
    left, right = at(low), at(high)
    step = 1 / np.maximum(groups.n, 1)
    if df is None:  # an order statistic is a step too far in or too far out: the mean of the two holds its level
        left, right = (left + at(low - step)) / 2, (right + at(high + step)) / 2
    found = Estimates(median, left, right, groups.n, "order statistics")
    found = _few_rows(found, groups, np.ones(groups.count))
    # so many equal errors, often 0 of exact predictions, hold every order statistic
    with np.errstate(invalid="ignore"):
        flat = right - left <= ROUNDING * np.abs(median)
    return found.no_interval(flat, lambda g: "too many rows have the same error for an interval of the median")


class Quantiles:
    """Weighted quantiles within groups of sorted values (averaged inverse of the distribution, as in scikit-learn)."""

    def __init__(
        self,
        values: np.ndarray,
        cumulated: np.ndarray,
        before: np.ndarray,
        total: np.ndarray,
        first: np.ndarray,
        end: np.ndarray,
    ):
        self.values, self.cumulated, self.before, self.total = values, cumulated, before, total
        self.first, self.end = first, end

    def __call__(self, share: np.ndarray) -> np.ndarray:
        """Give the quantile of each group, (g,), at its share in [0, 1]; NaN for an empty group or a NaN share."""
        target = self.before + share * self.total
        slack = 1e-12 * np.maximum(np.abs(target), 1)
        with np.errstate(invalid="ignore"):
            left = np.searchsorted(self.cumulated, target - slack, side="left")
            right = np.searchsorted(self.cumulated, target + slack, side="right")
        bad = np.isnan(target) | (self.end == self.first) | ~(self.total > 0)
        last = np.maximum(self.end - 1, 0)
        left, right = (np.clip(i, np.minimum(self.first, last), last) for i in (left, right))
        out = (self.values[left] + self.values[right]) / 2 if len(self.values) else np.full(len(share), np.nan)
        return np.where(bad, np.nan, out)
