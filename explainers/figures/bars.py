"""Horizontal bars with intervals, largest on top: shared by importances and weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from modelglass.analysis.figures import style

MOST = 20
NARROW = 26
"""Letters of a line below an axis that has long names beside it, so that a screen of 420 px shows all of it."""


def importance_bars(
    table: pd.DataFrame, *, title: str, x: str, hover_unit: str, most: int = MOST, marked: str = ""
) -> go.Figure:
    """Draw feature, estimate, low, high, n (largest first) as bars with intervals; the rest is counted, not drawn.

    ``marked`` names a bool column: its rows get another colour.
    """
    shown = table.iloc[:most]
    names = style.short_names(shown.feature, 28)
    left = len(table) - len(shown)
    made = style.new_figure(title, height=130 + 26 * len(shown))
    under = x + (f" ({left} smaller columns not drawn)" if left else "")
    made.update_xaxes(title_text=style.wrapped(under, NARROW))
    blue, orange = (style.faint(c, 0.55) for c in (style.BLUE, style.ORANGE))  # so that the interval is seen over it
    colours = np.where(shown[marked], orange, blue).tolist() if marked else blue
    made.add_bar(
        x=shown.estimate,
        y=names,
        orientation="h",
        marker={"color": colours, "line": {"width": 0}},
        error_x=style.intervals(shown.low, shown.estimate, shown.high, line=style.GREY),
        hovertext=style.hover_texts(
            column=shown.feature, **{hover_unit: shown.estimate}, low=shown.low, high=shown.high, rows=shown.n
        ),
        hoverinfo="text",
    )
    return made.update_yaxes(autorange="reversed", showgrid=False, type="category")


def signed_bars(
    names: Sequence[str], values: Sequence[float], hovers: Sequence[str], *, title: str, x: str
) -> go.Figure:
    """Draw weights to both sides of 0: one colour adds, the other takes away."""
    bars = np.asarray(values, dtype=float)
    made = style.new_figure(title, height=130 + 28 * len(bars))
    made.update_xaxes(title_text=style.wrapped(x, NARROW))
    made.add_bar(
        x=bars,
        y=list(names),
        orientation="h",
        marker={"color": np.where(bars >= 0, style.BLUE, style.ORANGE).tolist()},
        hovertext=list(hovers),
        hoverinfo="text",
    )
    made.update_xaxes(zeroline=True)
    return made.update_yaxes(autorange="reversed", showgrid=False, type="category")
