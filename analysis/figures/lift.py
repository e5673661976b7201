"""Draw cumulative gain above lift, both against the share of rows taken from the top."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from modelglass.analysis.estimated import rows_text
from modelglass.analysis.figures import figure, style
from modelglass.analysis.figures.curve_parts import DASHES, legend_below, numbered, several_title
from modelglass.analysis.lift import Lift


@figure.register
def _(result: Lift) -> go.Figure:
    from plotly.subplots import make_subplots

    known, by = result.areas[result.areas.note == ""], result.settings.get("by")
    if known.empty:
        return style.empty_figure(f"There is no lift curve: {result.areas.note.iloc[0]}.")
    single, first = len(known) == 1, known.iloc[0]
    top = f"top {100 * result.settings['top']:.3g}%"
    title = several_title("Gain and lift", f"lift of the {top}", result)
    if single:
        title = f"Gain and lift of {first.group}: the {top} hold {first.gain:.1%}, {rows_text(int(first.n))}"
    made = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.58, 0.42], vertical_spacing=0.06)
    height = 620 if single else 600 + 24 * len(known)
    style.dress(made, style.new_figure(title, height=height, legend=not single))
    _reference(made, [0, 1], [0, 1], 1)
    _reference(made, [0, 1], [1, 1], 2)
    made.add_annotation(
        x=0.56, y=0.53, text="rows at random", showarrow=False, xanchor="left", yanchor="top", row=1, col=1
    )
    if single:
        _reference(made, [0, first.baseline, 1], [0, 1, 1], 1)
        made.add_annotation(
            x=first.baseline,
            y=1.0,
            text="best possible",
            showarrow=False,
            xanchor="left",
            yanchor="bottom",
            row=1,
            col=1,
        )
    for i, area in numbered(known, by):
        curve = result.curve[result.curve.group == area.group]
        name = f"{style.short(area.group, 24)} {area.lift:.2f}" + (
            "" if by is None or np.isnan(area.lift_low) else f" ({area.lift_low:.2f} to {area.lift_high:.2f})"
        )
        _lines(made, i, curve, name, single)
    made.add_vline(x=result.settings["top"], line={"color": style.GREY, "width": 1, "dash": "dot"})
    made.update_xaxes(range=[-0.01, 1.01], tickformat=".0%")
    made.update_xaxes(title_text="share of rows taken, highest scores first", row=2, col=1)
    made.update_yaxes(title_text="share of the class held", range=[-0.02, 1.08], row=1, col=1)
    made.update_yaxes(title_text="lift", rangemode="tozero", row=2, col=1)
    return legend_below(made)


def _reference(made: go.Figure, x: list[float], y: list[float], panel: int) -> None:
    line = {"color": style.GREY, "dash": "dot", "width": 1}
    made.add_scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", showlegend=False, row=panel, col=1)


def _lines(made: go.Figure, i: int, curve: pd.DataFrame, name: str, single: bool) -> None:
    """Add the gain, from nothing taken, and the lift of one curve; their bands where it is the only one."""
    start = pd.DataFrame({"share": [0.0], "gain": [0.0]})
    texts = style.hover_texts(
        **({} if single else {"group": curve.group}),
        rows_taken=curve.share,
        threshold=curve.threshold,
        share_of_the_class=curve.gain,
        gain_low=curve.gain_low,
        gain_high=curve.gain_high,
        lift=curve.lift,
        lift_low=curve.low,
        lift_high=curve.high,
        precision=curve.precision,
        rows=curve.n,
    )
    gain = pd.concat([start, curve[["share", "gain"]]], ignore_index=True)
    dash = DASHES[max(i, 0) // len(style.PALETTE) % len(DASHES)]
    line = {"color": style.colour(i), "width": 2 if i >= 0 else 3.5, "dash": dash}
    for panel, x, y, low, high, hovers in (
        (1, gain.share, gain.gain, curve.gain_low, curve.gain_high, ["", *texts]),
        (2, curve.share, curve.lift, curve.low, curve.high, texts),
    ):
        if single and curve.low.notna().any():
            made.add_scatter(
                x=np.concatenate([curve.share, curve.share[::-1]]),
                y=np.concatenate([low, high[::-1]]),
                fill="toself",
                mode="lines",
                line={"width": 0},
                fillcolor=style.faint(style.BLUE),
                hoverinfo="skip",
                showlegend=False,
                name="interval",
                row=panel,
                col=1,
            )
        made.add_scatter(
            x=x,
            y=y,
            mode="lines",
            line=line,
            hovertext=hovers,
            hoverinfo="text",
            name=name,
            legendgroup=str(i),
            showlegend=panel == 1 and not single,
            row=panel,
            col=1,
        )
