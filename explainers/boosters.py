"""Exact Shapley values that XGBoost, LightGBM and CatBoost compute themselves: the numbers that shap passes on for these models.

No library is imported here: the fitted model brings its own along.
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

import numpy as np

from modelglass.analysis.models.catboost import pool
from modelglass.analysis.progress import Progress, blocks, tell


def library(estimator: Any) -> str:
    """Name the library of a boosted model: "xgboost", "lightgbm", "catboost", or ''."""
    name = type(estimator).__module__.split(".")[0]
    if name == "catboost" and hasattr(estimator, "get_feature_importance"):
        return name
    return (
        name
        if name in ("xgboost", "lightgbm")
        and (
            hasattr(estimator, "get_booster") or hasattr(estimator, "booster_") or type(estimator).__name__ == "Booster"
        )
        else ""
    )


def has_trees(estimator: Any) -> bool:
    """Tell whether a boosted model is made of trees; XGBoost's "gblinear" is not."""
    return library(estimator) != "xgboost" or _learner(estimator)["gradient_booster"]["name"] != "gblinear"


def _learner(estimator: Any) -> dict[str, Any]:
    """Give what XGBoost has noted of how a model was trained."""
    booster = estimator.get_booster() if hasattr(estimator, "get_booster") else estimator
    return dict(json.loads(booster.save_config())["learner"])


def refusal(estimator: Any) -> str:
    """Say why the library does not explain its model, completing "because ..."; '' where it does."""
    if library(estimator) == "lightgbm":
        booster = getattr(estimator, "booster_", estimator)
        if "\nis_linear=1" in booster.model_to_string(num_iteration=3):  # the first tree's leaves are constants
            return "each leaf of its trees is a linear model, and LightGBM does not explain these"
    trained = _learner(estimator).get("learner_train_param", {}) if library(estimator) == "xgboost" else {}
    if trained.get("multi_strategy") == "multi_output_tree":
        return "each leaf of its trees holds a value for every class or output, and XGBoost does not explain these"
    return ""


def margins(estimator: Any, X: Any) -> np.ndarray:
    """Give the raw output before any link, shape (n, k)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if library(estimator) == "lightgbm":
            raw = estimator.predict(X, raw_score=True)
        elif library(estimator) == "catboost":
            raw = estimator.predict(pool(estimator, X), prediction_type="RawFormulaVal")
        elif hasattr(estimator, "get_booster"):
            raw = estimator.predict(X, output_margin=True)
        else:
            raw = estimator.predict(_matrix(estimator, X), output_margin=True)
    return np.asarray(raw, dtype="float64").reshape(_rows(X), -1)


def booster_values(estimator: Any, X: Any, progress: Progress | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Explain a booster's raw output exactly; absent features follow the training rows down each tree.

    Parameters
    ----------
    X : array, sparse matrix or DataFrame, shape (n, p), as the estimator is fed

    Returns
    -------
    values : array, shape (n, p, k)
    base : array, shape (k,)
    """
    n, parts = _rows(X), []
    for rows in blocks(n, start=32, seconds=0.15):
        parts.append(_contributions(estimator, X.iloc[rows] if hasattr(X, "iloc") else X[rows]))
        tell(progress, rows.stop / max(n, 1), f"Shapley values of {n:,} rows")
    both = np.concatenate(parts)  # (n, k, p + 1), the base last
    return np.moveaxis(both[:, :, :-1], 1, 2), both[0, :, -1].copy()


def _contributions(estimator: Any, X: Any) -> np.ndarray:
    n, width = _rows(X), X.shape[1] + 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if library(estimator) == "lightgbm":
            got = estimator.predict(X, pred_contrib=True)
            if isinstance(got, list):  # sparse input of several classes
                got = np.stack([np.asarray(g.todense()) for g in got], axis=1)
            elif hasattr(got, "toarray"):
                got = got.toarray()
        elif library(estimator) == "catboost":
            got = estimator.get_feature_importance(pool(estimator, X), type="ShapValues", thread_count=1)
        else:
            booster = estimator.get_booster() if hasattr(estimator, "get_booster") else estimator
            used = estimator._get_iteration_range(None) if hasattr(estimator, "_get_iteration_range") else (0, 0)
            got = booster.predict(
                _matrix(estimator, X), pred_contribs=True, iteration_range=used, validate_features=False
            )
    return np.asarray(got, dtype="float64").reshape(n, -1, width)


def _matrix(estimator: Any, X: Any) -> Any:
    """Wrap rows for an XGBoost booster as its scikit-learn face does."""
    settings = {
        "missing": getattr(estimator, "missing", np.nan),
        "feature_types": getattr(estimator, "feature_types", None),
    }
    matrix = sys.modules[type(estimator).__module__.split(".")[0]].DMatrix
    return matrix(X, enable_categorical=True, **{k: v for k, v in settings.items() if v is not None})


def _rows(X: Any) -> int:
    return int(X.shape[0])
