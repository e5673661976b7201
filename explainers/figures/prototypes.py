"""Draw prototypes: a bar for each, how many rows of its group it stands for."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.explainers.figures.bars import NARROW
from modelglass.explainers.prototypes import Prototypes

LETTERS = 60


@figure.register
def _(result: Prototypes) -> go.Figure:
    table = result.rows.assign(place=range(len(result.rows)))
    table = table.sort_values("group", key=lambda g: g.map(result.groups.index), kind="stable")
    made = style.new_figure(
        "Rows that stand for others: share of their group's rows that are like them",
        height=140 + 30 * len(table),
        legend=len(result.groups) > 1,
    )
    for i, group in enumerate(result.groups):
        part = table[table.group == group]
        if part.empty:
            continue
        made.add_bar(
            x=part.covers,
            y=[f"row {r}" for r in part.row],
            name=style.escape(group),
            orientation="h",
            marker={"color": style.PALETTE[i % len(style.PALETTE)], "line": {"width": 0}},
            hoverinfo="text",
            hovertext=[
                f"{rest}<br>holds: {style.wrapped(holds, LETTERS)}"
                for rest, holds in zip(
                    style.hover_texts(row=part.row, stands_for=part.group, like_it=part.covers, nearest_to=part.nearest_to),
                    part.holds,
                )
            ],
        )  # fmt: skip
    made.update_xaxes(tickformat=".0%", rangemode="tozero", title_text=style.wrapped("share of the judged rows of its group", NARROW))  # fmt: skip
    return made.update_yaxes(autorange="reversed", showgrid=False, type="category")
