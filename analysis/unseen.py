"""Rows that the model may have been fitted on: evaluation rows that also stand in the training data, beyond what chance gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from modelglass.analysis.row_hashes import Hashes, row_hashes, times_seen

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

P_MOST = 0.01
"""Chance that as many rows would be equal although none was taken over, below which they count as taken over."""
FEWEST = 3


def unseen(ev: Evaluation) -> np.ndarray:
    """Give the places of rows that the model was not fitted on, as far as the training data tell, rising.

    Rows whose inputs stand in the training data are left out, whatever their outcome: leaving out equal ones only where the outcome agrees
    would make the others look harder than they are. Where columns hold few values some rows equal a training row by chance, as new ones
    would; if there are no more of them than training rows that equal another training row (two shares, pooled), all stay.

    Returns
    -------
    Integer array; all places without training data, or where these lack a column that the model reads.
    """
    every = np.arange(ev.n)
    train, names = ev.train, list(ev.features)
    if train is None or not names or not len(train) or any(n not in train for n in names):
        return every
    theirs = row_hashes(train, names)
    both = np.isin(row_hashes(ev.frame, names), theirs)
    k, n, m = int(both.sum()), len(both), len(theirs)
    taken_over = k >= FEWEST and more_than(k, n, share_by_chance(theirs), m) <= P_MOST
    return np.flatnonzero(~both) if taken_over else every


def share_by_chance(there: Hashes) -> float:
    """Give the share of training rows that another training row equals: what a new row of the same source has too."""
    return float((times_seen(there) > 1).mean())


def more_than(k: int, n: int, share: float, m: int) -> float:
    """Give the p-value of k of n, against a share that m rows show (two shares, pooled, with half a row of continuity)."""
    pooled = (k + share * m) / (n + m)
    spread = np.sqrt(max(pooled * (1 - pooled), 1e-12) * (1 / n + 1 / m))
    return float(stats.norm.sf((k / n - share - 0.5 / n) / spread))
