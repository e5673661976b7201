"""An order for levels that have none: those whose rows are alike in the other columns stand side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd

BINS = 20


def by_likeness(others: pd.DataFrame, codes: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Order levels by how alike their rows are, as Apley and Zhu (2020) propose.

    Distances between two levels are summed over the other columns: the largest gap between the distributions of numbers (at 20
    quantiles), half the sum of gaps between the shares of anything else. The first axis of classical scaling (Torgerson 1952) of
    these distances gives the order; its sign is such that the most frequent level stands in the lower half.

    Parameters
    ----------
    others : pandas.DataFrame, shape (n, columns)
    codes : array, shape (n,)
        Level of each row, -1 for none.
    levels : array of int
        Codes to be ordered, each with rows.

    Returns
    -------
    array
        Places in ``levels``, in their new order.
    """
    m = len(levels)
    if m < 3:
        return np.arange(m)
    place = np.full(int(codes.max()) + 2, -1)
    place[levels] = np.arange(m)
    place = place[codes]
    used = place >= 0
    place = place[used]
    distance = np.zeros((m, m))
    for name in others.columns:
        column = others[name][used]
        number = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
        if number:
            x = column.to_numpy(dtype="float64", na_value=np.nan)
            if np.isnan(x).all():
                continue
            finite = x[np.isfinite(x)]  # infinite ones are at the ends, whatever the cuts
            cut = np.unique(np.quantile(finite, np.linspace(0, 1, BINS + 1)[1:-1])) if len(finite) else np.zeros(1)
            found = np.where(np.isnan(x), len(cut) + 1, np.searchsorted(cut, x, side="left"))
        else:
            found = pd.factorize(column.astype(object).where(column.notna(), None), use_na_sentinel=False)[0]
        width = int(found.max()) + 1
        shares = np.bincount(place * width + found, minlength=m * width).reshape(m, width).astype(float)
        shares /= shares.sum(axis=1, keepdims=True)
        gap = np.abs(np.cumsum(shares, axis=1)[:, None] - np.cumsum(shares, axis=1)[None]) if number else None
        distance += gap.max(axis=2) if gap is not None else np.abs(shares[:, None] - shares[None]).sum(axis=2) / 2
    centring = np.eye(m) - 1.0 / m
    _, vectors = np.linalg.eigh(-centring @ distance**2 @ centring / 2)
    axis = vectors[:, -1]
    order = np.argsort(axis, kind="stable")
    frequent = int(np.argmax(np.bincount(place, minlength=m)))
    return order[::-1] if np.flatnonzero(order == frequent)[0] >= m / 2 else order
