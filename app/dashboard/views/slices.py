"""Where the model is good and where it is bad; any slice can become the cohort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import streamlit as st

from modelglass.analysis.metrics import slice_default_metrics
from modelglass.analysis.performance import metric_label
from modelglass.analysis.registry import analyses, fitting
from modelglass.app.dashboard import settings, show, state
from modelglass.app.dashboard.section import section
from modelglass.app.dashboard.state import Desk

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation
    from modelglass.analysis.slices import Slices

CROSS, DRAWN = "slices.cross", "slices.drawn"


def page(desk: Desk) -> None:
    """Draw the slices, then whatever else the group holds."""
    if "slice_metrics" in analyses():
        section(desk, analyses()["slice_metrics"], heading=False, shown=_slices, above=_above)
    for analysis in fitting(desk.whole.task, "slices"):
        if analysis.name != "slice_metrics":
            section(desk, analysis)


def chosen(desk: Desk) -> dict[str, Any]:
    """Give the settings chosen on this page, crossed columns included."""
    values = settings.chosen(analyses()["slice_metrics"], desk.whole)
    by = values.get("by", [])
    if len(by) < 2 or state.get(CROSS) != ["yes"]:
        return values
    return {**values, "by": [*by, *(f"{a}*{b}" for a, b in combinations(by, 2) if "*" not in a + b)]}


def _above(desk: Desk) -> dict[str, Any]:
    """Offer to cross the columns chosen, two by two, and choose what is drawn."""
    values = settings.chosen(analyses()["slice_metrics"], desk.whole)
    by = values.get("by", [])
    state.bind("mg.cross", state.get(CROSS) == ["yes"])
    st.toggle(
        "Cross the chosen columns two by two",
        key="mg.cross",
        value=st.session_state["mg.cross"],
        disabled=len(by) < 2,
        help="Choose two or more columns to slice by first.",
        on_change=lambda: state.put(CROSS, ["yes"] if st.session_state["mg.cross"] else None),
    )
    offered = values.get("metrics") or [
        m.name for m in slice_default_metrics(desk.whole.task, desk.whole.score_kind, desk.whole.aim)
    ]
    state.bind("mg.drawn", _drawn(offered))
    st.pills(
        "Drawn, worst first by the first chosen",
        offered,
        selection_mode="multi",
        key="mg.drawn",
        default=st.session_state["mg.drawn"],
        format_func=lambda name: metric_label(name, desk.whole.task),
        on_change=lambda: state.put(DRAWN, st.session_state["mg.drawn"] or None),
    )
    return {name: value for name, value in chosen(desk).items() if name == "by"}


def _drawn(offered: Sequence[str]) -> list[str]:
    return [name for name in state.get(DRAWN) or [] if name in offered] or list(offered[:1])


def _slices(result: Slices, ev: Evaluation, key: str) -> None:
    show.say(result)
    drawn = _drawn(result.settings["metrics"])
    show.draw(replace(result, settings={**result.settings, "metrics": drawn}), key)
    with st.expander("Table and source", icon=":material/table:"):
        show.table(result.frame(), "slices", key, source=result.source)
        show.origin(result)
