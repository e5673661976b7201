"""Prototypes: a few rows that stand for each class, and for how many of the others they do."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.errors import InputError, NotApplicable, unknown_name
from modelglass.analysis.estimated import agree, rows_text
from modelglass.analysis.estimates import estimate
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.groups import Groups, Rows
from modelglass.analysis.halves import halves
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.performance import check_level
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.analysis.wording import percent, say
from modelglass.explainers import rows as shared
from modelglass.explainers.likeness import Likeness, Read, compared

SEARCHED, JUDGED, FEWEST = 1_500, 5_000, 20
RADII = (0.01, 0.03, 0.07, 0.15, 0.3)
"""Shares of pairs of rows that are nearer than the radius: which is taken is tried on the rows that the prototypes come from."""
OF = ("outcome", "prediction")


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Prototypes(Result):
    """Rows that stand for the rows of their group.

    rows        group, row, covers (share of the group's judged rows within the radius), nearest_to (share of the group's judged rows
                to which it is the nearest prototype), outcome, prediction, holds (what it holds, in words); in the order chosen
    coverage    group, measure ("within the radius": of a prototype of its group; "nearest of its group": the nearest prototype is one of
                its group), estimate, low, high, n (judged rows): shares over rows among which no prototype was sought
    radius      distance (mean over columns, 0 to 1) within which a prototype stands for a row
    """

    rows: pd.DataFrame
    coverage: pd.DataFrame
    radius: float
    groups: tuple[str, ...]
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give group, row, covers, nearest_to, outcome, prediction, holds."""
        return self.rows

    def sentence(self) -> str:
        """Say how many rows stand for how much."""
        whole = self.coverage[self.coverage.group == "all"].set_index("measure")
        within, nearest = whole.loc["within the radius"], whole.loc["nearest of its group"]
        counts = self.rows.groupby("group", sort=False).size()
        each = ", ".join(f"{n} for {g}" for g, n in counts.items())
        none = [g for g in self.groups if g not in counts.index]
        lacking = f" None was found for {', '.join(none)}." if none else ""
        alike = f" The nearest of them is of the row's own group for {percent(nearest.estimate, nearest.low, nearest.high)}." if len(
            self.groups) > 1 else ""  # fmt: skip
        return (
            f"{rows_text(len(self.rows))} ({each}) {agree(len(self.rows), 'stands', 'stand')} for {percent(within.estimate, within.low, within.high)} of "
            f"{rows_text(int(within.n))} among which they were not sought, each for rows that differ from it by at most "
            f"{say(self.radius)} of 1, all columns counting alike.{alike}{lacking}"
        )


def prototypes(
    ev: Evaluation,
    *,
    count: int = 8,
    of: str = "outcome",
    radius: float | None = None,
    features: Any = None,
    level: float = 0.95,
    seed: int | None = None,
    progress: Progress | None = None,
) -> Prototypes:
    """Choose a few rows that stand for the rows of each class.

    Greedy prototype selection (Bien and Tibshirani 2011): one after the other the row is taken that stands for most rows of its class
    that none stands for yet, less the rows of other classes that it would stand for too. One row stands for another within the radius;
    distance as in ``nearest_examples``. Prototypes come from half of the rows (at most 1,500), shares from the other half.

    Parameters
    ----------
    count : int
        Prototypes in all, at most.
    of : {"outcome", "prediction"}
        Whether rows are grouped by what came true or by what the model says. Numbers are grouped in thirds.
    radius : float, optional
        Between 0 and 1. Without it the one of five whose prototypes tell groups apart best as nearest neighbours, on the rows they come
        from; with one group the one whose prototypes stand for nearest to 80 %.
    features : name or sequence of names, optional
        Columns compared; without it all that the model reads, of predictions alone all of the data.

    Raises
    ------
    NotApplicable
        Too few rows, or no columns.
    """
    check_level(level)
    if of not in OF:
        raise unknown_name("way to group rows", str(of), OF)
    if count < 1:
        raise InputError("Expected at least one prototype.", f"Got {count}.")
    if radius is not None and not 0 < radius <= 1:
        raise InputError("Expected a radius between 0 and 1.", f"Got {radius}.", "Leave it out to have one chosen.")
    names, seed = compared(ev, features), ev.seed_or(seed)
    if ev.n < 2 * FEWEST:
        raise NotApplicable(
            f"prototypes need at least {2 * FEWEST} rows, and there {'is' if ev.n == 1 else 'are'} {rows_text(ev.n)}"
        )
    chosen = ev.sample(SEARCHED + JUDGED, seed)
    search = _Search(chosen, names, of, seed, progress)
    found, radius = search.best(count, radius)
    tell(progress, 0.9, "judging the prototypes on other rows")
    return Prototypes(
        rows=search.table(found, radius),
        coverage=search.coverage(found, radius, level),
        radius=float(radius),
        groups=search.groups,
        source=chosen.source,
        settings={
            "count": count,
            "of": of,
            "radius": float(radius),
            "features": names,
            "rows_searched": len(search.first),
            "rows_judged": len(search.second),
            "level": level,
            "seed": seed,
        },
    )


