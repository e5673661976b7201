"""Which labels are probably wrong, and how many? Confident learning, and what of it honest doubt explains; in numbers: extreme residuals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.companions import overlap
from modelglass.analysis.confident import confident_joint, likely_class, margins, thresholds
from modelglass.analysis.discovery import codings_of
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.flatness import FEWEST_DIFFERENT, FOLDS, different_rows
from modelglass.analysis.groups import Rows, rows_of
from modelglass.analysis.halves import content_of, parts
from modelglass.analysis.label_noise import ALPHA, PAIRS, SIDES, Noise, pairs_of, side_table, sides_of, where_of
from modelglass.analysis.performance import check_level
from modelglass.analysis.progress import Progress
from modelglass.analysis.residual_suspects import standardised
from modelglass.analysis.result import Result
from modelglass.analysis.row_hashes import row_hashes
from modelglass.analysis.source import UNNAMED, Source

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

BINS = 16
FAR = 5.0
"""Standard deviations from which a residual is extreme: of normal ones not one in a million is."""
NO_NUMBER = "cannot say how many are wrong: rare values that are true look the same"
MOST_SEEN = 0.5
"""Where more of the rows than this stand in the training data, nothing can be said."""
ROWS = ["row", "given", "likely", "self_confidence", "margin"]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class LabelErrors(Result):
    """Labels that contradict a sure model.

    pairs   one row per label given and likely class that occur: given, likely, where (SQL condition of the suspects), found (suspects:
            rows so labelled that the model is sure are of the likely class), joint (label errors of this kind by the paper's calibrated
            joint, in weight), doubt (suspects that honest doubt explains: those beyond the noise), estimate (label errors of this kind
            among all rows, in weight), low (0 unless there surely are some), high, n (rows the model is sure are of the likely class), note
            (why a number is NaN)
    sides   what the estimates rest on, one row per likely class after one of all: likely, n, found, share (found over n), safest (share in
            the third of them that is safest by all columns and the score, cross-fitted), others (share in the other two thirds), noise
            (share of wrong labels) with low and high, p (of "honest doubt": that the share falls to less than 0.35 of that of the
            others), p_adjusted (Holm), note
    rows    the suspects, least trusted first: row (number in the data), given, likely, self_confidence (probability of the label),
            margin (that less the largest other one)
    noise   share of all labels that are wrong at random: (estimate, low, high), of the classes in settings["told"]; low is 0 unless
            contradictions surely are more than honest doubt
    seen    rows left out because their inputs also stand in the training data; None where there are none to look at

    Of numbers pairs has one row for values far above and far below their prediction, with found alone; in rows given is the value, likely the
    prediction, margin minus the distance in local standard deviations.
    """

    pairs: pd.DataFrame
    sides: pd.DataFrame
    rows: pd.DataFrame
    noise: Noise
    seen: int | None
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row per label given and likely class."""
        return self.pairs

    @property
    def p(self) -> float:
        """Give the smallest adjusted p-value of "honest doubt explains it"; NaN where nothing could be tested."""
        known = self.sides["p_adjusted"].dropna()
        return float(known.min()) if len(known) else np.nan

    @property
    def sure(self) -> bool:
        """Tell whether labels surely are wrong more often than honest doubt explains."""
        return bool(self.p <= ALPHA)

    def sentence(self) -> str:
        """Say how many labels contradict a sure model, and whether honest doubt explains it."""
        s, found = self.settings, len(self.rows)
        if "far" in s:
            return self._of_values()
        said = f"{found:,} of {rows_text(s['rows'])} carry a label that contradicts a model that is sure"
        if not found:
            return f"No label of {rows_text(s['rows'])} contradicts a model that is sure.{self._seen()}"
        if np.isnan(self.p):
            return f"{said}; whether they are wrong {self.sides['note'].iloc[0]}.{self._seen()}"
        share, low, high = (f"{100 * v:.2g} %" for v in self.noise)
        level = f"{100 * s['level']:.4g} %"
        if not self.sure:
            return (
                f"{said}, no more than honest doubt explains: where the model is surest they are rarer. "
                f"If labels are wrong at random, at most {high} of them are ({level} limit).{self._seen()}"
            )
        row = self.pairs.loc[self.pairs["estimate"].idxmax()]
        return (
            f"About {share} of the labels look wrong ({level} interval {low} to {high}, {rows_text(s['rows'])}): {said}, and they are about as "
            f"frequent where it is surest (adjusted p {self.p:.2g}), as wrong labels are, or an outcome that these columns cannot tell. "
            f"Most are given {row['given']} where {row['likely']} is likely.{self._seen()}"
        )

    def _of_values(self) -> str:
        s, found = self.settings, len(self.rows)
        far = f"farther from the prediction than {s['far']:g} times the spread that residuals of such rows have"
        if not found:
            return f"None of {rows_text(s['rows'])} lies {far}.{self._seen()}"
        lie = "lies" if found == 1 else "lie"
        return (
            f"{found:,} of {rows_text(s['rows'])} {lie} {far}: suspects by their residual alone. How many of these values are wrong cannot be "
            f"said, because rare values that are true look the same.{self._seen()}"
        )

    def _seen(self) -> str:
        if self.seen is None:
            return " No training data were given, so it is taken on trust that the model was not fitted on these rows."
        return f" {rows_text(self.seen)} whose inputs stand in the training data were left out." if self.seen else ""


