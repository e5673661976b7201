"""Draw sliced metrics: a dot and an interval for each slice, surely worst first, the whole as a line, a panel for each metric."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from modelglass.analysis.figures import figure, marks, style
from modelglass.analysis.performance import in_sentence
from modelglass.analysis.slices import Slices

MOST_SLICES = 30
MOST_METRICS = 5


@figure.register
def _(result: Slices) -> go.Figure:
    metrics = [m for m in result.settings["metrics"] if len(result.worst(m))][:MOST_METRICS]
    if not metrics:
        notes = "; ".join(dict.fromkeys(n for n in result.frame()["note"] if n))
        return style.empty_figure(f"No slice has a number to draw. {notes[:200]}")
    lead = result.surest_first(metrics[0])
    drawn = lead.head(MOST_SLICES)
    names = _names(drawn)
    label = result.labels[metrics[0]]
    made = _panels(metrics, result, len(drawn), _title(label, len(drawn), len(lead)))
    keys = pd.MultiIndex.from_frame(drawn[["columns", "slice"]])
    for i, metric in enumerate(metrics, start=1):
        rows = result.worst(metric).set_index(["columns", "slice"]).reindex(keys).reset_index()
        _panel(
            made,
            i,
            rows,
            names,
            result.overall[metric],
            result.better[metric],
        )
    made.update_yaxes(autorange="reversed", type="category", categoryorder="array", categoryarray=names, dtick=1)
    return marks.clickable(made)


def _title(label: str, drawn: int, of: int) -> str:
    if drawn < of:
        return f"{drawn} of {of:,} slices, surely worst {in_sentence(label)} first; the table has all. Dotted: all rows"
    return f"{of:,} slices, surely worst {in_sentence(label)} first. Dotted: all rows"


def _names(drawn: pd.DataFrame) -> list[str]:
    """Name slices for the axis, each once."""
    return style.short_names(f"{r.columns}: {r.slice}" for r in drawn.itertuples())


def _panels(metrics: list[str], result: Slices, slices: int, title: str) -> go.Figure:
    from plotly.subplots import make_subplots

    labels = [style.escape(result.labels[m]) for m in metrics]
    made = make_subplots(rows=1, cols=len(metrics), shared_yaxes=True, horizontal_spacing=0.03, column_titles=labels)
    look = style.new_figure(title, height=110 + 20 * max(slices, 3))
    style.dress(made, look)
    return made.update_layout(margin_t=76 + 19 * str(look.layout.title.text).count("<br>"))


def _panel(
    made: go.Figure, column: int, rows: pd.DataFrame, names: list[str], overall: float, better: bool | None
) -> None:
    """Colour slices whose interval excludes the whole by side, worse or better; the others grey, hollow without an interval."""
    known = rows["low"].notna() & rows["high"].notna()
    below, above = known & (rows["high"] < overall), known & (rows["low"] > overall)
    low_colour, high_colour = (style.GOOD, style.BAD) if better is False else (style.BAD, style.GOOD)
    if better is None:
        low_colour = high_colour = style.PURPLE
    for where, paint, symbol in (
        (below, low_colour, "circle"),
        (above, high_colour, "circle"),
        (known & ~below & ~above, style.GREY, "circle"),
        (~known, style.GREY, "circle-open"),
    ):
        part = rows[where & rows["estimate"].notna()]
        if part.empty:
            continue
        made.add_scatter(
            x=part["estimate"],
            y=[names[i] for i in part.index],
            mode="markers",
            row=1,
            col=column,
            showlegend=False,
            marker={"size": 7, "color": paint, "symbol": symbol},
            hoverinfo="text",
            hovertext=_hover(part, overall),
            customdata=marks.customdata(part["where"]),
            error_x=style.intervals(part["low"], part["estimate"], part["high"], line=paint),
        )
    if np.isfinite(overall):
        made.add_vline(x=overall, line={"color": style.GREY, "width": 1.5, "dash": "dot"}, row=1, col=column)


def _hover(part: pd.DataFrame, overall: float) -> list[str]:
    where = [f"{r.columns}: {r.slice}" for r in part.itertuples()]
    texts = style.hover_texts(
        slice=where,
        estimate=part["estimate"],
        low=part["low"],
        high=part["high"],
        all_rows=[overall] * len(part),
        rows=part["n"],
        rests_on_rows=part["support"],
    )
    return [text + (f"<br>{style.escape(note)}" if note else "") for text, note in zip(texts, part["note"])]
