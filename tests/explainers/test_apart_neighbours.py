"""Nearest neighbours taken apart by columns, against scikit-learn asked row by row, where neighbours are equally far, too."""

import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import (
    apart_neighbours,
    effect_answers,
    loops,
    neighbour_kernels,  # noqa: F401  few answers are left to loops only where they are loaded
    partial_dependence,
)
from modelglass.explainers.apart import apart
from modelglass.explainers.apart_neighbours import neighbours


def drawn(kind, n=600, p=9, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    if kind == "whole numbers":
        X = rng.integers(0, 4, size=(n, p)).astype(float)
    if kind == "twins":
        X[n // 2 :] = X[: n // 2]
    if kind == "far from zero":
        X += 500.0
    if kind == "of many sizes":
        X *= 10.0 ** rng.integers(-3, 4, size=p)
    drive = X[:, 0] / X[:, 0].std() + rng.normal(size=n)
    return X, drive


def compared(model, task, X, y, columns, at=slice(0, 45)):
    """Give the largest difference from the model asked, over 30 values in some columns, and the share of answers that it was asked for."""
    model.fit(X, y)
    found, asked = neighbours(model, task), []
    ask = found._ask
    found._ask = lambda Z: asked.append(len(Z)) or ask(Z)
    rows, numbers = X[at], X[-30:, columns]
    got = found.over(rows, np.array(columns), numbers)
    changed = np.tile(rows, (len(numbers), 1))
    changed[:, columns] = np.repeat(numbers, len(rows), axis=0)
    wanted = model.predict(changed) if task == "regression" else model.predict_proba(changed)
    wanted = wanted[:, 1:] if task == "binary" else wanted.reshape(len(changed), -1)
    return np.abs(got - wanted.reshape(got.shape)).max(), sum(asked) / len(changed)


@pytest.mark.parametrize("algorithm", ["brute", "kd_tree", "ball_tree"])
@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("kind", ["plain", "whole numbers", "twins", "far from zero", "of many sizes"])
def test_equals_scikit_learn(kind, weights, algorithm):
    X, drive = drawn(kind)
    three = np.digitize(drive, np.quantile(drive, [0.3, 0.6]))
    how = {"weights": weights, "algorithm": algorithm}
    for model, task, y in (
        (KNeighborsClassifier(6, **how), "binary", drive > np.median(drive)),
        (KNeighborsClassifier(15, **how), "multiclass", three),
        (KNeighborsRegressor(3, **how), "regression", drive),
    ):
        for columns in ([2], [1, 4, 7]):
            off, asked = compared(model, task, X, y, columns)
            # by brute force a row's distance from itself is what rounding leaves, another one in each call
            assert off < (1e-7 if algorithm == "brute" and weights == "distance" else 1e-12)
            if kind == "plain":
                assert asked < 0.05  # a row at its own place alone
            if kind == "whole numbers" and task == "regression":
                assert asked > 0.1


def test_worked_out_by_hand():
    """Training rows 0 to 9 in one column, the second tells nothing: at 2.2 the three nearest are 2, 3 and 1."""
    X = np.column_stack([np.arange(10.0), np.ones(10)])
    y = np.arange(10.0) ** 2
    found = neighbours(KNeighborsRegressor(3).fit(X, y), "regression")
    got = found.over(np.array([[7.0, 1.0]]), np.array([0]), np.array([[2.2], [8.9]]))
    np.testing.assert_allclose(got.ravel(), [(4 + 9 + 1) / 3, (81 + 64 + 49) / 3], rtol=1e-15)
    near = neighbours(KNeighborsRegressor(2, weights="distance").fit(X, y), "regression")
    got = near.over(np.array([[7.0, 1.0]]), np.array([0]), np.array([[2.25], [3.0]]))
    np.testing.assert_allclose(got.ravel(), [(4 / 0.25 + 9 / 0.75) / (1 / 0.25 + 1 / 0.75), 9.0], rtol=1e-12)


def test_equally_far_neighbours_are_asked_for_only_where_they_differ():
    X = np.repeat(np.arange(6.0), 4)[:, None] * [1.0, 0.0]
    same, other = np.repeat([0.0, 1, 2, 3, 4, 5], 4), np.tile([0.0, 1, 2, 3], 6)
    for y, share in ((same, 0.0), (other, 1.0)):
        off, asked = compared(KNeighborsRegressor(2, algorithm="kd_tree"), "regression", X, y, [0])
        assert off < 1e-15
        assert asked == share
    # all rows, nobody is left out
    assert compared(KNeighborsRegressor(24, algorithm="kd_tree"), "regression", X, other, [0])[1] == 0.0


def test_many_equally_far_and_many_neighbours():
    """More of them than are looked at beyond k; and enough rows that those near without the column come first."""
    X, drive = drawn("whole numbers", n=5_000, p=3)
    for k in (1, 40):
        assert compared(KNeighborsClassifier(k, algorithm="brute"), "binary", X, drive > 1.5, [1])[0] < 1e-12
    X, drive = drawn("plain", n=5_000, p=21)
    for k in (1, 40):
        off, asked = compared(KNeighborsRegressor(k, algorithm="brute"), "regression", X, drive, [1])
        assert off < 1e-12
        assert asked == 0.0


def test_numbers_that_are_none_get_the_models_own_error():
    X, drive = drawn("plain")
    found = neighbours(KNeighborsRegressor().fit(X, drive), "regression")
    rows = X[:5].copy()
    rows[2, 3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        found.over(rows, np.array([0]), X[:4, [0]])


def test_names_are_kept_where_the_model_was_fitted_with_names(monkeypatch):
    """Whole numbers: some answers are asked for, and scikit-learn warns of an array without names."""
    X, drive = drawn("whole numbers")
    frame = pd.DataFrame(X, columns=[f"f{i}" for i in range(9)])
    ev = Evaluation(KNeighborsRegressor(4).fit(frame, drive), frame.assign(t=drive), target="t")
    answers = effect_answers.Answers(ev)
    assert isinstance(answers.through.parts, apart_neighbours.Neighbours)
    fast = partial_dependence(ev, features=["f0", "f5"], rows=100, ice=4)
    monkeypatch.setattr(effect_answers, "transformed", lambda ev: None)
    slow = partial_dependence(ev, features=["f0", "f5"], rows=100, ice=4)
    np.testing.assert_allclose(fast.curves.estimate, slow.curves.estimate, atol=1e-12)
    np.testing.assert_allclose(fast.lines.output, slow.lines.output, atol=1e-12)


def test_what_is_not_known():
    X, drive = drawn("plain")
    assert neighbours(KNeighborsClassifier(), "binary") is None
    for model in (
        KNeighborsRegressor(p=1),
        KNeighborsRegressor(weights=lambda d: 1 + d),
        KNeighborsRegressor(metric="minkowski", metric_params={"w": np.ones(9)}),
        KNeighborsRegressor(metric="chebyshev"),
    ):
        assert neighbours(model.fit(X, drive), "regression") is None
    assert neighbours(KNeighborsRegressor().fit(X.astype("float32"), drive), "regression") is None
    assert neighbours(KNeighborsRegressor().fit(X, X[:, :2]), "regression") is None
    one = KNeighborsClassifier().fit(X, drive > np.inf)
    assert neighbours(one, "binary") is None
    assert neighbours(KNeighborsRegressor().fit(X, drive), "binary") is None
    assert neighbours(KNeighborsRegressor(700).fit(X, drive), "regression") is None


def test_nobody_waits_for_loops_that_are_not_compiled(monkeypatch):
    X, drive = drawn("plain")
    model = KNeighborsRegressor().fit(X, drive)
    assert apart(model, "regression") is not None
    monkeypatch.setattr(loops, "is_warm", lambda: False)
    with loops.asked_while_cold():
        assert apart(model, "regression") is None


def test_few_answers_do_not_wait_for_loops_to_be_loaded(monkeypatch):
    X, drive = drawn("plain", n=100)
    found = neighbours(KNeighborsRegressor().fit(X, drive), "regression")
    wanted = found.over(X[:40], np.array([2, 5]), X[:9, [2, 5]])
    monkeypatch.delitem(sys.modules, "modelglass.explainers.neighbour_kernels")
    monkeypatch.setattr(apart_neighbours, "WORK", 2 * 40 * 9 * 900)
    found = neighbours(found.estimator, "regression")
    for _ in range(2):
        np.testing.assert_allclose(found.over(X[:40], np.array([2, 5]), X[:9, [2, 5]]), wanted, atol=1e-14)
    assert "modelglass.explainers.neighbour_kernels" not in sys.modules
    np.testing.assert_array_equal(found.over(X[:40], np.array([2, 5]), X[:9, [2, 5]]), wanted)
