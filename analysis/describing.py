"""What people say of columns: a description, a unit, an order of levels, an expected direction; from a YAML file or a mapping."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from modelglass.analysis.columns import Column
from modelglass.analysis.errors import InputError, listed, nearest, unknown_name
from modelglass.analysis.yaml_file import check_mapping, described, place, read_yaml

KEYS = ("description", "unit", "level_order", "expected")
"""Keys for a column, and the fields of ``Column`` that hold them."""
EXPECTED = ("rising", "falling")
_MEANT = {
    **dict.fromkeys(("up", "increasing", "increase", "rise", "rises", "positive", "+", "1"), "rising"),
    **dict.fromkeys(("down", "decreasing", "decrease", "fall", "falls", "negative", "-", "-1"), "falling"),
}
LONGEST = 2_000
"""Letters of a description."""

Given = str | Path | Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Described:
    """What a person said of one column; empty where nothing was said.

    description     what it means; unit: of its numbers, for axes
    level_order     levels in their order, as texts
    expected        "rising" or "falling": how the answer should go with the column; "": nothing is expected
    """

    description: str = ""
    unit: str = ""
    level_order: tuple[str, ...] = ()
    expected: str = ""


def read_columns(path: str | Path) -> dict[str, Described]:
    """Read descriptions of columns from a YAML file.

    For each column ``description``, ``unit``, ``level_order`` and ``expected`` (whether the answer should be rising or falling with the
    column), all optional; a text alone is the description::

        age: {description: Age at application, unit: years, expected: rising}
        education: {level_order: [primary, secondary, tertiary]}
        postcode: Of the main residence

    Raises
    ------
    InputError
        The file is missing, broken, hostile or too large; an unknown key (named with file, line and the nearest key); a value of
        the wrong shape.
    """
    name = Path(path).name
    value, lines = read_yaml(path)
    found = {}
    for column, said in check_mapping(value, name, lines, what="column: description").items():
        where = place(name, lines, column)
        if isinstance(said, dict):
            for key in said:
                _check_key(key, place(name, lines, column, key), column)
        elif not isinstance(said, str):
            raise InputError(
                f"Expected a text, or {', '.join(KEYS)}, for the column {column!r} ({where}).",
                f"Got {described(said)}.",
            )
        found[column] = _checked(column, said, where, place(name, lines, column, "expected"))
    return found


def _check_key(key: str, where: str, column: str) -> None:
    if key not in KEYS:
        close = ["level_order"] if key in ("levels", "order") else nearest(key, KEYS)
        raise InputError(
            f"Expected {', '.join(KEYS)} for the column {column!r} ({where}).",
            f"Got the key {key!r}.",
            f"Did you mean {close[0]!r}?" if close else "Remove it.",
        )


def _checked(column: str, said: str | Mapping[str, Any], where: str, direction: str = "") -> Described:
    if isinstance(said, str):
        said = {"description": said}
    order = said.get("level_order") or ()
    if isinstance(order, (str, Mapping)) or not isinstance(order, Iterable):
        raise InputError(
            f"Expected a list as level_order of {column!r}, such as [low, middle, high] ({where}).",
            f"Got {described(order)}.",
        )
    levels = tuple(order)
    if any(v is None or isinstance(v, (list, dict)) for v in levels):
        raise InputError(
            f"Expected plain levels in level_order of {column!r} ({where}).", f"Got {listed(map(described, levels))}."
        )
    levels = tuple(level_text(v) for v in levels)
    twice = [v for i, v in enumerate(levels) if v in levels[:i]]
    if twice:
        raise InputError(
            f"Expected each level once in level_order of {column!r} ({where}).", f"{twice[0]!r} stands twice."
        )
    return Described(
        description=_text(column, said, "description", where),
        unit=_text(column, said, "unit", where),
        level_order=levels,
        expected=_expected(column, said.get("expected"), direction or where),
    )


def _expected(column: str, value: Any, where: str) -> str:
    if value is None or value in EXPECTED:
        return value or ""
    text = str(value).strip().lower()
    close = [text] if text in EXPECTED else [_MEANT[text]] if text in _MEANT else nearest(text, EXPECTED)
    raise InputError(
        f"Expected {' or '.join(EXPECTED)} as expected of {column!r} ({where}).",
        f"Got {described(value)}.",
        f"Did you mean {close[0]!r}?"
        if close
        else "Say how the answer should go with the column, or take the line out.",
    )


def _text(column: str, said: Mapping[str, Any], key: str, where: str) -> str:
    value = said.get(key)
    if isinstance(value, (list, dict)):
        raise InputError(f"Expected one text as {key} of {column!r} ({where}).", f"Got {described(value)}.")
    text = "" if value is None else " ".join(level_text(value).split())
    if len(text) > LONGEST:
        raise InputError(
            f"Expected at most {LONGEST:,} letters as {key} of {column!r} ({where}).", f"Got {len(text):,}."
        )
    return text


def descriptions(given: Given) -> dict[str, Described]:
    """Take descriptions as a path of a YAML file or as a mapping of column to text, mapping or ``Described``."""
    if given is None:
        return {}
    if isinstance(given, (str, Path)):
        return read_columns(given)
    if not isinstance(given, Mapping):
        raise InputError(
            "Expected columns as the path of a YAML file or a mapping of column to description.",
            f"Got {type(given).__name__}.",
        )
    found = {}
    for column, said in given.items():
        where, name = "the mapping given as columns", str(column)
        if isinstance(said, Described):
            found[name] = said
        elif isinstance(said, (Mapping, str)):
            for key in said if isinstance(said, Mapping) else ():
                _check_key(str(key), where, name)
            found[name] = _checked(name, said, where)
        else:
            raise InputError(f"Expected a text or a mapping for {name!r} ({where}).", f"Got {said!r}.")
    return found


def describe(
    columns: Mapping[str, Column],
    frame: pd.DataFrame,
    given: Given,
    known: Collection[str] | None = None,
) -> dict[str, Column]:
    """Put what people said onto the columns.

    Parameters
    ----------
    columns : mapping of name to Column
    frame : DataFrame
        Holds these columns; levels are looked up in it.
    given : path, mapping or None
    known : collection of str, optional
        Columns that may be described though they are not among ``columns`` (ignored ones).

    Raises
    ------
    InputError
        A column that the data lack; an order of levels none of which occurs, or of a column that has no levels; an
        expected direction of a column whose values have no order.
    """
    said = descriptions(given)
    known = {*columns, *(known or ())}
    for name in said:
        if name not in known:
            where = f" described in {Path(given).name}" if isinstance(given, (str, Path)) else " described"
            raise unknown_name(f"column{where}", name, sorted(known))
    done = dict(columns)
    for name, about in said.items():
        if name in columns:
            done[name] = _put(columns[name], frame[name], about)
    return done


def _put(column: Column, series: pd.Series, about: Described) -> Column:
    note = column.note
    _check_direction(column, series, about)
    if about.level_order:
        if column.kind not in ("categorical", "boolean"):
            raise InputError(
                f"Expected level_order only for a column of categories; {column.name!r} is {column.kind}.",
                f"Got {listed(about.level_order, 6)}.",
                f"Leave it out, or take the column as categories with --type {column.name}=categorical.",
            )
        levels = level_texts(series)
        absent = [v for v in about.level_order if v not in levels]
        if len(absent) == len(about.level_order):
            raise InputError(
                f"Expected level_order of {column.name!r} to name its levels: {listed(levels, 8)}.",
                f"Got {listed(about.level_order, 8)}, none of which occurs.",
                "Write the levels as they stand in the data.",
            )
        if absent:
            note = f"{note} Ordered levels that do not occur: {listed(absent, 8)}.".strip()
    return replace(as_said(column, about), note=note)


def as_said(column: Column, by: Column | Described) -> Column:
    """Give a column with what a person said of it, taken from where it stands."""
    return replace(column, **{key: getattr(by, key) for key in KEYS})


def _check_direction(column: Column, series: pd.Series, about: Described) -> None:
    """Refuse an expected direction of a column whose values have no order."""
    _expected(column.name, about.expected or None, "as given")
    if about.expected and not about.level_order and not has_order(column, series):
        raise InputError(
            f"Expected {about.expected!r} only for a column whose values have an order: numbers, dates, yes and no, levels with a level_order.",
            f"{column.name!r} is {column.kind}.",
            "Give its levels an order with level_order, or take the line out.",
        )


def has_order(column: Column, series: pd.Series) -> bool:
    """Tell whether a column's values have an order: numbers, dates, false and true, levels put in one by a person or by their dtype."""
    kept = isinstance(series.dtype, pd.CategoricalDtype) and series.dtype.ordered
    return bool(column.kind in ("numeric", "datetime", "boolean") or column.level_order or kept)


