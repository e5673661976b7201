"""The same model and data, understood otherwise: another task, positive class or column types. Nothing is loaded again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modelglass.analysis import reserved
from modelglass.analysis.columns import Column, infer_columns
from modelglass.analysis.describing import as_said
from modelglass.analysis.errors import InputError
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.outcome import understand
from modelglass.analysis.preparing import Prepared, asked
from modelglass.analysis.shared import Shared

CLASSIFICATIONS = ("binary", "multiclass")


def tasks(ev: Evaluation) -> tuple[str, ...]:
    """Give the tasks that this model and target can be: the present one first."""
    if ev.model is None or ev.task == "regression" or len(ev.classes) != 2:
        return (ev.task,)
    return (ev.task, *(t for t in CLASSIFICATIONS if t != ev.task))


def understood_as(
    ev: Evaluation, *, task: str | None = None, positive: Any = None, types: Mapping[str, str] | None = None
) -> Evaluation:
    """Give the same rows with task, positive class or column types set otherwise.

    The model in memory is asked once more where task or positive class change (its scores are then those of another class), and not at
    all where only column types do. The operating threshold belongs to the scores of one class: it falls away where these change.

    Parameters
    ----------
    ev : Evaluation
    task : str, optional
        One of ``tasks(ev)``.
    positive : label, optional
        One of ``ev.classes``.
    types : mapping of column to type, optional
        As of ``Evaluation``; other columns stay as they are.

    Raises
    ------
    InputError
        A task that these cannot be, an unknown class or column, or a type that does not fit the values.
    """
    data = ev._all
    task = task or ev.task
    if task not in tasks(ev):
        raise InputError(
            f"Expected a task that model and target can be: {', '.join(tasks(ev))}.",
            f"Got {task!r}.",
            "Choose one of these.",
        )
    positive = ev.positive if positive is None else positive
    turned = task != ev.task or (task == "binary" and str(positive) != str(ev.positive))
    if types:
        data = replace(data, columns=_columns(data, types), types={**data.types, **types})
    if turned:
        data = _turned(data, task, positive)
    if data is ev._all:
        return ev
    shared = Shared(data, ev._shared.beside, None if turned else ev._shared.threshold)
    shared.notes = (*shared.notes, *(n for n in ev._shared.notes if n.text not in {m.text for m in shared.notes}))
    made = Evaluation.__new__(Evaluation)
    state: dict[str, Any] = {"rows": ev._rows, "condition": ev.condition, "sample": ev._sample, "noted": ev._noted}
    made._become(shared, threshold=None if turned else ev.threshold, seed=ev.seed, steps=ev._steps, **state)
    if turned and ev.condition is not None and ev._shared.reads(ev.condition) & reserved.OF_THE_MODEL:
        return ev._again(made.whole)
    return made


def _turned(data: Prepared, task: str, positive: Any) -> Prepared:
    if data.model is None or data.feed is None:
        raise InputError(
            "Expected the positive class that the scores are of, because there is no model to ask for others.",
            f"Got {positive!r}.",
            "Open the predictions again with --positive and the scores of that class.",
        )
    pairs = {str(d): m for d, m in zip(data.target.classes, data.target.model_classes, strict=True)}
    target = understand(
        data.frame[data.target_name],
        data.model,
        task=task,
        positive=positive if task == "binary" else None,
        label_map=pairs,
    )
    answers, _ = asked(data.model, data.feed, data.frame, target)
    return replace(data, target=target, y=target.y, **answers)


def _columns(data: Prepared, types: Mapping[str, str]) -> dict[str, Column]:
    """Look at the columns again, and keep what people said of them."""
    given = {**({data.id: "id"} if data.id else {}), **data.types, **types}
    known = infer_columns(data.frame.drop(columns=list(data.ignore)), given)
    return {name: as_said(column, data.columns[name]) for name, column in known.items()}
