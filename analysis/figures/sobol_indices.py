"""Draw the shares of variance: each column alone, and with its interactions."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.analysis.sobol_indices import FIRST, TOTAL, SobolIndices

MOST = 15


@figure.register
def _(result: SobolIndices) -> go.Figure:
    features = list(dict.fromkeys(result.indices.feature))
    drawn = features[:MOST]
    names = dict(zip(drawn, style.short_names(drawn, 24), strict=True))
    made = style.new_figure("", height=150 + 34 * len(drawn), legend=True)
    for what, colour, opacity in ((TOTAL, style.ORANGE, 0.45), (FIRST, style.BLUE, 0.6)):
        part = result.indices[(result.indices.order == what) & result.indices.feature.isin(drawn)]
        made.add_bar(
            x=part.estimate,
            y=[names[f] for f in part.feature],
            orientation="h",
            marker={"color": style.faint(colour, opacity), "line": {"width": 0}},
            error_x=style.intervals(part.low, part.estimate, part.high, line=style.GREY),
            hovertext=style.hover_texts(
                column=part.feature, share_of_variance=part.estimate, low=part.low, high=part.high, points=part.n
            ),
            hoverinfo="text",
            name=what,
        )
    left = len(features) - len(drawn)
    under = "share of the variance" + (f" ({left} smaller columns not drawn)" if left else "")
    made.update_layout(barmode="group", legend={"traceorder": "reversed"})
    made.update_xaxes(title_text=style.wrapped(under, 26), tickformat=".0%", zeroline=True)
    return made.update_yaxes(autorange="reversed", showgrid=False, type="category", automargin=True)
