"""Any Python object that predicts, and functions of a data frame."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd

from modelglass.analysis.errors import InputError
from modelglass.analysis.models.answers import AnsweringModel, in_order
from modelglass.analysis.models.base import Model
from modelglass.analysis.models.sklearn import SklearnModel, attribute, check_fitted

ASKED = ("predict_proba", "decision_function", "predict")
"""What an object is asked, the first that it has."""


class PythonModel(SklearnModel):
    """An object that says its classes, like scikit-learn's estimators; it is handed data frames."""

    kind: ClassVar[str] = "Python object"
    foreign = True

    def prepare(self, frame: pd.DataFrame) -> Any:
        """Give the frame."""
        return frame

    def both(self, X: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """Predict and score; without a ``predict`` the highest score decides."""
        if callable(getattr(self.estimator, "predict", None)):
            return super().both(X)
        scores = self.scores(X)
        numbers = np.asarray(scores, dtype="float64").reshape(len(X), -1)
        places = (numbers[:, 0] > 0).astype(np.int64) if numbers.shape[1] == 1 else numbers.argmax(axis=1)
        return np.array(self.classes, dtype=object)[places], scores

    def predict(self, X: Any) -> np.ndarray:
        """Predict labels or values, shape (n,)."""
        return self.both(X)[0]

    def _scores_of(self, estimator: Any, X: Any) -> np.ndarray | None:
        """Give the scores; columns that are named after the classes are read by name."""
        if self.score_kind != "probability" or self._unsummed:
            return super()._scores_of(estimator, X)
        scores: np.ndarray = in_order(estimator.predict_proba(X), self.classes)
        return scores


class ObjectModel(AnsweringModel):
    """An object with ``predict_proba``, ``decision_function`` or ``predict`` that records no classes; it is handed data frames."""

    kind: ClassVar[str] = "Python object"
    foreign = True

    def __init__(self, estimator: Any, *, name: str = "in memory", fingerprint: str | None = None):
        super().__init__(estimator, name=name, fingerprint=fingerprint)
        check_fitted(estimator)
        names = attribute(estimator, "feature_names_in_")
        self.feature_names = None if names is None else tuple(str(n) for n in names)
        columns = attribute(estimator, "n_features_in_")
        self.n_features = len(self.feature_names) if self.feature_names else None if columns is None else int(columns)
        self._asked = next(a for a in ASKED if callable(getattr(estimator, a, None)))

    def ask(self, X: Any) -> Any:
        """Ask the object."""
        return getattr(self.estimator, self._asked)(X)

    def own_labels(self, X: Any) -> Any:
        """Give what ``predict`` says, where it is not what is asked anyway."""
        if self._asked == "predict" or not callable(getattr(self.estimator, "predict", None)):
            return None
        return self.estimator.predict(X)


class FunctionModel(AnsweringModel):
    """A function of a data frame that gives labels, values, or probabilities."""

    kind: ClassVar[str] = "Python function"
    foreign = True

    def ask(self, X: Any) -> Any:
        """Call it."""
        return self.estimator(X)


def wrap_object(obj: Any, name: str) -> Model:
    """Wrap any object with one of the methods of ``ASKED``, or a function.

    Raises
    ------
    InputError
        It is neither, or a class.
    """
    if not isinstance(obj, type):
        if any(callable(getattr(obj, a, None)) for a in ASKED):
            says = attribute(obj, "classes_") is not None or hasattr(obj, "_estimator_type")
            return (PythonModel if says else ObjectModel)(obj, name=name)
        if callable(obj):
            return FunctionModel(obj, name=name)
    raise InputError(
        "Expected a fitted model: an object with a predict method, or a function of a data frame.",
        f"Got the class {obj.__name__}, not an object of it."
        if isinstance(obj, type)
        else f"Got an object of type {type(obj).__name__}.",
        "Pass the fitted estimator or pipeline itself.",
    )
