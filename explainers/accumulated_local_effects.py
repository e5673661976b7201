"""Accumulated local effects: what small steps of one raw column do to the answer of rows that are near, added up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.curves import chosen_class
from modelglass.analysis.describing import has_order
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.performance import check_level, shown
from modelglass.analysis.progress import Progress, span
from modelglass.explainers import rows as shared
from modelglass.explainers.effect_answers import Answers
from modelglass.explainers.effect_curves import EffectCurves, besides, cohorts_of
from modelglass.explainers.effect_direction import directions, expected_of, said
from modelglass.explainers.effect_grid import Grid, density, floats, grid_of, steps_above
from modelglass.explainers.level_order import by_likeness
from modelglass.explainers.partial_dependence import chosen_features, stacked
from modelglass.explainers.step_powers import powers_of

ROWS = 5_000


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class AccumulatedLocalEffects(EffectCurves):
    """What the answer gains or loses from step to step of a column, among rows that are near each step (Apley and Zhu 2020).

    curves, density ...  as in EffectCurves; estimate is 0 on average over the rows (of its cohort), n counts the rows that the curve rests on:
    those with a value among the grid's
    directions  feature, group, cohort, expected ("rising", "falling" or ""), direction ("only rises", "rises, but for little", "rises and
                falls", ...), against, start, stop, move: ``effect_direction.directions``; of columns whose values have an order
    """

    directions: pd.DataFrame

    def more(self) -> Mapping[str, Any]:
        """Give the directions for the JSON object."""
        return {"directions": self.directions}

    def sentence(self) -> str:
        """Say how far each column moves the answer where rows are, and whether it only rises or falls with it."""
        if len(self.cohorts) > 1:
            sizes = self.curves.groupby("cohort", sort=False).n.max()
            return f"{self.compared()}; counting only steps that rows near them could take; {sizes.sum():,} rows.{self.thin()}"
        parts = []
        for feature, curve in self.curves.groupby("feature", sort=False):
            widest = max((c for _, c in curve.groupby("group", sort=False)), key=lambda c: np.ptp(c.estimate))
            low, high = widest.loc[widest.estimate.idxmin()], widest.loc[widest.estimate.idxmax()]
            parts.append(
                f"{feature}: {self.scale}{self.of(widest.group.iloc[0])} {shown(low.estimate)} at {shared.text(low.value)}, "
                f"{shown(high.estimate)} at {shared.text(high.value)}{said(self.directions, feature, widest.group.iloc[0])}"
            )
        chosen = f" ({self.how})" if self.how else ""
        return (
            f"Against the average row, counting only steps that rows near them could take{chosen}: {'; '.join(parts)}; "
            f"{rows_text(int(self.curves.n.max()))}.{self.thin()}"
        )


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Steps:
    """Who takes which step: pairs of a row and a step between neighbours on the grid, and where each row stands.

    grid        as used: neighbours with no row between them are joined
    rows        places of the rows used
    row, step   (pairs,): place among ``rows``, and step s from grid value s to s + 1
    place       (rows,): the curve's value at which a row stands; each_once: it is the lower end of the row's bin, and of its only step
    """

    grid: Grid
    rows: np.ndarray
    row: np.ndarray
    step: np.ndarray
    place: np.ndarray
    each_once: bool

    @property
    def stands(self) -> np.ndarray:
        """Give the curve's values whose mean is a row's own effect, (rows, 2): both ends of its bin; its level twice."""
        return np.column_stack([self.place, self.place + self.each_once])

    def of(self, rows: np.ndarray) -> Steps:
        """Keep some of the rows, given by their places in the evaluation, rising."""
        place = np.searchsorted(rows, self.rows)
        kept = (place < len(rows)) & (rows[np.minimum(place, len(rows) - 1)] == self.rows)
        taken = kept[self.row]
        return replace(self, rows=rows, row=place[self.row[taken]], step=self.step[taken], place=self.place[kept])


def accumulated_local_effects(
    ev: Evaluation,
    *,
    features: Any = None,
    grid: int = 30,
    rows: int | None = ROWS,
    class_: Any = None,
    by: str | None = None,
    additive: bool = False,
    level: float = 0.95,
    progress: Progress | None = None,
) -> AccumulatedLocalEffects:
    """Add up what small steps of a column do, each asked only of rows that are near it (ALE; Apley and Zhu 2020, JRSS B 82, 1059-1086).

    Unlike partial dependence it asks about no rows that could not be, where columns go together. Numbers and dates: a row stands
    between two grid values, and the difference of the model's answer there is averaged over the rows between them. Levels: rows of two
    neighbouring levels are changed into each other; levels without an order are put in one by how alike their rows are in the
    other columns. The curve is 0 on average over the rows.

    Parameters
    ----------
    features : name or sequence of names, optional
        Without it the four whose average answer moves most (a coarse pass).
    grid : int
        Values of a numeric column: quantiles of the whole data, from the smallest to the largest. Levels of others: the most frequent.
    rows : int or None
        Rows used, a stratified sample; None: all.
    class_ : label of a class, optional
        Of several classes only this one.
    by : str, optional
        A column whose levels (numbers in three parts), or a condition whose rows and the rest, get curves of their own.
    additive : bool
        On the scale in which the model adds up (log-odds of a boosted classifier, say).

    Raises
    ------
    NotApplicable
        Without a model, or where no column has two values among these rows.
    """
    level, group, model = check_level(level), shared.group_of(ev, class_), Answers(ev, additive=additive)
    if rows is not None and rows < 2:
        raise InputError("Expected rows of at least two.", f"Got {rows}.")
    cohorts = cohorts_of(ev, by)
    names, how = chosen_features(ev, model, features, grid, rows, span(progress, 0.0, 0.2), besides(ev, by))
    samples = {c: one.sample(rows) for c, one in cohorts.items()}
    groups, parts, start = shared.groups(ev), [], 0.2 if how else 0.0
    named = features is not None and len(features) > 0
    every, without = _steps(samples, names, grid, named=named)
    for i, (cohort, taken) in enumerate(every.items()):
        chosen = samples[cohort]
        if not i:
            first, grids = chosen, {c: s.grid for c, s in taken.items()}
            model.check(chosen, grids)
        here = span(progress, *(start + (1 - start) * (i + j) / len(samples) for j in (0, 1)))
        found = differences_of(model, chosen, taken, here)
        parts += _curves(chosen, taken, found, groups, level, cohort)
    curves = pd.DataFrame({field: np.concatenate([part[field] for part in parts]) for field in parts[0]})
    if len(cohorts) > 1:
        first, grids = ev, {name: grid_of(ev, name, grid, ends=True) for name in grids}
    wanted = groups if group is None else (groups[group],)
    curves = curves[curves.group.isin(wanted)].reset_index(drop=True)
    return AccumulatedLocalEffects(
        curves=curves,
        directions=directions(curves, expected_of(ev, grids)),
        density=stacked([density(first, c, g.kind, g.values) for c, g in grids.items()]),
        kinds={c: g.kind for c, g in grids.items()},
        groups=wanted,
        cohorts=tuple(cohorts),
        scale=model.scale,
        how="; ".join(filter(None, (how, without))),
        way=model.how,
        source=first.source,
        settings={
            "features": list(grids),
            "grid": grid,
            "rows": sum(s.n for s in samples.values()),
            "by": by or None,
            "class_": chosen_class(class_),
            "additive": bool(additive),
            "level": level,
            "seed": ev.seed,
        },
    )


def measure(
    differences: np.ndarray,
    row: np.ndarray,
    step: np.ndarray,
    stands: np.ndarray,
    weight: np.ndarray | None = None,
    values: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Add up steps: the curve (m,), centred on the rows, and the influence of each row on it, (n, m).

    Parameters
    ----------
    differences, row, step : arrays, shape (pairs,)
        What step ``step`` (from grid value s to s + 1) does to row ``row``.
    stands : array, shape (n, 2)
        Places on the curve between which each row stands.
    weight : array, shape (n,), optional
    values : int, optional
        Values of the curve, where rows may not reach its end.

    >>> curve, _ = measure(np.array([1.0, 3.0, 10.0]), np.arange(3), np.array([0, 0, 1]), np.array([[0, 1], [0, 1], [1, 2]]))
    >>> (curve + 3).round(6).tolist()  # 2 on average in the first bin, 10 in the second; rows stand at 1, 1 and 7
    [0.0, 2.0, 12.0]
    """
    n, m = len(stands), int(stands.max()) + 1 if values is None else values
    weight = np.ones(n) if weight is None else np.asarray(weight, dtype=float)
    w = weight[row]
    total = np.bincount(step, weights=w, minlength=m - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.nan_to_num(np.bincount(step, weights=w * differences, minlength=m - 1) / total)
        own = np.nan_to_num(w * (differences - mean[step]) / total[step])
    curve = np.concatenate([[0.0], np.cumsum(mean)])
    here = curve[stands].mean(axis=1)
    share = weight / weight.sum()
    centre = share @ here
    each = np.zeros((n, m))
    np.add.at(each, (row, step + 1), own)
    each = np.cumsum(each, axis=1)
    of_centre = share * (here - centre)
    reach = np.bincount(stands.ravel(), weights=np.repeat(share / 2, 2), minlength=m)
    of_centre += each @ reach
    return curve - centre, each - of_centre[:, None]


def _steps(
    samples: Mapping[str, Evaluation], names: list[str], grid: int, *, named: bool
) -> tuple[dict[str, dict[str, Steps]], str]:
    """Say which rows of each cohort take which steps of which column; what nobody ``named`` and has no steps is left out, and said."""
    out: dict[str, dict[str, Steps]] = {cohort: {} for cohort in samples}
    left_out: dict[str, NotApplicable] = {}
    for name in names:
        try:
            found = {cohort: steps_of(one, name, grid) for cohort, one in samples.items()}
        except NotApplicable as answer:
            if named:
                raise
            left_out[name] = answer
            continue
        for cohort, taken in found.items():
            out[cohort][name] = taken
    if len(left_out) == len(names):
        raise next(iter(left_out.values()))
    return out, "; ".join(f"without {name}, because {answer.reason}" for name, answer in left_out.items())


def steps_of(ev: Evaluation, name: str, grid: int) -> Steps:
    """Say which rows take which steps of a column.

    Raises
    ------
    NotApplicable
        The column has one value among these rows, or all rows that have one weigh 0.
    """
    made = grid_of(ev, name, grid, ends=True)
    column = ev.frame[name]
    if made.kind == "levels":
        return _levels(ev, made, column)
    there = column.notna().to_numpy()
    known = np.arange(ev.n) if there.all() else np.flatnonzero(there)  # a search for true ones costs more
    edges, x = floats(made.values), floats(column if len(known) == ev.n else column.iloc[known])
    if len(edges) < 2 or not len(x):
        raise NotApplicable(f"the column {name!r} has one value only")
    _check_weights(ev, name, known)
    place = steps_above(edges[1:], x)
    filled = 1 + np.flatnonzero(np.bincount(place))
    kept = np.concatenate([[filled[0] - 1], filled])  # a bin without rows joins the one above
    if len(filled) < len(edges) - 1:
        place = np.searchsorted(filled, 1 + np.arange(len(edges)))[place]
    used = Grid(
        name=name, values=made.values.iloc[kept].reset_index(drop=True), donors=made.donors.iloc[kept], kind="ordered"
    )
    return Steps(grid=used, rows=known, row=np.arange(len(known)), step=place, place=place, each_once=True)


def _levels(ev: Evaluation, made: Grid, column: pd.Series) -> Steps:
    levels = pd.Index(list(made.values.dropna()), dtype=object)
    codes = levels.get_indexer(pd.Index(column, dtype=object)).astype(np.int64)  # -1: missing, or not on the grid
    present = np.flatnonzero(np.bincount(codes[codes >= 0], minlength=len(made.values)) > 0)
    if len(present) < 2:
        raise NotApplicable(f"the column {made.name!r} has one value only")
    if not has_order(ev.columns[made.name], column):
        present = present[by_likeness(ev.inputs().drop(columns=made.name), codes, present)]
    place_of = np.full(len(made.values) + 1, -1)
    place_of[present] = np.arange(len(present))
    place = place_of[codes]
    known = np.flatnonzero(place >= 0)
    _check_weights(ev, made.name, known)
    place = place[known]
    up, down = np.flatnonzero(place < len(present) - 1), np.flatnonzero(place > 0)
    used = Grid(
        name=made.name,
        values=made.values.iloc[present].reset_index(drop=True),
        donors=made.donors.iloc[present],
        kind="levels",
    )
    return Steps(
        grid=used,
        rows=known,
        row=np.concatenate([up, down]),
        step=np.concatenate([place[up], place[down] - 1]),
        place=place,
        each_once=False,
    )


def _check_weights(ev: Evaluation, name: str, rows: np.ndarray) -> None:
    if ev.weight is not None and not ev.weight[rows].any():
        raise NotApplicable(f"all rows that have a value of {name!r} weigh 0")


def differences_of(
    model: Answers, ev: Evaluation, taken: Mapping[str, Steps], progress: Progress | None
) -> dict[str, np.ndarray]:
    """What each step does to each row that takes it, arrays of shape (pairs, groups)."""
    asks = {name: (s.rows if s.each_once else s.rows[s.row], s.step) for name, s in taken.items()}
    return model.steps(ev, {c: s.grid for c, s in taken.items()}, asks, progress)


def _curves(
    ev: Evaluation,
    taken: Mapping[str, Steps],
    differences: Mapping[str, np.ndarray],
    groups: tuple[str, ...],
    level: float,
    cohort: str,
) -> list[dict[str, np.ndarray]]:
    """Give the fields of the curve of each column and group; intervals of all at once, where rows weigh the same."""
    parts: list[dict[str, np.ndarray]] = []
    waiting: list[tuple[dict[str, np.ndarray], np.ndarray]] = []
    for feature, s in taken.items():
        used, m = ev if len(s.rows) == ev.n else ev.take(s.rows), len(s.grid.values)
        alike = s.each_once and used.weight is None and used.cluster is None
        for g, group in enumerate(groups):
            part = {
                "feature": np.full(m, feature, dtype=object),
                "value": s.grid.values.to_numpy(dtype=object),
                "group": np.full(m, group, dtype=object),
            }
            if alike:
                part["estimate"], powers = powers_of(differences[feature][:, g], s.step, m - 1)
                part |= {"low": part["estimate"], "high": part["estimate"]}  # below
                waiting.append((part, powers))
            else:
                part["estimate"], influence = measure(differences[feature][:, g], s.row, s.step, s.stands, used.weight)
                part["low"], part["high"] = shared.influence_interval(used, part["estimate"], influence, level)
            part |= {"n": np.full(m, used.n), "cohort": np.full(m, cohort, dtype=object)}
            parts.append(part)
    if waiting:
        curve, n = (np.concatenate([part[field] for part, _ in waiting]) for field in ("estimate", "n"))
        _, low, high = shared.interval_of_powers(curve, np.concatenate([p for _, p in waiting], axis=1), n, level)
        ends = np.cumsum([len(part["estimate"]) for part, _ in waiting])
        for (part, _), start, stop in zip(waiting, np.append(0, ends), ends, strict=False):
            part["low"], part["high"] = low[start:stop], high[start:stop]
    return parts
