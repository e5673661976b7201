"""Predictions: how scores are spread over the classes, or how predicted numbers lie against actual ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.aimed import below, named
from modelglass.analysis.auc import SortedScores
from modelglass.analysis.curves import Part, chosen_class
from modelglass.analysis.curves import parts as curve_parts
from modelglass.analysis.errors import InputError
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.estimates import estimate
from modelglass.analysis.groups import Groups, Rows, class_of
from modelglass.analysis.joining import conjoined, in_bins
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.performance import check_level
from modelglass.analysis.ranking import one, one_group, share, weights
from modelglass.analysis.reserved import OUTCOME, PREDICTION
from modelglass.analysis.result import Result
from modelglass.analysis.source import UNNAMED, Source
from modelglass.analysis.wording import percent, ranged, say, score

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

MOST_POINTS = 2_000


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Predictions(Result):
    """Scores by class in classification; actual against predicted numbers in regression. Counts of all rows.

    bins    classification: one row per class scored (group), actual ("GROUP" or "not GROUP") and bin: left,
            right (edges; a bin holds left <= score < right, the last also its right edge), n, weight, share
            (of the weight of that actual). regression: one row per used cell: group "", left, right
            (predicted), bottom, top (actual), n, weight, share (of all). Both: where (SQL condition of the rows, None
            where it cannot be written)
    summary classification: group, n, n_actual, median_of_class, median_of_others, and roc_auc with low and
            high (DeLong). regression: n, r2, mae, each with low and high; of a model of a
            quantile in their place at_or_below (share of outcomes at or below the prediction) and pinball_loss
    sample  regression: at most 2,000 rows drawn with settings["seed"], for the eye only: row, predicted,
    actual; else empty
    """

    bins: pd.DataFrame
    summary: pd.DataFrame
    sample: pd.DataFrame
    aim: float | None = None
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give the counts, one row per bin or cell."""
        return self.bins

    def sentence(self) -> str:
        """Say how far apart the classes are, or how close the predictions come."""
        first = self.summary.iloc[0]
        if self.aim is not None:
            held = percent(first.at_or_below, first.at_or_below_low, first.at_or_below_high)
            loss = ranged(first.pinball_loss, first.pinball_loss_low, first.pinball_loss_high)
            return f"The model predicts {named(self.aim)}: {held} of {rows_text(int(first.n))} lie at or below it, where {self.aim:.1%} is promised; pinball loss {loss}."
        if "mae" in first:
            text = f"Over {rows_text(int(first.n))} predictions are off by {ranged(first.mae, first.mae_low, first.mae_high)} "
            text += "on average (mean absolute error)"
            if np.isnan(first.r2):
                return f"{text}."
            return f"{text} and explain {percent(first.r2, first.r2_low, first.r2_high)} of the variance (R²)."
        worst = self.summary.loc[self.summary.roc_auc.fillna(2).idxmin()]
        several = f", the least well separated of {len(self.summary)} classes," if len(self.summary) > 1 else ""
        if np.isnan(worst.roc_auc):
            return f"Over {rows_text(worst.n)} there is only one class, so nothing to tell apart."
        area = score(worst.roc_auc, worst.roc_auc_low, worst.roc_auc_high)
        rest = worst.n - worst.n_actual
        return (
            f"Half of the {rows_text(worst.n_actual)} of {worst.group}{several} score "
            f"{say(worst.median_of_class)} or more, half of the "
            f"{rest:,} {'other' if rest == 1 else 'others'} {say(worst.median_of_others)} or more. ROC AUC is {area}."
        )


