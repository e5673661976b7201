"""What may change in a row, how far and at what cost: so that every changed row that the model is asked about could be real."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.estimated import agree
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.recipes import AS_FOUND
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

DIRECTIONS = ("any", "up", "down")
FAR = 1e-6
"""Relative error within which a number counts as on its step, in its range, or equal to its sum."""
ROUNDED_32 = 1.2e-7
"""Relative error of decimals in numbers of 32 bits."""
DAY = 86_400.0
TOLD = 3
"""Pairs of levels that are named of those that never stand together, and pairs of columns that are told in a sentence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnRule:
    """What may change in one column.

    kind        "number" (dates are numbers: seconds since 1970), "levels", or "fixed" (texts, ids: never changed)
    immutable   it stays as it is; how: why, or where the rule comes from
    low, high   smallest and largest value; -inf, inf: no bound
    step, origin  values are origin + a whole number of steps; step 0: any value
    levels      allowed levels, as in the data
    direction   "any", "up" or "down"
    cost        of a change by one spread, or of another level; a change costs cost * |change| / spread
    spread      interquartile range / 1.349 (NaN for levels)
    codes       numbers far outside that stand for something else (-999): such a cell stays as it is
    dates       the numbers are seconds
    """

    name: str
    kind: str
    immutable: bool = False
    low: float = -np.inf
    high: float = np.inf
    step: float = 0.0
    origin: float = 0.0
    levels: tuple[Any, ...] = ()
    direction: str = "any"
    cost: float = 1.0
    spread: float = np.nan
    codes: tuple[float, ...] = ()
    dates: bool = False
    how: str = ""

    @property
    def unit(self) -> float:
        """What people are told spreads and steps in: days for dates, by the seconds of one."""
        return DAY if self.dates else 1.0

    @property
    def free(self) -> bool:
        """Whether anything but the value that stands there is allowed."""
        if self.kind == "fixed" or self.immutable:
            return False
        return len(self.levels) > 1 if self.kind == "levels" else self.high > self.low


