"""How far do small errors in the inputs move the model? Noise on numbers, swaps of categories, at rising strength."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.changed_answers import inside
from modelglass.analysis.constraints import constraints as found_constraints
from modelglass.analysis.curves import chosen_class
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.known_features import known_features
from modelglass.analysis.paired import default_metric
from modelglass.analysis.performance import check_level, in_sentence, label_of, shown
from modelglass.analysis.possible import Space
from modelglass.analysis.probing import NUMBERS, ProbedResult, Prober, refused_frame, refused_text
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.recipes import Recipe, of_noise
from modelglass.analysis.refusals import Refused
from modelglass.analysis.wording import signed

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

LEVELS = (0.05, 0.1, 0.2, 0.5, 1.0)
ALL = "(all columns)"
ROWS = 5_000
DAY_NS = 86_400e9
UNMOVED = "the constraints let no column change, or it is too weak for their steps"
"""Why noise on all columns changes no row."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class NoiseRobustness(ProbedResult):
    """Change of a metric, and of decisions, under noise of rising strength.

    changes   feature ("(all columns)" or a column), level (strength), metric, estimate (metric with noise minus without), low, high
              (paired interval over rows or clusters), n, changed (share of decisions that change; NaN in regression), changed_low, changed_high
              (its interval), moved (mean absolute change of the score, or of the prediction), moved_low, moved_high, rows_changed (rows
              that the noise changed), size (standard deviation of the noise in the column's unit, days for dates; NaN for levels and for all columns),
              note (why none changed, or what the model raised)
    """

    changes: pd.DataFrame

    def frame(self) -> pd.DataFrame:
        """Give feature, level, metric, estimate, low, high, n, changed, changed_low, changed_high, moved, moved_low, moved_high, rows_changed, size, note."""
        return self.changes

    def sentence(self) -> str:
        """Say what noise on all columns does, and which column is most sensitive."""
        if not self.changes.rows_changed.any():
            return f"Noise changes none of {rows_text(self.source.rows)}: {UNMOVED}."
        at, single = self._usual()
        decisions = "" if np.isnan(at.changed) else f" and {at.changed:.1%} of decisions change"
        most = ""
        if single.moved.notna().any():
            worst = single.loc[single.moved.idxmax()]
            most = f" The most sensitive column is {worst.feature} ({in_sentence(self.label)} {signed(worst.estimate)} when it alone is noisy)."
        if np.isnan(at.estimate):
            return f"Cannot say what noise on all columns does.{refused_text(self.refused)}{most}"
        interval = (
            "no interval: too few rows"
            if np.isnan(at.low)
            else f"{100 * self.settings['level']:.4g} % interval {signed(at.low)} to {signed(at.high)}"
        )
        return (
            f"With noise of {at.level:g} spreads on every column, {in_sentence(self.label)} goes from {shown(self.before)} to "
            f"{shown(self.before + at.estimate)} (change {signed(at.estimate)}, {interval}){decisions}; {rows_text(int(at.n))}.{most}"
            f"{refused_text(self.refused)}"
        )

    def recipe(self) -> Recipe | None:
        """Give training rows with noise on the columns that it moves the model most through; None where it surely changes nothing."""
        return of_noise(*self._usual(), self.settings, self.source.task)

    def _usual(self) -> tuple[pd.Series, pd.DataFrame]:
        """Give what is told at the strength nearest to 0.1: noise on all columns, and on each alone."""
        whole = self.changes.feature == ALL
        at = self.changes[whole].iloc[(self.changes[whole].level - 0.1).abs().argmin()]
        return at, self.changes[~whole & (self.changes.level == at.level)]


