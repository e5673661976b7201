"""Promises as a whole in the findings: which way they are wrong is said; right ones give nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from modelglass.analysis.calibration_find import find, find_bias
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.finding import Budget
from modelglass.analysis.registry import get, run


def binary(seed, n, scale=1.0, shift=0.0):
    """The model's log-odds are ``scale`` times the true ones, plus ``shift``."""
    rng = np.random.default_rng(seed)
    eta = rng.normal(0, 1.5, n)
    y = (rng.random(n) < expit(eta)).astype(int)
    return Evaluation.from_predictions(y, score=expit(scale * eta + shift), threshold=0.5, positive=1)


@pytest.mark.parametrize(
    ("scale", "shift", "word"),
    [(2.5, 0, "too extreme"), (0.3, 0, "too timid"), (1, 0.8, "too high"), (1, -0.8, "too low")],
)
def test_the_way_promises_are_wrong_is_said(scale, shift, word):
    ev = binary(0, 3000, scale, shift)
    (found,) = find(ev, Budget(30))
    assert found.severity == "high"
    assert f"Probabilities of 1 are {word}" in found.sentence
    shown = run(ev, get(found.evidence), **found.settings).result
    assert shown.gap == pytest.approx(found.estimate)


def test_right_promises_give_nothing():
    assert sum(bool(find(binary(seed, n), Budget(30))) for seed in range(60) for n in (300, 3000)) <= 2


def test_the_worst_of_several_classes_is_named():
    rng = np.random.default_rng(1)
    p = rng.dirichlet([2, 2, 2], 3000)
    true = 0.7 * p + np.array([0, 0, 0.3])
    y = np.array(["low", "mid", "top"])[(rng.random(3000)[:, None] > true.cumsum(axis=1)).sum(axis=1)]
    (found,) = find(Evaluation.from_predictions(y, score=dict(zip(["low", "mid", "top"], p.T))), Budget(30))
    assert found.sentence.startswith("Probabilities of top are too low")
    assert found.settings == {"class_": "top"}


@pytest.mark.parametrize(("shift", "severity"), [(0.5, "high"), (-0.2, "medium"), (0.05, None)])
def test_values_that_are_off_on_average(shift, severity):
    rng = np.random.default_rng(2)
    y = rng.normal(10, 2, 4000)
    found = find_bias(Evaluation.from_predictions(y, y + rng.normal(shift, 1, 4000), task="regression"), Budget(30))
    assert [f.severity for f in found] == ([severity] if severity else [])
    if severity:
        assert f"too {'high' if shift > 0 else 'low'} on average" in found[0].sentence
        assert found[0].estimate == pytest.approx(shift, abs=0.06)


def test_without_probabilities_it_is_said():
    y = np.arange(400) % 2
    with pytest.raises(NotApplicable, match="no probabilities"):
        find(Evaluation.from_predictions(y, prediction=y, positive=1), Budget(30))
