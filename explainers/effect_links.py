"""From the sum of a model's parts to its answer."""

from __future__ import annotations

import numpy as np

IDENTITY, LOGISTIC, SOFTMAX, EXPONENTIAL = 0, 1, 2, 3
LINKS = {"log-odds": LOGISTIC, "raw score": SOFTMAX, "log of ": EXPONENTIAL, "log-odds of ": LOGISTIC}
"""By the name of the additive unit; those that end in a space are followed by the target's name."""


def link_of(scale: str, target: str) -> int:
    """Give the link of an additive unit; the identity of an unknown one.

    >>> link_of("log-odds", "y"), link_of("log of y", "y"), link_of("y", "y")
    (1, 3, 0)
    """
    return next((code for name, code in LINKS.items() if scale in (name, name + target)), IDENTITY)


def answered(out: np.ndarray, link: int, axis: int = 1) -> None:
    """Send raw output (rows, k, points) through the link, in place; ``axis`` is that of the k outputs.

    >>> raw = np.array([[[0.0, 800.0, -800.0]]])
    >>> answered(raw, LOGISTIC)
    >>> raw.ravel().tolist()
    [0.5, 1.0, 0.0]
    """
    with np.errstate(over="ignore", under="ignore"):  # what is out of range of the exponential is 0 or infinite
        if link == LOGISTIC:
            np.negative(out, out=out)
            np.exp(out, out=out)
            out += 1.0
            np.divide(1.0, out, out=out)
        elif link == SOFTMAX:
            out -= out.max(axis=axis, keepdims=True)
            np.exp(out, out=out)
            out /= out.sum(axis=axis, keepdims=True)
        elif link == EXPONENTIAL:
            np.exp(out, out=out)


LOST = 1e6
"""A column's share so many times the rest of the sum takes digits from it that matter: 1e-10 of it."""


def share_of(b: np.ndarray, seen: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Give what some columns of rows seen (rows, p) add by coefficients b (k, p), shape (k, rows)."""
    if len(columns) == 1:
        return np.asarray(b[:, columns] * seen[:, columns[0]])
    return np.asarray(b[:, columns] @ seen[:, columns].T)


def rest_of(b: np.ndarray, base: np.ndarray, seen: np.ndarray, columns: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Take the share of some columns from the sums own (k, rows); where it is so large that it swallowed the rest, add that up anew.

    >>> b, seen = np.array([[1.0, 0.5]]), np.array([[1e20, 3.0], [1.0, 3.0]])
    >>> rest_of(b, np.array([0.25]), seen, np.array([0]), b @ seen.T + 0.25).tolist()
    [[1.75, 1.75]]
    """
    share = share_of(b, seen, columns)
    rest = own - share
    if np.abs(share).max(initial=0.0) <= LOST:
        return rest
    lost = np.flatnonzero(~(np.abs(share) <= LOST * np.maximum(1.0, np.abs(rest))).all(axis=0))
    if len(lost):
        kept = np.setdiff1d(np.arange(seen.shape[1]), columns)
        rest[:, lost] = b[:, kept] @ seen[np.ix_(lost, kept)].T + base[:, None]
    return np.asarray(rest)
