"""The target column: which task it is, which labels there are, and how they meet the model's."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.errors import InputError, listed
from modelglass.analysis.estimated import agree, rows_text
from modelglass.analysis.models.answers import without_point
from modelglass.analysis.models.base import Model
from modelglass.analysis.plain import different, plain

TASKS = ("binary", "multiclass", "regression")
MOST_CLASSES_GUESSED = 20
LARGEST = 1e40
"""Outcomes and predictions of this size and less can be squared, and the squares' third powers be summed, also after a fault has multiplied them."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Target:
    """The outcome column, understood.

    task        "binary", "multiclass" or "regression"; how says who decided (given, model, data)
    classes     labels for people, in the order of the model's score columns; () in regression
    model_classes   the same as the model names them
    positive_index  place of the positive class in classes (binary), else None
    codes       label of the data -> code, also for labels that only the model knows
    y           codes (int64) into classes, or values (float64); one a row
    kept        rows with a target, positions in the data; the others are left out and said
    notes       what a person should know
    """

    task: str
    how: str
    classes: tuple[Any, ...]
    model_classes: tuple[Any, ...]
    positive_index: int | None
    y: np.ndarray
    kept: np.ndarray
    codes: Mapping[Any, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def in_seconds(frame: pd.DataFrame, target: str) -> tuple[pd.DataFrame, list[str]]:
    """Give the frame with durations of its target column as seconds, as they are read elsewhere, and what should be said of it.

    Raises
    ------
    InputError
        Values that cannot be told apart, such as lists.
    """
    values = frame[target]
    if values.dtype == object or isinstance(values.dtype, pd.ArrowDtype):
        different(values, f"the target column {target!r}")
    seconds = as_seconds(values)
    if seconds is values:
        return frame, []
    said = f"The durations in the target column {target!r} are read as seconds, and so are predictions of them."
    return frame.assign(**{target: seconds}), [said]


def as_seconds(values: pd.Series) -> pd.Series:
    """Give durations (numpy's, Arrow's or Python's) as seconds, anything else as it is."""
    read = plain(values) if _is_duration(values) else None
    return values if read is None else read


def _is_duration(values: pd.Series) -> bool:
    if isinstance(values.dtype, pd.ArrowDtype):
        return str(values.dtype).startswith("duration")
    if values.dtype == object:
        known = values.dropna()
        return bool(len(known)) and pd.api.types.infer_dtype(known.iloc[:1_000], skipna=True).startswith("timedelta")
    return pd.api.types.is_timedelta64_dtype(values.dtype)


def understand(
    values: pd.Series,
    model: Model,
    *,
    task: str | None = None,
    positive: Any = None,
    label_map: Mapping[Any, Any] | Sequence[str] | None = None,
) -> Target:
    """Work out task, classes and codes of a target column, and check them against the model's."""
    name = str(values.name)
    kept = np.flatnonzero(values.notna().to_numpy())
    if not len(kept):
        raise InputError(
            f"Expected values in the target column {name!r}.",
            f"All {len(values):,} are missing.",
            "Choose another column with --target, or evaluate on labelled rows.",
        )
    notes = [] if len(kept) == len(values) else [_left_out(len(values) - len(kept), values)]
    known = values.iloc[kept]
    if different(known, f"the target column {name!r}") == 1:
        raise InputError(
            f"Expected at least two different values in the target column {name!r}.",
            f"All {len(known):,} rows hold {_plain(known.iloc[0])!r}." if len(known) > 1 else "There is only one row.",
            "Choose another column with --target, or more rows.",
        )
    task, how = _task(known, model, task)
    if task == "regression":
        y = _numbers(known)
        if positive is not None:
            notes.append("A positive class is only used with two classes; it is ignored here.")
        return Target(
            task=task, how=how, classes=(), model_classes=(), positive_index=None, y=y, kept=kept, notes=tuple(notes)
        )
    target = _classes(known, model, task, how, positive, label_map or {})
    return replace(target, kept=kept, notes=(*notes, *target.notes))


def _left_out(lost: int, values: pd.Series) -> str:
    has, are = agree(lost, "has", "have"), agree(lost, "is", "are")
    return f"{lost:,} of {rows_text(len(values))} {has} no value in {str(values.name)!r} and {are} left out."


def understand_like(values: pd.Series, target: Target) -> Target:
    """Read the target column of other data (training data, say) as that of the data was read.

    Raises
    ------
    InputError
        No values at all, labels that are not among those of data and model, or no numbers in regression.
    """
    kept = np.flatnonzero(values.notna().to_numpy())
    if not len(kept):
        raise InputError(
            f"Expected values in the target column {str(values.name)!r}.", f"All {len(values):,} are missing."
        )
    lost = len(values) - len(kept)
    notes = () if not lost else (_left_out(lost, values),)
    known = values.iloc[kept]
    different(known, f"the target column {str(values.name)!r}")
    if target.task == "regression":
        return replace(target, y=_numbers(known), kept=kept, notes=notes)
    by_text = {str(label): code for label, code in target.codes.items()}
    found = {
        label: target.codes.get(_plain(label), by_text.get(str(label), -1))
        for label in pd.unique(known.astype("object"))
    }
    strange = [label for label, code in found.items() if code < 0]
    if strange:
        raise InputError(
            f"Expected the labels {listed(map(repr, target.classes))} in the target column {str(values.name)!r}.",
            f"It also holds {listed(repr(_plain(s)) for s in strange)}.",
            "Check that it is the same column, written the same way.",
        )
    y = known.astype("object").map(found).to_numpy(dtype="int64")
    return replace(target, y=y, kept=kept, notes=notes)


def _task(known: pd.Series, model: Model, given: str | None) -> tuple[str, str]:
    if given is not None:
        if given not in TASKS:
            raise InputError(f"Expected the task to be one of {', '.join(TASKS)}.", f"Got {given!r}.")
        if model.task and (given == "regression") != (model.task == "regression"):
            raise InputError(
                f"Expected a task that the model can do: it says {model.task}.",
                f"Got {given!r}.",
                "Leave out the task, or choose another model.",
            )
        return given, "given"
    if model.task == "regression" or (model.task in TASKS and model.classes):
        if model.task == "regression":
            return "regression", "the model"
        return ("binary" if len(model.classes or ()) == 2 else "multiclass"), "the model"
    distinct = known.nunique()
    numeric = pd.api.types.is_numeric_dtype(known) and not pd.api.types.is_bool_dtype(known)
    if numeric and distinct > 2 and (pd.api.types.is_float_dtype(known) or distinct > MOST_CLASSES_GUESSED):
        return "regression", "the data"
    return ("binary" if distinct == 2 else "multiclass"), "the data"


def _numbers(known: pd.Series) -> np.ndarray:
    read = plain(known)
    if read is None or pd.api.types.is_datetime64_any_dtype(read.dtype):  # dates would become counts of some unit
        raise _no_numbers(known)
    try:
        y = pd.to_numeric(known).to_numpy(dtype="float64")
    except (ValueError, TypeError):
        raise _no_numbers(known[pd.to_numeric(known, errors="coerce").isna()]) from None
    if not np.isfinite(y).all():
        odd = int((~np.isfinite(y)).sum())
        raise InputError(
            f"Expected finite numbers in the target column {known.name!r}.",
            f"{rows_text(odd)} {agree(odd, 'holds', 'hold')} infinity.",
            "Repair or remove these rows.",
        )
    too_large(y, known.index, f"the target column {known.name!r}")
    return y


def too_large(values: np.ndarray, index: Any, where: str) -> None:
    """Refuse numbers beyond ``LARGEST`` in size; ``index`` (n,) names their rows, ``where`` what holds them."""
    beyond = np.flatnonzero(np.abs(values) > LARGEST)
    if len(beyond):
        raise InputError(
            f"Expected numbers of at most {LARGEST:g} in size in {where}: powers of larger errors cannot be worked with.",
            f"{rows_text(len(beyond))} {agree(len(beyond), 'holds', 'hold')} larger ones, the first row {index[beyond[0]]}: {values[beyond[0]]:g}.",
            "Repair these rows, or give the target in a larger unit, or as its logarithm, to model and data alike.",
        )


def _no_numbers(bad: pd.Series) -> InputError:
    return InputError(
        f"Expected numbers in the target column {bad.name!r}, because this is a regression.",
        f"Row {bad.index[0]} holds {bad.iloc[0]!r}.",
        "Choose another target, or set the task.",
    )


def forms(label: Any) -> tuple[str, ...]:
    """Give the ways in which a label may be typed: a column of 0 and 1 with gaps is read as 0.0 and 1.0.

    >>> [forms(v) for v in (1, 1.0, 0.5, True, "1")]
    [('1', '1.0'), ('1.0', '1'), ('0.5',), ('True',), ('1',)]
    """
    if isinstance(label, float) and label.is_integer():
        return str(label), str(int(label))
    return (str(label), f"{label}.0") if isinstance(label, int) and not isinstance(label, bool) else (str(label),)


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


def _classes(
    known: pd.Series, model: Model, task: str, how: str, positive: Any, label_map: Mapping[Any, Any] | Sequence[str]
) -> Target:
    found = [
        _plain(v) for v in pd.unique(known.astype("object") if isinstance(known.dtype, pd.CategoricalDtype) else known)
    ]
    known_to_model = [_plain(c) for c in model.classes or ()]
    if not any(isinstance(c, float) for c in known_to_model):
        found = without_point(found)
    model_classes = tuple(known_to_model or in_order(found))
    notes: list[str] = []
    pairs = _mapped(found, model_classes, label_map)
    if pairs is None:
        pairs = _by_positive(found, model_classes, positive)
        if pairs is None:
            raise _labels_do_not_match(found, model_classes, str(known.name))
        notes.append("Labels are matched as " + listed(f"{d!r} = the model's {m!r}" for d, m in pairs.items()) + ".")
    if len(set(map(model_classes.index, pairs.values()))) == 1:
        raise InputError(
            "Expected --label to leave at least two classes.",
            f"Every label of the target column {str(known.name)!r} ({listed(map(repr, in_order(found)))}) is mapped to {next(iter(pairs.values()))!r}.",
            "Map each label to the class of the model that it means.",
        )
    shown = {m: d for d, m in reversed(list(pairs.items()))}
    classes = tuple(shown.get(m, m) for m in model_classes)
    codes_of = {d: model_classes.index(m) for d, m in pairs.items()}
    y = known.astype("object").map(codes_of).to_numpy(dtype="int64")
    if task == "binary" and len(classes) != 2:
        raise InputError(
            "Expected two classes, because the task is binary.",
            f"There are {len(classes)}: {listed(classes)}.",
            "Use --task multiclass.",
        )
    index = _positive_index(classes, positive) if len(classes) == 2 and task == "binary" else None
    if index is None and positive is not None:
        notes.append("A positive class is only used with two classes; it is ignored here.")
    return Target(
        task=task,
        how=how,
        classes=classes,
        model_classes=model_classes,
        positive_index=index,
        y=y,
        kept=np.arange(len(known)),
        codes={**{m: i for i, m in enumerate(classes)}, **codes_of},
        notes=tuple(notes),
    )


def in_order(labels: Iterable[Any]) -> list[Any]:
    """Sort labels; by their text where they cannot be compared."""
    labels = list(labels)
    try:
        return sorted(labels)
    except TypeError:
        return sorted(labels, key=str)


def _mapped(
    found: list[Any], model_classes: tuple[Any, ...], label_map: Mapping[Any, Any] | Sequence[str]
) -> dict[Any, Any] | None:
    """Match each label of the data with one of the model's: by the given map, else because they are equal."""
    by_text = _label_texts(label_map, found, model_classes)
    unknown = set(by_text) - {form for f in found for form in forms(f)}
    if unknown:
        raise InputError(
            f"Expected --label to map labels of the data: {listed(found)}.", f"Got {listed(sorted(unknown))}."
        )
    class_by_text = {form: c for c in model_classes for form in forms(c)}
    pairs: dict[Any, Any] = {}
    for label in found:
        given = next((form for form in forms(label) if form in by_text), None)
        if given is not None:
            wanted = [form for form in forms(by_text[given]) if form in class_by_text]
            if not wanted:
                raise InputError(
                    f"Expected --label to name one of the model's classes: {listed(model_classes)}.",
                    f"Got {str(by_text[given])!r}.",
                )
            pairs[label] = class_by_text[wanted[0]]
        elif label in model_classes:
            pairs[label] = model_classes[model_classes.index(label)]
        else:
            return None
    return pairs


def _label_texts(
    given: Mapping[Any, Any] | Sequence[str], found: list[Any], model_classes: tuple[Any, ...]
) -> dict[str, Any]:
    """Read a map of labels, or texts DATA=MODEL; a label may itself hold "=", so each text is parted where both sides are known."""
    if isinstance(given, Mapping):
        return {str(k): v for k, v in given.items()}
    data, model = ({form for label in labels for form in forms(label)} for labels in (found, model_classes))
    pairs = {}
    for text in [given] if isinstance(given, str) or not isinstance(given, Iterable) else given:
        text = str(text)
        cuts = [(text[:i], text[i + 1 :]) for i, letter in enumerate(text) if letter == "="]
        fits = [(left, right) for left, right in cuts if left in data and right in model]
        if len(fits) != 1:
            raise InputError(
                f"Expected --label DATA=MODEL with a label of the data ({listed(in_order(data))}) and one of the model ({listed(model_classes)}).",
                f"Got {text!r}.",
                "Quote it for the shell, e.g. --label " + shlex.quote(f"{in_order(found)[0]}={model_classes[0]}"),
            )
        pairs[fits[0][0]] = fits[0][1]
    return pairs


def _by_positive(found: list[Any], model_classes: tuple[Any, ...], positive: Any) -> dict[Any, Any] | None:
    """Match two labels with a model's 0/1 when the positive one of the data was named."""
    if (
        positive is None
        or len(found) != 2
        or len(model_classes) != 2
        or set(map(float, _numeric(model_classes))) not in ({0.0, 1.0}, {-1.0, 1.0})
    ):
        return None
    chosen = [label for label in found if {*forms(label)} & {*forms(positive)}]
    if not chosen:
        return None
    other = next(label for label in found if label is not chosen[0])
    return {other: min(model_classes), chosen[0]: max(model_classes)}


def _numeric(labels: Sequence[Any]) -> list[float]:
    return [float(v) for v in labels if isinstance(v, (bool, int, float))]


def _labels_do_not_match(found: list[Any], model_classes: tuple[Any, ...], name: str) -> InputError:
    """Name both sets, and the way out: labels that the model knows stay as they are, the others are paired only where each has one left."""
    strange = [d for d in in_order(found) if d not in model_classes]
    left = [m for m in model_classes if m not in found]
    if len(strange) == len(left):
        pairs = [f"--label {shlex.quote(f'{d}={m}')}" for d, m in zip(strange[:4], left, strict=False)]
        hint = f"Say which is which, e.g. {' '.join(pairs)}"
    else:
        first = shlex.quote(f"{strange[0]}=...")
        hint = f"Say which of the model's classes is meant by {listed(repr(d) for d in strange)}, e.g. --label {first} with one of {listed(model_classes)}"
    last = in_order(found)[-1]
    if _by_positive(found, model_classes, last) is not None:
        hint += f", or name the positive label of the data: --positive {shlex.quote(str(last))}"
    return InputError(
        f"Expected labels that the model knows: {listed(repr(c) for c in model_classes)}.",
        f"The target column {name!r} holds {listed(repr(f) for f in in_order(found))}.",
        hint + ".",
    )


def _positive_index(classes: tuple[Any, ...], positive: Any) -> int:
    if positive is None:
        return 1
    for index, label in enumerate(classes):
        if label == positive or {*forms(label)} & {*forms(positive)}:
            return index
    raise InputError(
        f"Expected the positive class to be one of {listed(repr(c) for c in classes)}.", f"Got {positive!r}."
    )
