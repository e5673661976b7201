"""Draw concepts: the share of rows whose score rises along each, layer by layer, beside the range of random concepts."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.explainers.concept_activation import ALPHA, ConceptActivation
from modelglass.explainers.figures.bars import NARROW

MOST = 40


@figure.register
def _(result: ConceptActivation) -> go.Figure:
    table = result.scores.iloc[:MOST]
    several = len(result.groups) > 1
    names = [
        f"{c} · {lay}" + (f" · {g}" if several else "")
        for c, lay, g in zip(style.short_names(table.concept, 22), table.layer, table.group, strict=True)
    ]
    left = len(result.scores) - len(table)
    of = "" if several else f" of {result.groups[0]}"
    made = style.new_figure(
        f"Rows whose score{of} rises along the concept. Grey: random concepts; blue: surely otherwise"
        + (f"; {left} more in the table" if left else ""),
        height=150 + 30 * len(table),
    )
    made.add_bar(
        x=table.chance_high - table.chance_low,
        base=table.chance_low,
        y=names,
        orientation="h",
        marker={"color": style.faint(style.GREY, 0.35), "line": {"width": 0}},
        hoverinfo="skip",
    )
    sure = table.p_adjusted <= ALPHA
    made.add_scatter(
        x=table.estimate,
        y=names,
        mode="markers",
        marker={"size": 11, "color": np.where(sure, style.BLUE, style.ORANGE).tolist()},
        hoverinfo="text",
        hovertext=style.hover_texts(
            concept=table.concept, layer=table.layer, class_of_score=table.group, rises_for=table.estimate,
            random_low=table.chance_low, random_high=table.chance_high, sensitivity=table.sensitivity, p_adjusted=table.p_adjusted,
            told_apart=table.separated, rows=table.n,
        ),
    )  # fmt: skip
    made.update_xaxes(
        tickformat=".0%", range=[-0.03, 1.03], title_text=style.wrapped("share of the rows (TCAV score)", NARROW)
    )
    return made.update_yaxes(autorange="reversed", showgrid=False, type="category")
