"""plotly.js, charts and tables as HTML for report and notebook: nothing is fetched, everything is escaped."""

from __future__ import annotations

import base64
import gzip
import json
import math
import secrets
import sys
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.figures import figure
from modelglass.analysis.figures.marks import without_conditions
from modelglass.analysis.odd_signs import visible
from modelglass.analysis.result import Result

if TYPE_CHECKING:
    import plotly.graph_objects as go

HERE = Path(__file__).parent
HEIGHT = 420
"""Height of a chart, pixels, where the figure names none."""
PACK_FROM = 2_000
"""A figure whose JSON is longer than this many characters is compressed."""
SMALLER_FROM = (25, 16, 10)
"""Numbers of columns from which a table is written smaller on paper: the classes of html.css."""
WAIT = "The chart is drawn where scripts may run. Its numbers are in the table."
LATE = (
    "The chart waits for plotly.js, which stands in the first modelglass output of this notebook. "
    "Run that cell again, or restart the kernel and run all cells. The numbers are in the table."
)


@cache
def style() -> str:
    """Give the CSS that charts and tables need, without the ``<style>`` tag."""
    return (HERE / "html.css").read_text(encoding="utf-8")


@cache
def plotly_script() -> str:
    """Give one ``<script>`` that holds plotly.js (gzip, base64) and draws every chart of the page.

    The browser unpacks it with ``DecompressionStream`` and runs it by an inserted script: neither the network
    nor ``eval`` is needed. It defines the promise ``window.modelglassPlotly``; a second copy does nothing.
    Charts may stand before it or come later.
    """
    from plotly.offline import get_plotlyjs

    runtime = (HERE / "html.js").read_text(encoding="utf-8")
    return f"<script>{runtime.replace('@PACKED@', _packed(get_plotlyjs()))}</script>"


def _packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode("utf-8", "replace"), 9, mtime=0)).decode("ascii")