def label_errors(ev: Evaluation, *, level: float = 0.95, progress: Progress | None = None) -> LabelErrors:
    """Find rows whose label is probably wrong, and estimate how many there are.

    Classes: confident learning (Northcutt, Jiang and Chuang 2021) finds labels that contradict a sure model. So do right labels where a
    model is sure too easily or an outcome is hard to tell, so their number is only called noise where they do not become rarer in
    the rows that the model, and all columns together, are surest of (``flatness``). Numbers: values farther from their prediction than
    ``FAR`` times the spread that residuals of such rows have; how many of them are wrong cannot be said.

    Parameters
    ----------
    ev : Evaluation
        With probabilities, of a model that was not fitted on these rows. Where training data are given, rows whose inputs stand in
        them are left out.
    level : float
        Level of the intervals.

    Notes
    -----
    Each row is looked at by fits that it had no part in, nor any row of the same inputs (whatever its label): a copy would vouch for its
    label, and copies count as one row in the intervals. Where clusters are named, they are what is kept together instead.

    Raises
    ------
    NotApplicable
        No probabilities; most rows stand in the training data.
    """
    kept, seen = _unseen(ev)
    codes, why = _codes(ev)
    rows, numbers = rows_of(ev).cut(kept), ev.frame.index.to_numpy()[kept]
    mine = None if codes is None else codes[kept]
    how: dict[str, Any] = {"numbers": numbers, "level": level, "seed": ev.seed, "progress": progress}
    how |= {"source": ev.source, "seen": seen, "alike": _alike(ev, kept)}
    if ev.task == "regression":
        return measure_values(rows.y, rows.predicted, mine, **how)
    if ev.score is None or ev.score_kind != "probability":
        raise NotApplicable(
            "the model gives no probabilities, and a label is only suspect where the model is sure of another one"
        )
    names = [str(c) for c in ev.classes]
    return measure(ev.y[kept], _proba(ev)[kept], mine, rows.weight, rows.cluster, names=names, no_columns=why, **how)


def _unseen(ev: Evaluation) -> tuple[np.ndarray, int | None]:
    """Give the places of rows whose inputs are not in the training data, and how many are; by inputs alone, because leaving out equal
    inputs only where the label agrees would make the others look wrong.
    """
    train = ev.train
    if train is None or not ev.features:
        return np.arange(ev.n), None
    both = overlap(ev.frame, train, list(ev.features))
    if both.mean() > MOST_SEEN:
        raise NotApplicable(
            f"the inputs of {int(both.sum()):,} of {rows_text(ev.n)} also stand in the training data: the model may know their labels, so it cannot doubt them"
        )
    return np.flatnonzero(~both), int(both.sum())


def _alike(ev: Evaluation, kept: np.ndarray) -> np.ndarray | None:
    """Number rows by what the model is fed of them; None where that is not known."""
    return row_hashes(ev.frame, list(ev.features))[kept] if ev.features else None


def _proba(ev: Evaluation) -> np.ndarray:
    score = np.asarray(ev.score, float)
    if ev.task != "binary":
        return score
    both = np.empty((len(score), 2))
    index = ev.positive_index or 0
    both[:, index], both[:, 1 - index] = score, 1 - score
    return both


def _codes(ev: Evaluation) -> tuple[np.ndarray | None, str]:
    try:
        return np.column_stack([c.codes for c in codings_of(ev, None, (BINS,))]), ""
    except NotApplicable as answer:
        return None, answer.reason


