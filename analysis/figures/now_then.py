"""Measures as they are now, and as they would be then: two marks a row, the second with the interval of the difference."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from modelglass.analysis.figures import style


def now_then(table: pd.DataFrame, *, x: str, share: bool, called: Sequence[str], names: Sequence[str]) -> go.Figure:
    """Draw a table of measure, now, then, estimate (then minus now), low, high, n.

    Parameters
    ----------
    x, share
        Title of the axis, and whether it shows shares.
    called
        What hover texts call measure, now and then.
    names
        What the legend calls now and then.
    """
    made = style.new_figure("", x=x, height=150 + 46 * len(table), legend=True)
    hover = style.hover_texts(
        **dict(zip(called, (table["measure"], table["now"], table["then"]), strict=True)),
        difference=table["estimate"],
        low=table["low"],
        high=table["high"],
        rows=table["n"],
    )
    for column, colour, symbol, name in zip(
        ("now", "then"), (style.GREY, style.colour(0)), ("line-ns-open", "circle"), names, strict=True
    ):
        ends = table["now"] + table["low"], table["then"], table["now"] + table["high"]
        made.add_scatter(
            x=table[column],
            y=table["measure"],
            mode="markers",
            marker={"size": 9, "color": colour, "symbol": symbol},
            error_x=style.intervals(*ends, line=colour) if column == "then" else None,
            hovertext=hover,
            hoverinfo="text",
            name=name,
        )
    made.update_xaxes(rangemode="tozero", tickformat=".0%" if share else None)
    return made.update_yaxes(autorange="reversed", type="category", dtick=1)
