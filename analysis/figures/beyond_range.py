"""Draw the answer beyond the ranges: for the columns that change it most, the mean change by how far beyond."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.beyond_range import BeyondRange
from modelglass.analysis.figures import figure, style

MOST = 6


@figure.register
def _(result: BeyondRange) -> go.Figure:
    moving = result.verdicts[result.verdicts.change.abs() > 1e-12]
    drawn = list(dict.fromkeys(moving.feature))[:MOST]
    if not drawn:
        return style.empty_figure("The answer stays the same beyond every range.")
    made = style.new_figure("", height=440, legend=True)
    names = dict(zip(drawn, style.short_names(drawn, 22), strict=True))
    for i, feature in enumerate(drawn):
        part = result.steps[result.steps.feature == feature]
        below = part[part.side == "below"].iloc[::-1]
        above = part[part.side == "above"]
        for j, side in enumerate((below, above)):
            sign = -1 if j == 0 else 1
            colour = style.colour(i)
            x, y = list(sign * side.step), list(side.estimate)
            low, high, text = list(side.low), list(side.high), style.hover_texts(
                column=side.feature, value=side.value, change=side.estimate, low=side.low, high=side.high,
                outside_all_answers=side.outside, rows=side.n,
            )  # fmt: skip
            at = len(x) if j == 0 else 0  # the end of the range, where nothing has changed yet
            for values, start in ((x, 0.0), (y, 0.0), (low, 0.0), (high, 0.0), (text, "end of the range")):
                values.insert(at, start)  # type: ignore[arg-type]
            made.add_scatter(
                x=x,
                y=y,
                mode="lines+markers",
                line={"color": colour, "width": 2},
                marker={"size": 6},
                error_y=style.intervals(low, y, high, line=colour),
                hovertext=text,
                hoverinfo="text",
                name=names[feature],
                legendgroup=feature,
                showlegend=j == 0,
            )
    made.add_vline(x=0, line={"color": style.GREY, "dash": "dot", "width": 1})
    made.update_yaxes(title_text=style.wrapped(f"change of {result.answer}", 26), zeroline=True)
    return made.update_xaxes(title_text=style.wrapped("below and above the range, in widths of the range", 30))
