"""Draw groups beside their reference: the difference of each rate with its interval, a panel for each rate."""

from __future__ import annotations

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from modelglass.analysis.fairness import Fairness
from modelglass.analysis.figures import figure, marks, style
from modelglass.analysis.performance import metric_label

MOST = 30


@figure.register
def _(result: Fairness) -> go.Figure:
    metrics = result.settings["metrics"]
    table = result.frame()
    pairs = list(dict.fromkeys(zip(table["columns"], table["group"])))
    names = dict(zip(pairs, style.short_names(f"{c}: {g}" for c, g in pairs)))
    shown = list(dict.fromkeys(names.values()))[:MOST]
    labels = [style.escape(metric_label(m, result.source.task, result.settings.get("class_"))) for m in metrics]
    across = min(len(metrics), 3)
    down = -(-len(metrics) // across)
    made = make_subplots(rows=down, cols=across, shared_yaxes=True, subplot_titles=labels, horizontal_spacing=0.04)
    style.dress(made, style.new_figure("Each group less its reference group", height=down * (120 + 24 * len(shown))))
    for i, metric in enumerate(metrics):
        part = table[(table["metric"] == metric) & table["difference"].notna()]
        part = part[[names[key] in shown for key in zip(part["columns"], part["group"])]]
        where = {"row": i // across + 1, "col": i % across + 1}
        made.add_vline(x=0, line={"color": style.GREY, "dash": "dot", "width": 1.5}, **where)
        made.add_scatter(
            x=part["difference"],
            y=[names[key] for key in zip(part["columns"], part["group"])],
            mode="markers",
            showlegend=False,
            marker={
                "size": 7,
                "color": [style.BAD if p <= result.settings["alpha"] else style.GREY for p in part["p_adjusted"]],
            },
            error_x=style.intervals(part["difference_low"], part["difference"], part["difference_high"]),
            customdata=marks.customdata(part["where"]),
            hoverinfo="text",
            hovertext=style.hover_texts(
                group=[f"{c}: {g}" for c, g in zip(part["columns"], part["group"])],
                estimate=part["estimate"],
                reference=part["reference"],
                difference=part["difference"],
                low=part["difference_low"],
                high=part["difference_high"],
                adjusted_p=part["p_adjusted"],
                rows=part["n"],
            ),
            **where,
        )
    return marks.clickable(made.update_yaxes(type="category", autorange="reversed").update_layout(margin_t=80))
