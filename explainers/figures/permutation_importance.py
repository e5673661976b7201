"""Draw permutation importance: bars with intervals."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure
from modelglass.explainers.figures.bars import importance_bars
from modelglass.explainers.permutation_importance import PermutationImportance


@figure.register
def _(result: PermutationImportance) -> go.Figure:
    return importance_bars(
        result.importance,
        title=f"How much worse {result.label} gets when a column is shuffled",
        x=f"loss of {result.label} and {100 * result.settings['level']:.4g} % interval",
        hover_unit="loss",
    )
