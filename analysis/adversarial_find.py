"""What the search for cheapest changes adds to the findings: columns where many rows stand just beside a step of the model (``crowding``).

How often that is said of models without a planted step, and of those with one: ``benchmarks/fragility.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from modelglass.analysis import discovery
from modelglass.analysis.adversarial import ruled
from modelglass.analysis.crowding import SMALL, Crowd, alone, crowd
from modelglass.analysis.difference import adjusted
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.finding import Budget, Finding, model_decides
from modelglass.analysis.groups import Rows
from modelglass.analysis.progress import span
from modelglass.analysis.wording import percent, say

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

ROWS, FEWEST = 2_000, 200
TOLD = 2
FRAGILE, MEDIUM = 0.02, 0.04
"""A column is told where surely so large a share of decisions turns over at ``SMALL`` spreads; of medium severity from the second on."""
ALPHA, TWICE, NARROW = 0.05, 2.0, 0.5
"""At the values named, the share of such rows must be so many times that of the rest, and they hold at most so large a share of all rows."""
_ADVICE = (
    "Check this column's input (unit, rounding, who enters it) before it is used; a monotone constraint, training rows with noise on it (Cheapest change gives "
    "the lines for it), a smoother model of this column or a band of manual review around these values make decisions steadier."
)


def find(ev: Evaluation, budget: Budget) -> list[Finding]:
    """Give the columns of numbers where rows crowd beside a step of the model, and the values where they do."""
    model_decides(ev)
    rows = min(ROWS, budget.rows, ev.n)
    try:
        seconds = max(budget.left() * 0.8, 0.5)
        found = alone(ev.sample(rows), ruled(ev, None), seconds=seconds, progress=span(budget.progress, 0.0, 0.9))
    except InputError as error:  # the model refuses possible rows
        budget.note = f"it ended early: {error}"
        return []
    kept = found.kept
    budget.used = kept.n
    if kept.n < min(FEWEST, rows):
        budget.note = f"the time was too short for {FEWEST} rows"
        return []
    tried = [crowd(found, c) for c in range(len(found.columns))]
    p = adjusted([c.p for c in tried])
    sure = [(c, float(q)) for c, q in zip(tried, p) if q <= ALPHA and c.low >= FRAGILE]
    sure.sort(key=lambda pair: -pair[0].low)
    told = ((c, q, _values(kept, c)) for c, q in sure)
    return [_told(kept, c, q, at) for c, q, at in told if at is not None][:TOLD]


def _values(kept: Evaluation, one: Crowd) -> Mapping[str, Any] | None:
    """Give the values of the column at which such rows stand, proposed by one half of the rows and judged on the other; None where at none in particular.

    A boundary that is jagged everywhere, as that of few neighbours, also turns over at little, but not at values of this column.
    """
    ones = np.ones(kept.n, np.int64)
    rows = Rows(task="binary", y=ones, predicted=1 - one.near, weight=kept.weight, cluster=kept.cluster)
    try:
        codings = discovery.searched_codings(kept, [one.name])
        found = discovery.measure(rows, codings, "accuracy", depth=1, k=3, seed=kept.seed)
    except NotApplicable:
        return None
    table, judging = found.table, found.settings["rows_judged"]
    told = table[(1 - table["estimate"] >= TWICE * (1 - table["rest"])) & (table["n"] <= NARROW * judging)]
    return None if told.empty else told.iloc[0].to_dict()


def _told(kept: Evaluation, one: Crowd, p: float, at: Mapping[str, Any]) -> Finding:
    there = percent(1 - at["estimate"], 1 - at["high"], 1 - at["low"])
    sentence = (
        f"A change of {one.name} alone by at most {SMALL:g} of its spread ({say(one.size)}) turns over {percent(one.estimate, one.low, one.high)} of "
        f"decisions ({kept.n:,} rows), {one.times:.1f} times as many as where rows lie evenly about a smooth boundary: many stand just beside a step of "
        f"the model, most of all where {at['slice']} ({there} of decisions there; judged on {at['n']:,} rows that did not propose it)"
    )
    return Finding(
        kind="fragile_column",
        severity="medium" if one.low >= MEDIUM else "low",
        sentence=sentence,
        n=kept.n,
        where=at["where"],
        evidence="adversarial",
        advice=_ADVICE,
        features=(one.name,),
        estimate=one.estimate,
        low=one.low,
        high=one.high,
        p_adjusted=p,
        harm=one.estimate,
    )
