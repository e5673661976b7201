"""Concepts in hidden layers: gradients against differences, directions against scikit-learn, planted concepts found, noise not."""

import importlib.util
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import modelglass as mg
from modelglass.analysis.errors import InputError, MissingPackage, NotApplicable, Stopped
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.models.perceptron import activated
from modelglass.explainers import concept_activation
from modelglass.explainers.concept_activation import NO_INTERVAL, directions, random_members
from modelglass.explainers.hidden_layers import network_of

HERE = importlib.util.find_spec("torch") is not None


def needs_torch(test):
    return pytest.mark.torch(pytest.mark.skipif(not HERE, reason="torch is not installed here")(test))


def data(n=600, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 4)), columns=list("abcd"))
    drive = 1.5 * X.a - X.b + 0.5 * rng.normal(size=n)
    X["y"] = (drive > 0).astype(int)
    X["y3"] = pd.cut(drive, [-99, -1, 1, 99], labels=["low", "mid", "top"]).astype(str)
    X["t"] = drive
    X["noise"] = rng.normal(size=n)
    return X


def fitted(target="y", activation="tanh", layers=(8, 5), **settings):
    X = data()
    kind = MLPRegressor if target == "t" else MLPClassifier
    net = kind(hidden_layer_sizes=layers, activation=activation, solver="lbfgs", max_iter=60, alpha=0.1, random_state=0)
    with warnings.catch_warnings():  # fitted well enough
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = make_pipeline(StandardScaler(), net).fit(X[list("abcd")], X[target])
    others = [c for c in ("y", "y3", "t") if c != target]
    return Evaluation(model, X, target=target, ignore=[*others], features=list("abcd"), **settings)


@pytest.fixture(scope="module")
def ev():
    return fitted()


