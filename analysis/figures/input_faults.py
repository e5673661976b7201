"""Draw what faults in the inputs do: the decisions (or predictions) that move, and how many of the faulty rows a check would refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.analysis.input_faults import InputFaults
from modelglass.analysis.performance import in_sentence

MOST = 12


@figure.register
def _(result: InputFaults) -> go.Figure:
    known = result.faults[result.faults.moved.notna() & (result.faults.moved > 0)]
    if not len(known):
        return style.empty_figure("No fault that was tried moves the model.")
    decided = known.changed.notna().any()
    size = known.changed if decided else known.moved
    slips = (size * (1 - known.caught.fillna(0.0))).nlargest(
        MOST // 2
    )  # both what slips through and what moves most are seen
    first = [*slips[slips > 0].index, *size.nlargest(MOST).index]
    table = known.loc[sorted(list(dict.fromkeys(first))[:MOST], key=lambda i: -size[i])]
    value = table.changed if decided else table.moved
    names = style.short_names([_name(row) for row in table.itertuples()], 26)
    made = style.new_figure("", height=150 + 30 * len(table), legend=True)
    passing = 1 - table.caught.fillna(0.0)
    hover = style.hover_texts(
        fault=table.fault,
        column=table.feature,
        how=table.how,
        **(
            {"decisions that change": table.changed, "from": table.changed_low, "to": table.changed_high}
            if decided
            else {}
        ),
        mean_move=table.moved,
        **{
            f"change of {in_sentence(result.label)}": table.estimate,
            "low": table.low,
            "high": table.high,
            "rows that a check refuses": table.caught,
        },
        rows=table.n,
    )
    for share, colour, text in (
        (passing, style.ORANGE, "pass a check of ranges and levels"),
        (1 - passing, style.BLUE, "a check refuses them"),
    ):
        made.add_bar(
            x=value * share,
            y=names,
            orientation="h",
            marker={"color": style.faint(colour, 0.55), "line": {"width": 0}},
            hovertext=hover,
            hoverinfo="text",
            name=text,
        )
    if decided:
        made.add_scatter(
            x=value,
            y=names,
            mode="markers",
            marker={"size": 1, "color": style.GREY},
            error_x=style.intervals(table.changed_low, value, table.changed_high, line=style.GREY),
            hoverinfo="skip",
            showlegend=False,
        )
    left = int(len(known) - len(table))
    what = "decisions that change" if decided else "mean move of the prediction"
    under = what + (f" ({left} smaller ones not drawn)" if left else "")
    made.update_layout(barmode="stack")
    made.update_xaxes(title_text=style.wrapped(under, 24), tickformat=".0%" if decided else None, rangemode="tozero")
    if decided:
        made.update_xaxes(range=[0, min(1.0, float(np.nanmax(table.changed_high.fillna(value))) * 1.05)])
    return made.update_yaxes(autorange="reversed", showgrid=False, type="category", automargin=True)


def _name(row: Any) -> str:
    short = {"two digits exchanged": "digits", "one letter wrong": "letters"}
    how = f"{short[row.how]} typed wrong" if row.how in short else row.how
    return row.feature.replace(" and ", " \u21c4 ") if row.fault == "swapped columns" else f"{row.feature} {how}"
