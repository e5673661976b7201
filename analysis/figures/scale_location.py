"""Draw the size of the residuals along the prediction, and the scale-location plot below it."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.estimated import rows_text
from modelglass.analysis.figures import figure, marks, style
from modelglass.analysis.scale_location import ScaleLocation


@figure.register
def _(result: ScaleLocation) -> go.Figure:
    from plotly.subplots import make_subplots

    bins, trend, unit = result.bins, result.trend.iloc[0], result.source.target or "the target"
    n = int(trend.n)
    made = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.06, row_heights=[0.5, 0.5])
    title = f"Size of the errors by prediction, {rows_text(n)} ({len(result.sample):,} shown as points below)"
    style.dress(made, style.new_figure(title, height=600))
    made.add_scatter(
        x=[trend.from_value, trend.to_value],
        y=[trend.at_low, trend.at_high],
        mode="lines",
        line={"color": style.GREY, "dash": "dash", "width": 2},
        hoverinfo="skip",
        showlegend=False,
        name="straight line",
        row=1,
        col=1,
    )
    made.add_scatter(
        x=bins.center,
        y=bins.estimate,
        mode="lines+markers",
        line={"color": style.BLUE, "width": 2},
        marker={"size": 8},
        error_y=style.intervals(bins.low, bins.estimate, bins.high, line=style.BLUE),
        hovertext=style.hover_texts(
            prediction=bins["bin"], mean_absolute_residual=bins.estimate, low=bins.low, high=bins.high, rows=bins.n
        ),
        hoverinfo="text",
        customdata=marks.customdata(bins["where"]),
        showlegend=False,
        name="mean absolute residual",
        row=1,
        col=1,
    )
    made.add_scatter(
        x=result.sample.predicted,
        y=result.sample.root,
        mode="markers",
        marker={"size": 4, "color": style.GREY, "opacity": 0.3},
        hoverinfo="skip",
        showlegend=False,
        name="rows",
        row=2,
        col=1,
    )
    made.add_scatter(
        x=bins.center,
        y=bins.root,
        mode="lines",
        line={"color": style.ORANGE, "width": 2.5},
        hoverinfo="skip",
        showlegend=False,
        name="mean root",
        row=2,
        col=1,
    )
    made.update_yaxes(rangemode="tozero")
    made.update_yaxes(title_text=f"mean error in {style.short(unit, 16)}", row=1, col=1)
    made.update_yaxes(title_text="√(error / spread)", row=2, col=1)
    made.update_xaxes(title_text=f"prediction, in units of {style.short(unit, 24)}", row=2, col=1)
    return marks.clickable(made)
