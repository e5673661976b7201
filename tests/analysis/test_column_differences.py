"""Differences of columns: sizes by hand and against scipy, honest for many levels, with intervals that hold."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import modelglass as mg
from modelglass.analysis.column_differences import APART, column_differences, measure
from modelglass.analysis.column_widths import from_middle
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation


def table(found, column, about="values"):
    rows = found.frame()
    return rows[(rows["column"] == column) & (rows["about"] == about)].iloc[0]


def test_by_hand():
    frame = pd.DataFrame({"n": [1.0, 2, 3, np.nan, 0, 5], "two": list("aabbbb"), "three": list("xxyzzz")})
    inside = [True, True, True, True, False, False]
    found = measure(frame, inside)
    # of 3 x 2 pairs 3 are larger here (1, 2, 3 over 0) and 3 smaller: delta 0
    assert table(found, "n").estimate == 0
    gap = table(found, "n", "missing")
    assert (gap.here, gap.there, gap.estimate, gap.measure) == (0.25, 0.0, 0.25, "share")
    two = table(found, "two")
    assert (two.here, two.there, two.estimate) == (0.5, 0.0, 0.5)
    assert two.says == "a 50.0% here, 0.0% there"


def test_sizes_equal_independent_computations():
    rng = np.random.default_rng(0)
    inside = rng.random(900) < 0.3
    values = rng.normal(size=900) + 0.4 * inside
    levels = np.where(inside, rng.choice(list("abcd"), 900, p=[0.4, 0.3, 0.2, 0.1]), rng.choice(list("abcd"), 900))
    found = measure(pd.DataFrame({"v": values, "l": levels}), inside)
    here, there = values[inside], values[~inside]
    u = stats.mannwhitneyu(here, there).statistic / (len(here) * len(there))
    row = table(found, "v")
    assert row.estimate == pytest.approx(abs(2 * u - 1))
    pooled = np.sqrt((here.var(ddof=1) + there.var(ddof=1)) / 2)
    assert row.smd == pytest.approx((here.mean() - there.mean()) / pooled)
    assert (row.here, row.there) == pytest.approx((np.median(here), np.median(there)))
    shares = pd.crosstab(levels, inside, normalize="columns")
    total = (shares[True] - shares[False]).abs().sum() / 2
    assert table(found, "l").estimate == pytest.approx(total, abs=0.03)
    assert table(found, "l").low < total < table(found, "l").high
    assert row.sure
    assert table(found, "l").sure


def test_many_levels_do_not_differ_by_chance_alone():
    """Plain total variation of 40 levels over 200 rows is above 0.2 though nothing differs; the cross-fitted one is not."""
    rng = np.random.default_rng(0)
    plain, mine, sure = [], [], 0
    for _ in range(60):
        levels, inside = rng.integers(0, 40, 800).astype(str), np.arange(800) < 200
        found = table(measure(pd.DataFrame({"l": levels}), inside), "l")
        shares = pd.crosstab(levels, inside, normalize="columns")
        plain.append((shares[True] - shares[False]).abs().sum() / 2)
        mine.append(found.estimate)
        sure += found.sure
    assert np.mean(plain) > 0.15
    assert np.mean(mine) < 0.03
    assert sure <= 4


@pytest.mark.parametrize("n", [60, 400])
def test_nothing_is_sure_where_nothing_differs(n):
    alarms = 0
    for seed in range(80):
        rng = np.random.default_rng((n, seed))
        frame = pd.DataFrame(
            {
                "a": rng.normal(size=4 * n),
                "b": rng.exponential(size=4 * n).round(1),
                "c": rng.choice(list("xyz"), 4 * n, p=[0.7, 0.2, 0.1]),
                "d": np.where(rng.random(4 * n) < 0.1, np.nan, rng.integers(0, 2, 4 * n)),
            }
        )
        alarms += bool(measure(frame, np.arange(4 * n) < n, level=0.95).frame()["sure"].any())
    assert alarms <= 9  # of 80 at 5 %: more in less than 1 of 100 such tests (exact binomial), at 20 % in 97


def test_a_spread_that_leaves_the_middle_where_it_is_differs_too():
    """Wider, narrower, parted in two, a time: Cliff's delta alone says of none of them that it differs."""
    rng = np.random.default_rng(3)
    n, inside = 1200, np.arange(1200) < 400
    plain = rng.normal(size=n)
    hours = pd.to_timedelta((rng.normal(size=n) * np.where(inside, 5, 100)).round(), unit="h")
    frame = pd.DataFrame(
        {
            "wider": plain * np.where(inside, 10, 1),
            "narrower": np.where(inside, 0.2, 1) * rng.normal(size=n),
            "two": np.where(inside, np.sign(rng.normal(size=n)) * 1.5 + 0.1 * plain, rng.normal(size=n)),
            "when": pd.Timestamp("2024-06-01") + hours,
            "same": rng.exponential(size=n),
            "moved": rng.normal(size=n) + inside,
        }
    )
    found = measure(frame, inside)
    for name in ("wider", "narrower", "two", "when"):
        row = table(found, name)
        assert row.sure, name
        assert row.measure == APART
        assert 0 < row.low <= row.estimate <= row.high
        assert row.says.startswith("middle half "), row.says
    assert table(found, "moved").measure == table(found, "same").measure == "Cliff's delta"
    assert table(found, "moved").sure
    assert not table(found, "same").sure
    assert "wider (middle half -" in measure(frame[["wider"]], inside).sentence()
    heavy = measure(frame[["wider"]], inside, np.where(np.abs(plain) < 0.4, 3.0, 1.0))
    assert table(heavy, "wider").measure == APART
    assert table(measure(frame[["same"]].round(-5), inside), "same").measure == "Cliff's delta"  # one value


