"""Which metrics are measured: the records by name, the sets used where nobody chose, and why one may not be given."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from modelglass.analysis.errors import InputError, NotApplicable, listed, unknown_name
from modelglass.analysis.metric_records import METRICS, Function, Metric, top_k_accuracy
from modelglass.analysis.own_metrics import own_metric

__all__ = [
    "METRICS",
    "Function",
    "Metric",
    "aimed_loss",
    "chosen_metrics",
    "class_metrics",
    "headline_metrics",
    "metrics_for",
    "own_metric",
    "reason_against",
    "slice_default_metrics",
]

_TOP = re.compile(r"top_([1-9][0-9]{0,3})_accuracy")

_HEADLINE = {
    "binary": (
        "accuracy",
        "balanced_accuracy",
        "precision",
        "recall",
        "f1",
        "roc_auc",
        "average_precision",
        "log_loss",
        "brier_score",
    ),
    "multiclass": ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "roc_auc", "log_loss", "brier_score"),
    "regression": ("r2", "mae", "rmse", "median_absolute_error", "bias"),
}
BY_CLASS = frozenset({"precision", "recall", "f1", "fpr", "fnr", "selection_rate", "roc_auc", "average_precision"})
"""Metrics that ``performance`` also gives for each of several classes against the rest."""
_BY_CLASS = ("precision", "recall", "f1", "selection_rate", "roc_auc", "average_precision")
_AIMED = ("mae", "median_absolute_error")
"""Shown of a model of a quantile after the loss that it was trained for: R², RMSE and bias judge means."""
_SLICES = {
    "binary": ("accuracy", "precision", "recall", "fpr", "roc_auc"),
    "multiclass": ("accuracy", "balanced_accuracy", "f1"),
    "regression": ("mae", "rmse", "r2", "bias"),
}


def reason_against(metric: Metric, task: str, score_kind: str | None, aim: float | None = None) -> str | None:
    """Say why a metric cannot be given for this task and these scores; None where it can.

    Parameters
    ----------
    metric : Metric
    task : str
        "binary", "multiclass" or "regression".
    score_kind : str or None
        "probability", "decision", or None where the model gives no scores.
    aim : float or None
        The quantile that the predictions are known to be of, in (0, 1); None where they are of none.
    """
    if task not in metric.tasks:
        return f"{metric.name} is a metric for {' and '.join(sorted(metric.tasks))}, and this is {task}"
    if metric.needs in ("score", "probability") and score_kind is None:
        return f"{metric.name} needs a score for each row, and there are only predicted labels"
    if metric.needs == "probability" and score_kind != "probability":
        return f"{metric.name} needs probabilities, and the scores are not probabilities"
    if metric.needs == "quantile" and aim is None:
        return f"{metric.name} judges predictions of one quantile, and these are not known to be of one (--quantile SHARE=COL says so)"
    return None


def aimed_loss(aim: float) -> str:
    """Name the metric that a model of a quantile is trained for: the mean absolute error of the median, else the pinball loss.

    >>> aimed_loss(0.5), aimed_loss(0.9)
    ('mae', 'pinball_loss')
    """
    return "mae" if aim == 0.5 else "pinball_loss"


def _usual(names: Sequence[str], task: str, score_kind: str | None, aim: float | None) -> list[Metric]:
    """Give the metrics of these names that fit; of a model of a quantile its own loss and absolute errors instead."""
    if aim is not None and task == "regression":
        names = list(dict.fromkeys((aimed_loss(aim), *_AIMED)))
    return [METRICS[n] for n in names if reason_against(METRICS[n], task, score_kind, aim) is None]


def metrics_for(task: str, score_kind: str | None = "probability", aim: float | None = None) -> list[Metric]:
    """Give every metric that fits the task and the scores, in the order shown to people.

    >>> [m.name for m in metrics_for("regression")]
    ['r2', 'mae', 'rmse', 'mape', 'median_absolute_error', 'bias']
    """
    return [m for m in METRICS.values() if reason_against(m, task, score_kind, aim) is None]


def headline_metrics(task: str, score_kind: str | None = "probability", aim: float | None = None) -> list[Metric]:
    """Give the metrics that ``performance`` shows where nobody chose.

    >>> [m.name for m in headline_metrics("regression", None, 0.9)]
    ['pinball_loss', 'mae', 'median_absolute_error']
    """
    return _usual(_HEADLINE[task], task, score_kind, aim)


def class_metrics(score_kind: str | None = "probability") -> list[Metric]:
    """Give the metrics that ``performance`` shows of each class against the rest where nobody chose."""
    return [METRICS[n] for n in _BY_CLASS if reason_against(METRICS[n], "binary", score_kind) is None]


def slice_default_metrics(task: str, score_kind: str | None = "probability", aim: float | None = None) -> list[Metric]:
    """Give the metrics that ``slice_metrics`` shows where nobody chose."""
    return _usual(_SLICES[task], task, score_kind, aim)


def chosen_metrics(
    metrics: str | Function | Metric | Iterable[str | Function | Metric] | None,
    default: Sequence[Metric],
    *,
    task: str,
    score_kind: str | None,
    aim: float | None = None,
    by_class: bool = False,
) -> list[Metric]:
    """Turn what a person asked for into records, each once, in the order asked.

    With ``by_class`` also metrics that several classes have only one by one; ``aim`` is the quantile that predictions are of.

    Raises
    ------
    InputError
        A name that is no metric (the nearest is named), or a metric for another task.
    NotApplicable
        None of the metrics asked for can be given, because of the scores or because no quantile is known.
    """
    if metrics is None:
        return list(default)
    several = isinstance(metrics, Iterable) and not isinstance(metrics, (str, Metric)) and not callable(metrics)
    asked: list[str | Function | Metric] = list(metrics) if several else [metrics]  # type: ignore[arg-type, list-item]
    if not asked:
        raise InputError(
            "Expected at least one metric.", "Got an empty list.", "Leave metrics out to get the usual ones."
        )
    found = _each_once([_record(m) for m in asked])
    for metric in found:
        if task not in metric.tasks and not (by_class and task == "multiclass" and metric.name in BY_CLASS):
            raise _of_another_task(metric, task)
    reasons = [reason_against(m, task if task in m.tasks else "binary", score_kind, aim) for m in found]
    if all(reasons):
        raise NotApplicable(str(reasons[0]))
    return found


def _record(metric: str | Function | Metric) -> Metric:
    if isinstance(metric, Metric):
        return metric
    if callable(metric):
        return own_metric(metric)
    top = _TOP.fullmatch(str(metric))
    if top is not None:
        return top_k_accuracy(int(top[1]))
    if metric not in METRICS:
        raise unknown_name("metric", str(metric), METRICS)
    return METRICS[metric]


def _each_once(found: list[Metric]) -> list[Metric]:
    """Give each metric once; two functions of one name are refused, because results are told apart by name."""
    by_name: dict[str, Metric] = {}
    for metric in found:
        first = by_name.setdefault(metric.name, metric)
        if first.function is not metric.function:
            raise InputError(
                "Expected every metric to have a name of its own.",
                f"Two different functions are called {metric.name!r}.",
                "Name them: own_metric(function, name='...').",
            )
    return list(by_name.values())


def _of_another_task(metric: Metric, task: str) -> InputError:
    binary = task == "multiclass" and "binary" in metric.tasks
    return InputError(
        f"Expected metrics for {task}: {listed((m.name for m in metrics_for(task)), 30)}.",
        f"Got {metric.name!r}, which is for {' and '.join(sorted(metric.tasks))}.",
        "Choose one of these"
        + (", or name one class to measure it against the rest: class_='...'." if binary else "."),
    )
