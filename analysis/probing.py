"""Asking the model about changed rows, many times over: what each change does to a metric, to decisions and to answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.errors import InputError
from modelglass.analysis.estimates import estimate
from modelglass.analysis.estimates_values import mean_of
from modelglass.analysis.groups import Groups, Rows, rows_of
from modelglass.analysis.metrics import METRICS, Metric
from modelglass.analysis.paired import change, judged_answers, value_of
from modelglass.analysis.performance import in_sentence, shown
from modelglass.analysis.progress import Progress, blocks, tell
from modelglass.analysis.ranking import one
from modelglass.analysis.refusals import Refused, first_refused
from modelglass.analysis.result import Result, frame_json
from modelglass.analysis.source import Source

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

NUMBERS = [
    "metric", "estimate", "low", "high", "n", "changed", "changed_low", "changed_high", "moved", "moved_low", "moved_high", "rows_changed",
]  # fmt: skip
"""Columns that ``Probed.numbers`` gives."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Probed:
    """What came of one change of rows.

    numbers one value for each of ``NUMBERS``: estimate (metric afterwards minus before) with its paired interval, changed (weighted share of
            decisions that change; NaN in regression) with its interval, moved (weighted mean absolute change of the score or prediction) with its
            interval (Student's t corrected for skewness), rows_changed (rows that differ at all: the others were not asked about again). NaN where the model refused.
    refused the first row that the model refused; None where it answered all
    """

    numbers: tuple[Any, ...]
    refused: Refused | None = None


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class ProbedResult(Result):
    """What results of changed rows share.

    refused   probe, feature, row, error, input: the first input of each probe that the model raised an error on
    asked     rows that the model was asked about
    metric    its name; label: for people; before: its value without a change; greater_is_better: or None
    """

    refused: pd.DataFrame
    asked: int
    metric: str
    label: str
    before: float
    greater_is_better: bool | None
    source: Source
    settings: Mapping[str, Any]

    def more(self) -> Mapping[str, Any]:
        """Give the inputs that the model raised an error on."""
        return {"refused": frame_json(self.refused)}

    def does(self, row: Any) -> str:
        """Say what one change does to the metric and to decisions."""
        moved = f"{in_sentence(self.label)} goes from {shown(self.before)} to {shown(self.before + row.estimate)}"
        return moved if np.isnan(row.changed) else f"{moved} and {row.changed:.1%} of decisions change"


