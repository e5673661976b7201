"""A cohort and what it is compared with: the rest of the data, another cohort, or other data for the same model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd

from modelglass.analysis import reserved
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.groups import Rows, rows_of
from modelglass.analysis.kept import Kept

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

Made = TypeVar("Made")
NO_COHORT = "no cohort is set, and all rows differ from nothing: choose some rows with a condition (--where; in Python ev.where(...))"


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Sides:
    """Two parts of data that are compared.

    here, there   Evaluations of the same task, target, classes and model
    words         what there is, for sentences: "the rest", "the other cohort" or "the other data"
    shared        rows that stand on both sides (0 where there is the rest)
    by_condition  columns that a condition of either side names: they differ by choice
    by_outcome    whether a condition names the outcome or the error: then rows were chosen by what is to be explained
    """

    here: Evaluation
    there: Evaluation
    words: str
    shared: int
    by_condition: tuple[str, ...]
    by_outcome: bool


def sides_of(ev: Evaluation, other: Evaluation | str | None = None) -> Sides:
    """Tell what a cohort is compared with.

    Parameters
    ----------
    ev : Evaluation
        The cohort.
    other : Evaluation or str, optional
        Another cohort, by its Evaluation or its SQL condition; the same model on other data (``ev.on("train")``); without it
        the rest of the data.

    Raises
    ------
    NotApplicable
        No cohort is set, it holds all rows, both sides are the same rows, or all weights of one side are 0.
    InputError
        The other side has another task, target, classes or model; its condition is broken.
    """
    if isinstance(other, str):
        other = ev.whole.where(other) if other.strip() else None
    there = _rest(ev) if other is None else other
    _check_alike(ev, there)
    shared = len(np.intersect1d(ev.rows, there.rows)) if same_data(ev, there) else 0
    if shared == ev.n == there.n:
        raise NotApplicable("both sides are the same rows")
    for side, name in ((ev, "the cohort"), (there, "the other side")):
        if side.weight is not None and not side.weight.any():
            raise NotApplicable(f"the weights of all rows of {name} are 0")
    words = "the rest" if other is None else "the other cohort" if same_data(ev, there) else "the other data"
    sides = (ev,) if other is None else (ev, there)
    columns = [c for side in sides for c in _named(side)[0]]
    by_outcome = any(
        {ev.target, reserved.OUTCOME, reserved.ERROR} & {*names, *known} for names, known in map(_named, sides)
    )
    return Sides(
        here=ev,
        there=there,
        words=words,
        shared=shared,
        by_condition=tuple(dict.fromkeys(columns)),
        by_outcome=by_outcome,
    )


def _named(ev: Evaluation) -> tuple[list[str], frozenset[str]]:
    """Give the columns of the data that the condition names, and the reserved ones."""
    if ev.condition is None:
        return [], frozenset()
    return ev._shared.named(ev.condition), ev._shared.reads(ev.condition)


def these(n: int) -> str:
    """Name the rows of a cohort in a sentence.

    >>> these(1), these(1200)
    ('this one row', 'these 1,200 rows')
    """
    return "this one row" if n == 1 else f"these {n:,} rows"


def once(ev: Evaluation, key: tuple[Any, ...], other: Any, make: Callable[[], Made]) -> Made:
    """Make what follows from a cohort, its threshold and what it is compared with once; several analyses read the same."""
    if other is not None and not isinstance(other, str):
        return make()
    kept: Kept = ev.keep(
        "beside the rest", Kept
    )  # apart from the scores: making it takes long, and nobody else need wait
    return kept((ev.threshold, ev.seed, other, *key), make)


def same_data(ev: Evaluation, other: Evaluation) -> bool:
    """Tell whether two Evaluations are parts of the same rows."""
    return ev._shared is other._shared


def _rest(ev: Evaluation) -> Evaluation:
    """Give the rows of the whole that are not in the cohort; a sample of a cohort leaves out the cohort as well."""
    if ev.condition is None and ev.source.sample is not None:
        raise NotApplicable(NO_COHORT.replace("all rows", "a sample of all rows", 1))
    inside = np.zeros(ev.whole.n, dtype=bool)
    inside[ev.rows] = True
    if ev.condition is not None:
        inside |= ev._shared.mask(ev.condition, ev.threshold)
    if inside.all():
        raise NotApplicable(NO_COHORT if ev.condition is None else "the cohort holds all rows, so there is no rest")
    return ev.whole.take(np.flatnonzero(~inside))


def _check_alike(ev: Evaluation, other: Evaluation) -> None:
    def told(e: Evaluation) -> tuple[Any, ...]:
        return e.task, e.target, e.classes, e.positive_index, e.score_kind, e.features

    if told(ev) != told(other):
        raise InputError(
            "Expected both sides to have the same task, target, classes, scores and model columns.",
            f"One is {ev.task} of {ev.target}, the other {other.task} of {other.target}.",
            "Compare cohorts of one Evaluation, or the same model on other data.",
        )
    same = same_data(ev, other) or ev.model is other.model or ev.estimator is other.estimator
    if not same and ev.source.model_fingerprint != other.source.model_fingerprint:
        raise InputError(
            "Expected both sides to be judged by the same model.",
            f"One is {ev.source.model or 'predictions only'}, the other {other.source.model or 'predictions only'}.",
            "Compare cohorts of one Evaluation.",
        )


def rows_of_both(sides: Sides) -> tuple[Rows, np.ndarray]:
    """Give the rows of both sides one after the other, and which of them are here, (n,) bool.

    Clusters are counted together, because one may have rows on both sides; without clusters a row that stands on both sides is
    a cluster, so that it is not taken for two.
    """
    here, there = rows_of(sides.here), rows_of(sides.there)
    here, there = one_count_of_clusters(sides.here, here, sides.there, there)
    if sides.shared and here.cluster is None:
        here = replace(here, cluster=sides.here.rows.astype(np.int64))
        there = replace(there, cluster=sides.there.rows.astype(np.int64))
    return joined(here, there), np.arange(len(here.y) + len(there.y)) < len(here.y)


def one_count_of_clusters(ev: Evaluation, here: Rows, other: Evaluation, there: Rows) -> tuple[Rows, Rows]:
    """Give both parts with clusters counted together, because a cluster may have rows in both; none where one part has none."""
    if here.cluster is None or there.cluster is None:
        return replace(here, cluster=None), replace(there, cluster=None)
    names = [e.frame[str(e.source.cluster)].astype("object") for e in (ev, other)]
    codes = pd.factorize(pd.concat(names))[0].astype(np.int64)
    return replace(here, cluster=codes[: len(here.y)]), replace(there, cluster=codes[len(here.y) :])


def joined(here: Rows, there: Rows) -> Rows:
    """Give the rows of two parts one after the other; what one of them lacks both lack."""

    def both(name: str) -> Any:
        parts = getattr(here, name), getattr(there, name)
        return None if parts[0] is None or parts[1] is None else np.concatenate(parts)

    names = ("y", "predicted", "score", "weight", "cluster")
    return replace(here, **{n: both(n) for n in names})
