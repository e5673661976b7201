"""Why here? What is different in the cohort, what moves predictions otherwise there, and what could be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from modelglass.analysis.estimated import rows_text
from modelglass.analysis.metrics import slice_default_metrics
from modelglass.analysis.performance import in_sentence
from modelglass.analysis.registry import analyses
from modelglass.analysis.slices import Slices
from modelglass.app.dashboard import pages, state, walk, work
from modelglass.app.dashboard.section import section
from modelglass.app.dashboard.state import Desk
from modelglass.app.dashboard.text import number, plain

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

OFFERED = 5


def page(desk: Desk) -> None:
    """Draw every analysis that compares a cohort with the rest; without a cohort say how to choose one."""
    if desk.cohort is None:
        st.info(
            "Choose some rows first: by column, by SQL or by name in the side bar, or with a click on a slice, a bar or a cell of any page. "
            "Then this page shows what is different there.",
            icon=":material/filter_alt:",
        )
        _first_steps(desk.whole)
        return
    other = None if desk.beside is None else state.first(state.BESIDE_WHERE)
    beside = f"the cohort {plain(other)}" if other else "the rest of the rows"
    st.caption(f"Compared with {beside}; the side bar offers another cohort under Beside.")
    only = Desk(desk.cohort, None)
    for analysis in pages.analyses_of("why", desk.whole.task):
        asks = any(s.name == "other" for s in analysis.settings)
        section(only, analysis, fixed={"other": other} if asks else None)


def _first_steps(ev: Evaluation) -> None:
    """Offer the slices where the model is surely worse, each a click away from being the cohort."""
    if "slice_metrics" not in analyses():
        return
    with work.guarded():
        metric = slice_default_metrics(ev.task, ev.score_kind, ev.aim)[0].name
        outcome = work.outcome(analyses()["slice_metrics"], ev, {"metrics": [metric]})
        if outcome is None or not isinstance(outcome.result, Slices):
            return
        worse = outcome.result.surely_worse(metric)
        worse = worse[worse["where"].notna()].head(OFFERED)
        if worse.empty:
            return
        st.markdown(
            f"Where {plain(in_sentence(outcome.result.labels[metric]))} is most surely worse than {number(outcome.result.overall[metric])}, that of all rows:"
        )
        for row in worse.itertuples():
            label = f"{row.columns} is {row.slice}: {number(row.estimate)}, {rows_text(row.n)}"
            walk.offer(label, row.where, ev.source, f"mg.why {row.where}")
