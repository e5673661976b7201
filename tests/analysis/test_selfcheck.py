"""The self-check catches a model that reads columns by position and one that depends on the other rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

import modelglass as mg


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    made = pd.DataFrame({"a": rng.normal(size=300), "b": rng.normal(5, 3, size=300)})
    return made.assign(y=(made.a - made.b + rng.normal(size=300) > -5).astype(int))


class ByPosition(ClassifierMixin, BaseEstimator):
    """Records names, and then reads columns by place without looking at them: swapped columns go unnoticed."""

    def fit(self, X, y):
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        self.inner_ = LogisticRegression().fit(X.to_numpy(), y)
        self.classes_ = self.inner_.classes_
        return self

    def predict(self, X):
        return self.inner_.predict(np.asarray(X))

    def predict_proba(self, X):
        return self.inner_.predict_proba(np.asarray(X))


class ByBatch(RegressorMixin, BaseEstimator):
    """Centres each batch by its own mean: the answer for a row depends on its neighbours."""

    def fit(self, X, y):
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        self.fitted_ = True
        return self

    def predict(self, X):
        values = np.asarray(X, dtype=float)
        return (values - values.mean(axis=0)).sum(axis=1)


class ByOrder(ByBatch):
    """Adds the place of the row."""

    def predict(self, X):
        return np.arange(len(X)) + np.asarray(X, dtype=float)[:, 0]


def warnings_of(ev):
    return " ".join(n.text for n in ev.notes if n.level == "warning")


def test_catches_swapped_columns(frame):
    ev = mg.Evaluation(ByPosition().fit(frame[["a", "b"]], frame.y), frame, target="y")
    assert "by position" in warnings_of(ev)


@pytest.mark.parametrize("kind", [ByBatch, ByOrder])
def test_catches_dependence_on_other_rows(frame, kind):
    ev = mg.Evaluation(
        kind().fit(frame[["a", "b"]], frame.a), frame.rename(columns={"y": "label"}).assign(t=frame.a * 2), target="t"
    )
    assert "other predictions" in warnings_of(ev)


@pytest.mark.parametrize("model", [LogisticRegression(), HistGradientBoostingClassifier(max_iter=5)])
def test_sound_models_pass(frame, model):
    ev = mg.Evaluation(model.fit(frame[["a", "b"]], frame.y), frame[["y", "b", "a"]], target="y")
    assert warnings_of(ev) == ""


def test_a_model_without_names_is_said_to_be_fed_as_read(frame):
    ev = mg.Evaluation(
        LinearRegression().fit(frame[["a", "b"]].to_numpy(), frame.a + frame.b),
        frame.drop(columns="y").assign(t=frame.a + frame.b),
        target="t",
    )
    assert "as read" in warnings_of(ev)
    assert ev.features == ("a", "b")
