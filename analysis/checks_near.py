"""Are there rows that are nearly the same as another, as copies with small changes are? By how much nearer the nearest row is than the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from modelglass.analysis.checked_data import CheckedData, Hit, hit
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.selecting import selecting
from modelglass.analysis.wording import part

ROWS, MOST_NUMBERS, FEWEST_NUMBERS = 10_000, 8, 3
"""Rows and numbers at most; with fewer numbers than the last, near rows are frequent."""
FEWEST_VALUES = 50
TAIL = 1e-3
"""A row is very near another where chance makes so few nearer."""
LEAST, MUCH = 0.01, 0.05
"""Share of the rows to be told, and to be of high severity."""
P_MOST, TIMES = 1e-4, 5.0
FREQUENT = 0.05
"""A value on such a share of the rows (a zero, a mean filled in) lets a row differ from others of that value in the other columns only."""


def check_near(data: CheckedData) -> list[Hit]:
    """Rows whose numbers are nearly those of another row, and whose categories and outcome are the same.

    In d dimensions the ratio of the distances to the second and to the first neighbour follows a Pareto distribution of exponent d,
    whatever the density (Facco, d'Errico, Rodriguez and Laio 2017); d is taken from the lower quartile, which copies hardly move, and is
    never more than the columns in which a row may differ at all: those where it does not hold a frequent value.
    """
    if data.cluster is not None:
        raise NotApplicable("rows of one cluster may well be alike")
    small = data.part(ROWS)
    many = {c: len(np.unique(small.numbers(c))) for c in small.of_kind("numeric")}
    numbers = [c for c in sorted(many, key=lambda c: -many[c]) if many[c] >= FEWEST_VALUES]
    if len(numbers) < FEWEST_NUMBERS:
        raise NotApplicable(f"there are fewer than {FEWEST_NUMBERS} columns of numbers of many values")
    numbers = numbers[:MOST_NUMBERS]
    total = small.outcome_hashes().copy()
    for name in small.of_kind("categorical", "boolean"):
        total += small.hashes(name)
    place, ratio, neighbour, free = _neighbours(small, numbers)
    if len(place) < 500:
        raise NotApplicable("fewer than 500 different rows with all their numbers are too few")
    exponent = np.minimum(np.log(4 / 3) / max(float(np.quantile(ratio, 0.25)), 1e-9), free)
    near = np.exp(-exponent * ratio) < TAIL
    same = total[place] == total[neighbour]
    chance = TAIL * len(place) * min(float(same[~near].mean()) + 1 / len(place), 1.0) if (~near).any() else 0.0
    found = int((near & same).sum())
    share = found / len(place)
    p = float(stats.poisson.sf(found - 1, TIMES * chance))
    if share < LEAST or p > P_MOST:
        return []
    places = data.places_of(small, place[near & same])
    where, said = selecting(data, places)
    return [
        hit(
            data,
            "near_copies",
            "high" if share >= MUCH else "medium",
            f"{rows_text(found)} ({part(share)} of {len(place):,}) look like copies of another row with small changes: the same in the outcome and "
            f"all categories, and far nearer in {len(numbers)} numbers than the next row; chance would give about {chance:,.1f}{said}",
            where=where,
            places=places,
            n=found,
            estimate=share,
            p_adjusted=p,
            advice="Find out whether cases were entered twice or made from one another, keep one of each, or say with a cluster column which "
            "rows belong together: as they are, intervals are too narrow.",
        )
    ]


def _neighbours(
    data: CheckedData, numbers: list[str]
) -> tuple[NDArray[np.int64], np.ndarray, NDArray[np.int64], NDArray[np.int64]]:
    """Give for rows that differ from all others: place, log of how much farther the second neighbour is, place of the first, columns without
    a frequent value.
    """
    from scipy.spatial import cKDTree

    values = np.column_stack([data.numbers(c) for c in numbers])
    known = np.flatnonzero(np.isfinite(values).all(axis=1))
    known = known[np.sort(np.unique(values[known], axis=0, return_index=True)[1])]
    if len(known) < 3:
        return known, np.zeros(len(known)), known, np.zeros(len(known), dtype=np.int64)
    free = np.zeros(len(known), dtype=np.int64)
    for j in range(len(numbers)):
        _, code, count = np.unique(values[known, j], return_inverse=True, return_counts=True)
        free += count[code.reshape(-1)] < FREQUENT * len(known)
    ranks = np.column_stack([stats.rankdata(values[known, j]) for j in range(len(numbers))]) / len(known)
    distance, at = cKDTree(ranks).query(ranks, k=3)
    return known, np.log(distance[:, 2] / np.maximum(distance[:, 1], 1e-12)), known[at[:, 1]], free
