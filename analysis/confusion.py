"""Confusion: which class the model takes for which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.estimates import estimate
from modelglass.analysis.estimates_labels import proportion
from modelglass.analysis.groups import Groups, Rows
from modelglass.analysis.joining import conjoined
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.moved import decided, moved
from modelglass.analysis.performance import check_level
from modelglass.analysis.ranking import one, share, weights
from modelglass.analysis.reserved import OUTCOME, PREDICTION
from modelglass.analysis.result import Result
from modelglass.analysis.source import UNNAMED, Source
from modelglass.analysis.wording import percent

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

NORMALIZE = ("actual", "predicted", "all")
MOST_PAIRS = 50
PAIRS = ["first", "second", "estimate", "low", "high", "n", "confused", "first_as_second", "second_as_first"]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Confusion(Result):
    """Actual class against predicted class.

    cells   one row per pair of classes: actual, predicted, n (rows in the cell), n_actual (rows of that
            actual class), weight (their sum; equal to n without weights), share_of_actual (the cell's weight
            in its actual class: recall on the diagonal), share_of_predicted (precision on the diagonal),
            share_of_all; estimate is the one of settings["normalize"], with low and high (Wilson 1927 at
            settings["level"], effective n when weighted), NaN where a class has no rows; where (SQL condition of the
            cell's rows, None where there are none or it cannot be written)
    pairs   one row per pair of classes that are confused, the most confused weight first, at most 50: first, second,
            estimate (of the rows of the two classes, the share taken for the other one), low, high, n (rows of the two
            classes), confused (of them rows taken for the other), first_as_second, second_as_first (rows)
    accuracy    estimate, low, high: share of the weight on the diagonal
    classes     labels in the order of the model
    """

    cells: pd.DataFrame
    pairs: pd.DataFrame
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
        worst = next(
            wrong.loc[[wrong.weight.idxmax()]].itertuples()
        )  # a row by itself would turn whole numbers to decimals
        of = {
            "actual": f"of the {worst.n_actual:,} rows that are {worst.actual} are taken for {worst.predicted}",
            "predicted": f"of the rows predicted as {worst.predicted} are {worst.actual}",
            "all": f"of all rows are {worst.actual} and taken for {worst.predicted}",
        }[self.settings["normalize"]]
        text += f". The most frequent mistake: {percent(worst.estimate, worst.low, worst.high)} {of} ({rows_text(worst.n)})."
        if len(self.classes) < 3:
            return text
        pair = next(self.pairs.itertuples())
        return (
            f"{text} Most confused are {pair.first} and {pair.second}: "
            f"{percent(pair.estimate, pair.low, pair.high)} of {rows_text(pair.n)} of the two are taken for the "
            f"other one."
        )


def confusion(ev: Evaluation, *, normalize: str = "actual", level: float = 0.95) -> Confusion:
    """Count which class is taken for which, at the operating threshold.

    Parameters
    ----------
    ev : Evaluation of a binary or multi-class task
    normalize : {"actual", "predicted", "all"}
        What the shares are shares of: the rows of each actual class, of each predicted class, or all rows.
    level : float, level of the intervals

    Raises
    ------
    NotApplicable
        In regression.
    """
    level = check_level(level)
    if ev.task == "regression":
        raise NotApplicable("the target is a number and not a class")
    if normalize in NORMALIZE and moved(ev) is not None:
        counted = decided(ev, of_classes=True)
        if not counted.table_w.sum() > 0:
            weights(ev.weight, ev.n)  # says why not
        found = _told(counted, ev.classes, normalize, level, ev.source)
    else:
        found = measure(
            ev.y,
            ev.predicted,
            ev.weight,
            cluster=ev.cluster,
            classes=ev.classes,
            normalize=normalize,
            level=level,
            source=ev.source,
        )
    return replace(found, cells=found.cells.assign(where=_conditions(ev, found.cells)))


def _conditions(ev: Evaluation, cells: pd.DataFrame) -> list[str | None]:
    words, codes = ev.words(), range(len(ev.classes))
    pairs = [conjoined(words.label(OUTCOME, a), words.label(PREDICTION, p)) for a in codes for p in codes]
    return [pair if n else None for pair, n in zip(pairs, cells.n)]


def measure(
    actual: Any,
    predicted: Any,
    weight: Any = None,
    *,
    cluster: Any = None,
    classes: Sequence[Any],
    normalize: str = "actual",
    level: float = 0.95,
    source: Source = UNNAMED,
) -> Confusion:
    """Count the same from codes of shape (n_rows,) into ``classes``; weight >= 0.

    >>> measure([0, 0, 1, 1], [0, 1, 1, 1], classes=["no", "yes"]).cells.n.tolist()
    [1, 1, 0, 2]
    """
    if normalize not in NORMALIZE:
        raise InputError(f"Expected normalize to be one of {', '.join(NORMALIZE)}.", f"Got {normalize!r}.")
    weights(weight, len(actual))
    k = len(classes)
    rows = Rows(
        task="multiclass",
        y=np.asarray(actual, dtype=np.int64),
        predicted=np.asarray(predicted, dtype=np.int64),
        weight=None if weight is None else np.asarray(weight, dtype=float),
        cluster=cluster,
        classes=k,
    )
    return _told(Groups(rows, np.zeros(len(rows.y), dtype=np.int64), 1), classes, normalize, level, source)


def _told(everyone: Groups, classes: Sequence[Any], normalize: str, level: float, source: Source) -> Confusion:
    labels = np.empty(len(classes), dtype=object)
    labels[:] = list(classes)
    return Confusion(
        cells=_cells(everyone, labels, normalize, level),
        pairs=_pairs(everyone, labels, level),
        accuracy=one(estimate(METRICS["accuracy"], everyone, level)),
        classes=tuple(classes),
        source=source,
        settings={"normalize": normalize, "level": level},
    )


def _cells(everyone: Groups, labels: np.ndarray, normalize: str, level: float) -> pd.DataFrame:
    k = len(labels)
    n, mass = everyone.table[0], everyone.table_w[0]
    ends = np.array([_share(everyone, [(a, p)], normalize, level) for a in range(k) for p in range(k)]).reshape(-1, 3)
    return pd.DataFrame(
        {
            "actual": np.repeat(labels, k),
            "predicted": np.tile(labels, k),
            "n": n.ravel(),
            "n_actual": np.repeat(n.sum(axis=1), k),
            "weight": mass.ravel(),
            "share_of_actual": share(mass, mass.sum(axis=1, keepdims=True)).ravel(),
            "share_of_predicted": share(mass, mass.sum(axis=0, keepdims=True)).ravel(),
            "share_of_all": share(mass, mass.sum()).ravel(),
            "estimate": ends[:, 0],
            "low": ends[:, 1],
            "high": ends[:, 2],
            "where": None,
        }
    )


def _pairs(everyone: Groups, labels: np.ndarray, level: float) -> pd.DataFrame:
    """Pairs of classes by the weight confused either way; a share of the rows of both classes, each pair by itself."""
    n, mass = everyone.table[0], everyone.table_w[0]
    first, second = np.triu_indices(len(labels), 1)
    either = mass[first, second] + mass[second, first]
    order = np.argsort(-either, kind="stable")[:MOST_PAIRS]
    records = [
        (
            labels[a],
            labels[b],
            *_share(everyone, [(a, b), (b, a)], "actual", level),
            int(n[a].sum() + n[b].sum()),
            int(n[a, b] + n[b, a]),
            int(n[a, b]),
            int(n[b, a]),
        )
        for a, b in zip(first[order], second[order])
        if n[a, b] + n[b, a]
    ]
    return pd.DataFrame(records, columns=PAIRS)


def _share(
    everyone: Groups, cells: Sequence[tuple[int, int]], normalize: str, level: float
) -> tuple[float, float, float]:
    """Share with interval of the weight in some cells, of their rows of the table, their columns, or all of it."""
    top, whole = np.zeros((2, *everyone.table.shape[1:]))
    for actual, predicted in cells:
        top[actual, predicted] = 1.0
        place = {"actual": actual, "predicted": (slice(None), predicted), "all": slice(None)}[normalize]
        whole[place] = 1.0
    return one(proportion(everyone, top, whole, level))
