"""What one metric of many groups is: estimate, interval, support and a note for each; and the register of estimators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelglass.analysis.groups import Groups

Floats = NDArray[Any]
FEWEST_CLUSTERS = 10
ROUNDING = 1e-20
"""Variance of a number of the order of 1 that is nothing but rounding: a standard error of 1e-10."""
FLAT = 1e-9
"""Width of an interval, as a share of the numbers at its ends, that is nothing but rounding."""


@dataclass(eq=False, slots=True)
class Estimates:
    """One metric of g groups: ``estimate, low, high`` (g,) floats, ``support`` (g,) rows it rests on, ``note`` (g,) words or "".

    ``low`` and ``high`` are NaN where no interval that holds its level can be given; ``note`` then says why.
    """

    estimate: Floats
    low: Floats
    high: Floats
    support: NDArray[np.int64]
    method: str
    note: np.ndarray = field(default_factory=lambda: np.empty(0, object))

    def __post_init__(self) -> None:
        self.estimate, self.low, self.high = (np.array(a, float) for a in (self.estimate, self.low, self.high))
        self.support = np.asarray(self.support).astype(np.int64)
        self.note = np.full(len(self.estimate), "", dtype=object)

    def cannot(self, where: np.ndarray, reason: Callable[[int], str]) -> Estimates:
        """Take the metric itself away where it has no meaning; the first such reason stands."""
        for g in np.flatnonzero(where):
            if not self.note[g].startswith("cannot say"):
                self.note[g] = f"cannot say: {reason(int(g))}"
        self.estimate[where] = np.nan
        return self._blank(where)

    def no_interval(self, where: np.ndarray, reason: Callable[[int], str]) -> Estimates:
        """Take the interval away where it would not hold its level; the estimate stands."""
        for g in np.flatnonzero(where & (self.note == "")):
            self.note[g] = f"no interval: {reason(int(g))}"
        return self._blank(where)

    def _blank(self, where: np.ndarray) -> Estimates:
        self.low[where] = np.nan
        self.high[where] = np.nan
        return self

    def not_flat(self) -> Estimates:
        """Take away intervals without width: where nothing varies among the rows, they do not tell how far the estimate may be off."""
        flat = self.high - self.low <= FLAT * np.maximum(np.abs(self.low), np.abs(self.high))
        return self.no_interval(
            flat, lambda g: f"nothing varies among the {rows_text(int(self.support[g]))} that it rests on"
        )

    def within(self, low: float, high: float) -> Estimates:
        """Keep the interval inside the metric's range."""
        self.low, self.high = np.clip(self.low, low, high), np.clip(self.high, low, high)
        return self


def rows_text(count: int) -> str:
    """Write a number of rows.

    >>> rows_text(1), rows_text(1200)
    ('1 row', '1,200 rows')
    """
    return many(count, "row")


def many(count: int, one: str) -> str:
    """Write a number of things whose name takes an s.

    >>> many(1, "slice"), many(1200, "slice")
    ('1 slice', '1,200 slices')
    """
    return f"{count:,} {one}" if count == 1 else f"{count:,} {one}s"


def agree(count: int, one: str, many: str) -> str:
    """Give the form of a verb that goes with a number of rows.

    >>> agree(1, "is", "are"), agree(0, "is", "are")
    ('is', 'are')
    """
    return one if count == 1 else many


def all_rows(count: int) -> str:
    """Name all of some rows.

    >>> all_rows(1), all_rows(1200)
    ('the only row', 'all 1,200 rows')
    """
    return "the only row" if count == 1 else f"all {count:,} rows"


Estimator = Callable[[Groups, float], Estimates]
ESTIMATORS: dict[str, Estimator] = {}


def estimator(name: str) -> Callable[[Estimator], Estimator]:
    """Register the function that estimates a metric."""

    def register(function: Estimator) -> Estimator:
        ESTIMATORS[name] = function
        return function

    return register


def few_clusters(found: Estimates, groups: Groups) -> Estimates:
    """Give no interval from fewer clusters than the simulation allows."""
    if groups.clustered:
        found.no_interval(
            groups.units < FEWEST_CLUSTERS,
            lambda g: f"only {groups.units[g]} clusters, at least {FEWEST_CLUSTERS} are needed",
        )
    return found
