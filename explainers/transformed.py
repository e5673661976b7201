"""A final estimator behind a Pipeline, asked about rows that are transformed once; of some estimators only what changes is worked out anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from modelglass.analysis.blas import blas_threads
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.feeding import one_thread
from modelglass.analysis.models.outputs import OneLabel
from modelglass.analysis.models.provenance import Provenance, dense
from modelglass.analysis.progress import Progress, blocks, span, tell
from modelglass.explainers import effect_ways
from modelglass.explainers import rows as shared
from modelglass.explainers.apart import Apart, apart
from modelglass.explainers.effect_grid import Asks, Grid, many
from modelglass.explainers.layered import POINTS, ROWS, STEPS, Layered, layered
from modelglass.explainers.shapley_exact import fed, first_rows, provenance_of
from modelglass.explainers.tree_shapley import in_parts


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Changed:
    """A raw column that is set to the values of a grid.

    columns     those made from it, (c,);  numbers: what they hold at each grid value, (grid, c)
    progress    its part of the whole;  what: said of it
    """

    columns: np.ndarray
    numbers: np.ndarray
    progress: Progress | None
    what: str


class Transformed:
    """A final estimator, asked about rows that are transformed once: only the columns made from one raw column change.

    Of a multilayer perceptron only their share of the first layer is worked out anew, and so of what ``apart`` knows.
    """

    def __init__(self, ev: Evaluation, made: Provenance):
        self.made, self.index = made, ev.positive_index or 0
        self.layers, self.parts = layered(made.estimator, ev.task), apart(made.estimator, ev.task)
        self.asks = bool(made.steps) and hasattr(
            made.estimator, "predict" if ev.task == "regression" else "predict_proba"
        )
        self._first_of_two = ev.task == "binary" and self.index == 0

    @property
    def knows_points(self) -> bool:
        """Tell whether ``at`` can be asked."""
        return self.layers is not None or self.asks

    def numbers(self, frame: pd.DataFrame) -> np.ndarray:
        """Give raw rows as the final estimator sees them."""
        Z = self.made.transform(frame)
        return Z if isinstance(Z, np.ndarray) or not (self.layers or self.parts) else dense(Z)

    def ask(self, ev: Evaluation, Z: np.ndarray) -> np.ndarray:
        """Give the answer for transformed rows, shape (n, groups)."""
        with one_thread(len(Z)):
            if ev.task == "regression":
                return np.asarray(self.made.estimator.predict(Z), dtype="float64").reshape(len(Z), 1)
            found = np.asarray(self.made.estimator.predict_proba(Z), dtype="float64")
        return found[:, [self.index]] if ev.task == "binary" else found

    def seen(self, ev: Evaluation) -> np.ndarray:
        """Give the rows of ``ev`` as the final estimator sees them."""
        given = fed(ev, ev.inputs())
        return np.concatenate([self.numbers(given.iloc[b]) for b in blocks(len(given), start=2048)])

    def rows(
        self, ev: Evaluation, grids: Mapping[str, Grid], progress: Progress | None = None
    ) -> dict[str, np.ndarray]:
        """Give the answers as ``Answers.rows`` does."""
        seen, n, out = self.seen(ev), ev.n, {}
        if self.layers is not None:
            whole, each = self.layers.first(seen), self._each(ev, grids, progress)
            with blas_threads(1):  # threads of our own do the rows
                return {name: self._by_layers(self.layers, whole, seen, one) for name, one in each}

        def pairs(cells: slice) -> Asks:
            value, row = np.divmod(np.arange(cells.start, cells.stop), n)
            return row, value

        for name, one in self._each(ev, grids, progress):
            if self.parts is not None:
                out[name] = self._by_parts(self.parts, seen, one)
            else:
                m = len(one.numbers)
                out[name] = self._asked(ev, seen, one, m * n, pairs).reshape(m, n, -1)
        return out

    def at(
        self, ev: Evaluation, grids: Mapping[str, Grid], asks: Mapping[str, Asks], progress: Progress | None = None
    ) -> dict[str, np.ndarray]:
        """Give the answers as ``Answers.at`` does."""
        seen, each = self.seen(ev), self._each(ev, grids, progress)
        if self.layers is not None:
            return self._at_layers(self.layers, seen, each, asks)
        return {c: self._asked(ev, seen, one, len(asks[c][0]), _some_of(asks[c])) for c, one in each}

    def steps(
        self, ev: Evaluation, grids: Mapping[str, Grid], asks: Mapping[str, Asks], progress: Progress | None = None
    ) -> dict[str, np.ndarray] | None:
        """Give what steps do as ``Answers.steps`` does, where compiled loops know how: many of a perceptron of one rectified layer; else None."""
        layers = self.layers
        if layers is None or not layers.rectified or not many(sum(len(rows) for rows, _ in asks.values())):
            return None
        seen, out = self.seen(ev), {}
        whole = layers.first(seen)
        for name, one in self._each(ev, grids, progress):
            rows, step = asks[name]
            sums, held = layers.parted(whole, seen, one.columns)
            found = np.empty((layers.outputs, 2, len(rows)))
            fill = layers.ends(sums, held, one.columns, one.numbers, rows, step, found)
            in_parts(fill, range(0, len(rows), STEPS), len(rows), one.what, None, one.progress)
            out[name] = self._turned((found[:, 1] - found[:, 0]).T, shares=False)
        return out

    def _each(
        self, ev: Evaluation, grids: Mapping[str, Grid], progress: Progress | None
    ) -> Iterator[tuple[str, Changed]]:
        """Give each raw column with the columns made from it and their numbers at its grid values."""
        donors = fed(ev, pd.concat([grid.donors for grid in grids.values()]))
        seen, names, raw_index, at = self.numbers(donors), list(donors.columns), self.made.raw_index, 0
        for i, (name, grid) in enumerate(grids.items()):
            columns = np.flatnonzero(raw_index == names.index(name))
            numbers = seen[at : at + len(grid.donors), columns]
            at += len(grid.donors)
            here = span(progress, i / len(grids), (i + 1) / len(grids))
            yield name, Changed(columns=columns, numbers=numbers, progress=here, what=f"{name} over {ev.n:,} rows")

    def _asked(
        self, ev: Evaluation, seen: np.ndarray, one: Changed, count: int, pairs: Callable[[slice], Asks]
    ) -> np.ndarray:
        """Ask about so many pairs of a row and a grid value, (pairs, groups)."""

        def some(cells: slice) -> np.ndarray:
            row, value = pairs(cells)
            Z = seen[row]
            Z[:, one.columns] = one.numbers[value]
            return self.ask(ev, Z)

        return shared.in_blocks(count, some, one.what, one.progress, shared.pace_of(ev))

    def _at_layers(
        self, layers: Layered, seen: np.ndarray, each: Iterator[tuple[str, Changed]], asks: Mapping[str, Asks]
    ) -> dict[str, np.ndarray]:
        """Give the answers at chosen pairs where the final estimator is a perceptron: its first layer is summed up once for each row."""
        whole, out = layers.first(seen), {}
        with blas_threads(1):  # threads of our own do the rows
            for name, one in each:
                row, value = asks[name]
                sums, held = layers.parted(whole, seen, one.columns)
                found = np.empty((len(row), layers.outputs))
                fill = layers.points(sums, held, one.columns, one.numbers, row, value, found)
                in_parts(fill, range(0, len(row), POINTS), len(row), one.what, None, one.progress)
                out[name] = self._turned(found)
        return out

    def _by_layers(self, layers: Layered, whole: np.ndarray, seen: np.ndarray, one: Changed) -> np.ndarray:
        """Give the answers over one grid, (grid, n, groups), where the final estimator is a perceptron that sums up ``whole`` in its first layer."""
        sums, held = layers.parted(whole, seen, one.columns)
        found = np.empty((layers.outputs, len(one.numbers), len(seen)))
        fill = layers.over(sums, held, one.columns, one.numbers, many(found[0].size), found)
        in_parts(fill, range(0, len(seen), ROWS), len(seen), one.what, None, one.progress)
        return self._turned(found.transpose(1, 2, 0))

    def _by_parts(self, parts: Apart, seen: np.ndarray, one: Changed) -> np.ndarray:
        """Give the answers over one grid, (grid, n, groups), where the final estimator can be taken apart."""
        out = np.empty((len(one.numbers), len(seen), parts.outputs))
        for rows in blocks(len(seen), start=512, seconds=0.2):
            out[:, rows] = parts.over(seen[rows], one.columns, one.numbers)
            tell(one.progress, rows.stop / len(seen), one.what)
        return self._turned(out, shares=parts.probabilities)

    def _turned(self, found: np.ndarray, *, shares: bool = True) -> np.ndarray:
        """Turn the probability of the second of two classes, or its decision or a difference, into that of the class explained."""
        if not self._first_of_two:
            return found
        return 1.0 - found if shares else -found


def _some_of(asks: Asks) -> Callable[[slice], Asks]:
    row, value = asks
    return lambda cells: (row[cells], value[cells])


def transformed(ev: Evaluation) -> Transformed | None:
    """Give the final estimator to ask, where a Pipeline turns each raw column into numbers of its own; None where it does not."""
    if isinstance(ev.model, OneLabel) or not (hasattr(ev.estimator, "steps") or _known(ev.estimator, ev.task)):
        return None
    first, made = first_rows(ev), provenance_of(ev)
    found = Transformed(ev, made)
    if not made.exact or not (found.layers or found.parts or found.asks):
        return None
    if not made.steps and not all(map(pd.api.types.is_numeric_dtype, first.dtypes)):
        return None
    Z = found.numbers(first)
    return found if isinstance(Z, np.ndarray) and Z.dtype.kind == "f" else None


def _known(estimator: object, task: str) -> bool:
    return layered(estimator, task) is not None or apart(estimator, task) is not None


def same_as_asked(ev: Evaluation, grids: Mapping[str, Grid], found: Transformed) -> bool:
    """Compare on a few rows with the whole model; what fails there is not trusted."""
    few = ev.take(np.unique(np.linspace(0, ev.n - 1, 8).round().astype(int)))
    part = {c: replace(g, donors=g.donors.iloc[[0, -1]]) for c, g in grids.items()}
    try:
        ours = found.rows(few, part)
    except (ValueError, TypeError, AttributeError, IndexError):
        return False
    theirs = effect_ways.asked_together(few, {c: g.donors for c, g in part.items()})
    return all(ours[c].shape == theirs[c].shape and np.allclose(ours[c], theirs[c], atol=1e-9) for c in part)
