"""Conditions: what they select, and the many that are refused."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelglass.analysis.columns import infer_columns
from modelglass.analysis.conditions import FUNCTIONS, Conditions, literal, quote_name
from modelglass.analysis.errors import AnalysisError, InputError

FRAME = pd.DataFrame(
    {
        "age": [20, 35, 50, 65],
        "sex": ["Female", "Male", "Female", None],
        "pm2.5": [1.5, np.nan, -0.0, np.inf],
        "when": pd.to_datetime(["2024-01-31", "2024-02-01 12:00", None, "2023-12-31 23:59:59.5"], format="ISO8601"),
        "flag": pd.array([True, False, None, True], dtype="boolean"),
        'a "b"': pd.Categorical(["x", "y", None, "x"]),
        "big": [2**53, 2**53 + 1, -(2**63), 2**63 - 1],
        "list": [[1], [2], [3], [4]],
    }
)


@pytest.fixture(scope="module")
def conditions():
    return Conditions(FRAME)


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("age < 40", [0, 1]),
        ("AGE < 40", [0, 1]),
        ("sex = 'Female' AND age < 30", [0]),
        ("NOT sex = 'Female'", [1]),  # a missing sex is neither
        ("sex IS NULL", [3]),
        ("sex IS DISTINCT FROM 'Male'", [0, 2, 3]),
        ("sex IN ('Male', 'x') OR age = 65", [1, 3]),
        ("sex NOT IN ('Male')", [0, 2]),
        ("sex LIKE 'F%' -- a comment", [0, 2]),
        ("sex ILIKE 'f_male' ESCAPE '$'", [0, 2]),
        ("/* words */ age BETWEEN 30 AND 50", [1, 2]),
        ('"pm2.5" IS NULL', [1]),
        ('"pm2.5" = 0', [2]),
        ('isinf("pm2.5")', [3]),
        ("\"pm2.5\" = CAST('inf' AS DOUBLE)", [3]),
        ("flag", [0, 3]),
        ("NOT flag", [1]),
        ('"a ""b""" = \'x\'', [0, 3]),
        ("\"when\" >= '2024-02-01'", [1]),
        ('"when" < TIMESTAMP \'2024-01-31 00:00:01\' AND year("when") = 2024', [0]),
        ('date_part(\'month\', "when") = 12 AND extract(day FROM "when") = 31', [3]),
        ("\"when\" + INTERVAL 1 DAY > DATE '2024-02-02'", [1]),
        ("big = 9007199254740993", [1]),
        ("big = -9223372036854775808 OR big = 9223372036854775807", [2, 3]),
        ("CASE WHEN age > 60 THEN true WHEN sex = 'Male' THEN true ELSE false END", [1, 3]),
        ("CAST(age AS DECIMAL(10, 2)) / 2 > 24.5 AND age::VARCHAR = '50'", [2]),
        ("TRY_CAST(sex AS INTEGER) IS NULL", [0, 1, 2, 3]),
        ("round(ln(age), 2) = 3.00 AND abs(-age) = 20 AND age % 2 = 0", [0]),
        ("substring(lower(sex) FROM 1 FOR 1) = 'f' AND length(trim(sex)) = 6", [0, 2]),
        ("starts_with(sex, 'F') AND regexp_matches(sex, '^F.*e$') AND sex SIMILAR TO '.*ale'", [0, 2]),
        ("replace(sex, 'Fe', '') = 'male' AND concat(sex, 'x') = 'Femalex' AND sex || 'x' = 'Femalex'", [0, 2]),
        ("coalesce(nullif(sex, 'Male'), 'none') = 'none' AND greatest(age, 40) >= 40", [1, 3]),
        ("data.age = 20", [0]),
        ("1 = 1", [0, 1, 2, 3]),
        ("NULL = 1", []),
        ("((((age = 20))))", [0]),
    ],
)
def test_selects(conditions, sql, rows):
    mask = conditions.mask(sql)
    assert mask.dtype == bool
    assert np.flatnonzero(mask).tolist() == rows
    assert conditions.count(sql) == len(rows)


