"""How the model is fed: which columns, in which order, with which types; and who said so."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from threadpoolctl import ThreadpoolController

from modelglass.analysis.errors import AnalysisError, InputError, listed, nearest
from modelglass.analysis.levels import encoder_levels, unseen
from modelglass.analysis.listening import listening
from modelglass.analysis.models.base import Model, checked_labels, checked_numbers
from modelglass.analysis.patience import limit, within
from modelglass.analysis.refusals import refusal

T = TypeVar("T")

HOW = {
    "model": "the order that the model itself recorded",
    "given": "the order given with --features",
    "train": "the training data's columns",
    "as read": "the order of the data as read, because the model recorded no column names",
}

FEW_ROWS = 20_000
"""So few rows are predicted on one thread."""
SLOW, GAIN, AGAIN = 0.02, 0.8, 60.0
"""Seconds on one thread from which all are tried; the share of its time below which they are kept to; seconds until they are tried again."""
_every: ContextVar[bool | None] = ContextVar("every", default=None)

BATCH_CELLS, LEAST_ROWS, MOST_ROWS = 2**22, 256, 2**16
"""Cells of one batch, and bounds of its rows."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Feed:
    """What the model is handed.

    features    raw columns, in order
    how         "model", "given", "train" or "as read": who decided the order
    casts       pandas types that columns are cast to before predicting, from the model's or the training data's record
    """

    features: tuple[str, ...]
    how: str
    casts: Mapping[str, Any] = field(default_factory=dict)

    def apply(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Give the columns in the model's order, with the model's types."""
        same = tuple(frame.columns) == self.features
        X = frame.copy() if same else frame[list(self.features)]
        if self.casts:
            X = X.assign(**{c: X[c].astype(t) for c, t in self.casts.items()})
        return X

    def text(self) -> str:
        """Say it for people."""
        cast = f"; {listed(self.casts)} cast to the recorded types" if self.casts else ""
        return f"{len(self.features):,} columns, in {HOW[self.how]}{cast}."


def plan_feed(
    model: Model,
    frame: pd.DataFrame,
    *,
    leave_out: Iterable[str],
    ignored: Iterable[str] = (),
    features: Sequence[str] | None = None,
    train: pd.DataFrame | None = None,
) -> Feed:
    """Decide how the model is fed.

    What the model recorded decides; else the names given; else the training data; else the data as read.

    Raises
    ------
    InputError
        A feature is missing from the data (named, with the nearest column), or the number of columns cannot be right.
    """
    out = set(leave_out)
    if model.feature_names is not None:
        names, how = _as_in_data(model.feature_names, model.kind, frame), "model"
    elif features:
        names, how = tuple(features), "given"
    elif train is not None:
        names, how = tuple(str(c) for c in train.columns if str(c) not in out), "train"
    else:
        names, how = tuple(str(c) for c in frame.columns if str(c) not in out), "as read"
    _check_present(names, frame, how)
    kept_out = [n for n in names if n in ignored]
    if kept_out:
        raise InputError(
            "Expected --ignore and --quantile to leave the model its columns.",
            f"The model reads {listed(repr(n) for n in kept_out)}.",
            "Take them out there; without them the model cannot predict.",
        )
    if model.n_features is not None and len(names) != model.n_features:
        raise InputError(
            f"Expected {model.n_features} input columns, because the model was fitted with that many.",
            f"There are {len(names)}: {listed(names)}.",
            "Name the columns in the model's order with --features a,b,c, or leave some out with --ignore.",
        )
    if not names:
        raise InputError(
            "Expected at least one input column beside the target.", "There is none.", "Check the data file."
        )
    return Feed(features=names, how=how, casts=_casts(model, frame, names, train))


def _as_in_data(names: Sequence[str], kind: str, frame: pd.DataFrame) -> tuple[str, ...]:
    """Find the columns that LightGBM recorded under another name: it writes spaces as underscores."""
    if kind != "lightgbm":
        return tuple(names)
    spaced = {str(c).replace(" ", "_"): str(c) for c in frame.columns}
    return tuple(n if n in frame.columns else spaced.get(n, n) for n in names)


def _check_present(names: Sequence[str], frame: pd.DataFrame, how: str) -> None:
    missing = [n for n in names if n not in frame.columns]
    if not missing:
        return
    close = nearest(missing[0], frame.columns)
    hint = f"Did you mean the column {close[0]!r}? Rename it." if close else "Add the column to the data."
    who = "the model was fitted with" if how == "model" else "were asked for"
    raise InputError(
        f"Expected all {len(names)} columns that {who}.", f"The data lacks {listed(repr(m) for m in missing)}.", hint
    )


def _casts(model: Model, frame: pd.DataFrame, names: Sequence[str], train: pd.DataFrame | None) -> dict[str, Any]:
    casts: dict[str, Any] = {}
    recorded = model.categories_in(frame[list(names)], train)
    for name in names:
        if name in recorded:
            casts[name] = pd.CategoricalDtype(list(recorded[name]))
        elif train is not None and name in train.columns and isinstance(train[name].dtype, pd.CategoricalDtype):
            casts[name] = train[name].dtype
        elif name in model.categorical and not isinstance(frame[name].dtype, pd.CategoricalDtype):
            levels = pd.unique(frame[name].dropna() if train is None or name not in train else train[name].dropna())
            casts[name] = pd.CategoricalDtype(sorted(levels))
    return {c: t for c, t in casts.items() if frame[c].dtype != t}


def unseen_levels(model: Model, feed: Feed, frame: pd.DataFrame) -> list[str]:
    """Say which columns hold levels that neither the model nor its encoders have seen, and where levels had to be guessed."""
    recorded = {n: t.categories.tolist() for n, t in feed.casts.items() if n not in model.categorical}
    known = {**encoder_levels(model.estimator, feed.features), **recorded, **model.categories}
    guessed = [
        f"{name}: the model recorded no levels, so they are numbered in the order {listed(dtype.categories, 4)}. "
        "If training had other levels, the predictions are wrong; give --train, or save the model with a newer XGBoost."
        for name, dtype in ((n, feed.casts.get(n, frame[n].dtype)) for n in model.categorical if n in feed.features)
        if isinstance(dtype, pd.CategoricalDtype)
    ]
    return [*guessed, *unseen(known, frame[list(feed.features)])]


def rows_a_batch(columns: int) -> int:
    """Give how many rows are predicted at once: 65,536, fewer where there are many columns.

    A batch holds at most 4,194,304 cells (32 MB as numbers), so that beside the answers themselves predicting needs no more memory for
    a million rows than for one batch of them, whatever the model makes of a batch.

    >>> rows_a_batch(20), rows_a_batch(1_000)
    (65536, 4194)
    """
    return int(np.clip(BATCH_CELLS // max(columns, 1), LEAST_ROWS, MOST_ROWS))


def predict_all(
    model: Model, feed: Feed, frame: pd.DataFrame, *, batch: int | None = None
) -> tuple[np.ndarray, np.ndarray | None, list[str]]:
    """Predict labels or values, and scores, for all rows, a batch at a time (see ``rows_a_batch``).

    Returns
    -------
    labels, scores, said
        ``said``: what the model warned of and printed, each once.

    Raises
    ------
    InputError
        The model refuses rows (the first few are searched for and named), or answers in a wrong shape.
    MachineError
        A batch took longer than the limit (patience.py).
    """
    labels: list[np.ndarray] = []
    scores: list[np.ndarray] = []
    printed: list[str] = []
    batch, seconds = batch or rows_a_batch(len(feed.features)), limit()
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        for start in range(0, max(len(frame), 1), batch):
            X = feed.apply(frame.iloc[start : start + batch])
            got, score = within(partial(_batch, model, X, printed), seconds, len(X))
            labels.append(got)
            if score is not None:
                scores.append(score)
    said = dict.fromkeys(
        f"The model warned while predicting: {' '.join(str(w.message).split())[:300]}"
        for w in heard
        if not issubclass(w.category, (DeprecationWarning, FutureWarning))
    )
    return np.concatenate(labels), np.concatenate(scores) if scores else None, [*said, *_printed(printed)]


def _batch(model: Model, X: pd.DataFrame, printed: list[str]) -> tuple[np.ndarray, np.ndarray | None]:
    try:
        return asked(model, X, printed)
    except (AnalysisError, MemoryError):
        raise
    except Exception as error:
        raise refusal(error, X, lambda part: asked(model, part)) from error


def _printed(texts: list[str]) -> list[str]:
    text = " ".join("".join(texts).split())
    if not text:
        return []
    cut = f"{text[:200]} ..." if len(text) > 200 else text
    return [f"The model prints while it predicts; this is kept from the output from now on: {cut}"]


def call(model: Model, X: pd.DataFrame) -> tuple[np.ndarray, np.ndarray | None]:
    """Ask the model once, and turn its complaints into an error for people.

    Raises
    ------
    InputError
        The model refuses rows.
    MachineError
        A model of foreign code took longer than the limit. The libraries known here always answer, and answer faster on this thread.
    """
    return _told(partial(asked, model, X), model, X)


def call_scores(model: Model, X: pd.DataFrame) -> np.ndarray | None:
    """Ask the model once for its scores alone, (m, k); None where it gives none. Raises as ``call`` does."""
    return _told(partial(_scores, model, X), model, X)


def _told(ask: Callable[[], T], model: Model, X: pd.DataFrame) -> T:
    try:
        return within(ask, limit(), len(X)) if model.foreign else ask()
    except (AnalysisError, MemoryError):
        raise
    except Exception as error:
        raise refusal(error, X) from error


def asked(model: Model, X: pd.DataFrame, printed: list[str] | None = None) -> tuple[np.ndarray, np.ndarray | None]:
    """Ask the model once: labels or values (m,) or (m, outputs), and scores (m, k) or None; what it raises is passed on as it is."""
    with _heard(len(X), printed):
        labels, scores = model.both(model.prepare(X))
    return checked_labels(labels, len(X)), None if scores is None else checked_numbers(scores, len(X))


def _scores(model: Model, X: pd.DataFrame) -> np.ndarray | None:
    with _heard(len(X), None):
        scores = None if model.score_kind is None else model.scores(model.prepare(X))
    return None if scores is None else checked_numbers(scores, len(X))


@contextmanager
def _heard(rows: int, printed: list[str] | None) -> Iterator[None]:
    """Ask inside: what the model prints is kept from the output."""
    with listening([] if printed is None else printed), one_thread(rows):
        try:
            yield
        except SystemExit as error:  # it would end the program in silence, with the exit code of the model
            raise RuntimeError(f"it asked Python to exit ({error.code})") from error


@cache
def _pools() -> ThreadpoolController:
    return ThreadpoolController()


class Pace:
    """How long a row takes on one thread and on all of them (OpenMP), seen on the way: for a slow model all pay, unless the machine is busy with other work.

    There they wait for one another: on two cores with other work beside it a boosted model asked on both took 8 to 11 times as long as so.
    """

    def __init__(self) -> None:
        self.one, self.every, self._again = np.nan, np.inf, -np.inf

    @contextmanager
    def asking(self, rows: int) -> Iterator[None]:
        """Ask about so many rows inside: on one thread where they are quick, on all where that was quicker; tried again after a while."""
        began = time.monotonic()
        every = self.one * rows >= SLOW and (self.every < GAIN * self.one or began >= self._again)
        before = _every.set(every)
        try:
            yield
        finally:
            _every.reset(before)
        spent = (time.monotonic() - began) / max(rows, 1)
        if every:
            self.every, self._again = spent, began + AGAIN
        else:
            self.one = spent


@contextmanager
def one_thread(rows: int) -> Iterator[None]:
    """Keep few rows on one thread (OpenMP): threads that wait for one another cost more than so few rows take. Inside ``Pace.asking`` that decides."""
    every = _every.get()
    if rows > FEW_ROWS if every is None else every:
        yield
        return
    with _pools().limit(limits=1, user_api="openmp"):
        yield
