"""Simple predictions of a quantile: by numpy, level by level on the training rows, and what the baselines make of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import QuantileRegressor
from sklearn.metrics import mean_pinball_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from modelglass.analysis import baselines
from modelglass.analysis.checked_data import of_evaluation
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.simple_models import setup
from modelglass.analysis.simple_quantiles import best_level, by_level, moved_linear, one_for_all, weighted_quantiles


def inverted(values, share):
    return np.quantile(values, share, method="averaged_inverted_cdf")


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "weighted"])
def table(request):
    """Noise whose spread hangs on the kind alone, so that the mean says nothing of it."""
    rng = np.random.default_rng(3)
    X = pd.DataFrame({"a": rng.normal(size=3000), "kind": rng.choice(["x", "y", "z"], 3000)})
    y = X.a + np.where(X.kind == "x", 8.0, 1.0) * rng.normal(size=3000)
    return X.assign(y=y, w=rng.integers(1, 4, 3000) if request.param else 1)


def evaluation(table, train=None):
    coded = make_column_transformer((OneHotEncoder(), ["kind"]), remainder="passthrough")
    model = make_pipeline(coded, QuantileRegressor(quantile=0.9, alpha=0.0)).fit(table[["a", "kind"]], table.y)
    return Evaluation(model, table, target="y", train=train, weight="w")


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_weighted_quantiles_are_those_of_rows_repeated(share):
    rng = np.random.default_rng(0)
    values, codes, weight = rng.normal(size=200).round(1), rng.integers(0, 3, 200), rng.integers(1, 5, 200)
    found = weighted_quantiles(values, codes, weight.astype(float), 4, share)
    for g in range(3):
        assert found[g] == inverted(np.repeat(values[codes == g], weight[codes == g]), share)
    assert np.isnan(found[3])


def test_fitted_on_the_training_rows(table):
    train, here = table[:1000], table[1000:].reset_index(drop=True)
    ev = evaluation(here, train)
    made = setup(of_evaluation(ev), ["a", "kind"])
    assert made.trained
    assert set(one_for_all(made, 0.9)[0]) == {inverted(np.repeat(train.y, train.w), 0.9)}
    by_kind = by_level(made, "kind", 0.9)[0]
    for kind in "xyz":
        mine = train[train.kind == kind]
        assert set(by_kind[here.kind == kind]) == {inverted(np.repeat(mine.y, mine.w), 0.9)}
    line = moved_linear(made, ["a"], 0.9)[0]
    inside = np.abs(here.a) < 2  # numbers are cut at their ends
    slope, start = np.polyfit(here.a[inside], line[inside], 1)
    assert line[inside] == pytest.approx(start + slope * here.a[inside], rel=1e-9)
    held = np.average(train.y <= start + slope * train.a, weights=train.w)
    assert held == pytest.approx(0.9, abs=0.01)


def test_cross_fitted_on_these_rows(table):
    made = setup(of_evaluation(evaluation(table)), ["a", "kind"])
    assert not made.trained
    by_kind = by_level(made, "kind", 0.9)[0]
    for fold in np.unique(made.fold):
        mine = table[(made.fold != fold) & (table.kind == "x")]
        at = ((made.fold == fold) & (table.kind == "x")).to_numpy()
        assert set(by_kind[at]) == {inverted(np.repeat(mine.y, mine.w), 0.9)}
    found = best_level(made, ["a", "kind"], 0.9)
    assert found is not None
    assert found[0] == "kind"  # which says nothing of the mean


def test_a_level_of_few_rows_gets_the_quantile_of_all(table):
    train, here = table[:1000], table[1000:1400].reset_index(drop=True)
    kind = np.where(np.arange(1000) < 30, "rare", train.kind)  # 30 rows: 3 are to lie beyond
    made = setup(of_evaluation(evaluation(here.assign(kind="rare"), train.assign(kind=kind))), ["a", "kind"])
    assert set(by_level(made, "kind", 0.9)[0]) == {inverted(np.repeat(train.y, train.w), 0.9)}


def test_baselines_of_a_model_of_a_quantile(table):
    ev = evaluation(table)
    result = baselines(ev)
    rows = result.frame().set_index("baseline")
    assert list(rows.index) == ["model", "constant", "single", "linear"]
    assert list(rows["name"]) == ["the model", "the 0.9 quantile of all rows", "kind alone", "a linear model moved to the 0.9 quantile"]  # fmt: skip

    def loss(predicted):
        return mean_pinball_loss(table.y, predicted, alpha=0.9, sample_weight=table.w)

    constant = loss(np.full(len(table), inverted(np.repeat(table.y, table.w), 0.9)))
    assert rows.estimate["constant"] == pytest.approx(constant, rel=1e-12)
    assert rows.estimate["model"] == pytest.approx(loss(ev.predicted), rel=1e-12)
    assert rows.gain["constant"] == pytest.approx(constant - loss(ev.predicted), rel=1e-9)
    assert rows.gain_low["linear"] > 0  # moved alike everywhere, where the spread hangs on the kind
    assert result.sentence().startswith("Pinball loss of the model is ")
    both = baselines(ev, metrics=["rmse", "pinball_loss"]).frame()
    assert list(both[both.baseline == "constant"]["name"]) == ["the mean", "the 0.9 quantile of all rows"]
    assert set(result.alike) == {"single", "linear"}
