"""Draw the scores of a class and of the others, or actual against predicted numbers."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from modelglass.analysis.estimated import rows_text
from modelglass.analysis.figures import figure, marks, style
from modelglass.analysis.figures.curve_parts import legend_below
from modelglass.analysis.predictions import Predictions


@figure.register
def _(result: Predictions) -> go.Figure:
    return _scores(result) if "roc_auc" in result.summary else _numbers(result)


def _scores(result: Predictions) -> go.Figure:
    """One panel a class: bars upwards for its rows, downwards for the others, so that neither hides the other."""
    from plotly.subplots import make_subplots

    groups = list(result.summary.itertuples())
    made = make_subplots(rows=len(groups), cols=1, shared_xaxes=True, vertical_spacing=min(0.04, 0.4 / len(groups)))
    what = "by class" if len(groups) > 1 else f"of {groups[0].group}"
    title = f"Scores {what}, {rows_text(groups[0].n)}"
    height = 80 + (320 if len(groups) == 1 else 130 * len(groups))
    style.dress(made, style.new_figure(title, height=height, legend=True))
    made.update_layout(barmode="relative", bargap=0)
    for i, group in enumerate(groups, start=1):
        bins = result.bins[result.bins.group == group.group]
        for sign, own, colour in ((1, True, style.BLUE), (-1, False, style.ORANGE)):
            part = bins[(bins.actual == group.group) == own]
            name = (
                (style.short(group.group, 24) if own else f"not {style.short(group.group, 24)}")
                if len(groups) == 1
                else ("rows of the class" if own else "other rows")
            )
            texts = style.hover_texts(
                actual=part.actual,
                score_from=part.left,
                to=part.right,
                rows=part.n,
                share_of_these=part.share,
            )
            made.add_bar(
                x=(part.left + part.right) / 2,
                y=sign * part.share,
                width=part.right - part.left,
                hovertext=texts,
                hoverinfo="text",
                customdata=marks.customdata(part["where"]),
                name=name,
                legendgroup=str(own),
                showlegend=i == 1,
                row=i,
                col=1,
                marker={"color": colour, "line": {"width": 0}},
            )
        own = bins.actual == group.group
        up, down = (float(np.nanmax(np.append(bins.share[side], 1e-9))) for side in (own, ~own))
        ticks = _ticks(up, down, 3 if len(groups) > 1 else 6)
        made.update_yaxes(
            tickmode="array",
            tickvals=ticks,
            ticktext=[f"{100 * abs(t):.3g}%" for t in ticks],
            title_text=style.short(group.group, 12) if len(groups) > 1 else "share of these rows",
            row=i,
            col=1,
        )
    made.update_xaxes(title_text="score", row=len(groups), col=1)
    return marks.clickable(legend_below(made))


def _ticks(up: float, down: float, most: int) -> list[float]:
    """Give round shares to both sides of 0, about ``most`` in all; a side too short for one of them gets one of its own.

    >>> _ticks(0.2, 0.48, 6), _ticks(0.085, 0.9, 4)
    ([-0.4, -0.2, 0.0, 0.2], [-0.5, 0.0, 0.08])
    """
    size = 10.0 ** np.floor(np.log10(max(up, down)))
    steps = [f * s for s in (size / 10, size) for f in (1.0, 2.0, 5.0)]
    step = next((s for s in steps if up // s + down // s + 1 <= most), steps[-1])
    ticks = [float(round(i * step, 12)) for i in range(-int(down / step + 1e-9), int(up / step + 1e-9) + 1)]
    for side, reach in ((-1, down), (1, up)):
        if 0.06 * (up + down) < reach < step:
            digit = 10.0 ** np.floor(np.log10(reach))
            ticks.append(side * float(round(reach // digit * digit, 12)))
    return sorted(ticks)


def _numbers(result: Predictions) -> go.Figure:
    first, cells = result.summary.iloc[0], result.bins
    title = f"Actual against predicted, {rows_text(int(first.n))} ({len(result.sample):,} shown as points)"
    made = style.new_figure(title, x="predicted", y="actual", height=480)
    across, up = np.unique(np.append(cells.left, cells.right)), np.unique(np.append(cells.bottom, cells.top))
    texts = style.hover_texts(
        predicted_from=cells.left, to=cells.right, actual_from=cells.bottom, up_to=cells.top, rows=cells.n
    )
    made.add_heatmap(
        x=(cells.left + cells.right) / 2,
        y=(cells.bottom + cells.top) / 2,
        z=np.log10(np.maximum(cells.n, 1)),
        colorscale=style.SEQUENTIAL,
        showscale=False,
        hoverinfo="skip",
        name="all rows",
    )
    made.add_scatter(
        x=result.sample.predicted,
        y=result.sample.actual,
        mode="markers",
        hoverinfo="skip",
        showlegend=False,
        name="sample",
        marker={"size": 3, "color": style.GREY, "opacity": 0.35},
    )
    made.add_scatter(  # heat maps answer no click: each cell has a mark that is not seen
        x=(cells.left + cells.right) / 2,
        y=(cells.bottom + cells.top) / 2,
        mode="markers",
        marker={"size": 9, "symbol": "square", "color": style.CLEAR, "line": {"width": 0}},
        hovertext=texts,
        hoverinfo="text",
        customdata=marks.customdata(cells["where"]),
        showlegend=False,
        name="cells",
    )
    low, high = max(across[0], up[0]), min(across[-1], up[-1])
    made.add_scatter(
        x=[low, high],
        y=[low, high],
        mode="lines",
        line={"color": style.GREY, "width": 1, "dash": "dot"},
        hoverinfo="skip",
        showlegend=False,
        name="perfect",
    )
    made.add_annotation(x=high, y=high, text="perfect", showarrow=False, xanchor="right", yanchor="bottom")
    return marks.clickable(made)
