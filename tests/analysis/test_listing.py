import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.listing import KINDS, _smallest, columns_to_sort_by, listing, matching
from modelglass.analysis.registry import get, run
from modelglass.analysis.result import result_json
from modelglass.analysis.worst_rows import worst_rows


def made(n=200, **options):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "a": rng.normal(size=n).round(1),
            "score": rng.integers(0, 5, n),
            "city": rng.choice(["Rome", "Oslo", "<b>Bari"], n),
            "name": [f"r{i}" for i in range(n)],
        }
    )
    frame.loc[::7, ["a", "city"]] = [np.nan, None]
    p = rng.random(n)
    return Evaluation.from_predictions((rng.random(n) < p).astype(int), score=p, frame=frame, **options)


def several():
    rng = np.random.default_rng(1)
    score = rng.dirichlet([1, 1, 1], 60)
    return Evaluation.from_predictions(
        rng.choice(list("pqr"), 60), score={c: score[:, i] for i, c in enumerate("pqr")}, name="three"
    )


def numbers():
    return Evaluation.from_predictions([1.0, 5.0, 3.5, 2.0], prediction=[1.0, 2.0, 4.0, 2.5])


def test_four_rows_by_hand():
    ev = Evaluation.from_predictions([1, 0, 1, 0], score=[0.9, 0.8, 0.2, 0.1], frame=pd.DataFrame({"x": [4, 3, 3, 9]}))
    kinds = {k: listing(ev, kind=k).rows["row"].tolist() for k in KINDS["binary"]}
    assert kinds == {
        "all": [0, 1, 2, 3],
        "right": [0, 3],
        "wrong": [1, 2],
        "true positives": [0],
        "false positives": [1],
        "false negatives": [2],
        "true negatives": [3],
    }
    assert listing(ev, sort="x").rows["row"].tolist() == [1, 2, 0, 3]
    assert listing(ev, sort="x", descending=True).rows["row"].tolist() == [3, 0, 1, 2]
    assert listing(ev, sort="loss", descending=True).rows["row"].tolist() == [1, 2, 0, 3]
    found = listing(ev, kind="wrong", sort="score", descending=True, n=1)
    assert found.rows["outcome"].tolist() == ["false positive"]
    assert found.sentence() == "2 of 4 rows are predicted wrong; shown 1 to 1, by score, largest first."


def test_regression_by_hand():
    ev = numbers()
    assert listing(ev, kind="too high").rows["row"].tolist() == [2, 3]
    assert listing(ev, kind="too low").rows["error"].tolist() == [-3.0]
    assert listing(ev, sort="loss", descending=True).rows["loss"].tolist() == [3.0, 0.5, 0.5, 0.0]
    assert listing(ev, sort="error").rows["row"].tolist() == [1, 0, 2, 3]


def test_columns_and_losses_are_those_of_the_worst_rows():
    ev = made(id="name")
    worst = worst_rows(ev, n=1000).rows
    mine = listing(ev, sort="loss", descending=True, n=None).rows
    assert mine["row"].tolist() == worst["row"].tolist()
    np.testing.assert_array_equal(mine["loss"], worst["loss"])
    np.testing.assert_array_equal(mine["outcome"].str.startswith("false"), worst["wrong"])
    assert set(mine) - {"outcome"} == set(worst) - {"wrong"}
    assert mine["data: score"].tolist() == ev.frame["score"].to_numpy()[mine["row"]].tolist()


@pytest.mark.parametrize("make", [made, several, numbers])
@pytest.mark.parametrize("descending", [False, True])
def test_every_order_is_the_one_of_pandas(make, descending):
    ev = make()
    for sort in columns_to_sort_by(ev):
        whole = listing(ev, n=None).rows
        order = whole[sort].sort_values(kind="stable", ascending=not descending, na_position="last").index
        got = listing(ev, sort=sort, descending=descending, n=None).rows["row"].tolist()
        assert got == whole["row"][order].tolist(), sort
        pages = [listing(ev, sort=sort, descending=descending, start=s, n=7).rows for s in range(0, ev.n + 7, 7)]
        assert pd.concat(pages)["row"].tolist() == got, sort


SERIES = {
    "integers beyond floats": pd.Series([2**53 + 1, 2**53, -(2**63), 2**63 - 1]),
    "unsigned": pd.Series([2**64 - 1, 0, 2**63], dtype="uint64"),
    "nullable": pd.Series([3, None, 1], dtype="Int64"),
    "booleans": pd.Series([True, False, True]),
    "nullable booleans": pd.Series([True, None, False], dtype="boolean"),
    "times": pd.to_datetime(pd.Series(["2024-05-01", None, "2020-01-01"])),
    "zones": pd.to_datetime(pd.Series(["2024-05-01", None, "2020-01-01"])).dt.tz_localize("Asia/Tokyo"),
    "durations": pd.to_timedelta(pd.Series([5, None, 1]), unit="h"),
    "ordered": pd.Series(pd.Categorical(["low", "high", None], ["low", "high"], ordered=True)),
    "categories": pd.Series(pd.Categorical(["b", "a", None], ["b", "a"])),
    "infinities": pd.Series([np.inf, -np.inf, np.nan, 0.0]),
    "small floats": pd.Series([0.5, None, 0.25], dtype="float32"),
}


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("descending", [False, True])
def test_every_type_sorts_with_missing_last(name, descending):
    x = SERIES[name]
    x = pd.concat([x, x], ignore_index=True)
    ev = Evaluation.from_predictions(
        np.arange(len(x)) % 2, prediction=np.arange(len(x)) % 2, frame=pd.DataFrame({"x": x})
    )
    by = x.astype(str).where(x.notna()) if name == "categories" else x
    order = by.sort_values(kind="stable", ascending=not descending, na_position="last").index
    assert listing(ev, sort="x", descending=descending).rows["row"].tolist() == order.tolist()


