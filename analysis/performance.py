"""How good is the model? The headline metrics, each with its interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from modelglass.analysis.aimed import named
from modelglass.analysis.errors import InputError
from modelglass.analysis.estimated import Estimates, rows_text
from modelglass.analysis.estimates import estimate
from modelglass.analysis.groups import Groups, Rows, against_rest, rows_of
from modelglass.analysis.metrics import (
    BY_CLASS,
    METRICS,
    Function,
    Metric,
    chosen_metrics,
    class_metrics,
    headline_metrics,
)
from modelglass.analysis.moved import Moved, moved
from modelglass.analysis.own_metrics import SECONDS, Bootstrap
from modelglass.analysis.progress import Progress
from modelglass.analysis.result import Result
from modelglass.analysis.source import UNNAMED, Source
from modelglass.analysis.wording import MOST_DIGITS

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

_NOT_MEAN = "R², RMSE and bias do not judge it, pinball loss and the coverage of promised intervals do"
COLUMNS = ["metric", "label", "group", "estimate", "low", "high", "n", "support", "method", "note"]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Performance(Result):
    """The headline metrics of one model on one set of rows.

    metrics   one row per metric: metric, label, group (""; of several classes further rows for each class against the rest, with
              its name here), estimate, low, high (interval at settings["level"]; NaN where none that holds its level can be
              given), n (rows), support (rows the metric rests on), method (of the interval), note.
    aim       share of outcomes that the predictions are to lie at or above, of a model of a quantile; else None
    """

    metrics: pd.DataFrame
    aim: float | None = None
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row per metric."""
        return self.metrics

    def value(self, metric: str, group: str = "") -> float:
        """Give the estimate of one metric, of one class where it is named."""
        mine = self.metrics[self.metrics["group"] == group]
        found = mine.loc[mine["metric"] == metric, "estimate"]
        if found.empty:
            known = ", ".join(mine["metric"]) or "none of this class"
            raise InputError(f"Expected one of the metrics measured: {known}.", f"Got {metric!r}.")
        return float(found.iloc[0])

    def sentence(self) -> str:
        """Say the first metric with its interval, one more, and the number of rows."""
        told = self.metrics[self.metrics["estimate"].notna()]
        if told.empty:
            return (
                f"No metric can be given on {rows_text(int(self.metrics['n'].max()))}: {self.metrics['note'].iloc[0]}."
            )
        whole = told[told["group"] == ""]
        if whole.empty:
            return self._by_class(told)[1:]
        rows = list(whole.itertuples())
        by_name = {r.metric: r for r in rows[1:]}
        second = next((by_name[m] for m in ("roc_auc", "balanced_accuracy", "mae", *by_name) if m in by_name), None)
        first = f"{rows[0].label} {shown(rows[0].estimate)}"
        if np.isfinite(rows[0].low):
            first += f" ({100 * self.settings['level']:.4g} % interval {shown(rows[0].low)} to {shown(rows[0].high)})"
        more = f" and {in_sentence(second.label)} {shown(second.estimate)}" if second is not None else ""
        means = "" if self.aim is None else f" The model predicts {named(self.aim)}, not the mean: {_NOT_MEAN}."
        return f"{first}{more} on {rows_text(rows[0].n)}.{self._by_class(told)}{means}"

    def _by_class(self, told: pd.DataFrame) -> str:
        """Name the class that is found least often (or the least of another metric)."""
        rows = told[told["group"] != ""]
        chosen = next((m for m in ("recall", *rows["metric"]) if m in set(rows["metric"])), None)
        rows = rows[rows["metric"] == chosen]
        if len(rows) < 2:
            return ""
        high = METRICS[str(chosen)].greater_is_better is False
        most = rows.loc[rows["estimate"].idxmax() if high else rows["estimate"].idxmin()]
        between = f" ({shown(most['low'])} to {shown(most['high'])})" if np.isfinite(most["low"]) else ""
        return (
            f" Of {len(rows)} classes {in_sentence(most['label'])} is {'highest' if high else 'lowest'} for {most['group']}: "
            f"{shown(most['estimate'])}{between}, {rows_text(most['support'])}."
        )


def in_sentence(label: str) -> str:
    """Write a label inside a sentence: its first letter small, unless it is an abbreviation.

    >>> in_sentence("Balanced accuracy"), in_sentence("ROC AUC")
    ('balanced accuracy', 'ROC AUC')
    """
    return label[:1].lower() + label[1:] if label[1:2].islower() and not label.startswith("Matthews") else label


def shown(value: float) -> str:
    """Write a metric's value for people: three decimals, or as many digits as matter for large and tiny ones.

    >>> shown(0.8734), shown(1234.56), shown(999.7), shown(0.00001234)
    ('0.873', '1,235', '1,000', '1.23e-05')
    """
    if not np.isfinite(value):
        return "unknown"
    if 999.5 <= abs(value) < MOST_DIGITS:
        return f"{value:,.0f}"
    if abs(value) >= 10 or 0 < abs(value) < 0.001:
        return f"{value:.3g}"
    return f"{value:.3f}"


def off(bias: float) -> str:
    """Write a mean error of predictions.

    >>> off(285.2), off(-3.007)
    ('285 too high', '3.007 too low')
    """
    return f"{shown(abs(bias))} too {'low' if bias < 0 else 'high'}"


def check_level(level: float) -> float:
    """Give the level, or refuse one outside (0, 1)."""
    if not isinstance(level, (int, float, np.number)) or not 0 < level < 1:
        raise InputError("Expected a level between 0 and 1, such as 0.95.", f"Got {level!r}.")
    return float(level)


