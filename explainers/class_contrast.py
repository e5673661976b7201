"""Why this class and not that class: what sets one class ahead of another for one row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.groups import class_of
from modelglass.analysis.performance import check_level
from modelglass.analysis.progress import Progress
from modelglass.explainers import rows as shared
from modelglass.explainers.shapley_contrast import ORDERS, ShapleyContrast, steps_of
from modelglass.explainers.shapley_sampling import sampled_values
from modelglass.explainers.shapley_ways import Asked, checked, exactly, way_of


def class_contrast(
    ev: Evaluation,
    *,
    row: Any,
    this: Any = None,
    that: Any = None,
    level: float = 0.95,
    seed: int | None = None,
    progress: Progress | None = None,
) -> ShapleyContrast:
    """Say why the model gives one row this class rather than that one, of several.

    The Shapley values of the difference of both classes' outputs: exact for trees and linear models, in their own unit (the difference of
    raw scores is the logarithm of how many times likelier one class is); for other models sampled, as a difference of probabilities.

    Parameters
    ----------
    row : row number in the data (the frame's index)
    this, that : labels of classes, optional
        Without them the class that the model likes best for this row, and the best of the others.
    level : float
        Of the intervals, where sampled.

    Raises
    ------
    NotApplicable
        Without a model; where there are not several classes.
    InputError
        Where both classes are one.
    """
    check_level(level)
    seed = checked(ev, "auto", None, None, seed)
    if ev.task != "multiclass":
        raise NotApplicable("there are not several classes, and of two the explanation of one says why not the other")
    one = ev.take([shared.row_place(ev, row)])
    answers = shared.output(ev, one.inputs())[0]
    a, b = _classes(ev, answers, this, that)
    names = shared.groups(ev)
    way, reason = way_of(ev, "auto")
    error, background, values = None, 0, None
    if way is not None:
        asked = Asked(method="auto", background=None, seed=seed)
        found = exactly(one, way, asked, one.inputs(), progress)
        if isinstance(found, str):
            reason = found
        else:
            values, base, end = (x[..., a] - x[..., b] for x in (found.values[0], found.base, found.prediction[0]))
            how, scale = f"{found.how}; {found.absent}", found.scale
    if values is None:
        others = shared.background_of(ev, min(ORDERS, ev.whole.n), seed)
        got = sampled_values(
            lambda frame: np.diff(shared.output(ev, frame)[:, [b, a]], axis=1), one.inputs(), others, seed=seed, progress=progress
        )  # fmt: skip
        values, error, base, end = got[0][0, :, 0], got[1][0], got[2][0], got[3][0, 0]
        background, scale = len(others), shared.scale(ev)
        how = f"sampled, {2 * background} orders against {background} background rows"
    unit = "logarithm of how many times likelier" if scale == "raw score" else f"difference of {scale}"
    group = f"{names[a]} rather than {names[b]}"
    texts = shared.texts(one.inputs())[0]
    return ShapleyContrast(
        steps=steps_of(ev.features, texts, np.full(len(texts), "", dtype=object), (group,), values[:, None], error, level),
        base=np.array([base]),
        prediction=np.array([end]),
        output=answers[[a, b]],
        row=int(row),
        other=f"class {names[b]}",
        groups=(group,),
        scale=unit,
        chosen="",
        how=how + (f" (not exact, because {reason})" if error is not None and reason else ""),
        exact=error is None,
        additivity_gap=float(np.abs(base + values.sum() - end)),
        source=replace(ev.source, seed=seed),
        settings={"row": int(row), "this": names[a], "that": names[b], "background": background, "level": level, "seed": seed},
    )  # fmt: skip


def _classes(ev: Evaluation, answers: np.ndarray, this: Any, that: Any) -> tuple[int, int]:
    """Give the places of both classes; those not named are the best that are left."""
    named = [None if c in (None, "") else class_of(ev, c) for c in (this, that)]
    order = np.argsort(-answers, kind="stable").tolist()
    a = named[0] if named[0] is not None else next(c for c in order if c != named[1])
    b = named[1] if named[1] is not None else next(c for c in order if c != a)
    if a == b:
        raise InputError(
            "Expected two different classes.", f"Got {this!r} twice.", "Choose another one to compare with."
        )
    return int(a), int(b)
