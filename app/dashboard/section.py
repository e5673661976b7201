"""One analysis on a page: settings, then the cohort beside the whole, each with its sentence, figure and table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import streamlit as st

from modelglass.analysis.registry import Analysis, lacking
from modelglass.analysis.result import Result
from modelglass.app.dashboard import redraw, settings, show, state, work
from modelglass.app.dashboard.guard import part
from modelglass.app.dashboard.text import plain

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

Show = Callable[[Any, "Evaluation", str], None]


def usual(analysis: Analysis) -> Show:
    """Give the usual way of showing a result: say, draw, offer the table."""

    def shown(result: Result, ev: Evaluation, key: str) -> None:
        show.say(result)
        show.draw(result, key)
        show.details(result, analysis.name, key)

    return shown


@part
def section(
    desk: state.Desk,
    analysis: Analysis,
    *,
    fixed: Mapping[str, Any] | None = None,
    without: Sequence[str] = (),
    heading: bool = True,
    shown: Show | None = None,
    above: Callable[[state.Desk], Mapping[str, Any]] | None = None,
    inline: int = 2,
) -> None:
    """Draw one analysis; a fragment, so that its settings rerun nothing else.

    Parameters
    ----------
    desk : Desk
    analysis : Analysis
    fixed : mapping, optional
        Settings decided by the page; they get no widget.
    without : sequence of str
        Further settings that get no widget.
    heading : bool
        Whether title and question stand above.
    shown : callable, optional
        ``shown(result, ev, key)`` instead of the usual sentence, figure and table.
    above : callable, optional
        Draws the page's own widgets between the settings and the result, and gives the settings that they decide.
    inline : int
        Settings in sight; the others stand behind a button.
    """
    fixed = dict(fixed or {})
    hidden = [*fixed, *without]
    lacks = lacking(desk.whole, analysis)
    if lacks is not None:
        st.caption(f"**{plain(analysis.title)}** is not shown: {plain(lacks)}.")
        return
    if heading:
        st.subheader(plain(analysis.title), anchor=False)
        st.caption(plain(analysis.question))
    with work.guarded():
        settings.form(analysis, desk.whole, hidden, inline)
        own = above(desk) if above is not None else {}
        values = {**settings.chosen(analysis, desk.whole, hidden), **fixed, **own}
        state.write()
        for message in state.problems():
            work.refuse(message)
        asked = next((s for s in analysis.settings if s.name == analysis.asks), None)
        if asked is not None and not values.get(asked.name):
            st.caption(f"Set “{plain(asked.label or asked.name)}” to see this.")
            return
        side_by_side(desk, analysis, values, shown or usual(analysis))
    redraw.then_the_page()


def _same_reason(desk: state.Desk, analysis: Analysis, values: Mapping[str, Any]) -> str | None:
    """Give the reason why nothing can be said of cohort and whole alike: it is shown once and not twice."""
    if len(desk.sides) < 2 or analysis.cost != "instant":
        return None
    reasons: set[str | None] = set()
    with suppress(Exception):  # what fails is shown in its own place
        for _, ev in desk.sides:
            outcome = work.outcome(analysis, ev, values)
            reasons.add(None if outcome is None or outcome.result is not None else outcome.reason)
        return reasons.pop() if len(reasons) == 1 else None
    return None


def side_by_side(desk: state.Desk, analysis: Analysis, values: Mapping[str, Any], shown: Show) -> None:
    """Draw an analysis of the cohort beside the same of the whole; of the whole alone where no cohort is set."""
    reason = _same_reason(desk, analysis, values)
    if reason is not None:
        work.cannot_say(reason)
        return
    boxes = st.columns(len(desk.sides), gap="medium")
    for place, (box, (label, ev)) in enumerate(zip(boxes, desk.sides, strict=True)):
        with box, work.guarded():
            if len(desk.sides) > 1:
                st.markdown(f"**{plain(label)}**")
            outcome = work.outcome(analysis, ev, values)
            if outcome is None:
                continue
            if outcome.result is None:
                work.cannot_say(outcome.reason or "")
            else:
                shown(outcome.result, ev, f"{analysis.name} {place}")
