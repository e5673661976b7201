"""The share of labels that are wrong at random: right on average, its error too, whatever the classes' frequency or an overconfident model does."""

from __future__ import annotations

import numpy as np
import pytest

from modelglass.analysis.contamination import contamination


def draw(seed, *, n=6_000, k=2, wrong=0.0, shift=0.0, sure=1.0):
    """Outcomes of n rows, half of them here, with ``wrong`` labels replaced there; ``shift`` makes the last class more frequent there."""
    rng = np.random.default_rng(seed)
    logit = 1.5 * rng.normal(size=(k, n))
    here = np.arange(n) % 2 == 0
    moved = logit.copy()
    moved[-1, here] += shift
    true, given = (np.exp(z) / np.exp(z).sum(axis=0) for z in (moved, sure * logit))
    y = (rng.random(n) > true.cumsum(axis=0)).sum(axis=0).clip(max=k - 1)
    flip = here & (rng.random(n) < wrong)
    y = np.where(flip, (y + rng.integers(1, k, n)) % k, y)
    outcome = np.eye(k)[y].T
    if k == 2:
        return outcome[1:], given[None, 1:], here
    return outcome, given[None], here


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("wrong", [0.0, 0.1])
def test_the_share_is_right_on_average_and_so_is_its_error(k, wrong):
    made = [contamination(*draw(s, k=k, wrong=wrong), np.ones(6_000)) for s in range(120)]
    share, error = (np.array([getattr(m, name) for m in made]) for name in ("share", "error"))
    assert share.mean() == pytest.approx(wrong, abs=4 * share.std() / np.sqrt(120) + 0.002)
    assert share.std() == pytest.approx(error.mean(), rel=0.2)
    assert np.mean(np.abs(share - wrong) < 1.96 * error) >= 0.9


@pytest.mark.parametrize("more", [{"shift": 0.4}, {"sure": 1.4}, {"sure": 0.7}])
def test_another_frequency_or_a_model_too_sure_on_both_sides_is_no_noise(more):
    made = [contamination(*draw(s, **more), np.ones(6_000)) for s in range(60)]
    z = np.array([m.share / m.error for m in made])
    assert np.mean(z > 1.645) <= 0.13


def test_weights_of_one_and_copies_in_clusters_change_nothing():
    outcome, predicted, here = draw(3, wrong=0.1)
    one = contamination(outcome, predicted, here, np.ones(6_000))
    many = np.repeat(np.arange(6_000), 3)
    copies = contamination(outcome[:, many], predicted[:, :, many], here[many], np.full(18_000, 2.5), many)
    assert copies.share == pytest.approx(one.share, rel=1e-9)
    assert copies.error == pytest.approx(one.error, rel=1e-9)


def test_two_rows_for_two_classes_say_the_same_as_one():
    outcome, predicted, here = draw(4, wrong=0.1)
    both = contamination(
        np.vstack([1 - outcome, outcome]), np.concatenate([1 - predicted, predicted], axis=1), here, np.ones(6_000)
    )
    assert both.share == pytest.approx(contamination(outcome, predicted, here, np.ones(6_000)).share, rel=1e-9)


def test_one_probability_for_all_rows_says_nothing():
    outcome, predicted, here = draw(5)
    found = contamination(outcome, np.full_like(predicted, 0.5), here, np.ones(6_000))
    assert np.isnan(found.share) or found.error > 0.2
