"""Quantiles that a model of numbers promises: given as columns, as arrays, or as models that predict them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.errors import InputError, unknown_name
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.feeding import predict_all
from modelglass.analysis.models.loading import wrap_model
from modelglass.analysis.preparing import Prepared

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
        An estimator is asked like the model itself: the same columns, prepared the same way.
    rows : int
        Rows as given, before those without an outcome were left out.

    Raises
    ------
    InputError
        A share outside (0, 1), a column that does not exist, another number of rows, values that are no numbers, or a target
        that is no number.
    """
    if not given:
        return data
    if data.target.task != "regression":
        raise InputError("Expected quantiles only of a number.", f"The target {data.target_name!r} is a class.")
    found = {_share(level): _values(data, value, rows, str(level)) for level, value in given.items()}
    if len(found) < len(given):
        raise InputError(_WANTED, "Got the same share twice.", "Give each once.")
    return replace(data, quantiles=dict(sorted(found.items())))


def _share(level: Any) -> float:
    try:
        share = float(level)
    except (TypeError, ValueError):
        share = float("nan")
    if not 0 < share < 1:
        raise InputError(_WANTED, f"Got {level!r} as a share.", "The 5 % quantile is 0.05.")
    return share


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
        values = pd.Series(predict_all(wrap_model(value), data.feed, data.frame)[0])
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
            f"{rows_text(lacking)} of {len(numbers):,} have none.",
            "Fill them in, or leave these rows out.",
        )
    return numbers
