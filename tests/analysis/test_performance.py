"""Headline metrics: the frame, the sentence, own functions, and what cannot be said."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure
from modelglass.analysis.performance import in_sentence, measure, performance, shown
from modelglass.analysis.result import result_json

COLUMNS = ["metric", "label", "group", "estimate", "low", "high", "n", "support", "method", "note"]


@pytest.fixture(scope="module")
def ev():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=800), "b": rng.normal(size=800)})
    frame = X.assign(y=np.where(X.a + rng.normal(size=800) > 0.5, "yes", "no"), w=rng.random(800))
    return Evaluation(LogisticRegression().fit(X, frame.y), frame, target="y", weight="w")


def test_frame_sentence_and_json(ev):
    found = performance(ev)
    frame = found.frame()
    assert list(frame.columns) == COLUMNS
    assert (frame.low < frame.estimate).all()
    assert (frame.estimate < frame.high).all()
    row = frame.set_index("metric").loc["accuracy"]
    auc = found.value("roc_auc")
    assert found.sentence() == (
        f"Accuracy {row.estimate:.3f} (95 % interval {row.low:.3f} to {row.high:.3f}) and ROC AUC {auc:.3f} on 800 rows."
    )
    assert found.source == ev.source
    json.dumps(result_json("performance", found), allow_nan=False)


def test_door_and_room_agree(ev):
    arrays = measure(
        (ev.y == ev.positive_index).astype(int), (ev.predicted == ev.positive_index).astype(int), ev.score, ev.weight
    )
    pd.testing.assert_frame_equal(arrays.frame(), performance(ev).frame())


def test_support_is_what_each_metric_rests_on():
    found = measure(
        [1, 1, 1, 0, 0, 0, 0],
        [1, 1, 0, 1, 1, 0, 0],
        metrics=["accuracy", "precision", "recall", "fpr", "f1", "balanced_accuracy"],
    )
    assert found.frame().set_index("metric").support.to_dict() == {
        "accuracy": 7,
        "precision": 4,
        "recall": 3,
        "fpr": 4,
        "f1": 5,
        "balanced_accuracy": 3,
    }


def test_higher_level_is_wider(ev):
    narrow, wide = (performance(ev, level=level).frame() for level in (0.8, 0.99))
    assert (wide.low < narrow.low).all()
    assert (narrow.high < wide.high).all()


@pytest.mark.parametrize("level", [0, 1, 95])
def test_level_outside_is_refused(ev, level):
    with pytest.raises(InputError, match="between 0 and 1"):
        performance(ev, level=level)


def test_own_function_gets_weights_and_a_bootstrap_interval(ev):
    def hits(y_true, y_pred, sample_weight):
        return np.average(y_true == y_pred, weights=sample_weight)

    row = performance(ev, metrics=[hits, "accuracy"]).frame().set_index("metric")
    assert row.estimate["hits"] == pytest.approx(row.estimate["accuracy"])
    assert row.low["hits"] == pytest.approx(row.low["accuracy"], abs=0.02)
    assert row.method["hits"] == "bootstrap, 400 draws"


def test_own_function_that_gives_no_number_says_so():
    found = measure([0, 0, 1], [0, 0, 1], metrics=[lambda y, p, w: float("nan")])
    assert found.frame().note[0] == "cannot say: <lambda> gave nan on 3 rows"
    assert "No metric can be given on 3 rows" in found.sentence()


def test_one_class_is_said_in_place():
    frame = measure([0] * 40, [0] * 39 + [1], np.linspace(0, 1, 40)).frame().set_index("metric")
    assert frame.note["recall"] == "cannot say: no positives among 40 rows"
    assert frame.note["roc_auc"] == "cannot say: no positives among 40 rows"
    assert frame.note["balanced_accuracy"] == "cannot say: no positives among 40 rows"
    assert np.isnan(frame.estimate["roc_auc"])
    assert frame.estimate["accuracy"] == pytest.approx(39 / 40)
    assert frame.note["log_loss"].startswith("no interval: only 0 rows of one outcome")


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_one_row(task):
    frame = measure([1], [1], [0.7] if task == "binary" else None, task=task).frame()
    assert ((frame.low < frame.high) | (frame.low.isna() & (frame.note != ""))).all()


def test_perfect_prediction_has_no_interval_of_zero_width():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200)
    frame = measure(
        y,
        y,
        y * 0.98 + 0.01,
        metrics=[
            "accuracy",
            "balanced_accuracy",
            "precision",
            "recall",
            "f1",
            "mcc",
            "fpr",
            "fnr",
            "roc_auc",
            "average_precision",
            "log_loss",
            "brier_score",
        ],
    ).frame()
    assert ((frame.high > frame.low) | (frame.low.isna() & frame.note.str.startswith("no interval"))).all()
    values = measure(y * 2.5, y * 2.5, task="regression").frame()
    assert (values.low.isna() | (values.metric == "median_absolute_error")).all()


def test_weights_of_one_change_no_estimate_and_clusters_of_one_hardly_the_interval():
    rng = np.random.default_rng(1)
    score = rng.random(300)
    y = (rng.random(300) < score).astype(int)
    plain, ones, alone = (
        measure(y, score > 0.5, score, **more).frame()
        for more in ({}, {"weight": np.ones(300)}, {"cluster": np.arange(300)})
    )
    assert np.allclose(plain.estimate, ones.estimate, atol=1e-12)
    assert np.allclose(plain.estimate, alone.estimate, atol=1e-12)
    for other in (ones, alone):
        assert np.allclose(plain.low, other.low, atol=0.015)
        assert np.allclose(plain.high, other.high, atol=0.015)


def test_clusters_of_equal_rows_widen_the_interval():
    rng = np.random.default_rng(2)
    y, p = (np.repeat(rng.integers(0, 2, 40), 10) for _ in range(2))
    plain, clustered = (
        measure(y, p, metrics="accuracy", **more).frame() for more in ({}, {"cluster": np.arange(400) // 10})
    )
    assert (clustered.high - clustered.low)[0] > 2.5 * (plain.high - plain.low)[0]


def test_labels_only_model_has_no_score_metrics():
    found = measure([0, 1, 1], [0, 1, 0], None)
    assert "roc_auc" not in set(found.frame().metric)
    with pytest.raises(NotApplicable, match="needs a score"):
        measure([0, 1], [0, 1], None, metrics=["roc_auc"])


def test_arrays_of_unequal_length_are_refused():
    with pytest.raises(InputError, match="y_true has 3, weight has 2"):
        measure([0, 1, 1], [0, 1, 1], None, [1, 1])


def test_zero_weights_are_said():
    frame = measure([0, 1, 1], [0, 1, 0], None, [0, 0, 0], metrics=["accuracy"]).frame()
    assert frame.note[0] == "cannot say: the weights of all 3 rows are 0"


def test_figure_shows_every_estimate(ev):
    found = performance(ev)
    drawn = figure(found)
    assert list(drawn.data[0].x) == pytest.approx(found.frame().estimate[:7].tolist())
    assert "Log loss" in drawn.layout.annotations[-1].text
    rng = np.random.default_rng(0)
    values = measure(rng.normal(size=60), rng.normal(size=60), task="regression")
    assert [t.x[0] for t in figure(values).data] == pytest.approx(values.frame().estimate.tolist())
    nothing = measure([0, 0], [0, 0], None, metrics="recall")
    assert "no positives" in figure(nothing).layout.annotations[0].text.replace("<br>", " ")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.87345, "0.873"), (12345.6, "12,346"), (12.345, "12.3"), (float("nan"), "unknown"), (0.0, "0.000")],
)
def test_numbers_for_people(value, text):
    assert shown(value) == text


def test_labels_in_a_sentence():
    assert [in_sentence(x) for x in ("Mean absolute error", "R²", "F1", "Matthews correlation")] == [
        "mean absolute error",
        "R²",
        "F1",
        "Matthews correlation",
    ]


@pytest.fixture(scope="module")
def animals():
    rng = np.random.default_rng(4)
    score = rng.dirichlet(np.ones(3), 900)
    y = np.array([rng.choice(3, p=p) for p in score])
    names = np.array(["cat", "dog", "<owl>"])
    frame = pd.DataFrame(
        {"w": rng.random(900) + 0.1, "house": np.arange(900) // 3, "side": rng.choice(["l", "r"], 900)}
    )
    return Evaluation.from_predictions(
        names[y],
        prediction=names[score.argmax(1)],
        score=dict(zip(names, score.T)),
        frame=frame,
        weight="w",
        cluster="house",
    )


def test_several_classes_are_more_rows_and_equal_to_each_class_by_itself(animals):
    found = performance(animals)
    frame = found.frame()
    assert set(frame.group) == {"", "cat", "dog", "<owl>"}
    for name in ("cat", "<owl>"):
        alone = performance(animals, class_=name, metrics=["precision", "recall", "f1", "roc_auc"])
        assert alone.settings["class_"] == name
        for metric in alone.frame().metric:
            assert found.value(metric, name) == alone.value(metric)
    for metric in ("precision", "recall", "f1", "roc_auc"):
        by_class = frame[(frame.metric == metric) & (frame.group != "")].estimate
        assert found.value(metric) == pytest.approx(by_class.mean(), abs=1e-12)
    assert "Of 3 classes recall is lowest for" in found.sentence()
    drawn = figure(found)
    assert len(drawn.data) == 6
    assert sorted(drawn.data[0].x) == pytest.approx(sorted(frame[frame.metric == "precision"].estimate[1:]))
    assert "<owl>" not in "".join(drawn.data[0].hovertext)


def test_a_metric_of_two_classes_is_given_by_class_or_for_one_class(animals):
    from modelglass.analysis.slices import slice_metrics

    found = performance(animals, metrics=["fpr"])
    assert found.frame().group.tolist() == list(map(str, animals.classes))
    assert "false positive rate is highest for" in found.sentence()
    with pytest.raises(InputError, match="class_='"):
        slice_metrics(animals, by="side", metrics=["fpr"])
    slices = slice_metrics(animals, by="side", metrics=["fpr", "roc_auc"], class_="dog")
    assert slices.overall["fpr"] == found.value("fpr", "dog")
    assert slices.labels["fpr"] == "False positive rate of dog"
    assert "False positive rate of dog" in slices.sentence() or "false positive rate of dog" in slices.sentence()
    assert "False positive rate of dog" in str(figure(slices).layout)
    with pytest.raises(InputError, match="Did you mean 'cat'"):
        performance(animals, class_="cta")


def test_a_class_where_there_are_none_is_refused():
    ev = Evaluation.from_predictions([1.5, 2.5, 3.1], prediction=[1.0, 2.0, 3.0])
    with pytest.raises(InputError, match="target is a number"):
        performance(ev, class_="a")


def test_errors_that_are_equal_up_to_rounding_give_no_interval():
    rng = np.random.default_rng(0)
    y = rng.uniform(0, 100, 200)
    values = measure(y, y + 0.1, task="regression").frame().set_index("metric")
    for metric in ("mae", "rmse", "bias"):
        assert values.note[metric] == "no interval: all rows have the same error, so its spread is unknown"
    outcome = rng.integers(0, 2, 200)
    scored = measure(outcome, outcome, np.where(outcome, 0.7, 1 - 0.7), metrics=["log_loss", "brier_score"]).frame()
    assert scored.low.isna().all()
    assert scored.note.str.contains("all rows have the same error").all()


def test_the_median_of_mostly_exact_predictions_has_no_interval():
    y = np.arange(100.0)
    exact = y + np.where(np.arange(100) < 80, 0, np.arange(100) / 7)
    found = measure(y, exact, task="regression").frame().set_index("metric").loc["median_absolute_error"]
    assert found.estimate == 0
    assert np.isnan(found.low)
    assert found.note == "no interval: too many rows have the same error for an interval of the median"
