"""Draw the train-test gap: for each metric a small panel of its own, the training rows above these rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.train_test_gap import GAP, TEST, TRAIN, TrainTestGap

PARTS = ((TRAIN, style.GREY, "diamond-open", 0.17), (TEST, style.BLUE, "circle", -0.17))


@figure.register
def _(result: TrainTestGap) -> go.Figure:
    table = result.frame()
    known = [m for m in table["metric"].unique() if result.of(m).loc[[TRAIN, TEST], "estimate"].notna().all()]
    if not known:
        return style.empty_figure(
            "No metric can be given here: " + "; ".join(dict.fromkeys(n for n in table["note"] if n))
        )
    shares = [m for m in known if m in METRICS and METRICS[m].range == (0.0, 1.0)]
    panels = ([shares] if shares else []) + [[m] for m in known if m not in shares]
    return _drawn(result, panels)


def _drawn(result: TrainTestGap, panels: list[list[str]]) -> go.Figure:
    """Shares on one axis, every other metric on one of its own, because it has its own unit."""
    from plotly.subplots import make_subplots

    heights = [52 * len(p) + 16 for p in panels]
    total = sum(heights) + 46 * len(panels)
    made = make_subplots(
        rows=len(panels), cols=1, row_heights=heights, vertical_spacing=46 / total if len(panels) > 1 else 0
    )
    named = style.new_figure("Bold: these rows minus the training rows", height=total + 110, legend=True)
    style.dress(made, named).update_layout(margin_t=92)  # a phone needs two lines for the legend
    for at, metrics in enumerate(panels, start=1):
        rows = [result.of(m) for m in metrics]
        for part, colour, symbol, shift in PARTS:
            made.add_trace(_dots([r.loc[part] for r in rows], part, colour, symbol, shift, at == 1), row=at, col=1)
        labels = [f"{style.short(r['label'].iloc[0], 26)}<br>{_text(r.loc[GAP])}" for r in rows]
        made.update_yaxes(
            tickvals=[-i for i in range(len(rows))], ticktext=labels, range=[-len(rows) + 0.45, 0.55], row=at, col=1
        )
        made.update_xaxes(range=_range(rows), nticks=5, row=at, col=1)
    return made


def _dots(rows: list[pd.Series], part: str, colour: str, symbol: str, shift: float, legend: bool) -> go.Scatter:
    columns = pd.DataFrame(rows)
    estimate = columns["estimate"].to_numpy(float)
    return go.Scatter(
        x=estimate,
        y=[shift - i for i in range(len(rows))],
        mode="markers",
        name=f"{part} (n {int(columns['n'].max()):,})",
        legendgroup=part,
        showlegend=legend,
        marker={"size": 9, "color": colour, "symbol": symbol},
        error_x=style.intervals(columns["low"].to_numpy(float), estimate, columns["high"].to_numpy(float), line=colour),
        hovertext=style.hover_texts(
            metric=columns["label"],
            part=[part] * len(rows),
            estimate=estimate,
            low=columns["low"],
            high=columns["high"],
            rows=columns["n"],
            interval=columns["method"],
        ),
        hoverinfo="text",
    )


def _text(gap: pd.Series) -> str:
    text = f"<b>{'+' if gap['estimate'] > 0 else ''}{style.number(gap['estimate'])}</b>"
    if not np.isfinite(gap["low"]):
        return text
    return f"{text}  ({style.number(gap['low'])} to {style.number(gap['high'])})"


def _range(rows: list[pd.DataFrame]) -> list[float]:
    """Span what is drawn, with a margin; at least a twentieth of the value, so that noise does not look like a gap."""
    values = np.concatenate([r.loc[[TRAIN, TEST], ["estimate", "low", "high"]].to_numpy(float).ravel() for r in rows])
    values = values[np.isfinite(values)]
    least = max(float(np.abs(values).max()) * 0.05, 1e-12)
    reach = max(float(np.ptp(values)), least)
    middle = float(values.max() + values.min()) / 2
    return [middle - 0.6 * reach, middle + 0.6 * reach]
