"""Draw two fits beside one another: as it was, and with errors in training."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.analysis.steadier_fit import SteadierFit


@figure.register
def _(result: SteadierFit) -> go.Figure:
    table = result.frame()
    share = result.source.task != "regression"
    title = "share of decisions" if share else f"in the unit of {result.source.target}"
    made = style.new_figure("", x=title, height=150 + 46 * len(table), legend=True)
    hover = style.hover_texts(
        measure=table["measure"],
        as_it_was=table["now"],
        with_errors_in_training=table["then"],
        difference=table["estimate"],
        low=table["low"],
        high=table["high"],
        rows=table["n"],
    )
    for column, colour, symbol, name in (
        ("now", style.GREY, "line-ns-open", "fitted as it was"),
        ("then", style.colour(0), "circle", "fitted with errors in training, too"),
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
