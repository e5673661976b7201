"""Every type of column: what it is taken for, its slices, and the conditions that select exactly their rows."""

from __future__ import annotations

import datetime as dt
import decimal
import json

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

import modelglass as mg
from modelglass.analysis import performance, slice_metrics
from modelglass.analysis.columns import infer_columns
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.guessing import draft
from modelglass.analysis.result import result_json

N = 240
RNG = np.random.default_rng(5)
HOLE = np.arange(N) % 11 == 3
NUMBERS = np.round(RNG.gamma(2, 10, N), 2)
WHOLE = RNG.integers(0, 400, N)
LEVELS = np.array(["low", "middle", "high"])[RNG.integers(0, 3, N)]
TIMES = pd.Timestamp("2023-03-01") + pd.to_timedelta(RNG.integers(0, 500 * 86_400, N), unit="s")
DECIMALS = [None if h else decimal.Decimal(f"{v:.2f}") for v, h in zip(NUMBERS, HOLE)]
FLAGS = [None if h else bool(v > 15) for v, h in zip(NUMBERS, HOLE)]


def holed(values):
    return [None if h else v for v, h in zip(values, HOLE)]


def arrow(values, kind):
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(values, kind)])))


KINDS = {
    "float": (np.where(HOLE, np.nan, NUMBERS), "numeric"),
    "float32": (np.where(HOLE, np.nan, NUMBERS).astype("float32"), "numeric"),
    "whole": (WHOLE, "numeric"),
    "uint64": (WHOLE.astype("uint64") + 2**63, "numeric"),
    "Int64": (pd.array(holed(WHOLE), dtype="Int64"), "numeric"),
    "Float64": (pd.array(holed(NUMBERS), dtype="Float64"), "numeric"),
    "int arrow": (arrow(holed(WHOLE.tolist()), pa.int32()), "numeric"),
    "double arrow": (arrow(holed(NUMBERS.tolist()), pa.float64()), "numeric"),
    "decimal": (pd.Series(DECIMALS, dtype=object), "numeric"),
    "decimal arrow": (arrow(DECIMALS, pa.decimal128(10, 2)), "numeric"),
    "duration": (pd.to_timedelta(pd.Series(holed(NUMBERS)), unit="h"), "numeric"),
    "duration arrow": (arrow([None if h else dt.timedelta(seconds=int(v)) for v, h in zip(WHOLE, HOLE)], pa.duration("us")), "numeric"),
    "flags": (WHOLE > 200, "boolean"),
    "flags with missing": (pd.Series(FLAGS, dtype=object), "boolean"),
    "boolean": (pd.array(FLAGS, dtype="boolean"), "boolean"),
    "boolean arrow": (arrow(FLAGS, pa.bool_()), "boolean"),
    "text": (pd.Series(holed(LEVELS), dtype=object), "categorical"),
    "string": (pd.array(holed(LEVELS), dtype="string"), "categorical"),
    "string arrow": (arrow(holed(LEVELS.tolist()), pa.string()), "categorical"),
    "large string arrow": (arrow(holed(LEVELS.tolist()), pa.large_string()), "categorical"),
    "category": (pd.Categorical(holed(LEVELS)), "categorical"),
    "ordered": (pd.Categorical(holed(LEVELS), ["low", "middle", "high"], ordered=True), "categorical"),
    "category of numbers": (pd.Categorical(holed(WHOLE // 100)), "categorical"),
    "dictionary arrow": (arrow(pa.array(holed(LEVELS.tolist())).dictionary_encode(), None), "categorical"),
    "mixed": (pd.Series([str(v) if i % 2 else int(w) % 3 for i, (v, w) in enumerate(zip(LEVELS, WHOLE))], dtype=object), "categorical"),
    "times": (pd.Series(TIMES).mask(HOLE), "datetime"),
    "times with zone": (pd.Series(TIMES).mask(HOLE).dt.tz_localize("Europe/Berlin", nonexistent="shift_forward", ambiguous="NaT"), "datetime"),
    "times arrow": (arrow(pa.array(pd.Series(TIMES).mask(HOLE)).cast(pa.timestamp("ms")), None), "datetime"),
    "times with zone arrow": (
        arrow(pa.array(pd.Series(TIMES).mask(HOLE)).cast(pa.timestamp("us")).cast(pa.timestamp("us", "America/New_York")), None),
        "datetime",
    ),
    "dates": (pd.Series(holed([t.date() for t in TIMES]), dtype=object), "datetime"),
    "dates arrow": (arrow(holed([t.date() for t in TIMES]), pa.date32()), "datetime"),
    "dates as text": (holed([str(t.date()) for t in TIMES]), "datetime"),
    "times as text": (holed([t.isoformat() for t in TIMES]), "datetime"),
    "clock": (pd.Series(holed([dt.time(int(w) % 4) for w in WHOLE]), dtype=object), "categorical"),
    "clock arrow": (arrow(holed([dt.time(int(w) % 4) for w in WHOLE]), pa.time64("us")), "categorical"),
    "period": (pd.PeriodIndex(TIMES, freq="M"), "datetime"),
    "interval": (pd.cut(pd.Series(NUMBERS), 4).astype("interval"), "categorical"),
    "sparse": (pd.arrays.SparseArray(np.where(WHOLE > 300, 1.5, 0.0)), "numeric"),
}  # fmt: skip


def evaluation(values, **settings):
    y = np.arange(N) % 2
    frame = pd.DataFrame({"c": values})
    return mg.Evaluation.from_predictions(y, (y + (np.arange(N) % 5 == 0)) % 2, frame=frame, **settings)


@pytest.mark.parametrize("name", list(KINDS))
def test_each_type_has_its_kind_and_its_slices_select_their_rows(name):
    values, kind = KINDS[name]
    ev = evaluation(values)
    column = ev.columns["c"]
    assert column.kind == kind
    assert column.missing == int(pd.isna(ev.frame["c"]).sum())
    assert column.unique == ev.frame["c"].astype(object).nunique()
    table = slice_metrics(ev, by=["c"], metrics=["accuracy"]).frame()
    slices = table[table["columns"] == "c"]
    assert slices["n"].sum() == N
    assert len(slices) > 1
    for row in slices.itertuples():
        cohort = ev.where(row.where)
        assert cohort.n == row.n, row.where
        assert slice_metrics(cohort, by=["c"], metrics=["accuracy"]).overall["accuracy"] == pytest.approx(row.estimate)
    if column.missing:
        assert slices["n"].iloc[-1] == column.missing == ev.where("c IS NULL").n
    text = json.dumps(result_json("slices", slice_metrics(ev)), allow_nan=False)
    json.loads(text, parse_constant=lambda _: pytest.fail("not strict JSON"))


NATIVE = ["float", "whole", "uint64", "Int64", "int arrow", "decimal arrow", "boolean", "boolean arrow", "string arrow", "category",
          "times", "times arrow", "dates arrow", "dictionary arrow"]  # fmt: skip


@pytest.mark.parametrize("name", NATIVE)
def test_duckdb_counts_the_same_rows_on_the_raw_column(name):
    """The conditions of slices, run by DuckDB on the column as Arrow holds it, not as we convert it."""
    ev = evaluation(KINDS[name][0])
    coding = ev.coding("c")
    raw = pa.table({"c": pa.array(ev.frame["c"], from_pandas=True)})
    with duckdb.connect() as room:
        room.register("data", raw)
        for code, condition in enumerate(coding.conditions):
            (count,) = room.execute(f"SELECT count(*) FROM data WHERE {condition}").fetchone()
            assert count == int((coding.codes == code).sum()), condition


@pytest.mark.parametrize(
    ("name", "condition", "mask"),
    [
        ("times with zone", "c >= TIMESTAMP '2023-10-01'", lambda c: c.dt.tz_localize(None) >= "2023-10-01"),
        ("times with zone", "hour(c) = 7", lambda c: c.dt.hour == 7),
        ("times with zone arrow", "year(c) = 2024", lambda c: (c.dt.year == 2024).fillna(False)),
        ("decimal", "c > 20.5", lambda c: c.map(lambda v: v is not None and v > decimal.Decimal("20.5"))),
        ("decimal arrow", "c <= 12.34", lambda c: c.map(lambda v: not pd.isna(v) and v <= decimal.Decimal("12.34"))),
        ("flags with missing", "c", lambda c: c.map(lambda v: v is True)),
        ("flags with missing", "NOT c", lambda c: c.map(lambda v: v is False)),
        ("boolean", "c IS NULL", lambda c: c.isna()),
        ("boolean arrow", "c = TRUE", lambda c: c.fillna(False).astype(bool)),
        ("ordered", "c IN ('low', 'high')", lambda c: c.isin(["low", "high"])),
        ("ordered", "c <> 'low'", lambda c: c.notna() & (c != "low")),
        ("duration", "c > 3600 * 10", lambda c: c > pd.Timedelta(hours=10)),
        ("duration arrow", "c BETWEEN 60 AND 120", lambda c: c.between(pd.Timedelta(60, "s"), pd.Timedelta(120, "s")).fillna(False)),
        ("dates", "c < '2023-09-01'", lambda c: c.map(lambda v: v is not None and v < dt.date(2023, 9, 1))),
        ("dates as text", "month(c) = 3", lambda c: c.map(lambda v: str(v)[5:7] == "03")),
        ("clock", "c = '02:00:00'", lambda c: c.map(lambda v: v == dt.time(2))),
        ("uint64", "c >= 9223372036854775908", lambda c: c >= 2**63 + 100),
        ("mixed", "c = '1'", lambda c: c.map(lambda v: v == 1)),
        ("period", "c >= '2024-01-01'", lambda c: c.dt.year >= 2024),
    ],
)  # fmt: skip
def test_conditions_written_by_hand(name, condition, mask):
    ev = evaluation(KINDS[name][0])
    want = np.asarray(mask(ev.frame["c"]), dtype=bool)
    assert 0 < want.sum() < N
    assert ev.where(condition).rows.tolist() == np.flatnonzero(want).tolist()


def test_how_types_were_read_is_said():
    def how(name):
        return evaluation(KINDS[name][0]).columns["c"].how

    assert how("duration") == how("duration arrow") == "durations, read as seconds"
    assert "Europe/Berlin" in how("times with zone")
    assert "America/New_York" in how("times with zone arrow")
    assert how("decimal") == how("decimal arrow") == "decimal numbers, read as floating ones"
    assert how("ordered") == "ordered category type"


def test_ordered_categories_keep_their_order():
    assert evaluation(KINDS["ordered"][0]).coding("c").labels == ("low", "middle", "high", "(missing)")
    reverse = pd.Categorical(LEVELS, ["high", "middle", "low"], ordered=True)
    assert evaluation(reverse).coding("c").labels == ("high", "middle", "low")


def test_mixed_values_are_said():
    assert "several types (int, str)" in evaluation(KINDS["mixed"][0]).columns["c"].note
    numbers = infer_columns(pd.DataFrame({"c": [*map(str, range(40)), "?", None]}))["c"]
    assert numbers.kind == "categorical"
    assert "also texts such as '?'" in numbers.note


NESTED = {
    "lists": pd.Series([[1, 2]] * N),
    "dicts": pd.Series([{"a": 1}] * N),
    "arrays": pd.Series([np.zeros(2)] * N),
    "list arrow": arrow([[1, 2]] * N, pa.list_(pa.int64())),
    "struct arrow": arrow([{"a": 1}] * N, pa.struct([("a", pa.int64())])),
    "bytes": pd.Series([b"x"] * N),
    "binary arrow": arrow([b"x"] * N, pa.binary()),
    "complex": pd.Series([1 + 2j] * N),
}


@pytest.mark.parametrize("name", list(NESTED))
def test_nested_values_are_left_out_and_refused_by_name(name):
    y = np.arange(N) % 2
    frame = pd.DataFrame({"c": NESTED[name], "g": LEVELS})
    ev = mg.Evaluation.from_predictions(y, y, frame=frame)
    assert ev.columns["c"].kind == "other"
    assert "Left out" in ev.columns["c"].note
    assert set(slice_metrics(ev, metrics=["accuracy"]).frame()["columns"]) == {"(all rows)", "g"}
    with pytest.raises(NotApplicable, match="'c'"):
        slice_metrics(ev, by=["c"])
    with pytest.raises(InputError, match="'c'"):
        ev.where("c = 1")
    assert ev.fingerprint


@pytest.mark.parametrize("name", ["lists", "dicts", "arrays", "list arrow", "struct arrow"])
def test_nested_values_are_no_outcomes_predictions_or_clusters(name):
    y = pd.Series(np.where(np.arange(N) % 2, "b", "a"))
    nested = NESTED[name]
    frame = pd.DataFrame({"x": NUMBERS, "c": nested, "y": y})
    model = LogisticRegression().fit(frame[["x"]], y)
    with pytest.raises(InputError, match="one number, text or date a row in the target column 'c'"):
        mg.Evaluation(model, frame, target="c")
    with pytest.raises(InputError, match="cluster column 'c'"):
        mg.Evaluation(model, frame, target="y", cluster="c")
    with pytest.raises(InputError, match="target column 'y'"):
        mg.Evaluation(model, frame, target="y", train=frame.assign(y=nested))
    with pytest.raises(InputError, match="target column 'target'"):
        mg.Evaluation.from_predictions(nested, y)
    with pytest.raises(InputError, match="column of predictions"):
        mg.Evaluation.from_predictions(y, nested)


def test_a_table_with_nested_values_is_guessed_like_any(tmp_path):
    frame = pd.DataFrame({"x": NUMBERS, "c": [[1, 2]] * N, "y": np.where(np.arange(N) % 2, "b", "a")})
    skops.io.dump(LogisticRegression().fit(frame[["x"]], frame.y), tmp_path / "m.skops")
    frame.to_parquet(tmp_path / "d.parquet")
    found = draft(tmp_path / "m.skops", tmp_path / "d.parquet")
    assert (found.target, found.labels) == ("y", {"y": ("a", "b")})


class Reads:
    """A model that records nothing; it reads what it is handed."""

    _estimator_type = "classifier"
    classes_ = np.array([0, 1])

    def __init__(self, names=None):
        if names:
            self.feature_names_in_ = np.array(names, dtype=object)

    def predict(self, X):
        self.seen = list(X.columns)
        return np.zeros(len(X), dtype=int)

    def fit(self, X, y):
        return self


def test_identifiers_and_nested_values_are_no_features_by_default_and_this_is_said():
    frame = pd.DataFrame({"customer_id": np.arange(N) * 3, "tags": [["a"]] * N, "x": NUMBERS, "y": np.arange(N) % 2})
    ev = mg.Evaluation(Reads(), frame, target="y")
    assert ev.features == ("x",)
    assert any("customer_id" in n.text and "tags" in n.text and "--features" in n.text for n in ev.notes)
    assert mg.Evaluation(Reads(), frame, target="y", features=["customer_id", "x"]).features == ("customer_id", "x")
    with pytest.raises(InputError, match=r"'tags' holds values such as lists.*\n.*--ignore"):
        mg.Evaluation(Reads(["x", "tags"]), frame, target="y")
    with pytest.raises(InputError, match="'tags'"):
        mg.Evaluation(Reads(), frame, target="y", features=["tags", "x"])


def test_a_column_of_ten_thousand_levels_is_grouped_and_this_is_said():
    rng = np.random.default_rng(0)
    levels = rng.zipf(1.3, 60_000) % 10_000
    y = rng.integers(0, 2, len(levels))
    frame = pd.DataFrame({"c": np.char.add("level ", levels.astype(str)).astype(object)})
    ev = mg.Evaluation.from_predictions(y, y, frame=frame)
    assert ev.columns["c"].kind == "categorical"
    assert ev.columns["c"].unique == len(np.unique(levels)) > 5_000
    result = slice_metrics(ev, by=["c"], metrics=["accuracy"])
    rows = result.frame().iloc[1:]
    assert len(rows) == 51
    assert rows["slice"].iloc[-1] == "(other)"
    assert f"{ev.columns['c'].unique - 50:,} rarer levels of c are grouped" in result.settings["notes"][0]
    counts = frame["c"].value_counts()
    assert rows["n"].tolist() == [*counts.iloc[:50], counts.iloc[50:].sum()]
    assert ev.where(rows["where"].iloc[-1]).n == counts.iloc[50:].sum()


class Says:
    """A model of any answer."""

    def __init__(self, answer):
        self.answer = answer

    def predict(self, frame):
        return self.answer(frame["a"].to_numpy())


MINUTES = np.arange(300.0)
DURATIONS = {
    "nanoseconds": pd.Series(pd.to_timedelta(60 * MINUTES, unit="s")).astype("timedelta64[ns]"),
    "seconds": pd.Series(pd.to_timedelta(60 * MINUTES, unit="s")).astype("timedelta64[s]"),
    "Arrow's": pd.Series(pd.to_timedelta(60 * MINUTES, unit="s")).astype(pd.ArrowDtype(pa.duration("ms"))),
    "Python's": pd.Series([dt.timedelta(minutes=m) for m in MINUTES], dtype=object),
    "with gaps": pd.Series(pd.to_timedelta(np.where(MINUTES % 7 == 0, np.nan, 60 * MINUTES), unit="s")),
}


@pytest.mark.parametrize("name", DURATIONS)
@pytest.mark.parametrize("own", [False, True], ids=["seconds", "durations"])
def test_durations_as_outcomes_are_seconds(name, own):
    """They were counted in the unit they were stored in (an error of a minute became 60,000,000,000), or ended in a stack trace."""
    late = (lambda a: pd.to_timedelta(60 * a + 30, unit="s").to_numpy()) if own else (lambda a: 60 * a + 30)
    frame = pd.DataFrame({"a": MINUTES, "t": DURATIONS[name]})
    ev = mg.Evaluation(Says(late), frame, target="t", train=frame)
    assert ev.task == "regression"
    assert performance(ev).value("mae") == pytest.approx(30)
    assert performance(ev.on("train")).value("mae") == pytest.approx(30)
    assert any("'t' are read as seconds" in n.text for n in ev.notes)
    assert ev.where("t >= 6000").n == int((ev.y >= 6000).sum())
    beside = mg.Evaluation.from_predictions(frame["t"], prediction=late(MINUTES), target="t")
    assert performance(beside).value("mae") == pytest.approx(30)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (pd.date_range("2020-01-01", periods=300), "Row 0 holds Timestamp"),
        (pd.date_range("2020-01-01", periods=300, tz="Europe/Berlin"), "Row 0 holds Timestamp"),
        (pd.period_range("2020-01-01", periods=300, freq="D"), "Row 0 holds Period"),
        (MINUTES + 1j, "Row 0 holds"),
        (pd.Series([[1]] * 300), "such as [1]"),
    ],
    ids=["dates", "time zone", "periods", "complex", "nested"],
)
def test_what_is_no_number_is_no_outcome_of_a_regression(values, told):
    """Dates became counts of nanoseconds, complex numbers lost a part."""
    frame = pd.DataFrame({"a": MINUTES, "t": values})
    with pytest.raises(InputError) as refused:
        mg.Evaluation(Says(lambda a: a), frame, target="t", task="regression")
    assert "the target column 't'" in refused.value.expected
    assert told in refused.value.came


@pytest.mark.parametrize("make", [dt.date, dt.datetime])
def test_dates_beyond_nanoseconds_are_dates(make):
    """With pandas 2 one 9999-12-31 made texts of a whole column of dates."""
    ends = [None, make(9999, 12, 31)] + [make(2020, 1, 1) + dt.timedelta(days=i) for i in range(398)]
    frame = pd.DataFrame({"end": pd.Series(ends, dtype=object)})
    ev = mg.Evaluation.from_predictions(np.arange(400) % 2, score=np.linspace(0, 1, 400), frame=frame)
    assert ev.columns["end"].kind == "datetime"
    assert ev.where("\"end\" > '2021-01-01'").n == 1 + sum(v > make(2021, 1, 1) for v in ends[2:])
    assert ev.where('"end" IS NULL').n == 1
    found = slice_metrics(ev, by="end", metrics="accuracy").frame().iloc[1:]
    assert found["n"].sum() == 400
    for row in found.dropna(subset="where").itertuples():
        assert ev.where(row.where).n == row.n
