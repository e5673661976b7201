"""Conditions in SQL: one expression, parsed, checked against an allow-list, and run by DuckDB in a locked room."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.columns import Column, as_datetime, plain
from modelglass.analysis.errors import InputError, MachineError, listed, nearest
from modelglass.analysis.sql_text import (
    BARE,
    CLASSES,
    FUNCTIONS,
    LONGEST,
    OPERATORS,
    REASONS,
    SCHEMAS,
    TYPES,
    WRAPPED,
    first_line,
    literal,
    quote_name,
    shown,
)

__all__ = ["FUNCTIONS", "LONGEST", "TYPES", "Conditions", "as_arrow", "literal", "quote_name"]
_DEPTH = "expression depth"
"""What DuckDB's error of too deep a condition holds; its advice is a setting that nobody can change here."""
MOST_KEPT = 64
"""Conditions that are not read anew."""


class Conditions:
    """Runs conditions on the rows of one frame.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
    columns : mapping of column name to Column, optional
        Columns of kind datetime that hold text are read as times; all others are taken as they are.
    beside : sequence of str
        Further names that conditions may use; ``mask`` is given a function that makes their values.
    absent : mapping of name to reason
        Names that have no values here, and why not: for the error of a condition that uses them.

    Raises
    ------
    InputError
        Column names that are the same but for upper and lower case: SQL cannot tell them apart.

    Notes
    -----
    A floating NaN is NULL. A time with a zone keeps its wall time and drops the zone. Decimals and float32 are compared as
    float64, durations as seconds. Columns of values that are no scalars are left out. Columns are converted when first named.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        columns: Mapping[str, Column] | None = None,
        *,
        beside: Sequence[str] = (),
        absent: Mapping[str, str] | None = None,
    ):
        self._frame, self._absent = frame, dict(absent or {})
        self._times = {name for name, c in (columns or {}).items() if c.kind == "datetime"}
        self._names: dict[str, Any] = {}
        for name in frame.columns:
            twin = self._names.setdefault(str(name).lower(), name)
            if twin != name:
                raise InputError(
                    "Expected column names that differ by more than upper and lower case, because SQL does not see case.",
                    f"Got {str(twin)!r} and {str(name)!r}.",
                    "Rename one of them.",
                )
        self._beside = {name.lower(): name for name in beside if name.lower() not in self._names}
        self._names |= self._beside
        self._arrays: dict[Any, Any] = {}
        self._read: dict[str, list[Any]] = {}

    def reads(self, sql: str) -> list[Any]:
        """Give the columns that a condition names; errors as of ``mask``."""
        if not isinstance(sql, str) or sql not in self._read:
            if len(self._read) >= MOST_KEPT:
                self._read.pop(next(iter(self._read)), None)
            self._read[sql] = self._check(sql)
        return self._read[sql]

    def mask(self, sql: str, beside: Callable[[str], Any] | None = None) -> np.ndarray:
        """Give a boolean array of shape (n_rows,): where the condition is true (NULL counts as false).

        Parameters
        ----------
        sql : str
        beside : callable, optional
            Gives the values of a name in ``beside`` as an Arrow array.

        Raises
        ------
        InputError
            Not one condition, broken SQL, something that is not allowed, an unknown column, or a value that cannot be converted.
        """
        import duckdb

        table = self._table(self.reads(sql), beside)
        cursor = _room(os.getpid()).cursor()
        try:
            cursor.register("data", table)
            got = cursor.execute(f"SELECT (\n{sql}\n) AS keep FROM data").fetchnumpy()["keep"]
        except duckdb.OutOfMemoryException as error:
            raise MachineError(f"The condition took more memory than there is: {first_line(error)}") from error
        except duckdb.Error as error:
            todo = "Compare like with like: texts in single quotes, numbers without; CAST or TRY_CAST converts."
            raise _failed(f"Expected a condition that DuckDB can run: {shown(sql)}", error, todo, sql) from error
        finally:
            cursor.close()
        if got.dtype != np.bool_:
            raise InputError(
                "Expected a condition that is true or false for each row.",
                f"Got a value: {shown(sql)}",
                "Compare it with something, for example: age < 30.",
            )
        return np.ascontiguousarray(np.ma.filled(got, False))

    def count(self, sql: str) -> int:
        """Count the rows where the condition is true."""
        return int(self.mask(sql).sum())

    def _check(self, sql: str) -> list[Any]:
        """Check the text and its tree; give the columns it names."""
        if not isinstance(sql, str) or not sql.strip():
            raise InputError(
                "Expected a condition in SQL, for example: sex = 'Female' AND age < 30.",
                "Got nothing." if sql is None or isinstance(sql, str) else f"Got {type(sql).__name__}.",
            )
        if len(sql) > LONGEST or "\x00" in sql:
            raise InputError(
                f"Expected a condition of at most {LONGEST:,} characters, none of them NUL.",
                f"Got {len(sql):,} characters.",
                "Shorten it.",
            )
        used: dict[Any, None] = {}
        for node in _nodes(_parse(_room(os.getpid()), sql, self._names)):
            kind = node["class"]
            if kind not in CLASSES or (kind == "OPERATOR" and node["type"] not in OPERATORS):
                raise _refused(REASONS.get(kind, f"{str(node.get('type', kind)).lower().replace('_', ' ')}"), sql)
            if kind == "FUNCTION":
                _check_function(node, sql)
            elif kind in ("CAST", "TYPE"):
                _check_type(node, sql)
            elif kind == "COLUMN_REF":
                used[self._column(node["column_names"])] = None
        return list(used)

    def _column(self, path: list[str]) -> Any:
        name = path[-1] if len(path) == 1 or (len(path) == 2 and path[0].lower() == "data") else ".".join(path)
        known = self._names.get(name.lower())
        if known is not None and len(path) <= 2 and (len(path) == 1 or path[0].lower() == "data"):
            return known
        if known is not None:
            raise InputError(
                "Expected a column name.",
                f"Got {name}, which SQL reads as a field of {path[0]}.",
                f"Write it in double quotes: {quote_name(known)}.",
            )
        if name.lower() in self._absent:
            raise InputError(
                f"Expected a column that is there: {listed(self._names.values(), 12)}.",
                f"There is no {name}, because {self._absent[name.lower()]}.",
            )
        close = nearest(name, [str(n) for n in self._names.values()])
        raise InputError(
            f"Expected a column: {listed(self._frame.columns, 12)}.",
            f"Got {name!r}, which is none of them.",
            f"Did you mean {close[0]!r}?"
            if close
            else f"If {name!r} is a text, write it in single quotes: {literal(name)}.",
        )

    def _table(self, used: list[Any], beside: Callable[[str], Any] | None) -> Any:
        import pyarrow as pa

        arrays = {
            str(name): beside(name) if beside and name in self._beside.values() else self._array(name) for name in used
        }
        if not arrays:
            arrays = {"": pa.nulls(len(self._frame), pa.bool_())}
        return pa.table(arrays)

    def _array(self, name: Any) -> Any:
        if name not in self._arrays:
            series = self._frame[name]
            self._arrays[name] = as_arrow(as_datetime(series) if str(name) in self._times else plain(series), str(name))
        return self._arrays[name]


def as_arrow(values: pd.Series | None, name: str) -> Any:
    """Turn a plain column into an Arrow array; NaN is null."""
    import pyarrow as pa

    try:
        if values is None:
            raise TypeError("not plain values")
        if isinstance(values.dtype, pd.CategoricalDtype):
            levels = as_arrow(pd.Series(values.cat.categories), name)
            codes = values.cat.codes.to_numpy()
            return levels.take(pa.array(codes.astype(np.int64), mask=codes < 0))
        array = pa.array(values, from_pandas=True)
        if pa.types.is_timestamp(array.type):
            try:
                return array.cast(pa.timestamp("us"))
            except pa.ArrowInvalid:  # finer than a microsecond, or out of its range
                return array
        return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    except (TypeError, ValueError, UnicodeError, OverflowError) as error:
        raise InputError(
            "Expected a column of plain values (numbers, texts, dates) in a condition.",
            f"The column {name!r} holds other values ({str(error)[:80]}).",
            "Leave it out of the condition.",
        ) from error


@cache
def _room(process: int) -> Any:
    """Open DuckDB once in each process, with files, network, extensions and settings locked; calls take a cursor each."""
    import duckdb

    connection = duckdb.connect(
        ":memory:",
        config={
            "enable_external_access": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "python_enable_replacements": "false",
        },
    )
    connection.execute("SET lock_configuration = true")
    return connection


def _serialized(cursor: Any, *queries: str) -> list[dict[str, Any]]:
    """Give the tree of each query, or what is wrong with it; asked for together, as a question costs more than its answer."""
    asked = "SELECT " + ", ".join(["json_serialize_sql(?)"] * len(queries))
    return [json.loads(text) for text in cursor.execute(asked, list(queries)).fetchone()]


@cache
def _template(process: int) -> Any:
    """What stands around a condition in parentheses: always the same, so read once."""
    tree = _serialized(_room(process).cursor(), WRAPPED.format("TRUE"))[0]
    return {k: v for k, v in _without_places(tree["statements"][0]["node"]).items() if k != "where_clause"}


def _parse(connection: Any, sql: str, names: Mapping[str, Any]) -> dict[str, Any]:
    """Parse the text alone and in parentheses; only one expression passes both, and is all there is.

    ``a) OR (b`` passes only within parentheses; ``a LIMIT 3``, ``a UNION ...`` and ``a; b`` only without.
    """
    try:
        return _one_condition(connection, sql, names)
    except RecursionError:
        raise _too_deep(sql) from None


def _one_condition(connection: Any, sql: str, names: Mapping[str, Any]) -> dict[str, Any]:
    import duckdb

    try:
        with connection.cursor() as cursor:
            bare, wrapped = _serialized(cursor, BARE + sql, WRAPPED.format(sql))
    except duckdb.Error as error:
        raise _failed(f"Expected a condition in SQL, not: {shown(sql)}", error, "Mend it there.", sql) from error
    if bare["error"]:
        raise _broken(sql, bare, names)
    if wrapped["error"] or len(bare["statements"]) != 1 or len(wrapped["statements"]) != 1:
        raise _not_one(sql)
    nodes = [_without_places(parsed["statements"][0]["node"]) for parsed in (bare, wrapped)]
    wheres = [node.pop("where_clause", None) for node in nodes]
    if any(node != _template(os.getpid()) for node in nodes) or wheres[0] != wheres[1] or wheres[0] is None:
        raise _not_one(sql)
    return wheres[0]


def _without_places(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {k: _without_places(v) for k, v in tree.items() if k not in ("query_location", "query_location_length")}
    return [_without_places(v) for v in tree] if isinstance(tree, list) else tree


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Give every expression of the tree, whatever holds it."""
    todo = [tree]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            if "class" in item:
                yield item
            todo.extend(item.values())
        elif isinstance(item, list):
            todo.extend(item)


def _check_function(node: Mapping[str, Any], sql: str) -> None:
    name = node["function_name"].lower()
    if name not in FUNCTIONS or node.get("schema") not in SCHEMAS or node.get("catalog") not in SCHEMAS:
        close = nearest(name, [f for f in FUNCTIONS if f.isidentifier()])
        raise _refused(f"the function {name!r}", sql, f"Did you mean {close[0]}?" if close else "")
    if (
        node.get("filter")
        or node.get("distinct")
        or node["order_bys"]["orders"]
        or any(a["name"] for a in node.get("arguments", []))
    ):
        raise _refused(f"{name} with FILTER, DISTINCT, ORDER BY or named arguments", sql)
    if name == "replace":
        _check_replace(node, sql)


def _check_replace(node: Mapping[str, Any], sql: str) -> None:
    """Allow only replacements that do not lengthen: nested ones could fill the memory."""
    arguments = node["children"] if "children" in node else [a["expression"] for a in node["arguments"]]
    texts = [(a.get("literal") or {}).get("text", (a.get("value") or {}).get("value")) for a in arguments[1:]]
    if len(texts) != 2 or not all(isinstance(t, str) for t in texts) or len(str(texts[1])) > len(str(texts[0])):
        raise _refused("replace with anything but two written texts, the second no longer than the first", sql)


def _check_type(node: Mapping[str, Any], sql: str) -> None:
    name = node.get("type_name") if node["class"] == "TYPE" else (node.get("cast_type") or {}).get("id")
    if name is not None and name.lower() not in TYPES:
        raise _refused(f"the type {name.lower()!r}", sql)
    if name is None and not isinstance(node.get("type_expr"), dict):
        raise _refused("this cast", sql)


def _refused(what: str, sql: str, todo: str = "") -> InputError:
    return InputError(
        "Expected a condition on single rows made of columns, values, comparisons, AND, OR, NOT, IN, LIKE, CASE and plain functions.",
        f"Got {what}, which is not allowed, in: {shown(sql)}",
        todo or "Write it without.",
    )


def _failed(expected: str, error: BaseException, todo: str, sql: str) -> InputError:
    return _too_deep(sql) if _DEPTH in str(error) else InputError(expected, f"DuckDB says: {first_line(error)}", todo)


def _too_deep(sql: str) -> InputError:
    todo = "Leave out brackets, or write several values of one column as IN (...)."
    return InputError(
        "Expected a condition that is not nested this deep.", f"It is nested too deep: {shown(sql)}", todo
    )


def _not_one(sql: str) -> InputError:
    return InputError(
        "Expected one condition and nothing after it, for example: sex = 'Female' AND age < 30.",
        f"Got: {shown(sql)}",
        "Leave out semicolons, ORDER BY, LIMIT, UNION and the like, and close every bracket.",
    )


def _broken(sql: str, parsed: Mapping[str, Any], names: Mapping[str, Any]) -> InputError:
    said = str(parsed.get("error_message", "it cannot be read")).strip().splitlines()[0][:200].rstrip(".")
    if _DEPTH in said:
        return _too_deep(sql)
    if said.startswith("Only SELECT"):  # of several statements, one is of another kind
        return _not_one(sql)
    found = re.search(r'at or near "(.*)"', said)
    near = found[1] if found else ""
    todo = "Texts are written in single quotes, names with spaces or signs in double quotes."
    odd = [
        str(n)
        for n in names.values()
        if str(n) in sql
        and quote_name(n) not in sql
        and (not re.fullmatch(r"[^\W\d]\w*", str(n)) or near.lower() == str(n).lower())
    ]
    if odd:
        todo = f"Write the name in double quotes: {quote_name(odd[0])}."
    return InputError(
        "Expected a condition in SQL, for example: sex = 'Female' AND age < 30.",
        f"DuckDB says: {said}{_place(sql, str(parsed.get('position', '')), near)}.",
        todo,
    )


def _place(sql: str, position: str, near: str) -> str:
    """Say at which character of the person's text the parser stopped; versions of DuckDB count bytes or characters."""
    if not position.isdigit():
        return ""
    at = max(int(position) - len(BARE), 0)
    places = [len(sql.encode()[:at].decode(errors="ignore")), at]
    return f" (character {min(next((p for p in places if near and sql.startswith(near, p)), places[0]) + 1, len(sql))})"
