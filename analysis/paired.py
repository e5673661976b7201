"""How much a metric changes when the same rows get other predictions, with an interval that uses the pairing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis import intervals
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimates import estimate
from modelglass.analysis.estimates_promises import calibration_gaps, excess_brier_losses, excess_log_losses
from modelglass.analysis.estimates_scores import AVERAGES, brier_losses, influences, log_losses, top_hits
from modelglass.analysis.estimates_values import ROUNDING, pinball_losses, rows_beyond
from modelglass.analysis.groups import Groups, Rows, against_rest, class_of, tail_df
from modelglass.analysis.metrics import METRICS, Metric, aimed_loss, chosen_metrics
from modelglass.analysis.own_metrics import own_answer
from modelglass.analysis.paired_spread import by_unit, enough_changed, of_two_more, spread_of, units_of, weights_df
from modelglass.analysis.sides import these
from modelglass.analysis.weighted import equal_rows

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

DRAWS = 200
OWN_SECONDS = 3.0
"""Time for the draws of one change of a function of the user's own."""
DEFAULT = {"binary": ("roc_auc", "accuracy"), "multiclass": ("log_loss", "accuracy"), "regression": ("rmse",)}


FEWEST = 20
"""Rows (or clusters; with weights Kish's number) below which no interval of a change is given."""


def default_metric(ev: Evaluation, metric: Any = None, class_: Any = None) -> Metric:
    """Give the metric asked for; else ROC AUC (binary, and of a class), log loss (several classes), accuracy without scores, or RMSE.

    Of a model of a quantile the loss that it was trained for (``aimed_loss``) stands in place of RMSE.
    """
    task = ev.task if class_ in (None, "") else "binary"
    if metric is not None:
        return chosen_metrics(metric, [], task=task, score_kind=ev.score_kind, aim=ev.aim)[0]
    if ev.aim is not None:
        return METRICS[aimed_loss(ev.aim)]
    wanted = DEFAULT[task]
    if ev.score_kind is None or (task == "multiclass" and ev.score_kind != "probability"):
        return METRICS[wanted[-1]]
    return METRICS[wanted[0]]


def judged(ev: Evaluation, frame: pd.DataFrame, clean: Rows, class_: Any = None) -> Rows:
    """Ask the model about changed rows of ``ev``, in the same order, and judge them by the same outcomes.

    ``clean`` are ``rows_of(ev)``; with ``class_`` the answer is that class against the rest.
    """
    return judged_answers(ev, *ev.answer(frame), clean, class_)


def judged_answers(
    ev: Evaluation, predicted: np.ndarray, score: np.ndarray | None, clean: Rows, class_: Any = None
) -> Rows:
    """Judge answers as ``ev.answer`` gives them, for the rows of ``ev`` in their order; see ``judged``."""
    if ev.task == "binary":
        predicted = (predicted == ev.positive_index).astype(np.int64)
    changed = replace(clean, predicted=predicted, score=score)
    return changed if class_ in (None, "") else against_rest(changed, class_of(ev, class_))


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Change:
    """A change of a metric: estimate (mean over repeats), low, high, each repeat's change, and the interval's method."""

    estimate: float
    low: float
    high: float
    repeats: np.ndarray
    method: str


def value_of(metric: Metric, rows: Rows) -> float:
    """Give the metric on all rows."""
    return float(estimate(metric, Groups(rows, np.zeros(len(rows.y), np.int64), 1)).estimate[0])


