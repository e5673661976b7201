"""Kinds of defect that no check was built for: the second examination of ``findings``, after ``tests/defects/planted/held_out.py``.

Written down (with what counts as found) before any of them was tried, and used by ``defects.py --others``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import Pipeline

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "defects"))

from dataclasses import replace

from planted.kinds import BOTH, ONE, _float, _number, taken_from_training
from planted.places import level, period, share_text
from planted.truth import Truth
from planted.worlds import Base, Plant

SPREADING = ("skewed", "normal", "rounded")


def unit_in_level(parts: Base, larger: bool) -> Truth:
    """A number is written x100 or x1000 (in pounds or feet) in one level of 10 to 45 % of the rows."""
    column = _number(parts, SPREADING)
    by, value, rows = level(parts, 0.10, 0.45)
    factor = float(parts.rng.choice([100, 1000] if larger else [2.2046, 3.2808]))
    _float(parts, column)
    parts.test.frame.loc[rows, column] *= factor
    return _in_rows(rows, (column, by), f"{column} x{factor:g} where {by} is {value}")


def sign_flipped(parts: Base, larger: bool) -> Truth:
    """A number changes its sign: in all evaluation rows (in a period of 12 %)."""
    column = _number(parts, SPREADING)
    rows, text = period(parts, 0.12)
    if larger:
        rows, text = np.ones(len(rows), bool), "everywhere"
    _float(parts, column)
    parts.test.frame.loc[rows, column] *= -1
    return _in_rows(rows, (column,), f"-{column} {text}", everywhere=larger)


def shuffled_in_level(parts: Base, larger: bool) -> Truth:
    """The values of the number that matters most belong to other rows: of a level of 20 to 60 % (10 to 20 %)."""
    column = max(parts.made.numbers, key=lambda n: float(np.abs(parts.made.effects[n]).max()))
    by, value, rows = level(parts, *((0.20, 0.60) if larger else (0.10, 0.20)))
    places = np.flatnonzero(rows)
    values = parts.test.frame[column].to_numpy().copy()
    values[places] = values[parts.rng.permutation(places)]
    parts.test.frame[column] = values
    return _in_rows(rows, (column, by), f"{column} shuffled where {by} is {value}", seen_as="spread")


def code_in_level(parts: Base, larger: bool) -> Truth:
    """A number is unknown on 60 % (20 %) of the rows of one level, and -1, 0 or 999 is written for it, which training never did."""
    column = _number(parts)
    by, value, rows = level(parts, 0.10, 0.45)
    code = float(parts.rng.choice([-1, 0, 999]))
    gone = rows & (parts.rng.random(len(rows)) < (0.6 if larger else 0.2))
    _float(parts, column)
    parts.test.frame.loc[gone, column] = code
    about = gone | rows if larger else gone
    return _in_rows(about, (column, by), f"{column} = {code:g} on {share_text(gone)} where {by} is {value}")


def floor_in_period(parts: Base, larger: bool) -> Truth:
    """A number is not recorded below its median in a period of 30 % (12 %): that value stands there instead."""
    column = _number(parts, SPREADING)
    rows, text = period(parts, 0.30 if larger else 0.12)
    floor = float(parts.test.frame[column].quantile(0.5, interpolation="nearest"))
    there = parts.test.frame.loc[rows, column]
    parts.test.frame.loc[rows, column] = there.clip(lower=floor)
    return _in_rows(rows, (column,), f"{column} at least {floor:g} {text}")


def other_spelling(parts: Base, larger: bool) -> Truth:
    """Levels of a category are written with capitals or a blank more in all rows of the last 30 % (in 4 % of the rows)."""
    column = str(parts.rng.choice(list(parts.made.categories)))
    rows, text = period(parts, 0.30)
    if not larger:
        rows, text = parts.rng.random(len(rows)) < 0.04, "here and there"
    frame = parts.test.frame
    written = frame.loc[rows, column].astype(str)
    frame.loc[rows, column] = written.str.upper() if parts.made.seed % 2 else written + " "
    return _in_rows(rows, (column,), f"{column} written otherwise {text}")


def late_number(parts: Base, larger: bool) -> Truth:
    """A running number given in the order of time, but to cases of the last class (the highest values) later: by 30 % (8 %) of the whole span."""
    name = "case_number"
    for rows in (parts.train, parts.test):
        y = rows.frame[parts.target]
        late = y.rank(pct=True) if parts.made.task == "regression" else (y == parts.made.classes[-1]).astype(float)
        span = float(rows.when.max() - rows.when.min())
        order = rows.when + (0.3 if larger else 0.08) * span * late.to_numpy()
        # both files count up to the same number, else it would only be outside the range of training
        rows.frame[name] = 10_000 + np.argsort(np.argsort(order)) * 9_000 // len(order)
    parts.made = replace(parts.made, numbers={**parts.made.numbers, name: "normal"})
    parts.refit()
    return Truth(
        seen_as="counted", by=("column",), columns=(name,), local=False, size="numbers of such cases come later"
    )


def shifted_outcomes(parts: Base, larger: bool) -> Truth:
    """In a period of 30 % (12 %) of the rows every outcome stands one row too low."""
    rows, text = period(parts, 0.30 if larger else 0.12)
    places = np.flatnonzero(rows)
    outcomes = parts.test.frame[parts.target].to_numpy().copy()
    outcomes[places] = outcomes[np.roll(places, 1)]
    parts.test.frame[parts.target] = outcomes
    return _in_rows(rows, ("booked_on",), text, seen_as="spread")


def almost_copies(parts: Base, larger: bool) -> Truth:
    """20 % of the rows are copies of others in which one number (every number) is a little off."""
    n = len(parts.test.frame)
    places = parts.rng.choice(n, int(0.20 * n), replace=False)
    order = np.arange(n)
    order[places] = parts.rng.choice(np.setdiff1d(np.arange(n), places), len(places))
    parts.test = parts.test.take(order)
    names = [_number(parts, SPREADING)] if larger else list(parts.made.numbers)
    for name in names:
        _float(parts, name)
        values = parts.test.frame[name]
        parts.test.frame.loc[places, name] = np.round(values + 0.01 * values.std() * parts.rng.normal(size=n), 3)[
            places
        ]
    words = (r"duplicat|cop(y|ies)|repeat|identical|same row|equal|more than once|twice|alike|differ only|same but",)
    return Truth(
        seen_as="counted", by=("words",), words=words, local=False, size=f"{len(places):,} rows, {len(names)} numbers"
    )


class Coarse(ClassifierMixin, BaseEstimator):
    """A classifier whose probabilities go through a function of one argument and are shared out again."""

    def __init__(self, model: Any, step: float, cap: float):
        self.model, self.step, self.cap = model, step, cap
        self.classes_ = model.classes_

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, x: Any, y: Any) -> Coarse:
        return self

    def predict_proba(self, x: Any) -> np.ndarray:
        p = self.model.predict_proba(x)
        if self.cap:
            p = np.where(p > 1 - self.cap, 1.0, np.where(p < self.cap, 0.0, p))
        if self.step:
            p = np.round(p / self.step) * self.step
        p = np.where(p.sum(axis=1, keepdims=True) > 0, p, 1.0)
        return p / p.sum(axis=1, keepdims=True)

    def predict(self, x: Any) -> np.ndarray:
        return self.classes_[self.predict_proba(x).argmax(axis=1)]


def coarse_scores(parts: Base, larger: bool) -> Truth:
    """The model gives probabilities of 0, 0.5 and 1 only (or 0 and 1 where it would say less than 20 % and more than 80 %)."""
    first, last = parts.model.steps[0], parts.model.steps[-1][1]
    parts.model = Pipeline([first, ("model", Coarse(last, 0.5 if larger else 0.0, 0.0 if larger else 0.2))])
    words = (
        r"score|probabilit",
        r"exactly|same|saturat|rounded|values only|few values|one value|of (0|1)\b|surer|certain",
    )
    return Truth(seen_as="counted", by=("words",), words=words, local=False, size="0, .5, 1" if larger else "0 and 1")


def stale_column(parts: Base, larger: bool) -> Truth:
    """A number is only renewed every 20 rows in a period of 30 % (12 %): the others repeat the last value."""
    column = max(parts.made.numbers, key=lambda n: float(np.abs(parts.made.effects[n]).max()))
    rows, text = period(parts, 0.30 if larger else 0.12)
    places = np.flatnonzero(rows)
    places = places[np.argsort(parts.test.when[places])]
    values = parts.test.frame[column].to_numpy().copy()
    values[places] = values[places[np.arange(len(places)) // 20 * 20]]
    parts.test.frame[column] = values
    return _in_rows(rows, (column,), f"{column} stale {text}", seen_as="spread")


def swapped_levels(parts: Base, larger: bool) -> Truth:
    """The two most frequent levels of a category that matters have changed names (in a period of 30 %)."""
    size = {c: float(np.ptp(parts.made.effects[c], axis=0).max()) for c in parts.made.categories}
    column = max(size, key=lambda c: size[c])
    first, second = parts.test.frame[column].value_counts().index[:2]
    rows, text = period(parts, 0.30)
    if larger:
        rows, text = np.ones(len(rows), bool), "everywhere"
    values = parts.test.frame[column]
    odd = rows & values.isin([first, second]).to_numpy()
    parts.test.frame.loc[odd, column] = values[odd].map({first: second, second: first})
    return _in_rows(odd, (column,), f"{first} and {second} of {column} {text}", everywhere=larger)


def level_left_out(parts: Base, larger: bool) -> Truth:
    """The evaluation rows hold no row (a tenth of the rows) of one level that is 10 to 45 % of training."""
    column, value, rows = level(parts, 0.10, 0.45)
    kept = ~rows | (parts.rng.random(len(rows)) < (0.0 if larger else 0.1))
    parts.test = parts.test.take(np.flatnonzero(kept))
    return Truth(
        seen_as="counted",
        by=("column", "rows"),
        rows=rows[kept],
        columns=(column,),
        local=False,
        size=f"no {value} in {column}",
    )


def capped_outcomes(parts: Base, larger: bool) -> Truth:
    """Outcomes above their 70th (90th) percentile are recorded as that value."""
    values = parts.test.frame[parts.target]
    cap = float(values.quantile(0.7 if larger else 0.9, interpolation="nearest"))
    rows = (values >= cap).to_numpy()
    parts.test.frame[parts.target] = values.clip(upper=cap)
    return _in_rows(rows, (parts.target,), f"{parts.target} at most {cap:g}", everywhere=True)


def moved_sensor(parts: Base, larger: bool) -> Truth:
    """A number lies 1.5 (0.7) standard deviations higher in a period of 20 %."""
    column = _number(parts, SPREADING)
    rows, text = period(parts, 0.20)
    values = parts.test.frame[column].astype(float)
    spread = float(values.quantile(0.84) - values.quantile(0.16)) / 2
    _float(parts, column)
    parts.test.frame.loc[rows, column] = np.round(values + (1.5 if larger else 0.7) * spread, 2)[rows]
    return _in_rows(rows, (column,), f"{column} higher {text}")


def telling_gap(parts: Base, larger: bool) -> Truth:
    """A number is missing where the outcome is of the last class (in the upper fifth): in 95 % (60 %) of such rows, and 2 % of the others."""
    column = str(parts.rng.choice(list(parts.made.numbers)))
    for rows in (parts.train, parts.test):
        y = rows.frame[parts.target]
        odd = y.rank(pct=True) > 0.8 if parts.made.task == "regression" else y == parts.made.classes[-1]
        gone = parts.rng.random(len(y)) < np.where(odd, 0.95 if larger else 0.6, 0.02)
        rows.frame[column] = rows.frame[column].astype(float).mask(gone)
    parts.refit()
    return Truth(
        seen_as="counted",
        by=("column",),
        rows=parts.test.frame[column].isna().to_numpy(),
        columns=(column,),
        local=False,
        size=f"{column} missing after the outcome",
    )


def rounded_column(parts: Base, larger: bool) -> Truth:
    """A number comes rounded to 3 (6) steps in all evaluation rows."""
    column = _number(parts, SPREADING)
    values = parts.test.frame[column].astype(float)
    steps = 3 if larger else 6
    edges = values.quantile(np.arange(1, steps) / steps).to_numpy()
    middles = values.quantile((np.arange(steps) + 0.5) / steps).round(2).to_numpy()
    made = middles[np.searchsorted(edges, values)]
    parts.test.frame[column] = np.where(values.isna(), np.nan, made)
    return _in_rows(np.ones(len(values), bool), (column,), f"{column} in {steps} steps", everywhere=True)


def old_rows(parts: Base, larger: bool) -> Truth:
    """30 % (10 %) of the evaluation rows are training rows in which one number was changed since (another's value)."""
    n = len(parts.test.frame)
    places = taken_from_training(parts, 0.30 if larger else 0.10)
    column = _number(parts, SPREADING)
    _float(parts, column)
    values = parts.test.frame[column].to_numpy().copy()
    values[places] = parts.rng.permutation(values[places])
    parts.test.frame[column] = values
    words = (r"\btrain|fitted on", r"also|both|overlap|same|shared?|stands? in|appear|seen|cop(y|ies)|differ|changed")
    return Truth(seen_as="counted", by=("words",), words=words, local=False, size=f"{len(places):,} of {n:,} rows")


def _in_rows(
    rows: np.ndarray, columns: tuple[str, ...], size: str, seen_as: str = "counted", everywhere: bool = False
) -> Truth:
    by = ("column",) if everywhere and rows.all() else ("rows", "column")
    return Truth(
        seen_as=seen_as,
        by=by,
        rows=rows,  # of all rows too: a claim about rows then points at planted ones
        columns=columns,
        local=False,
        size=f"{size} ({share_text(rows)})",
    )


OTHERS: Mapping[str, tuple[Plant, tuple[str, ...]]] = {
    "unit in a level": (unit_in_level, BOTH),
    "sign flipped": (sign_flipped, BOTH),
    "shuffled in a level": (shuffled_in_level, BOTH),
    "code in a level": (code_in_level, BOTH),
    "floor in a period": (floor_in_period, BOTH),
    "other spelling": (other_spelling, BOTH),
    "late number": (late_number, BOTH),
    "shifted outcomes": (shifted_outcomes, BOTH),
    "almost copies": (almost_copies, BOTH),
    "coarse scores": (coarse_scores, ONE),
    "stale column": (stale_column, BOTH),
    "swapped levels": (swapped_levels, BOTH),
    "level left out": (level_left_out, BOTH),
    "capped outcomes": (capped_outcomes, ("regression",)),
    "moved sensor": (moved_sensor, BOTH),
    "telling gap": (telling_gap, BOTH),
    "rounded column": (rounded_column, BOTH),
    "old rows": (old_rows, BOTH),
}
