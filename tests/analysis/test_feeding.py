"""The model is fed what it recorded, under whatever name it wrote it down."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import modelglass as mg
from modelglass.analysis.errors import InputError
from modelglass.analysis.models.loading import load_model


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    made = pd.DataFrame({"net pay": rng.normal(size=300), "age": rng.normal(size=300)})
    return made.assign(y=(made["net pay"] + made.age > 0).astype(int))


def test_lightgbm_names_with_spaces(frame, tmp_path):
    lightgbm = pytest.importorskip("lightgbm")
    model = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1).fit(frame[["net pay", "age"]], frame.y)
    model.booster_.save_model(tmp_path / "model.txt")
    ev = mg.Evaluation(load_model(tmp_path / "model.txt"), frame[["y", "age", "net pay"]], target="y")
    assert ev.features == ("net pay", "age")
    np.testing.assert_allclose(ev.score, model.predict_proba(frame[["net pay", "age"]])[:, 1])


def test_the_order_given_decides_for_a_model_without_names(frame):
    model = LogisticRegression().fit(frame[["net pay", "age"]].to_numpy(), frame.y)
    ev = mg.Evaluation(model, frame[["age", "y", "net pay"]], target="y", features=["net pay", "age"])
    np.testing.assert_allclose(ev.score, model.predict_proba(frame[["net pay", "age"]].to_numpy())[:, 1])
    assert ev.feed.how == "given"


def test_the_training_data_decides_next(frame):
    model = LogisticRegression().fit(frame[["net pay", "age"]].to_numpy(), frame.y)
    ev = mg.Evaluation(model, frame[["age", "y", "net pay"]], target="y", train=frame)
    assert ev.features == ("net pay", "age")
    assert ev.feed.how == "train"


def test_a_number_of_columns_that_cannot_be_right(frame):
    model = LogisticRegression().fit(frame[["net pay", "age"]].to_numpy(), frame.y)
    with pytest.raises(InputError, match=r"Expected 2 input columns[\s\S]*There are 3[\s\S]*--features"):
        mg.Evaluation(model, frame.assign(more=1), target="y")


def test_a_model_that_writes_into_its_input_leaves_the_rows_as_they_are(frame):
    class Writes:
        classes_ = np.array([0, 1])

        def predict(self, X):
            with warnings.catch_warnings():  # pandas 2 warns of writing into a part of another frame
                warnings.simplefilter("ignore")
                X.loc[:, "age"] = 0.0
                X["more"] = 1
            return (X["net pay"] > 0).astype(int)

    ev = mg.Evaluation(Writes(), frame, target="y")
    rows = ev.inputs()
    before = rows.copy()
    ev.answer(rows)
    pd.testing.assert_frame_equal(rows, before)
