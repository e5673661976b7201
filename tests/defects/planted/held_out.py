"""Kinds of defect that nobody built for: kept out of all tuning, to see whether the checks are general."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .kinds import BOTH, _float, _number
from .places import level, period, share_text
from .truth import Truth
from .worlds import Base, Plant


def swapped_columns(parts: Base, larger: bool) -> Truth:
    """Two numbers change places: in all evaluation rows (in one level of 10 to 45 %)."""
    first = _number(parts)
    second = str(parts.rng.choice([n for n in parts.made.numbers if n != first]))
    _, value, rows = level(parts, 0.10, 0.45)
    if larger:
        rows = np.ones(len(rows), dtype=bool)
    frame = parts.test.frame
    for name in (first, second):
        _float(parts, name)
    frame.loc[rows, [first, second]] = frame.loc[rows, [second, first]].to_numpy()
    where = "everywhere" if larger else f"where {value} ({share_text(rows)})"
    by = ("column",) if larger else ("rows", "column")
    return Truth(
        seen_as="counted",
        by=by,
        rows=None if larger else rows,
        columns=(first, second),
        local=False,
        size=f"{first} and {second} {where}",
    )


def shuffled_outcomes(parts: Base, larger: bool) -> Truth:
    """The outcomes of a period of 30 % (12 %) of the rows belong to other rows of it, as after a wrong join."""
    rows, text = period(parts, 0.30 if larger else 0.12)
    places = np.flatnonzero(rows)
    outcomes = parts.test.frame[parts.target].to_numpy().copy()
    outcomes[places] = outcomes[parts.rng.permutation(places)]
    parts.test.frame[parts.target] = outcomes
    return Truth(seen_as="spread", by=("rows",), rows=rows, columns=("booked_on",), size=f"{text} ({share_text(rows)})")


def capped_column(parts: Base, larger: bool) -> Truth:
    """A number that matters is cut off at its 70th (90th) percentile in the evaluation rows, as by a sensor at its limit."""
    column = _number(parts, kinds=("skewed", "normal", "rounded"))
    values = parts.test.frame[column]
    limit = float(values.quantile(0.7 if larger else 0.9, interpolation="nearest"))
    rows = (values >= limit).to_numpy()
    parts.test.frame[column] = values.clip(upper=limit)
    return Truth(
        seen_as="counted",
        by=("rows", "column"),
        rows=rows,
        columns=(column,),
        local=False,
        size=f"{column} at most {limit:g} ({share_text(rows)} there)",
    )


def lost_inputs(parts: Base, larger: bool) -> Truth:
    """One level of 10 to 45 % of the rows arrives without its numbers (without one that matters), which training always had."""
    column, value, rows = level(parts, 0.10, 0.45)
    names = list(parts.made.numbers) if larger else [_number(parts)]
    for name in names:
        _float(parts, name)
    parts.test.frame.loc[rows, names] = np.nan
    return Truth(
        seen_as="counted",
        by=("rows", "column"),
        rows=rows,
        columns=tuple(names),
        local=False,
        size=f"{len(names)} missing where {column} is {value} ({share_text(rows)})",
    )


HELD_OUT: Mapping[str, tuple[Plant, tuple[str, ...]]] = {
    "swapped columns": (swapped_columns, BOTH),
    "shuffled outcomes": (shuffled_outcomes, BOTH),
    "capped column": (capped_column, BOTH),
    "lost inputs": (lost_inputs, BOTH),
}
