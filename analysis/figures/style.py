"""The look that all pictures share. Readable on white and on near-black paper, and for colour-blind eyes.

Every drawing starts from ``new_figure`` and uses the colours named here. Names that come from data go through ``escape``,
because plotly reads ``<b>`` and the like in any text as markup.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from modelglass.analysis.odd_signs import visible

if TYPE_CHECKING:
    import plotly.graph_objects as go

BLUE, ORANGE, GREEN, PURPLE, RED, SKY, BROWN = (
    "#3a7fc1",
    "#d97b0f",
    "#159a76",
    "#a468c4",
    "#cf4a58",
    "#4fa9dc",
    "#9c7350",
)
"""Told apart by people with any common colour blindness (in the manner of Okabe and Ito 2008) and seen on white and near-black."""
GREY = "#858b94"
"""For the whole, references and what is not the matter."""
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, RED, SKY, BROWN, GREY)
GOOD, BAD = BLUE, ORANGE
"""Better and worse, over and under: never green against red."""
TEXT = "#7b828c"
GRID = "rgba(128, 134, 144, 0.22)"
AXIS = "rgba(128, 134, 144, 0.55)"
CLEAR = "rgba(0, 0, 0, 0)"
SEQUENTIAL = [[0.0, "rgba(58, 127, 193, 0.04)"], [1.0, "rgba(58, 127, 193, 1)"]]
"""Colour scale of shares and counts: from the paper's own colour to blue."""
DIVERGING = [[0.0, ORANGE], [0.5, "rgba(133, 139, 148, 0.12)"], [1.0, BLUE]]
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif"
MOST_LETTERS = 44
LINE = 46
"""Letters of a title that a phone shows in one line."""


def colour(index: int) -> str:
    """Give the palette's colour of a series, again from the start after the last."""
    return PALETTE[index % len(PALETTE)]


def faint(colour: str, opacity: float = 0.18) -> str:
    """Give a palette colour ("#rrggbb") with an opacity, for bands.

    >>> faint("#3a7fc1", 0.2)
    'rgba(58, 127, 193, 0.2)'
    """
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity:g})"


def escape(text: object) -> str:
    r"""Give a name from the data so that plotly shows it as it is, and so that no mark in it turns the rest of the text round.

    >>> escape("<b>a & b</b>"), escape("\u202ea")
    ('&lt;b&gt;a &amp; b&lt;/b&gt;', '\\u202ea')
    """
    return visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def short(text: object, letters: int = MOST_LETTERS) -> str:
    """Shorten a long name for an axis, then escape it; the hover text should hold all of it.

    >>> short("abcdefgh", 5)
    'abcd…'
    """
    words = visible(text)
    return escape(words if len(words) <= letters else words[: letters - 1] + "…")


def short_names(texts: Iterable[object], letters: int = MOST_LETTERS) -> list[str]:
    """Shorten the names of one axis, each to another text: plotly draws what has one name on one place.

    Names that begin alike keep their ends; what is still alike is numbered.

    >>> short_names(["department north 1", "department north 2", "age"], 12)
    ['depart…rth 1', 'depart…rth 2', 'age']
    >>> short_names(["a", "a"])
    ['a', 'a (2)']
    """
    words = [visible(t) for t in texts]
    cut = [short(w, letters) for w in words]
    alike = {c for c, count in Counter(cut).items() if count > 1}
    tail = (letters - 1) // 2
    middle = [f"{w[: letters - 1 - tail]}…{w[-tail:]}" if len(w) > letters else w for w in words]
    cut = [escape(m) if c in alike else c for c, m in zip(cut, middle)]
    seen: Counter[str] = Counter()
    for place, name in enumerate(cut):
        seen[name] += 1
        if seen[name] > 1:
            cut[place] = f"{name} ({seen[name]})"
    return cut


def wrapped(text: object, letters: int = LINE) -> str:
    """Break a long line so that a phone shows all of it, then escape it.

    >>> wrapped("one two three", 8)
    'one two<br>three'
    """
    return "<br>".join(escape(line) for line in textwrap.wrap(visible(text), letters))


def number(value: Any, digits: int = 3) -> str:
    """Write a number for a hover text; "cannot say" for NaN.

    >>> number(0.87345), number(12345), number(float("nan"))
    ('0.873', '12,345', 'cannot say')
    """
    if isinstance(value, (int, np.integer)):
        return f"{value:,}"
    if value is None or not np.isfinite(value):
        return "cannot say"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}" if abs(value) >= 10 or 0 < abs(value) < 0.001 else f"{value:.{digits}f}"