REFUSED = """
age > 1; DROP TABLE data | syntax|SELECT|one condition
age > 1; SELECT 1 | syntax|one condition
age > 1; | one condition
age > 1) OR (1 = 1 | syntax
(age > 1 | syntax|one condition
age > 1)) -- | syntax
age > 1 /* | unterminated|one condition|syntax
age > 1 LIMIT 3 | one condition
age > 1 ORDER BY age | one condition
age > 1 ORDER BY random() | one condition
age > 1 OFFSET 2 | one condition
age > 1 UNION SELECT 1 | one condition
age > 1 UNION ALL SELECT * FROM data | one condition
age > 1 EXCEPT SELECT * FROM data | one condition
age > 1 GROUP BY age | one condition
age > 1 GROUP BY ALL HAVING count(*) > 1 | one condition
age > 1 QUALIFY row_number() OVER () = 1 | one condition
age > 1 USING SAMPLE 1 | one condition
age > 1 WINDOW w AS (ORDER BY age) | one condition
age IN (SELECT 20) | a subquery
EXISTS (SELECT 1) | a subquery
(SELECT true) | a subquery
age = (FROM data SELECT max(age)) | a subquery|syntax
age > ALL (SELECT 3) | a subquery
EXISTS (SELECT * FROM read_csv('/etc/passwd')) | a subquery
EXISTS (SELECT * FROM '/etc/passwd') | a subquery
count(*) > 1 | function 'count_star'
sum(age) > 1 | function 'sum'
max(age) OVER () > 1 | a window function
row_number() OVER (ORDER BY age) = 1 | a window function
random() < 0.5 | function 'random'
uuid() = 'x' | function 'uuid'
now() > TIMESTAMP '2020-01-01' | function 'now'
today() > DATE '2020-01-01' | function 'today'
current_date > DATE '2020-01-01' | current_date
current_timestamp IS NOT NULL | current_timestamp
getenv('HOME') = 'x' | function 'getenv'
current_setting('threads') = '1' | function 'current_setting'
set_config('a', 'b') = 'c' | function 'set_config'
version() = 'x' | function 'version'
current_user = 'x' | current_user|function
read_text('/etc/passwd') = 'x' | function 'read_text'
read_csv('/etc/passwd') IS NULL | function 'read_csv'
nextval('s') = 1 | function 'nextval'
txid_current() = 1 | function 'txid_current'
pg_sleep(10) | function 'pg_sleep'
repeat('x', 1000000000) = 'y' | function 'repeat'
lpad(sex, 1000000000, 'x') = 'y' | function 'lpad'
range(1000000000) IS NULL | function 'range'
unnest([true, false]) | function 'unnest'
list_contains([1], age) | function 'list_contains'
error('boom') | function 'error'
hash(age) = 1 | function 'hash'
replace(replace(sex, 'e', 'eeee'), 'e', 'eeee') = 'x' | no longer than
replace(sex, 'e', concat('a', sex)) = 'x' | no longer than
other.lower(sex) = 'x' | function 'lower'
main.random() < 1 | function 'random'
pg_catalog.pg_sleep(1) | function 'pg_sleep'
age > ? | a parameter
age > $1 | a parameter
age > $age | a parameter
#1 > 3 | column by position|syntax
COLUMNS('age') > 3 | a star
COLUMNS(*) IS NULL | a star|function
* | syntax|a star
sex COLLATE NOCASE = 'female' | a collation
[x FOR x IN [1] IF x > 1] = [1] | not allowed
age[1] = 1 | array extract
{'a': age} = {'a': 20} | not allowed
MAP {'a': 1} IS NULL | not allowed|syntax
(x -> x > 1) IS NULL | not allowed
row(age, 1) = row(20, 1) | function 'row'
(age, 1) = (20, 1) | function 'row'
age, sex | one condition|syntax
CAST(age AS INTEGER[]) IS NULL | type 'list'
CAST(sex AS JSON) IS NULL | type 'json'|type 'user'
CAST("when" AS TIMESTAMPTZ) IS NULL | type 'time
age::BLOB IS NULL | type 'b
age AS x | syntax|one condition
DEFAULT | syntax|not allowed|Expected a column
rowid = 1 | 'rowid'
agee = 1 | Did you mean 'age'
sex = "Male" | in single quotes: 'Male'
other.age = 1 | 'other.age'
data.age.x = 1 | 'data.age.x'
pm2.5 > 1 | Write the name in double quotes: "pm2.5"
"pm2"."5" > 1 | double quotes: "pm2.5"
age | true or false
NULL | true or false
'true' | true or false
age + 1 | true or false
age = 'old' | Could not convert
CAST(sex AS INTEGER) = 1 | Could not convert
sex > 3 | .
age = | syntax error
age == = 3 | syntax error|not allowed
list = 1 | holds other values
SELECT true | syntax|one condition
PRAGMA version | syntax|one condition
ATTACH 'x.db' | syntax|one condition|the type
when > DATE '2024-01-01' | Write the name in double quotes: "when"
COPY data TO '/tmp/x' | syntax|one condition
SET threads = 1 | syntax|one condition
"""


