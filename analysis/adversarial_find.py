"""What the search for cheapest changes adds to the findings: columns of which a slight change alone turns decisions over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modelglass.analysis.adversarial import SMALL, adversarial
from modelglass.analysis.errors import AnalysisError, Stopped
from modelglass.analysis.finding import Budget, Finding

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

ROWS = 200
TOLD = 2
FRAGILE, VERY = 0.02, 0.1
"""A column is told where surely so large a share of decisions turns over at 0.1 spreads; of medium severity from the second on."""
_ADVICE = (
    "Check this column's input (range, unit, rounding) before it is used; a monotone constraint, fewer steps near these values or a band of "
    "manual review around the threshold make decisions steadier."
)


def find(ev: Evaluation, budget: Budget) -> list[Finding]:
    """Give the columns of numbers of which 0.1 spreads alone change many decisions, and how cheaply rows are turned over."""
    if ev.model is None or ev.task == "regression":
        return []
    rows = min(ROWS, budget.rows, ev.n)
    try:
        got = adversarial(ev, rows=rows, rounds=0, budget=max(budget.left() * 0.8, 0.5), progress=budget.progress)
    except Stopped:
        raise
    except AnalysisError:
        return []
    budget.used = rows
    kept = got.rows[got.rows.excluded == ""]
    if got.stopped and not np.isfinite(kept.cost).any():
        return []
    out = []
    for one in got.columns.head(TOLD).itertuples(index=False):
        if not np.isfinite(one.low) or one.low < FRAGILE or ev.columns[one.column].kind not in ("numeric", "datetime"):
            continue
        sentence = (
            f"A change of {one.column} alone by at most {SMALL:g} of its spread turns over {one.estimate:.1%} of decisions "
            f"({one.low:.1%} to {one.high:.1%}; {one.n:,} rows)."
        )
        out.append(
            Finding(
                kind="fragile_column",
                severity="medium" if one.low >= VERY else "low",
                sentence=sentence,
                n=int(one.n),
                evidence="adversarial",
                advice=_ADVICE,
                features=(one.column,),
                estimate=float(one.estimate),
                low=float(one.low),
                high=float(one.high),
                harm=float(one.estimate) * SMALL,
            )
        )
    return out
