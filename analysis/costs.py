"""The threshold that costs least: chosen honestly, with the thresholds that are not clearly worse."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from modelglass.analysis.errors import InputError
from modelglass.analysis.estimated import FEWEST_CLUSTERS
from modelglass.analysis.estimates_values import mean_of
from modelglass.analysis.groups import Groups, Rows
from modelglass.analysis.ranking import Ranking, one, ranked

CELLS = ("tp", "fp", "fn", "tn")
HALVINGS = 10
_DRAWS = 500


def read_costs(costs: Mapping[str, Any] | str | None) -> dict[str, float] | None:
    """Read the cost of a row of each kind: {"fp": 1, "fn": 5} or "fp=1, fn=5"; what is not named costs 0.

    >>> read_costs("fp=1, fn=5")
    {'tp': 0.0, 'fp': 1.0, 'fn': 5.0, 'tn': 0.0}
    """
    if costs is None or costs == "":
        return None
    wanted = "Expected costs of tp, fp, fn and tn as numbers, such as fp=1, fn=5."
    if isinstance(costs, str):
        pairs = [
            re.fullmatch(r"\s*(\w+)\s*[=:]\s*(\S+?)\s*", part) for part in re.split(r"[,;]", costs) if part.strip()
        ]
        if None in pairs:
            raise InputError(wanted, f"Got {costs!r}.", "Write each as name=number, separated by commas.")
        costs = {pair[1]: pair[2] for pair in pairs if pair}
    unknown = [str(name) for name in costs if name not in CELLS]
    if unknown:
        raise InputError(wanted, f"Got a cost of {unknown[0]!r}.", "Use the names tp, fp, fn and tn.")
    try:
        found = {name: float(costs.get(name, 0.0)) for name in CELLS}
    except (TypeError, ValueError):
        raise InputError(wanted, f"Got {dict(costs)!r}.", "A gain is a negative cost.") from None
    if not np.isfinite(list(found.values())).all():
        raise InputError(wanted, "Got a cost that is not finite.", "A gain is a negative cost.")
    if found["tp"] == found["fn"] and found["fp"] == found["tn"]:
        raise InputError(
            "Expected costs that depend on the decision.",
            "Got tp = fn and fp = tn, so every threshold costs the same.",
            "Give fp or fn a cost of its own.",
        )
    return found


def total_cost(ranking: Ranking, cost: Mapping[str, float]) -> np.ndarray:
    """Give the summed cost when the first 0, 1, ... k entries are selected: (k + 1,)."""
    tp, fp = ranking.tp, ranking.fp
    return cost["tp"] * tp + cost["fp"] * fp + cost["fn"] * (tp[-1] - tp) + cost["tn"] * (fp[-1] - fp)


def cheapest(total: np.ndarray) -> int:
    """Give the entry of least cost, the middle one of equals."""
    least = total.min()
    equal = np.flatnonzero(total <= least + 1e-12 * max(abs(least), float(np.abs(total).max())))
    return int(equal[len(equal) // 2])


def threshold_of(ranking: Ranking, place: int) -> float:
    """Give a threshold that selects exactly the first ``place`` entries, midway between two scores."""
    scores = ranking.threshold
    if place == 0:
        gap = scores[0] - scores[-1]
        return float(scores[0] + (0.01 * gap if gap > 0 else 1e-6 + abs(scores[0]) * 1e-6))
    if place == len(scores):
        return float(scores[-1])
    middle = (scores[place - 1] + scores[place]) / 2
    return float(middle if middle > scores[place] else scores[place - 1])


def row_costs(y: np.ndarray, flagged: np.ndarray, cost: Mapping[str, float]) -> np.ndarray:
    """Give the cost of each row: (n,)."""
    return np.where(y == 1, np.where(flagged, cost["tp"], cost["fn"]), np.where(flagged, cost["fp"], cost["tn"]))


def cost_of(rows: Rows, flagged: np.ndarray, cost: Mapping[str, float], level: float) -> tuple[float, float, float]:
    """Give the mean cost of decisions not chosen on these rows, with its interval (t, skewness corrected)."""
    return one(mean_of(Groups(rows, np.zeros(len(rows.y), dtype=np.int64), 1), row_costs(rows.y, flagged, cost), level))


def crossfitted(rows: Rows, cost: Mapping[str, float], level: float, seed: int) -> tuple[float, float, float]:
    """Give the mean cost of the rule "take the cheapest threshold", with its interval.

    Picking a threshold and reading its cost from the same rows is too kind. Here each row (cluster) is judged
    by the threshold that the other half picks, so no row has a say in its own decision. Estimate, low and
    high are averaged over ten random halvings: the estimate loses the noise of the split, and the interval
    stays as wide as one split gives. In the simulation of ``tests/analysis/test_costs.py`` (n = 50, 500,
    5,000) this holds its level for the true cost of the chosen threshold; ten folds do not (89 % at n = 500),
    nor does the cost on the same rows (63 to 83 %). Halves are drawn after sorting, so the order of the rows
    does not matter.
    """
    score = np.asarray(rows.score)
    order = np.lexsort((np.ones(len(rows.y)) if rows.weight is None else rows.weight, rows.y, -score))
    unit = (
        np.arange(len(order))
        if rows.cluster is None
        else np.unique(rows.cluster, return_inverse=True)[1].ravel()[order]
    )
    y, score = rows.y[order], score[order]
    weight, cluster = (None if v is None else v[order] for v in (rows.weight, rows.cluster))
    ordered = Rows(task="binary", y=y, predicted=y, score=score, weight=weight, cluster=cluster)
    count = int(unit.max()) + 1
    if count < 2:
        return float("nan"), float("nan"), float("nan")
    rng, found = np.random.default_rng(seed), []
    for _ in range(HALVINGS):
        half = rng.permutation(np.arange(count) % 2 == 0)[unit]
        flagged = np.zeros(len(y), dtype=bool)
        for here, rest in ((half, ~half), (~half, half)):
            ranking = ranked(y[rest], score[rest], None if weight is None else weight[rest])
            flagged[here] = score[here] >= threshold_of(ranking, cheapest(total_cost(ranking, cost)))
        found.append(cost_of(ordered, flagged, cost, level))
    estimate, low, high = np.mean(found, axis=0)
    return float(estimate), float(low), float(high)


def not_clearly_worse(
    ranking: Ranking, rows: Rows, cost: Mapping[str, float], place: np.ndarray, level: float, seed: int
) -> np.ndarray:
    """Say which entries are not clearly dearer than the cheapest: (t,) bool.

    Entry j stays if its largest standardised excess over any other entry is one that chance reaches: max over l of
    (C_j - C_l) / sd(C_j - C_l) is compared with the quantile of the same maximum over simulated noise (the test of "j is
    best" inverted, as in model confidence sets, Hansen et al. 2011). Noise is normal, with the variance of the rows, or of the
    clusters, between two entries. The range from the first to the last that stay held the truly cheapest threshold in 93 to
    100 % of simulated samples of 50 to 5,000 rows at level 95 %; single entries within it may be missed.
    """
    noise = _noise(ranking, rows, cost, place, seed)
    if noise is None:
        return np.ones(len(place), dtype=bool)
    total = total_cost(ranking, cost)[place]
    stays = np.zeros(len(place), dtype=bool)
    for j in range(len(place)):
        apart = noise[:, [j]] - noise
        spread = np.sqrt(np.mean(apart**2, axis=0))
        differs = spread > 1e-12 * max(float(spread.max()), 1e-300)
        if not differs.any():
            stays[j] = True
            continue
        critical = np.quantile((apart[:, differs] / spread[differs]).max(axis=1), level)
        stays[j] = ((total[j] - total[differs]) / spread[differs]).max() <= critical
    return stays


def _noise(ranking: Ranking, rows: Rows, cost: Mapping[str, float], place: np.ndarray, seed: int) -> np.ndarray | None:
    """Draw the error of the total cost at some entries: (draws, t); None for few clusters."""
    rng = np.random.default_rng(seed)
    gain = np.array([cost["tp"] - cost["fn"], cost["fp"] - cost["tn"]])
    if rows.cluster is None:
        spread = np.diff(gain**2 @ ranking.powers[1][:, place], prepend=0.0)
        return np.cumsum(rng.standard_normal((_DRAWS, len(place))) * np.sqrt(np.maximum(spread, 0)), axis=1)
    _, code = np.unique(rows.cluster, return_inverse=True)
    code, size = code.ravel(), len(place)
    count = int(code.max()) + 1
    if count < FEWEST_CLUSTERS:
        return None
    weight = np.ones(len(code)) if rows.weight is None else rows.weight
    column = np.searchsorted(place, ranking.place(rows.score), side="left")
    moved = weight * np.where(rows.y == 1, gain[0], gain[1])
    mean = np.cumsum(np.bincount(column, moved, minlength=size + 1))[:size] / count
    noise = np.zeros((_DRAWS, size))
    order = np.argsort(code, kind="stable")
    block = max(1, 1_000_000 // (size + 1))
    edges = np.searchsorted(code[order], np.arange(0, count + block, block))
    for part in range(len(edges) - 1):
        here = order[edges[part] : edges[part + 1]]
        many = min(block, count - part * block)
        sums = np.bincount(
            (code[here] - part * block) * (size + 1) + column[here], moved[here], minlength=many * (size + 1)
        )
        noise += rng.standard_normal((_DRAWS, many)) @ (
            np.cumsum(sums.reshape(many, size + 1), axis=1)[:, :size] - mean
        )
    return noise
