"""The validator that every probe passes: it looks at the rows themselves."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.constraints import FAR, ROUNDED_32, ColumnRule, Constraints, Together, number_text, numbers
from modelglass.analysis.possible import OPERATIONS


def violations(rules: Constraints, frame: pd.DataFrame, before: pd.DataFrame | None = None) -> pd.DataFrame:
    """Say which rules rows break; see ``Constraints.violations``. Written without ``Space``, so that each checks the other."""
    found: list[tuple[int, str, str]] = []
    values = {n: _plain(frame[n], r) for n, r in rules.columns.items()}
    old = None if before is None else {n: _plain(before[n], r) for n, r in rules.columns.items()}

    def broken(mask: np.ndarray, column: str, rule: str) -> None:
        found.extend((int(i), column, rule) for i in np.flatnonzero(mask))

    for name, rule in rules.columns.items():
        now = values[name]
        changed = np.ones(len(now), bool) if old is None else ~_equal(now, old[name])
        if old is not None:
            if rule.immutable or rule.kind == "fixed":
                broken(changed, name, "it must stay as it is")
                continue
            broken(pd.isna(now) != pd.isna(old[name]), name, "a missing value stays missing, and no other becomes it")
        _alone(rule, now, changed if old is not None else None, None if old is None else old[name], broken)
    for link in rules.together:
        _together(link, values, old, rules.columns, broken)
    made = pd.DataFrame(found, columns=["place", "column", "rule"]).drop_duplicates(ignore_index=True)
    return made.astype({"place": "int64"})


def _plain(column: pd.Series, rule: ColumnRule) -> np.ndarray:
    return numbers(column) if rule.kind == "number" else column.astype(object).to_numpy()


def _equal(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Equal, missing equal to missing; the same object is equal to itself, whatever it is."""
    if a.dtype != object:
        return (a == b) | (np.isnan(a) & np.isnan(b))
    return np.array(
        [x is y or bool(np.all(x == y)) or (_missing(x) and _missing(y)) for x, y in zip(a, b, strict=True)], bool
    )


def _missing(value: Any) -> bool:
    return value is None or (np.isscalar(value) and bool(pd.isna(value))) or value is pd.NaT or value is pd.NA


def _alone(rule: ColumnRule, now: np.ndarray, changed: np.ndarray | None, old: np.ndarray | None, broken: Any) -> None:
    if rule.kind == "fixed" or (rule.immutable and old is None):
        return
    if rule.kind == "levels":
        allowed = set(rule.levels)
        out = np.array([not _missing(v) and v not in allowed for v in now], bool)
        for level in dict.fromkeys(now[out]):
            broken(
                out & np.array([v == level for v in now], bool), rule.name, f"its level {str(level)!r} is not allowed"
            )
        return
    coded = np.isin(now, rule.codes) if rule.codes else np.zeros(len(now), bool)
    edge = FAR * np.maximum(1e-300, np.maximum(np.abs(now), rule.step))
    with np.errstate(invalid="ignore"):
        broken(~coded & (now < rule.low - edge), rule.name, f"below {number_text(rule, rule.low)}")
        broken(~coded & (now > rule.high + edge), rule.name, f"above {number_text(rule, rule.high)}")
        if rule.step:
            steps = (now - rule.origin) / rule.step
            off = np.abs(steps - np.rint(steps)) > np.maximum(1e-3, ROUNDED_32 * np.abs(now) / rule.step)
            broken(~coded & off, rule.name, f"between its steps of {rule.step:g}")
        if old is not None and changed is not None:
            was = np.isin(old, rule.codes) if rule.codes else np.zeros(len(now), bool)
            broken(changed & (was | coded), rule.name, "a code that stands for something else stays")
            if rule.direction == "up":
                broken(now < old - edge, rule.name, "it may only go up")
            if rule.direction == "down":
                broken(now > old + edge, rule.name, "it may only go down")


def _together(
    link: Together, values: Mapping[str, np.ndarray], old: Any, columns: Mapping[str, ColumnRule], broken: Any
) -> None:
    parts = [values[c] for c in link.columns]
    if any(columns[c].kind == "fixed" for c in link.columns):
        return
    for c, v in zip(link.columns, parts, strict=True):  # codes mean something else: nothing follows from them
        if columns[c].codes and v.dtype != object:
            parts[link.columns.index(c)] = np.where(np.isin(v, columns[c].codes), np.nan, v)
    with np.errstate(all="ignore"):
        if link.kind == "order":
            for a, b in itertools.pairwise(parts):
                broken(a > b + FAR * np.abs(b), link.columns[-1], f"not {link.text()}")
            return
        if link.kind == "apart":
            _apart(link, parts, broken)
            return
        if link.kind == "sum":
            total = np.sum(parts, axis=0)
            broken(
                np.abs(total - link.value) > 2 * FAR * max(abs(link.value), 1e-300),
                link.columns[-1],
                f"not {link.text()}",
            )
            return
        if link.by == "table":
            wrong = [
                not _missing(a) and not _missing(b) and a in link.table and not _same(link.table[a], b)
                for a, b in zip(*parts, strict=True)
            ]
            broken(np.array(wrong, bool), link.columns[-1], f"not {link.text()}")
            return
        *sources, last = parts
        wanted = link.value * sources[0] + link.shift if link.by == "line" else OPERATIONS[link.by](*sources)
        step = columns[link.columns[-1]].step
        broken(
            np.abs(wanted - last) > max(link.within, step * 0.5001) + FAR * np.abs(wanted),
            link.columns[-1],
            f"not {link.text()}",
        )


def _apart(link: Together, parts: list[np.ndarray], broken: Any) -> None:
    for a, others in link.table.items():
        beside = np.array([v == a for v in parts[0]], bool) if len(others) else np.zeros(0, bool)
        for b in set(parts[1][beside]) & set(others) if beside.any() else ():
            both = beside & np.array([v == b for v in parts[1]], bool)
            broken(both, link.columns[1], f"not {b} where {link.columns[0]} is {a}")


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, (float, np.floating)) or isinstance(b, (float, np.floating)):
        return bool(abs(float(a) - float(b)) <= FAR * max(abs(float(a)), abs(float(b))))
    return bool(a == b)
