"""Draw an anchor: its conditions as a table, with precision and coverage as they are added."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.explainers.anchor import Anchor


@figure.register
def _(result: Anchor) -> go.Figure:
    if not len(result.rule):
        return style.empty_figure(
            f"Row {result.row}: the model decides {result.decision} whatever the columns are "
            f"(precision {result.precision:.1%})."
        )
    rule = result.rule
    shares = [[style.number(v) if v != v else f"{v:.1%}" for v in rule[c]] for c in ("precision", "coverage")]
    words = [
        "where " + style.escape(rule.condition.iloc[0]),
        *("and " + style.escape(c) for c in rule.condition.iloc[1:]),
    ]
    made = style.new_figure(
        f"Row {result.row}: a rule that holds the decision {result.decision}", height=120 + 32 * len(rule)
    )
    made.add_table(
        columnwidth=[4, 1.2, 1.2],
        header={
            "values": ["Condition", "Precision", "Coverage"],
            "align": "left",
            "fill": {"color": style.GRID},
            "line": {"color": style.GRID},
        },
        cells={
            "values": [words, *shares],
            "align": "left",
            "height": 28,
            "fill": {"color": style.CLEAR},
            "line": {"color": style.GRID},
        },
    )
    return made
