"""Draw a contrast: the way from the other answer to this one."""

from __future__ import annotations

import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.explainers.figures.shapley import STEPS, way
from modelglass.explainers.shapley_contrast import ShapleyContrast


@figure.register
def _(result: ShapleyContrast) -> go.Figure:
    g = result.shown_group()
    part = result.steps[(result.steps.group == result.groups[g]) & (result.steps.shap != 0)]
    if part.empty:
        return style.empty_figure("No column differs.")
    shown, rest = part.iloc[:STEPS], part.iloc[STEPS:]
    of_rows = not result.other.startswith("class")
    texts = [f"{s.feature} = {s.value}{f', not {s.instead_of}' if of_rows else ''}" for s in shown.itertuples()]
    names, steps = style.short_names(texts, 28), shown.shap.tolist()
    if len(rest):
        names.append(f"{len(rest)} other columns")
        steps.append(float(rest.shap.sum()))
    base, end = float(result.base[g]), float(result.prediction[g])
    if of_rows:
        title, ends = f"Row {result.row} beside {result.other}. Blue raises, orange lowers", (result.other, "this row")
    else:
        title, ends = (
            f"Row {result.row}: {result.groups[g]}. Blue speaks for it, orange against",
            ("average", "this row"),
        )
    of = f" of {result.groups[g]}" if of_rows and result.scale in ("probability", "decision") else ""
    return way(
        title, names, steps, base, end, x=f"{result.scale}{of}, {style.number(base)} to {style.number(end)}", ends=ends
    )
