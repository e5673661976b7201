"""Draw how far columns are spread otherwise here: a dot for each column, from 0 (alike) to 1 (nothing in common)."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.column_differences import MISSING, ColumnDifferences
from modelglass.analysis.figures import figure, style
from modelglass.analysis.figures.curve_parts import legend_below

MOST = 20
KINDS = (
    ("surely other", style.BLUE, "circle"),
    ("not surely other", style.GREY, "circle-open"),
    ("part of the condition", style.GREY, "diamond"),
)


@figure.register
def _(result: ColumnDifferences) -> go.Figure:
    table = result.frame()
    table = table[table["estimate"].notna()][:MOST]
    if table.empty:
        return style.empty_figure("There is no column to compare.")
    names = [
        style.short(f"{c}{' (missing)' if a == MISSING else ''}", 28) for c, a in zip(table["column"], table["about"])
    ]
    left = len(result.frame()) - len(table)
    made = style.new_figure(
        f"Columns here beside {result.compared}",
        height=150 + 26 * len(table),
        legend=True,
    )
    under = "size of the difference" + (f" ({left} smaller not drawn)" if left else "")
    made.update_xaxes(title_text=style.wrapped(under, 26))
    kind = [2 if c else 0 if s else 1 for c, s in zip(table["by_condition"], table["sure"])]
    for at, (label, colour, symbol) in enumerate(KINDS):
        places = [i for i, k in enumerate(kind) if k == at]
        if not places:
            continue
        part = table.iloc[places]
        made.add_scatter(
            x=part["estimate"],
            y=[names[i] for i in places],
            mode="markers",
            name=label,
            marker={"size": 9, "color": colour, "symbol": symbol},
            error_x=style.intervals(part["low"], part["estimate"], part["high"], line=colour),
            hoverinfo="text",
            hovertext=style.hover_texts(
                column=part["column"],
                about=part["says"],
                measure=part["measure"],
                size=part["estimate"],
                low=part["low"],
                high=part["high"],
                rows=part["n"],
                rows_there=part["n_there"],
            ),
        )
    made.update_xaxes(range=[-0.02, 1.02])
    made.update_yaxes(autorange="reversed", type="category", categoryorder="array", categoryarray=names, showgrid=False)
    return legend_below(made)
