"""Intervals of means over rows that weigh the same, against the way of groups; how rows are put to a model that is asked."""

import time
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from modelglass.analysis import feeding
from modelglass.analysis.estimates_values import mean_of
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.groups import Groups, Rows
from modelglass.explainers import effect_answers
from modelglass.explainers import rows as shared
from modelglass.explainers.effect_grid import grid_of

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


def test_a_slow_model_is_asked_on_all_threads(monkeypatch):
    """Few rows are kept on one thread, unless the question before took long; what is asked elsewhere is not moved by it."""
    limited = []

    class Pools:
        def limit(self, **given):
            limited.append(given)
            return nullcontext()

    monkeypatch.setattr(feeding, "_pools", Pools)
    slow = True

    def answer(cells):
        limited.clear()
        with feeding.one_thread(cells.stop - cells.start):
            seen.append((cells.start, bool(limited)))
        if slow:
            time.sleep(0.03)
        return np.zeros(cells.stop - cells.start)

    seen = []
    assert len(shared.in_blocks(3_000, answer, "")) == 3_000
    assert [one for _, one in seen] == [True] + [False] * (len(seen) - 1)
    assert len(seen) > 1
    slow, seen = False, []
    shared.in_blocks(3_000, answer, "")
    assert all(one for _, one in seen)
    limited.clear()
    with feeding.one_thread(10):
        assert limited


@pytest.mark.parametrize("many", [300, 10_000])
@pytest.mark.parametrize("quick", [0.0, 9.0])
def test_asked_value_by_value_or_together(monkeypatch, many, quick):
    """Words, numbers and missing ones keep their types, and every row is asked once at every value."""
    monkeypatch.setattr(effect_answers, "MANY", many)
    monkeypatch.setattr(effect_answers, "QUICK", quick)
    rng, kinds, asked = np.random.default_rng(0), set(), []
    X = pd.DataFrame(
        {"a": rng.normal(size=1_000), "b": rng.choice(["x", "y", None], 1_000), "c": rng.integers(0, 5, 1_000)}
    )

    def model(frame):
        kinds.add(tuple(map(str, frame.dtypes)))
        asked.append(len(frame))
        return frame.a.to_numpy() + 10 * (frame.b == "x").to_numpy() + 100.0 * frame.c.to_numpy()

    ev = Evaluation(model, X.assign(t=rng.normal(size=1_000)), target="t", task="regression")
    kinds.clear()
    for name in "abc":
        asked.clear()
        grid = grid_of(ev, name, 7)
        found = effect_answers.asked(ev, grid)
        assert sum(asked) == 1_000 * len(grid.donors)
        for v, value in enumerate(grid.values):
            changed = X.assign(**{name: value})
            np.testing.assert_array_equal(
                found[v, :, 0], model(changed[["a", "b", "c"]].astype({"b": X.b.dtype})), strict=True
            )
    assert len(kinds) == 1