@pytest.mark.parametrize("activation", ["tanh", "logistic", "relu", "identity"])
@pytest.mark.parametrize("target", ["y", "y3", "t"])
def test_gradients_are_those_of_small_steps(activation, target):
    """Each unit of the first hidden layer moved a little, the rest of the network worked out again."""
    ev = fitted(target, activation)
    network, net = network_of(ev), ev.estimator.steps[-1][1]
    numbers = network.numbers(ev.inputs().iloc[:6])
    held = network.hidden(numbers)["layer 1"]

    def rest(h):
        h = activated(h @ net.coefs_[1] + net.intercepts_[1], activation)
        return h @ net.coefs_[2] + net.intercepts_[2]

    for g in range(1 if target in ("y", "t") else 3):
        got = network.gradients(numbers, g)["layer 1"]
        step = 1e-6
        for unit in range(held.shape[1]):
            up, down = held.copy(), held.copy()
            up[:, unit] += step
            down[:, unit] -= step
            np.testing.assert_allclose(got[:, unit], (rest(up) - rest(down))[:, g] / (2 * step), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(network.outputs(numbers), rest(held), atol=1e-9)


def test_the_direction_is_fishers():
    rng = np.random.default_rng(0)
    held = rng.normal(size=(400, 3)) @ rng.normal(size=(3, 3))
    inside = held[:, 0] + rng.normal(size=400) > 0.3
    ours = directions(held, inside[None], kind="separating")[0]
    between = held[inside].mean(axis=0) - held[~inside].mean(axis=0)
    np.testing.assert_allclose(directions(held, inside[None])[0], between, atol=1e-12)
    weight = np.where(np.arange(400) < 200, 1.0, 0.0)
    np.testing.assert_allclose(
        directions(held, inside[None], weight, kind="separating")[0],
        directions(held[:200], inside[None, :200], kind="separating")[0],
    )
    fisher = LinearDiscriminantAnalysis().fit(held, inside).coef_[0]
    assert ours @ fisher / np.linalg.norm(ours) / np.linalg.norm(fisher) > 0.9999


def test_random_concepts_keep_size_and_clusters():
    rng = np.random.default_rng(0)
    assert set(random_members(30, 100, 50, rng).sum(axis=1)) == {30}
    cluster = np.repeat(np.arange(20), 5)
    drawn = random_members(30, 100, 50, rng, cluster)
    assert (drawn.reshape(50, 20, 5).all(axis=2) | ~drawn.reshape(50, 20, 5).any(axis=2)).all()
    assert 30 <= drawn.sum(axis=1).mean() <= 35


def test_planted_concepts_are_found_and_noise_is_not(ev):
    got = concept_activation(ev, concepts={"high a": "a > 0.7", "high b": "b > 0.7", "noise": "noise > 0"}, random=199)
    table = got.frame().set_index(["concept", "layer"])
    assert got.layers == ("layer 1", "layer 2")
    assert got.scale == "log-odds"
    for layer in got.layers:
        assert table.loc[("high a", layer)].estimate > 0.9
        assert table.loc[("high b", layer)].estimate < 0.1
        assert table.loc[("high a", layer)].sensitivity > 5
        assert table.loc[("high b", layer)].sensitivity < -5
        assert table.loc[("noise", layer)].p > 0.05
        assert table.loc[("high a", layer)].separated > 0.85
        assert abs(table.loc[("noise", layer)].separated - 0.5) < 0.15
    assert table.loc[("high a", "layer 1")].p == pytest.approx(1 / 200)
    assert table.n.tolist() == [int(ev.frame.y.sum())] * 6
    assert "high a raises the score of 1" in got.sentence()
    assert "high b lowers" in got.sentence()
    assert "noise" not in got.sentence()
    assert got.sentence().endswith(f"No interval of these shares, because {NO_INTERVAL}.")
    assert got.frame()[["low", "high"]].isna().all(axis=None)  # as it says
    np.testing.assert_allclose(mg.figure(got).data[0].x, got.frame().sensitivity)
    assert len(set(mg.figure(got).data[0].y)) == 6


def test_score_by_hand(ev):
    """The derivative along the direction, row by row, from the network's own pieces."""
    got = concept_activation(ev, concepts="c > 0.5", layers="layer 2", random=19).frame().iloc[0]
    network = network_of(ev)
    numbers = network.numbers(ev.inputs())
    way = directions(network.hidden(numbers)["layer 2"], (ev.frame.c > 0.5).to_numpy()[None])[0]
    slopes = network.gradients(numbers, 0)["layer 2"][ev.y == 1]
    assert got.estimate == pytest.approx((slopes @ way > 0).mean())


def test_numbers_classes_and_order_of_labels():
    several = concept_activation(fitted("y3"), concepts=["a > 0.5"], class_="top", random=39)
    assert several.groups == ("top",)
    assert (several.frame().sensitivity > 0).all()
    amount = concept_activation(fitted("t"), concepts=["a > 0.5"], random=39)
    assert amount.scale == "t"
    assert (amount.frame().n == 600).all()
    assert (amount.frame().sensitivity > 0).all()
    turned = concept_activation(fitted(positive=0), concepts=["a > 0.5"], random=39)
    assert (turned.frame().sensitivity < 0).all()
    nothing = concept_activation(fitted(), concepts=["noise > 0.2"], random=39)
    assert nothing.sentence().startswith("No concept moves the answer more")
    assert nothing.sentence().endswith(f"because {NO_INTERVAL}.")


def test_many_tests_get_random_concepts_enough_to_find_something(ev):
    """Two concepts, two layers, three classes: with 199 random concepts no p could be below 12 / 200 after adjustment."""
    of = fitted("y3")
    concepts = {"high a": "a > 0.7", "noise": "noise > 0"}
    got = concept_activation(of, concepts=concepts)
    assert got.settings["random"] == 40 * 12 - 1
    table = got.frame()
    assert set(table.concept[table.p_adjusted <= 0.05]) == {"high a"}
    assert "high a raises the score of top" in got.sentence()
    few = concept_activation(of, concepts=concepts, random=199)
    assert few.frame().p_adjusted.min() == pytest.approx(12 / 200)
    assert few.sentence().startswith(
        "Cannot say whether the answer leans on a concept: with 199 random concepts of as many rows no p of 12 tests can be below 0.06 after "
        "adjustment; take 479 random concepts, or fewer concepts, layers or classes."
    )
    assert concept_activation(ev, concepts="a > 0.7").settings["random"] == 199


def test_refusals(ev):
    with pytest.raises(InputError, match="at least one concept"):
        concept_activation(ev)
    with pytest.raises(InputError, match="layer 1, layer 2"):
        concept_activation(ev, concepts="a > 0", layers=["layer 3"])
    with pytest.raises(InputError, match="means, separating"):
        concept_activation(ev, concepts="a > 0", direction="mean")
    with pytest.raises(InputError, match="at least 19 random"):
        concept_activation(ev, concepts="a > 0", random=3)
    with pytest.raises(NotApplicable, match="needs at least 20 rows on either side"):
        concept_activation(ev, concepts="a > 2.2")
    with pytest.raises(InputError):
        concept_activation(ev, concepts="nothing > 2")
    X = data()
    linear = Evaluation(
        LogisticRegression().fit(X[list("abcd")], X.y), X, target="y", features=list("abcd"), ignore=["y3", "t"]
    )
    with pytest.raises(NotApplicable, match="LogisticRegression has no hidden layers"):
        concept_activation(linear, concepts="a > 0")
    with pytest.raises(NotApplicable, match="there is no model here"):
        concept_activation(Evaluation.from_predictions([0, 1], prediction=[0, 1]), concepts="a > 0")

    def stop(share, what):
        raise Stopped("stop")

    with pytest.raises(Stopped):
        concept_activation(ev, concepts="a > 0", progress=stop)


def test_without_torch_it_says_why_and_how(monkeypatch):
    from modelglass.analysis.models import torch as torch_adapter

    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingPackage, match=r"pip install 'modelglass\[torch\]'"):
        torch_adapter.outputs(None, np.zeros((1, 1)))


