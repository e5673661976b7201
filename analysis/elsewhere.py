"""Predictions made elsewhere: there is no model to ask, only what it left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.columns import infer_columns
from modelglass.analysis.describing import Given, describe
from modelglass.analysis.errors import InputError, listed
from modelglass.analysis.models.base import Model
from modelglass.analysis.models.predictions import PredictionsOnly
from modelglass.analysis.outcome import Target, as_seconds, in_order, in_seconds, understand
from modelglass.analysis.plain import different
from modelglass.analysis.preparing import (
    SUM_SLACK,
    Prepared,
    checked_frame,
    checked_predictions,
    checked_scores,
    kept_rows,
    rows_left_out,
)
from modelglass.analysis.roles import check_columns, role_arrays, role_notes
from modelglass.analysis.selfcheck import Note
from modelglass.analysis.tables import as_frame


def prepare_predictions(
    y_true: Any,
    prediction: Any,
    score: Any,
    frame: pd.DataFrame | None,
    *,
    target: str,
    positive: Any,
    threshold: float | None,
    task: str | None,
    weight: str | None,
    time: str | None,
    cluster: str | None,
    id: str | None,
    ignore: Sequence[str],
    name: str | None,
    types: Mapping[str, str] | None,
    columns: Given,
    data_fingerprint: str | None,
) -> tuple[Prepared, float | None]:
    """Check predictions made elsewhere; gives also the threshold, which scores without predictions need."""
    for what, given in (("outcomes", y_true), ("predictions", prediction)):
        if given is not None and np.ndim(given) != 1:
            raise InputError(
                f"Expected {what} as one value a row.",
                f"Got an array of {np.ndim(given)} dimensions.",
                "Give one column.",
            )
    values = pd.Series(np.asarray(y_true) if not isinstance(y_true, pd.Series) else y_true.array, name=target)
    values = as_seconds(values)
    if prediction is not None:
        made = pd.Series(prediction)
        seconds = as_seconds(made)
        prediction = prediction if seconds is made else seconds.to_numpy()
    if prediction is None and score is None:
        raise InputError(
            "Expected predictions or scores beside the outcomes.",
            "There are neither.",
            "Give --prediction COL, --score COL, or both.",
        )
    frame = checked_frame(
        as_frame(frame, "the data").reset_index(drop=True)
        if frame is not None
        else pd.DataFrame(index=range(len(values)))
    )
    _check_lengths(len(values), frame=frame, prediction=prediction, score=score)
    if target not in frame.columns:
        frame = frame.assign(**{target: values.array})
    frame, said = in_seconds(frame, target)
    check_columns(frame, {"weight": weight, "time": time, "cluster": cluster, "id": id}, ignore)
    different(values, f"the target column {target!r}")
    if prediction is not None:
        different(pd.Series(np.asarray(prediction)), "the column of predictions")
    model = _described(values, prediction, score, task)
    understood = understand(values, model, task=task, positive=positive)
    kept = understood.kept
    frame, unlabelled = kept_rows(frame, understood), rows_left_out(frame, understood)
    scores = _score_columns(score, understood, kept)
    model.score_kind = (
        "probability"
        if scores is not None and scores.min() >= -SUM_SLACK and scores.max() <= 1 + SUM_SLACK
        else "decision"
    )
    checked, notes = checked_scores(model, scores, understood, len(frame))
    if prediction is not None:
        made = np.asarray(prediction)[kept]
        if understood.task == "regression":
            made = _numbers(made, "predictions")
        else:
            _check_labels_meet(values, made)
        predicted = checked_predictions(made, understood, frame)
    else:
        predicted, threshold = _decide(checked, scores, model, understood, threshold)
    known = infer_columns(frame.drop(columns=list(ignore)), {**({id: "id"} if id else {}), **(types or {})})
    arrays = role_arrays(frame, weight, cluster, time, id)
    prepared = Prepared(
        model=None,
        feed=None,
        frame=frame,
        name=name or "in memory",
        target=understood,
        target_name=target,
        columns=describe(known, frame, columns, ignore),
        y=understood.y,
        predicted=predicted,
        score=checked,
        score_kind=model.score_kind if checked is not None else None,
        data_fingerprint=data_fingerprint,
        ignore=tuple(ignore),
        types=dict(types or {}),
        notes=(*(Note(level="info", text=t) for t in (*said, *understood.notes)), *role_notes(arrays), *notes),
        unlabelled=unlabelled,
        **arrays,
    )
    return prepared, threshold


def _check_lengths(n: int, *, frame: pd.DataFrame, prediction: Any, score: Any) -> None:
    lengths = {"frame": len(frame)}
    if prediction is not None:
        lengths["prediction"] = len(prediction)
    if isinstance(score, Mapping):
        lengths |= {f"score of {k}": len(v) for k, v in score.items()}
    elif score is not None:
        lengths["score"] = len(score)
    for what, length in lengths.items():
        if length != n:
            raise InputError(
                f"Expected {n:,} values, one for each outcome.", f"The {what} has {length:,}.", "Give one value a row."
            )


def _described(values: pd.Series, prediction: Any, score: Any, task: str | None) -> Model:
    """Describe the absent model from what it left: labels and scores."""
    model: Model = PredictionsOnly()
    if isinstance(score, Mapping):
        classes = in_order(_matching(list(score), values))
        _check_all_scored(values, classes)
        model.task, model.classes = ("binary" if len(classes) == 2 else "multiclass"), tuple(classes)
    elif score is not None and task is None:
        model.task = "binary" if np.ndim(score) == 1 else "multiclass"
    if task == "regression" or model.classes is not None:
        return model
    seen = pd.concat(
        [
            values.dropna().astype("object"),
            pd.Series([] if prediction is None else np.asarray(prediction), dtype="object").dropna(),
        ]
    )
    labels = list(pd.unique(seen))
    if model.task == "binary" and len(labels) > 2:
        raise InputError(
            f"Expected a score for each of {len(labels)} classes: {listed(map(repr, in_order(labels)))}.",
            "There is one score.",
            "Give --score CLASS=COL for each class.",
        )
    if (
        task in ("binary", "multiclass")
        or model.task
        or (prediction is not None and not _continuous(prediction) and not _continuous(values))
    ):
        model.classes = tuple(sorted(labels, key=lambda v: (str(type(v)), v)))
        model.task = task or model.task or ("binary" if len(labels) == 2 else "multiclass")
    return model


def _continuous(values: Any) -> bool:
    series = pd.Series(values)
    return (
        pd.api.types.is_numeric_dtype(series.dtype)
        and not pd.api.types.is_bool_dtype(series.dtype)
        and (pd.api.types.is_float_dtype(series.dtype) or series.nunique() > 20)
        and series.nunique() > 2
    )


def _check_all_scored(values: pd.Series, classes: Sequence[Any]) -> None:
    lacking = [v for v in _labels(values) if v not in classes]
    if lacking or len(classes) < 2:
        raise InputError(
            f"Expected a score for each class: {listed(map(repr, in_order(_labels(values) | set(classes))))}.",
            f"There are scores for {listed(map(repr, classes))}.",
            "Give --score CLASS=COL for each class, or one --score COL for the positive class of two.",
        )


def _check_labels_meet(values: pd.Series, prediction: Any) -> None:
    known, made = _labels(values), _labels(prediction)
    if made and not known & made:
        raise InputError(
            f"Expected predictions with the labels of the target: {listed(map(repr, in_order(known)))}.",
            f"They hold {listed(map(repr, in_order(made)))}.",
            "Name the column that holds predicted labels, or give both the same labels.",
        )


def _numbers(values: Any, what: str) -> np.ndarray:
    try:
        return pd.to_numeric(pd.Series(np.asarray(values))).to_numpy(dtype="float64")
    except (ValueError, TypeError):
        raise InputError(
            f"Expected numbers as {what}.",
            f"They hold {pd.Series(np.asarray(values)).iloc[0]!r}.",
            "Name the right column.",
        ) from None


def _labels(values: Any) -> set[Any]:
    return set(pd.Series(np.asarray(values)).dropna().astype("object").unique())


def _matching(names: list[Any], values: pd.Series) -> tuple[Any, ...]:
    """Name classes as the data does where only the text differs ("1" and 1)."""
    by_text = {str(v): v for v in pd.unique(values.dropna().astype("object"))}
    return tuple(by_text.get(str(n), n) for n in names)


def _score_columns(score: Any, understood: Target, kept: np.ndarray) -> np.ndarray | None:
    if score is None or understood.task == "regression":
        return None
    if isinstance(score, Mapping):
        by_text = {str(name): _numbers(v, f"scores of {name}") for name, v in score.items()}
        return np.column_stack([by_text[str(c)] for c in understood.model_classes])[kept]
    scores = _numbers(score, "scores")[kept] if np.ndim(score) == 1 else np.asarray(score, dtype="float64")[kept]
    if understood.task != "binary" or scores.ndim != 1:
        return scores
    if scores.min() >= 0 and scores.max() <= 1:
        pair = [1 - scores, scores] if understood.positive_index == 1 else [scores, 1 - scores]
        return np.column_stack(pair)
    return (scores if understood.positive_index == 1 else -scores)[:, None]


def _decide(
    score: np.ndarray | None, given: np.ndarray | None, model: Model, understood: Target, threshold: float | None
) -> tuple[np.ndarray, float | None]:
    if score is None or given is None:
        raise InputError("Expected predictions.", "There are none.", "Give --prediction COL.")
    if understood.task != "binary":
        return score.argmax(axis=1).astype(np.int64), None
    if threshold is None and model.score_kind != "probability":
        raise InputError(
            "Expected a threshold, because the scores are not probabilities and there are no predictions.",
            f"Scores run from {given.min():.4g} to {given.max():.4g}{' (those of both classes)' if given.shape[1] > 1 else ''}.",
            "Give --threshold X or --prediction COL.",
        )
    threshold = 0.5 if threshold is None else threshold
    index = understood.positive_index or 0
    return np.where(score >= threshold, index, 1 - index), threshold
