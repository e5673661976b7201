"""Taking it away: the report, the numbers as JSON, and the address of what is on the screen."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from modelglass.analysis.estimated import rows_text
from modelglass.analysis.progress import Progress
from modelglass.analysis.registry import Analysis, fitting
from modelglass.app.answers import as_object
from modelglass.app.dashboard import pages, settings, state, work
from modelglass.app.dashboard.guard import part
from modelglass.app.dashboard.rows import ROW
from modelglass.app.dashboard.state import Desk
from modelglass.app.dashboard.text import file_name, plain, short
from modelglass.app.dashboard.views import sensitivity, slices

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

Settings = Mapping[str, Any]


def page(desk: Desk) -> None:
    """Offer the link, the report and the numbers."""
    _link(desk)
    _report(desk)
    _numbers(desk)


@part
def _link(desk: Desk) -> None:
    st.subheader("Link to a page", anchor=False)
    st.caption(
        "Opened on this machine while modelglass runs, it shows the page with this cohort, threshold and settings."
    )
    groups = [g for g in pages.offered(desk.whole.task, desk.whole.model is not None) if g != "export"]
    if st.session_state.get("mg.link_to") not in groups:
        before = pages.before()
        st.session_state["mg.link_to"] = before if before in groups else groups[0]
    st.selectbox(
        "Page", groups, format_func=pages.title, key="mg.link_to", index=state.place(groups, "mg.link_to"), width=364
    )
    chosen = st.session_state["mg.link_to"]
    st.code(state.link("" if chosen == "overview" else pages.path(chosen)), language=None, wrap_lines=True)


def settings_of(analysis: Analysis, desk: Desk) -> dict[str, Any]:
    """Give the settings chosen for an analysis on its page; the usual ones are left out."""
    if analysis.name == "slice_metrics":
        return slices.chosen(desk)
    values = settings.chosen(analysis, desk.whole)
    row = state.first(ROW)
    if row is not None and row.isdecimal():
        values |= {s.name: int(row) for s in analysis.settings if s.kind == "row"}
    if analysis.page == "sensitivity" and any(s.name == "constraints" for s in analysis.settings):
        values |= sensitivity.rules_given()
    return values


def for_report(desk: Desk) -> dict[str, dict[str, Any]]:
    """Give the chosen settings of the analyses that stand in the report, by analysis."""
    from modelglass.app.report.sections import standing

    found = {a.name: settings_of(a, desk) for a in standing(desk.whole.task, cohort=desk.cohort is not None)}
    return {name: values for name, values in found.items() if values}


# the report --------------------------------------------------------------------------------------------------------


@part
def _report(desk: Desk) -> None:
    st.subheader("Report", anchor=False)
    st.caption(
        "One HTML file with every sentence, figure and table, with the settings chosen on the pages; it opens without a network."
    )
    given = for_report(desk)
    _tell_rows(desk)
    _tell_changed(desk, given)
    rows = st.toggle("Include raw rows (the worst ones)", key="mg.report_rows")
    condition = state.first("where")
    key = ("report", desk.whole.fingerprint, condition, rows, repr(sorted(given.items())))
    asked = (
        st.button("Make the report", key="mg.make_report", type="primary")
        or work.jobs.get(key) is not None
        or work.results.get(key)
    )
    if not asked:
        return
    with work.guarded():
        made = work.later(key, "The report", lambda progress: _made(desk.whole, condition, rows, given, progress))
        if made is not None:
            name = f"{file_name(desk.whole.source.model or 'predictions')}-report.html"
            st.download_button(
                f"Download the report ({len(made) / 1e6:.1f} MB)",
                made,
                name,
                "text/html",
                key="mg.report",
                on_click="ignore",
                icon=":material/download:",
            )


def _tell_rows(desk: Desk) -> None:
    """Say of which rows the report is."""
    text = f"Of all {desk.whole.n:,} rows" if desk.whole.n > 1 else "Of the one row"
    if desk.cohort is not None:
        text += f", and beside them of the cohort {plain(short(desk.cohort.condition))} ({rows_text(desk.cohort.n)})"
    st.markdown(f"{text}.")


def _tell_changed(desk: Desk, given: Mapping[str, Settings]) -> None:
    """Name the settings that are not the usual ones: they go into the report."""
    from modelglass.app.report.sections import changed

    lines = []
    for analysis in fitting(desk.whole.task):
        told = changed(analysis, given.get(analysis.name, {}))
        if told:
            values = "; ".join(f"{label} {value} (usually {usual})" for label, value, usual in told)
            lines.append(f"- **{plain(analysis.title)}** {plain(values)}")
    st.markdown("Not as usual:\n" + "\n".join(lines) if lines else "All settings are the usual ones.")


def _made(
    ev: Evaluation, condition: str | None, rows: bool, given: Mapping[str, Settings], progress: Progress
) -> bytes:
    from modelglass.app.report import report

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        cohorts = [condition] if condition else []
        report(ev, path, cohorts=cohorts, settings=given, include_rows=rows, progress=progress)
        return path.read_bytes()


# the numbers -------------------------------------------------------------------------------------------------------


@part
def _numbers(desk: Desk) -> None:
    st.subheader("Numbers", anchor=False)
    st.caption("One analysis as JSON, with the settings chosen on its page: the same object as the command line gives.")
    ev = _rows_meant(desk)
    able = offered(desk)
    analysis = able.get(_chosen_analysis(able) or "")
    if analysis is None:
        return
    given = settings_of(analysis, desk)
    if not work.ready(analysis, ev, given):
        st.caption(f"Not computed yet for these rows and settings; it takes {analysis.cost}.")
        if not st.button("Compute", key="mg.json_compute", icon=":material/play_arrow:"):
            return
    with work.guarded():
        done = work.outcome(analysis, ev, given)
        if done is None:
            return
        st.download_button(
            "Download the numbers",
            json.dumps(as_object(ev, [done]), indent=1, allow_nan=False),
            f"{file_name(analysis.name)}.json",
            "application/json",
            key="mg.json",
            on_click="ignore",
            icon=":material/download:",
        )
        st.caption(plain(ev.source.text()))


def _rows_meant(desk: Desk) -> Evaluation:
    if desk.cohort is None:
        return desk.whole
    chosen = st.radio("Rows", [label for label, _ in desk.sides], key="mg.json_rows", horizontal=True)
    return dict(desk.sides)[chosen]


def offered(desk: Desk) -> dict[str, Analysis]:
    """Give the analyses whose numbers can be had: all that fit; of one row where a row was chosen."""
    fit = [a for a in fitting(desk.whole.task) if desk.whole.model is not None or a.page not in pages.ASKS_THE_MODEL]
    row_known = state.first(ROW) is not None
    return {a.name: a for a in fit if row_known or not any(s.kind == "row" for s in a.settings)}


def _chosen_analysis(able: Mapping[str, Analysis]) -> str | None:
    def said(name: str) -> str:
        cost = able[name].cost
        return able[name].title + ("" if cost == "instant" else f" (takes {cost} unless computed already)")

    return st.selectbox(
        "Analysis", list(able), format_func=said, key="mg.json_of", index=None, placeholder="Choose an analysis"
    )
