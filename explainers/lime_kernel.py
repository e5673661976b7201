"""The work of tabular LIME: rows drawn once from the reference, and for each explained row a weighted linear fit to the answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special

FEW_FEATURES = 6
"""Up to so many features lime chooses them one after the other, beyond by the size of their weights."""
WIDTH = 0.75
"""Width of the kernel over the root of the number of columns, as in lime."""
_LEAST_SPREAD = 1e-11


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Drawn:
    """Rows drawn from the reference, column by column, whatever row is explained.

    codes     what the model is asked about: numbers, or codes of levels; float64 (n_drawn, p)
    bins      what is compared with the explained row: number of the quartile bin, or the level; (n_drawn, p). Columns of ``numbers``: unused
    edges     column place -> quartiles of the reference without repeats, of every column cut into bins
    numbers   bool (p,), columns that are compared as numbers (nothing is cut)
    mean, spread   of those columns in the reference, (p,); 0 and 1 of all others
    """

    codes: np.ndarray
    bins: np.ndarray
    edges: Mapping[int, np.ndarray]
    numbers: np.ndarray
    mean: np.ndarray
    spread: np.ndarray

    def likeness(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Describe the drawn rows as seen from one row with these codes (p,): columns of the linear fit, and weights by nearness.

        Returns columns (1 + n_drawn, p) and weights (1 + n_drawn,); the row itself is the first. A column is 1 where both are in the
        same bin or level; of ``numbers`` it is the number in spreads from the mean.
        """
        p = len(codes)
        here = np.array(
            [np.searchsorted(self.edges[j], codes[j]) if j in self.edges else codes[j] for j in range(p)], dtype=float
        )
        columns = np.ones((len(self.codes) + 1, p))
        np.equal(self.bins, here, out=columns[1:], casting="unsafe")
        numbers = self.numbers
        if numbers.any():
            own = (codes[numbers] - self.mean[numbers]) / self.spread[numbers]
            columns[0, numbers] = own
            columns[1:, numbers] = (self.codes[:, numbers] - self.mean[numbers]) / self.spread[numbers]
        squared = np.einsum("ij,ij->i", columns - columns[0], columns - columns[0])
        return columns, np.exp(-squared / (2 * WIDTH**2 * p))


def draw(reference: np.ndarray, levels: Mapping[int, object], n: int, seed: int, *, discretize: bool = True) -> Drawn:
    """Draw rows around which lime explains: columns apart, levels by frequency, numbers from a normal distribution within each quartile bin.

    Follows the random stream of lime 0.2 (Ribeiro, Singh and Guestrin 2016), so the same seed gives the same rows. Two differences: the
    explained row takes no place among them, so all rows share them; and a bin that holds one value gives that value, where lime gives 0.

    Parameters
    ----------
    reference : array of shape (n_rows, p)
        Codes.
    levels : mapping of column place
        Columns of levels.
    n : int
        Rows of lime's neighbourhood; the first of them, the explained row, is not among the n - 1 given.
    discretize : bool
        Without it numbers are normal around the reference's mean, and stay numbers in the fit.
    """
    rng = np.random.RandomState(seed)
    p = reference.shape[1]
    numbers = np.array([j not in levels for j in range(p)])
    edges: dict[int, np.ndarray] = {}
    if discretize:
        edges = {j: np.unique(np.percentile(reference[:, j], [25, 50, 75])) for j in np.flatnonzero(numbers).tolist()}
        numbers = np.zeros(p, dtype=bool)
    mean, spread = np.zeros(p), np.ones(p)
    codes = np.zeros((n, p))
    if numbers.any():
        mean[numbers] = reference[:, numbers].mean(axis=0)
        found = reference[:, numbers].std(axis=0)
        spread[numbers] = np.where(found > 0, found, 1.0)
    if not discretize:
        drawn = rng.normal(0, 1, n * p).reshape(n, p)
        codes[:, numbers] = drawn[:, numbers] * np.where(numbers, spread, 0.0)[numbers] + mean[numbers]
    bins = np.zeros((n, p))
    for j in np.flatnonzero(~numbers).tolist():
        of_reference = np.searchsorted(edges[j], reference[:, j]) if j in edges else reference[:, j]
        values, counts = np.unique(of_reference, return_counts=True)
        bins[:, j] = rng.choice(values, size=n, replace=True, p=counts / counts.sum())
        codes[:, j] = bins[:, j]
    for j in edges:
        codes[1:, j] = _within(reference[:, j], edges[j], bins[1:, j].astype(np.int64), rng)
    return Drawn(codes=codes[1:], bins=bins[1:], edges=edges, numbers=numbers, mean=mean, spread=spread)


