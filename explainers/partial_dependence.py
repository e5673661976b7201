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
from modelglass.analysis.performance import check_level, shown
from modelglass.analysis.progress import Progress, span
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.explainers import rows as shared
from modelglass.explainers.effect_answers import Answers, Effect
from modelglass.explainers.effect_grid import Grid, density, grid_of, near

ROWS, TOP = 1_000, 4
COARSE_GRID, COARSE_ROWS = 8, 200


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class PartialDependence(Result):
    """Average answer of the model when a raw column is set to a value on every row (Friedman 2001), and single rows' answers.

    curves      feature, value (as in the data), group (class or target), estimate (weighted mean), low, high (t interval over rows or
                clusters), n
    lines       feature, row, value, group, output: single rows (individual conditional expectation, Goldstein et al. 2015)
    density     feature, value (left edge of a bin, or the level), right (NaN for a level), n: where the data are
    kinds       feature -> "ordered" (numbers, dates) or "levels"
    scale       unit of estimate and output
    how         how the features were chosen, where nobody named them; else ''
    way         whether the model was asked at every value, or its answers worked out from its trees or coefficients
    """

    curves: pd.DataFrame
    lines: pd.DataFrame
    density: pd.DataFrame
    kinds: Mapping[str, str]
    groups: tuple[str, ...]
    scale: str
    how: str
    way: str
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give feature, value, group, estimate, low, high, n."""
        return self.curves

    def sentence(self) -> str:
        """Say how far the average answer moves with each feature."""
        parts = []
        for feature, curve in self.curves.groupby("feature", sort=False):
            widest = max(
                (c for _, c in curve.groupby("group", sort=False)), key=lambda c: c.estimate.max() - c.estimate.min()
            )
            low, high = widest.loc[widest.estimate.idxmin()], widest.loc[widest.estimate.idxmax()]
            of = f" of {widest.group.iloc[0]}" if self.scale in ("probability", "decision") else ""
            parts.append(
                f"{feature}: {self.scale}{of} from {shown(low.estimate)} at {shared.text(low.value)} to "
                f"{shown(high.estimate)} at {shared.text(high.value)}"
            )
        chosen = f" ({self.how})" if self.how else ""
        return f"Average prediction as one column changes and the others stay{chosen}: {'; '.join(parts)}; {rows_text(int(self.curves.n.iloc[0]))}."


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class IndividualConditionalExpectation(Result):
    """The model's answer for single rows as one raw column changes.

    lines       feature, row, value, group, output; where ``settings["centred"]`` minus the line's value at the first grid point
    other fields as in PartialDependence
    """

    lines: pd.DataFrame
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
        return f"In {self.scale}, {'; '.join(parts)}; {rows_text(self.lines.row.nunique())}{centred}."


def partial_dependence(
    ev: Evaluation,
    *,
    features: Any = None,
    grid: int = 30,
    rows: int | None = ROWS,
    ice: int = 50,
    class_: Any = None,
    additive: bool = False,
    level: float = 0.95,
    progress: Progress | None = None,
) -> PartialDependence:
    """Set a raw column to values of its own, on every row, and average the answers (as scikit-learn's brute force).

    Trees and linear models are not asked again for each value: their answers are worked out from one pass over the rows, also through
    a Pipeline whose transformed columns each come from one raw column, and a sample of them is compared with the model's own.

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
    additive : bool
        On the scale in which the model adds up (log-odds of a boosted classifier, say) instead of its answer's.

    Raises
    ------
    NotApplicable
        Without a model, or where no column has two values; ``additive`` where the model is no known function of a sum.
    """
    level, group, model = check_level(level), shared.group_of(ev, class_), Answers(ev, additive=additive)
    names, how = chosen_features(ev, model, features, grid, span(progress, 0.0, 0.2))
    chosen = shared.sampled(ev, rows)
    grids = {name: grid_of(chosen, name, grid) for name in names}
    model.check(chosen, grids)
    places = _spread_places(chosen.n, ice)
    found = model.effects(chosen, grids, places, level, span(progress, 0.2 if how else 0.0, 1.0))
    groups = shared.groups(ev) if group is None else (shared.groups(ev)[group],)
    return PartialDependence(
        curves=_of_groups(_stacked([_curve(chosen, g, found[c]) for c, g in grids.items()]), groups),
        lines=_of_groups(_stacked([_lines(chosen, g, found[c].lines, places) for c, g in grids.items()]), groups),
        density=_stacked([density(chosen, c, g.kind, g.values) for c, g in grids.items()]),
        kinds={c: g.kind for c, g in grids.items()},
        groups=groups,
        scale=model.scale,
        how=how,
        way=model.how,
        source=chosen.source,
        settings={
            "features": names,
            "grid": grid,
            "rows": chosen.n,
            "ice": len(places),
            "additive": bool(additive),
            "class_": chosen_class(class_),
            "level": level,
            "seed": chosen.seed,
        },
    )


def individual_conditional_expectation(
    ev: Evaluation,
    *,
    features: Any = None,
    grid: int = 30,
    ice: int = 50,
    centred: bool = False,
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
    class_ : label of a class, optional
        Of several classes only this one.
    """
    group = shared.group_of(ev, class_)
    model = Answers(ev)
    names, how = chosen_features(ev, model, features, grid, span(progress, 0.0, 0.4))
    chosen = shared.sampled(ev, max(ice, 1))
    grids = {name: grid_of(chosen, name, grid) for name in names}
    model.check(chosen, grids)
    found = model.rows(chosen, grids, span(progress, 0.4, 1.0))
    if centred:
        found = {c: a - a[[0]] for c, a in found.items()}
    places = np.arange(chosen.n)
    groups = shared.groups(ev) if group is None else (shared.groups(ev)[group],)
    settings = {"features": names, "grid": grid, "ice": chosen.n, "centred": bool(centred), "seed": chosen.seed}
    return IndividualConditionalExpectation(
        lines=_of_groups(_stacked([_lines(chosen, g, found[c], places) for c, g in grids.items()]), groups),
        density=_stacked([density(ev, c, g.kind, g.values) for c, g in grids.items()]),
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
    ev: Evaluation, model: Answers, features: Any, grid: int, progress: Progress | None
) -> tuple[list[str], str]:
    """Give the features asked for, or those that move the average answer most, and how they were chosen."""
    shared.need_model(ev)
    if grid < 2:
        raise InputError("Expected a grid of at least two values.", f"Got {grid}.")
    if features is not None and len(features):
        return shared.known_features(ev, features), ""
    able = [f for f in ev.features if ev.columns[f].unique >= 2]
    if not able:
        raise NotApplicable("no column that the model reads has two values")
    if len(able) <= TOP:
        return able, ""
    few = shared.sampled(ev, COARSE_ROWS)
    moves = []
    grids = {name: grid_of(few, name, COARSE_GRID) for name in able}
    for name, answers in model.rows(few, grids, progress).items():
        mean, weight = answers.mean(axis=1), near(few, grids[name])
        middle = weight @ mean / weight.sum()
        moves.append(np.sqrt(weight @ (mean - middle) ** 2 / weight.sum()).max())
    best = np.argsort(-np.array(moves), kind="stable")[:TOP]
    return [able[i] for i in best], f"the {TOP} columns that move it most in a coarse pass over {rows_text(few.n)}"


def _curve(ev: Evaluation, grid: Grid, effect: Effect) -> pd.DataFrame:
    m, k = effect.estimate.shape
    return pd.DataFrame(
        {
            "feature": grid.name,
            "value": np.repeat(grid.values.to_numpy(dtype=object), k),
            "group": np.tile(np.array(shared.groups(ev), dtype=object), m),
            "estimate": effect.estimate.ravel(),
            "low": effect.low.ravel(),
            "high": effect.high.ravel(),
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


def _spread_places(n: int, count: int) -> np.ndarray:
    return np.arange(n) if n <= count else np.floor(np.arange(max(count, 0)) * n / max(count, 1)).astype(np.int64)


def _stacked(parts: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [p for p in parts if len(p)]
    for part in filled:
        part["value"] = part["value"].astype(object)
        if "right" in part:
            part["right"] = part["right"].astype(object)
    return pd.concat(filled, ignore_index=True) if filled else parts[0]