def change(
    metric: Metric,
    clean: Rows,
    changed: Sequence[Rows],
    *,
    level: float = 0.95,
    donors: Sequence[np.ndarray] | None = None,
    seed: int = 0,
) -> Change:
    """Estimate metric(changed) - metric(clean), mean over repeats.

    The variance is that of the rows' paired influences on the difference (DeLong's for ROC AUC; delta method), over clusters where
    given; it holds the spread between repeats too, because each row's influence is averaged over them. Shares of decisions (accuracy,
    selection rate, recall, rates of false alarms ...) get that of two more rows, one changed either way (after Bonett and Price 2012, Journal
    of Educational and Behavioral Statistics 37, 479-488): where few decisions change their spread is hardly seen, where none does not at all. Other metrics of decisions (precision, F1, MCC ...) have no
    interval where fewer than 10 change.

    Parameters
    ----------
    changed : sequence of Rows
        One for each repeat.
    donors : sequence of int arrays, shape (n,), optional
        For each repeat the row from which each row got its changed value (permutation): values drawn from the same sample add
        to the variance, as in a two-sample U-statistic.

    Raises
    ------
    NotApplicable
        Where the metric has no value on these rows.
    """
    if donors is not None:
        tally = Tally(metric, clean, seed=seed)
        for rows, order in zip(changed, donors, strict=True):
            tally.add(rows, order)
        return tally.change(level)
    before, first = influence_of(metric, clean)
    found = [influence_of(metric, rows) for rows in changed]
    repeats = np.array([value for value, _ in found]) - before
    if not np.isfinite(repeats).all():
        raise NotApplicable(_no_value(metric, (clean, *changed)))
    if first is None:
        low, high, method = _bootstrap(metric, clean, changed, level, seed)
        return Change(estimate=float(repeats.mean()), low=low, high=high, repeats=repeats, method=method)
    if len(first) < 2:
        raise NotApplicable("one row says nothing about a change")
    gains = np.mean([psi for _, psi in found], axis=0) - first  # type: ignore[arg-type]
    variance, df, units = spread_of(metric, clean, gains)
    variance += of_two_more(metric, clean) * units / max(units - 1, 1)
    enough = units >= FEWEST * (1 - ROUNDING) and enough_beyond(metric, clean, FEWEST_BEYOND_PAIRED)
    enough = enough and enough_changed(metric, clean, changed)
    half = float(intervals.critical(level, df) * np.sqrt(variance)) if enough else np.nan
    middle = float(repeats.mean())
    return Change(estimate=middle, low=middle - half, high=middle + half, repeats=repeats, method=_method(clean))


def _method(clean: Rows) -> str:
    return "paired influences of rows" if clean.cluster is None else "paired influences of clusters"


class Tally:
    """Adds up shuffles of the same rows one by one, and gives the mean change of a metric so far.

    Of influences only sums over the shuffles are kept. ``doubt`` is the variance that the shuffles alone add to the mean change, the rows
    given: each row's (cluster's) influences are spread around their mean over the shuffles.
    """

    def __init__(
        self,
        metric: Metric,
        clean: Rows,
        *,
        strata: np.ndarray | None = None,
        before: tuple[float, np.ndarray | None] | None = None,
        seed: int = 0,
    ):
        """``strata`` (n,) codes where values are shuffled within them only; ``before``: ``influence_of(metric, clean)`` where it is known."""
        self.metric, self.clean, self.seed = metric, clean, seed
        self.repeats: list[float] = []
        self._before, self._first = influence_of(metric, clean) if before is None else before
        self._strata = strata
        self._kept: list[Rows] = []
        units = len(by_unit(clean, np.zeros(len(clean.y))))
        self._own, self._lent = np.zeros(units), np.zeros(units)
        self._own_squares = self._lent_squares = 0.0

    def add(self, rows: Rows, donors: np.ndarray) -> None:
        """Add a shuffle: the rows judged with it, and the row from which each row got its value."""
        value, psi = influence_of(self.metric, rows)
        if not np.isfinite(value - self._before):
            raise NotApplicable(_no_value(self.metric, (self.clean, rows)))
        self.repeats.append(value - self._before)
        if self._first is None or psi is None:
            self._kept.append(rows)
            return
        if len(psi) < 2:
            raise NotApplicable("one row says nothing about a change")
        gain = psi - self._first
        lent = np.bincount(donors, weights=gain, minlength=len(gain))
        if self._strata is not None:  # a stratum's mean is counted once, with the rows that get values
            lent -= (np.bincount(self._strata, lent) / np.maximum(np.bincount(self._strata), 1))[self._strata]
        own, given = by_unit(self.clean, gain), by_unit(self.clean, lent)
        self._own += own
        self._lent += given
        self._own_squares += float((own**2).sum())
        self._lent_squares += float((given**2).sum())

    @property
    def count(self) -> int:
        """Shuffles so far."""
        return len(self.repeats)

    @property
    def estimate(self) -> float:
        """Mean change over the shuffles so far."""
        return float(np.mean(self.repeats))

    @property
    def doubt(self) -> float:
        """Variance of the mean change that the shuffles add; NaN with one."""
        if self.count < 2:
            return np.nan
        if self._first is None:
            return float(np.var(self.repeats, ddof=1)) / self.count
        within = self._own_squares - float((self._own**2).sum()) / self.count
        return max(within, 0.0) / (self.count - 1) / self.count

    @property
    def sure(self) -> bool:
        """Whether ``doubt`` is known well: from the influences of all rows, or from five shuffles."""
        return self.count > 1 and (self._first is not None or self.count >= FEWEST_REPEATS)

    def variance(self) -> tuple[float, float]:
        """Give the variance of the mean change over rows and shuffles, and its degrees of freedom.

        Squared mean influences over units, with the donors' part: between shuffles the recipients are independent, so products of different
        shuffles leave a donor's own effect.
        """
        own, mean, count, units = self._own / self.count, self._lent / self.count, self.count, len(self._own)
        squares = float((mean**2).sum())
        if count > 1:
            squares = (count**2 * squares - self._lent_squares) / (count * (count - 1))
        total = float((own**2).sum())
        total = max(total + squares + 2.0 * float((own * mean).sum()), total / 2)
        both = (own + mean) ** 2
        free = weights_df(self.clean)  # below 1 one row's weight leaves no interval
        df = min(float(tail_df(both.sum(), (both**2).sum(), np.asarray(max(free, 1.0)))), free)
        return total * units / max(units - 1, 1), df

    def change(self, level: float = 0.95) -> Change:
        """Give the mean change with its interval over rows (clusters) and shuffles."""
        repeats, middle = np.array(self.repeats), self.estimate
        if self._first is None:
            low, high, method = _bootstrap(self.metric, self.clean, self._kept, level, self.seed)
            return Change(estimate=middle, low=low, high=high, repeats=repeats, method=method)
        variance, df = self.variance()
        enough = _enough_to_shuffle(self.clean, self.count) and enough_beyond(
            self.metric, self.clean, FEWEST_BEYOND_TO_SHUFFLE
        )
        half = float(intervals.critical(level, df) * np.sqrt(variance)) if enough else np.nan
        return Change(
            estimate=middle, low=middle - half, high=middle + half, repeats=repeats, method=_method(self.clean)
        )


