"""Dates that a file wrote as text, such as 2024-01-31 in a CSV: handed to the model as dates where it reads dates.

Slices, conditions and times read such a column as dates in any case (``columns.infer_columns``). What the model gets is another matter: one
that learnt from a CSV wants the text. So the text stays, unless something says otherwise: the training data, an encoder that learnt
dates, or the model, which refuses the text and takes the date.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd
from pandas.api import types

from modelglass.analysis.errors import InputError, MachineError, listed
from modelglass.analysis.feeding import Feed, asked
from modelglass.analysis.levels import encoder_levels
from modelglass.analysis.models.base import Model
from modelglass.analysis.patience import limit, within
from modelglass.analysis.plain import ISO, as_datetime, is_text

ROWS = 50
"""Rows that the model is asked about."""


def with_dates(
    model: Model, feed: Feed, frame: pd.DataFrame, train: pd.DataFrame | None = None
) -> tuple[pd.DataFrame, list[str]]:
    """Give the frame with those texts as dates that the model reads as dates, and what should be said of them.

    Parameters
    ----------
    model, feed, frame : the model, how it is fed, and the data
    train : DataFrame, optional
        What the model was fitted on.
    """
    able = {c: as_datetime(frame[c]) for c in feed.features if c not in feed.casts and _written(frame[c])}
    if not able:
        return frame, []
    why = dict.fromkeys(_of_training(able, train), "as the training data do")
    why |= dict.fromkeys(_of_encoders(model, feed, able), "as the model's encoder learnt them")
    frame = frame.assign(**{c: able[c] for c in why})
    left = {c: values for c, values in able.items() if c not in why}
    if left and not _takes(model, feed, frame):
        as_dates = frame.assign(**left)
        if _takes(model, feed, as_dates):
            frame, why = as_dates, why | dict.fromkeys(left, "because it refuses them as text")
    said = [
        f"{listed(c for c in why if why[c] == reason)}: text in the data, handed to the model as dates, {reason}."
        for reason in dict.fromkeys(why.values())
    ]
    return frame, said


def like(frame: pd.DataFrame, data: pd.DataFrame) -> pd.DataFrame:
    """Give other data with those texts as dates that are dates in the data, where all of them can be read."""
    changed = {}
    for name in frame.columns.intersection(data.columns):
        if types.is_datetime64_any_dtype(data[name].dtype) and is_text(frame[name]):
            try:
                changed[name] = as_datetime(frame[name])
            except InputError:
                continue  # told as a difference of types
    return frame.assign(**changed) if changed else frame


def _written(values: pd.Series) -> bool:
    """Tell whether a column holds nothing but ISO dates as text."""
    if not is_text(values):
        return False
    first = values.iloc[:100].dropna().iloc[:1]
    if not len(first) or not isinstance(first.iloc[0], str) or not ISO.match(first.iloc[0]):
        return False
    try:
        as_datetime(values)
    except InputError:
        return False
    return True


def _of_training(able: Mapping[str, pd.Series], train: pd.DataFrame | None) -> list[str]:
    return [c for c in able if train is not None and c in train and types.is_datetime64_any_dtype(train[c].dtype)]


def _of_encoders(model: Model, feed: Feed, able: Mapping[str, pd.Series]) -> list[str]:
    """Name the columns whose encoder holds dates and no texts."""
    levels = {c: v for c, v in encoder_levels(model.estimator, feed.features).items() if c in able}
    dates = (pd.Timestamp, np.datetime64)
    return [c for c, seen in levels.items() if any(isinstance(v, dates) for v in seen) and not any(isinstance(v, str) for v in seen)]  # fmt: skip


def _takes(model: Model, feed: Feed, frame: pd.DataFrame) -> bool:
    """Tell whether the model answers for a few rows."""
    sample = feed.apply(frame.iloc[:: max(1, len(frame) // ROWS)].iloc[:ROWS])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the real question hears them
            within(lambda: asked(model, sample), limit(), len(sample))
    except (MachineError, MemoryError):
        raise
    except Exception:  # noqa: BLE001  whatever a model raises is a no here; the real question tells it in words
        return False
    return True
