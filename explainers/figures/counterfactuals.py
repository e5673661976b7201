"""Draw ways to another answer: for each way its changes written out, beside what each of them costs."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.explainers.counterfactuals import Counterfactuals
from modelglass.explainers.rows import text

LINE = 26
"""Pixels of a line."""


@figure.register
def _(result: Counterfactuals) -> go.Figure:
    if not len(result.ways):
        return style.empty_figure(f"No possible change was found that makes it {style.short(result.wanted, 30)}.")
    names: list[str] = []
    costs: list[float | None] = []
    hovers: list[str] = []
    for way in result.ways.itertuples(index=False):
        names.append(f"<b>way {way.way}, cost {way.cost:.2g}</b>")
        costs.append(None)
        hovers.append("")
        for one in result.changes[result.changes.way == way.way].itertuples(index=False):
            change = f"{style.short(text(one.before), 12)} → {style.short(text(one.after), 12)}"
            names.append(f"{style.short(one.column, 18)}<br>{change}")
            costs.append(one.cost)
            hovers.append(
                style.hover(
                    way=way.way, column=one.column, before=text(one.before), after=text(one.after), cost=one.cost
                )
            )
    places = list(range(len(names)))
    made = style.new_figure("", height=110 + sum(LINE * (1 + name.count("<br>")) for name in names))
    made.add_bar(
        x=costs,
        y=places,
        orientation="h",
        marker={"color": style.faint(style.colour(0), 0.55), "line": {"width": 0}},
        hovertext=hovers,
        hoverinfo="text",
    )
    made.update_xaxes(title_text=style.wrapped("cost of the change, in spreads", 20), rangemode="tozero", nticks=5)
    return made.update_yaxes(
        tickvals=places, ticktext=names, range=[len(names) - 0.5, -0.5], showgrid=False, zeroline=False, automargin=True
    )
