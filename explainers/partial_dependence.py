"""Partial dependence: what the model answers on average when one raw column is set to a value on every row; and row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.curves import chosen_class
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.known_features import known_features
from modelglass.analysis.performance import check_level, shown
from modelglass.analysis.progress import Progress, span
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.analysis.wording import signed
from modelglass.explainers import rows as shared
from modelglass.explainers.effect_answers import Answers, Effect
from modelglass.explainers.effect_curves import EffectCurves, besides, cohorts_of
from modelglass.explainers.effect_grid import Grid, density, grid_of, near
from modelglass.explainers.typical_curves import typical

ROWS, TOP = 1_000, 4
COARSE_GRID, COARSE_ROWS = 8, (50, 200)


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class PartialDependence(EffectCurves):
    """Average answer of the model when a raw column is set to a value on every row (Friedman 2001), and single rows' answers.

    curves, density ...  as in EffectCurves; estimate is the weighted mean
    lines       feature, row, value, group, output: single rows (individual conditional expectation, Goldstein et al. 2015); none where
                cohorts are compared
    """

    lines: pd.DataFrame

    def sentence(self) -> str:
        """Say how far the average answer moves with each feature."""
        n = rows_text(int(self.curves.n.iloc[0]))
        if len(self.cohorts) > 1:
            sizes = self.curves.groupby("cohort", sort=False).n.first()
            return f"{self.compared()}; average prediction as one column changes and the others stay; {sizes.sum():,} rows.{self.thin()}"
        parts = []
        for feature, curve in self.curves.groupby("feature", sort=False):
            widest = max(
                (c for _, c in curve.groupby("group", sort=False)), key=lambda c: c.estimate.max() - c.estimate.min()
            )
            low, high = widest.loc[widest.estimate.idxmin()], widest.loc[widest.estimate.idxmax()]
            parts.append(
                f"{feature}: {self.scale}{self.of(widest.group.iloc[0])} from {shown(low.estimate)} at {shared.text(low.value)} to "
                f"{shown(high.estimate)} at {shared.text(high.value)}"
            )
        chosen = f" ({self.how})" if self.how else ""
        return f"Average prediction as one column changes and the others stay{chosen}: {'; '.join(parts)}; {n}.{self.thin()}"


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class IndividualConditionalExpectation(Result):
    """The model's answer for single rows as one raw column changes.

    lines       feature, row, value, group, output; where ``settings["centred"]`` minus the line's value at the first grid point
    typical     feature, group, cluster (0: the most rows), value, output (weighted mean of its lines), share (of the rows), n: the few
                shapes in which rows follow the column
    other fields as in PartialDependence
    """

    lines: pd.DataFrame
    typical: pd.DataFrame
    density: pd.DataFrame
    kinds: Mapping[str, str]
    groups: tuple[str, ...]
    scale: str
    how: str
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give feature, row, value, group, output."""
        return self.lines

    def sentence(self) -> str:
        """Say how much rows differ in their response."""
        parts = []
        for feature, lines in self.lines.groupby("feature", sort=False):
            spread = lines.groupby(["row", "group"], sort=False).output.agg(lambda v: v.max() - v.min())
            parts.append(
                f"changing {feature} alone moves a row by {shown(spread.quantile(0.1))} to {shown(spread.quantile(0.9))} (middle 80 %)"
            )
        centred = ", lines start at 0" if self.settings["centred"] else ""
        return f"In {self.scale}, {'; '.join(parts)}; {rows_text(self.lines.row.nunique())}{centred}.{self._shapes()}"

    def _shapes(self) -> str:
        parts = []
        for (feature, group), curves in self.typical.groupby(["feature", "group"], sort=False):
            if group == self.groups[-1] and curves.cluster.nunique() > 1:
                named = [
                    f"{c.share.iloc[0]:.0%} by {signed(c.output.iloc[-1] - c.output.iloc[0])}"
                    for _, c in curves.groupby("cluster")
                ]
                parts.append(f"{feature} ({', '.join(named)})")
        return f" Rows follow in different shapes, from first to last value: {'; '.join(parts)}." if parts else ""


