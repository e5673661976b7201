"""Bad input of issue 5, as users meet it: columns that say nothing, a class never predicted, constraints that cannot hold, time that runs out."""

from __future__ import annotations

import sys
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from modelglass.analysis import registry
from modelglass.analysis.budget import watched, within_budget
from modelglass.analysis.errors import InputError, MissingPackage, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure
from modelglass.explainers import counterfactuals, decision_path, lime_weights, own_terms, prototypes, trust_score

NEEDS_MORE = {"anchor", "concept_activation"}  # alibi; concepts
NAMES = [n for n, a in registry.analyses().items() if "modelglass.explainers" in a.compute and n not in NEEDS_MORE]
SMALL = {"rows": 60, "n_samples": 300, "budget": 1.0, "grid": 6}


def ran(ev, name, **more):
    takes = {s.name for s in registry.get(name).settings}
    settings = {k: v for k, v in {**SMALL, "row": 3, **more}.items() if k in takes}
    return registry.run(ev, name, **settings)


@pytest.fixture(scope="module")
def strange():
    """One column constant, one all missing, one of levels that the model never saw."""
    rng = np.random.default_rng(0)
    n = 200
    X = pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n), "gone": rng.normal(size=n), "const": 1.0})
    X["city"] = rng.choice(list("xyz"), n)
    y = np.where(X.a + X.b**2 + (X.city == "x") + rng.normal(size=n) > 1, "yes", "no")
    words = OneHotEncoder(sparse_output=False, handle_unknown="ignore")
    model = make_pipeline(
        make_column_transformer((words, ["city"]), remainder="passthrough"),
        HistGradientBoostingClassifier(max_iter=8, max_leaf_nodes=6),
    ).fit(X, y)
    return Evaluation(model, X.assign(gone=np.nan, city=np.where(X.a > 0, "new", "newer"), t=y), target="t")


@pytest.mark.parametrize("name", NAMES)
def test_columns_that_say_nothing(strange, name):
    found = ran(strange, name)
    if found.result is None:
        assert found.reason
        return
    assert "nan" not in found.result.sentence()
    figure(found.result)


@pytest.mark.parametrize("name", [n for n in NAMES if "features" in {s.name for s in registry.get(n).settings}])
@pytest.mark.parametrize("column", ["const", "gone", "city"])
def test_asked_about_such_a_column_alone(strange, name, column):
    found = ran(strange, name, features=[column, "a"] if name == "joint_effect" else [column])
    if found.result is None:
        assert found.reason
    else:
        assert "nan" not in found.result.sentence()


