"""Draw findings: each a dot at the share of rows it concerns, coloured by severity."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.analysis.findings import Findings

_COLOURS = {"high": style.RED, "medium": style.ORANGE, "low": style.GREY}


@figure.register
def _(result: Findings) -> go.Figure:
    if not result.found:
        return style.empty_figure("Nothing was found.")
    rows = max(result.source.rows, 1)
    names = [
        style.wrapped(f"{i}. {f.kind.replace('_', ' ').capitalize()}: {', '.join(f.features) or 'all columns'}", 34)
        for i, f in enumerate(result.found, 1)
    ]
    made = style.new_figure(
        "Findings, most harmful first, and the rows each rests on",
        x="Rows",
        height=130 + 40 * max(len(names), 2),
        legend=True,
    )
    for severity, paint in _COLOURS.items():
        places = [i for i, f in enumerate(result.found) if f.severity == severity]
        if places:
            made.add_scatter(
                x=[result.found[i].n for i in places],
                y=[names[i] for i in places],
                mode="markers",
                marker={"size": 11, "color": paint},
                name=f"{severity} severity",
                hoverinfo="text",
                hovertext=[style.wrapped(result.found[i].sentence, 70) for i in places],
            )
    made.update_xaxes(range=[0, rows * 1.05])
    return made.update_yaxes(
        autorange="reversed", type="category", categoryorder="array", categoryarray=names, dtick=1
    ).update_layout(margin_t=70)
