"""Why this row and not that row, why this class and not that class: the difference of two answers, shared out among the columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import factorial
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from modelglass.analysis.curves import chosen_class
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.performance import check_level
from modelglass.analysis.progress import Progress, blocks, tell
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.analysis.wording import say, signed
from modelglass.explainers import rows as shared
from modelglass.explainers.likeness import Likeness
from modelglass.explainers.shapley_sampling import sampled_values

EXACT_COLUMNS = 11
"""Columns that may differ for all their combinations to be asked about: 2,048 questions to the model."""
ORDERS = 200
LOOKED_AT = 20_000


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class ShapleyContrast(Result):
    """The way from one answer to another, column by column.

    steps       feature, value (as text), instead_of (the other row's value; '' for classes), group, shap, low, high (``level`` interval
                where sampled, else equal to shap); largest |shap| first within a group. They sum to prediction minus base
    base, prediction   by group: start and end of the way in the unit ``scale``: of rows the other row's answer and this row's; of classes
                how far this class is ahead of that class when no column is known, and for this row
    output      by group, the model's answers for this row (rows), or for this class and that class (classes)
    row         number of the row in the data; other: what it is compared with, in words ("row 7", "class mid")
    groups      rows: the positive class, each class or the target; classes: one, "A rather than B"
    chosen      why this other row, where none was named; else ''
    how         what was done; exact: nothing was sampled
    additivity_gap   largest |base + sum - prediction|
    """

    steps: pd.DataFrame
    base: np.ndarray
    prediction: np.ndarray
    output: np.ndarray
    row: int
    other: str
    groups: tuple[str, ...]
    scale: str
    chosen: str
    how: str
    exact: bool
    additivity_gap: float
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give feature, value, instead_of, group, shap, low, high."""
        return self.steps

    def shown_group(self) -> int:
        """Give the group that differs most."""
        return int(np.argmax(np.abs(self.prediction - self.base)))

    def sentence(self) -> str:
        """Say how far both answers are apart, and which columns that goes with."""
        g = self.shown_group()
        part = self.steps[(self.steps.group == self.groups[g]) & (self.steps.shap != 0)][:3]
        rows = bool((self.steps.instead_of != "").any())
        names = ", ".join(
            f"{s.feature} = {s.value}{f' instead of {s.instead_of}' if rows else ''} ({signed(s.shap)})" for s in part.itertuples()
        )  # fmt: skip
        with_what = f"most of it with {names}" if len(part) else "and no column differs"
        if not rows and self.other.startswith("class"):
            a, b = self.output
            return (
                f"Row {self.row}, {self.groups[g]}: the model answers {say(a)} and {say(b)}. From {say(self.base[g])} to "
                f"{say(self.prediction[g])} in {self.scale}, {with_what} ({self.how})."
            )
        name = (
            f"{self.scale.capitalize()} of {self.groups[g]}"
            if self.scale in ("probability", "decision")
            else self.scale
        )
        return (
            f"{name} is {say(self.prediction[g])} for row {self.row} and {say(self.base[g])} for "
            f"{self.other}{self.chosen}, {signed(self.prediction[g] - self.base[g])}: {with_what} ({self.how})."
        )


def shapley_contrast(
    ev: Evaluation,
    *,
    row: Any,
    other: Any = None,
    class_: Any = None,
    level: float = 0.95,
    seed: int | None = None,
    progress: Progress | None = None,
) -> ShapleyContrast:
    """Say why the model answers otherwise for one row than for another.

    The Shapley values of the row with the other row as the only background: absent columns take the other row's values, so columns on
    which both agree have no part, and the parts sum to the difference of both answers, in the answer's own unit. Up to 11 columns that
    differ are worked out exactly, for any model; more by 200 random orders and their reverses.

    Parameters
    ----------
    row : row number in the data (the frame's index)
    other : row number in the data, optional
        Without it the most similar row that the model answers otherwise: with another decision, or, for numbers, further away than a
        standard deviation of the predictions. Similar: the mean over columns of differences by rank (numbers) or 0/1 (all others).
    class_ : label of a class, optional
        Of several classes only this one.
    level : float
        Of the intervals, where sampled.

    Raises
    ------
    NotApplicable
        Without a model; where no other row is answered otherwise.
    InputError
        Where both rows are one.
    """
    shared.need_model(ev)
    check_level(level)
    seed = ev.seed_or(seed)
    group, place = shared.group_of(ev, class_), shared.row_place(ev, row)
    there, why = (_similar(ev, place, seed), ", the most similar row answered otherwise") if other in (None, "") else (
        shared.row_place(ev, other), "")  # fmt: skip
    if there == place:
        raise InputError("Expected two different rows.", f"Got row {row} twice.", "Choose another row to compare with.")
    both = ev.inputs().iloc[[place, there]]
    values, error, answers, how = _between(lambda frame: shared.output(ev, frame), both, seed, progress)
    names = shared.groups(ev)
    if group is not None:
        names, values, answers = (names[group],), values[:, [group]], answers[:, [group]]
        error = None if error is None else error[:, [group]]
    texts = shared.texts(both)
    return ShapleyContrast(
        steps=steps_of(ev.features, texts[0], texts[1], names, values, error, level),
        base=answers[1],
        prediction=answers[0],
        output=answers[0],
        row=int(row),
        other=f"row {ev.frame.index[there]}",
        groups=names,
        scale=shared.scale(ev),
        chosen=why,
        how=how,
        exact=error is None,
        additivity_gap=float(np.abs(answers[1] + values.sum(axis=0) - answers[0]).max()),
        source=replace(ev.source, seed=seed),
        settings={
            "row": int(row),
            "other": int(ev.frame.index[there]),
            "class_": chosen_class(class_),
            "level": level,
            "seed": seed,
        },
    )


