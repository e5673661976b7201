"""Confusion: which class the model takes for which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import Estimates, rows_text
from modelglass.analysis.estimates import estimate
from modelglass.analysis.estimates_labels import proportion
from modelglass.analysis.groups import Groups, Rows
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.ranking import one, share, weights
from modelglass.analysis.result import Result
from modelglass.analysis.source import UNNAMED, Source
from modelglass.analysis.wording import percent

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Confusion(Result):
    """Actual class against predicted class.

    cells   one row per pair of classes: actual, predicted, n (rows in the cell), n_actual (rows of that
            actual class), weight (their sum; equal to n without weights), share_of_actual (the cell's weight
            in its actual class: recall on the diagonal) with low and high (Wilson 1927 at settings["level"],
            Kish's effective n when weighted), share_of_all. NaN where a class has no rows.
    accuracy    estimate, low, high: share of the weight on the diagonal
    classes     labels in the order of the model
    """

    cells: pd.DataFrame
    accuracy: tuple[float, float, float]
    classes: tuple[Any, ...]
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row per pair of classes."""
        return self.cells

    def sentence(self) -> str:
        """Say how often the prediction is right, and the most frequent mistake."""
        n = int(self.cells.n.sum())
        text = f"Of {rows_text(n)} {percent(*self.accuracy)} are predicted right"
        wrong = self.cells[(self.cells.actual != self.cells.predicted) & (self.cells.weight > 0)]
        if wrong.empty:
            return text + ": no mistake among these rows."
        worst = wrong.loc[wrong.weight.idxmax()]
        return (
            f"{text}. The most frequent mistake: {percent(worst.share_of_actual, worst.low, worst.high)} "
            f"of the "
            f"{worst.n_actual:,} rows that are {worst.actual} are taken for {worst.predicted} "
            f"({rows_text(worst.n)})."
        )


def confusion(ev: Evaluation, *, level: float = 0.95) -> Confusion:
    """Count which class is taken for which, at the operating threshold.

    Parameters
    ----------
    ev : Evaluation of a binary or multi-class task
    level : float, level of the intervals

    Raises
    ------
    NotApplicable
        In regression.
    """
    if ev.task == "regression":
        raise NotApplicable("the target is a number and not a class")
    return measure(ev.y, ev.predicted, ev.weight, cluster=ev.cluster, classes=ev.classes, level=level, source=ev.source)


def measure(
    actual: Any,
    predicted: Any,
    weight: Any = None,
    *,
    cluster: Any = None,
    classes: Sequence[Any],
    level: float = 0.95,
    source: Source = UNNAMED,
) -> Confusion:
    """Count the same from codes of shape (n_rows,) into ``classes``; weight >= 0.

    >>> measure([0, 0, 1, 1], [0, 1, 1, 1], classes=["no", "yes"]).cells.n.tolist()
    [1, 1, 0, 2]
    """
    weights(weight, len(actual))
    k = len(classes)
    w = None if weight is None else np.asarray(weight, dtype=float)
    rows = Rows(
        task="multiclass",
        y=np.asarray(actual, dtype=np.int64),
        predicted=np.asarray(predicted, dtype=np.int64),
        weight=w,
        cluster=cluster,
        classes=k,
    )
    everyone = Groups(rows, np.zeros(len(rows.y), dtype=np.int64), 1)
    n, mass = everyone.table[0], everyone.table_w[0]
    shares = np.array([one(_cell(everyone, a, p, level)) for a in range(k) for p in range(k)]).reshape(-1, 3)
    labels = np.empty(k, dtype=object)
    labels[:] = list(classes)
    cells = pd.DataFrame(
        {
            "actual": np.repeat(labels, k),
            "predicted": np.tile(labels, k),
            "n": n.ravel(),
            "n_actual": np.repeat(n.sum(axis=1), k),
            "weight": mass.ravel(),
            "share_of_actual": shares[:, 0],
            "low": shares[:, 1],
            "high": shares[:, 2],
            "share_of_all": share(mass, mass.sum()).ravel(),
        }
    )
    return Confusion(
        cells=cells,
        accuracy=one(estimate(METRICS["accuracy"], everyone, level)),
        classes=tuple(classes),
        source=source,
        settings={"level": level},
    )


def _cell(everyone: Groups, actual: int, predicted: int, level: float) -> Estimates:
    """Share of the rows of one class that is taken for another."""
    row = np.zeros_like(everyone.table[0], dtype=float)
    row[actual] = 1.0
    cell = np.zeros_like(row)
    cell[actual, predicted] = 1.0
    return proportion(everyone, cell, row, level)
