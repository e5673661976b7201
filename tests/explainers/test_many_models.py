"""Every door on many kinds of models and columns: nothing breaks, Shapley values add up, figures can be drawn."""

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Perceptron
from sklearn.model_selection import TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, LinearSVC

from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure
from modelglass.analysis.noise_robustness import noise_robustness
from modelglass.explainers import lime_weights, partial_dependence, permutation_importance, shapley_row, shapley_values


def columns():
    rng = np.random.default_rng(0)
    n = 300
    return pd.DataFrame(
        {
            "a": rng.normal(size=n),
            "b": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
            "c": rng.integers(0, 5, n),
            "constant": np.zeros(n),
            "nullable": pd.array(np.where(rng.random(n) < 0.1, None, rng.integers(0, 9, n)), dtype="Int64"),
        }
    )


def xgboost_booster(X, y):
    xgboost = pytest.importorskip("xgboost")
    return xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(X, y), 8)


def lightgbm_booster(X, y):
    lightgbm = pytest.importorskip("lightgbm")
    return lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(X, y), 8)


def fitted(model):
    return lambda X, y: model.fit(X, y)


MODELS = {
    "xgboost booster": (xgboost_booster, "tree", "log-odds", float),
    "lightgbm booster": (lightgbm_booster, "tree", "log-odds", float),
    "nullable integers": (fitted(HistGradientBoostingClassifier(max_iter=5)), "tree", "log-odds", None),
    "calibrated": (
        fitted(CalibratedClassifierCV(make_pipeline(SimpleImputer(), LogisticRegression()), cv=3)),
        "sampling",
        "probability",
        float,
    ),
    "tuned": (
        fitted(TunedThresholdClassifierCV(make_pipeline(SimpleImputer(), LogisticRegression()), cv=3)),
        "linear",
        "log-odds",
        float,
    ),
    "linear SVC": (fitted(make_pipeline(SimpleImputer(), LinearSVC())), "linear", "decision", float),
    "SVC": (fitted(make_pipeline(SimpleImputer(), SVC())), "sampling", "decision", float),
    "perceptron": (fitted(make_pipeline(SimpleImputer(), Perceptron())), "linear", "decision", float),
    "transformed target": (
        fitted(
            TransformedTargetRegressor(
                make_pipeline(SimpleImputer(), LinearRegression()), func=np.log1p, inverse_func=np.expm1
            )
        ),
        "sampling",
        "t",
        float,
    ),
    "arrays": (lambda X, y: LogisticRegression().fit(X.fillna(0).to_numpy(), y), "linear", "log-odds", "filled"),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_door(name):
    fit, method, scale, kind = MODELS[name]
    X = columns()
    X = X if kind is None else X.astype(float).fillna(0) if kind == "filled" else X.astype(float)
    y = np.exp(X.a) if name == "transformed target" else (X.a + X.b.fillna(1) > 0.3).astype(int)
    settings = {"task": "binary"} if "booster" in name else {}
    ev = Evaluation(fit(X, y), X.assign(t=y), target="t", **settings)
    got = shapley_values(ev, rows=8)
    assert (got.method, got.scale) == (method, scale)
    assert got.additivity_gap < 2e-6
    assert bool(got.reason) == (method == "sampling")
    constant = got.frame().set_index("feature").estimate["constant"]
    assert constant == pytest.approx(0, abs=1e-12)
    for result in (
        got,
        shapley_row(ev, row=3),
        permutation_importance(ev, n_repeats=1, rows=100),
        partial_dependence(ev, rows=40),
        lime_weights(ev, row=3, n_samples=200),
        noise_robustness(ev, levels=[0.5], rows=100),
    ):
        assert len(result.frame())
        assert result.sentence().endswith(".")
        assert figure(result).data
