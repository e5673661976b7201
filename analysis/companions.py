"""What stands beside an Evaluation: training data, reference data, a baseline model; checked at once, predicted when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.columns import Column, infer_columns
from modelglass.analysis.dates import like
from modelglass.analysis.describing import as_said
from modelglass.analysis.errors import InputError, listed
from modelglass.analysis.feeding import Feed, plan_feed
from modelglass.analysis.models.base import Model
from modelglass.analysis.models.loading import wrap_model
from modelglass.analysis.models.reordered import reordered
from modelglass.analysis.outcome import Target, in_seconds, understand, understand_like
from modelglass.analysis.preparing import Prepared, asked, checked_frame, kept_rows
from modelglass.analysis.quantiles import with_own
from modelglass.analysis.roles import role_arrays, role_notes
from modelglass.analysis.row_hashes import row_hashes
from modelglass.analysis.selfcheck import Note
from modelglass.analysis.settling import settled
from modelglass.analysis.tables import as_frame

PARTS = ("train", "reference")
WORDS = {"train": "training data", "reference": "reference data", "baseline": "baseline"}


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Companion:
    """Other data for the same model, checked; not yet predicted.

    frame       all rows; name and fingerprint as those of the data (no fingerprint: made from the values when needed)
    rows        the same without those that have no target; columns, target and roles of these
    why_not     why the model cannot be judged on them ("" where it can); their inputs can still be compared
    """

    part: str
    frame: pd.DataFrame
    name: str
    fingerprint: str | None
    rows: pd.DataFrame
    columns: Mapping[str, Column]
    feed: Feed
    target: Target | None
    roles: Mapping[str, Any]
    why_not: str = ""
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Baseline:
    """Another model for the same rows; ``model_classes`` are its names of the classes, in the order of the first model's."""

    model: Model
    feed: Feed
    model_classes: tuple[Any, ...]
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Companions:
    """All that stands beside an Evaluation; None where nothing was given."""

    train: Companion | None = None
    reference: Companion | None = None
    baseline: Baseline | None = None

    @property
    def notes(self) -> tuple[Note, ...]:
        """What a person should know of them."""
        return tuple(n for c in (self.train, self.reference, self.baseline) if c is not None for n in c.notes)


def companions(
    data: Prepared,
    *,
    train: Any = None,
    reference: Any = None,
    baseline: Any = None,
    label: Mapping[Any, Any] | Sequence[str] | None = None,
    output_column: int | str | None = None,
) -> Companions:
    """Check what was given beside model and data.

    Parameters
    ----------
    train, reference : pandas.DataFrame, ReadFile or None
        Must hold every column that the model reads, and where they hold the target, labels that the data's understanding covers.
        Columns whose type differs, and roles that they lack, are said in notes.
    baseline : estimator, Model or None
        Must do the same task with the same classes.

    Raises
    ------
    InputError
        Named after the one that does not fit.
    """
    given = {"train": train, "reference": reference}
    made = {part: None if value is None else _companion(part, value, data) for part, value in given.items()}
    other = None if baseline is None else _baseline(baseline, data, label, output_column, made["train"])
    return Companions(train=made["train"], reference=made["reference"], baseline=other)


@contextmanager
def _about(part: str) -> Iterator[None]:
    """Put the name of what does not fit before an error."""
    try:
        yield
    except InputError as error:
        start = f"The {WORDS[part]} (--{part}) {'does' if part == 'baseline' else 'do'} not fit."
        raise InputError(f"{start} {error.expected}", error.came, error.todo) from error


# other data --------------------------------------------------------------------------------------------------------


def _told(given: Any, what: str) -> str | None:
    """Give what data as read tell of themselves; a plain frame may have a column of that name."""
    told = getattr(given, what, None)
    return told if isinstance(told, str) else None


