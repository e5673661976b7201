"""Partial dependence: what the model answers on average when one raw column is set to a value on every row; and row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.curves import chosen_class
from modelglass.analysis.describing import in_given_order
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.performance import check_level, shown
from modelglass.analysis.progress import Progress, blocks, span, tell
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.explainers import rows as shared
from modelglass.explainers.rows import Stack

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
    """

    curves: pd.DataFrame
    lines: pd.DataFrame
    density: pd.DataFrame
    kinds: Mapping[str, str]
    groups: tuple[str, ...]
    scale: str
    how: str
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
    level: float = 0.95,
    progress: Progress | None = None,
) -> PartialDependence:
    """Set a raw column to values of its own, on every row, and average the answers (brute force, as scikit-learn's).

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

    Raises
    ------
    NotApplicable
        Without a model, or where no column has two values.
    """
    level, group = check_level(level), shared.group_of(ev, class_)
    names, how = _chosen(ev, features, grid, span(progress, 0.0, 0.2))
    chosen = shared.sampled(ev, rows)
    curves, lines, densities, kinds = [], [], [], {}
    shown_rows = _spread_places(chosen.n, ice)
    for i, name in enumerate(names):
        low = 0.2 if how else 0.0
        part = span(progress, low + (1 - low) * i / len(names), low + (1 - low) * (i + 1) / len(names))
        values, kinds[name], answers = _answers(chosen, name, grid, part)
        curves.append(_curve(chosen, name, values, answers, level))
        lines.append(_lines(chosen, name, values, answers, shown_rows))
        densities.append(_density(chosen, name, kinds[name], values))
    groups = shared.groups(ev) if group is None else (shared.groups(ev)[group],)
    return PartialDependence(
        curves=_of_groups(_stacked(curves), groups),
        lines=_of_groups(_stacked(lines), groups),
        density=_stacked(densities),
        kinds=kinds,
        groups=groups,
        scale=shared.scale(ev),
        how=how,
        source=chosen.source,
        settings={
            "features": names,
            "grid": grid,
            "rows": chosen.n,
            "ice": len(shown_rows),
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
    names, how = _chosen(ev, features, grid, span(progress, 0.0, 0.4))
    chosen = shared.sampled(ev, max(ice, 1))
    lines, densities, kinds = [], [], {}
    for i, name in enumerate(names):
        tell(progress, 0.4 + 0.6 * i / len(names), f"lines of {name}")
        values, kinds[name], answers = _answers(chosen, name, grid, None)
        lines.append(_lines(chosen, name, values, answers - answers[[0]] if centred else answers, np.arange(chosen.n)))
        densities.append(_density(ev, name, kinds[name], values))
    groups = shared.groups(ev) if group is None else (shared.groups(ev)[group],)
    settings = {"features": names, "grid": grid, "ice": chosen.n, "centred": bool(centred), "seed": chosen.seed}
    return IndividualConditionalExpectation(
        lines=_of_groups(_stacked(lines), groups),
        density=_stacked(densities),
        kinds=kinds,
        groups=groups,
        scale=shared.scale(ev),
        how=how,
        source=chosen.source,
        settings={**settings, "class_": chosen_class(class_)},
    )


def _of_groups(table: pd.DataFrame, groups: tuple[str, ...]) -> pd.DataFrame:
    return table[table.group.isin(groups)].reset_index(drop=True)


def _chosen(ev: Evaluation, features: Any, grid: int, progress: Progress | None) -> tuple[list[str], str]:
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
    for i, name in enumerate(able):
        tell(progress, i / len(able), "looking for the columns that matter")
        values, kind, answers = _answers(few, name, COARSE_GRID, None)
        mean, weight = answers.mean(axis=1), _near(few, name, values, kind)
        middle = weight @ mean / weight.sum()
        moves.append(np.sqrt(weight @ (mean - middle) ** 2 / weight.sum()).max())
    best = np.argsort(-np.array(moves), kind="stable")[:TOP]
    return [able[i] for i in best], f"the {TOP} columns that move it most in a coarse pass over {rows_text(few.n)}"


def grid_rows(ev: Evaluation, name: str, grid: int) -> tuple[np.ndarray, str]:
    """Give rows of the whole data that hold the grid's values, in order, and the kind: "ordered" or "levels"."""
    column = ev.whole.inputs()[name]
    codes, levels = pd.factorize(column, sort=False)
    first = np.full(len(levels), len(codes))
    np.minimum.at(first, codes[codes >= 0], np.flatnonzero(codes >= 0))
    if ev.columns[name].kind in ("numeric", "datetime") and pd.api.types.is_numeric_dtype(
        column.dtype
    ) | pd.api.types.is_datetime64_any_dtype(column.dtype):
        order = np.argsort(np.asarray(levels), kind="stable")
        if len(order) > grid:
            order = order[_quantile_places(np.bincount(codes[codes >= 0], minlength=len(levels))[order], grid)]
        return first[order], "ordered"
    count = np.bincount(codes[codes >= 0], minlength=len(levels))
    order = np.argsort(-count, kind="stable")[:grid]
    given = in_given_order([levels[i] for i in order], ev.columns[name].level_order)
    if given is not None:
        order = order[given]
    elif isinstance(column.dtype, pd.CategoricalDtype) and column.dtype.ordered:
        order = order[np.argsort(column.cat.codes.to_numpy()[first[order]], kind="stable")]
    elif ev.columns[name].kind == "boolean":
        order = order[np.argsort([str(levels[i]) for i in order], kind="stable")]
    missing = np.flatnonzero(codes < 0)[:1]
    return np.concatenate([first[order], missing]).astype(np.int64), "levels"


def _quantile_places(count: np.ndarray, grid: int) -> np.ndarray:
    """Choose places among sorted distinct values: quantiles of the rows; where few values fill most rows, of the values as well."""
    ends = np.cumsum(count)
    shares = np.linspace(0.005, 0.995, grid)
    places = np.unique(np.searchsorted(ends, shares * ends[-1], side="left"))
    if len(places) <= grid // 2:
        more = np.linspace(0, len(count) - 1, grid - len(places)).round().astype(np.int64)
        places = np.unique(np.concatenate([places, more]))
    return np.minimum(places, len(count) - 1)


def _answers(ev: Evaluation, name: str, grid: int, progress: Progress | None) -> tuple[pd.Series, str, np.ndarray]:
    """Ask for every row of ``ev`` at every grid value: (values, kind, answers of shape (grid, n, groups))."""
    at, kind = grid_rows(ev, name, grid)
    if not len(at):
        raise NotApplicable(f"the column {name!r} has no values")
    inputs, donors = ev.inputs(), ev.whole.inputs().iloc[at]
    stack = Stack(inputs, donors)
    place = list(inputs.columns).index(name)
    n, m = len(inputs), len(donors)
    parts = []
    for cells in blocks(n * m, start=512, seconds=0.2, most=200_000):
        value, row = np.divmod(np.arange(cells.start, cells.stop), n)
        choice = np.repeat(row[:, None], inputs.shape[1], axis=1)
        choice[:, place] = n + value
        parts.append(shared.output(ev, stack.rows(choice)))
        tell(progress, cells.stop / (n * m), f"partial dependence of {name}")
    return donors[name].reset_index(drop=True), kind, np.concatenate(parts).reshape(m, n, -1)


def _near(ev: Evaluation, name: str, values: pd.Series, kind: str) -> np.ndarray:
    """Count the rows of ``ev`` nearest to each grid value (one more each), so that rare values weigh little."""
    column = ev.inputs()[name]
    if kind == "levels":
        counts = column.isin(list(values.dropna())).to_numpy()
        codes = pd.Categorical(column[counts].astype(object), categories=list(values.dropna())).codes
        return 1.0 + np.bincount(codes, minlength=len(values))[: len(values)]
    known, grid = _floats(column.dropna()), _floats(values)
    return 1.0 + np.bincount(np.searchsorted((grid[1:] + grid[:-1]) / 2, known), minlength=len(grid))


def _floats(column: pd.Series) -> np.ndarray:
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column.to_numpy(dtype="datetime64[ns]").astype("int64").astype("float64")
    return column.to_numpy(dtype="float64")


def _curve(ev: Evaluation, name: str, values: pd.Series, answers: np.ndarray, level: float) -> pd.DataFrame:
    m, n, k = answers.shape
    estimate, low, high = shared.mean_interval(ev, np.moveaxis(answers, 1, 0).reshape(n, m * k), level)
    return pd.DataFrame(
        {
            "feature": name,
            "value": np.repeat(values.to_numpy(dtype=object), k),
            "group": np.tile(np.array(shared.groups(ev), dtype=object), m),
            "estimate": estimate,
            "low": low,
            "high": high,
            "n": n,
        }
    )


def _lines(ev: Evaluation, name: str, values: pd.Series, answers: np.ndarray, places: np.ndarray) -> pd.DataFrame:
    m, _, k = answers.shape
    numbers = ev.frame.index.to_numpy()[places]
    return pd.DataFrame(
        {
            "feature": name,
            "row": np.repeat(numbers, m * k),
            "value": np.tile(np.repeat(values.to_numpy(dtype=object), k), len(places)),
            "group": np.tile(np.array(shared.groups(ev), dtype=object), m * len(places)),
            "output": np.moveaxis(answers[:, places], 0, 1).ravel(),
        }
    )


def _density(ev: Evaluation, name: str, kind: str, values: pd.Series) -> pd.DataFrame:
    """Count the rows of the evaluation: in 30 bins between the outer grid values, or by level."""
    column = ev.inputs()[name]
    if kind == "levels":
        filled = column.astype(object).where(column.notna(), None).value_counts(dropna=False)
        levels = [int(filled.get(v, 0)) if not _absent(v) else int(column.isna().sum()) for v in values]
        return pd.DataFrame({"feature": name, "value": values.to_numpy(dtype=object), "right": np.nan, "n": levels})
    dates = pd.api.types.is_datetime64_any_dtype(column.dtype)
    known, inner = _floats(column.dropna()), _floats(values)
    edges = (
        np.linspace(inner.min(), inner.max(), 31)
        if inner.max() > inner.min()
        else np.array([inner[0] - 0.5, inner[0] + 0.5])
    )
    counts, _ = np.histogram(known, bins=edges)
    left, right = (pd.to_datetime(e.astype("int64")) if dates else e for e in (edges[:-1], edges[1:]))
    return pd.DataFrame(
        {
            "feature": name,
            "value": np.asarray(left, dtype=object),
            "right": np.asarray(right, dtype=object),
            "n": counts,
        }
    )


def _absent(value: Any) -> bool:
    return bool(pd.isna(value))


def _spread_places(n: int, count: int) -> np.ndarray:
    return np.arange(n) if n <= count else np.floor(np.arange(max(count, 0)) * n / max(count, 1)).astype(np.int64)


def _stacked(parts: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [p for p in parts if len(p)]
    for part in filled:
        part["value"] = part["value"].astype(object)
        if "right" in part:
            part["right"] = part["right"].astype(object)
    return pd.concat(filled, ignore_index=True) if filled else parts[0]
