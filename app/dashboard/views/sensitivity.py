"""How it breaks: one table of constraints for all that changes rows, then each analysis; cheapest changes with the worst rows before and after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from modelglass.analysis.registry import analyses
from modelglass.analysis.wording import say
from modelglass.app.dashboard import constraint_table, pages, show
from modelglass.app.dashboard.guard import part
from modelglass.app.dashboard.section import section
from modelglass.app.dashboard.text import plain

if TYPE_CHECKING:
    from modelglass.analysis.adversarial import Adversarial
    from modelglass.analysis.evaluation import Evaluation
    from modelglass.app.dashboard.state import Desk


def page(desk: Desk) -> None:
    """Draw the constraints, then every analysis of the group under them."""
    constraint_table.editor(desk.whole)
    for analysis in pages.analyses_of("sensitivity", desk.whole.task):
        if analysis.name == "constraints":
            continue
        ruled = any(s.name == "constraints" for s in analysis.settings)
        section(
            desk,
            analysis,
            without=("constraints",) if ruled else (),
            above=_rules if ruled else None,
            shown=_cheapest if analysis.name == "adversarial" else None,
        )


def _rules(_: Desk) -> Mapping[str, Any]:
    return rules_given()


def rules_given() -> dict[str, Any]:
    """Give what the table of constraints says, the same for all of the page; nothing where it was left as the data show."""
    given = constraint_table.given()
    return {"constraints": given} if given else {}


def _cheapest(result: Adversarial, ev: Evaluation, key: str) -> None:
    """Show the usual, and the rows whose answer changes most cheaply, before and after."""
    show.say(result)
    show.draw(result, key)
    for heading, worst in result.tables().items():
        st.markdown(f"**{heading}**")
        show.table(worst, "cheapest changes", f"{key} worst")
        _one(result, list(worst["row"]), key)
    show.details(result, analyses()["adversarial"].name, key)


@part
def _one(result: Adversarial, rows: list[Any], key: str) -> None:
    """Show one row before and after, the changed columns only."""
    row = st.selectbox("Before and after, of row", rows, key=f"{key} which")
    mine = result.changes[result.changes["row"] == row]
    told = result.rows[result.rows["row"] == row].iloc[0]
    st.caption(
        plain(f"The answer goes from {_text(told.before)} to {_text(told.after)} at a cost of {told.cost:.3g} spreads.")
    )
    shown = mine[["column", "before", "after", "cost"]].astype({"before": str, "after": str})
    st.dataframe(shown, width="stretch", hide_index=True, key=f"{key} before and after")


def _text(value: Any) -> str:
    return say(value) if isinstance(value, float) else str(value)
