"""The search equals enumeration: every score, any weights, any threads; families are never combined; time and stop are obeyed."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from modelglass.analysis.errors import InputError, Stopped
from modelglass.analysis.search import rows_in, search
from modelglass.analysis.search_unions import stacks


def table(seed, rows=400, columns=5):
    rng = np.random.default_rng(seed)
    levels = rng.integers(2, 5, columns)
    codes = np.column_stack([rng.integers(0, k, rows) for k in levels])
    loss = rng.random(rows) * (rng.random(rows) < 0.4)
    return codes, levels, loss, rng.integers(1, 4, rows).astype(float)


def brute(codes, levels, *, depth, family=None):
    """Enumerate every conjunction of a small table."""
    family = family or list(range(len(levels)))
    found = []
    for length in range(1, depth + 1):
        for columns in combinations(range(len(levels)), length):
            if len({family[c] for c in columns}) < length:
                continue
            places = np.ndindex(*(int(levels[c]) for c in columns))
            found += [tuple(zip(columns, map(int, place))) for place in places]
    return found


def enumerated(codes, levels, loss, weight, kind, support, depth, family=None):
    """Score every slice by the textbook, one by one."""
    w = np.ones(len(loss)) if weight is None else weight
    mean, whole = np.average(loss, weights=w), w.sum()
    sd = np.sqrt(np.average((loss - mean) ** 2, weights=w)) * np.sqrt((w**2).sum() / whole)
    found = []
    for conditions in brute(codes, levels, depth=depth, family=family):
        mask = rows_in(codes, conditions)
        if mask.sum() < support:
            continue
        here, size = np.average(loss[mask], weights=w[mask]), w[mask].sum()
        if kind == "difference":
            score = (here - mean) * np.sqrt(size) / sd
        else:
            score = 0.95 * (here / mean - 1) - 0.05 * (whole / size - 1)
        if score > 0:
            found.append((score, conditions))
    return sorted(found, key=lambda pair: -pair[0])


@pytest.mark.parametrize("kind", ["difference", "sliceline"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_it_finds_what_enumeration_finds(kind, weighted, seed):
    codes, levels, loss, weight = table(seed)
    weight = weight if weighted else None
    found = search(codes, levels, loss, weight, depth=3, support=8, keep=20, score=kind, threads=2)
    truth = enumerated(codes, levels, loss, weight, kind, 8, 3)
    np.testing.assert_allclose(found.score, [score for score, _ in truth[:20]], rtol=1e-9)
    for i in range(len(found.n)):
        mask = rows_in(codes, found.conditions(i))
        w = np.ones(len(loss)) if weight is None else weight
        assert found.n[i] == mask.sum()
        assert found.mean[i] == pytest.approx(
            np.average(loss[mask], weights=w[mask]) - (loss.min() if kind == "difference" else 0)
        )


@pytest.mark.parametrize("depth", [1, 2])
def test_depth_is_kept(depth):
    codes, levels, loss, _ = table(3)
    found = search(codes, levels, loss, depth=depth, support=8, keep=10)
    truth = enumerated(codes, levels, loss, None, "difference", 8, depth)
    np.testing.assert_allclose(found.score, [score for score, _ in truth[:10]])
    assert ((found.columns >= 0).sum(axis=1) <= depth).all()


def test_columns_of_one_family_are_not_combined():
    codes, levels, loss, _ = table(4)
    family = ["a", "a", "b", "b", "c"]
    found = search(codes, levels, loss, depth=3, support=5, keep=50, family=family)
    for i in range(len(found.n)):
        used = [family[c] for c, _ in found.conditions(i)]
        assert len(set(used)) == len(used)
    truth = enumerated(codes, levels, loss, None, "difference", 5, 3, family)
    np.testing.assert_allclose(found.score, [score for score, _ in truth[: len(found.score)]])


def test_order_of_rows_and_threads_change_nothing():
    codes, levels, loss, weight = table(5, rows=3000)
    order = np.random.default_rng(0).permutation(len(loss))
    one = search(codes, levels, loss, weight, depth=3, support=20, keep=30, threads=1)
    two = search(codes[order], levels, loss[order], weight[order], depth=3, support=20, keep=30, threads=3)
    np.testing.assert_allclose(one.score, two.score)
    assert [one.conditions(i) for i in range(30)] == [two.conditions(i) for i in range(30)]


def test_negative_losses_are_searched_upwards():
    codes, levels, loss, _ = table(6)
    up, down = (search(codes, levels, sign * (loss - loss.mean()), depth=2, support=8, keep=5) for sign in (1, -1))
    assert up.conditions(0) != down.conditions(0)
    assert loss[rows_in(codes, down.conditions(0))].mean() < loss.mean()


def test_many_levels_are_16_bit_codes():
    rng = np.random.default_rng(0)
    codes = np.column_stack([rng.integers(0, 400, 20_000), rng.integers(0, 3, 20_000)])
    loss = ((codes[:, 0] == 300) & (codes[:, 1] == 2)).astype(float)
    found = search(codes, [400, 3], loss, depth=2, support=5)
    assert found.conditions(0) == [(0, 300), (1, 2)]
    assert found.mean[0] == 1


def test_nothing_to_find_is_nothing():
    codes, levels, _, _ = table(7)
    assert len(search(codes, levels, np.zeros(400), depth=3).n) == 0
    assert len(search(codes, levels, np.ones(400), depth=3).n) == 0


def test_progress_stops_it():
    codes, levels, loss, _ = table(8, columns=8)

    def stop(share, what):
        if share > 0.2:
            raise Stopped("enough")

    with pytest.raises(Stopped):
        search(codes, levels, loss, depth=3, support=5, progress=stop)


def test_time_runs_out_with_what_there_is():
    codes, levels, loss, _ = table(9, columns=12, rows=2000)
    for depth in (2, 3):
        found = search(codes, levels, loss, depth=depth, support=5, seconds=1e-9)
        assert found.searched < found.prefixes == 66
        assert len(found.n) > 0
        whole = search(codes, levels, loss, depth=depth, support=5)
        assert whole.searched == whole.prefixes == 66


def test_bad_calls_are_refused():
    codes, levels, loss, _ = table(1)
    with pytest.raises(InputError, match="1 to 3 conditions"):
        search(codes, levels, loss, depth=4)
    with pytest.raises(InputError, match="missing or infinite"):
        search(codes, levels, np.where(loss > 0, np.nan, loss))
    with pytest.raises(InputError, match="zero or more"):
        search(codes, levels, loss - 1, score="sliceline")


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("depth", [2, 3])
def test_columns_that_are_unions_of_others_are_found_by_sums(depth, weighted):
    """Two columns cut in two beside their bins, in an order in which the cuts stand after columns they are paired with."""
    codes, levels, loss, weight = table(11, columns=4)
    cuts = [(codes[:, 0] >= 1), (codes[:, 2] == 0), (codes[:, 0] == 0)]
    codes = np.column_stack([codes, *cuts]).astype(np.int64)
    levels, family = [*levels, 2, 2, 2], [0, 1, 2, 3, 0, 2, 0]
    given = stacks(codes, levels, family)
    assert [sorted(s.at) for s in given] == [[0, 4, 6], [1], [2, 5], [3]]
    w = weight if weighted else None
    found = search(codes, levels, loss, w, depth=depth, support=5, keep=50, family=family)
    truth = enumerated(codes, levels, loss, w, "difference", 5, depth, family)
    np.testing.assert_allclose(found.score, [score for score, _ in truth[: len(found.score)]])
    for i in range(len(found.n)):
        inside = rows_in(codes, found.conditions(i))
        assert found.n[i] == inside.sum()
        assert [c for c, _ in found.conditions(i)] == sorted(c for c, _ in found.conditions(i))
    assert found.searched == found.prefixes == 21 - 3 - 1


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("some", [False, True])
def test_numpy_counts_to_the_last_bit_what_the_compiled_loop_counts(weighted, some):
    from modelglass.analysis import search_counts, search_kernels

    rng = np.random.default_rng(3)
    codes = np.asfortranarray(rng.integers(0, 5, (2_000, 4)).astype(np.uint8))
    loss, weight = rng.normal(size=2_000), rng.uniform(size=2_000) if weighted else np.zeros(0)
    rows = np.flatnonzero(rng.random(2_000) < 0.4).astype(np.int32) if some else np.arange(2_000, dtype=np.int32)
    cells = codes[rows, 0].astype(np.int32) % 3
    columns, sizes = np.array([1, 3]), np.array([5, 5])
    offsets = np.array([0, 15])
    found = []
    for count in (search_counts.count, search_kernels.count):
        n, w, e = np.zeros(30, np.int64), np.zeros(30 if weighted else 0), np.zeros(30)
        table = codes if count is search_counts.count else np.ascontiguousarray(codes)
        count(table, rows, cells, columns, offsets, sizes, loss, weight, n, w, e)
        found.append((n, w, e))
    for own, compiled in zip(*found):
        assert np.array_equal(own, compiled)
    assert found[0][0].sum() == 2 * len(rows)


def test_numba_is_loaded_only_where_there_is_much_to_count(monkeypatch):
    import sys

    from modelglass.analysis import search_counts, search_kernels

    assert search_counts.counter(1) == (search_kernels.count, True)  # loaded already
    monkeypatch.delitem(sys.modules, search_counts.COMPILED)
    assert search_counts.counter(search_counts.FEW) == (search_counts.count, False)
    assert search_counts.counter(search_counts.FEW + 1)[0] is not search_counts.count