def partial_dependence(
    ev: Evaluation,
    *,
    features: Any = None,
    grid: int = 30,
    rows: int | None = ROWS,
    ice: int = 50,
    class_: Any = None,
    by: str | None = None,
    additive: bool = False,
    level: float = 0.95,
    progress: Progress | None = None,
) -> PartialDependence:
    """Set a raw column to values of its own, on every row, and average the answers (as scikit-learn's brute force).

    Trees and linear models are not asked again for each value: their answers are worked out from one pass over the rows, also through
    a Pipeline whose transformed columns each come from one raw column, and a sample of them is compared with the model's own. So are those
    of scikit-learn's perceptrons, nearest neighbours, Gaussian naive Bayes, and support vector machines and Gaussian processes with a
    radial kernel.

    Parameters
    ----------
    features : name or sequence of names, optional
        Without it the four whose average answer moves most (a coarse pass: 8 values, 200 rows).
    grid : int
        Values of a numeric column: quantiles of the whole data, each a value that occurs. Levels of others: the most frequent.
    rows : int or None
        Rows averaged over, a stratified sample; None: all.
    ice : int
        Rows shown one by one.
    class_ : label of a class, optional
        Of several classes only this one.
    by : str, optional
        A column whose levels (numbers in three parts), or a condition whose rows and the rest, get curves of their own.
    additive : bool
        On the scale in which the model adds up (log-odds of a boosted classifier, say) instead of its answer's.

    Raises
    ------
    NotApplicable
        Without a model, or where no column has two values; ``additive`` where the model is no known function of a sum.
    """
    level, group, model = check_level(level), shared.group_of(ev, class_), Answers(ev, additive=additive)
    cohorts = cohorts_of(ev, by)
    names, how = chosen_features(ev, model, features, grid, rows, span(progress, 0.0, 0.2), besides(ev, by))
    samples = {c: one.sample(rows) for c, one in cohorts.items()}
    grids = {name: grid_of(ev, name, grid) for name in names}
    first = next(iter(samples.values()))
    model.check(first, grids)
    places = _spread_places(first.n, ice) if len(cohorts) == 1 else np.arange(0)
    curves, lines, start = [], [], 0.2 if how else 0.0
    for i, (cohort, chosen) in enumerate(samples.items()):
        part = span(progress, *(start + (1 - start) * (i + j) / len(samples) for j in (0, 1)))
        found = model.effects(chosen, grids, places, level, part)
        curves += [_curve(chosen, g, found[c], model.scale).assign(cohort=cohort) for c, g in grids.items()]
        lines += [_lines(chosen, g, found[c].lines, places) for c, g in grids.items()]
    groups = shared.groups(ev) if group is None else (shared.groups(ev)[group],)
    return PartialDependence(
        curves=_of_groups(stacked(curves), groups),
        lines=_of_groups(stacked(lines), groups),
        density=stacked([density(first if len(cohorts) == 1 else ev, c, g.kind, g.values) for c, g in grids.items()]),
        kinds={c: g.kind for c, g in grids.items()},
        groups=groups,
        cohorts=tuple(cohorts),
        scale=model.scale,
        how=how,
        way=model.how,
        source=first.source if len(cohorts) == 1 else ev.source,
        settings={
            "features": names,
            "grid": grid,
            "rows": sum(s.n for s in samples.values()),
            "ice": len(places),
            "by": by or None,
            "additive": bool(additive),
            "class_": chosen_class(class_),
            "level": level,
            "seed": ev.seed,
        },
    )


def individual_conditional_expectation(
    ev: Evaluation,
    *,
    features: Any = None,
    grid: int = 30,
    ice: int = 50,
    centred: bool = False,
    clusters: int = 3,
    class_: Any = None,
    progress: Progress | None = None,
) -> IndividualConditionalExpectation:
    """Follow single rows as one raw column changes; see ``partial_dependence``.

    Parameters
    ----------
    ice : int
        Rows followed, a stratified sample.
    centred : bool
        Let every line start at 0, so that different responses show as a fan.
    clusters : int
        At most so many typical curves for each column; 1: the mean alone.
    class_ : label of a class, optional
        Of several classes only this one.
    """
    if clusters < 1:
        raise InputError("Expected at least one typical curve (clusters).", f"Got {clusters}.")
    group = shared.group_of(ev, class_)
    model = Answers(ev)
    names, how = chosen_features(ev, model, features, grid, 4 * ice, span(progress, 0.0, 0.4))
    chosen = ev.sample(max(ice, 1))
    grids = {name: grid_of(chosen, name, grid) for name in names}
    model.check(chosen, grids)
    found = model.rows(chosen, grids, span(progress, 0.4, 1.0))
    if centred:
        found = {c: a - a[[0]] for c, a in found.items()}
    places = np.arange(chosen.n)
    groups = shared.groups(ev) if group is None else (shared.groups(ev)[group],)
    settings = {
        "features": names,
        "grid": grid,
        "ice": chosen.n,
        "centred": bool(centred),
        "clusters": clusters,
        "seed": chosen.seed,
    }
    return IndividualConditionalExpectation(
        typical=_of_groups(stacked([_typical(chosen, g, found[c], clusters) for c, g in grids.items()]), groups),
        lines=_of_groups(stacked([_lines(chosen, g, found[c], places) for c, g in grids.items()]), groups),
        density=stacked([density(ev, c, g.kind, g.values) for c, g in grids.items()]),
        kinds={c: g.kind for c, g in grids.items()},
        groups=groups,
        scale=shared.scale(ev),
        how=how,
        source=chosen.source,
        settings={**settings, "class_": chosen_class(class_)},
    )


