"""What it takes to change an answer: the boundary as functions of the model's raw output, where that output can be read."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from modelglass.analysis.reach import Unreadable

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

CLOSE = 1e-5


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Boundary:
    """For some rows one way to change the answer: it is another one where ``raw @ a + b >= 0``.

    rows    places, (m,); a (k,): weights of the raw outputs; b (m,)
    """

    rows: np.ndarray
    a: np.ndarray
    b: np.ndarray


def raw_output(estimator: Any, X: Any) -> np.ndarray:
    """Give a tree model's or a linear model's output before any link, shape (n, k).

    Raises
    ------
    ValueError, TypeError, AttributeError
        Where it cannot be read.
    """
    name, library = type(estimator).__name__, type(estimator).__module__.split(".")[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if library == "xgboost" and hasattr(estimator, "get_booster"):
            raw = estimator.predict(X, output_margin=True)
        elif library == "lightgbm":
            raw = estimator.predict(X, raw_score=True)
        elif library == "catboost":
            raw = estimator.predict(X, prediction_type="RawFormulaVal")
        elif library != "sklearn":
            raise TypeError(f"{name} is no model that is known")
        elif hasattr(estimator, "coef_"):
            raw = estimator.decision_function(X) if hasattr(estimator, "decision_function") else estimator.predict(X)
        elif name in ("HistGradientBoostingClassifier", "GradientBoostingClassifier"):
            raw = estimator.decision_function(X)
        else:
            raw = estimator.predict_proba(X) if hasattr(estimator, "predict_proba") else estimator.predict(X)
    return np.asarray(raw, dtype="float64").reshape(X.shape[0], -1)


def boundaries(ev: Evaluation, raw: np.ndarray, amount: float) -> list[Boundary]:
    """Say for each row of ``ev`` what changes its answer.

    Parameters
    ----------
    raw : float array (n, k), ``raw_output`` of the rows
    amount : float
        In regression the move of the prediction that counts.

    Raises
    ------
    Unreadable
        The answer is not a known function of the raw output.
    """
    made = list(_boundaries(ev, raw, amount))
    if not made or not _linked(ev, raw) or not _inside(made, raw):
        raise Unreadable("the decision is not a known function of the model's raw output")
    return made


def _inside(made: list[Boundary], raw: np.ndarray) -> bool:
    """Tell whether no row is beyond its own boundary."""
    edge = CLOSE * max(1.0, float(np.abs(raw).max()))
    return all((raw[one.rows] @ one.a + one.b <= edge).all() for one in made)


def _boundaries(ev: Evaluation, raw: np.ndarray, amount: float) -> Iterator[Boundary]:
    n, k = raw.shape
    if ev.task == "regression":
        if k == 1:
            for sign in (1.0, -1.0):
                yield Boundary(rows=np.arange(n), a=np.array([sign]), b=-sign * raw[:, 0] - amount)
        return
    if ev.task == "multiclass":
        if k == len(ev.classes) and ev.threshold is None:
            for own in range(k):
                rows = np.flatnonzero(ev.predicted == own)
                for other in range(k):
                    if other != own and len(rows):
                        yield Boundary(rows=rows, a=np.eye(k)[other] - np.eye(k)[own], b=np.zeros(len(rows)))
        return
    index = ev.positive_index or 0
    if k > 2:
        return
    positive = np.eye(k)[index] if k == 2 else np.array([1.0 if index else -1.0])
    at = _cut(ev, k)
    for decided, sign in ((False, 1.0), (True, -1.0)):
        rows = np.flatnonzero((ev.predicted == ev.positive_index) == decided)
        if len(rows):
            yield Boundary(rows=rows, a=sign * positive, b=np.full(len(rows), -sign * at))


def _cut(ev: Evaluation, k: int) -> float:
    """Raw output of the positive class at the threshold."""
    if k == 2:
        return 0.5 if ev.threshold is None else ev.threshold
    if ev.threshold is None:
        return 0.0
    return float(special.logit(ev.threshold)) if ev.score_kind == "probability" else ev.threshold


def _linked(ev: Evaluation, raw: np.ndarray) -> bool:
    """Tell whether the raw output gives the model's answer by a link that keeps its order."""
    if ev.task == "regression":
        return bool(np.abs(raw[:, 0] - ev.predicted).max() <= CLOSE * max(1.0, float(np.abs(raw).max())))
    if ev.score is None:
        return True
    score = np.asarray(ev.score, dtype=float)
    if ev.task == "binary":
        index = ev.positive_index or 0
        mine = raw[:, index] if raw.shape[1] == 2 else raw[:, 0] * (1 if index else -1)
        links = (mine, special.expit(mine))
    else:
        links = (raw, special.softmax(raw, axis=1))
    return any(
        np.abs(link - score).max() <= CLOSE * max(1.0, float(np.abs(score).max()))
        for link in links
        if link.shape == score.shape
    )
