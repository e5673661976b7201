"""Rows in two dimensions: drawing around some makes them the cohort, which stands beside the others or is marked among all."""

from __future__ import annotations

import streamlit as st

from modelglass.analysis.registry import Analysis, analyses
from modelglass.app.dashboard import pages, section, settings, state, work
from modelglass.app.dashboard.guard import part
from modelglass.app.dashboard.state import Desk
from modelglass.app.dashboard.text import plain

IN_SIGHT = 3


def page(desk: Desk) -> None:
    """Draw the picture of the rows, then whatever else the group holds."""
    for analysis in pages.analyses_of("map", desk.whole.task):
        if analysis.name == "projection":
            _rows(desk, analyses()["projection"])
        else:
            section.section(desk, analysis)


@part
def _rows(desk: Desk, analysis: Analysis) -> None:
    st.caption(plain(analysis.question))
    with work.guarded():
        settings.form(analysis, desk.whole, ("cohort",), IN_SIGHT)
        values = settings.chosen(analysis, desk.whole, ("cohort",))
        state.write()
        for message in state.problems():
            work.refuse(message)
        if values.get("color") == "cohort":  # beside the others it would be of one colour
            values, desk = {**values, "cohort": desk.where}, Desk(desk.whole, None)
        section.side_by_side(desk, analysis, values, section.usual(analysis))
