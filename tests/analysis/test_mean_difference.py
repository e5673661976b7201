"""Differences of means: by hand, against scipy's Welch test, with weights and clusters, and holding their level."""

import numpy as np
import pytest
from scipy import stats

from modelglass.analysis.mean_difference import Sample, mean_difference, why_none


def column(values, weight=None, cluster=None):
    return Sample(values=np.asarray(values, float)[:, None], weight=weight, cluster=cluster)


def test_by_hand():
    found = mean_difference(column([1, 3]), column([0, 1, 5]))
    assert (found.here[0], found.there[0], found.estimate[0]) == (2, 2, 0)
    assert np.isnan(found.low[0])
    assert why_none(column([1, 3]), column([0])) == "one side has 2 rows, and at least 100 are needed"


def test_symmetric_values_give_welch():
    grid = stats.norm.ppf((np.arange(400) + 0.5) / 400)
    here, there = 2 * grid + 0.3, grid[::2]
    found = mean_difference(column(here), column(there), 0.9)
    theirs = stats.ttest_ind(here, there, equal_var=False)
    ends = theirs.confidence_interval(0.9)
    assert found.low[0] == pytest.approx(ends.low, abs=2e-3)
    assert found.high[0] == pytest.approx(ends.high, abs=2e-3)
    assert found.p[0] == pytest.approx(theirs.pvalue, rel=0.03)


def test_p_and_interval_agree():
    rng = np.random.default_rng(0)
    here, there = rng.exponential(size=(300, 20)) + np.linspace(0, 0.4, 20), rng.exponential(size=(200, 20))
    found = mean_difference(Sample(values=here), Sample(values=there), 0.95)
    assert ((found.p < 0.05) == ((found.low > 0) | (found.high < 0))).all()
    assert (found.p < 0.05).any()
    assert (found.p > 0.05).any()


def test_weights_and_order():
    rng = np.random.default_rng(0)
    here, there, w = rng.exponential(size=500), rng.normal(size=400), rng.integers(1, 4, 500)
    weighed, twice = (
        mean_difference(column(here, w.astype(float)), column(there)),
        mean_difference(column(np.repeat(here, w)), column(there)),
    )
    assert weighed.estimate[0] == pytest.approx(twice.estimate[0])
    assert weighed.low[0] < twice.low[0]  # fewer independent rows
    order = rng.permutation(500)
    mixed = mean_difference(column(here[order], w[order].astype(float)), column(there[::-1]))
    assert [mixed.low[0], mixed.high[0]] == pytest.approx([weighed.low[0], weighed.high[0]])
    ones = mean_difference(column(here[:150], np.ones(150)), column(there))
    assert ones.low[0] == mean_difference(column(here[:150]), column(there)).low[0]


def test_clusters_on_both_sides_cancel():
    rng = np.random.default_rng(0)
    level = rng.normal(size=150) * 5
    unit = np.repeat(np.arange(150), 2)
    here, there = (level[unit] + rng.normal(size=300) for _ in range(2))
    shared = mean_difference(column(here, cluster=unit), column(there, cluster=unit))
    apart = mean_difference(column(here, cluster=unit), column(there, cluster=unit + 1_000))
    assert shared.high[0] - shared.low[0] < 0.3 * (apart.high[0] - apart.low[0])
    paired = stats.ttest_1samp(np.bincount(unit, here - there) / 2, 0).confidence_interval(0.95)
    assert shared.low[0] == pytest.approx(paired.low, abs=0.01)
    assert shared.high[0] == pytest.approx(paired.high, abs=0.01)
    few = mean_difference(column(here, cluster=unit % 9), column(there, cluster=unit % 9))
    assert np.isnan(few.low[0])


def test_values_all_alike_have_no_interval():
    found = mean_difference(column(np.ones(200)), column(np.ones(200)))
    assert found.estimate[0] == 0
    assert np.isnan(found.low[0])
    assert np.isnan(found.p[0])


@pytest.mark.parametrize(("n", "m"), [(100, 100), (100, 2_000), (500, 500)])
def test_intervals_hold_their_level(n, m):
    rng = np.random.default_rng((n, m))
    makes = (
        lambda r, s: np.abs(r.normal(size=s)),
        lambda r, s: r.exponential(size=s),
        lambda r, s: (r.random(s) < 0.1) * 1.0,
    )
    here = np.stack([f(rng, (600, n)) for f in makes]) + 0.2
    there = np.stack([f(rng, (600, m)) for f in makes])
    held = []
    for a, b in zip(here, there):  # 600 samples beside one another
        found = mean_difference(Sample(values=a.T), Sample(values=b.T))
        alone = mean_difference(column(a[7]), column(b[7]))
        assert [found.low[7], found.high[7]] == pytest.approx([alone.low[0], alone.high[0]])
        held.append((found.low <= 0.2) & (found.high >= 0.2))
    by_kind = np.mean(held, axis=1)
    assert (by_kind > 0.92).all(), by_kind
    assert (by_kind < 0.98).all(), by_kind
