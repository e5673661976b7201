import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure
from modelglass.analysis.performance import performance
from modelglass.analysis.residuals import binned, group_quantiles, measure, residuals


def rows(n=600, seed=0):
    rng = np.random.default_rng(seed)
    f = rng.normal(10, 3, n)
    return f + rng.normal(size=n) ** 2 - 0.5, f, rng.random(n) + 0.1


def evaluation(n=600, **options):
    y, f, w = rows(n)
    frame = pd.DataFrame(
        {
            "w": w,
            "g": np.arange(n) % 50,
            "kind": np.array(["u", "<b>v", None], dtype=object)[np.arange(n) % 3],
            "size": np.where(np.arange(n) % 7, f, np.nan),
            "when": pd.date_range("2024-01-01", periods=n, freq="D"),
        }
    )
    return Evaluation.from_predictions(y, prediction=f, frame=frame, **options), y, f, w


def test_by_hand():
    found = measure([3.0, 5.0, 1.0, 0.0], [2.0, 2.0, 2.0, 0.0], bins=1)
    by = found.summary.set_index("what")
    assert by.estimate.to_dict() == {
        "mean_residual": 0.75,
        "share_over": 0.25,
        "share_under": 0.5,
        "mean_over": 1.0,
        "mean_under": 2.0,
    }
    assert by.n.to_dict() == {"mean_residual": 4, "share_over": 4, "share_under": 4, "mean_over": 1, "mean_under": 2}
    row = found.bins.iloc[0]
    assert (row.left, row.right, row.center, row.n, row.estimate, row.q50) == (0.0, 2.0, 1.5, 4, 0.75, 0.0)


@pytest.mark.parametrize("weighted", [False, True])
def test_bins_equal_pandas(weighted):
    y, f, w = rows()
    w = w if weighted else np.ones(len(y))
    found = measure(y, f, w if weighted else None, bins=6).bins
    codes, _, _ = binned(f, 6)
    table = pd.DataFrame({"r": y - f, "w": w, "b": codes})
    expected = table.groupby("b").apply(lambda g: np.average(g.r, weights=g.w), include_groups=False)
    np.testing.assert_allclose(found.estimate, expected, atol=1e-12)
    assert found.n.tolist() == [100] * 6
    if not weighted:
        by_bin = table.groupby("b").r
        for q, column in ((0.05, "q05"), (0.5, "q50"), (0.95, "q95")):
            np.testing.assert_allclose(
                found[column], by_bin.apply(lambda r, q=q: np.quantile(r, q, method="inverted_cdf")), atol=1e-12
            )


@pytest.mark.parametrize("options", [{}, {"weight": "w"}, {"cluster": "g"}])
def test_the_bias_is_that_of_performance_with_its_sign_turned(options):
    ev, *_ = evaluation(**options)
    bias = performance(ev, metrics=["bias"]).frame().iloc[0]
    mean = residuals(ev).summary.iloc[0]
    np.testing.assert_allclose(
        [mean.estimate, mean.low, mean.high], [-bias.estimate, -bias.high, -bias.low], atol=1e-12
    )


def test_against_a_category_a_number_and_time():
    ev, y, f, _ = evaluation(time="when")
    kind = residuals(ev, against="kind").frame()
    assert kind.n.sum() == 600
    assert len(kind) == 3  # missing is a level
    np.testing.assert_allclose(kind[kind["bin"] == "u"].estimate, (y - f)[::3].mean(), atol=1e-12)
    size = residuals(ev, against="size").frame()
    assert size.n.sum() == 600
    assert size.n.max() >= 86
    when = residuals(ev, against="time", bins=4).frame()
    assert when.against.unique().tolist() == ["when"]
    assert when.n.tolist() == [150] * 4
    assert when["bin"][0].startswith("2024-01-01 to 2024-05-")
    np.testing.assert_allclose(when.estimate[0], (y - f)[:150].mean(), atol=1e-12)
    for against in ("kind", "size", "time", None):
        figure(residuals(ev, against=against))


def test_sentence_says_direction_and_place():
    y, f, _ = rows()
    said = measure(y + 3, f).sentence()
    assert said.startswith("Over 600 rows the model underestimates: the actual is 3.4")
    assert "too low for" in said
    assert "10 of 10 bins are clearly off" in said
    low = measure(y - 3, f, bins=1)
    row = low.bins.iloc[0]
    assert (
        f"the actual is {-row.estimate:.3g} ({-row.high:.3g} to {-row.low:.3g}) below the prediction" in low.sentence()
    )
    assert "overestimates: the prediction is 2.5" in measure(y - 3, f).sentence()
    calm = measure(f + np.tile([1.0, -1.0], 300), f).sentence()
    assert "no clear bias: actual minus predicted is 0 (" in calm
    assert "No bin of the prediction is clearly off." in calm


