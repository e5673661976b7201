"""Marks that can be clicked: each carries the SQL condition of its rows, and the figure says that it does.

The last element of a mark's ``customdata`` row is the condition, relative to the rows that the result is of; None where there is none.
``layout.meta`` holds ``{"conditions": True}``. The dashboard reads both and knows nothing else of any figure; report and notebook drop them.

A trace each mark of which is one row of the data says so by ``meta=SINGLE_ROWS`` (``NAMED_ROWS`` where the ticks of its y axis name the rows);
what goes to people who must not see rows passes ``without_rows``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import plotly.graph_objects as go

META = "conditions"
AREA = "area"
"""Set beside ``META`` where marks are picked by drawing around them."""
SINGLE_ROWS, NAMED_ROWS = {"rows": "single"}, {"rows": "named"}
"""What the ``meta`` of a trace holds whose marks are rows of the data, one each."""


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


def without_rows(made: go.Figure) -> go.Figure:
    """Give a figure in which no mark tells which row it is, or can be joined with the mark of that row in another trace.

    Parameters
    ----------
    made : plotly Figure
        Stays as it is.

    Returns
    -------
    plotly Figure
        Marks that are rows (see ``SINGLE_ROWS``) keep place and colour. Their texts go, and they are put in the order of their places:
        in the order of the data, marks at the same position of two traces would be one row. The figure itself where no mark is a row.
    """
    import plotly.graph_objects as go

    if not any(isinstance(trace.meta, dict) and trace.meta.get("rows") is not None for trace in made.data):
        return made
    made = go.Figure(made)
    for trace in made.data:
        kind = trace.meta.get("rows") if isinstance(trace.meta, dict) else None
        if kind is None:
            continue
        x, y = np.asarray(trace.x), np.asarray(trace.y)
        order = np.lexsort((y, x))
        kept: dict[str, Any] = {"x": x[order], "y": y[order], "meta": None, "hoverinfo": "x"}
        colour = trace.marker.color
        if colour is not None and not isinstance(colour, str):
            kept["marker"] = {"color": np.asarray(colour)[order]}
        trace.update(kept)
        trace.update(dict.fromkeys(("customdata", "hovertext", "hovertemplate", "text", "ids")), overwrite=True)
        if kind == NAMED_ROWS["rows"]:
            axis = made.layout["yaxis" + (trace.yaxis or "y").removeprefix("y")]
            axis.update({"ticktext": None, "showticklabels": False}, overwrite=True)
    return made


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
