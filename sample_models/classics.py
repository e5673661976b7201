"""The small data sets that ship with scikit-learn, each with a model that suits it.

scikit-learn is imported inside the functions, so that listing the samples costs nothing.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from modelglass.sample_models.recipe import Recipe

SEED = 0
DIABETES_COLUMNS = {
    "bp": "blood_pressure",
    "s1": "total_cholesterol",
    "s2": "ldl",
    "s3": "hdl",
    "s4": "cholesterol_ratio",
    "s5": "log_triglycerides",
    "s6": "glucose",
}


def _fitted(model: Any, table: pd.DataFrame, target: str, *, share: float, stratify: bool = True) -> Recipe:
    """Split ``table`` (``share`` of it for evaluation) and fit ``model`` on the rest."""
    from sklearn.model_selection import train_test_split

    train, evaluation = train_test_split(
        table, test_size=share, random_state=SEED, stratify=table[target] if stratify else None
    )
    labels = train[target]
    # Fixed-width text whatever pandas calls its strings: the model's classes are the same in pandas 2 and 3.
    outcome = labels.to_numpy() if pd.api.types.is_numeric_dtype(labels) else labels.to_numpy(dtype=str)
    model.fit(train.drop(columns=target), outcome)
    train, evaluation = train.reset_index(drop=True), evaluation.reset_index(drop=True)
    return Recipe(model=model, train=train, evaluation=evaluation)


def _breast_cancer() -> pd.DataFrame:
    """Give the Wisconsin table: 569 tumours, 30 measurements, ``diagnosis`` malignant or benign."""
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer(as_frame=True)
    table = bunch.data.rename(columns=lambda name: name.replace(" ", "_"))
    table["diagnosis"] = bunch.target.map(dict(enumerate(map(str, bunch.target_names))))
    return table


def breast_cancer_logistic() -> Recipe:
    """Fit a logistic regression behind a scaler on the Wisconsin breast cancer data."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))
    return _fitted(model, _breast_cancer(), "diagnosis", share=0.4)


def breast_cancer_forest() -> Recipe:
    """Fit a bare random forest (no Pipeline) on the Wisconsin breast cancer data."""
    from sklearn.ensemble import RandomForestClassifier

    model = RandomForestClassifier(n_estimators=100, min_samples_leaf=3, random_state=SEED)
    return _fitted(model, _breast_cancer(), "diagnosis", share=0.4)


def digits_mlp() -> Recipe:
    """Fit a neural network on 8 x 8 grey images of digits; column ``row2_col5`` is one pixel, 0 to 16."""
    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    bunch = load_digits()
    names = [f"row{row}_col{column}" for row in range(8) for column in range(8)]
    table = pd.DataFrame(bunch.data.astype("int64"), columns=names)
    table["digit"] = bunch.target.astype("int64")
    network = MLPClassifier((48,), alpha=1e-2, early_stopping=True, max_iter=300, random_state=SEED)
    return _fitted(make_pipeline(StandardScaler(), network), table, "digit", share=0.4)


def wine_forest() -> Recipe:
    """Fit a random forest on 13 chemical measurements of wines from three cultivars."""
    from sklearn.datasets import load_wine
    from sklearn.ensemble import RandomForestClassifier

    bunch = load_wine(as_frame=True)
    table = bunch.data.rename(columns=lambda name: name.replace("/", "_"))
    table["cultivar"] = bunch.target.map({0: "first", 1: "second", 2: "third"})
    model = RandomForestClassifier(n_estimators=60, min_samples_leaf=2, random_state=SEED)
    return _fitted(model, table, "cultivar", share=0.5)


def diabetes_boosted() -> Recipe:
    """Fit bare boosted trees (HistGradientBoosting, no Pipeline) on the progression of diabetes in a year."""
    from sklearn.datasets import load_diabetes
    from sklearn.ensemble import HistGradientBoostingRegressor

    bunch = load_diabetes(as_frame=True, scaled=False)
    table = bunch.data.rename(columns=DIABETES_COLUMNS).astype({"age": "int64", "sex": "int64"})
    table["progression"] = bunch.target.astype("float64")
    model = HistGradientBoostingRegressor(
        learning_rate=0.05,
        max_iter=80,
        max_leaf_nodes=8,
        min_samples_leaf=15,
        early_stopping=False,
        random_state=SEED,
    )
    return _fitted(model, table, "progression", share=0.4, stratify=False)
