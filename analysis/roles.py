"""Columns with a role beside the target: weights, clusters, times and names of rows; checked and made into arrays."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.columns import as_datetime
from modelglass.analysis.errors import InputError, unknown_name
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.plain import different
from modelglass.analysis.selfcheck import Note


def check_columns(frame: pd.DataFrame, roles: Mapping[str, str | None], ignore: Sequence[str]) -> None:
    """Check that the columns of all roles exist."""
    for role, name in roles.items():
        if not isinstance(name, Hashable) or (name is None and role == "target"):
            raise InputError(
                f"Expected the name of a column for --{role}.",
                f"Got {'nothing' if name is None else f'an object of type {type(name).__name__}'}.",
                "Put the values into a column of the data, and give its name.",
            )
        if name is not None and name not in frame.columns:
            raise unknown_name(f"column for --{role}", name, frame.columns)
        if name is not None and name in ignore:
            raise InputError(
                f"Expected the column for --{role} to be in use.",
                f"{name!r} is also in --ignore.",
                "Take it out of --ignore.",
            )
    for name in ignore:
        if name not in frame.columns:
            raise unknown_name("column for --ignore", name, frame.columns)


def role_arrays(
    frame: pd.DataFrame, weight: str | None, cluster: str | None, time: str | None, id: str | None
) -> dict[str, Any]:
    """Give weights, clusters, times and the id column as ``Prepared`` holds them."""
    return {
        "weight": None if weight is None else _weights(frame[weight]),
        "weight_name": weight,
        "cluster": None if cluster is None else _clusters(frame[cluster]),
        "cluster_name": cluster,
        "time": None if time is None else as_datetime(frame[time]),
        "time_name": time,
        "id": id,
    }


def role_notes(arrays: Mapping[str, Any]) -> list[Note]:
    """Say what a person should know of the arrays that ``role_arrays`` gave."""
    cluster = arrays["cluster"]
    if cluster is not None and cluster.max() + 1 == len(cluster):
        text = f"Every row has a value of its own in {arrays['cluster_name']!r}, so each is a cluster by itself and clusters change nothing."
        return [Note(level="warning", text=text)]
    return []


def _weights(values: pd.Series) -> np.ndarray:
    try:
        weight = pd.to_numeric(values).to_numpy(dtype="float64", na_value=np.nan)
    except (ValueError, TypeError):
        raise InputError(
            f"Expected numbers in the weight column {values.name!r}.",
            f"It holds {values.dtype}.",
            "Choose another column.",
        ) from None
    bad = ~np.isfinite(weight) | (weight < 0)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        count = int(bad.sum())
        said = "1 row does not have one: row" if count == 1 else f"{count:,} rows do not have one; the first is row"
        raise InputError(
            f"Expected weights of zero or more in the column {values.name!r}.",
            f"{said} {values.index[row]} with {values.iloc[row]}.",
            "Repair the weights, or evaluate without --weight.",
        )
    if not weight.any():
        raise InputError(
            f"Expected some weight above zero in the column {values.name!r}.", "All are zero.", "Choose another column."
        )
    _check_size(weight, values.name)
    return weight


def _check_size(weight: np.ndarray, name: Hashable) -> None:
    """Refuse weights too large or small to be multiplied by one another, as every interval asks for.

    A variance of an AUC rests on products of four; beyond what these can be as numbers it would lose a part without a word.
    """
    with np.errstate(over="ignore", under="ignore"):
        total, squares = weight.sum(), np.square(weight).sum()
        fits = np.isfinite(total**4) and squares**2 >= np.finfo(float).tiny
    if not fits:
        raise InputError(
            f"Expected weights in the column {name!r} that can be multiplied by one another: a sum between about 1e-75 and 1e75.",
            f"The largest is {weight.max():.4g}, their sum {total:.4g}.",
            "Divide all of them by one number, such as their mean: only their ratios count.",
        )


def _clusters(values: pd.Series) -> np.ndarray:
    if values.isna().any():
        raise InputError(
            f"Expected a cluster for each row in the column {values.name!r}.",
            f"{rows_text(int(values.isna().sum()))} without one.",
            "Fill them, or leave out --cluster.",
        )
    if different(values, f"the cluster column {values.name!r}") < 2:
        raise InputError(
            f"Expected at least two clusters in the column {values.name!r}.", "There is one.", "Leave out --cluster."
        )
    return pd.factorize(values)[0].astype(np.int64)
