"""Columns that conditions have beside those of the data: outcome, prediction, score, error and number of each row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from modelglass.analysis.selfcheck import Note
from modelglass.analysis.sql_text import literal, quote_name

if TYPE_CHECKING:
    from modelglass.analysis.preparing import Prepared

OUTCOME, PREDICTION, SCORE, CONFIDENCE, ERROR, ROW = (
    "_outcome",
    "_prediction",
    "_score",
    "_confidence",
    "_error",
    "_row",
)
DECIDED = frozenset({PREDICTION, ERROR})
"""These follow the operating threshold."""
OF_THE_MODEL = frozenset({PREDICTION, SCORE, CONFIDENCE, ERROR})
HELP = (
    "Beside the columns of the data: _outcome and _prediction (labels or values), _score (of the positive class; of several classes "
    '"_score:NAME" for each and _confidence, that of the predicted one), _error (1 where wrong, 0 where right; of numbers prediction minus '
    "outcome) and _row (the row's number). _prediction and _error follow the operating threshold."
)
"""Told beside every place where a condition can be typed."""


def available(data: Prepared) -> dict[str, str]:
    """Give the names that a condition on these data may use, each with the one it stands for; a column of the data goes before.

    A name that the data have (but for upper and lower case) means the data's own column, because conditions written for the data
    must keep their meaning.
    """
    taken = {str(name).lower() for name in data.frame.columns}
    return {name: name for name in _offered(data) if name.lower() not in taken}


def shadowed(data: Prepared) -> list[str]:
    """Give the names that mean a column of the data here."""
    mine = available(data)
    return [name for name in _offered(data) if name not in mine]


def why_absent(data: Prepared) -> dict[str, str]:
    """Say for each name that is not offered for this task why not."""
    reasons = {}
    if data.target.task == "regression":
        reasons = dict.fromkeys((SCORE, CONFIDENCE), "the prediction is a number, so there is no score of a class")
    elif data.score is None:
        reasons = dict.fromkeys((SCORE, CONFIDENCE), "the model gives labels only and no scores")
    elif data.target.task == "multiclass":
        names = ", ".join(quote_name(name) for name in _class_scores(data)[:6])
        reasons = {SCORE: f"there are several classes, each with a score: {names}"}
    else:
        reasons = {CONFIDENCE: f"there are two classes: use {SCORE}, the score of the positive one"}
    return reasons


def _offered(data: Prepared) -> list[str]:
    names = [OUTCOME, PREDICTION, ERROR, ROW]
    if data.score is None:
        return names
    if data.target.task == "binary":
        return [*names, SCORE]
    return [*names, CONFIDENCE, *_class_scores(data)]


def _class_scores(data: Prepared) -> list[str]:
    """Name the score of each class; names that differ in case only cannot be told apart in SQL, so the first one stands."""
    names: dict[str, str] = {}
    for label in data.target.classes:
        names.setdefault(f"{SCORE}:{label}".lower(), f"{SCORE}:{label}")
    return list(names.values())


def predicted_at(data: Prepared, threshold: float | None) -> np.ndarray:
    """Give the codes (or values) predicted at a threshold, shape (n_rows,); None is the model's own predict."""
    if threshold is None:
        return data.predicted
    index = data.target.positive_index or 0
    return np.where(np.asarray(data.score) >= threshold, index, 1 - index)


def values(data: Prepared, name: str, threshold: float | None) -> Any:
    """Give an available column as an Arrow array, one value a row.

    Parameters
    ----------
    data : Prepared
    name : str
        One of ``available(data)``.
    threshold : float or None
        The operating threshold that predictions and errors follow.
    """
    import pyarrow as pa

    if name == ROW:
        return pa.array(data.frame.index.to_numpy(), pa.int64())
    if name == OUTCOME:
        return _labels(data, data.y)
    predicted = predicted_at(data, threshold)
    if name == PREDICTION:
        return _labels(data, predicted)
    if name == ERROR:
        wrong = predicted - data.y if data.target.task == "regression" else (predicted != data.y).astype(np.int64)
        return pa.array(wrong)
    score = np.asarray(data.score)
    if name == SCORE:
        return pa.array(score)
    if name == CONFIDENCE:
        return pa.array(score[np.arange(len(score)), predicted])
    places = [i for i, label in enumerate(data.target.classes) if f"{SCORE}:{label}".lower() == name.lower()]
    return pa.array(np.ascontiguousarray(score[:, places[0]]))


def _labels(data: Prepared, codes: np.ndarray) -> Any:
    import pyarrow as pa

    if data.target.task == "regression":
        return pa.array(codes)
    return pa.array(_levels(data.target.classes)).take(pa.array(codes))


def _levels(classes: Iterable[Any]) -> list[Any]:
    """Give labels that Arrow can hold in one column: as they are where they are of one kind, else as texts."""
    labels = list(classes)
    kinds = {bool if isinstance(v, bool) else type(v) for v in labels}
    plain = len(kinds) == 1 and kinds <= {bool, int, float, str}
    return labels if plain else [str(v) for v in labels]


class Words:
    """Conditions on outcome, prediction, score and error in the words of SQL; None where the data's own columns stand in the way.

    Parameters
    ----------
    data : Prepared
    """

    def __init__(self, data: Prepared):
        self._names, self._classes = available(data), data.target.classes

    def name(self, reserved: str) -> str | None:
        """Write a name as SQL reads it; None where it cannot be had."""
        if reserved not in self._names:
            return None
        return reserved if reserved.replace("_", "").isalnum() and reserved.isascii() else quote_name(reserved)

    def label(self, reserved: str, code: int) -> str | None:
        """Say that an outcome or prediction is the class of a code."""
        name = self.name(reserved)
        return None if name is None else f"{name} = {literal(_levels(self._classes)[code])}"

    def score(self, code: int) -> str | None:
        """Write the name of a class's score: ``_score``, or ``"_score:NAME"`` of several classes."""
        return self.name(SCORE) or self.name(f"{SCORE}:{self._classes[code]}")


def notes(data: Prepared) -> list[Note]:
    """Say what a person should know where the data's own columns have reserved names."""
    said = "in conditions this name means it, and not what modelglass knows of the row. Rename it to have both."
    return [Note(level="warning", text=f"The data have a column {name}: {said}") for name in shadowed(data)]
