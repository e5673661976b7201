"""What if a value does not come? Each column missing, columns missing together, and a number that stands for missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.constraints import constraints
from modelglass.analysis.curves import chosen_class
from modelglass.analysis.errors import InputError, NotApplicable, unknown_name
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.input_faults import different
from modelglass.analysis.known_features import known_features
from modelglass.analysis.paired import default_metric
from modelglass.analysis.performance import check_level, in_sentence, label_of
from modelglass.analysis.probing import NUMBERS, ProbedResult, Prober, refused_frame, refused_text
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.recipes import Recipe, of_missing
from modelglass.analysis.refusals import Refused
from modelglass.analysis.wording import signed

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

ROWS, CODE = 2_000, -999.0
FEWEST = 5
"""Rows in which columns must be missing together to be a block."""
ALONE, BLOCK, CODED = "missing", "missing together", "code"


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class MissingRobustness(ProbedResult):
    """Change of a metric, and of decisions, where values are missing in every row.

    changes   how ("missing", "missing together", "code": a number that stands for missing), feature (names of a block joined by " + "),
              metric, estimate (metric with the values missing minus without), low, high (paired interval over rows or clusters), n, changed
              (share of decisions that change; NaN in regression), changed_low, changed_high, moved (mean absolute change of the answer),
              moved_low, moved_high, rows_changed, filled (change of the metric where the missing values are filled with the median or the most frequent level first:
              what a default value would mend, measured without training again), filled_low, filled_high, remedy, note. NaN where the model raised an error.
    """

    changes: pd.DataFrame

    def frame(self) -> pd.DataFrame:
        """Give one row for each way and column."""
        return self.changes

    def sentence(self) -> str:
        """Say which missing column moves the model most, and what the model refuses."""
        known = self.changes[self.changes.moved.notna()]
        alone = known[known.how == ALONE]
        if len(alone):
            worst = alone.loc[alone.moved.idxmax()]
            text = f"Without {worst.feature}, {self.does(worst)}; {rows_text(int(worst.n))}, every one without it."
            if np.isfinite(worst.filled):
                mended, missing = signed(worst.filled), signed(worst.estimate)
                text += (
                    " A usual value in its place would not mend that."
                    if mended == missing
                    else f" With a usual value in its place {in_sentence(self.label)} changes by {mended} instead of {missing}."
                )
        else:
            text = f"The model answers no row of {self.source.rows:,} in which a value is missing: it must be filled before."
        code = known[known.how == CODED]
        if len(code):
            worst = code.loc[code.moved.idxmax()]
            text += f" {self.settings['code']:g} instead of a missing value does most in {worst.feature}: {self.does(worst)}."
        return text + refused_text(self.refused)

    def recipe(self) -> Recipe | None:
        """Give training rows with such values left out; None where a missing value is surely felt in no column."""
        return of_missing(self.changes, ALONE, self.source.task)


def missing_robustness(
    ev: Evaluation,
    *,
    features: Any = None,
    blocks: Any = None,
    code: float | None = CODE,
    rows: int | None = ROWS,
    metric: Any = None,
    class_: Any = None,
    level: float = 0.95,
    seed: int | None = None,
    progress: Progress | None = None,
) -> MissingRobustness:
    """Take values away in every row, and see what changes.

    Parameters
    ----------
    features : name or sequence of names, optional
        Columns that go missing one by one; all that the model reads without it.
    blocks : text "a + b; c + d", or sequence of sequences of names, optional
        Columns that go missing together; without it those that are missing together in the data, and those that belong together.
    code : float or None
        A number that stands for missing in columns of numbers; None: none is tried.
    rows : int or None
        Rows used, a stratified sample; None: all.
    metric, class_, level, seed
        As in ``noise_robustness``.

    Raises
    ------
    NotApplicable
        Without a model.
    InputError
        Unknown columns, a block of one column, a code that is no finite number.
    """
    if ev.model is None:
        raise NotApplicable(
            "there is no model here, only predictions, and the model is asked about rows with values missing"
        )
    level, seed = check_level(level), ev.seed_or(seed)
    if code is not None and not np.isfinite(code):
        raise InputError("Expected a finite number as the code for missing.", f"Got {code!r}.", "Give e.g. -999.")
    record, names, groups = default_metric(ev, metric, class_), known_features(ev, features), _blocks(ev, blocks)
    chosen = ev.sample(rows)
    prober = Prober(chosen, record, class_, level, seed)
    ways = [(ALONE, (n,)) for n in names] + [(BLOCK, g) for g in groups]
    if code is not None:
        ways += [(CODED, (n,)) for n in names if _number(prober.inputs[n])]
    table, refused = _table(prober, ways, code, progress)
    return MissingRobustness(
        changes=table,
        refused=refused_frame(refused),
        asked=prober.asked,
        metric=record.name,
        label=label_of(record, ev.task, chosen_class(class_)),
        before=prober.before,
        greater_is_better=record.greater_is_better,
        source=chosen.source,
        settings={
            "features": names,
            "blocks": [list(g) for g in groups],
            "code": code,
            "rows": chosen.n,
            "metric": record.name,
            "class_": chosen_class(class_),
            "level": level,
            "seed": seed,
        },
    )


def _blocks(ev: Evaluation, given: Any) -> list[tuple[str, ...]]:
    if given in (None, "") or not len(given):
        return found_blocks(ev)
    parts = (
        [[n.strip() for n in b.split("+")] for b in given.split(";") if b.strip()] if isinstance(given, str) else given
    )
    made = []
    for part in parts:
        names = tuple(dict.fromkeys([part] if isinstance(part, str) else part))
        for name in names:
            if name not in ev.features:
                raise unknown_name("feature that the model reads", str(name), ev.features)
        if len(names) < 2:
            raise InputError(
                "Expected blocks of at least two columns.", f"Got {list(names)}.", 'Write e.g. "a + b; c + d".'
            )
        made.append(names)
    return made


def found_blocks(ev: Evaluation) -> list[tuple[str, ...]]:
    """Give the columns that are missing in the very same rows of the data (at least 5), and those that belong together (constraints)."""
    frame = ev.whole.inputs()
    by_rows: dict[bytes, list[str]] = {}
    for name in frame.columns:
        gone = frame[name].isna().to_numpy()
        if FEWEST <= gone.sum() < len(gone):
            by_rows.setdefault(np.packbits(gone).tobytes(), []).append(str(name))
    found = [tuple(names) for names in by_rows.values() if len(names) > 1]
    return list(dict.fromkeys([*found, *(tuple(t.columns) for t in constraints(ev).together if t.kind != "apart")]))


def _number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)


def without(column: pd.Series) -> pd.Series:
    """Give the column with every value missing, as a file without them is read: whole numbers and booleans become float64 NaN."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iub":
        return pd.Series(np.nan, index=column.index)
    if column.dtype == object:
        return pd.Series([np.nan] * len(column), index=column.index, dtype=object)
    return pd.Series(
        [pd.NA if not isinstance(column.dtype, np.dtype) else np.nan] * len(column), index=column.index
    ).astype(column.dtype)


