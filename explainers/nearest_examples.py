"""Nearest examples: the rows most like one row, what came of them, what the model says of them, and in what they differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.errors import InputError, NotApplicable, unknown_name
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.analysis.wording import say
from modelglass.explainers import rows as shared
from modelglass.explainers.likeness import Likeness, compared

MOST_LOOKED_AT = 100_000
AMONG = ("evaluated", "train")
_NAMED = 3


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class NearestExamples(Result):
    """Rows that are most like one row, nearest first.

    examples    row (number in its data), distance (mean over columns, 0 to 1), outcome, prediction, score (the model's probability or
                score for the class that it predicts for the explained row; of numbers equal to prediction; NaN without), differs
                (the columns that differ most, in words), n_differ (columns that differ)
    cells       row, feature, value (as text), here (the explained row's value), difference (0 to 1): every column of every example
    row         number of the explained row; outcome, prediction, score: its own, as in ``examples``
    looked_at   rows among which the examples were sought
    among       "evaluated" or "train"
    """

    examples: pd.DataFrame
    cells: pd.DataFrame
    row: int
    outcome: Any
    prediction: Any
    score: float
    looked_at: int
    among: str
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give row, distance, outcome, prediction, score, differs, n_differ."""
        return self.examples

    def sentence(self) -> str:
        """Say what came of the rows most like this one."""
        found, n = self.examples, len(self.examples)
        what = "training row" if self.among == "train" else "other row"
        most = f"the {n} {what}s most like it" if n > 1 else f"the {what} most like it"
        if self.source.task == "regression":
            ends = f"{say(found.outcome.min())} to {say(found.outcome.max())}" if n > 1 else say(found.outcome.iloc[0])
            middle = f" (median {say(found.outcome.median())})" if n > 2 else ""
            said = f"the model says {say(self.prediction)}; of {most} the outcome was {ends}{middle}"
        else:
            same, alike = ((found[c].astype(str) == str(self.prediction)).sum() for c in ("outcome", "prediction"))
            said = f"the model decides {self.prediction}; of {most} {same} came out so, and the model decides so for {alike}"
        first = found.iloc[0]
        near = f"the nearest, row {first.row}, differs in {first.differs}" if first.n_differ else (
            f"row {first.row} is the same in every column")  # fmt: skip
        return f"Row {self.row}: {said}; {near}. Sought among {rows_text(self.looked_at)}, all columns counting alike."


def nearest_examples(
    ev: Evaluation,
    *,
    row: Any,
    count: int = 10,
    among: str = "evaluated",
    features: Any = None,
    seed: int | None = None,
    progress: Progress | None = None,
) -> NearestExamples:
    """Find the rows most like one row, in raw columns of any type.

    Alike: the mean over columns of differences between 0 and 1, of numbers and dates by rank, of all others the same or not
    (``likeness.Likeness``). The row itself is left out where it stands among them.

    Parameters
    ----------
    row : row number in the data (the frame's index)
    count : int
        Examples.
    among : {"evaluated", "train"}
        Where they are sought: the evaluated rows of this cohort, or the training data. At most 100,000 rows, a stratified sample.
    features : name or sequence of names, optional
        Columns compared; without it all that the model reads, of predictions alone all of the data.

    Raises
    ------
    NotApplicable
        No training data were given; there is no other row; no columns are known.
    InputError
        A row that does not exist.
    """
    if among not in AMONG:
        raise unknown_name("place to look", str(among), AMONG)
    if count < 1:
        raise InputError("Expected at least one example.", f"Got {count}.")
    place = shared.row_place(ev, row)
    names = compared(ev, features)
    one = ev.frame[names].iloc[[place]]
    there = (ev if among == "evaluated" else ev.on("train")).sample(MOST_LOOKED_AT, seed)
    tell(progress, 0.1, f"comparing {rows_text(there.n)}")
    frame = there.frame[names]
    likeness = Likeness(frame, names)
    differences = likeness.differences(likeness.read(one), likeness.read(frame))
    tell(progress, 0.8, f"comparing {rows_text(there.n)}")
    distance = differences.mean(axis=1)
    numbers = there.frame.index.to_numpy()
    others = np.flatnonzero(numbers != row) if among == "evaluated" else np.arange(there.n)
    if not len(others):
        raise NotApplicable("there is no other row to compare this one with")
    best = others[np.argsort(distance[others], kind="stable")[:count]]
    group = None if ev.task == "regression" else int(ev.predicted[place])
    cells = _cells(one, frame.iloc[best], numbers[best], names, differences[best])
    return NearestExamples(
        examples=_examples(there, best, distance[best], cells, group),
        cells=cells,
        row=int(row),
        outcome=_named(ev, ev.y[[place]])[0],
        prediction=_named(ev, ev.predicted[[place]])[0],
        score=float(_scores(ev, np.array([place]), group)[0]),
        looked_at=len(others),
        among=among,
        source=ev.source,
        settings={"row": int(row), "count": count, "among": among, "features": names, "seed": there.seed},
    )


def _named(ev: Evaluation, codes: np.ndarray) -> list[Any]:
    return [float(v) for v in codes] if ev.task == "regression" else [str(ev.classes[int(c)]) for c in codes]


def _scores(ev: Evaluation, places: np.ndarray, group: int | None) -> np.ndarray:
    """Give the score of one class (by its code) for some rows; NaN where there are none."""
    if group is None:
        return np.asarray(ev.predicted, dtype=float)[places]
    if ev.score is None:
        return np.full(len(places), np.nan)
    if ev.score.ndim == 2:
        return ev.score[places, group]
    own = ev.score[places]
    if group == 1:
        return own
    return 1 - own if ev.score_kind == "probability" else -own


def _examples(
    there: Evaluation, best: np.ndarray, distance: np.ndarray, cells: pd.DataFrame, group: int | None
) -> pd.DataFrame:
    words, counts = [], []
    for i in range(len(best)):
        part = cells[cells.example == i]
        off = part[part.difference > 0].sort_values("difference", ascending=False, kind="stable")
        named = [f"{c.feature} ({c.value} instead of {c.here})" for c in off[:_NAMED].itertuples()]
        left = len(off) - len(named)
        words.append(", ".join(named) + (f" and {left} more" if left else ""))
        counts.append(len(off))
    return pd.DataFrame(
        {
            "row": there.frame.index.to_numpy()[best],
            "distance": distance,
            "outcome": _named(there, there.y[best]),
            "prediction": _named(there, there.predicted[best]),
            "score": _scores(there, best, group),
            "differs": words,
            "n_differ": counts,
        }
    )


def _cells(
    one: pd.DataFrame, found: pd.DataFrame, numbers: np.ndarray, names: list[str], differences: np.ndarray
) -> pd.DataFrame:
    here, there = shared.texts(one[names])[0], shared.texts(found[names])
    n, p = there.shape
    return pd.DataFrame(
        {
            "example": np.repeat(np.arange(n), p),
            "row": np.repeat(numbers, p),
            "feature": np.tile(np.array(names, dtype=object), n),
            "value": there.ravel(),
            "here": np.tile(here, n),
            "difference": differences.ravel(),
        }
    )
