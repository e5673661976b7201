"""Draw nearest examples: a column of cells for each, deeper where it differs more, its outcome above."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.explainers.nearest_examples import NearestExamples

MOST = 18
"""Columns of the data drawn: those that differ most."""


@figure.register
def _(result: NearestExamples) -> go.Figure:
    cells = result.cells
    mean = cells.groupby("feature", sort=False).difference.mean()
    names = mean.sort_values(ascending=False, kind="stable").index[:MOST]
    wide = cells.pivot(index="feature", columns="example", values="difference").loc[names]
    words = cells.assign(
        text=style.hover_texts(
            row=cells.row, column=cells.feature, value=cells.value, instead_of=cells.here, difference=cells.difference
        )
    ).pivot(index="feature", columns="example", values="text")
    left = len(mean) - len(names)
    title = f"How far the rows most like row {result.row} differ, column by column"
    made = style.new_figure(
        title + (f"; {left} columns that differ less are not drawn" if left else ""), height=190 + 24 * len(names)
    )
    made.add_heatmap(
        z=wide.to_numpy(),
        x=[str(r) for r in result.examples.row] if result.examples.row.is_unique else list(wide.columns),
        y=style.short_names(names, 28),
        text=words.loc[names].to_numpy(),
        hoverinfo="text",
        zmin=0,
        zmax=1,
        colorscale=style.SEQUENTIAL,
        showscale=False,
        xgap=2,
        ygap=2,
    )
    made.update_xaxes(type="category", showgrid=False, tickangle=-60, title_text="row of the example")
    return made.update_yaxes(autorange="reversed", showgrid=False, type="category")