def test_the_distance_from_the_middle_equals_scipys():
    rng = np.random.default_rng(1)
    inside = np.arange(500) < 150
    values = rng.normal(size=500) * np.where(inside, 3, 1)
    far = np.abs(values - np.median(values))
    auc = stats.mannwhitneyu(far[inside], far[~inside]).statistic / (150 * 350)
    row = table(measure(pd.DataFrame({"a": values}), inside), "a")
    assert row.estimate == pytest.approx(2 * auc - 1)
    assert from_middle(np.array([-np.inf, -np.inf, 1.0]), None) is None


def test_intervals_hold_their_level():
    held = {"delta": 0, "share": 0, "levels": 0, "wide": 0}
    here, there = np.array([0.5, 0.2, 0.2, 0.1]), np.array([0.3, 0.3, 0.2, 0.2])
    for seed in range(200):
        rng = np.random.default_rng(seed)
        inside = np.arange(900) < 300
        frame = pd.DataFrame(
            {
                "delta": rng.normal(size=900) + 0.5 * inside,
                "wide": rng.normal(size=900) * np.where(inside, 4, 1),
                "share": rng.random(900) < np.where(inside, 0.3, 0.15),
                "levels": np.where(
                    inside, rng.choice(list("abcd"), 900, p=here), rng.choice(list("abcd"), 900, p=there)
                ),
            }
        )
        found = measure(frame, inside)
        truth = {
            "delta": 2 * stats.norm.cdf(0.5 / np.sqrt(2)) - 1,
            "share": 0.15,
            "levels": 0.2,
            "wide": 4 / np.pi * np.arctan(4) - 1,
        }
        for name, value in truth.items():
            row = table(found, name)
            held[name] += row.low <= value <= row.high
    assert all(0.91 <= h / 200 <= 0.99 for h in held.values()), held


def test_weights_clusters_and_order():
    rng = np.random.default_rng(0)
    n = 600
    inside = rng.random(n) < 0.4
    frame = pd.DataFrame(
        {"a": rng.normal(size=n) + 0.3 * inside, "two": rng.choice(["l", "r"], n), "c": rng.choice(list("xyz"), n)}
    )
    w = rng.integers(1, 3, n)
    weighed = measure(frame, inside, weight=w)
    twice = measure(frame.loc[frame.index.repeat(w)].reset_index(drop=True), inside.repeat(w))
    for name in ("a", "two"):
        assert table(weighed, name).estimate == pytest.approx(table(twice, name).estimate)
        assert table(weighed, name).smd == pytest.approx(table(twice, name).smd, nan_ok=True)
        assert table(weighed, name).here == pytest.approx(table(twice, name).here)
    double = frame.loc[frame.index.repeat(2)].reset_index(drop=True)
    clustered = measure(double, inside.repeat(2), cluster=np.arange(n).repeat(2))
    plain = measure(frame, inside)
    for name in ("a", "two"):
        ours, theirs = table(clustered, name), table(plain, name)
        assert (ours.high - ours.low) == pytest.approx(theirs.high - theirs.low, rel=0.08)
    order = rng.permutation(n)
    mixed = measure(frame.iloc[order].reset_index(drop=True), inside[order])
    pd.testing.assert_frame_equal(mixed.frame(), plain.frame(), rtol=1e-9)


def evaluation(n=500, **more):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n), "D"),
            "note": [f"words that are all of them different {i}" for i in range(n)],
            "<b>town</b>": rng.choice(["<i>Rome</i>", "Oslo"], n),
            "w": 1.0,
        }
    )
    frame["late"] = frame["when"] > "2024-07-01"
    y = (rng.random(n) < 0.4).astype(int)
    return Evaluation.from_predictions(y, score=rng.random(n), frame=frame, **more)


def test_an_evaluation():
    ev = evaluation(weight="w")
    found = column_differences(ev.where("late"))
    assert found.left_out == ("note",)
    assert set(found.frame()["column"]) == {"age", "when", "<b>town</b>", "late"}
    when = table(found, "when")
    assert when.estimate == pytest.approx(1.0)
    assert "2024-" in when.says
    assert table(found, "late").by_condition
    assert not table(found, "age").read
    assert found.frame()["by_condition"].iloc[-1]
    assert "late differs by choice" in found.sentence()
    assert found.sentence().startswith("Columns that differ most")
    picture = mg.figure(found).to_json()
    assert "<b>" not in picture.replace("<br>", "")
    by_choice = column_differences(ev.where("late"), "age < 30")
    assert table(by_choice, "age").by_condition
    assert by_choice.compared == "the other cohort"
    same = column_differences(ev.where("_row < 250"))
    assert not same.frame()["by_condition"].any()


def test_one_row_and_refusals():
    ev = evaluation()
    one = column_differences(ev.where("_row = 3"))
    assert "No column is surely" in one.sentence()
    mg.figure(one)
    with pytest.raises(NotApplicable, match="no cohort"):
        column_differences(ev)
    with pytest.raises(InputError, match="level"):
        column_differences(ev.where("late"), level=2)
    bare = Evaluation.from_predictions(
        [0, 1] * 30, prediction=[0, 1] * 30, frame=pd.DataFrame({"t": [f"a b c d e f {i}" for i in range(60)]})
    )
    with pytest.raises(NotApplicable, match="no column has an order"):
        column_differences(bare.where("_row < 20"))
