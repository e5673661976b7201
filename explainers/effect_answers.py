"""Answers of a model over the grids of raw columns: the fast way where there is one, else one batched question after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from modelglass.analysis.blas import blas_threads
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.models.outputs import OneLabel
from modelglass.analysis.models.provenance import Provenance, dense
from modelglass.analysis.progress import Progress, blocks, span, tell
from modelglass.explainers import effect_ways
from modelglass.explainers import rows as shared
from modelglass.explainers.effect_grid import Grid, many
from modelglass.explainers.effect_steps import answers_at, differences
from modelglass.explainers.effect_ways import FastWay
from modelglass.explainers.layered import PART as STEPS
from modelglass.explainers.layered import Layered, layered
from modelglass.explainers.shapley_exact import fed, first_rows, provenance_of
from modelglass.explainers.tree_shapley import in_parts

PART = 32_768
"""Chosen points of a perceptron that one thread answers before the next ones."""
AT_ONCE = 128e6
"""Bytes of answers kept where the interval needs them row by row (weights, clusters)."""


Asks = tuple[np.ndarray, np.ndarray]
"""Places of rows, and places in the grid, of the same length."""


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
        if self.way is None or effect_ways.agrees(self.way, ev, {c: g.donors for c, g in grids.items()}):
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
        out: dict[str, np.ndarray] = {}
        if self.way is not None:
            few = answers_at(self.way, ev, {c: g.donors for c, g in grids.items()}, asks, progress)
            if few is not None:
                return few
        elif self.through is not None:
            return self.through.at(ev, grids, asks, progress)
        waiting = dict(grids)
        while waiting:
            part = first_ones(waiting, ev.n * len(shared.groups(ev))) if self.way is not None else dict(waiting)
            here = span(progress, len(out) / len(grids), (len(out) + len(part)) / len(grids))
            if self.way is not None:
                found = self.rows(ev, part, here)
                out |= {c: found[c][asks[c][1], asks[c][0]] for c in part}
            else:
                for i, (c, g) in enumerate(part.items()):
                    out[c] = _at(ev, g, *asks[c], span(here, i / len(part), (i + 1) / len(part)))
            waiting = {c: g for c, g in waiting.items() if c not in part}
        return out

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
        waiting = dict(grids)
        while waiting:
            part = first_ones(waiting, ev.n * len(shared.groups(ev)))
            low = len(out) / len(grids)
            high = (len(out) + len(part)) / len(grids)
            for name, answers in self.rows(ev, part, span(progress, low, high)).items():
                m, n, k = answers.shape
                flat = np.moveaxis(answers, 1, 0).reshape(n, m * k)
                estimate, below, above = (a.reshape(m, k) for a in shared.mean_interval(ev, flat, level))
                out[name] = _effect(estimate, below, above, answers[:, shown])
                del waiting[name]
        return out


def _effect(estimate: np.ndarray, low: np.ndarray, high: np.ndarray, lines: np.ndarray) -> Effect:
    return Effect(estimate=estimate, low=low, high=high, lines=lines)


def first_ones(grids: Mapping[str, Grid], width: int) -> dict[str, Grid]:
    """Take as many columns as fit into memory together, at least one."""
    out: dict[str, Grid] = {}
    size = 0.0
    for name, grid in grids.items():
        size += 8.0 * width * len(grid.donors)
        if out and size > AT_ONCE:
            break
        out[name] = grid
    return out


def asked(ev: Evaluation, grid: Grid, progress: Progress | None = None) -> np.ndarray:
    """Ask the model about every row of ``ev`` at every grid value, shape (grid, n, groups)."""
    value, row = np.divmod(np.arange(len(grid.donors) * ev.n), ev.n)
    return _at(ev, grid, row, value, progress).reshape(len(grid.donors), ev.n, -1)


def _at(ev: Evaluation, grid: Grid, row: np.ndarray, value: np.ndarray, progress: Progress | None) -> np.ndarray:
    inputs, given = ev.inputs(), grid.donors[grid.name].array
    columns = {c: inputs[c].array for c in inputs.columns}
    parts = []
    for cells in blocks(len(row), start=512, seconds=0.2, most=200_000):
        made = {c: given.take(value[cells]) if c == grid.name else held.take(row[cells]) for c, held in columns.items()}
        parts.append(shared.output(ev, pd.DataFrame(made, copy=False)))
        tell(progress, cells.stop / len(row), f"{grid.name} over {ev.n:,} rows")
    return np.concatenate(parts)


class Transformed:
    """A final estimator, asked about rows that are transformed once: only the columns made from one raw column change.

    Of a multilayer perceptron only their share of the first layer is worked out anew.
    """

    def __init__(self, ev: Evaluation, made: Provenance):
        self.made, self.index = made, ev.positive_index or 0
        self.layers = layered(made.estimator, ev.task)

    def numbers(self, frame: pd.DataFrame) -> np.ndarray:
        """Give raw rows as the final estimator sees them."""
        Z = self.made.transform(frame)
        return Z if isinstance(Z, np.ndarray) or not self.layers else dense(Z)

    def ask(self, ev: Evaluation, Z: np.ndarray) -> np.ndarray:
        """Give the answer for transformed rows, shape (n, groups)."""
        if ev.task == "regression":
            return np.asarray(self.made.estimator.predict(Z), dtype="float64").reshape(len(Z), 1)
        found = np.asarray(self.made.estimator.predict_proba(Z), dtype="float64")
        return found[:, [self.index]] if ev.task == "binary" else found

    def rows(
        self, ev: Evaluation, grids: Mapping[str, Grid], progress: Progress | None = None
    ) -> dict[str, np.ndarray]:
        """Give the answers as ``Answers.rows`` does."""
        seen = self.seen(ev)
        out, n = {}, len(seen)
        for i, (name, grid) in enumerate(grids.items()):
            columns, numbers = self.of_grid(ev, grid)
            m = len(numbers)
            if self.layers is not None:
                here = span(progress, i / len(grids), (i + 1) / len(grids))
                out[name] = self._by_layers(ev, self.layers, seen, columns, numbers, here)
                continue
            parts = []
            for cells in blocks(n * m, start=512, seconds=0.2, most=200_000):
                value, row = np.divmod(np.arange(cells.start, cells.stop), n)
                Z = seen[row]
                Z[:, columns] = numbers[value]
                parts.append(self.ask(ev, Z))
                tell(progress, (i + cells.stop / (n * m)) / len(grids), f"{name} over {n:,} rows")
            out[name] = np.concatenate(parts).reshape(m, n, -1)
        return out

    def seen(self, ev: Evaluation) -> np.ndarray:
        """Give the rows of ``ev`` as the final estimator sees them."""
        given = fed(ev, ev.inputs())
        return np.concatenate([self.numbers(given.iloc[b]) for b in blocks(len(given), start=2048)])

    def of_grid(self, ev: Evaluation, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
        """Give the columns made from a raw one, and their numbers at its grid values, (grid, columns)."""
        donors = fed(ev, grid.donors)
        columns = np.flatnonzero(self.made.raw_index == list(donors.columns).index(grid.name))
        return columns, self.numbers(donors)[:, columns]

    def at(
        self, ev: Evaluation, grids: Mapping[str, Grid], asks: Mapping[str, Asks], progress: Progress | None = None
    ) -> dict[str, np.ndarray]:
        """Give the answers as ``Answers.at`` does."""
        seen, out = self.seen(ev), {}
        if self.layers is not None:
            return self._at_layers(ev, self.layers, seen, grids, asks, progress)
        for i, (name, grid) in enumerate(grids.items()):
            (columns, numbers), (row, value), parts = self.of_grid(ev, grid), asks[name], []
            for cells in blocks(len(row), start=512, seconds=0.2, most=200_000):
                Z = seen[row[cells]]
                Z[:, columns] = numbers[value[cells]]
                parts.append(self.ask(ev, Z))
                tell(progress, (i + cells.stop / len(row)) / len(grids), f"{name} over {len(seen):,} rows")
            out[name] = np.concatenate(parts)
        return out

    def steps(
        self, ev: Evaluation, grids: Mapping[str, Grid], asks: Mapping[str, Asks], progress: Progress | None = None
    ) -> dict[str, np.ndarray] | None:
        """Give what steps do as ``Answers.steps`` does, where compiled loops know how: many of a perceptron of one rectified layer; else None."""
        layers = self.layers
        if layers is None or not layers.rectified or not many(sum(len(rows) for rows, _ in asks.values())):
            return None
        seen, out = self.seen(ev), {}
        whole = layers.first(seen, np.empty(0, dtype=np.int64))
        for i, (name, grid) in enumerate(grids.items()):
            (columns, numbers), (rows, step) = self.of_grid(ev, grid), asks[name]
            here, what = span(progress, i / len(grids), (i + 1) / len(grids)), f"{name} over {len(seen):,} rows"
            held, found = np.ascontiguousarray(seen[:, columns]), np.empty((layers.outputs, 2, len(rows)))
            fill = layers.ends(whole, held, columns, numbers, rows, step, found)
            in_parts(fill, range(0, len(rows), STEPS), len(rows), what, None, here)
            out[name] = (found[:, 1] - found[:, 0]).T
            if ev.task == "binary" and self.index == 0:
                out[name] = -out[name]
        return out

    def _at_layers(
        self,
        ev: Evaluation,
        layers: Layered,
        seen: np.ndarray,
        grids: Mapping[str, Grid],
        asks: Mapping[str, Asks],
        progress: Progress | None,
    ) -> dict[str, np.ndarray]:
        """Give the answers at chosen pairs where the final estimator is a perceptron: its first layer is summed up once for each row."""
        whole, out = layers.first(seen, np.empty(0, dtype=np.int64)), {}
        for i, (name, grid) in enumerate(grids.items()):
            (columns, numbers), (row, value) = self.of_grid(ev, grid), asks[name]
            here, what = span(progress, i / len(grids), (i + 1) / len(grids)), f"{name} over {len(seen):,} rows"
            found = _at_layers(layers, whole, seen[:, columns], columns, numbers, row, value, here, what)
            out[name] = self._of_index(ev, found)
        return out

    def _by_layers(
        self,
        ev: Evaluation,
        layers: Layered,
        seen: np.ndarray,
        columns: np.ndarray,
        numbers: np.ndarray,
        progress: Progress | None,
    ) -> np.ndarray:
        """Give the answers over one grid, (grid, n, groups), where the final estimator is a perceptron."""
        first = layers.first(seen, columns)
        found = np.empty((len(numbers), len(seen), layers.outputs))
        for v, given in enumerate(numbers):
            layers.fill(first, columns, given, found[v])
            tell(progress, (v + 1) / len(numbers), f"{len(numbers)} values over {len(seen):,} rows")
        return self._of_index(ev, found)

    def _of_index(self, ev: Evaluation, found: np.ndarray) -> np.ndarray:
        """Turn the probability of a perceptron's second class into that of the class explained."""
        return 1.0 - found if ev.task == "binary" and self.index == 0 else found