@pytest.mark.parametrize(
    ("sql", "said"), [tuple(part.strip() for part in line.split(" | ")) for line in REFUSED.strip().splitlines()]
)
def test_refused(conditions, sql, said):
    with pytest.raises(InputError, match=said) as error:
        conditions.mask(sql)
    lines = str(error.value).splitlines()
    assert 2 <= len(lines) <= 4
    assert max(map(len, lines)) < 420


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "   ",
        "-- only words",
        None,
        3,
        "age > 1 \x00",
        "1" + "+1" * 20_000 + " > 0",
        "NOT " * 5_000 + "true",
        "sex = '" + "x" * 200_000 + "'",
        "CASE WHEN true THEN " * 900 + "true" + " ELSE false END" * 900,
    ],
)
def test_empty_deep_and_long_are_refused(conditions, sql):
    with pytest.raises(InputError):
        conditions.mask(sql)


@pytest.mark.parametrize("sql", ["(" * 2000 + "age > 1" + ")" * 2000, "NOT " * 2000 + "age > 1", "abs(" * 600 + "age" + ")" * 600 + " > 1", "age" + " + 1" * 3000 + " > 2"])  # fmt: skip
def test_too_deep_conditions_are_refused_without_advice_that_nobody_can_follow(conditions, sql):
    with pytest.raises(InputError, match="nested too deep") as refused:
        conditions.mask(sql)
    assert "max_expression_depth" not in str(refused.value)
    assert "SET" not in str(refused.value)


def test_deep_brackets_end_in_a_mask_or_a_refusal(conditions):
    for depth in (100, 500, 5_000, 40_000):
        try:
            assert conditions.count("(" * depth + "age = 20" + ")" * depth) == 1
        except InputError:
            assert depth > 100


def test_a_place_is_said_in_characters():
    with pytest.raises(InputError, match=r"\(character 13\)"):
        Conditions(pd.DataFrame({"é": ["é"]})).mask("é = 'é' AND bad bad".replace("bad bad", ") x"))


def test_nothing_outside_can_be_reached(tmp_path):
    """Even past the checks, the room itself is locked."""
    import duckdb

    from modelglass.analysis.conditions import _room

    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    local = pd.DataFrame({"a": [1]})
    assert len(local) == 1
    room = _room(0)
    for query in (
        f"SELECT * FROM '{secret}'",
        f"COPY (SELECT 1) TO '{tmp_path / 'out'}'",
        "SET threads = 1",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "LOAD httpfs",
        f"ATTACH '{tmp_path / 'x.db'}'",
        "SELECT * FROM local",
    ):
        with pytest.raises(duckdb.Error):
            room.cursor().execute(query).fetchall()
    assert not (tmp_path / "out").exists()


def test_every_allowed_function_is_deterministic_and_on_single_rows():
    import duckdb

    columns = "function_name, function_type, stability, parameter_types"
    rows = duckdb.connect().execute(f"SELECT {columns} FROM duckdb_functions()").fetchall()
    checked = 0
    for name, kind, stability, takes in rows:
        if name in FUNCTIONS and kind in ("scalar", "aggregate", "table"):
            assert kind != "aggregate", name
            if any("WITH TIME ZONE" in t or "TIMESTAMPTZ" in t for t in takes):
                continue  # these read the zone of the session; no column has a zone (next test) and no cast may make one
            assert stability in (None, "CONSISTENT"), (name, stability)
            checked += 1
    assert checked > 100


def test_a_zone_is_never_made_by_a_cast_or_kept_by_a_column():
    times = pd.DataFrame({"t": pd.to_datetime(["2024-07-01 12:00"]).tz_localize("Asia/Tokyo")})
    assert Conditions(times).mask("hour(t) = 12").tolist() == [True]
    for cast in ("CAST(t AS TIMESTAMP WITH TIME ZONE)", "t::TIMESTAMPTZ"):
        with pytest.raises(InputError):
            Conditions(times).mask(f"hour({cast}) = 12")


def test_names_that_differ_in_case_only_are_refused():
    with pytest.raises(InputError, match="'Age' and 'age'"):
        Conditions(pd.DataFrame({"Age": [1], "age": [2]}))


