"""Asking the model of an Evaluation about any rows, as it was asked about its own."""

from __future__ import annotations

import numpy as np
import pandas as pd

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.feeding import call, call_scores
from modelglass.analysis.held import Held
from modelglass.analysis.models.base import Model


class Asking(Held):
    """The part of ``Evaluation`` that asks the model."""

    def inputs(self) -> pd.DataFrame:
        """Give the raw columns that the model reads, for these rows."""
        return self.frame[list(self.features)]

    def _fed(self, frame: pd.DataFrame) -> tuple[Model, pd.DataFrame]:
        if self._all.model is None or self._all.feed is None:
            raise NotApplicable("there is no model here, only predictions")
        return self._all.model, self._all.feed.apply(frame)

    def output(self, frame: pd.DataFrame) -> np.ndarray:
        """Ask the model about any rows: what explanations explain.

        Parameters
        ----------
        frame : pandas.DataFrame, shape (m, n_features)
            Raw columns as ``inputs()`` gives them.

        Returns
        -------
        numpy.ndarray of float64
            Binary: score of the positive class, shape (m,) (0/1 decisions where the model gives no scores). Multi-class: shape
            (m, k). Regression: shape (m,).
        """
        model, fed = self._fed(frame)
        if self.task != "regression" and model.score_kind is not None:
            scores = call_scores(model, fed)  # labels are often as much work again
            if scores is not None:
                return self._all.oriented(scores)
        labels, scores = call(model, fed)
        if self.task == "regression":
            return np.asarray(labels, dtype="float64").reshape(len(frame))
        if scores is None:
            codes = self._all.codes_of(labels)
            return (
                (codes == self.positive_index).astype("float64")
                if self.task == "binary"
                else np.eye(len(self.classes))[codes]
            )
        return self._all.oriented(scores)

    def answer(self, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray | None]:
        """Ask the model once about any rows: decisions as ``predicted`` holds them, and scores as ``score`` holds them.

        Parameters
        ----------
        frame : pandas.DataFrame, shape (m, n_features)
            Raw columns as ``inputs()`` gives them.
        """
        return self.read(*call(*self._fed(frame)))

    def read(self, labels: np.ndarray, scores: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
        """Turn a model's own labels and score columns into decisions and scores as ``answer`` gives them.

        Parameters
        ----------
        labels, scores : arrays, shapes (m,) and (m, k) or None
            As the model, or another with its classes, gives them.
        """
        if self.task == "regression":
            return np.asarray(labels, dtype="float64").reshape(len(labels)), None
        if scores is None:
            return self._all.codes_of(labels), None
        score = self._all.oriented(scores)
        return (self._all.codes_of(labels) if self.threshold is None else self._decided(score)), score

    def predict_codes(self, frame: pd.DataFrame) -> np.ndarray:
        """Decide new rows at the operating threshold: codes into ``classes``, or values in regression."""
        return self.answer(frame)[0]