def measure(
    y_true: Any,
    proba: Any,
    codes: np.ndarray | None = None,
    weight: Any = None,
    cluster: Any = None,
    *,
    names: Sequence[str] = (),
    numbers: Any = None,
    level: float = 0.95,
    seed: int = 0,
    progress: Progress | None = None,
    source: Source = UNNAMED,
    seen: int | None = None,
    alike: Any = None,
    no_columns: str = "there are no columns",
) -> LabelErrors:
    """The same from arrays of shape (n,): labels as codes in [0, k), probabilities (n, k), coded columns (n, m) or None.

    Rows of one number in ``alike`` have the same inputs; without it and without clusters those of the same probabilities and codes have.

    >>> found = measure([0, 0, 0, 1, 1, 1], [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.1, 0.9], [0.2, 0.8], [0.3, 0.7]])
    >>> found.rows[["row", "given", "likely"]].to_numpy().tolist()
    [[2, '0', '1']]
    """
    level = check_level(level)
    y, p = np.asarray(y_true, np.int64), np.asarray(proba, float)
    n, k = p.shape
    w = None if weight is None else np.asarray(weight, float)
    called = [str(v) for v in names] or [str(i) for i in range(k)]
    numbers = np.arange(n) if numbers is None else np.asarray(numbers)
    at = thresholds(y, p, w)
    likely = likely_class(p, at)
    suspect = (likely >= 0) & (likely != y)
    found, joint = confident_joint(y, likely, k, w)
    if cluster is None and alike is not None and different_rows(alike) < FEWEST_DIFFERENT:
        codes, no_columns = None, "there are too few rows of different inputs"
    rows = Rows(
        task="multiclass",
        y=y,
        predicted=p.argmax(axis=1),
        score=p,
        weight=w,
        cluster=alike if cluster is None else cluster,
        classes=max(k, 2),
    )
    sides = sides_of(rows, p, likely, codes, k, level, seed, progress, no_columns)
    table = side_table(sides, called)
    pairs, noise, told = pairs_of(rows, likely, (found, joint), sides, table, called, numbers)
    own, margin = margins(y, p)
    order = np.flatnonzero(suspect)
    order = order[np.lexsort((numbers[order], margin[order]))]
    listed = pd.DataFrame(
        {
            "row": numbers[order],
            "given": np.array(called, dtype=object)[y[order]],
            "likely": np.array(called, dtype=object)[likely[order]],
            "self_confidence": own[order],
            "margin": margin[order],
        }
    )
    settings = {"rows": n, "level": level, "thresholds": [float(t) for t in at], "classes": called, "told": told}
    return LabelErrors(pairs=pairs, sides=table, rows=listed, noise=noise, seen=seen, source=source, settings=settings)


def measure_values(
    y_true: Any,
    predicted: Any,
    codes: np.ndarray | None = None,
    *,
    numbers: Any = None,
    level: float = 0.95,
    seed: int = 0,
    progress: Progress | None = None,
    source: Source = UNNAMED,
    seen: int | None = None,
    alike: Any = None,
) -> LabelErrors:
    """Find suspects among values: arrays of shape (n,), coded columns (n, m) or None. Weights and clusters do not change a suspicion.

    Rows of one number in ``alike`` have the same inputs (without it those of the same prediction and codes) and are judged by fits that none
    of them had a part in, unless there are few different ones: then each is many rows, of which one moves no fit.
    """
    y, p = np.asarray(y_true, float), np.asarray(predicted, float)
    numbers = np.arange(len(y)) if numbers is None else np.asarray(numbers)
    if alike is None:
        alike = np.unique(p if codes is None else np.column_stack([p, codes]), axis=0, return_inverse=True)[1].reshape(
            -1
        )
    together = alike if different_rows(alike) >= FEWEST_DIFFERENT else None
    rows = Rows(task="regression", y=y, predicted=p, cluster=together)
    order = np.argsort(content_of(rows, codes), kind="stable")
    fold = parts(rows, seed, FOLDS, codes)[order]
    spreads = np.empty(len(y))
    spreads[order] = standardised((y - p)[order], p[order], None if codes is None else codes[order], fold, progress)
    far = np.flatnonzero(np.abs(spreads) > FAR)
    far = far[np.lexsort((numbers[far], -np.abs(spreads[far])))]
    records = [
        {
            "given": f"far {word} the prediction",
            "likely": "near it",
            "where": where_of(numbers[here]),
            "found": len(here),
            "n": len(y),
            "note": NO_NUMBER,
        }
        for word, here in (("above", far[spreads[far] > 0]), ("below", far[spreads[far] < 0]))
        if len(here)
    ]
    listed = pd.DataFrame(
        {
            "row": numbers[far],
            "given": y[far],
            "likely": p[far],
            "self_confidence": np.nan,
            "margin": -np.abs(spreads[far]),
        }
    )
    nothing = (np.nan, np.nan, np.nan)
    settings = {"rows": len(y), "level": check_level(level), "far": FAR}
    return LabelErrors(
        pairs=pd.DataFrame(records, columns=PAIRS),
        sides=pd.DataFrame(columns=SIDES),
        rows=listed,
        noise=nothing,
        seen=seen,
        source=source,
        settings=settings,
    )
