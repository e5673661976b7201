"""What groups add to the findings: levels that the model serves surely and much worse than the others, of any column that could name groups.

Which columns name groups of people a program cannot know, so every column of few levels is looked at. Rates of selection and error differ
between groups of any useful model where the outcomes themselves do; what is told here is only what these do not explain: promises that do not
hold for a group as they hold for the others (Kleinberg et al. 2016, arXiv:1609.05807), or values that are too low or too high there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from modelglass.analysis.aimed import below, no_ties
from modelglass.analysis.difference import Difference, adjusted, difference
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimates import estimate
from modelglass.analysis.finding import Budget, Finding, Severity
from modelglass.analysis.groups import Groups, Rows, against_rest, rows_of
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.performance import off, shown
from modelglass.analysis.progress import tell
from modelglass.analysis.wording import class_name, outward, percent, points_off

if TYPE_CHECKING:
    from modelglass.analysis.coding import Coding
    from modelglass.analysis.evaluation import Evaluation

MOST_LEVELS = 12
MOST_COLUMNS = 12
FEWEST = 100
"""Rows of a group that is looked at, and of the others."""
LARGE, WORTH_A_LOOK = 0.10, 0.03
"""Gap between groups, in probability, whose end nearer to 0 is beyond this: of high, of medium severity ..."""
LARGE_BIAS, BIAS_WORTH_A_LOOK = 0.5, 0.1
"""... in regression in RMSE of all rows."""


@dataclass(frozen=True, eq=False, kw_only=True)
class _Group:
    """One level against the others: of which class (None: a value), and how far it is off and they are."""

    coding: Coding
    level: int
    code: int | None
    rows: Rows
    found: Difference


def find(ev: Evaluation, budget: Budget) -> list[Finding]:
    """Give at most one finding a column: the level whose promises or values differ most surely from those of the others."""
    codings = _could_be_groups(ev)
    if not codings:
        raise NotApplicable("no column has 2 to 12 levels of 100 rows or more")
    if ev.task != "regression" and ev.score_kind != "probability":
        raise NotApplicable("without probabilities nothing tells unfair errors of a group from harder outcomes")
    if ev.aim is not None:
        no_ties(rows_of(ev))
    compared: list[_Group] = []
    for i, coding in enumerate(codings):
        tell(budget.progress, i / len(codings), f"comparing groups of {coding.column}")
        compared += list(_compared(ev, coding))
    p = adjusted([g.found.p for g in compared]) if compared else np.zeros(0)
    unit = _unit(ev)
    out = []
    for column in dict.fromkeys(g.coding.column for g in compared):
        mine = [i for i, g in enumerate(compared) if g.coding.column == column]
        first = max(mine, key=lambda i: _surely(compared[i].found))
        severity = _severity(ev, compared[first].found, unit)
        if severity and p[first] <= 0.05:
            out.append(_told(ev, compared[first], float(p[first]), severity, unit))
    return out


def _could_be_groups(ev: Evaluation) -> list[Coding]:
    """Categories of few levels, at least two of them with enough rows; most even ones first, because people are asked about those."""
    out = []
    for column in ev.columns.values():
        if column.kind not in ("categorical", "boolean") or column.name == ev.target:
            continue
        try:
            coding = ev.coding(column.name)
        except NotApplicable:
            continue
        large = (np.bincount(coding.codes, minlength=len(coding.labels)) >= FEWEST).sum()
        if large >= 2 and len(coding.labels) <= MOST_LEVELS:
            out.append(coding)
    return out[:MOST_COLUMNS]


def _compared(ev: Evaluation, coding: Coding) -> Iterator[_Group]:
    rows = rows_of(ev) if ev.aim is None else below(rows_of(ev))
    codes: list[int | None] = [None]
    if ev.task != "regression":
        codes = [1] if ev.task == "binary" else list(range(rows.classes))
    sizes = np.bincount(coding.codes, minlength=len(coding.labels))
    for code in codes:
        mine = rows if code is None else against_rest(rows, code)
        metric = METRICS["bias" if mine.task == "regression" else "calibration_gap"]
        for level in np.flatnonzero((sizes >= FEWEST) & (ev.n - sizes >= FEWEST)):
            found = difference(metric, mine, coding.codes == level)
            yield _Group(coding=coding, level=int(level), code=code, rows=mine, found=found)


def _surely(found: Difference) -> float:
    """Give how far apart they are at least; 0 where the interval holds 0, or where there is none."""
    ends = found.effect_low, found.effect_high
    if not np.isfinite(ends).all() or ends[0] <= 0 <= ends[1]:
        return 0.0
    return min(abs(ends[0]), abs(ends[1]))


def _promises(ev: Evaluation) -> bool:
    """Tell whether groups are compared by what is promised them (probabilities, a quantile) rather than by values."""
    return ev.task != "regression" or ev.aim is not None


def _unit(ev: Evaluation) -> float:
    if _promises(ev):
        return 1.0
    return max(float(np.sqrt(np.average((ev.predicted - ev.y) ** 2, weights=ev.weight))), 1e-300)


def _severity(ev: Evaluation, found: Difference, unit: float) -> Severity | None:
    large, look = (LARGE, WORTH_A_LOOK) if _promises(ev) else (LARGE_BIAS, BIAS_WORTH_A_LOOK)
    size = _surely(found) / unit
    return "high" if size >= large else ("medium" if size >= look else None)


def _told(ev: Evaluation, group: _Group, p: float, severity: Severity, unit: float) -> Finding:
    found, coding = group.found, group.coding
    return Finding(
        kind="disparity",
        severity=severity,
        sentence=_sentence(ev, group),
        where=coding.conditions[group.level],
        features=(coding.column,),
        estimate=found.effect,
        low=found.effect_low,
        high=found.effect_high,
        n=found.n,
        p_adjusted=p,
        evidence="fairness" if ev.aim is None else "interval_coverage",
        settings={"groups": [coding.column]} if ev.aim is None else {"by": coding.column},
        advice=(
            f"If {coding.column} names people, or stands for them, look at how labels of the training data came about there; "
            "retrain on labels that are right, or recalibrate by group."
        ),
        harm=found.n / ev.n * _surely(found) / unit,
    )


def _sentence(ev: Evaluation, group: _Group) -> str:
    found, coding = group.found, group.coding
    at = f"where {coding.column} is {coding.labels[group.level]}"
    interval = f"interval {shown(found.effect_low)} to {shown(found.effect_high)}, {found.n:,} rows"
    if ev.aim is not None:
        return (
            f"{percent(ev.aim - found.estimate)} of outcomes lie at or below the prediction {at}, and {percent(ev.aim - found.rest)} elsewhere, "
            f"where it promises {percent(ev.aim)} (a difference of {shown(-found.effect)}; interval {shown(-found.effect_high)} to "
            f"{shown(-found.effect_low)}, {found.n:,} rows)"
        )
    if group.code is None:
        return (
            f"Predictions are {off(found.estimate)} {at}, and {off(found.rest)} elsewhere "
            f"(a difference of {shown(found.effect)}; {interval})"
        )
    of = ev.positive if ev.task == "binary" else ev.classes[group.code]
    near, far = outward(found.effect, found.effect_low, found.effect_high)
    recall = estimate(METRICS["recall"], Groups(group.rows, (coding.codes == group.level).astype(np.int64), 2), 0.95)
    rest, here = (float(v) for v in recall.estimate)
    caught = (
        f"; of those who are {class_name(of)} it names {here:.0%} there and {rest:.0%} elsewhere"
        if np.isfinite(here + rest)
        else ""
    )
    return (
        f"The probability of {class_name(of)} is {points_off(found.estimate)} {at}, and {points_off(found.rest)} elsewhere (a difference of "
        f"{100 * abs(found.effect):.1f}; interval {100 * near:.1f} to {100 * far:.1f}, {found.n:,} rows){caught}"
    )