@pytest.fixture(scope="module")
def rare():
    """Three classes, of which the model never decides for "rare"."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 2)), columns=list("ab"))
    y = np.where(X.a + rng.normal(size=300) > 1, "top", np.where(rng.random(300) < 0.03, "rare", "no"))
    ev = Evaluation(RandomForestClassifier(10, max_depth=2, random_state=0).fit(X, y), X.assign(t=y), target="t")
    assert list(ev.classes) == ["no", "rare", "top"]
    assert not (ev.predicted == 1).any()
    return ev


@pytest.mark.parametrize("name", NAMES)
def test_a_class_that_is_never_predicted(rare, name):
    found = ran(rare, name, class_="rare", want="rare", this="no", that="rare")
    if found.result is None:
        assert found.reason
        return
    assert "nan" not in found.result.sentence()
    figure(found.result)


def test_a_search_for_a_class_that_is_never_predicted_says_that_it_found_none(rare):
    got = counterfactuals(rare, row=3, want="rare", budget=None, rounds=1)
    assert not len(got.ways)
    assert "No possible change was found that makes it rare" in got.sentence()


@pytest.mark.parametrize("name", [n for n in NAMES if "row" in {s.name for s in registry.get(n).settings}])
def test_a_row_that_does_not_exist(rare, name):
    more = {"changes": "a += 1"}
    for wrong in (99_999, -1):
        with pytest.raises(InputError, match="Expected the number of a row among these 300 rows"):
            ran(rare, name, row=wrong, **more)


def test_contradictory_constraints_are_named(rare):
    for rules, said in (
        ({"columns": {"a": {"low": 5, "high": 1}}}, "low 5 of 'a'.* is above its high 1"),
        ({"columns": {"a": {"step": 0.5, "low": 0.1, "high": 0.4}}}, "no step of 0.5 of 'a'.* lies between"),
        ({"columns": {"a": {"low": 50, "high": 60}}}, "left out by a: below 50"),
    ):
        with pytest.raises(InputError, match=said):
            counterfactuals(rare, row=3, constraints=rules)
    with pytest.raises(NotApplicable, match="the constraints let no column change"):
        counterfactuals(rare, row=3, immutable=["a", "b"])


def test_models_without_trees_probabilities_or_layers_say_so(rare):
    X, y = rare.inputs(), rare.y
    ridge = Evaluation(RidgeClassifier().fit(X, y > 0), X.assign(t=y > 0), target="t")
    assert "decision of True" in lime_weights(ridge, row=3, n_samples=300).sentence()
    with pytest.raises(NotApplicable, match="the model is no decision tree"):
        decision_path(ridge, row=3)
    with pytest.raises(NotApplicable) as caught:
        own_terms(rare)
    assert str(caught.value).count("no exact method") < 2
    found = registry.run(ridge, "concept_activation", concepts="a > 0")
    assert "has no hidden layers that are known" in found.reason


def test_without_lime_the_comparison_says_why_and_how(rare, monkeypatch):
    monkeypatch.setitem(sys.modules, "lime", None)
    monkeypatch.setitem(sys.modules, "lime.lime_tabular", None)
    monkeypatch.delitem(sys.modules, "modelglass.explainers.lime_itself", raising=False)
    with pytest.raises(MissingPackage, match="pip install lime"):
        lime_weights(rare, row=3, n_samples=200, compare=True)


def test_rows_that_are_all_alike(strange):
    with pytest.raises(NotApplicable, match="all have the same trust score"):
        trust_score(strange, features=["const"])
    assert prototypes(strange, features=["const"]).sentence().startswith("1 row (1 for ")


class Slow:
    """Answers after a while, by a."""

    classes_ = np.array(["no", "yes"])

    def __init__(self, seconds):
        self.seconds = seconds

    def predict_proba(self, X):
        time.sleep(self.seconds)
        p = 1 / (1 + np.exp(-np.asarray(X["a"], dtype=float)))
        return np.column_stack([1 - p, p])

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


@pytest.fixture
def slow():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 4)), columns=list("abcd"))
    return Evaluation(Slow(0.03), X.assign(t=np.where(X.a > 0, "yes", "no")), target="t")


def test_a_search_that_the_budget_of_all_ends_gives_its_best_so_far(slow):
    _ = slow.predicted  # asked before
    with within_budget(2.0):
        got = counterfactuals(slow, row=3, budget=60.0, rounds=5_000, progress=watched(lambda share, what: None))
    assert got.stopped
    assert len(got.ways)
    assert "these are the best so far" in got.sentence()
    with within_budget(1e-4):
        time.sleep(0.01)
        assert "the budget of 0.0001 s was spent" in registry.run(slow, "counterfactuals", row=3).reason


def test_shuffles_that_the_budget_ends_are_those_made(slow):
    _ = slow.predicted
    with within_budget(1.5):
        got = registry.run(
            slow, "permutation_importance", n_repeats=100, settle=False, progress=lambda share, what: None
        ).result
    assert 1 <= got.made < 100
    assert f"The time was over after {got.made} of 100 shuffles" in got.sentence()
    assert got.repeats.groupby("feature").size().nunique() == 1
    rows = got.settings["rows"]  # of a few rows first
    same = registry.run(slow, "permutation_importance", n_repeats=got.made, settle=False, rows=rows).result
    np.testing.assert_allclose(got.frame().estimate, same.frame().estimate)