def torch_model(ev, target="y"):
    """The same network as scikit-learn's, its weights copied."""
    import torch

    from modelglass.analysis.models.torch import TorchModel

    steps = ev.estimator.steps
    scaler, net = steps[0][1], steps[-1][1]
    first = torch.nn.Linear(4, 4)
    first.weight.data = torch.diag(torch.tensor(1 / scaler.scale_, dtype=torch.float32))
    first.bias.data = torch.tensor(-scaler.mean_ / scaler.scale_, dtype=torch.float32)
    layers = [first]
    for i, (w, b) in enumerate(zip(net.coefs_, net.intercepts_, strict=True)):
        layer = torch.nn.Linear(*w.shape)
        layer.weight.data, layer.bias.data = (torch.tensor(v, dtype=torch.float32) for v in (w.T, b))
        layers += [layer] if i + 1 == len(net.coefs_) else [layer, torch.nn.Tanh()]
    return TorchModel(torch.nn.Sequential(*layers), list("abcd"), None if target == "t" else net.classes_)


@needs_torch
@pytest.mark.parametrize("target", ["y", "y3", "t"])
def test_a_torch_module_gives_what_the_same_perceptron_gives(target):
    plain = fitted(target)
    ev = Evaluation(
        torch_model(plain, target), plain.frame, target=target, ignore=[c for c in ("y", "y3", "t") if c != target]
    )
    np.testing.assert_allclose(ev.output(ev.inputs()), plain.output(plain.inputs()), atol=1e-4)
    a, b = (concept_activation(e, concepts="a > 0.5; noise > 0", random=39).frame() for e in (ev, plain))
    assert list(dict.fromkeys(a.layer)) == ["2", "4"]
    np.testing.assert_allclose(a.estimate, b.estimate, atol=0.02)
    np.testing.assert_allclose(a.sensitivity, b.sensitivity, rtol=0.05, atol=0.05)


@needs_torch
def test_a_module_that_is_not_the_answer_is_refused():
    import torch

    ev = fitted()

    class Wrong:
        classes_ = np.array([0, 1])
        module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))

        def predict_proba(self, X):
            return ev.estimator.predict_proba(X)

        def predict(self, X):
            return ev.estimator.predict(X)

    other = Evaluation(Wrong(), ev.frame, target="y", features=list("abcd"), ignore=["y3", "t"])
    with pytest.raises(NotApplicable, match="not a known function of the model's answer"):
        concept_activation(other, concepts="a > 0")
