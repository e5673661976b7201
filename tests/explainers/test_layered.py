"""Multilayer perceptrons worked out from their first layer on, against the model asked row by row."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor

from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import effect_answers, partial_dependence, transformed
from modelglass.explainers.effect_grid import grid_of
from modelglass.explainers.layered import layered

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize(
    ("make", "target", "activation"),
    [
        (MLPClassifier, "y", "relu"),
        (MLPClassifier, "y", "tanh"),
        (MLPClassifier, "y3", "logistic"),
        (MLPRegressor, "amount", "identity"),
        (MLPRegressor, "amount", "relu"),
    ],
)
def test_equals_the_model_asked(made, monkeypatch, make, target, activation):
    ev = made(make(hidden_layer_sizes=(6, 4), activation=activation, max_iter=3, random_state=0), target)
    names = ["age", "pay", "city", "job"]
    fast = partial_dependence(ev, features=names, grid=6, rows=120, ice=5)
    monkeypatch.setattr(effect_answers, "transformed", lambda ev: None)
    slow = partial_dependence(ev, features=names, grid=6, rows=120, ice=5)
    np.testing.assert_allclose(fast.curves.estimate, slow.curves.estimate, atol=1e-9)
    np.testing.assert_allclose(fast.lines.output, slow.lines.output, atol=1e-9)


@pytest.mark.parametrize("target", ["y", "y3"])
def test_chosen_points_equal_the_model_asked(made, target):
    """Of a pipeline with missing values and levels; pairs stand in no order, over more than one block."""
    ev = made(
        MLPClassifier((6, 4), max_iter=3, random_state=0), target, **({"positive": "no"} if target == "y" else {})
    )
    answers, rng = effect_answers.Answers(ev), np.random.default_rng(0)
    grids = {c: grid_of(ev, c, 6) for c in ("age", "city")}
    asks = {c: (rng.integers(0, ev.n, 5_000), rng.integers(0, len(g.donors), 5_000)) for c, g in grids.items()}
    asks["age"] = (np.arange(ev.n), rng.integers(0, len(grids["age"].donors), ev.n))  # rows side by side
    found = answers.through.at(ev, grids, asks)
    for c, (row, point) in asks.items():
        np.testing.assert_allclose(found[c], effect_answers.asked(ev, grids[c])[point, row], atol=1e-9, err_msg=c)
        np.testing.assert_array_equal(answers.at(ev, grids, asks)[c], found[c])


def test_without_a_pipeline_and_for_the_first_class(made, monkeypatch):
    ev = made(LogisticRegression(max_iter=300))
    X = ev.inputs()[["age", "member"]].astype(float)
    model = MLPClassifier((5,), max_iter=3, random_state=0).fit(X, ev.frame.y)
    bare = Evaluation(model, X.assign(y=ev.frame.y), target="y", positive="no")
    assert effect_answers.Answers(bare).through.layers is not None
    fast = partial_dependence(bare, features="age", rows=None, ice=0).curves
    monkeypatch.setattr(effect_answers, "transformed", lambda ev: None)
    np.testing.assert_allclose(
        fast.estimate, partial_dependence(bare, features="age", rows=None, ice=0).curves.estimate, atol=1e-9
    )


def test_what_is_no_such_perceptron():
    X, y = np.arange(20.0).reshape(10, 2), np.arange(10) % 2
    assert layered(LogisticRegression().fit(X, y), "binary") is None
    two = MLPRegressor(hidden_layer_sizes=(3,), max_iter=2).fit(X, X)
    assert layered(two, "regression") is None
    assert layered(MLPClassifier((3,), max_iter=2).fit(X, y), "regression") is None


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_a_rows_huge_value_does_not_swallow_its_other_columns(activation, monkeypatch):
    """What a huge value adds to the first layer is taken out again for steps; beside it the other columns lose their digits."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 3)), columns=list("abc"))
    y = np.where(X.a + X.b - X.c > 0, "yes", "no")
    model = MLPClassifier((8,), activation=activation, max_iter=60, random_state=0).fit(X, y)
    X.loc[::7, "a"] = 1e20
    ev = Evaluation(model, X.assign(t=y), target="t")
    for loops in (True, False):
        monkeypatch.setattr(transformed, "many", lambda n, loops=loops: loops)
        answers, grids = effect_answers.Answers(ev), {"a": grid_of(ev, "a", 6, ends=True)}
        rows, step = np.arange(300), np.arange(300) % 5
        moved, wanted = answers.steps(ev, grids, {"a": (rows, step)})["a"], effect_answers.asked(ev, grids["a"])
        np.testing.assert_allclose(moved, wanted[step + 1, rows] - wanted[step, rows], atol=1e-9)


@pytest.mark.parametrize("loops", [True, False])
@pytest.mark.parametrize("layers", [(7,), (9, 5), (6, 5, 4)])
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize("outcome", ["yes or no", "three", "value"])
def test_grids_in_compiled_loops_and_without(monkeypatch, loops, layers, activation, outcome):
    """More rows than one thread takes; numbers so large that units are at their ends, and that an exponential would be infinite."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(1_300, 4)), columns=list("abcd"))
    drive = X.a + X.b * X.c + rng.normal(size=len(X))
    y = {"yes or no": drive > 0, "three": np.digitize(drive, [-0.7, 0.7]), "value": drive}[outcome]
    make = MLPRegressor if outcome == "value" else MLPClassifier
    model = make(hidden_layer_sizes=layers, activation=activation, max_iter=8, random_state=0).fit(X, y)
    X.loc[:20, "b"], X.loc[40:50, "c"], X.loc[60:63, "a"] = 40.0, 1e5, 1e20
    ev = Evaluation(model, X.assign(t=y), target="t")
    monkeypatch.setattr(transformed, "many", lambda n: loops)
    answers = effect_answers.Answers(ev)
    grids = {c: grid_of(ev, c, 7, ends=True) for c in "abc"}
    assert grids["c"].values.max() == 1e5
    for name, found in answers.through.rows(ev, grids).items():
        wanted = effect_answers.asked(ev, grids[name])
        np.testing.assert_allclose(found, wanted, atol=1e-9, rtol=1e-9, err_msg=name)
        assert np.ptp(wanted, axis=0).max() > 1e-4


def test_a_missing_number_gives_none(monkeypatch):
    X = np.random.default_rng(0).normal(size=(50, 2))
    layers = layered(MLPRegressor(hidden_layer_sizes=(5,), max_iter=3, random_state=0).fit(X, X[:, 0]), "regression")
    X[3, 1] = np.nan
    found, whole = np.zeros((1, 2, 50)), layers.first(X)
    held = np.ascontiguousarray(X[:, [0]])
    assert layers.over(whole, held, np.array([0]), np.array([[0.0], [1.0]]), True, found)(0) == 50
    np.testing.assert_array_equal(np.isnan(found[0]).any(axis=0), np.arange(50) == 3)
