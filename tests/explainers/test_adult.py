"""The pipelines that the product is for, on real data."""

import numpy as np
import pandas as pd
import pytest
import shap
from scipy import special
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import permutation_importance, shapley_values


@pytest.mark.data
@pytest.mark.parametrize(
    "final", [HistGradientBoostingClassifier(max_iter=40), LogisticRegression(max_iter=1000)], ids=["hgb", "logistic"]
)
def test_adult_in_raw_columns(data_file, final):
    train = pd.read_csv(data_file("adult_train.csv"), na_values="?", nrows=6_000)
    test = pd.read_csv(data_file("adult_test.csv"), na_values="?", nrows=3_000)
    words = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    )
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    model = make_pipeline(
        make_column_transformer(
            (numbers, make_column_selector(dtype_include="number")),
            (words, make_column_selector(dtype_exclude="number")),
        ),
        final,
    ).fit(train.drop(columns="income"), train.income)
    ev = Evaluation(model, test, target="income")
    got = shapley_values(ev, rows=300)
    assert got.exact
    assert got.additivity_gap < 1e-9
    np.testing.assert_allclose(
        special.expit(got.base + got.values.sum(axis=1))[:, 0],
        ev.score[ev.frame.index.get_indexer(got.rows)],
        atol=1e-9,
    )
    Z = model[:-1].transform(ev.inputs().loc[got.rows])
    names = model[:-1].get_feature_names_out()
    if isinstance(final, LogisticRegression):
        ref = model[:-1].transform(ev.inputs())
        columns = (Z - ref.mean(axis=0)) * final.coef_[0]
    else:
        columns = shap.TreeExplainer(final).shap_values(Z, check_additivity=False)
    for j, feature in enumerate(ev.features):  # here names happen to tell the truth
        tail = [n.split("__", 1)[1] for n in names]
        mine = [
            i
            for i, t in enumerate(tail)
            if t == feature or (t.startswith(feature + "_") and feature not in ("education",))
        ]
        mine = (
            [i for i, t in enumerate(tail) if t.startswith("education_") and t != "education_num"]
            if feature == "education"
            else mine
        )
        np.testing.assert_allclose(got.values[:, j, 0], columns[:, mine].sum(axis=1), atol=1e-8, err_msg=feature)
    best = permutation_importance(ev, rows=1_000, n_repeats=2).frame().feature[:3]
    assert "marital_status" in set(best) | set(got.frame().feature[:3])
