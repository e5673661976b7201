"""Draw drop-column importance: bars with intervals."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure
from modelglass.analysis.performance import in_sentence
from modelglass.explainers.drop_column_importance import DropColumnImportance
from modelglass.explainers.figures.bars import importance_bars


@figure.register
def _(result: DropColumnImportance) -> go.Figure:
    return importance_bars(
        result.importance,
        title=f"How much worse {in_sentence(result.label)} is when the model is fitted without a column",
        x=f"loss of {in_sentence(result.label)} and {100 * result.settings['level']:.4g} % interval",
        hover_unit="loss",
    )
