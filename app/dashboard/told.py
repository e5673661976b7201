"""The findings as a list: what is wrong in plain words, one click to its rows, one to the page that shows it, and what could be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from modelglass.analysis.registry import analyses
from modelglass.app.dashboard import pages, settings, show, state, walk
from modelglass.app.dashboard.text import plain

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation
    from modelglass.analysis.finding import Finding
    from modelglass.analysis.findings import Findings

AT_ONCE = 4
"""Findings in sight; the others of the list stand behind a button."""
COLOURS = {"high": "red", "medium": "orange", "low": "gray"}


def findings(result: Findings, ev: Evaluation, key: str) -> None:
    """Show the list, then what was looked at."""
    st.markdown(plain(result.opening()))
    for place, finding in enumerate(result.found[:AT_ONCE]):
        _one(finding, ev, f"{key} {place}")
    rest = result.found[AT_ONCE:]
    if rest:
        with st.expander(f"{len(rest)} more of lower rank", icon=":material/list:"):
            for place, finding in enumerate(rest, AT_ONCE):
                _one(finding, ev, f"{key} {place}")
    with st.expander("What was looked at", icon=":material/search:", expanded=not result.found):
        st.markdown("\n".join(f"- {plain(line)}" for line in result.looked_at()))
        show.table(result.frame(), "findings", key, source=result.source)
        show.origin(result)


def _one(finding: Finding, ev: Evaluation, key: str) -> None:
    with st.container(border=True, gap="small"):
        colour = COLOURS[finding.severity]
        st.markdown(f":{colour}-badge[{finding.severity.capitalize()}] {plain(finding.sentence)}.")
        st.caption(f"What to do: {plain(finding.advice)}")
        with st.container(horizontal=True, gap="small"):
            _to_rows(finding, ev, key)
            _to_evidence(finding, ev, key)


def _to_rows(finding: Finding, ev: Evaluation, key: str) -> None:
    if finding.where is not None:
        walk.offer("These rows as the cohort", finding.where, ev.source, f"{key} rows")


def _to_evidence(finding: Finding, ev: Evaluation, key: str) -> None:
    record = analyses().get(finding.evidence)
    group = None if record is None else pages.group_of(record, ev.task)
    page = None if group is None else pages.current(group)
    if record is None or group == "overview" or page is None:
        return
    if st.button(f"Show on {pages.title(str(group))}", key=f"{key} evidence", icon=":material/arrow_forward:"):
        known = {s.name for s in record.settings}
        for name, value in finding.settings.items():
            if name in known:
                state.put(f"{record.name}.{name}", settings.encode(value))
        st.switch_page(page)
