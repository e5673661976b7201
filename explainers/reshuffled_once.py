"""Rows that a pipeline's transformers see once: a shuffled raw column gives its transformed columns in the shuffled order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.models.provenance import dense
from modelglass.analysis.models.sklearn import SklearnModel
from modelglass.analysis.progress import Progress, blocks, tell
from modelglass.explainers.shapley_exact import fed, provenance_of

CLOSE = 1e-9
"""Asked about transformed rows, the last step must give each row's answer this closely, and the same decision for every row."""
BLOCK = 5_000
"""Rows that it is asked about at first; then as many as it answers in a fifth of a second."""


@dataclass(frozen=True, eq=False, slots=True)
class RunOnce:
    """Rows of an Evaluation as the last step of its plain Pipeline sees them.

    seen (n, p): transformed rows; sources (p,): place of the raw column that each comes from, -1 for none; predicted, score: its answers
    """

    ev: Evaluation
    model: SklearnModel
    seen: np.ndarray
    sources: np.ndarray
    predicted: np.ndarray
    score: np.ndarray | None

    def shuffled(
        self, columns: Sequence[str], order: np.ndarray, progress: Progress | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Give decisions and scores, as ``Evaluation.answer`` does, with raw columns taken from the rows ``order``, (n,)."""
        places = np.flatnonzero(np.isin(self.sources, [list(self.ev.features).index(name) for name in columns]))
        predicted, scores = [], []
        for rows in blocks(len(self.seen), start=BLOCK):
            tell(progress, rows.start / len(self.seen), f"shuffling {', '.join(columns)}")
            X = self.seen[rows].copy()
            X[:, places] = self.seen[np.ix_(order[rows], places)]
            decision, score = self.ev.read(*self.model.after_steps(X))
            predicted.append(decision)
            scores += [] if score is None else [score]
        return np.concatenate(predicted), np.concatenate(scores) if scores else None


def run_once(ev: Evaluation, most_cells: int) -> RunOnce | None:
    """Run the transformers once; None where the whole model must be asked.

    That is where it is no plain Pipeline of scikit-learn's own last step, where transformed columns mix raw ones (checked, ``provenance``),
    where they are more than ``most_cells`` numbers, or where the answers of all rows are not those of the whole model.
    """
    model = ev.model
    if not isinstance(model, SklearnModel) or not model.is_plain_pipeline():
        return None
    made = provenance_of(ev)
    last = ev.estimator.steps[-1][1]
    if not made.exact or made.estimator is not last or not type(last).__module__.startswith("sklearn."):
        return None
    if ev.n * len(made.sources) > most_cells:
        return None
    seen = made.transform(fed(ev, ev.inputs()))
    if not (isinstance(seen, np.ndarray) or hasattr(seen, "toarray")):  # names of a frame would be lost
        return None
    seen = dense(seen)
    if seen.dtype.kind != "f":
        return None
    predicted, score = ev.read(*model.after_steps(seen))
    if not _same(predicted, ev.predicted) or (score is None) != (ev.score is None):
        return None
    if score is not None and not _same(score, np.asarray(ev.score)):
        return None
    return RunOnce(ev, model, seen, made.raw_index, predicted, score)


def _same(mine: np.ndarray, theirs: np.ndarray) -> bool:
    if mine.shape != theirs.shape or mine.dtype.kind != "f":
        return np.array_equal(mine, theirs)
    return bool(np.abs(mine - theirs).max(initial=0.0) <= CLOSE * max(1.0, float(np.abs(theirs).max(initial=0.0))))
