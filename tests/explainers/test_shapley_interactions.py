"""Interactions of trees: against shap, and added up through a pipeline. (Against the definition: ``test_tree_shapley``.)"""

import numpy as np
import pandas as pd
import pytest
import shap
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB

import modelglass as mg
from modelglass.analysis.errors import InputError, NotApplicable, Stopped
from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import shapley_interactions, shapley_values


def numbers(n=300, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, 4)).astype("float32").astype(float), columns=list("abcd"))
    drive = 2 * frame.a * frame.b + frame.c
    frame["amount"], frame["y"] = drive, np.where(drive > 0, "yes", "no")
    frame["y3"] = pd.cut(drive, [-99, -0.5, 0.5, 99], labels=["low", "mid", "top"]).astype(str)
    return frame


def evaluate(model, target, n=300, **more):
    frame = numbers(n)
    model.fit(frame[list("abcd")], frame[target])
    return Evaluation(model, frame, target=target, ignore=[t for t in ("amount", "y", "y3") if t != target], **more)


@pytest.mark.parametrize(
    ("final", "target"),
    [
        (RandomForestRegressor(5, max_depth=7, random_state=0), "amount"),
        (GradientBoostingRegressor(n_estimators=15), "amount"),
        (HistGradientBoostingClassifier(max_iter=10), "y"),
        (RandomForestClassifier(4, max_depth=5, random_state=0), "y3"),
        (ExtraTreesClassifier(4, max_depth=5, random_state=0), "y"),
    ],
    ids=lambda v: v if isinstance(v, str) else type(v).__name__,
)
def test_they_equal_shap_and_add_up(final, target):
    ev = evaluate(final, target)
    found = shapley_interactions(ev, top=99)
    wanted = np.asarray(shap.TreeExplainer(ev.estimator).shap_interaction_values(ev.inputs().to_numpy()))
    wanted = wanted[:, :, :, None] if wanted.ndim == 3 else wanted
    wanted = wanted[..., -len(found.groups) :]  # of two classes the positive one
    for j, (a, b) in enumerate(found.shown):
        np.testing.assert_allclose(found.values[:, j], 2 * wanted[:, "abcd".index(a), "abcd".index(b)], atol=1e-8)
    for i in range(4):
        np.testing.assert_allclose(found.alone[:, i], wanted[:, i, i], atol=1e-8)
    plain = shapley_values(ev)
    np.testing.assert_allclose(
        found.alone.sum(axis=1) + found.values.sum(axis=1), plain.prediction - plain.base, atol=1e-6
    )
    assert len(found.shown) <= found.n_pairs <= 6
    assert 0 < found.share < 1


def test_the_planted_pair_is_said_and_drawn():
    found = shapley_interactions(evaluate(GradientBoostingRegressor(n_estimators=40), "amount"), top=3)
    assert len(found.shown) == 3
    assert len(found.frame()) == 3
    first = found.frame().iloc[0]
    assert first.low < first.estimate < first.high
    assert first.estimate > 1.1 * found.frame().estimate[1]
    assert "act together most: a with b" in found.sentence()
    assert "in amount over 300 rows" in found.sentence()
    # a * b: where both are large, or both small, together they raise
    cells = found.cells.set_index(["x", "y"]).estimate
    (x, y) = found.levels
    corner = cells.get((x[-1], y[-1]), cells.get((x[0], y[0])))
    assert corner > 0
    drawn = mg.figure(found)
    np.testing.assert_allclose(drawn.data[0].x, found.frame().estimate)
    assert drawn.data[1].type == "heatmap"


def test_through_a_pipeline_they_are_added_up_in_raw_columns(made):
    ev = made(HistGradientBoostingClassifier(max_iter=15), "y")
    found, plain = shapley_interactions(ev, top=99), shapley_values(ev)
    assert {n for pair in found.shown for n in pair} <= set(ev.features)
    sums = found.alone.copy()
    for j, (a, b) in enumerate(found.shown):
        for name in (a, b):
            sums[:, ev.features.index(name)] += found.values[:, j] / 2
    np.testing.assert_allclose(sums, plain.values, atol=1e-8)
    assert "added up over all that was made of each raw column" in found.how
    other = shapley_interactions(made(HistGradientBoostingClassifier(max_iter=15), "y", positive="no"), top=99)
    np.testing.assert_allclose(other.values, -found.values, atol=1e-8)


def test_weights_classes_and_rows_hold():
    n = 300
    weight = np.random.default_rng(0).integers(0, 3, n)
    ev = evaluate(GradientBoostingRegressor(n_estimators=10), "amount")
    plain = shapley_interactions(ev, top=99)
    frame = numbers(n).assign(w=weight.astype(float))
    weighted = shapley_interactions(
        Evaluation(ev.model, frame, target="amount", ignore=["y", "y3"], weight="w"), top=99
    )
    j = plain.shown.index(weighted.shown[0])
    assert weighted.frame().estimate[0] == pytest.approx(np.average(np.abs(plain.values[:, j, 0]), weights=weight))
    few = shapley_interactions(ev, rows=50)
    assert few.settings["rows"] == 50
    assert np.isnan(few.frame().low).all()
    many = evaluate(RandomForestClassifier(4, max_depth=4, random_state=0), "y3")
    every, one = shapley_interactions(many, top=99), shapley_interactions(many, top=99, class_="top")
    assert one.groups == ("top",)
    place = every.shown.index(one.shown[0])
    np.testing.assert_allclose(one.values[:, 0, 0], every.values[:, place, 2])
    assert mg.figure(every).data[0].name == "low"


def test_what_has_no_interactions_says_so():
    with pytest.raises(NotApplicable, match="linear: its columns add up in amount"):
        shapley_interactions(evaluate(LinearRegression(), "amount"))
    with pytest.raises(NotApplicable, match="there is no exact method for GaussianNB"):
        shapley_interactions(evaluate(GaussianNB(), "y"))
    with pytest.raises(InputError, match="top of at least 1"):
        shapley_interactions(evaluate(LogisticRegression(), "y"), top=0)
    found = shapley_interactions(evaluate(GradientBoostingRegressor(n_estimators=5, max_depth=1), "amount"))
    assert found.shown == ()
    assert "No two columns act together" in found.sentence()
    assert found.share == 0
    mg.figure(found)


def test_it_can_be_stopped():
    def stop(share, what):
        raise Stopped

    with pytest.raises(Stopped):
        shapley_interactions(evaluate(GradientBoostingRegressor(n_estimators=5), "amount"), progress=stop)
