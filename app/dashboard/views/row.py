"""One prediction: what the row holds, why it got this prediction, and what an edited row would get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from modelglass.analysis.errors import InputError
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.registry import analyses, fitting
from modelglass.app.dashboard import edit, rows, state, work
from modelglass.app.dashboard.rows import ROW
from modelglass.app.dashboard.section import section
from modelglass.app.dashboard.state import Desk
from modelglass.app.dashboard.text import number, plain

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

WORST = 100
BESIDE = {"standing"}
"""Shown for the cohort beside the whole; the others explain this one prediction, whichever rows are looked at."""


def page(desk: Desk) -> None:
    """Choose a row, then show, explain and edit it."""
    row = choose(desk)
    if row is None:
        return
    whole = desk.whole
    place = int(np.flatnonzero(whole.frame.index == row)[0])
    with work.guarded():
        facts(whole, place)
    with work.guarded():
        edit.editor(whole, place)
    for analysis in fitting(whole.task, "row"):
        beside = desk if analysis.name in BESIDE else Desk(whole, None)
        section(beside, analysis, fixed={s.name: row for s in analysis.settings if s.kind == "row"})


def choose(desk: Desk) -> int | None:
    """Give the number of the row chosen; rows of the cohort are offered where one is set."""
    ev = desk.chosen
    index = ev.frame.index
    row = _from_address(desk)
    left, right = st.columns(2, gap="medium")
    with left:
        state.bind("mg.row", row)
        st.number_input(
            "Row of the data, counted from 0",
            min_value=int(desk.whole.frame.index.min()),
            max_value=int(desk.whole.frame.index.max()),
            step=1,
            key="mg.row",
            value=row,
            on_change=lambda: rows.choose(st.session_state["mg.row"]),
        )
    with right:
        worst = _worst(ev)
        if worst:
            state.bind("mg.worst", row if row in worst else None)
            st.selectbox(
                "Or one of the worst predictions",
                list(worst),
                format_func=lambda r: worst.get(r, str(r)),
                index=state.place(list(worst), "mg.worst"),
                key="mg.worst",
                placeholder="Choose one",
                on_change=lambda: rows.choose(st.session_state["mg.worst"]),
            )
    state.write()
    if row not in desk.whole.frame.index:
        work.refuse(
            InputError(
                "Expected the number of a row that is evaluated.",
                f"Row {row} was left out (its outcome is missing, or a condition excludes it).",
                "Choose another.",
            )
        )
        return None
    outside = desk.cohort is not None and row not in index
    st.caption(
        f"One of {rows_text(desk.whole.n)}"
        + ("" if desk.cohort is None else f"; the worst are chosen from the cohort of {desk.cohort.n:,}")
        + (". This row is not in the cohort." if outside else ".")
        + (
            ""
            if desk.cohort is None
            else " Below, it stands beside both; explanations of the prediction compare it with all rows."
        )
    )
    return row


def _from_address(desk: Desk) -> int:
    index = desk.whole.frame.index
    text = state.first(ROW)
    if text is not None:
        try:
            row = int(text)
            if int(index.min()) <= row <= int(index.max()):
                return row
        except ValueError:
            row = None
        work.refuse(
            InputError(
                f"Expected a row number from {index.min():,} to {index.max():,}.",
                f"The address says {text!r}.",
                "The worst row is shown.",
            )
        )
        state.put(ROW, None)
    worst = _worst(desk.chosen)
    return next(iter(worst)) if worst else int(desk.chosen.frame.index[0])


def _worst(ev: Evaluation) -> dict[int, str]:
    """Give the rows predicted worst, with a name for each; none where that analysis is not there."""
    if "worst_rows" not in analyses():
        return {}
    outcome = work.outcome(analyses()["worst_rows"], ev, {"n": WORST})
    if outcome is None or outcome.result is None:
        return {}
    frame = outcome.result.frame()
    return {
        int(r["row"]): f"row {r['row']}: actual {_said(r['actual'])}, predicted {_said(r['predicted'])}"
        for r in frame.to_dict("records")
    }


def _said(value: Any) -> str:
    return number(value) if isinstance(value, float) else str(value)


def facts(ev: Evaluation, place: int) -> None:
    """Show outcome and prediction of the row as cards, and its values."""
    names: Any = ev.classes
    actual, predicted = (str(names[int(v)]) if names else number(v) for v in (ev.y[place], ev.predicted[place]))
    with st.container(horizontal=True, gap="small"):
        st.metric("Predicted", plain(predicted), border=True, width=182)
        st.metric(f"Actual {plain(ev.target)}", plain(actual), border=True, width=182)
        if ev.score is not None and ev.score.ndim == 1:
            what = "Probability" if ev.score_kind == "probability" else "Score"
            st.metric(f"{what} of {plain(ev.positive)}", number(ev.score[place]), border=True, width=182)
        elif not names:
            st.metric(
                "Error",
                number(ev.predicted[place] - ev.y[place]),
                border=True,
                width=182,
                help="Prediction minus outcome.",
            )
    with st.expander("Values of the row"):
        values = ev.frame.iloc[place]
        used = set(ev.features)
        st.dataframe(
            {
                "Column": list(values.index),
                "Value": [str(v) for v in values],
                "Read by the model": ["yes" if c in used else "no" for c in values.index],
            },
            hide_index=True,
            width="stretch",
            key="row values",
        )
