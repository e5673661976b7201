"""What all explanations share: which rows, which background, which scale, and how rows are put together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis import intervals
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.estimates_values import ROUNDING, mean_of
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.feeding import Pace
from modelglass.analysis.groups import Groups, Rows, class_of, largest, plain_moments
from modelglass.analysis.progress import Progress, blocks, tell
from modelglass.analysis.weighted import equal_rows


def need_model(ev: Evaluation) -> None:
    """Refuse where there are only predictions."""
    if ev.model is None:
        raise NotApplicable(
            "there is no model here, only predictions, and an explanation asks the model about changed rows"
        )


def groups(ev: Evaluation) -> tuple[str, ...]:
    """Name what is explained: the positive class, each class, or the target."""
    if ev.task == "binary":
        return (str(ev.positive),)
    return tuple(str(c) for c in ev.classes) if ev.task == "multiclass" else (ev.target,)


def group_of(ev: Evaluation, class_: Any) -> int | None:
    """Give the place of a chosen class in ``groups``; None where none is chosen, or there is only that one.

    Raises
    ------
    InputError
        Not a class of the target.
    NotApplicable
        The other one of two classes.
    """
    if class_ in (None, ""):
        return None
    code = class_of(ev, class_)
    if ev.task == "multiclass":
        return code
    if code:
        return None
    raise NotApplicable(
        f"of two classes the score of {ev.positive} is explained; that of {class_} moves by as much the other way"
    )


def scale(ev: Evaluation) -> str:
    """Name the unit of ``ev.output``: "probability", "decision" (a score without a unit, or 0/1), or the target's name."""
    if ev.task == "regression":
        return ev.target
    return "probability" if ev.score_kind == "probability" else "decision"


def output(ev: Evaluation, frame: pd.DataFrame) -> np.ndarray:
    """Ask the model; always of shape (n, groups)."""
    out = np.asarray(ev.output(frame), dtype="float64")
    return out.reshape(len(frame), -1)


def output_of(ev: Evaluation, decided: np.ndarray, score: np.ndarray | None) -> np.ndarray:
    """Turn decisions and scores, as ``ev.answer`` gives them, into what ``output`` gives, shape (n, groups)."""
    if score is None and ev.task == "multiclass":
        return np.eye(len(ev.classes))[decided]
    if score is None and ev.task == "binary":
        score = decided == ev.positive_index
    return np.asarray(decided if score is None else score, dtype="float64").reshape(len(decided), -1)


def given_answers(ev: Evaluation) -> np.ndarray:
    """Give what the model said of the rows as they are, (n, groups), without asking again."""
    return output_of(ev, ev.predicted, ev.score)


def spread_of(answers: np.ndarray) -> np.ndarray:
    """Give the standard deviation of answers (n, groups) of each group, of those near the largest number that there is, too."""
    size = np.abs(answers).max(axis=0, initial=0.0)
    size[size == 0] = 1.0
    return np.asarray((answers / size).std(axis=0) * size)


def in_blocks(
    n: int,
    answer: Callable[[slice], np.ndarray],
    what: str,
    progress: Progress | None = None,
    pace: Pace | None = None,
) -> np.ndarray:
    """Put ``n`` questions block by block, so that a slow model is asked for few at a time; give the answers below each other."""
    parts, pace = [], Pace() if pace is None else pace
    for cells in blocks(n, start=512, seconds=0.2, most=200_000):
        with pace.asking(cells.stop - cells.start):
            parts.append(answer(cells))
        tell(progress, cells.stop / n, what)
    return np.concatenate(parts)


def pace_of(ev: Evaluation) -> Pace:
    """Give what is known of the pace of the model, kept from one column to the next."""
    found: Pace = ev.whole.keep("pace", Pace)
    return found


def row_place(ev: Evaluation, row: Any) -> int:
    """Give the place in ``ev`` of a row named by its number in the data (the frame's index)."""
    index = ev.frame.index
    if isinstance(row, (int, np.integer)) and not isinstance(row, bool) and row in index:
        place = index.get_loc(row)
        if isinstance(place, int):
            return place
    raise InputError(
        f"Expected the number of a row among these {ev.n:,} rows (from {index.min()} to {index.max()}).",
        f"Got {row!r}.",
        "Choose a row of the cohort, or take the condition away.",
    )


def background_of(ev: Evaluation, n: int, seed: int) -> pd.DataFrame:
    """Draw background rows of raw inputs from the whole data, with chances as the sample weights.

    Systematic sampling over shuffled rows: without weights a simple random sample without replacement, with weights a row of large
    weight may come twice.
    """
    whole = ev.whole
    inputs = whole.inputs()
    rng = np.random.default_rng((seed, 20_001))
    order = rng.permutation(whole.n)
    weight = np.ones(whole.n) if whole.weight is None else whole.weight[order]
    if n >= whole.n and whole.weight is None:
        return inputs
    ends = np.cumsum(weight)
    points = (np.arange(n) + rng.random()) * ends[-1] / n
    return inputs.iloc[order[np.minimum(np.searchsorted(ends, points, side="right"), whole.n - 1)]]


FEWEST_EFFECTIVE = 200
"""Rows (Kish's n when weighted) from which the mean of any value gets an interval. To give it below where the sample looks tame
would be wrong: a sample of a skewed value looks tame when it holds none of the large ones.
"""


