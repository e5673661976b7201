"""What accumulated local effects add to the findings: stretches against what is expected, and stretches against the outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.finding import Budget, Finding
from modelglass.analysis.progress import span
from modelglass.explainers import expected_find, turned_find

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation


def find(ev: Evaluation, budget: Budget) -> list[Finding]:
    """Give both; where one of them cannot be judged, the other, and say why not. Without an expected direction only turned stretches are."""
    if not any(ev.columns[c].expected for c in ev.features):
        return turned_find.find(ev, budget)
    whole, found, reasons = budget.progress, [], []
    for what, low, judge in (
        ("expected directions", 0.0, expected_find.find),
        ("turns against the outcome", 0.5, turned_find.find),
    ):
        budget.progress = span(whole, low, low + 0.5)
        try:
            found += judge(ev, budget)
        except NotApplicable as answer:
            reasons.append((what, answer))
    budget.progress = whole
    if len(reasons) == 2:
        raise reasons[1][1]
    budget.note = "; ".join(f"{what} were not judged, because {answer.reason}" for what, answer in reasons)
    return found
