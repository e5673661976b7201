"""Draw quantiles of the residuals against those of the normal distribution, with the band that a normal sample keeps to."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from modelglass.analysis.estimated import rows_text
from modelglass.analysis.figures import figure, style
from modelglass.analysis.residual_qq import ResidualQQ


@figure.register
def _(result: ResidualQQ) -> go.Figure:
    points = result.points
    unit = result.source.target or "the target"
    made = style.new_figure(
        f"Residuals against the normal distribution, {rows_text(int(points.n.iloc[0]))}",
        x=f"if residuals were normal, in units of {unit}",
        y=f"residual, in units of {unit}",
        height=460,
    )
    made.add_scatter(
        x=np.concatenate([points.normal, points.normal[::-1]]),
        y=np.concatenate([points.low, points.high[::-1]]),
        fill="toself",
        mode="lines",
        line={"width": 0},
        fillcolor=style.faint(style.GREY, 0.25),
        hoverinfo="skip",
        showlegend=False,
        name=f"{result.settings['level']:.0%} band",
    )
    ends = [points.normal.iloc[0], points.normal.iloc[-1]]
    line = {"color": style.GREY, "dash": "dot", "width": 1}
    made.add_scatter(x=ends, y=ends, mode="lines", line=line, hoverinfo="skip", showlegend=False, name="normal")
    for outside, colour, name in ((False, style.BLUE, "within"), (True, style.ORANGE, "outside the band")):
        part = points[points.outside == outside]
        made.add_scatter(
            x=part.normal,
            y=part.estimate,
            mode="markers",
            marker={"size": 6, "color": colour},
            hovertext=style.hover_texts(
                share_of_rows_below=part.share,
                residual=part.estimate,
                if_normal=part.normal,
                band_low=part.low,
                band_high=part.high,
            ),
            hoverinfo="text",
            showlegend=False,
            name=name,
        )
    return made
