"""Settings of an analysis from text: what the command line and links hand over."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelglass.analysis.errors import InputError, unknown_name
from modelglass.analysis.registry import Analysis, Setting, get
from modelglass.app.inputs import crossed_names, names

LISTS = ("columns", "features", "metrics")


def from_text(analysis: Analysis, texts: Mapping[str, str]) -> dict[str, Any]:
    """Read each setting by its kind; ranges and choices are checked."""
    known = {s.name: s for s in analysis.settings}
    read = {}
    for said, text in texts.items():
        name = f"{said}_" if f"{said}_" in known else said  # class for class_, which Python keeps for itself
        if name not in known:
            if not known:
                raise InputError(f"{analysis.name} takes no settings.", f"Got {name!r}.", "Leave it out.")
            raise unknown_name(f"setting of {analysis.name}", name, known)
        read[name] = value_of(known[name], text)
    return read


def of_analyses(texts: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Read settings that name their analysis, ``{"calibration.n_bins": "20"}``."""
    asked: dict[str, dict[str, str]] = {}
    for said, text in texts.items():
        name, dot, setting = said.rpartition(".")
        if not dot:
            raise InputError(
                "Expected --set ANALYSIS.NAME=VALUE, such as calibration.n_bins=20.",
                f"Got {said}={text}.",
                "`modelglass analyses` lists the names.",
            )
        asked.setdefault(name, {})[setting] = text
    return {name: from_text(get(name), given) for name, given in asked.items()}


def value_of(setting: Setting, text: str) -> Any:
    """Read one value."""
    if setting.kind in LISTS:
        option = f"--set {setting.name}"
        return crossed_names(text, option) if setting.crossed else names(text, option)
    if setting.kind == "flag":
        if text.lower() not in ("true", "false", "yes", "no", "1", "0"):
            raise InputError(f"Expected yes or no for {setting.name}.", f"Got {text!r}.")
        return text.lower() in ("true", "yes", "1")
    if setting.kind in ("integer", "number", "row"):
        return _number(setting, text)
    if setting.kind == "choice":
        for choice in setting.choices:
            if str(choice) == text:
                return choice
        raise unknown_name(f"choice for {setting.name}", text, map(str, setting.choices))
    return Path(text) if setting.file and text.endswith((".yaml", ".yml")) else text


def _number(setting: Setting, text: str) -> float | int:
    whole = setting.kind != "number"
    try:
        value: float | int = int(text) if whole else float(text)
    except ValueError:
        raise InputError(
            f"Expected a {'whole ' if whole else ''}number for {setting.name}.", f"Got {text!r}."
        ) from None
    low, high = setting.low, setting.high
    if (low is not None and value < low) or (high is not None and value > high) or value != value:
        span = f"{'' if low is None else f'{low:g}'} to {'' if high is None else f'{high:g}'}".strip()
        raise InputError(f"Expected {setting.name} within {span}.", f"Got {text}.")
    return value
