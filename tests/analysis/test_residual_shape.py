"""Residuals against the normal distribution, and their size along the prediction."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure
from modelglass.analysis.residual_qq import measure as qq_of
from modelglass.analysis.residual_qq import residual_qq
from modelglass.analysis.scale_location import measure as scale_of
from modelglass.analysis.scale_location import scale_location


def regression(n=500, **roles):
    rng = np.random.default_rng(0)
    f = rng.gamma(3.0, 100.0, n)
    frame = pd.DataFrame({"w": rng.gamma(2.0, size=n), "g": np.arange(n) % 50, "half": np.arange(n) % 2})
    return Evaluation.from_predictions(
        f + rng.standard_t(3, n) * f * 0.1, prediction=f, frame=frame, target="<b>price", **roles
    )


ROLES = [{}, {"weight": "w"}, {"cluster": "g"}]


def test_quantiles_by_hand():
    r = np.random.default_rng(1).normal(size=101)
    points = qq_of(r, np.zeros(101)).points
    np.testing.assert_allclose(points.estimate, np.sort(r))
    np.testing.assert_allclose(points.share, (np.arange(101) + 0.5) / 101)
    first, middle, third = np.sort(r)[[25, 50, 75]]
    spread = (third - first) / (stats.norm.ppf(0.75) - stats.norm.ppf(0.25))
    np.testing.assert_allclose(points.normal, middle + spread * stats.norm.ppf(points.share))


def test_weight_two_is_the_row_twice():
    r = np.random.default_rng(1).normal(size=60)
    double, twice = qq_of(r, np.zeros(60), np.full(60, 2.0)), qq_of(np.tile(r, 2), np.zeros(120))
    np.testing.assert_allclose(np.unique(double.points.estimate), np.unique(twice.points.estimate))
    order = np.random.default_rng(2).permutation(60)
    pd.testing.assert_frame_equal(
        qq_of(r, np.zeros(60), np.abs(r)).points, qq_of(r[order], np.zeros(60), np.abs(r)[order]).points
    )


@pytest.mark.parametrize("kind", ["rows", "weighted", "clustered"])
@pytest.mark.parametrize("n", [60, 500])
def test_the_band_holds_normal_samples(kind, n):
    """Simulation: point by point, and at the ends, about one in twenty leaves the band; so do the tails."""
    rng, outside, ends, tails = np.random.default_rng(7), [], [], []
    for _ in range(120):
        r, w, g = rng.normal(3.0, 2.0, n), None, None
        if kind == "weighted":
            w = rng.gamma(2.0, size=n)
        elif kind == "clustered":
            r, g = np.repeat(r, 2), np.repeat(np.arange(n), 2)
        found = qq_of(r, np.zeros(len(r)), w, cluster=g)
        out = found.points.outside.to_numpy()
        outside.append(out.mean())
        ends.append(np.append(out[:3], out[-3:]).mean())
        tails.append(found.tails.clear.mean())
    assert 0.02 <= np.mean(outside) <= 0.085
    assert np.mean(ends) <= 0.1
    assert np.mean(tails) <= 0.1


def test_long_tails_are_found():
    r = np.random.default_rng(0).standard_t(3, size=3000)
    found = qq_of(r, np.zeros(3000))
    assert found.tails.clear.all()
    assert (found.tails.ratio > 1.3).all()
    assert "the tail below is longer than normal (1% of rows lie below" in found.sentence()


def test_bins_by_hand_and_the_line_is_least_squares():
    found = scale_of([1.0, 3.0, 2.0, 6.0], [1.0, 2.0, 3.0, 4.0], bins=2)
    assert found.bins.estimate.tolist() == [0.5, 1.5]
    spread = np.sqrt((0 + 1 + 1 + 4) / 4)
    assert found.bins.root.tolist() == pytest.approx(
        [np.sqrt(1 / spread) / 2, (np.sqrt(1 / spread) + np.sqrt(2 / spread)) / 2]
    )
    assert found.trend.estimate[0] == pytest.approx(np.polyfit([1, 2, 3, 4], [0, 1, 1, 2], 1)[0])
    assert np.isnan(found.trend.low[0])
    rng = np.random.default_rng(0)
    f, r, w = rng.normal(size=80), rng.normal(size=80), rng.random(80)
    slope = np.polyfit(f, np.abs(r), 1, w=np.sqrt(w))[0]
    assert scale_of(f + r, f, w).trend.estimate[0] == pytest.approx(slope)


@pytest.mark.parametrize("kind", ["rows", "weighted", "clustered"])
@pytest.mark.parametrize("slope", [0.0, 0.5])
def test_the_interval_of_the_trend_holds_its_level(kind, slope):
    rng, hit, n = np.random.default_rng(3), [], 80
    for _ in range(250):
        f, w, g = rng.normal(size=n), None, None
        r = rng.normal(size=n) * np.maximum(1 + slope * (f + 4), 0.01) / np.sqrt(2 / np.pi)
        if kind == "weighted":
            w = rng.gamma(2.0, size=n)
        elif kind == "clustered":
            f, r, g = np.repeat(f, 2), np.repeat(r, 2), np.repeat(np.arange(n), 2)
        row = scale_of(f + r, f, w, cluster=g).trend.iloc[0]
        hit.append(row.low <= slope <= row.high)
    assert 0.905 <= np.mean(hit) <= 0.99


@pytest.mark.parametrize("roles", ROLES)
def test_doors_sentences_and_figures(roles):
    ev = regression(**roles)
    for found in (
        residual_qq(ev),
        scale_location(ev),
        residual_qq(ev.where("half = 1")),
        scale_location(ev.sample(30)),
    ):
        assert "nan" not in found.sentence()
        assert found.source.target == "<b>price"
        assert "<b>price" not in str(figure(found).layout).replace("&lt;b&gt;", "")
    assert "errors grow with the prediction" in scale_location(ev).sentence()
    drawn = figure(residual_qq(ev))
    dots = np.sort(np.concatenate([t.y for t in drawn.data if t.mode == "markers"]))
    np.testing.assert_allclose(dots, residual_qq(ev).points.estimate)


def test_cannot_say_or_refuses():
    labels = Evaluation.from_predictions([0, 1, 1, 0], prediction=[0, 1, 0, 0])
    for door in (residual_qq, scale_location):
        with pytest.raises(NotApplicable, match="a class and not a number"):
            door(labels)
    with pytest.raises(NotApplicable, match="number of rows is 5"):
        qq_of(np.arange(5.0), np.zeros(5))
    with pytest.raises(NotApplicable, match="number of clusters is 10"):
        qq_of(np.arange(50.0), np.zeros(50), cluster=np.arange(50) % 10)
    with pytest.raises(NotApplicable, match="the same number"):
        qq_of(np.zeros(50), np.zeros(50))
    with pytest.raises(NotApplicable, match="same prediction"):
        scale_of(np.arange(5.0), np.ones(5))
    with pytest.raises(InputError, match="one bin"):
        scale_of(np.arange(5.0), np.arange(5.0), bins=0)
