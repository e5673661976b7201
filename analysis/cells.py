"""Mergeable counts of slices: blocks of rows, or parts on other machines, are counted apart and added, ``a + b``.

A cell is a slice. It carries what labels, losses and ranking need: the confusion table (rows, weights, squared weights), the sums
behind mean losses and R2, and counts by outcome and score bin. All but the ranking is exact; ROC AUC is exact up to ties within
a bin, and the bound is stated.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelglass.analysis.errors import InputError

Floats = NDArray[Any]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Cells:
    """Counts and sums of g slices.

    n, w, w2    (g,) rows, sum of weights, sum of squared weights
    table, table_w, table_w2    (g, k, k) the same by outcome and decision; (g, 0, 0) in regression
    sums        (g, m, 2) sum of w x and sum of w^2 x^2 of each loss x in ``losses``: enough for its weighted mean and, with n,
                the variance of that mean
    w2x         (g, m) sum of w^2 x, for the same variance
    y_mean, y_square    (g,) weighted mean of the outcome and weighted sum of squares about it (regression)
    losses      names of the losses: "absolute", "squared", "error" in regression; "log_loss", "brier_score"
    binned      (g, 2, b) weight by outcome and score bin, negatives first; (g, 2, 0) without scores
    edges       (b - 1,) inner edges of the bins; bin i holds edges[i-1] <= score < edges[i]
    """

    n: NDArray[np.int64]
    w: Floats
    w2: Floats
    table: NDArray[np.int64]
    table_w: Floats
    table_w2: Floats
    sums: Floats
    w2x: Floats
    y_mean: Floats
    y_square: Floats
    losses: tuple[str, ...]
    binned: Floats
    edges: Floats

    def __add__(self, other: Cells) -> Cells:
        """Merge the cells of other rows of the same slices."""
        if (
            self.losses != other.losses
            or self.binned.shape != other.binned.shape
            or self.table.shape != other.table.shape
            or not np.array_equal(self.edges, other.edges)
        ):
            raise InputError(
                "Expected cells of the same slices, losses and score bins.",
                "These two were counted differently.",
                "Count both with the same edges and the same number of slices.",
            )
        merged = {
            f.name: getattr(self, f.name) + getattr(other, f.name)
            for f in fields(self)
            if f.name not in ("losses", "edges", "y_mean", "y_square")
        }
        w, apart = merged["w"], other.y_mean - self.y_mean
        with np.errstate(divide="ignore", invalid="ignore"):
            part = np.where(w > 0, other.w / w, 0.0)
        # Chan, Golub and LeVeque (1983): exact and stable, whatever the level of the outcome
        return Cells(
            **merged,
            losses=self.losses,
            edges=self.edges,
            y_mean=self.y_mean + part * apart,
            y_square=self.y_square + other.y_square + apart**2 * self.w * part,
        )

    def mean(self, loss: str) -> tuple[Floats, Floats]:
        """Give the weighted mean of a loss and the variance of that mean (linearised, u/(u-1)), each (g,)."""
        i = self._place(loss)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = self.sums[:, i, 0] / self.w
            square = self.sums[:, i, 1] - 2 * mean * self.w2x[:, i] + mean**2 * self.w2
            return mean, np.maximum(square, 0.0) / self.w**2 * np.where(self.n > 1, self.n / (self.n - 1.0), np.nan)

    def _place(self, loss: str) -> int:
        if loss not in self.losses:
            raise InputError(f"Expected one of the losses counted: {', '.join(self.losses)}.", f"Got {loss!r}.")
        return self.losses.index(loss)

    def r2(self) -> Floats:
        """Give R2, (g,); NaN where the outcome does not vary."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.y_square > 0, 1 - self.sums[:, self._place("squared"), 0] / self.y_square, np.nan)

    def auc(self) -> tuple[Floats, Floats]:
        """Give ROC AUC with rows of one bin taken as tied, and the bound on its error, each (g,); NaN for one class.

        Within a bin the order is unknown, so each pair of a positive and a negative in one bin may be wrong by one half: the
        bound is half the share of such pairs. It is 0 where no bin holds both classes.
        """
        neg, pos = self.binned[:, 0], self.binned[:, 1]
        below = np.cumsum(neg, axis=1) - neg
        with np.errstate(divide="ignore", invalid="ignore"):
            pairs = neg.sum(1) * pos.sum(1)
            tied = (pos * neg).sum(1)
            return np.where(pairs > 0, ((pos * below).sum(1) + tied / 2) / pairs, np.nan), np.where(
                pairs > 0, tied / 2 / pairs, np.nan
            )

    def at(self, edge: int) -> Floats:
        """Give the table (g, 2, 2) of weights for "positive when score >= edges[edge]"; exact, because edges bound bins."""
        neg, pos = self.binned[:, 0], self.binned[:, 1]
        parts = [[v[:, : edge + 1].sum(1), v[:, edge + 1 :].sum(1)] for v in (neg, pos)]
        return np.stack([np.stack(row, axis=1) for row in parts], axis=1)


