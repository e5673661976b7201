"""Rows ranked by score, once: what every threshold curve is read from."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import Estimates, rows_text
from modelglass.analysis.groups import Groups, Rows

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

MOST_POINTS = 500


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Ranking:
    """Counts of both classes among the rows whose score reaches each threshold.

    threshold   (k,) the distinct scores, falling
    powers      (3, 2, k + 1) sums of the first, second and third power of the weights of the positive and of
                the negative rows with score >= threshold; entry 0 is the empty selection, entry i + 1 belongs
                to threshold[i], the last holds all rows. ``tp`` and ``fp`` are the first powers.
    selected, hits  (k + 1,) rows with score >= threshold, and the positive ones among them
    positives, negatives    number of rows of each class
    """

    threshold: np.ndarray
    powers: np.ndarray
    selected: np.ndarray
    hits: np.ndarray
    positives: int
    negatives: int

    @property
    def tp(self) -> np.ndarray:
        """Weight of the positive rows selected, (k + 1,)."""
        return self.powers[0, 0]

    @property
    def fp(self) -> np.ndarray:
        """Weight of the negative rows selected, (k + 1,)."""
        return self.powers[0, 1]

    def place(self, threshold: Any) -> np.ndarray:
        """Give the entry of the counts that belongs to "positive when score >= threshold": O(log k) each."""
        return np.searchsorted(-self.threshold, -np.asarray(threshold, dtype=float), side="right")


def ranked(y_true: Any, score: Any, weight: Any = None) -> Ranking:
    """Sort rows by falling score and count both classes; rows with equal scores enter together.

    Parameters
    ----------
    y_true : array of shape (n,), 0 or 1 (or bool)
    score : array of shape (n,), larger means more likely positive; no NaN
    weight : array of shape (n,), >= 0, or None for 1 each
    """
    y = np.asarray(y_true).astype(bool)
    s = np.asarray(score, dtype=float)
    w = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=float)
    order = np.argsort(-s, kind="stable")
    y, s, w = y[order], s[order], w[order]
    ends = np.append(np.flatnonzero(np.diff(s)), len(s) - 1) if len(s) else np.zeros(0, dtype=int)

    def count(values: np.ndarray) -> np.ndarray:
        return np.append(0, np.cumsum(values)[ends])

    hits, selected = count(y), np.append(0, ends + 1)
    if weight is None:
        powers = np.broadcast_to(np.stack([hits, selected - hits]).astype(float), (3, 2, len(ends) + 1))
    else:
        powers = np.array([[count(w**power * y), count(w**power * ~y)] for power in (1, 2, 3)], dtype=float)
    return Ranking(
        threshold=s[ends],
        powers=powers,
        selected=selected,
        hits=hits,
        positives=int(y.sum()),
        negatives=int((~y).sum()),
    )


def share(part: Any, whole: Any) -> np.ndarray:
    """Divide, NaN where the whole is zero.

    >>> share([1.0, 0.0], [4.0, 0.0]).tolist()
    [0.25, nan]
    """
    part, whole = np.broadcast_arrays(np.asarray(part, dtype=float), np.asarray(whole, dtype=float))
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def kish(weight: Any, squares: Any) -> np.ndarray:
    """Give Kish's effective number of rows, (sum w)^2 / sum w^2; 0 where there is no weight."""
    weight = np.asarray(weight, dtype=float)
    return np.nan_to_num(share(weight * weight, squares))


def one_vs_rest(
    ev: Evaluation, *, probability: bool = False
) -> Iterator[tuple[Any, np.ndarray, np.ndarray, np.ndarray]]:
    """Give (class, is it, its score, was it predicted) for the positive class, or for each of several.

    Raises
    ------
    NotApplicable
        In regression, and where the model gives no scores (no probabilities, where these are asked for).
    """
    if ev.task == "regression":
        raise NotApplicable("the target is a number and not a class")
    if ev.score is None:
        raise NotApplicable("the model gives labels only and no scores to rank the rows by")
    if probability and ev.score_kind != "probability":
        raise NotApplicable("the model gives decision scores and not probabilities")
    if ev.task == "binary":
        yield ev.positive, ev.y == ev.positive_index, ev.score, ev.predicted == ev.positive_index
        return
    for code, label in enumerate(ev.classes):
        yield label, ev.y == code, ev.score[:, code], ev.predicted == code


