"""Gradient-guided candidates: the closed form where the boundary is a plane, always possible rows, never dearer than the questions alone."""

import time

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from modelglass.analysis.adversarial import adversarial
from modelglass.analysis.certified import certificate
from modelglass.analysis.changed_answers import Answers
from modelglass.analysis.cheapest_change import Searcher, search
from modelglass.analysis.constraints import constraints
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.gradients import Gradients, gradients_of
from modelglass.analysis.guided import guided
from modelglass.analysis.possible import Space

try:
    import torch
except ImportError:
    torch = None


def needs_torch(test):
    return pytest.mark.torch(pytest.mark.skipif(torch is None, reason="torch is not installed here")(test))


pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def mixed(n=500, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "a": np.where(rng.random(n) < 0.1, np.nan, rng.normal(40, 9, n)),
            "b": rng.lognormal(2, 0.6, n),
            "steps": rng.integers(0, 9, n),
            "k": pd.Series(rng.choice(list("pqrs"), n)).where(rng.random(n) > 0.1, None),
        }
    )
    drive = (X.a.fillna(40) - 40) / 9 + np.log(X.b) - 2 + (X.k == "q") + X.steps / 4 - 1
    return X, drive + 0.3 * rng.normal(size=n)


def piped(final, numbers):
    scaled = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    word = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    return make_pipeline(ColumnTransformer([("n", scaled, numbers), ("w", word, ["k"])], sparse_threshold=0), final)


def evaluation(task="binary", activation="relu", drop=(), **more):
    X, value = mixed()
    X = X.drop(columns=list(drop))
    shares = [0.5] if task == "binary" else [0.3, 0.7]
    y = value if task == "regression" else np.digitize(value, np.quantile(value, shares))
    kind = MLPRegressor if task == "regression" else MLPClassifier
    final = kind(hidden_layer_sizes=(16, 8), activation=activation, max_iter=80, random_state=0)
    model = piped(final, [c for c in X.columns if c != "k"]).fit(X, y)
    return Evaluation(model, X.assign(y=y), target="y", **more)


def parts(ev, rows=60, amount=np.nan, given=None):
    one = ev.take(np.arange(rows))
    space = Space(constraints(ev, given=given), one.inputs())
    return one, space, Answers(one, space, amount=amount), gradients_of(one, space, amount)


def alone(space, answers, gradients):
    """What the gradients find without the search."""
    searcher = Searcher(space, answers.ask, 0, None, None)
    gradients.propose(searcher)
    gradients.polish(searcher)
    return searcher.found


def flat(net):
    """The plane of a perceptron without bends: weights (q,) and shift."""
    weights, shift = net.coefs_[0], net.intercepts_[0]
    for w, b in zip(net.coefs_[1:], net.intercepts_[1:], strict=True):
        weights, shift = weights @ w, shift @ w + b
    return weights, shift


@pytest.mark.parametrize("threshold", [None, 0.3])
def test_a_plane_gives_the_closed_form(threshold):
    """A perceptron without bends, and the logistic model with its weights: the cheapest change of the one is the closed form of the other."""
    ev = evaluation(activation="identity", drop=["steps"], threshold=threshold)
    weights, shift = flat(ev.estimator[-1])
    linear = LogisticRegression().fit(ev.estimator[0].transform(ev.inputs()), ev.frame.y)
    linear.coef_, linear.intercept_ = weights.T, shift
    other = Evaluation(make_pipeline(ev.estimator[0], linear), ev.frame, target="y", threshold=threshold)
    given = {"columns": {"k": {"cost": 0.3}}}
    one, space, answers, gradients = parts(ev, given=given)
    closed = certificate(other.take(np.arange(one.n)), space, np.nan)
    assert closed.how == "closed form of a linear model"
    np.testing.assert_allclose(alone(space, answers, gradients).cost, closed.low, rtol=1e-3)
    got = adversarial(one, constraints=constraints(ev, given=given), rows=None, rounds=0)
    np.testing.assert_allclose(got.rows.cost, closed.low, rtol=1e-3)
    assert "k" in set(got.changes.column)
    # by hand, where one number alone is cheapest and its range allows it
    scale = ev.estimator[0].named_transformers_["n"][-1].scale_[:2]
    slope = weights[:2, 0] / scale
    spread = np.array([constraints(ev).columns[c].spread for c in "ab"])
    seen = ev.estimator[0].transform(one.inputs())
    margin = np.abs((seen @ weights + shift)[:, 0] - np.log((threshold or 0.5) / (1 - (threshold or 0.5))))
    single = margin / (np.abs(slope) * spread).max()
    assert np.isclose(closed.low, single, rtol=1e-5).sum() > 10