def mean_interval(ev: Any, values: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the weighted mean of each column of values (n, m) with an interval over rows, or over clusters where given.

    Student's t corrected for skewness, long tails counted, as for the metrics (``estimates_values.mean_of``). low and high are NaN
    where it would not hold its level (``benchmarks/coverage_explanations.py``): all rows alike, fewer than ten clusters, fewer than
    200 effective rows.
    """
    n, m = values.shape
    if ev.weight is None and ev.cluster is None and n >= FEWEST_EFFECTIVE:
        return _plain_interval(np.ascontiguousarray(values.T), level)
    weight = None if ev.weight is None else np.tile(ev.weight, m)
    cluster = None if ev.cluster is None else np.tile(np.unique(ev.cluster, return_inverse=True)[1].ravel(), m)
    flat, nothing = values.T.ravel(), np.zeros(n * m)
    held = Rows(task="regression", y=nothing, predicted=nothing, weight=weight, cluster=cluster)
    found = mean_of(Groups(held, np.repeat(np.arange(m), n), m), flat, level)
    if equal_rows(ev.weight, n) < FEWEST_EFFECTIVE * (1 - 1e-9):
        return found.estimate, np.full(m, np.nan), np.full(m, np.nan)
    return found.estimate, found.low, found.high


def held_in(scale: str, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keep the interval of a mean answer among what answers can be: that of a probability within 0 and 1."""
    return (np.maximum(low, 0.0), np.minimum(high, 1.0)) if scale == "probability" else (low, high)


def _plain_interval(values: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the same for values (m, n) of rows that weigh the same, without sorting them into groups."""
    n = values.shape[1]
    with np.errstate(invalid="ignore", over="ignore"):
        mean = values.mean(axis=1)
        off = values - mean[:, None]
        off /= n
        size = largest(off)
        off /= size
        square = off * off
        second, third, fourth = (
            square.sum(axis=1),
            np.einsum("ij,ij->i", square, off),
            np.einsum("ij,ij->i", square, square),
        )
        moments = plain_moments(second, third, np.full(len(mean), float(n)), fourth)
        spread = moments.variance * size**2
        low, high = intervals.skewed(mean, spread, moments.skewness, level, moments.tail_df)
        known = np.isfinite(spread) & (np.sqrt(spread * n) > ROUNDING * np.abs(mean))
    return mean, np.where(known, low, np.nan), np.where(known, high, np.nan)


def influence_interval(
    ev: Any, estimate: np.ndarray, influence: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Give the same interval for estimates (m,) from the influence of each row on them, (n, m): each row stands for a value of its own."""
    n, weight = len(influence), ev.weight
    scale = np.full(n, float(n)) if weight is None else weight.sum() / np.where(weight > 0, weight, np.inf)
    return mean_interval(ev, estimate + influence * scale[:, None], level)[1:]


def interval_of_powers(
    mean: np.ndarray, powers: np.ndarray, n: int | np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the same interval from the sums of second to fourth powers around the mean (3, ...), for rows that weigh the same; n: their number."""
    n = np.broadcast_to(np.asarray(n, dtype=float), mean.shape)
    size = np.maximum(np.abs(mean), 1.0)
    second, third, fourth = (np.where(powers[0] > 1e-24 * n * size**2, powers[i], 0.0) / n ** (i + 2) for i in range(3))
    moments = plain_moments(second, third, n, fourth)
    with np.errstate(invalid="ignore"):
        low, high = intervals.skewed(mean, moments.variance, moments.skewness, level, moments.tail_df)
    known = (moments.variance > 0) & (n >= FEWEST_EFFECTIVE)
    return mean, np.where(known, low, np.nan), np.where(known, high, np.nan)


class Stack:
    """Frames of the same columns below each other, from which new rows are put together cell by cell, keeping every dtype."""

    def __init__(self, *parts: pd.DataFrame):
        whole = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
        self._columns = {c: whole[c].array for c in whole.columns}

    def rows(self, choice: np.ndarray) -> pd.DataFrame:
        """Give rows whose cell (i, j) is column j of the stack's row ``choice[i, j]``; int array of shape (m, n_columns)."""
        return pd.DataFrame(
            {c: values.take(choice[:, j]) for j, (c, values) in enumerate(self._columns.items())}, copy=False
        )


def text(value: Any) -> str:
    """Write a raw value for people: short numbers, "missing" for missing."""
    if value is None or (np.isscalar(value) and pd.isna(value)) or value is pd.NaT:
        return "missing"
    if isinstance(value, (float, np.floating)):
        value = float(value)
        return f"{value:,.4g}" if abs(value) < 9_999.5 else f"{value:,.0f}"  # 4 digits of 9,999.7 would read 1e+04
    if isinstance(value, pd.Timestamp):
        return value.isoformat(sep=" ") if value != value.normalize() else value.date().isoformat()
    return str(value)


def texts(frame: pd.DataFrame) -> np.ndarray:
    """Write raw values for people, shape as the frame, object."""
    out = np.empty(frame.shape, dtype=object)
    for j, column in enumerate(frame.columns):
        out[:, j] = [text(v) for v in frame[column]]
    return out