def test_mixed_values_are_compared_as_text():
    frame = pd.DataFrame({"x": pd.Series([3, "2", None, 1.5], dtype=object)})
    ev = Evaluation.from_predictions([0, 1, 0, 1], prediction=[0, 1, 0, 1], frame=frame)
    assert listing(ev, sort="x").rows["row"].tolist() == [3, 1, 0, 2]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 6) | st.floats(allow_nan=False), max_size=80), st.integers(0, 90))
def test_the_smallest_are_those_of_a_whole_sort(values, count):
    key = np.array(values * 9, dtype=float)
    assert _smallest(key, min(count, len(key))).tolist() == np.argsort(key, kind="stable")[:count].tolist()


def test_random_order_is_seeded_and_pages_hold_each_row_once():
    ev = made()
    first, again, other = (listing(ev, sort="random", seed=s, n=None).rows["row"].tolist() for s in (3, 3, 4))
    assert first == again != other
    pages = [listing(ev, sort="random", seed=3, start=s, n=60).rows["row"].tolist() for s in (0, 60, 120, 180)]
    assert [row for page in pages for row in page] == first
    assert sorted(first) == list(range(200))
    assert "random order (seed 3)" in listing(ev, sort="random", seed=3).sentence()


def test_classes_ids_and_numbers_choose_rows():
    ev = several()
    cell = listing(ev, actual="p", predicted="q", n=None).rows
    assert len(cell) == int(((ev.y == 0) & (ev.predicted == 1)).sum())
    assert set(cell["actual"]) == {"p"}
    named = made(id="name").where("score > 0")
    row = int(named.rows[5])
    assert listing(named, find=f" r{row} ").rows["row"].tolist() == [row]
    assert listing(named, find=str(row)).rows["row"].tolist() == [row]
    none = listing(named, find="nobody")
    assert none.sentence() == f"None of the {named.n} rows looked at is named or numbered nobody."
    assert "score" in none.frame()
    for hostile in ("٣", "9" * 40, "-1", "1e3", "'; DROP"):
        assert matching(named, find=hostile).tolist() == []


def test_a_cohort_keeps_row_numbers_and_a_threshold_moves_kinds():
    ev = made()
    part = ev.where("a > 0").with_threshold(0.9)
    rows = listing(part, kind="false positives", n=None).rows
    at = ev.rows[(ev.frame["a"] > 0).to_numpy()]
    assert rows["row"].tolist() == at[(ev.score[at] >= 0.9) & (ev.y[at] == 0)].tolist()


def test_labels_only_have_no_score():
    ev = Evaluation.from_predictions([0, 1, 1], prediction=[0, 1, 0])
    assert "score" not in listing(ev).rows
    with pytest.raises(InputError, match="Expected the name of a column to sort by: row, actual"):
        listing(ev, sort="score")


def test_past_the_end_and_the_whole():
    ev = made()
    assert listing(ev, start=500).sentence() == "200 rows; nothing is left after 500."
    assert len(listing(ev, n=None).rows) == 200


def test_refusals():
    ev = made()
    for wrong in (
        {"kind": "too high"},
        {"actual": "maybe"},
        {"sort": "nothing"},
        {"n": 0},
        {"start": -1},
        {"seed": -1},
    ):
        with pytest.raises(InputError):
            listing(ev, **wrong)
    with pytest.raises(NotApplicable, match="no classes to choose rows by"):
        listing(numbers(), actual="a")


def test_it_is_declared_for_a_page_and_never_for_the_report():
    record = get("listing")
    assert record.raw_rows
    assert not record.report
    result = run(made(), "listing", kind="wrong").result
    assert result_json("listing", result)["frame"]["columns"][0] == "row"


def test_a_page_of_many_rows_takes_no_whole_sort_of_the_frame():
    rng = np.random.default_rng(0)
    n = 300_000
    frame = pd.DataFrame({"x": rng.normal(size=n), "g": rng.choice(["a", "b", "c"], n)})
    ev = Evaluation.from_predictions((rng.random(n) < 0.5).astype(int), score=rng.random(n), frame=frame)
    listing(ev, kind="wrong")
    begun = time.process_time()
    for sort in ("loss", "x", "g", "random"):
        listing(ev, kind="wrong", sort=sort, descending=True)
    assert time.process_time() - begun < 3
