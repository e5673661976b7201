"""From a model and a frame to checked arrays: everything an Evaluation holds, made once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from modelglass.analysis import fingerprints
from modelglass.analysis.columns import Column, infer_columns
from modelglass.analysis.dates import with_dates
from modelglass.analysis.describing import Given, describe
from modelglass.analysis.errors import InputError, listed
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.feeding import Feed, plan_feed, predict_all, unseen_levels
from modelglass.analysis.models.base import Model
from modelglass.analysis.models.loading import wrap_model
from modelglass.analysis.offering import not_by_default, refuse_nested
from modelglass.analysis.outcome import Target, in_seconds, too_large, understand
from modelglass.analysis.roles import check_columns, role_arrays, role_notes
from modelglass.analysis.selfcheck import Note, self_check
from modelglass.analysis.settling import settled
from modelglass.analysis.tables import as_frame

SUM_SLACK = 1e-3
"""Probabilities of a row may sum to one within this; said when they do not exactly."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Prepared:
    """Checked arrays of the whole data; all of length n_rows, rows without a target left out.

    frame       raw columns, index = row number in the data as read
    y, predicted    codes (int64) or values (float64); predicted by the model's own predict
    score       binary: (n,) of the positive class; multi-class: (n, k); None where there is none
    quantiles   regression: values promised to be exceeded by a share of 1 - level, by level, rising; empty where not given
    aim         regression: the share of outcomes that the judged prediction promises to be at or below itself, of a model of a quantile;
                None: a mean, or nothing is said
    unlabelled  raw columns of the rows that were left out because they have no target; None where there are none
    """

    model: Model | None
    feed: Feed | None
    frame: pd.DataFrame
    name: str
    target: Target
    target_name: str
    columns: Mapping[str, Column]
    y: np.ndarray
    predicted: np.ndarray
    score: np.ndarray | None
    score_kind: str | None
    weight: np.ndarray | None = None
    weight_name: str | None = None
    cluster: np.ndarray | None = None
    cluster_name: str | None = None
    time: pd.Series | None = None
    time_name: str | None = None
    id: str | None = None
    ignore: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    quantiles: Mapping[float, np.ndarray] = field(default_factory=dict)
    aim: float | None = None
    notes: tuple[Note, ...] = ()
    data_fingerprint: str | None = None
    unlabelled: pd.DataFrame | None = None

    @property
    def roles(self) -> tuple[Any, ...]:
        """What decides the numbers beside the bytes of model and data."""
        t = self.target
        kinds = tuple((c.name, c.kind, c.description, c.unit, c.level_order) for c in self.columns.values())
        return (
            self.target_name,
            t.task,
            t.classes,
            t.model_classes,
            t.positive_index,
            self.weight_name,
            self.cluster_name,
            self.time_name,
            self.id,
            self.feed.features if self.feed else None,
            kinds,
            tuple((level, fingerprints.of_array(values)) for level, values in self.quantiles.items()),
            *((c.name, c.expected) for c in self.columns.values() if c.expected),
        )

    def codes_of(self, labels: np.ndarray) -> np.ndarray:
        """Turn the model's labels into codes."""
        return codes_of(labels, self.target.model_classes)

    def oriented(self, scores: np.ndarray) -> np.ndarray:
        """Turn the model's score columns into what ``Evaluation.score`` holds."""
        return oriented(scores, self.target)


def prepare(
    model: Any,
    frame: pd.DataFrame,
    *,
    target: str,
    positive: Any,
    weight: str | None,
    time: str | None,
    cluster: str | None,
    id: str | None,
    train: pd.DataFrame | None,
    ignore: Sequence[str],
    name: str | None,
    task: str | None,
    label: Mapping[Any, Any] | Sequence[str] | None,
    features: Sequence[str] | None,
    types: Mapping[str, str] | None,
    columns: Given,
    output_column: int | str | None,
    data_fingerprint: str | None,
) -> Prepared:
    """Check everything, feed the model, and predict all rows once."""
    model = wrap_model(model)
    frame = checked_frame(frame)
    check_columns(frame, {"target": target, "weight": weight, "time": time, "cluster": cluster, "id": id}, ignore)
    frame, durations = in_seconds(frame, target)
    left_out = [target, *ignore, *(r for r in (weight, cluster, id) if r)]
    if model.feature_names is None and features is None and train is None and time:
        left_out.append(time)
    train, unsaid = None if train is None else as_frame(train, "the training data"), list[str]()
    if model.feature_names is None and features is None and train is None:
        more, unsaid = not_by_default(model, frame, left_out, types or {})
        left_out += more
    feed = plan_feed(model, frame, leave_out=left_out, ignored=ignore, features=features, train=train)
    frame, dates = with_dates(model, feed, frame, train)
    how = {"task": task, "positive": positive, "label": label, "output_column": output_column}
    model = settled(model, feed, frame, target, **how)
    understood = understand(frame[target], model, task=task, positive=positive, label_map=label)
    frame, unlabelled = kept_rows(frame, understood), rows_left_out(frame, understood)
    known = infer_columns(frame.drop(columns=list(ignore)), {**({id: "id"} if id else {}), **(types or {})})
    known = describe(known, frame, columns, ignore)
    refuse_nested(feed.features, known)
    arrays = role_arrays(frame, weight, cluster, time, id)
    notes = [Note(level="info", text=t) for t in (*durations, *understood.notes, *model.notes, *unsaid, *dates)]
    notes += role_notes(arrays)
    if features and feed.how != "given" and tuple(features) != feed.features:
        notes.append(
            Note(level="warning", text="The order given with --features is not used: the model recorded its own.")
        )
    began = perf_counter()
    first = predict_all(model, feed, frame)
    seconds = perf_counter() - began
    answers, said = _read(model, first, frame, understood)
    notes += [*_input_notes(model, feed, frame, left_out, known), *said]
    notes += self_check(model, feed, frame, first=first[:2], seconds=seconds)
    return Prepared(
        model=model,
        feed=feed,
        frame=frame,
        name=name or "in memory",
        target=understood,
        target_name=target,
        columns=known,
        y=understood.y,
        ignore=tuple(ignore),
        types=dict(types or {}),
        notes=tuple(notes),
        data_fingerprint=data_fingerprint,
        unlabelled=unlabelled,
        **answers,
        **arrays,
    )


