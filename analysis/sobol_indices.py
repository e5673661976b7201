"""If columns varied independently, how much of the answer's variance would each explain, alone and with others?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from modelglass.analysis import intervals
from modelglass.analysis.asked_class import answers, whose
from modelglass.analysis.constraints import constraints
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.known_features import known_features
from modelglass.analysis.performance import check_level
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

POINTS, PARTS = 2_048, 16
ASKED_AT_ONCE = 512
FEWEST = 256
FIRST, TOTAL = "alone", "with interactions"
MOST_ALIKE = 500


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class SobolIndices(Result):
    """Shares of the variance of the answer, inputs drawn independently of one another.

    indices     feature, order ("alone": first order; "with interactions": total), estimate (share of the variance; sampling may put it a little
                below 0 or above 1), low, high (interval over 16 independent samples), n (points). Largest total first
    variance    of the answer under independent inputs; answer: what it is, in words
    impossible  share of the rows asked that break a constraint of the data (independent columns make such rows)
    asked       rows that the model was asked about; all_columns: whether every column has shares of its own
    """

    indices: pd.DataFrame
    variance: float
    answer: str
    impossible: float
    asked: int
    all_columns: bool
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give feature, order, estimate, low, high, n."""
        return self.indices

    def sentence(self) -> str:
        """Say what the first column explains, and how much is interaction."""
        total = self.indices[self.indices.order == TOTAL]
        first = self.indices[self.indices.order == FIRST].set_index("feature")
        top = total.iloc[0]
        alone = first.loc[top.feature]
        rest = 1 - float(first.estimate.sum())
        text = (
            f"If columns varied independently, {top.feature} alone would explain {alone.estimate:.0%} ({alone.low:.0%} to {alone.high:.0%}) of the "
            f"variance of {self.answer}, and {top.estimate:.0%} ({top.low:.0%} to {top.high:.0%}) with its interactions; {int(top.n):,} points."
        )
        if top.estimate < alone.estimate:
            text += " The second is never less than the first, so that they differ by chance alone: more points bring them together."
        # the halves of all intervals together bound the error of the sum, however the estimates hang together
        if self.all_columns and rest > max(0.02, float((first.high - first.estimate).sum())):
            text += f" About {rest:.0%} of the variance comes from columns acting together."
        if self.impossible > 0:
            text += f" {self.impossible:.0%} of the rows asked could not be real, because columns are not independent in the data."
        return text


def sobol_indices(
    ev: Evaluation,
    *,
    features: Any = None,
    points: int = POINTS,
    class_: Any = None,
    level: float = 0.95,
    seed: int | None = None,
    progress: Progress | None = None,
) -> SobolIndices:
    """Share out the variance of the answer among the columns, alone (first order) and with all their interactions (total).

    Every column is drawn from its own values in the data, independently of the others: the rows need not be possible ones, and where columns
    go together the shares are not those of the data. Columns not asked for are drawn too, as one.

    Parameters
    ----------
    features : name or sequence of names, optional
        Columns with shares of their own; all that the model reads without it.
    points : int
        Points of the base sample, cut to 16 times a power of two, at least 256; the model is asked about (columns + 2) times as many rows.
    class_ : label of a class, optional
        Whose score is looked at; without it the positive one, of several the one predicted most often.

    Raises
    ------
    NotApplicable
        Without a model, or where the answer never changes.
    InputError
        Unknown columns, too few points, a model that raises an error on such rows.

    Notes
    -----
    Estimators: Saltelli et al. (2010, Computer Physics Communications 181, 259-270) for the first order, Jansen (1999) for the total, on
    scrambled Sobol points (Owen 1998). The interval is Student's t over 16 independent scramblings, of the ratio of numerator and variance.
    """
    if ev.model is None:
        raise NotApplicable("there is no model here, only predictions, and the model is asked about rows drawn anew")
    level, seed = check_level(level), ev.seed_or(seed)
    if isinstance(points, bool) or not isinstance(points, (int, np.integer)) or points < FEWEST:
        raise InputError(f"Expected a whole number of points, at least {FEWEST}.", f"Got {points!r}.")
    names = known_features(ev, features)
    code, words = whose(ev, class_)
    each = 2 ** int(np.log2(points / PARTS))
    draw = Drawn(ev)
    f_a, f_b, f_ab = _asked(ev, draw, names, each, code, seed, progress)
    found, variance = measured(f_a, f_b, f_ab, level=level)
    if not variance > 0:
        raise NotApplicable(f"{words} never changes, whatever the columns hold")
    rows = draw.rows(np.random.default_rng((seed, 20_029)).random((MOST_ALIKE, len(ev.features))))
    broken = constraints(ev).violations(rows).place.nunique() / MOST_ALIKE
    return SobolIndices(
        indices=_table(names, found, each * PARTS),
        variance=variance,
        answer=words,
        impossible=float(broken),
        asked=each * PARTS * (len(names) + 2),
        all_columns=len(names) == len(ev.features),
        source=ev.source,
        settings={"features": names, "points": each * PARTS, "class_": class_ or None, "level": level, "seed": seed},
    )


