"""Real models, really fitted: three kinds behind a Pipeline, chosen by seed, with the imperfections that real models have."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, PowerTransformer, SplineTransformer

from .tables import Shape


def model_of(made: Shape) -> Pipeline:
    """Make the unfitted model of a world: one of sums of splines where its truth is such a sum, else boosted trees, or a forest for one in three."""
    regression = made.task == "regression"
    seed = made.seed
    if made.linear:
        last = Ridge(alpha=1.0) if regression else LogisticRegression(C=1.0, max_iter=2_000)
        bent = make_pipeline(
            SimpleImputer(strategy="median"), PowerTransformer(), SplineTransformer(n_knots=6, extrapolation="linear")
        )
        numbers = FeatureUnion([("bent", bent), ("missing", MissingIndicator(features="all"))])
        return Pipeline([("columns", _columns(made, numbers, OneHotEncoder(handle_unknown="ignore"))), ("model", last)])
    if seed % 3 == 2:
        kind = RandomForestRegressor if regression else RandomForestClassifier
        share = 1.0 if regression else 0.5
        last = kind(n_estimators=30, min_samples_leaf=5, max_features=share, random_state=seed, n_jobs=1)
        numbers = SimpleImputer(strategy="median", add_indicator=True)
        return Pipeline([("columns", _columns(made, numbers, OneHotEncoder(handle_unknown="ignore"))), ("model", last)])
    kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    last = kind(
        max_iter=120,
        learning_rate=0.06,
        max_leaf_nodes=10,
        min_samples_leaf=30,
        l2_regularization=1.0,
        random_state=seed,
        early_stopping=False,
    )
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    return Pipeline([("columns", _columns(made, "passthrough", codes)), ("model", last)])


def _columns(made: Shape, numbers: object, categories: object) -> ColumnTransformer:
    return ColumnTransformer(
        [("numbers", numbers, list(made.numbers)), ("categories", categories, list(made.categories))]
    )


def fitted(made: Shape, train: pd.DataFrame, features: list[str] | None = None) -> Pipeline:
    """Fit the world's model on its training rows."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a constant quantile, say, is the world's business and not the test's
        return model_of(made).fit(train[features or made.features], train[made.target].to_numpy())
