"""Draw rows in two dimensions; drawing around some makes them a cohort."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from modelglass.analysis.estimated import rows_text
from modelglass.analysis.figures import figure, marks, style
from modelglass.analysis.plane import NAMES, NEIGHBOURHOODS
from modelglass.analysis.projection import Projection

MOST_COLOURS = 7
SIZE = 5
SEQUENTIAL = [[0.0, style.SKY], [1.0, "#7a3fa0"]]
DIVERGING = [[0.0, style.BLUE], [0.5, "#a9adb3"], [1.0, style.ORANGE]]
"""Scales for points, which must be seen on white and on near-black at every value."""
MARKED = {"wrong": style.ORANGE, "in the cohort": style.ORANGE, "right": style.GREY, "other rows": style.GREY}
"""What is looked for stands out, and lies above the rest."""


@figure.register
def _(result: Projection) -> go.Figure:
    color, points = result.settings["color"], result.points
    names = {"error": "error", "cohort": "cohort"}
    made = style.new_figure(
        f"{NAMES[result.settings['method']]} of {rows_text(len(points))}, by {names.get(color, color)}",
        height=560,
        legend=True,
    )
    made.update_xaxes(title_text=_axis(result, 0)).update_yaxes(title_text=_axis(result, 1))
    values = points["colour"]
    if (
        pd.api.types.is_numeric_dtype(values.dtype)
        and not pd.api.types.is_bool_dtype(values.dtype)
        and _continuous(result)
    ):
        _numbers(made, points, color)
    else:
        _groups(made, points)
    if result.settings["method"] in NEIGHBOURHOODS:
        made.update_xaxes(showticklabels=False).update_yaxes(showticklabels=False)
    return marks.clickable(made, area=True)


def _continuous(result: Projection) -> bool:
    """Tell whether the colour is a measure; classes that are numbers are groups."""
    return result.settings["color"] not in ("prediction", "outcome") or result.source.task == "regression"


def _axis(result: Projection, place: int) -> str | None:
    row = result.axes.iloc[place]
    share = "" if np.isnan(row.share) else f"{row.share:.0%} {result.share_of}"
    return "<br>".join(style.wrapped(part, 44) for part in (share, row.strongest) if part) or None


def _groups(made: go.Figure, points: pd.DataFrame) -> None:
    """Add a trace for each value, the frequent ones in a colour of their own."""
    values = points["colour"].map(lambda v: "missing" if v is None or v != v else str(v))
    counts = values.value_counts()
    by_count = sorted(counts.index, key=lambda v: (-counts[v], v))
    kept = (
        sorted(by_count[:MOST_COLOURS])
        if set(by_count) - set(MARKED)
        else [v for v in ("right", "other rows", "wrong", "in the cohort") if v in counts]
    )
    shown = values.where(values.isin(kept), "another value")
    for i, value in enumerate([*kept, *(["another value"] if len(by_count) > len(kept) else [])]):
        part = points[shown == value]
        paint = MARKED[value] if kept[0] in MARKED else style.GREY if value == "another value" else style.colour(i)
        _dots(made, part, {"color": paint}, name=f"{style.short(value, 24)} ({len(part):,})")


def _numbers(made: go.Figure, points: pd.DataFrame, color: str) -> None:
    """Colour by a number; what lies beyond the outer percents of it takes the colour of the end."""
    values = points["colour"].to_numpy(dtype=float, na_value=np.nan)
    known = values[np.isfinite(values)]
    low, high = np.quantile(known, [0.01, 0.99]) if len(known) else (0.0, 1.0)
    scale: Any = SEQUENTIAL
    if color == "error":
        high = max(abs(low), abs(high))
        low, scale = -high, DIVERGING
    marker = {
        "color": values,
        "cmin": low,
        "cmax": high if high > low else low + 1,
        "colorscale": scale,
        "showscale": True,
        "colorbar": {"thickness": 12, "len": 0.8, "title": {"text": style.short(color, 16)}, "outlinewidth": 0},
    }
    _dots(made, points, marker, name=style.short(color, 24))
    made.update_layout(showlegend=False)


def _dots(made: go.Figure, part: pd.DataFrame, marker: dict[str, Any], name: str) -> None:
    made.add_scatter(
        x=part["x"],
        y=part["y"],
        mode="markers",
        marker={"size": SIZE, "opacity": 0.7, "line": {"width": 0}, **marker},
        hoverinfo="text",
        hovertext=style.hover_texts(
            row=part["row"], outcome=part["outcome"], predicted=part["predicted"], error=part["error"]
        ),
        customdata=marks.customdata(part["where"], map(int, part["row"])),
        name=name,
    )
