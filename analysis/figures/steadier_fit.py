"""Draw two fits beside one another: as it was, and with errors in training."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure
from modelglass.analysis.figures.now_then import now_then
from modelglass.analysis.steadier_fit import SteadierFit


@figure.register
def _(result: SteadierFit) -> go.Figure:
    share = result.source.task != "regression"
    return now_then(
        result.frame(),
        x="share of decisions" if share else f"in the unit of {result.source.target}",
        share=share,
        called=("measure", "as it was", "with errors in training"),
        names=("fitted as it was", "fitted with errors in training, too"),
    )
