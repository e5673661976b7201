"""Draw what was tried: the gain of each suggestion with its interval, a panel for each scale."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.analysis.remedies import Remedies
from modelglass.analysis.remedies_training import MEASURE as RATIO


@figure.register
def _(result: Remedies) -> go.Figure:
    from plotly.subplots import make_subplots

    table = result.frame()
    table = table[table["estimate"].notna()]
    if table.empty:
        return style.empty_figure("Nothing could be tried.")
    measures = list(dict.fromkeys(table["measure"]))
    sizes = [int((table["measure"] == m).sum()) for m in measures]
    titles = [style.wrapped(m if m == RATIO else f"gain in {m}", 40) for m in measures]
    made = make_subplots(
        rows=len(measures),
        cols=1,
        subplot_titles=titles,
        row_heights=[s + 0.6 for s in sizes],
        vertical_spacing=min(0.5 / len(measures), 0.16),
    )
    style.dress(made, style.new_figure("", height=90 + 85 * len(measures) + 30 * len(table)))
    made.update_annotations(x=1, xref="paper", xanchor="right", align="right", font_size=12.5)
    for place, measure in enumerate(measures, start=1):
        part = table[table["measure"] == measure]
        names = [style.short(f"{r.remedy}: {r.column}" if r.column else r.remedy, 30) for r in part.itertuples()]
        colours = [style.BLUE if s else style.GREY for s in part["sure"]]
        made.add_scatter(
            x=part["estimate"],
            y=names,
            mode="markers",
            showlegend=False,
            marker={"size": 9, "color": colours},
            error_x=style.intervals(part["low"], part["estimate"], part["high"]),
            hoverinfo="text",
            hovertext=[
                style.hover(
                    remedy=r.remedy,
                    column=r.column or "none",
                    now=r.now,
                    estimate=r.estimate,
                    low=r.low,
                    high=r.high,
                    adjusted_p=r.p_adjusted,
                    rows=r.n,
                    note=r.note or "surely gains",
                )
                for r in part.itertuples()
            ],
            row=place,
            col=1,
        )
        nothing = 1.0 if measure == RATIO else 0.0
        made.add_vline(x=nothing, line={"color": style.GREY, "dash": "dot", "width": 1.5}, row=place, col=1)
    return made.update_yaxes(autorange="reversed", type="category", showgrid=False).update_layout(margin_t=48)
