"""scikit-learn's multilayer perceptrons from their first layer on: where one column changes, only its own share of that layer does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from modelglass.analysis.models.perceptron import activated
from modelglass.explainers.effect_grid import side_by_side
from modelglass.explainers.effect_links import IDENTITY, LOGISTIC, LOST, SOFTMAX, answered

POINTS, STEPS = 32_768, 16_384
"""Pairs of a row and a grid value, or a step, that one thread answers before the next ones."""
ROWS, FEW = 1_024, 1_024
"""Rows that one thread answers at all grid values; rows whose hidden layer stays in the cache of a single processor."""

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

    def over(
        self,
        whole: np.ndarray,
        held: np.ndarray,
        columns: np.ndarray,
        numbers: np.ndarray,
        loops: bool,
        out: np.ndarray,
    ) -> Callable[[int], int]:
        """Give what fills out (outputs, grid, n) with the answers at each grid value of one column, from a first row on; it says for how many rows.

        Parameters
        ----------
        whole, held, columns, numbers
            As in ``ends``.
        loops : bool
            Compiled ones, where they know the units.
        """
        weights = self.weights[0][columns]
        share = numbers @ weights
        units = _Units(self.between, share) if loops else None

        def fill(first: int) -> int:
            here = slice(first, first + ROWS)
            rest = whole[here] - held[here] @ weights
            if units is None or not units.know(rest):
                for v, more in enumerate(share):
                    out[:, v, here] = self._rest(rest + more).T
            elif len(self.weights) == 2:
                found = np.empty((len(out), len(share), len(rest)))
                units.summed(rest, self.weights[1], self.shifts[1], found)
                answered(found, self._link, axis=0)
                out[:, :, here] = found
            else:
                found = np.empty((len(share), len(rest), len(out)))
                for v, values in enumerate(units.values(rest)):
                    self._summed(values, found[v])
                answered(found, self._link, axis=2)
                out[:, :, here] = found.transpose(2, 0, 1)
            return len(rest)

        return fill

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
            answered(found, self._link, axis=0)
            out[:, :, here] = found
            return found.shape[2]

        return fill

    @property
    def _link(self) -> int:
        return {"logistic": LOGISTIC, "softmax": SOFTMAX}.get(self.last, IDENTITY)

    def _rest(self, first: np.ndarray) -> np.ndarray:
        """Give the answers from what the first layer sums up."""
        found = np.empty((len(first), self.outputs))
        self._summed(activated(first, self.between), found)
        return activated(found, self.last)

    def _summed(self, h: np.ndarray, out: np.ndarray) -> None:
        """Write what the last layer sums up, from what the first layer's units hold."""
        for weights, shift in zip(self.weights[1:-1], self.shifts[1:-1], strict=True):
            h = h @ weights
            h += shift
            h = activated(h, self.between)
        np.matmul(h, self.weights[-1], out=out)
        out += self.shifts[-1]


class _Units:
    """Units of a first layer in compiled loops. Those that bend smoothly take an exponential, which of a sum is a product: one for each row and each grid value.

    share   what the columns that change add at each grid value, (grid, units)
    """

    def __init__(self, between: str, share: np.ndarray):
        self.rectified = between == "relu"
        self.times, self.base, self.slope = {"tanh": (2.0, 1.0, -2.0), "logistic": (-1.0, 0.0, 1.0)}.get(
            between, _PLAIN
        )
        self._known = between in ("relu", "tanh", "logistic") and self._small(share)
        self._share = self._given(share) if self._known else share

    def know(self, rest: np.ndarray) -> bool:
        """Tell whether rows (n, units) are known here: all are numbers, and of no size whose exponential is none."""
        return self._known and self._small(rest)

    def summed(self, rest: np.ndarray, weights: np.ndarray, shift: np.ndarray, out: np.ndarray) -> None:
        """Fill out (outputs, grid, n) with what the layer behind sums up."""
        from modelglass.explainers import bin_kernels

        last, kind = np.ascontiguousarray(weights.T), (self.rectified, self.base, self.slope)
        bin_kernels.layer_over(self._given(rest), self._share, *kind, last, shift, out)

    def values(self, rest: np.ndarray) -> Iterator[np.ndarray]:
        """Give what the units hold at one grid value after the other, (n, units); each is written over by the next."""
        from modelglass.explainers import bin_kernels

        given, out = self._given(rest), np.empty(rest.shape)
        for v in range(len(self._share)):
            bin_kernels.first_layer(given, self._share, v, self.rectified, self.base, self.slope, out)
            yield out

    def _given(self, sums: np.ndarray) -> np.ndarray:
        return sums if self.rectified else np.exp(self.times * sums)

    def _small(self, sums: np.ndarray) -> bool:
        return bool(np.abs(sums).max(initial=0.0) <= (1e300 if self.rectified else 150.0))


_PLAIN = 1.0, 0.0, 0.0


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
