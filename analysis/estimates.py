"""Every metric of every group, with its interval: ``estimate(metric, groups, level)``.

Where the interval cannot be given the estimate may still stand and the note says why; where the metric itself has no meaning
both are NaN. The estimators are in ``estimates_labels`` (decisions), ``estimates_scores`` and ``estimates_values`` (regression).
"""

from __future__ import annotations

import numpy as np

from modelglass.analysis import estimates_labels, estimates_scores, estimates_values  # noqa: F401  they register themselves
from modelglass.analysis.estimated import ESTIMATORS, Estimates, rows_text
from modelglass.analysis.groups import Groups
from modelglass.analysis.metrics import Metric, reason_against


def estimate(metric: Metric, groups: Groups, level: float = 0.95) -> Estimates:
    """Estimate one metric in every group.

    Parameters
    ----------
    metric : Metric
        With an own function the estimate only, group by group.
    groups : Groups
    level : float
        Level of the intervals, in (0, 1).
    """
    rows = groups.rows
    kind = None if rows.score is None else ("probability" if rows.probability else "decision")
    reason = reason_against(metric, rows.task, kind)
    if reason is not None:
        nothing = np.full(groups.count, np.nan)
        return Estimates(nothing, nothing, nothing, np.zeros(groups.count, int), "none").cannot(
            nothing != 0, lambda g: reason
        )
    if metric.function is not None:
        return _own(metric, groups)
    found = ESTIMATORS[metric.name](groups, level)
    found.cannot(groups.n == 0, lambda g: "no rows")
    found.cannot((groups.w == 0) & (groups.n > 0), lambda g: f"the weights of all {rows_text(groups.n[g])} are 0")
    found.cannot(np.isnan(found.estimate), lambda g: f"rows that {metric.name} rests on have no weight")
    return found.within(*metric.range)


def _own(metric: Metric, groups: Groups) -> Estimates:
    rows = groups.rows
    order = np.argsort(groups.codes, kind="stable")
    parts = np.split(order, np.cumsum(groups.n)[:-1])
    values = np.array([own_value(metric, groups, part) for part in parts])
    nothing = np.full(groups.count, np.nan)
    found = Estimates(values, nothing, nothing, groups.n, "none")
    found.cannot(np.isnan(values), lambda g: f"{metric.name} gave no number on {rows_text(groups.n[g])} of {rows.task}")
    return found.no_interval(~np.isnan(values), lambda g: "the metric is a function of your own")


def own_value(metric: Metric, groups: Groups, part: np.ndarray) -> float:
    """Call the user's function on some rows: it gets (y_true, decisions or values, weights of 1 where there are none)."""
    rows = groups.rows
    if not len(part):
        return np.nan
    weight = np.ones(len(part)) if rows.weight is None else rows.weight[part]
    given = rows.predicted if metric.needs in ("label", "value") or rows.score is None else rows.score
    try:
        return float(metric.function(rows.y[part], given[part], weight))  # type: ignore[misc]
    except (ValueError, ZeroDivisionError):
        return np.nan  # one class only, say; the note tells
