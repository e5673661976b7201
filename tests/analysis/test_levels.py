"""Levels that a model never saw are found through its Pipeline, and said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

import modelglass as mg
from modelglass.analysis.levels import encoder_levels, unseen


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    made = pd.DataFrame(
        {"n": rng.normal(size=200), "city": rng.choice(["A", "B"], 200), "kind": rng.choice(["x", "y", "z"], 200)}
    )
    return made.assign(y=(made.n > 0).astype(int))


ENCODED = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))


@pytest.mark.parametrize(
    "columns", [["city", "kind"], [1, 2], slice(1, 3), [False, True, True], make_column_selector("city|kind")]
)
def test_found_however_the_columns_were_chosen(frame, columns):
    model = make_pipeline(
        ColumnTransformer([("c", ENCODED, columns)], remainder=StandardScaler()), LogisticRegression()
    )
    model.fit(frame[["n", "city", "kind"]], frame.y)
    assert {k: list(map(str, v)) for k, v in encoder_levels(model, ("n", "city", "kind")).items()} == {
        "city": ["A", "B"],
        "kind": ["x", "y", "z"],
    }


def test_not_followed_through_what_mixes(frame):
    model = make_pipeline(OrdinalEncoder(), OneHotEncoder()).fit(frame[["city", "kind"]])
    assert encoder_levels(model, ("city", "kind")).keys() == {"city", "kind"}
    assert encoder_levels(make_pipeline(StandardScaler(), OneHotEncoder()).fit(frame[["n"]]), ("n",)) == {}


def test_said_with_rows(frame):
    assert unseen({"city": ["A"]}, frame.assign(city=["Q"] + ["A"] * 199)) == [
        "city: 1 row holds levels that the model never saw (Q); it still gives predictions."
    ]
    assert unseen({"city": ["A", "B"]}, frame) == []


def test_an_evaluation_says_it_and_continues(frame):
    model = make_pipeline(ColumnTransformer([("c", ENCODED, ["city"])], remainder="drop"), LogisticRegression())
    model.fit(frame[["n", "city"]], frame.y)
    ev = mg.Evaluation(model, frame.assign(city="Q", n=np.nan), target="y")
    text = " ".join(n.text for n in ev.notes)
    assert "never saw (Q)" in text
    assert "All values are missing in n" in text
