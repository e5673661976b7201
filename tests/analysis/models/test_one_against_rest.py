"""Boosters fitted one class against all others: their numbers do not sum to one, are kept as they are, and called scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline

import modelglass as mg
from modelglass.analysis.registry import run

N = 240


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(5)
    X = pd.DataFrame({"a": rng.normal(size=N), "b": rng.integers(0, 5, N)})
    return X, np.digitize(X.a + X.b / 2 - 1 + rng.normal(size=N) / 2, [-0.5, 0.7])


def lightgbm_native(X, y, k, path):
    lightgbm = pytest.importorskip("lightgbm")
    settings = {"objective": "multiclassova", "num_class": k, "verbose": -1, "min_child_samples": 5}
    booster = lightgbm.train(settings, lightgbm.Dataset(X, y), 4)
    booster.save_model(path / "m.txt")
    return mg.load_model(path / "m.txt"), booster.predict(X)


def lightgbm_classifier(X, y, k, path):
    lightgbm = pytest.importorskip("lightgbm")
    settings = {"objective": "ova", "num_class": k, "n_estimators": 4, "verbose": -1}
    model = make_pipeline("passthrough", lightgbm.LGBMClassifier(**settings, n_jobs=1)).fit(X, y)
    return model, model.predict_proba(X)


def catboost_file(X, y, k, path):
    catboost = pytest.importorskip("catboost")
    settings = {"iterations": 4, "depth": 3, "verbose": 0, "allow_writing_files": False}
    model = catboost.CatBoostClassifier(loss_function="MultiClassOneVsAll", **settings).fit(X, y)
    model.save_model(path / "m.cbm")
    return mg.load_model(path / "m.cbm"), model.predict_proba(X)


@pytest.mark.parametrize("make", [lightgbm_native, lightgbm_classifier, catboost_file])
def test_three_classes_keep_the_librarys_numbers(make, table, tmp_path):
    X, y = table
    model, own = make(X, y, 3, tmp_path)
    assert np.abs(own.sum(axis=1) - 1).max() > 0.01
    ev = mg.Evaluation(model, X.assign(t=y), target="t")
    assert (ev.task, ev.score_kind) == ("multiclass", "decision")
    np.testing.assert_array_equal(ev.score, own)
    np.testing.assert_array_equal(ev.predicted, own.argmax(axis=1))
    assert "one class against all others" in " ".join(note.text for note in ev.notes)
    assert "probabilities" in run(ev, "calibration").reason
    areas = run(ev, "predictions").result.summary
    for k, area in enumerate(areas.roc_auc):
        assert area == pytest.approx(roc_auc_score(y == k, own[:, k]))
    shap = run(ev, "shapley_values", rows=5).result
    assert (shap.exact, shap.scale) == (True, "log-odds")
    np.testing.assert_allclose(1 / (1 + np.exp(-shap.prediction)), own[shap.rows], atol=1e-9)


@pytest.mark.parametrize("make", [lightgbm_native, lightgbm_classifier, catboost_file])
def test_of_two_classes_the_difference_is_the_score(make, table, tmp_path):
    X, y = table
    y = (y > 0).astype(int)
    model, own = make(X, y, 2, tmp_path)
    ev = mg.Evaluation(model, X.assign(t=y), target="t")
    assert (ev.task, ev.score_kind) == ("binary", "decision")
    np.testing.assert_array_equal(ev.score, own[:, 1] - own[:, 0])
    np.testing.assert_array_equal(ev.predicted, own.argmax(axis=1))
    assert "difference of the two" in " ".join(note.text for note in ev.notes)