class Drawn:
    """Draws rows whose columns are independent, each from its own values in the whole data (weights counted)."""

    def __init__(self, ev: Evaluation):
        self.frame = ev.whole.inputs()
        weight = np.ones(len(self.frame)) if ev.whole.weight is None else ev.whole.weight
        self.orders, self.upto = {}, {}
        for name in self.frame.columns:
            order = _sorted(self.frame[name])
            self.orders[name], self.upto[name] = order, np.cumsum(weight[order]) / weight.sum()

    def rows(self, u: np.ndarray) -> pd.DataFrame:
        """Give rows for points in [0, 1), shape (m, p): each column's value at that share of its sorted values."""
        made = {}
        for j, name in enumerate(self.frame.columns):
            at = np.minimum(np.searchsorted(self.upto[name], u[:, j], side="right"), len(self.frame) - 1)
            made[name] = self.frame[name].take(self.orders[name][at]).reset_index(drop=True)
        return pd.DataFrame(made)


def _sorted(column: pd.Series) -> np.ndarray:
    """Give the order of the values, missing last; texts and levels by their text."""
    number = pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_datetime64_any_dtype(column.dtype)
    key = column if number else column.astype(object).map(str, na_action="ignore")
    return key.reset_index(drop=True).sort_values(kind="stable", na_position="last").index.to_numpy()


def _asked(
    ev: Evaluation, draw: Drawn, names: list[str], each: int, code: int | None, seed: int, progress: Progress | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ask about all points: answers of A and B (PARTS, each) and of A with each column from B (columns, PARTS, each)."""
    from scipy.stats import qmc

    p = len(ev.features)
    f_a, f_b = np.empty((PARTS, each)), np.empty((PARTS, each))
    f_ab = np.empty((len(names), PARTS, each))
    for r in range(PARTS):
        u = qmc.Sobol(2 * p, scramble=True, rng=np.random.default_rng((seed, 20_027, r))).random(each)
        a, b = draw.rows(u[:, :p]), draw.rows(u[:, p:])
        f_a[r], f_b[r] = answers(ev, a, code), answers(ev, b, code)
        together = max(1, ASKED_AT_ONCE // each)
        for start in range(0, len(names), together):
            tell(progress, (r + (start + 1) / (len(names) + 1)) / PARTS, f"sample {r + 1} of {PARTS}")
            some = names[start : start + together]
            moved = pd.concat([a.assign(**{name: b[name]}) for name in some], ignore_index=True)
            f_ab[start : start + together, r] = answers(ev, moved, code).reshape(len(some), each)
    return f_a, f_b, f_ab


def measured(f_a: ArrayLike, f_b: ArrayLike, f_ab: ArrayLike, *, level: float = 0.95) -> tuple[np.ndarray, float]:
    """Estimate both indices from answers.

    Parameters
    ----------
    f_a, f_b : arrays, shape (parts, points)
        Answers at two independent samples, in independent parts.
    f_ab : array, shape (columns, parts, points)
        Answers at the first sample with one column from the second.

    Returns
    -------
    Array of shape (2, columns, 3): first order and total; estimate, low, high (NaN with one part). And the variance.
    """
    a, b, ab = (np.asarray(v, dtype=float) for v in (f_a, f_b, f_ab))
    middle = np.concatenate([a.ravel(), b.ravel(), ab.ravel()]).mean()
    a, b, ab = a - middle, b - middle, ab - middle
    both = np.stack([a, b])
    spread = ((both - both.mean()) ** 2).mean(axis=(0, 2))  # of each part
    variance, parts = float(spread.mean()), a.shape[0]
    if not variance > 0:
        return np.full((2, len(ab), 3), np.nan), 0.0
    tops = np.stack([(b * (ab - a)).mean(axis=2), ((a - ab) ** 2).mean(axis=2) / 2])  # (2, columns, parts)
    share = tops.mean(axis=2) / variance
    off = (tops - share[:, :, None] * spread) / variance
    with np.errstate(invalid="ignore", divide="ignore"):
        half = intervals.critical(level, parts - 1.0) * off.std(axis=2, ddof=min(1, parts - 1)) / np.sqrt(parts)
    half = half if parts > 1 else np.full_like(share, np.nan)
    return np.stack([share, share - half, share + half], axis=2), variance


def _table(names: list[str], found: np.ndarray, n: int) -> pd.DataFrame:
    order = np.argsort(-found[1, :, 0], kind="stable")
    records = [(names[i], what, *found[k, i], n) for i in order for k, what in ((0, FIRST), (1, TOTAL))]
    return pd.DataFrame(records, columns=["feature", "order", "estimate", "low", "high", "n"])


def of_function(function: Any, draws: Any, *, points: int = POINTS, level: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """Give the indices of a function of independent inputs: ``function`` takes (m, p); ``draws`` one inverse distribution for each input.

    >>> table = of_function(lambda x: 2 * x[:, 0] + x[:, 1], [lambda u: u, lambda u: u], points=2048)
    >>> table.estimate.round(1).tolist()
    [0.8, 0.8, 0.2, 0.2]
    """
    from scipy.stats import qmc

    p, each = len(draws), 2 ** int(np.log2(points / PARTS))
    f_a, f_b, f_ab = np.empty((PARTS, each)), np.empty((PARTS, each)), np.empty((p, PARTS, each))
    for r in range(PARTS):
        u = qmc.Sobol(2 * p, scramble=True, rng=np.random.default_rng((seed, 20_027, r))).random(each)
        a, b = (np.column_stack([d(u[:, s + j]) for j, d in enumerate(draws)]) for s in (0, p))
        f_a[r], f_b[r] = function(a), function(b)
        for j in range(p):
            mixed = a.copy()
            mixed[:, j] = b[:, j]
            f_ab[j, r] = function(mixed)
    found, _ = measured(f_a, f_b, f_ab, level=level)
    return _table([f"x{j}" for j in range(p)], found, each * PARTS)
