"""Model and data understood otherwise give what a new Evaluation gives, without loading or needless asking."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from modelglass.analysis.again import tasks, understood_as
from modelglass.analysis.errors import InputError
from modelglass.analysis.evaluation import Evaluation


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    made = pd.DataFrame(
        {"age": rng.integers(18, 80, 200), "pay": rng.normal(3, 1, 200), "code": rng.integers(0, 5, 200)}
    )
    return made.assign(y=np.where(made["age"] / 30 + made["pay"] + rng.normal(0, 1, 200) > 4.6, "yes", "no"))


@pytest.fixture(scope="module")
def model(frame):
    return LogisticRegression(max_iter=1000).fit(frame[["age", "pay"]], frame["y"])


def same(ev, other):
    assert (ev.task, ev.positive, ev.n) == (other.task, other.positive, other.n)
    np.testing.assert_array_equal(ev.score, other.score)
    np.testing.assert_array_equal(ev.predicted, other.predicted)
    np.testing.assert_array_equal(ev.y, other.y)
    assert ev.fingerprint == other.fingerprint


def test_another_positive_class_equals_a_new_evaluation(model, frame):
    ev = Evaluation(model, frame, target="y", threshold=0.7)
    turned = understood_as(ev, positive="no")
    same(turned, Evaluation(model, frame, target="y", positive="no"))
    assert turned.threshold is None
    same(understood_as(turned, positive="yes"), ev.with_threshold(None))


def test_two_classes_as_several_equal_a_new_evaluation(model, frame):
    ev = Evaluation(model, frame, target="y")
    assert tasks(ev) == ("binary", "multiclass")
    same(understood_as(ev, task="multiclass"), Evaluation(model, frame, target="y", task="multiclass"))


def test_rows_condition_and_missing_outcomes_stay(model, frame):
    gaps = frame.assign(y=frame["y"].where(frame.index % 7 != 0))
    ev = Evaluation(model, gaps, target="y").where("age < 50")
    turned = understood_as(ev, positive="no")
    assert list(turned.frame.index) == list(ev.frame.index)
    assert turned.condition == ev.condition
    assert turned.whole.n == ev.whole.n


def test_labels_that_were_mapped_stay_mapped(frame):
    numbers = LogisticRegression(max_iter=1000).fit(frame[["age", "pay"]], frame["y"] == "yes")
    ev = Evaluation(numbers, frame, target="y", label={"no": False, "yes": True})
    turned = understood_as(ev, positive="no")
    assert turned.positive == "no"
    np.testing.assert_allclose(turned.score, 1 - ev.score, atol=1e-12)
    np.testing.assert_array_equal(turned.y, ev.y)


def test_a_column_type_asks_the_model_nothing(model, frame, monkeypatch):
    ev = Evaluation(model, frame, target="y", threshold=0.4)
    monkeypatch.setattr(type(ev.model), "both", lambda *_: pytest.fail("the model was asked"))
    changed = understood_as(ev, types={"code": "categorical"})
    assert (ev.columns["code"].kind, changed.columns["code"].kind) == ("numeric", "categorical")
    assert changed.columns["code"].how == "given"
    assert changed.threshold == 0.4
    assert changed.fingerprint != ev.fingerprint
    assert understood_as(ev) is ev


@pytest.mark.parametrize(
    "given", [{"task": "regression"}, {"positive": "maybe"}, {"types": {"cod": "text"}}, {"types": {"code": "colour"}}]
)
def test_what_cannot_be_is_refused(given, model, frame):
    with pytest.raises(InputError):
        understood_as(Evaluation(model, frame, target="y"), **given)


def test_predictions_alone_keep_their_class(frame):
    ev = Evaluation.from_predictions(frame["y"], score=np.linspace(0, 1, len(frame)), positive="yes", frame=frame)
    assert tasks(ev) == ("binary",)
    assert understood_as(ev, types={"code": "categorical"}).columns["code"].kind == "categorical"
    with pytest.raises(InputError, match="scores"):
        understood_as(ev, positive="no")


def test_a_regression_is_a_regression(frame):
    numeric = frame[["age", "pay"]]
    ev = Evaluation(LinearRegression().fit(numeric, frame["code"]), frame, target="code")
    assert tasks(ev) == ("regression",)
