"""Residuals: how far numbers predicted are off, where, and in which direction."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.aimed import below, named
from modelglass.analysis.errors import InputError, NotApplicable, unknown_name
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.estimates_labels import binary_proportion
from modelglass.analysis.estimates_values import SIGNED_SKEWNESS_FACTOR, mean_of
from modelglass.analysis.groups import Groups, Rows
from modelglass.analysis.intervals import SKEWNESS_FACTOR
from modelglass.analysis.joining import in_bins
from modelglass.analysis.performance import check_level
from modelglass.analysis.ranking import one, one_group, weights
from modelglass.analysis.reserved import ERROR, PREDICTION
from modelglass.analysis.result import Result
from modelglass.analysis.source import UNNAMED, Source
from modelglass.analysis.sql_text import literal, quote_name
from modelglass.analysis.wording import percent, ranged, say

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
MOST_POINTS = 2_000
_HISTOGRAM_BINS = 40
_INTERVAL = ("estimate", "low", "high")


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Residuals(Result):
    """Residual = actual minus predicted, in the target's unit: above 0 underestimated, below 0 overestimated.

    bins    one row per used bin of what they are held against: against, bin (label), left, right (smallest
            and largest value in it; NaN for categories), center (mean value), estimate (mean residual), low,
            high (t interval with Hall's correction for skewness, 1992, at settings["level"]; between clusters
            where given; NaN in bins of less than 20 rows or with one residual only), at_or_below (share of outcomes at or
            below the prediction), clear (is it off after a Bonferroni correction for the number of bins? The mean residual
            from 0; of a model of a quantile at_or_below from its share, by Wilson's interval), q05 ... q95 (quantiles of
            the residual), n (rows), weight, where (SQL condition of the bin's rows, None where it cannot be written)
    summary mean_residual, share_over, share_under (predicted too high, too low), mean_over, mean_under (by
            how much, both above 0): what, estimate, low, high, n
    histogram   left, right, n, weight, where of the residuals of all rows; the two outer bins hold everything beyond
    the 0.5 % quantiles
    aim     share of outcomes that the predictions are to lie at or above, of a model of a quantile; else None
    sample  at most 2,000 rows drawn with settings["seed"], for the eye only: row, value, predicted, residual
    """

    bins: pd.DataFrame
    summary: pd.DataFrame
    histogram: pd.DataFrame
    sample: pd.DataFrame
    aim: float | None = None
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row per bin."""
        return self.bins

    def sentence(self) -> str:
        """Say which way and how far the predictions are off, and where most."""
        by = self.summary.set_index("what")
        bias, over, under = by.loc["mean_residual"], by.loc["share_over"], by.loc["share_under"]
        rows = rows_text(int(bias.n))
        text = f"Over {rows} the model {_tendency(bias)}" if self.aim is None else _held(self.aim, under, rows)
        for part, size, word in ((over, by.loc["mean_over"], "high"), (under, by.loc["mean_under"], "low")):
            text += f"; too {word} for {percent(part.estimate, part.low, part.high)} of rows"
            text += f", by {ranged(size.estimate, size.low, size.high)} on average" if size.n else ""
        return f"{text}. {self._worst_bin()}"

    def _worst_bin(self) -> str:
        held = {"prediction": "the prediction"}.get(self.settings["against"], self.settings["against"])
        if not self.bins.clear.any():
            return f"No bin of {held} is clearly off."
        clear = self.bins[self.bins.clear]
        off = f"By {held}, {len(clear)} of {len(self.bins)} bins are clearly off, most"
        if self.aim is not None:
            worst = clear.loc[(clear.at_or_below - self.aim).abs().idxmax()]
            return f"{off} {worst.bin}: {percent(worst.at_or_below)} of {rows_text(int(worst.n))} lie at or below it."
        worst = clear.loc[clear.estimate.abs().idxmax()]
        above = worst.estimate > 0
        away = (
            ranged(worst.estimate, worst.low, worst.high) if above else ranged(-worst.estimate, -worst.high, -worst.low)
        )
        return (
            f"{off} {worst.bin}: the actual is {away} {'above' if above else 'below'} the prediction on average "
            f"({rows_text(int(worst.n))})."
        )


def _held(aim: float, under: pd.Series, rows: str) -> str:
    """Say of a model of a quantile how many outcomes lie at or below its prediction: that it lies above their mean is no bias."""
    came = percent(1 - under.estimate, 1 - under.high, 1 - under.low)
    return f"The model predicts {named(aim)}, not the mean: {came} of {rows} lie at or below the prediction, where {aim:.1%} is promised"


def _tendency(bias: pd.Series) -> str:
    if np.isnan(bias.low) or bias.low <= 0 <= bias.high:
        away = ranged(bias.estimate, bias.low, bias.high)
        return f"shows no clear bias: actual minus predicted is {away} on average"
    if bias.estimate > 0:
        away = ranged(bias.estimate, bias.low, bias.high)
        return f"underestimates: the actual is {away} above the prediction on average"
    away = ranged(-bias.estimate, -bias.high, -bias.low)
    return f"overestimates: the prediction is {away} above the actual on average"


def residuals(ev: Evaluation, *, against: str | None = None, bins: int = 10, level: float = 0.95) -> Residuals:
    """Hold the residuals against the prediction, a column or time.

    Parameters
    ----------
    ev : Evaluation of a regression
    against : str, optional
        A column (numeric ones are binned by quantile), or the time column; the prediction without it.
    bins : int, number of bins
    level : float, level of the intervals

    Raises
    ------
    NotApplicable
        In classification.
    InputError
        A column that does not exist.
    """
    level = check_level(level)
    if ev.task != "regression":
        raise NotApplicable("the target is a class and not a number, so there are no residuals")
    if bins < 1:
        raise InputError("Expected one bin or more.", f"Got {bins}.")
    conditions: Callable[[pd.DataFrame], list[str | None]]
    if against in (None, "prediction") and "prediction" not in ev.columns:
        against, codes, labels, x = "prediction", *binned(ev.predicted, bins)
        conditions = functools.partial(spans, ev.words().name(PREDICTION))
    elif ev.time is not None and against in ("time", ev.source.time):
        against = str(ev.source.time)
        codes, labels, x = binned(ev.time, bins)
        as_times = ev.columns[against].kind == "datetime" if against in ev.columns else False
        conditions = functools.partial(spans, quote_name(against) if as_times else None)
    elif against is not None and against in ev.columns:
        coding, x = ev.coding(against, bins), _values(ev, against)
        codes, labels = coding.codes, list(coding.labels)
        known = dict(zip(coding.labels, coding.conditions))
        conditions = functools.partial(_levels, known)
    else:
        raise unknown_name("column", str(against), ["prediction", *ev.columns])
    found = measure(
        ev.y,
        ev.predicted,
        ev.weight,
        cluster=ev.cluster,
        codes=codes,
        labels=labels,
        values=x,
        against=str(against),
        bins=bins,
        level=level,
        seed=ev.seed,
        rows=ev.rows,
        aim=ev.aim,
        source=ev.source,
    )
    return replace(
        found,
        bins=found.bins.assign(where=conditions(found.bins)),
        histogram=found.histogram.assign(where=_by_size(ev, found.histogram)),
    )


def spans(name: str | None, bars: pd.DataFrame) -> list[str | None]:
    """Give the conditions of bins by the smallest and largest value in each."""
    if name is None:
        return [None] * len(bars)
    return [
        f"{name} IS NULL" if pd.isna(low) else f"{name} BETWEEN {literal(low)} AND {literal(high)}"
        for low, high in zip(bars["left"], bars["right"])
    ]


def _levels(known: Mapping[str, str], bars: pd.DataFrame) -> list[str | None]:
    return [known.get(label) for label in bars["bin"]]


def _by_size(ev: Evaluation, bars: pd.DataFrame) -> list[str | None]:
    """Give the conditions of bins of the residual, which is the error with its sign turned."""
    return in_bins(ev.words().name(ERROR), -bars["right"], -bars["left"], closed="right")


def _values(ev: Evaluation, column: str) -> np.ndarray:
    return (
        ev.frame[column].to_numpy(dtype=float, na_value=np.nan)
        if ev.columns[column].kind == "numeric"
        else ev.frame[column].to_numpy()
    )


def binned(values: Any, count: int) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Cut numbers or times at their quantiles: (codes, labels, values); ties stay together."""
    times = np.asarray(values).dtype.kind == "M"
    x = np.asarray(values)
    key = x.astype("datetime64[ns]").astype(np.int64) if times else x.astype(float)
    missing = np.isnat(x) if times else np.isnan(key)
    known = key[~missing]
    cuts = (
        np.unique(np.quantile(known, np.arange(1, count) / count, method="inverted_cdf"))
        if len(known) and count > 1
        else key[:0]
    )
    cuts = cuts[cuts < known.max()] if len(known) else cuts
    codes = np.searchsorted(cuts, key, side="left")
    labels = []
    for code in range(len(cuts) + 1):
        part = x[~missing & (codes == code)]
        labels.append("" if not len(part) else _span(part.min(), part.max(), times))
    codes[missing] = len(labels)
    return codes, [*labels, "missing"], x


def _span(low: Any, high: Any, times: bool) -> str:
    first, last = (str(low)[:10], str(high)[:10]) if times else (say(low), say(high))
    return first if first == last else f"{first} to {last}"


def measure(
    actual: Any,
    predicted: Any,
    weight: Any = None,
    *,
    cluster: Any = None,
    codes: Any = None,
    labels: Sequence[str] = (),
    values: Any = None,
    against: str = "prediction",
    bins: int = 10,
    level: float = 0.95,
    seed: int = 0,
    rows: Any = None,
    aim: float | None = None,
    source: Source = UNNAMED,
) -> Residuals:
    """Give the same from arrays of shape (n_rows,).

    Numbers actual and predicted, weight >= 0, cluster codes, bin codes into labels with the binned values; aim in (0, 1): the
    predictions are this quantile.

    >>> float(measure([3.0, 5.0], [2.0, 2.0]).summary.estimate[0])
    2.0
    """
    y, f = np.asarray(actual, dtype=float), np.asarray(predicted, dtype=float)
    w = weights(weight, len(y))
    if codes is None:
        codes, labels, values = binned(f, bins)
    codes, r, values = np.asarray(codes), y - f, np.asarray(values)
    held = Rows(task="regression", y=r, predicted=r, weight=None if weight is None else w, cluster=cluster)
    outcome = replace(held, y=y, predicted=f, aim=aim)
    settings = {"against": against, "bins": bins, "level": level, "seed": seed}
    return Residuals(
        bins=_bins(held, outcome, w, codes, labels, values, settings),
        summary=_summary(held, level),
        histogram=_histogram(r, w),
        sample=_sample(r, f, values, rows, seed),
        aim=aim,
        source=source,
        settings=settings,
    )


def _bins(
    rows: Rows,
    outcome: Rows,
    w: np.ndarray,
    codes: np.ndarray,
    labels: Sequence[str],
    values: np.ndarray,
    settings: Mapping[str, Any],
) -> pd.DataFrame:
    size, level = len(labels), settings["level"]
    groups = Groups(rows, codes, size)
    mean = mean_of(groups, rows.y, level, SIGNED_SKEWNESS_FACTOR)
    used = np.flatnonzero(groups.w > 0)
    most = 1 - (1 - level) / max(len(used), 1)
    under = binary_proportion("selection_rate", Groups(below(outcome), codes, size), most)
    if outcome.aim is None:
        strict = mean_of(groups, rows.y, most, SIGNED_SKEWNESS_FACTOR)
        clear = (strict.low > 0) | (strict.high < 0)
    else:
        less = binary_proportion("selection_rate", Groups(below(outcome, equal=False), codes, size), most)
        clear = (less.low > outcome.aim) | (under.high < outcome.aim)
    ordered = values.dtype.kind in "fiuM"
    if ordered:
        by_bin = pd.Series(values).groupby(codes).agg(["min", "max", "mean"]).reindex(range(size))
        places = {"left": by_bin["min"], "right": by_bin["max"], "center": by_bin["mean"]}
    else:
        places = dict.fromkeys(("left", "right", "center"), np.nan)
    quantiles = dict(
        zip(
            [f"q{round(100 * q):02d}" for q in QUANTILES],
            group_quantiles(rows.y, w, codes, size, QUANTILES).T,
        )
    )
    frame = pd.DataFrame(
        {
            "against": settings["against"],
            "bin": list(labels),
            **places,
            "estimate": mean.estimate,
            "low": mean.low,
            "high": mean.high,
            "at_or_below": under.estimate,
            "clear": clear,
            **quantiles,
            "n": groups.n,
            "weight": groups.w,
            "where": None,
        }
    )
    return frame.iloc[used].reset_index(drop=True)


def group_quantiles(r: np.ndarray, w: np.ndarray, codes: np.ndarray, size: int, shares: Sequence[float]) -> np.ndarray:
    """Give weighted quantiles by group (least value that reaches the cumulated weight)."""
    order = np.lexsort((r, codes))
    reached = np.concatenate([[0.0], np.cumsum(w[order])])
    first = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=size))])
    start, mass = reached[first[:-1]], reached[first[1:]] - reached[first[:-1]]
    wanted = start[:, None] + mass[:, None] * np.asarray(shares) * (1 - 1e-12)
    at = np.clip(
        np.searchsorted(reached[1:], wanted, side="left"),
        first[:-1, None],
        np.maximum(first[1:, None] - 1, 0),
    )
    return np.where(mass[:, None] > 0, np.append(r[order], np.nan)[at], np.nan)


def _summary(rows: Rows, level: float) -> pd.DataFrame:
    r = rows.y
    everyone = np.ones(len(r), dtype=bool)
    found = [{"what": "mean_residual", "n": len(r)} | _mean(rows, everyone, r, level, SIGNED_SKEWNESS_FACTOR)]
    for what, among in (("share_over", r < 0), ("share_under", r > 0)):
        part = one_group(among, weight=rows.weight, cluster=rows.cluster)
        found.append(
            {"what": what, "n": len(r)} | dict(zip(_INTERVAL, one(binary_proportion("selection_rate", part, level))))
        )
    for what, among in (("mean_over", r < 0), ("mean_under", r > 0)):
        found.append({"what": what, "n": int(among.sum())} | _mean(rows, among, np.abs(r), level))
    return pd.DataFrame(found)[["what", *_INTERVAL, "n"]]


def _mean(
    rows: Rows, among: np.ndarray, values: np.ndarray, level: float, factor: float = SKEWNESS_FACTOR
) -> dict[str, float]:
    part = Rows(
        task="regression",
        y=values[among],
        predicted=values[among],
        weight=None if rows.weight is None else rows.weight[among],
        cluster=None if rows.cluster is None else rows.cluster[among],
    )
    groups = Groups(part, np.zeros(len(part.y), dtype=np.int64), 1)
    return dict(zip(_INTERVAL, one(mean_of(groups, part.y, level, factor))))


def _histogram(r: np.ndarray, w: np.ndarray) -> pd.DataFrame:
    low, high = group_quantiles(r, w, np.zeros(len(r), dtype=np.int64), 1, (0.005, 0.995))[0]
    edges = np.linspace(low, high, _HISTOGRAM_BINS + 1) if high > low else np.array([low - 0.5, low + 0.5])
    code = np.clip(np.searchsorted(edges, r, side="right") - 1, 0, len(edges) - 2)
    edges[0], edges[-1] = min(edges[0], r.min()), max(edges[-1], r.max())
    return pd.DataFrame(
        {
            "left": edges[:-1],
            "right": edges[1:],
            "n": np.bincount(code, minlength=len(edges) - 1),
            "weight": np.bincount(code, w, minlength=len(edges) - 1),
            "where": None,
        }
    )


def _sample(r: np.ndarray, predicted: np.ndarray, values: np.ndarray, rows: Any, seed: int) -> pd.DataFrame:
    rows = np.arange(len(r)) if rows is None else np.asarray(rows)
    at = np.arange(len(r))
    if len(r) > MOST_POINTS:
        at = np.sort(np.random.default_rng(seed).choice(len(r), MOST_POINTS, replace=False))
    return pd.DataFrame({"row": rows[at], "value": values[at], "predicted": predicted[at], "residual": r[at]})
