"""Draw LIME's weights: bars to both sides."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.explainers.figures.bars import signed_bars
from modelglass.explainers.lime_weights import LimeWeights


@figure.register
def _(result: LimeWeights) -> go.Figure:
    best = result.fit.loc[result.fit.output.idxmax()]
    part = result.weights[result.weights.group == best.group]
    return signed_bars(
        style.short_names(part.condition, 36),
        part.weight.tolist(),
        style.hover_texts(condition=part.condition, value_of_the_row=part.value, weight=part.weight),
        title=f"Row {result.row}, {best.group}: LIME, local R² {best.r2:.2f}",
        x=f"weight in {result.scale}",
    )
