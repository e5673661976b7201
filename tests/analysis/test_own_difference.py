"""Functions of the user's own in a part against the rest: level, agreement with known intervals, and a search that finds what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from modelglass.analysis import own_metric
from modelglass.analysis.coding import Coding
from modelglass.analysis.difference import difference
from modelglass.analysis.discovery import measure
from modelglass.analysis.errors import Stopped
from modelglass.analysis.groups import Rows
from modelglass.analysis.halves import halves, parts
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.own_difference import own_losses
from modelglass.analysis.own_metrics import Bootstrap


def wrong(y_true, y_pred, sample_weight):
    return float(np.average(y_true != y_pred, weights=sample_weight))


def missed(y_true, y_pred, sample_weight):
    return float(np.average(10 * (y_true > y_pred) + (y_true < y_pred), weights=sample_weight))


def bare(y_true, y_pred):
    return float(np.mean(y_true != y_pred))


WRONG, MISSED = own_metric(wrong, greater_is_better=False), own_metric(missed, greater_is_better=False)


def rows_of(seed, n=600, cluster=None, weight=False, shift=0.0):
    rng = np.random.default_rng(seed)
    inside = rng.random(n) < 0.3
    y = rng.integers(0, 2, n)
    flip = rng.random(n) < 0.3 + shift * inside
    rows = Rows(task="binary", y=y, predicted=np.where(flip, 1 - y, y), cluster=cluster)
    return (replace(rows, weight=rng.gamma(2, 1, n)) if weight else rows), inside


@pytest.mark.parametrize("shift", [0.0, 0.15])
def test_a_share_has_about_the_interval_and_p_value_of_accuracy(shift):
    rows, inside = rows_of(1, 2000, shift=shift)
    own = difference(WRONG, rows, inside, own=Bootstrap(seconds=100))
    known = difference(METRICS["accuracy"], rows, inside)
    assert own.effect == pytest.approx(-known.effect)
    assert own.estimate == pytest.approx(1 - known.estimate)
    assert own.effect_high - own.effect_low == pytest.approx(known.effect_high - known.effect_low, rel=0.25)
    z = [stats.norm.isf(d.p / 2) for d in (own, known)]
    assert z[0] == pytest.approx(z[1], rel=0.25, abs=0.1)
    assert (own.p < 0.05) == (own.effect_low > 0 or own.effect_high < 0)


@pytest.mark.parametrize("kind", ["rows", "clusters", "weights"])
def test_the_level_holds(kind):
    """60 samples without a difference: at most 7 at the 5 % level (exact binomial: more in 1 of 100 such tests; at a level of 20 % in 93)."""
    below = 0
    for seed in range(60):
        cluster = np.arange(400) // 4 if kind == "clusters" else None
        rows, inside = rows_of(seed, 400, cluster, kind == "weights")
        below += difference(MISSED, rows, inside, own=Bootstrap(seed=seed, seconds=100)).p < 0.05
    assert below <= 7


@pytest.mark.parametrize(
    ("n", "function", "how", "words"),
    [
        (600, wrong, None, "function of your own"),
        (600, wrong, Bootstrap(seconds=0.0), "do not fit into the 0 seconds"),
        (40, wrong, Bootstrap(), "rows on one side, at least 20"),
        (600, lambda y, p, w: 0.5, Bootstrap(), "the same number in all draws"),
    ],
)
def test_no_interval_is_said(n, function, how, words):
    rows, inside = rows_of(3, n)
    got = difference(own_metric(function, name="f"), rows, inside, own=how)
    assert np.isfinite(got.estimate)
    assert np.isnan([got.p, got.effect_low, got.low]).all()
    assert words in got.note


@pytest.mark.parametrize(("clusters", "said"), [(20, ""), (16, "only 16 clusters on one side")])
def test_sums_of_weights_that_rounding_alone_tells_apart_count_as_so_many_clusters(clusters, said):
    """0.1 + 0.2 + 0.3 is not 0.3 + 0.2 + 0.1: 20 such clusters count for 19.999999999999996."""
    rng, sums = np.random.default_rng(0), np.repeat(np.arange(clusters) % 2, 3).astype(bool)
    weight = np.where(sums, np.tile([0.1, 0.2, 0.3], clusters), np.tile([0.3, 0.2, 0.1], clusters))
    n, rest = 3 * clusters, 300
    y, predicted = rng.integers(0, 2, (2, n + rest))
    cluster = np.append(np.repeat(np.arange(clusters), 3), clusters + np.arange(rest))
    rows = Rows(task="binary", y=y, predicted=predicted, weight=np.append(weight, np.ones(rest)), cluster=cluster)
    got = difference(WRONG, rows, np.arange(n + rest) < n, own=Bootstrap(seconds=100))
    assert said in got.note
    assert np.isnan(got.effect_low) == bool(said)


def test_weights_need_a_function_that_takes_them():
    rows, inside = rows_of(3, weight=True)
    assert "takes no sample_weight" in difference(own_metric(bare), rows, inside, own=Bootstrap()).note


def test_stop_is_heard():
    rows, inside = rows_of(3)

    def stop(share, what):
        raise Stopped

    with pytest.raises(Stopped):
        difference(WRONG, rows, inside, own=Bootstrap(progress=stop))


@pytest.mark.parametrize("function", [wrong, bare])
def test_what_a_row_lifts_a_mean_by_is_its_own_part(function):
    rows, _ = rows_of(5)
    loss = (rows.y != rows.predicted).astype(float)
    np.testing.assert_allclose(own_losses(own_metric(function), rows), loss - loss.mean(), atol=1e-12)


def test_what_a_row_lifts_a_function_of_values_by_goes_with_its_error():
    rng = np.random.default_rng(0)
    rows = Rows(task="regression", y=rng.normal(size=2000), predicted=rng.normal(size=2000))
    lift = own_losses(own_metric(lambda y, p, w: float(np.average(np.maximum(y - p, 0), weights=w)), name="f"), rows)
    assert np.corrcoef(lift, np.maximum(rows.y - rows.predicted, 0))[0, 1] > 0.9


def planted(seed=0, n=6000, strength=0.5):
    rng = np.random.default_rng(seed)
    codes = [rng.integers(0, 4, n) for _ in range(4)]
    codings = [
        Coding(f"c{j}", c, tuple(f"v{i}" for i in range(4)), tuple(f"c{j} = {i}" for i in range(4)), "categorical")
        for j, c in enumerate(codes)
    ]
    y = rng.integers(0, 2, n)
    flip = rng.random(n) < 0.1
    bad = (codes[0] == 1) & (codes[2] == 3) & (y == 1)  # misses only, so accuracy sees a quarter of it
    y_hat = np.where(flip | (bad & (rng.random(n) < strength)), 1 - y, y)
    return Rows(task="binary", y=y, predicted=y_hat), codings


def test_the_search_finds_what_a_function_says():
    rows, codings = planted()
    found = measure(rows, codings, MISSED)
    assert found.frame()["where"].tolist() == ["c0 = 1 AND c2 = 3"]
    row = found.frame().iloc[0]
    assert row["p_adjusted"] < 1e-4
    assert row["low"] < row["estimate"] < row["high"]
    assert measure(rows, codings, own_metric(lambda y, p, w: -missed(y, p, w), name="g", greater_is_better=True)).frame()["where"].tolist() == ["c0 = 1 AND c2 = 3"]  # fmt: skip


def test_without_a_bad_slice_a_function_reports_none():
    reported = sum(len(measure(*planted(seed, 1000, 0.0), MISSED, depth=1).frame()) > 0 for seed in range(40))
    assert reported <= 5


def test_halves_follow_content_and_not_places():
    rows, codings = planted(n=501)
    rows = replace(rows, cluster=np.random.default_rng(0).integers(0, 60, 501))
    codes = np.column_stack([c.codes for c in codings])
    first, second = halves(rows, 7, codes)
    assert sorted([*first, *second]) == list(range(501))
    assert not set(rows.cluster[first]) & set(rows.cluster[second])
    assert np.array_equal(first, halves(rows, 7, codes)[0])
    assert not np.array_equal(first, halves(rows, 8, codes)[0])
    mixed = np.random.default_rng(1).permutation(501)
    moved = halves(rows.cut(mixed), 7, codes[mixed])[0]
    assert sorted(mixed[moved]) == sorted(first)


def test_rows_of_equal_content_fall_on_both_sides_and_the_split_is_even():
    rows = Rows(task="binary", y=np.zeros(1000, int), predicted=np.zeros(1000, int))
    assert [len(h) for h in halves(rows, 0)] == [500, 500]
    assert np.bincount(parts(rows, 0, 3)).tolist() == [334, 333, 333]
    sides = np.array([np.isin(np.arange(1000), halves(rows, s)[0]) for s in range(20)])
    assert sides.mean(axis=0).min() >= 0.05
