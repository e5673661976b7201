"""Permutation importance against scikit-learn's, (the simulation of its interval is in tests/analysis/test_paired.py)."""

import numpy as np
import pandas as pd
import pytest
from sklearn import inspection, metrics
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression

from modelglass.analysis.errors import InputError, NotApplicable, Stopped
from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import permutation_importance


def test_agrees_with_scikit_learn_within_the_spread_of_repeats(made):
    ev = made(HistGradientBoostingClassifier(max_iter=20))
    got = permutation_importance(ev, n_repeats=30).frame().set_index("feature")
    theirs = inspection.permutation_importance(
        ev.estimator, ev.inputs(), ev.frame.y, scoring="roc_auc", n_repeats=30, random_state=0
    )
    for j, feature in enumerate(ev.features):
        off = got.estimate[feature] - theirs.importances_mean[j]
        assert abs(off) < 4 * theirs.importances_std[j] * np.sqrt(2 / 30) + 1e-9, feature
    assert got.estimate.is_monotonic_decreasing


@pytest.mark.parametrize(
    ("final", "target", "metric", "direct", "sign"),
    [
        (LogisticRegression(max_iter=500), "y3", None, lambda y, ev, X: metrics.log_loss(y, ev.output(X)), 1),
        (
            LogisticRegression(max_iter=500),
            "y3",
            "f1",
            lambda y, ev, X: metrics.f1_score(y, ev.estimator.predict(X), average="macro"),
            -1,
        ),
        (
            LogisticRegression(max_iter=500),
            "y",
            "accuracy",
            lambda y, ev, X: metrics.accuracy_score(y, ev.estimator.predict(X)),
            -1,
        ),
        (LinearRegression(), "amount", None, lambda y, ev, X: metrics.root_mean_squared_error(y, ev.output(X)), 1),
        (
            RandomForestRegressor(10, random_state=0),
            "amount",
            "r2",
            lambda y, ev, X: metrics.r2_score(y, ev.output(X)),
            -1,
        ),
    ],
)
def test_each_repeat_is_the_metric_of_the_shuffled_frame(made, final, target, metric, direct, sign):
    ev = made(final, target)
    got = permutation_importance(ev, metric=metric, features=["city"], n_repeats=2, seed=5)
    rng = np.random.default_rng((5, 20_004, 2))
    y, X = ev.frame[target], ev.inputs()
    for r in range(2):
        shuffled = X.assign(city=X.city.to_numpy()[rng.permutation(len(X))])
        assert got.repeats.estimate[r] == pytest.approx(sign * (direct(y, ev, shuffled) - direct(y, ev, X)), abs=1e-9)
    assert got.frame().estimate[0] == pytest.approx(got.repeats.estimate.mean())
    assert got.frame().low[0] < got.frame().estimate[0] < got.frame().high[0]
    assert got.before == pytest.approx(direct(y, ev, X))


def test_a_column_that_the_model_ignores_has_none():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(200, 2)), columns=["a", "b"])
    model = LinearRegression().fit(X, 3 * X.a)
    model.coef_ = np.array([3.0, 0.0])
    got = permutation_importance(Evaluation(model, X.assign(t=3 * X.a + X.b), target="t")).frame().set_index("feature")
    assert got.estimate["b"] == 0
    assert got.estimate["a"] > 1


def test_a_column_does_not_depend_on_which_others_are_asked(made):
    ev = made(LogisticRegression(max_iter=300))
    both = permutation_importance(ev, features=["age", "city"]).frame().set_index("feature")
    one = permutation_importance(ev, features="city").frame().set_index("feature")
    assert both.estimate["city"] == one.estimate["city"]


def test_sample_threshold_and_weights(made):
    ev = made(LogisticRegression(max_iter=300))
    got = permutation_importance(ev, rows=100)
    assert got.source.sample == 100
    assert set(got.frame().n) == {100}
    high = permutation_importance(ev.with_threshold(0.99), metric="selection_rate", features="age")
    assert high.before == pytest.approx((ev.score >= 0.99).mean())
    w = np.where(ev.frame.city == "Oslo", 1.0, 0.0)
    weighted = Evaluation(ev.estimator, ev.frame.assign(w=w), target="y", weight="w", ignore=["y3", "amount"])
    oslo = ev.frame.city == "Oslo"
    assert permutation_importance(weighted, features="city").before == pytest.approx(
        metrics.roc_auc_score(ev.y[oslo], ev.score[oslo])
    )


def test_own_function_and_median_use_a_paired_bootstrap(made):
    ev = made(LinearRegression(), "amount", n=120)

    def worst(y_true, y_pred, sample_weight):
        return float(np.max(np.abs(y_true - y_pred) * (sample_weight > 0)))

    for metric in (worst, "median_absolute_error"):
        got = permutation_importance(ev, metric=metric, features=["age"], n_repeats=1)
        assert "paired bootstrap" in got.interval
        assert got.frame().low[0] < got.frame().high[0]


def test_refusals_and_stop(made):
    ev = made(LogisticRegression(max_iter=300))
    with pytest.raises(InputError, match="Expected the name of a feature that the model reads"):
        permutation_importance(ev, features=["cty"])
    with pytest.raises(InputError, match="Expected at least one repeat"):
        permutation_importance(ev, n_repeats=0)
    with pytest.raises(InputError, match="Did you mean 'roc_auc'"):
        permutation_importance(ev, metric="roc_acu")
    with pytest.raises(NotApplicable, match="there is no model here"):
        permutation_importance(Evaluation.from_predictions([0, 1], prediction=[0, 1]))

    def stop(share, what):
        raise Stopped("stop")

    with pytest.raises(Stopped):
        permutation_importance(ev, progress=stop)
