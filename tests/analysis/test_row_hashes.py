"""Hashes of rows: equal rows meet whatever their types, columns can be taken out by subtraction, pairs are counted by hand."""

import numpy as np
import pandas as pd
import pytest

from modelglass.analysis.row_hashes import column_hashes, equal_pairs, row_hashes, times_seen

FRAME = pd.DataFrame({"a": [1, 2, 1, 1], "b": ["x", None, "x", "y"], "c": [0.5, np.nan, 0.5, 0.5]})


def test_equal_rows_meet_and_others_do_not():
    found = row_hashes(FRAME, ["a", "b", "c"])
    assert found[0] == found[2]
    assert len(set(found.tolist())) == 3
    assert times_seen(found).tolist() == [2, 1, 2, 1]
    assert equal_pairs(found) == 1


def test_a_column_is_taken_out_by_subtraction():
    whole = row_hashes(FRAME, ["a", "b", "c"])
    np.testing.assert_array_equal(whole - column_hashes(FRAME["b"], "b"), row_hashes(FRAME, ["c", "a"]))
    assert equal_pairs(whole - column_hashes(FRAME["b"], "b")) == 3


@pytest.mark.parametrize("kind", ["float64", "Int64", "category", "float32"])
def test_types_do_not_matter(kind):
    np.testing.assert_array_equal(column_hashes(FRAME["a"], "a"), column_hashes(FRAME["a"].astype(kind), "a"))


def test_texts_categories_and_gaps_are_alike():
    text = column_hashes(FRAME["b"], "b")
    np.testing.assert_array_equal(text, column_hashes(FRAME["b"].astype("category"), "b"))
    np.testing.assert_array_equal(text, column_hashes(FRAME["b"].astype("string"), "b"))
    assert column_hashes(pd.Series([0.0]), "z")[0] == column_hashes(pd.Series([-0.0]), "z")[0]


def test_what_stands_in_which_column_matters():
    swapped = FRAME.rename(columns={"a": "c", "c": "a"})
    assert not np.isin(row_hashes(FRAME, ["a", "c"]), row_hashes(swapped, ["a", "c"])).any()


def test_sums_of_many_random_rows_do_not_meet():
    rng = np.random.default_rng(0)
    many = pd.DataFrame(rng.integers(0, 50, (20_000, 6)), columns=list("abcdef"))
    assert (
        equal_pairs(row_hashes(many, list("abcdef")))
        == (many.groupby(list("abcdef")).size().pipe(lambda c: c * (c - 1) // 2)).sum()
    )
