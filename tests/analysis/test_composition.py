"""The part of a loss that goes with how a column is spread: by hand, nothing where nothing is, and holding its level."""

import numpy as np
import pytest

from modelglass.analysis.coding import Coding
from modelglass.analysis.composition import parts


def coded(codes, k=3):
    names = tuple(f"l{i}" for i in range(k))
    return Coding("a", np.asarray(codes), names, names, "categorical")


def test_by_hand():
    # the rest: level 0 loses 1 (30 rows), level 1 loses 3 (10 rows): mean 1.5; here half of each: (1 + 3) / 2 = 2
    codes = np.r_[np.zeros(30), np.ones(10), 0, 0, 1, 1].astype(int)
    loss = np.r_[np.ones(30), np.full(10, 3.0), 9.0, 9.0, 9.0, 9.0]
    found = parts(loss, np.arange(44) >= 40, [coded(codes, 2)])[0]
    assert found.estimate == pytest.approx(0.5)
    assert np.isnan(found.low)
    assert found.note.startswith("no interval")
    assert found.n == 4


def test_levels_without_a_counterpart():
    codes = np.r_[np.zeros(400), np.full(200, 1)].astype(int)
    inside = np.arange(600) >= 400
    found = parts(np.ones(600), inside, [coded(codes)])[0]
    assert np.isnan(found.estimate)
    assert "100% of these rows have no counterpart" in found.note
    codes[-190:] = 0  # 10 of 200 rows stay alone, and are left out
    found = parts(np.arange(600.0), inside, [coded(codes)])[0]
    assert found.n == 190
    assert found.estimate == pytest.approx(0)


def test_weights_and_clusters():
    rng = np.random.default_rng(0)
    n = 1_200
    inside, codes = np.arange(n) < 400, rng.integers(0, 3, n)
    codes[inside] = np.maximum(codes[inside], rng.integers(0, 3, 400))
    loss, w = rng.exponential(1 + codes), rng.integers(1, 3, n)
    weighed = parts(loss, inside, [coded(codes)], w.astype(float))[0]
    twice = parts(loss.repeat(w), inside.repeat(w), [coded(codes.repeat(w))])[0]
    assert weighed.estimate == pytest.approx(twice.estimate)
    pairs = [a.repeat(2) for a in (loss, inside, codes)]
    plain = parts(pairs[0], pairs[1], [coded(pairs[2])])[0]
    apart = parts(pairs[0], pairs[1], [coded(pairs[2])], cluster=np.arange(n).repeat(2))[0]
    assert apart.estimate == pytest.approx(plain.estimate)
    assert (apart.high - apart.low) / (plain.high - plain.low) == pytest.approx(np.sqrt(2), rel=0.05)


@pytest.mark.parametrize(("n", "m"), [(120, 1_000), (400, 400)])
def test_intervals_hold_their_level_and_nothing_is_found_where_nothing_is(n, m):
    rng = np.random.default_rng((n, m))
    here, there, mean = np.array([0.2, 0.3, 0.5]), np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.4, 0.8])
    truth, inside = here @ mean - there @ mean, np.arange(n + m) < n
    held, alarms = [], []
    for _ in range(300):
        codes = np.where(inside, rng.choice(3, n + m, p=here), rng.choice(3, n + m, p=there))
        loss = rng.exponential(mean[codes]) + 0.2 * inside
        found = parts(loss, inside, [coded(codes), coded(rng.integers(0, 3, n + m))])
        held.append(found[0].low <= truth <= found[0].high)
        alarms.append(found[1].p < 0.05)
    assert 0.91 <= np.mean(held) <= 0.985
    assert np.mean(alarms) <= 0.05
