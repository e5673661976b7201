"""Support vector machines, naive Bayes and nearest neighbours taken apart by columns, against the model asked row by row."""

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.svm import SVC, SVR, NuSVC

from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import accumulated_local_effects, effect_answers, partial_dependence
from modelglass.explainers.apart import apart

SMOOTH = (
    WhiteKernel(2.0, "fixed") + ConstantKernel(4.0, "fixed") * RBF([0.5, 1, 2, 1, 1, 1, 1, 2, 3, 2, 2], "fixed") * 1.5
)
MODELS = {
    "svr": (SVR(C=3), "amount", {}),
    "svc": (SVC(gamma=0.2), "y", {}),
    "svc, the first class": (SVC(), "y", {"positive": "no"}),
    "nu": (NuSVC(), "y", {}),
    "bayes": (GaussianNB(), "y", {}),
    "bayes, the first class": (GaussianNB(), "y", {"positive": "no"}),
    "bayes of three": (GaussianNB(), "y3", {}),
    "process": (GaussianProcessRegressor(random_state=0, alpha=0.1), "amount", {}),
    "process of lengths": (GaussianProcessRegressor(SMOOTH, normalize_y=True), "amount", {}),
    "neighbours": (KNeighborsClassifier(), "y", {}),
    "neighbours, the first class": (KNeighborsClassifier(7, weights="distance"), "y", {"positive": "no"}),
    "neighbours of three": (KNeighborsClassifier(9, algorithm="brute"), "y3", {}),
    "neighbours, values": (KNeighborsRegressor(4, algorithm="brute", weights="distance"), "amount", {}),
}


@pytest.mark.parametrize("kind", MODELS)
def test_equals_the_model_asked(made, monkeypatch, kind):
    """Behind a pipeline with missing values, levels and dates."""
    final, target, settings = MODELS[kind]
    ev = made(final, target, **settings)
    answers = effect_answers.Answers(ev)
    assert answers.through is not None
    assert answers.through.parts is not None
    asked = {"features": ["age", "pay", "city", "job"], "grid": 6, "rows": 120}
    fast, steps = partial_dependence(ev, **asked, ice=5), accumulated_local_effects(ev, **asked)
    monkeypatch.setattr(effect_answers, "transformed", lambda ev: None)
    slow = partial_dependence(ev, **asked, ice=5)
    np.testing.assert_allclose(fast.curves.estimate, slow.curves.estimate, atol=1e-9)
    np.testing.assert_allclose(fast.lines.output, slow.lines.output, atol=1e-9)
    np.testing.assert_allclose(steps.curves.estimate, accumulated_local_effects(ev, **asked).curves.estimate, atol=1e-9)
    assert slow.curves.groupby("feature").estimate.agg(np.ptp).max() > 1e-3


@pytest.mark.parametrize("final", [GaussianNB(), SVC(), KNeighborsClassifier(3)])
def test_without_a_pipeline_in_blocks_of_rows(made, monkeypatch, final):
    ev = made(LogisticRegression(max_iter=300))
    X = ev.inputs()[["age", "member"]].astype(float)
    bare = Evaluation(final.fit(X, ev.frame.y), X.assign(y=ev.frame.y), target="y")
    monkeypatch.setattr("modelglass.explainers.apart.PAIRS", 1_000)
    assert effect_answers.Answers(bare).through.parts is not None
    fast = partial_dependence(bare, features="age", rows=None, ice=3)
    monkeypatch.setattr(effect_answers, "transformed", lambda ev: None)
    slow = partial_dependence(bare, features="age", rows=None, ice=3)
    np.testing.assert_allclose(fast.curves.estimate, slow.curves.estimate, atol=1e-9)
    np.testing.assert_allclose(fast.lines.output, slow.lines.output, atol=1e-9)


def test_what_is_not_known():
    X, y = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 3
    assert apart(SVC().fit(X, y), "multiclass") is None
    assert apart(SVC(kernel="linear").fit(X, y > 0), "binary") is None
    assert apart(SVC(), "binary") is None
    assert apart(LogisticRegression().fit(X, y > 0), "binary") is None
    assert apart(GaussianNB(), "binary") is None
    values = X[:, 0]
    for kernel in (Matern(), RBF() + RBF(), RBF() * RBF(), RBF() + ConstantKernel(), RBF() * WhiteKernel()):
        assert apart(GaussianProcessRegressor(kernel, optimizer=None).fit(X, values), "regression") is None
    assert apart(GaussianProcessRegressor(RBF(), optimizer=None).fit(X, X), "regression") is None
    assert apart(GaussianProcessRegressor(), "regression") is None
    assert apart(GaussianProcessClassifier().fit(X, y > 0), "binary") is None
