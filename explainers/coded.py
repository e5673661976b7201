"""Raw columns as the numbers that LIME and anchors work on, and back to what the model wants."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers.rows import Stack, text


class Coded:
    """Codes of raw columns, learnt from reference rows.

    Numbers without missing values stay numbers. All other columns become levels: categories and booleans with "missing" as a level;
    dates, and numbers with missing or infinite values, are cut at the quartiles of the reference, with "missing" beside the four bins.
    What the codes of one explained row are does not depend on which others are explained with it.

    Attributes
    ----------
    levels : Mapping of column place to list of str
        Texts of the levels of each column that is not numeric.
    cut : set of int
        Places of the columns that were cut at their quartiles.
    notes : list of str
        What a person should know of the coding.
    """

    def __init__(self, ev: Evaluation, reference: pd.DataFrame, rows: pd.DataFrame):
        self._n = len(reference)
        self._stack_rows = pd.concat([reference, rows], ignore_index=True)
        self._stack = Stack(self._stack_rows)
        self.levels: Mapping[int, list[str]] = {}
        self.notes: list[str] = []
        self.cut: set[int] = set()
        self._codes = np.empty(self._stack_rows.shape)
        self._members: dict[int, list[np.ndarray]] = {}
        levels = {}
        for j, name in enumerate(reference.columns):
            column = self._stack_rows[name]
            ordered = ev.columns[name].kind in ("numeric", "datetime") and (
                pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_datetime64_any_dtype(column.dtype)
            )
            dates = pd.api.types.is_datetime64_any_dtype(column.dtype)
            gaps = ev.columns[name].missing > 0 or column.isna().any()
            infinite = _infinite(ev.whole.frame[name])
            if ordered and not dates and not gaps and not infinite and not pd.api.types.is_bool_dtype(column.dtype):
                self._codes[:, j] = _numbers(column)
                continue
            codes, texts = _bins(column, self._n) if ordered else _categories(column)
            self._codes[:, j] = codes
            self._members[j] = [_donors(codes, i, self._n) for i in range(len(texts))]
            levels[j] = texts
            if ordered:
                self.cut.add(j)
                why = "holds dates" if dates else "has infinite values" if infinite else "has missing values"
                missing = ", missing is a level of its own" if gaps or dates else ""
                self.notes.append(f"{name} {why}: cut at its quartiles{missing}")
        self.levels = levels

    @property
    def reference(self) -> np.ndarray:
        """Codes of the reference rows, float64, shape (n_rows, n_columns)."""
        return self._codes[: self._n]

    @property
    def rows(self) -> np.ndarray:
        """Codes of the explained rows, shape (n_explained, n_columns)."""
        return self._codes[self._n :]

    @property
    def row(self) -> np.ndarray:
        """Codes of the (last) explained row, shape (n_columns,)."""
        return self._codes[-1]

    def decode(self, codes: np.ndarray, rng: np.random.Generator, *, own: bool = True) -> pd.DataFrame:
        """Turn codes into raw rows with the dtypes that the model is fed; a level of several values gets one drawn from the data.

        Where ``own``, codes that are all those of the explained row give that row as it is.
        """
        m, last = len(codes), len(self._stack_rows) - 1
        choice = np.zeros((m, codes.shape[1]), dtype=np.int64)
        same = (codes == self.row[None]).all(axis=1) if own else np.zeros(m, dtype=bool)
        for j, members in self._members.items():
            wanted = np.clip(codes[:, j].astype(np.int64), 0, len(members) - 1)
            draws = rng.random(m)
            for level in np.unique(wanted):
                rows = wanted == level
                choice[rows, j] = members[level][(draws[rows] * len(members[level])).astype(np.int64)]
        made = self._stack.rows(choice)
        for j, name in enumerate(made.columns):
            if j not in self._members:
                made[name] = _typed(codes[:, j], self._stack_rows[name].dtype)
        if same.any():  # the row itself is asked about as it is
            rows = self._stack.rows(np.full((int(same.sum()), codes.shape[1]), last))
            made = pd.concat([made[~same], rows.set_axis(np.flatnonzero(same))]).sort_index()
        return made


def _infinite(column: pd.Series) -> bool:
    return column.dtype.kind == "f" and bool(np.isinf(column.to_numpy(dtype="float64", na_value=np.nan)).any())


def _numbers(column: pd.Series) -> np.ndarray:
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column.to_numpy(dtype="datetime64[ns]").astype("int64").astype("float64")
    return column.to_numpy(dtype="float64")


def _typed(values: np.ndarray, dtype: Any) -> pd.Series:
    """Give numbers their column's dtype; whole numbers stay whole."""
    if pd.api.types.is_integer_dtype(dtype):
        values = np.rint(values)
        kind = getattr(dtype, "numpy_dtype", dtype)
        values = np.clip(values, np.iinfo(kind).min, np.iinfo(kind).max)
    return pd.Series(values).astype(dtype)


def _categories(column: pd.Series) -> tuple[np.ndarray, list[str]]:
    codes, levels = pd.factorize(column)
    texts = [text(v) for v in levels]
    if (codes < 0).any():
        codes = np.where(codes < 0, len(texts), codes)
        texts.append("missing")
    return codes, texts


def _donors(codes: np.ndarray, level: int, n: int) -> np.ndarray:
    """Give the rows that lend their value to a level: of the reference, or the explained ones where it has none of them."""
    members = np.flatnonzero(codes == level)
    of_reference = members[members < n]
    return of_reference if len(of_reference) else members


def _bins(column: pd.Series, n: int) -> tuple[np.ndarray, list[str]]:
    """Cut numbers at the quartiles of those of the first n that are there; missing is the last level."""
    known = column.notna().to_numpy()
    values = np.full(len(column), np.nan)
    values[known] = _numbers(column[known])
    if not known.any():
        return np.zeros(len(column), dtype=np.int64), ["missing"]
    learnt = values[:n][known[:n]] if known[:n].any() else values[known]
    quartiles = [0.25, 0.5, 0.75]
    if np.isfinite(learnt).all():
        edges = np.unique(np.quantile(learnt, quartiles))
    else:  # between infinite values is no middle
        edges = np.unique(np.quantile(learnt, quartiles, method="lower"))
    codes = np.searchsorted(edges, values, side="left")
    shown = [
        text(v)
        for v in (
            pd.to_datetime(edges.astype("int64")) if pd.api.types.is_datetime64_any_dtype(column.dtype) else edges
        )
    ]
    texts = [
        f"<= {shown[0]}",
        *(f"{a} < ... <= {b}" for a, b in itertools.pairwise(shown)),
        f"> {shown[-1]}",
        "missing",
    ]
    codes = np.where(known, codes, len(texts) - 1)
    used, codes = np.unique(codes, return_inverse=True)
    return codes, [texts[i] for i in used]
