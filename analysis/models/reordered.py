"""A model whose classes stand in another order: a baseline beside a model that counts them otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.models.base import Model


def reordered(model: Model, classes: Sequence[Any]) -> Model:
    """Give the same model with its score columns in the order of ``classes``, which are its own."""
    return _Reordered(model, tuple(classes)) if tuple(classes) != tuple(model.classes or ()) else model


class _Reordered(Model):
    def __init__(self, model: Model, classes: tuple[Any, ...]):
        super().__init__(model.estimator, name=model.name, fingerprint=model.fingerprint)
        self.kind, self.foreign = model.kind, model.foreign  # type: ignore[misc]
        self.task, self.classes, self.score_kind, self.notes = model.task, classes, model.score_kind, model.notes
        self.feature_names, self.n_features, self.categories = model.feature_names, model.n_features, model.categories
        self._model = model
        self._order = [list(model.classes or ()).index(c) for c in classes]

    def categories_in(self, frame: pd.DataFrame, train: pd.DataFrame | None = None) -> Any:
        return self._model.categories_in(frame, train)

    def prepare(self, frame: pd.DataFrame) -> Any:
        return self._model.prepare(frame)

    def both(self, X: Any) -> tuple[np.ndarray, np.ndarray | None]:
        labels, scores = self._model.both(X)
        return labels, self._turned(scores)

    def predict(self, X: Any) -> np.ndarray:
        return self._model.predict(X)

    def scores(self, X: Any) -> np.ndarray | None:
        return self._turned(self._model.scores(X))

    def _turned(self, scores: np.ndarray | None) -> np.ndarray | None:
        """Columns in our order; the one column of a decision function speaks for the second class, so it changes its sign."""
        if scores is None:
            return None
        scores = np.asarray(scores)
        return -scores if scores.ndim == 1 or scores.shape[1] == 1 else scores[:, self._order]