def asked(model: Model, feed: Feed, frame: pd.DataFrame, target: Target) -> tuple[dict[str, Any], list[Note]]:
    """Predict all rows once and check the answers; gives ``predicted, score, score_kind`` of ``Prepared``, and notes."""
    return _read(model, predict_all(model, feed, frame), frame, target)


def _read(
    model: Model, answer: tuple[np.ndarray, np.ndarray | None, list[str]], frame: pd.DataFrame, target: Target
) -> tuple[dict[str, Any], list[Note]]:
    predicted, scores, heard = answer
    notes = [Note(level="warning", text=t) for t in heard]
    codes = checked_predictions(predicted, target, frame)
    score, said = checked_scores(model, scores, target, len(frame))
    kind = model.score_kind if score is not None else None
    return {"predicted": codes, "score": score, "score_kind": kind}, [*notes, *said]


# checks ------------------------------------------------------------------------------------------------------------


def checked_frame(frame: Any) -> pd.DataFrame:
    """Check that a frame has rows and columns with distinct names of text; gives it with row numbers as index."""
    frame = as_frame(frame, "the data")
    if not len(frame):
        raise InputError(
            "Expected at least one row.", "The data has none.", "Check the file or the condition that made it."
        )
    if any(not isinstance(c, str) for c in frame.columns):
        frame = frame.set_axis([str(c) for c in frame.columns], axis=1)
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()].unique()
        raise InputError(
            "Expected column names that differ.",
            f"More than one column is called {listed(repr(c) for c in twice)}.",
            "Rename them.",
        )
    _check_writable(frame)
    if isinstance(frame.index, pd.RangeIndex) and frame.index.start == 0 and frame.index.step == 1:
        return frame
    return frame.reset_index(drop=True)


def _check_writable(frame: pd.DataFrame) -> None:
    """Refuse texts with half of a pair of UTF-16 ("lone surrogates"), which nothing can hash, write or put in a condition."""
    for name in frame.columns:
        kind = frame[name].dtype
        texts: Iterable[Any] = kind.categories if isinstance(kind, pd.CategoricalDtype) else ()
        if types.is_object_dtype(kind) or getattr(kind, "storage", "") == "python":
            texts = frame[name]
        try:
            name.encode()
            "\n".join(v for v in texts if isinstance(v, str)).encode()
        except UnicodeEncodeError as error:
            half = error.object[: error.start].rpartition("\n")[2] + error.object[error.start :].partition("\n")[0]
            raise InputError(
                "Expected texts that can be written as UTF-8.",
                f"The column {name!a} holds half a character: {half[:40]!a}.",
                "Read the data with the right encoding, or take such characters away.",
            ) from None


def kept_rows(frame: pd.DataFrame, understood: Target) -> pd.DataFrame:
    """Give the rows that have a target."""
    return frame if len(understood.kept) == len(frame) else frame.iloc[understood.kept]


def rows_left_out(frame: pd.DataFrame, understood: Target) -> pd.DataFrame | None:
    """Give the rows that have no target; None where all have one."""
    if len(understood.kept) == len(frame):
        return None
    gone = np.ones(len(frame), dtype=bool)
    gone[understood.kept] = False
    return frame[gone]


def codes_of(labels: np.ndarray, classes: tuple[Any, ...]) -> np.ndarray:
    """Turn labels into codes; a label that is no class is an error."""
    labels = np.asarray(labels).reshape(-1)
    codes = (
        np.asarray(
            pd.Index(list(classes), dtype="object").get_indexer(pd.Index(labels.astype("object"))), dtype=np.int64
        )
        if labels.dtype.kind not in "iub"
        else _codes_of_numbers(labels, classes)
    )
    if (codes < 0).any():
        strange = pd.unique(pd.Series(labels[codes < 0]).astype("object"))
        raise InputError(
            f"Expected predictions among {listed(repr(c) for c in classes)}.",
            f"Got {listed(map(repr, strange))}.",
            "Check that these predictions belong to this target.",
        )
    return codes


