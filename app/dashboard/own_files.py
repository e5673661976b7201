"""A person's own model and table: uploaded, or named inside the operator's folders; then what is what; then opened.

An upload is never a pickle. Its bytes are written to a folder of this upload alone, read, and removed at once; what was opened is
listed for nobody else, and its address cannot be guessed.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from modelglass.analysis.errors import AnalysisError, InputError
from modelglass.app import workspace
from modelglass.app.dashboard import opened, terms, work
from modelglass.app.dashboard.guard import guarded
from modelglass.app.dashboard.text import file_name, plain
from modelglass.app.inputs import PICKLES, Inputs, checked

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation
    from modelglass.analysis.guessing import Draft

log = logging.getLogger(__name__)
MINE = "mg.mine"


def model_endings() -> list[str]:
    """Give the endings of models that are safe to load."""
    from modelglass.analysis.models.loading import KNOWN

    return [e for e in KNOWN if e not in PICKLES]


def data_endings() -> list[str]:
    """Give the endings of tables that can be read."""
    from modelglass.analysis.reading import READERS

    return list(READERS)


def uploads(turn_to: Callable[[str], None]) -> None:
    """Offer to upload a model and a table."""
    st.caption(
        plain(
            f"Models: {', '.join(model_endings())}. Data: {', '.join(data_endings())}. At most {terms.LARGEST_UPLOAD} MB a file. "
            "Uploads are removed from the disk as soon as they are read, and nobody else sees them."
        )
    )
    left, right = st.columns(2, gap="medium")
    model = left.file_uploader("Model file", key="mg.upload_model", max_upload_size=terms.LARGEST_UPLOAD)
    data = right.file_uploader(
        "Data file, with the outcomes", key="mg.upload_data", max_upload_size=terms.LARGEST_UPLOAD
    )
    if model is not None and not _welcome(model.name, data.name if data is not None else "data.csv"):
        return
    if data is not None:
        _known_ending(data.name, data_endings(), "data file")
    if model is None or data is None:
        if model is not None:
            st.caption("Next: the data file, rows to judge the model by and their outcomes.")
        elif data is not None:
            st.caption("Next: the model file. The data are read when both are there.")
        return

    @contextmanager
    def files() -> Iterator[tuple[str, str]]:
        folder = Path(tempfile.mkdtemp(prefix="modelglass-upload-"))
        try:
            yield _written(folder / "model", model), _written(folder / "data", data)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    _opening(("upload", model.file_id, data.file_id), files, turn_to, private=True)


def folder_files(turn_to: Callable[[str], None]) -> None:
    """Offer the files in the operator's folders."""
    st.caption(plain(f"Inside {', '.join(map(str, terms.folders()))}. Choose from the lists, or type a path."))
    left, right = st.columns(2, gap="medium")
    picked = []
    for box, label, endings in (
        (left, "Model in the folder", model_endings()),
        (right, "Data in the folder", data_endings()),
    ):
        with box:
            picked.append(
                st.selectbox(
                    label,
                    terms.listed(endings),
                    index=None,
                    format_func=_below,
                    accept_new_options=True,
                    placeholder="Choose or type",
                    key=f"mg.{label}",
                )
            )
    if not all(picked):
        return
    named = [str(p) for p in picked]
    if not _welcome(named[0], named[1]):
        return
    model, data = (str(terms.inside(text)) for text in named)
    if not _welcome(model, data):  # what a link led to
        return
    _known_ending(data, data_endings(), "data file")

    @contextmanager
    def files() -> Iterator[tuple[str, str]]:
        yield str(terms.inside(model)), str(terms.inside(data))

    _opening(("folder", model, data), files, turn_to, private=False)


def mine() -> dict[str, str]:
    """Give what this session uploaded and has open: token -> name for people."""
    kept: dict[str, str] = st.session_state.setdefault(MINE, {})
    for token in [t for t in kept if not opened.is_open(t)]:
        del kept[token]
    return kept


def _welcome(model: str, data: str) -> bool:
    """Refuse a pickle, with the command to use instead; and any ending that is not known."""
    name = Path(model).name
    if Path(model).suffix.lower() in PICKLES:
        work.refuse(
            InputError(
                "Expected a model that is safe to load.",
                f"{name} is a pickle: loading it can run any code, so it is never taken through the browser.",
                "If you trust whoever made it, open it in a terminal:",
            )
        )
        given = {"model": name, "data": Path(data).name, "target": "COLUMN"}
        st.code(workspace.command(given), language="sh", wrap_lines=True)
        return False
    with guarded():
        _known_ending(name, model_endings(), "model file")
        return True
    return False


