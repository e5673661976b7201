"""How a model answers when one raw column is set to each value of a grid: worked out from its trees or coefficients, or asked.

Trees: a row adds to a leaf where all conditions on the way to it hold, or those that fail ask one column only; so one pass over the
trees gives a row's raw output at every grid point of every column (``effect_kernels``). Linear models: one column's own share is
exchanged. Both are then sent through the link, and a sample of the answers is compared with the model's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.models.ensemble import Ensemble
from modelglass.analysis.models.provenance import Provenance, dense
from modelglass.analysis.progress import Progress, blocks, span, tell
from modelglass.explainers import rows as shared
from modelglass.explainers.abreast import LANES, Add, abreast, is_plain
from modelglass.explainers.effect_links import IDENTITY, answered, link_of, rest_of, share_of
from modelglass.explainers.effect_trees import BITS, Job, tree_adder, ways_of
from modelglass.explainers.leaf_masks import are_small
from modelglass.explainers.loops import held_back
from modelglass.explainers.shapley_exact import ExactWay, coefficients_of, exact_way, fed
from modelglass.explainers.tree_shapley import in_parts, output_of

CLOSE = 1e-5
"""A sample of the answers must equal the model's own this closely, relative to the largest."""
CELLS = 256_000
Use = Callable[[int, np.ndarray], None]
"""Takes the first row of a block and its answers, shape (groups, points, rows)."""
Fill = Callable[[int, int], np.ndarray]
"""(first row, row after the last) -> answers at the points of some jobs, shape (groups, points, rows)."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class FastWay:
    """What is known of a model: how rows reach its final estimator, its trees or coefficients, and the link to its answer.

    trees           outputs are our groups already; None for a linear model
    coefficients    shape (groups, columns), with ``base`` (groups,) the intercepts; None for trees
    link            as in ``effect_links``
    additive        unit of the raw output;  scale: unit of the answers given, the raw output's where that was asked for
    """

    made: Provenance
    encode: Callable[[Any], np.ndarray]
    trees: Ensemble | None
    coefficients: np.ndarray | None
    base: np.ndarray
    link: int
    additive: str
    scale: str

    @property
    def name(self) -> str:
        """Say it for people."""
        return "worked out from the model's trees" if self.trees is not None else "worked out from its coefficients"


def fast_way(ev: Evaluation, *, additive: bool = False) -> FastWay | str:
    """Find the fast way for a model, or say why there is none (completing "because ...").

    Parameters
    ----------
    additive : bool
        Answers on the scale in which the model adds up (log-odds, say), before the link.
    """
    if not hasattr(ev.estimator, "predict"):
        return "the model is no object with trees or coefficients"
    if held_back() and not additive:
        return "its loops are not compiled yet"
    way = exact_way(ev)
    if isinstance(way, str):
        return way
    common: dict[str, Any] = {
        "made": way.made,
        "link": IDENTITY if additive else link_of(way.scale, ev.target),
        "additive": way.scale,
        "scale": way.scale if additive else shared.scale(ev),
    }
    if way.kind == "linear":
        coefficients, intercept = (_turned(ev, np.asarray(a)) for a in coefficients_of(way.made.estimator))
        return FastWay(encode=dense, trees=None, coefficients=coefficients, base=intercept.ravel(), **common)
    return _of_trees(ev, way, common)


def _of_trees(ev: Evaluation, way: ExactWay, common: dict[str, Any]) -> FastWay | str:
    if way.trees is None:
        return f"the trees of {type(way.made.estimator).__name__} cannot be read"
    trees, index = way.trees.trees, ev.positive_index or 0
    if ev.task == "binary" and trees.n_outputs == 2:
        if trees.value.shape[1] != 2:
            return "each class has trees of its own"
        trees = replace(trees, value=np.ascontiguousarray(trees.value[:, [index]]), base=trees.base[[index]])
    elif ev.task == "binary" and index == 0:
        trees = replace(trees, value=-trees.value, base=-trees.base)
    return FastWay(encode=way.trees.encode, trees=trees, coefficients=None, base=trees.base, **common)


def _turned(ev: Evaluation, a: np.ndarray) -> np.ndarray:
    """Turn coefficients (outputs first) to our groups."""
    if ev.task != "binary":
        return a
    index = ev.positive_index or 0
    return a[[index]] if len(a) == 2 else (a if index == 1 else -a)


def answers(
    way: FastWay, ev: Evaluation, donors: Mapping[str, pd.DataFrame], progress: Progress | None = None
) -> dict[str, np.ndarray]:
    """Give the answers for each row of ``ev``: for each column an array of shape (grid, n, groups).

    Parameters
    ----------
    donors : mapping of column to frame, shape (grid, n_features)
        Raw rows that hold the grid's values in that column.
    """
    first = _places(donors)
    out = np.empty((len(way.base), first[-1], ev.n))

    def use(at: int, block: np.ndarray) -> None:
        out[:, :, at : at + block.shape[2]] = block

    run(way, ev, donors, use, progress)
    return {c: out[:, first[i] : first[i + 1]].transpose(1, 2, 0) for i, c in enumerate(donors)}


def powers(
    way: FastWay, ev: Evaluation, donors: Mapping[str, pd.DataFrame], progress: Progress | None = None
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Give, for each column, the mean over rows (grid, groups) and the sums of second to fourth powers around it, (3, grid, groups)."""
    from modelglass.explainers import effect_kernels as kernels

    first = _places(donors)
    k, m, n = len(way.base), int(first[-1]), ev.n
    few = ev.take(np.arange(min(n, 256)))
    about = np.concatenate([a.mean(axis=1) for a in answers(way, few, donors).values()]).T.ravel()
    parts: dict[int, np.ndarray] = {}  # by their first row: blocks end in any order, and sums must not depend on it

    def use(at: int, block: np.ndarray) -> None:
        sums = np.empty((4, k * m))
        kernels.add_powers(block.reshape(k * m, -1), about, sums)
        parts[at] = sums

    run(way, ev, donors, use, progress)
    one, two, three, four = np.sum([parts[at] for at in sorted(parts)], axis=0) / n
    middle = n * np.array(
        [two - one**2, three - 3 * one * two + 2 * one**3, four - 4 * one * three + 6 * one**2 * two - 3 * one**4]
    )
    mean = (about + one).reshape(k, m)
    return {
        c: (mean[:, a:b].T, middle.reshape(3, k, m)[:, :, a:b].transpose(0, 2, 1))
        for c, a, b in zip(donors, first[:-1], first[1:], strict=True)
    }


