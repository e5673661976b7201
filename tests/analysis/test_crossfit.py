"""Gains that are judged on rows they were not fitted to: by hand, whatever the order of rows, and holding their level."""

import numpy as np
import pytest
from scipy import stats

from modelglass.analysis.crossfit import crossfitted, judged, splits
from modelglass.analysis.groups import Rows


def rows(n, seed=0, **more):
    rng = np.random.default_rng(seed)
    return Rows(task="regression", y=rng.normal(size=n), predicted=np.zeros(n), **more)


def test_every_row_is_judged_by_the_other_half():
    held = rows(200)
    cuts = splits(held, 0)
    assert len(cuts) == 10
    assert all(c.sum() == 100 for c in cuts)
    assert len({c.tobytes() for c in cuts}) == 10
    seen = []
    out = crossfitted(
        cuts[:1], lambda fit, use: (seen.append((set(fit), set(use))), held.y[use] - held.y[fit].mean())[1]
    )
    assert all(not fit & use for fit, use in seen)
    assert seen[0][0] | seen[0][1] == set(range(200))
    first = cuts[0]
    np.testing.assert_allclose(out[0][first], held.y[first] - held.y[~first].mean())


def test_clusters_stay_together_and_order_does_not_matter():
    clusters = np.arange(300) // 3
    held = rows(300, cluster=clusters)
    for cut in splits(held, 1):
        assert all(len(set(cut[clusters == c])) == 1 for c in range(100))
    order = np.random.default_rng(2).permutation(300)
    mixed = Rows(task="regression", y=held.y[order], predicted=held.predicted[order], cluster=clusters[order])
    assert all((a[order] == b).all() for a, b in zip(splits(held, 1), splits(mixed, 1)))


def test_a_fixed_gain_has_students_interval():
    held = rows(400)
    gain = judged(held, [held.y + 0.2] * 3, 0.95)
    theirs = stats.ttest_1samp(held.y + 0.2, 0)
    ends = theirs.confidence_interval(0.95)
    assert gain.estimate == pytest.approx(held.y.mean() + 0.2)
    assert [gain.low, gain.high] == pytest.approx([ends.low, ends.high], abs=5e-3)
    assert gain.p == pytest.approx(theirs.pvalue / 2, rel=0.2)
    assert judged(held, [held.y - 0.5], 0.95).p == pytest.approx(0.5)  # a loss is no gain


def test_nothing_to_give():
    held = rows(150)
    still = judged(held, [np.zeros(150)] * 4, 0.95)
    assert (still.estimate, still.p, still.note) == (0.0, 1.0, "the best fit changes nothing")
    assert np.isnan(still.low)
    few = judged(rows(99), [rows(99).y], 0.95)
    assert np.isnan(few.p)
    assert few.note == "only 99 rows, and at least 100 are needed"
    weight = np.r_[np.ones(100), np.full(50, 1e-9)]
    assert not judged(rows(150, weight=weight), [held.y], 0.95).note
    heavy = np.r_[np.ones(148), 100.0, 100.0]
    assert "(6 when weighted)" in judged(rows(150, weight=heavy), [held.y], 0.95).note
    assert "fewer than 20 clusters" in judged(rows(150, cluster=np.arange(150) % 19), [held.y], 0.95).note
    rare = Rows(task="binary", y=(np.arange(150) < 9).astype(int), predicted=np.zeros(150, int))
    assert "only 9 rows of one class" in judged(rare, [held.y], 0.95).note


def test_weight_two_is_the_row_twice_but_for_what_is_known():
    held = rows(400)
    w = np.random.default_rng(3).integers(1, 3, 400)
    by_weight = judged(rows(400, weight=w.astype(float)), [held.y], 0.95)
    twice = Rows(task="regression", y=held.y.repeat(w), predicted=np.zeros(w.sum()))
    by_row = judged(twice, [held.y.repeat(w)], 0.95)
    assert by_weight.estimate == pytest.approx(by_row.estimate)
    assert by_weight.high - by_weight.low > by_row.high - by_row.low


def test_a_fitted_gain_holds_its_level():
    """Own middle against 0: the expected gain of the median of half the rows is known from many draws."""
    rng = np.random.default_rng(0)
    shift, n = 0.4, 120
    big = rng.normal(shift, 1, 200_000)
    middles = np.median(rng.normal(shift, 1, (2_000, n // 2)), axis=1)
    expected = np.mean([np.abs(big[:20_000]).mean() - np.abs(big[:20_000] - m).mean() for m in middles])
    held = []
    for seed in range(150):
        held_rows = Rows(
            task="regression", y=np.random.default_rng((1, seed)).normal(shift, 1, n), predicted=np.zeros(n)
        )
        y = held_rows.y
        gains = crossfitted(
            splits(held_rows, 0), lambda fit, use, y=y: np.abs(y[use]) - np.abs(y[use] - np.median(y[fit]))
        )
        g = judged(held_rows, gains, 0.95)
        held.append(g.low <= expected <= g.high)
    assert 0.89 <= np.mean(held) <= 0.99
