"""What partial dependence and accumulated local effects share: their result's fields, cohorts laid over each other, thin places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.performance import shown
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.explainers import rows as shared

MOST_COHORTS, BINS, FEWEST = 5, 3, 10


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class EffectCurves(Result):
    """Curves of one column at a time.

    curves      feature, value (as in the data), group (class or target), estimate, low, high (t interval over rows or clusters), n, cohort
                (its label; '' where none are compared)
    density     feature, value (left edge of a bin, or the level), right (NaN for a level), n (rows of the evaluation), few (hardly any
                rows: the curve there is a guess)
    kinds       feature -> "ordered" (numbers, dates) or "levels"
    cohorts     the cohorts laid over each other; ('',) without
    scale       unit of estimate
    how         how the features were chosen, where nobody named them; else ''
    way         whether the model was asked, or its answers worked out from its trees or coefficients
    """

    curves: pd.DataFrame
    density: pd.DataFrame
    kinds: Mapping[str, str]
    groups: tuple[str, ...]
    cohorts: tuple[str, ...]
    scale: str
    how: str
    way: str
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give feature, value, group, estimate, low, high, n, cohort."""
        return self.curves

    def widest(self) -> str:
        """Name the group that moves most along any of the columns."""
        moves = self.curves.groupby(["group", "feature", "cohort"], sort=False).estimate.agg(np.ptp)
        return str(moves.idxmax()[0])

    def of(self, group: str) -> str:
        """Say which class a probability is of."""
        return f" of {group}" if self.scale in ("probability", "decision") else ""

    def compared(self) -> str:
        """Say how far the answer moves with each column in each cohort."""
        group, parts = self.widest(), []
        for feature, curve in self.curves[self.curves.group == group].groupby("feature", sort=False):
            moves = {c: np.ptp(curve[curve.cohort == c].estimate) for c in self.cohorts}
            parts.append(f"{feature}: by {', '.join(f'{shown(v)} ({c})' for c, v in moves.items())}")
        return f"How far {self.scale}{self.of(group)} moves with a column, by {self.settings['by']}: {'; '.join(parts)}"

    def thin(self) -> str:
        """Say where hardly any rows are, as a sentence of its own; '' where rows are everywhere."""
        parts = []
        for feature, part in self.density.groupby("feature", sort=False):
            named = [_stretch(a, b) for a, b in stretches(part)]
            if self.kinds[str(feature)] == "levels":
                named = [shared.text(v) for v in part[part.few].value]
            if named:
                rest = f" and {len(named) - 3} more" if len(named) > 3 else ""
                parts.append(f"{feature} {', '.join(named[:3])}{rest}")
        return f" Hardly any rows, so a guess: {'; '.join(parts)}." if parts else ""


def _stretch(left: Any, right: Any) -> str:
    """Write where hardly any rows are; bins of whole numbers have their edges between them.

    >>> _stretch(2.5, 4.5), _stretch(2.5, 3.5), _stretch(0.25, 0.5)
    ('3 to 4', '3', '0.25 to 0.5')
    """
    if isinstance(left, float) and left % 1 == 0.5 and right % 1 == 0.5:
        left, right = left + 0.5, right - 0.5
        if left == right:
            return shared.text(left)
    return f"{shared.text(left)} to {shared.text(right)}"


def stretches(density: pd.DataFrame) -> list[tuple[Any, Any]]:
    """Give where hardly any rows are along one ordered column: neighbouring bins joined, (from, to)."""
    out: list[tuple[Any, Any]] = []
    for left, right, few in zip(density["value"], density["right"], density["few"], strict=True):
        if few and out and out[-1][1] == left:
            out[-1] = out[-1][0], right
        elif few:
            out.append((left, right))
    return out


def cohorts_of(ev: Evaluation, by: Any) -> dict[str, Evaluation]:
    """Give the cohorts to be laid over each other: levels of a column (numbers in three parts; the five with the most rows), or a condition and the rest.

    Raises
    ------
    InputError
        Neither a column nor a condition that can be read.
    NotApplicable
        Fewer than two cohorts of ten rows.
    """
    if by in (None, ""):
        return {"": ev}
    if not isinstance(by, str):
        raise InputError("Expected the name of a column or a condition in SQL as by.", f"Got {by!r}.")
    if by in ev.columns:
        coding = ev.coding(by, BINS)
        count = np.bincount(coding.codes, minlength=len(coding.labels))
        most = np.sort(np.argsort(-count, kind="stable")[:MOST_COHORTS])
        found = {coding.labels[i]: np.flatnonzero(coding.codes == i) for i in most if count[i] >= FEWEST}
    else:
        inside = np.isin(ev.rows, ev.where(by).rows)
        found = {by: np.flatnonzero(inside), "the rest": np.flatnonzero(~inside)}
        found = {k: v for k, v in found.items() if len(v) >= FEWEST}
    if len(found) < 2:
        raise NotApplicable(f"{by} gives fewer than two cohorts of {FEWEST} rows to compare")
    return {label: ev.take(places) for label, places in found.items()}


def besides(ev: Evaluation, by: Any) -> list[str] | None:
    """Give the columns to choose from where cohorts are levels of one: all others; None where all are."""
    return [f for f in ev.features if f != by] if by in ev.features else None
