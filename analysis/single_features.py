"""What does one column alone say of the outcome? Cross-fitted predictions from each column by itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modelglass.analysis.checked_data import CheckedData
from modelglass.analysis.plain import is_number, plain
from modelglass.analysis.row_hashes import column_hashes

FOLDS = 5
BINS, FEWEST_ROWS = 32, 20
_FEWEST_SLOPE = 12


@dataclass(frozen=True, eq=False, slots=True)
class Single:
    """One column's own predictions, each made from rows of other folds.

    name        of the column
    predicted   (k, n): of each row of ``CheckedData.outcome_indicators``
    explained   share of the outcome's variance (all k together) that they explain; below 0 where they are worse than the mean
    """

    name: str
    predicted: np.ndarray
    explained: float


def folds(data: CheckedData, count: int = FOLDS) -> NDArray[np.int64]:
    """Give a fold for each row, (n,): by its content, or its cluster; so equal rows, and rows of one cluster, share a fold."""

    def make() -> NDArray[np.int64]:
        if data.cluster is not None:
            named = data.cluster_name in data.frame.columns
            hashes = data.hashes(str(data.cluster_name)) if named else column_hashes(pd.Series(data.cluster), "cluster")
            return ((hashes >> np.uint64(20)) % np.uint64(count)).astype(np.int64)
        return ((data.contents() >> np.uint64(20)) % np.uint64(count)).astype(np.int64)

    return data.keep(("folds", count), make)


def singles(data: CheckedData, names: list[str]) -> list[Single]:
    """Predict the outcome from each of these columns alone."""
    outcome = data.outcome_indicators()
    weight = data.weights()
    fold = folds(data)
    made = []
    for name in names:
        codes, values = binned(data, name)
        predicted = cross_fitted(
            codes, values if data.task == "regression" else None, outcome, weight, fold, typical_weight(data)
        )
        made.append(Single(name, predicted, explained(outcome, predicted, weight)))
    return made


def typical_weight(data: CheckedData) -> float:
    """Give the weight of one different row, whatever the scale of weights."""
    total = data.n if data.weight is None else float(data.weight.sum())
    return total / max(data.distinct, 1)


def explained(outcome: np.ndarray, predicted: np.ndarray, weight: np.ndarray) -> float:
    """Give the share of variance explained, all rows of ``outcome`` (k, n) together."""
    mean = (outcome @ weight) / weight.sum()
    total = float((weight * (outcome - mean[:, None]) ** 2).sum())
    return 1.0 - float((weight * (outcome - predicted) ** 2).sum()) / total if total > 0 else np.nan


def binned(data: CheckedData, name: str) -> tuple[NDArray[np.int64], np.ndarray | None]:
    """Give each row's level of a column, (n,), and its number within (NaN where missing); None for what is no number or time."""
    bins = int(np.clip(data.distinct // FEWEST_ROWS, 4, BINS))

    def make() -> tuple[NDArray[np.int64], np.ndarray | None]:
        if data.columns[name].kind == "datetime":
            values = data.seconds(name)
        else:
            read = plain(data.frame[name])
            if not is_number(read):
                return pd.factorize(read)[0].astype(np.int64) + 1, None
            values = data.numbers(name)
        known = np.sort(values[np.isfinite(values)])
        if not len(known):
            return np.zeros(data.n, np.int64), values
        edges = np.unique(known[(np.arange(1, bins) * len(known)) // bins])
        often = _often(known, bins)
        edges = np.unique(np.concatenate([edges, often, np.nextafter(often, np.inf)]))
        codes = np.searchsorted(edges, values, side="right") + 1
        return np.where(np.isfinite(values), codes, 0), values

    return data.keep(("binned", name), make)


def _often(ordered: np.ndarray, bins: int) -> np.ndarray:
    """Give values that fill a bin alone, of sorted ones."""
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    counts = np.diff(np.r_[starts, len(ordered)])
    return ordered[starts[counts * bins >= len(ordered)]]


def cross_fitted(
    codes: NDArray[np.int64],
    values: np.ndarray | None,
    outcome: np.ndarray,
    weight: np.ndarray,
    fold: NDArray[np.int64],
    typical: float = 1.0,
) -> np.ndarray:
    """Predict each row by the mean outcome of its level in the other folds; with ``values``, by a line within the level.

    Levels with little weight are drawn to the mean of all by the weight of one typical row.

    Parameters
    ----------
    codes : int array, shape (n,)
    values : array of shape (n,) or None
    outcome : array, shape (k, n)
    weight : array, shape (n,)
    fold : int array, shape (n,)
    typical : float
        Weight of one row.

    Returns
    -------
    array, shape (k, n)
    """
    count, parts = int(codes.max(initial=0)) + 1, int(fold.max(initial=0)) + 1
    cell = fold * count + codes

    def others(x: np.ndarray) -> np.ndarray:
        sums = np.bincount(cell, weights=x, minlength=parts * count).reshape(parts, count)
        return (sums.sum(axis=0) - sums).ravel()[cell]

    n = others(weight)
    out = np.empty_like(outcome)
    slope = None if values is None else _centred(values, codes, count)
    for k, y in enumerate(outcome):
        per_fold = (
            np.bincount(fold, weights=weight * y, minlength=parts),
            np.bincount(fold, weights=weight, minlength=parts),
        )
        mean = ((per_fold[0].sum() - per_fold[0]) / np.maximum(per_fold[1].sum() - per_fold[1], 1e-300))[fold]
        out[k] = (others(weight * y) + typical * mean) / (n + typical)
        if slope is not None:
            x = slope
            sx, sxx, sxy, sy = others(weight * x), others(weight * x * x), others(weight * x * y), others(weight * y)
            with np.errstate(divide="ignore", invalid="ignore"):
                around = sxx - sx * sx / n
                rise = (sxy - sx * sy / n) / around
                line = sy / n + rise * (x - sx / n)
            usable = (n >= _FEWEST_SLOPE * typical) & (around > 1e-9 * np.maximum(sxx, 1e-300)) & np.isfinite(line)
            out[k] = np.where(usable, line, out[k])
    return out


def _centred(values: np.ndarray, codes: NDArray[np.int64], count: int) -> np.ndarray:
    """Centre values within levels and bring them to [-1, 1]: large numbers lose no digits, and end bins get no far-off lines."""
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    order = np.argsort(codes, kind="stable")
    ordered, starts = codes[order], np.flatnonzero(np.r_[True, np.diff(codes[order]) != 0])
    present = ordered[starts]
    low[present], high[present] = (
        np.minimum.reduceat(filled[order], starts),
        np.maximum.reduceat(filled[order], starts),
    )
    absent = ~np.isfinite(low)
    low[absent], high[absent] = 0.0, 0.0
    half, middle = (high - low) / 2, (high + low) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = (filled - middle[codes]) / half[codes]
    return np.where(known & (half[codes] > 0), scaled, 0.0)


def together(data: CheckedData, made: list[Single], weight: np.ndarray) -> tuple[np.ndarray, float]:
    """Join columns' own predictions by least squares (ridge), one row of the outcome at a time; predictions (k, n) and share explained."""
    outcome = data.outcome_indicators()
    mean = (outcome @ weight) / weight.sum()
    if not made:
        return np.repeat(mean[:, None], data.n, axis=1), 0.0
    out = np.empty_like(outcome)
    root = np.sqrt(weight)
    for k, y in enumerate(outcome):
        x = np.stack([s.predicted[k] for s in made]) - mean[k]
        gram = (x * weight) @ x.T
        gram[np.diag_indices_from(gram)] += 1e-6 * np.trace(gram) / len(gram) + 1e-12
        out[k] = mean[k] + np.linalg.solve(gram, (x * root) @ (root * (y - mean[k]))) @ x
    share = explained(outcome, out, weight)
    free = max(data.n - len(made) - 1, 1)
    return out, 1 - (1 - share) * (data.n - 1) / free
