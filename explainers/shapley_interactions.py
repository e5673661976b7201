"""Shapley interactions: which two columns move predictions together, beyond what each moves alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.coding import code_column
from modelglass.analysis.curves import chosen_class
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.models.ensemble import Ensemble
from modelglass.analysis.models.tree_models import TreeModel
from modelglass.analysis.performance import check_level
from modelglass.analysis.progress import Progress, span
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.analysis.wording import say
from modelglass.explainers import rows as shared
from modelglass.explainers import tree_interactions
from modelglass.explainers.shapley_exact import ExactWay, exact_values, exact_way, fed, oriented
from modelglass.explainers.shapley_ways import EXACT_ROWS, checked

TOP = 10
TIME, CELLS = 20e9, 20_000_000
"""Nanoseconds of one processor, and numbers held at once, that rows are limited to where none are asked for."""
FEWEST = 20
LEVELS, FEWEST_IN_CELL = 5, 5


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class ShapleyInteractions(Result):
    """Exact Shapley interactions of pairs of raw columns, strongest first.

    pairs       feature, other, group, estimate (weighted mean of |interaction|), low, high (interval over rows or clusters; NaN where it
                would not hold its level), mean (signed), n; pairs by their sum over groups
    main        feature, group, estimate (weighted mean of |what the column moves alone|), n; largest first
    values      whole interaction of each shown pair, shape (n_rows, n_shown, n_groups), in the unit ``scale``: twice what shap writes
                in each of its two places. Positive: together they raise more (or lower less) than each alone would
    alone       what each column moves alone, shape (n_rows, n_features, n_groups): its Shapley value less half of its interactions; these
                and all interactions sum to prediction minus base
    shown       names of the pairs, in the order of ``values``
    share       mean |interaction| of all pairs over that and mean |alone| of all columns together, between 0 and 1
    n_pairs     pairs that can interact at all (some tree asks both on one way)
    cells       the strongest pair by levels of both columns: x, y, group, estimate (weighted mean interaction), n
    levels      the levels of both, in order; cells of fewer than five rows are left out
    rows        row numbers in the data; other fields as in ShapleyValues
    """

    pairs: pd.DataFrame
    main: pd.DataFrame
    values: np.ndarray
    alone: np.ndarray
    shown: tuple[tuple[str, str], ...]
    share: float
    n_pairs: int
    cells: pd.DataFrame
    levels: tuple[tuple[str, ...], tuple[str, ...]]
    rows: np.ndarray
    features: tuple[str, ...]
    groups: tuple[str, ...]
    scale: str
    how: str
    absent: str
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give feature, other, group, estimate, low, high, mean, n; strongest pair first."""
        return self.pairs

    def sentence(self) -> str:
        """Say which pairs act together most, and how much of all that moves predictions is acting together."""
        about = f"in {self.scale} over {rows_text(len(self.rows))} ({self.how}; {self.absent})"
        if not self.shown:
            return f"No two columns act together: what each moves adds up {about}."
        many = len(self.groups) > 1
        first = self.pairs.groupby(["feature", "other"], sort=False) if many else None
        strengths = first.estimate.sum() if first is not None else self.pairs.set_index(["feature", "other"]).estimate
        named = "; ".join(f"{a} with {b} ({say(strengths[a, b])})" for a, b in self.shown[:3])
        alone = self.main.groupby("feature", sort=False).estimate.sum().sort_values(ascending=False)
        return (
            f"Columns that act together most: {named}; mean absolute interaction{', all classes,' if many else ''} {about}. "
            f"Acting together makes {self.share:.0%} of all that moves predictions; alone, {alone.index[0]} moves most ({say(alone.iloc[0])})."
        )


def shapley_interactions(
    ev: Evaluation,
    *,
    rows: int | None = None,
    top: int = TOP,
    class_: Any = None,
    level: float = 0.95,
    progress: Progress | None = None,
) -> ShapleyInteractions:
    """Find the pairs of columns that a tree model lets act together, exactly (Lundberg et al. 2020; Grabisch and Roubens 1999).

    Absent columns follow the training rows down each tree. Through a Pipeline the interactions between all that was made of two raw
    columns are added up; what was made of one raw column counts as acting alone.

    Parameters
    ----------
    rows : int, optional
        Rows explained, a stratified sample. Without it 1,000, fewer where that would take more than about 20 seconds.
    top : int
        Pairs shown.
    class_ : label of a class, optional
        Of several classes only this one.
    level : float
        Of the intervals; each is for its pair alone, and the strongest of many pairs looks a little stronger than it is.

    Raises
    ------
    NotApplicable
        Without a model, for models that are no trees, and where a pipeline mixes raw columns.
    """
    check_level(level)
    if top < 1:
        raise InputError("Expected top of at least 1.", f"Got {top}.")
    checked(ev, "tree", rows, None, None)
    group, (way, model) = shared.group_of(ev, class_), _tree_way(ev)
    raw = way.made.raw_index if way.made.steps else np.arange(len(ev.features))
    pairs = tree_interactions.pairs_of(model.trees, raw)
    chosen = ev.sample(rows or _rows(model.trees, len(pairs.first)))
    values, alone, absent = _found(chosen, way, model, pairs, progress)
    groups = shared.groups(ev)
    if group is not None:
        groups, values, alone = (groups[group],), values[:, :, [group]], alone[:, :, [group]]
    strength = _mean(np.abs(values), chosen).sum(axis=1)
    single = float(_mean(np.abs(alone), chosen).sum())
    order = np.argsort(-strength, kind="stable")[:top]
    order = order[strength[order] > 0]
    shown = tuple((ev.features[pairs.first[i]], ev.features[pairs.second[i]]) for i in order)
    cells, levels = _cells(values[:, order], shown, groups, chosen)
    return ShapleyInteractions(
        pairs=_table(values[:, order], shown, groups, chosen, level),
        main=_main(alone, ev.features, groups, chosen),
        values=values[:, order],
        alone=alone,
        shown=shown,
        share=float(strength.sum() / total) if (total := strength.sum() + single) > 0 else 0.0,
        n_pairs=len(pairs.first),
        cells=cells,
        levels=levels,
        rows=chosen.frame.index.to_numpy(),
        features=ev.features,
        groups=groups,
        scale=way.scale,
        how=f"exact for {type(way.made.estimator).__name__}"
        + (", added up over all that was made of each raw column" if way.made.steps else ""),
        absent=absent,
        source=chosen.source,
        settings={"rows": chosen.n, "top": top, "class_": chosen_class(class_), "level": level},
    )


