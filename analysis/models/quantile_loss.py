"""The quantile that a model was trained for, read from its loss: through pipelines, searches, stacks and transformed targets."""

from __future__ import annotations

from typing import Any

from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor, StackingRegressor
from sklearn.linear_model import QuantileRegressor

from modelglass.analysis.models.sklearn import final_step


def answering(estimator: Any) -> tuple[Any, tuple[Any, ...]]:
    """Give the estimator inside whose answer is the answer, and the transformers of the target that it passes, outermost first."""
    through: list[Any] = []
    while True:
        estimator = final_step(estimator)
        if isinstance(estimator, TransformedTargetRegressor):
            through.append(estimator.transformer_)
            estimator = estimator.regressor_
        elif isinstance(estimator, StackingRegressor):
            estimator = estimator.final_estimator_
        else:
            return estimator, tuple(through)


def quantile_of(estimator: Any) -> tuple[float, ...] | None:
    """Give the share that an estimator of scikit-learn was trained for, alone in a tuple; None where its loss is no quantile loss.

    >>> quantile_of(QuantileRegressor(quantile=0.9)), quantile_of(HistGradientBoostingRegressor())
    ((0.9,), None)
    """
    if isinstance(estimator, QuantileRegressor):
        return (float(estimator.quantile),)
    if isinstance(estimator, HistGradientBoostingRegressor) and estimator.loss == "quantile":
        return (float(estimator.quantile),)
    if isinstance(estimator, GradientBoostingRegressor) and estimator.loss == "quantile":
        return (float(estimator.alpha),)
    return None
