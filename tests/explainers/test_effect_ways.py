"""What is worked out from trees and coefficients, against the model asked at every value."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Perceptron, Ridge, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures
from sklearn.tree import DecisionTreeClassifier

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import effect_ways, partial_dependence
from modelglass.explainers.effect_answers import Answers, asked
from modelglass.explainers.effect_grid import grid_of


def same(ev, rows=60, grid=25, atol=1e-9, additive=False):
    """The fast way is taken and gives what the model gives."""
    model, few = Answers(ev), ev.sample(rows)
    assert model.way is not None, model.why
    grids = {c: grid_of(few, c, grid) for c in ev.features}
    fast = model.rows(few, grids)
    for name, g in grids.items():
        np.testing.assert_allclose(fast[name], asked(few, g), atol=atol, err_msg=name)
    assert effect_ways.agrees(model.way, few, {c: g.donors for c, g in grids.items()})
    return model


@pytest.mark.parametrize(
    ("final", "target"),
    [
        (HistGradientBoostingClassifier(max_iter=20), "y"),
        (HistGradientBoostingClassifier(max_iter=8), "y3"),
        (HistGradientBoostingRegressor(max_iter=20, loss="absolute_error"), "amount"),
        (GradientBoostingClassifier(n_estimators=20), "y"),
        (GradientBoostingRegressor(n_estimators=20), "amount"),
        (RandomForestClassifier(8, random_state=0), "y3"),
        (ExtraTreesClassifier(8, random_state=0), "y"),
        (RandomForestRegressor(8, random_state=0), "amount"),
        (DecisionTreeClassifier(random_state=0), "y"),
        (LogisticRegression(max_iter=300), "y"),
        (LogisticRegression(max_iter=300), "y3"),
        (Ridge(), "amount"),
    ],
    ids=lambda v: v if isinstance(v, str) else type(v).__name__,
)
def test_equals_the_model_asked_through_pipelines(made, final, target):
    same(made(final, target))


@pytest.mark.parametrize("final", [HistGradientBoostingClassifier(max_iter=15), LogisticRegression(max_iter=300), RandomForestClassifier(5)], ids=lambda v: type(v).__name__)  # fmt: skip
def test_the_first_class_may_be_the_positive_one(made, final):
    same(made(final, positive="no"))


def columns(n=600, levels=4):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "a": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
            "b": rng.integers(0, 5, n),
            "c": pd.Categorical(rng.choice([f"v{i}" for i in range(levels)], n)),
            "d": rng.normal(size=n).astype("float32"),
        }
    )
    drive = frame.a.fillna(1) * (frame.b > 2) + frame.c.cat.codes % 3 + frame.d + rng.normal(size=n) * 0.3
    return frame, (drive > drive.median()).astype(int)


def boosters():
    from catboost import CatBoostClassifier
    from lightgbm import LGBMClassifier
    from xgboost import XGBClassifier, XGBRegressor

    return {
        "xgboost": XGBClassifier(n_estimators=20, max_depth=4, enable_categorical=True),
        "xgboost logistic": XGBRegressor(
            n_estimators=10, max_depth=3, enable_categorical=True, objective="reg:logistic"
        ),
        "lightgbm": LGBMClassifier(n_estimators=20, num_leaves=15, verbose=-1, min_child_samples=5, n_jobs=1),
        "hist": HistGradientBoostingClassifier(max_iter=20, categorical_features="from_dtype"),
        "catboost": CatBoostClassifier(iterations=20, depth=4, verbose=False, allow_writing_files=False),
    }


@pytest.mark.parametrize("name", ["xgboost", "xgboost logistic", "lightgbm", "hist", "catboost"])
def test_equals_boosters_with_categories_and_missing_values(name):
    X, y = columns()
    if name == "catboost":
        X = X.assign(c=X.c.cat.codes.astype(float))
    ev = Evaluation(boosters()[name].fit(X, y), X.assign(t=y), target="t")
    same(ev, atol=2e-6 if name.startswith(("xgboost", "catboost")) else 1e-9)


def test_more_levels_than_a_word_has_bits():
    X, y = columns(3000, levels=90)
    model = HistGradientBoostingClassifier(max_iter=20, categorical_features="from_dtype").fit(X, y)
    same(Evaluation(model, X.assign(t=y), target="t"), grid=200)
    coded = make_pipeline(OneHotEncoder(sparse_output=False), RandomForestClassifier(5, random_state=0))
    same(Evaluation(coded.fit(X[["b", "c"]], y), X[["b", "c"]].assign(t=y), target="t"), grid=200)


def test_several_trees_that_ask_a_column_twice_by_hand():
    """One tree, x <= 0 then x <= 1 then z <= 0: worked by hand at three values of x for a row with z = 1."""
    X = pd.DataFrame({"x": [-1.0, 0.5, 2.0, 2.0] * 30, "z": [1.0, 1.0, 1.0, -1.0] * 30})
    y = np.array([10.0, 20.0, 30.0, 40.0] * 30)
    from sklearn.tree import DecisionTreeRegressor

    ev = Evaluation(DecisionTreeRegressor().fit(X, y), X.assign(t=y), target="t")
    got = partial_dependence(ev, features="x", rows=None, ice=4).frame()
    # three rows in four have z = 1
    assert got.estimate.tolist() == pytest.approx([10, 20, 0.75 * 30 + 0.25 * 40])
    assert partial_dependence(ev, features="x").way == "worked out from the model's trees"


def test_intervals_are_those_of_rows_asked_one_by_one(made, monkeypatch):
    ev = made(HistGradientBoostingClassifier(max_iter=20))
    names = ["age", "city"]
    fast = partial_dependence(ev, features=names, rows=None)
    monkeypatch.setattr(effect_ways, "fast_way", lambda *a, **k: "it is not to be")
    slow = partial_dependence(ev, features=names, rows=None)
    assert (fast.way, slow.way) == ("worked out from the model's trees", "the model was asked")
    for a, b in ((fast.curves, slow.curves), (fast.lines, slow.lines)):
        pd.testing.assert_frame_equal(a, b)


@pytest.mark.parametrize("given", [{"weight": "w"}, {"cluster": "k"}, {"weight": "w", "cluster": "k"}], ids=str)
def test_weights_and_clusters(made, monkeypatch, given):
    rng = np.random.default_rng(0)
    ev = made(RandomForestClassifier(5, random_state=0))
    frame = ev.frame.assign(w=rng.exponential(size=ev.n), k=rng.integers(0, 80, ev.n))
    ev = Evaluation(
        ev.estimator, frame, target="y", ignore=["y3", "amount", *({"w", "k"} - set(given.values()))], **given
    )
    fast = partial_dependence(ev, features=["pay", "job"], rows=None, ice=3)
    monkeypatch.setattr(effect_ways, "fast_way", lambda *a, **k: "it is not to be")
    pd.testing.assert_frame_equal(fast.curves, partial_dependence(ev, features=["pay", "job"], rows=None).curves)


def test_additive_scale(made):
    ev = made(HistGradientBoostingClassifier(max_iter=20))
    got = partial_dependence(ev, features="age", rows=None, grid=9, ice=0, additive=True)
    assert got.scale == "log-odds"
    for value, estimate in zip(got.curves.value, got.curves.estimate, strict=True):
        raw = ev.estimator.decision_function(ev.inputs().assign(age=value))
        assert estimate == pytest.approx(raw.mean(), abs=1e-9)
    assert partial_dependence(made(RandomForestClassifier(5)), features="age", additive=True).scale == "probability"
    with pytest.raises(NotApplicable, match="not known as a function of a sum"):
        partial_dependence(made(KNeighborsClassifier()), features="age", additive=True)


def test_a_model_that_mixes_columns_is_asked():
    X, y = columns()
    X = X[["b", "d"]]
    mixing = make_pipeline(PolynomialFeatures(2), LogisticRegression(max_iter=500)).fit(X, y)
    assert Answers(Evaluation(mixing, X.assign(t=y), target="t")).why.startswith("the pipeline mixes raw columns")


def test_what_is_not_the_models_answer_is_asked(made, monkeypatch):
    ev = made(HistGradientBoostingClassifier(max_iter=20))
    right = partial_dependence(ev, features="age", ice=0)
    found = effect_ways.fast_way(ev)
    from dataclasses import replace

    monkeypatch.setattr(effect_ways, "fast_way", lambda *a, **k: replace(found, base=found.base + 1.0))
    got = partial_dependence(ev, features="age", ice=0)
    assert got.way == "the model was asked"
    pd.testing.assert_frame_equal(got.curves, right.curves)


@pytest.mark.parametrize(("final", "target"), [(GaussianNB(), "y3"), (KNeighborsClassifier(), "y3"), (KNeighborsClassifier(), "y"), (KNeighborsRegressor(), "amount"), (KNeighborsClassifier(p=1), "y3"), (KNeighborsRegressor(p=1), "amount")], ids=str)  # fmt: skip
def test_rows_go_through_a_pipeline_once(made, final, target):
    ev = made(final, target)
    model, few = Answers(ev), ev.sample(50)
    assert model.way is None
    assert model.through is not None
    grids = {c: grid_of(few, c, 9) for c in ev.features}
    model.check(few, grids)
    assert model.through is not None
    for name, got in model.rows(few, grids).items():
        np.testing.assert_allclose(got, asked(few, grids[name]), atol=1e-12)


def test_a_pipeline_that_does_not_keep_its_word_is_asked(made, monkeypatch):
    ev = made(KNeighborsClassifier(p=1))
    model = Answers(ev)
    monkeypatch.setattr(model.through, "ask", lambda ev, Z: np.zeros((len(Z), 1)))
    model.check(ev, {"age": grid_of(ev, "age", 5)})
    assert model.through is None


@pytest.mark.parametrize("model", [LogisticRegression(max_iter=300), RidgeClassifier(), Perceptron()], ids=lambda v: type(v).__name__)  # fmt: skip
@pytest.mark.parametrize("large", [1e15, 1e20])
def test_a_rows_huge_value_does_not_swallow_its_other_columns(model, large):
    """One column's share is exchanged; where it was huge (a number that stands for missing, say), the rest has lost its digits."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 3)), columns=list("abc"))
    y = np.where(X.a + X.b - X.c + rng.normal(size=300) > 0, "yes", "no")
    model.fit(X, y)
    X.loc[::7, "a"], X.loc[3::50, "c"] = large, -large
    ev = Evaluation(model, X.assign(t=y), target="t")
    answers, grids = Answers(ev), {c: grid_of(ev, c, 6, ends=True) for c in "abc"}
    rows, step = np.arange(300), np.arange(300) % 5
    asks = dict.fromkeys("abc", (rows, step))
    some, steps = answers.at(ev, grids, asks), answers.steps(ev, grids, asks)
    for c, whole in answers.rows(ev, grids).items():
        wanted = asked(ev, grids[c])
        other = X["a" if c != "a" else "c"].abs() < large  # rows whose own answer is not a sum with another huge number
        size = np.maximum(1.0, np.abs(wanted))
        np.testing.assert_allclose((whole / size)[:, other], (wanted / size)[:, other], atol=1e-9)
        np.testing.assert_allclose((some[c] / size[step, rows])[other], (wanted / size)[step, rows][other], atol=1e-9)
        moved, most = wanted[step + 1, rows] - wanted[step, rows], np.maximum(size[step + 1, rows], size[step, rows])
        np.testing.assert_allclose((steps[c] / most)[other], (moved / most)[other], atol=1e-9)
