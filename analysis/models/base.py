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
    categorical : tuple of str
        Inputs that the model takes as categories without having recorded their levels.
    score_kind : {"probability", "decision"} or None
        What ``scores`` returns; None: nothing.
    fingerprint : str or None
        Hash of the file's bytes or of the pickle; None where neither exists.
    output_names : tuple of str or None
        Names of the outputs of a model with several, where recorded.
    output_quantiles : tuple of float or None
        Shares of outcomes that lie at or below each output of a model trained for quantiles (one or several), in their order.
    target_steps : tuple of transformers
        What was done to the target before the model that answers was trained, outermost first; the shares are then of what came out.
    notes : list of str
        What a person should know about how the model was read.
    """

    kind: ClassVar[str] = "model"
    foreign: bool = False
    """Whether it runs code of its maker, which may never answer: then each question to it has a limit (patience.py)."""

    def __init__(self, estimator: Any, *, name: str = "in memory", fingerprint: str | None = None):
        self.estimator = estimator
        self.name = name
        self.fingerprint = fingerprint
        self.task: str | None = None
        self.classes: tuple[Any, ...] | None = None
        self.feature_names: tuple[str, ...] | None = None
        self.n_features: int | None = None
        self.categories: Mapping[str, Sequence[Any]] = {}
        self.categorical: tuple[str, ...] = ()
        self.score_kind: ScoreKind | None = None
        self.output_names: tuple[str, ...] | None = None
        self.output_quantiles: tuple[float, ...] | None = None
        self.target_steps: tuple[Any, ...] = ()
        self.notes: list[str] = []

    def categories_in(self, frame: pd.DataFrame, train: pd.DataFrame | None = None) -> Mapping[str, Sequence[Any]]:
        """Give the recorded levels by the names that the columns have in a frame, which holds those of the model in its order."""
        return self.categories

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


def one_against_rest(scores: np.ndarray) -> np.ndarray:
    """Give scores of classes that were each fitted against all others, as ``Model.scores`` gives decisions, unchanged but for two classes."""
    return scores[:, 1:] - scores[:, :1] if scores.shape[1] == 2 else scores


def unsummed(classes: Sequence[Any]) -> str:
    """Say of a model fitted one class against all others what its numbers are."""
    used = "The difference of the two is used as a score" if len(classes) == 2 else "They are used unchanged as scores"
    return (
        "The model was fitted one class against all others: its numbers of a row lie between 0 and 1 and need not sum to one. "
        f"{used}, the highest class wins; what needs probabilities (calibration, log loss, Brier score) cannot be said."
    )


def checked_labels(answer: Any, rows: int) -> np.ndarray:
    """Check what a model's ``predict`` gave: one label or value a row, (rows,), or numbers of several outputs, (rows, outputs)."""
    array = _array(answer, rows, "one prediction")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.dtype.kind == "m":  # durations are seconds everywhere
        array = array / np.timedelta64(1, "s")
    if array.dtype.kind not in "biufOUST":
        raise _wrong(f"values of the type {array.dtype}", "labels or numbers")
    if array.ndim == 2 and array.dtype.kind not in "biuf":
        return checked_numbers(array, rows)
    if array.ndim == 1 and array.dtype.kind == "O":
        odd = next((v for v in array[:1_000] if isinstance(v, (list, tuple, dict, set, np.ndarray))), None)
        if odd is not None:
            raise _wrong(f"a {type(odd).__name__} for a row", "one label or number")
    return array


def checked_numbers(answer: Any, rows: int) -> np.ndarray:
    """Check what a model gave as scores: numbers, float64 of shape (rows, k)."""
    array = _array(answer, rows, "scores")
    try:
        if array.dtype.kind == "c":
            raise TypeError
        array = array.astype("float64", copy=False)
    except (ValueError, TypeError):
        raise _wrong(f"scores of the type {array.dtype}", "numbers") from None
    return array.reshape(rows, -1)


def _array(answer: Any, rows: int, what: str) -> np.ndarray:
    """Turn lists, Series, frames and sparse matrices into an array, and check that there is something for each row."""
    if answer is None:
        raise _wrong("nothing (None)", what)
    if hasattr(answer, "toarray"):
        answer = answer.toarray()
    try:
        array = np.asarray(answer)
    except (ValueError, TypeError):
        raise _wrong("rows of different lengths", what) from None
    if array.ndim == 0 or array.ndim > 2 or len(array) != rows:
        shape = "one single value" if array.ndim == 0 else f"an array of shape {array.shape}"
        raise _wrong(shape, f"{what} for each of {rows:,} rows")
    return array


def _wrong(came: str, expected: str) -> InputError:
    return InputError(f"Expected {expected} from the model.", f"It returned {came}.", "Check the model's predict.")
