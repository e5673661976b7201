"""Does a column know the outcome? One that predicts it alone, is sure of it in one level, or knows it in one period or slice only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import stats

from modelglass.analysis.checked_data import CheckedData, Hit, hit
from modelglass.analysis.coding import Coding
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.estimates import estimate
from modelglass.analysis.finding import Severity
from modelglass.analysis.groups import Groups, Rows
from modelglass.analysis.intervals import wilson
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.selecting import between
from modelglass.analysis.single_features import Single, singles, together
from modelglass.analysis.stretches import clocks, runs

FEWEST = 100
"""Rows below which nothing is said of leaks."""
NEARLY_ALL, MUCH = 0.9, 0.7
"""Share of the outcome's variance that one column explains: nearly perfect, and suspect where all others know far less."""
TWINS = 0.95
"""A column that explains so much is compared with the others but its twins (copies leak together)."""
MOST_CLASSES = 10
WINDOW_BINS = 24
MOST_PAIRS = 1_500
"""Pairs of a column and a slicing column, times classes, that are looked at: times first."""
_ASK = "Ask when {name} is known: if only after the outcome, or made from it, the model must do without it, and these metrics are too good."


def check_leaks(data: CheckedData) -> list[Hit]:
    """Columns that predict the outcome alone nearly perfectly, beside what all other columns do together."""
    small = _usable(data)
    names = [c for c in small.inputs if small.columns[c].kind != "text"]
    made = [s for s in singles(small, names) if np.isfinite(s.explained)]
    weight = np.ones(small.n) if small.weight is None else small.weight
    hits = []
    for one in made:
        if one.explained < MUCH:
            continue
        twins = {s.name for s in made if one.explained >= TWINS and s.explained >= TWINS}
        _, others = together(small, [s for s in made if s.name != one.name and s.name not in twins], weight)
        severity = _severity(one.explained, others)
        if severity is not None:
            hits.append(_told(small, data, one, others, severity))
    return hits


def _usable(data: CheckedData) -> CheckedData:
    if not data.inputs:
        raise NotApplicable("there are no columns beside the outcome")
    if data.n < FEWEST:
        raise NotApplicable(f"{rows_text(data.n)} are too few; {FEWEST} are needed")
    if len(data.classes) > MOST_CLASSES:
        raise NotApplicable(f"there are more than {MOST_CLASSES} classes")
    return data.keep("small", lambda: data.part(data.rows))


def _severity(alone: float, others: float) -> Severity | None:
    """Weigh what a column leaves unexplained beside what all others leave."""
    left = (1 - alone) / max(1 - others, 1e-12)
    if alone >= NEARLY_ALL and left <= 0.3:
        return "high"
    if (alone >= 0.8 and left <= 0.4) or left <= 0.25:
        return "medium"
    return None


def _told(small: CheckedData, data: CheckedData, one: Single, others: float, severity: Severity) -> Hit:
    alone = f"{one.name} alone explains {one.explained:.1%} of the differences in {data.target or 'the outcome'}"
    if data.task == "binary":
        alone = f"{one.name} alone tells the outcome with a ROC AUC of {auc(one.predicted[0], small.outcome_indicators()[0], small.weight):.3f}"
    beside = f"all other columns together explain {max(others, 0):.1%}"
    explained = f" ({one.explained:.1%} of the differences explained, cross-fitted over {rows_text(small.n)})"
    return hit(
        data,
        "leak",
        severity,
        f"{alone}{explained if data.task == 'binary' else f', cross-fitted over {rows_text(small.n)}'}; {beside}",
        columns=(one.name,),
        n=small.n,
        estimate=one.explained,
        harm=one.explained,
        advice=_ASK.format(name=one.name),
    )


def auc(score: np.ndarray, positive: np.ndarray, weight: np.ndarray | None) -> float:
    """Give the weighted area under the ROC curve, ties counted half."""
    y = positive.astype(np.int64)
    rows = Rows(task="binary", y=y, predicted=y, score=score, probability=True, weight=weight)
    return float(estimate(METRICS["roc_auc"], Groups(rows, np.zeros(len(y), np.int64), 1)).estimate[0])


# sure in one level ---------------------------------------------------------------------------------------------------


def check_sure_levels(data: CheckedData) -> list[Hit]:
    """Levels of one column in which the outcome is (almost) certain, with a jump from the levels beside them."""
    if data.task == "regression":
        raise NotApplicable("the outcome is a number")
    small = _usable(data)
    outcome = small.outcome_indicators()
    names = [c for c in small.features if small.columns[c].kind not in ("text", "id")]
    looks = len(names) * 12 * len(outcome)
    hits = []
    for name in names:
        coding = small.levels(name)
        ranked = small.columns[name].kind in ("numeric", "datetime")
        found = [
            _sure(coding, y, ranked, looks) for y in (outcome if len(outcome) > 1 else [outcome[0], 1 - outcome[0]])
        ]
        best = max((f for f in found if f is not None), key=lambda f: f.caught, default=None)
        if best is not None:
            hits.append(_sure_told(small, data, name, coding, best, found.index(best)))
    return hits