def script_json(value: Any) -> str:
    """Write a value as JSON that is safe in a ``<script>``: no ``</script>``, no ``<!--``."""
    from plotly.utils import PlotlyJSONEncoder

    text = json.dumps(value, cls=PlotlyJSONEncoder, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def figure_html(fig: go.Figure, id: str) -> str:
    """Give a chart as HTML: a box, and a script that hands the figure to the page's plotly.js.

    Parameters
    ----------
    fig : plotly.graph_objects.Figure
        Its height is kept; its width follows the page, its paper, text and grid the page's text colour.
    id : str
        Unique on the page.

    Returns
    -------
    str
        Needs :func:`plotly_script` once, anywhere on the page.
    """
    spec = without_conditions(fig.to_dict())
    spec.pop("frames", None)
    layout = spec.get("layout", {})
    if layout.get("template") in _default_templates():
        del layout["template"]
    height = int(layout.get("height") or HEIGHT)
    text = script_json(spec)
    item = f"{{id:{script_json(id)},height:{height},"
    item += f'packed:"{_packed(text)}"}}' if len(text) > PACK_FROM else f"figure:{text}}}"
    wide = ' mg-wide" tabindex="0' if _panels(layout) > 1 else ""
    return (
        f'<div class="mg-chart{wide}" id="{escape(id)}"><p class="mg-wait">{WAIT}</p></div>'
        "<script>(function(f){var w=window,d=document.getElementById(f.id),p=d&&d.firstChild;if(!d){return}"
        'd.style.minHeight=f.height+"px";p.hidden=true;'
        "(w.modelglassFigures=w.modelglassFigures||[]).push(f);"
        'setTimeout(function(){if(!w.modelglassPlotly){d.style.minHeight="";p.hidden=false;'
        f"p.textContent={script_json(LATE)}}}}},9000)}})({item})</script>"
    )


def _panels(layout: dict[str, Any]) -> int:
    """Count the charts that stand side by side in one figure."""
    axes = (axis for name, axis in layout.items() if name.startswith("xaxis") and isinstance(axis, dict))
    return len({round(axis["domain"][0], 3) for axis in axes if axis.get("domain")})


def _default_templates() -> list[dict[str, Any]]:
    """Give what a figure gets without being asked: plotly's template, and the one that Streamlit sets once it is imported."""
    import plotly.io as pio

    return [_template(name) for name in {"plotly", pio.templates.default} if name]


@cache
def _template(name: str) -> dict[str, Any]:
    import plotly.io as pio

    return pio.templates[name].to_plotly_json()


def shown(value: Any) -> str:
    """Write one cell for people: four significant digits, thousands separated, a dash for missing.

    >>> [shown(v) for v in (0.851234, 16281, 12.3456, 0.00001234, float("nan"), True)]
    ['0.8512', '16,281', '12.35', '1.23e-05', '–', 'yes']
    """
    if _missing(value):
        return "–"
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        return f"{int(value):,}"
    if isinstance(value, (float, np.floating)):
        return _number(float(value))
    if isinstance(value, (pd.Timestamp, np.datetime64)):
        stamp = pd.Timestamp(value)
        return stamp.date().isoformat() if stamp == stamp.normalize() else stamp.isoformat(sep=" ")
    return str(value)


def _number(value: float) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if value == 0 or 1e-3 <= size < 1:
        return f"{value:.4f}"
    if size < 1e-3 or size >= 1e9:
        return f"{value:.3g}"
    return f"{value:,.{max(0, 3 - math.floor(math.log10(size)))}f}"


def _missing(value: Any) -> bool:
    if value is None or value is pd.NaT or value is pd.NA:
        return True
    return isinstance(value, (float, np.floating)) and math.isnan(value)


def _empty(value: Any) -> bool:
    return _missing(value) or (isinstance(value, str) and not value)


def clean(text: str) -> str:
    """Make odd characters visible, and escape."""
    return escape(visible(text))


def _cells(column: pd.Series, name: str) -> list[tuple[str, str]]:
    """Give (attributes, escaped text) of each cell; ``title`` holds all digits of a rounded number, and only of one.

    The style sheet sets a cell with a ``title`` like one of the class ``n``: most cells of a long report are rounded numbers.
    """
    values = column.tolist()
    whole = (
        pd.api.types.is_float_dtype(column.dtype)
        and all(_missing(v) or (math.isfinite(v) and v == int(v) and abs(v) < 1e15) for v in values)
        and any(not _missing(v) and abs(v) > 1 for v in values)
    )
    cells = []
    for value in values:
        if _missing(value):
            cells.append((' class="na"', "–"))
        elif isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
            text = f"{int(value):,}" if whole else shown(value)
            exact = repr(value.item() if isinstance(value, np.number) else value)
            cells.append((f' title="{escape(exact)}"' if _rounded(text, value) else ' class="n"', text))
        else:
            text = clean(shown(value))
            cells.append(("", f"<code>{text}</code>" if name == "where" and text else text))
    return cells


def _rounded(text: str, value: Any) -> bool:
    """Tell whether a text shows less than all digits of a number.

    >>> _rounded("0.5000", 0.5), _rounded("16,281", 16281), _rounded("0.3333", 1 / 3), _rounded("∞", math.inf)
    (False, False, True, True)
    """
    try:
        return bool(float(text.replace(",", "")) != value)
    except ValueError:
        return True


def _heads(frame: pd.DataFrame) -> str:
    cells = []
    for name, dtype in zip(frame.columns, frame.dtypes, strict=True):
        number = pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
        text = clean(str(name))
        plain = text.replace("_", " ") if str(name).isidentifier() else text
        attributes = "" if plain == text else f' title="{text}"'
        attributes += ' class="n"' if number else ""
        cells.append(f'<th scope="col"{attributes}>{plain}')
    return f"<thead><tr>{''.join(cells)}</thead>"


def _rows(frame: pd.DataFrame) -> list[str]:
    """Give the rows without the end tags that HTML lets one leave out: they are an eighth of a long table."""
    columns = [_cells(frame.iloc[:, i], str(frame.columns[i])) for i in range(frame.shape[1])]
    rows = []
    for cells in zip(*columns, strict=True):
        head = f'<th scope="row"{cells[0][0]}>{cells[0][1]}'
        rows.append(f"<tr>{head}" + "".join(f"<td{a}>{t}" for a, t in cells[1:]))
    return rows


def table_html(frame: pd.DataFrame, *, label: str = "Numbers", first: int = 50, cap: int = 5_000) -> str:
    """Give a frame as a real HTML table that can be read without scripts.

    Parameters
    ----------
    frame : pandas.DataFrame
        Numbers are rounded for reading only, the full precision of a rounded one is its cell's ``title``. Columns without any
        value are left out.
    label : str
        What a screen reader calls the table.
    first, cap : int
        Rows shown at once, and rows given in all (the rest folded away); how many are left out is said.

    Returns
    -------
    str
    """
    if isinstance(frame.index, pd.MultiIndex) or frame.index.name is not None:
        frame = frame.reset_index()
    total = len(frame)
    full = [i for i in range(frame.shape[1]) if not all(_empty(v) for v in frame.iloc[:, i].tolist())]
    frame = frame.iloc[:cap, full]
    if not total or not full:
        return '<p class="mg-note">The table is empty.</p>'
    head, rows, kind = _heads(frame), _rows(frame), _kind(frame.shape[1])
    parts = [_box(head, rows[:first], label, kind)]
    if len(rows) > first:
        parts.append(
            f'<details class="mg-more"><summary>Rows {first + 1:,} to {len(rows):,} of {total:,}</summary>'
            f"{_box(head, rows[first:], label + ', continued', kind)}</details>"
        )
    if total > cap:
        parts.append(
            f'<p class="mg-note">{total - cap:,} of {total:,} rows are left out here; frame() in Python gives all.</p>'
        )
    return "".join(parts)


def _kind(columns: int) -> str:
    """Give the classes of a table: on paper one of many columns is written smaller."""
    return " ".join(["mg-table", *(f"mg-{least}" for least in SMALLER_FROM if columns >= least)][:2])


def _box(head: str, rows: Sequence[str], label: str, kind: str) -> str:
    return (
        f'<div class="mg-scroll" role="region" tabindex="0" aria-label="{clean(label)}">'
        f'<table class="{kind}">{head}<tbody>{"".join(rows)}</tbody></table></div>'
    )


def result_html(result: Result) -> str:
    """Give a result as a notebook shows it: figure, sentence, table, source. No network, port or extension.

    plotly.js comes with the first result that a kernel shows (again when the same cell is run again); later
    ones use that one. A kind of result that has no picture shows sentence and table.
    """
    try:
        chart = figure_html(figure(result), f"mg-{secrets.token_hex(6)}")
    except NotApplicable:
        chart = ""
    script = plotly_script() if chart and _first_of_page() else ""
    return (
        f'<div class="modelglass-result"><style>{style()}</style>{chart}'
        f'<p class="mg-sentence">{clean(result.in_full())}</p>'
        f"{_recipe_html(result)}{table_html(result.frame(), first=10, cap=100)}"
        f'<p class="mg-note">{clean(result.source.text())}</p></div>{script}'
    )


def _recipe_html(result: Result) -> str:
    found = result.recipe()
    if found is None:
        return ""
    code = escape(visible(found.code, keep="\n"))
    return f'<details class="mg-more"><summary>What could be done</summary><p>{clean(found.text)}</p><pre>{code}</pre></details>'


_sent: dict[str, Any] = {}


def _first_of_page() -> bool:
    """Tell whether this output must bring plotly.js: a kernel's first, the same cell again, or no kernel."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None or not hasattr(shell, "kernel"):
        return True
    cell = (shell.get_parent() or {}).get("metadata", {}).get("cellId") if hasattr(shell, "get_parent") else None
    run = shell.execution_count
    if "run" not in _sent or (cell is not None and cell == _sent["cell"] and run != _sent["run"]):
        _sent.update(run=run, cell=cell)
        return True
    return False