def noise_robustness(
    ev: Evaluation,
    *,
    levels: Sequence[float] = LEVELS,
    features: Any = None,
    constraints: Any = None,
    rows: int | None = ROWS,
    metric: Any = None,
    class_: Any = None,
    level: float = 0.95,
    seed: int | None = None,
    progress: Progress | None = None,
) -> NoiseRobustness:
    """Add noise to the inputs and see what changes.

    Numbers and dates get normal noise of ``level`` times their spread (interquartile range / 1.349 of the whole data). Where one value, such
    as 0, fills at least half of a column, it stays and the others move by their own spread. Categories and booleans are redrawn by
    frequency with probability ``level`` (at most 1), texts too. Every row asked about is a possible one: values are moved to the nearest
    possible ones (range, step, codes such as -999 stay), derived columns follow, the last column of a sum takes up what the others added, and
    columns that would break an order or a sum stay as they are in that row. Missing stays missing. All strengths use the same random numbers, so curves are comparable.

    Parameters
    ----------
    levels : sequence of float
        Strengths, > 0.
    features : name or sequence of names, optional
        Columns made noisy one by one; all that the model reads without it. All columns at once are always shown.
    constraints : Constraints, path of a YAML file, its text, or mapping, optional
        See ``modelglass.analysis.constraints``; without it what the data show.
    rows : int or None
        Rows used, a stratified sample; None: all.
    metric : name or function, optional
        Without it ROC AUC (binary), log loss (several classes), accuracy where there are no scores, RMSE in regression.
    class_ : label of a class, optional
        Measure this class against the rest, as if there were only the two.

    Raises
    ------
    NotApplicable
        Without a model.
    InputError
        Strengths that are none, unknown columns, contradictory constraints.
    """
    if ev.model is None:
        raise NotApplicable("there is no model here, only predictions, and noise asks the model about changed rows")
    strengths = _strengths(levels)
    level, seed = check_level(level), ev.seed_or(seed)
    record = default_metric(ev, metric, class_)
    names = known_features(ev, features)
    rules = found_constraints(ev, given=constraints)
    chosen, called = inside(ev.sample(rows), rules)
    prober = Prober(chosen, record, class_, level, seed)
    records, refused = _records(prober, Space(rules, prober.inputs), names, strengths, progress)
    return NoiseRobustness(
        changes=pd.DataFrame(records, columns=["feature", "level", *NUMBERS, "size", "note"]),
        refused=refused_frame(refused),
        asked=prober.asked,
        metric=record.name,
        label=label_of(record, ev.task, chosen_class(class_)),
        before=prober.before,
        greater_is_better=record.greater_is_better,
        source=chosen.source,
        settings={
            "levels": strengths,
            "features": names,
            "constraints": called,
            "rows": chosen.n,
            "metric": record.name,
            "class_": chosen_class(class_),
            "level": level,
            "seed": seed,
        },
    )


def _strengths(levels: Sequence[float]) -> list[float]:
    strengths = [float(v) for v in (levels if isinstance(levels, (Sequence, np.ndarray)) else [levels])]
    if not strengths or not all(np.isfinite(v) and v > 0 for v in strengths):
        raise InputError("Expected strengths of noise above 0, such as 0.1 and 0.5.", f"Got {list(levels)}.")
    return sorted(set(strengths))


def _records(
    prober: Prober, space: Space, names: list[str], strengths: list[float], progress: Progress | None
) -> tuple[list[tuple[Any, ...]], list[tuple[str, str, Refused]]]:
    ev = prober.ev
    noises = {name: Noise(ev, name, prober.seed) for name in ev.features}
    steps = [(feature, s) for feature in (ALL, *names) for s in strengths]
    records, refused = [], []
    for i, (feature, strength) in enumerate(steps):
        touched = ev.features if feature == ALL else (feature,)
        columns, moved = noisy(space, {n: noises[n].on(prober.inputs[n], strength) for n in touched})
        what = f"noise on {'all columns' if feature == ALL else feature}"
        found = prober.ask(columns, moved, progress, (i / len(steps), (i + 1) / len(steps), what))
        note = "" if moved.any() or feature == ALL else still(space, feature)
        if found.refused is not None:
            refused.append((f"noise of {strength:g} spreads", feature, found.refused))
            note = found.refused.error
        size = np.nan if feature == ALL else strength * noises[feature].size
        records.append((feature, strength, *found.numbers, size, note))
    tell(progress, 1.0, "done")
    return records, refused


def noisy(space: Space, wanted: Mapping[str, pd.Series]) -> tuple[dict[str, pd.Series], np.ndarray]:
    """Move wanted columns to possible rows: (the raw columns that differ, which rows differ (n,))."""
    X = space.X.copy()
    columns, moved = {}, np.zeros(len(X), dtype=bool)
    for name, column in wanted.items():
        if (
            space.rules.columns[name].kind == "fixed"
        ):  # texts: no rule judges them, and another row's text is a possible one
            was = space.frame[name]
            other = (column.astype(object) != was.astype(object)).to_numpy() & was.notna().to_numpy()
            if other.any():
                columns[name], moved = column, moved | other
        else:
            X[:, space.place(name)] = space.code_column(name, column)
    X = _possible(space, wanted, X)
    made = space.moved_columns(X)
    moved |= ((X != space.X) & ~np.isnan(X)).any(axis=1)
    return {**columns, **made}, moved


