"""What goes wrong: which class is taken for which, the rows of any cell, and the worst rows."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import streamlit as st

from modelglass.analysis.estimated import rows_text
from modelglass.analysis.registry import analyses, fitting
from modelglass.app.dashboard import rows, show, state, work
from modelglass.app.dashboard.guard import callback
from modelglass.app.dashboard.section import section
from modelglass.app.dashboard.state import Desk

if TYPE_CHECKING:
    from modelglass.analysis.confusion import Confusion
    from modelglass.analysis.evaluation import Evaluation

CELL = "errors.cell"
MOST = 200


def page(desk: Desk) -> None:
    """Draw the confusion, whose cells open their rows, then the rest of the group."""
    for analysis in fitting(desk.whole.task, "errors"):
        if analysis.name == "confusion":
            section(desk, analyses()["confusion"], shown=functools.partial(_confusion, desk=desk, listed={}))
        elif analysis.name == "worst_rows":
            section(desk, analysis, shown=rows.listing)
        else:
            section(desk, analysis)


def _confusion(result: Confusion, ev: Evaluation, key: str, desk: Desk, listed: dict[str, int]) -> None:
    """Show the table of one side; a click on a cell makes the cohort and opens the cell's rows, once for both sides."""
    show.say(result)
    show.draw(result, key, picked=_picked)
    cells = result.frame()
    names = [f"actual {c.actual}, predicted {c.predicted}: {rows_text(c.n)}" for c in cells.itertuples()]
    keys = [(str(c.actual), str(c.predicted)) for c in cells.itertuples()]
    now = tuple(state.get(CELL) or ())
    state.bind(f"{key} cell", names[keys.index((now[0], now[1]))] if now in keys else None)
    st.selectbox(
        "Rows of a cell (or click one)",
        names,
        index=state.place(names, f"{key} cell"),
        placeholder="Choose a cell",
        key=f"{key} cell",
        on_change=lambda: _chosen(f"{key} cell", names, keys),
    )
    if now in keys:
        n = int(cells["n"].iloc[keys.index((now[0], now[1]))])
        same = desk.beside is None and listed.get("n") == n  # the cohort's rows of a cell are among those of the whole
        if key.endswith(" 0") or not same:
            _rows_of(ev, now, key)
        if key.endswith(" 0"):
            listed["n"] = n
    if len(result.classes) > 2 and len(result.pairs):
        with st.expander("Most confused pairs", icon=":material/compare_arrows:"):
            show.table(result.pairs, "confused pairs", f"{key} pairs")
    show.details(result, "confusion", key)


def _rows_of(ev: Evaluation, cell: tuple[str, ...], key: str) -> None:
    if "worst_rows" not in analyses():
        return
    outcome = work.outcome(analyses()["worst_rows"], ev, {"actual": cell[0], "predicted": cell[1], "n": MOST})
    if outcome is None:
        return
    if outcome.result is None:
        work.cannot_say(outcome.reason or "")
    else:
        rows.listing(outcome.result, ev, f"{key} rows")


def _picked(points: list[Any]) -> None:
    state.put(CELL, [str(v) for v in points[0]["customdata"][:2]] if points else None)


@callback
def _chosen(key: str, names: list[str], keys: list[tuple[str, str]]) -> None:
    name = st.session_state[key]
    state.put(CELL, list(keys[names.index(name)]) if name in names else None)
