"""The transformations of the target that a model's answer passes: which way they turn what it promises. Without scikit-learn, which is slow to import."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.models.base import Model

MOST_TRIED = 1_000
"""Outcomes that a transformation of the target is tried on, to see which way it turns."""


def turned(model: Model, outcomes: pd.Series) -> Model:
    """Give a model whose shares hold for the outcomes themselves, where it was trained on outcomes that were transformed.

    Of a rising transformation the share stays, of a falling one it is what is missing to 1 (Koenker 2005, "Quantile Regression", 2.2.3:
    quantiles are equivariant to monotone transformations), and of any other it is not known.

    Parameters
    ----------
    model : Model
    outcomes : Series, shape (n,)
        The target's values; they decide which way a transformation turns.
    """
    if not model.output_quantiles or not model.target_steps:
        return model
    rising = _rising(model.target_steps, outcomes)
    model = copy.copy(model)
    model.target_steps = ()
    if rising is None:
        model.output_quantiles = None
    elif not rising:
        model.output_quantiles = tuple(round(1 - share, 12) for share in model.output_quantiles or ())
    return model


def _rising(steps: Sequence[Any], outcomes: pd.Series) -> bool | None:
    """Tell whether transformations after one another rise with the outcome, or fall; None where neither is so, or they fail."""
    known = np.unique(pd.to_numeric(outcomes, errors="coerce").dropna().to_numpy(dtype="float64"))
    known = known[np.unique(np.linspace(0, len(known) - 1, MOST_TRIED).astype(int))] if len(known) > 1 else known
    values = known.reshape(-1, 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for step in steps:
                values = np.asarray(step.transform(values), dtype="float64").reshape(-1, 1)
    except Exception:  # noqa: BLE001  a function of the model's maker may raise anything
        return None
    moves = np.diff(values[:, 0])
    if not len(moves) or not np.isfinite(moves).all() or not moves.any():
        return None
    return True if (moves >= 0).all() else False if (moves <= 0).all() else None
