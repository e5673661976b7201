"""What expected directions add to the findings: stretches of a column where the model moves against what a person said it should."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.finding import Budget, Finding
from modelglass.analysis.performance import shown
from modelglass.analysis.weighted import as_equal_rows, equal_rows
from modelglass.explainers import rows as shared
from modelglass.explainers.accumulated_local_effects import Steps, differences_of, measure, steps_of
from modelglass.explainers.effect_answers import Answers
from modelglass.explainers.effect_direction import ROUNDING, expected_of
from modelglass.explainers.loops import asked_while_cold

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

STRETCHES, FEWEST_STRETCHES, ROWS = 12, 3, 5_000
ROWS_EACH = 100
"""Rows for each step that is laid out (with weights Kish's number)."""
FEWEST = 80
"""Rows of each step of a stretch (with weights Kish's number) below which it is not judged."""
LEVEL = 0.05
"""Chance that any stretch of any column of a set is told where the model does not move, at most (``benchmarks/expected.py``)."""
WORTH = 0.15
"""A move is worth telling from this share of the standard deviation of the answers on."""
LARGE = 0.5
"""From this share on it is of high severity."""
ADVICE = (
    "If the expectation holds, fit again with a monotone constraint on this column, or look at the training rows there: few, wrongly labelled, or "
    "standing for something else. If it does not, change or take out its `expected` in the columns file."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """Where the model moves against what is expected.

    start, stop     places on the curve; move: of the curve between them
    influence       of each row on the move, (rows,); certain: the move is the same for every row of each step
    n               rows whose steps it rests on
    """

    name: str
    steps: Steps
    start: int
    stop: int
    move: float
    influence: np.ndarray
    certain: bool
    n: int


def find(ev: Evaluation, budget: Budget) -> list[Finding]:
    """Give, for each column with an expected direction, the stretch where the model moves furthest against it."""
    wanted = {c: way for c, way in expected_of(ev, ev.features).items() if way}
    if not any(ev.columns[c].expected for c in ev.features):
        return []
    if ev.model is None:
        raise NotApplicable("there is no model to ask")
    if ev.task == "multiclass":
        raise NotApplicable("of several classes one rises where another falls")
    if ev.task != "regression" and ev.score_kind != "probability":
        raise NotApplicable("the model gives no probabilities")
    sample = ev.sample(min(ROWS, budget.rows))
    budget.used = sample.n
    fits = int(equal_rows(sample.weight, sample.n) * (1 + 1e-9) / ROWS_EACH)
    if fits < FEWEST_STRETCHES:
        fewest = FEWEST_STRETCHES * ROWS_EACH
        raise NotApplicable(
            f"an expected direction is judged from {fewest} rows on, and there are {as_equal_rows(sample.weight, sample.n)}"
        )
    spread = float(shared.spread_of(shared.given_answers(ev))[0])
    stretches, looked = _against(sample, wanted, min(STRETCHES, fits), WORTH * spread, budget)
    found: dict[str, Finding] = {}
    for one in sorted(stretches, key=lambda s: -abs(s.move)):
        if one.name in found:
            continue
        low, high, p = (one.move, one.move, 0.0) if one.certain else _interval(sample, one, looked)
        if low > 0 or high < 0:
            found[one.name] = _told(ev, one, (low, high, p, looked), abs(one.move) / spread)
    return list(found.values())


def _against(
    ev: Evaluation, wanted: dict[str, str], count: int, worth: float, budget: Budget
) -> tuple[list[Stretch], int]:
    """Give the stretches that go against what is wanted by what is worth telling, and how many were looked at."""
    taken = {}
    for name in wanted:
        try:
            taken[name] = steps_of(ev, name, count + 1)
        except NotApplicable:  # one value: nothing goes anywhere
            continue
    if not taken:
        return [], 0
    with asked_while_cold():
        model = Answers(ev)
        model.check(ev, {c: s.grid for c, s in taken.items()})
        moves = differences_of(model, ev, taken, budget.progress)
    out, looked = [], 0
    for name, steps in taken.items():
        found, judged = stretches_of(name, moves[name][:, 0], steps, ev.weight, wanted[name], worth)
        out += found
        looked += judged
    return out, looked


def stretches_of(
    name: str, moves: np.ndarray, steps: Steps, weight: np.ndarray | None, wanted: str, worth: float
) -> tuple[list[Stretch], int]:
    """Look at every run of neighbouring steps of a column; give those that go against it by ``worth`` or more, and how many were judged.

    Parameters
    ----------
    moves : array, shape (pairs,)
        What each step does to each row that takes it.
    weight : array, shape (n,), optional
        Of all rows of the evaluation.
    wanted : "rising" or "falling"
    """
    own = None if weight is None else weight[steps.rows]
    m = len(steps.grid.values)
    curve, influence = measure(moves, steps.row, steps.step, steps.stands, own, m)
    members = [np.flatnonzero(steps.step == s) for s in range(m - 1)]
    if own is not None:
        members = [pairs[own[steps.row[pairs]] > 0] for pairs in members]
    enough = [
        equal_rows(None if own is None else own[steps.row[pairs]], len(pairs)) * (1 + 1e-9) >= FEWEST
        for pairs in members
    ]
    size = float(np.abs(moves).max(initial=0.0))
    same = [len(pairs) > 0 and np.ptp(moves[pairs]) <= ROUNDING * size for pairs in members]
    sign, out, looked = 1 if wanted == "rising" else -1, [], 0
    for start in range(m - 1):
        for stop in range(start + 1, m):
            if not all(enough[start:stop]):
                break
            looked += 1
            move = float(curve[stop] - curve[start])
            if sign * move < 0 and abs(move) >= worth:
                rows = np.unique(steps.row[np.concatenate(members[start:stop])])
                out.append(
                    Stretch(
                        name=name, steps=steps, start=start, stop=stop, move=move, certain=all(same[start:stop]), n=len(rows),
                        influence=influence[:, stop] - influence[:, start],
                    )
                )  # fmt: skip
    return out, looked


def _interval(ev: Evaluation, one: Stretch, looked: int) -> tuple[float, float, float]:
    """Give the move's interval over rows or clusters, adjusted (Bonferroni) over all that was looked at, and its adjusted p."""
    used = ev if len(one.steps.rows) == ev.n else ev.take(one.steps.rows)

    def at(alpha: float) -> tuple[float, float]:
        low, high = shared.influence_interval(used, np.array([one.move]), one.influence[:, None], 1 - alpha)
        return float(low[0]), float(high[0])

    low, high = at(LEVEL / looked)
    if not (low > 0 or high < 0):
        return low, high, np.nan
    apart, near = -12.0, float(np.log10(LEVEL / looked))  # the interval leaves out 0 at 10**near; p lies below
    for _ in range(20):
        middle = (apart + near) / 2
        ends = at(10**middle)
        apart, near = (apart, middle) if ends[0] > 0 or ends[1] < 0 else (middle, near)
    return low, high, min(1.0, 10**near * looked)


def _told(ev: Evaluation, one: Stretch, found: tuple[float, float, float, int], size: float) -> Finding:
    low, high, p, looked = found
    values = list(one.steps.grid.values)
    what = ev.target if ev.task == "regression" else f"probability of {ev.positive}"
    ends = [shown(v) for v in sorted((abs(low), abs(high)))]
    sure = (
        f"the same for every row there; {rows_text(one.n)}"
        if one.certain
        else f"{ends[0]} to {ends[1]}, 95 % interval over all {looked:,} stretches judged; {rows_text(one.n)}"
    )
    return Finding(
        kind="unexpected_direction",
        severity="high" if size >= LARGE else "medium",
        sentence=(
            f"The model's {what} was expected to {'rise' if one.move < 0 else 'fall'} with {one.name}; between "
            f"{shared.text(values[one.start])} and {shared.text(values[one.stop])} it {'falls' if one.move < 0 else 'rises'} by "
            f"{shown(abs(one.move))} ({sure})"
        ),
        features=(one.name,),
        estimate=one.move,
        low=np.nan if one.certain else low,
        high=np.nan if one.certain else high,
        n=one.n,
        p_adjusted=np.nan if one.certain else p,
        evidence="accumulated_local_effects",
        settings={"features": [one.name]},
        advice=ADVICE,
        harm=size * one.n / len(one.steps.rows),
    )