def test_points_are_a_small_seeded_sample_and_counts_are_of_all():
    y, f, w = rows(5000)
    found, again = measure(y, f, w, seed=3), measure(y, f, w, seed=3)
    assert len(found.sample) == 2000
    pd.testing.assert_frame_equal(found.sample, again.sample)
    assert found.histogram.n.sum() == 5000
    assert found.bins.n.sum() == 5000
    np.testing.assert_allclose(found.histogram.weight.sum(), w.sum())
    assert found.histogram.left.iloc[0] == (y - f).min()
    assert found.histogram.right.iloc[-1] == (y - f).max()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12))
def test_order_is_irrelevant_and_weights_mean_rows(seed, bins):
    y, f, _ = rows(80, seed)
    y, f = np.round(y, 1), np.round(f, 1)
    base = measure(y, f, bins=bins)
    order = np.random.default_rng(seed).permutation(80)
    shuffled = measure(y[order], f[order], bins=bins)
    pd.testing.assert_frame_equal(base.bins, shuffled.bins, rtol=1e-9, atol=1e-10)
    pd.testing.assert_frame_equal(base.summary, shuffled.summary, rtol=1e-9, atol=1e-10)
    ones = measure(y, f, np.ones(80), bins=bins)
    np.testing.assert_allclose(base.bins.estimate, ones.bins.estimate, atol=1e-12)
    np.testing.assert_allclose(base.summary.estimate, ones.summary.estimate, atol=1e-12)
    double, twice = measure(y, f, np.full(80, 2.0), bins=bins), measure(np.tile(y, 2), np.tile(f, 2), bins=bins)
    columns = ["left", "right", "estimate", "q05", "q50", "q95", "weight"]
    np.testing.assert_allclose(double.bins[columns].astype(float), twice.bins[columns].astype(float), atol=1e-9)


def test_weighted_quantiles_by_hand():
    found = group_quantiles(
        np.array([1.0, 2.0, 3.0, 9.0]), np.array([1.0, 1.0, 2.0, 1.0]), np.array([0, 0, 0, 2]), 3, (0.25, 0.5, 0.75)
    )
    np.testing.assert_array_equal(found, [[1, 2, 3], [np.nan] * 3, [9, 9, 9]])


def test_figure_shows_the_frame():
    ev, *_ = evaluation()
    found = residuals(ev, against="kind")
    drawn = figure(found)
    means = {(x, y) for t in drawn.data if t.name in ("mean", "clearly off") for x, y in zip(t.x, t.y)}
    assert {y for _, y in means} == set(found.bins.estimate)
    assert all("<b>" not in x for x, _ in means)
    bars = next(t for t in drawn.data if t.type == "bar")
    np.testing.assert_array_equal(bars.x, found.histogram.weight)


@pytest.mark.parametrize("y", [[1.0], [1.0, 1.0, 1.0]])
def test_one_row_and_constant_residuals(y):
    found = measure(y, np.zeros(len(y)))
    assert found.summary.low[0] != found.summary.low[0]  # NaN: the spread is unknown
    assert f"Over {len(y)} row" in found.sentence()
    assert "nan" not in found.sentence()
    figure(found)


def test_refusals():
    ev, *_ = evaluation()
    with pytest.raises(InputError, match="Did you mean 'size'"):
        residuals(ev, against="sise")
    with pytest.raises(InputError, match="one bin or more"):
        residuals(ev, bins=0)
    with pytest.raises(NotApplicable, match="a class and not a number"):
        residuals(Evaluation.from_predictions([0, 1, 1], prediction=[0, 1, 0]))


def test_predictions_far_apart_stand_on_a_scale_of_powers():
    rng = np.random.default_rng(0)
    wide = np.exp(rng.normal(7, 1.5, 800))
    axis = figure(measure(wide + rng.normal(0, 30, 800), wide)).layout.xaxis
    assert axis.type == "log"
    assert "1,000" in axis.ticktext
    near = rng.normal(100, 5, 800)
    assert figure(measure(near + rng.normal(0, 1, 800), near)).layout.xaxis.type is None
    assert figure(measure(wide, wide - 2_000)).layout.xaxis.type is None  # some are below 0


def test_the_histogram_beside_them_has_one_round_number_of_rows_above():
    y = np.repeat([0.0, 1.0], [2_950, 450])
    found = measure(y, np.zeros(len(y)))
    assert 0.7 * found.histogram.n.max() == pytest.approx(2_065, abs=60)
    axis = figure(found).layout.xaxis2
    assert (axis.side, axis.tickvals, axis.ticktext) == ("top", (2_000,), ("2,000 rows",))