def _of_groups(table: pd.DataFrame, groups: tuple[str, ...]) -> pd.DataFrame:
    return table[table.group.isin(groups)].reset_index(drop=True)


def chosen_features(
    ev: Evaluation,
    model: Answers,
    features: Any,
    grid: int,
    rows: int | None,
    progress: Progress | None,
    among: list[str] | None = None,
) -> tuple[list[str], str]:
    """Give the features asked for, or those (among some) that move the average answer of so many rows most, and how they were chosen."""
    shared.need_model(ev)
    if grid < 2:
        raise InputError("Expected a grid of at least two values.", f"Got {grid}.")
    if features is not None and len(features):
        return known_features(ev, features), ""
    able = [f for f in (ev.features if among is None else among) if ev.columns[f].unique >= 2]
    if not able:
        raise NotApplicable("no column that the model reads has two values")
    if len(able) <= TOP:
        return able, ""
    few = ev.sample(COARSE_ROWS[1] if rows is None else int(np.clip(rows, *COARSE_ROWS)))
    moves = []
    grids = {name: grid_of(few, name, COARSE_GRID) for name in able}
    for name, answers in model.rows(few, grids, progress).items():
        mean, weight = answers.mean(axis=1), near(few, grids[name])
        middle = weight @ mean / weight.sum()
        moves.append(np.sqrt(weight @ (mean - middle) ** 2 / weight.sum()).max())
    best = np.argsort(-np.array(moves), kind="stable")[:TOP]
    return [able[i] for i in best], f"the {TOP} columns that move it most in a coarse pass over {rows_text(few.n)}"


def _curve(ev: Evaluation, grid: Grid, effect: Effect, scale: str) -> pd.DataFrame:
    m, k = effect.estimate.shape
    low, high = shared.held_in(scale, effect.low.ravel(), effect.high.ravel())
    return pd.DataFrame(
        {
            "feature": grid.name,
            "value": np.repeat(grid.values.to_numpy(dtype=object), k),
            "group": np.tile(np.array(shared.groups(ev), dtype=object), m),
            "estimate": effect.estimate.ravel(),
            "low": low,
            "high": high,
            "n": ev.n,
        }
    )


def _lines(ev: Evaluation, grid: Grid, lines: np.ndarray, places: np.ndarray) -> pd.DataFrame:
    m, _, k = lines.shape
    numbers = ev.frame.index.to_numpy()[places]
    return pd.DataFrame(
        {
            "feature": grid.name,
            "row": np.repeat(numbers, m * k),
            "value": np.tile(np.repeat(grid.values.to_numpy(dtype=object), k), len(places)),
            "group": np.tile(np.array(shared.groups(ev), dtype=object), m * len(places)),
            "output": np.moveaxis(lines, 0, 1).ravel(),
        }
    )


def _typical(ev: Evaluation, grid: Grid, lines: np.ndarray, most: int) -> pd.DataFrame:
    """Give the typical curves of one column, of lines (grid, rows, groups)."""
    parts, weight = [], np.ones(ev.n) if ev.weight is None else ev.weight
    for g, group in enumerate(shared.groups(ev)):
        labels = typical(lines[:, :, g].T, weight, most, ev.seed)
        for cluster in range(int(labels.max()) + 1):
            w = weight * (labels == cluster)
            made = {
                "feature": grid.name,
                "group": group,
                "cluster": cluster,
                "value": grid.values.to_numpy(dtype=object),
            }
            made |= {
                "output": lines[:, :, g] @ w / w.sum(),
                "share": w.sum() / weight.sum(),
                "n": int((labels == cluster).sum()),
            }
            parts.append(pd.DataFrame(made))
    return pd.concat(parts, ignore_index=True)


def _spread_places(n: int, count: int) -> np.ndarray:
    return np.arange(n) if n <= count else np.floor(np.arange(max(count, 0)) * n / max(count, 1)).astype(np.int64)


def stacked(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Put tables of single columns below each other; values keep their types."""
    filled = [p for p in parts if len(p)]
    for part in filled:
        for name in ("value", "right"):
            if name in part and part[name].dtype != object:
                part[name] = part[name].astype(object)
    return pd.concat(filled, ignore_index=True) if filled else parts[0]
