"""What a script of a sample model hands back: a fitted model and its two tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Recipe:
    """One trained sample model, still in memory.

    model       a fitted scikit-learn estimator or Pipeline; it reads raw columns of the tables by name.
    train       the table it was fitted on, target included.
    evaluation  the table to judge it on: the same columns, other rows.
    truth       what was planted in the tables (written as truth.json), or None where nothing was.
    """

    model: Any
    train: pd.DataFrame
    evaluation: pd.DataFrame
    truth: Mapping[str, Any] | None = None
