"""Draw Shapley values: importance bars over a swarm of single rows; one row as a waterfall."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from modelglass.analysis.figures import figure, marks, style
from modelglass.analysis.wording import signed
from modelglass.explainers.figures.bars import NARROW
from modelglass.explainers.shapley import ShapleyRow, ShapleyValues

FEATURES, POINTS, STEPS = 12, 250, 12


@figure.register
def _(result: ShapleyValues) -> go.Figure:
    return _one_group(result) if len(result.groups) == 1 else _by_class(result)


def _one_group(result: ShapleyValues) -> go.Figure:
    from plotly.subplots import make_subplots

    top = result.importance.iloc[:FEATURES]
    names = style.short_names(top.feature, 28)
    level = f"{100 * result.settings['level']:.4g} %"
    of = f" for {style.short(result.groups[0], 20)}" if result.settings.get("class_") else ""
    made = make_subplots(
        rows=2,
        cols=1,
        vertical_spacing=0.16,
        subplot_titles=(
            f"Mean absolute value{of} ({level} interval)",
            f"Single rows ({min(POINTS, len(result.rows)):,} of {len(result.rows):,})",
        ),
    )
    # at the right edge, so that on a narrow screen they reach over the names and not over the border
    made.update_annotations(x=1, xref="paper", xanchor="right", align="right", font_size=13)
    style.dress(made, style.new_figure("", height=210 + 50 * len(top)))
    made.add_bar(
        x=top.estimate,
        y=names,
        orientation="h",
        marker={"color": style.faint(style.BLUE, 0.55), "line": {"width": 0}},  # so that the interval is seen over it
        row=1,
        col=1,
        error_x=style.intervals(top.low, top.estimate, top.high),
        hoverinfo="text",
        hovertext=style.hover_texts(column=top.feature, mean=top.estimate, low=top.low, high=top.high, rows=top.n),
    )
    places = np.linspace(0, len(result.rows) - 1, min(POINTS, len(result.rows))).astype(int)
    for level_, feature in enumerate(top.feature):
        made.add_trace(_swarm(result, result.features.index(feature), level_, places), row=2, col=1)
    made.update_yaxes(autorange="reversed", showgrid=False, type="category", row=1, col=1)
    made.update_yaxes(
        autorange="reversed", showgrid=False, tickvals=list(range(len(top))), ticktext=names, row=2, col=1
    )
    made.update_xaxes(title_text=style.wrapped(f"in {result.scale}", NARROW), row=1, col=1)
    made.update_xaxes(
        title_text="<br>".join(
            [
                style.wrapped(f"Shapley value, {result.scale}", NARROW),
                "colour: value of the column,",
                "light low, dark high,",
                "grey: no order",
            ]
        ),
        zeroline=True,
        row=2,
        col=1,
    )
    return made.update_layout(showlegend=False, margin_t=40)


def _swarm(result: ShapleyValues, j: int, level: int, places: np.ndarray) -> go.Scatter:
    values, words = result.values[places, j, 0], result.data[places, j]
    rank = pd.to_numeric(pd.Series(words).astype(str).str.replace(",", ""), errors="coerce").rank(pct=True).to_numpy()
    ordered = np.isfinite(rank)
    colour = np.where(ordered, rank, 0.5).round(2) if ordered.any() else style.GREY
    scale = (
        {"colorscale": [[0.0, style.faint(style.PURPLE, 0.25)], [1.0, style.PURPLE]], "cmin": 0, "cmax": 1}
        if ordered.any()
        else {}
    )
    return go.Scatter(
        x=values.round(6),
        y=(level + _spread(values)).round(3),
        mode="markers",
        marker={"size": 5, "color": colour, **scale},
        meta=marks.SINGLE_ROWS,
        hovertext=[f"{style.short(w, 30)}, row {r}" for w, r in zip(words, result.rows[places], strict=True)],
        hovertemplate=f"{style.short(result.features[j], 30)} = %{{hovertext}}<br>Shapley value %{{x:,.3~r}}<extra></extra>",
    )


def _spread(values: np.ndarray) -> np.ndarray:
    """Give each point a height so that points of like value lie side by side, within 0.4 of the middle."""
    width = np.ptp(values) or 1.0
    bins = np.floor((values - values.min()) / width * 50).astype(int)
    order = np.argsort(bins, kind="stable")
    counts = np.bincount(bins)
    within = np.empty(len(values))
    within[order] = np.arange(len(values)) - np.repeat(np.cumsum(counts) - counts, counts)
    side = np.where(within % 2 == 0, 1, -1) * np.ceil(within / 2)
    return 0.8 * side / max(counts.max(), 8)


def _by_class(result: ShapleyValues) -> go.Figure:
    total = (
        result.importance.groupby("feature", sort=False).estimate.sum().sort_values(ascending=False).index[:FEATURES]
    )
    made = style.new_figure("", height=140 + 28 * len(total), legend=True)
    made.update_xaxes(title_text=style.wrapped(f"mean absolute value ({result.scale}), all classes", NARROW))
    for g, group in enumerate(result.groups):
        part = result.importance[result.importance.group == group].set_index("feature").loc[total]
        made.add_bar(
            x=part.estimate,
            y=style.short_names(total, 28),
            orientation="h",
            name=style.short(group, 20),
            marker={"color": style.colour(g)},
            hoverinfo="text",
            hovertext=style.hover_texts(
                column=total,
                of_class=[group] * len(total),
                mean=part.estimate,
                low=part.low,
                high=part.high,
                rows=part.n,
            ),
        )
    return made.update_layout(barmode="stack").update_yaxes(autorange="reversed", showgrid=False, type="category")


@figure.register
def _row(result: ShapleyRow) -> go.Figure:
    at = 0 if len(result.groups) == 1 else int(np.argmax(result.output))
    part = result.steps[result.steps.group == result.groups[at]]
    shown, rest = part.iloc[:STEPS], part.iloc[STEPS:]
    names = style.short_names((f"{s.feature} = {s.value}" for s in shown.itertuples()), 28)
    steps = shown.shap.tolist()
    if len(rest):
        names.append(f"{len(rest)} other columns")
        steps.append(float(rest.shap.sum()))
    base, end = float(result.base[at]), float(result.prediction[at])
    classed = result.output_scale in ("probability", "decision")
    of = f" of {result.groups[at]}" if classed else ""
    title = f"Row {result.row}: {result.output_scale}{of} {style.number(result.output[at])}. Blue raises, orange lowers"
    return way(
        title, names, steps, base, end, x=f"{result.scale}, {style.number(base)} (base) to {style.number(end)}", ends=("average", "this row")
    )  # fmt: skip


def way(
    title: str, names: Sequence[str], steps: Sequence[float], base: float, end: float, *, x: str, ends: tuple[str, str]
) -> go.Figure:
    """Draw the steps from a start to an end as a waterfall; ``ends`` names both."""
    made = style.new_figure(title, height=178 + 28 * len(steps))
    made.add_waterfall(
        orientation="h",
        measure=["relative"] * len(steps),
        y=list(names),
        x=list(steps),
        base=base,
        connector={"line": {"color": style.AXIS, "width": 1}},
        increasing={"marker": {"color": style.BLUE}},
        decreasing={"marker": {"color": style.ORANGE}},
        hovertext=style.hover_texts(step=names, Shapley_value=steps),
        hoverinfo="text",
    )
    for place, value in enumerate(steps):
        made.add_annotation(x=1.01, y=place, xref="paper", xanchor="left", text=signed(value), showarrow=False)
    made.update_xaxes(title_text=style.wrapped(x, NARROW))
    made.update_layout(margin_r=76, margin_t=made.layout.margin.t + 18)
    for value, dash in ((base, "dot"), (end, "solid")):
        made.add_vline(x=value, line={"color": style.GREY, "dash": dash, "width": 1.5}, layer="below")
    for value, other, words in ((base, end, ends[0]), (end, base, ends[1])):
        side = "left" if value >= other else "right"  # away from the other, also where both are near
        at_top = {"y": 1, "yref": "paper", "yanchor": "bottom", "showarrow": False}
        made.add_annotation(x=value, xanchor=side, text=words, **at_top)
    reached = np.cumsum([base, *steps])
    room = 0.06 * max(np.ptp(reached), 1e-9)
    made.update_xaxes(range=[reached.min() - room, reached.max() + room])
    return made.update_yaxes(autorange="reversed", showgrid=False, type="category")
