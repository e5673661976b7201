"""scikit-learn's multilayer perceptrons as layers: what each holds for a row, and how the output moves with it."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

MLPS = frozenset({"MLPClassifier", "MLPRegressor"})


def is_perceptron(estimator: Any) -> bool:
    """Tell whether an estimator is one of scikit-learn's own."""
    return type(estimator).__name__ in MLPS and type(estimator).__module__.startswith("sklearn.")


def layer_names(mlp: Any) -> list[str]:
    """Name the hidden layers."""
    return [f"layer {i + 1}" for i in range(mlp.n_layers_ - 2)]


def forward(mlp: Any, numbers: np.ndarray) -> list[np.ndarray]:
    """Give input, hidden layers and the output before its last function."""
    values = [np.asarray(numbers, dtype=float)]
    for i, (weights, bias) in enumerate(zip(mlp.coefs_, mlp.intercepts_, strict=True)):
        z = values[-1] @ weights + bias
        values.append(activated(z, mlp.activation) if i + 1 < len(mlp.coefs_) else z)
    return values


def activated(z: np.ndarray, name: str) -> np.ndarray:
    """Apply one of scikit-learn's activations to sums (n, units), in place where it can be."""
    if name == "relu":
        return np.maximum(z, 0.0, out=z)
    if name == "tanh":
        return np.tanh(z, out=z)
    if name == "logistic":
        return np.asarray(special.expit(z, out=z))
    return np.asarray(special.softmax(z, axis=1)) if name == "softmax" else z


def backward(mlp: Any, values: list[np.ndarray], out: np.ndarray) -> list[np.ndarray]:
    """Give the gradient of a weighted sum of the outputs by the input and by each hidden layer, in that order.

    Parameters
    ----------
    values : what ``forward`` gave
    out : array, shape (outputs,)
        Weights.
    """
    slope = np.tile(mlp.coefs_[-1] @ out, (len(values[0]), 1))
    found = [slope]
    for i in range(len(mlp.coefs_) - 2, -1, -1):
        slope = (slope * _SLOPE[mlp.activation](values[i + 1])) @ mlp.coefs_[i].T
        found.append(slope)
    return found[::-1]


_SLOPE: dict[str, Any] = {
    "identity": lambda a: np.ones_like(a),
    "relu": lambda a: (a > 0).astype(float),
    "tanh": lambda a: 1 - a**2,
    "logistic": lambda a: a * (1 - a),
}
"""Slopes of the functions, from their values."""
