"""What suspect labels add to the findings: noise, where contradictions of a sure model are surely more than honest doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelglass.analysis.finding import Budget, Finding
from modelglass.analysis.label_errors import label_errors

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

FEWEST = 2_000
"""Rows looked at at least: fewer would find nothing."""
MUCH = 0.02
"""Share of wrong labels whose lower limit above this is of high severity."""


def find(ev: Evaluation, budget: Budget) -> list[Finding]:
    """Give one finding where labels surely are wrong at random; none for numbers, where nobody can tell."""
    if ev.task == "regression":
        return []
    budget.used = min(ev.n, max(budget.rows // 2, FEWEST))
    found = label_errors(ev if budget.used == ev.n else ev.sample(budget.used), progress=budget.progress)
    if not found.sure:
        return []
    estimate, low, high = found.noise
    return [
        Finding(
            kind="label_noise",
            severity="high" if low > MUCH else "medium",
            sentence=(
                f"About {100 * estimate:.2g} % of the labels look wrong (interval {100 * low:.2g} to {100 * high:.2g} %): {len(found.rows):,} "
                f"of {found.settings['rows']:,} contradict a model that is sure, and they are about as frequent where it is surest"
            ),
            n=int(found.settings["rows"]),
            estimate=estimate,
            low=low,
            high=high,
            p_adjusted=found.p,
            evidence="label_errors",
            advice="Look at the rows trusted least and mend their labels; if they are right, a column is missing that tells them.",
            harm=estimate,
        )
    ]