def agrees(way: FastWay, ev: Evaluation, donors: Mapping[str, pd.DataFrame], seed: int = 0) -> bool:
    """Compare a sample of the answers with what the model itself says of these rows."""
    rng = np.random.default_rng((seed, 5))
    few = ev.take(np.sort(rng.permutation(ev.n)[:8]))
    found = answers(way, few, donors)
    chosen = {name: np.unique(np.linspace(0, len(g) - 1, 5).round().astype(int)) for name, g in donors.items()}
    own = asked_together(few, {name: donors[name].iloc[at] for name, at in chosen.items()})
    ours = {name: found[name][at] for name, at in chosen.items()}
    if way.link == IDENTITY and way.scale != shared.scale(ev):
        for raw in ours.values():
            answered(raw, link_of(way.scale, ev.target), axis=2)
    if any(ours[name].shape != own[name].shape for name in donors):
        return False
    largest = max(float(np.abs(a).max()) for a in own.values())
    return all(bool(np.abs(ours[c] - own[c]).max() <= CLOSE * max(1.0, largest)) for c in donors)


def asked_together(ev: Evaluation, donors: Mapping[str, pd.DataFrame]) -> dict[str, np.ndarray]:
    """Ask the model itself, in one question, about every row of ``ev`` at every value: for each column an array of shape (grid, n, groups)."""
    stack, first, choices = shared.Stack(ev.inputs(), *donors.values()), ev.n, []
    for name, frame in donors.items():
        choice = np.repeat(np.tile(np.arange(ev.n), len(frame))[:, None], len(ev.features), axis=1)
        choice[:, ev.features.index(name)] = np.repeat(first + np.arange(len(frame)), ev.n)
        choices.append(choice)
        first += len(frame)
    found = shared.output(ev, stack.rows(np.concatenate(choices)))
    places = ev.n * _places(donors)
    return {
        c: found[a:b].reshape(-1, ev.n, found.shape[1]) for c, a, b in zip(donors, places[:-1], places[1:], strict=True)
    }


def raw_output(way: FastWay, ev: Evaluation, frame: pd.DataFrame) -> np.ndarray:
    """Give the sum of the model's parts for any raw rows, before the link; shape (n, groups)."""
    found = way.encode(way.made.transform(fed(ev, frame)))
    if way.trees is not None:
        return output_of(way.trees, found)
    assert way.coefficients is not None  # one of the two is known
    return found @ way.coefficients.T + way.base


