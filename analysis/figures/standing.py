"""Draw where a row stands: for its prediction and each ordered column the share of rows that lie lower."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.figures import figure, style
from modelglass.analysis.standing import Standing

MOST = 25


@figure.register
def _(result: Standing) -> go.Figure:
    shown = result.places[result.places["lower"].notna()].head(MOST)
    if shown.empty:
        raise NotApplicable("no prediction or column has an order")
    middle = shown["lower"] + (shown["same"] / 2).clip(upper=1 - shown["lower"])
    labels = [
        f"{style.short(('prediction of ' if w == 'prediction' else '') + n, 24)} = {style.short(v, 12)}"
        for w, n, v in zip(shown["what"], shown["name"], shown["value"], strict=True)
    ]
    places = list(range(len(shown)))
    made = style.new_figure(
        f"Row {result.row}: share of rows that lie lower",
        x="share of rows that lie lower",
        height=110 + 24 * len(shown),
    )
    made.add_scatter(
        x=[
            None if i % 3 == 2 else (low, low + same)[i % 3]
            for low, same in zip(shown["lower"], shown["same"])
            for i in range(3)
        ],
        y=[None if i % 3 == 2 else at for at in places for i in range(3)],
        mode="lines",
        line={"color": style.GREY, "width": 5},
        hoverinfo="skip",
    )
    made.add_scatter(
        x=middle,
        y=places,
        mode="markers",
        marker={"size": 10, "color": [style.ORANGE if w == "prediction" else style.BLUE for w in shown["what"]]},
        hoverinfo="text",
        hovertext=style.hover_texts(
            **{"name": shown["name"], "value": shown["value"], "lower": shown["lower"], "same": shown["same"]}
        ),
    )
    made.update_xaxes(range=[-0.02, 1.02], tickformat=".0%")
    made.update_yaxes(tickmode="array", tickvals=places, ticktext=labels, range=[len(shown) - 0.4, -0.6])
    return made