@dataclass(frozen=True, kw_only=True, slots=True)
class Together:
    """Columns that belong together.

    kind        "sum" (they add up to ``value``), "order" (each at most the next), "apart" (some levels of the one never stand beside some of
                the other), or "derived": the last column follows from the others by ``by``: "table" (each value of the one gives one value), "line" (times ``value`` plus ``shift``), "sum", "difference",
                "product", "ratio"
    within      how far a derived number may be off (it may be rounded)
    table       for "table": value of the source -> value of the derived one; for "apart": level of the first column -> the levels of the
                other that never stand beside it
    """

    kind: str
    columns: tuple[str, ...]
    by: str = ""
    value: float = 0.0
    shift: float = 0.0
    within: float = 0.0
    table: Mapping[Any, Any] = field(default_factory=dict)
    how: str = ""

    def pairs(self) -> list[tuple[Any, Any]]:
        """Give the levels that never stand beside each other, of "apart"."""
        return [(a, b) for a, others in self.table.items() for b in others]

    def text(self) -> str:
        """Say it in words."""
        *others, last = self.columns
        if self.kind == "sum":
            return f"{' + '.join(self.columns)} = {self.value:g}"
        if self.kind == "order":
            return " <= ".join(self.columns)
        if self.kind == "apart":
            pairs = [f"{a} with {b}" for a, b in self.pairs()]
            more = f" and {len(pairs) - TOLD} more pairs" if len(pairs) > TOLD + 1 else ""
            return f"{' and '.join(self.columns)}: never {', '.join(pairs[:TOLD] if more else pairs)}{more}"
        if self.by == "table":
            return f"{last} follows from {others[0]}"
        if self.by == "line":
            return f"{last} = {self.value:.6g} x {others[0]} {self.shift:+.6g}"
        sign = {"sum": "+", "difference": "-", "product": "x", "ratio": "/"}[self.by]
        return f"{last} = {others[0]} {sign} {others[1]}"


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Constraints(Result):
    """What may change in a row: a rule for each column that the model reads, and columns that belong together.

    columns     name -> ColumnRule, in the model's order
    together    Together records; derived columns change only with those they follow from
    learnt      the rows that the rules were learnt from
    """

    columns: Mapping[str, ColumnRule]
    together: tuple[Together, ...]
    learnt: pd.DataFrame
    source: Source
    settings: Mapping[str, Any]

    @property
    def called(self) -> str:
        """What results call them among their settings: the name of the file given, or whose data show them."""
        return str(self.settings["given"] or AS_FOUND)

    def frame(self) -> pd.DataFrame:
        """Give column, may_change, low, high, step, direction, cost, spread, levels, why."""
        derived = {t.columns[-1]: t for t in self.together if t.kind == "derived"}
        rows = []
        for rule in self.columns.values():
            number = rule.kind == "number"
            with_others = [t.text() for t in self.together if rule.name in t.columns]
            rows.append(
                {
                    "column": rule.name,
                    "may_change": "with others" if rule.name in derived else "yes" if rule.free else "no",
                    "low": _shown(rule, rule.low) if number else "",
                    "high": _shown(rule, rule.high) if number else "",
                    "step": _step_text(rule) if number else "",
                    "direction": rule.direction,
                    "cost": rule.cost,
                    "spread": rule.spread / rule.unit,
                    "levels": ", ".join(map(str, rule.levels[:12]))
                    + (f" and {len(rule.levels) - 12} more" if len(rule.levels) > 12 else ""),
                    "why": "; ".join(filter(None, [rule.how, *with_others])),
                }
            )
        return pd.DataFrame(rows)

    def more(self) -> Mapping[str, Any]:
        """Give every rule as ``changed`` takes them: the table shortens long ones."""
        return {"rules": self.as_given()}

    def sentence(self) -> str:
        """Say how many columns may change."""
        table = self.frame()
        free, tied = (table.may_change == "yes").sum(), (table.may_change == "with others").sum()
        fixed = len(table) - free - tied
        said = f"Of {len(table)} {agree(len(table), 'column', 'columns')} that the model reads {free} may change"
        said += f", {tied} {agree(tied, 'follows', 'follow')} from others" if tied else ""
        said += f", {fixed} {agree(fixed, 'stays as it is', 'stay as they are')}" if fixed else ""
        tied, apart = (
            [t.text() for t in self.together if (t.kind == "apart") == is_apart] for is_apart in (False, True)
        )
        said += f". Belonging together: {'; '.join(tied)}." if tied else "."
        if apart:
            more = f"; and {len(apart) - TOLD} more pairs of columns" if len(apart) > TOLD + 1 else ""
            said += f" Levels that stay apart: {'; '.join(apart[:TOLD] if more else apart)}{more}."
        return f"{said} Ranges, steps and levels are those of {self.settings['learnt_from']}."

    def violations(self, frame: pd.DataFrame, before: pd.DataFrame | None = None) -> pd.DataFrame:
        """Say which rules changed rows break: the validator that every probe passes.

        Parameters
        ----------
        frame : DataFrame, shape (n, n_features)
            Changed rows, raw columns.
        before : DataFrame of the same shape, optional
            The rows they were; without it only what a single row can break is looked at.

        Returns
        -------
        DataFrame with place (0 to n - 1), column, rule (plain words); empty where every row is possible.
        """
        from modelglass.analysis.validating import violations

        return violations(self, frame, before)

    def changed(self, given: Any) -> Constraints:
        """Give the same with what a person changed: the ``Path`` of a YAML file, its text (str), or a mapping as it holds it.

        ::

            columns:
              age: {low: 18, high: 90, step: 1, direction: up}
              sex: {immutable: true}
              workclass: {levels: [Private, State-gov]}
              income: {cost: 2}
            together:
              - {sum: [rent, food, other], equals: 1}
              - {order: [smallest, largest]}
              - {derived: bmi, from: [weight, height]}
              - {apart: [relationship, sex], never: {Husband: [Female]}}
            inferred: true        # false: forget the columns that were found to belong together

        Raises
        ------
        InputError
            An unknown column, key or level; a value of the wrong kind; rules that contradict each other (it says which).
        """
        from modelglass.analysis.constraints_given import edited

        return edited(self, given)

    def as_given(self) -> dict[str, Any]:
        """Give what ``changed`` takes, for YAML: a person edits it and hands it back."""
        from modelglass.analysis.constraints_given import written

        return written(self)


def constraints(ev: Evaluation, *, given: Any = None, progress: Progress | None = None) -> Constraints:
    """Say what may change in a row, from the data: ranges, steps, levels, and columns that belong together on every row.

    Training data count too where they were given. Nothing in data says what a person cannot change (sex, age): say it in ``given``.

    Parameters
    ----------
    given : path of a YAML file, its text, a mapping, or Constraints, optional
        See ``Constraints.changed``. Constraints are handed back as they are; where they were made from other data, they say so.

    Raises
    ------
    NotApplicable
        Without a model: it is the model's columns that are changed.
    InputError
        See ``Constraints.changed``.
    """
    from modelglass.analysis.constraints_found import rules, together

    if ev.model is None:
        raise NotApplicable(
            "there is no model here, only predictions, and constraints are about the columns that a model reads"
        )
    if isinstance(given, Constraints):
        lost = [n for n in ev.features if n not in given.columns]
        if lost:
            raise InputError(
                "Expected constraints for every column that the model reads.",
                f"There are none for {lost[0]!r}.",
                "Make them with constraints(ev).",
            )
        return _of_others(given, ev)
    tell(progress, 0.0, "ranges, steps, levels, and what belongs together")
    found = ev.whole.keep(("constraints",), lambda: _found(ev, rules, together))
    return found.changed(given) if given not in (None, "") else found