def _no_value(metric: Metric, each: Sequence[Rows]) -> str:
    """Say why a metric has no value on some rows."""
    notes = [str(estimate(metric, Groups(r, np.zeros(len(r.y), np.int64), 1)).note[0]) for r in each]
    why = next((n.removeprefix("cannot say: ") for n in notes if n.startswith("cannot say: ")), "")
    return f"{metric.name} has no value on {these(len(each[0].y))}" + (f": {why}" if why else "")


FEWEST_TO_SHUFFLE, FEWEST_SHUFFLES = 200, 2
FEWEST_REPEATS = 5
"""Shuffles from which their spread tells how sure their mean is, where rows have no influences."""
FEWEST_OF_OUTCOME, FEWEST_OF_OUTCOME_CLUSTERED, FEWEST_CLUSTERS_TO_SHUFFLE = 30, 60, 60
FEWEST_BEYOND_PAIRED, FEWEST_BEYOND_TO_SHUFFLE = 20, 50


def _enough_to_shuffle(clean: Rows, shuffles: int) -> bool:
    """Say whether the interval of a permutation holds its level: ``benchmarks/coverage_explanations.py``.

    One shuffle cannot tell what the donors add from what the recipients do; it gave 98 to 99.8 %.
    """
    return shuffles >= FEWEST_SHUFFLES and enough_rows(clean)


def enough_rows(clean: Rows) -> bool:
    """Say whether there are rows, clusters and rows of each outcome enough for the interval of a change to hold its level."""
    if equal_rows(clean.weight, len(clean.y)) < FEWEST_TO_SHUFFLE * (1 - ROUNDING):
        return False
    if clean.cluster is not None and units_of(clean).max() + 1 < FEWEST_CLUSTERS_TO_SHUFFLE:
        return False
    if clean.task != "binary":
        return True
    fewest = FEWEST_OF_OUTCOME if clean.cluster is None else FEWEST_OF_OUTCOME_CLUSTERED
    sides = [None if clean.weight is None else clean.weight[clean.y == code] for code in (0, 1)]
    rows = np.bincount(clean.y, minlength=2)
    return min(equal_rows(w, n) for w, n in zip(sides, rows)) >= fewest * (1 - ROUNDING)


def enough_beyond(metric: Metric, clean: Rows, fewest: int) -> bool:
    """Say whether rows enough are to lie on the rarer side of a quantile for the interval of a change of its loss."""
    if metric.needs != "quantile":
        return True
    return bool(rows_beyond(clean, np.zeros(len(clean.y), np.int64), 1)[0] >= fewest * (1 - ROUNDING))