def _tree_way(ev: Evaluation) -> tuple[ExactWay, TreeModel]:
    way = exact_way(ev)
    if isinstance(way, str):
        raise NotApplicable(f"interactions are worked out exactly, from the trees of a model, and {way}")
    if way.kind == "linear":
        raise NotApplicable(f"the model is linear: its columns add up in {way.scale}, and no two act together")
    if way.trees is None:
        raise NotApplicable(f"the trees of {type(way.made.estimator).__name__} cannot be read here")
    return way, way.trees


def _rows(trees: Ensemble, pairs: int) -> int:
    """As many rows as time and memory allow."""
    by_time = TIME / max(tree_interactions.steps_a_row(trees), 1.0)
    by_memory = CELLS / max(pairs * trees.n_outputs, 1)
    return int(np.clip(min(by_time, by_memory), FEWEST, EXACT_ROWS))


def _found(
    ev: Evaluation, way: ExactWay, model: TreeModel, pairs: tree_interactions.Pairs, progress: Progress | None
) -> tuple[np.ndarray, np.ndarray, str]:
    """Give interactions (n, m, groups), what columns move alone (n, p, groups), and what stands in for absent ones."""
    single = exact_values(ev, way, background=None, seed=0, progress=span(progress, 0.0, 0.2))
    X = model.encode(way.made.transform(fed(ev, ev.inputs())))
    values = oriented(ev, tree_interactions.tree_interactions(model.trees, X, pairs, progress=span(progress, 0.2, 1.0)))
    alone = single.values.copy()
    for j, (a, b) in enumerate(zip(pairs.first, pairs.second, strict=True)):
        alone[:, a] -= values[:, j] / 2
        alone[:, b] -= values[:, j] / 2
    return values, alone, single.absent


def _mean(values: np.ndarray, ev: Evaluation) -> np.ndarray:
    """Give the weighted mean over rows."""
    if not values.size:
        return np.zeros(values.shape[1:])
    return np.asarray(np.average(values, axis=0, weights=ev.weight))


def _table(
    values: np.ndarray, shown: tuple[tuple[str, str], ...], groups: tuple[str, ...], ev: Evaluation, level: float
) -> pd.DataFrame:
    n, m, k = values.shape
    flat = values.reshape(n, m * k)
    estimate, low, high = shared.mean_interval(ev, np.abs(flat), level) if m else (np.empty(0),) * 3
    return pd.DataFrame(
        {
            "feature": np.repeat(np.array([a for a, _ in shown], dtype=object), k),
            "other": np.repeat(np.array([b for _, b in shown], dtype=object), k),
            "group": np.tile(np.array(groups, dtype=object), m),
            "estimate": estimate,
            "low": np.maximum(low, 0.0),
            "high": high,
            "mean": _mean(flat, ev),
            "n": n,
        }
    )


def _main(alone: np.ndarray, features: tuple[str, ...], groups: tuple[str, ...], ev: Evaluation) -> pd.DataFrame:
    n, p, k = alone.shape
    table = pd.DataFrame(
        {
            "feature": np.repeat(np.array(features, dtype=object), k),
            "group": np.tile(np.array(groups, dtype=object), p),
            "estimate": _mean(np.abs(alone), ev).ravel(),
            "n": n,
        }
    )
    return table.sort_values("estimate", ascending=False, kind="stable", ignore_index=True)


def _cells(
    values: np.ndarray, shown: tuple[tuple[str, str], ...], groups: tuple[str, ...], ev: Evaluation
) -> tuple[pd.DataFrame, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Give the strongest pair by levels of both columns, and these."""
    columns = ["x", "y", "group", "estimate", "n"]
    try:
        x, y = (
            code_column(ev.frame[name], ev.columns[name], bins=LEVELS, max_levels=8) for name in (shown or ((),))[0]
        )
    except (NotApplicable, ValueError):  # free text has no levels; no pair
        return pd.DataFrame(columns=columns), ((), ())
    weight = np.ones(ev.n) if ev.weight is None else ev.weight
    table = pd.DataFrame({"x": x.codes, "y": y.codes, "w": weight})
    parts = []
    for g, group in enumerate(groups):
        sums = table.assign(v=values[:, 0, g] * weight, n=1).groupby(["x", "y"])[["v", "w", "n"]].sum().reset_index()
        sums = sums[(sums.n >= FEWEST_IN_CELL) & (sums.w > 0)]
        parts.append(
            pd.DataFrame(
                {
                    "x": np.array(x.labels, dtype=object)[sums.x],
                    "y": np.array(y.labels, dtype=object)[sums.y],
                    "group": group,
                    "estimate": (sums.v / sums.w).to_numpy(),
                    "n": sums.n.to_numpy(),
                }
            )
        )
    return pd.concat(parts, ignore_index=True), (x.labels, y.labels)
