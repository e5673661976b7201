"""Constraints that a person edits: read from YAML or a mapping, checked for contradictions, written back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.constraints import DIRECTIONS, ColumnRule, Constraints, Together, number_text
from modelglass.analysis.contradictions import Origins, check
from modelglass.analysis.errors import InputError, listed, nearest, unknown_name
from modelglass.analysis.levels_apart import unseen
from modelglass.analysis.possible import OPERATIONS
from modelglass.analysis.yaml_file import check_keys, check_mapping, described, parse_yaml, place, read_yaml, scalar

KEYS = ("immutable", "low", "high", "step", "levels", "direction", "cost")
TOP = ("columns", "together", "inferred")
LINKS: Mapping[str, tuple[str, ...]] = {"sum": ("equals",), "order": (), "derived": ("from", "by"), "apart": ("never",)}
"""Kinds of columns that belong together, and what is said beside each."""
LINK_KEYS = tuple(key for kind, beside in LINKS.items() for key in (kind, *beside))
WAYS = ("table", "line", *OPERATIONS)


def edited(found: Constraints, given: Any) -> Constraints:
    """Apply what a person gave; see ``Constraints.changed``."""
    lines: Mapping[Any, int] = {}
    name = "the constraints"
    origins = Origins()
    if isinstance(given, str):  # never a path: a page hands over what a visitor typed
        if given.strip().endswith((".yaml", ".yml")) and "\n" not in given:
            raise InputError(
                "Expected constraints as YAML text.",
                f"Got {given!r}, which looks like a file.",
                "Paste its text; in Python give pathlib.Path(...); on the command line --set constraints=FILE.yaml works.",
            )
        given, lines = parse_yaml(given, name)
    elif isinstance(given, Path):
        name = given.name
        given, lines = read_yaml(given)
    given = check_mapping(given, name, lines, what="columns: and together:")
    check_keys(given, TOP, name, lines)
    columns = dict(found.columns)
    said = check_mapping(given.get("columns") or {}, name, lines, "columns", what="column: rules")
    for column, rules in said.items():
        where = _place(name, lines, "columns", column)
        if column not in columns:
            raise _no_column(column, columns, where)
        rules = check_mapping(rules, name, lines, "columns", column, what="rule: value")
        check_keys(rules, KEYS, name, lines, "columns", column)
        columns[column] = _rule(columns[column], rules, where)
        origins.columns.update({(column, key): _place(name, lines, "columns", column, key) for key in rules})
    kept = found.together if _flag(given.get("inferred", True), "inferred", name) else ()
    wanted = given.get("together") or []
    if isinstance(wanted, (str, Mapping)) or not isinstance(wanted, Sequence):
        raise InputError(f"Expected a list under together in {name}.", f"Got {described(wanted)}.")
    links = []
    for i, one in enumerate(wanted):
        one = check_mapping(one, name, lines, "together", i, what="sum:, order:, derived: or apart:")
        check_keys(one, LINK_KEYS, name, lines, "together", i)
        links.append(_link(one, columns, found, _place(name, lines, "together", i)))
        origins.links[id(links[-1])] = _place(name, lines, "together", i)
    fixed = {_said_of(t) for t in links} - {None}
    again = {t.text() for t in links}  # what the data show and a person says too stands there once
    kept = tuple(t for t in kept if _said_of(t) not in fixed and t.text() not in again)
    # where none never stand together nothing is left to say
    stand = [t for t in links if t.kind != "apart" or t.pairs()]
    made = replace(found, columns=columns, together=(*kept, *stand), settings={**found.settings, "given": name})
    check(made, origins)
    return made


def _said_of(link: Together) -> str | frozenset[str] | None:
    """Give what only one link may say something of: a column that follows, two columns whose levels stay apart; None of others."""
    if link.kind == "apart":
        return frozenset(link.columns)
    return link.columns[-1] if link.kind == "derived" else None


def _place(name: str, lines: Mapping[Any, int], *key: str | int) -> str:
    """Say where something was given: file and line; of a mapping, which has no lines, the keys."""
    return place(name, lines, *key) if lines else f"{name}, under {': '.join(map(str, key))}"


def _no_column(name: object, columns: Mapping[str, ColumnRule], where: str) -> InputError:
    return unknown_name(f"column that the model reads ({where})", str(name), columns)


def _flag(value: Any, key: str, where: str) -> bool:
    if isinstance(value, bool):
        return value
    raise InputError(f"Expected true or false as {key} ({where}).", f"Got {described(value)}.")


def _rule(rule: ColumnRule, said: Mapping[str, Any], where: str) -> ColumnRule:
    changes: dict[str, Any] = {}
    if "immutable" in said:
        changes["immutable"] = _flag(said["immutable"], f"immutable of {rule.name!r}", where)
    if rule.kind != "number":
        for key in ("low", "high", "step"):
            if key in said:
                raise InputError(
                    f"Expected no {key} for {rule.name!r}, which holds {rule.kind if rule.kind == 'levels' else 'no numbers'} ({where}).",
                    f"Got {described(said[key])}.",
                    "Name its allowed levels: levels: [...]",
                )
    for key in ("low", "high"):
        if key in said:
            changes[key] = _number(rule, key, said[key], where)
    if "step" in said:
        step = _number(rule, "step", said["step"], where) if said["step"] is not None else 0.0
        if not np.isfinite(step) or step < 0:
            raise InputError(f"Expected a step above 0 for {rule.name!r} ({where}).", f"Got {described(said['step'])}.")
        changes["step"] = step * rule.unit
    if "levels" in said:
        changes["levels"] = _levels(rule, said["levels"], where)
    if "direction" in said:
        direction = str(said["direction"])
        if direction not in DIRECTIONS or (rule.kind != "number" and direction != "any"):
            expected = ", ".join(DIRECTIONS) if rule.kind == "number" else "no direction: levels have no order"
            raise InputError(f"Expected {expected} as direction of {rule.name!r} ({where}).", f"Got {direction!r}.")
        changes["direction"] = direction
    if "cost" in said:
        cost = said["cost"]
        if isinstance(cost, bool) or not isinstance(cost, (int, float)) or not np.isfinite(cost) or cost <= 0:
            raise InputError(
                f"Expected a cost above 0 for {rule.name!r} ({where}).", f"Got {described(cost)}.",
                "1 is the usual cost of a change by one spread; immutable: true forbids a change.",
            )  # fmt: skip
        changes["cost"] = float(cost)
    return replace(rule, **changes, how="; ".join(filter(None, [rule.how, f"given: {', '.join(said)}"])))


def _number(rule: ColumnRule, key: str, value: Any, where: str) -> float:
    if value is None and key != "step":
        return -np.inf if key == "low" else np.inf
    if rule.dates and key != "step":
        return _date(rule, key, value, where)
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or np.isnan(value):
        raise InputError(f"Expected a number as {key} of {rule.name!r} ({where}).", f"Got {described(value)}.")
    return float(value)


def _date(rule: ColumnRule, key: str, value: Any, where: str) -> float:
    """Read a date; a plain number is refused: 2020 would be nanoseconds after 1970."""
    try:
        stamp = pd.NaT if isinstance(value, (int, float, np.number)) else pd.Timestamp(value)
    except (ValueError, TypeError):
        stamp = pd.NaT
    if pd.isna(stamp):
        raise InputError(
            f"Expected a date such as 2024-05-01 as {key} of {rule.name!r} ({where}).", f"Got {described(value)}."
        )
    return float(stamp.timestamp())


def _levels(rule: ColumnRule, said: Any, where: str) -> tuple[Any, ...]:
    if rule.kind != "levels":
        raise InputError(
            f"Expected no levels for {rule.name!r}, which holds {'numbers' if rule.kind == 'number' else 'no levels'} ({where}).",
            f"Got {described(said)}.",
            "Give low, high and step." if rule.kind == "number" else "",
        )
    if isinstance(said, (str, Mapping)) or not isinstance(said, Sequence):
        raise InputError(f"Expected a list as levels of {rule.name!r} ({where}).", f"Got {described(said)}.")
    if not len(said):
        raise InputError(
            f"Expected at least one level for {rule.name!r} ({where}).",
            "The list is empty.",
            "Write immutable: true to keep it as it is.",
        )
    known = {v: v for v in rule.levels}
    texts = {str(v): v for v in rule.levels}
    got = []
    for level in said:
        if isinstance(level, (list, dict)):
            raise InputError(
                f"Expected single values as levels of {rule.name!r} ({where}).", f"Got {described(level)}."
            )
        if level not in known and str(level) not in texts:
            close = nearest(str(level), texts)
            raise InputError(
                f"Expected levels that {rule.name!r} has in the data: {listed(texts, 12)} ({where}).",
                f"Got {level!r}, which no row holds.",
                f"Did you mean {close[0]!r}?" if close else "Choose among these.",
            )
        got.append(known[level] if level in known else texts[str(level)])
    return tuple(dict.fromkeys(got))


def _link(said: Mapping[str, Any], columns: Mapping[str, ColumnRule], found: Constraints, where: str) -> Together:
    kinds = [k for k in LINKS if k in said]
    if len(kinds) != 1:
        raise InputError(
            f"Expected one of sum, order, derived and apart ({where}).", f"Got {listed(said) or 'nothing'}."
        )
    kind = kinds[0]
    _check_said(said, kind, where)
    names = [*_listed(said, "from", where), said[kind]] if kind == "derived" else _listed(said, kind, where)
    for name in names:
        if isinstance(name, (list, dict)) or name not in columns:
            raise _no_column(name, columns, where)
        wanted = {"derived": columns[name].kind, "apart": "levels"}.get(kind, "number")
        if columns[name].kind != wanted:
            raise InputError(
                f"Expected columns of {'levels' if kind == 'apart' else 'numbers'} under {kind} ({where}).",
                f"{name!r} holds {'none' if kind != 'apart' else 'no levels'}.",
            )
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise InputError(f"Expected at least two different columns ({where}).", f"Got {listed(names) or 'none'}.")
    if kind == "order":
        return Together(kind=kind, columns=tuple(names), how="given")
    if kind == "sum":
        return Together(kind=kind, columns=tuple(names), value=float(said.get("equals", 1)), how="given")
    if kind == "apart":
        return _apart(said, tuple(names), columns, found, where)
    return _derived(said, tuple(names), columns, found, where)


def _apart(
    said: Mapping[str, Any], names: tuple[str, ...], columns: Mapping[str, ColumnRule], found: Constraints, where: str
) -> Together:
    """Read which levels of two columns never stand together; without ``never`` all that no row holds; none where it is empty."""
    if len(names) != 2:
        raise InputError(f"Expected two columns under apart ({where}).", f"Got {len(names)}: {listed(names)}.")
    one, other = (columns[n] for n in names)
    if said.get("never") is None:
        return Together(kind="apart", columns=names, table=unseen(found.learnt, one, other), how="given")
    if not isinstance(said["never"], Mapping):
        raise InputError(
            f"Expected under never levels of {one.name!r}, each with the levels of {other.name!r} that never stand beside it ({where}).",
            f"Got {described(said['never'])}.",
            f"Write never: {{{one.levels[0]}: [{other.levels[0]}]}}.",
        )
    known = [found.columns[n] for n in names]  # also levels that a person no longer allows
    table = {
        _key(known[0], a, where): _levels(known[1], others, where)
        for a, others in said["never"].items()
        if others != []
    }
    return Together(kind="apart", columns=names, table=table, how="given")


def _key(rule: ColumnRule, said: Any, where: str) -> Any:
    """Give the level that a key of YAML means, which is a text as written: ``true`` is True where that is a level."""
    if isinstance(said, str) and said not in map(str, rule.levels):
        said = scalar(said)
    return _levels(rule, [said], where)[0]


def _check_said(said: Mapping[str, Any], kind: str, where: str) -> None:
    """Refuse what does not belong to a kind of link, and values that are none."""
    more = [k for k in said if k not in (kind, *LINKS[kind])]
    if more:
        allowed = f" beside it {listed(LINKS[kind])}" if LINKS[kind] else " nothing beside it"
        raise InputError(f"Expected under {kind}{allowed} ({where}).", f"Got {more[0]!r}.")
    total = said.get("equals", 1)
    if isinstance(total, bool) or not isinstance(total, (int, float, np.number)) or not np.isfinite(total):
        raise InputError(f"Expected a number as equals ({where}).", f"Got {described(total)}.")
    if said.get("by") not in (None, *WAYS):
        close = nearest(str(said["by"]), WAYS)
        raise InputError(
            f"Expected one of {listed(WAYS)} as by ({where}).",
            f"Got {described(said['by'])}.",
            f"Did you mean {close[0]!r}?" if close else "Leave by out to have it found.",
        )


def _listed(said: Mapping[str, Any], key: str, where: str) -> list[Any]:
    """Give the columns under a key: a list of names, or one name."""
    names = said.get(key)
    if isinstance(names, str):
        return [names]
    if isinstance(names, (list, tuple)):
        return list(names)
    raise InputError(f"Expected a list of columns under {key} ({where}).", f"Got {described(names)}.")


def _derived(
    said: Mapping[str, Any], names: tuple[str, ...], columns: Mapping[str, ColumnRule], found: Constraints, where: str
) -> Together:
    from modelglass.analysis.constraints_found import relation

    if len(names) > 3:
        raise InputError(f"Expected one or two columns under from ({where}).", f"Got {len(names) - 1}.")
    same = [
        t
        for t in found.together
        if t.kind == "derived"
        and t.columns[-1] == names[-1]
        and set(t.columns) == set(names)
        and said.get("by") in (None, t.by)
    ]
    made = same[0] if same else relation(said.get("by"), names[-1], names[:-1], found.learnt, columns)
    if made is None:
        raise InputError(
            f"Expected {names[-1]!r} to follow from {listed(names[:-1])} on all rows ({where}).",
            "It does not, in any way known here: a table, a line, a sum, difference, product or ratio.",
            "Check the data, or make the column immutable.",
        )
    return made


def written(made: Constraints) -> dict[str, Any]:
    """Give constraints as a mapping that YAML can hold and ``changed`` takes."""
    columns: dict[str, Any] = {}
    for rule in made.columns.values():
        one: dict[str, Any] = {}
        if rule.immutable and rule.kind != "fixed":
            one["immutable"] = True
        if rule.kind == "number":
            one |= {k: _plain(rule, getattr(rule, k)) for k in ("low", "high") if np.isfinite(getattr(rule, k))}
            if rule.step:
                one["step"] = rule.step / rule.unit
            if rule.direction != "any":
                one["direction"] = rule.direction
        elif rule.kind == "levels" and rule.levels:
            one["levels"] = [_item(v) for v in rule.levels]
        if rule.kind != "fixed":
            columns[rule.name] = one | ({"cost": rule.cost} if rule.cost != 1 else {})
    links: list[dict[str, Any]] = []
    for t in made.together:
        if t.kind == "derived":
            links.append({"derived": t.columns[-1], "from": list(t.columns[:-1]), "by": t.by})
        elif t.kind == "apart":
            links.append(
                {"apart": list(t.columns), "never": {_item(a): [_item(b) for b in v] for a, v in t.table.items()}}
            )
        else:
            links.append({t.kind: list(t.columns)} | ({"equals": t.value} if t.kind == "sum" else {}))
    return {"columns": columns, "together": links, "inferred": False}


def _item(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _plain(rule: ColumnRule, value: float) -> Any:
    return number_text(rule, value) if rule.dates else value
