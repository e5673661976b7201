"""Gaps between rates of slices: by hand, and with clusters that reach over slices by simulation."""

import numpy as np
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep

from modelglass.analysis.estimates import estimate
from modelglass.analysis.gaps import RATES, correlations, enough, largest_slices, pairs, rests_on, strict, widest
from modelglass.analysis.groups import Groups, Rows
from modelglass.analysis.metrics import METRICS


def decided(y, predicted, **roles):
    return Rows(task="binary", y=np.asarray(y), predicted=np.asarray(predicted), **roles)


def found_in(rows, code, count, level=0.95):
    """For each rate all pairs, as the analyses make them."""
    groups, together = Groups(rows, code, count), correlations(rows, code, count)
    out = []
    for m, rate in enumerate(RATES):
        got = estimate(METRICS[rate], groups, strict(level, count))
        out.append(pairs(got.estimate, got.low, got.high, together[m]))
    return out


def test_independent_rows_give_newcombes_interval():
    """Two slices: the joined Wilson intervals, as statsmodels has them."""
    predicted = np.repeat([1, 0, 1, 0], [30, 20, 15, 35])
    code = np.repeat([0, 1], 50)
    selection = found_in(decided(np.zeros(100, int), predicted), code, 2)[0]
    low, high = confint_proportions_2indep(30, 50, 15, 50, method="newcomb")
    assert selection[0, 1].tolist() == pytest.approx([0.3, low, high])
    assert widest(selection, ["a", "b"]) == ("a", "b", pytest.approx(0.3), pytest.approx(low), pytest.approx(high))


def test_correlation_by_hand():
    """Clusters 0 and 1 hold a row of each slice that agree, 2 and 3 as well: errors move together; turned round: against."""
    code, cluster = np.tile([0, 1], 4), np.repeat(np.arange(4), 2)
    same = decided(np.ones(8, int), [1, 1, 0, 0, 1, 1, 0, 0], cluster=cluster)
    assert correlations(same, code, 2)[0] == pytest.approx(np.ones((2, 2)))
    against = decided(np.ones(8, int), [1, 0, 0, 1, 1, 0, 0, 1], cluster=cluster)
    found = correlations(against, code, 2)
    assert found[0] == pytest.approx(np.array([[1, -1], [-1, 1]]))
    assert found[1] == pytest.approx(found[0])
    assert not found[2].any(), "no negatives: nothing is known of them"
    assert not correlations(decided(np.ones(8, int), [1, 0] * 4), code, 2).any()


def test_a_gap_that_one_cluster_decides_both_ends_of_is_surely_none():
    code, cluster = np.tile([0, 1], 200), np.repeat(np.arange(200), 2)
    predicted = np.repeat(np.arange(200) % 2, 2)
    selection = found_in(decided(np.ones(400, int), predicted, cluster=cluster), code, 2)[0]
    assert selection[0, 1] == pytest.approx([0, 0, 0], abs=1e-7)


def test_weights_mean_rows_and_order_does_not_matter():
    rng = np.random.default_rng(0)
    y, said, code, cluster, w = (rng.integers(0, k, 300) for k in (2, 2, 3, 40, 3))
    base = correlations(decided(y, said, cluster=cluster, weight=w.astype(float)), code, 3)
    again = np.repeat(np.arange(300), w)
    rng.shuffle(again)
    twice = correlations(decided(y[again], said[again], cluster=cluster[again]), code[again], 3)
    np.testing.assert_allclose(base, twice, atol=1e-12)


@pytest.mark.parametrize("groups", [2, 4])
def test_clusters_over_slices_hold_the_level(groups):
    """Each cluster of 5 leans one way in every slice. Taken for independent, 98 to 99 % hold; here 95."""
    rng, held, narrower = np.random.default_rng(groups), [], []

    def draw(clusters):
        lean = np.repeat(rng.normal(0, 1.5, clusters), 5)
        code = rng.integers(0, groups, len(lean))
        return code, lean + rng.normal(size=len(lean)) + 0.4 * (code == 1) > 0.3, np.repeat(np.arange(clusters), 5)

    code, said, _ = draw(200_000)
    rate = np.bincount(code, said) / np.bincount(code)
    true = rate[:, None] - rate[None, :]
    for _ in range(500):
        code, said, cluster = draw(100)
        rows = decided(np.ones(500, int), said.astype(int), cluster=cluster)
        got = estimate(METRICS["selection_rate"], Groups(rows, code, groups), strict(0.95, groups))
        ends = (got.estimate, got.low, got.high)
        found = pairs(*ends, correlations(rows, code, groups)[0])
        apart = pairs(*ends, np.zeros((groups, groups)))
        upper = np.triu_indices(groups, 1)
        held.append(((found[..., 1] <= true) & (true <= found[..., 2]))[upper].all())
        narrower.append((found[..., 2] - found[..., 1])[upper].mean() / (apart[..., 2] - apart[..., 1])[upper].mean())
    assert 0.92 <= np.mean(held) <= 0.985
    assert np.mean(narrower) < 0.9


def test_few_effective_rows_with_weights_and_clusters_give_no_interval():
    rng = np.random.default_rng(0)
    code, cluster = np.repeat([0, 1], [100, 700]), np.arange(800) // 5
    rows = decided(np.arange(800) % 2, rng.integers(0, 2, 800), cluster=cluster, weight=rng.gamma(2, size=800))
    groups = Groups(rows, code, 2)
    assert enough(groups, "selection_rate", True).tolist() == [True, True]
    assert enough(groups, "recall", True).tolist() == [False, True]
    assert enough(groups, "recall", False).tolist() == [True, True]
    nowhere = pairs(np.array([0.2, 0.5]), np.array([np.nan, 0.4]), np.array([np.nan, 0.6]), np.zeros((2, 2)))
    assert widest(nowhere, "ab")[:3] == ("b", "a", pytest.approx(0.3))
    assert np.isnan(widest(nowhere, "ab")[3:]).all()


def test_a_slice_without_the_rate_is_left_out():
    ends = [np.array(v) for v in ([0.2, np.nan, 0.5], [0.1, np.nan, 0.4], [0.3, np.nan, 0.6])]
    found = widest(pairs(*ends, np.zeros((3, 3))), "abc")
    assert found[:3] == ("c", "a", pytest.approx(0.3))
    assert np.isfinite(found[3:]).all()
    assert widest(pairs(*(np.full(2, np.nan) for _ in range(3)), np.zeros((2, 2))), "ab")[0] == ""


def test_rows_of_rates_and_largest_slices():
    y = np.array([1, 0, 1])
    assert [rests_on(y, rate).tolist() for rate in RATES] == [[True] * 3, [True, False, True], [False, True, False]]
    sizes = np.repeat(np.arange(10), np.arange(1, 11))
    found = largest_slices(np.ones(55, int), sizes, [f"l{i}" for i in range(10)], [f"x = {i}" for i in range(10)])
    assert found.group.tolist() == [f"l{i}" for i in range(2, 10)]
    assert found.n.tolist() == found.positives.tolist() == list(range(3, 11))
    assert found["where"].iloc[0] == "x = 2"
