"""Draw a metric in the cells of two columns: each cell a bar that can be clicked, orange where worse, framed where surely so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from modelglass.analysis.error_heatmap import ALPHA, ErrorHeatmap
from modelglass.analysis.figures import figure, marks, style
from modelglass.analysis.performance import metric_label

ROW = 64
PHONE = 38
"""Letters under all cells together that a phone has room for."""
STRONG = 0.55
"""From this share of the largest difference on a cell that surely differs is full and its text white."""
MOST_WITH_ALL = 6
"""Columns up to which a phone shows interval and rows in each cell too."""


@figure.register
def _(result: ErrorHeatmap) -> go.Figure:
    cells = result.frame()
    label = metric_label(result.settings["metric"], result.source.task, result.settings.get("class_"))
    drawn_x = [v for v in result.x_levels if v in set(cells["x"])]
    drawn_y = [v for v in result.y_levels if v in set(cells["y"])]
    made = style.new_figure(
        f"{label} in each cell, and its rows. Orange: worse than all rows; framed: surely differs from the rest"
        if result.settings["better"] is not None
        else f"{label} in each cell, and its rows. Orange: above all rows; framed: surely differs from the rest",
        x=result.settings["x"],
        y=result.settings["y"],
        height=150 + ROW * len(drawn_y),
    )
    made.add_bar(**_bars(cells, result, drawn_x, drawn_y))
    axis: dict[str, Any] = {"tickmode": "array", "showgrid": False, "showline": False, "fixedrange": True}
    made.update_xaxes(
        **axis,
        tickvals=list(range(len(drawn_x))),
        ticktext=[_tick(v, max(4, PHONE // len(drawn_x))) for v in drawn_x],
        tickangle=0,
    )
    made.update_yaxes(**axis, tickvals=list(range(len(drawn_y))), ticktext=[_tick(v, 12) for v in drawn_y])
    made.update_xaxes(range=[-0.5, len(drawn_x) - 0.5], tickfont={"size": 11})
    made.update_yaxes(range=[-0.5, len(drawn_y) - 0.5], tickfont={"size": 11})
    return marks.clickable(made)


def _tick(label: str, letters: int) -> str:
    lines = style.wrapped(label, letters).split("<br>")
    return "<br>".join(lines if len(lines) <= 3 else [*lines[:2], lines[2] + "…"])


def _bars(cells: pd.DataFrame, result: ErrorHeatmap, xs: list[str], ys: list[str]) -> dict[str, Any]:
    fill, ink, frame = _paint(cells, result)
    return {
        "x": [xs.index(v) for v in cells["x"]],
        "y": [0.94] * len(cells),
        "base": [ys.index(v) - 0.47 for v in cells["y"]],
        "width": 0.95,
        "marker": {"color": fill, "line": {"color": frame, "width": [2.5 if f != style.GRID else 1 for f in frame]}},
        "text": [_text(row, all_of_it=len(xs) <= MOST_WITH_ALL) for row in cells.itertuples()],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "insidetextfont": {"color": ink, "size": 12},
        "customdata": marks.customdata(cells["where"]),
        "hoverinfo": "text",
        "hovertext": _hover(cells, result),
        "selected": {"marker": {"opacity": 1}},
        "unselected": {"marker": {"opacity": 1}},
        "showlegend": False,
    }


def _paint(cells: pd.DataFrame, result: ErrorHeatmap) -> tuple[list[str], list[str], list[str]]:
    """Colours of each cell, its text and its frame: deeper the farther from all rows."""
    away = cells["estimate"].to_numpy(float) - result.overall
    if result.settings["better"] is True:
        away = -away
    most = np.nanmax(np.abs(away)) if np.isfinite(away).any() else 0.0
    size = np.nan_to_num(np.abs(away) / most) if most > 0 else np.zeros(len(away))
    colour = [style.ORANGE if a > 0 else style.BLUE for a in np.nan_to_num(away)]
    sure = cells["p_adjusted"].to_numpy(float) <= ALPHA
    strong = sure & (size >= STRONG)
    fill = [style.faint(c, 0.6 + 0.4 * s if full else 0.03 + 0.4 * s) for c, s, full in zip(colour, size, strong)]
    ink = ["#ffffff" if full else style.TEXT for full in strong]
    return fill, ink, [c if s else style.GRID for c, s in zip(colour, sure)]


def _text(row: Any, *, all_of_it: bool) -> str:
    if not np.isfinite(row.estimate):
        return f"cannot<br>say<br>{_small(_rows(row.n))}" if all_of_it else "–"
    if not all_of_it:
        return _short(row.estimate)
    between = f"{_small(f'{_short(row.low)} to {_short(row.high)}')}<br>" if np.isfinite(row.low) else ""
    return f"{style.number(row.estimate)}<br>{between}{_small(_rows(row.n))}"


def _small(text: str) -> str:
    return f'<span style="font-size:9.5px">{text}</span>'


def _rows(n: int) -> str:
    return f"n {n:,}" if n < 100_000 else f"n {n / 1000:,.0f}k"


def _short(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 10 else style.number(value)


def _hover(cells: pd.DataFrame, result: ErrorHeatmap) -> list[str]:
    s = result.settings
    texts = style.hover_texts(
        **{s["x"]: cells["x"], s["y"]: cells["y"]},
        estimate=cells["estimate"],
        low=cells["low"],
        high=cells["high"],
        rows=cells["n"],
        rests_on_rows=cells["support"],
        rest=cells["rest"],
        difference=cells["effect"],
        adjusted_p=cells["p_adjusted"],
    )
    return [t + (f"<br>{style.escape(note)}" if note else "") for t, note in zip(texts, cells["note"])]
