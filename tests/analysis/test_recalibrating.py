"""Scaled probabilities equal a logistic regression's; flipped labels are found by likelihood; both undo what was done."""

import numpy as np
import pytest
from scipy import special
from sklearn.linear_model import LogisticRegression

from modelglass.analysis import recalibrating as rc


def drawn(n=4_000, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(-0.3, 1.5, n)
    return rng, z, (rng.random(n) < special.expit(z)).astype(int)


def test_scaling_without_a_prior_is_logistic_regression_on_the_log_odds():
    _, z, y = drawn()
    said = special.expit(1.8 * z + 0.5)
    fitted = rc.scaling(rc.by_class(said), y, prior=1e-9)
    theirs = LogisticRegression(C=np.inf).fit(special.logit(said)[:, None], y)
    assert fitted[0] == pytest.approx(theirs.coef_[0, 0], rel=1e-3)
    assert fitted[2] - fitted[1] == pytest.approx(theirs.intercept_[0], abs=1e-3)
    mended = rc.scaled(rc.by_class(said), fitted)[:, 1]
    np.testing.assert_allclose(mended, theirs.predict_proba(special.logit(said)[:, None])[:, 1], atol=1e-3)


def test_weights_count_as_rows_but_for_the_prior():
    rng, z, y = drawn(800)
    p, w = rc.by_class(special.expit(1.5 * z)), rng.integers(1, 4, 800)
    by_weight = rc.scaling(p, y, w.astype(float), prior=1e-9)
    np.testing.assert_allclose(by_weight, rc.scaling(p.repeat(w, axis=0), y.repeat(w), prior=1e-9), atol=1e-5)
    assert rc.flips(p, y, w.astype(float)) == pytest.approx(rc.flips(p.repeat(w, axis=0), y.repeat(w)))


def test_few_rows_change_little():
    p = rc.by_class(np.array([0.2, 0.7, 0.6]))
    assert np.abs(rc.scaling(p, np.array([1, 1, 1])) - [1, 0, 0]).max() < 1
    assert rc.scaling(p, np.array([1, 1, 1]), prior=1e6) == pytest.approx([1, 0, 0], abs=1e-3)


def test_several_classes():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(5_000, 3))
    p = special.softmax(z, axis=1)
    y = (rng.random(5_000)[:, None] > p.cumsum(axis=1)).sum(axis=1)
    bold = special.softmax(2 * z + [0.5, 0, 0], axis=1)
    fitted = rc.scaling(bold, y)
    assert fitted[0] == pytest.approx(0.5, abs=0.05)
    np.testing.assert_allclose(rc.scaled(bold, fitted), p, atol=0.04)


def test_flips_by_hand():
    p = rc.by_class(np.full(10, 0.9))
    assert rc.flips(p, np.array([1] * 9 + [0])) == 0.0
    # one in two contradicts: 0.9 - 0.8 r = 0.5
    assert rc.flips(p, np.array([1, 0] * 5)) == pytest.approx(0.5, abs=1e-6)
    # 0.9 - 0.8 r = 0.7
    assert rc.flips(p, np.array([1] * 7 + [0] * 3)) == pytest.approx(0.25, abs=1e-6)
    np.testing.assert_allclose(rc.flipped(p, 0.25)[0], [0.3, 0.7])
    three = np.full((10, 3), [0.8, 0.1, 0.1])
    # 0.8 + r (0.1 - 0.8) = 0.6
    assert rc.flips(three, np.array([0] * 6 + [1, 2, 1, 2])) == pytest.approx(2 / 7, abs=1e-6)
    np.testing.assert_allclose(rc.flipped(three, 0.3).sum(axis=1), 1)


def test_losses_are_scikit_learns_log_loss():
    from sklearn.metrics import log_loss

    _, z, y = drawn(500)
    p = special.expit(z)
    assert rc.losses(rc.by_class(p), y).mean() == pytest.approx(log_loss(y, p))
