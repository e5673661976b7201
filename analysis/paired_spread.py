"""How sure a change of a metric on the same rows is: variance of a sum of influences, and what of it the weights leave."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelglass.analysis.estimates_scores import AVERAGES
from modelglass.analysis.groups import Groups, Moments, Rows, join, largest, sample_moments
from modelglass.analysis.metrics import Metric
from modelglass.analysis.weighted import equal_rows

BY_CLASS = (
    "balanced_accuracy",
    "precision",
    "recall",
    "f1",
    "fpr",
    "fnr",
    "mcc",
    "precision_weighted",
    "f1_weighted",
    *AVERAGES,
)
"""Metrics made of shares of classes, or of ranks of one class beside another."""
SHARES = {"accuracy": None, "selection_rate": None, "recall": 1, "fnr": 1, "fpr": 0}
"""Metrics that are a share of decisions among all rows, or among those of one outcome (binary)."""

FEWEST_CHANGED = 10
"""Changed decisions (or clusters with one; with weights Kish's number) below which other metrics of decisions have no interval of a change:
with 5 to 9 on average 87 to 96 % held 95 %, with 1 to 4 at least 61 (precision, F1, MCC, balanced accuracy)."""


def spread_of(metric: Metric, clean: Rows, gains: np.ndarray) -> tuple[float, float, float]:
    """Give variance and degrees of freedom of a sum of influences (n,), and the number of units (with weights Kish's) that it rests on.

    A row that carries much of the weight draws what it is compared with to itself, so its influence is too small by its own part, and its
    spread is known from that row alone (``Groups.moments``): in metrics made of shares of a class that class is what it is compared with.
    """
    if clean.weight is None:
        own = by_unit(clean, gains)
        return float((own**2).sum()) * len(own) / max(len(own) - 1, 1), max(len(own) - 1.0, 1.0), len(own)
    n = len(clean.y)
    units = equal_rows(by_unit(clean, clean.weight), n)
    if clean.cluster is not None or metric.name not in BY_CLASS:
        found = Groups(clean, np.zeros(n, np.int64), 1).moments(gains)
    else:
        found = _joined(sample_moments(gains, clean.weight, clean.y, clean.classes), np.bincount(clean.y, clean.weight))
    return float(found.variance[0]), float(np.asarray(found.df)[0]), units


def _joined(classes: Moments, weight: np.ndarray) -> Moments:
    """Add up the moments of the classes that have weight."""
    used = np.flatnonzero(weight > 0)
    return join([Moments(classes.variance[[c]], classes.third[[c]], classes.df[[c]]) for c in used])


def of_two_more(metric: Metric, clean: Rows) -> float:
    """Give the sum of squared influences of two changed decisions on a metric that is a share of decisions; 0 of any other."""
    if metric.name not in SHARES or (SHARES[metric.name] is not None and clean.task != "binary"):
        return 0.0
    among, weight = SHARES[metric.name], np.ones(len(clean.y)) if clean.weight is None else clean.weight
    share = by_unit(clean, weight if among is None else weight * (clean.y == among))
    share = share[share > 0]
    return 2 * float((share**2).mean() / share.sum() ** 2) if len(share) else 0.0


def enough_changed(metric: Metric, clean: Rows, changed: Sequence[Rows]) -> bool:
    """Say whether enough decisions change for the spread of a metric of decisions to be seen; ``SHARES`` need none, as two more are counted."""
    if metric.needs != "label" or of_two_more(metric, clean) > 0:
        return True
    flipped = np.any([rows.predicted != clean.predicted for rows in changed], axis=0)
    weight = by_unit(clean, flipped * (1.0 if clean.weight is None else clean.weight))
    weight = weight[weight > 0]
    few = len(weight) if clean.weight is None else equal_rows(weight, len(weight))
    return bool(few >= FEWEST_CHANGED * (1 - 1e-9))


def by_unit(clean: Rows, values: np.ndarray) -> np.ndarray:
    """Sum influences (n,) within clusters; rows where there are none."""
    return values if clean.cluster is None else np.bincount(units_of(clean), weights=values)


def units_of(clean: Rows) -> np.ndarray:
    """Number the units from 0 without gaps, (n,): clusters, or rows where there are none."""
    cluster = clean.cluster
    if cluster is None:
        return np.arange(len(clean.y))
    return clean.keep("unit", lambda: np.unique(cluster, return_inverse=True)[1].reshape(-1))


def weights_df(clean: Rows) -> float:
    """Give the degrees of freedom that the weights of units leave to a variance (Satterthwaite's, as in ``Groups.moments``); with equal weights units - 1."""
    weight = by_unit(clean, np.ones(len(clean.y)) if clean.weight is None else clean.weight)
    if clean.weight is None:
        return max(len(weight) - 1.0, 1.0)
    return equal_rows((weight / largest(weight)) ** 2, len(weight)) - 1
