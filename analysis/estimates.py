"""Every metric of every group, with its interval: ``estimate(metric, groups, level)``.

Where the interval cannot be given the estimate may still stand and the note says why; where the metric itself has no meaning
both are NaN. The estimators are in ``estimates_labels`` (decisions), ``estimates_scores`` and ``estimates_values`` (regression).
"""

from __future__ import annotations

import numpy as np

from modelglass.analysis import estimates_labels, estimates_promises, estimates_values  # noqa: F401  they register themselves
from modelglass.analysis.estimated import ESTIMATORS, Estimates, all_rows
from modelglass.analysis.estimates_scores import top_k
from modelglass.analysis.groups import Groups
from modelglass.analysis.metrics import Metric, reason_against
from modelglass.analysis.own_metrics import Bootstrap, own_estimates


def estimate(metric: Metric, groups: Groups, level: float = 0.95, own: Bootstrap | None = None) -> Estimates:
    """Estimate one metric in every group.

    Parameters
    ----------
    metric : Metric
    groups : Groups
    level : float
        Level of the intervals, in (0, 1).
    own : Bootstrap, optional
        How intervals of own functions are drawn; without it they get none.
    """
    rows = groups.rows
    reason = reason_against(metric, rows.task, rows.score_kind, rows.aim)
    if reason is not None:
        nothing = np.full(groups.count, np.nan)
        return Estimates(nothing, nothing, nothing, np.zeros(groups.count, int), "none").cannot(
            nothing != 0, lambda g: reason
        )
    if metric.function is not None:
        return own_estimates(metric, groups, level, own)
    found = top_k(groups, level, metric.top) if metric.top else ESTIMATORS[metric.name](groups, level)
    found.cannot(groups.n == 0, lambda g: "no rows")
    found.cannot((groups.w == 0) & (groups.n > 0), lambda g: f"the weights of {all_rows(groups.n[g])} are 0")
    found.cannot(np.isnan(found.estimate), lambda g: f"rows that {metric.name} rests on have no weight")
    found.no_interval(
        ~(np.isfinite(found.low) & np.isfinite(found.high)) & np.isfinite(found.estimate),
        lambda g: "the rows that it rests on are too few or their weights too uneven to tell how far it may be off",
    )
    return found.not_flat().within(*metric.range)