def _companion(part: str, given: Any, data: Prepared) -> Companion:
    with _about(part):
        frame = like(checked_frame(as_frame(getattr(given, "frame", given), f"the {WORDS[part]}")), data.frame)
        feed = _same_feed(data, frame)
        target, why_not = None, ""
        if data.target_name in frame.columns:
            frame = in_seconds(frame, data.target_name)[0]
            target = understand_like(frame[data.target_name], data.target)
        else:
            why_not = f"the {WORDS[part]} have no column {data.target_name!r}, so the model cannot be judged on them"
        rows = frame if target is None else kept_rows(frame, target)
        columns, differing = _columns(data, rows)
        roles = _roles(data, rows)
    notes = [] if target is None else [Note(level="info", text=f"In the {WORDS[part]}: {t}") for t in target.notes]
    if differing:
        notes.append(
            Note(level="warning", text=f"The {WORDS[part]} hold other types than the data: {listed(differing)}.")
        )
    if why_not:
        notes.append(Note(level="warning", text=f"Cannot compare performance: {why_not}."))
    lost = [(r, getattr(data, f"{r}_name")) for r in ("weight", "cluster", "time") if not roles[f"{r}_name"]]
    for role, name in [(r, n) for r, n in lost if n]:
        if role == "weight":
            why_not = why_not or f"the {WORDS[part]} have no weights (no column {name!r}), and the data have"
        result = {"weight": "performance on them cannot be compared", "cluster": "their rows count as independent"}
        told = result.get(role, "they have no times")
        notes.append(Note(level="warning", text=f"The {WORDS[part]} have no column {name!r} ({role}): {told}."))
    notes += [Note(level=n.level, text=f"In the {WORDS[part]}: {n.text}") for n in role_notes(roles)]
    return Companion(
        part=part,
        frame=frame,
        name=_told(given, "name") or "in memory",
        fingerprint=_told(given, "fingerprint"),
        rows=rows,
        columns=columns,
        feed=feed,
        target=target,
        roles=roles,
        why_not=why_not,
        notes=tuple(notes),
    )


def _same_feed(data: Prepared, frame: pd.DataFrame) -> Feed:
    """Feed other data as the data are fed; for what the model recorded no types of, with the types of the data."""
    if data.model is None or data.feed is None:
        raise InputError("Expected a model beside them.", "There are only predictions.", "Leave them out.")
    feed = plan_feed(data.model, frame, leave_out=(), ignored=data.ignore, features=data.feed.features)
    casts = {c: t for c, t in data.feed.casts.items() if frame[c].dtype != t}
    for name in feed.features:
        kind = data.frame[name].dtype
        if name not in data.feed.casts and isinstance(kind, pd.CategoricalDtype) and frame[name].dtype != kind:
            casts.setdefault(name, kind)
    return replace(feed, how=data.feed.how, casts={**casts, **feed.casts})


def _columns(data: Prepared, rows: pd.DataFrame) -> tuple[dict[str, Column], list[str]]:
    """Take each column for what it is in the data, where its values allow it; say where they do not."""
    rows = rows.drop(columns=[c for c in data.ignore if c in rows.columns])
    found = infer_columns(rows, {c: t for c, t in data.types.items() if c in rows.columns})
    differing = []
    for name, column in found.items():
        wanted = data.columns.get(name)
        if wanted is None:
            continue
        if column.kind != wanted.kind:
            try:
                column = infer_columns(rows[[name]], {name: wanted.kind})[name]
                column = replace(column, how=f"as in the data: {wanted.how}")
            except InputError:
                differing.append(f"{name} is {column.kind} there and {wanted.kind} in the data")
        found[name] = as_said(column, wanted)
    return found, differing


def _roles(data: Prepared, rows: pd.DataFrame) -> dict[str, Any]:
    def had(name: str | None) -> str | None:
        return name if name is not None and name in rows.columns else None

    return role_arrays(rows, had(data.weight_name), had(data.cluster_name), had(data.time_name), had(data.id))


