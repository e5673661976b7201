"""A raw column on its way to a model that reads arrays of a declared type: nothing missing is invented, and numbers stay exact."""

from __future__ import annotations

import numpy as np
import pandas as pd

from modelglass.analysis.errors import InputError


def refuse_missing(values: pd.Series, because: str) -> None:
    """Raise InputError where a column has missing values; ``because`` says why there must be none."""
    missing = values.isna().to_numpy()
    if missing.any():
        raise InputError(
            f"Expected a value in the column {values.name!r} on every row, because {because}.",
            f"{int(missing.sum()):,} without one, the first in row {values.index[int(missing.argmax())]}.",
            "Fill them with what stood for missing when the model was fitted.",
        )


def exact_numbers(values: pd.Series) -> np.ndarray:
    """Give a column of numbers, or of categories that are numbers, as they are; float64 with NaN where some are missing.

    Raises
    ------
    ValueError, TypeError
        It holds something else.
    """
    numbers = pd.to_numeric(values.astype("object") if isinstance(values.dtype, pd.CategoricalDtype) else values)
    return numbers.to_numpy(dtype="float64", na_value=np.nan) if values.isna().any() else numbers.to_numpy()
