"""Draw concepts: how much the answer moves along each, layer by layer, beside what random concepts give."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.explainers.concept_activation import ALPHA, ConceptActivation
from modelglass.explainers.figures.bars import NARROW

MOST, USUAL = 40, 2.0


@figure.register
def _(result: ConceptActivation) -> go.Figure:
    table = result.scores.iloc[:MOST]
    several = len(result.groups) > 1
    concepts = list(dict.fromkeys(table.concept))
    short = dict(zip(concepts, style.short_names(concepts, 22), strict=True))
    names = [
        f"{short[c]} · {layer}" + (f" · {g}" if several else "")
        for c, layer, g in zip(table.concept, table.layer, table.group, strict=True)
    ]
    left = len(result.scores) - len(table)
    of = "" if several else f" of {result.groups[0]}"
    made = style.new_figure(
        f"How much the score{of} moves along each concept. Blue: surely; grey: as random concepts do"
        + (f"; {left} more in the table" if left else ""),
        height=150 + 30 * len(table),
    )
    made.add_vrect(x0=-USUAL, x1=USUAL, fillcolor=style.GREY, opacity=0.18, line_width=0, layer="below")
    made.add_bar(
        x=table.sensitivity,
        y=names,
        orientation="h",
        marker={"color": np.where(table.p_adjusted <= ALPHA, style.BLUE, style.GREY).tolist(), "line": {"width": 0}},
        hoverinfo="text",
        hovertext=style.hover_texts(
            concept=table.concept, layer=table.layer, class_of_score=table.group, times_random=table.sensitivity,
            rises_for=table.estimate, random_low=table.chance_low, random_high=table.chance_high, p_adjusted=table.p_adjusted,
            told_apart=table.separated, rows=table.n,
        ),
    )  # fmt: skip
    widest = max(3.0, float(np.abs(table.sensitivity).max()) * 1.05)
    made.update_xaxes(
        range=[-widest, widest],
        zeroline=True,
        title_text=style.wrapped("mean slope, in spreads of random concepts", NARROW),
    )
    return made.update_yaxes(autorange="reversed", showgrid=False, type="category")
