"""Draw LIME's weights: bars to both sides with their range over other draws; of several rows the mean size."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.explainers.figures.bars import MOST, signed_bars
from modelglass.explainers.lime_weights import LimeWeights


@figure.register
def _(result: LimeWeights) -> go.Figure:
    group = result.shown_group()
    fits = result.fit[result.fit.group == group]
    if len(result.rows) > 1:
        sizes = result.mean_sizes()[:MOST]
        return signed_bars(
            style.short_names(sizes.index, 36),
            sizes.tolist(),
            style.hover_texts(column=sizes.index, mean_size=sizes.to_numpy()),
            title=f"{len(result.rows):,} rows, {group}: LIME, median local R² {fits.r2.median():.2f}",
            x=f"mean size of the weight in {result.scale}",
        )
    part = result.weights[result.weights.group == group]
    made = signed_bars(
        style.short_names(part.condition, 36),
        part.weight.tolist(),
        style.hover_texts(
            condition=part.condition, value_of_the_row=part.value, weight=part.weight, low=part.low, high=part.high
        ),
        title=f"Row {result.row}, {group}: LIME, local R² {fits.r2.iloc[0]:.2f}",
        x=f"weight in {result.scale}",
    )
    return made.update_traces(error_x=style.intervals(part.low, part.weight, part.high, line=style.GREY))
