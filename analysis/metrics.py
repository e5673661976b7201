"""The metrics: one record each, named as in scikit-learn, and the sets used where nobody chose."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from modelglass.analysis.errors import InputError, NotApplicable, listed, unknown_name

Needs = Literal["label", "score", "probability", "value"]
Function = Callable[..., float]

_CLASSIFICATION = frozenset({"binary", "multiclass"})
_BINARY = frozenset({"binary"})
_REGRESSION = frozenset({"regression"})
_SHARE = (0.0, 1.0)
_POSITIVE = (0.0, float("inf"))
_MACRO = " With more than two classes: the plain mean over the classes that occur (macro)."


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """One metric.

    name        scikit-learn's name; label: the words for people
    needs       what it is computed from: "label" (decisions), "score" (any ranking score), "probability", "value" (regression)
    tasks       the tasks it fits
    greater_is_better   True, False, or None where neither is better (a selection rate, a bias)
    range       lowest and highest possible value
    rests_on    which rows its support counts
    describe    one or two sentences
    macro       True where with several classes it is the plain mean over classes
    function    the user's own function f(y_true, y_pred_or_score, sample_weight), else None
    """

    name: str
    label: str
    needs: Needs
    tasks: frozenset[str]
    greater_is_better: bool | None
    range: tuple[float, float]
    rests_on: str
    describe: str
    macro: bool = False
    function: Function | None = None

    def label_for(self, task: str) -> str:
        """Give the label, which says so where a mean over classes is taken.

        >>> METRICS["f1"].label_for("multiclass")
        'F1 (macro)'
        """
        return f"{self.label} (macro)" if self.macro and task == "multiclass" else self.label


def _metric(
    name: str,
    label: str,
    needs: Needs,
    tasks: frozenset[str],
    better: bool | None,
    span: tuple[float, float],
    rests_on: str,
    describe: str,
    *,
    macro: bool = False,
) -> Metric:
    return Metric(
        name=name,
        label=label,
        needs=needs,
        tasks=tasks,
        greater_is_better=better,
        range=span,
        rests_on=rests_on,
        describe=describe + (_MACRO if macro else ""),
        macro=macro,
    )


METRICS: dict[str, Metric] = {
    m.name: m
    for m in (
        _metric(
            "accuracy", "Accuracy", "label", _CLASSIFICATION, True, _SHARE, "all rows", "Share of rows predicted right."
        ),
        _metric(
            "balanced_accuracy",
            "Balanced accuracy",
            "label",
            _CLASSIFICATION,
            True,
            _SHARE,
            "rows of the rarest class",
            "Plain mean of the recall of each class.",
        ),
        _metric(
            "precision",
            "Precision",
            "label",
            _CLASSIFICATION,
            True,
            _SHARE,
            "rows predicted positive",
            "Of the rows predicted positive, the share that is positive.",
            macro=True,
        ),
        _metric(
            "recall",
            "Recall",
            "label",
            _CLASSIFICATION,
            True,
            _SHARE,
            "positive rows",
            "Of the positive rows, the share predicted positive (true positive rate).",
            macro=True,
        ),
        _metric(
            "f1",
            "F1",
            "label",
            _CLASSIFICATION,
            True,
            _SHARE,
            "rows positive or predicted positive",
            "Harmonic mean of precision and recall.",
            macro=True,
        ),
        _metric(
            "mcc",
            "Matthews correlation",
            "label",
            _CLASSIFICATION,
            True,
            (-1.0, 1.0),
            "rows of the rarest class",
            "Correlation of decision and outcome; 0 is no better than chance.",
        ),
        _metric(
            "fpr",
            "False positive rate",
            "label",
            _BINARY,
            False,
            _SHARE,
            "negative rows",
            "Of the negative rows, the share predicted positive.",
        ),
        _metric(
            "fnr",
            "False negative rate",
            "label",
            _BINARY,
            False,
            _SHARE,
            "positive rows",
            "Of the positive rows, the share predicted negative.",
        ),
        _metric(
            "selection_rate",
            "Selection rate",
            "label",
            _BINARY,
            None,
            _SHARE,
            "all rows",
            "Share of rows predicted positive.",
        ),
        _metric(
            "roc_auc",
            "ROC AUC",
            "score",
            _CLASSIFICATION,
            True,
            _SHARE,
            "rows of the rarer class",
            "Chance that a positive row scores higher than a negative one; ties count half. With more than two classes: each "
            "class against the rest, plain mean.",
            macro=False,
        ),
        _metric(
            "average_precision",
            "Average precision",
            "score",
            _CLASSIFICATION,
            True,
            _SHARE,
            "positive rows",
            "Precision averaged over the recall gained at each score (area under the precision-recall steps).",
            macro=True,
        ),
        _metric(
            "log_loss",
            "Log loss",
            "probability",
            _CLASSIFICATION,
            False,
            _POSITIVE,
            "all rows",
            "Mean of minus the log of the probability given to what happened.",
        ),
        _metric(
            "brier_score",
            "Brier score",
            "probability",
            _CLASSIFICATION,
            False,
            (0.0, 2.0),
            "all rows",
            "Mean squared difference of probability and outcome; with more than two classes summed over the classes.",
        ),
        _metric(
            "ece",
            "Expected calibration error",
            "probability",
            _CLASSIFICATION,
            False,
            _SHARE,
            "all rows",
            "Mean gap between promised and observed share over ten bins of equal width. Chance alone lifts it, most in small "
            "slices; with more than two classes of the predicted class's probability.",
        ),
        _metric(
            "r2",
            "R²",
            "value",
            _REGRESSION,
            True,
            (float("-inf"), 1.0),
            "all rows",
            "Share of the outcome's variance that the predictions explain; below 0 is worse than its mean.",
        ),
        _metric(
            "mae", "Mean absolute error", "value", _REGRESSION, False, _POSITIVE, "all rows", "Mean size of the error."
        ),
        _metric(
            "rmse",
            "Root mean squared error",
            "value",
            _REGRESSION,
            False,
            _POSITIVE,
            "all rows",
            "Square root of the mean squared error; large errors count more.",
        ),
        _metric(
            "mape",
            "Mean absolute percentage error",
            "value",
            _REGRESSION,
            False,
            _POSITIVE,
            "all rows",
            "Mean size of the error relative to the outcome, as a share; huge where outcomes are near 0.",
        ),
        _metric(
            "median_absolute_error",
            "Median absolute error",
            "value",
            _REGRESSION,
            False,
            _POSITIVE,
            "all rows",
            "Half of the rows have an error smaller than this.",
        ),
        _metric(
            "bias",
            "Bias",
            "value",
            _REGRESSION,
            None,
            (float("-inf"), float("inf")),
            "all rows",
            "Mean of prediction minus outcome; above 0 the model overestimates.",
        ),
    )
}

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
_SLICES = {
    "binary": ("accuracy", "precision", "recall", "fpr", "roc_auc"),
    "multiclass": ("accuracy", "balanced_accuracy", "f1"),
    "regression": ("mae", "rmse", "r2", "bias"),
}


def reason_against(metric: Metric, task: str, score_kind: str | None) -> str | None:
    """Say why a metric cannot be given for this task and these scores; None where it can.

    Parameters
    ----------
    metric : Metric
    task : str
        "binary", "multiclass" or "regression".
    score_kind : str or None
        "probability", "decision", or None where the model gives no scores.
    """
    if task not in metric.tasks:
        return f"{metric.name} is a metric for {' and '.join(sorted(metric.tasks))}, and this is {task}"
    if metric.needs in ("score", "probability") and score_kind is None:
        return f"{metric.name} needs a score for each row, and there are only predicted labels"
    if metric.needs == "probability" and score_kind != "probability":
        return f"{metric.name} needs probabilities, and the scores are not probabilities"
    return None


def metrics_for(task: str, score_kind: str | None = "probability") -> list[Metric]:
    """Give every metric that fits the task and the scores, in the order shown to people.

    >>> [m.name for m in metrics_for("regression")]
    ['r2', 'mae', 'rmse', 'mape', 'median_absolute_error', 'bias']
    """
    return [m for m in METRICS.values() if reason_against(m, task, score_kind) is None]


def headline_metrics(task: str, score_kind: str | None = "probability") -> list[Metric]:
    """Give the metrics that ``performance`` shows where nobody chose."""
    return [METRICS[n] for n in _HEADLINE[task] if reason_against(METRICS[n], task, score_kind) is None]


def slice_default_metrics(task: str, score_kind: str | None = "probability") -> list[Metric]:
    """Give the metrics that ``slice_metrics`` shows where nobody chose."""
    return [METRICS[n] for n in _SLICES[task] if reason_against(METRICS[n], task, score_kind) is None]


def own_metric(function: Function) -> Metric:
    """Wrap the user's own function f(y_true, y_pred_or_score, sample_weight)."""
    name = getattr(function, "__name__", None) or type(function).__name__
    return Metric(
        name=name,
        label=name,
        needs="label",
        tasks=_CLASSIFICATION | _REGRESSION,
        greater_is_better=None,
        range=(float("-inf"), float("inf")),
        rests_on="all rows",
        describe="Your own function.",
        function=function,
    )


