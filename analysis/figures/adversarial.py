"""Draw how much holds at rising size of changes, and which columns turn answers over alone."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.adversarial import Adversarial
from modelglass.analysis.figures import figure, style

MOST = 10
BOUNDS = {"found": "found", "certified": "certain"}


@figure.register
def _(result: Adversarial) -> go.Figure:
    from plotly.subplots import make_subplots

    columns = result.columns.head(MOST)
    bars = 90 + 34 * len(columns)
    total = 330 + bars
    made = make_subplots(rows=2, cols=1)
    style.dress(made, style.new_figure("", height=total, legend=True))
    top = int(made.layout.margin.t)
    made.update_layout(height=total + top, margin={"b": 60, "t": top})
    high = total - 60
    made.update_yaxes(domain=[1 - 225 / high, 1], row=1, col=1)
    made.update_yaxes(domain=[0, max((bars - 60) / high, 0.05)], row=2, col=1)
    _curves(made, result)
    _columns(made, result)
    return made


def _curves(made: go.Figure, result: Adversarial) -> None:
    curve = result.curve
    for i, what in enumerate(dict.fromkeys(curve.what)):
        for bound in dict.fromkeys(curve.bound):
            part = curve[(curve.what == what) & (curve.bound == bound)]
            if not len(part):
                continue
            colour = style.colour(i)
            if part.low.notna().all():
                made.add_scatter(
                    x=[*part.budget, *part.budget[::-1]],
                    y=[*part.high, *part.low[::-1]],
                    fill="toself",
                    fillcolor=style.faint(colour, 0.12),
                    line={"width": 0},
                    hoverinfo="skip",
                    showlegend=False,
                    row=1,
                    col=1,
                )
            made.add_scatter(
                x=part.budget,
                y=part.estimate,
                mode="lines+markers",
                line={"color": colour, "width": 2.5, "dash": "solid" if bound == "found" else "dot"},
                marker={"size": 5},
                hovertext=style.hover_texts(
                    cost=part.budget, **{f"{what} that hold": part.estimate}, low=part.low, high=part.high, rows=part.n
                ),
                hoverinfo="text",
                name=f"{what}, {BOUNDS[bound]}",
                row=1,
                col=1,
            )
    made.update_xaxes(title_text="cost of the change, in spreads", title_standoff=4, row=1, col=1)
    made.update_yaxes(title_text="share that holds", tickformat=".0%", range=[0, 1.03], row=1, col=1)


def _columns(made: go.Figure, result: Adversarial) -> None:
    table = result.columns.head(MOST).iloc[::-1]
    names = style.short_names(list(table.column), 18)
    made.add_bar(
        x=table.within_half,
        y=names,
        orientation="h",
        marker={"color": style.faint(style.GREY, 0.45), "line": {"width": 0}},
        name="half a spread of one column alone",
        hovertext=style.hover_texts(column=table.column, within_half_a_spread=table.within_half, rows=table.n),
        hoverinfo="text",
        row=2,
        col=1,
    )
    made.add_scatter(
        x=table.estimate,
        y=names,
        mode="markers",
        marker={"size": 9, "color": style.colour(0)},
        error_x=style.intervals(table.low, table.estimate, table.high, line=style.colour(0)),
        name="0.1 spreads (or another level)",
        hovertext=style.hover_texts(
            column=table.column,
            share_of_rows=table.estimate,
            low=table.low,
            high=table.high,
            used_by_changes_found=table.used,
            rows=table.n,
        ),
        hoverinfo="text",
        row=2,
        col=1,
    )
    what = "rows that a change of this column alone turns over"
    made.update_xaxes(title_text=style.wrapped(what, 34), tickformat=".0%", rangemode="tozero", row=2, col=1)
    made.update_yaxes(automargin=True, row=2, col=1)
