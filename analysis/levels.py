"""Which levels of a column a model has seen: its own record, or that of the encoders inside its Pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.errors import listed


def unseen(known: Mapping[str, Iterable[Any]], frame: pd.DataFrame) -> list[str]:
    """Say which columns hold levels that are not among the known ones, on how many rows."""
    notes = []
    for name, levels in known.items():
        if name not in frame.columns:
            continue
        seen = set(levels)
        new = [v for v in pd.unique(frame[name].dropna()) if v not in seen]
        if new:
            rows = int(frame[name].isin(new).sum())
            noun = "row holds" if rows == 1 else "rows hold"
            notes.append(
                f"{name}: {rows:,} {noun} levels that the model never saw ({listed(sorted(map(str, new)), 4)}); it still gives predictions."
            )
    return notes


def encoder_levels(estimator: Any, names: Sequence[str]) -> dict[str, list[Any]]:
    """Find the levels that encoders recorded of raw columns.

    Looks through Pipelines and ColumnTransformers as far as columns pass unchanged or imputed; what it cannot follow it leaves out.

    Parameters
    ----------
    estimator : object
        A fitted model.
    names : sequence of str
        Its raw columns.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

    estimator = getattr(estimator, "best_estimator_", estimator)
    if isinstance(estimator, Pipeline):
        for _, step in estimator.steps:
            found = encoder_levels(step, names)
            if found or not (step is None or (isinstance(step, (str, SimpleImputer)) and _keeps_columns(step, names))):
                return found
        return {}
    if isinstance(estimator, ColumnTransformer):
        found = {}
        for _, transformer, columns in getattr(estimator, "transformers_", []):
            found |= encoder_levels(transformer, _names(columns, names))
        return found
    if (
        isinstance(estimator, (OneHotEncoder, OrdinalEncoder, TargetEncoder))
        and hasattr(estimator, "categories_")
        and len(estimator.categories_) == len(names)
    ):
        return {
            name: list(levels)
            for name, levels in zip(names, estimator.categories_, strict=True)
            if isinstance(name, str)
        }
    return {}


def _keeps_columns(step: Any, names: Sequence[str]) -> bool:
    from sklearn.impute import SimpleImputer

    return step == "passthrough" or (
        isinstance(step, SimpleImputer)
        and not step.add_indicator
        and len(step.statistics_) == len(names)
        and not pd.isna(pd.Series(step.statistics_, dtype="object")).any()
    )


def _names(columns: Any, names: Sequence[str]) -> list[str]:
    """Give the names of a ColumnTransformer's selection, however it was written."""
    if isinstance(columns, str):
        return [columns]
    if isinstance(columns, slice):
        if isinstance(columns.start, str) or isinstance(columns.stop, str):
            return []
        return list(np.asarray(names, dtype="object")[columns])
    chosen = list(columns)
    if all(isinstance(c, str) for c in chosen):
        return chosen
    return list(np.asarray(names, dtype="object")[np.asarray(chosen)])
