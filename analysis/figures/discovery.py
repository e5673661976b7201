"""Draw found slices: the metric in each slice with its interval, beside the rest of the rows."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from modelglass.analysis.discovery import FoundSlices
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.figures import figure, marks, style
from modelglass.analysis.performance import metric_label


@figure.register
def _(result: FoundSlices) -> go.Figure:
    rows = result.frame()
    if rows.empty:
        raise NotApplicable("no slice was found that could be drawn")
    label = metric_label(result.settings["metric"], result.source.task, result.settings.get("class_"))
    made = style.new_figure(
        f"{label} in each slice found, with its interval, and on the rest of the rows",
        x=label,
        height=130 + 46 * max(len(rows), 2),
        legend=True,
    )
    names = [style.wrapped(f"{i}. {text}", 34) for i, text in enumerate(rows["slice"], start=1)]
    hover = style.hover_texts(
        slice=rows["slice"],
        estimate=rows["estimate"],
        low=rows["low"],
        high=rows["high"],
        rows=rows["n"],
        rest=rows["rest"],
        difference=rows["effect"],
        adjusted_p=rows["p_adjusted"],
    )
    shared: dict[str, Any] = {"y": names, "mode": "markers", "hoverinfo": "text", "hovertext": hover}
    shared["customdata"] = marks.customdata(rows["where"])
    made.add_scatter(
        x=rows["rest"], marker={"size": 9, "color": style.GREY, "symbol": "line-ns-open"}, name="rest", **shared
    )
    made.add_scatter(
        x=rows["estimate"],
        marker={"size": 8, "color": style.BAD},
        error_x=style.intervals(rows["low"], rows["estimate"], rows["high"], line=style.BAD),
        name="in the slice",
        **shared,
    )
    made.update_yaxes(autorange="reversed", type="category", categoryorder="array", categoryarray=names, dtick=1)
    lines = str(made.layout.title.text).count("<br>")
    return marks.clickable(made.update_layout(margin_t=70 + 19 * lines))
