"""The metrics: one record each, named as in scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Needs = Literal["label", "score", "probability", "value", "quantile"]
Function = Callable[..., float]

_CLASSIFICATION = frozenset({"binary", "multiclass"})
_BINARY = frozenset({"binary"})
_SEVERAL = frozenset({"multiclass"})
_REGRESSION = frozenset({"regression"})
_SHARE = (0.0, 1.0)
_POSITIVE = (0.0, float("inf"))
_MACRO = " With more than two classes: the plain mean over the classes that occur (macro)."


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """One metric.

    name        scikit-learn's name; label: the words for people
    needs       what it is computed from: "label" (decisions), "score" (any ranking score), "probability", "value" (regression), "quantile"
    tasks       the tasks it fits
    greater_is_better   True, False, or None where neither is better (a selection rate, a bias)
    range       lowest and highest possible value
    rests_on    which rows its support counts
    describe    one or two sentences
    macro       True where with several classes it is the plain mean over classes
    top         of top-k accuracy its k, else 0
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
    top: int = 0
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


def top_k_accuracy(k: int) -> Metric:
    """Give the record of top-k accuracy, named ``top_2_accuracy`` and so on."""
    return Metric(
        name=f"top_{k}_accuracy",
        label=f"Top-{k} accuracy",
        needs="score",
        tasks=_SEVERAL,
        greater_is_better=True,
        range=_SHARE,
        rests_on="all rows",
        describe=f"Share of rows whose class is among the {k} with the highest scores.",
        top=k,
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
            "calibration_gap",
            "Calibration gap",
            "probability",
            _BINARY,
            None,
            (-1.0, 1.0),
            "all rows",
            "Mean probability promised minus the share that came true; above 0 the model promises too much.",
        ),
        _metric(
            "excess_log_loss",
            "Excess log loss",
            "probability",
            _CLASSIFICATION,
            False,
            (float("-inf"), float("inf")),
            "all rows",
            "Log loss less what the probabilities themselves promise; 0 where they are right, above 0 where the model is surer "
            "than it is right.",
        ),
        _metric(
            "excess_brier_score",
            "Excess Brier score",
            "probability",
            _CLASSIFICATION,
            False,
            (-1.0, 1.0),
            "all rows",
            "Brier score less what the probabilities themselves promise; 0 where they are right, above 0 where the model is surer "
            "than it is right.",
        ),
        _metric(
            "precision_weighted",
            "Precision (weighted by class)",
            "label",
            _SEVERAL,
            True,
            _SHARE,
            "all rows",
            "Mean of the precision of each class, weighted by its share of the outcomes.",
        ),
        _metric(
            "recall_weighted",
            "Recall (weighted by class)",
            "label",
            _SEVERAL,
            True,
            _SHARE,
            "all rows",
            "Mean of the recall of each class, weighted by its share of the outcomes; always equal to the accuracy.",
        ),
        _metric(
            "f1_weighted",
            "F1 (weighted by class)",
            "label",
            _SEVERAL,
            True,
            _SHARE,
            "all rows",
            "Mean of the F1 of each class, weighted by its share of the outcomes.",
        ),
        _metric(
            "roc_auc_ovr_weighted",
            "ROC AUC (weighted by class)",
            "score",
            _SEVERAL,
            True,
            _SHARE,
            "rows of the rarest class",
            "ROC AUC of each class against the rest, mean weighted by the share of the class.",
        ),
        _metric(
            "roc_auc_ovo",
            "ROC AUC (one against one)",
            "score",
            _SEVERAL,
            True,
            _SHARE,
            "rows of the rarest class",
            "Plain mean of the ROC AUC between each pair of classes (Hand and Till 2001), so that how common a class is does "
            "not matter.",
        ),
        _metric(
            "average_precision_weighted",
            "Average precision (weighted by class)",
            "score",
            _SEVERAL,
            True,
            _SHARE,
            "rows of the rarest class",
            "Average precision of each class against the rest, mean weighted by the share of the class.",
        ),
        top_k_accuracy(2),
        top_k_accuracy(3),
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
            "pinball_loss",
            "Pinball loss",
            "quantile",
            _REGRESSION,
            False,
            _POSITIVE,
            "all rows",
            "Of the quantile q: mean of q times the error where the outcome lies above the prediction, of (1 - q) times it below.",
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
