"""Intervals of means over rows that weigh the same, against the way of groups."""

from types import SimpleNamespace

import numpy as np
import pytest

from modelglass.analysis.estimates_values import mean_of
from modelglass.analysis.groups import Groups, Rows
from modelglass.explainers import rows as shared

PLAIN = SimpleNamespace(weight=None, cluster=None)


def grouped(values, level):
    n, m = values.shape
    held = Rows(task="regression", y=np.zeros(n * m), predicted=np.zeros(n * m), weight=None, cluster=None)
    found = mean_of(Groups(held, np.repeat(np.arange(m), n), m), values.T.ravel(), level)
    return found.estimate, found.low, found.high


@pytest.mark.parametrize("n", [200, 3_001])
@pytest.mark.parametrize("size", [1.0, 1e-90, 1e90])
def test_equals_the_way_of_groups(n, size):
    rng = np.random.default_rng(0)
    values = size * np.column_stack(
        [rng.normal(size=n), rng.lognormal(sigma=2, size=n), rng.random(n) < 0.02, 5 + rng.random(n)]
    )
    for got, wanted in zip(shared.mean_interval(PLAIN, values, 0.9), grouped(values, 0.9), strict=True):
        assert np.isfinite(got).all()
        np.testing.assert_allclose(got, wanted, rtol=1e-10)


def test_none_where_rows_are_alike_or_no_numbers():
    values = np.random.default_rng(0).normal(size=(400, 5))
    values[:, 1], values[:, 2] = 0.0, 0.3
    values[7, 3], values[9, 4] = np.nan, np.inf
    estimate, low, high = shared.mean_interval(PLAIN, values, 0.95)
    np.testing.assert_array_equal(np.isnan(low), [False, True, True, True, True])
    np.testing.assert_array_equal(np.isnan(high), np.isnan(low))
    assert estimate[2] == pytest.approx(0.3)
    assert np.isnan(shared.mean_interval(PLAIN, values[:199], 0.95)[1]).all()
