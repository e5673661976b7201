"""A final estimator behind a Pipeline, asked about rows that are transformed once; of some estimators only what changes is worked out anew."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from modelglass.analysis.blas import blas_threads
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.models.outputs import OneLabel
from modelglass.analysis.models.provenance import Provenance, dense
from modelglass.analysis.progress import Progress, blocks, span, tell
from modelglass.explainers import effect_ways
from modelglass.explainers.apart import Apart, apart
from modelglass.explainers.effect_grid import Grid, many
from modelglass.explainers.layered import PART as STEPS
from modelglass.explainers.layered import Layered, layered
from modelglass.explainers.shapley_exact import fed, first_rows, provenance_of
from modelglass.explainers.tree_shapley import in_parts

PART = 32_768
"""Chosen points of a perceptron that one thread answers before the next ones."""
Asks = tuple[np.ndarray, np.ndarray]
"""Places of rows, and places in the grid, of the same length."""


class Transformed:
    """A final estimator, asked about rows that are transformed once: only the columns made from one raw column change.

    Of a multilayer perceptron only their share of the first layer is worked out anew, and so of what ``apart`` knows.
    """

    def __init__(self, ev: Evaluation, made: Provenance):
        self.made, self.index = made, ev.positive_index or 0
        self._asks = hasattr(made.estimator, "predict" if ev.task == "regression" else "predict_proba")
        self.layers, self.parts = layered(made.estimator, ev.task), apart(made.estimator, ev.task)

    @property
    def knows_points(self) -> bool:
        """Tell whether ``at`` can be asked."""
        return self.layers is not None or (bool(self.made.steps) and self._asks)

    def numbers(self, frame: pd.DataFrame) -> np.ndarray:
        """Give raw rows as the final estimator sees them."""
        Z = self.made.transform(frame)
        return Z if isinstance(Z, np.ndarray) or not (self.layers or self.parts) else dense(Z)

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
        for i, (name, (columns, numbers)) in enumerate(self.of_grids(ev, grids).items()):
            m = len(numbers)
            if self.layers is not None:
                here = span(progress, i / len(grids), (i + 1) / len(grids))
                out[name] = self._by_layers(ev, self.layers, seen, columns, numbers, here)
                continue
            if self.parts is not None:
                here = span(progress, i / len(grids), (i + 1) / len(grids))
                out[name] = self._by_parts(ev, self.parts, seen, columns, numbers, here)
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

    def of_grids(self, ev: Evaluation, grids: Mapping[str, Grid]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Give, for each raw column, the columns made from it, and their numbers at its grid values, (grid, columns)."""
        donors = fed(ev, pd.concat([grid.donors for grid in grids.values()]))
        seen, names, at, out = self.numbers(donors), list(donors.columns), 0, {}
        for name, grid in grids.items():
            columns = np.flatnonzero(self.made.raw_index == names.index(name))
            out[name] = columns, seen[at : at + len(grid.donors), columns]
            at += len(grid.donors)
        return out

    def at(
        self, ev: Evaluation, grids: Mapping[str, Grid], asks: Mapping[str, Asks], progress: Progress | None = None
    ) -> dict[str, np.ndarray]:
        """Give the answers as ``Answers.at`` does."""
        seen, out = self.seen(ev), {}
        if self.layers is not None:
            return self._at_layers(ev, self.layers, seen, grids, asks, progress)
        for i, (name, (columns, numbers)) in enumerate(self.of_grids(ev, grids).items()):
            (row, value), parts = asks[name], []
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
        for i, (name, (columns, numbers)) in enumerate(self.of_grids(ev, grids).items()):
            rows, step = asks[name]
            here, what = span(progress, i / len(grids), (i + 1) / len(grids)), f"{name} over {len(seen):,} rows"
            sums, held = layers.parted(whole, seen, columns)
            found = np.empty((layers.outputs, 2, len(rows)))
            fill = layers.ends(sums, held, columns, numbers, rows, step, found)
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
        for i, (name, (columns, numbers)) in enumerate(self.of_grids(ev, grids).items()):
            row, value = asks[name]
            here, what = span(progress, i / len(grids), (i + 1) / len(grids)), f"{name} over {len(seen):,} rows"
            found = _at_layers(layers, *layers.parted(whole, seen, columns), columns, numbers, row, value, here, what)
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

    def _by_parts(
        self,
        ev: Evaluation,
        parts: Apart,
        seen: np.ndarray,
        columns: np.ndarray,
        numbers: np.ndarray,
        progress: Progress | None,
    ) -> np.ndarray:
        """Give the answers over one grid, (grid, n, groups), where the final estimator can be taken apart."""
        out = np.empty((len(numbers), len(seen), parts.outputs))
        for rows in blocks(len(seen), start=512, seconds=0.2):
            out[:, rows] = parts.over(seen[rows], columns, numbers)
            tell(progress, rows.stop / len(seen), f"{len(numbers)} values over {len(seen):,} rows")
        turned = ev.task == "binary" and self.index == 0 and not parts.probabilities
        return -out if turned else self._of_index(ev, out)

    def _of_index(self, ev: Evaluation, found: np.ndarray) -> np.ndarray:
        """Turn the probability of a perceptron's second class into that of the class explained."""
        return 1.0 - found if ev.task == "binary" and self.index == 0 else found


def _at_layers(
    layers: Layered, whole: np.ndarray, held: np.ndarray, columns: np.ndarray, numbers: np.ndarray, row: np.ndarray, value: np.ndarray,
    progress: Progress | None, what: str,
) -> np.ndarray:  # fmt: skip
    """Give a perceptron's answers at pairs of a row and a grid value of one column, (pairs, outputs).

    whole, held   as ``Layered.parted`` gives them
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
    if isinstance(ev.model, OneLabel) or not (hasattr(ev.estimator, "steps") or _known(ev.estimator, ev.task)):
        return None
    first, made = first_rows(ev), provenance_of(ev)
    known = _known(made.estimator, ev.task)
    ready = known or hasattr(made.estimator, "predict" if ev.task == "regression" else "predict_proba")
    if not made.exact or not ready or not (made.steps or known):
        return None
    if not made.steps and not all(map(pd.api.types.is_numeric_dtype, first.dtypes)):
        return None
    found = Transformed(ev, made)
    Z = found.numbers(first)
    return found if isinstance(Z, np.ndarray) and Z.dtype.kind == "f" else None


def _known(estimator: object, task: str) -> bool:
    return layered(estimator, task) is not None or apart(estimator, task) is not None


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