def steps_of(
    features: tuple[str, ...], value: np.ndarray, instead: np.ndarray, groups: tuple[str, ...],
    shap: np.ndarray, error: np.ndarray | None, level: float,
) -> pd.DataFrame:  # fmt: skip
    """Put values (p, k) in the shape of ``ShapleyContrast.steps``."""
    wide = np.zeros(shap.shape) if error is None else special.stdtrit(ORDERS - 1, 0.5 + level / 2) * error
    parts = []
    for g, name in enumerate(groups):
        part = pd.DataFrame(
            {
                "feature": list(features),
                "value": value,
                "instead_of": instead,
                "group": name,
                "shap": shap[:, g],
                "low": shap[:, g] - wide[:, g],
                "high": shap[:, g] + wide[:, g],
            }
        )
        parts.append(part.iloc[np.argsort(-np.abs(shap[:, g]), kind="stable")])
    return pd.concat(parts, ignore_index=True)


def _between(
    ask: Callable[[pd.DataFrame], np.ndarray], both: pd.DataFrame, seed: int, progress: Progress | None
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray, str]:
    """Share the difference of two rows out: values (p, k), standard error or None, answers (2, k), how."""
    texts = [pd.factorize(both.iloc[:, j])[0] for j in range(both.shape[1])]
    differ = np.flatnonzero([len(np.unique(t)) > 1 for t in texts])
    if len(differ) <= EXACT_COLUMNS:
        values, answers = _exactly(ask, both, differ, progress)
        return values, None, answers, f"exact, over all combinations of the {len(differ)} columns that differ"
    many = both.iloc[np.r_[np.ones(ORDERS, dtype=int)]]
    values, error, base, prediction, *_ = sampled_values(ask, both.iloc[[0]], many, seed=seed, progress=progress)
    return values[0], error[0], np.stack([prediction[0], base]), (
        f"{len(differ)} columns differ; sampled, {2 * ORDERS} orders, standard error of a part "
        f"{np.sqrt(np.mean(error[0][differ] ** 2)):.2g} on average"
    )  # fmt: skip


def _exactly(
    ask: Callable[[pd.DataFrame], np.ndarray], both: pd.DataFrame, differ: np.ndarray, progress: Progress | None
) -> tuple[np.ndarray, np.ndarray]:
    d, stack = len(differ), shared.Stack(both)
    sets = np.arange(1 << d)
    here = (sets[:, None] >> np.arange(d)) & 1
    choice = np.zeros((len(sets), both.shape[1]), dtype=np.int64)
    choice[:, differ] = 1 - here
    got = []
    for part in blocks(len(sets), start=256):
        got.append(ask(stack.rows(choice[part])))
        tell(progress, part.stop / len(sets), f"{len(sets):,} rows between both")
    worth = np.concatenate(got)
    values = np.zeros((both.shape[1], worth.shape[1]))
    share = np.array([factorial(s) * factorial(d - s - 1) / factorial(d) for s in range(d)])
    size = here.sum(axis=1)
    for i, column in enumerate(differ):
        without = sets[here[:, i] == 0]
        gain = worth[without | (1 << i)] - worth[without]
        values[column] = share[size[without]] @ gain
    return values, worth[[-1, 0]]


def _similar(ev: Evaluation, place: int, seed: int) -> int:
    """Give the place of the most similar row, among at most 20,000, that the model answers otherwise."""
    among = np.arange(ev.n)
    if ev.n > LOOKED_AT:
        among = np.sort(np.random.default_rng((seed, 20_011)).choice(ev.n, LOOKED_AT, replace=False))
    predicted = ev.predicted
    if ev.task == "regression":
        among = among[np.abs(predicted[among] - predicted[place]) > predicted.std()]
    else:
        among = among[predicted[among] != predicted[place]]
    if not len(among):
        raise NotApplicable("no other row looked at is answered otherwise; name the row to compare with")
    inputs = ev.inputs()
    likeness = Likeness(inputs, list(inputs.columns))
    here, there = likeness.read(inputs.iloc[[place]]), likeness.read(inputs.iloc[among])
    return int(among[np.argmin(likeness.differences(here, there).mean(axis=1))])