def said_of(columns: Mapping[str, Column]) -> dict[str, dict[str, str]]:
    """Give description, unit and expected direction of the columns of which something was said, as ``Source.columns`` holds them."""
    texts = {
        c.name: {key: text for key in ("description", "unit", "expected") if (text := getattr(c, key))}
        for c in columns.values()
    }
    return {name: said for name, said in texts.items() if said}


def level_text(value: Any) -> str:
    """Write a level as people write it in a level order: whole numbers without ".0", true and false as Python does.

    >>> level_text(3.0), level_text(True), level_text("a")
    ('3', 'True', 'a')
    """
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return str(value)


def level_texts(series: pd.Series) -> list[str]:
    """Give the levels that occur, as texts; true and false also in small letters."""
    found = [level_text(v) for v in pd.unique(series.dropna())]
    return [*found, *(v.lower() for v in found if v in ("True", "False"))]


def in_given_order(levels: Sequence[Any], order: Sequence[str]) -> list[int] | None:
    """Give the places of levels, those named in the order first and in that order, the others as they stand; None without one."""
    if not order:
        return None
    rank = {text: i for i, text in enumerate(order)}
    rank |= {text.capitalize(): i for text, i in list(rank.items()) if text in ("true", "false")}
    return sorted(range(len(levels)), key=lambda i: rank.get(level_text(levels[i]), len(rank)))
