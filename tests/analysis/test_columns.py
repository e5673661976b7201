"""What each column is taken for."""

from __future__ import annotations

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import pytest

from modelglass.analysis.coding import code_column
from modelglass.analysis.columns import Column, as_datetime, infer_columns, plain
from modelglass.analysis.errors import InputError
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.plain import gaps_of_texts, missing

N = 60


def infer(values, name="c", given=None):
    return infer_columns(pd.DataFrame({name: values}), {name: given} if given else {})[name]


@pytest.mark.parametrize(
    ("values", "name", "kind"),
    [
        ([1.5, 2.0, None], "c", "numeric"),
        ([0, 1, 1, 0], "c", "numeric"),
        ([True, False], "c", "boolean"),
        ([True, None, False], "c", "boolean"),
        (pd.array([True, None], dtype="boolean"), "c", "boolean"),
        (["a", "b", None], "c", "categorical"),
        (pd.Categorical([1, 2, None]), "c", "categorical"),
        (pd.to_datetime(["2024-01-01", None]), "c", "datetime"),
        (pd.to_datetime(["2024-01-01", None]).tz_localize("UTC"), "c", "datetime"),
        (pd.Series([dt.date(2024, 1, 1), None], dtype=object), "c", "datetime"),
        (["2024-01-01", None, "2024-02-03 04:05:06"], "c", "datetime"),
        (["2024-01-01T00:00:00Z"], "c", "datetime"),
        (["2024-01-01", "2024-13-01"], "c", "categorical"),
        (["2024-01-01", "soon"], "c", "categorical"),
        (["20240101", "20240102"], "c", "categorical"),
        (["01/02/2024"], "c", "categorical"),
        ([None, None], "c", "numeric"),
        (pd.array([1, None, 3], dtype="Int64"), "c", "numeric"),
        (pd.Series([1, 2], dtype="int64[pyarrow]"), "c", "numeric"),
        (pd.Series(["q", None], dtype="string[pyarrow]"), "c", "categorical"),
        (pd.Series([decimal.Decimal("1.5"), None], dtype=object), "c", "numeric"),
        (pd.to_timedelta([1, 2], unit="s"), "c", "numeric"),
        ([1, "a", 2.5], "c", "categorical"),
        ([[1], [2]], "c", "other"),
        # ids: whole numbers that count the rows or are named so, and texts that all differ
        (np.arange(N), "c", "id"),
        (np.arange(N)[::-1] + 1000, "c", "id"),
        (np.arange(N) * 7, "c", "numeric"),
        (np.arange(N) * 7, "customer_id", "id"),
        (np.arange(N) * 7, "customerId", "id"),
        (np.arange(N) * 7, "No", "id"),
        (np.arange(N) * 7, "paid", "numeric"),
        (np.arange(N) * 7.0, "id", "numeric"),
        (np.arange(50), "id", "numeric"),
        (np.arange(N) // 2, "id", "numeric"),
        ([f"u{i}" for i in range(N)], "c", "id"),
        ([f"u{i // 2}" for i in range(N)], "c", "categorical"),
        ([f"u{i}" for i in range(50)], "c", "categorical"),
        ([f"the quick brown fox jumps {i}" for i in range(N)], "c", "text"),
        (["the quick brown fox jumps", "over the lazy dog"] * 30, "c", "categorical"),
    ],
)
def test_kind(values, name, kind):
    assert infer(values, name).kind == kind


def test_counts_and_notes():
    assert infer([1.0, 1.0, np.nan, -0.0, 0.0]) == Column("c", "numeric", "numbers", 1, 2)
    assert infer(["a", None, "b", "a"]) == Column("c", "categorical", "text", 1, 2)
    assert infer(pd.Categorical(["a", None, "a"], categories=["a", "b"])).unique == 1
    assert infer([None, None]).note == "All values are missing."
    assert infer(["x", "x"]).note == "One value only."
    assert "Left out" in infer([[1], [2]]).note
    assert infer_columns(pd.DataFrame({"a": pd.Series([], dtype=float)}))["a"].unique == 0


def test_given_overrides_and_says_so():
    got = infer(np.arange(N), given="categorical")
    assert (got.kind, got.how) == ("categorical", "given")
    assert infer(["2024-01-01", None], given="text").kind == "text"


@pytest.mark.parametrize(
    ("values", "given", "said"),
    [
        (["1", "?", "3"], "numeric", r"for example '\?'.*\n.*--na"),
        ([True, False], "numeric", "Expected numbers"),
        (["01/02/2024"], "datetime", "2024-01-31"),
        ([1, 2], "datetime", "int64"),
        ([[1], [2]], "categorical", "plain values"),
    ],
)
def test_values_that_do_not_allow_the_given_kind(values, given, said):
    with pytest.raises(InputError, match=said):
        infer(values, given=given)


def test_unknown_names_and_kinds_are_refused_with_the_nearest():
    frame = pd.DataFrame({"income": [1]})
    with pytest.raises(InputError, match="Did you mean 'income'"):
        infer_columns(frame, {"incom": "numeric"})
    with pytest.raises(InputError, match="Did you mean 'categorical'"):
        infer_columns(frame, {"income": "category"})


def test_as_datetime():
    got = as_datetime(pd.Series(["2024-01-31", None, "2024-01-31T12:00:00+02:00"]))
    assert got.tolist() == [pd.Timestamp("2024-01-31"), pd.NaT, pd.Timestamp("2024-01-31 10:00")]
    zoned = pd.Series(pd.to_datetime(["2024-07-01 00:30"]).tz_localize("Asia/Tokyo"))
    assert as_datetime(zoned).tolist() == [pd.Timestamp("2024-07-01 00:30")]
    with pytest.raises(InputError, match="for example 'soon'"):
        as_datetime(pd.Series(["soon"], name="when"))


def test_plain_keeps_values():
    assert plain(pd.Series([1, "1", True, None], dtype=object)).tolist() == ["1", "1", "True", None]
    assert plain(pd.Series(pd.Categorical([1, "1", 2]))).tolist() == ["1", "1", "2"]
    assert plain(pd.Series(np.array([0.1], dtype=np.float32))).tolist() == [float(np.float32(0.1))]
    assert plain(pd.Series([2**70], dtype=object)).tolist() == [str(2**70)]
    assert plain(pd.Series([{}, 1], dtype=object)) is None
    assert plain(pd.Series([1 + 2j])) is None


def test_the_frame_is_not_changed():
    frame = pd.DataFrame(
        {"a": ["2024-01-01", None], "b": pd.Categorical([1, 2]), "c": pd.array([1, None], dtype="Int64")}
    )
    before = frame.copy(deep=True)
    infer_columns(frame)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.data
def test_real_data(data_file):
    kinds = {n: c.kind for n, c in infer_columns(pd.read_csv(data_file("beijing_pm25.csv"))).items()}
    assert kinds.pop("No") == "id"
    assert kinds.pop("cbwd") == "categorical"
    assert set(kinds.values()) == {"numeric"}
    adult = infer_columns(pd.read_csv(data_file("adult_test.csv")))
    assert {n for n, c in adult.items() if c.kind == "numeric"} == {
        "age",
        "fnlwgt",
        "education_num",
        "capital_gain",
        "capital_loss",
        "hours_per_week",
    }


NOTHING = (None, float("nan"), np.nan, pd.NA, pd.NaT, np.float64("nan"), np.datetime64("NaT"))


@pytest.mark.parametrize("values", [
    ["a", "b"], ["a", None, ""], ["a", *NOTHING], [*NOTHING], [], ["a", 1, None], [b"a", None], [np.str_("a"), np.nan],
    ["a", float("nan")], [["x"], None], [None, "\ud800"],
], ids=repr)  # fmt: skip
def test_missing_is_what_pandas_calls_missing(values):
    series = pd.Series(values, dtype=object)
    for part in (series, series[::2], series[::-1]):
        np.testing.assert_array_equal(missing(part), part.isna().to_numpy())
        gone = gaps_of_texts(part)
        if gone is not None:
            assert all(isinstance(v, str) for v in part[~gone])
    for dtype in ("category", "string", "str"):
        if all(v is None or isinstance(v, str) for v in values) and "\ud800" not in values:
            np.testing.assert_array_equal(missing(series.astype(dtype)), series.astype(dtype).isna().to_numpy())


def test_coding_settles_how_many_values_differ():
    """Whoever sorts a column has counted it; all ways of counting agree."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({
        "x": np.where(rng.random(300) < 0.2, np.nan, rng.normal(size=300).round(1)), "zeros": np.r_[-0.0, np.tile([0.0, 1.5, -2.0], 99), 7, 8],
        "count": rng.integers(-5, 40, 300), "wide": rng.integers(-(10**12), 10**12, 300), "big": rng.integers(0, 9, 300).astype("uint64") + np.uint64(2**63),
        "word": rng.choice(["a", "b", None], 300), "flag": rng.random(300) < 0.5,
    })  # fmt: skip
    columns = infer_columns(frame)
    for name, column in columns.items():
        if column.kind in ("numeric", "categorical"):
            assert code_column(frame[name], column).distinct == frame[name].nunique() == column.unique, name
    ev = Evaluation.from_predictions(
        rng.integers(0, 2, 300), prediction=rng.integers(0, 2, 300), frame=frame, target="y"
    )
    ev.make_codings([*frame, "no such column"])
    for name in frame:
        assert ev.columns[name].unique == frame[name].nunique()
    assert ev.where('"count" > 3').coding("count").distinct is None


def repeated(share, times, n, missing, rng):
    """Texts of which a share differs: some once, the others as often as ``times`` says (None: one text all the rest)."""
    often = n if times is None else times
    single = max(round((share * n * often - n) / (often - 1)), 0) if often > 1 else n
    rest = [f"r{i // often}" for i in range(n - single)] if times else ["same"] * (n - single)
    values = np.array([f"v{i}" for i in range(single)] + rest, dtype=object)
    rng.shuffle(values)
    values[rng.random(n) < missing] = None
    return pd.Series(values)


@pytest.mark.parametrize("missing", [0.0, 0.6])
@pytest.mark.parametrize("times", [2, 3, 50, None])
@pytest.mark.parametrize("share", [0.3, 0.52, 0.8, 0.94, 0.96, 1.0])
def test_drawn_rows_say_of_many_texts_what_counting_says(share, times, missing):
    n = 30_000
    values = repeated(share, times, n, missing, np.random.default_rng(5))
    known = values.dropna()
    differing = known.nunique() / len(known)
    found = infer_columns(pd.DataFrame({"a": values}))["a"]
    assert found.kind == ("id" if differing > 0.95 else "categorical")
    assert found.unique == known.nunique()


def test_texts_that_all_differ_are_counted_when_asked_only(monkeypatch):
    from modelglass.analysis import columns

    counted = []
    monkeypatch.setattr(columns, "_distinct_texts", lambda values: counted.append(len(values)) or values.nunique())
    n = 20_000
    frame = pd.DataFrame(
        {"id": [f"no {i:06}" for i in range(n)], "note": [f"a long text of words, the {i}th" for i in range(n)]}
    )
    found = infer_columns(frame)
    assert (found["id"].kind, found["note"].kind, counted) == ("id", "text", [])
    assert (found["id"].unique, counted) == (n, [n])
