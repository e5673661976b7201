"""Estimators whose answer can be worked out from all but one column, worked out once, and that column's own part: radial kernels, naive Bayes, neighbours."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from modelglass.explainers.effect_links import LOGISTIC, SOFTMAX, answered
from modelglass.explainers.loops import held_back

PAIRS = 1_000_000
"""Distances between rows and support vectors that are held at a time."""


class Apart(ABC):
    """An estimator taken apart.

    outputs         values for a row, one for two classes
    probabilities   whether they are shares; else a decision, or a value
    """

    outputs: int
    probabilities: bool

    @abstractmethod
    def over(self, Z: np.ndarray, columns: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Give the answers where some columns hold each of these numbers in turn.

        Parameters
        ----------
        Z : array, shape (n, p)
        columns : array, shape (changed,)
        numbers : array, shape (grid, changed)

        Returns
        -------
        array, shape (grid, n, outputs)
        """


class Radial(Apart):
    """A weighted sum of radial kernels: exp(-gamma d2) is a product over columns, so the others' part is multiplied by the column's.

    Support vector machines, and the mean of Gaussian processes, whose columns may have a length each.
    """

    outputs, probabilities = 1, False

    def __init__(self, vectors: Any, weight: Any, base: float, gamma: float, length: Any = 1.0):
        self.vectors, self.weight, self.base, self.gamma = np.asarray(vectors), np.ravel(weight), base, gamma
        self.length = np.broadcast_to(np.asarray(length, dtype="float64"), self.vectors.shape[1:])

    def over(self, Z: np.ndarray, columns: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Give the answers, (grid, n, 1)."""
        kept = np.setdiff1d(np.arange(Z.shape[1]), columns)
        vectors, size = self.vectors / self.length, self.length[kept]
        others, own = vectors[:, kept], vectors[:, columns]
        part = np.exp(-self.gamma * _distances(own, numbers / self.length[columns])) * self.weight[:, None]
        out, step = np.empty((len(numbers), len(Z), 1)), max(1, PAIRS // len(own))
        for at in range(0, len(Z), step):
            near = _distances(Z[at : at + step, kept] / size, others)
            near *= -self.gamma
            out[:, at : at + step, 0] = (np.exp(near, out=near) @ part).T
        return out + self.base


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Give squared distances, (rows of a, rows of b)."""
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(a, b, "sqeuclidean")) if a.shape[1] else np.zeros((len(a), len(b)))


class Bayes(Apart):
    """Gaussian naive Bayes: the logarithm of a class's density is a sum over columns."""

    probabilities = True

    def __init__(self, estimator: Any):
        self.mean, self.variance = np.asarray(estimator.theta_), np.asarray(estimator.var_)
        with np.errstate(divide="ignore"):
            self.prior = np.log(np.asarray(estimator.class_prior_))
        self.outputs = 1 if len(self.prior) == 2 else len(self.prior)

    def _sums(self, Z: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Sum up columns Z (n, columns), (classes, n)."""
        mean, variance = self.mean[:, columns], self.variance[:, columns]
        out = np.empty((len(mean), len(Z)))
        for k, (m, v) in enumerate(zip(mean, variance, strict=True)):
            out[k] = -0.5 * (np.log(2 * np.pi * v).sum() + ((Z - m) ** 2 / v).sum(axis=1))
        return out

    def over(self, Z: np.ndarray, columns: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Give the probabilities, (grid, n, outputs); of two classes that of the second."""
        kept = np.setdiff1d(np.arange(Z.shape[1]), columns)
        rest, own = self.prior[:, None] + self._sums(Z[:, kept], kept), self._sums(numbers, columns)
        if self.outputs == 1:
            rest, own = rest[1:] - rest[:1], own[1:] - own[:1]
        out = own[:, :, None] + rest[:, None, :]
        answered(out, LOGISTIC if self.outputs == 1 else SOFTMAX, axis=0)
        return out.transpose(1, 2, 0)


def apart(estimator: Any, task: str) -> Apart | None:
    """Take an estimator apart; None for one that is not known here."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.naive_bayes import GaussianNB
    from sklearn.svm import SVC, SVR, NuSVC, NuSVR

    from modelglass.explainers.apart_neighbours import neighbours  # which is one of those defined here

    near = None if held_back() else neighbours(estimator, task)
    if near is not None:
        return near
    if type(estimator) is GaussianNB and task in ("binary", "multiclass") and hasattr(estimator, "var_"):
        return Bayes(estimator)
    if type(estimator) is GaussianProcessRegressor and task == "regression":
        return _process(estimator)
    wanted = {"regression": (SVR, NuSVR), "binary": (SVC, NuSVC)}.get(task, ())
    if type(estimator) not in wanted or not hasattr(estimator, "support_vectors_") or estimator.kernel != "rbf":
        return None
    alone = np.ndim(estimator.dual_coef_) == 2 and estimator.dual_coef_.shape[0] == 1
    dense = isinstance(estimator.support_vectors_, np.ndarray) and isinstance(estimator.dual_coef_, np.ndarray)
    if not alone or not dense or getattr(estimator, "probability", False) is True:
        return None
    base, gamma = float(np.ravel(estimator.intercept_)[0]), float(estimator._gamma)
    return Radial(estimator.support_vectors_, estimator.dual_coef_, base, gamma)


def _process(estimator: Any) -> Radial | None:
    """Take the mean of a Gaussian process apart, which is a sum of radial kernels times a constant."""
    found = _kernel(getattr(estimator, "kernel_", None))
    if found is None or np.size(estimator.alpha_) != len(estimator.X_train_):
        return None
    (times, length), spread, middle = found, *np.ravel([estimator._y_train_std, estimator._y_train_mean]).astype(float)
    return Radial(estimator.X_train_, times * spread * np.ravel(estimator.alpha_), float(middle), 0.5, length)


def _kernel(kernel: Any) -> tuple[float, Any] | None:
    """Give the constant and the length of a radial kernel; noise is none between two rows. None where there is another part."""
    from sklearn.gaussian_process import kernels

    if type(kernel) is kernels.RBF:
        return 1.0, kernel.length_scale
    unit = {kernels.Sum: kernels.WhiteKernel, kernels.Product: kernels.ConstantKernel}.get(type(kernel))
    parts = [] if unit is None else sorted((kernel.k1, kernel.k2), key=lambda k: type(k) is not unit)
    if not parts or type(parts[0]) is not unit or (found := _kernel(parts[1])) is None:
        return None
    return (found[0] * getattr(parts[0], "constant_value", 1.0), found[1])
