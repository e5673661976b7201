"""Which raw columns go together: how closely each pair is associated, and groups in which every pair is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from modelglass.analysis.evaluation import Evaluation

Floats = np.ndarray[Any, Any]
ROWS, MOST_COLUMNS = 5_000, 200
FEWEST = 30
"""Rows in which both columns are there, below which nothing is said of a pair."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Together:
    """A group of columns that go together; ``weakest``: the association of its least associated pair."""

    columns: tuple[str, ...]
    weakest: float


def going_together(ev: Evaluation, at_least: float) -> list[Together]:
    """Find groups of raw columns in which every pair is associated by at least so much (complete linkage); [] beyond 200 columns."""
    if len(ev.features) < 2 or len(ev.features) > MOST_COLUMNS or ev.n < FEWEST:
        return []
    table = associations(ev)
    distance = 1 - table.to_numpy()
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(np.clip(distance, 0, 1), checks=False), "complete")
    number = fcluster(tree, 1 - at_least + 1e-12, "distance")
    found = []
    for g in dict.fromkeys(number):
        at = np.flatnonzero(number == g)
        if len(at) > 1:
            inside = table.to_numpy()[np.ix_(at, at)]
            weakest = float(inside[np.triu_indices(len(at), 1)].min())
            found.append(Together(columns=tuple(table.columns[i] for i in at), weakest=weakest))
    return found


def associations(ev: Evaluation) -> pd.DataFrame:
    """Give the association of each pair of raw columns in [0, 1], on up to 5,000 rows: features by features.

    Two ordered columns: |Spearman's rank correlation|; two others: Cramer's V, corrected for chance (Bergsma 2013, Journal of the Korean
    Statistical Society 42, 323-328); one of each: the correlation ratio of the ranks, corrected likewise. Rows in which either is missing are
    left out; 0 where a column is constant or fewer than 30 rows are left.
    """
    inputs = ev.sample(ROWS).inputs()
    coded = [_coded(ev, inputs[name], name) for name in ev.features]
    p = len(coded)
    out = np.eye(p)
    for i in range(p):
        for j in range(i):
            out[i, j] = out[j, i] = _pair(*coded[i], *coded[j])
    return pd.DataFrame(out, index=list(ev.features), columns=list(ev.features))


def is_ordered(ev: Evaluation, column: pd.Series, name: str) -> bool:
    """Tell whether a column holds numbers or dates."""
    dates = pd.api.types.is_datetime64_any_dtype(column.dtype)
    numbers = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
    return ev.columns[name].kind in ("numeric", "datetime") and (dates or numbers)


def ranks(column: pd.Series) -> Floats:
    """Give mid-ranks of numbers or dates, NaN where missing."""
    known = column.notna().to_numpy()
    values = column[known]
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        values = values.astype("int64")
    out = np.full(len(column), np.nan)
    out[known] = rankdata(values.to_numpy(dtype=float))
    return out


def _coded(ev: Evaluation, column: pd.Series, name: str) -> tuple[Floats, bool]:
    if is_ordered(ev, column, name):
        return ranks(column), True
    codes = pd.factorize(column)[0].astype(float)
    return np.where(codes < 0, np.nan, codes), False


def _pair(a: Floats, a_ordered: bool, b: Floats, b_ordered: bool) -> float:
    both = ~np.isnan(a) & ~np.isnan(b)
    if both.sum() < FEWEST:
        return 0.0
    a, b = a[both], b[both]
    if a.min() == a.max() or b.min() == b.max():
        return 0.0
    if a_ordered and b_ordered:
        if not both.all():
            a, b = rankdata(a), rankdata(b)
        return float(abs(np.corrcoef(a, b)[0, 1]))
    if a_ordered or b_ordered:
        return _ratio(a, b) if a_ordered else _ratio(b, a)
    return _cramer(a, b)


def _ratio(values: Floats, codes: Floats) -> float:
    """Root of the share of the values' variance between levels, freed of what chance gives."""
    code = np.unique(codes, return_inverse=True)[1]
    count = np.bincount(code)
    n, k = len(values), len(count)
    if n <= k:
        return 0.0
    mean = np.bincount(code, values) / count
    total = float(((values - values.mean()) ** 2).sum())
    between = float((count * (mean - values.mean()) ** 2).sum())
    return float(np.sqrt(max(1 - (total - between) / (n - k) * (n - 1) / total, 0.0)))


def _cramer(a: Floats, b: Floats) -> float:
    x, y = np.unique(a, return_inverse=True)[1], np.unique(b, return_inverse=True)[1]
    r, c, n = int(x.max()) + 1, int(y.max()) + 1, len(x)
    table = np.bincount(x * c + y, minlength=r * c).reshape(r, c)
    expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / n
    phi2 = float(((table - expected) ** 2 / expected).sum()) / n
    phi2 = max(phi2 - (r - 1) * (c - 1) / (n - 1), 0.0)
    r_free, c_free = r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)
    return float(np.sqrt(min(phi2 / max(min(r_free, c_free) - 1, 1e-12), 1.0)))
