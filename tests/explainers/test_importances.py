"""Columns left out of the fit, and the three ways side by side."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.groups import Rows
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.paired import change
from modelglass.explainers import drop_column_importance, importances, permutation_importance, shapley_values

FEATURES = ["age", "pay", "city", "job", "member"]


def with_train(made, final, target="y", **settings):
    ev = made(final, target, n=800)
    rest = {"target": target, "ignore": [t for t in ("y", "y3", "amount") if t != target], **settings}
    return Evaluation(ev.estimator, ev.frame.iloc[:400], train=ev.frame.iloc[400:], **rest)


def test_it_is_the_metric_of_a_fit_without_the_column(made):
    ev = with_train(made, LogisticRegression(max_iter=300))
    got = drop_column_importance(ev, features=["city", "age"])
    train, test = ev.train, ev.frame
    full = ev.estimator.fit(train[FEATURES], train.y)
    auc = lambda model, X: metrics.roc_auc_score(test.y == "yes", model.predict_proba(X)[:, 1])  # noqa: E731
    with_all = auc(full, test[FEATURES])
    without = auc(full.fit(train[FEATURES].assign(city="Oslo"), train.y), test[FEATURES].assign(city="Oslo"))
    row = got.frame().set_index("feature").loc["city"]
    assert got.refitted == pytest.approx(with_all)
    assert row.estimate == pytest.approx(with_all - without, abs=1e-6)
    assert row.low < row.estimate < row.high
    assert "Fitting the model again without a column worsens ROC AUC most for age" in got.sentence()


def test_a_linear_model_by_hand():
    """t = 2 a + b: without a the squared error grows by 4 var(a), in a sample."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(1_000, 2)), columns=["a", "b"])
    frame["t"] = 2 * frame.a + frame.b
    model = LinearRegression().fit(frame[["a", "b"]], frame.t)
    ev = Evaluation(model, frame.iloc[:500], target="t", train=frame.iloc[500:])
    got = drop_column_importance(ev, metric="rmse").frame().set_index("feature")
    assert got.estimate["a"] == pytest.approx(2, rel=0.1)
    assert got.estimate["b"] == pytest.approx(1, rel=0.1)


def test_several_classes_and_labels_of_the_model(made):
    got = drop_column_importance(with_train(made, DecisionTreeClassifier(max_depth=3), "y3"), features=["age"])
    assert got.metric == "log_loss"
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=400)})
    frame["t"] = np.where(frame.a + rng.normal(size=400) > 0, "good", "bad")
    model = LogisticRegression().fit(frame[["a"]], (frame.t == "good").astype(int))
    ev = Evaluation(model, frame, target="t", positive="good", label={"good": 1, "bad": 0}, train=frame)
    assert drop_column_importance(ev).frame().estimate[0] > 0.2


def test_the_interval_holds_for_two_given_fits():
    """200 samples of 300 rows of a linear world, a fit with two columns and one with the first alone, against 1,000,000 rows."""

    def lost(n, seed):
        rng = np.random.default_rng(seed)
        a, b, e = rng.normal(size=(3, n))
        both = Rows(task="regression", y=a + 0.3 * b + e, predicted=0.98 * a + 0.31 * b)
        return change(METRICS["rmse"], both, [Rows(task="regression", y=both.y, predicted=1.01 * a)])

    truth = lost(1_000_000, 999).estimate
    found = [lost(300, seed) for seed in range(200)]
    assert 0.90 <= np.mean([f.low <= truth <= f.high for f in found]) <= 0.99


def test_it_cannot_say_without_training_data_or_a_model_that_can_be_fitted(made):
    with pytest.raises(NotApplicable, match="no training data were given"):
        drop_column_importance(made(LogisticRegression(max_iter=300)))
    frame = pd.DataFrame({"a": [0.0, 1, 2, 3] * 20, "t": [0.0, 1, 2, 4] * 20})
    ev = Evaluation(lambda f: f.a.to_numpy(), frame, target="t", features=["a"], train=frame)
    with pytest.raises(NotApplicable, match="cannot be fitted again"):
        drop_column_importance(ev)


def test_side_by_side_is_each_by_itself(made):
    ev = with_train(made, LogisticRegression(max_iter=300))
    got = importances(ev, refit=True, n_repeats=2)
    table = got.frame()
    assert set(table.method) == {"shuffled", "moves predictions", "left out of the fit"}
    alone = permutation_importance(ev, n_repeats=2, together=None).frame().set_index("feature")
    by_shuffling = table[table.method == "shuffled"].set_index("feature")
    assert np.allclose(by_shuffling.estimate, alone.estimate[by_shuffling.index])
    moved = shapley_values(ev).frame().set_index("feature").estimate
    part = table[table.method == "moves predictions"].set_index("feature")
    assert np.allclose(part.estimate, moved[part.index])
    assert part.share.sum() == pytest.approx(1)
    assert got.ranks().loc["age"].max() <= 2
    assert "Ranks by shuffling and by Shapley values correlate by" in got.sentence()


def test_side_by_side_says_what_is_lacking_and_takes_several_classes(made):
    got = importances(made(LogisticRegression(max_iter=300), "y3"), refit=True, n_repeats=1, rows=200)
    assert got.why_not == {"left out of the fit": "no training data were given (--train DATA)"}
    assert "Not left out of the fit: no training data" in got.sentence()
    assert got.frame().groupby("method").size().to_dict() == {"shuffled": 5, "moves predictions": 5}
