"""Draw ways to another answer: a column of cells for each way, what changes in it written out, its cost below."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.explainers.counterfactuals import Counterfactuals
from modelglass.explainers.rows import text


@figure.register
def _(result: Counterfactuals) -> go.Figure:
    if not len(result.ways):
        return style.empty_figure(f"No possible change was found that makes it {style.short(result.wanted, 30)}.")
    columns = list(dict.fromkeys(result.changes.column))[::-1]
    names = style.short_names(columns, 18)
    ways = [f"way {w}<br>cost {c:.2g}" for w, c in zip(result.ways.way, result.ways.cost, strict=True)]
    size = np.full((len(columns), len(ways)), np.nan)
    made = style.new_figure("", height=130 + 52 * len(columns))
    hover = [["" for _ in ways] for _ in columns]
    for one in result.changes.itertuples(index=False):
        i, j = columns.index(one.column), int(one.way) - 1
        size[i, j] = one.cost
        hover[i][j] = style.hover(column=one.column, before=text(one.before), after=text(one.after), cost=one.cost)
        made.add_annotation(
            x=j,
            y=i,
            text=f"{style.short(text(one.before), 11)}<br>→ {style.short(text(one.after), 11)}",
            showarrow=False,
            font={"size": 12},
        )
    made.add_heatmap(
        x=list(range(len(ways))),
        y=list(range(len(columns))),
        z=size,
        hovertext=hover,
        hoverinfo="text",
        colorscale=[[0, style.faint(style.colour(0), 0.12)], [1, style.faint(style.colour(0), 0.55)]],
        zmin=0,
        xgap=6,
        ygap=4,
        showscale=False,
    )
    made.update_xaxes(tickvals=list(range(len(ways))), ticktext=ways, range=[-0.5, len(ways) - 0.5], showgrid=False)
    return made.update_yaxes(
        tickvals=list(range(len(columns))),
        ticktext=names,
        range=[-0.5, len(columns) - 0.5],
        showgrid=False,
        automargin=True,
    )
