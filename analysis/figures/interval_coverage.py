"""Draw the share that came true beside the share promised, of quantiles and intervals."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from modelglass.analysis.curves import WHOLE
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.figures import figure, marks, style
from modelglass.analysis.figures.curve_parts import legend_below
from modelglass.analysis.interval_coverage import IntervalCoverage


@figure.register
def _(result: IntervalCoverage) -> go.Figure:
    groups = list(dict.fromkeys(result.table.group))
    promises = list(dict.fromkeys(result.table.what))
    n = int(result.table.n[result.table.group == WHOLE].iloc[0])
    made = style.new_figure(
        f"Promised and actual coverage, {rows_text(n)}" + (f", by {result.settings['by']}" if len(groups) > 1 else ""),
        x="share that came true (grey tick: promised)",
        height=150
        + 44 * len(promises)
        + 15 * len(promises) * (len(groups) - 1)
        + (24 * len(groups) if len(groups) > 1 else 0),
        legend=len(groups) > 1,
    )
    grey = len(style.PALETTE) - 1
    for i, group in enumerate(groups):
        at = result.table[result.table.group == group]
        places = np.array([promises.index(w) for w in at.what]) + (i + 0.5) / len(groups) * 0.8 - 0.4
        number = grey if group == WHOLE and len(groups) > 1 else i if len(groups) == 1 else i - 1 if i <= grey else i
        colour = style.colour(number)
        made.add_scatter(
            x=at.estimate,
            y=places,
            mode="markers",
            marker={"size": 9, "color": colour, "symbol": ["diamond" if c else "circle" for c in at.clear]},
            error_x=style.intervals(at.low, at.estimate, at.high, line=colour),
            hovertext=style.hover_texts(
                group=at.group,
                promise=at.what,
                promised=at.nominal,
                came_true=at.estimate,
                low=at.low,
                high=at.high,
                clearly_off=["yes" if c else "no" for c in at.clear],
                mean_width=at.mean_width,
                rows=at.n,
            ),
            hoverinfo="text",
            customdata=marks.customdata(at["where"].where(at["where"] != "TRUE")),
            name=style.short(group, 24),
        )
    nominal = result.table[result.table.group == WHOLE].set_index("what").nominal
    for place, what in enumerate(promises):
        made.add_shape(
            type="line",
            x0=nominal[what],
            x1=nominal[what],
            y0=place - 0.45,
            y1=place + 0.45,
            line={"color": style.GREY, "width": 3},
        )
    kinds = result.table.drop_duplicates("what").set_index("what").kind
    texts = [f"below {w}" if kinds[w] == "quantile" else w for w in promises]
    made.update_yaxes(tickvals=list(range(len(promises))), ticktext=texts, range=[len(promises) - 0.5, -0.5])
    made.update_xaxes(range=[-0.02, 1.02], tickformat=".0%")
    return marks.clickable(legend_below(made))
