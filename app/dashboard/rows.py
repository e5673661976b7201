"""Rows of the data in a table, each of which can be opened on the page of one prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from modelglass.analysis.result import Result
from modelglass.analysis.worst_rows import LOSSES, loss_name
from modelglass.app.dashboard import pages, show, state

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

ROW = "row.row"


def choose(row: Any) -> None:
    """Turn to a row; what was changed in the last one belongs to that one and is dropped."""
    if state.first(ROW) != str(row):
        state.drop("edit.")
    state.put(ROW, [str(row)])


def told(ev: Evaluation) -> dict[str, str]:
    """Say what the columns of a table of rows hold beside the data's own."""
    kind = "Probability" if ev.score_kind == "probability" else "Score"
    return {
        "row": "Number of the row in the data, counted from 0",
        "actual": f"{ev.target} in the data",
        "predicted": "What the model answers" if ev.task == "regression" else "What the model decides",
        "score": f"{kind} of {ev.positive if ev.task == 'binary' else 'the class predicted'}",
        "loss": f"How wrong: {LOSSES[loss_name(ev)]}",
        "error": "Prediction minus outcome",
        "outcome": "Whether the prediction is right, and which way it is wrong",
        "wrong": "Whether the prediction is wrong",
    }


def listing(result: Result, ev: Evaluation, key: str) -> None:
    """Show a result whose frame lists rows (it has a column ``row``)."""
    show.say(result)
    show.draw(result, key)
    _openable(ev, result.frame(), "rows", key)
    show.origin(result)


def _openable(ev: Evaluation, frame: Any, name: str, key: str) -> None:
    page = pages.current("row")
    if page is None or ev.model is None or "row" not in frame.columns:
        show.table(frame, name, key, told=told(ev))
        return
    event = show.table(frame, name, key, told=told(ev), on_select="rerun", selection_mode="single-row")
    chosen = event["selection"]["rows"] if event else []
    if chosen and st.button("Explain the selected row", key=f"{key} open", icon=":material/person_search:"):
        choose(frame.iloc[chosen[0]]["row"])
        st.switch_page(page)
    if not chosen:
        st.caption("Select a row to explain its prediction.")
