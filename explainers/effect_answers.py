"""Answers of a model over the grids of raw columns: the fast way where there is one, else one batched question after the other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.progress import Progress, span
from modelglass.explainers import effect_ways
from modelglass.explainers import rows as shared
from modelglass.explainers.effect_grid import Asks, Grid
from modelglass.explainers.effect_steps import answers_at, differences
from modelglass.explainers.effect_ways import FastWay
from modelglass.explainers.transformed import same_as_asked, transformed

AT_ONCE = 128e6
"""Bytes of answers kept where the interval needs them row by row (weights, clusters)."""
MANY, QUICK = 4_096, 0.02
"""So many rows answered in so many seconds are asked about value by value."""


def _agrees(way: FastWay, ev: Evaluation, donors: Mapping[str, pd.DataFrame]) -> bool:
    """Compare with the model's own answers; of a linear model once for the same rows, grids and coefficients, as that takes longer than they do."""
    if way.coefficients is None:
        return effect_ways.agrees(way, ev, donors)
    known = way.coefficients.tobytes(), way.base.tobytes(), way.link, way.scale
    key = ("agrees", *known, *((c, tuple(d.index)) for c, d in donors.items()))
    return bool(ev.keep(key, lambda: effect_ways.agrees(way, ev, donors)))


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Effect:
    """The answers over one grid, arrays of shape (grid, groups), and those of single rows, lines (grid, rows shown, groups)."""

    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    lines: np.ndarray


