"""Rules that every curve, confusion, residual and row analysis keeps."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure
from modelglass.analysis.precision_recall import measure as measure_precision_recall
from modelglass.analysis.ranking import ranked, thinned
from modelglass.analysis.registry import get, run
from modelglass.analysis.result import Result, result_json
from modelglass.analysis.roc import measure as measure_roc
from modelglass.analysis.wording import percent, ranged

NAMES = [
    "confusion",
    "roc",
    "precision_recall",
    "lift",
    "calibration",
    "thresholds",
    "thresholds_by_slice",
    "fairness_by_threshold",
    "residuals",
    "scale_location",
    "residual_qq",
    "interval_coverage",
    "predictions",
    "worst_rows",
]
GIVEN = {
    "thresholds": {"costs": "fp=1,fn=5", "top": 20},
    "thresholds_by_slice": {"by": "half"},
    "fairness_by_threshold": {"by": "half"},
}


def evaluations():
    rng = np.random.default_rng(0)
    n = 120
    frame = pd.DataFrame(
        {
            "a": rng.normal(size=n),
            "w": rng.random(n) + 0.1,
            "g": np.arange(n) % 15,
            "first": np.arange(n) == 0,
            "half": np.where(np.arange(n) % 2, "left", "right"),
            "zero": np.where(np.arange(n) < 3, 0.0, 1.0),
        }
    )
    p = rng.random(n)
    binary = (rng.random(n) < p).astype(int)
    several = rng.dirichlet([1, 1, 1], n)
    y = frame.a + rng.normal(size=n)
    for options in ({}, {"weight": "w"}, {"cluster": "g"}, {"weight": "zero"}):
        yield "binary", Evaluation.from_predictions(binary, score=p, frame=frame, **options)
        yield "labels", Evaluation.from_predictions(binary, prediction=(p > 0.5).astype(int), frame=frame, **options)
        yield (
            "multiclass",
            Evaluation.from_predictions(
                np.array(list("pqr"))[rng.integers(0, 3, n)],
                frame=frame,
                score={c: several[:, i] for i, c in enumerate("pqr")},
                **options,
            ),
        )
        yield (
            "regression",
            Evaluation.from_predictions(
                y, prediction=frame.a, frame=frame, quantiles={0.1: frame.a - 1, 0.9: frame.a + 1}, **options
            ),
        )


CASES = [
    (kind, whole if condition is None else whole.where(condition))
    for i, (kind, whole) in enumerate(evaluations())
    for j, condition in enumerate((None, "a > 0", "first"))
    if condition is None or (i + i // 4 + j) % 2 == 0
]
"""Every kind with every option (weights, clusters), and every condition with every kind and with every option."""


@pytest.mark.parametrize("name", NAMES)
def test_a_result_or_a_reason_on_every_cohort(name):
    """One row, one class, few clusters, weights of zero: a result that can be told, drawn and written, or a plain reason."""
    given = 0
    for kind, ev in CASES:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            outcome = run(ev, get(name), **GIVEN.get(name, {}))
        if outcome.result is None:
            assert outcome.reason, (name, kind)
            assert not outcome.reason.endswith("..")
            continue
        given += 1
        result = outcome.result
        assert isinstance(result, Result)
        assert result.source == ev.source
        assert " nan" not in result.sentence(), result.sentence()
        figure(result).to_json()
        assert result_json(name, result)["frame"]["columns"]
    assert given >= 4


@pytest.mark.parametrize("name", NAMES)
def test_declared_settings_are_those_of_the_function(name):
    import inspect

    record = get(name)
    parameters = inspect.signature(record.function()).parameters
    for setting in record.settings:
        assert parameters[setting.name].default == setting.default


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_curves_order_is_irrelevant_and_weights_mean_rows(seed, weighted):
    rng = np.random.default_rng(seed)
    y, p = rng.integers(0, 2, 40), np.round(rng.random(40), 1)
    y[:2] = [0, 1]
    w = rng.integers(1, 4, 40).astype(float) if weighted else None
    order = rng.permutation(40)
    for measure, columns in (
        (measure_roc, ["threshold", "fpr", "tpr"]),
        (measure_precision_recall, ["threshold", "recall", "precision"]),
    ):
        base = measure(y, p, w)
        other = measure(y[order], p[order], None if w is None else w[order])
        pd.testing.assert_frame_equal(base.curve, other.curve, rtol=1e-9, atol=1e-12)
        pd.testing.assert_frame_equal(base.areas, other.areas, rtol=1e-9, atol=1e-12)
        if w is not None:
            times = w.astype(int)
            twice = measure(np.repeat(y, times), np.repeat(p, times))
            np.testing.assert_allclose(base.curve[columns], twice.curve[columns], atol=1e-12)
            assert base.areas.estimate[0] == pytest.approx(twice.areas.estimate[0], abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 60))
def test_ranking_counts_by_hand(seed, n):
    rng = np.random.default_rng(seed)
    y, p, w = rng.integers(0, 2, n), rng.integers(0, 6, n) / 5, rng.random(n)
    ranking = ranked(y, p, w)
    for t in (-1.0, 0.3, 0.6, 1.0, 7.0):
        place = ranking.place([t])[0]
        said = p >= t
        assert ranking.selected[place] == said.sum()
        assert ranking.hits[place] == (said & (y == 1)).sum()
        for power in (1, 2, 3):
            np.testing.assert_allclose(
                ranking.powers[power - 1][:, place], [(w**power * said * (y == c)).sum() for c in (1, 0)], atol=1e-9
            )


def test_thinned_keeps_corners_and_straight_lines_short():
    x = np.linspace(0, 1, 1001)
    assert thinned(x, x).tolist() == [0, 1000]
    corner = np.where(x < 0.5, 0.0, x - 0.5)
    kept = thinned(x, corner)
    assert 500 in kept
    assert len(kept) <= 4
    noise = np.random.default_rng(0).random(5000)
    assert len(thinned(np.linspace(0, 1, 5000), noise)) == 500


def test_words_leave_out_what_is_not_known():
    assert percent(0.5, float("nan"), float("nan")) == "50.0%"
    assert ranged(1e-17, -1.0, 1.0) == "0 (-1 to 1)"
    assert ranged(2.0, float("nan"), float("nan")) == "2"


@pytest.mark.parametrize("name", ["roc", "precision_recall", "lift"])
def test_rows_of_weight_zero_do_not_count_as_a_class(name):
    frame = pd.DataFrame({"w": [1.0, 1.0, 0.0, 0.0]})
    score = [0.9, 0.2, 0.4, 0.1]
    for y, which in (([1, 1, 0, 0], "every row is 1"), ([0, 0, 1, 1], "no row is 1")):
        ev = Evaluation.from_predictions(y, score=score, frame=frame, weight="w", positive=1)
        assert run(ev, name).reason == f"{which} among those of these 4 that have a weight above zero"
    assert run(Evaluation.from_predictions([1, 1, 1, 0], score=score, positive=1), name).result is not None
