"""Draw each slice's rates and cost at the common threshold and at its own."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from modelglass.analysis.curves import WHOLE
from modelglass.analysis.figures import figure, marks, style
from modelglass.analysis.figures.curve_parts import legend_below
from modelglass.analysis.thresholds_by_slice import ThresholdsBySlice

PANELS = {
    "mean_cost": "mean cost a row",
    "selection_rate": "selection rate",
    "recall": "true positive rate",
    "fpr": "false positive rate",
}
RULES = {"common": ("one threshold for all", style.BLUE, -0.16), "own": ("one for each slice", style.ORANGE, 0.16)}


@figure.register
def _(result: ThresholdsBySlice) -> go.Figure:
    from plotly.subplots import make_subplots

    groups = [WHOLE, *result.slices.group]
    made = make_subplots(
        rows=2,
        cols=2,
        subplot_titles=list(PANELS.values()),
        shared_yaxes=True,
        horizontal_spacing=0.06,
        vertical_spacing=0.14,
    )
    of = f" ({result.settings['class_']})" if result.settings.get("class_") else ""
    title = f"One threshold for all, or one for each slice of {result.settings['by']}{of}"
    height = 270 + 62 * len(groups)
    base = style.new_figure(title, height=height, legend=True)
    style.dress(made, base)
    made.update_layout(margin_t=base.layout.margin.t + 24)
    for number, metric in enumerate(PANELS):
        row, col = number // 2 + 1, number % 2 + 1
        for rule in RULES:
            _dots(made, result, metric, rule, groups, row, col)
        made.update_yaxes(
            tickvals=list(range(len(groups))),
            ticktext=[style.short(g, 16) for g in groups],
            range=[len(groups) - 0.5, -0.5],
            row=row,
            col=col,
        )
        made.update_xaxes(rangemode="tozero" if metric != "mean_cost" else "normal", nticks=5, row=row, col=col)
    made.update_annotations(font_size=12.5)
    return marks.clickable(legend_below(made))


def _dots(
    made: go.Figure, result: ThresholdsBySlice, metric: str, rule: str, groups: list[str], row: int, col: int
) -> None:
    """Add the estimates of one rule, a dot with its interval for each group."""
    name, colour, shift = RULES[rule]
    at = result.table[(result.table.rule == rule) & (result.table.metric == metric)].set_index("group").loc[groups]
    apart = (
        result.table[(result.table.rule == "difference") & (result.table.metric == metric)]
        .set_index("group")
        .loc[groups]
    )
    texts = style.hover_texts(
        slice=groups,
        rule=[name] * len(at),
        threshold=at.threshold,
        **{PANELS[metric].replace(" ", "_"): at.estimate},
        low=at.low,
        high=at.high,
        own_minus_common=apart.estimate,
        difference_low=apart.low,
        difference_high=apart.high,
        rests_on_rows=at.n,
    )
    made.add_scatter(
        x=at.estimate,
        y=np.arange(len(groups)) + shift,
        mode="markers",
        marker={"size": 8, "color": colour, "symbol": "circle" if rule == "common" else "diamond"},
        error_x=style.intervals(at.low, at.estimate, at.high, line=colour),
        hovertext=texts,
        hoverinfo="text",
        customdata=marks.customdata([None, *result.slices["where"]]),
        name=name,
        legendgroup=rule,
        showlegend=row == 1 and col == 1,
        row=row,
        col=col,
    )
