"""Do contradictions of a sure model become rarer where it is surer? Honest doubt does; labels that are wrong at random do not.

A cross-fitted model ranks the rows that the model is sure of by how probable a contradiction is, from all columns and the model's own
score; its safest third is compared with the others. Where rows can be told apart, the risk of an honest outcome falls far (to less than
``RATIO`` of that of the others in nearly all of 440 simulated clean worlds, of well and badly calibrated, over- and under-fitted models),
while labels that are wrong at random are as frequent in the safest third as elsewhere. The rate there is
the noise and what honest doubt is left there: between none and ``RATIO`` of that in the others, ``TYPICAL`` of it as the estimate. An
outcome that the columns cannot tell at all looks the same as noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from modelglass.analysis.blas import one_openmp_thread
from modelglass.analysis.intervals import wilson
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.weighted import equal_rows

Floats = NDArray[Any]
FOLDS = 4
SAFEST = 1 / 3
RATIO, TYPICAL = 0.35, 0.15
"""Honest doubt in the safest third is taken to be less than the one share of that in the others, and is the other on average."""
HIGHEST = 0.2
"""A model that is contradicted more often than this where it is sure is not sure."""
OF_PRIOR = 0.5
"""Nor is one that is contradicted more than this share as often as without any knowledge."""
FEWEST = 20
FEWEST_DIFFERENT = 50
"""Fewer different rows than these (by inverse Simpson index) cannot be ranked."""
MOST_FITTED = 30_000


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Flatness:
    """Contradictions among rows that a model is sure of.

    n, contradicted     rows, and those whose label contradicts it
    safest, others      share contradicted in the safest third and in the others
    noise, low, high    share of labels that are wrong at random, with an interval that holds whatever share honest doubt keeps
    p                   of "the safest third is contradicted less than ``RATIO`` times as often as the others"; NaN where the note says why
    """

    n: int
    contradicted: int
    safest: float = np.nan
    others: float = np.nan
    noise: float = np.nan
    low: float = np.nan
    high: float = np.nan
    p: float = np.nan
    note: str = ""


def risks(
    features: np.ndarray, contradicted: np.ndarray, weight: Floats | None, fold: np.ndarray, progress: Progress | None
) -> Floats:
    """Rank rows by the cross-fitted probability of a contradiction, (n,): the number of rows of its fold that are safer, in [0, 1].

    Rows of equal risk get the middle of their ranks.

    Parameters
    ----------
    features : array, shape (n, m)
        The first column is the model's confidence: more of it never means more risk. Rows stand in the order of their content.
    contradicted : bool array, shape (n,)
    fold : integer array, shape (n,), in [0, FOLDS)
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    risk = np.full(len(features), np.nan)
    rng = np.random.default_rng(20_047)
    for k in range(FOLDS):
        tell(progress, k / FOLDS, "asking which sure rows are contradicted")
        mine, rest = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
        if len(rest) > MOST_FITTED:
            rest = np.sort(rng.choice(rest, MOST_FITTED, replace=False))
        if len(np.unique(contradicted[rest])) < 2 or not len(mine):
            continue
        model = HistGradientBoostingClassifier(
            max_iter=60,
            learning_rate=0.08,
            max_depth=3,
            min_samples_leaf=30,
            monotonic_cst=[-1] + [0] * (features.shape[1] - 1),
            early_stopping=False,
            random_state=0,
        )
        with one_openmp_thread():
            model.fit(features[rest], contradicted[rest], None if weight is None else weight[rest])
            risk[mine] = np.round(model.predict_proba(features[mine])[:, 1], 9)
    return risk


