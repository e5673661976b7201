"""Why here? What is different in the cohort, what moves predictions otherwise there, and what could be done."""

from __future__ import annotations

import streamlit as st

from modelglass.app.dashboard import pages, state
from modelglass.app.dashboard.section import section
from modelglass.app.dashboard.state import Desk
from modelglass.app.dashboard.text import plain


def page(desk: Desk) -> None:
    """Draw every analysis that compares a cohort with the rest; without a cohort say how to choose one."""
    if desk.cohort is None:
        st.info(
            "Choose some rows first: by column, by SQL or by name in the side bar, or with a click on a slice, a bar or a cell of any page. "
            "Then this page shows what is different there.",
            icon=":material/filter_alt:",
        )
        return
    other = None if desk.beside is None else state.first(state.BESIDE_WHERE)
    beside = f"the cohort {plain(other)}" if other else "the rest of the rows"
    st.caption(f"Compared with {beside}; the side bar offers another cohort under Beside.")
    only = Desk(desk.cohort, None)
    for analysis in pages.analyses_of("why", desk.whole.task):
        asks = any(s.name == "other" for s in analysis.settings)
        section(only, analysis, fixed={"other": other} if asks else None)
