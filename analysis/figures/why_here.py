"""Draw what goes with the loss of a cohort, all on its own scale, beside the difference that is to be explained."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.analysis.figures.curve_parts import legend_below
from modelglass.analysis.why_here import EXCESS, SPREAD, WhyHere

MOST = 14


@figure.register
def _(result: WhyHere) -> go.Figure:
    table = result.frame()
    table = table[table["estimate"].notna()]
    whole, rest = table[table["kind"] == EXCESS], table[table["kind"] != EXCESS]
    shown = rest[:MOST]
    if shown.empty:
        return style.empty_figure(
            "The loss here follows from the choice." if result.by_choice else "There is nothing to draw."
        )
    names = [style.short(_name(r), 30) for r in shown.itertuples()]
    left = len(rest) - len(shown)
    made = style.new_figure(
        "What goes with the loss here",
        height=170 + 26 * len(shown),
        legend=True,
    )
    made.update_xaxes(title_text=style.wrapped(result.loss + (f" ({left} smaller not drawn)" if left else ""), 26))
    _excess(made, whole, result.compared)
    for label, colour, sure in (("sure", style.BLUE, True), ("not sure", style.GREY, False)):
        places = np.flatnonzero(shown["sure"].to_numpy(bool) == sure)
        if not len(places):
            continue
        part = shown.iloc[places]
        made.add_scatter(
            x=part["estimate"],
            y=[names[i] for i in places],
            mode="markers",
            name=label,
            marker={
                "size": 9,
                "color": colour,
                "symbol": ["circle" if k == SPREAD else "diamond" for k in part["kind"]],
            },
            error_x=style.intervals(part["low"], part["estimate"], part["high"], line=colour),
            hoverinfo="text",
            hovertext=[
                style.wrapped(f"{r.says or r.kind} {f'({r.note})' if r.note else ''}", 60) for r in part.itertuples()
            ],
        )
    made.add_vline(x=0, line={"color": style.GREY, "dash": "dot", "width": 1.5})
    made.update_yaxes(autorange="reversed", type="category", categoryorder="array", categoryarray=names, showgrid=False)
    return legend_below(made)


def _name(row: object) -> str:
    kind, column = str(getattr(row, "kind", "")), str(getattr(row, "column", ""))
    return f"spread of {column}" if kind == SPREAD else f"{kind}: {column}" if column else kind


def _excess(made: go.Figure, whole: object, compared: str) -> None:
    """Add the difference that is to be explained: a line, and its interval as a band."""
    row = whole.iloc[0]  # type: ignore[attr-defined]
    made.add_vline(x=row["estimate"], line={"color": style.ORANGE, "width": 2})
    if np.isfinite(row["low"]):
        made.add_vrect(
            x0=row["low"], x1=row["high"], fillcolor=style.faint(style.ORANGE, 0.14), line_width=0, layer="below"
        )
    made.add_scatter(
        x=[None],
        y=[None],
        mode="lines",
        line={"color": style.ORANGE, "width": 2},
        name=style.short(f"here less {compared}", 30),
    )
