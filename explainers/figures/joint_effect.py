"""Draw two columns together: the answer in cells, below what of it is more than a sum, and how sure it is; dots where rows are, hatched where hardly any."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.explainers.effect_grid import FEW
from modelglass.explainers.joint_effect import JointEffect
from modelglass.explainers.rows import text

LARGEST_DOT, PLOT, BELOW = 13.0, 270, 118


@figure.register
def _(result: JointEffect) -> go.Figure:
    from plotly.subplots import make_subplots

    group = result.widest()
    cells = result.cells[result.cells.group == group]
    xs, ys = (list(dict.fromkeys(map(text, cells[c]))) for c in ("value", "other_value"))
    shape = len(xs), len(ys)
    named = f"{style.short(group, 30)}: " if len(result.groups) > 1 or result.settings.get("class_") else ""
    title = f"{named}Dots: rows; hatched: fewer than {FEW} rows"
    panels = [(cells.estimate, f"{result.scale}, average"), (cells.beyond, "of it more than the sum of both")]
    if cells.low.notna().any():
        level = f"{100 * result.settings['level']:.4g} %"
        panels.append(((cells.high - cells.low) / 2, f"half of its {level} interval; ×: none"))
    made = make_subplots(rows=len(panels), cols=1)
    style.dress(made, style.new_figure(title))
    top = int(made.layout.margin.t) + 20
    inside = len(panels) * (PLOT + BELOW)
    made.update_layout(height=top + inside + 8, margin={"t": top, "b": 8, "l": 12, "r": 12})
    for i, (values, said) in enumerate(panels):
        high = 1 - i / len(panels)
        z = values.to_numpy(dtype=float).reshape(shape).T
        _panel(made, result, z, cells, (xs, ys), i, [high - PLOT / inside, high])
        made.add_annotation(
            text=style.short(said, 50),
            x=0,
            y=high,
            xref="paper",
            yref="paper",
            yanchor="bottom",
            xanchor="left",
            showarrow=False,
        )
    return made


def _panel(
    made: go.Figure,
    result: JointEffect,
    z: np.ndarray,
    cells: pd.DataFrame,
    levels: tuple[list[str], list[str]],
    i: int,
    domain: list[float],
) -> None:
    xs, ys = levels
    at: dict[str, Any] = {"row": i + 1, "col": 1}
    a, b = result.features
    near = cells.near.to_numpy().reshape(len(xs), len(ys)).T
    most = float(np.nanmax(np.abs(z))) or 1.0
    scale: dict[str, Any] = {"colorscale": style.SEQUENTIAL}
    if i:
        scale = {"colorscale": style.DIVERGING, "zmin": -most, "zmax": most} if i == 1 else {**scale, "zmin": 0.0}
    made.add_heatmap(
        z=z,
        x=list(range(len(xs))),
        y=list(range(len(ys))),
        xgap=1,
        ygap=1,
        hovertext=np.array(_hover(result, cells), dtype=object).reshape(len(xs), len(ys)).T,
        hoverinfo="text",
        colorbar={
            "thickness": 10,
            "len": domain[1] - domain[0],
            "y": sum(domain) / 2,
            "nticks": 5,
            "tickformat": ",.3~r",
        },
        **scale,
        **at,
    )
    few = np.argwhere(near < FEW)
    made.add_bar(
        x=few[:, 1],
        y=np.full(len(few), 1.0),
        base=few[:, 0] - 0.5,
        width=1.0,
        marker={
            "color": style.CLEAR,
            "pattern": {"shape": "/", "fgcolor": style.GREY, "size": 6, "solidity": 0.25},
            "line": {"width": 0},
        },
        hoverinfo="skip",
        showlegend=False,
        **at,
    )
    none = np.argwhere(np.isnan(z))
    if len(none):
        made.add_scatter(
            x=none[:, 1],
            y=none[:, 0],
            mode="markers",
            marker={"symbol": "x-thin", "size": 8, "line": {"width": 1.5, "color": style.GREY}},
            hoverinfo="skip",
            showlegend=False,
            **at,
        )
    held = np.argwhere((near > 0) & ~np.isnan(z))
    size = LARGEST_DOT * np.sqrt(near[near > 0] / max(near.max(), 1))
    made.add_scatter(
        x=held[:, 1],
        y=held[:, 0],
        mode="markers",
        marker={"size": np.maximum(size, 1.5), "color": "#ffffff", "line": {"width": 1, "color": style.GREY}},
        hoverinfo="skip",
        showlegend=False,
        **at,
    )
    axis: dict[str, Any] = {"tickmode": "array", "showgrid": False, "fixedrange": True, "tickfont": {"size": 11}}
    made.update_xaxes(
        **axis, tickvals=list(range(len(xs))), ticktext=style.short_names(xs, 10), tickangle=-60, automargin=False,
        title={"text": style.short(a), "standoff": 4}, range=[-0.5, len(xs) - 0.5], **at
    )  # fmt: skip
    made.update_yaxes(
        **axis, tickvals=list(range(len(ys))), ticktext=style.short_names(ys, 10), domain=domain,
        title_text=style.short(b), range=[-0.5, len(ys) - 0.5], **at
    )  # fmt: skip


def _hover(result: JointEffect, cells: pd.DataFrame) -> list[str]:
    a, b = result.features
    parts = {
        a: [text(v) for v in cells.value],
        b: [text(v) for v in cells.other_value],
        "average": cells.estimate,
        "more than a sum": cells.beyond,
        "rows near": cells.near,
    }
    if cells.low.notna().any():
        parts["interval"] = [
            f"{style.number(low)} to {style.number(high)}" if low == low else f"none: {why}"
            for low, high, why in zip(cells.low, cells.high, cells.note, strict=True)
        ]
    return style.hover_texts(**parts)
