"""Draw the largest change of an answer for each way to hand over the same rows, beside what adding up in another order may change."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.analysis.same_answers import SameAnswers

LEAST = 1e-17


@figure.register
def _(result: SameAnswers) -> go.Figure:
    table = result.ways[result.ways.note == ""]
    if not len(table):
        return style.empty_figure("The model refuses the rows in every other way.")
    if (table.largest == 0).all():
        return style.empty_figure("The answers are the same to the last digit in every way that the model takes.")
    names = [style.wrapped(w, 24) for w in table.way]
    made = style.new_figure("", height=130 + 38 * len(table))
    made.add_scatter(
        x=np.maximum(table.largest, LEAST),
        y=names,
        mode="markers",
        marker={"size": 11, "color": np.where(table["same"], style.BLUE, style.ORANGE).tolist()},
        hovertext=style.hover_texts(
            way=table.way, columns=[style.short(c, 60) for c in table["columns"]], largest_change=table.largest,
            decisions_that_change=table.changed, rows=table.n,
        ),
        hoverinfo="text",
    )  # fmt: skip
    made.update_xaxes(type="log", title_text=style.wrapped("largest change of an answer (0 at the left end)", 28), exponentformat="power", nticks=6)  # fmt: skip
    return made.update_yaxes(autorange="reversed", type="category", automargin=True)
