"""Shapley values that somebody else worked out: checked, said whether they add up, and shown like our own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from modelglass.analysis.curves import chosen_class
from modelglass.analysis.errors import InputError, NotApplicable, unknown_name
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.performance import check_level
from modelglass.explainers import rows as shared
from modelglass.explainers.shapley import ShapleyValues, importance_of
from modelglass.explainers.shapley_exact import Attribution
from modelglass.explainers.shapley_ways import gap_of

FITS = 1e-3
"""Values are taken to explain an output where they miss it by at most this share of its largest value."""


def given_shapley_values(
    ev: Evaluation, values: Any, *, base: Any = None, class_: Any = None, level: float = 0.95
) -> ShapleyValues:
    """Show Shapley values of your own, of every row of ``ev``.

    Whether base + sum gives the model's answer (its probability or value, or the logarithm of it or of its odds; of several classes also
    scores before the softmax) is tried and said, in ``scale``, ``reason`` and ``additivity_gap``; values that do not add up are shown all
    the same. Works without a model.

    Parameters
    ----------
    values : array, DataFrame, list of arrays or ``shap.Explanation``
        Shape (n_rows, n_features) or (n_rows, n_features, n_groups), in the order of ``ev.features``; a frame is put into it by its column
        names, which say the features where there is no model. A list holds one array of rows and features for each class. Of two
        classes both may be given; that of the positive one is taken.
    base : number or array of shape (n_groups,) or (n_rows, n_groups), optional
        Where it stands for each row it must be the same for all. Without it that of the Explanation, else the one that fits best (the
        median of output less sum).
    class_ : label of a class, optional
        Of several classes only this one.

    Raises
    ------
    InputError
        Where shape or columns are others, or values are missing.
    NotApplicable
        Where the rows have no prediction to compare with.
    """
    check_level(level)
    names, group = shared.groups(ev), shared.group_of(ev, class_)
    if hasattr(values, "values") and hasattr(values, "base_values"):
        values, base = values.values, values.base_values if base is None else base
    features = _features(ev, values)
    array, place = _array(ev, values, features, len(names))
    given = None if base is None else _base(base, len(names), ev.n, place)
    found, reason = _best(ev, array, given)
    importance = importance_of(found, ev, level, features)
    if group is not None:
        names, found = (names[group],), found.of_group(group)
        importance = importance[importance.group == names[0]].reset_index(drop=True)
    return ShapleyValues(
        values=found.values,
        base=found.base,
        prediction=found.prediction,
        error=None,
        rows=ev.frame.index.to_numpy(),
        data=shared.texts(ev.frame[list(features)]),
        features=features,
        groups=names,
        scale=found.scale,
        method=found.method,
        exact=False,
        how=found.how,
        absent=found.absent,
        reason=reason,
        additivity_gap=gap_of(found),
        importance=importance,
        source=ev.source,
        settings={"rows": ev.n, "base": "given" if base is not None else "fitted", "class_": chosen_class(class_), "level": level},
    )  # fmt: skip


def _features(ev: Evaluation, values: Any) -> tuple[str, ...]:
    """Name the columns explained: those that the model reads; without a model those of the frame of values."""
    if ev.features or not isinstance(values, pd.DataFrame):
        return ev.features
    names = tuple(str(c) for c in values.columns)
    for name in names:
        if name not in ev.frame.columns:
            raise unknown_name("column of the data", name, list(ev.frame.columns))
    return names


def _array(ev: Evaluation, values: Any, features: tuple[str, ...], k: int) -> tuple[np.ndarray, int | None]:
    """Give the values (n, features, k), and of two classes, where both are given, the place of the positive one."""
    if isinstance(values, (list, tuple)) and len({np.shape(v) for v in values}) == 1 and np.ndim(values[0]) == 2:
        values = np.stack([np.asarray(v) for v in values], axis=2)
    if isinstance(values, pd.DataFrame):
        unknown = [f for f in features if f not in values.columns]
        if unknown:
            raise InputError(
                "Expected a column of values for each feature.",
                f"None is called {unknown[0]!r}.",
                "Name the columns as the model's.",
            )
        values = values[list(features)]
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(
            "Expected numbers as Shapley values.", str(error)[:120], "Give an array of numbers."
        ) from error
    wanted, place = (ev.n, len(features), k), None
    array = array[:, :, None] if array.ndim == 2 and k == 1 else array
    if ev.task == "binary" and array.shape == (*wanted[:2], 2):
        place = [str(c) for c in ev.classes].index(str(ev.positive))
        array = array[:, :, [place]]
    if array.shape != wanted:
        shape = wanted[:2] if k == 1 else wanted
        raise InputError(
            f"Expected values of the shape {shape}: rows, features{', classes' if k > 1 else ''}.",
            f"Got {np.shape(values)}.",
            "Give values of every row of this evaluation, in the order of its features.",
        )
    if not np.isfinite(array).all():
        raise InputError(
            "Expected finite Shapley values.", "Some are missing or infinite.", "Leave those rows out of the data."
        )
    return array, place


def _base(base: Any, k: int, n: int, place: int | None) -> np.ndarray:
    array = np.atleast_1d(np.asarray(base, dtype=float))
    if array.shape[0] == n and array.shape not in ((k,), (2,)) and np.allclose(array, array[0], rtol=1e-6):
        array = np.atleast_1d(array[0])
    if place is not None and array.shape == (2,):
        array = array[[place]]
    if array.shape != (k,):
        raise InputError(f"Expected a base for each of {k} outputs.", f"Got the shape {array.shape}.")
    return array


def _best(ev: Evaluation, values: np.ndarray, base: np.ndarray | None) -> tuple[Attribution, str]:
    """Give the values beside the output that they explain best, and why they explain none ('' where they do)."""
    tried = []
    for scale, output in _outputs(ev):
        if scale == "raw score":  # known up to a number of each row, which the softmax takes away
            apart = output - values.sum(axis=1)
            apart -= apart.mean(axis=1, keepdims=True)
            beside = np.median(apart, axis=0) if base is None else base
            output = values.sum(axis=1) + beside + apart - (beside - np.mean(beside))
        beside = np.median(output - values.sum(axis=1), axis=0) if base is None else base
        made = Attribution(
            values=values, base=beside, prediction=output, scale=scale, method="given", how="values of your own, not worked out here",
            absent="what stands in for absent features is not known", background=0,
        )  # fmt: skip
        tried.append((gap_of(made) / max(float(np.abs(output).max()), 1e-300), made))
    share, made = next((pair for pair in tried if pair[0] <= FITS), min(tried, key=lambda pair: pair[0]))
    if share <= FITS:
        return made, ""
    return (
        made,
        f"they do not add up to the model's answers (off by up to {gap_of(made):.2g} in {made.scale}, the nearest)",
    )


def _outputs(ev: Evaluation) -> list[tuple[str, np.ndarray]]:
    """Give what the values may explain: the answer, its logarithm, or the logarithm of its odds; those that are finite."""
    if ev.task != "regression" and ev.score is None:
        raise NotApplicable("the rows have no score that the values could add up to")
    answer = shared.given_answers(ev)
    found = [(shared.scale(ev), answer)]
    with np.errstate(divide="ignore", invalid="ignore"):
        if ev.task == "binary":
            found.append(("log-odds", special.logit(answer)))
        elif ev.task == "multiclass":
            found += [("logarithm of the probability", np.log(answer)), ("raw score", np.log(answer))]
        else:
            found.append((f"log of {ev.target}", np.log(answer)))
    return [pair for pair in found if np.isfinite(pair[1]).all()]
