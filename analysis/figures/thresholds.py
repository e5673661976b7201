"""Draw metrics against the threshold, and with costs the mean cost and its cheapest stretch."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from modelglass.analysis.estimated import rows_text
from modelglass.analysis.figures import figure, style
from modelglass.analysis.figures.curve_parts import legend_below
from modelglass.analysis.thresholds import Thresholds

DRAWN = ("precision", "recall", "f1", "accuracy", "balanced_accuracy", "fpr", "selection_rate")
FIRST = ("precision", "recall", "f1", "selection_rate")
"""Shown at first; the others wait in the legend."""
NAMES = {"f1": "F1", "fpr": "false positive rate"}


@figure.register
def _(result: Thresholds) -> go.Figure:
    from plotly.subplots import make_subplots

    costs = len(result.optimum) > 0
    n = result.ranking.positives + result.ranking.negatives
    made = make_subplots(
        rows=2 if costs else 1,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.06,
        row_heights=[0.62, 0.38] if costs else [1.0],
    )
    title = f"Metrics at each threshold on the score of {result.positive}, {rows_text(n)}"
    style.dress(made, style.new_figure(title, height=640 if costs else 440, legend=True))
    for i, metric in enumerate(DRAWN):
        _line(made, result.table[result.table.metric == metric], style.colour(i), metric, 1)
    if costs:
        _cost(made, result)
    used = result.operating.threshold.iloc[0]
    if np.isfinite(used):
        made.add_vline(x=used, line={"color": style.GREY, "width": 1.5, "dash": "dot"})
        made.add_annotation(
            x=used,
            y=0.02,
            yref="y domain",
            text="as used now",
            showarrow=False,
            textangle=-90,
            xanchor="right",
            yanchor="bottom",
        )
    for room in result.capacity[result.capacity.n > 0].itertuples() if len(result.capacity) else ():
        made.add_vline(x=room.threshold, line={"color": style.PURPLE, "width": 1.5, "dash": "dash"})
        made.add_annotation(
            x=room.threshold,
            y=0.02,
            yref="y domain",
            text=f"room for {rows_text(int(room.most))}",
            showarrow=False,
            textangle=-90,
            xanchor="left",
            yanchor="bottom",
        )
    made.update_yaxes(range=[-0.02, 1.04], title_text="share", row=1, col=1)
    made.update_xaxes(
        title_text=f"threshold on the score of {style.escape(result.positive)}", row=2 if costs else 1, col=1
    )
    return legend_below(made)


def _line(made: go.Figure, rows: pd.DataFrame, colour: str, metric: str, panel: int) -> None:
    name = NAMES.get(metric, metric.replace("_", " "))
    first = metric in FIRST or metric == "mean_cost"
    known = rows.dropna(subset="low")
    made.add_scatter(
        x=np.concatenate([known.threshold, known.threshold[::-1]]),
        y=np.concatenate([known.low, known.high[::-1]]),
        fill="toself",
        mode="lines",
        line={"width": 0},
        fillcolor=style.faint(colour, 0.14),
        hoverinfo="skip",
        showlegend=False,
        legendgroup=metric,
        visible=True if first else "legendonly",
        name=f"{name} interval",
        row=panel,
        col=1,
    )
    texts = style.hover_texts(
        metric=[name] * len(rows),
        threshold=rows.threshold,
        estimate=rows.estimate,
        low=rows.low,
        high=rows.high,
        rests_on_rows=rows.n,
    )
    made.add_scatter(
        x=rows.threshold,
        y=rows.estimate,
        mode="lines",
        line={"color": colour, "width": 2},
        hovertext=texts,
        hoverinfo="text",
        name=name,
        legendgroup=metric,
        visible=True if first else "legendonly",
        showlegend=panel == 1,
        row=panel,
        col=1,
    )


def _cost(made: go.Figure, result: Thresholds) -> None:
    best = result.optimum.iloc[0]
    _line(made, result.table[result.table.metric == "mean_cost"], style.BLUE, "mean_cost", 2)
    made.add_vrect(
        x0=best.from_threshold,
        x1=best.to_threshold,
        fillcolor=style.faint(style.GREEN, 0.16),
        line_width=0,
        layer="below",
        row=2,
        col=1,
    )
    text = style.hover(
        cheapest_threshold=best.threshold,
        mean_cost=best.estimate,
        low=best.low,
        high=best.high,
        not_clearly_worse_from=best.from_threshold,
        to=best.to_threshold,
        rows=best.n,
    )
    made.add_scatter(
        x=[best.threshold],
        y=[best.estimate],
        mode="markers+text",
        text=["cheapest"],
        textposition="top center",
        row=2,
        col=1,
        marker={"size": 10, "symbol": "diamond", "color": style.GREEN},
        hovertext=[text],
        hoverinfo="text",
        showlegend=False,
        error_y=style.intervals([best.low], [best.estimate], [best.high], line=style.GREEN),
        name="cheapest",
    )
    made.update_yaxes(title_text="mean cost a row", row=2, col=1)
