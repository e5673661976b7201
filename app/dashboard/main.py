"""The frame that Streamlit runs: which model, which pages, the side bar; then the page."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from modelglass.app.dashboard import pages, redraw, saved, sidebar, slid, state, warming, work
from modelglass.app.dashboard.jobs import pages as pages_at_work
from modelglass.app.dashboard.text import plain, short

ICON = Path(__file__).with_name("icon.svg")
STYLE = """<style>
.stMainBlockContainer {padding-top: 2.6rem; padding-bottom: 4rem; max-width: 1400px;}
[data-testid="stMetricValue"] {font-size: 1.7rem;}
[data-testid="stMetricLabel"] p {white-space: normal; overflow-wrap: anywhere;}
[data-testid="stMetricDelta"] {font-size: 0.8rem;}
[data-testid="stHeading"] h1 {font-size: 1.75rem; padding: 0.25rem 0 0.4rem 0;}
[data-testid="stHeading"] h3 {font-size: 1.2rem; padding: 1rem 0 0 0;}
[data-testid="stElementToolbarButton"]:has(button[aria-label^="Download as CSV"]) {display: none;}
h5 {font-weight: 500; padding: 0;}
@media (max-width: 768px) {.stMainBlockContainer {padding: 3.6rem 1rem 3rem 1rem;}}
</style>"""


def main() -> None:
    """Run once for every change on the page."""
    st.set_page_config(page_title="modelglass", page_icon=str(ICON), layout="wide")
    st.html(STYLE)
    state.is_to_run_again()  # it does
    redraw.page_follows(False)
    with pages_at_work.at_work(), work.guarded():
        _frame()
    state.write()


def _frame() -> None:
    ev = state.evaluation()
    if ev is not None:
        saved.from_address(ev)
    desk = None if ev is None else state.desk(ev)
    page = st.navigation(pages.start() if desk is None else pages.pages(desk), expanded=True)
    slid.turned_to(page.url_path)
    state.write()
    if ev is not None and desk is not None:
        sidebar.sidebar(ev, desk)
    for message in state.problems():
        work.refuse(message)
    if desk is not None and desk.cohort is not None and page.url_path != pages.OPEN_ANOTHER:
        st.caption(
            f":material/filter_alt: Cohort {plain(short(desk.cohort.condition))}: {desk.cohort.n:,} of {desk.whole.n:,} rows."
            + ("" if desk.beside is None else f" Beside it: {plain(desk.sides[1][0])}.")
        )
    warming.note()
    with work.guarded():
        page.run()


if __name__ == "__main__":
    main()
