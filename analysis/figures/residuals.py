"""Draw residuals: mean, interval and spread by bin over a sample of rows, and the distribution of all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from modelglass.analysis.estimated import rows_text
from modelglass.analysis.figures import figure, marks, style
from modelglass.analysis.residuals import Residuals


@figure.register
def _(result: Residuals) -> go.Figure:
    from plotly.subplots import make_subplots

    held = "prediction" if result.settings["against"] == "prediction" else str(result.settings["against"])
    target = result.source.target or "the target"
    rows, pointed = int(result.bins.n.sum()), bool(result.bins.center.notna().all())
    shown = f" ({len(result.sample):,} shown as points)" if pointed else ""
    title = f"Residuals by {held}: actual minus predicted, {rows_text(rows)}{shown}"
    made = make_subplots(rows=1, cols=2, shared_yaxes=True, column_widths=[0.8, 0.2], horizontal_spacing=0.02)
    style.dress(made, style.new_figure(title, height=460))
    places = result.bins.center if pointed else style.short_names(result.bins["bin"], 22)
    if pointed:
        made.add_scatter(
            x=result.sample.value,
            y=result.sample.residual,
            mode="markers",
            hoverinfo="skip",
            showlegend=False,
            name="rows",
            marker={"size": 4, "color": style.GREY, "opacity": 0.28},
            row=1,
            col=1,
        )
    _spread(made, result.bins, places)
    made.add_hline(y=0, line={"color": style.GREY, "width": 1, "dash": "dot"})
    bars = result.histogram
    edges = _drawn_edges(bars)
    made.add_bar(
        y=(edges[1:] + edges[:-1]) / 2,
        x=bars.weight,
        width=np.diff(edges),
        orientation="h",
        row=1,
        col=2,
        showlegend=False,
        marker={"color": style.faint(style.BLUE, 0.55), "line": {"width": 0}},
        hoverinfo="text",
        name="all rows",
        hovertext=style.hover_texts(**{"from": bars.left}, to=bars.right, rows=bars.n),
        customdata=marks.customdata(bars["where"].where(bars.n > 0)),
    )
    if pointed and _far_apart(result):
        made.update_xaxes(type="log", **_log_ticks(result.sample.value.min(), result.sample.value.max()), row=1, col=1)
    made.update_yaxes(range=_reach(result, edges))
    made.update_yaxes(title_text=f"residual, in units of {style.escape(target)}", row=1, col=1)
    made.update_xaxes(
        title_text=style.wrapped(f"{held} (dot: mean, orange if clearly off; bars: middle 50 % and 90 %)", 36),
        row=1,
        col=1,
    )
    made.update_xaxes(**_one_tick(bars.weight, result.source.weight), row=1, col=2)
    return marks.clickable(made)


def _one_tick(weights: pd.Series, weighted: str | None) -> dict:
    """Write one round number above the narrow histogram: more would touch each other, or the labels of the other axis, on a narrow screen."""
    most = 0.7 * float(weights.max())  # nearer the middle, where the words fit
    step = 10.0 ** np.floor(np.log10(most)) if most > 0 else 1.0
    tick = most // step * step
    text = f"{tick:,.10g} {'rows' if weighted is None else 'weight'}"
    return {"side": "top", "tickvals": [tick], "ticktext": [text], "tickangle": 0, "ticklabeloverflow": "allow"}


def _far_apart(result: Residuals) -> bool:
    """Tell whether most bins would crowd at one end: all values above 0, and the last bin over ten times the first."""
    values, centers = result.sample.value, result.bins.center
    numeric = pd.api.types.is_numeric_dtype(values) and pd.api.types.is_numeric_dtype(centers)
    return bool(
        numeric and len(values) and values.min() > 0 and centers.min() > 0 and centers.max() > 10 * centers.min()
    )


def _log_ticks(low: float, high: float) -> dict[str, list]:
    """Write every tick in full: plotly shortens those between powers of ten to one digit."""
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks = [f * 10.0**p for p in powers for f in ((1, 2, 5) if len(powers) <= 4 else (1,))]
    return {"tickvals": ticks, "ticktext": [f"{t:,.10g}" for t in ticks]}


def _spread(made: go.Figure, bins: pd.DataFrame, places) -> None:
    """Bars from the 5 % to the 95 % and the 25 % to the 75 % quantile, and the mean with its interval."""
    texts = style.hover_texts(
        **{"bin": bins["bin"]},
        mean_residual=bins.estimate,
        low=bins.low,
        high=bins.high,
        at_or_below=bins.at_or_below,
        median=bins.q50,
        quantile_05=bins.q05,
        quantile_95=bins.q95,
        rows=bins.n,
    )
    for low, high, width, opacity in ((bins.q05, bins.q95, 2, 0.5), (bins.q25, bins.q75, 9, 0.35)):
        error = style.intervals(low, bins.q50, high, line=style.faint(style.BLUE, opacity)) | {
            "thickness": width,
            "width": 0,
        }
        made.add_scatter(
            x=places,
            y=bins.q50,
            mode="markers",
            marker={"size": 1, "color": style.CLEAR},
            error_y=error,
            row=1,
            col=1,
            hoverinfo="skip",
            showlegend=False,
            name="spread",
        )
    colours = [style.ORANGE if clear else style.BLUE for clear in bins.clear]
    for paint in dict.fromkeys(colours):
        chosen = np.array([c == paint for c in colours])
        part = bins[chosen]
        made.add_scatter(
            x=[p for p, c in zip(places, chosen) if c],
            y=part.estimate,
            mode="markers",
            row=1,
            col=1,
            showlegend=False,
            marker={"size": 9, "color": paint},
            hoverinfo="text",
            hovertext=[t for t, c in zip(texts, chosen) if c],
            customdata=marks.customdata(part["where"]),
            error_y=style.intervals(part.low, part.estimate, part.high, line=paint),
            name="clearly off" if paint == style.ORANGE else "mean",
        )


def _drawn_edges(bars: pd.DataFrame) -> np.ndarray:
    """Draw the two outer bins, which hold all that is beyond, as wide as the others."""
    edges = np.append(bars.left.to_numpy(), bars.right.iloc[-1])
    if len(edges) > 4:
        step = edges[2] - edges[1]
        edges[0], edges[-1] = edges[1] - step, edges[-2] + step
    return edges


def _reach(result: Residuals, edges: np.ndarray) -> list[float]:
    low = float(np.nanmin([edges[0], result.bins.q05.min(), result.bins.estimate.min(), 0.0]))
    high = float(np.nanmax([edges[-1], result.bins.q95.max(), result.bins.estimate.max(), 0.0]))
    margin = 0.04 * ((high - low) or 1.0)
    return [low - margin, high + margin]
