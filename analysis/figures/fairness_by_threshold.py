"""Draw the rates of slices along the threshold, and under each the gap between the farthest two."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from modelglass.analysis.curves import WHOLE
from modelglass.analysis.fairness_by_threshold import FairnessByThreshold
from modelglass.analysis.figures import figure, style
from modelglass.analysis.figures.curve_parts import add_curve, legend_below
from modelglass.analysis.gaps import NAMES, RATES


@figure.register
def _(result: FairnessByThreshold) -> go.Figure:
    from plotly.subplots import make_subplots

    groups = [WHOLE, *result.slices.group]
    made = make_subplots(
        rows=len(RATES),
        cols=1,
        shared_xaxes=True,
        subplot_titles=[NAMES[rate] for rate in RATES],
        vertical_spacing=0.08,
    )
    of = f" ({result.settings['class_']})" if result.settings.get("class_") else ""
    title = f"Rates by {result.settings['by']} at each threshold, and the widest gap between slices{of}"
    base = style.new_figure(title, height=760 + 24 * (len(groups) + 1), legend=True)
    style.dress(made, base)
    made.update_layout(margin_t=base.layout.margin.t + 24)
    for row, rate in enumerate(RATES, start=1):
        _gap(made, result, rate, row)
        for number, group in enumerate(groups):
            _line(made, result, rate, group, number - 1, row)
        if np.isfinite(result.threshold):
            made.add_vline(x=result.threshold, line={"color": style.GREY, "dash": "dot", "width": 1}, row=row, col=1)
    made.update_yaxes(range=[-0.02, 1.02], tickformat=".0%")
    made.update_xaxes(title_text="threshold (dotted line: in use)" if np.isfinite(result.threshold) else "threshold", row=len(RATES), col=1)  # fmt: skip
    made.update_annotations(font_size=12.5)
    return legend_below(made)


def _line(made: go.Figure, result: FairnessByThreshold, rate: str, group: str, number: int, row: int) -> None:
    """Add the rate of one slice; -1 is all rows, thick and grey."""
    at = result.table[(result.table.group == group) & (result.table.metric == rate)]
    grey = len(style.PALETTE) - 1
    texts = style.hover_texts(
        slice=at.group,
        threshold=at.threshold,
        **{NAMES[rate].replace(" ", "_"): at.estimate},
        low=at.low,
        high=at.high,
        rests_on_rows=at.n,
    )
    add_curve(made, number if number < grey else number + 1, at.threshold, at.estimate, texts, style.short(group, 24))
    made.data[-1].update(showlegend=row == 1, **_axes(row))


def _gap(made: go.Figure, result: FairnessByThreshold, rate: str, row: int) -> None:
    """Add the widest gap as a dashed line over its band."""
    at = result.gaps[(result.gaps.metric == rate) & result.gaps.estimate.notna()]
    known = at[at.low.notna()]
    made.add_scatter(
        x=np.concatenate([known.threshold, known.threshold[::-1]]),
        y=np.concatenate([known.low, known.high[::-1]]),
        fill="toself",
        mode="lines",
        line={"width": 0},
        fillcolor=style.faint(style.GREY),
        hoverinfo="skip",
        showlegend=False,
        legendgroup="gap",
        row=row,
        col=1,
    )
    made.add_scatter(
        x=at.threshold,
        y=at.estimate,
        mode="lines",
        line={"color": style.TEXT, "width": 1.5, "dash": "dash"},
        hovertext=style.hover_texts(
            threshold=at.threshold, gap=at.estimate, low=at.low, high=at.high, highest=at.highest, lowest=at.lowest
        ),
        hoverinfo="text",
        name="widest gap, with its interval",
        legendgroup="gap",
        showlegend=row == 1,
        row=row,
        col=1,
    )


def _axes(row: int) -> dict[str, str]:
    return {"xaxis": "x" if row == 1 else f"x{row}", "yaxis": "y" if row == 1 else f"y{row}"}