class Prober:
    """Asks about changed rows of ``ev`` and judges the answers by the same outcomes.

    Rows that a change leaves as they are keep the answer they have, so ``asked`` (rows asked about so far) is at most the number of
    changes times the rows.
    """

    def __init__(self, ev: Evaluation, metric: Metric, class_: Any, level: float, seed: int):
        self.ev, self.metric, self.class_, self.level, self.seed = ev, metric, class_, level, seed
        self.inputs, self._whole, self.clean = ev.inputs(), rows_of(ev), rows_of(ev, class_)
        self.before = value_of(metric, self.clean)
        self.asked = 0

    def ask(
        self,
        columns: Mapping[str, pd.Series],
        moved: np.ndarray | None = None,
        progress: Progress | None = None,
        span: tuple[float, float, str] = (0.0, 1.0, ""),
    ) -> Probed:
        """Ask about the rows with some columns replaced.

        Parameters
        ----------
        columns : mapping of name to Series, shape (n,)
        moved : bool array, shape (n,), optional
            Rows that differ; all without it.
        span : (low, high, what)
            The part of the whole work that this is, for ``progress``.
        """
        places = np.arange(self.ev.n) if moved is None else np.flatnonzero(moved)
        found = self.answers(columns, places, progress, span)
        if isinstance(found, Refused):
            numbers = (self.metric.name, *[np.nan] * 3, self.ev.n, *[np.nan] * 6, len(places))
            return Probed(numbers=numbers, refused=found)
        return Probed(numbers=self._numbers(judged_answers(self.ev, *found, self._whole, self.class_), len(places)))

    def answers(
        self,
        columns: Mapping[str, pd.Series],
        places: np.ndarray,
        progress: Progress | None = None,
        span: tuple[float, float, str] = (0.0, 1.0, ""),
    ) -> tuple[np.ndarray, np.ndarray | None] | Refused:
        """Give answers and scores of all rows, of which those at ``places`` have some columns replaced; or the first that the model refused."""
        predicted = np.array(self.ev.predicted, copy=True)
        score = None if self.ev.score is None else np.array(self.ev.score, dtype=float, copy=True)
        low, high, what = span
        tell(progress, low, what)
        for part in blocks(len(places), start=512):
            at = places[part]
            frame = self.inputs.iloc[at].assign(**{n: c.iloc[at].to_numpy(copy=False) if isinstance(c.dtype, np.dtype) else c.array[at] for n, c in columns.items()})  # fmt: skip
            try:
                got, scored = self.ev.answer(frame)
            except InputError as error:
                return first_refused(error, frame, self.ev.answer)
            self.asked += len(at)
            predicted[at] = got
            if score is not None and scored is not None:
                score[at] = scored
            tell(progress, low + (high - low) * part.stop / max(len(places), 1), what)
        return predicted, score

    def _numbers(self, after: Rows, rows_changed: int) -> tuple[Any, ...]:
        found = change(self.metric, self.clean, [after], level=self.level, seed=self.seed)
        return (
            self.metric.name, found.estimate, found.low, found.high, self.ev.n, *self._changed(after), *self._moved(after), rows_changed,
        )  # fmt: skip

    def _changed(self, after: Rows) -> tuple[float, float, float]:
        if self.clean.task == "regression":
            return np.nan, np.nan, np.nan
        return share(self.ev, self.clean.predicted != after.predicted, self.level)

    def _moved(self, after: Rows) -> tuple[float, float, float]:
        size = moves(self.clean, after)
        groups = Groups(self.clean, np.zeros(len(size), np.int64), 1)
        found, low, high = one(mean_of(groups, size, self.level))
        return found, max(low, 0.0), high


def share(ev: Evaluation, flags: np.ndarray, level: float) -> tuple[float, float, float]:
    """Give the weighted share of the rows of ``ev`` that are flagged, with the interval of accuracy over rows or clusters."""
    rows = Rows(
        task="binary",
        y=np.ones(len(flags), np.int64),
        predicted=flags.astype(np.int64),
        weight=ev.weight,
        cluster=ev.cluster,
        classes=2,
    )
    found = estimate(METRICS["accuracy"], Groups(rows, np.zeros(len(flags), np.int64), 1), level)
    return float(found.estimate[0]), float(found.low[0]), float(found.high[0])


def moves(clean: Rows, after: Rows) -> np.ndarray:
    """Absolute change of each row's answer, (n,): of the score, mean over classes; of the value; of the decision where there are no scores."""
    if clean.task == "regression":
        return np.asarray(np.abs(after.predicted - clean.predicted), dtype=float)
    if clean.score is None:
        return (clean.predicted != after.predicted).astype(float)
    return np.asarray(np.abs(np.asarray(after.score) - clean.score).reshape(len(clean.y), -1).mean(axis=1))


def refused_frame(found: list[tuple[str, str, Refused]]) -> pd.DataFrame:
    """Give probe, feature, row, error, input (a mapping of raw values) of what the model refused."""
    return pd.DataFrame(
        [(probe, feature, r.row, r.error, dict(r.input)) for probe, feature, r in found],
        columns=["probe", "feature", "row", "error", "input"],
    )


def refused_text(refused: pd.DataFrame) -> str:
    """Say what the model refused, and that the input is kept; "" where nothing was."""
    if not len(refused):
        return ""
    first = refused.iloc[0]
    more = f" (and {len(refused) - 1} more such changes)" if len(refused) > 1 else ""
    return (
        f" The model raises an error on {first.probe} of {first.feature}{more}: {first.error}. The first such input of each "
        "is kept in the result (refused)."
    )
