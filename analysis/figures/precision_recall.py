"""Draw precision-recall curves: curve, band, the decision in use, and what random scores would give."""

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
from modelglass.analysis.precision_recall import PrecisionRecall
from modelglass.analysis.wording import score


@figure.register
def _(result: PrecisionRecall) -> go.Figure:
    known = result.areas.dropna(subset="estimate")
    if known.empty:
        return style.empty_figure(f"There is no precision-recall curve: {result.areas.note.iloc[0]}.")
    single = len(known) == 1
    by = result.settings.get("by")
    title = several_title("Precision-recall curves", "average precision", result)
    if single:
        area = known.iloc[0]
        known_as = score(area.estimate, area.low, area.high)
        title = f"Precision and recall of {area.group}: average precision {known_as}, {rows_text(area.n)}"
    made = style.new_figure(
        title,
        x="recall (share of the class found)",
        y="precision (share of flagged that is right)",
        height=460 if single else 460 + 24 * len(known),
        legend=not single,
    )
    for i, area in numbered(known, by):
        curve = result.curve[result.curve.group == area.group]
        if single:
            made.add_scatter(
                x=[0, 1],
                y=[area.baseline, area.baseline],
                mode="lines",
                hoverinfo="skip",
                showlegend=False,
                line={"color": style.GREY, "dash": "dot", "width": 1},
            )
            made.add_annotation(
                x=0,
                y=area.baseline,
                text=f"random scores: {area.baseline:.3f}",
                showarrow=False,
                xanchor="left",
                yanchor="bottom" if area.baseline < 0.9 else "top",
            )
            banded = curve.dropna(subset="low")
            add_band(made, banded.recall, banded.low, banded.high)
        texts = style.hover_texts(
            **({} if single else {"group": curve.group}),
            threshold=curve.threshold,
            precision=curve.precision,
            low=curve.low,
            high=curve.high,
            recall=curve.recall,
            flagged_rows=curve.n,
        )
        add_curve(
            made,
            i,
            curve.recall,
            curve.precision,
            texts,
            legend_name(area, by),
        )
        add_operating(
            made,
            i,
            result.operating[result.operating.group == area.group],
            "recall",
            "precision",
            label=single,
        )
    return legend_below(square(made))
