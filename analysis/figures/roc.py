"""Draw ROC curves: the curve, its band, the decision in use, and chance."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.estimated import rows_text
from modelglass.analysis.figures import figure, style
from modelglass.analysis.figures.curve_parts import (
    add_band,
    add_curve,
    add_operating,
    legend_below,
    legend_name,
    numbered,
    several_title,
    square,
)
from modelglass.analysis.roc import Roc
from modelglass.analysis.wording import score


@figure.register
def _(result: Roc) -> go.Figure:
    known = result.areas.dropna(subset="estimate")
    if known.empty:
        return style.empty_figure(f"There is no ROC curve: {result.areas.note.iloc[0]}.")
    single = len(known) == 1
    by = result.settings.get("by")
    title = several_title("ROC curves", "area", result)
    if single:
        area = known.iloc[0]
        title = f"ROC curve of {area.group}: area {score(area.estimate, area.low, area.high)}, {rows_text(area.n)}"
    made = style.new_figure(
        title,
        x="false positive rate (share of the others flagged)",
        y="true positive rate (share found)",
        height=460 if single else 440 + 24 * len(known),
        legend=not single,
    )
    made.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": style.GREY, "dash": "dot", "width": 1},
        hoverinfo="skip",
        showlegend=False,
    )
    made.add_annotation(x=0.8, y=0.78, text="chance", showarrow=False, xanchor="left", yanchor="top")
    for i, area in numbered(known, by):
        curve = result.curve[result.curve.group == area.group]
        if single:
            add_band(made, curve.fpr, curve.low, curve.high)
        texts = style.hover_texts(
            **({} if single else {"group": curve.group}),
            threshold=curve.threshold,
            true_positive_rate=curve.tpr,
            low=curve.low,
            high=curve.high,
            false_positive_rate=curve.fpr,
            positive_rows=curve.n,
        )
        add_curve(made, i, curve.fpr, curve.tpr, texts, legend_name(area, by))
        add_operating(made, i, result.operating[result.operating.group == area.group], "fpr", "tpr", label=single)
    return legend_below(square(made))
