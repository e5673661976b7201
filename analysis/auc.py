"""Ranking metrics of many groups from one shared sort: ROC AUC with DeLong's variance, and average precision.

The scores are sorted once. A grouping then needs a stable (radix) sort of small integer codes, after which each group is a
stretch of rows in score order, cut into *runs* of equal score. All sums are taken over runs, so ties are exact (midranks).

DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44, 837-845; the fast form follows Sun and Xu (2014), IEEE Signal
Processing Letters 21, 1389-1393. With weights the same placements are averaged with the weights and the variance is the
linearised one, sum of squared weighted influences, times m/(m-1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]


@dataclass(frozen=True, eq=False, slots=True)
class SortedScores:
    """Rows in ascending order of score: ``order`` (n,) row positions, ``tie`` (n,) dense rank of the score, ``positive`` (n,)
    bool and ``weight`` (n,) or None, all in that order.
    """

    order: NDArray[np.intp]
    tie: NDArray[np.int32]
    positive: NDArray[np.bool_]
    weight: Floats | None

    @property
    def distinct(self) -> bool:
        """Whether no two scores are equal."""
        return len(self.tie) == 0 or int(self.tie[-1]) == len(self.tie) - 1


def sort_scores(score: Floats, positive: NDArray[np.bool_], weight: Floats | None = None) -> SortedScores:
    """Sort once; ``score`` (n,) finite, ``positive`` (n,) bool, ``weight`` (n,) >= 0 or None."""
    order = np.argsort(score, kind="stable")
    ranked = score[order]
    tie = np.zeros(len(order), np.int32)
    np.cumsum(ranked[1:] != ranked[:-1], out=tie[1:])
    return SortedScores(order, tie, positive[order], None if weight is None else weight[order])


@dataclass(frozen=True, eq=False, slots=True)
class Runs:
    """Runs of equal score within groups, ascending within each group.

    index       (n,) places in the sorted scores, by group, then score;  starts: (r,) the first of each run
    positive    (n,) bool, in this order
    group       (r,) group of each run;  used, first_run: the groups that have rows, and the first run of each
    pos, neg    (r,) weight of positives and negatives in the run
    pos_mid, neg_mid    (r,) weight of those of the same group with a lower score, and half of those in the run
    w_pos, w_neg    (g,) weight of positives and negatives
    """

    scores: SortedScores
    index: NDArray[np.intp]
    starts: NDArray[np.intp]
    positive: NDArray[np.bool_]
    group: np.ndarray
    used: NDArray[np.intp]
    first_run: NDArray[np.intp]
    pos: Floats
    neg: Floats
    pos_mid: Floats
    neg_mid: Floats
    w_pos: Floats
    w_neg: Floats

    def over_groups(self, values: Floats) -> Floats:
        """Sum values of runs within each group (they are contiguous)."""
        out = np.zeros(len(self.w_pos))
        if len(values):
            out[self.used] = np.add.reduceat(values, self.first_run)
        return out

    def to_rows(self, on_pos: Floats, on_neg: Floats) -> Floats:
        """Give each row, in the order of the data, the value of its run and outcome."""
        sizes = np.diff(np.append(self.starts, len(self.index)))
        out = np.empty(len(self.index))
        out[self.scores.order[self.index]] = np.where(self.positive, np.repeat(on_pos, sizes), np.repeat(on_neg, sizes))
        return out


def runs_by_group(scores: SortedScores, codes: NDArray[np.integer], count: int, weight: Floats | None = None) -> Runs:
    """Cut sorted scores into runs of equal score within groups.

    ``codes`` (n,) in [0, count); ``weight`` (n,) in the order of the data, instead of those of the scores.
    """
    n = len(scores.order)
    small, index = _by_code(scores, codes, count)
    code, positive, tie = small[index], scores.positive[index], scores.tie[index]
    starts = np.flatnonzero(np.concatenate([[n > 0], (tie[1:] != tie[:-1]) | (code[1:] != code[:-1])]))
    group = code[starts]
    first_run = np.flatnonzero(np.diff(group, prepend=-1))
    used = group[first_run].astype(np.intp)
    bounds = np.append(starts, n).astype(np.int32 if n < 2**31 else np.int64)
    if weight is None and scores.weight is None:
        at_pos = np.concatenate([[0], np.cumsum(positive, dtype=np.int32)], dtype=np.int32)[bounds]
        at_neg = bounds - at_pos
    else:
        weight = (scores.weight if weight is None else weight[scores.order])[index]  # type: ignore[index]
        at_pos, at_neg = (
            np.append(0.0, np.cumsum(np.where(part, weight, 0.0)))[bounds] for part in (positive, ~positive)
        )
    sums = [_sums(at, first_run, used, group, count) for at in (at_pos, at_neg)]
    return Runs(
        scores,
        index,
        starts,
        positive,
        group,
        used,
        first_run,
        sums[0][0],
        sums[1][0],
        sums[0][1],
        sums[1][1],
        sums[0][2],
        sums[1][2],
    )


def _by_code(scores: SortedScores, codes: NDArray[np.integer], count: int) -> tuple[np.ndarray, NDArray[np.intp]]:
    """Give codes in the order of the scores, and the places that sort these by code: the smaller the type, the quicker."""
    kind: Any = np.uint8 if count <= 256 else np.uint16 if count <= 65_536 else np.int64
    small: np.ndarray = codes.astype(kind, copy=False)[scores.order]
    return small, np.argsort(small, kind="stable")


def _sums(
    at: np.ndarray, first_run: np.ndarray, used: np.ndarray, group: np.ndarray, count: int
) -> tuple[Floats, Floats, Floats]:
    """Give the weight in each run, below its middle in its group, and in each group, from weights cumulated up to each run."""
    offset, whole = np.zeros(count), np.zeros(count)
    bounds = np.append(at[first_run], at[-1])
    offset[used], whole[used] = bounds[:-1], bounds[1:] - bounds[:-1]
    middle = (at[1:] + at[:-1]) * 0.5
    middle -= offset[group]
    return at[1:] - at[:-1], middle, whole


@dataclass(frozen=True, eq=False, slots=True)
class ByGroup:
    """A ranking metric by group.

    estimate    (g,), NaN where it has no meaning
    influence   (n,) of each row on its group's estimate, without the row's weight; None unless asked for
    second, third   (2, g) sums of squared and cubed influences of negatives and positives, for rows of equal weight; None
                    where there are weights
    """

    estimate: Floats
    influence: Floats | None = None
    second: Floats | None = None
    third: Floats | None = None


def auc_by_group(runs: Runs, *, influence: bool = False) -> ByGroup:
    """Give ROC AUC of each group (Mann-Whitney, ties count half) and what DeLong's variance is made of."""
    g = runs.group
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = runs.over_groups(runs.pos * runs.neg_mid) / (runs.w_pos * runs.w_neg)
        estimate = np.where((runs.w_pos > 0) & (runs.w_neg > 0), np.clip(estimate, 0.0, 1.0), np.nan)
        # placements less the estimate: of positives neg_mid / w_neg - AUC, of negatives 1 - pos_mid / w_pos - AUC
        of_pos = (runs.neg_mid - (estimate * runs.w_neg)[g]) * (1 / (runs.w_neg * runs.w_pos))[g]
        of_neg = (((1 - estimate) * runs.w_pos)[g] - runs.pos_mid) * (1 / (runs.w_neg * runs.w_pos))[g]
        if influence:
            return ByGroup(estimate, runs.to_rows(of_pos, of_neg))
        sums = []
        for weight, apart in ((runs.neg, of_neg), (runs.pos, of_pos)):
            square = weight * apart
            square *= apart
            sums.append((runs.over_groups(square), runs.over_groups(np.multiply(square, apart, out=apart))))
    return ByGroup(estimate, None, np.array([a for a, _ in sums]), np.array([b for _, b in sums]))


