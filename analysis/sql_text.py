"""SQL as text: what conditions may hold, and how names and values are written so that SQL reads exactly them."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

LONGEST = 100_000
"""Characters a condition may have."""

_FUNCTION_WORDS = (
    # operators, as the parser names them
    "+ - * / // % ^ ** || ~~ !~~ ~~* !~~* ~~~ ~ !~ ~* !~* @ & | << >> ^@ like_escape not_like_escape ilike_escape not_ilike_escape "
    # numbers
    "abs round floor ceil ceiling trunc sign mod ln log log2 log10 exp sqrt pow power add subtract multiply divide "
    "least greatest isnan isinf isfinite "
    # missing values
    "coalesce nullif ifnull if "
    # texts
    "lower upper lcase ucase length len strlen trim ltrim rtrim substr substring left right starts_with prefix ends_with suffix "
    "contains regexp_matches regexp_full_match replace concat reverse strip_accents ascii chr strpos position instr "
    # dates
    "year month day hour minute second millisecond microsecond dayofweek isodow weekday dayofmonth dayofyear quarter week "
    "weekofyear isoyear yearweek decade century date_part datepart date_trunc datetrunc date_diff datediff date_sub datesub "
    "dayname monthname last_day make_date make_timestamp epoch epoch_ms epoch_us to_years to_quarters to_months to_weeks "
    "to_days to_hours to_minutes to_seconds to_milliseconds to_microseconds"
)
FUNCTIONS: frozenset[str] = frozenset(_FUNCTION_WORDS.split())
"""Deterministic functions of single values. Whatever is not here is refused."""

_TYPE_WORDS = (
    "boolean bool logical tinyint int1 smallint int2 short integer int int4 signed bigint int8 long hugeint utinyint usmallint "
    "uinteger ubigint uhugeint uint8 uint16 uint32 uint64 int16 int32 int64 float float4 real double float8 decimal numeric dec "
    "varchar text string char bpchar nvarchar date time timestamp datetime timestamp_s timestamp_ms timestamp_us timestamp_ns interval"
)
TYPES: frozenset[str] = frozenset(_TYPE_WORDS.split()) | {
    "timestamp without time zone",
    "time without time zone",
    "double precision",
}
"""Types that CAST may name."""

CLASSES = frozenset(
    {"CONJUNCTION", "COMPARISON", "BETWEEN", "OPERATOR", "FUNCTION", "CASE", "CAST", "CONSTANT", "COLUMN_REF", "TYPE"}
)
OPERATORS = frozenset(
    {
        "OPERATOR_NOT",
        "OPERATOR_IS_NULL",
        "OPERATOR_IS_NOT_NULL",
        "COMPARE_IN",
        "COMPARE_NOT_IN",
        "OPERATOR_COALESCE",
        "OPERATOR_NULLIF",
    }
)
SCHEMAS = frozenset(
    {None, "", "main", "pg_catalog", "system"}
)  # where DuckDB's own functions live; the parser names some
REASONS = {
    "SUBQUERY": "a subquery",
    "WINDOW": "a window function",
    "PARAMETER": "a parameter",
    "LAMBDA": "a lambda or an arrow",
    "STAR": "a star",
    "COLLATE": "a collation",
    "POSITIONAL_REFERENCE": "a column by position",
    "DEFAULT": "a default",
    "LAMBDA_REF": "a lambda",
    "ARROW": "an arrow",
}
BARE = "SELECT * FROM data WHERE "
WRAPPED = "SELECT * FROM data WHERE (\n{}\n)"


def quote_name(name: object) -> str:
    """Write a column name so that SQL reads exactly that name.

    >>> quote_name('pm2.5')
    '"pm2.5"'
    """
    return '"' + str(name).replace('"', '""') + '"'


def columns_in(where: str, names: Iterable[str]) -> tuple[str, ...]:
    """Give the columns that a condition made here names: those that stand in it as they are quoted."""
    return tuple(name for name in names if quote_name(name) in where)


def literal(value: Any) -> str:
    """Write a value so that SQL reads exactly that value; None, NaT and NA become NULL.

    >>> literal("it's"), literal(0.1), literal(2**60), literal(pd.Timestamp("2024-05-01"))
    ("'it''s'", '0.1', '1152921504606846976', "TIMESTAMP '2024-05-01 00:00:00'")
    """
    if value is None or value is pd.NaT or value is pd.NA:
        return "NULL"
    if isinstance(value, (bool, np.bool_)):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return _float(float(value))
    if isinstance(value, decimal.Decimal):
        return _float(float(value))
    if isinstance(value, (dt.date, np.datetime64)):
        stamp = pd.Timestamp(value)
        if stamp is pd.NaT:
            return "NULL"
        kind = "TIMESTAMP_NS" if stamp.nanosecond else "TIMESTAMP"
        return f"{kind} '{stamp.tz_localize(None)}'"
    parts = ["'" + part.replace("'", "''") + "'" for part in str(value).split("\x00")]
    return parts[0] if len(parts) == 1 else "(" + " || chr(0) || ".join(parts) + ")"


def _float(value: float) -> str:
    if not math.isfinite(value):
        return f"CAST('{value}' AS DOUBLE)"
    text = repr(value)
    digits = len(text.replace("-", "").replace(".", "").lstrip("0"))
    return text if "e" in text or digits <= 15 else text + "e0"  # plain decimals are exact up to 15 digits only


def first_line(error: BaseException) -> str:
    """Give the first line of what DuckDB says, shortened."""
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return re.sub(r"\s+", " ", lines[0].strip())[:200]


def shown(sql: str) -> str:
    """Write a condition for a message: on one line, shortened."""
    flat = re.sub(r"\s+", " ", sql.strip())
    return flat if len(flat) <= 120 else flat[:117] + "..."
