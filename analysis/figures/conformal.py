"""Draw how often the outcome lay inside, in all rows and by slice, beside what was promised; and how many decisions are unsure."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from modelglass.analysis.conformal import Conformal
from modelglass.analysis.figures import figure, style


@figure.register
def _(result: Conformal) -> go.Figure:
    table = result.slices
    names = style.short_names(table["slice"], 22)
    promised = result.settings["coverage"]
    made = style.new_figure("", height=190 + 34 * len(table), legend=True)
    made.add_scatter(
        x=table.estimate,
        y=names,
        mode="markers",
        marker={"size": 10, "color": style.BLUE},
        error_x=style.intervals(table.low, table.estimate, table.high, line=style.BLUE),
        hovertext=style.hover_texts(rows_of=table["slice"], held=table.estimate, low=table.low, high=table.high, mean_size=table["size"], rows=table.n),
        hoverinfo="text",
        name="outcome inside",
    )  # fmt: skip
    if table.undecided.notna().any():
        made.add_scatter(
            x=table.undecided,
            y=names,
            mode="markers",
            marker={"size": 9, "color": style.ORANGE, "symbol": "diamond"},
            hovertext=style.hover_texts(
                rows_of=table["slice"], undecided=table.undecided, no_class_fits=table["empty"], rows=table.n
            ),
            hoverinfo="text",
            name="another class possible",
        )
    made.add_vline(x=promised, line={"color": style.GREY, "dash": "dot", "width": 1.5})
    least = float(np.nanmin([table.low.fillna(table.estimate).min(), promised, table.undecided.min()]))
    made.update_xaxes(
        title_text=style.wrapped(f"share of rows (dotted: {promised:.0%} promised)", 30),
        tickformat=".0%",
        range=[max(0.0, least - 0.06), 1.02],
        nticks=6,
    )
    return made.update_yaxes(autorange="reversed", type="category", automargin=True)
