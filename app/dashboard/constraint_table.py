"""The table of constraints on a page: what may change, how far and at what cost; edits are kept in the address as YAML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from modelglass.analysis.constraints import DIRECTIONS, Constraints, constraints
from modelglass.analysis.yaml_file import parse_yaml
from modelglass.app.dashboard import show, state
from modelglass.app.dashboard.guard import callback, guarded, part, refuse
from modelglass.app.dashboard.text import plain

if TYPE_CHECKING:
    import pandas as pd

    from modelglass.analysis.evaluation import Evaluation

KEPT = "constraints.given"
THOUSANDS = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?")
MOST = 20_000
"""Letters of YAML that a page takes."""
EXAMPLE = """columns:
  sector: {levels: [Private, State-gov]}
together:
  - {order: [smallest, largest]}
  - {sum: [rent, food, other], equals: 1}
  - {derived: bmi, from: [weight, height]}
  - {apart: [relation, sex], never: {husband: [female]}}"""
FIELDS = ("may change", "lowest", "highest", "step", "direction", "cost")


def given() -> str:
    """Give the YAML of what was edited; "" where nothing was."""
    return state.first(KEPT) or ""


@part
def editor(ev: Evaluation) -> None:
    """Draw the table; a fragment whose changes rerun the page, because all below follows it."""
    st.subheader("What may change in a row", anchor=False)
    st.caption(
        "Noise and the search for cheapest changes keep to this. Ranges, steps and levels are those of the data until they are changed here."
    )
    with guarded():
        found, text = constraints(ev), given()
        now = found
        if text:
            try:
                now = found.changed(text)
            except Exception as error:  # noqa: BLE001  an old link: it is said, and the data's own stand
                state.put(KEPT, None)
                text = ""
                refuse(error if hasattr(error, "expected") else str(error))  # type: ignore[arg-type]
        st.markdown(plain(now.in_full()))
        with st.expander("Edit what may change", icon=":material/edit:"):
            _table(found, now, text)
            _yaml(found, text)
            _whole(now, text)
            if text:
                st.button("As the data show", on_click=_reset, icon=":material/undo:", key="constraints reset")
            show.origin(now)


def _table(found: Constraints, now: Constraints, text: str) -> None:
    key = f"constraints table {hash(text)}"
    frame = as_table(now)
    st.data_editor(
        frame,
        key=key,
        width="stretch",
        hide_index=True,
        disabled=["column", "holds"],
        column_config={
            "direction": st.column_config.SelectboxColumn(options=list(DIRECTIONS), required=True),
            "cost": st.column_config.NumberColumn(min_value=0.0, help="Of a change by one spread, or of another level"),
        },
        on_change=_changed,
        args=(key, found, now, frame),
    )


def _yaml(found: Constraints, text: str) -> None:
    """Offer all of it as YAML: allowed levels, and columns that belong together, are edited nowhere else."""
    key = f"constraints yaml {hash(text)}"
    st.text_area(
        "All of it as YAML, as command line and notebook take it; allowed levels and columns that belong together are edited here",
        text,
        key=key,
        max_chars=MOST,
        placeholder=EXAMPLE,
    )
    st.button("Use this YAML", on_click=_typed, args=(key, found), key="constraints use")


def _whole(now: Constraints, text: str) -> None:
    """Show every rule that holds now: levels and pairs of levels that table and sentence shorten."""
    import yaml

    if st.toggle("Show every rule that holds", key=f"constraints whole {hash(text)}"):
        st.code(yaml.safe_dump(now.as_given(), sort_keys=False, allow_unicode=True, default_flow_style=None), "yaml")


@callback
def _typed(key: str, found: Constraints) -> None:
    _keep(str(st.session_state[key] or "").strip(), found)


@callback
def _reset() -> None:
    state.put(KEPT, None)
    state.run_again()


@callback
def _changed(key: str, found: Constraints, now: Constraints, frame: pd.DataFrame) -> None:
    edits = {int(i): dict(v) for i, v in st.session_state[key]["edited_rows"].items()}
    _keep(edited_text(now, given(), frame, edits), found)


def _keep(text: str, found: Constraints) -> None:
    if text:
        found.changed(text)  # refuses what cannot hold, before it is kept
    state.put(KEPT, [text] if text else None)
    state.run_again()


def as_table(now: Constraints) -> pd.DataFrame:
    """Give column, holds, may change, lowest, highest, step, direction, cost: as texts and numbers that a person can edit."""
    import pandas as pd

    shown = now.frame()
    rules = list(now.columns.values())
    return pd.DataFrame(
        {
            "column": shown["column"],
            "may change": [not r.immutable for r in rules],
            "lowest": shown["low"],
            "highest": shown["high"],
            "step": shown["step"],
            "direction": shown["direction"],
            "cost": shown["cost"].astype(float),
            "holds": [
                x or ("numbers" if r.kind == "number" else r.how) for x, r in zip(shown["levels"], rules, strict=True)
            ],
        }
    )


def edited_text(now: Constraints, text: str, frame: pd.DataFrame, edits: Mapping[int, Mapping[str, Any]]) -> str:
    """Write what was edited as YAML, on top of what was given before; "" where nothing is left."""
    import yaml

    said = parse_yaml(text, "the constraints")[0] if text else {}
    columns = dict((said or {}).get("columns") or {})
    for place, cells in edits.items():
        name = frame["column"].iloc[place]
        rules = dict(columns.get(name) or {})
        for field, value in cells.items():
            rules |= _rule(now.columns[name], field, value)
        columns[name] = rules
    whole = {**(said or {}), "columns": columns}
    return (
        yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, default_flow_style=None)
        if any(columns.values())
        else ""
    )


def _rule(rule: Any, field: str, value: Any) -> dict[str, Any]:
    if field == "may change":
        return {"immutable": not value}
    if field in ("lowest", "highest", "step"):
        key = {"lowest": "low", "highest": "high"}.get(field, field)
        if value in (None, "") and key == "step":
            return {key: 0}
        return {key: value if rule.dates and key != "step" else _number(value)}
    return {field: value}


def _number(value: Any) -> Any:
    """Read what was typed; what is no number is handed on, and refused in words."""
    if value in (None, ""):
        return None
    try:
        first = str(value).split()[0]
        got = float(first.replace(",", "") if THOUSANDS.fullmatch(first) else first)
    except (ValueError, IndexError):
        return value
    return int(got) if got == int(got) and abs(got) < 2**53 else got
