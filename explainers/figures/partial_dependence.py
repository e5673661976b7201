"""Draw partial dependence: the average with its interval, single rows as thin lines, and where the data are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.explainers.effect_curves import EffectCurves, stretches
from modelglass.explainers.partial_dependence import IndividualConditionalExpectation, PartialDependence
from modelglass.explainers.rows import text

MOST_LINES = 50


@figure.register
def _(result: PartialDependence) -> go.Figure:
    one = len(result.groups) == 1 and len(result.cohorts) == 1
    drawn = min(result.lines.row.nunique(), MOST_LINES)
    title = f"Blue: average prediction; grey: {drawn} single rows; below: rows by value" if one and drawn else ""
    made, features = panels(result, list(dict.fromkeys(result.curves.feature)), titled(result, title))
    for i, feature in enumerate(features):
        curve = result.curves[result.curves.feature == feature]
        names = names_of(result, feature, curve.value)
        if one:
            thin(made, result.lines[result.lines.feature == feature], names, i)
        overlaid(made, curve, result, feature, i, names)
        strip(made, result, feature, i, names)
    return made


@figure.register
def _lines(result: IndividualConditionalExpectation) -> go.Figure:
    last = result.groups[-1]  # of several classes the last is drawn, and named
    drawn = min(result.lines.row.nunique(), MOST_LINES)
    named = len(result.groups) > 1 or result.settings.get("class_")
    title = (
        f"Each thin line one of {drawn} rows"
        + (f", class {last}" if named else "")
        + "; thick: typical curves and their share"
    )
    made, features = panels(result, list(dict.fromkeys(result.lines.feature)), title)
    for i, feature in enumerate(features):
        lines = result.lines[result.lines.feature == feature]
        names = names_of(result, feature, lines.value)
        thin(made, lines[lines.group == last], names, i, opacity=0.55)
        curves = result.typical[(result.typical.feature == feature) & (result.typical.group == last)]
        for c, curve in curves.groupby("cluster"):
            apart = _apart(curves, curve, int(c))
            _typical(made, curve, feature, int(c), i, names, share_at=apart)
        strip(made, result, feature, i, names)
    return made


def titled(result: EffectCurves, title: str) -> str:
    """Say which class is drawn, where it is one of several, and what is laid over each other."""
    if len(result.cohorts) > 1:
        title = f"By {result.settings['by']}. {title}"
    if result.settings.get("class_") or (len(result.cohorts) > 1 and len(result.groups) > 1):
        title = f"Class {result.widest()}. {title}"
    return title.removesuffix(" ").removesuffix(".") if title.endswith(". ") else title


def overlaid(
    made: go.Figure, curve: pd.DataFrame, result: EffectCurves, feature: str, i: int, names: Mapping[str, str] | None
) -> None:
    """Draw a curve for each class, or, where cohorts are compared, for each cohort (of the class that moves most)."""
    if len(result.cohorts) == 1:
        for g, group in enumerate(result.groups):
            average(made, curve[curve.group == group], result, feature, g, i, names, name=group)
        return
    curve = curve[curve.group == result.widest()]
    for g, cohort in enumerate(result.cohorts):
        average(made, curve[curve.cohort == cohort], result, feature, g, i, names, name=cohort)


def _apart(curves: pd.DataFrame, curve: pd.DataFrame, c: int) -> int:
    """Give the place of a curve's own values at which the other curves are farthest, where its share can be read."""
    others = curves[curves.cluster != c].groupby("cluster").output.apply(lambda o: o.to_numpy(float))
    if not len(others):
        return len(curve) // 2
    away = np.min([np.abs(curve.output.to_numpy(float) - o) for o in others], axis=0)
    inner = slice(1, -1) if len(away) > 4 else slice(None)  # at the ends a text would be cut
    return int(away[inner].argmax()) + (inner.start or 0)


def _typical(
    made: go.Figure,
    curve: pd.DataFrame,
    feature: str,
    c: int,
    i: int,
    names: Mapping[str, str] | None,
    *,
    share_at: int,
) -> None:
    """Draw one typical curve, the share of its rows written on it."""
    made.add_scatter(
        x=_xs(curve.value, names),
        y=curve.output,
        mode="lines+text",
        line={"color": style.colour(c), "width": 3},
        text=[f"{share:.0%}" if j == share_at else "" for j, share in enumerate(curve.share)],
        textposition="top center",
        textfont={"color": style.colour(c), "size": 13},
        hovertext=style.hover_texts(
            **{feature: [text(v) for v in curve.value]}, average=curve.output, share=curve.share, rows=curve.n
        ),
        hoverinfo="text",
        showlegend=False,
        row=2 * i + 1,
        col=1,
    )


