"""Every prediction: filtered, sorted and paged here on the server, and from any row to the page of one prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from modelglass.analysis.errors import unknown_name
from modelglass.analysis.listing import KINDS, RANDOM, columns_to_sort_by, listing
from modelglass.analysis.registry import Analysis, analyses
from modelglass.app.dashboard import downloads, pages, rows, settings, show, state, work
from modelglass.app.dashboard.guard import callback, part
from modelglass.app.dashboard.state import Desk

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation
    from modelglass.analysis.listing import Listing

WIDTH = 182
"""Pixels of a widget: two stand beside each other on a phone."""
SIZES = (25, 50, 100, 200)
LARGEST_FIRST = ("loss", "score")
"""Columns whose large values are looked at first."""
SAID = {
    "row": "row number",
    "loss": "loss (how wrong)",
    "error": "error (prediction minus outcome)",
    RANDOM: "at random",
    "all": "any",
}
NAMES = ("kind", "actual", "predicted", "find", "sort", "descending", "start", "n", "seed")


def page(desk: Desk) -> None:
    """List the rows of the cohort, of all where none is set."""
    table(desk)
    for analysis in pages.analyses_of("predictions", desk.whole.task):
        if analysis.name != "listing":
            from modelglass.app.dashboard.section import section

            section(desk, analysis)


@part
def table(desk: Desk) -> None:
    """Choose rows and order, then show one page of them."""
    analysis, ev = analyses()["listing"], desk.chosen
    asked = chosen(analysis, ev)
    which(ev, asked)
    order(ev, asked)
    state.write()
    for message in state.problems():
        work.refuse(message)
    outcome = work.outcome(analysis, ev, _asking(asked))
    total = getattr(outcome and outcome.result, "total", 0)
    if total and asked["start"] >= total:  # an old link, or a filter that leaves fewer rows
        asked["start"] = (total - 1) // asked["n"] * asked["n"]
        _turn(asked["start"])
        state.write()
        outcome = work.outcome(analysis, ev, _asking(asked))
    if outcome is None:
        return
    if outcome.result is None:
        work.cannot_say(outcome.reason or "")
        return
    result: Any = outcome.result
    show.say(result)
    if result.total:
        shown(result, ev, asked)
        turn(result.total, asked)
        what = {name: value for name, value in _asking(asked).items() if name not in ("start", "n")}
        downloads.table(
            ("listing", ev.fingerprint, repr(what)),
            "predictions",
            result.total,
            lambda: listing(ev, n=None, **what).rows,
        )
    show.origin(result)


def chosen(analysis: Analysis, ev: Evaluation) -> dict[str, Any]:
    """Give every setting as the address has it; one that does not fit this evaluation is told and dropped."""
    values = {s.name: settings.value_of(analysis, s, ev) for s in analysis.settings}
    for name, known in (("kind", KINDS[ev.task]), ("sort", [*columns_to_sort_by(ev), RANDOM])):
        if values[name] not in known:
            state.problem(unknown_name(analysis.title, str(values[name]), known))
            values[name] = {s.name: s.default for s in analysis.settings}[name]
            _keep(name, None)
    if ev.task == "regression":
        values |= {"actual": None, "predicted": None}
    return values


def which(ev: Evaluation, asked: Mapping[str, Any]) -> None:
    """Offer the kinds of outcome, the classes, and the id; beside each other as far as the screen is wide."""
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        _choice("kind", "Outcome", KINDS[ev.task], asked["kind"], "all")
        if ev.task != "regression":
            for name, label in (("actual", "Actual class"), ("predicted", "Predicted class")):
                value = None if asked[name] is None else str(asked[name])
                _choice(name, label, [str(c) for c in ev.classes], value, None)
        state.bind(_key("find"), asked["find"] or "")
        st.text_input(
            "Id or row number",
            key=_key("find"),
            value=st.session_state[_key("find")],
            placeholder="any",
            on_change=callback(_taken),
            args=("find", ""),
            help="Only the rows with this id, or this number in the data (from 0).",
            width=WIDTH,
        )


def order(ev: Evaluation, asked: Mapping[str, Any]) -> None:
    """Offer the column to sort by, the direction, and how many rows a page holds."""
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        _choice("sort", "Sorted by", [*columns_to_sort_by(ev), RANDOM], asked["sort"], "row", 2 * WIDTH + 16)
        _choice("n", "Rows a page", sorted({*SIZES, asked["n"]}), asked["n"], 50)
        if asked["sort"] == RANDOM:
            st.button(
                "Draw again",
                key="mg.draw_again",
                icon=":material/casino:",
                on_click=callback(_kept_and_first),
                args=("seed", [str(asked["seed"] + 1)]),
                help=f"Another order; this one has seed {asked['seed']}.",
            )
        else:
            state.bind(_key("descending"), asked["descending"])
            st.toggle(
                "Largest first",
                key=_key("descending"),
                value=asked["descending"],
                on_change=callback(_taken),
                args=("descending", False),
            )


def shown(result: Listing, ev: Evaluation, asked: Mapping[str, Any]) -> None:
    """Show the rows; a row chosen leads to its page, a column's heading sorts by it."""
    frame = show.tidy(result.rows)
    place = pages.current("row") if ev.model is not None else None
    key = f"listing {hash((ev.fingerprint, tuple(str(asked[name]) for name in NAMES)))}"
    options: dict[str, Any] = {"selection_mode": ["single-column", *([] if place is None else ["single-row"])]}
    above = st.container(height=44, border=False, vertical_alignment="center")  # in sight whichever row is ticked
    event = st.dataframe(
        frame,
        width="stretch",
        hide_index=True,
        height=min(36 * (len(frame) + 1) + 2, 900),
        column_config=show.formats(frame, rows.told(ev)),
        key=key,
        on_select=callback(lambda: _headed(key, asked)),
        **options,
    )
    picked = event["selection"]["rows"] if event else []
    with above:
        if place is None:
            st.caption("A click on a column's heading sorts all rows by it.")
        elif not picked or picked[0] >= len(frame):
            st.caption("Tick a row to explain it. A click on a heading sorts all rows.")
        else:
            row = int(result.rows["row"].iloc[picked[0]])
            if st.button(f"Explain row {row}", key="mg.explain", icon=":material/person_search:", type="primary"):
                rows.choose(row)
                st.switch_page(place)