def usual(column: pd.Series, whole: pd.Series) -> pd.Series | None:
    """Give the column filled with its median (numbers; whole ones rounded, times too) or its most frequent level; None without values."""
    known = whole.dropna()
    if not len(known):
        return None
    if _number(column) or pd.api.types.is_datetime64_any_dtype(column.dtype):
        value = known.median()
        value = round(value) if pd.api.types.is_integer_dtype(column.dtype) else value
    else:
        value = known.mode().iloc[0]
    return pd.Series([value] * len(column), index=column.index).astype(column.dtype)


def _table(
    prober: Prober, ways: Sequence[tuple[str, tuple[str, ...]]], code: float | None, progress: Progress | None
) -> tuple[pd.DataFrame, list[tuple[str, str, Refused]]]:
    records, refused, fills = [], [], {}
    whole = prober.ev.whole.inputs()
    for i, (how, names) in enumerate(ways):
        feature, span = " + ".join(names), (i / len(ways), (i + 0.5) / len(ways), f"without {', '.join(names)}")
        columns = {n: _coded(prober.inputs[n], code) if how == CODED else without(prober.inputs[n]) for n in names}
        found = prober.ask(columns, different(prober.inputs, columns), progress, span)
        note = ""
        if found.refused is not None:
            refused.append(("a missing value" if how != CODED else f"the code {code:g}", feature, found.refused))
            note = found.refused.error
        if names not in fills:
            fills[names] = _filled(prober, names, whole, progress, (span[1], (i + 1) / len(ways), span[2]))
        records.append(
            (how, feature, *found.numbers, *fills[names], _remedy(how, found.numbers[1], fills[names][0], note), note)
        )
    tell(progress, 1.0, "done")
    return pd.DataFrame(
        records, columns=["how", "feature", *NUMBERS, "filled", "filled_low", "filled_high", "remedy", "note"]
    ), refused


def _coded(column: pd.Series, code: float | None) -> pd.Series:
    values = np.full(len(column), code, dtype="float64")
    if pd.api.types.is_signed_integer_dtype(column.dtype) and code == int(code or 0) and abs(code or 0) < 2**15:
        bits = np.iinfo(getattr(column.dtype, "numpy_dtype", column.dtype))
        if bits.min <= (code or 0) <= bits.max:
            return pd.Series(values, index=column.index).astype(column.dtype)
    kept = isinstance(column.dtype, np.dtype) and column.dtype.kind == "f"
    return pd.Series(values, index=column.index).astype(column.dtype if kept else "float64")


def _filled(
    prober: Prober, names: Sequence[str], whole: pd.DataFrame, progress: Progress | None, span: Any
) -> tuple[float, float, float]:
    made = {n: usual(prober.inputs[n], whole[n]) for n in names}
    columns = {n: c for n, c in made.items() if c is not None}
    if len(columns) < len(names):
        return np.nan, np.nan, np.nan
    _, *found = prober.ask(columns, different(prober.inputs, columns), progress, span).numbers[:4]
    return found[0], found[1], found[2]


def _remedy(how: str, estimate: float, filled: float, note: str) -> str:
    if note:
        return "fill the value or refuse the row before the model is asked"
    if how == CODED:
        return "read the code as missing (--na VALUE) before the model is asked"
    if np.isfinite(filled) and abs(filled) < 0.8 * abs(estimate):
        return "fill with the usual value before the model is asked, which does less harm (see filled)"
    return "train with such values missing in part of the rows, or ask for the value again"
