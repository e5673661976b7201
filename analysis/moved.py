"""A moved threshold: the metrics of two classes from counts along the sorted scores, kept with the Evaluation.

Metrics of decisions follow from how many rows (and how much weight) of each class score at least the threshold: one binary search.
Metrics of scores do not depend on it: made once. Nothing is rounded or sampled; a million rows take as long as a hundred.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from modelglass.analysis.auc import sort_scores
from modelglass.analysis.estimated import Estimates
from modelglass.analysis.estimates import estimate
from modelglass.analysis.groups import Groups, Rows, rows_of
from modelglass.analysis.metrics import Metric
from modelglass.analysis.ranking import Ranking, ranking_of
from modelglass.analysis.rates import Decisions, decisions

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation


@dataclass(frozen=True, eq=False, slots=True)
class Moved:
    """The metrics of all rows of an Evaluation of two classes at its threshold, as one group."""

    ev: Evaluation

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.ev.n

    def estimate(self, metric: Metric, level: float) -> Estimates:
        """Give what ``estimates.estimate`` gives; ``metric`` is no function of a user."""
        if metric.needs == "label":
            return estimate(metric, decided(self.ev), level)
        return self.ev.keep(
            ("estimate", metric.name, level), lambda: estimate(metric, _one_group(_sorted_rows(self.ev)), level)
        )


def moved(ev: Evaluation, class_: Any = None) -> Moved | None:
    """Give the quick way where there is one: two classes, scores, and a threshold that decides; else None."""
    quick = ev.task == "binary" and ev.score is not None and ev.threshold is not None and class_ in (None, "")
    return Moved(ev) if quick and ev.n else None


def ranking(ev: Evaluation) -> Ranking:
    """Give the rows of two classes ranked by score; sorted once, whatever the threshold."""
    scores = lambda: sort_scores(np.asarray(ev.score), ev.y == ev.positive_index, ev.weight)  # noqa: E731
    return ev.keep(
        "ranking",
        lambda: ranking_of(ev.keep(("sorted scores", ev.positive_index), scores), np.asarray(ev.score), ev.cluster),
    )


def decided(ev: Evaluation, *, of_classes: bool = False) -> Decisions:
    """Give the table of outcome and decision at the threshold, with what intervals need, as one group.

    The positive class stands last, or with ``of_classes`` where it stands in ``ev.classes``.
    """
    along = ranking(ev)
    found = decisions(along, along.place([ev.threshold]), weighted=ev.weight is not None)
    return found.turned() if of_classes and ev.positive_index == 0 else found


def _sorted_rows(ev: Evaluation) -> Rows:
    rows = rows_of(ev)
    ranking(ev)
    rows.keep(("sort", 1), lambda: ev.keep(("sorted scores", ev.positive_index), lambda: None))
    return rows


def _one_group(rows: Rows) -> Groups:
    return Groups(rows, np.zeros(len(rows.y), dtype=np.int64), 1)
