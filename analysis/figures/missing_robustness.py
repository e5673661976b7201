"""Draw what missing values do: how the metric changes without each column, and with a usual value in its place."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.analysis.missing_robustness import ALONE, BLOCK, CODED, MissingRobustness
from modelglass.analysis.performance import in_sentence

MOST = 14
WAYS = ((ALONE, 0, "circle"), (BLOCK, 0, "diamond"), (CODED, 1, "square"))


@figure.register
def _(result: MissingRobustness) -> go.Figure:
    known = result.changes[result.changes.estimate.notna()]
    if not len(known):
        return style.empty_figure("The model answers no row in which a value is missing.")
    biggest = known.assign(size=known.estimate.abs()).groupby("feature")["size"].max().nlargest(MOST)
    features = list(biggest.index)
    names = dict(zip(features, style.short_names(features, 24), strict=True))
    made = style.new_figure("", height=170 + 34 * len(features), legend=True)
    for how, colour, symbol in WAYS:
        part = known[(known.how == how) & known.feature.isin(features)]
        if len(part):
            made.add_scatter(**_dots(result, part, names, style.colour(colour), symbol, _label(result, how)))
    filled = known[known.feature.isin(features) & known.filled.notna()].drop_duplicates("feature")
    if len(filled):
        made.add_scatter(
            x=filled.filled,
            y=[names[f] for f in filled.feature],
            mode="markers",
            marker={"size": 10, "symbol": "line-ns-open", "color": style.GREY, "line": {"width": 2}},
            hovertext=style.hover_texts(
                column=filled.feature, **{f"change of {in_sentence(result.label)} with the usual value": filled.filled}
            ),
            hoverinfo="text",
            name="usual value in its place",
        )
    left = known.feature.nunique() - len(features)
    under = f"change of {in_sentence(result.label)}" + (f" ({left} smaller not drawn)" if left else "")
    made.update_xaxes(title_text=style.wrapped(under, 26), zeroline=True)
    return made.update_yaxes(
        categoryorder="array", categoryarray=[names[f] for f in reversed(features)], type="category", automargin=True
    )


def _label(result: MissingRobustness, how: str) -> str:
    return {ALONE: "value missing", BLOCK: "missing together"}.get(how) or f"{result.settings['code']:g} instead"


def _dots(
    result: MissingRobustness, part: Any, names: dict[str, str], colour: str, symbol: str, name: str
) -> dict[str, Any]:
    decided = part.changed.notna().any()
    return {
        "x": part.estimate,
        "y": [names[f] for f in part.feature],
        "mode": "markers",
        "marker": {"size": 9, "symbol": symbol, "color": colour},
        "error_x": style.intervals(part.low, part.estimate, part.high, line=colour),
        "hovertext": style.hover_texts(
            column=part.feature,
            **{f"change of {in_sentence(result.label)}": part.estimate},
            low=part.low,
            high=part.high,
            **({"decisions that change": part.changed} if decided else {}),
            mean_move=part.moved,
            rows=part.n,
            advice=part.remedy,
        ),
        "hoverinfo": "text",
        "name": name,
    }
