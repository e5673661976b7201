"""A self-check on load: does the model give a row the same answer, however the row is handed over?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from modelglass.analysis.errors import AnalysisError, listed
from modelglass.analysis.feeding import Feed, call
from modelglass.analysis.models.base import Model

TOLERANCE = 1e-4
"""Relative difference that float32 arithmetic explains and a real fault does not."""

ALONE = 5
"""Rows that are also predicted one by one."""

TWICE, LEAST_TWICE, PASSES = 2_000, 12, 3
"""Most and fewest rows predicted a second time, and how often where rows are few: of a model that answers by chance on 1 % of its
rows, 2,000 hold 20; a coin that decides on each agrees with itself on all of them once in a million tries."""

TWICE_SECONDS, ENOUGH_TWICE = 1.0, 300
"""Seconds that this may take, judged by how long all rows took; fewer rows than this (95 % to hold one of 1 %) are said."""

ASKED = 8
"""Times that the very same question is repeated, to tell chance from a model that looks at the rows beside."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """Something a person should know about model and data. level: "info" or "warning"."""

    level: str
    text: str


def self_check(
    model: Model,
    feed: Feed,
    frame: pd.DataFrame,
    *,
    first: tuple[np.ndarray, np.ndarray | None] | None = None,
    seconds: float = 0.0,
    rows: int = 12,
    seed: int = 0,
) -> list[Note]:
    """Predict rows a second time, and a few alone, in reversed order and from reordered columns, and compare.

    Parameters
    ----------
    first : labels and scores of all rows of ``frame``, optional
        As the model gave them; without them they are asked for.
    seconds : float
        How long these took; it decides how many rows are predicted a second time, see ``TWICE``.
    rows : int
        Rows of the other checks.

    Returns
    -------
    list of Note
        A warning for each way in which the answers differ; empty where all agree. Where few rows could be predicted a second
        time, this is said.
    """
    if len(frame) < 2:
        return []
    draw = np.random.default_rng(seed)
    chosen = np.sort(draw.choice(len(frame), size=min(rows, len(frame)), replace=False))
    chance, again = _again(model, feed, frame, first, seconds, draw)
    if chance:
        return again
    X = feed.apply(frame.iloc[chosen])
    batch = _answer(model, X)
    singles = range(min(ALONE, len(X)))
    alone = np.concatenate([_answer(model, X.iloc[[i]]) for i in singles])
    backwards = _answer(model, X.iloc[::-1])[::-1]
    notes: list[Note] = []
    for answer, how in [(alone, "alone and in a batch"), (backwards, "in another row order")]:
        if not _agree(batch[: len(answer)], answer):
            notes.append(
                Note(
                    level="warning",
                    text=(
                        f"The model gives the same rows other predictions {how} ({_most(batch[: len(answer)], answer)}). It does not look at each row by itself, "
                        "so explanations of single rows, cohorts and sensitivity cannot be trusted."
                    ),
                )
            )
    return [*(notes or again), *_columns_by_name(model, X, batch, feed)]


def _again(
    model: Model,
    feed: Feed,
    frame: pd.DataFrame,
    first: tuple[np.ndarray, np.ndarray | None] | None,
    seconds: float,
    draw: np.random.Generator,
) -> tuple[bool, list[Note]]:
    """Compare the predictions of many rows with those of the same rows asked again; says whether chance decides, and what to tell."""
    n = len(frame)
    allowed = min(TWICE, n * TWICE_SECONDS / max(seconds, 1e-9))
    m = int(min(n, max(LEAST_TWICE, allowed)))
    chosen = np.arange(n) if m == n else np.sort(draw.choice(n, size=m, replace=False))
    X = feed.apply(frame.iloc[chosen])
    known = _answer(model, X) if first is None else _comparable(*first, n)[chosen]
    for _ in range(int(np.clip(allowed // m, 1, PASSES))):
        now = _answer(model, X)
        if not _agree(known, now):
            return _other(model, X, known, now)
    if m >= min(n, ENOUGH_TWICE):
        return False, []
    text = f"The model is slow, so only {m:,} of {n:,} rows were predicted a second time to see whether it is deterministic."
    return False, [Note(level="info", text=text)]


def _other(model: Model, X: pd.DataFrame, known: np.ndarray, now: np.ndarray) -> tuple[bool, list[Note]]:
    """Say why rows got other predictions: chance, where the very same question is answered otherwise, or the rows beside them."""
    for _ in range(ASKED):
        repeat = _answer(model, X)
        if not _agree(now, repeat):
            text = (
                f"The model is not deterministic: asked twice about the same rows, it gave other predictions ({_most(known, now)}, "
                f"{_share(known, now)} of {len(X):,} rows). Every number here holds for one such answer; explanations and sensitivity "
                "mix its noise with what they measure."
            )
            return True, [Note(level="warning", text=text)]
    text = (
        f"The model gives the same rows other predictions among other rows ({_most(known, now)}, {_share(known, now)} of {len(X):,} "
        "rows). It does not look at each row by itself, so explanations of single rows, cohorts and sensitivity cannot be trusted."
    )
    return False, [Note(level="warning", text=text)]


def _columns_by_name(model: Model, X: pd.DataFrame, batch: np.ndarray, feed: Feed) -> list[Note]:
    if X.shape[1] < 2:
        return []
    try:
        reordered = _answer(model, X.iloc[:, ::-1])
    except AnalysisError:
        return []  # the model noticed, which protects people
    if _agree(batch, reordered):
        return []
    safe = feed.how in ("model", "given", "train")
    start = "The model reads its columns by position, not by name, and does not notice when they are swapped."
    if safe:
        return [
            Note(
                level="warning",
                text=f"{start} Here they are handed over in {'the recorded order' if feed.how == 'model' else 'the order ' + feed.how}; "
                "elsewhere a reordered table gives wrong predictions without an error.",
            )
        ]
    return [
        Note(
            level="warning",
            text=f"{start} It recorded no names, so the order as read is used: {listed(feed.features, 12)}. "
            "If training used another order, every number here is wrong; set it with --features.",
        )
    ]


def _answer(model: Model, X: pd.DataFrame) -> np.ndarray:
    """Give what the model says of each row as a comparable array, shape (n, k)."""
    return _comparable(*call(model, X), len(X))


def _comparable(labels: np.ndarray, scores: np.ndarray | None, n: int) -> np.ndarray:
    if scores is not None:
        return np.asarray(scores, dtype="float64").reshape(n, -1)
    labels = np.asarray(labels)
    if labels.dtype.kind in "fiub":
        return labels.astype("float64").reshape(n, -1)
    return labels.reshape(n, -1)


def _agree(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and bool(_alike(a, b).all())


def _share(a: np.ndarray, b: np.ndarray) -> str:
    return f"{int((~_alike(a, b)).any(axis=1).sum()):,}" if a.shape == b.shape else "all"


def _alike(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Tell where two answers of one shape agree."""
    if a.dtype.kind != "f":
        return np.asarray(a == b)
    scale = max(float(np.nanmax(np.abs(a), initial=0.0)), 1e-12)
    return np.isclose(a, b, rtol=TOLERANCE, atol=TOLERANCE * scale, equal_nan=True)


def _most(a: np.ndarray, b: np.ndarray) -> str:
    if a.dtype.kind != "f" or a.shape != b.shape:
        return "other labels"
    return f"by up to {float(np.nanmax(np.abs(a - b))):.3g}"
