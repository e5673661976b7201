"""Draw the worst rows: one bar a row, as long as its loss."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.figures import figure, style
from modelglass.analysis.worst_rows import WorstRows

MOST_BARS = 30


@figure.register
def _(result: WorstRows) -> go.Figure:
    if result.rows.empty:
        raise NotApplicable("there are no rows to draw")
    rows = result.rows.head(MOST_BARS)
    name = "id" if "id" in rows else "row"
    labels = [
        f"{name} {style.short(i, 16)}: {style.short(_plain(a), 12)} → {style.short(_plain(p), 12)}"
        for i, a, p in zip(rows[name], rows["actual"], rows["predicted"])
    ]
    made = style.new_figure(
        f"The {rows_text(len(rows)) if len(rows) != 1 else 'row'} with the largest loss, of {result.total:,} (actual → predicted)",
        x=result.loss.replace("_", " "),
        height=90 + 22 * len(rows),
    )
    parts = {"actual": rows["actual"], "predicted": rows["predicted"], "loss": rows["loss"]}
    if "score" in rows:
        parts["score"] = rows["score"]
    made.add_bar(
        x=rows["loss"],
        y=list(range(len(rows))),
        orientation="h",
        marker={"color": style.ORANGE, "line": {"width": 0}},
        hoverinfo="text",
        hovertext=style.hover_texts(**{name: rows[name]}, **parts),
        customdata=[[int(r)] for r in rows["row"]],
    )
    made.update_yaxes(tickmode="array", tickvals=list(range(len(rows))), ticktext=labels, range=[len(rows) - 0.4, -0.6])
    return made


def _plain(value: object) -> object:
    return style.number(value) if isinstance(value, float) else value