def _possible(space: Space, wanted: Mapping[str, pd.Series], X: np.ndarray) -> np.ndarray:
    """Move wanted rows to possible ones: the last column of a sum takes up what the others added, and what would break an order or a sum stays."""
    places, loose = np.arange(len(X)), [t for t in space.rules.together if t.kind in ("sum", "order")]
    for link in loose:
        if link.kind == "sum" and all(c in wanted for c in link.columns):
            last = space.place(link.columns[-1])
            X[:, last] = space.X[:, last]
    _keep_apart(space, X)
    wished, X = X, space.project(places, X)
    bad = np.flatnonzero(~space.possible(places, X))
    # else all columns that belong to others stay, and only where even that is no possible row the whole of it
    for links in (loose, space.rules.together):
        if len(bad) and links:
            tied = np.array([space.place(c) for t in links for c in t.columns])
            wished[np.ix_(bad, tied)] = space.X[np.ix_(bad, tied)]
            X[bad] = space.project(bad, wished[bad])
            bad = bad[~space.possible(bad, X[bad])]
    X[bad] = space.X[bad]
    return X


def _keep_apart(space: Space, X: np.ndarray) -> None:
    """Let levels stay that would come to stand beside others which they never stand beside."""
    places, again = np.arange(len(X)), True
    while again:  # each time more cells stay
        again = False
        for link in space.apart:
            bad = np.flatnonzero(space.clash(link, places, X))
            at = np.ix_(bad, np.array([space.place(c) for c in link.columns]))
            X[at] = space.X[at]
            again |= len(bad) > 0


def still(space: Space, name: str) -> str:
    """Say why noise on one column alone changes no row."""
    for link in space.rules.together:
        if link.kind == "derived" and link.columns[-1] == name:
            return f"it moves only with what it follows from ({link.text()})"
        if link.kind == "sum" and name in link.columns:
            return f"no other column takes up its change ({link.text()})"
    if not space.rules.columns[name].free:
        return f"it stays as it is: {space.rules.columns[name].how or 'it has one value'}"
    return "too weak to reach another possible value"


class Noise:
    """Noise for one column: its spread and range in the whole data, and the random numbers that all strengths share."""

    def __init__(self, ev: Evaluation, name: str, seed: int):
        known = ev.whole.inputs()[name].dropna()
        self.dates = pd.api.types.is_datetime64_any_dtype(known.dtype)
        self.ordered = ev.columns[name].kind in ("numeric", "datetime") and (
            self.dates or (pd.api.types.is_numeric_dtype(known.dtype) and not pd.api.types.is_bool_dtype(known.dtype))
        )
        if self.ordered and len(known):
            values = _numbers(known)
            self.spread, self.fixed = _spread(values)
            self.low, self.high = values.min(), values.max()
        self._known, self._n, self._place = known, ev.n, list(ev.features).index(name)
        self.draw(seed)

    @property
    def size(self) -> float:
        """Standard deviation of noise of strength 1, in the column's unit (days for dates); NaN for levels."""
        return (self.spread / DAY_NS if self.dates else self.spread) if self.ordered and len(self._known) else np.nan

    def draw(self, seed: int) -> None:
        """Draw the random numbers (anew)."""
        rng = np.random.default_rng((seed, 20_007, self._place))
        if self.ordered and len(self._known):
            self.draws = rng.normal(size=self._n)
        elif len(self._known):
            self.draws = rng.random(self._n)
            self.donors = self._known.iloc[rng.integers(0, len(self._known), self._n)]

    def on(self, column: pd.Series, strength: float) -> pd.Series:
        """Give the column with noise, of the same dtype; missing stays missing."""
        there = column.notna().to_numpy()
        if not there.any():
            return column
        if not self.ordered:
            swapped = there & (self.draws < strength)
            return column.where(~swapped, self.donors.set_axis(column.index)).astype(column.dtype)
        before = _numbers(column[there])
        values = np.clip(before + strength * self.spread * self.draws[there], self.low, self.high)
        if self.fixed is not None:
            values = np.where(before == self.fixed, before, values)
        made = column.copy()
        if self.dates:
            made[there] = pd.to_datetime(values.astype("int64")).astype(column.dtype)
        elif pd.api.types.is_integer_dtype(column.dtype):
            made[there] = np.rint(values).astype("int64")
        else:
            made[there] = values.astype(getattr(column.dtype, "numpy_dtype", column.dtype))
        return made.astype(column.dtype)


def _spread(values: np.ndarray) -> tuple[float, float | None]:
    """Give the spread of a column; where one value fills half of it, that of the others, and the value that stays."""
    found, count = np.unique(values, return_counts=True)
    usual = float(found[count.argmax()]) if 2 * count.max() >= len(values) else None
    others = values if usual is None else values[values != usual]
    if not len(others):
        return 0.0, usual
    width = float(np.subtract(*np.quantile(others, [0.75, 0.25])))
    return (width / 1.349 or float(others.std())), usual


def _numbers(column: pd.Series) -> np.ndarray:
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column.to_numpy(dtype="datetime64[ns]").astype("int64").astype("float64")
    return column.to_numpy(dtype="float64")
