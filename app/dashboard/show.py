"""What every page shows in the same way: a sentence, a figure, a table to take away, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.result import Result
from modelglass.app import files
from modelglass.app.dashboard import walk
from modelglass.app.dashboard.cache import Cache
from modelglass.app.dashboard.text import file_name, plain

if TYPE_CHECKING:
    import pandas as pd

    from modelglass.analysis.source import Source

MOST_ROWS = 1_000
_figures = Cache(entries=60, size=200 * 2**20)
CHART = {"displayModeBar": False, "responsive": True}


def say(result: Result) -> None:
    """Show the finding in words."""
    st.markdown(plain(result.in_full()))


def draw(result: Result, key: str, picked: walk.Picked | None = None) -> None:
    """Show the figure, where this kind of result has one; a click on a mark that has a condition makes the cohort.

    Parameters
    ----------
    result : Result
    key : str
    picked : callable, optional
        Called with the marks picked, before they become the cohort.
    """
    try:
        picture = _figures.get_or_make(id(result), lambda: _pictured(result))[1]
    except NotApplicable:
        return
    taken = {"key": key, **walk.of_figure(picture, result.source, key, picked)}
    st.plotly_chart(picture, width="stretch", theme=None, config=CHART, **taken)
    if walk.hint(picture):
        st.caption(walk.hint(picture))


def _pictured(result: Result) -> tuple[Result, Any]:
    from modelglass.analysis.figures import figure, marks

    picture = figure(result)
    if marks.has_conditions(picture):  # Streamlit would let a drag move the whole plot
        picture.update_layout(dragmode="lasso" if marks.by_area(picture) else "zoom")
    return result, picture  # the result is kept with it, so that its id stays its own


def table(
    frame: pd.DataFrame,
    name: str,
    key: str,
    *,
    source: Source | None = None,
    told: Mapping[str, str] | None = None,
    **options: Any,
) -> Any:
    """Show a table with readable numbers, and offer the whole of it as a file.

    Parameters
    ----------
    frame : DataFrame
    name : str
        For the file.
    key : str
    source : Source, optional
        Where it comes from: then a row with a condition (``where``) becomes the cohort when it is selected.
    told : mapping, optional
        What some columns hold, shown at their headings.
    """
    shown = tidy(frame.head(MOST_ROWS))
    taken = {} if source is None or options else walk.of_table(frame.head(MOST_ROWS), source, f"{key} table")
    options = {"key": f"{key} table", **options, **taken}
    chosen = st.dataframe(shown, width="stretch", hide_index=True, column_config=formats(shown, told), **options)
    if taken:
        st.caption(walk.ROW)
    more = f"The first {MOST_ROWS:,} of {len(frame):,} rows. " if len(frame) > MOST_ROWS else ""
    if more:
        st.caption(more + "The file holds all of them.")
    st.download_button(
        "Table as CSV",
        data=lambda: files.csv_bytes(frame),
        file_name=f"{file_name(name)}.csv",
        mime="text/csv",
        key=f"{key} csv",
        on_click="ignore",
        icon=":material/download:",
        type="tertiary",
    )
    return chosen


def tidy(frame: pd.DataFrame) -> pd.DataFrame:
    """Make a frame safe to be sent: unique text names, no mixed objects."""
    import pandas as pd

    shown = frame.copy(deep=False)
    shown.columns = [str(c) for c in shown.columns]
    for name in shown.columns:
        column = shown[name]
        if pd.api.types.is_object_dtype(column.dtype):
            shown[name] = column.map(lambda v: None if v is None or v is pd.NA or v != v else _cell(v))
    return shown


def _cell(value: Any) -> str:
    """Write a value that stands among others of any kind: digits that a person reads."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.6g}"


def formats(frame: pd.DataFrame, told: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Give the column formats of a table: enough digits, no more; ``told`` says of some columns what they hold, at their heading."""
    import pandas as pd

    chosen, told = {}, told or {}
    for name in frame.columns:
        column, about = frame[name], plain(told[name]) if name in told else None
        if pd.api.types.is_float_dtype(column.dtype):
            size = column.abs().max()
            chosen[name] = st.column_config.NumberColumn(
                format="%.4g" if size < 1e-3 else "%.3f" if size < 100 else "%.1f", help=about
            )
        elif pd.api.types.is_integer_dtype(column.dtype):
            chosen[name] = st.column_config.NumberColumn(
                format="localized" if name in ("n", "support", "rows") else "%d", help=about
            )
        elif about:
            chosen[name] = st.column_config.Column(help=about)
    return chosen


def origin(result: Result) -> None:
    """Say where the numbers come from, and with which settings."""
    given = ", ".join(f"{name} = {_short(value)}" for name, value in result.settings.items() if value is not None)
    st.caption(plain(result.source.text()) + (f" Settings: {plain(given)}." if given else ""))


def recipe(result: Result) -> None:
    """Offer what could be done about what was found, with lines for a notebook."""
    found = result.recipe()
    if found is not None:
        with st.expander("What could be done", icon=":material/build:"):
            st.markdown(plain(found.text))
            st.code(found.code, language="python", wrap_lines=True)


def details(result: Result, name: str, key: str) -> None:
    """Offer what could be done, and the numbers behind the picture with their origin."""
    recipe(result)
    with st.expander("Table and source", icon=":material/table:"):
        table(result.frame(), name, key, source=result.source)
        origin(result)


def _short(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        value = " ".join(str(v) for v in value[:6]) + (" ..." if len(value) > 6 else "")
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."