def select(
    near: np.ndarray, label: np.ndarray, count: int, *, penalty: float = 0.0, weight: np.ndarray | None = None, own: bool = True
) -> list[tuple[int, int]]:  # fmt: skip
    """Choose prototypes one after the other: pairs of place and label.

    Parameters
    ----------
    near : bool array of shape (n, n)
        Whether row i would stand for row j.
    label : int array of shape (n,)
    count : int
        At most so many.
    penalty : float
        What a prototype must gain; it ends where none gains it.
    weight : array of shape (n,), optional
    own : bool
        A row stands for its own label only; else for any (as in the paper).

    >>> select(np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=bool), np.array([0, 0, 1]), 5)
    [(0, 0), (2, 1)]
    """
    labels = np.unique(label)
    w = np.ones(len(label)) if weight is None else np.asarray(weight, dtype=float)
    here = (label[:, None] == labels) * w[:, None]
    balls = near.astype(np.float64)
    wrong = balls @ (w[:, None] - here)
    open_ = here.copy()
    gain = balls @ open_ - wrong
    allowed = label[:, None] == labels if own else np.ones(gain.shape, dtype=bool)
    found: list[tuple[int, int]] = []
    while len(found) < count:
        score = np.where(allowed, gain, -np.inf)
        place, k = np.unravel_index(int(np.argmax(score)), score.shape)
        if not score[place, k] > penalty:
            break
        found.append((int(place), int(labels[k])))
        allowed[place] = False
        covered = near[place]
        gain[:, k] -= balls[:, covered] @ open_[covered, k]
        open_[covered, k] = 0.0
    return found


