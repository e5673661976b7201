"""Interval formulas against other implementations, and the shipped estimators against simulation."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from modelglass.analysis import intervals
from modelglass.analysis.groups import Groups, Rows


@pytest.mark.parametrize("hits", [0, 1, 7, 39, 40])
@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_wilson_equals_statsmodels(hits, level):
    from statsmodels.stats.proportion import proportion_confint

    low, high = intervals.wilson(hits / 40, 40, level)
    assert (low, high) == pytest.approx(proportion_confint(hits, 40, 1 - level, method="wilson"), abs=1e-12)


@given(st.floats(0, 1), st.floats(0.5, 1e7), st.floats(0.5, 0.999))
def test_wilson_holds_the_share_and_is_never_of_zero_width(p, n, level):
    low, high = intervals.wilson(p, n, level)
    assert 0 <= low <= p + 1e-12
    assert p - 1e-12 <= high <= 1
    assert high > low


def test_wilson_of_nothing_is_nan():
    assert all(np.isnan(v).all() for v in intervals.wilson([np.nan, 0.5], [10, 0]))


@pytest.mark.parametrize("hits", [0, 1, 7, 40])
def test_wilson_with_equal_weights_is_wilsons_whatever_the_weight(hits):
    for weight in (1.0, 2.5):
        sums = [np.array([v]) for v in (hits * weight, (40 - hits) * weight, hits * weight**2, (40 - hits) * weight**2)]
        low, high = intervals.weighted_wilson(*sums)
        assert (low[0], high[0]) == pytest.approx([float(v) for v in intervals.wilson(hits / 40, 40)], abs=1e-9)


def test_a_heavy_miss_not_seen_is_allowed_for():
    one = np.array([10.0])
    light = intervals.weighted_wilson(one, np.array([1.0]), one, np.array([1.0]))
    heavy = intervals.weighted_wilson(one, np.array([1.0]), one, np.array([9.0]))
    assert heavy[0][0] < light[0][0]
    none = intervals.weighted_wilson(np.zeros(1), np.zeros(1), np.zeros(1), np.zeros(1))
    assert np.isnan(none).all()


@given(st.floats(0.001, 0.999), st.floats(2, 1e5), st.floats(2, 1e5), st.floats(0.01, 3), st.floats(0.5, 0.999))
def test_ends_of_auc_solve_their_equation(auc, pos, neg, size, level):
    """At an end z^2 times the variance there is the squared distance; found here by scipy."""
    from scipy.optimize import brentq

    mean, rarer = (pos + neg) / 2 - 1, min(pos, neg)

    def shape(p):
        return p * (1 - p) * (1 + mean * (1 - p) / (2 - p) + mean * p / (1 + p)) / (pos * neg)

    variance = size * shape(auc)
    ratio = (size * rarer + intervals.AUC_PSEUDO) / (rarer + intervals.AUC_PSEUDO)
    z = stats.norm.ppf(0.5 + level / 2)

    def apart(p):
        return (auc - p) ** 2 - z**2 * ratio * shape(p)

    low, high = (float(v[0]) for v in intervals.auc_score(*(np.array([v]) for v in (auc, variance, pos, neg)), level))
    assert low == pytest.approx(brentq(apart, 0, auc, xtol=1e-13), abs=1e-10)
    assert high == pytest.approx(brentq(apart, auc, 1, xtol=1e-13), abs=1e-10)


@pytest.mark.parametrize("hits", [0, 3, 40])
def test_jeffreys_equals_statsmodels(hits):
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(hits, 40, method="jeffreys")
    expected = (0.0 if hits == 0 else low, 1.0 if hits == 40 else high)
    assert [float(v) for v in intervals.jeffreys(hits / 40, 40)] == pytest.approx(expected, abs=1e-9)


def test_score_interval_of_auc_solves_its_own_equation_and_is_never_of_zero_width():
    auc, m, n = np.array([0.8, 1.0]), np.array([20.0, 20.0]), np.array([30.0, 30.0])
    middle = 24.0

    def shape(p):
        return p * (1 - p) * (1 + middle * (1 - p) / (2 - p) + middle * p / (1 + p)) / 600

    low, high = intervals.auc_score(auc, shape(auc), m, n)  # a ratio of 1, so plain Newcombe
    for end in (low[0], high[0]):
        assert (0.8 - end) ** 2 == pytest.approx(intervals.critical(0.95) ** 2 * shape(end), rel=1e-6)
    assert low[1] < 0.95
    assert high[1] == 1


def test_without_skewness_the_corrected_interval_is_students():
    values = np.array([1.0, 2.0, 4.0, 7.0, 11.0])
    se = values.std(ddof=1) / np.sqrt(5)
    low, high = intervals.skewed(np.array([5.0]), np.array([se**2]), np.array([0.0]), 0.95, np.array([4.0]))
    assert (low[0], high[0]) == pytest.approx(stats.t.interval(0.95, 4, 5.0, se))


def test_skewness_moves_the_interval_to_the_long_tail_and_small_skewness_continuously():
    args = np.array([5.0]), np.array([1.0])
    low, high = intervals.skewed(*args, np.array([0.3]), 0.95)
    assert high - 5 > 5 - low
    a = intervals.skewed(*args, np.array([0.99e-4 / 1.4]), 0.95)
    b = intervals.skewed(*args, np.array([1.01e-4 / 1.4]), 0.95)
    assert np.allclose(a, b, atol=1e-4)


def test_fieller_by_its_definition():
    low, high = intervals.ratio(*(np.array([v]) for v in (2.0, 4.0, 0.04, 0.01, 0.09)), 0.95)
    z2 = intervals.critical(0.95) ** 2
    for r in (low[0], high[0]):
        assert (2 - 4 * r) ** 2 == pytest.approx(z2 * (0.04 - 2 * r * 0.01 + r * r * 0.09))


def test_fieller_has_no_answer_where_the_bottom_may_be_zero():
    low, high = intervals.ratio(*(np.array([v]) for v in (2.0, 0.1, 0.04, 0.0, 0.09)), 0.95)
    assert np.isnan(low[0])
    assert np.isnan(high[0])


def test_mover_by_hand():
    low, high = intervals.mover_mean(
        np.array([0.7]), np.array([[0.6, 0.8]]), np.array([[0.5, 0.7]]), np.array([[0.7, 0.9]])
    )
    assert (low[0], high[0]) == pytest.approx((0.7 - np.sqrt(0.02) / 2, 0.7 + np.sqrt(0.02) / 2))


def test_moments_of_equal_rows_are_the_usual_ones():
    x = np.random.default_rng(0).exponential(size=30)
    rows = Rows(task="regression", y=x, predicted=x)
    plain = Groups(rows, np.zeros(30, int), 1).moments((x - x.mean()) / 30)
    assert plain.variance[0] == pytest.approx(x.var(ddof=1) / 30)
    assert plain.skewness[0] == pytest.approx(stats.skew(x, bias=False) / np.sqrt(30))
    weighted = Groups(Rows(task="regression", y=x, predicted=x, weight=np.full(30, 2.0)), np.zeros(30, int), 1).moments(
        (x - x.mean()) / 30
    )
    clustered = Groups(Rows(task="regression", y=x, predicted=x, cluster=np.arange(30)), np.zeros(30, int), 1).moments(
        (x - x.mean()) / 30
    )
    for other in (weighted, clustered):
        assert other.variance[0] == pytest.approx(plain.variance[0])
        assert other.skewness[0] == pytest.approx(plain.skewness[0])
    assert weighted.df[0] == pytest.approx(29)
    assert clustered.df[0] == pytest.approx(28)  # one less with clusters
    kurtosis = stats.kurtosis(x, fisher=False)
    assert plain.tail_df[0] == pytest.approx(min(29, 60 / (kurtosis - 1)))
    assert weighted.tail_df[0] == pytest.approx(plain.tail_df[0])


def coverage():
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "coverage_metrics.py"
    spec = importlib.util.spec_from_file_location("coverage_benchmark", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_intervals_hold_their_level():
    """A short form of benchmarks/coverage_metrics.py: 800 samples, so three standard errors are 2.3 points beyond 93 to 97 %."""
    bench = coverage()
    names = {
        "even classes, AUC 0.7",
        "weights follow outcome",
        "clusters of 5",
        "normal errors",
        "weights follow spread",
    }
    worlds = [w for w in bench.WORLDS if w.name in names]
    assert len(worlds) == 6
    rows = bench.run(worlds, sizes=(50, 250), reps=800, seed=11)
    usual = [r for r in rows if r["given"] >= 0.5]
    assert len(usual) > 80
    outside = [
        (r["scenario"], r["metric"], r["n"], r["coverage"])
        for r in usual
        if not 0.93 - 0.023 <= r["coverage"] <= 0.97 + 0.023
    ]
    assert outside == []
    assert np.mean([r["coverage"] for r in usual]) == pytest.approx(0.95, abs=0.008)
    assert sum(r["flat"] for r in rows) == 0
