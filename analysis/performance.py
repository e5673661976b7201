"""How good is the model? The headline metrics, each with its interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from modelglass.analysis.errors import InputError
from modelglass.analysis.estimates import estimate, own_value
from modelglass.analysis.groups import Groups, Rows, rows_of
from modelglass.analysis.metrics import METRICS, Function, Metric, chosen_metrics, headline_metrics
from modelglass.analysis.result import Result
from modelglass.analysis.source import UNNAMED, Source

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

OWN_DRAWS = 200


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Performance(Result):
    """The headline metrics of one model on one set of rows.

    metrics   one row per metric: metric, label, estimate, low, high (interval at settings["level"]; NaN where none that holds
              its level can be given), n (rows), support (rows the metric rests on), method (of the interval), note.
    """

    metrics: pd.DataFrame
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row per metric."""
        return self.metrics

    def value(self, metric: str) -> float:
        """Give the estimate of one metric."""
        found = self.metrics.loc[self.metrics["metric"] == metric, "estimate"]
        if found.empty:
            raise InputError(
                f"Expected one of the metrics measured: {', '.join(self.metrics['metric'])}.", f"Got {metric!r}."
            )
        return float(found.iloc[0])

    def sentence(self) -> str:
        """Say the first metric with its interval, one more, and the number of rows."""
        told = self.metrics[self.metrics["estimate"].notna()]
        if told.empty:
            return f"No metric can be given on {int(self.metrics['n'].max()):,} rows: {self.metrics['note'].iloc[0]}."
        rows = list(told.itertuples())
        by_name = {r.metric: r for r in rows[1:]}
        second = next((by_name[m] for m in ("roc_auc", "balanced_accuracy", "mae", *by_name) if m in by_name), None)
        first = f"{rows[0].label} {shown(rows[0].estimate)}"
        if np.isfinite(rows[0].low):
            first += f" ({100 * self.settings['level']:.4g} % interval {shown(rows[0].low)} to {shown(rows[0].high)})"
        more = f" and {in_sentence(second.label)} {shown(second.estimate)}" if second is not None else ""
        return f"{first}{more} on {rows[0].n:,} rows."


def in_sentence(label: str) -> str:
    """Write a label inside a sentence: its first letter small, unless it is an abbreviation.

    >>> in_sentence("Balanced accuracy"), in_sentence("ROC AUC")
    ('balanced accuracy', 'ROC AUC')
    """
    return label[:1].lower() + label[1:] if label[1:2].islower() and not label.startswith("Matthews") else label


def shown(value: float) -> str:
    """Write a metric's value for people: three decimals, or as many digits as matter for large and tiny ones.

    >>> shown(0.8734), shown(1234.56), shown(0.00001234)
    ('0.873', '1,235', '1.23e-05')
    """
    if not np.isfinite(value):
        return "unknown"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 10 or 0 < abs(value) < 0.001:
        return f"{value:.3g}"
    return f"{value:.3f}"


def check_level(level: float) -> float:
    """Give the level, or refuse one outside (0, 1)."""
    if not 0 < level < 1:
        raise InputError("Expected a level between 0 and 1, such as 0.95.", f"Got {level!r}.")
    return float(level)


def performance(
    ev: Evaluation, *, metrics: str | Function | Iterable[str | Function] | None = None, level: float = 0.95
) -> Performance:
    """Measure the model on all rows of the Evaluation.

    Parameters
    ----------
    ev : Evaluation
    metrics : names, functions f(y_true, y_pred_or_score, sample_weight), or None for the usual ones of the task
        A function gets codes (binary: 1 is the positive class) and decisions, or values in regression; its interval is a
        bootstrap over rows (or clusters) with 200 draws, seeded by the Evaluation.
    level : float
        Level of the intervals, in (0, 1).

    Returns
    -------
    Performance

    Raises
    ------
    InputError
        An unknown metric, one for another task, or a level outside (0, 1).
    NotApplicable
        Where no metric asked for can be given, because the model gives no scores.
    """
    chosen = chosen_metrics(metrics, headline_metrics(ev.task, ev.score_kind), task=ev.task, score_kind=ev.score_kind)
    return _measure(rows_of(ev), chosen, level, ev.source, ev.seed)


