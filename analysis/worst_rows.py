"""Worst rows: the rows that the model is most wrong about, in the raw columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.errors import InputError, NotApplicable, unknown_name
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.analysis.wording import say

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

LOSSES = {
    "log_loss": "minus the log of the probability given to what happened",
    "margin": "how far the score lies on the wrong side of the decision",
    "wrong": "predicted wrong or not; there are no scores to rank the rows by",
    "absolute_error": "distance of prediction and outcome",
}


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class WorstRows(Result):
    """The rows with the largest loss, worst first.

    rows    row (number in the data as read), id (where an id column is given), actual, predicted, score (of
            the positive class in binary, of the predicted class with more; absent without scores), loss,
            wrong (in classification), then the raw columns under their own names (a column named like one of
            these follows as "data: NAME")
    total   rows that were looked at; wrong: those predicted wrong (None in regression)
    share_of_loss   share of the whole loss that these rows hold, NaN where the loss is not a sum
    loss    log_loss (probabilities), margin (decision scores), wrong (labels only) or absolute_error
            (regression); weights do not change which row is worst
    features    names of the raw columns in ``rows`` that the model reads
    """

    rows: pd.DataFrame
    total: int
    wrong: int | None
    share_of_loss: float
    loss: str
    features: tuple[str, ...]
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give the rows, worst first."""
        return self.rows

    def sentence(self) -> str:
        """Say what is worst, and how much of the loss these rows hold."""
        cell = _cell_text(self.settings)
        if self.rows.empty:
            return (
                f"None of the {rows_text(self.total)} looked at is {cell or 'predicted wrong'}."
                if self.total != 1
                else f"The one row looked at is not {cell.removeprefix('that are ') or 'predicted wrong'}."
            )
        worst = {name: self.rows[name].iloc[0] for name in self.rows}
        text = f"Of {rows_text(self.total)}{f' {cell}' if cell else ''}"
        if self.wrong is not None and not cell:
            text += f", {self.wrong:,} predicted wrong"
        one = len(self.rows) == 1
        text += f", the {'one' if one else f'{len(self.rows):,}'} worst by {self.loss.replace('_', ' ')} ({LOSSES[self.loss]})"
        if not np.isnan(self.share_of_loss):
            text += f" {'holds' if one else 'hold'} {self.share_of_loss:.1%} of the whole loss"
        name = worst["id"] if "id" in worst else worst["row"]
        actual, predicted = (say(v) if self.wrong is None else v for v in (worst["actual"], worst["predicted"]))
        loss = say(worst["loss"])
        return f"{text}. Row {name} is the worst: actual {actual}, predicted {predicted} (loss {loss})."


def _cell_text(settings: Mapping[str, Any]) -> str:
    parts = [
        f"{word} {settings[key]}"
        for key, word in (("actual", "that are"), ("predicted", "predicted as"))
        if settings[key] is not None
    ]
    return " and ".join(parts)


def worst_rows(
    ev: Evaluation, *, n: int = 20, actual: Any = None, predicted: Any = None, only_wrong: bool = False
) -> WorstRows:
    """Give the rows that the model is most wrong about.

    Parameters
    ----------
    ev : Evaluation
    n : int, rows to give
    actual, predicted : label, optional
        Only rows of this cell of the confusion table (classification).
    only_wrong : bool
        Only rows predicted wrong (classification).

    Raises
    ------
    InputError
        A class that does not exist, or n below 1.
    """
    if n < 1:
        raise InputError("Expected one row or more.", f"Got n = {n}.")
    if ev.task == "regression" and (actual is not None or predicted is not None or only_wrong):
        raise NotApplicable("the target is a number, so there are no classes to choose rows by")
    settings = {"n": n, "actual": actual, "predicted": predicted, "only_wrong": only_wrong}
    among = np.ones(ev.n, dtype=bool)
    for codes, label in ((ev.y, actual), (ev.predicted, predicted)):
        if label is not None:
            among &= codes == label_code(ev, label)
    total = int(among.sum())
    if only_wrong:
        among &= ev.y != ev.predicted
    name, losses = row_losses(ev)
    at = np.flatnonzero(among)
    at = at[np.lexsort((ev.rows[at], -losses[at]))[:n]]
    weight = np.ones(ev.n) if ev.weight is None else ev.weight
    held = float("nan")
    if name != "margin" and (losses * weight).sum() > 0:
        held = float((losses * weight)[at].sum() / (losses * weight).sum())
    return WorstRows(
        rows=_table(ev, at, losses),
        total=total,
        wrong=None if ev.task == "regression" else int((ev.y != ev.predicted).sum()),
        share_of_loss=held,
        loss=name,
        features=ev.features,
        source=ev.source,
        settings=settings,
    )


def label_code(ev: Evaluation, label: Any) -> int:
    """Give the code of a class, also where it comes as text."""
    for code, known in enumerate(ev.classes):
        if known == label or str(known) == str(label):
            return code
    raise unknown_name("class", str(label), [str(c) for c in ev.classes])


def loss_name(ev: Evaluation) -> str:
    """Name the loss by which rows are ranked: log_loss, margin, wrong or absolute_error."""
    if ev.task == "regression":
        return "absolute_error"
    return "wrong" if ev.score is None else "log_loss" if ev.score_kind == "probability" else "margin"


def row_losses(ev: Evaluation) -> tuple[str, np.ndarray]:
    """Give the name of the loss and the loss of each row: (n,)."""
    name = loss_name(ev)
    if name == "absolute_error":
        return name, np.abs(ev.y - ev.predicted)
    if name == "wrong":
        return name, (ev.y != ev.predicted).astype(float)
    return name, _log_losses(ev) if name == "log_loss" else _margins(ev)


def _log_losses(ev: Evaluation) -> np.ndarray:
    score, eps = np.asarray(ev.score), np.finfo(float).eps
    given = np.where(ev.y == ev.positive_index, score, 1 - score) if ev.task == "binary" else _given(ev)
    return -np.log(np.clip(given, eps, 1 - eps))


def _margins(ev: Evaluation) -> np.ndarray:
    score = np.asarray(ev.score)
    if ev.task != "binary":
        return score.max(axis=1) - _given(ev)
    beyond = score - (ev.threshold or 0.0)
    return np.where(ev.y == ev.positive_index, -beyond, beyond)


def _given(ev: Evaluation) -> np.ndarray:
    """Give the score of what happened."""
    return np.take_along_axis(np.asarray(ev.score), ev.y[:, None], axis=1)[:, 0]


def _table(ev: Evaluation, at: np.ndarray, losses: np.ndarray) -> pd.DataFrame:
    raw = ev.frame.iloc[at]
    table: dict[str, Any] = {"row": raw.index.to_numpy()}
    if not np.array_equal(ev.ids[at], table["row"]):
        table["id"] = ev.ids[at]
    if ev.task == "regression":
        table |= {"actual": ev.y[at], "predicted": ev.predicted[at]}
    else:
        labels = np.empty(len(ev.classes), dtype=object)
        labels[:] = list(ev.classes)
        table |= {"actual": labels[ev.y[at]], "predicted": labels[ev.predicted[at]]}
        if ev.score is not None:
            table["score"] = ev.score[at] if ev.task == "binary" else ev.score[at, ev.predicted[at]]
    table["loss"] = losses[at]
    if ev.task != "regression":
        table["wrong"] = ev.y[at] != ev.predicted[at]
    order = [*ev.features, *(c for c in ev.columns if c not in ev.features and c != ev.target)]
    for column in order:
        table[column if column not in table else f"data: {column}"] = raw[column].to_numpy()
    return pd.DataFrame(table)
