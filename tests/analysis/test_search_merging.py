"""Properties of the search: counts of blocks of rows add up to those of all rows, and no answer depends on the order of the rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelglass.analysis import find_slices, search_counts, search_kernels
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.groups import Rows
from modelglass.analysis.halves import halves
from modelglass.analysis.search import rows_in, search

QUIET = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@st.composite
def coded_tables(draw, most=60):
    """Codes of two to four columns, losses and weights that add up without rounding, or as any do."""
    n, levels = draw(st.integers(2, most)), draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    codes = np.column_stack([rng.integers(0, k, n) for k in levels]).astype(np.uint8)
    exact = draw(st.booleans())
    loss = rng.integers(0, 9, n) / 8 if exact else rng.normal(size=n)
    weight = draw(st.sampled_from([None, rng.integers(0, 4, n) / 2 if exact else rng.exponential(size=n)]))
    return codes, levels, loss, weight, exact


def counted(way, table, rows, into=None):
    """Count some rows in the cells of every pair of the first column with a later one; ``into`` adds to counts there are."""
    codes, levels, loss, weight, _ = table
    weighs = np.zeros(0) if weight is None else weight
    columns = np.arange(1, len(levels))
    sizes = np.array(levels)[columns]
    offsets = np.append(0, np.cumsum(sizes * levels[0])[:-1]).astype(np.int64)
    total = int((sizes * levels[0]).sum())
    n, w, e = into or (np.zeros(total, np.int64), np.zeros(total if len(weighs) else 0), np.zeros(total))
    side_by_side = np.ascontiguousarray(codes) if way is search_kernels.count else np.asfortranarray(codes)
    lost = loss if weight is None else loss * weight
    way(side_by_side, rows, codes[rows, 0].astype(np.int32), columns, offsets, sizes, lost, weighs, n, w, e)
    return n, w, e


@pytest.mark.parametrize("way", [search_counts.count, search_kernels.count], ids=["numpy", "compiled"])
@QUIET
@given(coded_tables(), st.data())
def test_counts_of_blocks_merge_to_those_of_all_rows(way, table, data):
    """Counted apart and added, or one after another into the same counts; blocks hold any rows, also none."""
    exact, n = table[-1], len(table[0])
    block = np.array(data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    blocks = [np.flatnonzero(block == b).astype(np.int32) for b in range(3)]
    whole = counted(way, table, np.arange(n, dtype=np.int32))
    apart = [counted(way, table, rows) for rows in blocks]
    together = counted(way, table, blocks[0])
    for rows in blocks[1:]:
        together = counted(way, table, rows, into=together)
    for merged in ([sum(parts) for parts in zip(*apart)], together):
        for mine, theirs in zip(merged, whole):
            if exact or mine.dtype == np.int64:
                assert mine.tolist() == theirs.tolist()
            np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)
    assert whole[0].sum() == n * (len(table[1]) - 1)


@QUIET
@given(
    coded_tables(), st.integers(1, 3), st.sampled_from(["difference", "sliceline"]), st.randoms(use_true_random=False)
)
def test_a_search_does_not_depend_on_the_order_of_rows(table, depth, score, random):
    codes, levels, loss, weight, exact = table
    loss = np.abs(loss) if score == "sliceline" else loss
    order = list(range(len(loss)))
    random.shuffle(order)
    one, other = (
        search(codes[rows], levels, loss[rows], None if weight is None else weight[rows], depth=depth, support=2, score=score)
        for rows in (np.arange(len(loss)), np.array(order))
    )  # fmt: skip
    np.testing.assert_allclose(one.score, other.score, rtol=1e-9, atol=1e-9)
    if exact and weight is None:  # sums have no rounding, so ties are the same ties
        assert [one.conditions(i) for i in range(len(one.n))] == [other.conditions(i) for i in range(len(other.n))]
        assert one.n.tolist() == other.n.tolist()
    for i in range(len(other.n)):
        assert other.n[i] == rows_in(codes, other.conditions(i)).sum()


def table_of(n, seed):
    """A table of several kinds of columns with a bad slice, and predictions."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "job": rng.choice(["clerk", "cook", "driver", None], n),
            "age": np.where(rng.random(n) < 0.1, np.nan, rng.integers(18, 90, n)),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 800, n), "D"),
            "w": rng.integers(1, 4, n).astype(float),
            "house": rng.integers(0, n // 3, n),
        }
    )
    bad = (frame["job"] == "cook").to_numpy() & (rng.random(n) < 0.7)
    truth = rng.integers(0, 2, n)
    return frame, truth, np.where(bad | (rng.random(n) < 0.1), 1 - truth, truth)


ROLES = [{}, {"weight": "w"}, {"cluster": "house"}]


def in_order_and_in_another(n, seed, roles, other):
    """Give what is proposed of the rows as they stand, and in another order."""
    frame, truth, predicted = table_of(n, seed)
    found = []
    for rows in (np.arange(n), np.random.default_rng(other).permutation(n)):
        ev = Evaluation.from_predictions(
            truth[rows], predicted[rows], frame=frame.iloc[rows].reset_index(drop=True), task="binary", positive=1,
            ignore=[c for c in ("w", "house") if c not in roles.values()], **roles,
        )  # fmt: skip
        found.append(find_slices(ev).proposed)
    assert found[0]["where"].tolist() == found[1]["where"].tolist()
    pd.testing.assert_frame_equal(found[0], found[1], rtol=1e-9, atol=1e-12)
    return found[0]


@settings(QUIET, max_examples=10)
@given(st.integers(300, 600), st.integers(0, 2**32 - 1), st.sampled_from(ROLES), st.integers(0, 2**32 - 1))
def test_found_slices_do_not_depend_on_the_order_of_rows(n, seed, roles, other):
    """Which half a row falls in follows from its content, so proposals, estimates and p-values are those of the same rows."""
    in_order_and_in_another(n, seed, roles, other)


@pytest.mark.parametrize("roles", ROLES, ids=str)
def test_the_bad_slice_is_found_in_either_order(roles):
    assert any("cook" in where for where in in_order_and_in_another(600, 5, roles, 6)["where"])


@settings(QUIET, max_examples=30)
@given(st.integers(4, 60), st.integers(0, 2**32 - 1), st.booleans())
def test_the_same_rows_fall_on_each_side_whatever_their_order(n, seed, clustered):
    rng = np.random.default_rng(seed)
    rows = Rows(
        task="regression",
        y=rng.integers(0, 5, n).astype(float),
        predicted=rng.integers(0, 5, n).astype(float),
        cluster=rng.integers(0, 5, n) if clustered else None,
    )
    order = rng.permutation(n)
    sides = []
    for places, given_rows in ((np.arange(n), rows), (order, rows.cut(order))):
        first, second = (places[side] for side in halves(given_rows, 0))
        assert sorted([*first, *second]) == list(range(n))
        if clustered:
            assert not set(rows.cluster[first]) & set(rows.cluster[second])
        sides.append(sorted(zip(rows.y[first], rows.predicted[first])))
    assert sides[0] == sides[1]  # rows of one content may change places
