"""Rows ranked by score, once: what every threshold curve is read from."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelglass.analysis.auc import SortedScores, sort_scores
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import Estimates, all_rows
from modelglass.analysis.groups import Groups, Rows

MOST_POINTS = 500


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Ranking:
    """Counts of both classes among the rows whose score reaches each threshold: exact at each, without bins.

    At any threshold the counts of parts of the rows add up to those of all rows (not ``products``, where a cluster is in two parts).

    threshold   (k,) the distinct scores, falling
    powers      (3, 2, k + 1) sums of the first, second and third power of the weights of the positive and of
                the negative rows with score >= threshold; entry 0 is the empty selection, entry i + 1 belongs
                to threshold[i], the last holds all rows. ``tp`` and ``fp`` are the first powers.
    selected, hits  (k + 1,) rows with score >= threshold, and the positive ones among them
    positives, negatives    number of rows of each class
    products    (7, k + 1) sums over clusters of products of weights: of a cluster's selected positives A and negatives B, and
                all of its positives P and negatives N: AA, AB, BB, AP, AN, BP, BN; None where rows are independent
    clusters    number of clusters; 0 where rows are independent
    """

    threshold: np.ndarray
    powers: np.ndarray
    selected: np.ndarray
    hits: np.ndarray
    positives: int
    negatives: int
    products: np.ndarray | None = None
    clusters: int = 0

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
        wanted = np.asarray(threshold, dtype=float)
        if wanted.size <= 16:  # a turned array would be copied
            found = [bisect_right(self.threshold, -t, key=lambda s: -s) for t in wanted.ravel().tolist()]
            return np.array(found, dtype=np.int64).reshape(wanted.shape)
        return len(self.threshold) - np.searchsorted(self.threshold[::-1], wanted, side="left")


def one_class(ranking: Ranking, group: str) -> str:
    """Say that all rows that count are of one class, so that there is nothing to rank; "" where both are there.

    Rows of weight zero do not count.
    """
    positive, negative = float(ranking.tp[-1]), float(ranking.fp[-1])
    if positive > 0 and negative > 0:
        return ""
    n = f"these {ranking.positives + ranking.negatives:,}"
    weightless = ranking.positives if positive <= 0 else ranking.negatives
    among = f"those of {n} that have a weight above zero" if weightless else n
    return f"{'no' if positive <= 0 else 'every'} row is {group} among {among}"


def ranked(y_true: Any, score: Any, weight: Any = None, cluster: Any = None) -> Ranking:
    """Sort rows by falling score and count both classes; rows with equal scores enter together.

    Parameters
    ----------
    y_true : array of shape (n,), 0 or 1 (or bool)
    score : array of shape (n,), larger means more likely positive; no NaN
    weight : array of shape (n,), >= 0, or None for 1 each
    cluster : array of shape (n,), codes of clusters, or None for independent rows
    """
    w = None if weight is None else np.asarray(weight, dtype=float)
    score = np.asarray(score, dtype=float)
    return ranking_of(sort_scores(score, np.asarray(y_true).astype(bool), w), score, cluster)


def ranking_of(scores: SortedScores, score: np.ndarray, cluster: Any = None) -> Ranking:
    """Give the ranking of rows that are sorted already; ``score`` and ``cluster`` (n,) in the order of the data."""
    order, y = scores.order[::-1], scores.positive[::-1]
    w, s = None if scores.weight is None else scores.weight[::-1], score[order]
    tie = scores.tie[::-1]
    ends = np.append(np.flatnonzero(tie[1:] != tie[:-1]), len(s) - 1) if len(s) else np.zeros(0, dtype=int)

    def count(values: np.ndarray) -> np.ndarray:
        return np.append(0, np.cumsum(values)[ends])

    hits, selected = count(y), np.append(0, ends + 1)
    if w is None:
        powers = np.broadcast_to(np.stack([hits, selected - hits]).astype(float), (3, 2, len(ends) + 1))
    else:
        powers = np.array([[count(w**power * y), count(w**power * ~y)] for power in (1, 2, 3)], dtype=float)
    products, clusters = None, 0
    if cluster is not None:
        found, code = np.unique(np.asarray(cluster)[order], return_inverse=True)
        clusters = len(found)
        mass = np.ones(len(s)) if w is None else w
        products = np.stack([count(v) for v in _products(code.ravel(), mass * y, mass * ~y)])
    positives = int(hits[-1])
    return Ranking(
        threshold=s[ends],
        powers=powers,
        selected=selected,
        hits=hits,
        positives=positives,
        negatives=len(s) - positives,
        products=products,
        clusters=clusters,
    )


def _products(code: np.ndarray, pos: np.ndarray, neg: np.ndarray) -> list[np.ndarray]:
    """Give what each row, entering in this order, adds to AA, AB, BB, AP, AN, BP, BN (see ``Ranking``)."""
    a, b = earlier(code, pos), earlier(code, neg)
    p, n = (np.bincount(code, values)[code] for values in (pos, neg))
    return [(2 * a + pos) * pos, pos * b + neg * a, (2 * b + neg) * neg, pos * p, pos * n, neg * p, neg * n]


def earlier(code: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sum, for each row, the values of the rows of its group that stand before it: (n,).

    >>> earlier(np.array([0, 1, 0, 0]), np.array([1.0, 2.0, 3.0, 4.0])).tolist()
    [0.0, 0.0, 1.0, 4.0]
    """
    order = np.argsort(code, kind="stable")
    sorted_values = values[order]
    before = np.cumsum(sorted_values) - sorted_values
    starts = np.flatnonzero(np.diff(code[order], prepend=-1))
    sizes = np.diff(np.append(starts, len(code)))
    out = np.empty(len(code))
    out[order] = before - np.repeat(before[starts], sizes)
    return out


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
        raise NotApplicable(f"the weights of {all_rows(n)} are 0")
    return w


def one_group(
    y_true: Any,
    predicted: Any = None,
    score: Any = None,
    weight: Any = None,
    cluster: Any = None,
    scores: SortedScores | None = None,
) -> Groups:
    """Give all rows as one group of 0/1 outcomes and decisions, for the estimators that every page shares.

    ``scores`` are the same rows sorted by score, where that was done already.
    """
    y = np.asarray(y_true).astype(np.int64)
    rows = Rows(
        task="binary",
        y=y,
        predicted=y if predicted is None else np.asarray(predicted).astype(np.int64),
        score=None if score is None else np.asarray(score, dtype=float),
        cluster=cluster,
        weight=None if weight is None else np.asarray(weight, dtype=float),
    )
    if scores is not None:
        rows.keep(("sort", 1), lambda: scores)
    return Groups(rows, np.zeros(len(y), dtype=np.int64), 1)


def one(found: Estimates) -> tuple[float, float, float]:
    """Give (estimate, low, high) of the only group."""
    return float(found.estimate[0]), float(found.low[0]), float(found.high[0])