def run(
    way: FastWay, ev: Evaluation, donors: Mapping[str, pd.DataFrame], use: Use, progress: Progress | None = None
) -> None:
    """Hand the answers to ``use``, block by block of rows; blocks come from several threads and in any order."""
    passes = jobs_in_passes(way, ev, donors)
    seen = seen_by(way, fed(ev, ev.inputs()), span(progress, 0.0, 0.2))
    m, k = int(_places(donors)[-1]), len(way.base)
    size = LANES * int(np.clip(CELLS // (k * m * LANES), 1, 4))
    fills = [found for jobs in passes for found in _fills(way, jobs, seen)]

    def part(first: int) -> int:
        last = min(first + size, ev.n)
        if len(fills) == 1:
            use(first, fills[0][1](first, last))
            return last - first
        out = np.empty((k, m, last - first))
        for points, fill in fills:
            out[:, points] = fill(first, last)
        use(first, out)
        return last - first

    what = f"{len(donors)} columns over {ev.n:,} rows"
    in_parts(part, range(0, ev.n, size), ev.n, what, None, span(progress, 0.2, 1.0))


def _places(donors: Mapping[str, pd.DataFrame]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum([len(d) for d in donors.values()])]).astype(np.int64)


def seen_by(way: FastWay, frame: pd.DataFrame, progress: Progress | None) -> np.ndarray:
    """Rows as the final estimator sees them: codes (n, p) for trees, numbers for a linear model."""
    parts = []
    for rows in blocks(len(frame), start=2048, seconds=0.2):
        parts.append(_numbers(way, frame.iloc[rows]))
        tell(progress, rows.stop / len(frame), "reading rows as the model does")
    return np.concatenate(parts)


def _numbers(way: FastWay, frame: pd.DataFrame) -> np.ndarray:
    found = way.encode(way.made.transform(frame))
    return found if way.trees is None else np.ascontiguousarray(way.trees.codes(found).T)


def jobs_in_passes(way: FastWay, ev: Evaluation, donors: Mapping[str, pd.DataFrame]) -> list[list[Job]]:
    """Lay the columns out in passes: each raw column at most once in a pass, and at most 64 grid points where they have no order."""
    passes: list[list[Job]] = []
    first = _places(donors)
    given = fed(ev, pd.concat(donors.values()))
    seen, places = _numbers(way, given), {c: i for i, c in enumerate(given.columns)}
    for i, name in enumerate(donors):
        numbers, raw = seen[first[i] : first[i + 1]], places[name]
        step = len(numbers)
        if way.trees is not None and step > BITS:
            unordered = (ways_of(way.trees, way.made.raw_index, raw, numbers)[0] == 2).any()
            step = BITS if unordered else step
        for p, at in enumerate(range(0, len(numbers), step)):
            here = slice(at, min(at + step, len(numbers)))
            while len(passes) <= p:
                passes.append([])
            passes[p].append(
                Job(raw=raw, numbers=numbers[here], points=np.arange(first[i] + here.start, first[i] + here.stop))
            )
    return passes


def _fills(way: FastWay, jobs: Sequence[Job], seen: np.ndarray) -> list[tuple[np.ndarray, Fill]]:
    """Give what answers at the points of a pass, with these points: plain jobs of small trees apart from the others."""
    if way.trees is None:
        return [(_points(jobs), _linear_filler(way, jobs, seen))]
    plain, out = [], []
    if are_small(way.trees):
        plain = [job for job in jobs if is_plain(way.trees, way.made.raw_index, job)]
    add = abreast(way.trees, way.made.raw_index, plain, way.base) if plain else None
    others = jobs if add is None else [job for job in jobs if job not in plain]
    if add is not None:
        out.append((_points(plain), _abreast_filler(way, add, seen)))
    if others:
        out.append((_points(others), _tree_filler(way, others, seen)))
    return out


def _points(jobs: Sequence[Job]) -> np.ndarray:
    return np.concatenate([job.points for job in jobs])


def linear_shares(way: FastWay, jobs: Sequence[Job]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Give, for each job, the columns made from its raw one, and what they add to a linear model at its grid points, (groups, grid)."""
    assert way.coefficients is not None
    columns = [np.flatnonzero(way.made.raw_index == job.raw) for job in jobs]
    return [(c, share_of(way.coefficients, job.numbers, c)) for c, job in zip(columns, jobs, strict=True)]


def _linear_filler(way: FastWay, jobs: Sequence[Job], seen: np.ndarray) -> Fill:
    b = way.coefficients
    assert b is not None
    shares = linear_shares(way, jobs)
    ends = np.cumsum([0, *(len(job.points) for job in jobs)])

    def fill(first: int, last: int) -> np.ndarray:
        here = seen[first:last]
        own, out = b @ here.T + way.base[:, None], np.empty((len(b), ends[-1], len(here)))
        for (columns, grid), start, stop in zip(shares, ends[:-1], ends[1:], strict=True):
            rest = rest_of(b, way.base, here, columns, own)
            np.add(rest[:, None], grid[:, :, None], out=out[:, start:stop])
        answered(out, way.link, axis=0)
        return out

    return fill


def _abreast_filler(way: FastWay, add: Add, seen: np.ndarray) -> Fill:
    def fill(first: int, last: int) -> np.ndarray:
        out = add(seen[first:last])
        answered(out, way.link, axis=0)
        return out

    return fill


def _tree_filler(way: FastWay, jobs: Sequence[Job], seen: np.ndarray) -> Fill:
    from modelglass.explainers import effect_kernels as kernels

    trees = way.trees
    assert trees is not None
    cells, add = tree_adder(trees, way.made.raw_index, jobs, seen)

    def fill(start: int, stop: int) -> np.ndarray:
        n, k = stop - start, trees.n_outputs
        whole, steps = np.zeros((n, k)), np.zeros((n, k, cells.count))
        out = np.empty((n, k, int(cells.size.sum())))
        add(start, stop, whole, steps)
        kernels.summed(whole, steps, way.base, cells.first, cells.size, cells.by_mask, out)
        answered(out, way.link)
        return np.ascontiguousarray(out.transpose(1, 2, 0))

    return fill
