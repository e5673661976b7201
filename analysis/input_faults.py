"""What do faults in the inputs do: wrong units, typing errors, rounding, swapped columns, a wrong clock? And what would a check catch?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.changed_answers import inside
from modelglass.analysis.constraints import Constraints
from modelglass.analysis.constraints import constraints as found_constraints
from modelglass.analysis.curves import chosen_class
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.faults import Fault, caught, clipped, faults_of
from modelglass.analysis.known_features import known_features
from modelglass.analysis.paired import default_metric
from modelglass.analysis.performance import check_level, label_of
from modelglass.analysis.possible import Space
from modelglass.analysis.probing import NUMBERS, ProbedResult, Prober, refused_frame, refused_text
from modelglass.analysis.probing import share as share_of
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.recipes import Recipe, of_faults
from modelglass.analysis.refusals import Refused

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

ROWS = 2_000
POSSIBLE = "rounding"
"""The only fault that leaves a possible row: values are rounded and moved to the nearest possible ones."""
EVIDENT = 0.9
MENDED = [
    "caught", "caught_low", "caught_high", "clipped", "clipped_low", "clipped_high", "changed_clipped", "changed_clipped_low",
    "changed_clipped_high",
]  # fmt: skip


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class InputFaults(ProbedResult):
    """Change of a metric, and of decisions, where every row has a fault.

    faults    fault ("rounding", "unit error", "typing error", "swapped columns", "shifted time"), feature, how, metric, estimate (metric with
              the fault minus without), low, high (paired interval over rows or clusters), n, changed (share of decisions that change; NaN in
              regression), changed_low, changed_high, moved (mean absolute change of the answer), moved_low, moved_high, rows_changed,
              caught (share of the changed rows that a check of ranges, steps and levels refuses), caught_low, caught_high, clipped (change of
              the metric where the faulty number is moved into the range of the data first), clipped_low, clipped_high, changed_clipped (share
              of decisions that change even so), changed_clipped_low, changed_clipped_high (NaN where that was not measured), remedy, note.
              Largest move first.
    """

    faults: pd.DataFrame

    def frame(self) -> pd.DataFrame:
        """Give one row per fault."""
        return self.faults

    def sentence(self) -> str:
        """Say which fault moves the model most, what a check would catch, and what none would."""
        known = self.faults[self.faults.moved.notna()]
        if not len(known):
            return f"No fault could be tried on {rows_text(self.source.rows)}.{refused_text(self.refused)}"
        worst = known.iloc[0]
        text = f"Of {len(self.faults)} faults tried, {_named(worst)} moves the model most: {self.does(worst)}; {rows_text(int(worst.n))}."
        unseen = known[(known.caught < 0.5) & (known.fault != POSSIBLE) & (known.moved > 0)]
        if worst.caught >= EVIDENT:
            text += f" A check of the column's range, steps and levels refuses {worst.caught:.0%} of these rows"
            mended = (
                f"; moved into the range instead, {worst.changed_clipped:.1%} change"
                if worst.changed_clipped >= 0
                else ""
            )
            text += f"{mended}."
        if len(unseen):
            first = unseen.iloc[0]
            if first.name != worst.name:
                text += f" Of those that such a check lets pass for most rows, {_named(first)} moves it most: {self.does(first)}."
            else:
                text += f" A check of range, steps and levels would refuse only {first.caught:.0%} of these rows."
        return text + refused_text(self.refused)

    def recipe(self) -> Recipe | None:
        """Give a check of what comes in, and rounded training rows; None where none of that is felt."""
        return of_faults(self.faults, EVIDENT, POSSIBLE, self.settings)


def _named(row: Any) -> str:
    how = f" ({row.how})" if row.how else ""
    return f"{row.fault} of {row.feature}{how}"


def input_faults(
    ev: Evaluation,
    *,
    features: Any = None,
    constraints: Any = None,
    rows: int | None = ROWS,
    metric: Any = None,
    class_: Any = None,
    level: float = 0.95,
    seed: int | None = None,
    progress: Progress | None = None,
) -> InputFaults:
    """Put one fault after another into every row, and see what changes.

    Numbers are rounded to two and to one leading digit, multiplied by 10, 100 and 1,000 (a wrong unit), and two digits of whole numbers are
    exchanged; one letter of levels and texts is wrong; times are late by an hour, a day, 30 and 365 days; columns that could be mistaken
    for one another are swapped. Rounded rows are possible ones; all other faults are meant to be what should never come in.

    Parameters
    ----------
    features : name or sequence of names, optional
        Columns with faults; all that the model reads without it.
    constraints : Constraints, path of a YAML file, its text, or mapping, optional
        What the check of inputs knows; see ``modelglass.analysis.constraints``. Without it what the data show.
    rows : int or None
        Rows used, a stratified sample; None: all.
    metric, class_, level, seed
        As in ``noise_robustness``.

    Raises
    ------
    NotApplicable
        Without a model, or where no column can have a fault known here.
    InputError
        Unknown columns, contradictory constraints.
    """
    if ev.model is None:
        raise NotApplicable(
            "there is no model here, only predictions, and faults are put into rows that a model is asked about"
        )
    level, seed = check_level(level), ev.seed_or(seed)
    record, names = default_metric(ev, metric, class_), known_features(ev, features)
    rules = found_constraints(ev, given=constraints)
    chosen, called = inside(ev.sample(rows), rules)
    prober = Prober(chosen, record, class_, level, seed)
    faults = faults_of(prober.inputs, ev.columns, names, rules.columns, seed)
    if not faults:
        raise NotApplicable(
            "no column here can have a wrong unit, a typing error, a wrong clock or a place exchanged with another"
        )
    table, refused = _table(prober, rules, faults, progress)
    return InputFaults(
        faults=table,
        refused=refused_frame(refused),
        asked=prober.asked,
        metric=record.name,
        label=label_of(record, ev.task, chosen_class(class_)),
        before=prober.before,
        greater_is_better=record.greater_is_better,
        source=chosen.source,
        settings={
            "features": names,
            "constraints": called,
            "rows": chosen.n,
            "metric": record.name,
            "class_": chosen_class(class_),
            "level": level,
            "seed": seed,
        },
    )


def _table(
    prober: Prober, rules: Constraints, faults: list[Fault], progress: Progress | None
) -> tuple[pd.DataFrame, list[tuple[str, str, Refused]]]:
    space, records, refused = Space(rules, prober.inputs), [], []
    for i, fault in enumerate(faults):
        columns = dict(fault.make())
        if fault.kind == POSSIBLE:
            columns = possible_columns(space, columns)
        moved = different(prober.inputs, columns)
        span = (i / len(faults), (i + 0.7) / len(faults), f"{fault.kind} of {fault.feature}")
        found = prober.ask(columns, moved, progress, span)
        note = "" if moved.any() else "no row is changed by it"
        if found.refused is not None:
            refused.append((fault.kind, fault.feature, found.refused))
            note = found.refused.error
        share, share_low, share_high = caught_share(rules, columns, moved, prober.ev, prober.level)
        after = [np.nan] * 6
        if fault.kind == "unit error" and share > 0:
            mended = {n: clipped(rules.columns[n], c) for n, c in columns.items()}
            numbers = prober.ask(mended, moved, progress, (span[1], (i + 1) / len(faults), span[2])).numbers
            after = [*numbers[1:4], *numbers[5:8]]
        records.append(
            (
                fault.kind,
                fault.feature,
                fault.how,
                *found.numbers,
                share,
                share_low,
                share_high,
                *after,
                _remedy(fault, share, found.numbers[1], after[0]),
                note,
            )
        )
    tell(progress, 1.0, "done")
    table = pd.DataFrame(records, columns=["fault", "feature", "how", *NUMBERS, *MENDED, "remedy", "note"])
    return table.sort_values("moved", ascending=False, kind="stable", na_position="last", ignore_index=True), refused


def possible_columns(space: Space, columns: Mapping[str, pd.Series]) -> dict[str, pd.Series]:
    """Move wanted columns to possible rows and give the raw columns that differ from what they were."""
    places, X = np.arange(len(space.X)), space.X.copy()
    for name, column in columns.items():
        X[:, space.place(name)] = space.code_column(name, column)
    X = space.project(places, X)
    return space.moved_columns(np.where(space.possible(places, X)[:, None], X, space.X))


def different(frame: pd.DataFrame, columns: Mapping[str, pd.Series]) -> np.ndarray:
    """Tell which rows differ in some column, missing equal to missing; bool (n,)."""
    out = np.zeros(len(frame), dtype=bool)
    for name, column in columns.items():
        a, b = frame[name].astype(object), column.astype(object)
        out |= ((a != b) & ~(a.isna() & b.isna())).to_numpy(dtype=bool, na_value=True)
    return out


def caught_share(
    rules: Constraints, columns: Mapping[str, pd.Series], moved: np.ndarray, ev: Evaluation, level: float
) -> tuple[float, float, float]:
    """Weighted share of the changed rows that a check of each column's range, step and levels refuses, with its interval; NaN where none changed."""
    refused = np.zeros(len(moved), dtype=bool)
    for name, column in columns.items():
        refused |= caught(rules.columns[name], column)
    if not moved.any() or (ev.weight is not None and not ev.weight[moved].sum() > 0):
        return np.nan, np.nan, np.nan
    return share_of(ev.take(np.flatnonzero(moved)), refused[moved], level)


def _remedy(fault: Fault, share: float, estimate: float, after: float) -> str:
    if fault.kind == POSSIBLE:
        return "record the values as precisely as in training, or train with rounded ones too"
    if fault.kind == "swapped columns":
        return "hand columns over by name, never by place"
    if share >= EVIDENT:
        better = (
            " (clipping to the range mends part of it: see clipped)"
            if np.isfinite(after) and abs(after) < abs(estimate) / 2
            else ""
        )
        return f"refuse rows outside the ranges, steps and levels seen{better}"
    if fault.kind == "shifted time":
        return "check the clock and time zone against the time of arrival"
    if fault.kind == "typing error":
        return "take levels from a list; compare numbers with the row's earlier value"
    return "record the unit with the value; a range alone does not catch it"