def _known_ending(name: str, endings: list[str], what: str) -> None:
    if Path(name).suffix.lower() not in endings:
        raise InputError(
            f"Expected a {what} that ends with {', '.join(endings)}.",
            f"{Path(name).name[:100]} does not.",
            "A scikit-learn model is saved so with skops.io.dump(model, 'model.skops')."
            if what == "model file"
            else "",
        )


def _written(folder: Path, upload: Any) -> str:
    folder.mkdir()
    given = Path(upload.name.replace("\\", "/")).name
    path = folder / (file_name(Path(given).stem) + Path(given).suffix.lower())
    with path.open("xb") as file:
        file.write(upload.getbuffer())
    return str(path)


def _below(path: str) -> str:
    for folder in terms.folders():
        if Path(path).is_relative_to(folder):
            return str(Path(folder.name) / Path(path).relative_to(folder))
    return path


# what is what, then open ------------------------------------------------------------------------------------------


def _opening(key: tuple[Hashable, ...], files: Any, turn_to: Callable[[str], None], *, private: bool) -> None:
    from modelglass.analysis.guessing import draft

    def looked(progress: Any) -> Draft:
        progress(0.0, "reading")
        with files() as (model, data):
            return draft(model, data)

    found: Draft | None = work.later((*key, "draft"), "Reading the files", looked)
    if found is None:
        return
    chosen = _roles(found, key)
    if not chosen.get("target"):
        return
    asked = (*key, repr(sorted(chosen.items())))
    kept = work.results.get(asked)
    if kept is not None and not opened.is_open(kept):
        work.results.drop(asked)
    if not (st.button("Open", key="mg.open_own", type="primary") or work.jobs.get(asked) is not None):
        return

    def made(progress: Any) -> str:
        progress(0.0, "loading the model and predicting")
        with files() as (model, data):
            inputs = checked(model=model, data=data, **chosen)
            ev = inputs.open()
        if private:
            return opened.hand_over_privately(ev)
        remember(inputs, ev)
        return opened.hand_over(ev)

    token = work.later(asked, "Opening", made)
    if token is not None:
        if private:
            ev = opened.fetch(token)
            st.session_state.setdefault(MINE, {})[token] = (
                "" if ev is None else f"{ev.source.model} on {ev.source.data}"
            )
        turn_to(token)


def _roles(found: Draft, key: tuple[Hashable, ...]) -> dict[str, Any]:
    """Ask which column is what; the target is guessed."""
    names = list(found.columns)
    suffix = " ".join(map(str, key))
    st.markdown(plain(f"{found.model} model; {found.rows:,} rows with {len(names):,} columns."))
    left, right = st.columns(2, gap="medium")
    target = left.selectbox(
        "Target: the column of outcomes",
        names,
        index=names.index(found.target) if found.target in names else None,
        key=f"mg.own_target {suffix}",
        placeholder="Choose a column",
    )
    if target is not None and target == found.target:
        left.caption(plain(f"Guessed: {found.why}."))
    chosen: dict[str, Any] = {"target": target}
    if target in found.labels and found.task != "regression":
        chosen["positive"] = right.selectbox(
            "Positive class",
            found.labels[target],
            index=None,
            placeholder="the model's second class",
            key=f"mg.own_positive {target} {suffix}",
        )
    with st.expander("More columns with a role"):
        for name, label in (
            ("id", "Row names"),
            ("time", "Time"),
            ("weight", "Sample weights"),
            ("cluster", "Clusters"),
        ):
            others = [n for n in names if n != target]
            chosen[name] = st.selectbox(label, others, index=None, placeholder="none", key=f"mg.own_{name} {suffix}")
    return {name: value for name, value in chosen.items() if value is not None}


def remember(inputs: Inputs, ev: Evaluation) -> None:
    """Note what was opened, where this server is this user's alone; a workspace that cannot be written costs nobody the page."""
    if not terms.shared():
        try:
            workspace.record(inputs, ev)
        except AnalysisError as error:  # on a job's thread: there is no page to say it on
            log.warning("Not noted as recent: %s", error)


def as_given(given: Mapping[str, Any]) -> str:
    """Give the options of an evaluation for people, without its files."""
    parts = [f"{k.replace('_', ' ')} {v}" for k, v in given.items() if k not in workspace.PATHS and k != "target"]
    return ", ".join(parts)[:200]
