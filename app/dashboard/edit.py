"""Editing one row and seeing what the model would say; the edits live in the address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from modelglass.analysis.errors import InputError
from modelglass.app.dashboard import state, work
from modelglass.app.dashboard.guard import callback, part
from modelglass.app.dashboard.text import number, plain

if TYPE_CHECKING:
    import pandas as pd

    from modelglass.analysis.evaluation import Evaluation

CHANGED = "edit.columns"
MOST_LEVELS = 500


@part
def editor(ev: Evaluation, place: int) -> None:
    """Draw the widgets of the columns to change, and prediction before and after. A fragment: only this reruns."""
    st.subheader("Change the row", anchor=False)
    st.caption("What would the model say if this row were a little different?")
    state.bind("mg.edit", [c for c in state.get(CHANGED) or [] if c in ev.features])
    chosen = st.multiselect(
        "Columns to change",
        list(ev.features),
        key="mg.edit",
        default=st.session_state["mg.edit"],
        placeholder="Choose one or more",
        on_change=lambda: state.put(CHANGED, st.session_state["mg.edit"] or None),
    )
    row = ev.inputs().iloc[[place]]
    with work.guarded():
        values = {name: _value(ev, row, name) for name in chosen}
        state.write()
        if values:
            _answer(ev, row, _edited(row, values))


def _value(ev: Evaluation, row: pd.DataFrame, name: str) -> Any:
    import pandas as pd

    key, before = f"edit.{name}", row.iloc[0][name]
    kept = state.first(key)
    column = ev.frame[name]
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        whole = pd.api.types.is_integer_dtype(column.dtype)
        state.bind(f"mg.{key}", _number(kept, before, whole))
        st.number_input(
            plain(name),
            step=1 if whole else None,
            format=None if whole else "%.6g",
            key=f"mg.{key}",
            placeholder="missing",
            on_change=_keep,
            args=(key,),
            value=st.session_state[f"mg.{key}"],
        )
    else:
        levels = list(column.dropna().drop_duplicates()[:MOST_LEVELS])
        texts = {str(level): level for level in levels}
        state.bind(
            f"mg.{key}", kept if kept in texts else (None if kept == MISSING or pd.isna(before) else str(before))
        )
        st.selectbox(
            plain(name),
            list(texts),
            key=f"mg.{key}",
            index=state.place(list(texts), f"mg.{key}"),
            placeholder="missing",
            on_change=_keep,
            args=(key,),
        )
        chosen = st.session_state[f"mg.{key}"]
        return None if chosen is None else texts[chosen]
    return st.session_state[f"mg.{key}"]


MISSING = ""
"""What the address says of a value that was emptied."""


def _number(kept: str | None, before: Any, whole: bool) -> int | float | None:
    import math

    if kept == MISSING:
        return None
    if kept is not None:
        try:
            value = int(kept) if whole else float(kept)
        except ValueError:
            value = math.inf
        if abs(value) < 1e15:
            return value
        work.refuse(InputError("Expected a number.", f"The address says {kept!r}.", "The row's own value is used."))
    if before is None or before != before:
        return None
    return int(before) if whole else float(before)


@callback
def _keep(key: str) -> None:
    value = st.session_state[f"mg.{key}"]
    state.put(key, [MISSING if value is None else str(value)])


def _edited(row: pd.DataFrame, values: dict[str, Any]) -> pd.DataFrame:
    import pandas as pd

    edited = row.copy()
    for name, value in values.items():
        if isinstance(row[name].dtype, pd.CategoricalDtype):
            edited[name] = pd.Categorical([value], dtype=row[name].dtype)
        else:
            kept = (
                row[name].dtype
                if value is not None or not pd.api.types.is_integer_dtype(row[name].dtype)
                else "float64"
            )
            edited[name] = pd.Series([value], index=row.index, dtype=kept)
    return edited


def _answer(ev: Evaluation, row: pd.DataFrame, edited: pd.DataFrame) -> None:
    import pandas as pd

    both = pd.concat([row, edited], ignore_index=True)
    output, decided = ev.output(both), ev.predict_codes(both)
    before, after = (plain(ev.classes[int(c)]) if ev.classes else number(c) for c in decided)
    with st.container(horizontal=True, gap="small"):
        st.metric("Predicted before", before, border=True, width=182)
        st.metric("Predicted after", after, border=True, width=182)
        if ev.task == "binary" and output.ndim == 1:
            what = "Probability" if ev.score_kind == "probability" else "Score"
            st.metric(
                f"{what} of {plain(ev.positive)}",
                number(output[1]),
                f"{output[1] - output[0]:+.3f}",
                delta_color="off",
                border=True,
                width=182,
            )
        elif ev.task == "regression":
            st.metric("Change", number(output[1] - output[0]), border=True, width=182)
    if ev.task == "multiclass":
        st.dataframe(
            {"Class": [str(c) for c in ev.classes], "Before": output[0], "After": output[1]},
            hide_index=True,
            width="stretch",
            key="edit classes",
        )
