"""Baselines: by hand, equal to scikit-learn's dummies and linear models, people as a column or number, and what becomes a finding."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss, mean_absolute_error, mean_squared_error, roc_auc_score

import modelglass as mg
from modelglass.analysis import baselines
from modelglass.analysis.baselines_find import find
from modelglass.analysis.checked_data import of_evaluation
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.finding import Budget
from modelglass.analysis.registry import run
from modelglass.analysis.result import result_json
from modelglass.analysis.single_features import cross_fitted, folds

N = 600
READS = ["a", "b", "c"]


def table(seed, n=N, task="binary", bend=0.0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n), "c": rng.integers(0, 3, n)})
    pull = 1.5 * frame["a"] + frame["b"] + bend * frame["a"] ** 2
    if task == "regression":
        return frame.assign(y=pull + rng.normal(size=n))
    if task == "multiclass":
        return frame.assign(y=np.array(["u", "v", "w"])[np.digitize(pull + rng.logistic(size=n), [-1, 1])])
    return frame.assign(y=np.where(rng.random(n) < 1 / (1 + np.exp(-pull)), "yes", "no"))


def fitted(task="binary", bend=0.0, model=None):
    train = table(100, 2000, task, bend)
    model = model or (LinearRegression() if task == "regression" else LogisticRegression())
    return model.fit(train[READS], train["y"]), train


def row(result, baseline, metric):
    return result.table.set_index(["baseline", "metric"]).loc[(baseline, metric)]


def test_one_answer_for_all_equals_the_dummies():
    model, train = fitted()
    frame = table(1)
    ev = mg.Evaluation(model, frame, target="y", train=train)
    result = baselines(ev)
    share = DummyClassifier(strategy="prior").fit(train[READS], train["y"]).predict_proba(frame[READS])
    assert row(result, "constant", "log_loss")["estimate"] == pytest.approx(log_loss(frame["y"], share))
    assert row(result, "constant", "roc_auc")["estimate"] == 0.5
    own = baselines(mg.Evaluation(model, frame, target="y"))
    p = (frame["y"] == "yes").mean()
    assert row(own, "constant", "log_loss")["estimate"] == pytest.approx(-p * np.log(p) - (1 - p) * np.log(1 - p))
    assert (own.trained, result.trained) == (False, True)


def test_one_number_for_all_is_the_mean_or_the_median():
    model, train = fitted("regression")
    frame = table(1, task="regression")
    result = baselines(mg.Evaluation(model, frame, target="y", train=train))
    for strategy, metric, measured in (("mean", "rmse", lambda a, b: math.sqrt(mean_squared_error(a, b))), ("median", "mae", mean_absolute_error)):  # fmt: skip
        dummy = DummyRegressor(strategy=strategy).fit(train[READS], train["y"])
        found = row(result, "constant", metric)
        assert found["name"] == f"the {strategy}"
        assert found["estimate"] == pytest.approx(measured(frame["y"], dummy.predict(frame[READS])))


def test_the_linear_baseline_is_about_scikit_learns():
    model, train = fitted(model=HistGradientBoostingClassifier(max_iter=20, random_state=0))
    frame = table(1)
    result = baselines(mg.Evaluation(model, frame, target="y", train=train))
    theirs = LogisticRegression().fit(train[READS], train["y"]).predict_proba(frame[READS])[:, 1]
    assert row(result, "linear", "roc_auc")["estimate"] == pytest.approx(roc_auc_score(frame["y"], theirs), abs=0.005)
    assert row(result, "linear", "roc_auc")["how"] == "training data"


def test_cross_fitting_by_hand():
    """Level 0 holds 1, 0 in fold 0 and 1 in fold 1; level 1 only rows of fold 0; each row is told by the other fold and a row of the mean."""
    codes, fold = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 0])
    y = np.array([[1.0, 0.0, 1.0, 0.0]])
    got = cross_fitted(codes, None, y, np.ones(4), fold)[0]
    # fold 1 knows rows 0, 1, 3 (mean 1/3): (1 + 0 + 1/3) / 3; folds 0 know row 2 alone (mean 1): (1 + 1) / 2, and level 1 nothing: 1
    np.testing.assert_allclose(got, [1.0, 1.0, (1 + 1 / 3) / 3, 1.0])


def test_a_line_within_levels():
    x = np.linspace(0, 1, 200)
    fold = np.arange(200) % 5
    got = cross_fitted(np.zeros(200, int), x, (3 * x + 1)[None], np.ones(200), fold)
    np.testing.assert_allclose(got[0], 3 * x + 1)


def test_the_best_column_is_named_and_the_gain_is_the_difference():
    model, _ = fitted()
    result = baselines(mg.Evaluation(model, table(1), target="y"))
    single = row(result, "single", "roc_auc")
    assert single["name"] == "a alone"
    assert single["gain"] == pytest.approx(row(result, "model", "roc_auc")["estimate"] - single["estimate"])
    losses = row(result, "single", "log_loss")
    assert losses["gain"] == pytest.approx(losses["estimate"] - losses["model"])
    assert single["gain_low"] < single["gain"] < single["gain_high"]
    assert "a alone" in result.sentence()


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_order_of_rows_and_rows_that_stand_twice(task):
    model, _ = fitted(task)
    frame = table(1, 300, task)
    rng = np.random.default_rng(0)
    one = baselines(mg.Evaluation(model, frame, target="y")).table
    other = baselines(mg.Evaluation(model, frame.iloc[rng.permutation(300)], target="y")).table
    twice = baselines(mg.Evaluation(model, pd.concat([frame, frame], ignore_index=True), target="y")).table
    weighted = baselines(mg.Evaluation(model, frame.assign(w=2.0), target="y", weight="w")).table
    for table_ in (other, twice, weighted):
        np.testing.assert_allclose(table_["estimate"], one["estimate"], rtol=1e-4)
    np.testing.assert_allclose(other[["gain_low", "gain_high"]], one[["gain_low", "gain_high"]], rtol=1e-3, atol=1e-5)


def test_rows_of_one_cluster_share_a_fold():
    frame = table(1).assign(who=np.arange(N) % 40)
    model, _ = fitted()
    data = of_evaluation(mg.Evaluation(model, frame, target="y", cluster="who"))
    assert pd.Series(folds(data)).groupby(frame["who"]).nunique().max() == 1
    assert len(np.unique(folds(data))) == 5


def test_people_as_a_column_or_a_number():
    model, _ = fitted()
    frame = table(1)
    rng = np.random.default_rng(0)
    frame["doctor"] = np.where(rng.random(N) < 0.95, frame["y"], np.where(frame["y"] == "yes", "no", "yes"))
    ev = mg.Evaluation(model, frame, target="y")
    people = row(baselines(ev, human="doctor"), "human", "accuracy")
    assert people["estimate"] == (frame["doctor"] == frame["y"]).mean()
    assert people["gain_high"] < 0
    assert "needs a score" in row(baselines(ev, human="doctor"), "human", "roc_auc")["note"]
    told = baselines(ev, human="doctor")
    said = f" Accuracy of people is {people['estimate']:.3f}, of the model {people['model']:.3f} (the model is worse by {-people['gain']:.3f}"
    assert said in told.sentence()
    assert "of people" not in baselines(ev, human="doctor", metrics=["accuracy"]).sentence()
    number = row(baselines(ev, human="0.7"), "human", "roc_auc")
    assert number["gain"] == pytest.approx(number["model"] - 0.7)
    with pytest.raises(InputError, match="doctr"):
        baselines(ev, human="doctr")
    with pytest.raises(InputError, match="Expected the classes"):
        baselines(ev, human="c")
    values = mg.Evaluation(*fitted("regression")[:1], table(1, task="regression").assign(guess=0.0), target="y")
    assert row(baselines(values, human="guess", metrics=["rmse"]), "human", "rmse")["estimate"] > 1


def kinds(ev):
    return [(f.features, f.severity, f.settings["metrics"][0]) for f in find(ev, Budget(60))]


def test_what_becomes_a_finding():
    frame = table(1, 1500, bend=3.0)
    linear, _ = fitted()
    trees, _ = fitted(bend=3.0, model=HistGradientBoostingClassifier(max_iter=40, random_state=0))
    assert kinds(mg.Evaluation(trees, frame, target="y")) == []
    assert kinds(mg.Evaluation(linear, table(2, 1500), target="y")) == []  # it is the linear baseline by another name
    rng = np.random.default_rng(0)
    noise = mg.Evaluation.from_predictions(
        frame["y"], score=rng.random(1500), frame=frame, positive="yes", threshold=0.5
    )
    assert ((), "high") in [k[:2] for k in kinds(noise)]
    loud = np.clip(trees.predict_proba(frame[READS])[:, 1] * 40 - 20, 0.001, 0.999)
    overconfident = mg.Evaluation.from_predictions(frame["y"], score=loud, frame=frame, positive="yes", threshold=0.5)
    found = find(overconfident, Budget(60))
    assert (found[0].severity, found[0].settings["metrics"]) == ("medium", ["log_loss"])
    assert "recalibrate" in found[0].advice


def test_trees_no_better_than_a_line_are_told():
    model, _ = fitted("regression", model=HistGradientBoostingRegressor(max_iter=30, random_state=0))
    ev = mg.Evaluation(model, table(1, 1500, "regression"), target="y")
    found = find(ev, Budget(60))
    assert [f.severity for f in found] == ["medium"]
    assert "a linear model" in found[0].sentence
    assert found[0].high < 0 or found[0].low <= 0 <= found[0].high


def test_declared_drawn_and_in_json():
    model, train = fitted("multiclass")
    ev = mg.Evaluation(model, table(1, task="multiclass"), target="y", train=train)
    outcome = run(ev, "baselines")
    assert set(outcome.result.table["metric"]) == {"log_loss", "accuracy"}
    made = mg.figure(outcome.result)
    assert [len(t.x) for t in made.data] == [4, 4]
    text = json.dumps(result_json("baselines", outcome.result), allow_nan=False)
    assert json.loads(text)["sentence"].startswith("Log loss of the model is")


def test_refusals_and_little_data():
    model, _ = fitted()
    with pytest.raises(NotApplicable, match="20 are needed"):
        baselines(mg.Evaluation(model, table(1, 12), target="y"))
    with pytest.raises(InputError, match="rmse"):
        baselines(mg.Evaluation(model, table(1), target="y"), metrics=["rmse"])
    alone = baselines(mg.Evaluation.from_predictions(["a", "b"] * 20, ["a", "b"] * 20))
    assert set(alone.table["baseline"]) == {"model", "constant"}
    assert set(alone.table["metric"]) == {"balanced_accuracy", "accuracy"}
