"""Draw permutation importance: bars with intervals, those of groups in another colour."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure
from modelglass.analysis.performance import in_sentence
from modelglass.explainers.figures.bars import importance_bars
from modelglass.explainers.permutation_importance import PermutationImportance


@figure.register
def _(result: PermutationImportance) -> go.Figure:
    table = result.importance.assign(group=result.importance["columns"] > 1)
    groups = bool(table.group.any())
    among = " among rows alike in the others" if result.settings["conditional"] else ""
    does = "How much worse" if result.settings["greater_is_better"] is not None else "How much higher"
    return importance_bars(
        table,
        title=f"{does} {in_sentence(result.label)} gets when a column is shuffled{among}",
        x=f"loss of {in_sentence(result.label)} and {100 * result.settings['level']:.4g} % interval"
        + ("; orange: columns shuffled together" if groups else ""),
        hover_unit="loss",
        marked="group" if groups else "",
    )
