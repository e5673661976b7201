"""Training rows once more with small errors in them: fitted with these, too, a model learns to give the same answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.changed_answers import inside
from modelglass.analysis.constraints import Constraints
from modelglass.analysis.constraints import constraints as found_constraints
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.faults import rounded
from modelglass.analysis.given import whole
from modelglass.analysis.known_features import known_features
from modelglass.analysis.missing_robustness import without
from modelglass.analysis.noise_robustness import Noise, noisy
from modelglass.analysis.possible import Space
from modelglass.analysis.refitting import training

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

STRENGTH = 0.1
MOST_COPIES = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Errors:
    """What is done to rows: the columns, strength of the noise in their spreads, share of values left out, leading digits kept (None: all)."""

    features: tuple[str, ...]
    noise: float = STRENGTH
    missing: float = 0.0
    digits: int | None = None


def augmented(
    ev: Evaluation,
    *,
    features: Any = None,
    noise: float = STRENGTH,
    missing: float = 0.0,
    digits: int | None = None,
    where: str | None = None,
    copies: int = 1,
    constraints: Any = None,
    seed: int | None = None,
) -> pd.DataFrame:
    """Give training rows once more, with small errors in some columns and the outcome they have: to be added to the training data.

    Every row is a possible one by the constraints (see ``noise_robustness``, which adds the same noise). Errors that no possible row has (a
    wrong unit, a misspelt level, a value beyond the range) are left to a check of inputs: no outcome is known for them.

    Parameters
    ----------
    features : name or sequence of names, optional
        Columns with errors; all that the model reads without it.
    noise : float
        Normal noise of numbers and dates in spreads of the training rows (interquartile range / 1.349); the probability that a level is
        redrawn by frequency. 0: none.
    missing : float
        Share of the values of each column that are left out, 0 to 1 (1 leaves all out).
    digits : int, optional
        Leading digits to which numbers are rounded.
    where : str, optional
        SQL condition: training rows that are used, such as the ``where`` of a finding.
    copies : int
        How often each training row is used, each time with other errors.
    constraints : Constraints, path of a YAML file, its text, or mapping, optional
        See ``modelglass.analysis.constraints``; without it what the data show.

    Returns
    -------
    DataFrame with the columns of the training data; the index is the number of the training row. Rows that no error reached are left out.

    Raises
    ------
    NotApplicable
        Without a model or training data with the target; where no row can change.
    InputError
        Unknown columns, a strength, share or number that is none; constraints that leave out every training row.

    Notes
    -----
    Noise on inputs in training acts as a penalty on the slope of the answer (Bishop 1995, Neural Computation 7, 108-116). Whether it serves
    this model is measured by ``steadier_fit``.
    """
    errors = checked(ev, features, noise, missing, digits, copies)
    there = training(ev)
    rules = found_constraints(ev, given=constraints)
    there, _ = inside(there.where(where) if where else there, rules)
    return pd.concat([frame for frame, _ in copied(there, rules, errors, copies, ev.seed_or(seed))])


def checked(ev: Evaluation, features: Any, noise: float, missing: float, digits: int | None, copies: int) -> Errors:
    """Check what is asked for."""
    if ev.model is None:
        raise NotApplicable("there is no model here, only predictions, and rows are made for a model to be fitted with")
    for name, value, high in (("noise", noise, np.inf), ("missing", missing, 1.0)):
        if isinstance(value, (str, bool)) or not 0 <= value <= high or not np.isfinite(value):
            among = "0 or more" if high > 1 else "from 0 to 1"
            raise InputError(f"Expected a number {among} as {name}.", f"Got {value!r}.")
    if digits is not None:
        whole(digits, "digits", 1, 15)
    whole(copies, "copies", 1, MOST_COPIES)
    if not (noise or missing or digits):
        raise InputError("Expected some error.", "noise and missing are 0, and digits is None.", "Give noise=0.1.")
    return Errors(features=tuple(known_features(ev, features)), noise=noise, missing=missing, digits=digits)


def copied(there: Evaluation, rules: Constraints, errors: Errors, copies: int, seed: int) -> list[tuple[pd.DataFrame, np.ndarray]]:  # fmt: skip
    """Give for each copy the rows of ``there`` that errors reach, all columns, and their places (0 to n - 1); NotApplicable where they reach none."""
    space, made = Space(rules, there.inputs()), []
    maker = Maker(there, space, errors)
    for copy in range(copies):
        columns, moved = maker.draw(seed + 7_919 * copy)
        at = np.flatnonzero(moved)
        made.append((there.frame.assign(**columns).iloc[at], at))
    if not any(len(at) for _, at in made):
        raise NotApplicable("these errors change no training row: too weak, or the columns may not change")
    return made


class Maker:
    """Draws errors for the same rows, anew each time."""

    def __init__(self, ev: Evaluation, space: Space, errors: Errors):
        self._inputs, self._space, self._errors = space.frame, space, errors
        self._names = list(ev.features)
        self._noises = {n: Noise(ev, n, 0) for n in errors.features} if errors.noise else {}

    def draw(self, seed: int) -> tuple[dict[str, pd.Series], np.ndarray]:
        """Give the raw columns that differ, with the index of the rows, and which rows differ, (n,)."""
        wanted = {}
        for name in self._errors.features:
            column = self._inputs[name]
            if self._noises:
                self._noises[name].draw(seed)
                column = self._noises[name].on(column, self._errors.noise)
            if self._errors.digits and self._rounds(name):
                column = rounded(column, self._errors.digits)
            wanted[name] = column
        columns, moved = noisy(self._space, wanted)
        for name in self._errors.features if self._errors.missing else ():
            rng = np.random.default_rng((seed, 20_041, self._names.index(name)))
            column = columns.get(name, self._inputs[name])
            out = (rng.random(len(column)) < self._errors.missing) & self._inputs[name].notna().to_numpy()
            if out.any():
                columns[name], moved = column.where(~out, without(column)), moved | out
        return columns, moved

    def _rounds(self, name: str) -> bool:
        rule = self._space.rules.columns[name]
        return rule.kind == "number" and not rule.dates