def chosen_metrics(
    metrics: str | Function | Metric | Iterable[str | Function | Metric] | None,
    default: Sequence[Metric],
    *,
    task: str,
    score_kind: str | None,
) -> list[Metric]:
    """Turn what a person asked for into records, each once, in the order asked.

    Raises
    ------
    InputError
        A name that is no metric (the nearest is named), or a metric for another task.
    NotApplicable
        None of the metrics asked for can be given, because of the scores.
    """
    if metrics is None:
        return list(default)
    asked = [metrics] if isinstance(metrics, (str, Metric)) or callable(metrics) else list(metrics)
    if not asked:
        raise InputError(
            "Expected at least one metric.", "Got an empty list.", "Leave metrics out to get the usual ones."
        )
    found = list({m.name: m for m in map(_record, asked)}.values())
    for metric in found:
        if task not in metric.tasks:
            raise InputError(
                f"Expected metrics for {task}: {listed((m.name for m in metrics_for(task)), 20)}.",
                f"Got {metric.name!r}, which is for {' and '.join(sorted(metric.tasks))}.",
                "Choose one of these.",
            )
    reasons = [reason_against(m, task, score_kind) for m in found]
    if all(reasons):
        raise NotApplicable(str(reasons[0]))
    return found


def _record(metric: str | Function | Metric) -> Metric:
    if isinstance(metric, Metric):
        return metric
    if callable(metric):
        return own_metric(metric)
    if metric not in METRICS:
        raise unknown_name("metric", str(metric), METRICS)
    return METRICS[metric]
