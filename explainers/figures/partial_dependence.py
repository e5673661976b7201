"""Draw partial dependence: the average with its interval, single rows as thin lines, and where the data are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.explainers.partial_dependence import IndividualConditionalExpectation, PartialDependence
from modelglass.explainers.rows import text

MOST_LINES = 50


@figure.register
def _(result: PartialDependence) -> go.Figure:
    made, features = _panels(result, list(dict.fromkeys(result.curves.feature)))
    for i, feature in enumerate(features):
        curve = result.curves[result.curves.feature == feature]
        if len(result.groups) == 1:
            _thin(made, result.lines[result.lines.feature == feature], result.kinds[feature], i)
        for g, group in enumerate(result.groups):
            _average(made, curve[curve.group == group], result, feature, g, i)
        _strip(made, result, feature, i)
    if result.settings.get("class_"):
        made.update_layout(title_text=f"Class {style.escape(result.groups[0])}", margin_t=56)
    return made


@figure.register
def _lines(result: IndividualConditionalExpectation) -> go.Figure:
    made, features = _panels(result, list(dict.fromkeys(result.lines.feature)))
    last = result.groups[-1]  # of several classes the last is drawn, and named
    for i, feature in enumerate(features):
        lines = result.lines[result.lines.feature == feature]
        _thin(made, lines[lines.group == last], result.kinds[feature], i, opacity=0.55)
        _strip(made, result, feature, i)
    if len(result.groups) > 1 or result.settings.get("class_"):
        made.update_layout(title_text=f"Class {style.escape(last)}", margin_t=56)
    return made


def _panels(
    result: PartialDependence | IndividualConditionalExpectation, features: list[str]
) -> tuple[go.Figure, list[str]]:
    from plotly.subplots import make_subplots

    count, top, each = len(features), 36, 340
    made = make_subplots(rows=2 * count, cols=1)
    legend = len(result.groups) > 1 and isinstance(result, PartialDependence)
    made.update_layout(style.new_figure("", height=top + each * count, legend=legend).layout)
    for i, feature in enumerate(features):
        kind = "category" if result.kinds[feature] == "levels" else None
        high = 1 - i / count  # the panel, the strip close below it, then room for the strip's labels
        made.update_xaxes(type=kind, showticklabels=False, matches=f"x{2 * i + 2}", row=2 * i + 1, col=1)
        made.update_xaxes(
            type=kind, title_text=style.escape(feature), tickangle=-35 if kind else None, row=2 * i + 2, col=1
        )
        made.update_yaxes(
            title_text=style.escape(result.scale), domain=[high - 0.62 / count, high], row=2 * i + 1, col=1
        )
        made.update_yaxes(
            showticklabels=False,
            title_text="rows",
            showgrid=False,
            domain=[high - 0.72 / count, high - 0.64 / count],
            row=2 * i + 2,
            col=1,
        )
        made.update_xaxes(automargin=False, title_standoff=4, row=2 * i + 2, col=1)
    made.update_layout(margin={"b": 0, "t": top})
    return made, features


def _xs(values: pd.Series, kind: str) -> list:
    return [style.short(text(v), 12) for v in values] if kind == "levels" else values.tolist()


def _average(made: go.Figure, curve: pd.DataFrame, result: PartialDependence, feature: str, g: int, i: int) -> None:
    kind, colour = result.kinds[feature], style.colour(g)
    x = _xs(curve.value, kind)
    hover = style.hover_texts(
        **{feature: [text(v) for v in curve.value]},
        group=curve.group,
        average=curve.estimate,
        low=curve.low,
        high=curve.high,
        rows=curve.n,
    )
    band = kind == "ordered" and curve.low.notna().all()
    if band:
        made.add_scatter(
            x=x + x[::-1],
            y=[*curve.high, *curve.low[::-1]],
            fill="toself",
            fillcolor=style.faint(colour),
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
            row=2 * i + 1,
            col=1,
        )
    made.add_scatter(
        x=x,
        y=curve.estimate,
        mode="lines+markers" if band else "markers",
        marker={"size": 4 if band else 9, "color": colour},
        line={"color": colour, "width": 2.5},
        error_y=None if band else style.intervals(curve.low, curve.estimate, curve.high, line=colour),
        hovertext=hover,
        hoverinfo="text",
        name=style.short(curve.group.iloc[0], 20),
        legendgroup=str(g),
        showlegend=i == 0,
        row=2 * i + 1,
        col=1,
    )


def _thin(made: go.Figure, lines: pd.DataFrame, kind: str, i: int, opacity: float = 0.3) -> None:
    x, y = [], []
    for _, line in list(lines.groupby("row", sort=False))[:MOST_LINES]:
        x += [*_xs(line.value, kind), None]
        y += [*line.output, None]
    made.add_scatter(
        x=x,
        y=y,
        mode="lines",
        line={"color": style.faint(style.GREY, opacity), "width": 1},
        hoverinfo="skip",
        showlegend=False,
        row=2 * i + 1,
        col=1,
    )


def _strip(made: go.Figure, result: PartialDependence | IndividualConditionalExpectation, feature: str, i: int) -> None:
    part = result.density[result.density.feature == feature]
    if result.kinds[feature] == "levels":
        x, width, words = _xs(part.value, "levels"), None, [text(v) for v in part.value]
    else:
        left, right = part.value.to_numpy(), part.right.to_numpy()
        dates = isinstance(left[0], pd.Timestamp)
        x = [a + (b - a) / 2 for a, b in zip(left, right, strict=True)]
        width = [(b - a).total_seconds() * 1000 if dates else b - a for a, b in zip(left, right, strict=True)]
        words = [f"{text(a)} to {text(b)}" for a, b in zip(left, right, strict=True)]
    made.add_bar(
        x=x,
        y=np.asarray(part.n),
        width=width,
        marker={"color": style.GREY, "line": {"width": 0}},
        showlegend=False,
        hovertext=style.hover_texts(**{feature: words}, rows=part.n),
        hoverinfo="text",
        row=2 * i + 2,
        col=1,
    )
