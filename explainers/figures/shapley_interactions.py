"""Draw Shapley interactions: the strongest pairs as bars, and the strongest by levels of both columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.analysis.wording import signed
from modelglass.explainers.figures.bars import NARROW
from modelglass.explainers.shapley_interactions import ShapleyInteractions

MOST = 12
BAR, CELL = 40, 34
STRONG, MOST_NUMBERED = 0.55, 8
"""From this share of the strongest cell on its text is white; levels up to which cells carry their number."""


@figure.register
def _(result: ShapleyInteractions) -> go.Figure:
    if not result.shown:
        return style.empty_figure("No two columns act together.")
    group = result.groups[0]
    if len(result.groups) > 1:
        first = result.pairs[: len(result.groups)]
        group = str(first.group.iloc[int(np.argmax(first.estimate))])
    cells = result.cells[result.cells.group == group]
    return _both(result, cells, group) if len(cells) > 1 else _bars(result)


def _pair(a: object, b: object, letters: int) -> str:
    return "<br>".join([style.short(a, letters), f"with {style.short(b, letters - 5)}"])


def _names(result: ShapleyInteractions) -> list[str]:
    """Name each pair in two lines; where two would read alike a number tells them apart."""
    names = [_pair(a, b, 22) for a, b in result.shown[:MOST]]
    return [n if names.count(n) == 1 else f"{n} ({i + 1})" for i, n in enumerate(names)]


def _draw_bars(made: go.Figure, result: ShapleyInteractions, **place: int) -> None:
    names = _names(result)
    for g, group in enumerate(result.groups):
        part = result.pairs[result.pairs.group == group][:MOST]
        one = len(result.groups) == 1
        made.add_bar(
            x=part.estimate,
            y=names,
            orientation="h",
            name=style.short(group, 20),
            marker={"color": style.faint(style.BLUE, 0.55) if one else style.colour(g), "line": {"width": 0}},
            error_x=style.intervals(part.low, part.estimate, part.high) if one else {"visible": False},
            hoverinfo="text",
            hovertext=style.hover_texts(
                column=part.feature, with_column=part.other, of=part.group, mean_absolute=part.estimate, low=part.low,
                high=part.high, mean=part["mean"], rows=part.n,
            ),
            **place,
        )  # fmt: skip
    made.update_yaxes(autorange="reversed", showgrid=False, type="category", **place)


def _bars(result: ShapleyInteractions) -> go.Figure:
    many = len(result.groups) > 1
    made = style.new_figure("", height=130 + BAR * min(len(result.shown), MOST), legend=many)
    _draw_bars(made, result)
    made.update_xaxes(title_text=style.wrapped(f"mean absolute interaction, {result.scale}", NARROW))
    return made.update_layout(barmode="stack")


def _both(result: ShapleyInteractions, cells: pd.DataFrame, group: str) -> go.Figure:
    from plotly.subplots import make_subplots

    many = len(result.groups) > 1
    bars = BAR * min(len(result.shown), MOST)
    xs, ys = ([v for v in levels if v in set(cells[c])] for c, levels in zip("xy", result.levels, strict=True))
    tall = max(CELL * len(ys), 120)
    between = 104
    total = bars + tall + between
    a, b = result.shown[0]
    of = f", {style.short(group, 20)}" if many else ""
    made = make_subplots(
        rows=2, cols=1, vertical_spacing=between / total, row_heights=[bars, tall],
        subplot_titles=(
            " " if many else f"Strength of each pair ({100 * result.settings['level']:.4g} % interval)",
            style.wrapped(f"{style.short(a, 18)} with {style.short(b, 18)}{of}: mean interaction", 44),
        ),
    )  # fmt: skip
    made.update_annotations(x=1, xref="paper", xanchor="right", align="right", font_size=13)
    style.dress(made, style.new_figure("", height=total + 130))
    _draw_bars(made, result, row=1, col=1)
    made.update_xaxes(title_text=style.wrapped(f"mean absolute, {result.scale}", NARROW), row=1, col=1)
    for trace in _heat(cells, xs, ys, (a, b)):
        made.add_trace(trace, row=2, col=1)
    made.update_xaxes(title_text=style.short(a, 30), type="category", showgrid=False, row=2, col=1)
    made.update_yaxes(title_text=style.short(b, 24), type="category", showgrid=False, row=2, col=1)
    return made.update_layout(barmode="stack", showlegend=many, margin_t=40)


def _heat(cells: pd.DataFrame, xs: list[str], ys: list[str], names: tuple[str, str]) -> list[go.Heatmap | go.Scatter]:
    """Give the cells, and over them their numbers, white where the cell is strong."""
    cells = cells[cells.x.isin(xs) & cells.y.isin(ys)]
    x, y = style.short_names(xs, 12), style.short_names(ys, 16)
    z = np.full((len(ys), len(xs)), np.nan)
    texts = np.full(z.shape, "fewer than five rows", dtype=object)
    places = [(ys.index(c.y), xs.index(c.x)) for c in cells.itertuples()]
    for place, c in zip(places, cells.itertuples(), strict=True):
        z[place] = c.estimate
        texts[place] = style.hover(**{names[0]: c.x, names[1]: c.y}, mean_interaction=c.estimate, rows=c.n)
    most = float(np.nanmax(np.abs(z))) or 1.0
    look = {"zmin": -most, "zmax": most, "colorscale": style.DIVERGING, "showscale": False, "xgap": 1, "ygap": 1}
    heat = go.Heatmap(z=z, x=x, y=y, hovertext=texts, hoverinfo="text", **look)
    if len(xs) > MOST_NUMBERED:
        return [heat]
    numbers = go.Scatter(
        x=[x[j] for _, j in places],
        y=[y[i] for i, _ in places],
        mode="text",
        text=[signed(float(f"{v:.1g}")) for v in cells.estimate],
        textfont={"color": ["white" if abs(v) > STRONG * most else style.TEXT for v in cells.estimate], "size": 11},
        hoverinfo="skip",
        showlegend=False,
    )
    return [heat, numbers]
