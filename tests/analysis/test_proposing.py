"""Whether one set of rows is surely worse than another: the same as from the rows themselves, whatever their level, weights and spread."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.weightstats import DescrStatsW

from modelglass.analysis.proposing import SURE, Sums


def by_rows(loss, weight, inside, outside):
    """Standard errors between two means: each mean's from its own rows, by weights that are no counts (linearised)."""
    means, squares = [], []
    for rows in (inside, outside):
        of = DescrStatsW(loss[rows], weights=weight[rows])
        means.append(of.mean)
        squares.append(float((weight[rows] ** 2 * of.demeaned**2).sum()) / of.sum_weights**2)
    return (means[0] - means[1]) / np.sqrt(sum(squares))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("level", [0.0, 1e6])
def test_it_is_told_as_from_the_rows_themselves(weighted, level):
    rng = np.random.default_rng(0)
    close = 0
    for _ in range(60):
        n = int(rng.integers(40, 400))
        inside = rng.random(n) < 0.4
        loss = level + rng.exponential(size=n) + inside * rng.uniform(0, 1)
        weight = rng.gamma(2, 1, n) if weighted else np.ones(n)
        apart = by_rows(loss, weight, inside, ~inside)
        told = Sums(loss, weight if weighted else None)
        assert told.surely_worse(inside, ~inside, apart * (1 - 1e-6)) or apart < 0
        assert not told.surely_worse(inside, ~inside, apart * (1 + 1e-6)) or apart < 0
        close += abs(apart - SURE) < 1.5
    assert close > 10


def test_equal_losses_and_few_rows_are_never_surely_worse():
    loss = np.r_[np.full(60, 0.1 + 0.2), np.full(40, 1.0)]
    some = np.arange(100) < 30
    for weight in (None, np.full(100, 0.7)):
        told = Sums(loss, weight)
        assert not told.surely_worse(some, (np.arange(100) < 60) & ~some, 0.0)
        assert told.surely_worse(np.arange(100) >= 60, some)
        assert not told.surely_worse(np.arange(100) >= 91, some)
    assert not Sums(loss, np.r_[np.ones(60), np.zeros(40)]).surely_worse(np.arange(100) >= 60, some)
