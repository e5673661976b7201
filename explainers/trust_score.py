"""Trust score: how much nearer a row is to rows of the class predicted than to rows of any other, and whether that tells right from wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.estimates import estimate
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.groups import Groups, Rows
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.performance import check_level
from modelglass.analysis.progress import Progress, blocks, span, tell
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.analysis.wording import percent, say
from modelglass.explainers import rows as shared
from modelglass.explainers.likeness import Likeness, compared

ROWS, REFERENCE, PARTS = 2_000, 10_000, 5
EPSILON = 1e-12
"""Added to the distance to the class predicted (as in the paper's code), so that a row among its like divides by something."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class TrustScore(Result):
    """Trust scores of rows, and how often the model is right where they are low or high.

    parts       part (1 the lowest fifth), from_, to (trust scores), estimate (share that the model gets right), low, high, n
    rows        row, score (distance to the nearest other class over distance to the class predicted; 1: as near; NaN: no reference row
                has the class), predicted, nearest_other (class), right (the model is)
    ranks       by, estimate, low, high, n: the chance that a row that the model gets right ranks above one that it gets wrong, by trust
                score and (where there are scores) by the model's own confidence
    reference   what rows are compared with, in words
    """

    parts: pd.DataFrame
    rows: pd.DataFrame
    ranks: pd.DataFrame
    reference: str
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give part, from_, to, estimate, low, high, n."""
        return self.parts

    def sentence(self) -> str:
        """Say whether low trust scores go with errors."""
        first, last = self.parts.iloc[0], self.parts.iloc[-1]
        ranks = self.ranks.set_index("by")
        trust = ranks.loc["trust score"]
        start = (
            f"Where rows are least like those of the class predicted (trust score up to {say(first.to)}), the model is right for "
            f"{percent(first.estimate, first.low, first.high)} of {rows_text(int(first.n))}; where most (from {say(last.from_)}), for "
            f"{percent(last.estimate, last.low, last.high)}."
        )
        if not np.isfinite(trust.estimate):
            return f"{start} Compared with {self.reference}."
        beside = ""
        if "own confidence" in ranks.index:
            own = ranks.loc["own confidence"]
            beside = f"; by the model's own confidence {percent(own.estimate, own.low, own.high)}"
        return (
            f"{start} A right answer ranks above a wrong one by trust score in {percent(trust.estimate, trust.low, trust.high)} of "
            f"pairs{beside} (chance: 50 %). Compared with {self.reference}."
        )


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class TrustScoreRow(Result):
    """The trust score of one row.

    distances   class, distance (to the k-th nearest reference row of it; 0 to about 1 a column), predicted (bool), n (reference rows of it)
    score       as in ``TrustScore``; lower: share of the rows looked at that have a lower one
    right       share that the model gets right among the rows of the same fifth: estimate, low, high, n
    """

    distances: pd.DataFrame
    row: int
    score: float
    lower: float
    right: tuple[float, float, float, int]
    predicted: str
    reference: str
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give class, distance, predicted, n."""
        return self.distances

    def sentence(self) -> str:
        """Say what the row is like, and what that means for the answer."""
        others = self.distances[~self.distances.predicted & self.distances.distance.notna()]
        if not np.isfinite(self.score) or others.empty:
            return f"Row {self.row}: no reference row has the class predicted, {self.predicted}, or no other class has one."
        near = others.loc[others.distance.idxmin()]
        how = "far" if self.score > 1e6 else f"{say(self.score)} times as far"
        like = (
            f"rows of {near['class']} are {how} away as those of {self.predicted}, the class predicted"
            if self.score <= 1e6
            else f"it is like rows of {self.predicted}, the class predicted, in every column, and like none of {near['class']}"
        )
        share, low, high, n = self.right
        return (
            f"Row {self.row}: {like}; {self.lower:.0%} of the rows have a lower trust score. Of {rows_text(n)} with a similar one the "
            f"model gets {percent(share, low, high)} right. Compared with {self.reference}."
        )


def trust_score(
    ev: Evaluation,
    *,
    k: int = 2,
    rows: int | None = ROWS,
    features: Any = None,
    level: float = 0.95,
    seed: int | None = None,
    progress: Progress | None = None,
) -> TrustScore:
    """Score how far each row's surroundings bear the prediction out (Jiang, Kim, Guan and Gupta 2018), and put the score to the test.

    Distances are Euclidean between rows as points: numbers and dates by rank, levels one apart, missing marked
    (``likeness.Likeness.matrix``). Rows are compared with the training data where given, else with the evaluated rows, themselves left
    out. An implementation of our own, equal to alibi's on the same points: alibi asks for numpy < 2 and forbids production use.

    Parameters
    ----------
    k : int
        Distance to the k-th nearest row of a class.
    rows : int or None
        Rows scored, a stratified sample; None: all.
    features : name or sequence of names, optional
        Columns compared; without it all that the model reads, of predictions alone all of the data.

    Raises
    ------
    NotApplicable
        In regression; where the reference has fewer than two classes.
    """
    check_level(level)
    seed = ev.seed_or(seed)
    space = _Space(ev, k, features, seed)
    chosen = ev.sample(rows, seed)
    _, score, other = space.score(chosen, span(progress, 0.1, 1.0))
    right = (chosen.predicted == chosen.y).astype(np.int64)
    names = np.array([str(c) for c in ev.classes], dtype=object)
    table = pd.DataFrame(
        {
            "row": chosen.frame.index.to_numpy(),
            "score": score,
            "predicted": names[chosen.predicted.astype(int)],
            "nearest_other": np.where(np.isnan(score), "", names[other]),
            "right": right.astype(bool),
        }
    )
    if np.isnan(score).all():
        raise NotApplicable("no row has reference rows of its class and of another")
    if np.nanmin(score) == np.nanmax(score):
        raise NotApplicable("no row is more like those of its class than another: all have the same trust score")
    return TrustScore(
        parts=_parts(chosen, score, right, level),
        rows=table,
        ranks=_ranks(chosen, score, right, level),
        reference=space.words,
        source=chosen.source,
        settings={"k": k, "rows": chosen.n, "features": space.names, "level": level, "seed": seed},
    )


def trust_score_row(
    ev: Evaluation,
    *,
    row: Any,
    k: int = 2,
    features: Any = None,
    level: float = 0.95,
    seed: int | None = None,
    progress: Progress | None = None,
) -> TrustScoreRow:
    """Give the trust score of one row, its distance to each class, and how often the model is right for rows with a similar score."""
    check_level(level)
    place, seed = shared.row_place(ev, row), ev.seed_or(seed)
    space = _Space(ev, k, features, seed)
    one = ev.take([place])
    far, score, _ = space.score(one, None)
    chosen = ev.sample(ROWS, seed)
    _, others, _ = space.score(chosen, span(progress, 0.1, 1.0))
    known = others[~np.isnan(others)]
    parts = _parts(chosen, others, (chosen.predicted == chosen.y).astype(np.int64), level)
    at = int(np.clip(np.searchsorted(parts.from_.to_numpy()[1:], score[0], side="right"), 0, len(parts) - 1))
    fifth = parts.iloc[at]
    predicted = int(ev.predicted[place])
    return TrustScoreRow(
        distances=pd.DataFrame(
            {
                "class": [str(c) for c in ev.classes],
                "distance": far[0],
                "predicted": np.arange(len(ev.classes)) == predicted,
                "n": space.counts,
            }
        ),
        row=int(row),
        score=float(score[0]),
        lower=float((known < score[0]).mean()) if len(known) else float("nan"),
        right=(float(fifth.estimate), float(fifth.low), float(fifth.high), int(fifth.n)),
        predicted=str(ev.classes[predicted]),
        reference=space.words,
        source=ev.source,
        settings={"row": int(row), "k": k, "features": space.names, "level": level, "seed": seed},
    )


def scores(far: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give trust score and nearest other class, both (n,), from distances to each class (n, classes), NaN for a class without rows.

    >>> scores(np.array([[1.0, 3.0]]), np.array([0]))[0].round(6).tolist()
    [3.0]
    """
    at = np.arange(len(far))
    others = far.copy()
    others[at, predicted] = np.inf
    others = np.where(np.isnan(others), np.inf, others)
    nearest = others.argmin(axis=1)
    away = others[at, nearest]
    return np.where(np.isfinite(away), away / (far[at, predicted] + EPSILON), np.nan), nearest


def class_distances(
    reference: np.ndarray, label: np.ndarray, points: np.ndarray, *, k: int, classes: int, itself: np.ndarray | None = None,
    progress: Progress | None = None,
) -> np.ndarray:  # fmt: skip
    """Give the distance of each point to the k-th nearest reference point of each class, (n, classes); NaN for a class without any.

    Parameters
    ----------
    reference, points : arrays of shape (m, d) and (n, d)
    label : int array of shape (m,)
    itself : int array of shape (n,), optional
        Place of each point among the reference, left out there; -1: it is not there.
    """
    from sklearn.neighbors import NearestNeighbors

    out = np.full((len(points), classes), np.nan)
    for c in range(classes):
        members = np.flatnonzero(label == c)
        if not len(members):
            continue
        more = 0 if itself is None else 1
        search = NearestNeighbors(n_neighbors=min(k + more, len(members)), algorithm="auto").fit(reference[members])
        for part in blocks(len(points), start=128, seconds=0.2):
            far, places = search.kneighbors(points[part])
            if itself is not None:
                own = members[places] == itself[part, None]
                far = np.sort(np.where(own, np.inf, far), axis=1)
            usable = np.isfinite(far).sum(axis=1)
            at = np.minimum(k, usable) - 1
            out[part, c] = np.where(at >= 0, far[np.arange(len(far)), np.maximum(at, 0)], np.nan)
            tell(progress, (c + part.stop / len(points)) / classes, "comparing with rows of each class")
    return out


class _Space:
    """The reference rows as points, with their classes."""

    def __init__(self, ev: Evaluation, k: int, features: Any, seed: int):
        if ev.task == "regression":
            raise NotApplicable("a trust score compares classes, and a regression has none")
        if k < 1:
            raise InputError("Expected at least the first nearest row.", f"Got k = {k}.")
        self.names, self._k, self._ev = compared(ev, features), k, ev
        trained = ev.train is not None
        self._there = (ev.on("train") if trained else ev.whole).sample(REFERENCE, seed)
        self._same = not trained
        kind = "rows that the model was fitted on" if trained else "evaluated rows, the row itself left out"
        self.words = f"{self._there.n:,} {kind}"
        self.label = self._there.y.astype(np.int64)
        self.counts = np.bincount(self.label, minlength=len(ev.classes))
        if (self.counts > 0).sum() < 2:
            raise NotApplicable("the rows to compare with hold one class only")
        frame = self._there.frame[self.names]
        self._likeness = Likeness(frame, self.names)
        self._points = self._likeness.matrix(self._likeness.read(frame))

    def score(self, chosen: Evaluation, progress: Progress | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give distances (n, classes), trust scores and nearest other classes of rows."""
        points = self._likeness.matrix(self._likeness.read(chosen.frame[self.names]))
        itself = pd.Index(self._there.rows).get_indexer(chosen.rows) if self._same else None
        far = class_distances(
            self._points, self.label, points, k=self._k, classes=len(self._ev.classes), itself=itself, progress=progress
        )
        return far, *scores(far, chosen.predicted.astype(np.int64))


def _rows(ev: Evaluation, known: np.ndarray, right: np.ndarray, score: np.ndarray | None = None) -> Rows:
    """Give the rows as ones of which some are right: as decisions (right or not), or as a score that should tell the right ones."""
    ones = np.ones(len(known), dtype=np.int64)
    return Rows(
        task="binary",
        y=ones if score is None else right[known],
        predicted=right[known] if score is None else ones,
        score=score,
        weight=None if ev.weight is None else ev.weight[known],
        cluster=None if ev.cluster is None else ev.cluster[known],
    )


def _parts(ev: Evaluation, score: np.ndarray, right: np.ndarray, level: float) -> pd.DataFrame:
    known = np.flatnonzero(~np.isnan(score))
    edges = np.unique(np.quantile(score[known], np.arange(1, PARTS) / PARTS))
    used, code = np.unique(np.searchsorted(edges, score[known], side="right"), return_inverse=True)
    got = estimate(METRICS["accuracy"], Groups(_rows(ev, known, right), code, len(used)), level)
    ends = [(score[known][code == c].min(), score[known][code == c].max()) for c in range(len(used))]
    return pd.DataFrame(
        {
            "part": np.arange(1, len(used) + 1),
            "from_": [a for a, _ in ends],
            "to": [b for _, b in ends],
            "estimate": got.estimate,
            "low": got.low,
            "high": got.high,
            "n": np.bincount(code),
        }
    )


def _ranks(ev: Evaluation, score: np.ndarray, right: np.ndarray, level: float) -> pd.DataFrame:
    known = np.flatnonzero(~np.isnan(score))
    found = {"trust score": score[known]}
    if ev.score is not None:
        own = ev.score if ev.score.ndim == 2 else None
        if own is None and ev.score_kind == "probability":
            sure = np.where(ev.predicted == ev.positive_index, ev.score, 1 - ev.score)
        else:
            sure = np.abs(ev.score) if own is None else own[np.arange(ev.n), ev.predicted.astype(int)]
        found["own confidence"] = sure[known]
    records = []
    for name, values in found.items():
        rows = _rows(ev, known, right, np.asarray(values, dtype=float))
        got = estimate(METRICS["roc_auc"], Groups(rows, np.zeros(len(known), dtype=np.int64), 1), level)
        records.append((name, got.estimate[0], got.low[0], got.high[0], len(known)))
    return pd.DataFrame(records, columns=["by", "estimate", "low", "high", "n"])
