"""Intervals of means over rows that weigh the same, against the way of groups; how rows are put to a model that is asked."""

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


@pytest.mark.parametrize("busy", [False, True])
def test_a_slow_model_is_asked_on_all_threads_where_they_help(monkeypatch, busy):
    """Quick questions are kept on one thread; from then on all are tried, and left alone where they wait for one another."""
    limited, seen, clock = [], [], [0.0]
    monkeypatch.setattr(feeding.time, "monotonic", lambda: clock[0])

    class Pools:
        def limit(self, **given):
            limited.append(given)
            return nullcontext()

    monkeypatch.setattr(feeding, "_pools", Pools)
    pace = feeding.Pace()

    def ask(rows, seconds):
        limited.clear()
        with pace.asking(rows):
            with feeding.one_thread(rows):
                seen.append(bool(limited))
            clock[0] += seconds if seen[-1] else seconds * (3 if busy else 0.4)

    for _ in range(2):
        ask(100, 0.001)
    for _ in range(4):
        ask(1_000, 0.03)
    # the first thousand is thought quick after two hundred quick rows, and the next one slow
    assert seen == [True, True, True, False, busy, busy]
    clock[0] += feeding.AGAIN
    ask(1_000, 0.03)
    assert not seen[-1]
    limited.clear()
    with feeding.one_thread(10):  # elsewhere rows are counted
        assert limited
    limited.clear()
    with feeding.one_thread(feeding.FEW_ROWS + 1):
        assert not limited


def test_the_pace_of_a_model_is_kept_between_columns(monkeypatch):
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 2)), columns=["a", "b"])
    ev = Evaluation(lambda frame: frame.a.to_numpy(), X.assign(t=X.a), target="t", task="regression")
    effect_answers.asked(ev, grid_of(ev, "a", 3))
    kept = ev.keep("pace", lambda: None)
    assert 0 < kept.one < 1
    assert shared.pace_of(ev.take(np.arange(9))) is kept


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