def score_edges(score: ArrayLike, bins: int = 256, also: ArrayLike = ()) -> Floats:
    """Choose inner edges of score bins near the quantiles of some scores, with ``also`` (operating thresholds) among them."""
    values = (
        np.unique(np.quantile(np.asarray(score, float), np.arange(1, bins) / bins)) if np.size(score) else np.array([])
    )
    return np.unique(np.concatenate([values, np.asarray(also, float).reshape(-1)]))


def count_cells(
    y: ArrayLike,
    predicted: ArrayLike,
    codes: ArrayLike,
    slices: int,
    *,
    score: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    edges: ArrayLike = (),
    task: str = "binary",
    classes: int = 2,
    probability: bool = True,
) -> Cells:
    """Count the cells of some rows.

    Parameters
    ----------
    y, predicted : array-like, shape (n,)
        Codes in [0, classes) (binary: 1 is the positive class), or values in regression.
    codes : array-like of int, shape (n,)
        Slice of each row, in [0, slices).
    score : array-like, shape (n,), optional
        Score of the positive class (binary only).
    weight : array-like, shape (n,), optional
    edges : array-like
        Inner edges of the score bins, rising; the same for all parts that will be added.
    """
    where = np.asarray(codes)
    w = np.ones(len(where)) if weight is None else np.asarray(weight, float)

    def total(values: Floats | None, key: np.ndarray = where, size: int = slices) -> np.ndarray:
        return np.bincount(key, weights=values, minlength=size)

    k = 0 if task == "regression" else classes
    losses = _losses(np.asarray(y), np.asarray(predicted), score, task, probability)
    cell = where * k * k + np.asarray(y) * k + np.asarray(predicted) if k else where
    tables = [
        total(v, cell, slices * k * k).reshape(slices, k, k) if k else np.zeros((slices, 0, 0))
        for v in (None, w, w * w)
    ]
    sums = [[total(w * x), total(w * w * x * x), total(w * w * x)] for x in losses.values()]
    stacked = np.array(sums, float).reshape(len(losses), 3, slices)
    whole = total(w).astype(float)
    values = np.asarray(y, float) if task == "regression" else np.zeros(len(where))
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.nan_to_num(total(w * values) / whole)
    bounds = np.asarray(edges, float).reshape(-1)
    return Cells(
        n=total(None),
        w=whole,
        w2=total(w * w).astype(float),
        table=tables[0].astype(np.int64),
        table_w=tables[1],
        table_w2=tables[2],
        sums=np.moveaxis(stacked[:, :2], 2, 0),
        w2x=stacked[:, 2].T,
        y_mean=mean,
        y_square=total(w * (values - mean[where]) ** 2).astype(float),
        losses=tuple(losses),
        binned=_binned(where, y, score, w, bounds, slices, task),
        edges=bounds,
    )


def _losses(
    y: np.ndarray, predicted: np.ndarray, score: ArrayLike | None, task: str, probability: bool
) -> dict[str, Floats]:
    if task == "regression":
        error = predicted.astype(float) - y
        return {"absolute": np.abs(error), "squared": error**2, "error": error}
    if task != "binary" or score is None or not probability:
        return {}
    p, eps = np.asarray(score, float), np.finfo(float).eps
    return {"log_loss": -np.log(np.clip(np.where(y == 1, p, 1 - p), eps, 1 - eps)), "brier_score": (y - p) ** 2}


def _binned(
    where: np.ndarray, y: ArrayLike, score: ArrayLike | None, w: Floats, edges: Floats, slices: int, task: str
) -> Floats:
    if task != "binary" or score is None:
        return np.zeros((slices, 2, 0))
    bins = len(edges) + 1
    key = (where * 2 + np.asarray(y)) * bins + np.searchsorted(edges, np.asarray(score, float), side="right")
    return np.bincount(key, weights=w, minlength=slices * 2 * bins).reshape(slices, 2, bins)