def _within(column: np.ndarray, edges: np.ndarray, bins: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """Give for each bin asked for a value in it: normal with the bin's mean and spread, cut off at its ends."""
    ends = np.concatenate([[column.min()], edges, [column.max()]])
    of_column = np.searchsorted(edges, column)
    n = np.bincount(of_column, minlength=len(edges) + 1)
    total = np.bincount(of_column, column, minlength=len(n))
    mean = np.divide(total, n, out=np.zeros(len(n)), where=n > 0)
    squares = np.bincount(of_column, (column - mean[of_column]) ** 2, minlength=len(n))
    spread = np.sqrt(np.divide(squares, n, out=np.zeros(len(n)), where=n > 0)) + _LEAST_SPREAD
    low, high = ((ends[i : len(n) + i] - mean) / spread for i in (0, 1))
    out = ends[bins]
    wide = (low != high)[bins]
    at = bins[wide]
    below, above = special.ndtr(low)[at], special.ndtr(high)[at]
    drawn = special.ndtri(below + rng.uniform(size=len(at)) * (above - below))
    out[wide] = mean[at] + spread[at] * np.clip(drawn, low[at], high[at])
    return out


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Fit:
    """A linear model around one row, for each of k answers.

    chosen      places of the columns in it, by answer: list of int arrays
    weight, error   their weights, and how far these would be otherwise for other draws (standard error): lists of arrays alike
    intercept, local, r2   of shape (k,): constant, what the linear model says of the row, weighted share of the variance it explains
    """

    chosen: list[np.ndarray]
    weight: list[np.ndarray]
    error: list[np.ndarray]
    intercept: np.ndarray
    local: np.ndarray
    r2: np.ndarray


def fit(columns: np.ndarray, weight: np.ndarray, answers: np.ndarray, n_features: int) -> Fit:
    """Fit lime's weighted ridge regression (penalty 1) with at most ``n_features`` columns, chosen as lime does.

    Parameters
    ----------
    columns, weight : of shapes (m, p) and (m,), from ``likeness``
    answers : array of shape (m, k)
    """
    total = weight.sum()
    centre, middle = weight @ columns / total, weight @ answers / total
    X, Y = columns - centre, answers - middle
    weighted = X * weight[:, None]
    gram, cross, variance = weighted.T @ X, weighted.T @ Y, weight @ Y**2
    chosen, weights, errors = [], [], []
    intercept, local, r2 = (np.empty(answers.shape[1]) for _ in range(3))
    for g in range(answers.shape[1]):
        used = _chosen(gram, cross[:, g], columns[0], n_features)
        inverse = np.linalg.inv(gram[np.ix_(used, used)] + np.eye(len(used)))
        coefficient = inverse @ cross[used, g]
        left = Y[:, g] - X[:, used] @ coefficient
        spread = weighted[:, used] * left[:, None]
        error = np.sqrt(np.einsum("ij,jk,ki->i", inverse, spread.T @ spread, inverse))
        chosen.append(used)
        weights.append(coefficient)
        errors.append(error)
        intercept[g] = middle[g] - centre[used] @ coefficient
        local[g] = intercept[g] + columns[0, used] @ coefficient
        r2[g] = 1 - weight @ left**2 / variance[g] if variance[g] > 0 else 1.0
    return Fit(chosen=chosen, weight=weights, error=errors, intercept=intercept, local=local, r2=r2)


def _chosen(gram: np.ndarray, cross: np.ndarray, own: np.ndarray, n_features: int) -> np.ndarray:
    """Choose columns: few one after the other, each that which explains most; many by the size of their part in the row's answer."""
    p = len(cross)
    if n_features > FEW_FEATURES:
        size = np.abs(np.linalg.solve(gram + 0.01 * np.eye(p), cross) * own)
        return np.argsort(-size, kind="stable")[: min(n_features, p)]
    gram, cross = gram.copy(), cross.copy()
    first = np.diag(gram).copy()
    used: list[int] = []
    for _ in range(min(n_features, p)):
        left = np.diag(gram)
        gain = np.where(left > 1e-10 * np.maximum(first, 1e-300), cross**2 / np.where(left > 0, left, 1.0), 0.0)
        gain[used] = -1.0
        best = int(np.argmax(gain))
        used.append(best)
        if gain[best] > 0:  # what the chosen column explains is taken out of all others
            share = gram[best] / gram[best, best]
            cross = cross - share * cross[best]
            gram = gram - np.outer(share, gram[best])
    return np.array(used, dtype=np.int64)
