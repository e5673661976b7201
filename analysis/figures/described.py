"""What people said of columns, put onto any figure: units on axes, descriptions in hovers. One place for all drawings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modelglass.analysis.figures import style

if TYPE_CHECKING:
    import plotly.graph_objects as go

Said = Mapping[str, Mapping[str, str]]
_ABOUT = ("column", "slice", "feature")
"""Names of hover lines whose value begins with a column."""


def describe_figure(made: go.Figure, columns: Said, target: str = "") -> go.Figure:
    """Put units and descriptions of columns onto a figure, in place.

    Parameters
    ----------
    made : plotly Figure
    columns : mapping of column to its "description" and "unit"
        As ``Source.columns`` holds them.
    target : str
        The column of outcomes, whose unit residuals have.
    """
    if not columns:
        return made
    said = {style.escape(name): about for name, about in columns.items()}
    for axis in (*made.select_xaxes(), *made.select_yaxes()):
        if axis.title.text:
            axis.title.text = _titled(axis.title.text, said, style.escape(target))
    for trace in made.data:
        if getattr(trace, "hovertemplate", None):
            trace.hovertemplate = _template(trace.hovertemplate, said)
        texts = getattr(trace, "hovertext", None)
        if isinstance(texts, str):
            trace.hovertext = _hover(texts, said)
        elif texts is not None:
            trace.hovertext = [_hover(t, said) if isinstance(t, str) else t for t in texts]
    return made


def _titled(text: str, said: Said, target: str) -> str:
    """Add the unit to an axis title that is a column, or begins with one and goes on in brackets."""
    name = next((n for n in _starts(text) if n in said), None)
    if name is not None and said[name].get("unit"):
        unit, rest = style.escape(said[name]["unit"]), text[len(name) :]
        return f"{name} ({unit})" if not rest else f"{name} in {unit}{rest}"
    whole = f"in units of {target}"
    if target in said and said[target].get("unit") and text.replace("<br>", " ").endswith(whole):
        return text.replace("<br>", " ").removesuffix(whole) + f"in {style.escape(said[target]['unit'])}"
    return text


def _starts(text: str) -> list[str]:
    """Give the parts of a title that may be a column: all of it, or what comes before a bracket."""
    at = [i for i in range(len(text)) if text.startswith((" (", "<br>("), i)]
    return [text, *(text[:i] for i in reversed(at))]


def _hover(text: str, said: Said) -> str:
    """Add units to lines "column: value", and below all lines what the columns mean."""
    lines, told = text.split("<br>"), dict[str, str]()
    for i, line in enumerate(lines):
        before, colon, after = line.partition(": ")
        if not colon:
            continue
        if before in said:
            told |= _told(before, said)
            if said[before].get("unit"):
                lines[i] = f"{before} ({style.escape(said[before]['unit'])}): {after}"
        elif before in _ABOUT:
            for name in (after, after.partition(": ")[0], *after.partition(": ")[0].replace(" * ", "*").split("*")):
                told |= _told(name, said)
    return "<br>".join([*lines, *told.values()])


def _template(text: str, said: Said) -> str:
    """Do the same with a template that begins "column = "."""
    name, equals, rest = text.partition(" = ")
    if not equals or name not in said:
        return text
    unit = said[name].get("unit")
    shown, extra, end = rest.partition("<extra>")
    below = "".join(f"<br>{line}" for line in _told(name, said).values())
    return f"{name}{f' ({style.escape(unit)})' if unit else ''} = {shown}{below.replace('%{', '% {')}{extra}{end}"


def _told(name: str, said: Said) -> dict[str, str]:
    about: Mapping[str, Any] = said.get(name, {})
    words = about.get("description") or (f"in {about['unit']}" if about.get("unit") else "")
    unit = f" ({about['unit']})" if about.get("unit") and about.get("description") else ""
    return (
        {name: "<br>".join(f"<i>{line}</i>" for line in style.wrapped(f"{words}{unit}", 60).split("<br>"))}
        if words
        else {}
    )
