"""Draw which columns work together: bars of the size of each interaction."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.explainers.interaction_strength import OTHERS, InteractionStrength

MOST = 15


@figure.register
def _(result: InteractionStrength) -> go.Figure:
    group = result.table.loc[result.table["size"].idxmax(), "group"]
    table = result.table[result.table.group == group]
    alone, pairs = table[table.other == OTHERS].head(MOST), table[table.other != OTHERS].head(MOST)
    named = f"{style.escape(str(group))}: " if len(result.groups) > 1 or result.settings.get("class_") else ""
    title = f"{named}Part of the answer that is more than a sum (typical size, {style.escape(result.scale)})"
    made = style.new_figure(title, legend=bool(len(pairs)))
    names = style.short_names([*alone.feature, *(f"{a} and {b}" for a, b in zip(pairs.feature, pairs.other))], 26)
    for k, (part, word) in enumerate(((alone, "with all other columns"), (pairs, "pairs"))):
        if not len(part):
            continue
        y = names[: len(alone)] if k == 0 else names[len(alone) :]
        made.add_bar(
            x=part["size"],
            y=y,
            orientation="h",
            marker={"color": style.colour(k)},
            name=word,
            hovertext=style.hover_texts(columns=part.feature, other=part.other, size=part["size"], H=part.estimate),
            hoverinfo="text",
        )
    made.update_yaxes(autorange="reversed", type="category", automargin=True)
    made.update_xaxes(rangemode="tozero")
    made.update_layout(height=140 + 26 * len(names), barmode="overlay")
    return made