def measure(
    y_true: ArrayLike,
    predicted: ArrayLike,
    score: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    *,
    task: str = "binary",
    classes: int = 2,
    probability: bool = True,
    metrics: str | Function | Iterable[str | Function] | None = None,
    level: float = 0.95,
    seed: int = 0,
    source: Source = UNNAMED,
) -> Performance:
    """The same from arrays.

    Parameters
    ----------
    y_true, predicted : array-like, shape (n,)
        Codes in [0, classes), in binary 1 is the positive class; values in regression.
    score : array-like, shape (n,) or (n, classes), optional
        Score of the positive class, or of each class.
    weight : array-like, shape (n,), optional
        Weights >= 0.
    cluster : array-like of int, shape (n,), optional
        Rows of one cluster are not independent.
    probability : bool
        Whether the scores are probabilities.

    Examples
    --------
    >>> measure([1, 1, 0, 0], [1, 0, 0, 0], metrics=["accuracy"]).value("accuracy")
    0.75
    """
    rows = make_rows(y_true, predicted, score, weight, cluster, task=task, classes=classes, probability=probability)
    kind = None if score is None else ("probability" if probability else "decision")
    return _measure(
        rows, chosen_metrics(metrics, headline_metrics(task, kind), task=task, score_kind=kind), level, source, seed
    )


def make_rows(
    y_true: ArrayLike,
    predicted: ArrayLike,
    score: ArrayLike | None,
    weight: ArrayLike | None,
    cluster: ArrayLike | None,
    *,
    task: str,
    classes: int,
    probability: bool,
) -> Rows:
    """Make rows from array-likes, checked for length."""
    kind = float if task == "regression" else np.int64
    y, p = np.asarray(y_true).astype(kind), np.asarray(predicted).astype(kind)
    given = {
        "predicted": p,
        "score": None if score is None else np.asarray(score, float),
        "weight": None if weight is None else np.asarray(weight, float),
        "cluster": None if cluster is None else np.unique(np.asarray(cluster), return_inverse=True)[1],
    }
    for name, values in given.items():
        if values is not None and len(values) != len(y):
            raise InputError(
                "Expected arrays of the same length.", f"y_true has {len(y):,}, {name} has {len(values):,}."
            )
    return Rows(task=task, y=y, probability=probability, classes=classes, **given)  # type: ignore[arg-type]


def _measure(rows: Rows, chosen: list[Metric], level: float, source: Source, seed: int) -> Performance:
    level = check_level(level)
    groups = Groups(rows, np.zeros(len(rows.y), np.int64), 1)
    records = []
    for metric in chosen:
        found = estimate(metric, groups, level)
        low, high, note, method = found.low[0], found.high[0], found.note[0], found.method
        if metric.function is not None and np.isfinite(found.estimate[0]):
            low, high = _bootstrap(metric, groups, level, seed)
            note, method = "", f"bootstrap, {OWN_DRAWS} draws"
        records.append(
            (
                metric.name,
                metric.label_for(rows.task),
                found.estimate[0],
                low,
                high,
                int(groups.n[0]),
                int(found.support[0]),
                method,
                note,
            )
        )
    frame = pd.DataFrame(
        records, columns=["metric", "label", "estimate", "low", "high", "n", "support", "method", "note"]
    )
    settings = {"metrics": [m.name for m in chosen], "level": level}
    return Performance(metrics=frame, source=source, settings=settings)


def _bootstrap(metric: Metric, groups: Groups, level: float, seed: int) -> tuple[float, float]:
    """Percentile bootstrap over rows, or over clusters where given."""
    rng = np.random.default_rng(seed)
    n = len(groups.rows.y)
    unit = np.arange(n) if groups.rows.cluster is None else np.unique(groups.rows.cluster, return_inverse=True)[1]
    order = np.argsort(unit, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(unit))[:-1])
    draws = [
        own_value(
            metric,
            groups,
            np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])
            if groups.rows.cluster is not None
            else rng.integers(0, n, n),
        )
        for _ in range(OWN_DRAWS)
    ]
    usable = np.array(draws)[np.isfinite(draws)]
    if len(usable) < OWN_DRAWS * 0.9:
        return np.nan, np.nan
    low, high = np.quantile(usable, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)


def metric_label(name: str, task: str) -> str:
    """Give the label of a metric by name; an own function's name is its label."""
    return METRICS[name].label_for(task) if name in METRICS else name
