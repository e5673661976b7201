"""What all explanations share: intervals of weighted means."""

from types import SimpleNamespace

import numpy as np
import pytest

from modelglass.explainers.rows import mean_interval


def rows(weight=None):
    return SimpleNamespace(weight=weight, cluster=None)


@pytest.mark.parametrize("size", [1e-70, 0.1, 0.3, 1.0, 7.0, 1e70])
@pytest.mark.parametrize("n", [199, 200, 1_000])
def test_equal_weights_of_any_size_give_the_interval_of_none(n, size):
    """200 weights of 0.1 counted as 199.99999999999994 rows by hand."""
    values = np.random.default_rng(0).exponential(size=(n, 3))
    plain, weighted = mean_interval(rows(), values, 0.95), mean_interval(rows(np.full(n, size)), values, 0.95)
    assert np.isnan(plain[1]).all() == (n < 200)
    np.testing.assert_allclose(weighted, plain, rtol=1e-9)


def test_unequal_weights_count_by_kish():
    """300 rows, half of them at weight 3: (150 + 450)**2 / (150 + 1350) = 240 rows; at weight 6 it is 1050**2 / 5550 = 198.6."""
    values = np.random.default_rng(0).exponential(size=(300, 1))
    for heavy, told in ((3.0, True), (6.0, False)):
        _, low, high = mean_interval(rows(np.repeat([1.0, heavy], 150)), values, 0.95)
        assert (low < high).all() == told
        assert np.isnan(low).all() != told
