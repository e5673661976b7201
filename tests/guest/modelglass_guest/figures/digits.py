"""Bars by last digit."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure
from modelglass_guest.digits import RowDigits


@figure.register
def _(result: RowDigits) -> go.Figure:
    table = result.frame()
    made = go.Figure(go.Bar(x=table.digit, y=table.wrong))
    return made.update_layout(title="Wrong by last digit", xaxis_title="last digit", yaxis_title="share wrong")