def hover(**parts: object) -> str:
    """Make one hover text: each part a line "name: value", numbers rounded, names and values escaped, _ in names a blank.

    >>> hover(slice="a<b", n=1200)
    'slice: a&lt;b<br>n: 1,200'
    """

    def text(value: object) -> str:
        return (
            number(value)
            if isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
            else escape(value)
        )

    return "<br>".join(f"{escape(name.replace('_', ' '))}: {text(value)}" for name, value in parts.items())


def hover_texts(**columns: Sequence[object]) -> list[str]:
    """Make a hover text for each row from columns of equal length."""
    names = list(columns)
    return [hover(**dict(zip(names, row))) for row in zip(*columns.values())]


@cache
def _template() -> go.layout.Template:
    """The shared look, made once: plotly checks every part of it anew each time."""
    import plotly.graph_objects as go

    axis = {
        "gridcolor": GRID,
        "linecolor": AXIS,
        "zerolinecolor": AXIS,
        "tickcolor": AXIS,
        "automargin": True,
        "zeroline": False,
        "title": {"standoff": 10},
    }
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 12.5, "color": TEXT},
            "paper_bgcolor": CLEAR,
            "plot_bgcolor": CLEAR,
            "colorway": list(PALETTE),
            "xaxis": axis,
            "yaxis": axis,
            "hovermode": "closest",
            "autotypenumbers": "strict",  # a level named "1" is a name
            "hoverlabel": {"align": "left", "font": {"family": FONT, "size": 12.5}},
            "legend": {
                "orientation": "h",
                "yanchor": "bottom",
                "y": 1.0,
                "xanchor": "left",
                "x": 0.0,
                "bgcolor": CLEAR,
            },
            "margin": {"l": 12, "r": 16, "t": 44, "b": 12},
            "title": {"x": 0, "xanchor": "left", "xref": "container", "pad": {"l": 12}, "font": {"size": 14}},
            "colorscale": {"sequential": SEQUENTIAL, "diverging": DIVERGING},
        }
    )


def new_figure(title: str = "", *, x: str = "", y: str = "", height: int = 420, legend: bool = False) -> go.Figure:
    """Give an empty figure with the shared look; ``title, x, y`` are plain text (escaped here)."""
    import plotly.graph_objects as go

    layout: dict[str, Any] = {"template": _template(), "height": height, "showlegend": legend}
    if title:
        lines = wrapped(title)
        under = 24 if legend else 0  # a legend stands between title and plot, and meets neither
        layout["margin"] = {"t": 44 + 19 * lines.count("<br>") + under}
        place = {"y": 1, "yref": "container", "yanchor": "top", "pad": {"l": 12, "t": 12}}
        layout["title"] = {"text": lines, **place}
    else:
        layout["margin"] = {"t": 36 if legend else 12}
    if x:
        layout["xaxis"] = {"title": {"text": wrapped(x, 44)}}
    if y:
        layout["yaxis"] = {"title": {"text": escape(y)}}
    return go.Figure(layout=layout)


def dress(panels: go.Figure, like: go.Figure) -> go.Figure:
    """Give a figure made of panels the look, title and height of another.

    What is set is told to plotly, and the template whole: to lay one layout over another it walks through all that could be.
    The template takes the place of plotly's own, of which each chart would carry 7 KB.
    """
    layout = like.layout.to_plotly_json()
    panels.layout.template = layout.pop("template")
    return panels.update_layout(layout)


def empty_figure(message: str, *, height: int = 160) -> go.Figure:
    """Give a figure that only says why there is nothing to draw."""
    made = new_figure(height=height)
    made.update_xaxes(visible=False).update_yaxes(visible=False)
    made.add_annotation(text=wrapped(message), x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False)
    return made


def intervals(
    low: Sequence[float], middle: Sequence[float], high: Sequence[float], *, line: str = GREY
) -> dict[str, Any]:
    """Give plotly's error bars for an interval that need not be symmetric; none where it is NaN."""
    down, up = np.asarray(middle, float) - np.asarray(low, float), np.asarray(high, float) - np.asarray(middle, float)
    if not np.isfinite(down + up).any():
        return {"visible": False}
    return {
        "type": "data",
        "symmetric": False,
        "array": [max(v, 0.0) if np.isfinite(v) else None for v in up],
        "arrayminus": [max(v, 0.0) if np.isfinite(v) else None for v in down],
        "color": line,
        "thickness": 1.6,
        "width": 3,
    }
