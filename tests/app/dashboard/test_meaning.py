"""Task, positive class and column types can be set on the page; the address carries them; nothing is loaded again."""

import numpy as np
import pytest

from modelglass.analysis.evaluation import Evaluation
from modelglass.app.dashboard import work


def accuracy(at):
    return next(m.value for m in at.metric if m.label == "Accuracy")


def card(at, label):
    return next(m.value for m in at.metric if m.label.replace("\\", "") == label)


def test_another_positive_class_is_another_precision(binary, show, texts):
    at = show(binary, threshold="0.7", where="age < 50")
    at.selectbox(key="mg.as_positive").set_value("no").run()
    assert not at.exception
    assert not at.error
    assert at.query_params["as.positive"] in ("no", ["no"])
    assert "threshold" not in at.query_params
    other = Evaluation(binary.model, binary.frame, target="bought", positive="no").where("age < 50")
    flagged = other.predicted == other.positive_index
    precision = float((other.y[flagged] == other.positive_index).mean())
    assert card(at, "Precision") == f"{precision:.3f}"
    assert "positive class no" in texts(at)
    at.button(key="mg.as_opened").click().run()
    assert not [n for n in at.query_params if n.startswith("as.")]
    assert "positive class yes" in texts(at)


def test_two_classes_as_several(binary, show, texts):
    at = show(binary)
    at.selectbox(key="mg.as_task").set_value("multiclass").run()
    assert not at.error
    assert at.query_params["as.task"] in ("multiclass", ["multiclass"])
    assert "Classification of bought, 2 classes" in texts(at)
    assert accuracy(at) == f"{(binary.y == binary.predicted).mean():.3f}"


def test_a_column_type_is_set_and_carried_by_the_address(binary, show, go, texts):
    at = show(binary)
    at.selectbox(key="mg.as_column").set_value("age").run()
    at.selectbox(key="mg.as_type").set_value("categorical").run()
    assert not at.error
    assert at.query_params["as.type"] in ("age=categorical", ["age=categorical"])
    assert "age is taken as categorical: given" in texts(at)
    go(at, "slices")
    fresh = show(binary, "slices", **{"as.type": "age=categorical", "slice_metrics.by": "age"})
    assert not fresh.error
    assert not at.error


def test_a_type_that_cannot_be_is_told_and_nothing_is_lost(binary, show):
    at = show(binary, where="age < 50")
    at.selectbox(key="mg.as_column").set_value("city").run()
    at.selectbox(key="mg.as_type").set_value("datetime").run()
    assert len(at.error) == 1
    assert "as.type" not in at.query_params
    assert at.query_params["where"] in ("age < 50", ["age < 50"])
    assert at.selectbox(key="mg.as_type").value == "categorical"


@pytest.mark.parametrize(
    "params",
    [
        {"as.task": "regression"},
        {"as.task": "<b>"},
        {"as.positive": "maybe"},
        {"as.type": "age"},
        {"as.type": "=x"},
        {"as.type": "nothing=text"},
    ],
)
def test_hostile_values_are_a_box(params, binary, show):
    at = show(binary, **params)
    assert not at.exception
    assert len(at.error) == 1
    assert not [n for n in at.query_params if n.startswith("as.")]
    assert len(at.metric) > 3


def test_what_cannot_change_is_said(regression, predictions_only, show, texts):
    assert "Model and target allow no other" in texts(show(regression))
    assert "The scores are of this class" in texts(show(predictions_only))


def test_the_model_is_asked_once_for_all_sessions(binary, show, monkeypatch):
    show(binary, **{"as.positive": "no"})
    for job in list(work.jobs._jobs.values()):
        job.wait(120)  # findings ask about changed rows, and rightly so
    monkeypatch.setattr(type(binary.model), "both", lambda *_: pytest.fail("asked again"))
    at = show(binary, **{"as.positive": "no"})
    assert not at.error


def test_a_threshold_beyond_all_scores_is_told_and_kept(show, texts):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 100)
    ev = Evaluation.from_predictions(y, score=3 * y + rng.normal(0, 1, 100), positive=1, prediction=y)
    assert ev.score_kind == "decision"
    at = show(ev, threshold="50", **{"slice_metrics.bins": "7"})
    assert not at.error
    assert "lies above all scores" in texts(at)
    assert at.query_params["threshold"] in ("50", ["50"])
    low = show(ev, threshold="-50")
    assert "so all of the rows are predicted 1" in texts(low)


def test_a_threshold_that_is_no_probability_loses_nothing_else(binary, show):
    at = show(binary, threshold="1.5", where="age < 50", **{"slice_metrics.bins": "7"})
    assert len(at.error) == 1
    assert "Choose one between 0 and 1" in at.error[0].value.replace("\\", "")
    assert set(at.query_params) == {"where", "slice_metrics.bins"}
