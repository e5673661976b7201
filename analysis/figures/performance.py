"""Draw headline metrics: a dot and an interval each, with the numbers beside it."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.performance import Performance


def _is_share(name: str) -> bool:
    return name in METRICS and METRICS[name].range == (0.0, 1.0)


@figure.register
def _(result: Performance) -> go.Figure:
    table = result.frame()
    rows = table[table["estimate"].map(np.isfinite)]
    if (rows["group"] != "").any():
        return _classes(rows, result)
    if rows.empty:
        return style.empty_figure("No metric can be given here: " + "; ".join(dict.fromkeys(table["note"])))
    shares = rows["metric"].map(_is_share).to_numpy(bool)
    parts = [part for part in (rows[shares], rows[~shares]) if len(part)]
    if len(parts[0]) < 2 or not shares.any():
        return _numbers(rows, result)
    return _dots(parts[0], parts[1] if len(parts) > 1 else None, result)


def _classes(rows, result: Performance) -> go.Figure:
    """Of several classes: a panel for each metric that single classes have, the mean over classes dotted, the rest in words above."""
    from plotly.subplots import make_subplots

    parts = rows[rows["group"] != ""]
    metrics = list(dict.fromkeys(parts["metric"]))
    classes = list(dict.fromkeys(parts["group"]))
    whole = rows[rows["group"] == ""]
    labels = [style.escape(parts.loc[parts["metric"] == m, "label"].iloc[0]) for m in metrics]
    made = make_subplots(rows=1, cols=len(metrics), shared_yaxes=True, horizontal_spacing=0.025, column_titles=labels)
    words = "   ".join(f"{_axis_label(r)} {_text(r)}" for r in whole.itertuples() if r.metric not in metrics)
    look = style.new_figure("Each class against the rest; dotted: mean", height=130 + 24 * max(len(classes), 3))
    style.dress(made, look)
    for i, metric in enumerate(metrics, start=1):
        mine = parts[parts["metric"] == metric]
        made.add_scatter(
            x=mine["estimate"],
            y=style.short_names(mine["group"]),
            mode="markers",
            marker={"size": 8, "color": style.BLUE},
            error_x=style.intervals(mine["low"], mine["estimate"], mine["high"], line=style.BLUE),
            hovertext=[f"{style.escape(str(g))}<br>{t}" for g, t in zip(mine["group"], _hover(mine))],
            hoverinfo="text",
            showlegend=False,
            row=1,
            col=i,
        )
        for mean in whole.loc[whole["metric"] == metric, "estimate"]:
            made.add_vline(x=mean, line={"color": style.GREY, "width": 1.5, "dash": "dot"}, row=1, col=i)
    made.update_yaxes(autorange="reversed", type="category", dtick=1)
    top = 84 if words else 64
    if words:
        made.add_annotation(
            x=0,
            y=1,
            xref="paper",
            yref="paper",
            yshift=30,
            text=words,
            showarrow=False,
            xanchor="left",
            yanchor="bottom",
        )
    return made.update_layout(margin_t=top + 22, height=made.layout.height + (22 if words else 0))


def _text(row) -> str:
    """Write estimate and interval, as in the table."""
    out = f"<b>{style.number(row.estimate)}</b>"
    return out + (f"  ({style.number(row.low)} to {style.number(row.high)})" if np.isfinite(row.low) else "")


def _axis_label(row) -> str:
    return style.short(row.label)


def _dots(rows, others, result: Performance) -> go.Figure:
    """Shares on one axis from 0 to 1; other metrics in words above, because they have units of their own."""
    made = style.new_figure(
        x=f"estimate and {100 * result.settings['level']:.4g} % interval", height=90 + 34 * len(rows)
    )
    names = [_axis_label(r) for r in rows.itertuples()]
    made.add_scatter(
        x=rows["estimate"],
        y=names,
        mode="markers",
        marker={"size": 10, "color": style.BLUE},
        error_x=style.intervals(rows["low"], rows["estimate"], rows["high"], line=style.BLUE),
        hovertext=_hover(rows),
        hoverinfo="text",
    )
    for name, row in zip(names, rows.itertuples()):
        made.add_annotation(x=1.02, y=name, xref="paper", text=_text(row), showarrow=False, xanchor="left")
    low = float(np.nanmin(np.append(rows["low"].to_numpy(), rows["estimate"].to_numpy())))
    made.update_xaxes(range=[max(0.0, np.floor((low - 0.02) * 10) / 10), 1.005])
    made.update_yaxes(autorange="reversed", showgrid=True)
    made.update_layout(margin_r=170)
    if others is not None:  # one a line and at the right border: a phone has no room for more
        made.add_annotation(
            x=1,
            y=1,
            xref="paper",
            yref="paper",
            xshift=160,
            yshift=8,
            text="<br>".join(f"{_axis_label(r)}  {_text(r)}" for r in others.itertuples()),
            showarrow=False,
            xanchor="right",
            align="right",
            yanchor="bottom",
        )
        made.update_layout(margin_t=22 + 18 * len(others), height=made.layout.height + 14 + 18 * len(others))
    return made


def _numbers(rows, result: Performance) -> go.Figure:
    """Metrics with units of their own: a small panel each."""
    from plotly.subplots import make_subplots

    count = len(rows)
    panels = make_subplots(rows=count, cols=1, vertical_spacing=0.0)
    made = style.new_figure(x="", height=70 + 74 * count)
    style.dress(panels, made)
    for i, row in enumerate(rows.itertuples(), start=1):
        panels.add_scatter(
            x=[row.estimate],
            y=[""],
            mode="markers",
            marker={"size": 10, "color": style.BLUE},
            error_x=style.intervals([row.low], [row.estimate], [row.high], line=style.BLUE),
            hovertext=_hover(rows.iloc[[i - 1]]),
            hoverinfo="text",
            row=i,
            col=1,
        )
        axis = "" if i == 1 else str(i)
        # above and not beside: label and numbers need the whole width of a narrow screen
        panels.add_annotation(
            x=0,
            y=1,
            xref="paper",
            yref=f"y{axis} domain",
            text=f"{_axis_label(row)}  {_text(row)}",
            showarrow=False,
            xanchor="left",
            yanchor="bottom",
        )
        ends = np.array([v for v in (row.low, row.estimate, row.high) if np.isfinite(v)])
        reach = max(ends.max() - ends.min(), abs(row.estimate) * 0.05, 1e-12)
        panels.update_xaxes(range=[ends.min() - 0.6 * reach, ends.max() + 0.6 * reach], nticks=6, row=i, col=1)
    for i in range(1, count + 1):
        top = 1 - (i - 1) / count
        panels.update_yaxes(domain=[top - 0.66 / count, top - 0.3 / count], showticklabels=False, row=i, col=1)
        panels.update_xaxes(anchor="y" if i == 1 else f"y{i}", row=i, col=1)
    return panels.update_layout(margin_l=24, margin_r=24, margin_t=12)


def _hover(rows) -> list[str]:
    return style.hover_texts(
        metric=rows["label"],
        estimate=rows["estimate"],
        low=rows["low"],
        high=rows["high"],
        rows=rows["n"],
        rests_on_rows=rows["support"],
        interval=rows["method"],
    )
