"""Shapley values of any model, by antithetic sampling of feature orders against background rows, in raw columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from modelglass.analysis.budget import BudgetSpent
from modelglass.analysis.progress import Progress, blocks, tell
from modelglass.explainers.rows import Stack

MOST_CELLS = 4_000_000
"""Cells of changed rows held at once."""
FEWEST_ROWS, FEWEST_BACKGROUND = 5, 10
"""What must be done, rows or for one row background rows, for a sampling that its time ended to be an answer."""


class Sampled(NamedTuple):
    """Sampled Shapley values: of all rows, or of what the time allowed.

    values, error       shape (n, p, k); error: standard error over background rows and orders, NaN with one background row
    base, prediction    shapes (k,) and (n, k)
    rows, background    how many rows were done, the first ones (the values of the others are NaN), and against how many background rows
    """

    values: np.ndarray
    error: np.ndarray
    base: np.ndarray
    prediction: np.ndarray
    rows: int
    background: int


class Lent:
    """What each background row, shared by all rows, does to the mean |value| of these: added up as rows are done.

    weight  of the rows, (n,), or None
    """

    def __init__(self, n: int, weight: np.ndarray | None = None):
        self._share = np.full(n, 1.0 / n) if weight is None else weight / weight.sum()
        self._row, self._left, self._each = 0, np.empty(0), np.empty(0)

    def add(self, gains: np.ndarray, b: int) -> None:
        """Take gains of the next pairs of a row and a background row, (pairs, p, k); all background rows of one row, then the next."""
        left = np.concatenate([self._left, gains]) if len(self._left) else gains
        for start in range(0, len(left) - b + 1, b):
            of_row = left[start : start + b]
            part = self._share[self._row] * np.sign(of_row.sum(axis=0)) * of_row
            self._each = self._each + part if len(self._each) else part
            self._row += 1
        self._left = left[len(left) - len(left) % b :]

    def error(self) -> np.ndarray:
        """Give the standard error that the choice of background rows adds to each weighted mean |value|, (p, k); NaN with one."""
        b = len(self._each)
        if b < 2:
            return np.full(self._each.shape[1:], np.nan)
        return np.asarray(self._each.std(axis=0, ddof=1) * np.sqrt(b) / self._share[: self._row].sum())


def sampled_values(
    ask: Callable[[pd.DataFrame], np.ndarray],
    X: pd.DataFrame,
    background: pd.DataFrame,
    *,
    rounds: int = 1,
    seed: int = 0,
    lent: Lent | None = None,
    places: np.ndarray | None = None,
    may_end: bool = False,
    progress: Progress | None = None,
) -> Sampled:
    """Estimate Shapley values against background rows.

    Each row meets each background row with ``rounds`` random orders: features are changed from the background's value to the row's one
    by one, in that order and in its reverse (Castro et al. 2009; antithetic pairs: Mitchell et al. 2022). Features on which both agree
    contribute nothing and are not asked about.

    Parameters
    ----------
    ask : callable
        Frame of m rows -> output, shape (m, k).
    X, background : DataFrame, shapes (n, p) and (b, p)
        Same columns and dtypes.
    lent : Lent, optional
        Told of all that is asked.
    may_end : bool
        Where the time runs out give what there is: of several rows those that are done (5 at least), of one row its values against the
        background rows that were met (10 at least). Rows and background are to come in an order of chance.
    places : int array (n,), optional
        Of each row its number; its orders follow from that and the seed, in whatever order rows come. Without it 0 to n - 1.

    Returns
    -------
    Sampled
        Each row's values sum to its output minus base, up to rounding; the error is that of the value against all data of which the
        background is a sample.
    """
    n, b, p = len(X), len(background), X.shape[1]
    stack = Stack(X, background)
    outputs = np.concatenate([ask(X), ask(background)])
    k = outputs.shape[1]
    differ = ~_same_cells(X, background)
    total, squares = np.zeros((n, p, k)), np.zeros((n, p, k))
    chance = _Chance(np.arange(n) if places is None else places, seed)
    most = max(1, MOST_CELLS // max(2 * p * p * rounds, 1))
    done, met = n, b
    for pairs in blocks(n * b, start=min(8, most), seconds=0.15, most=most):
        row, other = np.divmod(np.arange(pairs.start, pairs.stop), b)
        gains = np.zeros((len(row), p, k))
        keys = chance.keys(row, rounds, p)
        for turn in range(rounds):
            gains += _gains(ask, stack, outputs, row, n + other, differ[row, other], keys[:, turn]) / rounds
        np.add.at(total, row, gains)
        np.add.at(squares, row, gains**2)
        if lent is not None:
            lent.add(gains / b, b)
        try:
            tell(progress, pairs.stop / (n * b), f"Shapley values by sampling, {n:,} rows")
        except BudgetSpent:
            if n > 1:
                done = pairs.stop // b
            else:
                met = pairs.stop
            if not may_end or done < min(n, FEWEST_ROWS) or met < min(b, FEWEST_BACKGROUND):
                raise
            total[done:] = np.nan
            break
    values = total / met
    with np.errstate(invalid="ignore", divide="ignore"):
        error = (
            np.sqrt(np.maximum(squares / met - values**2, 0.0) / (met - 1)) if met > 1 else np.full_like(values, np.nan)
        )
    return Sampled(values, error, outputs[n : n + met].mean(axis=0), outputs[:n], done, met)


class _Chance:
    """Random orders of each row, from its number and the seed: blocks, whose size follows the clock, and the order of rows change nothing."""

    def __init__(self, places: np.ndarray, seed: int):
        self._places, self._seed = places, seed
        self._row, self._rng = -1, np.random.default_rng()

    def keys(self, row: np.ndarray, rounds: int, p: int) -> np.ndarray:
        """Give the next keys of pairs of rows that come one after the other, (pairs, rounds, p)."""
        out = []
        for r, pairs in zip(*np.unique(row, return_counts=True)):
            if r != self._row:
                self._row, self._rng = r, np.random.default_rng((self._seed, 20_002, int(self._places[r])))
            out.append(self._rng.random((pairs, rounds, p)))
        return np.concatenate(out)


def _same_cells(X: pd.DataFrame, background: pd.DataFrame) -> np.ndarray:
    """Tell where row and background agree, shape (n, b, p); missing agrees with missing."""
    out = np.empty((len(X), len(background), X.shape[1]), dtype=bool)
    for j in range(X.shape[1]):
        codes, _ = pd.factorize(pd.concat([X.iloc[:, j], background.iloc[:, j]], ignore_index=True))
        out[:, :, j] = codes[: len(X), None] == codes[None, len(X) :]
    return out


def _gains(
    ask: Callable[[pd.DataFrame], np.ndarray],
    stack: Stack,
    outputs: np.ndarray,
    row: np.ndarray,
    other: np.ndarray,
    differ: np.ndarray,
    keys: np.ndarray,
) -> np.ndarray:
    """Mean gain of each feature along one order and its reverse, for pairs of stack rows; shape (pairs, p, k)."""
    pairs, p = keys.shape
    order = np.argsort(
        np.where(differ, keys, keys + 1.0), axis=1
    )  # features that agree come last and are never asked about
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.broadcast_to(np.arange(p), (pairs, p)), axis=1)
    length = differ.sum(axis=1)
    inner = np.maximum(length - 1, 0)
    at = np.repeat(np.arange(pairs), inner)
    step = np.arange(inner.sum()) - np.repeat(np.cumsum(inner) - inner, inner) + 1
    first = rank[at] < step[:, None]
    masks = np.concatenate([first, ~first & differ[at]])
    k = outputs.shape[1]
    ahead = np.repeat(outputs[other][:, None], p + 1, axis=1)  # after the first s features of the order
    behind = np.repeat(outputs[row][:, None], p + 1, axis=1)  # after all but the first s
    ahead[np.arange(pairs), length] = outputs[row]
    behind[np.arange(pairs), length] = outputs[other]
    if len(at):
        both = np.concatenate([at, at])
        got = ask(stack.rows(np.where(masks, row[both][:, None], other[both][:, None])))
        ahead[at, step], behind[at, step] = got[: len(at)], got[len(at) :]
    change = (np.diff(ahead, axis=1) - np.diff(behind, axis=1)) / 2.0
    change[np.arange(p)[None, :] >= length[:, None]] = 0.0
    gains = np.zeros((pairs, p, k))
    np.put_along_axis(gains, order[:, :, None], change, axis=1)
    return gains
