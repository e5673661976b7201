"""What promised quantiles add to the findings: that they do not hold as often as they promise, by more than chance explains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modelglass.analysis.finding import Budget, Finding
from modelglass.analysis.interval_coverage import held_text, interval_coverage

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

LEVEL = 0.99
LARGE, WORTH_A_LOOK = 0.05, 0.02
"""Share that came true less share promised, whose end nearer to 0 is beyond this: of high, of medium severity."""


def find(ev: Evaluation, budget: Budget) -> list[Finding]:
    """Say that the promise told first is surely not kept: the one of the model's own quantile, or of the widest interval."""
    found = interval_coverage(ev, level=LEVEL)
    row = found.first()
    if not row.clear or not np.isfinite(row.low + row.high):
        return []
    surely = max(float(row.nominal - row.high), float(row.low - row.nominal), 0.0)
    if surely < WORTH_A_LOOK:
        return []
    less = row.estimate < row.nominal
    wrong = "too narrow" if less else "wider than need be"
    if row.kind == "quantile":
        wrong = "too low" if less else "too high"
    return [
        Finding(
            kind="broken_promise",
            severity="high" if surely >= LARGE else "medium",
            sentence=f"{held_text(row, found.aim)}: {'it is' if row.kind == 'interval' else 'predictions are'} {wrong}",
            estimate=float(row.estimate),
            low=float(row.low),
            high=float(row.high),
            n=int(row.n),
            evidence="interval_coverage",
            advice=(
                "Values here are not as in training, or the model fits its training rows too closely: regularise or retrain, or move the "
                "promises until they hold on rows like these (conformal prediction)."
            ),
            harm=surely,
        )
    ]
