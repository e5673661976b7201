"""Shapley values of the user's own: shown like ours, and whether they add up is said, not enforced."""

import numpy as np
import pandas as pd
import pytest
import shap
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

import modelglass as mg
from modelglass.analysis.errors import InputError
from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import given_shapley_values, shapley_values


def fitted(final, target="y", n=300):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(n, 3)).astype("float32").astype(float), columns=list("abc"))
    drive = frame.a * frame.b + frame.c
    y = (
        np.where(drive > 0, "yes", "no")
        if target == "y"
        else np.array(["low", "mid", "top"])[np.digitize(drive, [-0.5, 0.5])]
    )
    model = final.fit(frame[list("abc")], y)
    return model, frame.assign(y=y)


def test_values_of_shap_are_taken_and_their_unit_is_found():
    model, frame = fitted(HistGradientBoostingClassifier(max_iter=10))
    ev = Evaluation(model, frame, target="y", positive="yes")
    explainer = shap.TreeExplainer(model)
    theirs = explainer.shap_values(frame[list("abc")])
    found, ours = given_shapley_values(ev, theirs), shapley_values(ev)
    assert found.scale == "log-odds"
    assert found.reason == ""
    assert found.additivity_gap < 1e-4
    np.testing.assert_allclose(found.base, explainer.expected_value, atol=1e-4)
    pd.testing.assert_frame_equal(found.frame(), ours.frame(), atol=1e-4)
    assert "values of your own" in found.sentence()
    mixed = pd.DataFrame(theirs, columns=list("abc"))[["c", "a", "b"]]
    np.testing.assert_allclose(given_shapley_values(ev, mixed, base=explainer.expected_value).values, found.values)
    mg.figure(found)
    without = Evaluation.from_predictions(frame.y, score=np.asarray(ev.score), frame=frame[list("abc")], positive="yes")
    alone = given_shapley_values(without, mixed)
    assert (alone.scale, alone.features) == ("log-odds", ("c", "a", "b"))


def test_what_does_not_add_up_is_shown_and_said():
    model, frame = fitted(HistGradientBoostingClassifier(max_iter=10))
    ev = Evaluation(model, frame, target="y", positive="yes")
    wrong = np.random.default_rng(1).normal(size=(300, 3))
    found = given_shapley_values(ev, wrong)
    assert found.additivity_gap > 0.5
    assert "do not add up to the model's answers" in found.sentence()
    np.testing.assert_allclose(found.values[:, :, 0], wrong)


def test_several_classes():
    model, frame = fitted(RandomForestClassifier(5, max_depth=4, random_state=0), "y3")
    ev = Evaluation(model, frame, target="y")
    theirs = shap.TreeExplainer(model).shap_values(frame[list("abc")].to_numpy())
    found = given_shapley_values(ev, theirs)
    assert found.scale == "probability"
    assert found.additivity_gap < 1e-6
    assert given_shapley_values(ev, theirs, class_="mid").groups == ("mid",)


def test_what_shap_hands_out_is_taken_as_it_is():
    """An Explanation; of two classes both; a base for each row; a list with an array for each class."""
    model, frame = fitted(RandomForestClassifier(5, max_depth=4, random_state=0))
    explanation = shap.TreeExplainer(model)(frame[list("abc")].to_numpy())
    assert explanation.values.shape == (300, 3, 2)
    for positive, place in (("yes", 1), ("no", 0)):
        ev = Evaluation(model, frame, target="y", positive=positive)
        wanted = explanation.values[:, :, place]
        given = [
            given_shapley_values(ev, explanation),
            given_shapley_values(ev, explanation[..., place]),
            given_shapley_values(ev, explanation.values, base=explanation.base_values),
            given_shapley_values(ev, explanation.values, base=explanation.base_values[0]),
            given_shapley_values(ev, wanted, base=explanation.base_values[:, place]),
            given_shapley_values(ev, [explanation.values[:, :, 0], explanation.values[:, :, 1]]),
        ]
        for found in given:
            np.testing.assert_array_equal(found.values[:, :, 0], wanted)
            assert (found.scale, found.reason) == ("probability", "")
            np.testing.assert_allclose(found.base, explanation.base_values[0, place], atol=1e-9)
    with pytest.raises(InputError, match="base for each of 1"):
        given_shapley_values(ev, wanted, base=np.arange(300.0))


def test_raw_scores_of_several_classes_add_up_before_the_softmax():
    model, frame = fitted(HistGradientBoostingClassifier(max_iter=10), "y3")
    ev, X = Evaluation(model, frame, target="y"), frame[list("abc")]
    theirs, ours = shap.TreeExplainer(model)(X), shapley_values(ev)
    for found in (given_shapley_values(ev, theirs), given_shapley_values(ev, theirs.values)):
        assert (found.scale, found.reason) == ("raw score", "")
        assert found.additivity_gap < 1e-4
        np.testing.assert_allclose(np.ptp(found.base - ours.base), 0, atol=1e-4)  # up to what the softmax takes away
    np.testing.assert_allclose(given_shapley_values(ev, theirs).prediction, model.decision_function(X), atol=1e-4)
    wrong = given_shapley_values(ev, theirs.values + np.array([0.0, 0.3, 0.0]) * frame.a.to_numpy()[:, None, None])
    assert wrong.additivity_gap > 0.1
    assert " They do not add up to the model's answers (off by up to" in wrong.sentence()
    assert "exact way" not in wrong.sentence()


def test_bad_input():
    model, frame = fitted(HistGradientBoostingClassifier(max_iter=3))
    ev = Evaluation(model, frame, target="y", positive="yes")
    with pytest.raises(InputError, match="shape"):
        given_shapley_values(ev, np.zeros((10, 3)))
    with pytest.raises(InputError, match="None is called 'c'"):
        given_shapley_values(ev, pd.DataFrame(np.zeros((300, 2)), columns=["a", "b"]))
    with pytest.raises(InputError, match="finite"):
        given_shapley_values(ev, np.full((300, 3), np.nan))
    with pytest.raises(InputError, match="numbers"):
        given_shapley_values(ev, np.full((300, 3), "x"))
    with pytest.raises(InputError, match="base for each of 1"):
        given_shapley_values(ev, np.zeros((300, 3)), base=[1.0, 2.0])
