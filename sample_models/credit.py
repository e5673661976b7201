"""Two models of the invented lender's loans, each one Pipeline from raw columns to a probability."""

from __future__ import annotations

from typing import Any

from modelglass.sample_models.credit_table import CATEGORICAL, FEATURES, NUMERIC, TARGET, tables
from modelglass.sample_models.credit_truth import truth
from modelglass.sample_models.recipe import Recipe


def boosted() -> Recipe:
    """Fit HistGradientBoosting behind imputers and one-hot encoding."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    trees = HistGradientBoostingClassifier(
        learning_rate=0.1,
        max_iter=100,
        max_leaf_nodes=8,
        min_samples_leaf=40,
        early_stopping=False,
        random_state=0,
    )
    return _recipe(trees, scaled=False, stepped=True)


def logistic() -> Recipe:
    """Fit a logistic regression behind imputers, scaling and one-hot encoding."""
    from sklearn.linear_model import LogisticRegression

    return _recipe(LogisticRegression(max_iter=1_000), scaled=True, stepped=False)


def _recipe(classifier: Any, *, scaled: bool, stepped: bool) -> Recipe:
    train, evaluation = tables()
    model = _pipeline(classifier, scaled=scaled)
    # Fixed-width text whatever pandas calls its strings: the model's classes are the same in pandas 2 and 3.
    model.fit(train[FEATURES], train[TARGET].to_numpy(dtype=str))
    planted = truth(model, train, evaluation, stepped=stepped)
    return Recipe(model=model, train=train, evaluation=evaluation, truth=planted)


def _pipeline(classifier: Any, *, scaled: bool) -> Any:
    """Build the Pipeline; columns are chosen by name, because the dtype of text differs in pandas 2 and 3."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numeric = make_pipeline(SimpleImputer(strategy="median"), *([StandardScaler()] if scaled else []))
    categorical = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    )
    columns = ColumnTransformer([("numeric", numeric, NUMERIC), ("categorical", categorical, CATEGORICAL)])
    return Pipeline([("columns", columns), ("model", classifier)])
