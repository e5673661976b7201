"""The start page: what is open, what was open before, one's own files, and the samples."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from modelglass.app import workspace
from modelglass.app.dashboard import opened, own_files, pages, state, terms, work
from modelglass.app.dashboard.guard import callback, guarded, part
from modelglass.app.dashboard.text import plain

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation


def page() -> None:
    """Offer each way to open a model."""
    st.title("modelglass", anchor=False)
    st.markdown("See what a trained model does on your data: where it fails, why, and how easily it breaks.")
    with guarded():
        already_open()
    with guarded():
        recent()
    st.subheader("Your own model and data", anchor=False)
    with guarded():
        own()
    with guarded():
        samples()


def already_open() -> None:
    """Lead to what is open in this process: what everybody may see, and this session's own uploads."""
    names = {token: f"{ev.source.model or 'predictions'} on {ev.source.data}" for token, ev in opened.opened().items()}
    for token, name in {**names, **own_files.mine()}.items():
        if st.button(f"Go on with {plain(name)}", key=f"open {token}", icon=":material/arrow_forward:"):
            _turn_to(token)


# recent ------------------------------------------------------------------------------------------------------------


def recent() -> None:
    """List the evaluations opened before; never on a server that others can reach."""
    if terms.shared():
        return
    for name in workspace.set_aside():
        st.warning(plain(f"A workspace file could not be read and is kept as {workspace.place().with_name(name)}."))
    known = workspace.read().recent[: workspace.MOST_RECENT]
    if not known:
        return
    st.subheader("Recent", anchor=False)
    st.caption("Opened here before. The files are read again.")
    more = st.session_state.get("mg.all_recent", False)
    for entry in known if more else known[:4]:
        with guarded():
            _entry(entry)
    if len(known) > 4 and not more:
        st.button(
            f"All {len(known)}", key="mg.show_recent", on_click=lambda: st.session_state.update({"mg.all_recent": True})
        )


def _entry(entry: workspace.Recent) -> None:
    given = entry.given
    model, data = (Path(str(given.get(name, ""))).name or "?" for name in ("model", "data"))
    model = "Predictions" if model == "-" else model
    with st.container(border=True):
        words, buttons = st.columns([5, 2], vertical_alignment="center")
        with words:
            st.markdown(f"**{plain(model)}** on **{plain(data)}**, target {plain(given.get('target', '?'))}")
            options = own_files.as_given(given)
            st.caption(
                plain(f"{_when(entry.when)}; {entry.task}, {entry.rows:,} rows" + (f"; {options}" if options else ""))
                + f"  \n{plain(Path(str(given.get('data', ''))).parent)}"
            )
        missing, refusal = entry.missing(), entry.refusal()
        with buttons, st.container(horizontal=True, horizontal_alignment="right"):
            st.button(
                "",
                key=f"forget {entry.key}",
                icon=":material/close:",
                help="Take it off this list; the files stay.",
                type="tertiary",
                on_click=callback(workspace.forget),
                args=(entry.key,),
            )
            asked = st.button("Open", key=f"recent {entry.key}", disabled=bool(missing or refusal))
        if missing:
            st.caption(":material/error: " + plain(f"Not there any more: {', '.join(missing)}"))
        elif refusal:
            st.caption(":material/lock: " + plain(refusal))
            st.code(workspace.command(given), language="sh", wrap_lines=True)
        if (asked or st.session_state.get("mg.reopening") == entry.key) and not missing and not refusal:
            st.session_state["mg.reopening"] = entry.key
            _reopen(entry)


def _reopen(entry: workspace.Recent) -> None:
    inputs = entry.inputs()

    def made(progress: Any) -> str:
        progress(0.0, "loading the model and predicting")
        ev = inputs.open()
        own_files.remember(inputs, ev)
        return opened.hand_over(ev)

    _when_done(("recent", entry.key), f"{Path(inputs.model).name} on {Path(inputs.data).name}", made, "mg.reopening")


def _when(when: dt.datetime) -> str:
    try:
        return f"{when.astimezone():%Y-%m-%d %H:%M}"
    except (OverflowError, OSError, ValueError):
        return "some time ago"


# own files ---------------------------------------------------------------------------------------------------------


@part
def own() -> None:
    """Offer uploads, and the folders that the operator named."""
    if terms.folders():
        upload, folder = st.tabs(["Upload", "From a folder"])
        with upload, guarded():
            own_files.uploads(_turn_to)
        with folder, guarded():
            own_files.folder_files(_turn_to)
    else:
        own_files.uploads(_turn_to)
    with st.expander("Or in a terminal"):
        st.code("modelglass run model.skops data.csv --target outcome", language="sh")


# samples -----------------------------------------------------------------------------------------------------------


def samples() -> None:
    """Offer the sample models."""
    from modelglass.sample_models import SAMPLES

    st.subheader("Samples", anchor=False)
    st.caption("Trained on this machine on first use, in seconds; nothing is downloaded.")
    for place, (name, sample) in enumerate(SAMPLES.items()):
        if place % 2 == 0:
            boxes = st.columns(2, gap="small")  # row by row, so that a phone keeps the order
        with boxes[place % 2], st.container(border=True):
            st.markdown(f"**{plain(sample.title)}**  \n{plain(sample.about)}")
            if st.button("Open", key=f"sample {name}") or st.session_state.get("mg.sample") == name:
                st.session_state["mg.sample"] = name
                _when_done(
                    ("sample", name),
                    f"The sample {name}",
                    lambda progress, name=name: opened.hand_over(_opened(name)),
                    "mg.sample",
                )


def _opened(name: str) -> Evaluation:
    from modelglass.analysis.opening import open_evaluation
    from modelglass.sample_models import make

    made = make(name)
    options: dict[str, Any] = dict(made.options)
    return open_evaluation(str(made.model), str(made.data), train=str(made.train), **options)


def _when_done(key: Any, title: str, made: Any, flag: str) -> None:
    with guarded():
        token = work.later(key, title, made)
        if token is not None:
            st.session_state.pop(flag, None)
            work.results.drop(key)  # a file may be another by the next click
            _turn_to(token)


def _turn_to(token: str) -> None:
    state.open_model(token)
    state.write()
    overview = pages.current("overview")
    if overview is not None:
        st.switch_page(overview)
    st.rerun()
