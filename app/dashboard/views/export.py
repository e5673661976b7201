"""Taking it away: the report, the numbers as JSON, and the address of what is on the screen."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from modelglass.analysis.progress import Progress
from modelglass.analysis.registry import Analysis, fitting, run
from modelglass.app.dashboard import state, work
from modelglass.app.dashboard.guard import part
from modelglass.app.dashboard.settings import chosen
from modelglass.app.dashboard.state import Desk
from modelglass.app.dashboard.text import file_name, plain

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation


def page(desk: Desk) -> None:
    """Offer the link, the report and the numbers."""
    st.subheader("This page as a link", anchor=False)
    st.caption("Opened on this machine while modelglass runs, it shows the same page, cohort, threshold and settings.")
    st.code(state.link(), language=None, wrap_lines=True)
    _report(desk)
    _numbers(desk)


@part
def _report(desk: Desk) -> None:
    st.subheader("Report", anchor=False)
    st.caption("One HTML file with every sentence, figure and table; it opens without a network.")
    rows = st.toggle("Include raw rows (the worst ones)", key="mg.report_rows")
    condition = state.first("where")
    key = ("report", desk.whole.fingerprint, condition, rows)
    asked = (
        st.button("Make the report", key="mg.make_report", type="primary")
        or work.jobs.get(key) is not None
        or work.results.get(key)
    )
    if not asked:
        return
    with work.guarded():
        made = work.later(key, "The report", lambda progress: _made(desk.whole, condition, rows, progress))
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


def _made(ev: Evaluation, condition: str | None, rows: bool, progress: Progress) -> bytes:
    from modelglass.app.report import report

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        report(ev, path, cohorts=[condition] if condition else [], include_rows=rows, progress=progress)
        return path.read_bytes()


@part
def _numbers(desk: Desk) -> None:
    st.subheader("Numbers", anchor=False)
    st.caption(
        "One analysis as JSON, with the settings chosen on its page, the same object as the command line gives. The report uses the default settings."
    )
    names = {a.name: a for a in fitting(desk.whole.task) if a.cost == "instant"}
    name = st.selectbox(
        "Analysis",
        list(names),
        format_func=lambda n: names[n].title,
        key="mg.json_of",
        index=None,
        placeholder="Choose an analysis",
    )
    if name is None:
        return
    with work.guarded():
        text = json.dumps(_object(desk.chosen, names[name]), indent=1, allow_nan=False)
        st.download_button(
            "Download the numbers",
            text,
            f"{file_name(name)}.json",
            "application/json",
            key="mg.json",
            on_click="ignore",
            icon=":material/download:",
        )
        st.caption(plain(desk.chosen.source.text()))


def _object(ev: Evaluation, analysis: Analysis) -> dict[str, object]:
    from importlib.metadata import version

    from modelglass.analysis.result import result_json

    name, settings = analysis.name, chosen(analysis, ev)
    done = work.results.get_or_make(work.key_of(ev, name, settings), lambda: run(ev, name, **settings))
    answer = (
        result_json(name, done.result) if done.result is not None else {"analysis": name, "not_applicable": done.reason}
    )
    return {"modelglass": version("modelglass"), "source": ev.source.as_dict(), "results": [answer]}