def performance(
    ev: Evaluation,
    *,
    metrics: str | Function | Metric | Iterable[str | Function | Metric] | None = None,
    level: float = 0.95,
    class_: Any = None,
    budget: float = SECONDS,
    progress: Progress | None = None,
) -> Performance:
    """Measure the model on all rows of the Evaluation.

    Parameters
    ----------
    ev : Evaluation
    metrics : names, functions f(y_true, y_pred_or_score, sample_weight), or None for the usual ones of the task
        Functions: see ``own_metric``; their interval is a bootstrap over rows (or clusters), seeded by the Evaluation. Of several
        classes the metrics that one class can have are also given for each class against the rest.
    level : float
        Level of the intervals, in (0, 1).
    class_ : label of a class, optional
        Measure this class against the rest, as if there were only the two.
    budget : float
        Seconds for the bootstraps of all functions together; where they run out there is no interval, and a note.

    Returns
    -------
    Performance

    Raises
    ------
    InputError
        An unknown metric or class, a metric for another task, or a level outside (0, 1).
    NotApplicable
        Where no metric asked for can be given, because the model gives no scores.
    """
    quick = moved(ev, class_)
    if quick is not None:
        metrics = chosen_metrics(
            metrics, headline_metrics(ev.task, ev.score_kind), task=ev.task, score_kind=ev.score_kind, by_class=True
        )
        if all(m.function is None for m in metrics):
            return _quick(quick, metrics, level, ev.source)
    rows = rows_of(ev, class_)
    own = Bootstrap(seed=ev.seed, seconds=budget, progress=progress)
    label = None if class_ in (None, "") else rows.names[1]
    return _measure(rows, metrics, level, own, ev.source, label)


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
    aim: float | None = None,
    metrics: str | Function | Metric | Iterable[str | Function | Metric] | None = None,
    level: float = 0.95,
    seed: int = 0,
    budget: float = SECONDS,
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
    aim : float, optional
        In regression the quantile that the predictions are of, in (0, 1).

    Examples
    --------
    >>> measure([1, 1, 0, 0], [1, 0, 0, 0], metrics=["accuracy"]).value("accuracy")
    0.75
    """
    rows = make_rows(
        y_true, predicted, score, weight, cluster, task=task, classes=classes, probability=probability, aim=aim
    )
    return _measure(rows, metrics, level, Bootstrap(seed=seed, seconds=budget), source, None)


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
    aim: float | None = None,
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
    return Rows(task=task, y=y, probability=probability, classes=classes, aim=aim, **given)  # type: ignore[arg-type]


def _measure(rows: Rows, metrics: Any, level: float, own: Bootstrap, source: Source, of: str | None) -> Performance:
    level = check_level(level)
    kind = rows.score_kind
    usual = headline_metrics(rows.task, kind, rows.aim)
    chosen = chosen_metrics(metrics, usual, task=rows.task, score_kind=kind, aim=rows.aim, by_class=True)
    everyone = Groups(rows, np.zeros(len(rows.y), np.int64), 1)
    records = []
    for metric in (m for m in chosen if rows.task in m.tasks):
        label = metric.label_for(rows.task) + ("" if of is None else f" of {of}")
        records.append(_record(metric, label, "", everyone, level, own))
    if rows.task == "multiclass":
        parted = class_metrics(kind) if metrics is None else [m for m in chosen if m.name in BY_CLASS]
        for code in range(rows.classes if parted else 0):
            one = Groups(against_rest(rows, code), everyone.codes, 1)
            name = rows.names[code] if rows.names else str(code)
            records += [_record(m, m.label, name, one, level, own) for m in parted]
    settings = {"metrics": [m.name for m in chosen], "level": level, "class_": of}
    table = pd.DataFrame(records, columns=COLUMNS)
    return Performance(metrics=table, aim=rows.aim, source=source, settings=settings)


def _quick(moved_to: Moved, chosen: list[Metric], level: float, source: Source) -> Performance:
    """Measure two classes at a threshold from what is kept of the scores."""
    level = check_level(level)
    records = [_told(m, m.label_for("binary"), "", moved_to.estimate(m, level), moved_to.n) for m in chosen]
    settings = {"metrics": [m.name for m in chosen], "level": level, "class_": None}
    return Performance(metrics=pd.DataFrame(records, columns=COLUMNS), source=source, settings=settings)


def _record(metric: Metric, label: str, group: str, groups: Groups, level: float, own: Bootstrap) -> tuple[Any, ...]:
    return _told(metric, label, group, estimate(metric, groups, level, own), int(groups.n[0]))


def _told(metric: Metric, label: str, group: str, found: Estimates, n: int) -> tuple[Any, ...]:
    ends = found.estimate[0], found.low[0], found.high[0]
    return (metric.name, label, group, *ends, n, int(found.support[0]), found.method, found.note[0])


def label_of(metric: Metric, task: str, class_: str | None = None) -> str:
    """Give the label of a metric, with ``class_`` of that class against the rest."""
    return f"{metric.label_for('binary')} of {class_}" if class_ else metric.label_for(task)


def metric_label(name: str, task: str, class_: str | None = None) -> str:
    """Give the label of a metric by name, with ``class_`` of that class against the rest; an own function's name is its label."""
    if name in METRICS:
        return label_of(METRICS[name], task, class_)
    return f"{name} of {class_}" if class_ else name
