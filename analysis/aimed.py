"""Predictions of a quantile, held to what they promise: that a share of the outcomes lies at or below them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.groups import Rows
from modelglass.analysis.wording import percent


def named(aim: float) -> str:
    """Name a quantile by its share.

    >>> named(0.9)
    'the 0.9 quantile'
    """
    return f"the {aim:g} quantile"


def below(rows: Rows, *, equal: bool = True) -> Rows:
    """Give the rows of a regression as binary ones: whether the outcome lies at or below the prediction, promised with the share ``rows.aim``.

    So what judges probabilities judges the quantile: ``calibration_gap`` is the promised share less the one that came true, and
    ``selection_rate`` the latter. Without ``equal`` only outcomes below the prediction count.
    """
    y, predicted = np.asarray(rows.y), np.asarray(rows.predicted)
    held = (y <= predicted if equal else y < predicted).astype(np.int64)
    return replace(
        rows,
        task="binary",
        y=held,
        predicted=held,
        score=np.full(len(held), 0.5 if rows.aim is None else rows.aim),
        probability=True,
        classes=2,
        names=("above", "at or below"),
        aim=None,
    )


MOST_TIES = 0.02
"""Share of outcomes that equal the prediction, above which a share at or below it does not tell whether a quantile holds."""


def no_ties(rows: Rows) -> None:
    """Refuse to compare shares at or below the prediction where many outcomes equal it: a right quantile may then have any of them.

    Raises
    ------
    NotApplicable
        Where more than 2 % of the outcomes equal the prediction.
    """
    tied = float(np.mean(np.asarray(rows.y) == np.asarray(rows.predicted)))
    if tied > MOST_TIES:
        raise NotApplicable(
            f"{percent(tied)} of outcomes equal the predicted quantile, so that shares at or below it need not be as promised"
        )


def no_mean(aim: float | None, what: str) -> None:
    """Refuse to judge predictions of a quantile as if they were means.

    Raises
    ------
    NotApplicable
        Where the model was trained for a quantile.
    """
    if aim is not None:
        raise NotApplicable(
            f"the model predicts {named(aim)} and not the mean, so that {what}; the coverage of promised intervals judges it"
        )
