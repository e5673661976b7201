"""The self-check catches a model that reads columns by position and one that depends on the other rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

import modelglass as mg
from modelglass.analysis.feeding import plan_feed
from modelglass.analysis.models.loading import wrap_model
from modelglass.analysis.selfcheck import self_check


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


class Partly:
    """Throws a coin on the rows with the smallest values of a, and decides the others by b."""

    def __init__(self, below):
        self.below, self.draw, self.asked = below, np.random.default_rng(), []

    def predict(self, X):
        self.asked.append(len(X))
        return np.where(X["a"] < self.below, self.draw.integers(0, 2, len(X)), X["b"] > 5).astype(int)


@pytest.mark.parametrize(("rows", "share"), [(300, 0.02), (300, 0.1), (20_000, 0.01)])
def test_catches_chance_on_a_small_share_of_the_rows(rows, share):
    """Before, of 12 rows asked twice, a share of 1 % was found in none of 20 tries."""
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"a": rng.normal(size=rows), "b": rng.normal(5, 3, size=rows)})
    data["y"] = (data.b > 5).astype(int)
    for seed in range(20):
        ev = mg.Evaluation(Partly(data.a.quantile(share)), data, target="y", seed=seed)
        assert f"of {min(rows, 2_000):,} rows)" in warnings_of(ev)
        assert "not deterministic: asked twice about the same rows" in warnings_of(ev)


def test_a_slow_model_is_asked_about_few_rows_and_this_is_said(frame):
    data = pd.concat([frame] * 10, ignore_index=True)
    inner = LogisticRegression().fit(frame[["a", "b"]], frame.y)
    model = wrap_model(inner)
    feed = plan_feed(model, data, leave_out=["y"])
    first = model.both(model.prepare(data[["a", "b"]]))
    for seconds, rows in ((3_000, 12), (30, 100), (10, 300), (1e-3, 2_000)):
        notes = self_check(model, feed, data, first=first, seconds=seconds)
        said = [f"only {rows} of 3,000 rows were predicted a second time" in note.text for note in notes]
        assert said == ([True] if rows < 300 else [])
        assert all(note.level == "info" for note in notes)


def test_rows_that_depend_on_those_beside_them_are_told_from_chance(frame):
    """Of many rows a part is asked again: the answers differ, but the same question has the same answer."""

    class Beside:
        def predict(self, X):
            return X["a"].to_numpy() + (len(X) > 2_500)

    data = pd.concat([frame] * 10, ignore_index=True)
    said = warnings_of(mg.Evaluation(Beside(), data, target="b"))
    assert "among other rows (by up to 1, 2,000 of 2,000 rows)" in said
    assert "not deterministic" not in said
