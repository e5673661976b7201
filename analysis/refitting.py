"""Fitting the same kind of model again on other training rows, and judging rows with it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.feeding import call
from modelglass.analysis.groups import Rows, rows_of
from modelglass.analysis.models.loading import wrap_model
from modelglass.analysis.paired import judged_answers
from modelglass.analysis.registry import LACKING

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation
    from modelglass.analysis.models.base import Model


def training(ev: Evaluation) -> Evaluation:
    """Give the training data; NotApplicable where they were not given or hold no target."""
    if ev.train is None:
        raise NotApplicable(LACKING["train"])
    return ev.whole.on("train")


class Refitter:
    """Fits the model of ``ev`` again, with its settings and without weights.

    clean       ``rows_of(ev)``;  inputs: the raw training columns that the model reads; y: their outcomes, as the model was taught them, (n,)
    """

    def __init__(self, ev: Evaluation, train: Evaluation):
        self.ev, self.clean, self.inputs = ev, rows_of(ev), train.inputs()
        self._fresh()
        labels = ev.model.classes if ev.model is not None and ev.model.classes else ev.classes
        self.y = train.y if ev.task == "regression" else np.asarray(labels)[train.y]

    def _fresh(self) -> Any:
        from sklearn.base import clone

        estimator = self.ev.estimator
        if not hasattr(estimator, "fit") or not hasattr(estimator, "get_params"):
            raise NotApplicable(
                f"a {type(estimator).__name__} cannot be fitted again; this needs an estimator with scikit-learn's fit and get_params"
            )
        try:
            return clone(estimator)
        except (TypeError, RuntimeError, ValueError) as error:
            raise NotApplicable(
                f"the model cannot be copied unfitted ({' '.join(str(error).split())[:120]})"
            ) from error

    def _feed(self, frame: pd.DataFrame) -> Any:
        return self.ev.feed.apply(frame) if self.ev.feed is not None else frame

    def fitted(self, inputs: pd.DataFrame, y: np.ndarray, what: str) -> Model:
        """Fit a fresh copy on raw columns and outcomes; ``what`` says with what, where the model refuses."""
        fresh = self._fresh()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fresh.fit(self._feed(inputs), y)
        except Exception as error:  # a model may refuse in any way
            raise NotApplicable(f"the model cannot be fitted {what} ({' '.join(str(error).split())[:120]})") from error
        return wrap_model(fresh)

    def judged(self, model: Model, inputs: pd.DataFrame, class_: Any = None) -> Rows:
        """Judge the rows of ``ev``, with these raw columns, by a fit."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            labels, scores = call(model, self._feed(inputs))
        return judged_answers(self.ev, *self.ev.read(labels, scores), self.clean, class_)
