"""Are the columns shared out as in training? How often each value or level that training knows stands here; what it never held has a check of its own."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from modelglass.analysis.checked_data import CheckedData, Hit, as_numbers, hit
from modelglass.analysis.checks_labels import alike
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.finding import Severity
from modelglass.analysis.plain import plain
from modelglass.analysis.weighted import equal_rows
from modelglass.analysis.wording import say

P_MOST = 1e-4
BINS = 10
"""Numbers are compared in tenths of the training rows."""
LEAST, MUCH = 0.2, 0.5
"""Share of the rows that would have to move for a column to be told, and to be of high severity."""
KNOWN, GONE = 0.05, 0.2
"""A level on at least the first share of the training rows is told too where less than the second part of it is left."""
_FEWEST = 100


@dataclass(frozen=True, eq=False, slots=True)
class Shares:
    """Shares of the levels of a column, here and in training, over the rows whose value training knows.

    here, there     (levels,); n, m: rows they rest on, less where weights or clusters make them worth less; labels: a word for each level
    """

    here: np.ndarray
    there: np.ndarray
    n: float
    m: float
    labels: list[str]

    def distance(self) -> float:
        """Give the share of the rows that would have to move (total variation), less what chance gives on average."""
        pooled = (self.here * self.n + self.there * self.m) / (self.n + self.m)
        error = np.sqrt(pooled * (1 - pooled) * (1 / self.n + 1 / self.m))
        return float(np.abs(self.here - self.there).sum() / 2 - error.sum() / np.sqrt(2 * np.pi))

    def p_value(self) -> float:
        """Give the p-value that both are shared out alike (``alike``); NaN where too few levels have rows."""
        return alike(np.stack([self.here * self.n, self.there * self.m]))

    def gone(self) -> int | None:
        """Give the level that training held most of those that are nearly gone; None where none is."""
        lost = (self.there >= KNOWN) & (self.here < GONE * self.there)
        return int(np.where(lost, self.there - self.here, -1.0).argmax()) if lost.any() else None


def check_shift(data: CheckedData) -> list[Hit]:
    """Columns whose values are shared out otherwise than in the training data."""
    train = data.training()
    if not data.whole:
        raise NotApplicable("in a cohort columns differ because of the condition; all rows are checked")
    kinds = ("numeric", "categorical", "boolean")
    names = [c for c in data.inputs if c in train.columns and data.columns[c].kind in kinds]
    if not names:
        raise NotApplicable("the training data hold none of the columns")
    hits: list[Hit] = []
    for name in names:
        try:
            shares = _numbers(data, name) if data.columns[name].kind == "numeric" else _levels(data, name)
        except (NotApplicable, InputError):
            continue  # another type there, which a note of the Evaluation says
        if shares is not None:
            hits += _told(data, name, shares, len(names))
    return hits


def _numbers(data: CheckedData, name: str) -> Shares | None:
    here, there = data.numbers(name), as_numbers(data.training()[name])
    known = np.isfinite(there)
    if known.sum() < _FEWEST:
        return None
    low, high = there[known].min(), there[known].max()
    ordered = np.sort(there[known])
    edges = np.unique(ordered[np.arange(1, BINS) * len(ordered) // BINS])
    edges = edges[edges > low]
    ends = [low, *edges, high]
    labels = [f"{say(float(a))} to {say(float(b))}" for a, b in pairwise(ends)]

    def codes(values: np.ndarray) -> np.ndarray:
        inside = np.isfinite(values) & (values >= low) & (values <= high)
        return np.where(inside, np.searchsorted(edges, values, side="right"), -1)

    return _shares(data, codes(here), codes(there), labels)


def _levels(data: CheckedData, name: str) -> Shares | None:
    train = data.training()[name]
    here = np.where(data.frame[name].notna().to_numpy(), data.hashes(name), np.uint64(0))
    there = np.where(train.notna().to_numpy(), data.train_hashes(name), np.uint64(0))
    known, first = np.unique(there, return_index=True)
    known, first = known[known != 0], first[known != 0]
    if not len(known):
        return None

    def codes(values: np.ndarray) -> np.ndarray:
        at = np.minimum(np.searchsorted(known, values), len(known) - 1)
        return np.where(known[at] == values, at, -1)

    levels: pd.Series = plain(train)  # type: ignore[assignment]
    return _shares(data, codes(here), codes(there), [str(levels.iloc[int(i)]) for i in first])


def _shares(data: CheckedData, here: np.ndarray, there: np.ndarray, labels: list[str]) -> Shares | None:
    parts = []
    for codes, weight, cluster in ((here, data.weight, data.cluster), (there, data.train_weight, None)):
        w = np.ones(len(codes)) if weight is None else weight
        kept = (codes >= 0) & (w > 0)
        if kept.sum() < _FEWEST:
            return None
        count = np.bincount(codes[kept], weights=w[kept], minlength=len(labels))
        worth = equal_rows(w[kept], int(kept.sum()))
        if cluster is not None:
            worth = min(worth, float(len(np.unique(cluster[kept]))))
        parts.append((count / count.sum(), worth))
    (a, n), (b, m) = parts
    return Shares(a, b, n, m, labels)


def _told(data: CheckedData, name: str, shares: Shares, looks: int) -> list[Hit]:
    away, gone = shares.distance(), shares.gone()
    if away < LEAST and gone is None:
        return []
    p = min(shares.p_value() * looks, 1.0)
    if not p <= P_MOST:
        return []
    most = int(np.abs(shares.here - shares.there).argmax()) if gone is None else gone
    where = f"{name} is {shares.labels[most]}"
    severity: Severity = "high" if away >= MUCH else "medium"
    return [
        hit(
            data,
            "column_shift",
            severity,
            f"{name} is shared out otherwise than in training: {where} on {shares.here[most]:.1%} of these {rows_text(data.n)} and on "
            f"{shares.there[most]:.1%} of the {len(data.training()):,} training rows; {max(away, 0.0):.0%} of the rows would have to move, "
            f"beyond what chance gives",
            columns=(name,),
            estimate=away,
            p_adjusted=p,
            harm=away,
            advice=f"Find out whether rows were chosen otherwise, the world changed, or {name} is filled another way now. What is measured here "
            "speaks of these rows; the model was fitted to the others.",
        )
    ]
