"""Probabilities mended by what came true: scaled and shifted, or as if some labels were flipped."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
EPS = float(np.finfo(float).eps)
_STEPS = 30


def by_class(score: Floats) -> Floats:
    """Give probabilities of all classes, (n, k), clipped away from 0 and 1; of two classes from that of the second."""
    p = np.asarray(score, float)
    return np.clip(np.column_stack([1 - p, p]) if p.ndim == 1 else p, EPS, 1 - EPS)


def losses(p: Floats, y: np.ndarray) -> Floats:
    """Minus the log of the probability of what happened, (n,)."""
    return -np.log(np.clip(p[np.arange(len(y)), y], EPS, 1 - EPS))


def scaling(p: Floats, y: np.ndarray, weight: Floats | None = None, prior: float = 1.0) -> Floats:
    """Fit scaled and shifted log-probabilities: softmax(a log p + b), by maximum likelihood; (k + 1,): a, then b.

    Platt's scaling (1999) of two classes, vector scaling with one slope (Guo et al. 2017) of several. A normal prior of variance
    1/``prior`` about "as it is" (a = 1, b = 0) keeps few rows from changing much.

    Parameters
    ----------
    p : array, shape (n, k), in (0, 1)
    y : int array, shape (n,), codes
    """
    n, k = p.shape
    w = np.ones(n) if weight is None else weight / max(weight.mean(), 1e-300)
    z = np.log(p)
    start = np.zeros(k + 1)
    start[0] = 1.0
    came = np.eye(k)[y]

    def objective(theta: Floats) -> float:
        return float(-w @ np.log((scaled(p, theta) * came).sum(axis=1)) + prior / 2 * ((theta - start) ** 2).sum())

    theta, value = start, objective(start)
    for _ in range(_STEPS):
        q = scaled(p, theta)
        off = w[:, None] * (q - came)
        gradient = np.append((off * z).sum(), off.sum(axis=0)) + prior * (theta - start)
        wq = w[:, None] * q
        mean_z = (q * z).sum(axis=1)
        hessian = np.empty((k + 1, k + 1))
        hessian[0, 0] = (wq * z**2).sum() - w @ mean_z**2
        hessian[0, 1:] = hessian[1:, 0] = (wq * (z - mean_z[:, None])).sum(axis=0)
        hessian[1:, 1:] = np.diag(wq.sum(axis=0)) - q.T @ wq
        step = np.linalg.solve(hessian + prior * np.eye(k + 1), gradient)
        size = 1.0
        while size > 1e-6:
            tried = theta - size * step
            found = objective(tried)
            if found <= value:
                break
            size /= 2
        else:
            break
        done = value - found < 1e-9 * (1 + abs(value))
        theta, value = tried, found
        if done:
            break
    return theta


def scaled(p: Floats, theta: Floats) -> Floats:
    """Apply what ``scaling`` fitted, (n, k)."""
    z = theta[0] * np.log(p) + theta[1:]
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.clip(e / e.sum(axis=1, keepdims=True), EPS, 1 - EPS)


def flips(p: Floats, y: np.ndarray, weight: Floats | None = None) -> float:
    """Fit the share of labels that were flipped to another class at random: maximum likelihood, in [0, 1 - 1/k]."""
    k = p.shape[1]
    own = p[np.arange(len(y)), y]
    other = (1 - own) / (k - 1)
    w = np.ones(len(y)) if weight is None else weight
    low, high = 0.0, 1 - 1 / k

    def slope(share: float) -> float:
        return float(w @ ((other - own) / (own + share * (other - own))))

    if slope(low) <= 0:
        return 0.0
    if slope(high) >= 0:
        return high
    for _ in range(50):  # the likelihood is concave in the share
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return (low + high) / 2


def flipped(p: Floats, share: float) -> Floats:
    """Give the probabilities of labels of which a share was flipped at random, (n, k)."""
    return p + share * ((1 - p) / (p.shape[1] - 1) - p)