def auc_of_distinct(scores: SortedScores, codes: NDArray[np.integer], count: int) -> ByGroup:
    """Give the same as ``auc_by_group`` where no two scores are equal and all rows weigh the same, in a third of the time.

    Without ties a row's placement is its place among the rows of its group less the number of its own class before it.
    """
    _, index = _by_code(scores, codes, count)
    positive = scores.positive[index]
    bounds = np.append(0, np.cumsum(np.bincount(codes, minlength=count)))
    places = np.flatnonzero(positive), np.flatnonzero(~positive)
    until = [np.searchsorted(p, bounds) for p in places]  # positives, and negatives, of the groups before
    n_pos, n_neg = (np.diff(u).astype(float) for u in until)
    below = [p - np.arange(len(p)) for p in places]  # of the other class, in this group and those before
    pairs = np.diff(np.append(0, np.cumsum(below[0]))[until[0]]) - n_pos * until[1][:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 1 / (n_pos * n_neg)
        estimate = np.where((n_pos > 0) & (n_neg > 0), pairs * scale, np.nan)
        second, third = np.empty((2, count)), np.empty((2, count))
        centres = until[1][:-1] + estimate * n_neg, until[0][:-1] + (1 - estimate) * n_pos
        for at, (values, centre, ends, sign) in enumerate(zip(below, centres, until, (1, -1))):
            apart = values - np.repeat(centre, np.diff(ends))
            square = apart * apart
            second[1 - at] = _between(square, ends) * scale**2
            square *= apart
            third[1 - at] = sign * _between(square, ends) * scale**3
    return ByGroup(estimate, None, second, third)


def _between(values: Floats, ends: NDArray[np.intp]) -> Floats:
    """Sum values between neighbouring ends; 0 where nothing is between."""
    out = np.zeros(len(ends) - 1)
    filled = np.flatnonzero(np.diff(ends))
    if len(filled):
        out[filled] = np.add.reduceat(values, ends[filled])
    return out


def average_precision_by_group(runs: Runs, *, influence: bool = True) -> ByGroup:
    """Give average precision of each group, and the influence of each row on it.

    The estimate is sum over positives of w_i * precision(score_i) / sum of w_i. A row changes the precision at every positive
    that scores no higher than it, and, if positive, adds its own term; the sums over these are cumulated over runs.
    """
    g = runs.group
    with np.errstate(divide="ignore", invalid="ignore"):
        above_pos = runs.w_pos[g] - runs.pos_mid + runs.pos / 2
        above_neg = runs.w_neg[g] - runs.neg_mid + runs.neg / 2
        above = above_pos + above_neg
        precision = np.where(above > 0, above_pos / above, 0.0)
        estimate = runs.over_groups(runs.pos * precision) / runs.w_pos
        if not influence:
            return ByGroup(estimate)
        gain = _cumulated(runs, np.where(above > 0, runs.pos * (1 - precision) / above, 0.0))
        loss = _cumulated(runs, np.where(above > 0, runs.pos * precision / above, 0.0))
        on_pos = (precision + gain - estimate[g]) / runs.w_pos[g]
        on_neg = -loss / runs.w_pos[g]
    return ByGroup(estimate, runs.to_rows(on_pos, on_neg))


def _cumulated(runs: Runs, values: Floats) -> Floats:
    total = np.cumsum(values)
    before = np.concatenate([[0.0], np.cumsum(runs.over_groups(values))])
    return total - before[runs.group]
