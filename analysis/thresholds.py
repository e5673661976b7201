"""Thresholds: what each choice of threshold does to the metrics, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis import rates
from modelglass.analysis.costs import (
    CELLS,
    cheapest,
    cost_of,
    crossfitted,
    not_clearly_worse,
    read_costs,
    threshold_of,
    total_cost,
)
from modelglass.analysis.errors import InputError
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.estimates import estimate
from modelglass.analysis.groups import Rows
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.ranking import Ranking, one, one_group, ranked, weights
from modelglass.analysis.result import Result
from modelglass.analysis.source import UNNAMED, Source
from modelglass.analysis.wording import percent, ranged, say

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

_COLUMNS = ["threshold", "metric", "estimate", "low", "high", "n"]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Thresholds(Result):
    """Metrics against the threshold ("positive when score >= threshold"), exact at every shown one.

    table   one row per shown threshold (rising) and metric: threshold, metric (precision, recall, f1,
            accuracy, balanced_accuracy, fpr, selection_rate, and mean_cost where costs are given), estimate,
            low, high (as in ``performance``, point by point, at settings["level"]; NaN where the metric has
            no meaning), n (rows that it rests on)
    operating   the same for the decision in use; threshold is NaN where the model's own predict is no
    threshold on the score optimum one row where costs are given, else none: threshold (the cheapest on these
    rows), estimate, low, high (mean cost per row,
            cross-fitted: each row judged by the threshold that the other rows pick), on_these_rows (the
            flattering cost at that threshold on the rows that picked it), from_threshold, to_threshold
            (outermost thresholds that are not clearly worse; they hold the cheapest one in settings["level"]
            of samples), n
    ranking the sorted counts behind it, for ``at``
    shown   the counts at the shown thresholds, falling, with the correlation within clusters
    """

    table: pd.DataFrame
    operating: pd.DataFrame
    optimum: pd.DataFrame
    ranking: Ranking
    shown: rates.Decisions
    positive: str
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row per shown threshold and metric."""
        return self.table

    def at(self, threshold: float) -> pd.DataFrame:
        """Give the same rows for any threshold, at once: two binary searches, no sort.

        With clusters the correlation within them is taken from the nearest shown threshold.
        """
        place = self.ranking.place([threshold])
        if self.shown.second is None:
            groups = rates.Decisions(self.ranking, place, weighted=self.shown.rows.weight is not None)
        else:
            known = np.unique(self.table.threshold.to_numpy())[::-1]
            near = [int(np.abs(known - threshold).argmin())]
            second, clusters = self.shown.second[near], int(self.shown.units[0])
            groups = rates.Decisions(self.ranking, place, weighted=True, second=second, clusters=clusters)
        return _rows(self.ranking, np.array([threshold]), place, groups, self.settings)

    def counts(self, threshold: float) -> dict[str, int]:
        """Give the rows that are tp, fp, fn and tn at any threshold."""
        groups = rates.Decisions(self.ranking, self.ranking.place([threshold]), weighted=False)
        counts = dict(zip(rates.CELLS, groups.table[0].ravel().tolist()))
        return {cell: int(counts[cell]) for cell in CELLS}

    def sentence(self) -> str:
        """Say what the decision in use does, and where the cost is least."""
        now = self.operating.set_index("metric")
        n = self.ranking.positives + self.ranking.negatives
        used = now.threshold.iloc[0]
        how = "the model decides" if np.isnan(used) else f"threshold {used:.3g}"
        text = f"As used now ({how}), over {rows_text(n)}: "
        names = (("precision", "precision"), ("recall", "recall"), ("selection_rate", "flagged"))
        text += ", ".join(f"{word} {_said(now.loc[name])}" for name, word in names) + "."
        if self.optimum.empty:
            return text
        best, cost = self.optimum.iloc[0], now.loc["mean_cost"]
        text += f" With costs {_costs_text(self.settings['costs'])} a row costs "
        text += f"{ranged(cost.estimate, cost.low, cost.high)} on average now."
        if np.isnan(best.estimate):
            return f"{text} There are too few rows to choose a cheaper threshold."
        return (
            f"{text} The cheapest threshold on these rows is {best.threshold:.3g}: "
            f"{ranged(best.estimate, best.low, best.high)} a row, judged on rows that did not pick it; from "
            f"{best.from_threshold:.3g} to {best.to_threshold:.3g} none is clearly worse."
        )


def _said(row: pd.Series) -> str:
    return "not defined" if np.isnan(row.estimate) else percent(row.estimate, row.low, row.high)


def _costs_text(costs: Mapping[str, float]) -> str:
    return ", ".join(f"{name} = {say(value)}" for name, value in costs.items() if value)


def thresholds(
    ev: Evaluation,
    *,
    costs: Mapping[str, float] | str | None = None,
    level: float = 0.95,
    n_points: int = 200,
) -> Thresholds:
    """Compute the metrics for every threshold from one sort, and with costs the cheapest threshold.

    Parameters
    ----------
    ev : Evaluation of a binary task with scores
    costs : mapping or str, optional
        Cost of a row of each kind, {"tp": 0, "fp": 1, "fn": 5, "tn": 0} or "fp=1, fn=5"; what is not named
        costs 0.
    level : float, level of the intervals
    n_points : int
        Thresholds shown at most; ``at`` gives any other.

    Raises
    ------
    NotApplicable
        Without two classes or without scores.
    InputError
        Costs that cannot be read or do not depend on the decision.
    """
    y, score, weight = ev.binary()
    return measure(
        y,
        score,
        weight,
        cluster=ev.cluster,
        predicted=ev.predicted == ev.positive_index,
        threshold=ev.threshold,
        costs=costs,
        level=level,
        n_points=n_points,
        seed=ev.seed,
        positive=str(ev.positive),
        source=ev.source,
    )


