"""Draw baselines beside the model: each with its interval, a panel for each metric."""

from __future__ import annotations

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from modelglass.analysis.baselines import Baselines
from modelglass.analysis.figures import figure, style

_PAINT = {"model": style.BLUE, "human": style.GREEN}


@figure.register
def _(result: Baselines) -> go.Figure:
    table = result.table
    metrics = list(dict.fromkeys(table["metric"]))
    labels = [style.escape(table.loc[table["metric"] == m, "label"].iloc[0]) for m in metrics]
    rows = int(table.groupby("metric").size().max())
    height = 70 + len(metrics) * (80 + 26 * rows)
    made = make_subplots(rows=len(metrics), cols=1, subplot_titles=labels, vertical_spacing=70 / height)
    style.dress(made, style.new_figure("The model beside simple predictions", height=height))
    for i, metric in enumerate(metrics):
        part = table[(table["metric"] == metric) & table["estimate"].notna()]
        where = {"row": i + 1, "col": 1}
        names = [style.short(n, 24) for n in part["name"]]
        made.add_scatter(
            x=part["estimate"],
            y=list(range(len(part))),
            mode="markers",
            showlegend=False,
            marker={"size": 9, "color": [_PAINT.get(b, style.GREY) for b in part["baseline"]]},
            error_x=style.intervals(part["low"], part["estimate"], part["high"]),
            hoverinfo="text",
            hovertext=style.hover_texts(
                name=part["name"],
                estimate=part["estimate"],
                low=part["low"],
                high=part["high"],
                model_better_by=part["gain"],
                from_=part["gain_low"],
                to=part["gain_high"],
                fitted_on=part["how"],
                rows=part["n"],
            ),
            **where,
        )
        made.update_yaxes(tickvals=list(range(len(part))), ticktext=names, range=[len(part) - 0.4, -0.6], **where)
    return made.update_layout(margin_t=80)
