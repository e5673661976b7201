"""Thresholds: what each choice of threshold does to the metrics, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis import rates
from modelglass.analysis.auc import SortedScores
from modelglass.analysis.cheapest import cheapest, cost_of, crossfitted, not_clearly_worse, threshold_of
from modelglass.analysis.costs import CELLS, Costing, Costs, costing, costs_of, given_costs, read_costs, said_of
from modelglass.analysis.curves import chosen_class, one_class
from modelglass.analysis.errors import InputError
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.estimates import estimate
from modelglass.analysis.groups import Groups, Rows
from modelglass.analysis.lift import captured
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.performance import check_level
from modelglass.analysis.ranking import Ranking, one, one_group, ranking_of, weights
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
            threshold on the score
    optimum one row where costs are given, else none: threshold (the cheapest on these rows, among those that flag no more
            than settings["top"] rows where that is given), estimate, low, high (mean cost per row, cross-fitted: each row judged by the threshold that the other rows pick), on_these_rows (the
            flattering cost at that threshold on the rows that picked it), from_threshold, to_threshold
            (outermost thresholds that are not clearly worse; they hold the cheapest one in settings["level"]
            of samples), n
    capacity    one row where settings["top"] is given, else none: threshold (the lowest that flags no more rows than that),
            n (rows flagged there), precision and recall, each with _low and _high, for the same share of a whole population
            (see ``lift.captured``)
    ranking the sorted counts behind it;  costing: the costs along it, None without; for ``at``
    """

    table: pd.DataFrame
    operating: pd.DataFrame
    optimum: pd.DataFrame
    capacity: pd.DataFrame
    ranking: Ranking
    costing: Costing | None
    weighted: bool
    positive: str
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row per shown threshold and metric."""
        return self.table

    def at(self, threshold: float) -> pd.DataFrame:
        """Give the same rows for any threshold: two binary searches and no sort, and with costs one pass over the rows."""
        return _rows(
            self.ranking, self.costing, self.ranking.place([threshold]), self.weighted, self.settings["level"]
        ).assign(threshold=threshold)

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
        of = f" of {self.positive}" if self.settings.get("class_") else ""
        text = f"As used now ({how}{of}), over {rows_text(n)}: "
        names = (("precision", "precision"), ("recall", "recall"), ("selection_rate", "flagged"))
        text += ", ".join(f"{word} {_said(now.loc[name])}" for name, word in names) + "."
        text += self._capacity_text()
        if self.optimum.empty:
            return text
        best, cost = self.optimum.iloc[0], now.loc["mean_cost"]
        text += f" With costs {_costs_text(self.settings['costs'])} a row costs "
        text += f"{ranged(cost.estimate, cost.low, cost.high)} on average now."
        if np.isnan(best.estimate):
            return f"{text} There are too few rows to choose a cheaper threshold."
        limit = "" if self.capacity.empty else ", within that limit,"
        return (
            f"{text} The cheapest threshold on these rows{limit} is {best.threshold:.3g}: "
            f"{ranged(best.estimate, best.low, best.high)} a row, judged on rows that did not pick it; from "
            f"{best.from_threshold:.3g} to {best.to_threshold:.3g} none is clearly worse."
        )

    def _capacity_text(self) -> str:
        if self.capacity.empty:
            return ""
        at = self.capacity.iloc[0]
        if not at.n:
            return f" No threshold flags {rows_text(int(at.most))} or fewer: too many share the highest score."
        return (
            f" With room for {rows_text(int(at.most))} the threshold is {at.threshold:.3g}: of the {rows_text(int(at.n))} "
            f"flagged {percent(at.precision, at.precision_low, at.precision_high)} are {self.positive}, which is "
            f"{percent(at.recall, at.recall_low, at.recall_high)} of all that are."
        )


def _said(row: pd.Series) -> str:
    return "not defined" if np.isnan(row.estimate) else percent(row.estimate, row.low, row.high)


def _costs_text(costs: Mapping[str, float | str]) -> str:
    return ", ".join(
        f"{name} = {value if isinstance(value, str) else say(value)}" for name, value in costs.items() if value
    )


def thresholds(
    ev: Evaluation,
    *,
    costs: Mapping[str, float | str] | str | None = None,
    top: float | None = None,
    level: float = 0.95,
    n_points: int = 200,
    class_: Any = None,
) -> Thresholds:
    """Compute the metrics for every threshold from one sort, and with costs the cheapest threshold.

    Parameters
    ----------
    ev : Evaluation of a classification with scores
    costs : mapping or str, optional
        Cost of a row of each kind, {"tp": 0, "fp": 1, "fn": 5, "tn": 0} or "fp=1, fn=5"; what is not named costs 0, a gain is
        negative. Instead of a number a column with an amount for each row, or a multiple: "fp=10, fn=0.4*amount".
    top : float, optional
        The most rows that can be flagged: a number of these rows (500), or a share of them below 1 (0.05).
    level : float, level of the intervals
    n_points : int
        Thresholds shown at most; ``at`` gives any other.
    class_ : label of a class, optional
        The class that is flagged, by its own score, against the rest; the positive one without it.

    Raises
    ------
    NotApplicable
        In regression, without scores, and of several classes without one chosen.
    InputError
        Costs that cannot be read, do not depend on the decision, or name a column without numbers; a limit that is neither a
        whole number nor a share.
    """
    level = check_level(level)
    part = one_class(ev, class_)
    said = read_costs(costs)
    found = measure(
        part.y,
        part.score,
        part.weight,
        cluster=part.cluster,
        predicted=part.predicted,
        threshold=part.threshold,
        costs=None if said is None else costs_of(ev, said, part.y),
        top=top,
        level=level,
        n_points=n_points,
        seed=ev.seed,
        positive=part.group,
        scores=part.scores,
        source=ev.source,
    )
    return replace(found, settings={**found.settings, "class_": chosen_class(class_)})


def measure(
    y_true: Any,
    score: Any,
    weight: Any = None,
    *,
    cluster: Any = None,
    predicted: Any = None,
    threshold: float | None = None,
    costs: Costs | Mapping[str, Any] | str | None = None,
    top: float | None = None,
    level: float = 0.95,
    n_points: int = 200,
    seed: int = 0,
    positive: str = "positive",
    scores: SortedScores | None = None,
    source: Source = UNNAMED,
) -> Thresholds:
    """Compute the same from arrays of shape (n_rows,).

    y_true and predicted 0/1 (without predicted the threshold, or 0.5, decides), score, weight >= 0, cluster
    codes; costs also as arrays of shape (n_rows,), {"fn": amounts}; ``scores`` are the rows sorted, where that was done.

    >>> measure([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).counts(0.35)
    {'tp': 2, 'fp': 1, 'fn': 0, 'tn': 1}
    """
    if n_points < 2:
        raise InputError("Expected two thresholds or more.", f"Got {n_points}.")
    score = np.asarray(score, dtype=float)
    weights(weight, len(score))
    cost = _costs(costs, np.asarray(y_true))
    used = threshold if threshold is not None else (0.5 if predicted is None else None)
    flagged = score >= used if predicted is None else np.asarray(predicted).astype(bool)
    everyone = one_group(y_true, flagged, score, weight, cluster, scores)
    ranking = ranking_of(everyone.rows.sorted_scores(), score, cluster)
    settings = {
        "costs": None if cost is None else cost.said,
        "top": top,
        "level": level,
        "n_points": n_points,
        "seed": seed,
    }
    place, along = places(ranking, n_points), None if cost is None else costing(ranking, everyone.rows, cost)
    most = len(score) if top is None else _most(top, len(score))
    return Thresholds(
        table=_rows(ranking, along, place, weight is not None, level),
        operating=_operating(everyone, cost, used, level),
        optimum=pd.DataFrame() if along is None else _optimum(ranking, everyone.rows, along, place, most, settings),
        capacity=pd.DataFrame() if top is None else _capacity(ranking, most, weight is not None, level),
        ranking=ranking,
        costing=along,
        weighted=weight is not None,
        positive=positive,
        source=source,
        settings=settings,
    )


def _costs(costs: Any, y: np.ndarray) -> Costs | None:
    if costs is None or isinstance(costs, Costs):
        return costs
    if isinstance(costs, Mapping) and any(np.ndim(v) for v in costs.values()):
        return given_costs(said_of(costs), {cell: costs.get(cell, 0.0) for cell in CELLS}, y)
    said = read_costs(costs)
    if said is None:
        return None
    for value in said.values():
        if isinstance(value, str):
            raise InputError("Expected numbers as costs of arrays.", f"Got {value!r}.", "Give the amounts as an array.")
    return given_costs(said, said, y)


def _most(top: float, n: int) -> int:
    """Give the most rows that may be flagged of n."""
    if not isinstance(top, (int, float, np.number)) or not (0 < top < 1 or (top >= 1 and float(top).is_integer())):
        raise InputError(
            "Expected the most rows that can be flagged, as a whole number or as a share below 1.",
            f"Got {top:g}." if isinstance(top, (int, float, np.number)) else f"Got {top!r}.",
        )
    return min(int(top) if top >= 1 else int(np.floor(top * n + 1e-9)), n)


def places(ranking: Ranking, n_points: int) -> np.ndarray:
    """Choose entries to show: every distinct score, or half evenly over the rows and half over the scores."""
    last = len(ranking.threshold)
    if last <= n_points:
        return np.arange(1, last + 1)
    half = n_points // 2
    by_rows = np.searchsorted(ranking.selected, np.linspace(1, ranking.selected[-1], half), side="left")
    by_score = ranking.place(np.linspace(ranking.threshold[-1], ranking.threshold[0], n_points - half))
    return np.unique(np.clip(np.concatenate([by_rows, by_score]), 1, last))


def _rows(ranking: Ranking, along: Costing | None, place: np.ndarray, weighted: bool, level: float) -> pd.DataFrame:
    """Make the tidy rows for some entries of the ranking, rising by threshold."""
    groups = rates.decisions(ranking, place, weighted=weighted)
    threshold = np.append(ranking.threshold, np.nan)[np.maximum(place, 1) - 1]
    parts = []
    for name in rates.SHOWN:
        found = rates.metric(groups, name, level)
        parts.append((name, found.estimate, found.low, found.high, found.support))
    if along is not None:
        parts.append(("mean_cost", *along.mean(place, level), groups.n))
    frames = [
        pd.DataFrame({"threshold": threshold, "metric": name, "estimate": e, "low": low, "high": high, "n": n})
        for name, e, low, high, n in parts
    ]
    return pd.concat(frames).sort_values("threshold", kind="stable").reset_index(drop=True)[_COLUMNS]


def _operating(everyone: Groups, cost: Costs | None, used: float | None, level: float) -> pd.DataFrame:
    rows, flagged = everyone.rows, everyone.rows.predicted == 1
    if used is None:
        used = cut_of(np.asarray(rows.score), flagged)
    found = []
    for metric in rates.SHOWN:
        got = estimate(METRICS[metric], everyone, level)
        found.append((used, metric, *one(got), int(got.support[0])))
    if cost is not None:
        found.append((used, "mean_cost", *cost_of(everyone, cost.of(flagged), level), len(flagged)))
    return pd.DataFrame(found, columns=_COLUMNS)


def cut_of(score: np.ndarray, flagged: np.ndarray) -> float:
    """Give the threshold that reproduces the decisions; NaN where none does or all are decided alike."""
    if flagged.all() or not flagged.any():
        return float("nan")
    low, high = score[flagged].min(), score[~flagged].max()
    if low <= high:
        return float("nan")
    return 0.5 if high < 0.5 <= low else float(low)


def _optimum(
    ranking: Ranking, rows: Rows, along: Costing, place: np.ndarray, most: int, settings: Mapping[str, Any]
) -> pd.DataFrame:
    level, seed = settings["level"], settings["seed"]
    total = along.total()
    allowed = int(np.searchsorted(ranking.selected, most, side="right"))
    best = cheapest(total[:allowed])
    candidates = np.unique(np.concatenate([[0], place[place < allowed], [best]]))
    stays = candidates[not_clearly_worse(along, candidates, level, seed)]
    estimate, low, high = crossfitted(rows, along.costs, level, seed, most / len(rows.y))
    stays = np.append(stays, best)
    whole = ranking.tp[-1] + ranking.fp[-1]
    return pd.DataFrame(
        [
            {
                "threshold": threshold_of(ranking.threshold, best),
                "estimate": estimate,
                "low": low,
                "high": high,
                "on_these_rows": float(total[best] / whole),
                "from_threshold": threshold_of(ranking.threshold, int(stays.max())),
                "to_threshold": threshold_of(ranking.threshold, int(stays.min())),
                "n": len(rows.y),
            }
        ]
    )


def _capacity(ranking: Ranking, most: int, weighted: bool, level: float) -> pd.DataFrame:
    """Give the threshold that flags as many rows as there is room for."""
    place = int(np.searchsorted(ranking.selected, most, side="right")) - 1
    row: dict[str, Any] = {"threshold": threshold_of(ranking.threshold, place), "n": int(ranking.selected[place])}
    row |= {"most": most} | dict.fromkeys(_OF_CAPACITY, np.nan)
    taken, whole = ranking.tp[place] + ranking.fp[place], ranking.tp[-1] + ranking.fp[-1]
    if taken > 0 and ranking.tp[-1] > 0:
        at = captured(ranking, np.array([taken / whole]), level, weighted=weighted).iloc[0]
        rate = float(ranking.tp[-1] / whole)
        shares = rate * at[["lift", "low", "high"]].to_numpy(dtype=float)
        row |= dict(zip(_OF_CAPACITY, [*np.minimum(shares, 1.0), *at[["gain", "gain_low", "gain_high"]]]))
    return pd.DataFrame([row])


_OF_CAPACITY = ("precision", "precision_low", "precision_high", "recall", "recall_low", "recall_high")
