"""How much of a higher loss goes with what rows are like: the loss the rest would have if a column were spread there as in the cohort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modelglass.analysis.coding import Coding
from modelglass.analysis.mean_difference import Sample, mean_difference, why_none

FEWEST_THERE = 10
"""Rows of a level in the rest from which its loss there is known; other levels have no counterpart."""
MOST_ALONE = 0.1
"""Share of the cohort without a counterpart above which a column says nothing."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Part:
    """What goes with one column: estimate (loss a row), low, high, p (two-sided), n (rows here that have a counterpart), note."""

    column: str
    estimate: float
    low: float
    high: float
    p: float
    n: int
    note: str = ""


def parts(
    loss: np.ndarray,
    inside: np.ndarray,
    codings: Sequence[Coding],
    weight: np.ndarray | None = None,
    cluster: np.ndarray | None = None,
    *,
    level: float = 0.95,
) -> list[Part]:
    """Estimate for each column what its spread alone goes with.

    The loss of the rest is averaged within each level of the column and then over the levels as often as they come here; what that is
    above the plain mean of the rest is the part of the column (standardisation; Kitagawa 1955, JASA 50, 1168-1194). Columns say
    part of the same, so their parts do not add up. The interval counts both samples (influences; ``mean_difference``).

    Parameters
    ----------
    loss : array, shape (n,)
    inside : bool array, shape (n,)
        Rows here.
    codings : sequence of Coding
        Of all rows, one for each column.
    weight, cluster : arrays, shape (n,), optional
    """
    return [_part(loss, inside, c, weight, cluster, level) for c in codings]


def _part(
    loss: np.ndarray,
    inside: np.ndarray,
    coding: Coding,
    weight: np.ndarray | None,
    cluster: np.ndarray | None,
    level: float,
) -> Part:
    codes, k = coding.codes, len(coding.labels)
    w = np.ones(len(loss)) if weight is None else weight
    rows_there = np.bincount(codes[~inside], minlength=k)
    there = np.bincount(codes[~inside], w[~inside], k)
    known = (rows_there >= FEWEST_THERE) & (there > 0)
    matched = inside & known[codes]
    alone = 1 - float(w[matched].sum() / max(w[inside].sum(), 1e-300))
    n = int(matched.sum())
    if alone > MOST_ALONE or not n:
        note = f"cannot say: {alone:.0%} of these rows have no counterpart in this column on the other side"
        return Part(column=coding.column, estimate=np.nan, low=np.nan, high=np.nan, p=np.nan, n=n, note=note)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(known, np.bincount(codes[~inside], w[~inside] * loss[~inside], k) / there, 0.0)
    here = np.bincount(codes[matched], w[matched], k)
    ratio = np.zeros(k)
    ratio[known] = (here / here.sum())[known] / (there / there.sum())[known]

    def sample(among: np.ndarray, values: np.ndarray) -> Sample:
        return Sample(
            values=values[:, None],
            weight=None if weight is None else weight[among],
            cluster=None if cluster is None else cluster[among],
        )

    # the influence of a row there: on the plain mean, and through the mean of its level
    of_there = loss[~inside] - ratio[codes[~inside]] * (loss[~inside] - mean[codes[~inside]])
    pair = sample(matched, mean[codes[matched]]), sample(~inside, of_there)
    found = mean_difference(*pair, level)
    note = why_none(*pair)
    estimate, low, high, p = (float(v[0]) for v in (found.estimate, found.low, found.high, found.p))
    note = f"no interval: {note}" if note else ""
    return Part(column=coding.column, estimate=estimate, low=low, high=high, p=p, n=n, note=note)
