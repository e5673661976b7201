"""Marks that can be clicked: each carries the SQL condition of its rows, and the figure says that it does.

The last element of a mark's ``customdata`` row is the condition, relative to the rows that the result is of; None where there is none.
``layout.meta`` holds ``{"conditions": True}``. The dashboard reads both and knows nothing else of any figure; report and notebook drop them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    import plotly.graph_objects as go

META = "conditions"
AREA = "area"
"""Set beside ``META`` where marks are picked by drawing around them."""


def customdata(where: Iterable[Any], *before: Iterable[Any]) -> list[list[Any]]:
    """Give the customdata of a trace: what else its marks carry, then their conditions.

    >>> customdata(["a > 1", float("nan")], ["x", "y"])
    [['x', 'a > 1'], ['y', None]]
    """
    conditions = [w if isinstance(w, str) and w else None for w in where]
    return [list(row) for row in zip(*before, conditions, strict=True)]


def clickable(made: go.Figure, *, area: bool = False) -> go.Figure:
    """Say that the marks of a figure carry conditions.

    Parameters
    ----------
    made : plotly Figure
    area : bool
        Marks are single rows, picked by drawing around them.
    """
    return made.update_layout(meta={META: True, **({AREA: True} if area else {})})


def has_conditions(made: go.Figure) -> bool:
    """Tell whether the marks of a figure carry conditions."""
    return bool(isinstance(made.layout.meta, dict) and made.layout.meta.get(META))


def by_area(made: go.Figure) -> bool:
    """Tell whether marks are picked by drawing around them."""
    return has_conditions(made) and bool(made.layout.meta.get(AREA))


def without_conditions(spec: dict[str, Any]) -> dict[str, Any]:
    """Drop from a figure as a dictionary what only the dashboard reads."""
    layout = spec.get("layout", {})
    if isinstance(layout.get("meta"), dict) and layout["meta"].get(META):
        del layout["meta"]
        for trace in spec.get("data", []):
            trace.pop("customdata", None)
    return spec


def conditions_of(made: go.Figure) -> pd.DataFrame:
    """Give the conditions of all marks of a figure: trace, point (places in it), where; without those that have none.

    >>> import plotly.graph_objects as go
    >>> conditions_of(clickable(go.Figure(go.Bar(x=[1, 2], customdata=[["a"], [None]])))).values.tolist()
    [[0, 0, 'a']]
    """
    rows = [
        (i, j, row[-1])
        for i, trace in enumerate(made.data)
        for j, row in enumerate(trace.customdata if trace.customdata is not None else ())
        if row[-1] is not None
    ]
    return pd.DataFrame(rows, columns=["trace", "point", "where"])
