"""Draw what noise changes: of all rows, of the most fragile ones and the others, and in the slices that mark them, each with its interval."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from modelglass.analysis.figures import figure, marks, style
from modelglass.analysis.fragile_rows import FragileRows


@figure.register
def _(result: FragileRows) -> go.Figure:
    table, slices = result.frame(), result.slices
    decided = result.source.task != "regression"
    what = "decisions that noise changes" if decided else "mean move of the prediction"
    names = [style.wrapped(str(p), 34) for p in table["part"]]
    made = style.new_figure("", height=120 + 46 * len(table), legend=len(slices) > 0)
    hover = style.hover_texts(
        rows_concerned=table["part"],
        **{"share_changed" if decided else "mean_move": table["estimate"]},
        low=table["low"],
        high=table["high"],
        share_of_rows=table["share"],
        share_of_all_changes=table["of_all"],
        rows=table["n"],
    )
    plain = table["where"].isna().to_numpy()
    for marked, colour, name in (
        (False, style.colour(0), "parts of the rows"),
        (True, style.BAD, "slices, on other rows"),
    ):
        at = [i for i, p in enumerate(plain) if p != marked]
        if not at:
            continue
        part = table.iloc[at]
        own: dict[str, Any] = {"customdata": marks.customdata(part["where"])} if marked else {}
        made.add_scatter(
            x=part["estimate"],
            y=[names[i] for i in at],
            mode="markers",
            marker={"size": 9, "color": colour},
            error_x=style.intervals(part["low"], part["estimate"], part["high"], line=colour),
            hovertext=[hover[i] for i in at],
            hoverinfo="text",
            name=name,
            **own,
        )
    if len(slices):
        made.add_scatter(
            x=slices["rest"],
            y=[names[i] for i, p in enumerate(plain) if not p],
            mode="markers",
            marker={"size": 9, "color": style.GREY, "symbol": "line-ns-open"},
            hoverinfo="skip",
            name="the rest of the rows",
        )
    made.update_xaxes(title_text=style.wrapped(what, 20), rangemode="tozero", tickformat=".0%" if decided else None)
    made.update_yaxes(autorange="reversed", type="category", categoryorder="array", categoryarray=names, dtick=1)
    return marks.clickable(made) if len(slices) else made
