"""What a person chose: kept in the session, written to the address, read from it once when a link is opened.

The address is the whole of it: ``/slices?where=age%20%3E%2030&threshold=0.4&calibration.n_bins=20``. Streamlit drops query
parameters when the page changes and a browser may send an old address, so the session is right and the address follows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import streamlit as st

from modelglass.analysis.errors import AnalysisError, InputError
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.joining import rest_of
from modelglass.app.dashboard import opened
from modelglass.app.dashboard.cache import Cache

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

LONGEST = 60_000
"""Characters of one value of the address."""
LONGEST_LINK = 64_000
"""Bytes of what follows the ? in a link, as browsers and servers between pass it on."""
TASK, POSITIVE, TYPES = "as.task", "as.positive", "as.type"
"""How model and data are understood, where a person said so: ``as.task=multiclass``, ``as.type=zip=categorical``."""
_UNSET = object()
_KEPT, _PROBLEMS, _RIGHT, _AGAIN, _BEFORE = "mg.address", "mg.problems", "mg.where_that_works", "mg.again", "mg.before"
BESIDE, BESIDE_WHERE, REST = "beside", "beside.where", "rest"
"""What stands beside the cohort: all rows where neither is there; ``beside=rest``; ``beside.where=SQL``."""
MOST_BEFORE = 20
_NO_REST = InputError(
    "Expected rows beside the cohort.", "It is all rows, so there is no rest.", "All rows stand beside it."
)
_views = Cache(entries=12, size=2**40)


class Desk:
    """What a page works on: the whole, the cohort where one is set, and what stands beside it.

    Attributes
    ----------
    whole : Evaluation
        All rows, at the threshold chosen.
    cohort : Evaluation or None
        The rows of the condition chosen.
    where : str or None
        That condition.
    beside : Evaluation or None
        The rest, or another cohort, where a person chose to see the cohort beside it; None: beside the whole.
    beside_where : str or None
        Its condition.
    """

    def __init__(
        self,
        whole: Evaluation,
        cohort: Evaluation | None,
        where: str | None = None,
        beside: tuple[str, Evaluation, str] | None = None,
    ):
        self.whole, self.cohort, self.where = whole, cohort, where
        self._name = beside[0] if beside else ""
        self.beside = beside[1] if beside else None
        self.beside_where = beside[2] if beside else None

    @property
    def chosen(self) -> Evaluation:
        """The cohort where there is one, else the whole."""
        return self.cohort or self.whole

    @property
    def other(self) -> Evaluation:
        """What the cohort is compared with: all rows, the rest, or another cohort."""
        return self.beside or self.whole

    @property
    def sides(self) -> list[tuple[str, Evaluation]]:
        """Give (heading, evaluation) of what stands side by side."""
        whole = (f"All {rows_text(self.whole.n)}", self.whole)
        if self.cohort is None:
            return [whole]
        beside = whole if self.beside is None else (f"{self._name}: {rows_text(self.beside.n)}", self.beside)
        return [(f"Cohort: {rows_text(self.cohort.n)}", self.cohort), beside]

    def side_of(self, condition: str | None) -> tuple[str | None, int]:
        """Give (condition over the whole, rows) of the side whose Evaluation has a condition; the whole where none has it."""
        sides = [(self.where, self.cohort), (self.beside_where, self.beside)]
        return next(((w, ev.n) for w, ev in sides if ev and ev.condition == condition), (None, self.whole.n))


def address() -> dict[str, list[str]]:
    """Give the parameters of the address as kept; read from the browser's on the first run of a session."""
    if _KEPT not in st.session_state:
        read = {name: st.query_params.get_all(name) for name in st.query_params}
        known = {n: v for n, v in read.items() if n in ("model", "where", "threshold", BESIDE) or "." in n}
        st.session_state[_KEPT] = {n: [str(x)[:LONGEST] for x in v[:200]] for n, v in known.items()}
    return st.session_state[_KEPT]


def get(name: str) -> list[str] | None:
    """Give the values kept under a name, or None."""
    return address().get(name)


def first(name: str) -> str | None:
    """Give the one value kept under a name, or None."""
    return next(iter(get(name) or []), None)


def put(name: str, values: Sequence[str] | None) -> None:
    """Keep values under a name; None drops it."""
    kept = address()
    if values is None:
        kept.pop(name, None)
    else:
        kept[name] = [str(v) for v in values]


def drop(start: str) -> None:
    """Drop all names that begin so."""
    kept = address()
    for name in [n for n in kept if n.startswith(start)]:
        del kept[name]


