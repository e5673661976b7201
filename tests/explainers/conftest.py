"""Small data and models that all explanation tests share."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from modelglass.analysis.evaluation import Evaluation

with warnings.catch_warnings():  # importing these warns of matplotlib's deprecations
    warnings.simplefilter("ignore")
    import lime.lime_tabular  # noqa: F401
    import shap  # noqa: F401


def mixed_frame(n=400, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n),
            "pay": np.where(rng.random(n) < 0.1, np.nan, rng.lognormal(3, 0.6, n)),
            "city": rng.choice(["Oslo", "Bergen", "Bergen_Oslo"], n, p=[0.5, 0.3, 0.2]),
            "job": pd.Series(rng.choice(list("abcd"), n)).where(rng.random(n) > 0.1, np.nan),
            "member": rng.random(n) < 0.4,
        }
    )
    risk = (
        0.05 * (frame.age - 50)
        + (frame.city == "Oslo")
        - 0.8 * (frame.job == "b")
        + 0.6 * frame.member
        + 0.02 * frame.pay.fillna(0)
    )
    frame["y"] = np.where(risk + rng.normal(size=n) > 0.5, "yes", "no")
    frame["y3"] = pd.cut(risk + rng.normal(size=n), [-99, 0, 1, 99], labels=["low", "mid", "top"]).astype(str)
    frame["amount"] = risk * 10 + rng.normal(size=n)
    return frame


FEATURES = ["age", "pay", "city", "job", "member"]


def pipeline(final, sparse=False):
    words = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore", sparse_output=sparse)
    )
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    return make_pipeline(
        make_column_transformer(
            (words, make_column_selector(dtype_exclude=["number", "bool"])),
            (numbers, make_column_selector(dtype_include="number")),
            ("passthrough", ["member"]),
            sparse_threshold=1.0 if sparse else 0.0,
        ),
        final,
    )


def evaluate(final, target="y", n=400, sparse=False, **settings):
    frame = mixed_frame(n)
    model = pipeline(final, sparse).fit(frame[FEATURES], frame[target])
    return Evaluation(model, frame, target=target, ignore=[t for t in ("y", "y3", "amount") if t != target], **settings)


@pytest.fixture(scope="session")
def made():
    """A function: final estimator, target ("y", "y3", "amount") -> Evaluation of a pipeline with imputers and one-hot columns."""
    return evaluate


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Small models are fitted faster by one thread, most of all where other work runs."""
    with threadpool_limits(1):
        yield
