"""Draw what the model does here beside the rest: a panel for each number, because their units differ."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from modelglass.analysis.contrast import Contrast
from modelglass.analysis.figures import figure, style

MOST, ACROSS = 12, 2


@figure.register
def _(result: Contrast) -> go.Figure:
    from plotly.subplots import make_subplots

    table = result.frame()
    table = table[table["here"].notna() | table["there"].notna()][:MOST]
    if table.empty:
        return style.empty_figure("There is nothing to compare.")
    titles = [style.wrapped(f"{r.label} of {r.group}" if r.group else r.label, 26) for r in table.itertuples()]
    down = -(-len(table) // ACROSS)
    made = make_subplots(
        rows=down,
        cols=ACROSS,
        subplot_titles=titles,
        shared_yaxes=True,
        horizontal_spacing=0.07,
        vertical_spacing=min(0.5 / max(down, 1), 0.2),
    )
    style.dress(made, style.new_figure(f"Here beside {result.compared}", height=100 + 125 * down))
    made.update_annotations(font_size=12.5)
    for i, row in enumerate(table.itertuples()):
        where = {"row": i // ACROSS + 1, "col": i % ACROSS + 1}
        sure = row.p_adjusted <= 1 - result.settings["level"]
        made.add_scatter(
            x=[row.here, row.there],
            y=["here", style.short(result.compared, 16)],
            mode="markers",
            showlegend=False,
            marker={
                "size": 9,
                "color": [style.BAD if sure else style.GREY, style.GREY],
                "symbol": ["circle", "diamond"],
            },
            error_x=style.intervals([row.here_low, np.nan], [row.here, row.there], [row.here_high, np.nan]),
            hoverinfo="text",
            hovertext=[
                style.hover(
                    number=row.label,
                    here=row.here,
                    there=row.there,
                    difference=row.estimate,
                    low=row.low,
                    high=row.high,
                    adjusted_p=row.p_adjusted,
                    rests_on_rows=row.support,
                )
            ]
            * 2,
            **where,
        )
        made.update_xaxes(nticks=4, **where)
    return made.update_yaxes(type="category", autorange="reversed", range=[1.6, -0.6]).update_layout(margin_t=84)
