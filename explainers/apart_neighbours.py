"""scikit-learn's nearest neighbours taken apart by columns: distances by all but one column are worked out once, and few training rows looked at for each value."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.feeding import Pace, one_thread
from modelglass.explainers.apart import Apart
from modelglass.explainers.tree_shapley import in_parts

PART, ROWS, MORE = 64, 8, 6
"""Rows of one thread, and of them those that go through the training data together; neighbours looked at beyond k, to see which are as near as the last."""
FLOOR = 5e7
"""A squared distance that is so many times what brute force is usually off by gives a weight to eight digits."""

WORK = 2_000_000_000
"""Numbers of training rows that scikit-learn's brute force compares in about half a second."""


class Neighbours(Apart):
    """``KNeighborsClassifier`` or ``KNeighborsRegressor`` by plain distance: its square is a sum over columns.

    Which of several training rows that are equally far (but for rounding) is the last neighbour is the estimator's own affair, and hangs on
    how it looks for them: it is asked where that matters, as it is where a row is not of finite numbers, so that the error is its own.
    """

    def __init__(self, estimator: Any, task: str):
        self.estimator, self.probabilities = estimator, task != "regression"
        fitted = np.asarray(estimator._fit_X, dtype="float64")
        self._rows = fitted
        self._training = np.vstack([fitted.T, np.zeros(len(fitted))])  # and a column that says nothing
        self._k, self._by_distance = int(estimator.n_neighbors), estimator.weights == "distance"
        self._answer = _answers(estimator, task)
        self.outputs = self._answer.shape[1]
        self._work, self._pace = 0, Pace()
        # scikit-learn's brute force takes a product from two squares, its ball trees take a radius from a distance
        self._method = estimator._fit_method
        self._largest = float((fitted**2).sum(axis=1).max()) if self._method == "ball_tree" else 0.0

    def over(self, Z: np.ndarray, columns: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Give the answers, (grid, n, outputs); probabilities, of two classes that of the second."""
        if not self._pays(len(Z) * len(numbers)):
            asked = np.tile(Z, (len(numbers), 1))
            asked[:, columns] = np.repeat(numbers, len(Z), axis=0)
            return self._ask(asked).reshape(len(numbers), len(Z), -1)
        from modelglass.explainers import neighbour_kernels as kernels

        kept = np.setdiff1d(np.arange(Z.shape[1]), columns)
        Z = np.ascontiguousarray(Z, dtype="float64")
        own = np.ascontiguousarray(self._rows[:, columns])
        others = np.zeros((len(Z) + len(Z) % 2, len(kept) + -len(kept) % 4))
        others[: len(Z), : len(kept)] = Z[:, kept]
        given = np.ascontiguousarray(numbers.T, dtype="float64")
        kept = np.append(kept, np.full(others.shape[1] - len(kept), Z.shape[1]))  # in fours
        digits, rounding = self._rounding(others[: len(Z)], given)
        floor = 4 * np.finfo(float).eps / digits * FLOOR if self._method == "brute" else 0.0
        out = np.empty((given.shape[1], len(Z), self.outputs))
        unknown = np.empty(out.shape[:2], dtype=np.bool_)
        k, way, answer = self._k, self._by_distance, self._answer

        def some(first: int) -> int:
            near = np.empty((ROWS, len(self._rows)))
            for at in range(first, min(first + PART, len(Z)), ROWS):
                here = slice(at, at + ROWS)
                kernels.rests(self._training, kept, others[here], near)
                found = out[:, here], unknown[:, here]
                kernels.over(near, own, given, k, MORE, way, digits, rounding[:, here], floor, answer, *found)
            return len(Z[first : first + PART])

        in_parts(some, range(0, len(Z), PART), len(Z), "", None, None)
        value, row = np.nonzero(unknown)
        if len(row):
            asked = Z[row]
            asked[:, columns] = numbers[value]
            out[value, row] = self._ask(asked)
        return out

    def _pays(self, pairs: int) -> bool:
        """Tell whether so many answers more pay for the seconds that it takes to load the loops; always where they are loaded."""
        self._work += pairs * self._rows.size
        return self._work > WORK or "modelglass.explainers.neighbour_kernels" in sys.modules

    def _rounding(self, others: np.ndarray, given: np.ndarray) -> tuple[float, np.ndarray]:
        """Give what a squared distance as large as 1 may be off by, and for each grid value and row what any may be on top, (grid, rows)."""
        digits = float(8 * (others.shape[1] + len(given) + 4) * np.finfo(float).eps)
        if self._method == "kd_tree":
            return digits, np.zeros((given.shape[1], len(others)))
        size = (given**2).sum(axis=0)[:, None] + (others**2).sum(axis=1)
        return digits, digits * (size + self._largest)

    def _ask(self, Z: np.ndarray) -> np.ndarray:
        """Ask the estimator itself, (n, outputs)."""
        names = getattr(self.estimator, "feature_names_in_", None)
        given: Any = Z if names is None else pd.DataFrame(Z, columns=names)
        with self._pace.asking(len(Z)), one_thread(len(Z)):
            if not self.probabilities:
                return np.asarray(self.estimator.predict(given), dtype="float64").reshape(-1, 1)
            found = np.asarray(self.estimator.predict_proba(given), dtype="float64")
        return found[:, 1:] if self.outputs == 1 else found


def _answers(estimator: Any, task: str) -> np.ndarray:
    """Give what each training row says, (n, outputs): its value, or 1 for its class; of two classes for the second."""
    if task == "regression":
        return np.asarray(estimator._y, dtype="float64").reshape(-1, 1)
    classes = np.arange(1 if task == "binary" else 0, len(estimator.classes_))
    return np.asarray(np.asarray(estimator._y)[:, None] == classes, dtype="float64")


def neighbours(estimator: Any, task: str) -> Neighbours | None:
    """Take nearest neighbours apart; None where distances, weights or training data are not plain."""
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    if type(estimator) is not (KNeighborsRegressor if task == "regression" else KNeighborsClassifier):
        return None
    fitted, way = getattr(estimator, "_fit_X", None), getattr(estimator, "_fit_method", None)
    if not isinstance(fitted, np.ndarray) or fitted.dtype not in (np.float64, np.int64, np.int32, np.bool_):
        return None
    if way not in ("brute", "kd_tree", "ball_tree") or estimator.weights not in ("uniform", "distance"):
        return None
    if estimator.effective_metric_ != "euclidean" or estimator.effective_metric_params_ or estimator.metric_params:
        return None
    if not 1 <= estimator.n_neighbors <= len(fitted):
        return None
    expected = {
        "regression": np.size(estimator._y) == len(fitted),
        "binary": len(getattr(estimator, "classes_", ())) == 2,
    }
    alone = expected.get(task, not getattr(estimator, "outputs_2d_", False))
    return Neighbours(estimator, task) if alone and not getattr(estimator, "outputs_2d_", False) else None
