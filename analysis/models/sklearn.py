"""scikit-learn estimators, pipelines and searches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.base import is_classifier, is_outlier_detector, is_regressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from modelglass.analysis.errors import InputError
from modelglass.analysis.models.base import Model, one_against_rest, unsummed

DECIDED_BY_PROBABILITY = (HistGradientBoostingClassifier, RandomForestClassifier, ExtraTreesClassifier)
"""Exactly these types: their own ``predict`` is the class of the highest ``predict_proba``, so they are asked once."""


class SklearnModel(Model):
    """A fitted estimator with scikit-learn's interface.

    Raises
    ------
    InputError
        Not fitted, or a classifier that does not say its classes.

    Attributes
    ----------
    several : tuple of tuples
        Labels of each output of a classifier of several outputs, of which one must be chosen (``outputs.one_label``); else ().
    """

    kind: ClassVar[str] = "scikit-learn"

    def __init__(self, estimator: Any, *, name: str = "in memory", fingerprint: str | None = None):
        super().__init__(estimator, name=name, fingerprint=fingerprint)
        check_fitted(estimator)
        self.several: tuple[tuple[Any, ...], ...] = ()
        self._unsummed = False
        self._set_task()
        names = attribute(estimator, "feature_names_in_")
        self.feature_names = None if names is None else tuple(str(n) for n in names)
        self._wants_names = names is not None
        columns = attribute(estimator, "n_features_in_")
        self.n_features = len(self.feature_names) if self.feature_names else None if columns is None else int(columns)
        self._reads_text = _reads_text(estimator)
        if self._reads_text:
            self.n_features = 1
        self.categories = recorded_categories(estimator)

    def _set_task(self) -> None:
        labels = attribute(self.estimator, "classes_")
        if _is(is_classifier, self.estimator) or (labels is not None and hasattr(self.estimator, "predict_proba")):
            if isinstance(labels, list) and labels and np.ndim(labels[0]):
                self.several = tuple(tuple(_plain(c) for c in np.asarray(one)) for one in labels)
                return
            if labels is None:
                raise InputError(
                    "Expected a classifier that says its classes (classes_).",
                    f"{self.name} does not.",
                    "Give an object with classes_ beside its predict.",
                )
            self.classes = tuple(_plain(c) for c in np.asarray(labels))
            self.task = "binary" if len(self.classes) <= 2 else "multiclass"
            self.score_kind = self._find_score_kind()
        elif _is(is_regressor, self.estimator):
            self.task = "regression"
        elif _is(is_outlier_detector, self.estimator):  # -1: strange, 1: ordinary, by scikit-learn's convention
            self.classes, self.task = (-1, 1), "binary"
            self.score_kind = self._find_score_kind()

    def _find_score_kind(self) -> Any:
        if hasattr(self.estimator, "predict_proba"):
            self._unsummed = _is_unsummed(self.estimator)
            if self._unsummed:
                self.notes.append(unsummed(self.classes or ()))
            return "decision" if self._unsummed else "probability"
        if not hasattr(self.estimator, "decision_function"):
            return None
        if self.task == "multiclass" and getattr(final_step(self.estimator), "decision_function_shape", "ovr") == "ovo":
            self.notes.append("Its decision function is one against one, so there is no score for each class.")
            return None
        return "decision"

    def prepare(self, frame: pd.DataFrame) -> Any:
        """Give the frame to a model that was fitted with names; else its values; else, to a reader of text, its one column."""
        if self._reads_text:
            return frame.iloc[:, 0].to_numpy(dtype=object)
        if self._wants_names or self.n_features is None:
            return frame
        kinds = {dtype.kind for dtype in frame.dtypes}
        mixed = kinds <= set("biuf") and len(kinds) > 1
        return np.ascontiguousarray(frame.to_numpy(dtype=float) if mixed else frame.to_numpy())

    def predict(self, X: Any) -> np.ndarray:
        """Predict labels or values, shape (n,)."""
        return self.estimator.predict(X)

    def scores(self, X: Any) -> np.ndarray | None:
        """Give probabilities (n, k), or decisions (n, k); (n, 1) for the decision of two classes."""
        return self._scores_of(self.estimator, X)

    def both(self, X: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """Predict and score; a plain Pipeline runs its transformers once for both."""
        if self.score_kind is None or not self.is_plain_pipeline():
            return self._both_of(self.estimator, X)
        for _, step in self.estimator.steps[:-1]:
            if step is not None and not isinstance(step, str):
                X = step.transform(X)
        return self.after_steps(X)

    def is_plain_pipeline(self) -> bool:
        """Tell whether the answer is that of a Pipeline's last step, asked about what its transformers give."""
        from sklearn import get_config

        return (
            type(self.estimator) is Pipeline
            and getattr(self.estimator, "transform_input", None) is None
            and not get_config()["enable_metadata_routing"]
            and not isinstance(self.estimator.steps[-1][1], (str, type(None)))
        )

    def after_steps(self, X: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """Predict and score rows that the transformers of a plain Pipeline have seen already."""
        return self._both_of(self.estimator.steps[-1][1], X)

    def _both_of(self, estimator: Any, X: Any) -> tuple[np.ndarray, np.ndarray | None]:
        if type(estimator) in DECIDED_BY_PROBABILITY:
            scores = estimator.predict_proba(X)
            return estimator.classes_[scores.argmax(axis=1)], scores
        # it decides by its raw output, whose order probabilities keep
        if type(estimator) is GradientBoostingClassifier:
            scores = estimator.predict_proba(X)
            highest = scores == scores.max(axis=1, keepdims=True)
            if not (highest.sum(axis=1) > 1).any():  # but for what rounding makes equal
                return estimator.classes_[highest.argmax(axis=1)], scores
        return estimator.predict(X), self._scores_of(estimator, X)

    def _scores_of(self, estimator: Any, X: Any) -> np.ndarray | None:
        if self.score_kind is None:
            return None
        if self._unsummed:
            return one_against_rest(np.asarray(estimator.predict_proba(X)))
        if self.score_kind == "probability":
            return estimator.predict_proba(X)
        decision = np.asarray(estimator.decision_function(X))
        return decision[:, None] if decision.ndim == 1 else decision


def attribute(estimator: Any, name: str) -> Any:
    """Read a fitted attribute; scikit-learn's properties raise AttributeError where there is none."""
    try:
        return getattr(estimator, name, None)
    except NotFittedError:
        return None


def _is(question: Callable[[Any], bool], estimator: Any) -> bool:
    """Ask scikit-learn what an object is; objects without its tags are neither."""
    try:
        return bool(question(estimator))
    except (AttributeError, TypeError, ValueError):
        return False


def check_fitted(estimator: Any) -> None:
    """Refuse an estimator that says it was not fitted; objects that say nothing pass."""
    if not hasattr(estimator, "fit"):
        return
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        raise InputError(
            "Expected a fitted model.",
            f"This {type(estimator).__name__} has not been fitted.",
            "Call fit first.",
        ) from None
    except (AttributeError, TypeError):
        return


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


def _reads_text(estimator: Any) -> bool:
    while isinstance(estimator, Pipeline) and estimator.steps:
        estimator = estimator.steps[0][1]
    return isinstance(estimator, (CountVectorizer, HashingVectorizer))


def unwrapped(estimator: Any) -> Any:
    """Give the estimator inside searches, calibrators and threshold choosers, which read the same columns."""
    while True:
        inner = getattr(estimator, "best_estimator_", None)
        if inner is None and getattr(estimator, "calibrated_classifiers_", None):
            inner = estimator.calibrated_classifiers_[0].estimator
        if inner is None and type(estimator).__name__ in (
            "FixedThresholdClassifier",
            "TunedThresholdClassifierCV",
        ):
            inner = getattr(estimator, "estimator_", None)
        if inner is None:
            return estimator
        estimator = inner


def final_step(estimator: Any) -> Any:
    """Give the last step of a pipeline, looking into searches and the like."""
    estimator = unwrapped(estimator)
    while isinstance(estimator, Pipeline):
        estimator = unwrapped(estimator.steps[-1][1])
    return estimator


def _is_unsummed(estimator: Any) -> bool:
    """Say whether an estimator of a boosting library, alone or last in a pipeline, was fitted one class against all others."""
    while True:
        inner = getattr(estimator, "best_estimator_", None)
        inner = estimator.steps[-1][1] if inner is None and isinstance(estimator, Pipeline) else inner
        if inner is None:
            break
        estimator = inner
    library = type(estimator).__module__.partition(".")[0]
    if library == "lightgbm":
        return attribute(estimator, "objective_") in ("multiclassova", "multiclass_ova", "ova", "ovr")
    return library == "catboost" and "MultiClassOneVsAll" in str(estimator.get_all_params().get("loss_function", ""))


def recorded_categories(estimator: Any) -> dict[str, list[Any]]:
    """Give the levels that a HistGradientBoosting with ``categorical_features="from_dtype"`` recorded of its input columns."""
    estimator = unwrapped(estimator)
    inner, names = getattr(estimator, "_preprocessor", None), attribute(estimator, "feature_names_in_")
    if inner is None or names is None or getattr(estimator, "categorical_features", None) != "from_dtype":
        return {}
    chosen = np.asarray(names)[np.asarray(estimator.is_categorical_)]
    levels = inner.named_transformers_["encoder"].categories_
    return {str(c): [_plain(v) for v in group if not pd.isna(v)] for c, group in zip(chosen, levels, strict=True)}