def predictions(ev: Evaluation, *, bins: int = 40, class_: Any = None, level: float = 0.95) -> Predictions:
    """Count the scores of each class and of the others, or actual against predicted numbers.

    Parameters
    ----------
    ev : Evaluation
    bins : int
        Bins of equal width (in regression along each axis).
    class_ : label of a class, optional
        Only the scores of this class; without it those of the positive one, or of each of several.
    level : float, level of the intervals

    Raises
    ------
    NotApplicable
        In classification without scores.
    InputError
        A class that does not exist, fewer than two bins.
    """
    level = check_level(level)
    if bins < 2:
        raise InputError("Expected two bins or more.", f"Got {bins}.")
    if ev.task == "regression":
        if class_ not in (None, ""):
            class_of(ev, class_)  # there is none, and it says so
        found = measure_numbers(
            ev.y,
            ev.predicted,
            ev.weight,
            cluster=ev.cluster,
            bins=bins,
            level=level,
            seed=ev.seed,
            rows=ev.rows,
            aim=ev.aim,
            source=ev.source,
        )
        return replace(found, bins=found.bins.assign(where=_cells(ev, found.bins)))
    of = curve_parts(ev, class_=class_)[0]
    parts = [
        measure_scores(
            part.y,
            part.score,
            part.weight,
            cluster=part.cluster,
            bins=bins,
            level=level,
            group=part.group,
            scores=part.scores,
            unit=ev.score_kind == "probability",
            source=ev.source,
        )
        for part in of
    ]
    return Predictions(
        bins=pd.concat([_placed(ev, p.bins, part) for p, part in zip(parts, of)], ignore_index=True),
        summary=pd.concat([p.summary for p in parts], ignore_index=True),
        sample=pd.DataFrame(),
        source=ev.source,
        settings={**parts[0].settings, "class_": chosen_class(class_)},
    )


def _placed(ev: Evaluation, bins: pd.DataFrame, part: Part) -> pd.DataFrame:
    code = [str(c) for c in ev.classes].index(part.group)
    own = ev.words().label(OUTCOME, code)
    among = [None if own is None else own if a == part.group else f"NOT ({own})" for a in bins.actual]
    conditions = in_bins(part.sql, bins.left, bins.right)
    return bins.assign(where=[conjoined(a, c) if n else None for a, c, n in zip(among, conditions, bins.n)])


def _cells(ev: Evaluation, bins: pd.DataFrame) -> list[str | None]:
    words = ev.words()
    across = in_bins(words.name(PREDICTION), bins.left, bins.right)
    up = in_bins(words.name(OUTCOME), bins.bottom, bins.top)
    return [conjoined(a, b) for a, b in zip(across, up)]


def measure_scores(
    y_true: Any,
    score: Any,
    weight: Any = None,
    *,
    cluster: Any = None,
    bins: int = 40,
    level: float = 0.95,
    group: str = "positive",
    unit: bool = True,
    scores: SortedScores | None = None,
    source: Source = UNNAMED,
) -> Predictions:
    """Count from arrays of shape (n_rows,).

    y_true 0/1, score (a probability where ``unit``), weight >= 0, cluster codes; ``scores`` are the rows sorted, if they are.

    >>> measure_scores([0, 1, 1], [0.1, 0.6, 0.9], bins=2).bins.n.tolist()
    [0, 2, 1, 0]
    """
    y, s = np.asarray(y_true).astype(bool), np.asarray(score, dtype=float)
    w = weights(weight, len(y))
    edges = np.linspace(0.0, 1.0, bins + 1) if unit else _edges(s, bins)
    place = _place(s, edges)
    size = len(edges) - 1
    parts = []
    for among, name in ((y, group), (~y, f"not {group}")):
        mass = np.bincount(place[among], w[among], minlength=size)
        parts.append(
            pd.DataFrame(
                {
                    "group": group,
                    "actual": name,
                    "left": edges[:-1],
                    "right": edges[1:],
                    "n": np.bincount(place[among], minlength=size),
                    "weight": mass,
                    "share": share(mass, mass.sum()),
                    "where": None,
                }
            )
        )
    area = one(estimate(METRICS["roc_auc"], one_group(y, None, s, weight, cluster, scores), level))
    summary = {
        "group": group,
        "n": len(y),
        "n_actual": int(y.sum()),
        "median_of_class": _median(s[y], w[y]),
        "median_of_others": _median(s[~y], w[~y]),
    } | dict(zip(("roc_auc", "roc_auc_low", "roc_auc_high"), area))
    return Predictions(
        bins=pd.concat(parts, ignore_index=True),
        summary=pd.DataFrame([summary]),
        sample=pd.DataFrame(),
        source=source,
        settings={"bins": bins, "level": level},
    )


