"""Draw decisions as they are made beside those with the steadier threshold of other rows."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.analysis.robust_threshold import RobustThreshold


@figure.register
def _(result: RobustThreshold) -> go.Figure:
    table = result.frame()
    made = style.new_figure("", x="share of decisions", height=150 + 46 * len(table), legend=True)
    hover = style.hover_texts(
        decisions=table["measure"],
        now=table["now"],
        with_another_threshold=table["then"],
        difference=table["estimate"],
        low=table["low"],
        high=table["high"],
        rows=table["n"],
    )
    for column, colour, symbol, name in (
        ("now", style.GREY, "line-ns-open", "as they are made"),
        ("then", style.colour(0), "circle", "with the threshold of other rows"),
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
    made.update_xaxes(rangemode="tozero", tickformat=".0%")
    return made.update_yaxes(autorange="reversed", type="category", dtick=1)