@dataclass(frozen=True, slots=True)
class Sure:
    """Levels and their outcome: share there, in all other rows, lower limit, rows, share of all such outcomes that they hold, p."""

    levels: tuple[int, ...]
    share: float
    rest: float
    low: float
    n: int
    caught: float
    p: float


def _sure(coding: Coding, y: np.ndarray, ranked: bool, looks: int) -> Sure | None:
    count = len(coding.labels)
    n = np.bincount(coding.codes, minlength=count)
    hits = np.bincount(coding.codes, weights=y, minlength=count)
    share = hits / np.maximum(n, 1)
    sure = (n > 0) & (share >= 0.95)
    groups = [np.arange(start, stop) for start, stop in runs(sure)] if ranked else [np.flatnonzero(sure)]
    best = None
    for levels in groups:
        rows, held = int(n[levels].sum()), float(hits[levels].sum())
        low = float(wilson(held / max(rows, 1), max(rows, 1), 0.99)[0])
        others = np.delete(np.arange(count), levels)
        beside = others[(others == levels[0] - 1) | (others == levels[-1] + 1)] if ranked and len(levels) else others
        beside = share[beside[n[beside] >= 10]]
        caught = held / max(float(hits.sum()), 1.0)
        rest = float((hits.sum() - held) / max(n.sum() - rows, 1))
        if rows < 30 or low < 0.85 or rest > 0.5 or caught < 0.1 or not len(beside) or beside.max() > held / rows - 0.3:
            continue
        p = min(float(stats.binom.sf(held - 1, rows, max(rest, beside.max()))) * looks, 1.0)
        if p < 1e-4 and (best is None or caught > best.caught):
            best = Sure(tuple(int(i) for i in levels), held / rows, rest, low, rows, caught, p)
    return best


def _sure_told(small: CheckedData, data: CheckedData, name: str, coding: Coding, found: Sure, k: int) -> Hit:
    where = " OR ".join(coding.conditions[i] for i in found.levels)
    if data.task == "binary":
        positive = 1 if data.positive_index is None else data.positive_index
        k = positive if k == 0 else 1 - positive
    return hit(
        data,
        "sure_level",
        "medium",
        f"{data.target or 'The outcome'} is {data.classes[k]} on {found.share:.1%} of the {rows_text(found.n)} where {where}, and on "
        f"{found.rest:.1%} of the others; these rows hold {found.caught:.0%} of all {data.classes[k]}",
        columns=(name,),
        where=where,
        n=found.n,
        estimate=found.share,
        low=found.low,
        p_adjusted=found.p,
        harm=found.n / small.n,
        advice=_ASK.format(name=name),
    )


# in one period or slice ----------------------------------------------------------------------------------------------


def check_local_leaks(data: CheckedData) -> list[Hit]:
    """Columns that know the outcome in one period or slice far better than elsewhere, or no longer in one period."""
    small = _usable(data)
    slicings = [*_windows(small), *(_slices(small, name) for name in small.slicers())]
    if not slicings:
        raise NotApplicable("there is no column of times or of few levels to cut by")
    features = [c for c in small.features if small.columns[c].kind not in ("text", "id", "datetime")]
    weight = np.ones(small.n) if small.weight is None else small.weight
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
    """Slices by one column: the cell of each row (n,), which cells make up which slice (slices, cells), and each slice's condition.

    A row without a time is in cell -1, and in no slice.
    """

    name: str
    cell: np.ndarray
    members: np.ndarray
    conditions: list[str]
    time: bool


def _slices(small: CheckedData, name: str) -> Slicing:
    coding = small.levels(name)
    return Slicing(name, coding.codes, np.eye(len(coding.labels)), list(coding.conditions), False)


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
        members, conditions = [], []
        for width in (1, 2, 3, 4, 6):
            for start in range(count - width + 1):
                members.append((np.arange(count) >= start) & (np.arange(count) < start + width))
                ends = low[start] if start else None, high[start + width - 1] if start + width < count else None
                conditions.append(between(small, clock.name, *ends))
        made.append(Slicing(clock.name, cell, np.array(members, float), conditions, True))
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
        f"{name} alone explains {here:.0%} of the differences in {data.target or 'the outcome'} where {slicing.conditions[s]} "
        f"({rows_text(n)}), and {max(rest, 0):.0%} elsewhere",
        columns=(name, slicing.name),
        where=slicing.conditions[s],
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
                f"{name} says nothing of {data.target or 'the outcome'} where {slicing.conditions[s]} ({rows_text(int(n[s]))}), and "
                f"explains {rest[s]:.0%} of its differences elsewhere",
                columns=(name, slicing.name),
                where=slicing.conditions[s],
                n=int(n[s]),
                estimate=float(here[s]),
                harm=float(n[s] / small.n),
                advice=f"Look whether {name} was joined to the wrong rows in that time, or means something else there.",
            )
        )
    return hits
