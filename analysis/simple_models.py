"""Simple predictions to measure a model by: the most frequent answer, the best single column, a linear model on plain codes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modelglass.analysis.blas import blas_threads
from modelglass.analysis.checked_data import CheckedData
from modelglass.analysis.single_features import Single, binned, cross_fitted, explained, folds, typical_weight

FIT_ROWS = 20_000
"""Rows at most that a linear model is fitted on."""
FEW_COLUMNS = 200
"""Up to so many columns of codes one thread fits faster than several that wait for one another."""
MOST_LEVELS = 20
TRAIN, HERE = 0, 1


@dataclass(frozen=True, eq=False, slots=True)
class Setup:
    """Rows to fit on and rows to predict.

    data        training rows first (where given), then the rows of the Evaluation
    fold        (n,) of each row: with training data 0 there and 1 here; else folds by content
    asked       places of the rows to predict, in ``data``
    trained     True where the fits are of the training data, False where they are cross-fitted on the rows themselves
    """

    data: CheckedData
    fold: NDArray[np.int64]
    asked: NDArray[np.int64]
    trained: bool


def setup(data: CheckedData, names: list[str]) -> Setup:
    """Put training rows before the rows of the Evaluation, or cut these into folds."""
    train = data.train
    if train is None or data.train_y is None or any(c not in train.columns for c in names) or len(train) < 50:
        return Setup(data, folds(data), np.arange(data.n), False)
    m = len(train)
    both = {c: _stacked(train[c], data.frame[c]) for c in names}
    frame = pd.DataFrame(both, index=range(m + data.n))
    weight = data.train_weight
    joined = replace(
        data,
        frame=frame,
        columns={c: data.columns[c] for c in names},
        y=np.concatenate([data.train_y, data.y]),
        weight=None if data.weight is None or weight is None else np.concatenate([weight, data.weight]),
        cluster=None,
        predicted=None,
        score=None,
        train=None,
        train_y=None,
    )
    fold = np.r_[np.zeros(m, np.int64), np.ones(data.n, np.int64)]
    return Setup(joined, fold, np.arange(m, m + data.n), True)


def _stacked(first: pd.Series, second: pd.Series) -> pd.Series:
    if first.dtype != second.dtype:
        first, second = first.astype(object), second.astype(object)
    return pd.concat([first, second], ignore_index=True)


def constant(made: Setup) -> np.ndarray:
    """Give the mean of each outcome indicator (share of each class, mean of values), the same for every row, (k, n)."""
    data = made.data
    known = made.fold == TRAIN if made.trained else np.ones(data.n, dtype=bool)
    weight = data.weights()[known]
    outcome = data.outcome_indicators()
    return np.repeat(((outcome[:, known] @ weight) / weight.sum())[:, None], len(made.asked), axis=1)


def best_single(made: Setup, names: list[str]) -> Single | None:
    """Give the column that alone explains most of the outcome here; None where none explains anything."""
    data = made.data
    outcome, weight = data.outcome_indicators(), data.weights()
    found: Single | None = None
    for name in names:
        codes, values = binned(data, name)
        out = cross_fitted(
            codes, values if data.task == "regression" else None, outcome, weight, made.fold, typical_weight(data)
        )
        out = out[:, made.asked]
        share = explained(outcome[:, made.asked], out, weight[made.asked])
        if np.isfinite(share) and share > 0 and (found is None or share > found.explained):
            found = Single(name, out, share)
    return found


def linear(
    made: Setup,
    names: list[str],
    told: Callable[[float], None] = lambda _: None,
    up: Callable[[np.ndarray, np.ndarray], float] | None = None,
) -> np.ndarray:
    """Predict by a linear model (logistic, or ridge in regression) on plain codes of the columns, (k, n) as ``constant``.

    Numbers are cut at their 0.5 % and 99.5 % points, their gaps filled with the median and told by a column of their own, and
    standardised; categories of up to 20 levels become one column a level. Penalty of one (C = 1, alpha = 1). ``up`` says from
    outcome less prediction, and weights, of the rows fitted on by how much to move the predictions (regression).
    """
    data = made.data
    x = np.column_stack([part for name in names for part in _columns(data, name)])
    outcome, weight = data.outcome_indicators(), data.weights()
    out = np.empty((len(outcome), data.n))
    parts = [HERE] if made.trained else sorted(set(made.fold.tolist()))
    with blas_threads(1) if x.shape[1] <= FEW_COLUMNS else nullcontext():
        for i, fold in enumerate(parts):
            fit = np.flatnonzero(made.fold != fold)
            if len(fit) > FIT_ROWS:
                fit = fit[np.argsort(data.contents()[fit], kind="stable")[:FIT_ROWS]]
            at = np.flatnonzero(made.fold == fold)
            predict = _fitted(data, x[fit], fit, weight[fit], outcome)
            out[:, at] = predict(x[at])
            if up is not None:
                out[:, at] += up(data.y[fit] - predict(x[fit])[0], weight[fit])
            told((i + 1) / len(parts))
    return out[:, made.asked]


def _fitted(
    data: CheckedData, x: np.ndarray, fit: np.ndarray, weight: np.ndarray, outcome: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression, Ridge

    weight = weight / typical_weight(data)
    if data.task == "regression":
        model = Ridge(alpha=1.0).fit(x, data.y[fit], sample_weight=weight)
        return lambda rows: model.predict(rows)[None]
    present = np.unique(data.y[fit])
    shares = (outcome[:, fit] @ weight / weight.sum())[:, None]
    if len(present) < 2:
        return lambda rows: np.repeat(shares, len(rows), axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a baseline that is nearly fitted is one too
        solver = "newton-cholesky" if len(present) == 2 else "lbfgs"  # by far the quicker where rows outnumber columns
        logistic = LogisticRegression(solver=solver, max_iter=100, tol=1e-3).fit(x, data.y[fit], sample_weight=weight)
    return lambda rows: indicated(data, logistic.classes_, logistic.predict_proba(rows))


def indicated(data: CheckedData, classes: np.ndarray, proba: np.ndarray) -> np.ndarray:
    """Give probabilities (n, fitted classes), of the codes that a model was fitted on, as ``CheckedData.outcome_indicators``, (k, n)."""
    place = {int(c): i for i, c in enumerate(classes)}
    if data.task == "binary":
        return proba[:, [place[data.positive]]].T
    return np.stack([proba[:, place[k]] if k in place else np.zeros(len(proba)) for k in range(len(data.classes))])


def _columns(data: CheckedData, name: str) -> list[np.ndarray]:
    if data.columns[name].kind in ("numeric", "datetime") or (
        data.columns[name].kind == "id" and _is_numeric(data, name)
    ):
        values = data.seconds(name)
        known = np.isfinite(values)
        if not known.any():
            return [np.zeros(data.n)]
        low, mid, high = np.quantile(values[known], [0.005, 0.5, 0.995], method="inverted_cdf")
        filled = np.clip(np.where(known, values, mid), low, high)
        filled = filled / (np.abs(filled).max() or 1.0)  # squares of huge values are no numbers
        spread = filled.std()
        parts = [(filled - filled.mean()) / spread if spread > 0 else np.zeros(data.n)]
        return parts if known.all() else [*parts, (~known).astype(float)]
    codes, levels = pd.factorize(data.hashes(name), sort=True)
    order = np.argsort(-np.bincount(codes, minlength=len(levels)), kind="stable")[:MOST_LEVELS]
    return [(codes == k).astype(float) for k in order]


def _is_numeric(data: CheckedData, name: str) -> bool:
    return pd.api.types.is_numeric_dtype(data.frame[name].dtype)