def turn(total: int, asked: Mapping[str, Any]) -> None:
    """Offer the other pages."""
    number = -(-total // asked["n"])
    if number > 1:
        state.bind("mg.listing.page", min(asked["start"] // asked["n"] + 1, number))
        st.pagination(
            number,
            default=st.session_state["mg.listing.page"],
            key="mg.listing.page",
            on_change=callback(lambda: _turn((st.session_state["mg.listing.page"] - 1) * asked["n"])),
        )


# what is kept --------------------------------------------------------------------------------------------------------


def _asking(asked: Mapping[str, Any]) -> dict[str, Any]:
    return {name: asked[name] for name in NAMES}


def _key(name: str) -> str:
    return f"mg.listing.{name}"


def _choice(name: str, label: str, options: Sequence[Any], value: Any, default: Any, width: int | None = None) -> None:
    state.bind(_key(name), value)
    st.selectbox(
        label,
        options,
        index=state.place(options, _key(name)),
        placeholder="any",
        format_func=lambda v: SAID.get(v, str(v)),
        key=_key(name),
        on_change=callback(_taken),
        args=(name, default),
        width=width or WIDTH,
    )


def _taken(name: str, default: Any) -> None:
    value = st.session_state[_key(name)]
    if name == "sort":
        _keep("descending", ["yes"] if value in LARGEST_FIRST else None)
    _kept_and_first(name, settings.encode(None if value in ("", default) else value))


def _keep(name: str, values: list[str] | None) -> None:
    state.put(f"listing.{name}", values)


def _kept_and_first(name: str, values: list[str] | None) -> None:
    _keep(name, values)
    _turn(0)


def _turn(start: int) -> None:
    _keep("start", [str(start)] if start else None)


def _headed(key: str, asked: Mapping[str, Any]) -> None:
    """Sort by the column whose heading was clicked; by the same again, the other way round."""
    columns = st.session_state[key]["selection"]["columns"]
    if columns:
        name = columns[0]
        first = name in LARGEST_FIRST
        down = not asked["descending"] if name == asked["sort"] else first
        _keep("descending", ["yes"] if down else None)
        _kept_and_first("sort", None if name == "row" else [name])