def judged(data: Prepared, other: Companion) -> Prepared:
    """Predict all rows of other data: the same model, feed and roles."""
    if data.model is None or other.target is None:
        raise InputError("Expected a model and a target.", other.why_not or "There are only predictions.")
    with _about(other.part):
        answers, notes = asked(data.model, other.feed, other.rows, other.target)
    prepared = Prepared(
        model=data.model,
        feed=other.feed,
        frame=other.rows,
        name=other.name,
        target=other.target,
        target_name=data.target_name,
        columns=other.columns,
        y=other.target.y,
        ignore=data.ignore,
        types=data.types,
        notes=(*other.notes, *notes),
        data_fingerprint=other.fingerprint,
        **answers,
        **other.roles,
    )
    with _about(other.part):
        return with_own(prepared)


# another model -----------------------------------------------------------------------------------------------------


def _baseline(
    given: Any,
    data: Prepared,
    label: Mapping[Any, Any] | Sequence[str] | None,
    output_column: int | str | None,
    train: Companion | None,
) -> Baseline:
    with _about("baseline"):
        if data.feed is None:
            raise InputError("Expected a model beside it.", "There are only predictions.", "Leave it out.")
        model = wrap_model(given)
        nameless = model.feature_names is None
        feed = plan_feed(
            model,
            data.frame,
            leave_out=(),
            ignored=data.ignore,
            features=data.feed.features if nameless else None,
            train=None if train is None else train.frame,
        )
        values = data.target.task == "regression" and model.task not in ("binary", "multiclass")
        several = output_column if values or bool(getattr(model, "several", False)) else None
        how = {"positive": _positive(data.target), "label": label, "output_column": several}
        model = settled(model, feed, data.frame, data.target_name, task=data.target.task, **how)
        names = _names_of_classes(model, data, label)
    notes = [Note(level="info", text=f"Of the baseline: {t}") for t in model.notes]
    if nameless:
        text = "The baseline recorded no column names; it is fed the columns of the model, in their order."
        notes.append(Note(level="warning", text=text))
    if model.classes and tuple(model.classes) != names:
        model = reordered(model, names)
    return Baseline(model=model, feed=feed, model_classes=names, notes=tuple(notes))


def _names_of_classes(model: Model, data: Prepared, label: Mapping[Any, Any] | Sequence[str] | None) -> tuple[Any, ...]:
    """Find how the other model calls each class; refuse another task or other classes."""
    target = data.target
    if model.task is not None and (model.task == "regression") != (target.task == "regression"):
        raise InputError(
            f"Expected a model for {target.task}, as the first one.",
            f"It is for {model.task}.",
            "Choose a baseline that predicts the same thing.",
        )
    if target.task == "regression":
        return ()
    if not model.classes:
        return target.model_classes
    positive = _positive(target)
    values = data.frame[data.target_name]
    try:
        found = understand(values, model, task=None, positive=positive, label_map=label)
    except InputError:
        if not label:
            raise
        found = understand(values, model, task=None, positive=positive)  # it knows the data's labels themselves
    if found.task != target.task or set(found.classes) != set(target.classes):
        raise InputError(
            f"Expected the classes of the first model: {listed(map(repr, target.classes))}.",
            f"It knows {listed(map(repr, found.classes))}.",
            "Choose a baseline that predicts the same thing.",
        )
    return tuple(found.model_classes[found.classes.index(c)] for c in target.classes)


def _positive(target: Target) -> Any:
    return None if target.positive_index is None else target.classes[target.positive_index]


def by_baseline(data: Prepared, baseline: Baseline) -> Prepared:
    """Predict the same rows by the other model."""
    target = replace(data.target, model_classes=baseline.model_classes, how="the baseline")
    feed = replace(baseline.feed, casts={c: t for c, t in baseline.feed.casts.items() if data.frame[c].dtype != t})
    with _about("baseline"):
        answers, notes = asked(baseline.model, feed, data.frame, target)
    said = (*baseline.notes, *notes)
    with _about("baseline"):
        return with_own(replace(data, model=baseline.model, feed=feed, target=target, notes=said, **answers))


def overlap(data: pd.DataFrame, other: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Tell which rows of ``data`` also stand in ``other``, equal in all of these columns; shape (n_rows,).

    Numbers are compared as float64, everything else by its text; missing equals missing.
    """
    kept = [c for c in columns if c in data.columns and c in other.columns]
    return np.isin(row_hashes(data, kept), row_hashes(other, kept))
