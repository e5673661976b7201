"""Choosing the cohort: by the values of a column, or by a condition in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from modelglass.analysis.conditions import literal, quote_name
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.odd_signs import visible
from modelglass.analysis.reserved import HELP
from modelglass.app.dashboard import pages, saved, state
from modelglass.app.dashboard.guard import callback, guarded, part
from modelglass.app.dashboard.text import short

if TYPE_CHECKING:
    import pandas as pd

    from modelglass.analysis.evaluation import Evaluation

MISSING = "(missing)"
MOST_VALUES = 200
FARTHEST = 2.0**53
"""A slider takes numbers up to here; the browser cannot tell larger ones apart."""


def chooser(ev: Evaluation, desk: state.Desk) -> None:
    """Draw what is chosen, and the ways to choose."""
    st.markdown("**Cohort**")
    if desk.cohort is None:
        st.caption(f"All {rows_text(desk.whole.n)}. Choose some to see them beside the whole on every page.")
    else:
        st.code(short(desk.where), language="sql", wrap_lines=True)
        st.caption(f"{desk.cohort.n:,} of {desk.whole.n:,} rows ({desk.cohort.n / desk.whole.n:.1%}).")
    _steps(ev, desk)
    if desk.cohort is not None:
        with guarded():
            saved.beside(ev, desk)
        why = pages.current("why")
        if why is not None and st.button("Why here?", key="mg.why", icon=":material/help_center:", width="stretch"):
            st.switch_page(why)
    by_column, by_sql, by_name = st.tabs(["By column", "SQL", "Saved"])
    with by_column:
        _columns(ev, desk)
    with by_sql:
        _sql(ev)
    with by_name, guarded():
        saved.chooser(ev, state.first("where"))


def _steps(ev: Evaluation, desk: state.Desk) -> None:
    """Offer the way back: to all rows, and to the cohort before."""
    with st.container(horizontal=True, gap="small"):
        if desk.cohort is not None:
            st.button(
                "All rows",
                key="mg.all_rows",
                icon=":material/close:",
                on_click=callback(lambda: state.choose_where(ev, None)),
                width="stretch",
            )
        if state.can_step_back():
            st.button(
                "Back",
                key="mg.back",
                icon=":material/undo:",
                on_click=callback(lambda: state.step_back(ev)),
                width="stretch",
                help="The cohort before this one.",
            )


def _sql(ev: Evaluation) -> None:
    key = f"mg.sql_text {state.first('where')}"
    with st.form("mg.sql", border=False):
        st.text_area(
            "Condition",
            value=state.first("where") or "",
            key=key,
            placeholder="age < 30 AND sex = 'Female'",
            help="One SQL expression over the columns. Names with spaces or capitals go in double quotes, texts in single ones. "
            + HELP,
        )
        sent = st.form_submit_button("Apply", width="stretch")
    if sent:
        state.choose_where(ev, st.session_state[key])
        st.rerun()


@part
def _columns(ev: Evaluation, desk: state.Desk) -> None:
    names = [name for name, column in ev.columns.items() if column.kind != "other"]
    name = st.selectbox(
        "Column", names, index=None, format_func=visible, placeholder="Choose a column", key="mg.column"
    )
    if name is None:
        return
    sql = _condition(ev, name)
    if st.button("Apply", key="mg.apply", disabled=not sql, width="stretch") and state.choose_where(ev, sql):
        st.rerun()
    if desk.cohort is not None:
        both = f"({state.first('where')}) AND ({sql})"
        if st.button("Narrow the cohort", key="mg.narrow", disabled=not sql, width="stretch"):
            state.choose_where(ev, both)
            st.rerun()


def _condition(ev: Evaluation, name: str) -> str | None:
    import pandas as pd

    column, kind = ev.frame[name], ev.columns[name].kind
    if kind == "numeric" and ev.columns[name].unique > 12 and pd.api.types.is_numeric_dtype(column.dtype):
        return _number_range(column, name)
    if kind == "datetime":
        return _time_range(column, name)
    return _values(column, name)


def _values(column: pd.Series, name: str) -> str | None:
    known = list(column.value_counts().index[:MOST_VALUES])
    offered: list[Any] = [*known, *([MISSING] if column.isna().any() else [])]
    chosen = st.multiselect(
        "Values", offered, format_func=visible, key=f"mg.values {name}", placeholder="Choose one or more"
    )
    parts = [f"{quote_name(name)} IS NULL"] if MISSING in chosen and MISSING not in known else []
    values = [v for v in chosen if not (v == MISSING and MISSING not in known)]
    if len(values) == 1:
        parts.insert(0, f"{quote_name(name)} = {literal(values[0])}")
    elif values:
        parts.insert(0, f"{quote_name(name)} IN ({', '.join(literal(v) for v in values)})")
    return " OR ".join(parts) or None


def _number_range(column: pd.Series, name: str) -> str | None:
    import numpy as np
    import pandas as pd

    column = column[np.isfinite(column.to_numpy(dtype="float64", na_value=np.nan)) & (column.abs() < FARTHEST)]
    if column.nunique() < 2:
        st.caption("No range to choose from here; write a condition in SQL.")
        return None
    low: Any = column.min()
    high: Any = column.max()
    step: Any
    if pd.api.types.is_integer_dtype(column.dtype) or bool((column.dropna() % 1 == 0).all()):
        low, high, step = int(low), int(high), 1
    else:
        low, high, step = float(low), float(high), float(high - low) / 200
    first, last = st.slider("Range", low, high, (low, high), step=step, key=f"mg.range {name}")
    parts = [f"{quote_name(name)} >= {literal(first)}"] * (first > low) + [f"{quote_name(name)} <= {literal(last)}"] * (
        last < high
    )
    return " AND ".join(parts) or None


def _time_range(column: pd.Series, name: str) -> str | None:
    import pandas as pd

    days = pd.to_datetime(column, errors="coerce").dropna()
    low, high = days.min().date(), days.max().date()
    first = st.date_input("From", low, min_value=low, max_value=high, key=f"mg.from {name}")
    last = st.date_input("To, that day included", high, min_value=low, max_value=high, key=f"mg.to {name}")
    after = pd.Timestamp(last) + pd.Timedelta(days=1)
    parts = [f"{quote_name(name)} >= '{first.isoformat()}'"] * (first > low) + [
        f"{quote_name(name)} < '{after.date().isoformat()}'"
    ] * (last < high)
    return " AND ".join(parts) or None
