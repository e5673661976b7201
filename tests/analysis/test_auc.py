"""AUC from one shared sort: against brute force, scikit-learn and a hand-worked case."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from modelglass.analysis.auc import (
    auc_by_group,
    auc_of_distinct,
    average_precision_by_group,
    runs_by_group,
    sort_scores,
)
from modelglass.analysis.estimates import estimate
from modelglass.analysis.estimates_scores import _ranked
from modelglass.analysis.groups import Groups, Rows
from modelglass.analysis.metrics import METRICS


def delong_by_pairs(score, positive):
    """AUC and DeLong's variance from all m x n pairs."""
    x, y = score[positive][:, None], score[~positive][None, :]
    kernel = (x > y) + 0.5 * (x == y)
    v10, v01 = kernel.mean(1), kernel.mean(0)
    return kernel.mean(), v10.var(ddof=1) / len(v10) + v01.var(ddof=1) / len(v01)


def ranked(y, score, codes=None, **more):
    codes = np.zeros(len(y), int) if codes is None else codes
    rows = Rows(task="binary", y=np.asarray(y), predicted=np.zeros(len(y), int), score=np.asarray(score, float), **more)
    estimate_, moments = _ranked(Groups(rows, codes, codes.max() + 1), auc_by_group)
    return estimate_, moments.variance


def test_hand_case():
    # pairs: 3>2, 3>1, 2=2 (half), 2>1: AUC (1 + 1 + 0.5 + 1) / 4; placements of positives (1, .75), of negatives (.75, 1)
    auc, variance = ranked([1, 1, 0, 0], [3, 2, 2, 1])
    assert auc[0] == pytest.approx(0.875)
    assert variance[0] == pytest.approx(0.03125 / 2 + 0.03125 / 2)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 30), st.booleans())
def test_equals_all_pairs_in_every_group(seed, levels, equal_weights):
    rng = np.random.default_rng(seed)
    n = 120
    score, codes = rng.integers(0, levels, n).astype(float), rng.integers(0, 3, n)
    y = (rng.random(n) < 0.4).astype(int)
    auc, variance = ranked(y, score, codes, weight=np.full(n, 3.0) if equal_weights else None)
    for g in range(codes.max() + 1):
        at = codes == g
        if 2 <= y[at].sum() <= at.sum() - 2:
            expected = delong_by_pairs(score[at], y[at] == 1)
            assert (auc[g], variance[g]) == pytest.approx(expected, rel=1e-10, abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 8))
def test_scores_without_ties_take_the_short_way_to_the_same_numbers(seed, groups):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 90))
    score, codes = rng.permutation(n) / 7.0, rng.integers(0, groups, n)
    positive = rng.random(n) < 0.4
    rows = sort_scores(score, positive)
    assert rows.distinct
    long, short = auc_by_group(runs_by_group(rows, codes, groups)), auc_of_distinct(rows, codes, groups)
    known = ~np.isnan(long.estimate)
    np.testing.assert_array_equal(np.isnan(short.estimate), ~known)
    for name in ("estimate", "second", "third"):
        got, wanted = (np.asarray(getattr(found, name))[..., known] for found in (short, long))
        np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-15)
    for g in np.flatnonzero(known):
        at = codes == g
        assert short.estimate[g] == pytest.approx(roc_auc_score(positive[at], score[at]))


def test_one_tie_is_enough_for_the_long_way():
    score = np.array([0.1, 0.2, 0.2, 0.4])
    assert not sort_scores(score, score > 0.3).distinct
    assert sort_scores(np.array([]), np.array([], dtype=bool)).distinct
    assert ranked([0, 1, 0, 1], score)[0][0] == pytest.approx(roc_auc_score([0, 1, 0, 1], score)) == 0.875


def test_weights_equal_scikit_learn():
    rng = np.random.default_rng(3)
    n = 3_000
    codes, score, w = rng.integers(0, 40, n), rng.random(n).round(2), rng.lognormal(size=n)
    y = (rng.random(n) < score).astype(int)
    runs = runs_by_group(sort_scores(score, y == 1, w), codes, 40)
    auc, precision = auc_by_group(runs).estimate, average_precision_by_group(runs).estimate
    for g in range(40):
        at = codes == g
        assert auc[g] == pytest.approx(roc_auc_score(y[at], score[at], sample_weight=w[at]), abs=1e-12)
        assert precision[g] == pytest.approx(average_precision_score(y[at], score[at], sample_weight=w[at]), abs=1e-12)


def test_average_precision_influence_is_its_derivative():
    rng = np.random.default_rng(4)
    n = 40
    score, y, w = rng.random(n).round(1), rng.integers(0, 2, n), rng.random(n) + 0.5
    codes = np.zeros(n, int)

    def value(weight):
        return average_precision_by_group(runs_by_group(sort_scores(score, y == 1, weight), codes, 1)).estimate[0]

    influence = average_precision_by_group(runs_by_group(sort_scores(score, y == 1, w), codes, 1)).influence
    for i in range(n):
        step = np.zeros(n)
        step[i] = 1e-6
        assert influence[i] == pytest.approx((value(w + step) - value(w - step)) / 2e-6, abs=1e-6)
    assert (influence * w).sum() == pytest.approx(0, abs=1e-12)


def test_row_order_is_irrelevant_and_double_weight_is_a_double_row():
    rng = np.random.default_rng(5)
    n = 200
    score, y, codes, w = rng.random(n).round(1), rng.integers(0, 2, n), rng.integers(0, 4, n), rng.integers(1, 3, n)
    first = ranked(y, score, codes, weight=w.astype(float))[0]
    order = rng.permutation(n)
    assert np.allclose(
        first, ranked(y[order], score[order], codes[order], weight=w[order].astype(float))[0], atol=1e-14
    )
    many = np.repeat(np.arange(n), w)
    assert np.allclose(first, ranked(y[many], score[many], codes[many])[0], atol=1e-14)


def test_a_perfect_ranking_has_an_interval_of_some_width():
    y = np.repeat([0, 1], 25)
    rows = Rows(task="binary", y=y, predicted=y, score=np.arange(50.0))
    found = estimate(METRICS["roc_auc"], Groups(rows, np.zeros(50, int), 1))
    assert (found.estimate[0], found.high[0]) == (1.0, 1.0)
    assert 0.85 < found.low[0] < 0.95


def test_many_groups_beyond_sixteen_bits():
    n = 80_000
    codes = np.arange(n) // 2
    y = np.arange(n) % 2
    auc = ranked(y, np.arange(n), codes)[0]
    assert len(auc) == n // 2
    assert (auc == 1.0).all()


def test_delong_on_published_data():
    """113 patients of Turck et al. (2010) by WFNS grade, the example of pROC (Robin et al. 2011), which publishes AUC 0.8237 with
    95 % interval 0.7485 to 0.8988 and variance 0.00146991470882363 by DeLong's method.
    """
    good, poor = [37, 20, 3, 8, 4], [2, 12, 1, 8, 18]  # patients of each grade, 1 to 5, by outcome
    score = np.repeat([1, 2, 3, 4, 5] * 2, good + poor)
    y = np.repeat([0, 1], [72, 41])
    for weight in (None, np.ones(113)):
        auc, variance = ranked(y, score, weight=weight)
        assert auc[0] == pytest.approx(0.823678861788618, abs=1e-14)
        assert variance[0] == pytest.approx(0.00146991470882363, rel=1e-3 if weight is not None else 1e-12)
    half = 1.959963984540054 * np.sqrt(ranked(y, score)[1][0])
    assert (round(auc[0] - half, 4), round(auc[0] + half, 4)) == (0.7485, 0.8988)
