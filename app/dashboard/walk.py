"""Walking by click: a mark of any figure, or a row of any table that has a condition, becomes the cohort.

A figure says by its ``meta`` that the last element of each mark's ``customdata`` is the condition of the mark's rows; a table has a column
``where``. Nothing else is known of either. A cohort chosen within the cohort narrows it; one chosen anywhere else takes its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from modelglass.analysis.errors import InputError
from modelglass.analysis.figures import marks
from modelglass.analysis.joining import any_of, conjoined, is_rows
from modelglass.analysis.source import Source
from modelglass.app.dashboard import state
from modelglass.app.dashboard.guard import callback
from modelglass.app.dashboard.text import plain

if TYPE_CHECKING:
    import pandas as pd

Picked = Callable[[list[Mapping[str, Any]]], None]
"""What a page does itself with the marks picked, before they become the cohort."""
CLICK = "Click a mark to make its rows the cohort."
AREA = "Draw around rows, or click one: those shown there become the cohort."
ROW = "Select a row to make its rows the cohort."
_TURN = "mg.turn"


def key(name: str) -> str:
    """Give the key of a chart or table: another one after each step, so that no mark stays picked on what is shown next."""
    return f"{name} {st.session_state.get(_TURN, 0)}"


def of_figure(picture: Any, source: Source, name: str, picked: Picked | None = None) -> dict[str, Any]:
    """Give what ``st.plotly_chart`` needs to take clicks on a figure; nothing where its marks carry no conditions."""
    if not marks.has_conditions(picture):
        return {}
    own = key(name)
    modes = ("points", "box", "lasso") if marks.by_area(picture) else ("points",)
    return {
        "key": own,
        "on_select": callback(lambda: _marks_picked(own, source, picked)),
        "selection_mode": modes,
    }


def hint(picture: Any) -> str:
    """Say what a click does; nothing where it does nothing."""
    if not marks.has_conditions(picture):
        return ""
    return AREA if marks.by_area(picture) else CLICK


def of_table(frame: pd.DataFrame, source: Source, name: str) -> dict[str, Any]:
    """Give what ``st.dataframe`` needs to take the selection of a row; nothing where no row has a condition."""
    if "where" not in frame.columns or not frame["where"].map(lambda w: isinstance(w, str) and w != "TRUE").any():
        return {}
    own = key(name)
    return {
        "key": own,
        "on_select": callback(lambda: _row_picked(own, source, frame)),
        "selection_mode": "single-row",
    }


def _marks_picked(own: str, source: Source, picked: Picked | None) -> None:
    points = st.session_state[own]["selection"]["points"]
    if picked is not None:
        picked(points)
    chosen = [p["customdata"][-1] for p in points if isinstance(p.get("customdata"), (list, tuple)) and p["customdata"]]
    make(source, (w for w in chosen if isinstance(w, str)))


def _row_picked(own: str, source: Source, frame: pd.DataFrame) -> None:
    rows = st.session_state[own]["selection"]["rows"]
    where = frame["where"].iloc[rows[0]] if rows else None
    make(source, [where] if isinstance(where, str) else [])


def make(source: Source, conditions: Iterable[str]) -> bool:
    """Make the rows of some conditions the cohort; say whether it is another one now.

    Parameters
    ----------
    source : Source
        Of the result that the conditions are of: whether it was the cohort's, or which.
    conditions : iterable of str
        Each relative to the rows of that result, or over all rows; any of them.
    """
    ev = state.evaluation()
    mark = any_of(relative(c, source.condition) for c in conditions)
    if ev is None or mark is None:
        return False
    st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1
    state.run_again()
    desk = state.desk(ev)
    base, rows = desk.side_of(source.condition)
    sql = mark if is_rows(mark) or base is None else conjoined(base, mark)
    try:
        n = state.view(ev, state.threshold(ev), sql).n
    except InputError as error:
        state.problem(error)
        return False
    if n == rows:
        st.toast("These are all rows of this side already.", icon=":material/filter_alt:")
        return False
    return state.choose_where(ev, sql)


def offer(label: str, where: str, source: Source, key: str) -> None:
    """Draw a button that makes the rows of a condition the cohort."""
    st.button(
        plain(label),
        key=key,
        icon=":material/filter_alt:",
        help=plain(where),
        on_click=callback(make),
        args=(source, [where]),
    )


def relative(where: str, condition: str | None) -> str:
    """Take off the condition of the rows looked at, where a mark's condition begins with it.

    >>> relative("(age < 30) AND sex = 'F'", "age < 30"), relative("sex = 'F'", None), relative("age < 30", "age < 30")
    ("sex = 'F'", "sex = 'F'", 'TRUE')
    """
    if condition is None:
        return where
    if where == condition:
        return "TRUE"
    end = "\n)" if "--" in condition else ")"
    return where.removeprefix(f"({condition}{end} AND ")
