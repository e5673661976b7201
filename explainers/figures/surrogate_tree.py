"""Draw a surrogate tree: its conditions, and beside each node the model's mean answer; orange leaves are where it differs most."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.analysis.figures.error_tree import as_read, draw_nodes
from modelglass.explainers.surrogate_tree import SurrogateTree

MUCH = 2.0
"""A leaf is marked where its share of the squared differences is so many times its share of the rows."""


@figure.register
def _(result: SurrogateTree) -> go.Figure:
    nodes = as_read(result.nodes)
    if len(nodes) == 1:
        return style.empty_figure("No condition parts the model's answers.")
    share = nodes["n"] / max(int(nodes["n"].iloc[0]), 1)
    paint = [style.BAD if missed > MUCH * part else style.BLUE for missed, part in zip(nodes["missed"], share)]
    fits = "; ".join(f"{row.measure} {row.estimate:.0%}" for row in result.fidelity.itertuples())
    return draw_nodes(
        nodes,
        title=f"A tree that imitates the model: {fits}. Orange: leaves where it differs most.",
        label=f"mean {result.scale} of {result.group}"
        if result.scale in ("probability", "decision")
        else f"mean {result.scale}",
        paint=paint,
        hover=style.hover_texts(
            rows_where=nodes["slice"],
            model_says=nodes["estimate"],
            tree_says=nodes["says"],
            off_by=nodes["off"],
            rows_judged=nodes["n"],
            rows_in_all=nodes["rows"],
        ),
    )
