"""Draw the difference of Shapley values: here less the rest by column, over how much each column moves predictions on both sides."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from modelglass.analysis.figures import figure, style
from modelglass.explainers.figures.bars import NARROW
from modelglass.explainers.shapley_difference import MEAN, SIZE, ShapleyDifference

FEATURES, CLASSES = 12, 6


@figure.register
def _(result: ShapleyDifference) -> go.Figure:
    from plotly.subplots import make_subplots

    table = result.of(MEAN)
    top = list(dict.fromkeys(table["feature"]))[:FEATURES]
    groups = list(result.groups)[:CLASSES]
    single = len(result.groups) == 1
    level = "" if result.note else f" ({100 * result.settings['level']:.4g} % interval)"
    titles = [f"Mean value, here less {result.compared}{level}", f"Mean size here and in {result.compared}"]
    made = make_subplots(rows=2 if single else 1, cols=1, vertical_spacing=0.15, subplot_titles=titles[: 1 + single])
    made.update_annotations(x=1, xref="paper", xanchor="right", align="right", font_size=13)
    height = 180 + 60 * len(top) if single else 170 + (22 + 9 * len(groups)) * len(top)
    style.dress(made, style.new_figure("", height=height, legend=True))
    for place, group in enumerate(groups):
        shift = 0.0 if single else 0.6 * (place / (len(groups) - 1) - 0.5)
        _differences(
            made, table[table["group"] == group].set_index("feature").loc[top], shift, place, str(group), single
        )
    if single:
        _sizes(made, result.of(SIZE).set_index("feature").loc[top], result.compared)
    for row in range(1, 2 + single):
        made.update_yaxes(
            tickvals=list(range(len(top))),
            ticktext=[style.short(f, 28) for f in top],
            range=[len(top) - 0.5, -0.5],
            showgrid=False,
            row=row,
            col=1,
        )
        made.update_xaxes(title_text=style.wrapped(f"in {result.scale}", NARROW), row=row, col=1)
    made.add_vline(x=0, line={"color": style.GREY, "dash": "dot", "width": 1.5}, row=1, col=1)
    return made.update_layout(margin_t=70, legend={"y": 1, "yref": "container", "yanchor": "top"})


def _differences(made: go.Figure, part: pd.DataFrame, shift: float, place: int, group: str, single: bool) -> None:
    colours = np.where(part["estimate"] >= 0, style.BLUE, style.ORANGE).tolist() if single else style.colour(place)
    made.add_scatter(
        x=part["estimate"],
        y=np.arange(len(part)) + shift,
        mode="markers",
        marker={"size": 8, "color": colours},
        error_x=style.intervals(part["low"], part["estimate"], part["high"]),
        name=style.short(group, 20),
        showlegend=not single,
        hoverinfo="text",
        hovertext=style.hover_texts(
            column=part.index,
            of=[group] * len(part),
            here=part["here"],
            there=part["there"],
            difference=part["estimate"],
            low=part["low"],
            high=part["high"],
            adjusted_p=part["p_adjusted"],
            rows=part["n"],
            rows_there=part["n_there"],
        ),
        row=1,
        col=1,
    )


def _sizes(made: go.Figure, part: pd.DataFrame, compared: str) -> None:
    for name, column, colour, symbol in (
        ("here", "here", style.BLUE, "circle"),
        (compared, "there", style.GREY, "diamond"),
    ):
        made.add_scatter(
            x=part[column],
            y=np.arange(len(part)),
            mode="markers",
            marker={"size": 9, "color": colour, "symbol": symbol},
            name=name,
            hoverinfo="text",
            hovertext=style.hover_texts(
                column=part.index,
                mean_size_here=part["here"],
                mean_size_there=part["there"],
                difference=part["estimate"],
                low=part["low"],
                high=part["high"],
            ),
            row=2,
            col=1,
        )
    made.update_xaxes(rangemode="tozero", row=2, col=1)
