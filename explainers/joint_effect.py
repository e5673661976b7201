"""Two columns together: what the model answers as both change, what of it is more than the sum of the two, and where rows are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.curves import chosen_class
from modelglass.analysis.errors import InputError, NotApplicable, unknown_name
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.known_features import known_features
from modelglass.analysis.performance import check_level, shown
from modelglass.analysis.progress import Progress, span, tell
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.analysis.wording import signed
from modelglass.explainers import joint_steps
from modelglass.explainers import rows as shared
from modelglass.explainers.accumulated_local_effects import steps_of
from modelglass.explainers.effect_answers import Answers
from modelglass.explainers.effect_grid import FEW, Grid, grid_of, nearest
from modelglass.explainers.interaction_strength import OTHERS, interaction_strength
from modelglass.explainers.joint_intervals import FEW_ROWS, intervals, reasons
from modelglass.explainers.partial_dependence import chosen_features

ROWS, GRID, COARSE_ROWS = 2_000, 10, 60
METHODS = ("accumulated_local_effects", "partial_dependence")
ASKED = {
    METHODS[0]: "each step asked only of rows near it",
    METHODS[1]: "each cell asked of all rows, also of those that could not be so",
}


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class JointEffect(Result):
    """The model's answer as two raw columns change together.

    cells       value, other_value (of the first and the second column, as in the data), group (class or target), estimate (mean answer),
                low, high (interval over rows or clusters; NaN where none holds its level), n (rows it was worked out from), beyond (what
                of it is more than the mean and each column by itself; 0 on average over the rows), near (rows of the evaluation nearest
                to the cell), note (why there is no interval; '' where there is one)
    features    the two columns;  kinds: feature -> "ordered" (numbers, dates) or "levels"
    scale       unit of estimate and beyond
    how         how the pair was chosen, where nobody named it; else ''
    """

    cells: pd.DataFrame
    features: tuple[str, str]
    kinds: Mapping[str, str]
    groups: tuple[str, ...]
    scale: str
    how: str
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give value, other_value, group, estimate, low, high, n, beyond, near, note."""
        return self.cells

    def widest(self) -> str:
        """Name the group whose answer moves most."""
        return str(self.cells.groupby("group", sort=False).estimate.agg(np.ptp).idxmax())

    def sentence(self) -> str:
        """Say how far both move the answer, how much of it is more than a sum, and where it is a guess."""
        group, (a, b) = self.widest(), self.features
        every = self.cells[self.cells.group == group]
        held = every[every.near >= FEW] if (every.near >= FEW).any() else every
        low, high, most = (
            held.loc[i] for i in (held.estimate.idxmin(), held.estimate.idxmax(), held.beyond.abs().idxmax())
        )
        of = f" of {group}" if self.scale in ("probability", "decision") else ""
        typical = float(np.sqrt(np.average(held.beyond**2, weights=np.maximum(held.near, 1))))

        def place(cell: pd.Series) -> str:
            return f"({shared.text(cell.value)}, {shared.text(cell.other_value)})"

        chosen = f" ({self.how})" if self.how else ""
        few = len(every) - int((every.near >= FEW).sum())
        guess = (
            f" {few} of {len(every)} cells hold fewer than {FEW} rows: what stands there is a guess about rows that hardly occur."
            if few
            else ""
        )
        return (
            f"{a} and {b} together{chosen}: {self.scale}{of} from {self._said(low)} at {place(low)} to {self._said(high)} at {place(high)}; "
            f"{shown(typical)} of it is typically more than the sum of both, most {signed(most.beyond)} at {place(most)}; "
            f"{rows_text(int(self.cells.n.iloc[0]))}, {ASKED[self.settings['method']]}.{guess}{reasons(list(every.note))}"
        )

    def _said(self, cell: pd.Series) -> str:
        if cell.low != cell.low:
            return shown(cell.estimate)
        level = f"{100 * self.settings['level']:.4g} % interval"
        return f"{shown(cell.estimate)} ({level} {shown(cell.low)} to {shown(cell.high)})"


