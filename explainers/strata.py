"""Rows alike in what the other columns say of a column: strata within which it can be shuffled without making rows that cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers.going_together import is_ordered, ranks

Floats = np.ndarray[Any, Any]
MOST, FEWEST_ROWS = 32, 30
MOST_LEVELS = 20
"""Levels of a category that are told apart when it is predicted; the rarer ones are one."""


def strata_of(ev: Evaluation, columns: Sequence[str]) -> tuple[np.ndarray, float]:
    """Part the rows by what the other columns say of some columns: (codes (n,), share of the columns' variance that the strata explain).

    A small regression tree predicts the columns (ranks of numbers, indicators of levels) from all others; its leaves are the strata, at most
    32, of at least 30 rows (conditional subgroups: Molnar, Koenig, Bischl and Casalicchio 2023, Data Mining and Knowledge Discovery 38,
    2903-2941). One stratum where there is no other column or they say nothing.
    """
    from sklearn.tree import DecisionTreeRegressor

    inputs = ev.inputs()
    others = [name for name in ev.features if name not in columns]
    if not others or ev.n < 2 * FEWEST_ROWS:
        return np.zeros(ev.n, dtype=np.int64), 0.0
    wanted = np.column_stack([_predicted(ev, inputs[name], name) for name in columns])
    if not wanted.var(axis=0).any():
        return np.zeros(ev.n, dtype=np.int64), 0.0
    known = np.column_stack([_known(ev, inputs[name], name, wanted[:, 0]) for name in others])
    tree = DecisionTreeRegressor(max_leaf_nodes=MOST, min_samples_leaf=FEWEST_ROWS, random_state=0)
    leaves = tree.fit(known, wanted, sample_weight=ev.weight).apply(known)
    codes = np.unique(leaves, return_inverse=True)[1].reshape(-1)
    count = np.bincount(codes)
    inside = 0.0
    for column in wanted.T:
        mean = np.bincount(codes, column) / count
        inside += float(((column - mean[codes]) ** 2).sum())
    total = float(((wanted - wanted.mean(axis=0)) ** 2).sum())
    return codes, 1 - inside / total


def within(strata: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a row order that keeps every row in its stratum: entry i is the row from which row i takes its value."""
    straight = np.argsort(strata, kind="stable")
    shuffled = np.lexsort((rng.random(len(strata)), strata))
    order = np.empty(len(strata), dtype=np.int64)
    order[straight] = shuffled
    return order


def _predicted(ev: Evaluation, column: pd.Series, name: str) -> Floats:
    """Write a column as numbers to predict, of unit variance in all; missing is a level, of numbers too."""
    missing = column.isna().to_numpy()
    if is_ordered(ev, column, name):
        rank = ranks(column)
        rank = np.where(missing, np.nanmean(rank) if not missing.all() else 0.0, rank)
        made = np.column_stack([rank / max(rank.std(), 1e-12), *([missing.astype(float)] if missing.any() else [])])
        return made
    codes = pd.factorize(column)[0]
    codes = np.where(codes < 0, codes.max(initial=-1) + 1, codes)
    common = np.argsort(-np.bincount(codes), kind="stable")[:MOST_LEVELS]
    dummies = (codes[:, None] == common[None]).astype(float)
    return dummies / max(float(np.sqrt(dummies.var(axis=0).sum())), 1e-12)


def _known(ev: Evaluation, column: pd.Series, name: str, wanted: Floats) -> Floats:
    """Write a column as one number to predict from: ranks, or levels in the order of what is predicted; missing below all."""
    if is_ordered(ev, column, name):
        return np.nan_to_num(ranks(column), nan=-1.0)
    codes = pd.factorize(column)[0]
    codes = np.where(codes < 0, codes.max(initial=-1) + 1, codes)
    count = np.bincount(codes)
    mean = np.bincount(codes, wanted) / np.maximum(count, 1)
    return np.argsort(np.argsort(mean, kind="stable"), kind="stable")[codes].astype(float)