def _at_layers(
    layers: Layered, whole: np.ndarray, held: np.ndarray, columns: np.ndarray, numbers: np.ndarray, row: np.ndarray, value: np.ndarray,
    progress: Progress | None, what: str,
) -> np.ndarray:  # fmt: skip
    """Give a perceptron's answers at pairs of a row and a grid value of one column, (pairs, outputs).

    whole   first layer of each row;  held: the numbers of the column that the rows have, in its columns
    """
    found = np.empty((len(row), layers.outputs))

    def part(first: int) -> int:
        at, to = row[first : first + PART], value[first : first + PART]
        rows = slice(at[0], at[-1] + 1) if (np.diff(at) == 1).all() else at  # no copy of rows side by side
        found[first : first + PART] = layers.at(whole[rows], columns, numbers[to] - held[rows])
        return len(at)

    with blas_threads(1):  # threads of our own do the rows
        in_parts(part, range(0, len(row), PART), len(row), what, None, progress)
    return found


def transformed(ev: Evaluation) -> Transformed | None:
    """Give the final estimator to ask, where a Pipeline turns each raw column into numbers of its own; None where it does not."""
    if isinstance(ev.model, OneLabel) or not (hasattr(ev.estimator, "steps") or layered(ev.estimator, ev.task)):
        return None
    first, made = first_rows(ev), provenance_of(ev)
    ready = hasattr(made.estimator, "predict" if ev.task == "regression" else "predict_proba")
    if not made.exact or not ready or not (made.steps or layered(made.estimator, ev.task)):
        return None
    if not made.steps and not all(map(pd.api.types.is_numeric_dtype, first.dtypes)):
        return None
    found = Transformed(ev, made)
    Z = found.numbers(first)
    return found if isinstance(Z, np.ndarray) and Z.dtype.kind == "f" else None


def same_as_asked(ev: Evaluation, grids: Mapping[str, Grid], found: Transformed) -> bool:
    """Compare on a few rows with the whole model; what fails there is not trusted."""
    few = ev.take(np.unique(np.linspace(0, ev.n - 1, 8).round().astype(int)))
    part = {c: Grid(name=c, values=g.values[[0]], donors=g.donors.iloc[[0, -1]], kind=g.kind) for c, g in grids.items()}
    try:
        ours = found.rows(few, part)
    except (ValueError, TypeError, AttributeError, IndexError):
        return False
    theirs = effect_ways.asked_together(few, {c: g.donors for c, g in part.items()})
    return all(ours[c].shape == theirs[c].shape and np.allclose(ours[c], theirs[c], atol=1e-9) for c in part)
