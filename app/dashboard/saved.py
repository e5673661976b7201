"""Saved cohorts in the side bar: use, save, rename, delete; and a link that names one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from modelglass.analysis.errors import InputError, unknown_name
from modelglass.app import workspace
from modelglass.app.dashboard import state, terms
from modelglass.app.dashboard.guard import callback
from modelglass.app.dashboard.text import plain, short

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

NOT_HERE = "Others can reach this server, so it keeps nothing for its user. A link holds a cohort as well."
PARAMETER = "cohort"
ALL, REST = "All rows", "The rest"


def from_address(ev: Evaluation) -> None:
    """Turn ``?cohort=NAME`` of a link just opened into its condition; the address then says ``where=``."""
    name = st.query_params.get(PARAMETER)
    if name is None or state.first("where"):
        return
    try:
        if terms.shared():
            raise InputError("Expected a link without a saved cohort.", NOT_HERE, "Write the condition as where=.")
        known = {c.name: c for c in workspace.cohorts_of(ev)}
        if name not in known:
            raise unknown_name("saved cohort of this data", name[:100], known or ["(none is saved)"])
        state.choose_where(ev, known[name].condition)
    except Exception as error:  # noqa: BLE001  told in its place; a link must not close the page
        state.problem(str(error))


def chooser(ev: Evaluation, condition: str | None) -> None:
    """Draw the saved cohorts of this data, and offer to save the one chosen."""
    if terms.shared():
        st.caption(NOT_HERE)
        return
    known = {c.name: c for c in workspace.cohorts_of(ev)}
    if known:
        name = st.selectbox("Saved for this data", list(known), index=None, placeholder="Choose", key="mg.saved")
        if name is not None:
            _one(ev, known[name])
    else:
        st.caption("None is saved for this data.")
    if condition:
        st.text_input("Name for this cohort", key="mg.save_name", max_chars=workspace.LONGEST_NAME)
        st.button("Save", key="mg.save", on_click=callback(_save), args=(ev, condition), width="stretch")
    else:
        st.caption("Choose a cohort, then save it here.")


def beside(ev: Evaluation, desk: state.Desk) -> None:
    """Choose what stands beside the cohort: all rows, the rest, or another cohort."""
    known = [] if terms.shared() else [c for c in workspace.cohorts_of(ev) if c.condition != desk.where]
    now = desk.beside_where if desk.beside is not None and state.get(state.BESIDE) is None else None
    others = {f"Cohort {c.name}": c.condition for c in known}
    if now is not None and now not in others.values():
        others["Another cohort"] = now
    names = [ALL, REST, *others]
    chosen = ALL if desk.beside is None else next((n for n, sql in others.items() if sql == now), REST)
    state.bind("mg.beside", chosen)
    st.selectbox(
        "Beside",
        names,
        index=state.place(names, "mg.beside"),
        key="mg.beside",
        on_change=callback(_beside),
        args=(others,),
        help="What the cohort is seen beside on every page. Save a cohort to have it in this list.",
    )
    if now is not None:
        st.code(short(now), language="sql", wrap_lines=True)


def _beside(others: dict[str, str]) -> None:
    name = st.session_state["mg.beside"]
    state.choose_beside(rest=name == REST, where=others.get(name))


def _one(ev: Evaluation, cohort: workspace.Cohort) -> None:
    st.code(cohort.condition, language="sql", wrap_lines=True)
    st.button("Use", key="mg.saved_use", on_click=callback(_use), args=(ev, cohort), width="stretch", type="primary")
    with st.popover("Rename or delete", width="stretch", type="tertiary"):
        st.text_input("New name", key=f"mg.rename {cohort.name}", max_chars=workspace.LONGEST_NAME)
        st.button("Rename", key="mg.saved_rename", on_click=callback(_rename), args=(cohort,), width="stretch")
        st.button(
            f"Delete {plain(cohort.name)}",
            key="mg.saved_delete",
            on_click=callback(_delete),
            args=(cohort,),
            icon=":material/delete:",
            width="stretch",
        )


def _use(ev: Evaluation, cohort: workspace.Cohort) -> None:
    state.choose_where(ev, cohort.condition)


def _save(ev: Evaluation, condition: str) -> None:
    new = workspace.save_cohort(st.session_state.get("mg.save_name", ""), condition, ev)
    st.session_state["mg.saved"] = new.name
    st.session_state["mg.save_name"] = ""


def _rename(cohort: workspace.Cohort) -> None:
    new = workspace.rename_cohort(cohort, st.session_state.get(f"mg.rename {cohort.name}", ""))
    st.session_state["mg.saved"] = new.name


def _delete(cohort: workspace.Cohort) -> None:
    workspace.delete_cohort(cohort)
    st.session_state["mg.saved"] = None