def _codes_of_numbers(labels: np.ndarray, classes: tuple[Any, ...]) -> np.ndarray:
    codes = np.full(len(labels), -1, dtype=np.int64)
    for code, label in enumerate(classes):
        codes[labels == label] = code
    return codes


def checked_predictions(predicted: np.ndarray, understood: Target, frame: pd.DataFrame) -> np.ndarray:
    """Check predictions; give codes or values."""
    if predicted.ndim != 1 and not (predicted.ndim == 2 and predicted.shape[1] == 1):
        raise InputError(
            "Expected one prediction a row.",
            f"The model returned an array of shape {predicted.shape}.",
            "Give a model of one output: wrap it in an object whose predict gives one column.",
        )
    predicted = predicted.reshape(-1)
    missing = pd.isna(predicted)
    if missing.any():
        raise InputError(
            "Expected a prediction for each row.",
            f"NaN in {rows_text(int(missing.sum()))}, the first in row {frame.index[missing.argmax()]}.",
            "Repair the model or these rows; nothing can be measured on NaN.",
        )
    if understood.task != "regression":
        return codes_of(predicted, understood.model_classes)
    values = np.asarray(predicted, dtype="float64")
    if not np.isfinite(values).all():
        raise InputError(
            "Expected finite predictions.",
            f"{int((~np.isfinite(values)).sum()):,} are infinite.",
            "Repair the model or these rows.",
        )
    too_large(values, frame.index, "the predictions")
    return values


def oriented(scores: np.ndarray, target: Target) -> np.ndarray:
    """Turn score columns (n, k) into (n,) of the positive class (binary), or leave (n, k)."""
    scores = np.asarray(scores, dtype="float64")
    scores = scores.reshape(len(scores), -1)
    if target.task != "binary":
        return scores
    if scores.shape[1] == 1:
        return scores[:, 0] if target.positive_index == 1 else -scores[:, 0]
    return np.ascontiguousarray(scores[:, target.positive_index])


def checked_scores(
    model: Model, scores: np.ndarray | None, understood: Target, n: int
) -> tuple[np.ndarray | None, list[Note]]:
    """Check scores; give them as ``Evaluation.score`` holds them, and what should be said of them."""
    if scores is None or understood.task == "regression":
        return None, []
    scores = np.asarray(scores, dtype="float64").reshape(n, -1)
    k = len(understood.classes)
    if scores.shape[1] not in ((1, 2) if k == 2 else (k,)):
        raise InputError(
            f"Expected {k} scores a row, one for each class.",
            f"The model returned {scores.shape[1]}.",
            "Check the model.",
        )
    if not np.isfinite(scores).all():
        raise InputError(
            "Expected a score for each row.",
            f"NaN or infinite scores in {rows_text(int((~np.isfinite(scores)).any(axis=1).sum()))}.",
            "Repair the model or these rows; nothing can be measured on NaN.",
        )
    notes = []
    if model.score_kind == "probability":
        if scores.min() < -SUM_SLACK or scores.max() > 1 + SUM_SLACK:
            raise InputError(
                "Expected probabilities between 0 and 1.",
                f"They run from {scores.min():.4g} to {scores.max():.4g}.",
                "Check the model.",
            )
        off = float(np.abs(scores.sum(axis=1) - 1).max()) if scores.shape[1] > 1 else 0.0
        if off > SUM_SLACK:
            raise InputError(
                "Expected the probabilities of a row to sum to one.",
                f"They are off by up to {off:.4g}.",
                "Check the model.",
            )
        if off > 1e-6:
            notes.append(
                Note(
                    level="info",
                    text=f"The probabilities of a row sum to one only within {off:.2g}; they are used as they are.",
                )
            )
        scores = np.clip(scores, 0.0, 1.0)
    return oriented(scores, understood), notes


def _input_notes(
    model: Model, feed: Feed, frame: pd.DataFrame, left_out: Sequence[str], known: Mapping[str, Column]
) -> list[Note]:
    notes = [Note(level="info" if feed.how != "as read" else "warning", text=f"The model is fed {feed.text()}")]
    notes += [Note(level="warning", text=t) for t in unseen_levels(model, feed, frame)]
    empty = [c for c in feed.features if known[c].missing == len(frame)]
    if empty:
        notes.append(
            Note(level="warning", text=f"All values are missing in {listed(empty)}; the model still gives predictions.")
        )
    extra = [c for c in frame.columns if c not in feed.features and c not in left_out]
    if extra:
        notes.append(
            Note(
                level="info",
                text=f"Not used by the model, but there for slicing: {listed(extra)}.",
            )
        )
    return notes
