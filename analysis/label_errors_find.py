"""What suspect labels add to the findings: noise, where contradictions of a sure model are surely more than honest doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.finding import Budget, Finding
from modelglass.analysis.intervals import wilson
from modelglass.analysis.label_errors import LabelErrors, label_errors

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

FEWEST = 2_000
"""Rows looked at at least: fewer would find nothing."""
MUCH = 0.02
"""Share of wrong labels whose lower limit above this is of high severity."""


def find(ev: Evaluation, budget: Budget) -> list[Finding]:
    """Give one finding where labels surely are wrong at random; for numbers nobody can tell."""
    if ev.task == "regression":
        raise NotApplicable(
            "nobody can tell wrong values of the outcome from rare ones that are true; data checks look for a surplus"
        )
    budget.used = min(ev.n, max(budget.rows // 2, FEWEST))
    found = label_errors(ev.sample(budget.used), progress=budget.progress)
    if not found.sure:
        _refuse_unless_told(found)
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


def _refuse_unless_told(found: LabelErrors) -> None:
    """Refuse where nothing was tested, unless so few labels contradict the model that no more than ``MUCH`` can be wrong."""
    all_ = found.sides.iloc[0]
    few = all_["n"] and wilson(np.array(all_["share"]), np.array(float(all_["n"])), found.settings["level"])[1] <= MUCH
    if np.isnan(found.p) and not few:
        raise NotApplicable(str(all_["note"]).removeprefix("cannot say: ").removeprefix("cannot be said: "))
