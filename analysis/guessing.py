"""Guessing what is what in a table: the target, before a person has said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from modelglass.analysis.models.loading import load_model
from modelglass.analysis.plain import unique
from modelglass.analysis.reading import read_file

USUAL = ("target", "label", "y", "class", "outcome", "labels", "targets", "ground_truth", "actual", "response")
MOST_LABELS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """What is known of a model and a table before somebody says what is what.

    columns     names of the table's columns, rows: number of rows
    target      the column taken for the target, None where nothing speaks for any; why says what speaks for it
    labels      column -> its distinct values as texts, where there are two (a positive class can be chosen)
    model       kind of the model for people; task: what it says it does, None where it does not say
    """

    columns: tuple[str, ...]
    rows: int
    target: str | None
    why: str
    labels: dict[str, tuple[str, ...]]
    model: str
    task: str | None


def draft(model: str | Path, data: str | Path) -> Draft:
    """Load a model of a safe kind and a table, and guess the target.

    Raises
    ------
    InputError
        As ``load_model`` and ``read_file``; a pickle is refused.
    """
    loaded, frame = load_model(model), read_file(data).frame
    target, why = guess_target(frame, loaded.feature_names, loaded.classes)
    labels = {}
    for name in frame.columns:
        values = frame[name].dropna()
        few = unique(values.head(1_000))
        found = unique(values) if few is not None and len(few) <= 2 else None
        if found is not None and len(found) == 2:
            labels[str(name)] = tuple(sorted(str(v) for v in found))
    return Draft(
        columns=tuple(map(str, frame.columns)),
        rows=len(frame),
        target=target,
        why=why,
        labels=labels,
        model=loaded.kind,
        task=loaded.task,
    )


def guess_target(
    frame: pd.DataFrame, features: Sequence[str] | None = None, classes: Sequence[Any] | None = None
) -> tuple[str | None, str]:
    """Guess which column holds the outcomes.

    Parameters
    ----------
    frame : DataFrame
    features : sequence of str, optional
        Columns that the model reads: none of them is the target.
    classes : sequence, optional
        Labels the model predicts: the target holds no others.

    Returns
    -------
    tuple of (name or None, why)

    >>> guess_target(pd.DataFrame({"a": [1], "b": [2]}), features=["a"])
    ('b', 'it is the only column that the model does not read')
    """
    read = set(features or ())
    left = [str(c) for c in frame.columns if c not in read]
    if not left:
        return None, "the model reads every column"
    if len(left) == 1 and read:
        return left[0], "it is the only column that the model does not read"
    if classes:
        known = {str(c) for c in classes}
        fitting = [c for c in left if _holds(frame[c], known)]
        if len(fitting) == 1:
            return fitting[0], "it holds the labels that the model predicts"
        left = fitting or left
    usual = [c for word in USUAL for c in left if c.lower() == word]
    if usual:
        return usual[0], "of its name"
    return left[-1], "it is the last column" + (" that the model does not read" if read else "")


def _holds(column: pd.Series, known: set[str]) -> bool:
    values = unique(column)
    if values is None or not 0 < len(values) <= max(len(known), MOST_LABELS):
        return False
    return {str(v).removesuffix(".0") for v in values} <= {k.removesuffix(".0") for k in known}
