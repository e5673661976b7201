"""Which pages are offered: those of modelglass that fit the task, and one for every other group in the registry."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import streamlit as st

from modelglass.analysis.registry import Analysis, fitting
from modelglass.app.dashboard import state
from modelglass.app.dashboard.text import file_name

OWN = {
    "overview": ("Overview", ":material/dashboard:", "What it does"),
    "slices": ("Slices", ":material/stacked_bar_chart:", "What it does"),
    "curves": ("Curves and thresholds", ":material/show_chart:", "What it does"),
    "residuals": ("Residuals", ":material/scatter_plot:", "What it does"),
    "errors": ("Errors", ":material/error_outline:", "What it does"),
    "map": ("Map", ":material/bubble_chart:", "What it does"),
    "predictions": ("Predictions", ":material/table_rows:", "What it does"),
    "why": ("Why here?", ":material/help_center:", "Why"),
    "importance": ("What matters", ":material/bar_chart:", "Why"),
    "effects": ("Effects", ":material/timeline:", "Why"),
    "row": ("One prediction", ":material/person_search:", "Why"),
    "sensitivity": ("Sensitivity", ":material/vibration:", "How it breaks"),
    "export": ("Export", ":material/download:", "Take it away"),
}
ASKS_THE_MODEL = {"importance", "effects", "row", "sensitivity"}
OWN_VIEW = {"overview", "slices", "errors", "map", "predictions", "why", "row", "sensitivity", "export"}
"""The groups with a view of their own; the generic one serves the others."""
ALWAYS = ("overview", "export")


def offered(task: str, has_model: bool) -> list[str]:
    """Give the page groups that fit: own ones in their order, then those of other packages, then the export."""
    groups = list(dict.fromkeys(group_of(a, task) for a in fitting(task)))
    own = [g for g in OWN if g != "export" and (g in groups or g in ALWAYS) and (has_model or g not in ASKS_THE_MODEL)]
    return [*own, *(g for g in groups if g not in OWN), "export"]


def group_of(analysis: Analysis, task: str) -> str:
    """Give the group an analysis is shown in: a regression has residuals in place of curves."""
    return "residuals" if analysis.page == "curves" and task == "regression" else analysis.page


def analyses_of(group: str, task: str) -> list[Analysis]:
    """Give the analyses of a page that fit the task."""
    return [a for a in fitting(task) if group_of(a, task) == group]


OPEN_ANOTHER = "start"
"""Path of the page that is about no evaluation."""


def title(group: str) -> str:
    """Give a page's name for people."""
    return OWN[group][0] if group in OWN else group.replace("_", " ").capitalize()


def path(group: str) -> str:
    """Give a page's path in the address."""
    return file_name(group).lower()


def current(group: str) -> Any | None:
    """Give the page object of a group of this run, to switch to."""
    return st.session_state.get("mg.pages", {}).get(group)


def before() -> str | None:
    """Give the group of the page looked at before the export."""
    return st.session_state.get("mg.page_before")


def pages(desk: state.Desk) -> dict[str, list[Any]]:
    """Give the pages for Streamlit's navigation, under their headings."""
    tree: dict[str, list[Any]] = {}
    st.session_state["mg.pages"] = known = {}
    for group in offered(desk.whole.task, desk.whole.model is not None):
        name, icon, heading = OWN.get(group, (title(group), ":material/extension:", "More"))
        known[group] = st.Page(
            _runner(group, desk), title=name, icon=icon, url_path=path(group), default=group == "overview"
        )
        tree.setdefault(heading, []).append(known[group])
    tree.setdefault(OWN["export"][2], []).append(
        st.Page(_start, title="Open another", icon=":material/folder_open:", url_path=OPEN_ANOTHER)
    )
    return tree


def start() -> list[Any]:
    """Give the one page shown while nothing is open."""
    return [st.Page(_start, title="Start", url_path="overview", default=True)]


def _start() -> None:
    from modelglass.app.dashboard.views import start as view

    view.page()


def _runner(group: str, desk: state.Desk) -> Callable[[], None]:
    def page() -> None:
        if group != "export":
            st.session_state["mg.page_before"] = group
            st.session_state.pop("mg.link_to", None)
        st.title(title(group), anchor=False)
        if group in OWN_VIEW:
            importlib.import_module(f"modelglass.app.dashboard.views.{group}").page(desk)
        else:
            importlib.import_module("modelglass.app.dashboard.views.generic").page(desk, group)

    return page