def panels(result: Any, features: list[str], title: str) -> tuple[go.Figure, list[str]]:
    """Lay out one panel a feature, each with room for the strip of its density below."""
    from plotly.subplots import make_subplots

    made = make_subplots(rows=2 * len(features), cols=1)
    heights = [400 if result.kinds[f] == "levels" else 330 for f in features]  # names of levels stand upright below
    pixel, high = 1 / sum(heights), 1.0
    legend = isinstance(result, EffectCurves) and max(len(result.groups), len(result.cohorts)) > 1
    style.dress(made, style.new_figure(title, legend=legend))
    top = int(made.layout.margin.t) + (0 if title else 24)
    layout: dict[str, Any] = {"height": top + sum(heights), "margin": {"b": 0, "t": top}}
    for i, feature in enumerate(features):
        kind = "category" if result.kinds[feature] == "levels" else None
        # the panel, the strip close below it, then room for the strip's labels
        above, below = 2 * i + 1 if i else "", 2 * i + 2
        panel, strip = [high - 211 * pixel, high], [high - 245 * pixel, high - 218 * pixel]
        layout[f"xaxis{above}"] = {"type": kind, "showticklabels": False, "matches": f"x{below}"}
        layout[f"yaxis{above}"] = {"title": {"text": style.escape(result.scale)}, "domain": panel}
        layout[f"xaxis{below}"] = {
            "type": kind,
            "title": {"text": style.escape(feature), "standoff": 4},
            "tickangle": -60 if kind else None,
            "automargin": False,
        }
        layout[f"yaxis{below}"] = {
            "title": {"text": "rows"},
            "showticklabels": False,
            "showgrid": False,
            "domain": strip,
        }
        high -= heights[i] * pixel
    return made.update_layout(layout), features


def names_of(result: Any, feature: str, values: pd.Series) -> dict[str, str] | None:
    """Give the short name of each level, each another; None where values have an order and stand as they are."""
    if result.kinds[feature] != "levels":
        return None
    counted = result.density[result.density.feature == feature].value
    levels = list(dict.fromkeys([*map(text, values), *map(text, counted)]))
    return dict(zip(levels, style.short_names(levels, 18), strict=True))


def _xs(values: pd.Series, names: Mapping[str, str] | None) -> list:
    return values.tolist() if names is None else [names[text(v)] for v in values]


def average(
    made: go.Figure,
    curve: pd.DataFrame,
    result: Any,
    feature: str,
    g: int,
    i: int,
    names: Mapping[str, str] | None,
    *,
    name: str,
) -> None:
    """Draw the average of a group or cohort with its interval."""
    kind, colour = result.kinds[feature], style.colour(g)
    x = _xs(curve.value, names)
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
        name=style.short(name, 20),
        legendgroup=str(g),
        showlegend=i == 0,
        row=2 * i + 1,
        col=1,
    )


def thin(made: go.Figure, lines: pd.DataFrame, names: Mapping[str, str] | None, i: int, opacity: float = 0.3) -> None:
    """Draw single rows as thin lines."""
    x, y = [], []
    for _, line in list(lines.groupby("row", sort=False))[:MOST_LINES]:
        x += [*_xs(line.value, names), None]
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


def strip(
    made: go.Figure,
    result: Any,
    feature: str,
    i: int,
    names: Mapping[str, str] | None,
) -> None:
    """Draw where the data are; shaded where hardly any are."""
    part = result.density[result.density.feature == feature]
    if names is not None:
        x, width, words = _xs(part.value, names), None, [text(v) for v in part.value]
    else:
        left, right = part.value.to_numpy(), part.right.to_numpy()
        dates = isinstance(left[0], pd.Timestamp)
        x = [a + (b - a) / 2 for a, b in zip(left, right, strict=True)]
        width = [(b - a).total_seconds() * 1000 if dates else b - a for a, b in zip(left, right, strict=True)]
        words = [f"{text(a)} to {text(b)}" for a, b in zip(left, right, strict=True)]
    for left, right in stretches(part) if names is None else ():
        shade = {"fillcolor": style.faint(style.GREY, 0.16), "line_width": 0, "layer": "below"}
        made.add_vrect(x0=left, x1=right, row=2 * i + 1, col=1, **shade)
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