def _of_others(given: Constraints, ev: Evaluation) -> Constraints:
    """Give constraints that were made from other data with that said: what they are called, and the rows that they were learnt from."""
    there, here = given.source, ev.whole.source
    if there.data_fingerprint == here.data_fingerprint:
        return given
    others = f"other data ({there.data or 'unnamed'})"
    learnt, called = f"{len(given.learnt):,} rows of {others}", given.settings["given"] or f"as {others} show"
    return replace(given, settings={**given.settings, "learnt_from": learnt, "given": called})


def _found(ev: Evaluation, rules: Any, together: Any) -> Constraints:
    known = ev.whole.inputs()
    learnt = f"{len(known):,} rows of the data"
    train = ev.train
    if train is not None and all(n in train.columns for n in ev.features):
        learnt += f" and {len(train):,} training rows"
        known = _below(known, train[list(ev.features)])
    columns = rules(known, ev.columns)
    return Constraints(
        columns=columns,
        together=tuple(together(known, columns, _one_of_each(ev, train, len(known)))),
        learnt=known,
        source=ev.whole.source,
        settings={"learnt_from": learnt, "given": ""},
    )


def _one_of_each(ev: Evaluation, train: pd.DataFrame | None, n: int) -> np.ndarray | None:
    """Mark one row of each cluster among the rows learnt from, (n,) bool, as rows of one person say little of others; None without clusters."""
    if ev.whole.cluster is None:
        return None
    name, parts = ev._all.cluster_name, [np.asarray(ev.whole.cluster, dtype=object)]
    if n > len(parts[0]) and train is not None and name in train.columns:
        parts.append(train[name].to_numpy(dtype=object))
    known = np.concatenate(parts)
    marked = np.zeros(n, dtype=bool)
    marked[: len(known)] = ~pd.Series(known).astype(str).duplicated().to_numpy()
    return marked


def _below(upper: pd.DataFrame, lower: pd.DataFrame) -> pd.DataFrame:
    """Put training rows below, each column with the type it has in the data; what cannot be read so is left out."""
    parts = {}
    for name in upper.columns:
        a, b = upper[name], lower[name]
        if isinstance(a.dtype, pd.CategoricalDtype) or isinstance(b.dtype, pd.CategoricalDtype):
            a, b = a.astype(object), b.astype(object)
        elif a.dtype != b.dtype:
            both = pd.api.types.is_numeric_dtype(a.dtype) and pd.api.types.is_numeric_dtype(b.dtype)
            dates = pd.api.types.is_datetime64_any_dtype(a.dtype) and pd.api.types.is_datetime64_any_dtype(b.dtype)
            if not (both or dates):
                b = pd.Series([None] * len(b), dtype=object) if a.dtype == object else b.iloc[:0]
        parts[name] = pd.concat([a, b], ignore_index=True)
    longest = max(map(len, parts.values()))
    return pd.DataFrame({n: c if len(c) == longest else c.reindex(range(longest)) for n, c in parts.items()})


def numbers(column: pd.Series) -> np.ndarray:
    """Give numbers, or dates as seconds since 1970; NaN is missing. float64, shape (n,)."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        naive = column.dt.tz_convert("UTC").dt.tz_localize(None) if getattr(column.dt, "tz", None) else column
        values = naive.to_numpy(dtype="datetime64[us]")
        return np.where(np.isnat(values), np.nan, values.astype("int64") / 1e6)
    return column.to_numpy(dtype="float64", na_value=np.nan)


def number_text(rule: ColumnRule, value: float) -> str:
    """Write a number of a column for people; dates as dates."""
    if rule.dates and np.isfinite(value):
        return pd.Timestamp(value, unit="s").isoformat(sep=" ").removesuffix(" 00:00:00")
    return f"{value:.0f}" if value == np.rint(value) and abs(value) < 1e15 else f"{value:.6g}"


def _shown(rule: ColumnRule, value: float) -> str:
    return number_text(rule, value) if np.isfinite(value) else ""


def _step_text(rule: ColumnRule) -> str:
    if not rule.step:
        return ""
    if rule.dates:
        return f"{rule.step / DAY:g} days" if rule.step >= DAY else f"{rule.step:g} s"
    return f"{rule.step:g}"
