import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from modelglass.analysis.calibration import calibration, measure
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure


def rows(n=1000, seed=0, push=0.0):
    rng = np.random.default_rng(seed)
    p = 1 / (1 + np.exp(-rng.normal(size=n)))
    return (rng.random(n) < np.clip(p + push, 0, 1)).astype(int), p, rng.random(n) + 0.1


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_bins_equal_scikit_learn(strategy):
    y, p, _ = rows()
    found = measure(y, p, n_bins=10, strategy=strategy).frame()
    came, promised = calibration_curve(y, p, n_bins=10, strategy=strategy)
    np.testing.assert_allclose(found.estimate, came, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.promised, promised, rtol=0, atol=1e-12)
    assert found.n.sum() == 1000


@pytest.mark.parametrize("weighted", [False, True])
def test_brier_and_its_parts(weighted):
    y, p, weight = rows()
    weight = weight if weighted else None
    part = measure(y, p, weight).summary.iloc[0]
    assert part.brier == pytest.approx(brier_score_loss(y, p, sample_weight=weight), abs=1e-12)
    assert part.brier == pytest.approx(
        part.reliability - part.resolution + part.uncertainty + part.within_bins, abs=1e-12
    )
    exact = measure(y, np.clip(np.round(p, 1), 0.1, 1.0), weight, n_bins=10).summary.iloc[
        0
    ]  # one probability a bin: binning hides nothing
    assert exact.within_bins == pytest.approx(0.0, abs=1e-12)


def test_by_hand():
    found = measure([0, 0, 1, 1], [0.1, 0.1, 0.9, 0.9], n_bins=2)
    assert found.gap == pytest.approx(0.1)
    assert found.bins.promised.tolist() == pytest.approx([0.1, 0.9])
    assert found.bins.left.tolist() == [0.0, 0.5]
    assert measure([1, 0], [0.5, 0.5], n_bins=2).bins.right.tolist() == [0.5]  # an edge belongs to the bin below


def test_gap_if_perfect_is_what_perfect_labels_give():
    _, p, w = rows(400)
    rng = np.random.default_rng(5)
    for weight in (None, w):
        gaps = [measure((rng.random(400) < p).astype(int), p, weight).gap for _ in range(150)]
        stated = measure((p > 0.5).astype(int), p, weight)
        assert stated.gap_if_perfect == pytest.approx(np.mean(gaps), rel=0.08)
        assert np.mean(np.array(gaps) <= stated.summary.gap_if_perfect_high[0]) == pytest.approx(0.95, abs=0.05)


def test_gap_if_perfect_where_outcomes_are_rare():
    p = np.full(2000, 0.001)
    rng = np.random.default_rng(0)
    expected = np.abs(rng.binomial(2000, 0.001, 20_000) / 2000 - 0.001).mean()
    assert measure(np.zeros(2000), p).gap_if_perfect == pytest.approx(expected, rel=0.06)


def test_sentence_tells_chance_from_fault():
    y, p, _ = rows()
    assert "which chance alone can explain" in measure(y, p).sentence()
    y, p, _ = rows(push=0.15)
    said = measure(y, p, group="yes").sentence()
    assert "more than chance explains" in said
    assert "over 1,000 rows" in said
    assert said.startswith("Probabilities of yes are off by 1")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["uniform", "quantile"]))
def test_order_is_irrelevant_and_weights_mean_rows(seed, strategy):
    y, p, _ = rows(60, seed)
    p = np.round(p, 2)
    base = measure(y, p, strategy=strategy)
    order = np.random.default_rng(seed).permutation(60)
    shuffled = measure(y[order], p[order], strategy=strategy)
    pd.testing.assert_frame_equal(base.bins, shuffled.bins, check_exact=False, rtol=1e-12, atol=1e-12)
    pd.testing.assert_frame_equal(base.summary, shuffled.summary, check_exact=False, rtol=1e-9, atol=1e-12)
    plain = ["left", "right", "promised", "estimate", "n", "weight"]
    pd.testing.assert_frame_equal(
        base.bins[plain], measure(y, p, np.ones(60), strategy=strategy).bins[plain], rtol=1e-12, atol=1e-12
    )
    double, twice = (
        measure(y, p, np.full(60, 2.0), strategy=strategy),
        measure(np.tile(y, 2), np.tile(p, 2), strategy=strategy),
    )
    np.testing.assert_allclose(
        double.bins[["promised", "estimate", "weight"]], twice.bins[["promised", "estimate", "weight"]], atol=1e-12
    )
    assert double.gap == pytest.approx(twice.gap, abs=1e-12)


def test_several_classes_and_figure():
    rng = np.random.default_rng(0)
    score = rng.dirichlet([1, 1, 1], 500)
    y = np.array([rng.choice(3, p=s) for s in score])
    ev = Evaluation.from_predictions(np.array(list("pqr"))[y], score={c: score[:, i] for i, c in enumerate("pqr")})
    found = calibration(ev, n_bins=5)
    for i, c in enumerate("pqr"):
        np.testing.assert_allclose(
            found.bins[found.bins.group == c].estimate, calibration_curve(y == i, score[:, i], n_bins=5)[0], atol=1e-12
        )
    drawn = [t for t in figure(found).data if t.type == "scatter" and t.name]
    assert len(drawn) == 3
    np.testing.assert_array_equal(drawn[1].y, found.bins[found.bins.group == "q"].estimate)
    bars = [t for t in figure(found).data if t.type == "bar"]
    assert sum(int(np.sum(t.y)) for t in bars) == 1500


def test_cannot_say_and_wrong_settings():
    ev = Evaluation.from_predictions([0, 1, 1, 0], prediction=[0, 1, 0, 0])
    with pytest.raises(NotApplicable, match="no scores"):
        calibration(ev)
    decisions = Evaluation.from_predictions([0, 1, 1, 0], prediction=[0, 1, 0, 0], score=[-2.0, 3.0, 1.0, -1.0])
    if decisions.score_kind == "decision":
        with pytest.raises(NotApplicable, match="decision scores and not probabilities"):
            calibration(decisions)
    with pytest.raises(InputError, match="strategy 'uniform' or 'quantile'"):
        measure([0, 1], [0.1, 0.9], strategy="equal")


def test_one_row():
    found = measure([1], [0.7])
    assert found.bins.n.tolist() == [1]
    assert found.sentence().startswith("One row was promised positive with 70.0%, and it came true")
    figure(found)