def flatness(
    risk: Floats,
    contradicted: np.ndarray,
    fold: np.ndarray,
    prior: float,
    *,
    weight: Floats | None = None,
    cluster: np.ndarray | None = None,
    different: float = np.inf,
    level: float = 0.95,
) -> Flatness:
    """Compare the safest third of some rows with the others.

    Parameters
    ----------
    risk : array, shape (n,)
        From ``risks``: of rows of one fold comparable.
    prior : float
        Share that would be contradicted if the model knew nothing.
    different : float
        How many different rows there are.
    """
    n, hits = len(risk), int(contradicted.sum())
    w = np.ones(n) if weight is None else weight
    if n == 0 or w.sum() <= 0:
        return Flatness(n=n, contradicted=hits, note="cannot say: no rows")
    rate = float(w @ contradicted / w.sum())
    note = _why_not(n, hits, rate, prior, different, risk) or _why_not_weighed(weight, hits, rate)
    if note:
        return Flatness(n=n, contradicted=hits, note=note)
    safe = _safest(risk, fold, w)
    size = _effective(w, cluster, contradicted - rate) / w.sum()
    parts = [w * safe, w * (1 - safe)]
    weights = [float(p.sum()) for p in parts]
    found = [float(p @ contradicted) for p in parts]
    a, b = (f / v for f, v in zip(found, weights))
    ends = [wilson(v, m * size, level) for v, m in zip((a, b), weights)]
    share = RATIO * weights[0] / (RATIO * weights[0] + weights[1])
    below = float(np.hypot(a - ends[0][0], RATIO * (ends[1][1] - b)))  # MOVER
    x, y = found[0] * size, found[1] * size
    return Flatness(
        n=n,
        contradicted=hits,
        safest=a,
        others=b,
        noise=max((a - TYPICAL * b) / (1 - TYPICAL), 0.0),
        low=max((a - RATIO * b - below) / (1 - RATIO), 0.0),
        high=float(ends[0][1]),
        p=float(special.betainc(x, y + 1, share)) if x > 0 else 1.0,  # binomial tail, x of x + y
    )


def _why_not(n: int, hits: int, rate: float, prior: float, different: float, risk: Floats) -> str:
    if hits < FEWEST:
        return f"cannot say: only {hits} labels contradict the model where it is sure, at least {FEWEST} are needed"
    if rate > HIGHEST or rate > OF_PRIOR * prior:
        return (
            f"cannot say: the model is contradicted in {rate:.0%} of the rows it is sure of, so it is not sure enough"
        )
    if different < FEWEST_DIFFERENT or np.isnan(risk).any():
        return "cannot say: the columns tell too few rows apart to see whether surer ones are contradicted less"
    return ""


def _why_not_weighed(weight: Floats | None, hits: int, rate: float) -> str:
    if weight is None:
        return ""
    counted = rate * equal_rows(weight, len(weight))
    if counted >= FEWEST * (1 - 1e-9):
        return ""
    return (
        f"cannot say: the {hits} labels that contradict the model where it is sure count for no more than {counted:.3g} by their weights, at "
        f"least {FEWEST} are needed"
    )


def _safest(risk: Floats, fold: np.ndarray, w: Floats) -> Floats:
    """Give the part of each row in [0, 1] that is in the safest third of its fold; rows of equal risk share what is left of it."""
    out = np.zeros(len(risk))
    for k in np.unique(fold):
        mine = np.flatnonzero(fold == k)
        _, level = np.unique(risk[mine], return_inverse=True)
        mass = np.bincount(level.reshape(-1), weights=w[mine])
        before = np.cumsum(mass) - mass
        with np.errstate(invalid="ignore", divide="ignore"):
            part = np.clip((SAFEST * mass.sum() - before) / mass, 0.0, 1.0)
        out[mine] = np.nan_to_num(part)[level.reshape(-1)]
    return out


def _effective(w: Floats, cluster: np.ndarray | None, rest: Floats) -> float:
    """Number of independent rows that say as much: Kish's, over the design effect of clusters."""
    kish = float(w.sum() ** 2 / (w**2).sum())
    if cluster is None:
        return kish
    part = w * rest
    summed = np.bincount(np.unique(cluster, return_inverse=True)[1].reshape(-1), weights=part)
    return kish / max(float((summed**2).sum() / max((part**2).sum(), 1e-300)), 1.0)


def different_rows(content: np.ndarray) -> float:
    """Inverse Simpson index of rows by their content: 1 where all are equal, their number where all differ."""
    counts = np.unique(content, return_counts=True)[1].astype(float)
    return float(counts.sum() ** 2 / (counts**2).sum()) if len(counts) else 0.0
