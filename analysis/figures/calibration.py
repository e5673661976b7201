"""Draw calibration: the share that came true against the promised probability, with the rows below."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from modelglass.analysis.calibration import Calibration
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.figures import figure, marks, style
from modelglass.analysis.figures.curve_parts import legend_below, numbered, several_title


@figure.register
def _(result: Calibration) -> go.Figure:
    from plotly.subplots import make_subplots

    by = result.settings.get("by")
    groups = numbered(result.summary, by)
    single = len(groups) == 1
    first = groups[0][1]
    title = (
        f"Calibration of {first.group}: off by {first.gap:.1%} on average, {rows_text(first.n)}"
        if single
        else several_title("Calibration", "average gap", result)
    )
    made = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.8, 0.2], vertical_spacing=0.04)
    style.dress(made, style.new_figure(title, height=520, legend=not single))
    made.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": style.GREY, "dash": "dot", "width": 1},
        hoverinfo="skip",
        showlegend=False,
        row=1,
        col=1,
    )
    made.add_annotation(
        x=0.98, y=0.99, text="perfect", showarrow=False, xanchor="right", yanchor="bottom", row=1, col=1
    )
    for i, group in groups:
        bins = result.bins[result.bins.group == group.group]
        colour = style.colour(i)
        made.add_scatter(
            x=bins.promised,
            y=bins.estimate,
            mode="lines+markers",
            line={"color": colour, "width": 2 if i >= 0 else 3.5},
            row=1,
            col=1,
            marker={"size": 7},
            hovertext=_hover(bins),
            customdata=marks.customdata(bins["where"]),
            hoverinfo="text",
            legendgroup=str(i),
            name=f"{style.short(group.group, 24)}: {group.gap:.1%}",
            error_y=style.intervals(bins.low, bins.estimate, bins.high, line=colour),
        )
        if i < 0:
            continue  # the slices' rows, stacked, are all rows already
        made.add_bar(
            x=(bins.left + bins.right) / 2,
            y=bins.n,
            width=bins.right - bins.left,
            row=2,
            col=1,
            hovertext=_hover(bins),
            customdata=marks.customdata(bins["where"]),
            hoverinfo="text",
            marker={"color": style.faint(colour, 0.55), "line": {"width": 0}},
            showlegend=False,
            legendgroup=str(i),
            name="rows",
        )
    made.update_layout(barmode="stack")
    made.update_xaxes(range=[-0.01, 1.01])
    made.update_xaxes(title_text="promised probability", row=2, col=1)
    made.update_yaxes(title_text="share that came true", range=[-0.02, 1.04], row=1, col=1)
    made.update_yaxes(title_text="rows", rangemode="tozero", row=2, col=1)
    return marks.clickable(legend_below(made))


def _hover(bins: pd.DataFrame) -> list[str]:
    return style.hover_texts(
        **{"class": bins.group},
        promised=bins.promised,
        came_true=bins.estimate,
        low=bins.low,
        high=bins.high,
        rows=bins.n,
    )