def bind(key: str, value: Any) -> None:
    """Make the widget of a key show a value, where it does not already.

    Only then: what is set here is sent to the browser, and would throw back a slider that a person has moved on meanwhile.
    """
    now = st.session_state.get(key, _UNSET)
    close = isinstance(now, float) and isinstance(value, float) and abs(now - value) <= 1e-9 * max(1.0, abs(value))
    if now is _UNSET or (now != value and not close):
        st.session_state[key] = value


def place(options: Sequence[Any], key: str) -> int | None:
    """Give the place of a widget's value among its options.

    Every widget that is bound is also given its value as its default: what Streamlit sets from here is lost where a rerun overtakes
    it, and the browser then shows the default.
    """
    value = st.session_state.get(key)
    return next((i for i, option in enumerate(options) if option == value), None)


def write() -> None:
    """Make the browser's address say what is kept, where it does not already."""
    kept = address()
    if {name: st.query_params.get_all(name) for name in st.query_params} != kept:
        st.query_params.from_dict(kept)


def link(page: str | None = None) -> str:
    """Give the full address of this page, or of another by its path ("" is the first), to be copied."""
    parts = urlsplit(st.context.url or "http://127.0.0.1/")
    path = parts.path if page is None else f"{parts.path.rpartition('/')[0]}/{page}"
    query = _query()
    return f"{parts.scheme}://{parts.netloc}{path}" + (f"?{query}" if query else "")


def _query() -> str:
    return urlencode([(n, v) for n, values in address().items() for v in values])


def run_again() -> None:
    """Have the whole page run after a change made in a part of it."""
    st.session_state[_AGAIN] = True


def is_to_run_again() -> bool:
    """Whether a change made in a part of the page asks for all of it to run; told once."""
    return bool(st.session_state.pop(_AGAIN, False))


def problem(error: AnalysisError | str) -> None:
    """Keep something to tell at the top of the page, once."""
    st.session_state.setdefault(_PROBLEMS, []).append(str(error))


def problems() -> list[str]:
    """Give what is to be told, and forget it."""
    return list(dict.fromkeys(st.session_state.pop(_PROBLEMS, [])))


def evaluation() -> Evaluation | None:
    """Give the evaluation that the address means, understood as it says; None shows the start page."""
    ev = _opened()
    if ev is None:
        return None
    try:
        return _understood(ev, first(TASK), first(POSITIVE), get(TYPES) or ())
    except AnalysisError as error:
        problem(error)
        drop("as.")
        return ev


def _opened() -> Evaluation | None:
    try:
        return opened.fetch(first("model"))
    except InputError as error:
        problem(error)
        put("model", None)
        return opened.fetch(None)


def _understood(ev: Evaluation, task: str | None, positive: str | None, types: Sequence[str]) -> Evaluation:
    """Give the evaluation with what a person set; made once for all sessions, nothing is loaded again."""
    from modelglass.analysis.again import understood_as

    if task is None and positive is None and not types:
        return ev
    given = {name: kind for name, _, kind in (text.rpartition("=") for text in types)}
    key = (ev.fingerprint, "understood", task, positive, tuple(sorted(given.items())))
    return _views.get_or_make(key, lambda: understood_as(ev, task=task, positive=positive, types=given))


def understand(**changes: Any) -> None:
    """Keep what a person says of ``task``, ``positive`` or ``types`` (a mapping, added to those before; None: as opened).

    Raises
    ------
    InputError
        It cannot be; what was kept stays.
    """
    ev = _opened()
    if ev is None:
        return
    old = {name: kind for name, _, kind in (text.rpartition("=") for text in get(TYPES) or ())}
    types: Mapping[str, str] | None = changes.get("types", {})
    new = {} if types is None else {n: k for n, k in {**old, **types}.items() if ev.columns[n].kind != k}
    task, positive = changes.get("task", first(TASK)), changes.get("positive", first(POSITIVE))
    task, positive = (None if task == ev.task else task), (None if positive == str(ev.positive) else positive)
    texts = [f"{name}={kind}" for name, kind in new.items()]
    _understood(ev, task, positive, texts)
    if (task, positive) != (first(TASK), first(POSITIVE)):
        put("threshold", None)  # it belonged to the scores of another class
    put(TASK, [task] if task else None)
    put(POSITIVE, [positive] if positive else None)
    put(TYPES, texts or None)


def open_model(token: str) -> None:
    """Turn to another model: what was chosen for the last one is dropped."""
    st.session_state[_KEPT] = {} if token == opened.first_token() else {"model": [token]}
    st.session_state.pop(_RIGHT, None)


