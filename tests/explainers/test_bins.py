"""Bins and sums in them: compiled for many rows, by numpy for few; and steps of perceptrons through compiled loops."""

import sys

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor

from modelglass.explainers import effect_answers, effect_grid, step_powers
from modelglass.explainers.effect_grid import _counts, grid_of, many, steps_above


@pytest.fixture(params=[True, False], ids=["compiled", "numpy"])
def way(request, monkeypatch):
    if request.param:
        monkeypatch.setattr(effect_grid, "MANY", 1)
    else:
        monkeypatch.setattr(effect_grid, "many", lambda n: False)
        monkeypatch.setattr(step_powers, "many", lambda n: False)


@pytest.mark.parametrize("edges", [1, 4, 29, 101])
def test_edges_below_each_number(way, edges):
    rng = np.random.default_rng(edges)
    at = np.sort(rng.integers(0, 50, edges)).astype(float)  # some of them twice
    x = np.concatenate([rng.integers(0, 50, 3_000) + rng.choice([0.0, 0.5], 3_000), [-np.inf, np.inf]])
    np.testing.assert_array_equal(steps_above(at, x), np.searchsorted(at, x, side="left"))
    assert steps_above(at, x).dtype == np.int64


def test_counts_are_numpys_histogram(way):
    rng = np.random.default_rng(1)
    for edges in (np.linspace(-1, 1, 31), np.arange(5) - 0.5, np.array([0.0, 1.0])):
        x = np.concatenate([rng.normal(size=2_000), np.repeat(edges, 3), [9.0, -9.0]])
        np.testing.assert_array_equal(_counts(edges, x), np.histogram(x, bins=edges)[0])


def test_sums_in_bins(way):
    rng = np.random.default_rng(2)
    x, at = rng.exponential(size=3_000), rng.choice([0, 1, 4], 3_000)
    count, mean, sums = step_powers._sums_in_bins(x, at, 6)
    assert count.tolist() == [(at == b).sum() for b in range(6)]
    for b in (0, 1, 4):
        here = x[at == b]
        own = [((here - here.mean()) ** p).sum() for p in (2, 3, 4)]
        np.testing.assert_allclose([mean[b], *sums[:, b]], [here.mean(), *own], rtol=1e-10)
    assert not sums[:, [2, 3, 5]].any()


def test_loops_are_loaded_for_many_rows_alone(monkeypatch):
    monkeypatch.delitem(sys.modules, "modelglass.explainers.bin_kernels", raising=False)
    assert not many(effect_grid.MANY - 1)
    assert many(effect_grid.MANY)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", ["binary", "first class", "classes", "regression", "tanh", "deep"])
def test_steps_of_perceptrons_equal_the_model_asked(made, monkeypatch, kind):
    """Through a pipeline with missing values and levels; pairs in any order, and each row once."""
    monkeypatch.setattr(effect_grid, "MANY", 1)
    make = MLPRegressor if kind == "regression" else MLPClassifier
    target = {"regression": "amount", "classes": "y3"}.get(kind, "y")
    units = (6, 4) if kind == "deep" else (6,)
    model = make(hidden_layer_sizes=units, activation="tanh" if kind == "tanh" else "relu", max_iter=3, random_state=0)
    ev = made(model, target, **({"positive": "no"} if kind == "first class" else {}))
    answers, rng = effect_answers.Answers(ev), np.random.default_rng(0)
    grids = {c: grid_of(ev, c, 6) for c in ("age", "city")}
    asks = {c: (rng.integers(0, ev.n, 700), rng.integers(0, len(g.donors) - 1, 700)) for c, g in grids.items()}
    asks["age"] = (np.arange(ev.n), rng.integers(0, len(grids["age"].donors) - 1, ev.n))
    compiled = answers.through.steps(ev, grids, asks)
    assert (compiled is None) == (kind in ("tanh", "deep"))
    found = answers.steps(ev, grids, asks)
    for c, (row, step) in asks.items():
        own = effect_answers.asked(ev, grids[c])
        np.testing.assert_allclose(found[c], own[step + 1, row] - own[step, row], atol=1e-9, err_msg=c)
        assert np.abs(found[c]).max() > 1e-4
