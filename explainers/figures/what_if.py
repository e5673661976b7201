"""Draw a what-if: the change of each measure with its interval; of one row its answer before and after."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.explainers.what_if import WhatIf


@figure.register
def _(result: WhatIf) -> go.Figure:
    from plotly.subplots import make_subplots

    table = result.metrics
    made = make_subplots(rows=len(table), cols=1, vertical_spacing=0.0)
    style.dress(made, style.new_figure("", height=90 + 105 * len(table)))
    for i, one in enumerate(table.itertuples(index=False)):
        hover = style.hover(
            measure=one.label,
            before=one.before,
            after=one.after,
            change=one.estimate,
            low=one.low,
            high=one.high,
            rows=one.n,
        )
        name = style.wrapped(style.short(one.label, 40), 20)
        made.add_scatter(
            x=[one.before, one.after],
            y=[name, name],
            mode="lines",
            line={"color": style.faint(style.GREY, 0.8), "width": 3},
            hoverinfo="skip",
            row=i + 1,
            col=1,
        )
        made.add_scatter(
            x=[one.before],
            y=[name],
            mode="markers",
            marker={"size": 12, "color": style.GREY, "symbol": "circle-open", "line": {"width": 2.5}},
            hovertext=hover,
            hoverinfo="text",
            row=i + 1,
            col=1,
        )
        shift = one.after - one.estimate
        made.add_scatter(
            x=[one.after],
            y=[name],
            mode="markers",
            marker={"size": 12, "color": style.colour(0)},
            error_x=style.intervals([one.low + shift], [one.after], [one.high + shift], line=style.colour(0)),
            hovertext=hover,
            hoverinfo="text",
            row=i + 1,
            col=1,
        )
        step, high = 1 / len(table), 1 - i / len(table)
        made.update_yaxes(domain=[high - 0.62 * step, high], automargin=True, showgrid=False, row=i + 1, col=1)
        span = max(abs(one.after - one.before), abs(one.high - one.low) if one.low == one.low else 0, 1e-9)
        low = min(one.before, one.after, one.low + shift if one.low == one.low else one.after)
        top = max(one.before, one.after, one.high + shift if one.low == one.low else one.after)
        made.update_xaxes(range=[low - 0.25 * span, top + 0.25 * span], nticks=6, row=i + 1, col=1)
    made.update_xaxes(title_text="ring: before; dot: after, with the interval of the change", row=len(table), col=1)
    return made
