"""Draw importances side by side: one column of bars for each way, the same columns in the same order."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.explainers.importances import Importances

MOST = 15
LETTERS = 18


@figure.register
def _(result: Importances) -> go.Figure:
    from plotly.subplots import make_subplots

    methods = list(dict.fromkeys(result.importance.method))
    shown = list(dict.fromkeys(result.importance.feature))[:MOST]
    left = result.importance.feature.nunique() - len(shown)
    names = style.short_names(shown, 22)
    made = make_subplots(
        rows=1,
        cols=len(methods),
        shared_yaxes=True,
        horizontal_spacing=0.09,
        subplot_titles=[style.wrapped(m, LETTERS) for m in methods],
    )
    made.update_annotations(font_size=12)
    style.dress(made, style.new_figure("", height=190 + 26 * len(shown)))
    for at, method in enumerate(methods):
        part = result.importance[result.importance.method == method].set_index("feature").reindex(shown)
        made.add_bar(
            x=part.estimate,
            y=names,
            orientation="h",
            marker={"color": style.faint(style.colour(at), 0.55), "line": {"width": 0}},
            error_x=style.intervals(part.low, part.estimate, part.high),
            hovertext=style.hover_texts(
                column=shown, place=part["rank"], value=part.estimate, low=part.low, high=part.high, rows=part.n
            ),
            hoverinfo="text",
            row=1,
            col=at + 1,
        )
        made.update_xaxes(title_text=style.wrapped(result.units[method], LETTERS), nticks=3, row=1, col=at + 1)
        made.update_yaxes(autorange="reversed", showgrid=False, type="category", row=1, col=at + 1)
    if left:
        made.update_xaxes(
            title_text=f"{made.layout.xaxis.title.text}<br>({left} smaller columns<br>not drawn)", row=1, col=1
        )
    return made.update_layout(showlegend=False, margin_t=64)
