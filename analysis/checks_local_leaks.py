"""Does a column know the outcome in one period or slice only, or lose it there? What it explains inside each, beside outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import stats

from modelglass.analysis.checked_data import CheckedData, Hit, hit
from modelglass.analysis.checks_leaks import usable
from modelglass.analysis.coding import Coding
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.finding import Severity
from modelglass.analysis.selecting import Place, between, level_of
from modelglass.analysis.stretches import clocks

WINDOW_BINS = 24
MOST_PAIRS = 1_500
"""Pairs of a column and a slicing column, times classes, that are looked at: times first."""


def check_local_leaks(data: CheckedData) -> list[Hit]:
    """Columns that know the outcome in one period or slice far better than elsewhere, or no longer in one period."""
    small = usable(data)
    slicings = [*_windows(small), *(_slices(small, name) for name in small.slicers())]
    if not slicings:
        raise NotApplicable("there is no column of times or of few levels to cut by")
    features = [c for c in small.features if small.columns[c].kind not in ("text", "id", "datetime")]
    weight = small.weights()
    outcome = small.outcome_indicators()
    if small.task == "regression":  # a few large values would decide within small slices
        outcome = stats.rankdata(outcome[0])[None] / small.n
    codes = {f: _few_levels(small.levels(f), small.n) for f in features}
    hits: list[Hit] = []
    most = max(MOST_PAIRS // max(len(features) * len(outcome), 1), 1)
    for slicing in slicings[:most]:
        known = {f: _within(slicing, codes[f], outcome, weight) for f in features if f != slicing.name}
        lost = _lost(small, data, slicing, known) if slicing.time else []
        gone = {h.finding.features[0] for h in lost}  # where it is lost in one period it is better in all others
        sure = partial(_surely_better, slicing, codes, outcome)
        hits += lost + [h for h in _too_good(small, data, slicing, known, sure) if h.finding.features[0] not in gone]
    return hits


@dataclass(frozen=True, eq=False, slots=True)
class Slicing:
    """Slices by one column: the cell of each row (n,), which cells make up which slice (slices, cells), and where each slice is.

    A row without a time is in cell -1, and in no slice.
    """

    name: str
    cell: np.ndarray
    members: np.ndarray
    places: list[Place]
    time: bool


def _slices(small: CheckedData, name: str) -> Slicing:
    coding = small.levels(name)
    return Slicing(
        name, coding.codes, np.eye(len(coding.labels)), [level_of(coding, i) for i in range(len(coding.labels))], False
    )


def _windows(small: CheckedData) -> list[Slicing]:
    """Cut time into 24 bins of equal count, and take every window of 1 to 6 of them."""
    made = []
    for clock in clocks(small):
        joined = max(-(-clock.bins // WINDOW_BINS), 1)
        count = -(-clock.bins // joined)
        cell = np.where(clock.bin >= 0, clock.bin // joined, -1)
        known = clock.bin >= 0
        low, high = np.full(count, np.inf), np.full(count, -np.inf)
        np.minimum.at(low, cell[known], clock.seconds[known])
        np.maximum.at(high, cell[known], clock.seconds[known])
        members, places = [], []
        for width in (1, 2, 3, 4, 6):
            for start in range(count - width + 1):
                members.append((np.arange(count) >= start) & (np.arange(count) < start + width))
                ends = low[start] if start else None, high[start + width - 1] if start + width < count else None
                places.append(between(small, clock.name, *ends))
        made.append(Slicing(clock.name, cell, np.array(members, float), places, True))
    return made


def _few_levels(coding: Coding, n: int) -> np.ndarray:
    """Give codes of at most 12 levels: the rarer ones share the last."""
    if len(coding.labels) <= 13:
        return coding.codes
    order = np.argsort(-np.bincount(coding.codes, minlength=len(coding.labels)), kind="stable")
    place = np.full(len(order), 12)
    place[order[:12]] = np.arange(12)
    return place[coding.codes]


@dataclass(frozen=True, eq=False, slots=True)
class Within:
    """Share of the outcome's variance that a column's levels explain, slice by slice (s,), and in all rows outside each; NaN: cannot say."""

    inside: np.ndarray
    outside: np.ndarray
    n: np.ndarray


def _within(slicing: Slicing, codes: np.ndarray, outcome: np.ndarray, weight: np.ndarray) -> Within:
    """Explained share, adjusted for the number of levels (as adjusted R2 is)."""
    used = slicing.cell >= 0
    cells, b = slicing.members.shape[1], int(codes.max(initial=0)) + 1
    cell = slicing.cell[used] * b + codes[used]

    def tables(x: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Sum by slice and level, (slices, b), and over the rows outside each slice."""
        whole = (
            np.bincount(cell, weights=None if x is None else x[used], minlength=cells * b)
            .reshape(cells, b)
            .astype(float)
        )
        inside = slicing.members @ whole
        return inside, whole.sum(axis=0) - inside

    n, w = np.stack(tables(None)), np.stack(tables(weight))
    total, left = np.zeros(n.shape[:2]), np.zeros(n.shape[:2])
    scarce = np.full(n.shape[1], np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        for y in outcome:
            sums = np.stack(tables(weight * y))
            squares = np.stack(tables(weight * y * y)).sum(axis=2)
            total += squares - sums.sum(axis=2) ** 2 / np.maximum(w.sum(axis=2), 1e-300)
            left += squares - np.where(w > 1e-9, sums**2 / w, 0.0).sum(axis=2)
            if len(outcome) == 1 and ((y == 0) | (y == 1)).all():
                ones = tables(y)[0].sum(axis=1)
                scarce = np.minimum(ones, n[0].sum(axis=1) - ones)
        rows, levels = n.sum(axis=2), (n > 0).sum(axis=2)
        share = 1 - (left / (rows - levels)) / (total / (rows - 1))
    share = np.where((rows >= 50) & (rows > 4 * levels) & (total > 1e-12), share, np.nan)
    share[0, scarce < 15] = np.nan
    return Within(share[0], share[1], rows[0])


def _surely_better(slicing: Slicing, codes: dict[str, np.ndarray], outcome: np.ndarray, name: str, s: int) -> bool:
    """Tell whether what a column leaves unexplained in one slice is surely less than outside: five standard errors of a mean of so few rows.

    What is left is measured by the column's levels outside the slice and inside it, each by its own means.
    """
    inside = (slicing.cell >= 0) & (slicing.members[s][np.maximum(slicing.cell, 0)] > 0)
    left = np.zeros(len(inside))
    for part in (inside, ~inside):
        n = np.bincount(codes[name][part], minlength=1)
        for y in outcome:
            mean = np.bincount(codes[name][part], weights=y[part]) / np.maximum(n, 1)
            left[part] += (y[part] - mean[codes[name][part]]) ** 2
    here, rest = left[inside], left[~inside]
    return bool(rest.mean() - here.mean() > 5 * rest.std() / np.sqrt(len(here)))


def _too_good(
    small: CheckedData, data: CheckedData, slicing: Slicing, known: dict[str, Within], sure: Callable[[str, int], bool]
) -> list[Hit]:
    hits: list[Hit] = []
    names = list(known)
    if not names:
        return []
    inside = np.nan_to_num(np.stack([known[f].inside for f in names]), nan=-1.0)
    for i, name in enumerate(names):
        about = known[name]
        here, rest = about.inside, about.outside
        most_left = (
            0.4 if slicing.time else 0.25
        )  # within a level of another column less is left to explain in any case
        second = np.delete(inside, i, axis=0).max(axis=0, initial=0.0)
        with np.errstate(invalid="ignore"):
            found = (here >= 0.6) & (1 - here <= most_left * (1 - rest)) & (1 - here <= 0.5 * (1 - second))
        if not found.any():
            continue
        best = int(np.where(found, (here - rest) * np.sqrt(about.n), -1).argmax())
        chosen = [best] if slicing.time else np.flatnonzero(found).tolist()
        hits += [_local_told(small, data, name, slicing, s, about) for s in chosen if sure(name, s)]
    return hits


def _local_told(small: CheckedData, data: CheckedData, name: str, slicing: Slicing, s: int, about: Within) -> Hit:
    here, rest, n = float(about.inside[s]), float(about.outside[s]), int(about.n[s])
    severity: Severity = "high" if slicing.time and here >= 0.85 and rest <= 0.6 else "medium"
    return hit(
        data,
        "local_leak",
        severity,
        f"{name} alone explains {here:.0%} of the differences in {data.target or 'the outcome'} where {slicing.places[s].words} "
        f"({rows_text(n)}), and {max(rest, 0):.0%} elsewhere",
        columns=(name, slicing.name),
        where=slicing.places[s].where,
        n=n,
        estimate=here,
        harm=n / small.n,
        advice=f"Look how {name} is made there: it seems to know the outcome. Leave these rows or the column out.",
    )


def _lost(small: CheckedData, data: CheckedData, slicing: Slicing, known: dict[str, Within]) -> list[Hit]:
    """A column that says much of the outcome, but nothing in one period: shuffled, or joined to other rows."""
    hits = []
    apart = (slicing.members @ slicing.members.T) == 0  # windows that share no bin
    for name, about in known.items():
        here, rest, n = about.inside, about.outside, about.n
        chance = (
            4 * np.sqrt(2 * 12) / np.maximum(n, 1)
        )  # four standard errors of the adjusted share when nothing is known
        with np.errstate(invalid="ignore"):
            found = (rest >= 0.2) & (here <= 0.2 * rest) & (here + chance <= 0.6 * rest)
        if not found.any():
            continue
        s = int(np.where(found, (rest - here) * np.sqrt(n), -1).argmax())
        usual = here[apart[s] & np.isfinite(here) & (n >= n[s] / 2)]
        if not len(usual) or usual.min() < 0.4 * rest[s]:
            continue
        hits.append(
            hit(
                data,
                "lost_link",
                "medium",
                f"{name} says nothing of {data.target or 'the outcome'} where {slicing.places[s].words} ({rows_text(int(n[s]))}), and "
                f"explains {rest[s]:.0%} of its differences elsewhere",
                columns=(name, slicing.name),
                where=slicing.places[s].where,
                n=int(n[s]),
                estimate=float(here[s]),
                harm=float(n[s] / small.n),
                advice=f"Look whether {name} was joined to the wrong rows in that time, or means something else there.",
            )
        )
    return hits
