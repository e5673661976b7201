"""Quantiles that a model of numbers promises: given as columns, as arrays, or as models that predict them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.aimed import named
from modelglass.analysis.errors import InputError, listed, unknown_name
from modelglass.analysis.estimated import agree, rows_text
from modelglass.analysis.feeding import predict_all
from modelglass.analysis.models.base import Model
from modelglass.analysis.models.loading import wrap_model
from modelglass.analysis.models.target_steps import turned
from modelglass.analysis.preparing import Prepared
from modelglass.analysis.selfcheck import Note
from modelglass.analysis.wording import percent

Given = Mapping[Any, Any]
_WANTED = "Expected quantiles as shares between 0 and 1 with predicted values, such as {0.05: low, 0.95: high}."


def columns_of(given: Given | None) -> list[str]:
    """Give the columns that hold quantiles; they are no inputs of the model."""
    return [v for v in (given or {}).values() if isinstance(v, str)]


def with_quantiles(data: Prepared, given: Given | None, rows: int) -> Prepared:
    """Give the data with the quantiles promised.

    Parameters
    ----------
    data : Prepared
    given : mapping of share to column, array of shape (rows,), or fitted estimator
        An estimator is asked like the model itself: the same columns, prepared the same way. Without any, those that the model
        itself gives. The one that its judged prediction was trained for is always among them.
    rows : int
        Rows as given, before those without an outcome were left out.

    Raises
    ------
    InputError
        A share outside (0, 1), a column that does not exist, another number of rows, values that are no numbers, or a target
        that is no number.
    """
    if not given:
        return with_own(data)
    if data.target.task != "regression":
        raise InputError("Expected quantiles only of a number.", f"The target {data.target_name!r} is a class.")
    found = {_share(level): _values(data, value, rows, str(level)) for level, value in given.items()}
    if len(found) < len(given):
        raise InputError(_WANTED, "Got the same share twice.", "Give each once.")
    own = _aimed(data)
    aim = own.aim
    if aim is None:
        aim = next((share for share, values in found.items() if np.array_equal(values, data.predicted)), None)
    else:
        found.setdefault(aim, data.predicted)
    return replace(own, quantiles=dict(sorted(found.items())), aim=aim)


def with_own(data: Prepared) -> Prepared:
    """Give the data with the quantiles that the model itself gives: the one it was trained for, or all where it gives several.

    What it was trained for is what its loss says (see ``models.quantile_loss``); ``aim`` of the data tells it of the judged prediction.
    """
    own, whole = _aimed(data), getattr(data.model, "whole", data.model)
    if own.aim is None or whole is None or data.feed is None:
        return own
    shares: tuple[float, ...] = whole.output_quantiles or ()
    if len(shares) < 2:
        return replace(own, quantiles={own.aim: data.predicted})
    values = predict_all(whole, data.feed, data.frame)[0].astype("float64")
    return replace(own, quantiles=dict(sorted(zip(shares, values.T, strict=True))))


def _aimed(data: Prepared) -> Prepared:
    """Give the data with the share that its judged prediction was trained for (None: for none), and a note where that is all the model gives."""
    model = data.model
    if model is None or data.feed is None or not model.output_quantiles or data.target.task != "regression":
        return replace(data, quantiles={}, aim=None)
    aim, whole, notes = model.output_quantiles[0], getattr(model, "whole", model), data.notes
    if len(whole.output_quantiles or ()) < 2:
        text = (
            f"The model was trained for {named(aim)} of {data.target_name}: {percent(aim)} of all outcomes are to lie at or below its "
            "prediction, and it is held to that (coverage of promised intervals). Mean errors, RMSE and R² judge means, not quantiles."
        )
        notes = (*notes, Note(level="info", text=text))
    return replace(data, quantiles={}, aim=aim, notes=notes)


def _share(level: Any) -> float:
    try:
        share = float(level)
    except (TypeError, ValueError):
        share = float("nan")
    if not 0 < share < 1:
        raise InputError(_WANTED, f"Got {level!r} as a share.", "The 5 % quantile is 0.05.")
    return share


def _predicted(model: Model, data: Prepared, level: str) -> np.ndarray:
    """Ask another model for one quantile; of one that gives several, for that of this share."""
    assert data.feed is not None  # _values said so
    values = predict_all(model, data.feed, data.frame)[0]
    if values.ndim == 1:
        return values
    model = turned(model, data.frame[data.target_name])
    shares = model.output_quantiles or ()
    if float(level) not in shares:
        raise InputError(
            f"Expected one value a row as the quantile {level}.",
            f"The {type(model.estimator).__name__} gives {values.shape[1]} values a row"
            + (f": the quantiles {listed(f'{s:g}' for s in shares)}." if shares else "."),
            "Give what it predicts for this quantile: one column of its answer.",
        )
    return values[:, shares.index(float(level))]


def _values(data: Prepared, value: Any, rows: int, level: str) -> np.ndarray:
    if isinstance(value, str):
        if value not in data.frame.columns:
            raise unknown_name("column of quantiles", value, data.frame.columns)
        values = data.frame[value]
    elif hasattr(value, "predict"):
        if data.model is None or data.feed is None:
            raise InputError(
                "Expected the values of a quantile, because there is no model here and so no way to feed one.",
                f"Got a {type(value).__name__} for {level}.",
                "Give what it predicts.",
            )
        values = pd.Series(_predicted(wrap_model(value), data, level))
    else:
        whole = np.asarray(value)
        if whole.shape != (rows,):
            raise InputError(
                f"Expected {rows_text(rows)} of the quantile {level}, one value each.",
                f"Got an array of shape {whole.shape}.",
                "Give one value a row.",
            )
        values = pd.Series(whole[data.frame.index.to_numpy()])
    try:
        numbers = pd.to_numeric(values).to_numpy(dtype="float64", na_value=np.nan)
    except (ValueError, TypeError):
        raise InputError(f"Expected numbers as the quantile {level}.", f"Got {values.iloc[0]!r}.") from None
    lacking = int((~np.isfinite(numbers)).sum())
    if lacking:
        raise InputError(
            f"Expected a number in every row of the quantile {level}.",
            f"{rows_text(lacking)} of {len(numbers):,} {agree(lacking, 'has', 'have')} none.",
            "Fill them in, or leave these rows out.",
        )
    return numbers
