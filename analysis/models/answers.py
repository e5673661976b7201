"""Models that do not say what their answers mean: functions, plain objects, ONNX graphs, MLflow's pyfunc. The data settle it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.errors import InputError, listed
from modelglass.analysis.models.base import Model, checked_labels, checked_numbers

SUM_SLACK = 1e-3
"""Numbers between 0 and 1 whose sum is one within this are probabilities."""
ALIKE, FEW = 0.5, 20
"""Share of rows on which label and highest score must agree, where the order of the classes was guessed; asked of so many rows."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Outcomes:
    """What the data say, for a model that does not.

    labels  distinct values of the target, sorted; numeric: they are numbers (not yes-or-no); many: too many or too fine to be classes
    task, positive  as the person gave them; mapped: the model's labels where the person mapped labels, else ()
    """

    labels: tuple[Any, ...]
    numeric: bool
    many: bool
    task: str | None = None
    positive: Any = None
    mapped: tuple[Any, ...] = ()

    def classes(self, columns: int) -> tuple[Any, ...]:
        """Give the labels of this many columns of scores: sorted, as scikit-learn orders them.

        Raises
        ------
        InputError
            There are other numbers of labels and columns, and the labels are not 0, 1, 2, ...
        """
        labels = self.mapped or self.labels
        numbers = all(isinstance(v, (bool, int, float)) and float(v).is_integer() for v in labels)
        if numbers and labels and min(labels) >= 0 and max(labels) < columns:
            return labels if len(labels) == columns else tuple(range(columns))
        if len(labels) == columns:
            return labels
        raise InputError(
            f"Expected as many labels in the target as the model has classes, {columns}.",
            f"There are {len(labels)}: {listed(labels)}; the model recorded no labels, so they cannot be told apart.",
            "Give an object with classes_ beside its predict_proba.",
        )

    def pair(self) -> tuple[Any, Any]:
        """Give the two labels, the positive one last."""
        two = self.classes(2)
        if self.positive is None:
            return two[0], two[1]
        return (two[1], two[0]) if str(two[0]) == str(self.positive) else (two[0], two[1])


