"""What is what: task, positive class and column types as understood, and the widgets to set them otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from modelglass.analysis.again import tasks
from modelglass.analysis.columns import KINDS
from modelglass.app.dashboard import state
from modelglass.app.dashboard.guard import callback
from modelglass.app.dashboard.text import plain

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

TASKS = {"binary": "Binary classification", "multiclass": "Classification", "regression": "Regression"}


def chooser(ev: Evaluation) -> None:
    """Draw how model and data are understood, and what can be set."""
    with st.expander("What is what", icon=":material/category:"):
        _task(ev)
        if ev.task == "binary":
            _positive(ev)
        _types(ev)
        if any(state.get(name) for name in (state.TASK, state.POSITIVE, state.TYPES)):
            st.button(
                "As opened",
                key="mg.as_opened",
                icon=":material/undo:",
                width="stretch",
                on_click=callback(lambda: state.understand(task=None, positive=None, types=None)),
                help="Task, positive class and types as they were when this was opened.",
            )


def _task(ev: Evaluation) -> None:
    able = tasks(ev)
    if len(able) == 1:
        st.caption(f"Task: {TASKS[ev.task].lower()}. Model and target allow no other.")
        return
    state.bind("mg.as_task", ev.task)
    st.selectbox(
        "Task",
        [t for t in TASKS if t in able],
        index=[t for t in TASKS if t in able].index(ev.task),
        format_func=TASKS.__getitem__,
        key="mg.as_task",
        on_change=callback(lambda: state.understand(task=st.session_state["mg.as_task"], positive=None)),
    )


def _positive(ev: Evaluation) -> None:
    if ev.model is None:
        st.caption(f"Positive class: {plain(ev.positive)}. The scores are of this class.")
        return
    state.bind("mg.as_positive", str(ev.positive))
    st.selectbox(
        "Positive class",
        [str(c) for c in ev.classes],
        index=[str(c) for c in ev.classes].index(str(ev.positive)),
        key="mg.as_positive",
        on_change=callback(lambda: state.understand(positive=st.session_state["mg.as_positive"])),
        help="Scores, threshold, curves and metrics are of this class. A threshold that was set falls away.",
    )


def _types(ev: Evaluation) -> None:
    name = st.selectbox(
        "Type of a column",
        [c for c in ev.columns if c != ev.target],
        index=None,
        placeholder="Choose a column",
        key="mg.as_column",
        help="Decides how a column is sliced, searched and drawn. The model is fed as before.",
    )
    if name is None or name not in ev.columns:
        return
    column = ev.columns[name]
    state.bind("mg.as_type", column.kind)
    kinds = list(dict.fromkeys([*KINDS, column.kind]))
    st.selectbox(
        "Type",
        kinds,
        index=kinds.index(column.kind),
        key="mg.as_type",
        on_change=callback(lambda: state.understand(types={name: st.session_state["mg.as_type"]})),
    )
    st.caption(f"{plain(name)} is taken as {plain(column.kind)}: {plain(column.how)}.")
