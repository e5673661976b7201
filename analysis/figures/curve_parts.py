"""Parts that threshold curves share: band, line, the decision in use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from modelglass.analysis.curves import WHOLE
from modelglass.analysis.figures import style
from modelglass.analysis.wording import score

DASHES = ("solid", "dash", "dot")


def numbered(known: pd.DataFrame, by: str | None) -> list[tuple[int, Any]]:
    """Give each row of a table of curves with the number of its colour; -1 (grey) is all rows where curves are by slice."""
    if by is None:
        return list(enumerate(known.itertuples()))
    grey = len(style.PALETTE) - 1
    slices = [row for row in known.itertuples() if row.group != WHOLE]
    whole = [(-1, row) for row in known.itertuples() if row.group == WHOLE]
    return whole + [(i if i < grey else i + 1, row) for i, row in enumerate(slices)]


def several_title(what: str, number: str, result: Any) -> str:
    """Write the title of several curves."""
    by = result.settings.get("by")
    if by is None:
        return f"{what}, each class against the rest"
    return f"{what} of {result.settings.get('class_') or result.source.positive} by {by} ({number} in the legend)"


def legend_name(row: Any, by: str | None) -> str:
    """Write a curve's name with its number; by slice with the interval of the number."""
    number = f"{row.estimate:.3f}" if by is None else score(row.estimate, row.low, row.high)
    return f"{style.short(row.group, 24)}: {number}"


def add_band(made: go.Figure, x: Any, low: Any, high: Any) -> None:
    """Add the pointwise interval as a band behind the first curve."""
    x, low, high = (np.asarray(v, dtype=float) for v in (x, low, high))
    made.add_scatter(
        x=np.concatenate([x, x[::-1]]),
        y=np.concatenate([low, high[::-1]]),
        fill="toself",
        mode="lines",
        line={"width": 0},
        fillcolor=style.faint(style.BLUE),
        hoverinfo="skip",
        showlegend=False,
        name="interval",
    )


def add_curve(made: go.Figure, index: int, x: Any, y: Any, texts: Sequence[str], name: str) -> None:
    """Add one curve; colours repeat with another dash after the palette's last, and -1 is thick and grey."""
    line = {
        "color": style.colour(index),
        "width": 2 if index >= 0 else 3.5,
        "dash": DASHES[max(index, 0) // len(style.PALETTE) % len(DASHES)],
    }
    made.add_scatter(
        x=x,
        y=y,
        mode="lines",
        line=line,
        hovertext=texts,
        hoverinfo="text",
        name=name,
        legendgroup=str(index),
    )


def add_operating(made: go.Figure, index: int, points: pd.DataFrame, x: str, y: str, *, label: bool) -> None:
    """Mark the decision in use, with its interval both ways; nothing where it is not known."""
    points = points.dropna(subset=[x, y]) if len(points) else points
    if points.empty:
        return
    colour = style.colour(index)
    texts = style.hover_texts(
        **{
            "as used now": points.group,
            y: points[y],
            f"{y} low": points[f"{y}_low"],
            f"{y} high": points[f"{y}_high"],
            x: points[x],
            f"{x} low": points[f"{x}_low"],
            f"{x} high": points[f"{x}_high"],
        }
    )
    made.add_scatter(
        x=points[x],
        y=points[y],
        mode="markers+text" if label else "markers",
        text=["as used now"] if label else None,
        textposition=_free_side(float(points[x].iloc[0]), above=y == "precision"),
        hovertext=texts,
        hoverinfo="text",
        marker={"size": 10, "color": colour, "symbol": "diamond", "line": {"width": 1, "color": "#ffffff"}},
        showlegend=False,
        legendgroup=str(index),
        error_x=style.intervals(points[f"{x}_low"], points[x], points[f"{x}_high"], line=colour),
        error_y=style.intervals(points[f"{y}_low"], points[y], points[f"{y}_high"], line=colour),
        name="as used now",
    )


def _free_side(x: float, *, above: bool) -> Any:
    """Choose where words beside a point of a curve stand on no curve: a ROC curve is free below, one of precision above until its right end."""
    if x >= 0.75:
        return "bottom left"
    return "top right" if above else "bottom right"


def square(made: go.Figure) -> go.Figure:
    """Show both axes from 0 to 1."""
    made.update_xaxes(range=[-0.01, 1.01])
    made.update_yaxes(range=[-0.01, 1.03])
    return made


def legend_below(made: go.Figure) -> go.Figure:
    """Put the legend under the picture, where several lines of it are in nobody's way."""
    made.update_layout(legend={"yref": "container", "y": 0.0, "yanchor": "bottom", "x": 0.0, "xanchor": "left"})
    return made
