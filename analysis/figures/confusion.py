"""Draw a confusion table as cells that can be clicked: rows are actual classes, columns predicted ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from modelglass.analysis.confusion import Confusion
from modelglass.analysis.figures import figure, marks, style

SHARE_OF = {"actual": "the actual class", "predicted": "the predicted class", "all": "all rows"}
STRONG = 0.5
"""From this share on a cell is full and its text white."""
MOST_WITH_COUNTS, MOST_WITH_TEXT = 14, 30


@figure.register
def _(result: Confusion) -> go.Figure:
    k = len(result.classes)
    cell = int(np.clip(440 / k, 26, 120))
    made = style.new_figure(
        f"Actual against predicted class: share of {SHARE_OF[result.settings['normalize']]}, and rows",
        x="predicted",
        y="actual",
        height=90 + cell * k,
    )
    cells = result.frame().assign(row=np.repeat(np.arange(k), k), column=np.tile(np.arange(k), k))
    shares = cells.estimate.fillna(0.0)
    made.update_layout(shapes=[_box(c, s) for c, s in zip(cells.itertuples(), shares)])
    for part, paint in ((cells[shares < STRONG], None), (cells[shares >= STRONG], "#ffffff")):
        if len(part):
            made.add_trace(_texts(part, k, cell, paint))
    names = [style.short(c, 18) for c in result.classes]
    axis = {
        "tickmode": "array",
        "tickvals": list(range(k)),
        "ticktext": names,
        "showgrid": False,
        "showline": False,
    }
    made.update_xaxes(range=[-0.5, k - 0.5], constrain="domain", **axis)
    made.update_yaxes(range=[k - 0.5, -0.5], **axis)
    return marks.clickable(made)


def _box(cell, share: float) -> dict:
    """Fill one cell: blue where right, orange where wrong, deeper with its share of the actual class."""
    opacity = 0.6 + 0.4 * share if share >= STRONG else 0.03 + 0.34 * share
    colour = style.BLUE if cell.row == cell.column else style.ORANGE
    return {
        "type": "rect",
        "x0": cell.column - 0.49,
        "x1": cell.column + 0.49,
        "y0": cell.row - 0.48,
        "y1": cell.row + 0.48,
        "fillcolor": style.faint(colour, opacity),
        "line": {"width": 0},
        "layer": "below",
    }


def _texts(part: pd.DataFrame, k: int, size: int, paint: str | None) -> go.Scatter:
    """One point a cell: it carries the numbers and [actual, predicted, condition], and answers a click."""
    font = {"size": 14 if k <= 5 else 11, **({"color": paint} if paint else {})}
    return go.Scatter(
        x=part.column,
        y=part.row,
        mode="markers+text" if k <= MOST_WITH_TEXT else "markers",
        text=[_text(c, k) for c in part.itertuples()],
        textfont=font,
        marker={"symbol": "square", "size": 0.86 * size, "color": style.CLEAR, "line": {"width": 0}},
        customdata=marks.customdata(part["where"], map(str, part.actual), map(str, part.predicted)),
        hoverinfo="text",
        hovertext=_hover(part),
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}, "textfont": {"color": paint or style.TEXT}},
        showlegend=False,
    )


def _text(cell, k: int) -> str:
    share = "–" if np.isnan(cell.estimate) else f"{cell.estimate:.{1 if k <= 5 else 0}%}"
    if k > MOST_WITH_COUNTS:
        return share if cell.n else ""
    return f"{share}<br>{cell.n:,}"


def _hover(part: pd.DataFrame) -> list[str]:
    return style.hover_texts(
        actual=part.actual,
        predicted=part.predicted,
        rows=part.n,
        share=part.estimate,
        low=part.low,
        high=part.high,
        rows_of_this_actual_class=part.n_actual,
        share_of_actual=part.share_of_actual,
        share_of_predicted=part.share_of_predicted,
        share_of_all=part.share_of_all,
    )
