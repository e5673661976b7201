"""The start page, while nothing is open: the sample models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from modelglass.app.dashboard import opened, state, work
from modelglass.app.dashboard.text import plain

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation


def page() -> None:
    """Offer what is open already, and the samples."""
    from modelglass.sample_models import SAMPLES

    st.title("modelglass", anchor=False)
    st.markdown("See what a trained model does on your data: where it fails, why, and how easily it breaks.")
    for token, ev in opened.opened().items():
        if st.button(f"Go on with {plain(ev.source.model)} on {plain(ev.source.data)}", key=f"open {token}"):
            _turn_to(token)
    st.subheader("Try a sample", anchor=False)
    st.caption("Trained on this machine on first use, in seconds; nothing is downloaded.")
    for name, sample in SAMPLES.items():
        with st.container(border=True):
            st.markdown(f"**{plain(sample.title)}**  \n{plain(sample.about)}")
            if st.button("Open", key=f"sample {name}") or st.session_state.get("mg.sample") == name:
                st.session_state["mg.sample"] = name
                _open_sample(name)
    st.subheader("Your own", anchor=False)
    st.markdown("In a terminal, with a model file and a table:")
    st.code("modelglass run model.skops data.csv --target outcome", language="sh")


def _open_sample(name: str) -> None:
    with work.guarded():
        token = work.later(("sample", name), f"The sample {name}", lambda progress: opened.hand_over(_opened(name)))
        if token is not None:
            st.session_state.pop("mg.sample")
            _turn_to(token)


def _opened(name: str) -> Evaluation:
    from modelglass.analysis.opening import open_evaluation
    from modelglass.sample_models import make

    made = make(name)
    options: dict[str, Any] = dict(made.options)
    return open_evaluation(str(made.model), str(made.data), **options)


def _turn_to(token: str) -> None:
    state.open_model(token)
    state.write()
    st.rerun()
