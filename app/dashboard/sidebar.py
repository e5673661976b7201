"""The side bar: what is open, the operating threshold, and the cohort."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from modelglass.analysis.estimated import rows_text
from modelglass.app.dashboard import cohort, meaning, slid, state, work
from modelglass.app.dashboard.guard import callback
from modelglass.app.dashboard.text import plain

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation


def sidebar(ev: Evaluation, desk: state.Desk) -> None:
    """Draw the side bar for the evaluation as opened."""
    with st.sidebar:
        about(ev)
        with work.guarded():
            meaning.chooser(ev)
        if ev.task == "binary" and ev.score is not None:
            with work.guarded():
                threshold(ev)
        with work.guarded():
            cohort.chooser(ev, desk)


def about(ev: Evaluation) -> None:
    """Say what is open."""
    source = ev.source
    model = plain(source.model) if source.model else "none, predictions only"
    task = f"{meaning.TASKS[ev.task]} of {plain(ev.target)}"
    if ev.positive is not None:
        task += f", positive class {plain(ev.positive)}"
    elif ev.classes:
        task += f", {len(ev.classes)} classes"
    st.markdown(
        f"**Model** {model} ({plain(source.model_kind)})  \n**Data** {plain(source.data or 'in memory')}, {rows_text(source.rows_all)}  \n"
        f"**Task** {task}"
    )


def threshold(ev: Evaluation) -> None:
    """Offer the operating threshold; the model is never asked again."""
    at = state.threshold(ev)
    state.bind("mg.decide", at is not None)
    st.toggle(
        "Set the threshold",
        key="mg.decide",
        value=at is not None,
        on_change=_decide,
        args=(ev,),
        help="Positive when the score is at least the threshold. Off: the model's own predict decides.",
    )
    if at is not None:
        low, high, step = _range(ev)
        state.bind("mg.threshold", float(min(max(at, low), high)))
        st.slider(
            "Positive when score is at least",
            low,
            high,
            value=st.session_state["mg.threshold"],
            step=step,
            key="mg.threshold",
            on_change=_moved,
            args=(ev,),
        )
        if not low <= at <= high:
            where, decided = ("above", "none") if at > high else ("below", "all")
            st.caption(
                f"The threshold {at:g} lies {where} all scores ({low:.4g} to {high:.4g}), so {decided} of the rows are predicted "
                f"{plain(ev.positive)}. The slider shows its end; moving it chooses a threshold within."
            )


def _range(ev: Evaluation) -> tuple[float, float, float]:
    if ev.score_kind == "probability" or ev.score is None:
        return 0.0, 1.0, 0.01
    low, high = float(ev.score.min()), float(ev.score.max())
    return low, max(high, low + 1e-9), max((high - low) / 200, 1e-12)


@callback
def _decide(ev: Evaluation) -> None:
    low, high, _ = _range(ev)
    default: Any = 0.5 if ev.score_kind == "probability" else min(max(0.0, low), high)
    state.choose_threshold(ev, default if st.session_state["mg.decide"] else None)


@callback
def _moved(ev: Evaluation) -> None:
    state.choose_threshold(ev, float(st.session_state["mg.threshold"]))
    slid.note()
