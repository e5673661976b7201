"""Columns that look unlike themselves: which are proposed, what is put instead, and that values keep their type."""

import numpy as np
import pandas as pd
import pytest

from modelglass.analysis.repairs import proposed


def pair(here, there, dtype=None):
    return (pd.DataFrame({"v": pd.Series(v, dtype=dtype)}) for v in (here, there))


def only(here, there, dtype=None, **more):
    found = proposed(*pair(here, there, dtype), **more)
    assert len(found) == 1, found
    return found[0]


def normal(n, seed=0, mean=50.0, spread=10.0):
    return np.random.default_rng(seed).normal(mean, spread, n)


def test_another_unit_is_undone():
    found = only(normal(200) * 100, normal(500, 1))
    assert found.words.startswith("of another size here: the middle of its values is")
    assert found.ways[0].words == "values divided by 100"
    np.testing.assert_allclose(found.ways[0].columns[0], normal(200))
    moved = found.ways[-1].columns[0]
    assert np.median(moved) == pytest.approx(np.median(normal(500, 1)))


def test_a_spread_of_another_unit_around_nothing():
    found = only(normal(200, mean=0, spread=1) / 1000, normal(500, 1, mean=0, spread=1))
    assert found.ways[0].words == "values times 1,000"


def test_whole_numbers_stay_whole():
    found = only(np.arange(100, 300) * 100, np.arange(100, 300), dtype="int64")
    assert found.ways[0].columns[0].dtype == "int64"
    assert found.ways[0].columns[0].tolist() == list(range(100, 300))


def test_missing_values_get_the_usual_one():
    here = np.where(np.arange(200) < 60, np.nan, normal(200))
    found = only(here, normal(400, 1))
    assert found.words == "missing in 30.0% of the rows here, in 0.0% of the rest"
    (filled,) = found.ways[0].columns
    assert filled.notna().all()
    assert filled[0] == pytest.approx(np.median(normal(400, 1)))
    assert filled[100] == here[100]


@pytest.mark.parametrize("inside", [True, False])
def test_a_column_without_any_value_on_one_side(inside):
    """As in a cohort of the rows that lack it: ordinary, and no reason for numpy's warnings."""
    gone, known = np.full(200, np.nan), normal(200)
    if not inside:
        assert proposed(*pair(known, gone)) == []
        return
    found = only(gone, known)
    assert found.words == "missing in 100.0% of the rows here, in 0.0% of the rest"
    assert found.ways[0].columns[0].tolist() == [np.median(known)] * 200
    assert proposed(*pair(gone, known), by_condition=("v",)) == []


def test_a_frozen_column():
    found = only(np.full(100, 52.0), normal(400))
    assert found.words.startswith("52 in 100.0% of the rows here, in 0.0% of the rest")
    assert [len(w.columns) for w in found.ways] == [1, 9]
    typical = [c.iloc[0] for c in found.ways[1].columns]
    assert typical == sorted(typical)
    assert np.mean(typical) == pytest.approx(50, abs=2)


def test_a_code_for_missing():
    for share in (0.15, 0.6):
        here = np.where(np.arange(200) < 200 * share, -999.0, normal(200))
        found = only(here, normal(400, 1))
        assert found.words.startswith(f"-999 in {share:.1%} of the rows here, far from the")
        (way,) = found.ways
        assert way.columns[0][0] == pytest.approx(np.median(normal(400, 1)))
        assert way.columns[0][199] == here[199]
    there = np.where(np.arange(400) < 20, np.nan, normal(400, 1))
    assert only(here, there).ways[1].columns[0].isna().sum() == 120


def test_values_beyond_the_range():
    here = np.where(np.arange(200) < 30, normal(200, 3) + 150, normal(200))
    found = only(here, normal(400, 1))
    assert "in 15.0% of the rows here" in found.words
    cut, middle = (w.columns[0] for w in found.ways)
    assert cut.max() <= np.quantile(normal(400, 1), 0.999)
    assert middle[0] == pytest.approx(np.median(normal(400, 1)))
    assert middle[100] == here[100]


@pytest.mark.parametrize("dtype", ["object", "category", "string"])
def test_levels_that_are_written_otherwise(dtype):
    here, there = ["MALE", "Female "] * 60, ["Male", "Female"] * 100
    found = only(here, there, dtype)
    alike, usual = (w.columns[0] for w in found.ways)
    assert alike.tolist() == ["Male", "Female"] * 60
    assert set(usual) == {"Female"}
    if dtype == "category":
        assert set(alike.dtype.categories) >= {"Male", "Female"}


def test_nothing_is_proposed_where_nothing_is_odd():
    rng = np.random.default_rng(0)
    for seed in range(30):
        here = pd.DataFrame(
            {"a": normal(200, seed), "b": rng.choice(list("xyz"), 200), "c": rng.integers(0, 2, 200).astype(bool)}
        )
        there = pd.DataFrame(
            {"a": normal(900, seed + 99), "b": rng.choice(list("xyz"), 900), "c": rng.integers(0, 2, 900).astype(bool)}
        )
        assert proposed(here, there) == []


def test_columns_of_the_condition_only_for_powers_of_ten():
    assert proposed(*pair(normal(200) * 5, normal(400)), by_condition=["v"])[0].ways[0].words == "values divided by 10"
    assert len(proposed(*pair(normal(200) * 100, normal(400)), by_condition=["v"])[0].ways) == 1
    assert proposed(*pair(["a"] * 50, ["b", "c", "d"] * 50), by_condition=["v"]) == []
    assert proposed(*pair(np.full(50, 3.0), normal(400, mean=4, spread=1)), by_condition=["v"]) == []


def test_few_values_dates_and_the_most_affected_first():
    assert proposed(*pair(normal(19) * 100, normal(400))) == []
    assert proposed(*pair(pd.date_range("2024", periods=50), pd.date_range("2020", periods=50))) == []
    here = pd.DataFrame({f"c{i}": np.where(np.arange(100) < 10 * i, -999.0, normal(100, i)) for i in range(1, 10)})
    there = pd.DataFrame({f"c{i}": normal(300, 50 + i) for i in range(1, 10)})
    found = proposed(here, there)
    assert len(found) == 8
    assert [r.affected for r in found] == sorted((r.affected for r in found), reverse=True)
    assert found[0].column == "c9"
