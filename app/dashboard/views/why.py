"""Why here? What is different in the cohort, what moves predictions otherwise there, and what could be done."""

from __future__ import annotations

import streamlit as st

from modelglass.app.dashboard import pages
from modelglass.app.dashboard.section import section
from modelglass.app.dashboard.state import Desk


def page(desk: Desk) -> None:
    """Draw every analysis that compares a cohort with the rest; without a cohort say how to choose one."""
    if desk.cohort is None:
        st.info(
            "Choose some rows first: by column, by SQL or by name in the side bar, or with a click on a slice, a bar or a cell of any page. "
            "Then this page shows what is different there.",
            icon=":material/filter_alt:",
        )
        return
    only = Desk(desk.cohort, None)
    other = getattr(desk, "beside_where", None)
    for analysis in pages.analyses_of("why", desk.whole.task):
        asks = any(s.name == "other" for s in analysis.settings)
        section(only, analysis, fixed={"other": other} if asks and other else None)