class AnsweringModel(Model):
    """A model that is asked one question, ``ask``, and does not say what the answer means.

    Attributes
    ----------
    meaning : str
        "" (not settled: the answer as it is), "label", "value", "probability" (of the last of two classes), "probabilities", "decision" (of
        two classes, positive above zero) or "decisions" (a score a class, the highest wins).
    """

    meaning: str = ""

    def ask(self, X: Any) -> Any:
        """Give the answer for prepared rows."""
        raise NotImplementedError

    def own_labels(self, X: Any) -> Any:
        """Give the labels where the model has a way to say them beside its scores; None where not."""
        return None

    def predict(self, X: Any) -> np.ndarray:
        """Give labels or values."""
        return self.both(X)[0]

    def scores(self, X: Any) -> np.ndarray | None:
        """Give scores, or None."""
        return self.both(X)[1]

    def both(self, X: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """Ask once, and read the answer as settled; a frame of several named columns tells the outputs."""
        answer = self.ask(X)
        if self.output_names is None:
            self.output_names = column_names(answer)
        answer = in_order(answer, self.classes)
        if self.meaning in ("", "label", "value"):
            return answer, None
        numbers = checked_numbers(answer, len(answer))
        scores, places = read_scores(numbers, self.meaning)
        own = self.own_labels(X)
        return (np.array(self.classes, dtype=object)[places] if own is None else own), scores

    def settled(self, answer: Any, rows: int, data: Outcomes) -> Model:
        """Give a copy that knows what the answers mean, from a few of them and what the data say; said in its notes."""
        shaped = checked_labels(answer, rows)
        meaning = meaning_of(shaped, data)
        model = copy.copy(self)
        model.notes = list(self.notes)
        model.meaning = meaning
        model._take(shaped, data)
        return model

    def _take(self, answer: np.ndarray, data: Outcomes) -> None:
        if self.meaning == "value":
            self.task = "regression"
        if self.meaning in ("", "label", "value"):
            return
        if self.meaning in ("probability", "decision"):
            self.classes = data.pair()
        else:
            self.classes = self.classes or data.classes(answer.shape[1])
        self.task = "binary" if len(self.classes) == 2 else "multiclass"
        self.score_kind = "probability" if self.meaning.startswith("prob") else "decision"
        self.notes.append(_how(self.meaning, self.classes, self.output_names if answer.ndim == 2 else None))


def read_scores(numbers: np.ndarray, meaning: str) -> tuple[np.ndarray, np.ndarray]:
    """Give scores as ``Model.scores`` gives them, and the place of the class each row is given."""
    if meaning == "probability":
        return np.column_stack([1.0 - numbers[:, 0], numbers[:, 0]]), (numbers[:, 0] > 0.5).astype(np.int64)
    if meaning == "decision":
        return numbers[:, -1:], (numbers[:, -1] > 0).astype(np.int64)
    return numbers, numbers.argmax(axis=1)


def meaning_of(answer: np.ndarray, data: Outcomes) -> str:
    """Tell what answers mean from their shape and values and from the target.

    Parameters
    ----------
    answer : array, shape (n,) or (n, k)
        A few answers.
    """
    if data.task == "regression":
        return "value"
    if answer.ndim == 2:
        if are_probabilities(answer):
            return "probabilities"
        if data.task is None and data.numeric and len(data.labels) > 2:
            return "value"
        if answer.shape[1] == 2 and np.allclose(answer[:, 0], -answer[:, 1], atol=1e-6):
            return "decision"
        return "decisions"
    if answer.dtype.kind not in "iuf":
        return "label"
    known = {float(v) for v in (data.mapped or data.labels) if isinstance(v, (bool, int, float))}
    if not data.many and set(np.unique(answer).astype(float).tolist()) <= known:
        return "label"
    if len(data.labels) == 2:
        return "probability" if answer.min() >= 0 and answer.max() <= 1 else "decision"
    if data.numeric:
        return "value"
    raise InputError(
        f"Expected a label, or one probability for each of {len(data.labels)} classes, from the model.",
        f"It gives one number a row (from {answer.min():.4g} to {answer.max():.4g}).",
        "Return an array with one column a class, or check --target.",
    )


def are_probabilities(numbers: np.ndarray) -> bool:
    """Say whether each row is a distribution."""
    if numbers.dtype.kind not in "fiu" or not np.isfinite(numbers).all():
        return False
    return bool(
        numbers.min() >= -SUM_SLACK
        and numbers.max() <= 1 + SUM_SLACK
        and np.abs(numbers.sum(axis=1) - 1).max() <= SUM_SLACK
    )


def order_fails(highest: np.ndarray, labels: np.ndarray) -> bool:
    """Say whether the class of the highest score is mostly not the label, so that the order of the classes was guessed wrongly."""
    return len(labels) >= FEW and bool((highest == labels.astype(object)).mean() < ALIKE)


def column_names(answer: Any) -> tuple[str, ...] | None:
    """Give the names of the columns of an answer that is a frame of several; None where it is none, or numbered them only.

    >>> column_names(pd.DataFrame({"yes": [0.2], "no": [0.8]})), column_names(pd.DataFrame([[0.2, 0.8]]))
    (('yes', 'no'), None)
    """
    names = getattr(answer, "columns", None)
    if names is None or len(names) < 2 or isinstance(names, pd.RangeIndex):
        return None
    return tuple(str(c) for c in names)


def in_order(answer: Any, classes: Sequence[Any] | None) -> Any:
    """Give an answer whose columns are named after the classes in the order of these; any other as it is."""
    names = column_names(answer)
    wanted = [str(c) for c in classes or ()]
    if names is None or list(names) == wanted or sorted(names) != sorted(wanted):
        return answer
    return np.asarray(answer)[:, [names.index(c) for c in wanted]]


def _how(meaning: str, classes: Sequence[Any], names: Sequence[str] | None) -> str:
    start = "The model does not say what its answers mean"
    kind = "probabilities" if meaning == "probabilities" else "scores"
    if names is not None and sorted(names) == sorted(str(c) for c in classes):
        return f"{start}: its columns are named as the labels are, and taken as their {kind} by name."
    if meaning == "probability":
        return f"{start}: one number between 0 and 1 a row is taken as the probability of {classes[-1]!r}. If it is a value, say --task regression."
    if meaning == "decision":
        return f"{start}: one number a row is taken as a score that speaks for {classes[-1]!r} above zero. If it is a value, say --task regression."
    named = f" ({listed(names)})" if names is not None and len(names) == len(classes) else ""
    return f"{start}: its {len(classes)} columns{named} are taken as {kind} of {listed(repr(c) for c in classes)}, in this order."


def without_point(labels: list[Any]) -> list[Any]:
    """Give whole numbers as such where a column with gaps was read as 0.0 and 1.0; other labels as they are.

    >>> without_point([0.0, 1.0]), without_point([0.0, 0.5])
    ([0, 1], [0.0, 0.5])
    """
    whole = all(isinstance(v, float) and v.is_integer() for v in labels)
    return [int(v) for v in labels] if whole else labels


def outcomes_of(
    values: pd.Series, *, task: str | None, positive: Any, label: Mapping[Any, Any] | Sequence[str] | None
) -> Outcomes:
    """Read what the target column says, for ``AnsweringModel.settled``."""
    known = values.dropna()
    distinct = pd.unique(known.astype("object") if isinstance(known.dtype, pd.CategoricalDtype) else known)
    labels = [v.item() if isinstance(v, np.generic) else v for v in distinct]
    try:
        labels = sorted(labels)
    except TypeError:
        labels = sorted(labels, key=str)
    if len(labels) == 2:
        labels = without_point(labels)
    numeric = pd.api.types.is_numeric_dtype(known) and not pd.api.types.is_bool_dtype(known)
    fine = numeric and len(labels) > 2 and (pd.api.types.is_float_dtype(known) or len(labels) > 20)
    return Outcomes(
        labels=tuple(labels), numeric=numeric, many=bool(fine), task=task, positive=positive, mapped=_mapped(label)
    )


def _mapped(label: Mapping[Any, Any] | Sequence[str] | None) -> tuple[Any, ...]:
    """Give the model's labels that a map of labels names; whole numbers as such."""
    if not label:
        return ()
    named = label.values() if isinstance(label, Mapping) else [text.rpartition("=")[2] for text in label]
    found = {int(v) if isinstance(v, str) and v.lstrip("-").isdigit() else v for v in named}
    return tuple(sorted(found, key=lambda v: (isinstance(v, str), v)))
