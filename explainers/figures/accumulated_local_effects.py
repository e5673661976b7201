"""Draw accumulated local effects: the curve with its interval around 0, and where the data are."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.explainers.accumulated_local_effects import AccumulatedLocalEffects
from modelglass.explainers.figures.partial_dependence import names_of, overlaid, panels, strip, titled


@figure.register
def _(result: AccumulatedLocalEffects) -> go.Figure:
    title = titled(result, "Above or below the average row; below: rows by value")
    made, features = panels(result, list(dict.fromkeys(result.curves.feature)), title)
    for i, feature in enumerate(features):
        curve = result.curves[result.curves.feature == feature]
        names = names_of(result, feature, curve.value)
        made.add_hline(y=0, line={"color": style.GREY, "width": 1, "dash": "dot"}, row=2 * i + 1, col=1)
        overlaid(made, curve, result, feature, i, names)
        strip(made, result, feature, i, names)
    return made
