"""Draw the way of a row through a tree: the mean answer after each rule."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure, marks, style
from modelglass.explainers.decision_path import DecisionPath
from modelglass.explainers.figures.bars import NARROW


@figure.register
def _(result: DecisionPath) -> go.Figure:
    steps = result.steps
    of = f" of {result.group}" if result.scale in ("probability", "decision") else ""
    made = style.new_figure(
        f"Row {result.row}: the mean answer after each rule it fulfils", height=130 + 36 * len(steps)
    )
    made.add_scatter(
        x=steps.estimate,
        y=[f"{s}. {r}" if s else r for s, r in zip(steps.step, style.short_names(steps.rule, 32), strict=True)],
        mode="lines+markers",
        line={"color": style.BLUE, "width": 2},
        marker={"size": 9, "color": style.BLUE},
        hoverinfo="text",
        hovertext=style.hover_texts(
            rule=steps.rule, value_of_the_row=steps.value, mean_answer=steps.estimate, rows=steps.n
        ),
        customdata=marks.customdata([None, *steps["where"][1:]]),
    )
    made.update_xaxes(title_text=style.wrapped(f"mean {result.scale}{of}", NARROW))
    made.update_yaxes(autorange="reversed", showgrid=False, type="category")
    return marks.clickable(made)
