"""What is offered by default: no identifiers and no nested values among the features, no columns with a role among the slices that nobody named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from modelglass.analysis.columns import OTHER, Column, infer_columns
from modelglass.analysis.errors import InputError, listed
from modelglass.analysis.models.base import Model

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

SLICED_KINDS = ("numeric", "categorical", "boolean", "datetime")


def sliced_by_default(ev: Evaluation) -> list[Column]:
    """Give the columns to slice by that nobody named: not the target, nor weights, clusters and names of rows that the model does not read.

    Their values tell how rows were drawn and counted, and a cluster lies wholly in one half of a search; named, they are searched all the same.
    """
    source = ev.source
    roles = {source.weight, source.cluster, ev._all.id} - set(ev.features)
    return [c for c in ev.columns.values() if c.kind in SLICED_KINDS and c.name != ev.target and c.name not in roles]


def not_by_default(
    model: Model, frame: pd.DataFrame, left_out: Sequence[str], types: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """Name the columns that a model which recorded no names is not handed, and say so.

    Identifiers and nested values stay out where the model does not say how many columns it takes, or takes exactly the others.

    Returns
    -------
    names, notes : list of str
    """
    columns = infer_columns(
        frame.drop(columns=[c for c in left_out if c in frame.columns]),
        {c: t for c, t in types.items() if c in frame.columns and c not in left_out},
    )
    nested = [c.name for c in columns.values() if c.kind == OTHER]
    ids = [c.name for c in columns.values() if c.kind == "id"]
    for names in (nested, [*nested, *ids]) if model.n_features is not None else ([*nested, *ids],):
        if names and (model.n_features is None or len(columns) - len(names) == model.n_features):
            what = [f"{name} ({columns[name].how})" for name in names]
            text = f"Not handed to the model, which recorded no columns: {listed(what, 4)}. If it reads them, name its columns with --features."
            return names, [text]
    return [], []


def refuse_nested(features: Sequence[str], columns: Mapping[str, Column]) -> None:
    """Refuse features whose values are no plain numbers, texts or dates.

    Raises
    ------
    InputError
        Names them.
    """
    nested = [columns[name] for name in features if name in columns and columns[name].kind == OTHER]
    if nested:
        raise InputError(
            "Expected plain numbers, texts, dates or categories in the columns that the model reads.",
            f"{listed((f'{c.name!r} holds {c.how}' for c in nested), 4)}.",
            "Spread them over columns of their own before the model, or leave them out with --ignore if it does not need them.",
        )
