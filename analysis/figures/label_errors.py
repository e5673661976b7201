"""Draw suspect labels: by kind the suspects, how many of them honest doubt explains, and below the rows that are trusted least."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure, marks, style
from modelglass.analysis.label_errors import LabelErrors
from modelglass.analysis.reserved import ROW

MOST_PAIRS, MOST_ROWS = 12, 20


@figure.register
def _(result: LabelErrors) -> go.Figure:
    if result.pairs.empty:
        return style.empty_figure("No label is suspect.")
    pairs = result.pairs.head(MOST_PAIRS)
    rows = result.rows.head(MOST_ROWS)
    top = 0.0 if rows.empty else (44 + 24 * len(rows)) / (130 + 40 * len(pairs) + 24 * len(rows))
    made = style.new_figure(
        "Suspects by kind (orange; grey: as many as honest doubt explains), and the rows trusted least",
        height=170 + 40 * len(pairs) + 24 * len(rows),
    )
    names = [style.wrapped(f"{p.given} → {p.likely}", 22) for p in pairs.itertuples()]
    made.add_bar(
        x=pairs["found"],
        y=list(range(len(pairs))),
        orientation="h",
        marker={"color": style.ORANGE},
        width=0.7,
        customdata=marks.customdata(pairs["where"]),
        hoverinfo="text",
        hovertext=style.hover_texts(
            given=pairs["given"],
            likely=pairs["likely"],
            suspects=pairs["found"],
            honest_doubt=pairs["doubt"],
            wrong_labels=pairs["estimate"],
            low=pairs["low"],
            high=pairs["high"],
        ),
        showlegend=False,
    )
    made.add_bar(
        x=pairs["doubt"],
        y=list(range(len(pairs))),
        orientation="h",
        marker={"color": style.GREY},
        width=0.35,
        hoverinfo="skip",
        showlegend=False,
    )
    labels = [f"row {style.short(r.row, 12)}" for r in rows.itertuples()]
    made.add_bar(
        x=-rows["margin"],
        y=list(range(len(rows))),
        orientation="h",
        xaxis="x2",
        yaxis="y2",
        marker={"color": style.BLUE},
        meta=marks.NAMED_ROWS,
        customdata=marks.customdata([f"{ROW} = {int(r)}" for r in rows["row"]]),
        hoverinfo="text",
        hovertext=style.hover_texts(row=rows["row"], given=rows["given"], likely=rows["likely"], margin=rows["margin"]),
        showlegend=False,
    )
    gap = 0.12
    made.update_layout(
        barmode="overlay",
        yaxis={"domain": [top + gap, 1.0], "tickvals": list(range(len(pairs))), "ticktext": names, "autorange": "reversed"},
        xaxis={"anchor": "y", "title": {"text": "rows"}},
        yaxis2={"domain": [0.0, max(top - 0.02, 0.01)], "tickvals": list(range(len(rows))), "ticktext": labels, "autorange": "reversed", "anchor": "x2"},
        xaxis2={"anchor": "y2", "title": {"text": "how far the label is from the likely one"}},
    )  # fmt: skip
    return marks.clickable(made)
