"""Draw what noise does: the change of the metric, and the decisions (or predictions) that move, by strength."""

from __future__ import annotations

from math import nan

import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.analysis.noise_robustness import ALL, NoiseRobustness
from modelglass.analysis.performance import in_sentence

MOST = 6


@figure.register
def _(result: NoiseRobustness) -> go.Figure:
    from plotly.subplots import make_subplots

    table = result.changes
    decided = table.changed.notna().any()
    lower = "changed" if decided else "moved"
    single = table[(table.feature != ALL) & (table.level == table.level.max())].sort_values(
        "moved", ascending=False, kind="stable"
    )
    drawn = [ALL, *single.feature.iloc[:MOST]]
    made = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.1)
    style.dress(made, style.new_figure("", height=560, legend=True))
    for i, feature in enumerate(drawn):
        part = table[table.feature == feature]
        colour = style.colour(i)
        hover = style.hover_texts(
            column=part.feature,
            noise=part.level,
            change=part.estimate,
            low=part.low,
            high=part.high,
            **({"decisions_that_change": part.changed} if decided else {}),
            mean_move=part.moved,
            rows=part.n,
        )
        for row, y in ((1, part.estimate), (2, part[lower])):
            made.add_scatter(
                x=[0.0, *part.level],  # from where there is no noise, and so no change
                y=[0.0, *y],
                mode="lines+markers",
                line={"color": colour, "width": 3 if feature == ALL else 1.6},
                marker={"size": 6},
                error_y=style.intervals([nan, *part.low], [0.0, *part.estimate], [nan, *part.high], line=colour)
                if row == 1 and feature == ALL
                else None,
                hovertext=["no noise", *hover],
                hoverinfo="text",
                name=style.short(feature, 22),
                legendgroup=feature,
                showlegend=row == 1,
                row=row,
                col=1,
            )
    made.update_yaxes(
        title_text=style.wrapped(f"change of {in_sentence(result.label)}", 20), zeroline=True, row=1, col=1
    )
    made.update_yaxes(
        title_text=style.wrapped("decisions that change" if decided else "mean move of the prediction", 20),
        rangemode="tozero",
        tickformat=".0%" if decided else None,
        row=2,
        col=1,
    )
    return made.update_xaxes(
        title_text=style.wrapped("strength of noise, in the column's own spread", 36), row=2, col=1
    )
