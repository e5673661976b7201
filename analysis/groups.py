"""Rows cut into groups, and the sums over groups that estimates and their variances are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from modelglass.analysis.auc import (
    ByGroup,
    Runs,
    SortedScores,
    auc_by_group,
    auc_of_distinct,
    runs_by_group,
    sort_scores,
)
from modelglass.analysis.errors import InputError, unknown_name

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

Floats = NDArray[Any]


MOST_RUNS_KEPT = 8_000_000
"""Rows times classes up to which the runs of a grouping are kept for its next metric: some 60 bytes each."""


def finite(values: Floats) -> Floats:
    """Give values with 0 for what is not finite (groups that lack a class, say: their estimates are NaN in any case)."""
    return np.where(np.isfinite(values), values, 0.0)


@dataclass(frozen=True, eq=False, kw_only=True)
class Rows:
    """What the metrics read, of n rows. What is made from it (losses, sorts) is made once and kept for all groupings; ``replace`` keeps none of it.

    task        "binary", "multiclass" or "regression"
    y, predicted    (n,) codes in [0, classes), in binary 1 is the positive class; values in regression
    score       binary (n,), multiclass (n, classes), None where there is none
    probability True where the score is a probability
    weight      (n,) >= 0 or None;  cluster: (n,) integer codes or None
    names       names of the classes, for notes
    aim         share of outcomes that the predictions are to lie at or above, of a model of a quantile (regression); else None
    """

    task: str
    y: np.ndarray
    predicted: np.ndarray
    score: np.ndarray | None = None
    probability: bool = False
    weight: Floats | None = None
    cluster: np.ndarray | None = None
    classes: int = 2
    names: tuple[str, ...] = ()
    aim: float | None = None
    _kept: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    def keep(self, key: Any, make: Callable[[], Any]) -> Any:
        """Give what was made under this key, making it the first time."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def cut(self, places: np.ndarray) -> Rows:
        """Give some of the rows, by their places."""
        parts: dict[str, Any] = {
            name: None if values is None else values[places]
            for name, values in (("score", self.score), ("weight", self.weight), ("cluster", self.cluster))
        }
        return replace(self, y=self.y[places], predicted=self.predicted[places], **parts)

    @property
    def score_kind(self) -> str | None:
        """``"probability"``, ``"decision"`` or None, as of an Evaluation."""
        return None if self.score is None else "probability" if self.probability else "decision"

    @property
    def cell(self) -> np.ndarray:
        """Place of each row in the flattened confusion matrix, (n,)."""
        return self.keep("cell", lambda: self.y * self.classes + self.predicted)

    def sorted_scores(self, label: int = 1) -> SortedScores:
        """Give the rows sorted by the score of one class."""
        score = self.score if self.task == "binary" else self.score[:, label]  # type: ignore[index]
        return self.keep(("sort", label), lambda: sort_scores(np.asarray(score), self.y == label, self.weight))


def against_rest(rows: Rows, code: int) -> Rows:
    """Give the rows as binary: one class, by its code, against all others."""
    if rows.task == "binary" and code == 1:
        return rows
    score = rows.score
    if score is not None and rows.task == "binary":
        score = 1 - score if rows.probability else -score
    elif score is not None:
        score = score[:, code]
    made = Rows(
        task="binary",
        y=(rows.y == code).astype(np.int64),
        predicted=(rows.predicted == code).astype(np.int64),
        score=score,
        probability=rows.probability,
        weight=rows.weight,
        cluster=rows.cluster,
        names=("other", rows.names[code]) if rows.names else (),
    )
    if score is not None and rows.task == "multiclass":
        made.keep(("sort", 1), lambda: rows.sorted_scores(code))
    return made


def class_of(ev: Evaluation, class_: Any) -> int:
    """Give the code of a class in ``rows_of(ev)``, by its label or its text.

    Raises
    ------
    InputError
        Not a class of the target.
    """
    if ev.task == "regression":
        raise InputError("Expected no class, because the target is a number.", f"Got {class_!r}.", "Leave it out.")
    labels = list(ev.classes)
    found = [i for i, c in enumerate(labels) if c == class_] or [
        i for i, c in enumerate(labels) if str(c) == str(class_)
    ]
    if not found:
        raise unknown_name("class", str(class_), [str(c) for c in labels])
    return int(found[0] == ev.positive_index) if ev.task == "binary" else found[0]