def influence_of(metric: Metric, rows: Rows) -> tuple[float, np.ndarray | None]:
    """Give a metric and the influence (n,) of each row on it (weights included); None where it has none that is usable."""
    losses = {
        "accuracy": lambda: (rows.y == rows.predicted).astype(float),
        "log_loss": lambda: log_losses(rows),
        "brier_score": lambda: brier_losses(rows),
        "calibration_gap": lambda: calibration_gaps(rows),
        "excess_log_loss": lambda: excess_log_losses(rows),
        "excess_brier_score": lambda: excess_brier_losses(rows),
        "mae": lambda: np.abs(rows.predicted - rows.y),
        "pinball_loss": lambda: pinball_losses(rows),
        "bias": lambda: rows.predicted - rows.y,
        "rmse": lambda: (rows.predicted - rows.y) ** 2,
        "mape": lambda: np.abs(rows.predicted - rows.y) / np.maximum(np.abs(rows.y), np.finfo(float).eps),
    }
    if metric.top:
        losses[metric.name] = lambda: top_hits(rows, metric.top).astype(float)
    value = value_of(metric, rows)
    if not np.isfinite(value) or metric.function is not None or metric.name in ("ece", "median_absolute_error"):
        return value, None
    weight = np.ones(len(rows.y)) if rows.weight is None else rows.weight
    if metric.name in losses:
        loss = losses[metric.name]()
        psi = weight * (loss - weight @ loss / weight.sum()) / weight.sum()
        return value, psi / (2 * value) if metric.name == "rmse" and value > 0 else psi
    if metric.name == "r2":
        squared, around = (rows.predicted - rows.y) ** 2, (rows.y - weight @ rows.y / weight.sum()) ** 2
        sst = weight @ around
        return value, weight * ((1 - value) * around - squared) / sst
    if metric.name in AVERAGES:
        groups = Groups(rows, np.zeros(len(rows.y), np.int64), 1)
        return value, influences(groups, *AVERAGES[metric.name])[1]
    return value, weight * _cell_gradient(metric, rows, weight)[rows.cell]


def _cell_gradient(metric: Metric, rows: Rows, weight: np.ndarray) -> np.ndarray:
    """Derivative of a metric of the confusion table by the weight in each cell, (k*k,); central differences."""
    k = rows.classes
    table = np.bincount(rows.cell, weights=weight, minlength=k * k)
    used = np.flatnonzero(table > 0)
    step = 1e-5 * table.sum()
    variants = np.repeat(table[used][None], 2 * len(used), axis=0)
    variants[np.arange(len(used)), np.arange(len(used))] += step
    variants[len(used) + np.arange(len(used)), np.arange(len(used))] -= np.minimum(step, table[used] / 2)
    count = len(variants)
    cells = np.tile(used, count)
    tiny = Rows(task=rows.task, y=cells // k, predicted=cells % k, weight=variants.ravel(), classes=k, names=rows.names)
    value = estimate(metric, Groups(tiny, np.repeat(np.arange(count), len(used)), count)).estimate
    out = np.zeros(k * k)
    out[used] = (value[: len(used)] - value[len(used) :]) / (step + np.minimum(step, table[used] / 2))
    return np.nan_to_num(out)


def _bootstrap(
    metric: Metric, clean: Rows, changed: Sequence[Rows], level: float, seed: int
) -> tuple[float, float, str]:
    """Percentile bootstrap over rows or clusters, the same draw before and after; none for a metric that chance alone lifts."""
    if metric.name == "ece" or equal_rows(clean.weight, len(clean.y)) < FEWEST * (1 - ROUNDING):
        return np.nan, np.nan, "none"
    rng = np.random.default_rng((seed, 20_003))
    unit = units_of(clean)
    weight = np.ones(len(clean.y)) if clean.weight is None else clean.weight
    draws, own = np.full(DRAWS, np.nan), metric.function is not None
    ends = time.perf_counter() + OWN_SECONDS
    for d in range(DRAWS):
        if own and time.perf_counter() > ends:
            return np.nan, np.nan, f"none: {DRAWS} draws do not fit into {OWN_SECONDS:g} seconds ({d} were made)"
        times = np.bincount(rng.integers(0, unit.max() + 1, unit.max() + 1), minlength=unit.max() + 1)[unit]
        if own:  # a function may take no weights, so its rows are repeated
            at = np.repeat(np.arange(len(unit)), times)
            answers = [own_answer(metric, r, at) for r in (clean, *changed)]
            values = [np.nan if isinstance(v, str) else v for v in answers]
        else:
            values = [value_of(metric, replace(r, weight=weight * times)) for r in (clean, *changed)]
        draws[d] = np.mean(values[1:]) - values[0]
    usable = draws[np.isfinite(draws)]
    if len(usable) < DRAWS * 0.9:
        return np.nan, np.nan, "none"
    low, high = np.quantile(usable, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high), f"paired bootstrap, {DRAWS} draws"