class Answers:
    """Ask a model, or work out, what it answers on rows with one column set to each value of a grid.

    Attributes
    ----------
    way : FastWay or None
        Found once for a model; None where the model has to be asked.
    why : str
        Why there is no fast way, completing "because ..."; '' where there is one.
    scale : str
        Unit of the answers.
    """

    def __init__(self, ev: Evaluation, *, additive: bool = False):
        shared.need_model(ev)
        found = effect_ways.fast_way(ev, additive=additive)
        self.way: FastWay | None = found if isinstance(found, FastWay) else None
        self.why = found if isinstance(found, str) else ""
        if additive and self.way is None:
            raise NotApplicable(f"the model's answer is not known as a function of a sum: {self.why}")
        self.through = transformed(ev) if self.way is None else None
        self.additive = additive
        self.scale = self.way.scale if self.way is not None else shared.scale(ev)

    @property
    def how(self) -> str:
        """Say where the answers come from."""
        return self.way.name if self.way is not None else "the model was asked"

    def check(self, ev: Evaluation, grids: Mapping[str, Grid]) -> None:
        """Leave the fast way where a sample of its answers is not the model's own."""
        if self.through is not None and not same_as_asked(ev, grids, self.through):
            self.through = None
        if self.way is None or _agrees(self.way, ev, {c: g.donors for c, g in grids.items()}):
            return
        if self.additive:
            raise NotApplicable("the sum of the model's parts does not give its answer")
        self.way, self.why = None, "what its trees or coefficients give is not its answer"

    def rows(
        self, ev: Evaluation, grids: Mapping[str, Grid], progress: Progress | None = None
    ) -> dict[str, np.ndarray]:
        """Give the answer for every row of ``ev`` at every grid value: arrays of shape (grid, n, groups)."""
        if self.way is not None:
            return effect_ways.answers(self.way, ev, {c: g.donors for c, g in grids.items()}, progress)
        if self.through is not None:
            return self.through.rows(ev, grids, progress)
        total, done, out = sum(len(g.donors) for g in grids.values()), 0, {}
        for name, grid in grids.items():
            out[name] = asked(ev, grid, span(progress, done / total, (done + len(grid.donors)) / total))
            done += len(grid.donors)
        return out

    def said(self, ev: Evaluation, frame: pd.DataFrame) -> np.ndarray:
        """Ask about any rows, on the scale of the answers; shape (n, groups)."""
        if not self.additive or self.way is None:
            return shared.output(ev, frame)
        return effect_ways.raw_output(self.way, ev, frame)

    def at(
        self, ev: Evaluation, grids: Mapping[str, Grid], asks: Mapping[str, Asks], progress: Progress | None = None
    ) -> dict[str, np.ndarray]:
        """Give the answers for chosen pairs of a row and a grid value, arrays of shape (pairs, groups)."""
        if self.way is not None:
            few = answers_at(self.way, ev, {c: g.donors for c, g in grids.items()}, asks, progress)
            if few is not None:
                return few
            out: dict[str, np.ndarray] = {}
            for part, here in _in_turn(ev, grids, progress):
                found = self.rows(ev, part, here)
                out |= {c: found[c][asks[c][1], asks[c][0]] for c in part}
            return out
        if self.through is not None and self.through.knows_points:
            return self.through.at(ev, grids, asks, progress)
        return {
            c: _at(ev, g, *asks[c], span(progress, i / len(grids), (i + 1) / len(grids)))
            for i, (c, g) in enumerate(grids.items())
        }

    def steps(
        self, ev: Evaluation, grids: Mapping[str, Grid], asks: Mapping[str, Asks], progress: Progress | None = None
    ) -> dict[str, np.ndarray]:
        """Give what steps from a grid value to the next do to chosen rows, arrays of shape (pairs, groups)."""
        if self.way is not None:
            few = differences(self.way, ev, {c: g.donors for c, g in grids.items()}, asks, progress)
            if few is not None:
                return few
        elif self.through is not None:
            found = self.through.steps(ev, grids, asks, progress)
            if found is not None:
                return found
        both = {c: (np.concatenate([rows, rows]), np.concatenate([s, s + 1])) for c, (rows, s) in asks.items()}
        return {c: a[len(a) // 2 :] - a[: len(a) // 2] for c, a in self.at(ev, grids, both, progress).items()}

    def effects(
        self,
        ev: Evaluation,
        grids: Mapping[str, Grid],
        shown: np.ndarray,
        level: float,
        progress: Progress | None = None,
    ) -> dict[str, Effect]:
        """Average over all rows of ``ev``, with an interval over rows or clusters; ``shown``: places of rows given one by one."""
        if self.way is not None and ev.weight is None and ev.cluster is None:
            donors = {c: g.donors for c, g in grids.items()}
            found = effect_ways.powers(self.way, ev, donors, span(progress, 0.0, 0.9))
            lines = self.rows(ev.take(shown), grids) if len(shown) else {}
            return {
                c: _effect(*shared.interval_of_powers(mean, sums, ev.n, level), lines.get(c, np.empty((*mean.shape[:1], 0, mean.shape[1]))))
                for c, (mean, sums) in found.items()
            }  # fmt: skip
        out: dict[str, Effect] = {}
        for part, here in _in_turn(ev, grids, progress):
            for name, answers in self.rows(ev, part, here).items():
                m, n, k = answers.shape
                flat = answers.transpose(0, 2, 1).reshape(m * k, n).T  # no copy where rows stand side by side
                estimate, below, above = (a.reshape(m, k) for a in shared.mean_interval(ev, flat, level))
                out[name] = _effect(estimate, below, above, answers[:, shown])
        return out


def _effect(estimate: np.ndarray, low: np.ndarray, high: np.ndarray, lines: np.ndarray) -> Effect:
    return Effect(estimate=estimate, low=low, high=high, lines=lines)


def _in_turn(
    ev: Evaluation, grids: Mapping[str, Grid], progress: Progress | None
) -> Iterator[tuple[dict[str, Grid], Progress | None]]:
    """Give as many columns at a time as fit into memory together, at least one, with their part of the progress."""
    parts: list[dict[str, Grid]] = []
    size = np.inf
    for name, grid in grids.items():
        own = 8.0 * ev.n * len(shared.groups(ev)) * len(grid.donors)
        if size + own > AT_ONCE:
            parts.append({})
            size = 0.0
        parts[-1][name] = grid
        size += own
    done = 0
    for part in parts:
        yield part, span(progress, done / len(grids), (done + len(part)) / len(grids))
        done += len(part)


def asked(ev: Evaluation, grid: Grid, progress: Progress | None = None) -> np.ndarray:
    """Ask the model about every row of ``ev`` at every grid value, shape (grid, n, groups).

    Many rows of a quick model are asked about value by value: to put rows of several values together costs more than such a model's answer.
    """
    n, inputs, given = ev.n, ev.inputs(), grid.donors[grid.name].array
    value, row = np.divmod(np.arange(len(grid.donors) * n), n)
    together, pace = _put(ev, grid, row, value), shared.pace_of(ev)

    def one(start: int, stop: int) -> np.ndarray:
        at = value[start]
        part = inputs.iloc[row[start] : row[stop - 1] + 1]
        return shared.output(ev, part.assign(**{grid.name: given.take(np.full(stop - start, at))}))

    def some(cells: slice) -> np.ndarray:
        if n < MANY or not pace.one * n <= QUICK:  # also where nothing is known of it yet
            return together(cells)
        edges = [cells.start, *range((cells.start // n + 1) * n, cells.stop, n), cells.stop]
        return np.concatenate([one(a, b) for a, b in itertools.pairwise(edges)])

    found = shared.in_blocks(len(row), some, f"{grid.name} over {n:,} rows", progress, pace)
    return found.reshape(len(grid.donors), n, -1)


def _at(ev: Evaluation, grid: Grid, row: np.ndarray, value: np.ndarray, progress: Progress | None) -> np.ndarray:
    return shared.in_blocks(
        len(row), _put(ev, grid, row, value), f"{grid.name} over {ev.n:,} rows", progress, shared.pace_of(ev)
    )


def _put(ev: Evaluation, grid: Grid, row: np.ndarray, value: np.ndarray) -> Callable[[slice], np.ndarray]:
    """Give what asks about some of these pairs of a row and a grid value in one question."""
    inputs, given = ev.inputs(), grid.donors[grid.name].array
    columns = {c: inputs[c].array for c in inputs.columns}

    def some(cells: slice) -> np.ndarray:
        made = {c: given.take(value[cells]) if c == grid.name else held.take(row[cells]) for c, held in columns.items()}
        return shared.output(ev, pd.DataFrame(made, copy=False))

    return some