def joint_effect(
    ev: Evaluation,
    *,
    features: Any = None,
    method: str = METHODS[0],
    grid: int = GRID,
    rows: int | None = ROWS,
    class_: Any = None,
    additive: bool = False,
    level: float = 0.95,
    progress: Progress | None = None,
) -> JointEffect:
    """Change two raw columns together, and tell apart what they do together from what each does.

    By accumulated local effects (Apley and Zhu 2020) the surface is the mean answer, both columns' own effects and the effect of the
    second order, each from small steps that rows near them take: it asks about no rows that could not be. By partial dependence
    (Friedman 2001) both columns are set to the cell's values on every row.

    Parameters
    ----------
    features : two names, optional
        Without them the pair that works together most among the four columns that move the average answer most.
    method : {"accumulated_local_effects", "partial_dependence"}
    grid : int
        Values of a numeric column, quantiles of the whole data; levels of others, the most frequent.
    rows : int or None
        Rows used, a stratified sample; None: all.
    class_ : label of a class, optional
        Of several classes only this one.
    additive : bool
        On the scale in which the model adds up (log-odds of a boosted classifier, say), where a model without interactions has none.

    Raises
    ------
    NotApplicable
        Without a model, with fewer than two columns of two values, or where no row has a value of both.
    InputError
        Not two different columns.
    """
    level, group, model = check_level(level), shared.group_of(ev, class_), Answers(ev, additive=additive)
    if method not in METHODS:
        raise unknown_name("method", str(method), METHODS)
    if rows is not None and rows < 2:
        raise InputError("Expected rows of at least two.", f"Got {rows}.")
    pair, how = _pair(ev, model, features, grid, rows, additive, span(progress, 0.0, 0.3))
    chosen = ev.sample(rows)
    compute = _by_steps if method == METHODS[0] else _by_setting
    grids, n, surfaces, beyond, (low, high, note) = compute(
        chosen, model, pair, grid, level, span(progress, 0.3 if how else 0.0, 1.0)
    )
    groups = shared.groups(ev)
    near = _near(ev, *grids)
    parts = [_cells(grids, g, surfaces[:, :, i], beyond[:, :, i], near) for i, g in enumerate(groups)]
    for i, part in enumerate(parts):
        part["low"], part["high"], part["note"], part["n"] = (*(a[:, :, i].ravel() for a in (low, high, note)), n)
    wanted = groups if group is None else (groups[group],)
    cells = pd.concat([p for p, g in zip(parts, groups, strict=True) if g in wanted], ignore_index=True)
    return JointEffect(
        cells=cells[["value", "other_value", "group", "estimate", "low", "high", "n", "beyond", "near", "note"]],
        features=pair,
        kinds={g.name: g.kind for g in grids},
        groups=wanted,
        scale=model.scale,
        how=how,
        source=chosen.source,
        settings={
            "features": list(pair), "method": method, "grid": grid, "rows": chosen.n, "class_": chosen_class(class_),
            "additive": bool(additive), "level": level, "seed": chosen.seed,
        },
    )  # fmt: skip


def _pair(
    ev: Evaluation,
    model: Answers,
    features: Any,
    grid: int,
    rows: int | None,
    additive: bool,
    progress: Progress | None,
) -> tuple[tuple[str, str], str]:
    if features is not None and len(features):
        names = known_features(ev, features)
        if len(names) != 2 or names[0] == names[1]:
            raise InputError(
                "Expected two different columns.",
                f"Got {', '.join(map(repr, names))}.",
                "Name two, or none to have them chosen.",
            )
        return (names[0], names[1]), ""
    names, _ = chosen_features(ev, model, None, grid, rows, span(progress, 0.0, 0.3))
    if len(names) < 2:
        raise NotApplicable("it takes two columns that have two values")
    if len(names) == 2:
        return (names[0], names[1]), ""
    coarse = COARSE_ROWS if rows is None else max(min(rows, COARSE_ROWS), 10)
    found = interaction_strength(
        ev, features=names, rows=coarse, top=len(names), additive=additive, progress=span(progress, 0.3, 1.0)
    ).table
    best = found[found.other != OTHERS].sort_values("size", ascending=False, kind="stable").iloc[0]
    first, second = sorted((str(best.feature), str(best.other)), key=names.index)
    return (
        first,
        second,
    ), f"the pair that works together most in a coarse pass over {rows_text(min(coarse, ev.n))}"


Found = tuple[tuple[Grid, Grid], int, np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray]]
"""Both grids, rows used, surface and what is beyond the sum (one, other, groups); ends of intervals and why there are none, of the same shape."""


def _asked(
    ev: Evaluation, model: Answers, ask: tuple[np.ndarray, ...], grids: tuple[Grid, Grid], progress: Progress | None
) -> np.ndarray:
    """Ask about rows with both columns set; ask: places of rows, of the one grid's values and of the other's; shape (asks, groups)."""
    row, one, other = ask
    inputs = ev.inputs()
    columns = {c: inputs[c].array for c in inputs.columns}
    given = {g.name: (g.donors[g.name].array, at) for g, at in zip(grids, (one, other), strict=True)}

    def some(cells: slice) -> np.ndarray:
        made = {
            c: given[c][0].take(given[c][1][cells]) if c in given else held.take(row[cells])
            for c, held in columns.items()
        }
        return model.said(ev, pd.DataFrame(made, copy=False))

    return shared.in_blocks(len(row), some, f"{grids[0].name} and {grids[1].name} together", progress)