def measure(
    y_true: Any,
    score: Any,
    weight: Any = None,
    *,
    cluster: Any = None,
    predicted: Any = None,
    threshold: float | None = None,
    costs: Mapping[str, float] | str | None = None,
    level: float = 0.95,
    n_points: int = 200,
    seed: int = 0,
    positive: str = "positive",
    source: Source = UNNAMED,
) -> Thresholds:
    """Compute the same from arrays of shape (n_rows,).

    y_true and predicted 0/1 (without predicted the threshold, or 0.5, decides), score, weight >= 0, cluster
    codes.

    >>> measure([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).counts(0.35)
    {'tp': 2, 'fp': 1, 'fn': 0, 'tn': 1}
    """
    if n_points < 2:
        raise InputError("Expected two thresholds or more.", f"Got {n_points}.")
    cost = read_costs(costs)
    score = np.asarray(score, dtype=float)
    weights(weight, len(score))
    used = threshold if threshold is not None else (0.5 if predicted is None else None)
    flagged = score >= used if predicted is None else np.asarray(predicted).astype(bool)
    rows = one_group(y_true, flagged, score, weight, cluster).rows
    ranking = ranked(y_true, score, weight)
    settings = {"costs": cost, "level": level, "n_points": n_points, "seed": seed}
    place = _places(ranking, n_points)
    shown = np.append(ranking.threshold, np.nan)[np.maximum(place, 1) - 1]
    groups = rates.decisions(ranking, rows, place)
    table = _rows(ranking, shown, place, groups, settings)
    optimum = pd.DataFrame() if cost is None else _optimum(ranking, rows, place, cost, settings)
    return Thresholds(
        table=table,
        operating=_operating(rows, ranking, used, settings),
        optimum=optimum,
        ranking=ranking,
        shown=groups,
        positive=positive,
        source=source,
        settings=settings,
    )


def _places(ranking: Ranking, n_points: int) -> np.ndarray:
    """Choose entries to show: every distinct score, or half evenly over the rows and half over the scores."""
    last = len(ranking.threshold)
    if last <= n_points:
        return np.arange(1, last + 1)
    half = n_points // 2
    by_rows = np.searchsorted(ranking.selected, np.linspace(1, ranking.selected[-1], half), side="left")
    by_score = ranking.place(np.linspace(ranking.threshold[-1], ranking.threshold[0], n_points - half))
    return np.unique(np.clip(np.concatenate([by_rows, by_score]), 1, last))


def _rows(
    ranking: Ranking,
    threshold: np.ndarray,
    place: np.ndarray,
    groups: rates.Decisions,
    settings: Mapping[str, Any],
) -> pd.DataFrame:
    """Make the tidy rows for some thresholds, rising."""
    parts = []
    for name in rates.SHOWN:
        found = rates.metric(groups, name, settings["level"])
        parts.append((name, found.estimate, found.low, found.high, found.support))
    if settings["costs"]:
        cost = np.array([settings["costs"][cell] for cell in rates.CELLS])
        parts.append(("mean_cost", *rates.mean_cost(groups, ranking, place, cost, settings["level"]), groups.n))
    frames = [
        pd.DataFrame({"threshold": threshold, "metric": name, "estimate": e, "low": low, "high": high, "n": n})
        for name, e, low, high, n in parts
    ]
    return pd.concat(frames).sort_values("threshold", kind="stable").reset_index(drop=True)[_COLUMNS]


def _operating(rows: Rows, ranking: Ranking, used: float | None, settings: Mapping[str, Any]) -> pd.DataFrame:
    everyone = one_group(rows.y, rows.predicted, rows.score, rows.weight, rows.cluster)
    flagged = rows.predicted == 1
    if used is None:
        used = _cut(np.asarray(rows.score), flagged)
    found = []
    for metric in rates.SHOWN:
        got = estimate(METRICS[metric], everyone, settings["level"])
        found.append((used, metric, *one(got), int(got.support[0])))
    if settings["costs"]:
        found.append((used, "mean_cost", *cost_of(rows, flagged, settings["costs"], settings["level"]), len(flagged)))
    return pd.DataFrame(found, columns=_COLUMNS)


def _cut(score: np.ndarray, flagged: np.ndarray) -> float:
    """Give the threshold that reproduces the decisions; NaN where none does or all are decided alike."""
    if flagged.all() or not flagged.any():
        return float("nan")
    low, high = score[flagged].min(), score[~flagged].max()
    if low <= high:
        return float("nan")
    return 0.5 if high < 0.5 <= low else float(low)


def _optimum(
    ranking: Ranking, rows: Rows, place: np.ndarray, cost: Mapping[str, float], settings: Mapping[str, Any]
) -> pd.DataFrame:
    level, seed = settings["level"], settings["seed"]
    total = total_cost(ranking, cost)
    best = cheapest(total)
    candidates = np.unique(np.concatenate([[0], place, [best]]))
    stays = candidates[not_clearly_worse(ranking, rows, cost, candidates, level, seed)]
    estimate, low, high = crossfitted(rows, cost, level, seed)
    stays = np.append(stays, best)
    whole = ranking.tp[-1] + ranking.fp[-1]
    return pd.DataFrame(
        [
            {
                "threshold": threshold_of(ranking, best),
                "estimate": estimate,
                "low": low,
                "high": high,
                "on_these_rows": float(total[best] / whole),
                "from_threshold": threshold_of(ranking, int(stays.max())),
                "to_threshold": threshold_of(ranking, int(stays.min())),
                "n": len(rows.y),
            }
        ]
    )
