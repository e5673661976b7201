"""Rows judged with some raw columns taken from other rows: through the trees themselves where they can be read, else by asking.

A plain Pipeline is asked about rows that its transformers saw once (``reshuffled_once``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy import special

from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.groups import Rows, against_rest, class_of, rows_of
from modelglass.analysis.models.ensemble import Ensemble
from modelglass.analysis.models.provenance import unwrapped
from modelglass.analysis.paired import judged_answers
from modelglass.analysis.progress import Progress, blocks, span, tell
from modelglass.explainers import tree_shapley
from modelglass.explainers.reshuffled_once import RunOnce, run_once
from modelglass.explainers.rows import Stack
from modelglass.explainers.shapley_exact import ExactWay, exact_way

Floats = np.ndarray[Any, Any]
CLOSE = 1e-5
"""The trees must give each row's score this closely (some libraries add up in 32 bits), and the same decision for every row."""
ROWS, MOST_CELLS = 512, 20_000_000
"""Rows that a thread takes at once; answers of a round held at once."""
BLOCK = 5_000
"""Rows that a model is asked about at first; then as many as it answers in a fifth of a second."""
FEWEST_ROWS = 1_000
"""Below, asking the model takes no longer than reading its trees does."""


@dataclass(eq=False, slots=True)
class Reshuffled:
    """Judges the rows of an Evaluation with columns of other rows.

    clean       the rows as they are, judged the same way
    how         for people: what answered
    """

    ev: Evaluation
    class_: Any
    clean: Rows
    how: str
    _base: Rows = field(repr=False)
    _trees: _Trees | None = field(default=None, repr=False)
    _stack: Stack | None = field(default=None, repr=False)
    _once: RunOnce | None = field(default=None, repr=False)

    def answers(
        self, groups: Sequence[Sequence[str]], orders: Sequence[Floats], progress: Progress | None = None
    ) -> Iterator[Rows]:
        """Give for each group of raw columns the rows judged with these columns taken in its order; int arrays of shape (n,)."""
        if self._trees is None:
            for i, (columns, order) in enumerate(zip(groups, orders, strict=True)):
                yield self._asked(columns, order, span(progress, i / len(groups), (i + 1) / len(groups)))
            return
        trees = self._trees
        size = max(1, MOST_CELLS // (self.ev.n * trees.sums.shape[1]))
        for at in range(0, len(groups), size):
            part = [trees.places(self.ev, columns) for columns in groups[at : at + size]]
            taken = np.array(orders[at : at + size], dtype=np.int32)
            done, share = at / len(groups), len(part) / len(groups)
            moved = trees.moved(part, taken, span(progress, done, done + 0.7 * share))
            for g in range(len(part)):
                tell(progress, done + (0.7 + 0.3 * g / len(part)) * share, "judging shuffled rows")
                yield self._judged(trees.sums + moved[:, g])

    def _judged(self, sums: Floats) -> Rows:
        assert self._trees is not None
        predicted, score = self._trees.decide(self._trees.trees.base + sums)
        changed = replace(self._base, predicted=predicted, score=score)
        return _one_class(self.ev, changed, self.class_)

    def _asked(self, columns: Sequence[str], order: Floats, progress: Progress | None) -> Rows:
        if self._once is not None:
            return judged_answers(self.ev, *self._once.shuffled(columns, order, progress), self._base, self.class_)
        inputs = self.ev.inputs()
        if self._stack is None:
            self._stack = Stack(inputs)
        choice = np.repeat(np.arange(len(inputs))[:, None], inputs.shape[1], axis=1)
        for name in columns:
            choice[:, list(inputs.columns).index(name)] = order
        predicted, scores = [], []
        for rows in blocks(len(inputs), start=BLOCK):
            tell(progress, rows.start / len(inputs), f"shuffling {', '.join(columns)}")
            decision, score = self.ev.answer(self._stack.rows(choice[rows]))
            predicted.append(decision)
            scores += [] if score is None else [score]
        joined = np.concatenate(scores) if scores else None
        return judged_answers(self.ev, np.concatenate(predicted), joined, self._base, self.class_)


@dataclass(frozen=True, eq=False, slots=True)
class _Trees:
    """Trees of the model: codes (n, p), their sums for the rows (n, k), raw column of each column they see, raw output -> decision, score."""

    trees: Ensemble
    codes: np.ndarray
    sums: Floats
    sources: np.ndarray
    decide: Callable[[Floats], tuple[np.ndarray, Floats | None]]

    def places(self, ev: Evaluation, columns: Sequence[str]) -> np.ndarray:
        """Give the columns the trees see that come from some raw columns."""
        wanted = [list(ev.features).index(name) for name in columns]
        return np.flatnonzero(np.isin(self.sources, wanted))

    def moved(self, groups: Sequence[np.ndarray], orders: np.ndarray, progress: Progress | None) -> Floats:
        """Give how much each group moves each row's raw output, (n, groups, k)."""
        from modelglass.explainers import shuffle_kernels

        n, p = self.codes.shape
        place = np.full((len(groups), p), -1, dtype=np.int64)
        pairs = sorted((int(f), g) for g, places in enumerate(groups) for f in places)
        columns, holds = np.array(pairs, dtype=np.int64).reshape(-1, 2).T.copy()
        place[holds, columns] = np.arange(len(pairs))
        first = np.searchsorted(columns, np.arange(p + 1))
        out = np.zeros((n, len(groups), self.sums.shape[1]))
        t = self.trees

        def part(start: int) -> None:
            stop = min(start + ROWS, n)
            shuffle_kernels.moved(
                self.codes, orders, start, stop, first, holds, columns, place, t.starts, t.output, t.right, t.feature, t.value, t.cut,
                t.shift, t.listed, t.goes_left, out[start:stop],
            )  # fmt: skip

        threads = int(os.environ.get("NUMBA_NUM_THREADS") or os.cpu_count() or 1)
        with ThreadPoolExecutor(threads) as pool:
            running = [pool.submit(part, start) for start in range(0, n, ROWS)]
            try:
                for i, one in enumerate(running):
                    one.result()
                    tell(progress, (i + 1) / len(running), "shuffling")
            finally:
                for one in running:
                    one.cancel()
        return out


def reshuffled(ev: Evaluation, class_: Any = None) -> Reshuffled:
    """Make ready to judge shuffled rows of ``ev``.

    The trees of a model answer for it only where they give the score of every row of ``ev`` to 1e-5 and the very same decisions; a pipeline
    before them is run once, because a shuffled raw column gives its transformed columns in the shuffled order where each comes from one
    raw column (checked, ``provenance``). So it is with the last step of a plain Pipeline, where it gives the very same decisions of all rows.
    """
    base = rows_of(ev)
    trees = _trees(ev) if ev.n >= FEWEST_ROWS else None
    once = run_once(ev, MOST_CELLS) if trees is None and ev.n >= FEWEST_ROWS else None
    if once is not None:
        clean = judged_answers(ev, once.predicted, once.score, base, class_)
        how = "by asking the last step of the pipeline, whose other steps ran once"
        return Reshuffled(ev, class_, clean, how, base, _once=once)
    if trees is None:
        return Reshuffled(ev, class_, rows_of(ev, class_), "by asking the model", base)
    predicted, score = trees.decide(trees.trees.base + trees.sums)
    base = replace(base, predicted=predicted, score=score)
    name = type(unwrapped(ev.estimator)[0]).__name__
    return Reshuffled(ev, class_, _one_class(ev, base, class_), f"through the trees of the {name}", base, trees)


def _one_class(ev: Evaluation, rows: Rows, class_: Any) -> Rows:
    return rows if class_ in (None, "") else against_rest(rows, class_of(ev, class_))


def _trees(ev: Evaluation) -> _Trees | None:
    """Read the trees and check them on all rows; None where the model must be asked."""
    way = exact_way(ev, ("tree",))
    if not isinstance(way, ExactWay) or way.trees is None:
        return None
    inputs = ev.inputs()
    Z = way.made.transform(inputs if ev.feed is None else ev.feed.apply(inputs))
    trees = _exact_sums(way.trees.trees)
    codes = trees.codes(way.trees.encode(Z))
    sums = np.ascontiguousarray(tree_shapley._sums(trees, codes).T)
    decide = _decider(ev, trees.base + sums)
    if decide is None:
        return None
    sources = way.made.raw_index if way.made.steps else np.arange(codes.shape[0])
    return _Trees(trees, np.ascontiguousarray(codes.T), sums, sources, decide)


def _exact_sums(trees: Ensemble) -> Ensemble:
    """Round leaves to a common binary step (the largest sum has 52 bits), so that sums do not depend on their order: ties stay ties."""
    largest = np.maximum.reduceat(np.abs(trees.value).max(axis=1), trees.starts[:-1]).sum()
    if not 0 < largest < np.inf:
        return trees
    step = 2.0 ** (np.ceil(np.log2(largest)) - 52)
    return replace(trees, value=np.round(trees.value / step) * step)


def _decider(ev: Evaluation, raw: Floats) -> Callable[[Floats], tuple[np.ndarray, Floats | None]] | None:
    """Find how raw output becomes decision and score, as ``rows_of`` holds them; None where no way gives what the model gave."""
    if ev.task != "regression" and ev.score is None:
        return None
    mine = rows_of(ev)
    want = mine.predicted if ev.task == "regression" else np.asarray(mine.score)
    size = max(1.0, float(np.abs(want).max(initial=0.0)))
    for link in _links(ev):
        with np.errstate(over="ignore"):
            got = link(raw)
        if got is None or got.shape != want.shape or not np.abs(got - want).max(initial=0.0) <= CLOSE * size:
            continue
        decide = _decision(ev, link)
        if np.array_equal(decide(raw)[0], mine.predicted) or ev.task == "regression":
            return decide
    return None


def _links(ev: Evaluation) -> list[Callable[[Floats], Floats | None]]:
    one = lambda raw: raw[:, 0] if raw.shape[1] == 1 else None  # noqa: E731
    if ev.task == "regression":
        return [one, lambda raw: _over(np.exp, one(raw)), lambda raw: _over(special.expit, one(raw))]
    if ev.task == "multiclass":
        return [lambda raw: raw, lambda raw: special.softmax(raw, axis=1), special.expit]
    place = ev.positive_index or 0
    side = 1.0 if place == 1 else -1.0
    return [
        lambda raw: raw[:, place] if raw.shape[1] == 2 else None,
        lambda raw: _over(lambda x: side * x, one(raw)),
        lambda raw: _over(lambda x: special.expit(side * x), one(raw)),
        lambda raw: special.softmax(raw, axis=1)[:, place] if raw.shape[1] == 2 else None,
    ]


def _over(function: Callable[[Floats], Floats], values: Floats | None) -> Floats | None:
    return None if values is None else function(values)


def _decision(
    ev: Evaluation, link: Callable[[Floats], Floats | None]
) -> Callable[[Floats], tuple[np.ndarray, Floats | None]]:
    middle = 0.5 if ev.score_kind == "probability" else 0.0
    cut = middle if ev.threshold is None else ev.threshold
    even = ev.threshold is not None or ev.positive_index == 0  # of two equal scores the model takes its first class

    def decide(raw: Floats) -> tuple[np.ndarray, Floats | None]:
        score = np.asarray(link(raw))
        if ev.task == "regression":
            return score, None
        if ev.task == "multiclass":
            return score.argmax(axis=1), score
        return ((score >= cut) if even else (score > cut)).astype(np.int64), score

    return decide
