"""A registry's settings as widgets and as parameters of the address: ``calibration.n_bins=20``."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Container, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from modelglass.analysis.errors import AnalysisError, InputError, unknown_name
from modelglass.analysis.odd_signs import visible
from modelglass.analysis.registry import Analysis, Setting
from modelglass.app.dashboard import state
from modelglass.app.dashboard.guard import callback
from modelglass.app.dashboard.text import plain

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

MANY = ("columns", "features", "metrics")
RARE = ("level", "seed")
_READ = "feature that the model reads"
_WHAT = {
    "column": "column", "columns": "column", "feature": _READ, "features": _READ, "metric": "metric", "metrics": "metric", "class": "class",
}  # fmt: skip
"""What a setting names, for messages; anything else is a choice."""
ONE_OF = ("choice", "column", "feature", "metric", "class")


def options(setting: Setting, ev: Evaluation) -> list[Any]:
    """Give what may be chosen for a setting that is one or several of a list."""
    if setting.choices:
        return list(setting.choices)
    if setting.kind in ("column", "columns"):
        from modelglass.analysis.offering import SLICED_KINDS

        return [name for name, c in ev.columns.items() if name != ev.target and c.kind in SLICED_KINDS]
    if setting.kind in ("feature", "features"):
        return list(ev.features)
    if setting.kind in ("metric", "metrics"):
        from modelglass.analysis.metrics import metrics_for

        names = [metric.name for metric in metrics_for(ev.task, ev.score_kind, ev.aim)]
        if ev.task == "multiclass":  # one class against the rest has more
            names += [m.name for m in metrics_for("binary", ev.score_kind) if m.name not in names]
        return names
    return list(ev.classes)


def encode(value: Any) -> list[str] | None:
    """Write a value for the address; None is left out.

    >>> encode([1, 2.5]), encode(True), encode(None)
    (['1', '2.5'], ['yes'], None)
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    if isinstance(value, (list, tuple)):
        return [str(v) for v in value]
    return [f"{value:.12g}" if isinstance(value, float) else str(value)]


def decode(setting: Setting, values: Sequence[str], ev: Evaluation) -> Any:
    """Read a value from the address, as hostile as it may be.

    Raises
    ------
    InputError
        Not a value this setting can take.
    """
    if setting.kind in ONE_OF or setting.kind in MANY:
        known = {str(option): option for option in options(setting, ev)}
        if setting.kind == "columns":
            known.update({text: text for text in values if _crossed(text, known)})
        for text in values:
            if text not in known:
                raise unknown_name(
                    f"{_WHAT.get(setting.kind, 'choice')} for {setting.label or setting.name!r}", text, known
                )
        chosen = [known[text] for text in values]
        return chosen if setting.kind in MANY else chosen[-1]
    text = values[-1]
    if setting.kind == "flag":
        if text not in ("yes", "no"):
            raise InputError(f"Expected yes or no for {setting.name}.", f"Got {text!r}.")
        return text == "yes"
    return _number(setting, text) if setting.kind in ("integer", "number", "row") else text


def _crossed(text: str, known: Container[str]) -> bool:
    """Tell whether a text names columns crossed as "a*b"."""
    return all(part.strip() in known for part in text.split("*"))


def _label_of(setting: Setting) -> Callable[[Any], str]:
    if setting.kind in ("metric", "metrics"):
        from modelglass.analysis.metrics import METRICS

        return lambda name: METRICS[name].label if name in METRICS else str(name)
    if setting.kind == "choice":
        return lambda value: setting.words.get(value, str(value).replace("_", " "))
    return visible


def _number(setting: Setting, text: str) -> int | float:
    try:
        value = float(text) if setting.kind == "number" else int(text)
    except ValueError:
        value = math.nan
    low = -math.inf if setting.low is None else setting.low
    high = math.inf if setting.high is None else setting.high
    if not (math.isfinite(value) and low <= value <= high):
        what = "a number" if setting.kind == "number" else "a whole number"
        raise InputError(
            f"Expected {what} between {low:g} and {high:g} for {setting.label or setting.name}.", f"Got {text!r}."
        )
    return value


def value_of(analysis: Analysis, setting: Setting, ev: Evaluation) -> Any:
    """Give what is chosen for a setting: from the address where it is there and makes sense, else the default."""
    name = f"{analysis.name}.{setting.name}"
    values = state.get(name)
    if not values:
        return setting.default
    try:
        return decode(setting, values, ev)
    except AnalysisError as error:
        state.problem(error)
        state.put(name, None)
        return setting.default


