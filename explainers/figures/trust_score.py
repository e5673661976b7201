"""Draw trust scores: how often the model is right in each fifth; of one row its distance to each class."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.analysis.wording import say
from modelglass.explainers.figures.bars import NARROW
from modelglass.explainers.trust_score import TrustScore, TrustScoreRow


@figure.register
def _(result: TrustScore) -> go.Figure:
    table = result.parts
    made = style.new_figure("Share that the model gets right, by trust score", height=130 + 40 * len(table))
    made.add_bar(
        x=table.estimate,
        y=[
            f"{say(a)} to {say(b)}" if b < 1e6 else f"from {say(a)}" for a, b in zip(table.from_, table.to, strict=True)
        ],
        orientation="h",
        marker={"color": style.faint(style.BLUE, 0.55), "line": {"width": 0}},
        error_x=style.intervals(table.low, table.estimate, table.high),
        hoverinfo="text",
        hovertext=style.hover_texts(
            part=table.part, right=table.estimate, low=table.low, high=table.high, rows=table.n
        ),
    )
    made.update_xaxes(tickformat=".0%", range=[0, 1.03])
    return made.update_yaxes(showgrid=False, type="category", title_text="trust score")


@figure.register
def _row(result: TrustScoreRow) -> go.Figure:
    table = result.distances
    made = style.new_figure(
        f"Row {result.row}: how far rows of each class are. Blue: the class predicted", height=130 + 34 * len(table)
    )
    made.add_bar(
        x=table.distance,
        y=style.short_names(table["class"], 28),
        orientation="h",
        marker={"color": [style.BLUE if p else style.GREY for p in table.predicted], "line": {"width": 0}},
        hoverinfo="text",
        hovertext=style.hover_texts(class_of_rows=table["class"], distance=table.distance, reference_rows=table.n),
    )
    made.update_xaxes(rangemode="tozero", title_text=style.wrapped("distance to the nearest rows", NARROW))
    return made.update_yaxes(autorange="reversed", showgrid=False, type="category")
