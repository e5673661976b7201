"""Levels select exactly their rows, every row has one level, edges are round."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelglass.analysis.binning import round_between
from modelglass.analysis.coding import Coding, code_column, cross
from modelglass.analysis.columns import Column, infer_columns
from modelglass.analysis.conditions import Conditions
from modelglass.analysis.errors import InputError, NotApplicable


def coded(values, kind=None, **settings):
    frame = pd.DataFrame({"c": values})
    column = infer_columns(frame)["c"] if kind is None else Column("c", kind, "given", 0, 0)
    return frame, code_column(frame["c"], column, **settings)


def check(frame: pd.DataFrame, coding: Coding) -> None:
    """Hold every promise of a coding."""
    assert coding.codes.dtype == np.int64
    assert coding.codes.shape == (len(frame),)
    assert len(coding.labels) == len(coding.conditions) == len(set(coding.labels))
    assert sorted(set(coding.codes.tolist())) == list(range(len(coding.labels))), "a level has no rows"
    conditions = Conditions(frame)
    for level, condition in enumerate(coding.conditions):
        np.testing.assert_array_equal(conditions.mask(condition), coding.codes == level, err_msg=condition)
    if coding.edges is not None:
        assert (np.diff(coding.edges) >= 0).all()


def test_quantile_bins_have_round_edges_and_labels():
    _, got = coded(np.arange(1000) / 10, bins=4)
    assert got.labels == ("< 25", "25 to < 50", "50 to < 75", ">= 75")
    assert got.conditions[1] == '"c" >= 25.0 AND "c" < 50.0'
    assert got.edges.tolist() == [25, 50, 75]
    assert np.bincount(got.codes).tolist() == [250, 250, 250, 250]


def test_a_value_that_fills_a_bin_has_its_own_level():
    gain = np.r_[np.zeros(900, dtype=int), np.arange(1, 101) * 100]
    frame, got = coded(gain)
    assert got.labels[0] == "0"
    assert got.labels[1].startswith("1 to < ")
    assert (got.codes == 0).sum() == 900
    check(frame, got)
    frame, floats = coded(gain + np.where(gain > 0, 0.5, 0))
    assert floats.labels[0] == "0"
    assert floats.labels[1].startswith("> 0 to < ")
    check(frame, floats)


def test_few_whole_numbers_get_a_level_each_and_missing_is_last():
    frame, got = coded([3, 1, None, 2, 3])
    assert got.labels == ("1", "2", "3", "(missing)")
    assert got.codes.tolist() == [2, 0, 3, 1, 2]
    assert got.conditions[-1] == '"c" IS NULL'
    check(frame, got)


def test_a_literal_missing_does_not_collide():
    frame, got = coded(["(missing)", None, "a", "(missing)"])
    assert got.labels == ("(missing)", "a", "((missing))")
    assert got.codes.tolist() == [0, 2, 1, 0]
    check(frame, got)


def test_empty_text_is_named_and_stays_unique():
    frame, got = coded(["", "''", " ", "", None])
    assert len(set(got.labels)) == 4
    check(frame, got)


def test_categories_keep_their_order_else_frequency():
    cut = pd.Categorical(["Good", "Ideal", "Fair", "Good"], categories=["Fair", "Good", "Best", "Ideal"], ordered=True)
    frame, got = coded(cut)
    assert got.labels == ("Fair", "Good", "Ideal")
    check(frame, got)
    assert coded(["a", "b", "b", "c", "c"])[1].labels == ("b", "c", "a")
    assert coded([True, False, True])[1].labels == ("False", "True")


def test_rare_levels_are_grouped_and_said():
    frame, got = coded(["a"] * 5 + ["b"] * 4 + ["c"] * 3 + ["d", "(other)", None], max_levels=3)
    assert got.labels == ("a", "b", "c", "(other)", "(missing)")
    assert got.note == "2 rarer levels of c are grouped as (other)."
    assert got.conditions[3] == """"c" NOT IN ('a', 'b', 'c')"""
    check(frame, got)
    frame, got = coded(["(other)"] * 5 + ["b"] * 4 + ["c", "d"], max_levels=2)
    assert got.labels == ("(other)", "b", "((other))")
    check(frame, got)


@pytest.mark.parametrize(
    ("start", "periods", "freq", "first", "count"),
    [
        ("2023-11-01", 150, "D", "2023-11", 5),
        ("2024-03-01", 9, "D", "2024-03-01", 9),
        ("2024-03-01", 10, "h", "2024-03-01 00:00", 10),
        ("2022-01-01", 700, "D", "2022 Q1", 8),
        ("2010-01-01", 60, "30D", "2010", 5),
        ("1950-06-01", 70, "366D", "1950 to 1959", 7),
        ("1690-06-01", 320, "366D", "1650 to 1699", 8),
    ],
)
def test_times_are_cut_in_readable_periods(start, periods, freq, first, count):
    frame, got = coded(pd.date_range(start, periods=periods, freq=freq))
    assert got.labels[0] == first
    assert len(got.labels) == count
    check(frame, got)


def test_times_of_any_dress_code_alike():
    days = pd.date_range("2024-01-30", periods=40, freq="36h")
    dresses = [
        days,
        days.tz_localize("Europe/Berlin"),
        days.astype("datetime64[s]"),
        pd.Series(days).astype(object),
        days.strftime("%Y-%m-%d %H:%M:%S"),
        pd.Series(days).astype("timestamp[us][pyarrow]"),
    ]
    first = coded(days)[1]
    for dress in dresses:
        frame, got = coded(dress)
        assert got.labels == first.labels
        np.testing.assert_array_equal(got.codes, first.codes)
        columns = infer_columns(frame)
        assert columns["c"].kind == "datetime"
        for conditions in (Conditions(frame, columns), Conditions(frame)):
            for level, condition in enumerate(got.conditions):
                np.testing.assert_array_equal(conditions.mask(condition), got.codes == level)


def test_nanoseconds_before_1970_stay_exact():
    times = pd.to_datetime(
        np.array([-1, 0, 1, 999, -999, -86_400_000_000_001, -86_400_000_000_000, 86_400_000_000_000 * 2])
    )
    check(*coded(times))


def test_text_and_ids_have_no_levels():
    for kind, reason in (("text", "free text"), ("id", "an id")):
        with pytest.raises(NotApplicable, match=reason):
            coded(["a", "b"], kind)
    with pytest.raises(NotApplicable, match="not plain"):
        coded([[1], [2]], "categorical")


def test_wrong_settings_are_refused():
    with pytest.raises(InputError, match="at least 2 for bins"):
        coded([1, 2], bins=1)
    with pytest.raises(InputError, match="Expected numbers"):
        coded(["1", "x"], "numeric")


@pytest.mark.parametrize(
    "values",
    [
        [],
        [np.nan, np.nan],
        [1.0],
        [5, 5, 5],
        [None, "a"],
        [np.inf, -np.inf, 1.0, 2.0, np.nan] * 3,
        [0.0, -0.0, np.nan],
        [2**63 - 1, -(2**63), 0, 2**53, 2**53 + 1],
        np.array([2**64 - 1, 2**64 - 2, 3], dtype=np.uint64),
        np.array([1.1, 2.2, np.nan], dtype=np.float32),
        pd.array([1, None, 3], dtype="Int64"),
        pd.array([True, None], dtype="boolean"),
        pd.array([1.5, None], dtype="Float32"),
        pd.array(["x", None], dtype="string"),
        pd.Series([1, None], dtype="int64[pyarrow]"),
        pd.Series(["q", None], dtype="string[pyarrow]"),
        pd.Categorical([3, 1, None, 1]),
        [1, "1", 2.5, None],
        ["it's", 'a"b', "a\x00b", "é", "%", "\\"],
        pd.Series([dt.date(2020, 1, 1), None, dt.date(2021, 5, 5)], dtype=object),
        pd.to_timedelta([1, 5, None], unit="s"),
        np.r_[np.arange(5000), [2**53 + 1] * 3, 2**62],
        np.nextafter(1.0, 2.0) + np.arange(100) * 2.3e-16,
    ],
    ids=lambda v: f"{getattr(v, 'dtype', 'list')}-{len(v)}",
)
def test_odd_columns_keep_every_promise(values):
    frame = pd.DataFrame({"c": values})
    column = infer_columns(frame)["c"]
    got = code_column(frame["c"], column)
    assert got.codes.shape == (len(frame),)
    if len(frame):
        check(frame, got)


def test_integers_beyond_float_precision_are_told_apart():
    frame, got = coded([2**53, 2**53 + 1, 2**53 + 1])
    assert got.labels == ("9007199254740992", "9007199254740993")
    check(frame, got)


floats = st.floats(allow_nan=True, allow_infinity=True, width=64)
short = st.integers(-40, 40).map(lambda i: i / 8)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(floats, short, short), min_size=1, max_size=80), st.integers(2, 6))
def test_float_bins_hold_for_any_numbers(values, bins):
    check(*coded(np.array(values), "numeric", bins=bins))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-30, 30)), min_size=1, max_size=80),
    st.integers(2, 6),
)
def test_integer_bins_hold_for_any_numbers(values, bins):
    check(*coded(np.array(values, dtype=np.int64), "numeric", bins=bins))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.none(),
            st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
            st.sampled_from(["(missing)", "(other)", "a"]),
        ),
        min_size=1,
        max_size=40,
    ),
    st.integers(2, 5),
)
def test_text_levels_hold_for_any_texts(values, most):
    check(*coded(pd.Series(values, dtype=object), "categorical", max_levels=most))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from(["x", "y, x", None]), st.integers(0, 3)),
        min_size=1,
        max_size=30,
    )
)
def test_crossing_keeps_every_promise(rows):
    frame = pd.DataFrame(rows, columns=["p", "q", "r"])
    frame["q"] = frame["q"].astype(object)
    columns = {"p": "categorical", "q": "categorical", "r": "numeric"}
    parts = [code_column(frame[n], Column(n, k, "given", 0, 0)) for n, k in columns.items()]
    got = cross(parts)
    check(frame, got)
    assert len(got.labels) == len(frame.drop_duplicates())


def test_cross_labels_read_well_and_never_collide():
    a = Coding("a", np.array([0, 1]), ("x, y", "x"), ("a = 1", "a = 2"), "categorical")
    b = Coding("b", np.array([0, 1]), ("z", "y, z"), ("b = 1", "b = 2"), "categorical")
    got = cross([a, b])
    assert got.labels == ("'x, y', 'z'", "'x', 'y, z'")
    assert got.column == "a * b"
    assert cross([a]) is a
    with pytest.raises(InputError, match="at least one column"):
        cross([])


@pytest.mark.parametrize(
    ("low", "high", "target", "want"),
    [
        (24, 26, 25, 25),
        (24, 25, 25, 25),
        (99_000, 130_000, 110_000, 100_000),
        (-3, 4, 1, 0),
        (-30, -20, -22, -20),
        (0.1, 0.2, 0.19, 0.2),
        (1.0, 1.0000000000000002, 1.0, 1.0000000000000002),
        (3.3e-300, 4.4e-300, 4e-300, 4e-300),
        (2**63 - 2, 2**63 - 1, 2**63 - 1, 2**63 - 1),
    ],
)
def test_round_between(low, high, target, want):
    assert round_between(low, high, target) == want


@settings(max_examples=200, deadline=None)
@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_round_between_stays_between(a, b):
    if a != b:
        low, high = sorted((a, b))
        assert low < round_between(low, high, high) <= high


@pytest.mark.data
@pytest.mark.parametrize("name", ["adult_test.csv", "diamonds.csv", "beijing_pm25.csv"])
def test_real_data(data_file, name):
    frame = pd.read_csv(data_file(name))
    columns = infer_columns(frame)
    for column in columns.values():
        if column.kind in ("numeric", "categorical"):
            got = code_column(frame[column.name], column)
            conditions = Conditions(frame[[column.name]])
            for level, condition in enumerate(got.conditions):
                np.testing.assert_array_equal(conditions.mask(condition), got.codes == level)
            if (
                column.kind == "numeric"
                and column.unique > 200
                and (frame[column.name].value_counts(normalize=True) < 0.05).all()
            ):
                assert np.bincount(got.codes, minlength=5)[:5].min() > 0.12 * (len(frame) - column.missing), (
                    "bins are out of balance"
                )
