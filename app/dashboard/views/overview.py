"""The first page: what was found, how good the model is, where it is worst, and what was loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from modelglass.analysis.metrics import slice_default_metrics
from modelglass.analysis.registry import analyses, fitting, lacking
from modelglass.app.dashboard import pages, redraw, settings, show, told, work
from modelglass.app.dashboard.section import section, side_by_side
from modelglass.app.dashboard.state import Desk
from modelglass.app.dashboard.text import interval, number, plain

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation
    from modelglass.analysis.performance import Performance
    from modelglass.analysis.result import Result

NOT_HERE = ("performance", "findings")


def page(desk: Desk) -> None:
    """Say what was found, how good it is, where it is worst, and what was loaded."""
    first = st.container()
    headline(desk)  # before the findings, which may take a while
    if "findings" in analyses():
        with first:
            section(desk, analyses()["findings"], shown=told.findings, inline=0)
    worst(desk)
    later = _findings_under_way(desk)  # they come first: other long work would only slow them down
    redraw.page_follows(later)
    for analysis in fitting(desk.whole.task, "overview"):
        if analysis.name in NOT_HERE:
            continue
        chosen = settings.chosen(analysis, desk.whole)
        here = all(work.ready(analysis, ev, chosen) for _, ev in desk.sides)
        if later and not here and lacking(desk.whole, analysis) is None:
            st.subheader(plain(analysis.title), anchor=False)
            st.caption(f"{plain(analysis.question)} This starts when the findings are there.")
        else:
            section(desk, analysis)
    loaded(desk.whole)


def _findings_under_way(desk: Desk) -> bool:
    if "findings" not in analyses():
        return False
    analysis = analyses()["findings"]
    chosen = settings.chosen(analysis, desk.whole)
    return any(work.under_way(analysis, ev, chosen) for _, ev in desk.sides)


def headline(desk: Desk) -> None:
    """Show the headline metrics, each with its interval."""
    if "performance" in analyses():
        analysis = analyses()["performance"]
        st.subheader(plain(analysis.title), anchor=False)
        st.caption(plain(analysis.question))
        settings.form(analysis, desk.whole, inline=0)
        side_by_side(desk, analysis, settings.chosen(analysis, desk.whole), _cards)


def _cards(result: Performance, ev: Evaluation, key: str) -> None:
    st.markdown(f"##### {plain(result.in_full())}")
    level = f"{result.settings['level']:.0%}"
    with st.container(horizontal=True, gap="small"):
        frame = result.frame()
        for row in frame[frame["group"] == ""].itertuples():
            known = number(row.estimate)
            st.metric(
                plain(row.label),
                known,
                interval(row.low, row.high) if known != "cannot say" else None,
                delta_color="off",
                delta_arrow="off",
                border=True,
                width=182,
                help=_help(row, level),
            )
    if (frame["group"] != "").any():
        with st.expander(
            f"Each of {frame['group'].nunique() - 1} classes against the rest", icon=":material/category:"
        ):
            show.draw(result, key)
            show.table(frame[frame["group"] != ""], "performance by class", key)
    show.origin(result)


def _help(row: Any, level: str) -> str:
    about = f"{level} interval: {row.method}. " if row.method else ""
    return plain(f"{about}Rests on {row.support:,} of {row.n:,} rows. {row.note}".strip())


def worst(desk: Desk) -> None:
    """Name the slices where it does worst, and lead to the page that shows them all."""
    if "slice_metrics" not in analyses():
        return
    st.subheader("Where it does worst", anchor=False)
    whole = desk.whole
    first = slice_default_metrics(whole.task, whole.score_kind, whole.aim)[0].name  # the one the sentence is about
    side_by_side(desk, analyses()["slice_metrics"], {"metrics": [first]}, _worst)
    where = pages.current("slices")
    if where is not None and st.button("All slices", icon=":material/arrow_forward:", key="mg.to_slices"):
        st.switch_page(where)


def _worst(result: Result, ev: Evaluation, key: str) -> None:
    st.markdown(plain(result.in_full()))


def loaded(ev: Evaluation) -> None:
    """Say what was loaded and how it is read."""
    st.subheader("What was loaded", anchor=False)
    for note in ev.notes:
        if note.level == "warning":
            st.warning(plain(note.text), icon=":material/warning:")
    st.markdown("\n".join(f"- {line}" for line in _facts(ev)))


def _facts(ev: Evaluation) -> list[str]:
    facts = [f"**Rows** {ev.n:,}"]
    if ev.classes:
        counts = {c: int((ev.y == i).sum()) for i, c in enumerate(ev.classes)}
        shown = ", ".join(f"{plain(c)} {n:,} ({n / ev.n:.1%})" for c, n in list(counts.items())[:10])
        facts.append(f"**Classes of {plain(ev.target)}** {shown}" + (", ..." if len(counts) > 10 else ""))
    beside = [c for c in ev.columns if c not in ev.features and c != ev.target]
    if beside and ev.features:
        facts.append(
            f"**Not read by the model, free for slicing** {plain(', '.join(beside[:12]))}"
            + (", ..." if len(beside) > 12 else "")
        )
    facts += [plain(note.text) for note in ev.notes if note.level != "warning"]
    return facts