class _Search:
    """The half in which prototypes are sought and the half that judges; groups of both."""

    def __init__(self, ev: Evaluation, names: list[str], of: str, seed: int, progress: Progress | None):
        self.ev, self.names, self._progress = ev, names, progress
        self.groups, self.label = _groups(ev, of)
        inputs = ev.frame[names]
        likeness = Likeness(inputs, names)
        read = likeness.read(inputs)
        codes = np.column_stack([np.nan_to_num(read.ranks, nan=-1.0), read.codes])
        answers = ev.predicted.astype(float)
        rows = Rows(task="regression", y=answers, predicted=answers, weight=ev.weight, cluster=ev.cluster)
        first, second = halves(rows, seed, codes)
        first = first[np.lexsort(codes[first].T)]  # by content, so that ties do not fall by the order of rows
        self.first = first if len(first) <= SEARCHED else first[:: -(-len(first) // SEARCHED)]
        self.second = second
        self._likeness, self._read = likeness, read
        tell(progress, 0.1, "comparing rows")
        self._own = self._between(self.first, self.first)
        self._weight = None if ev.weight is None else ev.weight[self.first]

    def _between(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        parts: list[Read] = [self._read.take(a), self._read.take(b)]
        return self._likeness.distances(*parts)

    def best(self, count: int, radius: float | None) -> tuple[list[tuple[int, int]], float]:
        """Give the prototypes (place, group) and their radius."""
        label = self.label[self.first]
        if radius is None:
            pairs = self._own[np.triu_indices(len(self.first), 1)]
            tried = sorted({float(r) for r in np.quantile(pairs, RADII)})
        else:
            tried = [radius]
        judged: list[tuple[float, list[tuple[int, int]], float]] = []
        for i, one in enumerate(tried):
            tell(self._progress, 0.3 + 0.5 * i / len(tried), "choosing prototypes")
            found = select(self._own <= one, label, count, weight=self._weight)
            if found:
                judged.append((self._merit(found, one), found, one))
        if not judged:
            raise NotApplicable("no row stands for more rows of its own group than of others")
        _, found, best = max(judged, key=lambda j: j[0])
        return [(int(self.first[place]), k) for place, k in found], best

    def _merit(self, found: list[tuple[int, int]], radius: float) -> float:
        label = self.label[self.first]
        weight = np.ones(len(label)) if self._weight is None else self._weight
        far = self._own[:, [place for place, _ in found]]
        if len(self.groups) == 1:
            return -abs(float(weight @ (far <= radius).any(axis=1) / weight.sum()) - 0.8)
        nearest = np.array([k for _, k in found])[far.argmin(axis=1)]
        rates = [float(np.average(nearest[label == k] == k, weights=weight[label == k])) for k in np.unique(label)]
        return float(np.mean(rates))  # each group counts alike, else a frequent one would be all there is

    def _far(self, found: list[tuple[int, int]]) -> np.ndarray:
        return self._between(self.second, np.array([place for place, _ in found]))

    def table(self, found: list[tuple[int, int]], radius: float) -> pd.DataFrame:
        """Give the prototypes with what they stand for among the judging rows."""
        far, label = self._far(found), self.label[self.second]
        weight = np.ones(len(label)) if self.ev.weight is None else self.ev.weight[self.second]
        nearest = far.argmin(axis=1)
        places = np.array([place for place, _ in found])
        texts = shared.texts(self.ev.frame.iloc[places][self.names])
        records = []
        for i, (place, k) in enumerate(found):
            inside = label == k
            total = max(weight[inside].sum(), 1e-300)
            records.append(
                {
                    "group": self.groups[k],
                    "row": self.ev.frame.index[place],
                    "covers": float(weight[inside & (far[:, i] <= radius)].sum() / total),
                    "nearest_to": float(weight[inside & (nearest == i)].sum() / total),
                    "outcome": _said(self.ev, self.ev.y[place]),
                    "prediction": _said(self.ev, self.ev.predicted[place]),
                    "holds": ", ".join(f"{n} {t}" for n, t in zip(self.names, texts[i], strict=True)),
                }
            )
        return pd.DataFrame(records)

    def coverage(self, found: list[tuple[int, int]], radius: float, level: float) -> pd.DataFrame:
        """Estimate for all rows and each group how many have a prototype of their group, near or as the nearest."""
        far, label = self._far(found), self.label[self.second]
        of = np.array([k for _, k in found])
        within = np.array([(far[i, of == k] <= radius).any() for i, k in enumerate(label)])
        measures = [("within the radius", within), ("nearest of its group", of[far.argmin(axis=1)] == label)]
        records = []
        for code, groups in ((np.zeros(len(label), dtype=np.int64), ("all",)), (label, self.groups)):
            for name, hit in measures:
                rows = Rows(
                    task="binary",
                    y=np.ones(len(label), dtype=np.int64),
                    predicted=hit.astype(np.int64),
                    weight=None if self.ev.weight is None else self.ev.weight[self.second],
                    cluster=None if self.ev.cluster is None else self.ev.cluster[self.second],
                )
                got = estimate(METRICS["accuracy"], Groups(rows, code, len(groups)), level)
                n = np.bincount(code, minlength=len(groups))
                records += list(zip(groups, [name] * len(groups), got.estimate, got.low, got.high, n, strict=True))
        return pd.DataFrame(records, columns=["group", "measure", "estimate", "low", "high", "n"])


def _groups(ev: Evaluation, of: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Name the groups and give the group of each row: classes, or thirds of a number."""
    values = ev.y if of == "outcome" else ev.predicted
    if ev.task != "regression":
        used, label = np.unique(values.astype(np.int64), return_inverse=True)
        return tuple(str(ev.classes[c]) for c in used), label
    edges = np.unique(np.quantile(values, [1 / 3, 2 / 3]))
    used, label = np.unique(np.searchsorted(edges, values, side="left"), return_inverse=True)
    texts = [say(float(e)) for e in edges]
    names = [f"up to {texts[0]}", *(f"{a} to {b}" for a, b in itertools.pairwise(texts)), f"above {texts[-1]}"]  # fmt: skip
    return tuple(names[i] for i in used), label


def _said(ev: Evaluation, value: Any) -> Any:
    return float(value) if ev.task == "regression" else str(ev.classes[int(value)])
