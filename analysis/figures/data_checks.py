"""Draw checks as a list: each with a mark for what it found, and the worst of it in words."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.data_checks import DataChecks
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.figures import figure, style

_PAINT = {"high": style.RED, "medium": style.ORANGE, "low": style.BLUE, "nothing": style.GREY, "cannot say": style.GREY}
_SYMBOL = {
    "high": "diamond",
    "medium": "square",
    "low": "circle",
    "nothing": "circle-open",
    "cannot say": "x-thin-open",
}
_NAME = {
    "high": "found, high",
    "medium": "found, medium",
    "low": "found, low",
    "nothing": "nothing found",
    "cannot say": "cannot say",
}
_LETTERS = style.LINE
"""Letters of a line that a phone shows."""


@figure.register
def _(result: DataChecks) -> go.Figure:
    if not result.found:
        raise NotApplicable("nothing was found; the table says what was looked at")
    state = result.checks["severity"].where(result.checks["severity"] != "", result.checks["outcome"])
    order = state.map(list(_NAME).index).sort_values(kind="stable").index
    table, state = result.checks.loc[order].reset_index(drop=True), state.loc[order].tolist()
    made = style.new_figure("What was looked at, and what was found", height=120 + 36 * len(table), legend=True)
    for kind, name in _NAME.items():
        places = [i for i, s in enumerate(state) if s == kind]
        if places:
            made.add_scatter(
                x=[0] * len(places),
                y=places,
                mode="markers+text",
                marker={
                    "size": 11,
                    "color": _PAINT[kind],
                    "symbol": _SYMBOL[kind],
                    "line": {"width": 2, "color": _PAINT[kind]},
                },
                # not on the axis: a phone has no room beside it
                text=[_words(table.loc[i].to_dict(), kind) for i in places],
                textposition="middle right",
                name=name,
                hoverinfo="text",
                hovertext=[_hover(result, table.loc[i].to_dict()) for i in places],
            )
    made.update_xaxes(visible=False, range=[-0.05, 1], fixedrange=True)
    made.update_layout(legend={"y": -0.02, "yanchor": "top"}, margin_t=48)
    return made.update_yaxes(visible=False, range=[len(table) - 0.4, -0.6])


def _words(row: dict[str, object], kind: str) -> str:
    """Write a check's name, and below it the worst that it found, or why it cannot say."""
    title = "  " + style.short(row["title"], _LETTERS)
    if kind == "nothing":
        return title
    said = str(row["said"])
    if kind != "cannot say":
        title, count = f"<b>{title}</b>", int(str(row["found"]))
        said = f"{count} found: {said}" if count > 1 else said
    return f"{title}<br>  {style.short(said, _LETTERS)}"


def _hover(result: DataChecks, row: dict[str, object]) -> str:
    if row["outcome"] != "found":
        return style.wrapped(
            f"{row['title']}: {row['outcome']}{', because ' + str(row['said']) if row['said'] else ''}", 70
        )
    said = [result.found[i].sentence for i in result.settings["by_check"][row["check"]]]
    return "<br>".join(style.wrapped(f"{row['title']}: {s}", 70) for s in said)
