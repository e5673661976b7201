"""A model meets the data: what its answers mean where it does not say, and which of several outputs is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from modelglass.analysis.errors import AnalysisError, InputError
from modelglass.analysis.feeding import Feed, asked
from modelglass.analysis.models.answers import AnsweringModel, outcomes_of
from modelglass.analysis.models.base import Model
from modelglass.analysis.models.outputs import one_label, one_output
from modelglass.analysis.models.target_steps import turned
from modelglass.analysis.patience import limit, within
from modelglass.analysis.refusals import refusal

ROWS = 200
"""Rows that the model is asked about to settle it."""


def settled(
    model: Model,
    feed: Feed,
    frame: pd.DataFrame,
    target: str,
    *,
    task: str | None = None,
    positive: Any = None,
    label: Mapping[Any, Any] | Sequence[str] | None = None,
    output_column: int | str | None = None,
) -> Model:
    """Give the model as it is judged on these data: itself where it says all, else a copy that knows.

    Parameters
    ----------
    model, feed, frame : the model, how it is fed, and the data with the target column
    task, positive, label, output_column : as of ``Evaluation``

    Raises
    ------
    InputError
        The answers cannot be read, or one of several outputs must be chosen.
    """
    several = getattr(model, "several", ())
    if several:
        return one_label(model, several, frame[target], output_column)
    if model.task in ("binary", "multiclass"):
        if output_column is not None:
            raise InputError(
                "Expected --output-column only with a regression, or a classifier of several outputs.",
                f"The model gives one label a row ({model.task}).",
                "Leave it out.",
            )
        return model
    sample = feed.apply(frame.iloc[_spread(len(frame))])
    try:
        answer = within(lambda: asked(model, sample)[0], limit(), len(sample))
    except (AnalysisError, MemoryError):
        raise
    except Exception as error:
        raise refusal(error, sample, partial(asked, model)) from error
    if isinstance(model, AnsweringModel):
        data = outcomes_of(frame[target], task=task, positive=positive, label=label)
        model = model.settled(answer, len(sample), data)
        if model.classes is not None:
            return settled(model, feed, frame, target, output_column=output_column)
    count = answer.shape[1] if answer.ndim == 2 else 1
    model = turned(model, frame[target])
    return one_output(model, count, target, output_column)


def _spread(n: int) -> slice:
    """Rows from the whole length of the data."""
    return slice(0, n, max(1, n // ROWS))