def _by_steps(
    ev: Evaluation, model: Answers, pair: tuple[str, str], grid: int, level: float, progress: Progress | None
) -> Found:
    inputs = ev.inputs()
    known = np.flatnonzero(inputs[list(pair)].notna().all(axis=1).to_numpy())
    if not len(known):
        raise NotApplicable(f"no row has a value of both {pair[0]!r} and {pair[1]!r}")
    ev = ev.take(known)
    pairs = joint_steps.pairs_of(*(steps_of(ev, c, grid) for c in pair))
    if not len(pairs.rows):
        raise NotApplicable(f"no row has a value of both {pair[0]!r} and {pair[1]!r} among the most frequent ones")
    used = ev.take(pairs.rows)
    if used.weight is not None and not used.weight.any():
        raise NotApplicable(f"all rows that have a value of both {pair[0]!r} and {pair[1]!r} weigh 0")
    grids = pairs.one.grid, pairs.other.grid
    m, own = len(pairs.row), np.tile(pairs.row, 4)
    one = np.concatenate([pairs.step + 1, pairs.step, pairs.step + 1, pairs.step])
    other = np.concatenate([pairs.other_step + 1, pairs.other_step + 1, pairs.other_step, pairs.other_step])
    corners = _asked(used, model, (own, one, other), grids, span(progress, 0.0, 0.7))
    moves = corners[:m] - corners[m : 2 * m] - corners[2 * m : 3 * m] + corners[3 * m :]
    answers = model.said(used, used.inputs())
    taken = {s.grid.name: s for s in (pairs.one, pairs.other)}
    asks = {c: (s.row, s.step) for c, s in taken.items()}
    alone = model.steps(used, {c: s.grid for c, s in taken.items()}, asks, span(progress, 0.7, 0.9))
    second = joint_steps.SecondOrder(pairs, used.weight)
    surfaces, beyonds, ends = [], [], []
    for i, (said, d) in enumerate(zip(answers.T, moves.T, strict=True)):
        added, first = second.first_order(said, *(alone[c][:, i] for c in taken))
        beyond = second.surface(d)
        surface = added + beyond
        ends.append(intervals(used, second, d, first, surface, level))
        surfaces.append(surface)
        beyonds.append(beyond)
        tell(progress, 0.9 + 0.1 * (i + 1) / len(moves.T), "intervals")
    low, high, why = (np.stack(parts, axis=2) for parts in zip(*ends, strict=True))
    return grids, used.n, np.stack(surfaces, axis=2), np.stack(beyonds, axis=2), (low, high, why)


def _by_setting(
    ev: Evaluation, model: Answers, pair: tuple[str, str], grid: int, level: float, progress: Progress | None
) -> Found:
    one, other = (grid_of(ev, c, grid) for c in pair)
    shape = len(one.values), len(other.values)
    value, row = np.divmod(np.arange(shape[0] * shape[1] * ev.n), ev.n)
    answers = _asked(ev, model, (row, *np.divmod(value, shape[1])), (one, other), progress)
    k = answers.shape[1]
    flat = np.moveaxis(answers.reshape(-1, ev.n, k), 1, 0).reshape(ev.n, -1)
    surface, low, high = (a.reshape(*shape, k) for a in shared.mean_interval(ev, flat, level))
    low, high = shared.held_in(model.scale, low, high)
    why = np.where(np.isnan(low), FEW_ROWS, "").astype(object)
    return (one, other), ev.n, surface, _beyond(surface, ev, (one, other)), (low, high, why)


def _beyond(surface: np.ndarray, ev: Evaluation, grids: tuple[Grid, Grid]) -> np.ndarray:
    """Take each column's own effect away: the surface minus its means over the rows' values of the other column."""
    share = _near(ev, *grids).astype(float)
    share = share / share.sum() if share.sum() else np.full(share.shape, 1 / share.size)
    one = np.einsum("abk,b->ak", surface, share.sum(axis=0))
    other = np.einsum("abk,a->bk", surface, share.sum(axis=1))
    left = surface - one[:, None] - other[None, :]
    return left - np.einsum("abk,ab->k", left, share)


def _near(ev: Evaluation, one: Grid, other: Grid) -> np.ndarray:
    """Count the rows nearest to each cell."""
    inputs = ev.inputs()
    a, b = nearest(inputs[one.name], one), nearest(inputs[other.name], other)
    known = (a >= 0) & (b >= 0)
    shape = len(one.values), len(other.values)
    return np.bincount(a[known] * shape[1] + b[known], minlength=shape[0] * shape[1]).reshape(shape)


def _cells(
    grids: tuple[Grid, Grid], group: str, surface: np.ndarray, beyond: np.ndarray, near: np.ndarray
) -> pd.DataFrame:
    one, other = (g.values.to_numpy(dtype=object) for g in grids)
    return pd.DataFrame(
        {
            "value": np.repeat(one, len(other)),
            "other_value": np.tile(other, len(one)),
            "group": group,
            "estimate": surface.ravel(),
            "beyond": beyond.ravel(),
            "near": near.ravel(),
        }
    )
