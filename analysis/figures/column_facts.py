"""Draw what is missing: a bar for each column that lacks values, longest first."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.column_facts import ColumnFacts
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.figures import figure, style

MOST_BARS = 30


@figure.register
def _(result: ColumnFacts) -> go.Figure:
    gaps = result.table[result.table["missing"] > 0].sort_values("missing", ascending=False, kind="stable")
    if gaps.empty:
        raise NotApplicable("no column has missing values")
    rows = gaps.head(MOST_BARS)
    more = f" ({len(gaps) - len(rows):,} more columns not drawn)" if len(gaps) > len(rows) else ""
    made = style.new_figure(
        "Missing values by column", x=f"share of rows without a value{more}", height=110 + 24 * len(rows)
    )
    made.add_bar(
        x=rows["missing_share"],
        y=list(range(len(rows))),
        orientation="h",
        marker={"color": style.ORANGE, "line": {"width": 0}},
        hoverinfo="text",
        hovertext=style.hover_texts(
            column=rows["column"],
            kind=rows["kind"],
            missing=rows["missing"],
            share=rows["missing_share"],
            rows=rows["n"],
        ),
    )
    names = [style.short(name, 28) for name in rows["column"]]
    made.update_xaxes(tickformat=".0%", rangemode="tozero")
    return made.update_yaxes(tickvals=list(range(len(rows))), ticktext=names, range=[len(rows) - 0.4, -0.6])
