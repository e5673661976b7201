"""The one door to shap: exact Shapley values of scikit-learn's trees, in calls short enough to stop and to let others run."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np

from modelglass.analysis.errors import MissingPackage, NotApplicable
from modelglass.analysis.progress import Progress, blocks, tell

FORESTS = frozenset({"RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor"})
TREES = FORESTS | {
    "DecisionTreeClassifier",
    "DecisionTreeRegressor",
    "ExtraTreeClassifier",
    "ExtraTreeRegressor",
    "GradientBoostingClassifier",
    "GradientBoostingRegressor",
    "HistGradientBoostingClassifier",
    "HistGradientBoostingRegressor",
}
STEPS_A_CALL = 4e7
"""Rough leaf-by-depth steps that shap does in 0.1 s; it holds Python's lock for the whole of a call."""


def supports(estimator: Any) -> bool:
    """Tell whether this is a tree model of scikit-learn that shap knows."""
    return type(estimator).__name__ in TREES and type(estimator).__module__.startswith("sklearn.")


def refusal(estimator: Any) -> str:
    """Say why shap cannot explain this tree model exactly; '' where it can."""
    if getattr(estimator, "is_categorical_", None) is not None and np.any(estimator.is_categorical_):
        return "shap does not read the categorical splits of HistGradientBoosting"
    if type(estimator).__name__ == "GradientBoostingClassifier" and len(estimator.classes_) > 2:
        return "shap explains GradientBoostingClassifier with two classes only"
    if getattr(estimator, "n_outputs_", 1) > 1:
        return "the model has several outputs"
    return ""


def steps_a_row(estimator: Any) -> float:
    """Estimate the work of one row: leaves times squared depth, summed over the trees (the algorithm's order, Lundberg et al. 2020)."""

    def one(tree: Any) -> float:
        return float(tree.n_leaves) * max(float(tree.max_depth), 1.0) ** 2

    name = type(estimator).__name__
    if name in FORESTS:
        return sum(one(t.tree_) for t in estimator.estimators_)
    if name.startswith("Gradient"):
        return sum(one(t.tree_) for t in estimator.estimators_.ravel())
    if name.startswith("Hist"):
        return sum(
            float(p.get_n_leaf_nodes()) * max(p.get_max_depth(), 1) ** 2
            for stage in estimator._predictors
            for p in stage
        )
    return one(estimator.tree_)


def tree_values(estimator: Any, X: np.ndarray, progress: Progress | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Explain a tree model's raw output exactly; absent features follow the training rows down each tree (Lundberg et al. 2020).

    Parameters
    ----------
    X : float array, shape (n, p)
        What the estimator sees; NaN is missing.

    Returns
    -------
    values : array, shape (n, p, k)
    base : array, shape (k,)
        Mean raw output of the training rows. k is 1 for regression and boosted binary models, else the number of classes.
    """
    values: np.ndarray | None = None
    base: Any = 0.0
    parts = _parts(estimator)
    done = 0
    for part, share in parts:
        explainer = _explainer(part)
        work = steps_a_row(part)
        most = max(1, int(STEPS_A_CALL / max(work, 1.0)))
        for rows in blocks(len(X), start=min(16, most), seconds=0.15, most=most):
            got = _quietly(explainer, X[rows]) * share
            if values is None:
                values = np.zeros((len(X), *got.shape[1:]))
            values[rows] += got
            done += rows.stop - rows.start
            tell(progress, done / (len(X) * len(parts)), f"Shapley values of {len(X):,} rows")
        base = base + np.atleast_1d(np.asarray(explainer.expected_value, dtype="float64")) * share
    if values is None:
        raise NotApplicable("there are no rows to explain")
    return values, base


def _parts(estimator: Any) -> list[tuple[Any, float]]:
    """Cut a deep forest into smaller ones, so that even one row takes short calls: (part, its share of the mean)."""
    work = steps_a_row(estimator)
    if type(estimator).__name__ not in FORESTS or work <= STEPS_A_CALL:
        return [(estimator, 1.0)]
    trees = estimator.estimators_
    size = max(1, int(len(trees) * STEPS_A_CALL / work))
    parts = []
    for start in range(0, len(trees), size):
        part = copy.copy(estimator)
        part.estimators_ = trees[start : start + size]
        part.n_estimators = len(part.estimators_)
        parts.append((part, len(part.estimators_) / len(trees)))
    return parts


def _explainer(estimator: Any) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import shap

            return shap.TreeExplainer(estimator, feature_perturbation="tree_path_dependent")
    except ImportError as error:
        raise MissingPackage("shap", "Exact Shapley values of trees", "pip install shap") from error


def _quietly(explainer: Any, X: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        got = np.asarray(explainer.shap_values(X, check_additivity=False), dtype="float64")
    return got[:, :, None] if got.ndim == 2 else got