def chosen(analysis: Analysis, ev: Evaluation, without: Sequence[str] = ()) -> dict[str, Any]:
    """Give the settings that differ from their defaults, ready to be passed to the analysis."""
    values = {s.name: value_of(analysis, s, ev) for s in analysis.settings if s.name not in without}
    defaults = {s.name: s.default for s in analysis.settings}
    return {name: value for name, value in values.items() if value is not None and value != defaults[name]}


def form(analysis: Analysis, ev: Evaluation, without: Sequence[str] = (), inline: int = 2) -> None:
    """Draw the settings of an analysis, the usual ones (and the class, of several) in sight and the rest behind a button.

    A change is kept in the address and reruns only the fragment around.
    """
    shown = [s for s in analysis.settings if s.name not in without and _fits(s, ev)]
    first = [s for s in shown if s.name not in RARE][:inline]
    several = ev.task == "multiclass"  # then which class is meant comes before everything else
    seen = [s for s in shown if s in first or (several and s.name == "class_")]
    hidden = [s for s in shown if s not in seen]
    if seen:
        for box, setting in zip(st.columns(max(2, len(seen)), gap="medium"), seen, strict=False):
            with box:
                widget(analysis, setting, ev)
    if hidden:
        with st.popover(
            "More settings" if seen else "Settings",
            icon=":material/tune:",
            type="tertiary",
            key=f"{analysis.name} settings",
        ):
            for setting in hidden:
                widget(analysis, setting, ev)


def _fits(setting: Setting, ev: Evaluation) -> bool:
    if setting.kind == "class" and not ev.classes:
        return False
    return not setting.tasks or ev.task in setting.tasks


def widget(analysis: Analysis, setting: Setting, ev: Evaluation) -> None:
    """Draw one setting."""
    key = f"{analysis.name}.{setting.name}"
    state.bind(key, _shown(setting, value_of(analysis, setting, ev)))
    common: dict[str, Any] = {
        "label": plain(setting.label or setting.name.replace("_", " ").capitalize()),
        "key": key,
        "help": plain(setting.help) or None,
        "on_change": _keep,
        "args": (key, setting.default),
    }
    empty = _empty(analysis, setting, ev.task)
    if setting.kind in MANY:
        known = options(setting, ev)
        known += [value for value in st.session_state[key] if value not in known]
        st.multiselect(
            options=known,
            placeholder=empty,
            format_func=_label_of(setting),
            default=st.session_state[key],
            **common,
        )
    elif setting.kind in ONE_OF:
        _one_of(setting, ev, common, empty)
    elif setting.kind == "flag":
        st.toggle(value=st.session_state[key], **common)
    elif setting.kind == "text":
        st.text_input(value=st.session_state[key], placeholder=empty, **common)
    else:
        _numeric(setting, common, empty, slides=analysis.cost == "instant")


def _empty(analysis: Analysis, setting: Setting, task: str) -> str:
    """Say what holds where nothing is chosen: as declared, else as the help says after "empty:"."""
    if setting.empty:
        return setting.empty if isinstance(setting.empty, str) else setting.empty[task]
    if analysis.asks == setting.name:
        return "choose one or more" if setting.kind in MANY else "choose one"
    said = re.search(r"\b[Ee]mpty: (.+?)\.?$", setting.help)
    return said[1] if said else "automatic"


def _one_of(setting: Setting, ev: Evaluation, common: dict[str, Any], empty: str) -> None:
    known = options(setting, ev)
    at = state.place(known, common["key"])
    if setting.default is None:
        st.selectbox(options=known, placeholder=empty, format_func=_label_of(setting), index=at, **common)
    else:
        st.selectbox(options=known, format_func=_label_of(setting), index=at or 0, **common)


def _numeric(setting: Setting, common: dict[str, Any], empty: str, *, slides: bool) -> None:
    """Draw a number; a slider only where an answer is there at once: long work must not begin anew at every step of a slider on its way."""
    whole = setting.kind != "number"
    low, high, step = (
        None if v is None else (int(v) if whole else float(v)) for v in (setting.low, setting.high, setting.step)
    )
    value = st.session_state[common["key"]]
    few = 200 if whole else 100
    if slides and low is not None and high is not None and setting.default is not None and high - low <= few:
        st.slider(
            min_value=low, max_value=high, step=step or (1 if whole else (high - low) / 100), value=value, **common
        )
    else:
        st.number_input(
            min_value=low,
            max_value=high,
            step=step or (1 if whole else None),
            placeholder=empty,
            value=value,
            **common,
        )


def _shown(setting: Setting, value: Any) -> Any:
    if setting.kind in MANY:
        return list(value or [])
    if setting.kind == "text":
        return value or ""
    if setting.kind == "number" and value is not None:
        return float(value)
    return value


@callback
def _keep(key: str, default: Any) -> None:
    value = st.session_state[key]
    state.put(key, encode(None if value in ("", []) or value == default else value))
