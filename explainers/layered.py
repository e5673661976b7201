"""scikit-learn's multilayer perceptrons from their first layer on: where one column changes, only its own share of that layer does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from modelglass.analysis.models.perceptron import activated
from modelglass.explainers.effect_grid import side_by_side
from modelglass.explainers.effect_links import IDENTITY, LOGISTIC, LOST, SOFTMAX, answered

POINTS, STEPS = 32_768, 16_384
"""Pairs of a row and a grid value, or a step, that one thread answers before the next ones."""
BLOCK, FEW = 4_096, 1_024
"""Rows whose hidden layer stays in the processor's cache, and in the nearer one of a single processor."""

_NONE = np.empty(0, dtype=np.int64)


class Layered:
    """The layers of a fitted ``MLPClassifier`` or ``MLPRegressor``, as it would compute them.

    weights, shifts     of each layer: (inputs, units) and (units,)
    """

    def __init__(self, estimator: Any):
        self.weights, self.shifts = list(estimator.coefs_), list(estimator.intercepts_)
        self.between, self.last = str(estimator.activation), str(estimator.out_activation_)

    @property
    def outputs(self) -> int:
        """Number of values for a row."""
        return len(self.shifts[-1])

    def fill(self, first: np.ndarray, columns: np.ndarray, numbers: np.ndarray, out: np.ndarray) -> None:
        """Fill out (n, outputs) with the answers for rows of which some columns hold these numbers.

        Parameters
        ----------
        first : array, shape (n, units)
            What the first layer sums up for these rows without the columns that change.
        columns, numbers : arrays, shape (changed,)
        """
        share = numbers @ self.weights[0][columns]
        for at in range(0, len(first), BLOCK):
            here = slice(at, at + BLOCK)
            out[here] = self._rest(first[here] + share)

    def first(self, Z: np.ndarray, columns: np.ndarray = _NONE) -> np.ndarray:
        """Sum up the first layer, shape (n, units); without some columns where they are given."""
        kept = np.setdiff1d(np.arange(Z.shape[1]), columns)
        return Z[:, kept] @ self.weights[0][kept] + self.shifts[0]

    def parted(self, whole: np.ndarray, seen: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give what the first layer sums up, (n, units), and what of it the columns that change hold, (n, changed).

        Where they hold numbers so large that the others' share was lost beside theirs, the sums are without them, and they hold 0.
        """
        held = np.ascontiguousarray(seen[:, columns])
        size = np.abs(self.weights[0][columns]).max(axis=1, initial=0.0)
        lost = np.flatnonzero((np.abs(held) > LOST / np.maximum(size, 1e-300)).any(axis=1))
        if len(lost):
            whole, held[lost] = whole.copy(), 0.0
            whole[lost] = self.first(seen[lost], columns)
        return whole, held

    def at(self, whole: np.ndarray, columns: np.ndarray, change: np.ndarray) -> np.ndarray:
        """Give the answers (n, outputs) for rows of which some columns change.

        Parameters
        ----------
        whole : array, shape (n, units)
            What the first layer sums up for these rows as they are.
        columns, change : arrays, shapes (changed,) and (n, changed)
            What is added to those columns.
        """
        weights, out = self.weights[0][columns], np.empty((len(whole), self.outputs))
        for at in range(0, len(whole), FEW):
            here = slice(at, at + FEW)
            first = change[here] * weights if len(columns) == 1 else change[here] @ weights
            first += whole[here]
            out[here] = self._rest(first)
        return out

    def points(
        self,
        whole: np.ndarray,
        held: np.ndarray,
        columns: np.ndarray,
        numbers: np.ndarray,
        rows: np.ndarray,
        value: np.ndarray,
        out: np.ndarray,
    ) -> Callable[[int], int]:
        """Give what fills out (pairs, outputs) with the answers at some pairs of a row and a grid value of one column; see ``ends``."""

        def fill(first: int) -> int:
            at, to = rows[first : first + POINTS], value[first : first + POINTS]
            taken = side_by_side(at)
            out[first : first + POINTS] = self.at(whole[taken], columns, numbers[to] - held[taken])
            return len(at)

        return fill

    @property
    def rectified(self) -> bool:
        """Tell whether there is one hidden layer, of rectified units."""
        return len(self.weights) == 2 and self.between == "relu"

    def ends(
        self,
        whole: np.ndarray,
        held: np.ndarray,
        columns: np.ndarray,
        numbers: np.ndarray,
        rows: np.ndarray,
        step: np.ndarray,
        out: np.ndarray,
    ) -> Callable[[int], int]:
        """Give what fills out (outputs, 2, pairs) with the answers at both ends of some steps of one column, from a first pair on; it says how many.

        Parameters
        ----------
        whole, held : arrays, shapes (n, units) and (n, c)
            What the first layer sums up for rows as they are, and what they hold in the c ``columns`` that change.
        numbers : array, shape (grid, c)
            What these columns hold at each grid value.
        rows, step : arrays, shape (pairs,)
            Place of the row, and of the grid value from which its step leads to the next.
        """
        from modelglass.explainers import bin_kernels

        weights = self.weights[0][columns]
        share, last = numbers @ weights, np.ascontiguousarray(self.weights[1].T)

        def fill(first: int) -> int:
            here = slice(first, first + STEPS)
            found = np.empty((len(last), 2, len(rows[here])))
            bin_kernels.relu_ends(whole, held, weights, share, last, self.shifts[1], rows[here], step[here], found)
            answered(found, {"logistic": LOGISTIC, "softmax": SOFTMAX}.get(self.last, IDENTITY), axis=0)
            out[:, :, here] = found
            return found.shape[2]

        return fill

    def _rest(self, h: np.ndarray) -> np.ndarray:
        for weights, shift in zip(self.weights[1:], self.shifts[1:], strict=True):
            h = activated(h, self.between) @ weights
            h += shift
        return activated(h, self.last)


def layered(estimator: Any, task: str) -> Layered | None:
    """Give the layers of a multilayer perceptron of one outcome; None for anything else."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    wanted = MLPRegressor if task == "regression" else MLPClassifier
    if type(estimator) is not wanted or not hasattr(estimator, "coefs_") or len(estimator.coefs_) < 2:
        return None
    if estimator.out_activation_ not in ("identity", "logistic", "softmax"):
        return None
    expected = 1 if task != "multiclass" else len(estimator.classes_)
    return Layered(estimator) if estimator.n_outputs_ == expected else None
