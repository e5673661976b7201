"""Draw decisions as they are made beside those with the steadier threshold of other rows."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure
from modelglass.analysis.figures.now_then import now_then
from modelglass.analysis.robust_threshold import RobustThreshold


@figure.register
def _(result: RobustThreshold) -> go.Figure:
    return now_then(
        result.frame(),
        x="share of decisions",
        share=True,
        called=("decisions", "now", "with another threshold"),
        names=("as they are made", "with the threshold of other rows"),
    )
