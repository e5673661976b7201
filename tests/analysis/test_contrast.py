"""What the model does in a cohort beside the rest: numbers equal those of the cohort and the rest by themselves."""

import numpy as np
import pandas as pd
import pytest
from scipy import special

import modelglass as mg
from modelglass.analysis import performance
from modelglass.analysis.contrast import contrast, measure
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.groups import Rows


def world(n=1_200, bold=0.0, seed=0, **more):
    rng = np.random.default_rng(seed)
    z = rng.normal(-0.3, 1.3, n)
    group = rng.choice(["in", "out"], n, p=[0.3, 0.7])
    y = (rng.random(n) < special.expit(z)).astype(int)
    score = special.expit(z + bold * (group == "in"))
    frame = pd.DataFrame({"g": group, "w": rng.random(n) + 0.5, "c": np.arange(n) % 200})
    return Evaluation.from_predictions(y, score=score, frame=frame, positive=1, **more)


@pytest.mark.parametrize("options", [{}, {"weight": "w"}, {"cluster": "c"}])
def test_numbers_are_those_of_each_side(options):
    ev = world(bold=0.8, **options)
    here, there = ev.where("g = 'in'"), ev.where("g = 'out'")
    found = contrast(here)
    alone, others = (
        performance(e, metrics=["log_loss", "roc_auc", "accuracy", "calibration_gap"]).frame().set_index("metric")
        for e in (here, there)
    )
    for metric in ("log_loss", "roc_auc", "accuracy", "calibration_gap"):
        row = found.of(metric)
        assert row.here == pytest.approx(alone.estimate[metric])
        assert row.there == pytest.approx(others.estimate[metric])
        assert [row.here_low, row.here_high] == pytest.approx([alone.low[metric], alone.high[metric]])
        assert row.estimate == pytest.approx(row.here - row.there)
    rate, promise = found.of("mean_outcome"), found.of("mean_promise")
    w = np.ones(here.n) if here.weight is None else here.weight
    assert rate.here == pytest.approx(np.average(here.y, weights=w))
    assert promise.here == pytest.approx(np.average(here.score, weights=w))
    assert promise.here - rate.here == pytest.approx(found.of("calibration_gap").here)
    assert "over-confident" in found.sentence()
    mg.figure(found).to_json()


def test_nothing_is_sure_where_nothing_differs():
    alarms = sum(
        bool((contrast(world(600, seed=s).where("g = 'in'")).frame()["p_adjusted"] <= 0.05).any()) for s in range(60)
    )
    assert alarms <= 7
    assert "nothing of what the model does is surely other" in contrast(world(600).where("g = 'in'")).sentence()


def test_several_classes_and_numbers():
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1, 1, 1], 900)
    y = np.array(list("abc"))[(rng.random(900)[:, None] > p.cumsum(axis=1)).sum(axis=1)]
    frame = pd.DataFrame({"g": rng.choice(["in", "out"], 900)})
    several = contrast(
        Evaluation.from_predictions(y, score={c: p[:, i] for i, c in enumerate("abc")}, frame=frame).where("g = 'in'")
    )
    assert several.frame()["group"].tolist()[:6] == ["a", "a", "b", "b", "c", "c"]
    top = several.of("top_gap")
    inside = (frame["g"] == "in").to_numpy()
    right = np.array(list("abc"))[p.argmax(axis=1)] == y
    assert top.here == pytest.approx(p.max(axis=1)[inside].mean() - right[inside].mean())
    value = rng.normal(size=900)
    numbers = contrast(
        Evaluation.from_predictions(value, prediction=value + 0.5 * inside + rng.normal(size=900), frame=frame).where(
            "g = 'in'"
        )
    )
    assert numbers.of("bias").here == pytest.approx(0.5, abs=0.2)
    assert numbers.of("mean_outcome").here == pytest.approx(value[inside].mean())
    assert numbers.of("mean_outcome").label == "Mean target"
    assert "predictions too high" in numbers.sentence()
    for found in (several, numbers):
        mg.figure(found).to_json()


def test_labels_alone_and_arrays():
    y = np.array([0, 1] * 100)
    frame = pd.DataFrame({"g": ["in", "in", "out", "out"] * 50})
    found = contrast(Evaluation.from_predictions(y, prediction=1 - y, frame=frame, positive=1).where("g = 'in'"))
    assert set(found.frame()["metric"]) == {"mean_outcome", "accuracy"}
    rows = Rows(task="binary", y=y, predicted=y)
    assert measure(rows, frame["g"] == "in").of("accuracy").estimate == 0


def test_a_cohort_chosen_by_the_outcome_explains_nothing():
    found = contrast(world().where("_error = 1"))
    assert found.by_choice
    assert "explains nothing" in found.sentence()
    assert contrast(world().where("target = 1")).by_choice
    assert not contrast(world().where("_score > 0.5")).by_choice


def test_small_cohorts():
    ev = world()
    for condition in ("_row = 5", "_row < 30", "_row < 200 AND _prediction = 1"):
        found = contrast(ev.where(condition))
        assert " nan" not in found.sentence()
        mg.figure(found).to_json()
    with pytest.raises(NotApplicable, match="no cohort"):
        contrast(ev)