def rows_of(ev: Evaluation, class_: Any = None) -> Rows:
    """Give the rows of an Evaluation; in binary the positive class gets code 1; with ``class_`` that class against the rest."""
    if class_ not in (None, ""):
        return against_rest(rows_of(ev), class_of(ev, class_))
    y, predicted = ev.y, ev.predicted
    names = tuple(str(c) for c in ev.classes)
    if ev.task == "binary":
        y, predicted = (y == ev.positive_index).astype(np.int64), (predicted == ev.positive_index).astype(np.int64)
        names = (*(str(c) for i, c in enumerate(ev.classes) if i != ev.positive_index), str(ev.positive))
    return Rows(
        task=ev.task,
        y=y,
        predicted=predicted,
        score=ev.score,
        probability=ev.score_kind == "probability",
        weight=ev.weight,
        cluster=ev.cluster,
        classes=max(len(ev.classes), 2),
        names=names,
        aim=ev.aim,
    )


@dataclass(frozen=True, eq=False)
class Groups:
    """Rows cut into ``count`` groups by ``codes`` (n,) in [0, count)."""

    rows: Rows
    codes: np.ndarray
    count: int

    @cached_property
    def n(self) -> NDArray[np.int64]:
        """Rows of each group, (g,)."""
        return np.bincount(self.codes, minlength=self.count)

    @cached_property
    def w(self) -> Floats:
        """Weight of each group, (g,)."""
        return self.n.astype(float) if self.rows.weight is None else self.sum(self.rows.weight)

    def sum(self, values: Floats) -> Floats:
        """Sum over the rows of each group."""
        return np.bincount(self.codes, weights=values, minlength=self.count)

    def weighted_sum(self, values: Floats) -> Floats:
        """Sum weight times value over the rows of each group."""
        return self.sum(values if self.rows.weight is None else self.rows.weight * values)

    @cached_property
    def promised(self) -> Floats:
        """Sum of the scores over the rows of each group (of two classes), (g,): with probabilities, the positives that they promise."""
        return self.sum(np.asarray(self.rows.score, float))

    def _table(self, power: int) -> np.ndarray:
        k = self.rows.classes
        key = self.codes * (k * k) + self.rows.cell
        weights = None if power == 0 or self.rows.weight is None else self.rows.weight**power
        return np.bincount(key, weights=weights, minlength=self.count * k * k).reshape(self.count, k, k)

    @cached_property
    def table(self) -> np.ndarray:
        """Rows by outcome and decision, (g, k, k)."""
        return self._table(0)

    @cached_property
    def table_w(self) -> np.ndarray:
        """Weight by outcome and decision, (g, k, k)."""
        return self.table.astype(float) if self.rows.weight is None else self._table(1)

    @cached_property
    def table_w2(self) -> np.ndarray:
        """Squared weights by outcome and decision, (g, k, k)."""
        return self.table.astype(float) if self.rows.weight is None else self._table(2)

    def runs(self, label: int = 1, weight: Floats | None = None) -> Runs:
        """Runs of equal score by group, of one class's score; kept, unless other weights (n,) than the rows' own are given."""
        if weight is not None or (self.rows.classes > 2 and self.rows.classes * len(self.codes) > MOST_RUNS_KEPT):
            return runs_by_group(self.rows.sorted_scores(label), self.codes, self.count, weight)
        kept: dict[int, Runs] = self.__dict__.setdefault("_runs", {})
        if label not in kept:
            kept[label] = runs_by_group(self.rows.sorted_scores(label), self.codes, self.count)
        return kept[label]

    def auc(self) -> ByGroup:
        """ROC AUC by group of rows of two classes that weigh the same, with the sums that DeLong's variance is made of."""
        scores = self.rows.sorted_scores(1)
        if scores.distinct and "_runs" not in self.__dict__:
            return auc_of_distinct(scores, self.codes, self.count)
        return auc_by_group(self.runs(1))

    # units: rows, or clusters within groups --------------------------------------------------------------------

    @cached_property
    def _units(self) -> tuple[np.ndarray, np.ndarray]:
        cluster = self.rows.cluster
        key = self.codes.astype(np.int64) * (int(cluster.max(initial=0)) + 1) + cluster  # type: ignore[union-attr]
        found, unit = np.unique(key, return_inverse=True)
        group = np.zeros(len(found), np.int64)
        group[unit] = self.codes
        return unit, group

    @property
    def clustered(self) -> bool:
        """Whether rows of one cluster are not independent."""
        return self.rows.cluster is not None

    @cached_property
    def units(self) -> NDArray[np.int64]:
        """Independent units of each group, (g,): rows, or clusters."""
        return np.bincount(self._units[1], minlength=self.count) if self.clustered else self.n

    @property
    def df(self) -> Floats | None:
        """Degrees of freedom of a clustered variance (clusters less one); None for independent rows."""
        return self.units - 1.0 if self.clustered else None

    def unit_moments(self, values: Floats, powers: tuple[int, ...] = (2,)) -> list[Floats]:
        """Sum values within units, then powers of these over the units of each group."""
        if not self.clustered:
            return [self.sum(values**p) for p in powers]
        unit, group = self._units
        summed = np.bincount(unit, weights=values, minlength=len(group))
        return [np.bincount(group, weights=summed**p, minlength=self.count) for p in powers]

    def cell_variance(self, gradient: np.ndarray) -> Floats:
        """Give the variance of a function of the confusion table from its gradient (g, k, k) by weight in each cell."""
        if not self.clustered:
            return np.einsum("gij,gij->g", self.table_w2, gradient**2)
        k = self.rows.classes
        influence = gradient.reshape(-1)[self.codes * (k * k) + self.rows.cell]
        return (
            self.unit_moments(influence if self.rows.weight is None else influence * self.rows.weight)[0]
            * self._correction
        )

    @cached_property
    def _correction(self) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.units > 1, self.units / (self.units - 1.0), np.nan)

    def moments(self, influence: Floats, stratum: np.ndarray | None = None) -> Moments:
        """Give variance, skewness and degrees of freedom of an estimate from the influence of each row on it.

        Parameters
        ----------
        influence : array, shape (n,)
            Weight included; sums to 0 within a group (within each stratum of it).
        stratum : bool array, shape (n,), optional
            Two samples of a group, such as its positives and negatives, each centred by itself. Not used for clusters.

        Notes
        -----
        A unit with the share h of its sample's weight takes part in the mean it is compared with, so its squared influence is
        on average too small by 1 - 2h + sum of h^2, and is divided by that; degrees of freedom are Satterthwaite's
        for a sum of squares with weights w^2, (sum w^2)^2 / sum w^4 - 1; two samples are joined as by Welch.
        """
        if self.clustered:
            found = sample_moments(self._of_units(influence), self._unit_weight, self._units[1], self.count)
            # sizes of few clusters are estimates as well: one degree of freedom less holds the level
            return Moments(found.variance, found.third, _less(found.df), _less(found.tail_df))
        if stratum is None:
            return sample_moments(influence, self.rows.weight, self.codes, self.count)
        both = sample_moments(influence, self.rows.weight, 2 * self.codes + stratum, 2 * self.count)
        return join([_every_other(both, i) for i in (0, 1)])

    def covariances(self, first: Floats, second: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Give (variance, covariance, variance, degrees of freedom) of two estimates from the influences of each row on them.

        The degrees of freedom are those of the first variance, its tails counted (``tail_df``).
        """
        codes, weight = (self._units[1], self._unit_weight) if self.clustered else (self.codes, self.rows.weight)
        a, df = _freed(self._of_units(first), weight, codes, self.count)[:2]
        b = _freed(self._of_units(second), weight, codes, self.count)[0]
        size = largest(a)
        squares = (a / size) ** 2
        scaled, fourth, product, second_square = (
            np.bincount(codes, weights=v, minlength=self.count) for v in (squares, squares**2, a * b, b * b)
        )
        return scaled * size**2, product, second_square, tail_df(scaled, fourth, df)

    def _of_units(self, values: Floats) -> Floats:
        if not self.clustered:
            return values
        return np.bincount(self._units[0], weights=values, minlength=len(self._units[1]))

    @cached_property
    def _unit_weight(self) -> Floats:
        unit, group = self._units
        return np.bincount(unit, weights=self.rows.weight, minlength=len(group)).astype(float)


@dataclass(frozen=True, eq=False, slots=True)
class Moments:
    """Of an estimate of each group, (g,): variance, third central moment, degrees of freedom of the variance; and those left
    when long tails of the influences are counted (None: not known).
    """

    variance: Floats
    third: Floats
    df: Floats
    tail_df: Floats | None = None

    @property
    def skewness(self) -> Floats:
        """Third moment over variance to 3/2; 0 where the variance is 0."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return np.where(self.variance > 0, self.third / self.variance**1.5, 0.0)


def _less(df: Floats | None) -> Any:
    return None if df is None else np.maximum(df - 1, np.minimum(df, 1.0))


def _every_other(both: Moments, start: int) -> Moments:
    tails = None if both.tail_df is None else both.tail_df[start::2]
    return Moments(both.variance[start::2], both.third[start::2], both.df[start::2], tails)


def sample_moments(influence: Floats, weight: Floats | None, codes: np.ndarray, count: int) -> Moments:
    """Give the moments of one sample a group, corrected for its units' own part in the centre (see ``Groups.moments``)."""

    def total(values: Floats | None) -> Floats:
        return np.bincount(codes, weights=values, minlength=count).astype(float)

    size = largest(influence)  # fourth powers of squared errors are no numbers far sooner than the errors
    influence = influence / size
    if weight is None:
        second = influence * influence
        found = plain_moments(total(second), total(second * influence), total(None), total(second * second))
    else:
        freed, df, kish = _freed(influence, weight, codes, count)
        second = freed * freed
        variance = np.where(kish > 1 + 1e-9, total(second), np.nan)
        tails = tail_df(total(second), total(second * second), df)
        found = Moments(variance, total(second * freed) * _unbiased(kish), df, tails)
    with np.errstate(over="ignore", invalid="ignore"):
        return Moments(found.variance * size**2, found.third * size**3, found.df, found.tail_df)


def largest(values: Floats) -> np.float64:
    """Give the largest size among finite values, down to a power of two, which changes no digit; 1 where all are 0."""
    most = np.abs(finite(values)).max(initial=0.0)
    return np.float64(np.ldexp(1.0, np.frexp(most)[1] - 1)) if most > 0 else np.float64(1.0)


def tail_df(second: Floats, fourth: Floats, df: Floats) -> Floats:
    """Degrees of freedom of a sum of squared influences whose sample has long tails, (g,), between 1 and ``df``.

    Satterthwaite's (1946, Biometrics Bulletin 2, 110-114) 2 V^2 / Var(V), with the variance of V = ``second`` estimated from the
    ``fourth`` powers: 2n/(kurtosis - 1) where rows weigh the same. Normal values have n of them.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        spread = fourth - second**2 / (df + 1)
        found = np.where(spread > 0, 2 * second**2 / spread, np.inf)
    return np.fmin(np.maximum(found, 1.0), df)


def _freed(influence: Floats, weight: Floats | None, codes: np.ndarray, count: int) -> tuple[Floats, Floats, Floats]:
    """Give influences corrected for the units' own part in the centre, degrees of freedom and Kish's n of each group."""
    weight = np.ones(len(influence)) if weight is None else weight
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        whole, square, fourth = (np.bincount(codes, weights=weight**p, minlength=count) for p in (1, 2, 4))
        kish = whole**2 / square
        share = weight / whole[codes]
        return (
            finite(influence / np.sqrt(np.maximum(1 - 2 * share + 1 / kish[codes], 1e-12))),
            square**2 / fourth - 1,
            kish,
        )


def plain_moments(second: Floats, third: Floats, n: Floats, fourth: Floats | None = None) -> Moments:
    """Give the moments of samples of ``n`` equal units from the sums of powers of the influences."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        inflate = np.where(n > 1, n / (n - 1.0), np.nan)
        tails = None if fourth is None else tail_df(second, fourth, n - 1.0)
        return Moments(second * inflate, third * inflate**1.5 * _unbiased(n), n - 1.0, tails)


def _unbiased(n: Floats) -> Floats:
    """Factor from sample skewness to the usual less biased one; 0 for fewer than three units."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(n > 2.5, np.sqrt(n * (n - 1.0)) / (n - 2.0), 0.0)


def join(parts: list[Moments]) -> Moments:
    """Join independent samples of an estimate: sums of moments, Welch's degrees of freedom."""
    variance = np.sum([p.variance for p in parts], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = variance**2 / np.sum([p.variance**2 / p.df for p in parts], axis=0)
        tails = [p.tail_df for p in parts if p.tail_df is not None]
        tail = variance**2 / np.sum([p.variance**2 / t for p, t in zip(parts, tails)], axis=0) if tails else None
    smallest = np.min([p.df for p in parts], axis=0)
    df = np.where(np.isfinite(df), df, smallest)
    return Moments(variance, np.sum([p.third for p in parts], axis=0), df, None if tail is None else np.fmin(tail, df))
