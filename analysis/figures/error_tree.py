"""Draw an error tree: its conditions as an indented tree, and beside each node the metric on the judging half with its interval."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from modelglass.analysis.error_tree import ALPHA, ErrorTree
from modelglass.analysis.figures import figure, marks, style
from modelglass.analysis.performance import metric_label

ROW = 42
"""Pixels a node gets: two lines of text."""
LETTERS = 24
WIDTH = 15.0
"""Width of the tree in steps of indentation."""
TREE, NUMBERS = [0.0, 0.6], [0.64, 1.0]


@figure.register
def _(result: ErrorTree) -> go.Figure:
    nodes = as_read(result.nodes)
    if len(nodes) == 1:
        return style.empty_figure("No condition surely parts rows with more errors from the others.")
    label = metric_label(result.settings["metric"], result.source.task, result.settings.get("class_"))
    title = f"{label} in each node, on the rows that did not grow the tree. {_legend(result)}"
    return draw_nodes(
        nodes, title=title, label=label, paint=_colours(nodes, result.settings["better"]), hover=_hover(nodes)
    )


def draw_nodes(nodes: pd.DataFrame, *, title: str, label: str, paint: list[str], hover: list[str]) -> go.Figure:
    """Draw nodes in the order of ``as_read`` as an indented tree, with estimate and interval of each beside it.

    ``nodes`` has node, parent, depth, leaf, rule, where, rows, estimate, low, high and place; ``paint`` and ``hover`` are by node.
    """
    made = style.new_figure(title, height=110 + ROW * len(nodes))
    common = {
        "customdata": marks.customdata([None, *nodes["where"][1:]]),
        "hoverinfo": "text",
        "hovertext": hover,
        "showlegend": False,
        "unselected": {"marker": {"opacity": 0.5}},
    }
    made.update_layout(shapes=_branches(nodes))
    _add_tree(made, nodes, paint, common)
    _add_numbers(made, nodes, paint, common)
    whole = float(nodes["estimate"].iloc[0])
    if np.isfinite(whole):
        made.add_vline(x=whole, line={"color": style.GREY, "width": 1.5, "dash": "dot"}, xref="x2")
    made.update_layout(
        xaxis={"domain": TREE, "range": [-0.5, WIDTH], "visible": False, "fixedrange": True},
        xaxis2={"domain": NUMBERS, "anchor": "y", "title": {"text": style.wrapped(label, 18)}, "nticks": 4},
        yaxis={"range": [len(nodes) - 0.4, -0.6], "visible": False, "fixedrange": True},
    )
    return marks.clickable(made)


def _legend(result: ErrorTree) -> str:
    if result.settings["better"] is None:
        return "Purple: surely different from the rest."
    return "Orange: surely worse than the rest, blue: surely better."


def as_read(nodes: pd.DataFrame) -> pd.DataFrame:
    """Put every node after its parent and the parent's earlier descendants, as a tree is read."""
    order, todo = [], [0]
    while todo:
        at = todo.pop()
        order.append(at)
        todo += nodes.loc[nodes["parent"] == at, "node"].tolist()[::-1]
    return nodes.set_index("node", drop=False).loc[order].assign(place=range(len(order)))


def _colours(nodes: pd.DataFrame, better: bool | None) -> list[str]:
    sure = nodes["p_adjusted"].to_numpy(float) <= ALPHA
    up = nodes["effect"].to_numpy(float) > 0
    worse, good = (style.PURPLE, style.PURPLE) if better is None else (style.BAD, style.GOOD)
    return [style.GREY if not s else good if u == bool(better) else worse for s, u in zip(sure, up)]


def _branches(nodes: pd.DataFrame) -> list[dict]:
    """Lines from each parent down to its last child, and across to each."""
    line = {"type": "line", "xref": "x", "yref": "y", "layer": "below", "line": {"color": style.AXIS, "width": 1.2}}
    places = nodes["place"].to_dict()
    last = {row.parent: row.place for row in nodes.itertuples()}
    down = [
        {**line, "x0": nodes["depth"][p], "x1": nodes["depth"][p], "y0": places[p], "y1": end}
        for p, end in last.items()
        if p >= 0
    ]
    across = [
        {**line, "x0": row.depth - 1, "x1": row.depth, "y0": row.place, "y1": row.place}
        for row in nodes.itertuples()
        if row.parent >= 0
    ]
    return down + across


def _add_tree(made: go.Figure, nodes: pd.DataFrame, paint: list[str], common: dict) -> None:
    share = nodes["rows"] / max(int(nodes["rows"].iloc[0]), 1)
    made.add_scatter(
        x=nodes["depth"],
        y=nodes["place"],
        mode="markers+text",
        text=[_text(row) for row in nodes.itertuples()],
        textposition="middle right",
        textfont={"size": 11.5},
        marker={
            "size": 6 + 10 * np.sqrt(share),
            "color": paint,
            "symbol": ["circle" if leaf else "circle-open" for leaf in nodes["leaf"]],
            "opacity": 1,
            "line": {"width": 1.5},
        },
        **common,
    )


def _text(row) -> str:
    lines = style.wrapped(row.rule, LETTERS).split("<br>")
    if len(lines) > 2:
        lines = [lines[0], lines[1] + "…"]
    return "<br>".join(f" {line}" for line in lines)


def _add_numbers(made: go.Figure, nodes: pd.DataFrame, paint: list[str], common: dict) -> None:
    for leaf in (False, True):
        part = nodes["leaf"].to_numpy(bool) == leaf
        rows = nodes[part]
        colours = [c for c, mine in zip(paint, part) if mine]
        picked = {name: [v for v, mine in zip(common[name], part) if mine] for name in ("customdata", "hovertext")}
        made.add_scatter(
            x=rows["estimate"],
            y=rows["place"],
            xaxis="x2",
            mode="markers",
            marker={"size": 8 if leaf else 6, "color": colours, "symbol": "circle" if leaf else "circle-open"},
            error_x=style.intervals(rows["low"], rows["estimate"], rows["high"]),
            **{**common, **picked},
        )


def _hover(nodes: pd.DataFrame) -> list[str]:
    texts = style.hover_texts(
        rows_where=nodes["slice"],
        estimate=nodes["estimate"],
        low=nodes["low"],
        high=nodes["high"],
        rows_judged=nodes["n"],
        rows_in_all=nodes["rows"],
    )
    more = style.hover_texts(rest=nodes["rest"], difference=nodes["effect"], adjusted_p=nodes["p_adjusted"])
    notes = [f"<br>{style.escape(note)}" if note else "" for note in nodes["note"]]
    return [t + (f"<br>{m}" if leaf else "") + n for t, m, leaf, n in zip(texts, more, nodes["leaf"], notes)]