@pytest.mark.parametrize("activation", ["identity", "relu", "tanh", "logistic"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_planes_have_the_slopes_of_the_model(task, activation):
    ev = evaluation(task, activation)
    one, space, _, gradients = parts(ev, amount=0.5 if task == "regression" else np.nan)
    assert isinstance(gradients, Gradients)
    j, size = space.place("b"), 1e-4
    for way in gradients.ways:
        at = np.arange(len(way.rows))
        X = space.X[way.rows]
        margin, slope, numbers = gradients.plane(way, at, X)
        np.testing.assert_allclose(numbers, one.estimator[0].transform(one.inputs().iloc[way.rows]), atol=1e-12)
        np.testing.assert_allclose(margin, gradients.margins(way, at, X), atol=1e-12)
        up, down = X.copy(), X.copy()
        up[:, j], down[:, j] = up[:, j] + size, down[:, j] - size
        found = (gradients.margins(way, at, up) - gradients.margins(way, at, down)) / (2 * size)
        block = gradients.reach.block[j]
        mine = slope[:, block] @ gradients.reach.slope[block]
        assert (np.abs(mine - found) <= 1e-4 * np.abs(mine).max()).mean() > 0.95  # but for a bend between the two


GIVEN = {
    "plain": None,
    "ruled": {"columns": {"a": {"direction": "up"}, "steps": {"step": 2}, "k": {"levels": ["p", "q", "r", "s"], "cost": 0.5}, "b": {"high": 60}}},
    "held": {"columns": {"b": {"immutable": True}, "a": {"step": 0.5}}},
}  # fmt: skip


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_never_dearer_than_the_questions_alone_and_every_probe_is_possible(task, given, monkeypatch):
    ev = evaluation(task)
    amount = 0.4 if task == "regression" else np.nan
    _, space, answers, gradients = parts(ev, 80, amount, GIVEN[given])
    seen, original = [], Answers.ask

    def ask(self, places, X):
        made = self.space.rows(places, X)
        broken = self.space.rules.violations(made, self.space.frame.iloc[places].reset_index(drop=True))
        own = self.space.rules.violations(self.space.frame)
        assert set(places[broken.place]) <= set(own.place), broken.head()
        seen.append(len(made))
        return original(self, places, X)

    usual = {"seed": 0, "rounds": 2, "seconds": None, "starts": answers.starts(0), "progress": None}
    questions = search(space, answers.ask, **usual)
    monkeypatch.setattr(Answers, "ask", ask)
    got = guided(space, answers.ask, gradients, **usual)
    assert sum(seen) > 80
    assert got.no_gradients == ""
    assert (got.cost <= questions.cost).all()
    better = got.cost < questions.cost * (1 - 1e-3)
    assert better.any() or task == "regression" or given == "held", "here one column alone may be cheapest"
    assert (got.by[better] == "gradients").all()
    assert (got.by[got.cost == questions.cost] != "gradients").all()
    assert ((got.by == "") == np.isinf(got.cost)).all()
    assert got.asked > questions.asked
    kept = np.flatnonzero(np.isfinite(got.cost))
    beyond, _ = answers.ask(kept, got.best[kept])
    assert beyond.all(), "each change is one of the model's answer"


def test_gradients_alone_take_levels_and_steps():
    ev = evaluation()
    _, space, answers, gradients = parts(ev)
    found = alone(space, answers, gradients)
    done = np.isfinite(found.cost)
    assert done.mean() > 0.8
    moved = (found.best != space.X)[done] & ~np.isnan(space.X[done])
    assert moved[:, [space.place("k"), space.place("steps")]].any(axis=0).all()
    assert not moved[np.isnan(space.X[done])].any()
    assert gradients.asked + found.asked < 250 * len(space.X)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_the_result_says_which_search_was_used(task):
    got = adversarial(evaluation(task), rows=40)
    assert got.no_gradients == ""
    assert got.no_certificate == "MLPClassifier is no tree model that is known"
    assert {"gradients", "questions"} == set(got.rows.search)
    share = (got.rows.search == "gradients").mean()
    assert f"The model's gradients gave the cheapest of {share:.0%} of rows." in got.sentence()
    X, value = mixed()
    X = X[["b", "steps"]]
    y = (value > 0).astype(int)
    plain = adversarial(Evaluation(KNeighborsClassifier().fit(X, y), X.assign(y=y), target="y"), rows=20)
    assert plain.no_gradients == "KNeighborsClassifier has no hidden layers that are known"
    assert set(plain.rows.search) <= {"questions", ""}
    assert "gradients" not in plain.sentence()
    linear = adversarial(Evaluation(LogisticRegression().fit(X, y), X.assign(y=y), target="y"), rows=20)
    assert linear.no_gradients == "the bound already tells where to go (closed form of a linear model)"
    mixing = make_pipeline(StandardScaler(), PCA(2), MLPClassifier((8,), max_iter=30, random_state=0)).fit(X, y)
    assert "mixes raw columns" in adversarial(Evaluation(mixing, X.assign(y=y), target="y"), rows=20).no_gradients


def test_rows_that_the_questions_do_not_get_to_in_time_have_a_change_by_gradients():
    ev = evaluation()
    _, space, answers, gradients = parts(ev, 400)

    def slow(places, X):
        time.sleep(2e-4 * len(places))
        return answers.ask(places, X)

    got = guided(space, slow, gradients, seed=0, rounds=3, seconds=3.0, starts=answers.starts(0), progress=None)
    assert got.ended == "time"
    late = got.by[200:]  # behind the first lot of questions
    assert (late == "gradients").mean() > 0.6
    assert set(late) <= {"gradients", ""}
    assert (got.by[:180] == "questions").any()


def module(net):
    """A torch module with the weights of a perceptron."""
    layers = []
    for i, (w, b) in enumerate(zip(net.coefs_, net.intercepts_, strict=True)):
        layer = torch.nn.Linear(*w.shape)
        layer.weight.data, layer.bias.data = (torch.tensor(v, dtype=torch.float32) for v in (w.T, b))
        layers += [layer] if i + 1 == len(net.coefs_) else [layer, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers)


class Held:
    """An estimator that holds a module, as skorch's do."""

    def __init__(self, net, classes=None):
        self.module_ = net
        if classes is not None:
            self.classes_ = np.array(classes)

    def fit(self, X, y=None):
        return self

    def predict_proba(self, X):
        from scipy.special import softmax

        from modelglass.analysis.models.torch import outputs

        raw = outputs(self.module_, np.asarray(X, dtype=np.float32))
        return softmax(np.column_stack([np.zeros(len(raw)), raw]) if raw.shape[1] == 1 else raw, axis=1)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


@needs_torch
@pytest.mark.parametrize("task", ["binary", "two outputs", "multiclass"])
def test_a_torch_module_gives_what_the_same_perceptron_gives(task):
    ev = evaluation("binary" if task == "two outputs" else task)
    net = module(ev.estimator[-1])
    if task == "two outputs":
        last = torch.nn.Linear(1, 2, bias=False)
        last.weight.data = torch.tensor([[-0.5], [0.5]])
        net.append(last)
    net.train()
    steps = make_pipeline(ev.estimator[0], Held(net, ev.estimator.classes_))
    other = Evaluation(steps, ev.frame, target="y")
    _, space, answers, gradients = parts(ev)
    _, _, same, theirs = parts(other)
    assert isinstance(theirs, Gradients), theirs
    a, b = alone(space, answers, gradients).cost, alone(space, same, theirs).cost
    assert np.isclose(a, b, rtol=1e-2).mean() > 0.9
    assert net.training
    assert all(p.grad is None for p in net.parameters())


@needs_torch
def test_a_module_without_gradients_is_searched_by_questions():
    ev = evaluation()

    class Stepped(torch.nn.Module):
        def __init__(self, net):
            super().__init__()
            self.net = net

        def forward(self, x):
            return self.net(x).detach()

    steps = make_pipeline(ev.estimator[0], Held(Stepped(module(ev.estimator[-1])), ev.estimator.classes_))
    got = adversarial(Evaluation(steps, ev.frame, target="y"), rows=10)
    assert got.no_gradients.startswith("its gradients cannot be read")
    assert set(got.rows.search) == {"questions"}
