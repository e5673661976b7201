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


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """Something a person should know about model and data. level: "info" or "warning"."""

    level: str
    text: str


def self_check(model: Model, feed: Feed, frame: pd.DataFrame, *, rows: int = 12, seed: int = 0) -> list[Note]:
    """Predict a few rows twice, alone, in a batch, in reversed order and from reordered columns, and compare.

    Returns
    -------
    list of Note
        A warning for each way in which the answers differ; empty where all agree.
    """
    if len(frame) < 2:
        return []
    chosen = np.sort(np.random.default_rng(seed).choice(len(frame), size=min(rows, len(frame)), replace=False))
    X = feed.apply(frame.iloc[chosen])
    batch = _answer(model, X)
    again = _answer(model, X)
    if not _agree(batch, again):
        return [
            Note(
                level="warning",
                text=(
                    f"The model is not deterministic: asked twice about the same rows, it gave other predictions ({_most(batch, again)}). Every number "
                    "here holds for one such answer; explanations and sensitivity mix its noise with what they measure."
                ),
            )
        ]
    singles = range(min(ALONE, len(X)))
    alone = np.concatenate([_answer(model, X.iloc[[i]]) for i in singles])
    backwards = _answer(model, X.iloc[::-1])[::-1]
    notes = []
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
    return notes + _columns_by_name(model, X, batch, feed)


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
    labels, scores = call(model, X)
    if scores is not None:
        return np.asarray(scores, dtype="float64").reshape(len(X), -1)
    labels = np.asarray(labels)
    if labels.dtype.kind in "fiub":
        return labels.astype("float64").reshape(len(X), -1)
    return labels.reshape(len(X), -1)


def _agree(a: np.ndarray, b: np.ndarray) -> bool:
    if a.shape != b.shape:
        return False
    if a.dtype.kind != "f":
        return bool((a == b).all())
    scale = max(float(np.nanmax(np.abs(a), initial=0.0)), 1e-12)
    return bool(np.allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE * scale, equal_nan=True))


def _most(a: np.ndarray, b: np.ndarray) -> str:
    if a.dtype.kind != "f" or a.shape != b.shape:
        return "other labels"
    return f"by up to {float(np.nanmax(np.abs(a - b))):.3g}"