def measure_numbers(
    actual: Any,
    predicted: Any,
    weight: Any = None,
    *,
    cluster: Any = None,
    bins: int = 40,
    level: float = 0.95,
    seed: int = 0,
    rows: Any = None,
    aim: float | None = None,
    source: Source = UNNAMED,
) -> Predictions:
    """Count from arrays of shape (n_rows,): numbers actual and predicted, weight >= 0, cluster codes.

    ``aim`` is the quantile that the predictions are of, where they are of one.

    >>> measure_numbers([1.0, 3.0], [1.0, 2.0], bins=2).bins.n.tolist()
    [1, 1]
    """
    y, f = np.asarray(actual, dtype=float), np.asarray(predicted, dtype=float)
    w = weights(weight, len(y))
    across, up = _edges(f, bins), _edges(y, bins)
    code = _place(f, across) * (len(up) - 1) + _place(y, up)
    size = (len(across) - 1) * (len(up) - 1)
    n, mass = np.bincount(code, minlength=size), np.bincount(code, w, minlength=size)
    used = np.flatnonzero(n)
    i, j = used // (len(up) - 1), used % (len(up) - 1)
    cells = pd.DataFrame(
        {
            "group": "",
            "left": across[i],
            "right": across[i + 1],
            "bottom": up[j],
            "top": up[j + 1],
            "n": n[used],
            "weight": mass[used],
            "share": share(mass[used], mass.sum()),
            "where": None,
        }
    )
    judged = Rows(task="regression", y=y, predicted=f, weight=None if weight is None else w, cluster=cluster, aim=aim)
    at = np.arange(len(y))
    if len(y) > MOST_POINTS:
        at = np.sort(np.random.default_rng(seed).choice(len(y), MOST_POINTS, replace=False))
    sample = pd.DataFrame(
        {
            "row": (np.arange(len(y)) if rows is None else np.asarray(rows))[at],
            "predicted": f[at],
            "actual": y[at],
        }
    )
    return Predictions(
        bins=cells,
        summary=pd.DataFrame([{"n": len(y), **_summary(judged, level)}]),
        sample=sample,
        source=source,
        settings={"bins": bins, "level": level, "seed": seed},
        aim=aim,
    )


def _summary(rows: Rows, level: float) -> dict[str, float]:
    """Give what is said of numbers: R² and the mean absolute error; of a quantile the share held, and the pinball loss."""
    asked = {"r2": (METRICS["r2"], rows), "mae": (METRICS["mae"], rows)}
    if rows.aim is not None:
        asked = {
            "at_or_below": (METRICS["selection_rate"], below(rows)),
            "pinball_loss": (METRICS["pinball_loss"], rows),
        }
    found: dict[str, float] = {}
    for name, (metric, judged) in asked.items():
        whole = Groups(judged, np.zeros(len(rows.y), dtype=np.int64), 1)
        found |= dict(zip((name, f"{name}_low", f"{name}_high"), one(estimate(metric, whole, level))))
    return found


def _edges(values: np.ndarray, bins: int) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    return np.linspace(low, high, bins + 1) if high > low else np.array([low - 0.5, low + 0.5])


def _place(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)


def _median(values: np.ndarray, weight: np.ndarray) -> float:
    """Give the weighted median: the least value that half of the weight does not exceed; NaN of nothing."""
    if not len(values) or weight.sum() <= 0:
        return float("nan")
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2 * (1 - 1e-12), side="left")])
