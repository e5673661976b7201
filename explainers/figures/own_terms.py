"""Draw a readable model: the tree with its answers, or a bar for each term of its largest columns."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure, marks, style
from modelglass.analysis.figures.error_tree import as_read, draw_nodes
from modelglass.explainers.figures.bars import signed_bars
from modelglass.explainers.own_terms import OwnTerms

MOST = 30


@figure.register
def _(result: OwnTerms) -> go.Figure:
    group = result.shown_group()
    of = f" of {group}" if result.scale != group else ""
    if result.kind == "tree":
        nodes = as_read(result.nodes)
        if len(nodes) == 1:
            return style.empty_figure("The tree asks nothing: it gives every row the same answer.")
        return draw_nodes(
            nodes,
            title=f"The tree ({result.model}), and its mean answer in each node",
            label=f"{result.scale}{of}",
            paint=[style.BLUE] * len(nodes),
            hover=style.hover_texts(rows_where=nodes["slice"], model_says=nodes["estimate"], rows=nodes["n"]),
        )
    order = list(result.order().index)
    part = result.terms[result.terms.group == group]
    part = part.assign(place=part.feature.map(order.index)).sort_values("place", kind="stable")[:MOST]
    straight = part.term == "one more"
    bars = part.per_spread.where(straight, part.estimate)
    names = [f"{f}, one spread more" if s else f"{f}: {t}" for f, t, s in zip(part.feature, part.term, straight, strict=True)]  # fmt: skip
    made = signed_bars(
        style.short_names(names, 34),
        bars.tolist(),
        style.hover_texts(
            column=part.feature, term=part.term, counts=part.estimate, for_one_spread=part.per_spread,
            odds_ratio=part.odds_ratio, rows=part.n,
        ),
        title=f"The model's own terms ({result.model}), largest columns first",
        x=f"{result.scale}{of}",
    )  # fmt: skip
    made.update_traces(customdata=marks.customdata([None if s else w for w, s in zip(part["where"], straight, strict=True)]))  # fmt: skip
    return marks.clickable(made)
