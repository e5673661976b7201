"""What every kind of model offers to the core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from modelglass.analysis.errors import InputError

ScoreKind = Literal["probability", "decision"]


class Model:
    """One trained model, whatever library it comes from.

    Subclasses (one file per kind) fill the attributes from what the model records about itself.

    Attributes
    ----------
    kind : str
        Name of the library for people, e.g. "scikit-learn".
    name : str
        File name or "in memory".
    estimator : object
        The model itself; None in predictions-only use.
    task : {"binary", "multiclass", "regression"} or None
        What the model says it does; None where it does not say.
    classes : tuple or None
        Labels in the order of the score columns.
    feature_names : tuple of str or None
        Raw input columns in the order the model was fitted with; None where it recorded none.
    n_features : int or None
        Number of raw input columns where recorded.
    categories : Mapping of str to list
        Levels of pandas-categorical inputs that the model itself recorded; columns are cast to these before predicting.
    score_kind : {"probability", "decision"} or None
        What ``scores`` returns; None: nothing.
    fingerprint : str or None
        Hash of the file's bytes or of the pickle; None where neither exists.
    notes : list of str
        What a person should know about how the model was read.
    """

    kind: ClassVar[str] = "model"

    def __init__(self, estimator: Any, *, name: str = "in memory", fingerprint: str | None = None):
        self.estimator = estimator
        self.name = name
        self.fingerprint = fingerprint
        self.task: str | None = None
        self.classes: tuple[Any, ...] | None = None
        self.feature_names: tuple[str, ...] | None = None
        self.n_features: int | None = None
        self.categories: Mapping[str, Sequence[Any]] = {}
        self.score_kind: ScoreKind | None = None
        self.notes: list[str] = []

    def prepare(self, frame: pd.DataFrame) -> Any:
        """Give what the library wants to be handed, from a frame of raw columns in the model's order."""
        return frame

    def both(self, X: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """Predict labels or values, and scores, sharing what can be shared (preprocessing, say)."""
        return self.predict(X), self.scores(X)

    def predict(self, X: Any) -> np.ndarray:
        """Predict labels (as in ``classes``) or values, shape (n,)."""
        raise NotImplementedError

    def scores(self, X: Any) -> np.ndarray | None:
        """Give scores of shape (n, k), columns as in ``classes``; for a decision function of two classes shape (n, 1)."""
        raise NotImplementedError


def checked_vector(values: Any, rows: int, what: str) -> np.ndarray:
    """Check that a model returned one value a row."""
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape != (rows,):
        raise InputError(
            f"Expected one {what} for each of {rows:,} rows.",
            f"The model returned an array of shape {array.shape}.",
            "Check the model's predict; several outputs are not supported yet.",
        )
    return array