def test_order_and_length_hold_for_many_rows():
    n = 700_001
    frame = pd.DataFrame({"x": np.random.default_rng(0).permutation(n)})
    np.testing.assert_array_equal(Conditions(frame).mask("x % 7 = 3"), frame["x"].to_numpy() % 7 == 3)


def test_calls_from_many_threads_do_not_mix():
    frames = [pd.DataFrame({"x": np.arange(5_000) + k}) for k in range(8)]
    rooms = [Conditions(f) for f in frames]
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda k: rooms[k % 8].count(f"x < {100 + k % 8}"), range(64)))
    assert counts == [100] * 64


def test_empty_frame_and_no_columns():
    assert Conditions(FRAME.iloc[:0]).mask("age > 1").tolist() == []
    assert Conditions(pd.DataFrame(index=range(3))).mask("1 = 1").tolist() == [True] * 3


def test_a_filtered_frame_keeps_its_own_order():
    part = FRAME.iloc[[3, 0, 2]]
    assert Conditions(part).mask("age >= 50").tolist() == [True, False, True]


def test_text_dates_are_times_where_the_columns_say_so():
    frame = pd.DataFrame({"day": ["2024-01-31", None, "2023-12-01"]})
    assert Conditions(frame, infer_columns(frame)).mask("year(day) = 2024").tolist() == [True, False, False]


def test_time_zone_keeps_the_wall_time():
    frame = pd.DataFrame({"t": pd.to_datetime(["2024-07-01 00:30"]).tz_localize("Asia/Tokyo")})
    assert Conditions(frame).count("t = TIMESTAMP '2024-07-01 00:30:00'") == 1


VALUES = [
    0,
    -1,
    2**63 - 1,
    -(2**63),
    0.1,
    -0.1,
    1e300,
    5e-324,
    1.2345678901234567,
    123456789012345.6,
    0.30000000000000004,
    math.inf,
    -math.inf,
    "",
    "it's",
    'say "x"',
    "a\x00b",
    "\\",
    "%_",
    "é\n\t",
    "'; DROP TABLE data; --",
    True,
    False,
    decimal.Decimal("1.25"),
    dt.date(2024, 2, 29),
    dt.datetime(2024, 2, 29, 1, 2, 3, 456789),
    pd.Timestamp("1960-01-01 00:00:00.000000001"),
    np.datetime64("2024-05-01"),
    np.float32(0.1),
    np.int8(-5),
    np.uint64(2**64 - 1),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_literal_reads_back_exactly(value):
    frame = pd.DataFrame({"c": [value]})
    assert Conditions(frame).mask(f"{quote_name('c')} = {literal(value)}").all()


@settings(max_examples=100, deadline=None)
@given(st.floats(allow_nan=False))
def test_any_float_reads_back_exactly(value):
    conditions = Conditions(pd.DataFrame({"c": [value, np.nextafter(value, 0) if value else 1.0]}))
    assert conditions.mask(f"c = {literal(value)}").tolist() == [True, False]


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=12))
def test_any_name_and_text_read_back(text):
    conditions = Conditions(pd.DataFrame({text: [text, text + "x"]}, dtype=object))
    assert conditions.mask(f"{quote_name(text)} = {literal(text)}").tolist() == [True, False]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "age",
                "sex",
                "'x'",
                "1",
                "(",
                ")",
                "AND",
                "OR",
                "NOT",
                ">",
                "=",
                ";",
                "--",
                "/*",
                "*/",
                "SELECT",
                "FROM",
                "data",
                "IN",
                ",",
                "LIMIT",
                "UNION",
                "random()",
                "\n",
                "CASE",
                "WHEN",
                "THEN",
                "END",
                "::",
                "INT",
                "NULL",
                "IS",
                "*",
                "?",
                "[",
                "]",
            ]
        ),
        max_size=12,
    )
)
def test_any_words_give_a_mask_or_a_plain_refusal(words):
    try:
        mask = Conditions(FRAME).mask(" ".join(words))
    except AnalysisError as error:
        assert type(error) is InputError  # noqa: PT017
    else:
        assert mask.shape == (4,)
        assert not {"SELECT", "LIMIT", "UNION", "random()", "?"} & set(
            " ".join(words).split("--")[0].split("/*")[0].split()
        )


def test_nothing_missing_values():
    assert [literal(v) for v in (None, pd.NaT, pd.NA, np.datetime64("NaT", "ns"))] == ["NULL"] * 4


def test_duckdb_is_not_imported_before_the_first_condition():
    code = "import sys, modelglass.analysis.conditions, modelglass.analysis.coding; sys.exit('duckdb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