def curves_by_class(ev: Evaluation, measure: Callable[..., Any], level: float) -> dict[str, Any]:
    """Measure the curve of the positive class, or of each class against the rest; give the fields of all in one result.

    Raises
    ------
    NotApplicable
        Without scores, in regression, and where no class has a curve.
    """
    threshold = ev.threshold if ev.task == "binary" else None
    parts = [
        measure(
            y,
            scores,
            ev.weight,
            cluster=ev.cluster,
            predicted=predicted,
            threshold=threshold,
            level=level,
            group=str(label),
            source=ev.source,
        )
        for label, y, scores, predicted in one_vs_rest(ev)
    ]
    if all(part.curve.empty for part in parts):
        raise NotApplicable(parts[0].areas.note[0])
    tables = {
        name: pd.concat([getattr(p, name) for p in parts if len(getattr(p, name))], ignore_index=True)
        for name in ("curve", "areas", "operating")
    }
    return {**tables, "source": ev.source, "settings": parts[0].settings}


def thinned(x: np.ndarray, y: np.ndarray, most: int = MOST_POINTS, tolerance: float = 2e-4) -> np.ndarray:
    """Choose the points of a curve that keep its shape: positions, rising, at most ``most``.

    The point farthest from the line drawn so far is added next (Ramer 1972, Douglas and Peucker 1973, largest
    first), until no point is farther than ``tolerance`` (the axes being 0 to 1) or ``most`` are chosen.
    Corners go first, so they stay.
    """
    last = len(x) - 1
    if last < 1:
        return np.arange(len(x))
    chosen = [0, last]
    heap: list[tuple[float, int, int, int]] = []

    def push(left: int, right: int) -> None:
        if right - left < 2:
            return
        dx, dy = x[right] - x[left], y[right] - y[left]
        px, py = x[left + 1 : right] - x[left], y[left + 1 : right] - y[left]
        length = np.hypot(dx, dy)
        far = np.abs(dx * py - dy * px) / length if length > 0 else np.hypot(px, py)
        at = int(np.argmax(far))
        if far[at] > tolerance:
            heapq.heappush(heap, (-far[at], left, left + 1 + at, right))

    push(0, last)
    while heap and len(chosen) < most:
        _, left, middle, right = heapq.heappop(heap)
        chosen.append(middle)
        push(left, middle)
        push(middle, right)
    return np.sort(np.array(chosen))


def weights(weight: Any, n: int) -> np.ndarray:
    """Give the weights of n rows as numbers, 1 each where none are given.

    Raises
    ------
    NotApplicable
        Without rows, and where all weights are 0.
    """
    if not n:
        raise NotApplicable("there are no rows")
    w = np.ones(n) if weight is None else np.asarray(weight, dtype=float)
    if w.sum() <= 0:
        raise NotApplicable(f"the weights of all {rows_text(n)} are 0")
    return w


def one_group(y_true: Any, predicted: Any = None, score: Any = None, weight: Any = None, cluster: Any = None) -> Groups:
    """Give all rows as one group of 0/1 outcomes and decisions, for the estimators that every page shares."""
    y = np.asarray(y_true).astype(np.int64)
    rows = Rows(
        task="binary",
        y=y,
        predicted=y if predicted is None else np.asarray(predicted).astype(np.int64),
        score=None if score is None else np.asarray(score, dtype=float),
        cluster=cluster,
        weight=None if weight is None else np.asarray(weight, dtype=float),
    )
    return Groups(rows, np.zeros(len(y), dtype=np.int64), 1)


def one(found: Estimates) -> tuple[float, float, float]:
    """Give (estimate, low, high) of the only group."""
    return float(found.estimate[0]), float(found.low[0]), float(found.high[0])