def view(ev: Evaluation, threshold: float | None, where: str | None) -> Evaluation:
    """Give the rows of a condition at a threshold; made once for all sessions, the model is never asked again.

    Raises
    ------
    InputError
        Broken or forbidden SQL, no rows, or a threshold that does not fit.
    """
    if threshold == ev.threshold and where is None:
        return ev
    if where is None:
        return _views.get_or_make((ev.fingerprint, threshold), lambda: ev.with_threshold(threshold))
    if ev.follows_threshold(where):
        at = view(ev, threshold, None)
        return _views.get_or_make((ev.fingerprint, threshold, where), lambda: at.where(where))
    cohort = _views.get_or_make((ev.fingerprint, ev.threshold, where), lambda: ev.where(where))
    if threshold == ev.threshold:
        return cohort  # what is kept of its scores serves every threshold
    return _views.get_or_make((ev.fingerprint, threshold, where), lambda: cohort.with_threshold(threshold))


def threshold(ev: Evaluation) -> float | None:
    """Give the operating threshold chosen; the evaluation's own where none is, None for the model's own predict."""
    text = first("threshold")
    if text is None:
        return ev.threshold
    if text == "model":
        return None
    try:
        value = float(text)
        view(ev, value, None)
    except ValueError:
        problem(
            InputError(
                "Expected a number as threshold.", f"The address says {text!r}.", "The model's own decision is used."
            )
        )
    except InputError as error:
        problem(error)
    else:
        return value
    put("threshold", None)
    return ev.threshold


def choose_threshold(ev: Evaluation, value: float | None) -> None:
    """Keep a threshold; None is the model's own decision."""
    if value == ev.threshold:
        put("threshold", None)
    else:
        put("threshold", ["model" if value is None else f"{value:.6g}"])


def choose_where(ev: Evaluation, sql: str | None) -> bool:
    """Keep a condition if it selects rows; else tell why not and keep the one before. Say whether it was kept."""
    sql = (sql or "").strip()
    if sql:
        try:
            view(ev, threshold(ev), sql)
        except AnalysisError as error:
            problem(error)
            return False
    before = first("where")
    put("where", [sql] if sql else None)
    if len(_query()) > LONGEST_LINK:
        put("where", [before] if before else None)
        problem(
            InputError(
                f"Expected a cohort that fits into a link ({LONGEST_LINK:,} characters with what else it holds).",
                f"This one takes {len(sql):,}.",
                "Choose fewer rows, or describe them by the values of a column.",
            )
        )
        return False
    _remember(before, sql or None)
    st.session_state[_RIGHT] = sql or None
    return True


def _remember(before: str | None, now: str | None) -> None:
    if before != now:
        kept = st.session_state.setdefault(_BEFORE, [])
        kept.append(before)
        del kept[:-MOST_BEFORE]


def can_step_back() -> bool:
    """Whether another cohort (or none) was chosen before."""
    return bool(st.session_state.get(_BEFORE))


def step_back(ev: Evaluation) -> None:
    """Choose the cohort before this one again."""
    kept = st.session_state.get(_BEFORE)
    if kept and choose_where(ev, kept.pop()):
        kept.pop()  # the step back is none to come back to


def desk(ev: Evaluation) -> Desk:
    """Give what the page works on, from what is kept."""
    at = threshold(ev)
    whole = view(ev, at, None)
    _check_beside()
    for where in dict.fromkeys((first("where"), st.session_state.get(_RIGHT))):
        if not where:
            break
        try:
            cohort = view(ev, at, where)
        except AnalysisError as error:
            problem(error)
            continue
        put("where", [where])
        return Desk(whole, cohort, where, _beside(ev, at, where))
    put("where", None)
    return Desk(whole, None)


def _check_beside() -> None:
    """Tell and drop what the address says to stand beside the cohort, where there is no such thing."""
    said = get(BESIDE)
    if said is not None and said != [REST]:
        came = f"The address says {', '.join(map(repr, said))}."
        problem(
            InputError(f"Expected {BESIDE}={REST} in the address, or none.", came, "All rows stand beside the cohort.")
        )
        put(BESIDE, None)


def _beside(ev: Evaluation, at: float | None, where: str) -> tuple[str, Evaluation, str] | None:
    """Give what stands beside the cohort, where that is not the whole; what cannot be is told and dropped."""
    rest = get(BESIDE) == [REST]
    name, sql = ("The rest", rest_of(where)) if rest else ("Other cohort", first(BESIDE_WHERE) or "")
    if not sql:
        return None
    try:
        return name, view(ev, at, sql), sql
    except AnalysisError as error:
        problem(_NO_REST if rest else error)
        choose_beside()
        return None


def choose_beside(*, rest: bool = False, where: str | None = None) -> None:
    """Keep what stands beside the cohort: the rest, the rows of a condition, or all rows where neither is given."""
    put(BESIDE, [REST] if rest else None)
    put(BESIDE_WHERE, [where] if where and not rest else None)
