"""What does the model say beyond the values it has seen: does its answer stay, level off, jump or run away?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.asked_class import answers, whose
from modelglass.analysis.constraints import ColumnRule, constraints, number_text
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.estimates import estimate
from modelglass.analysis.faults import numbers_like
from modelglass.analysis.groups import Groups, Rows, rows_of
from modelglass.analysis.known_features import known_features
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.performance import check_level
from modelglass.analysis.probing import refused_frame, refused_text, share
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.recipes import Recipe, of_ranges
from modelglass.analysis.refusals import Refused
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.analysis.wording import signed

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

ROWS, STEPS = 300, (0.1, 0.5, 1.0, 2.0, 5.0)
SLIGHT, LARGE = 0.02, 0.25
"""Of the answers' standard deviation: below the one the answer stays; above the other, at the first step, it jumps."""
STAYS, LEVELS, JUMPS, DRIFTS, RUNS = "stays", "levels off", "jumps", "drifts", "runs away"
RAISES = "raises an error"
STEP_COLUMNS = [
    "feature", "side", "step", "value", "estimate", "low", "high", "n", "outside", "outside_low", "outside_high",
]  # fmt: skip


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class BeyondRange(Result):
    """The mean answer where one column of numbers lies beyond its range, beside the answer at the end of the range.

    steps     feature, side ("below", "above"), step (how far beyond, in widths of the range), value (as text), estimate (mean change of the
              answer from that at the end of the range), low, high (interval over rows or clusters), n, outside (share of rows whose answer
              lies outside all answers on the data), outside_low, outside_high; NaN where the model raises an error
    verdicts  feature, side, verdict ("stays", "levels off", "jumps": most of the change comes at the first step, "drifts", "runs away": it
              still moves at the last step, and by more than the answers' standard deviation; "raises an error": at some step or at the end of
              the range), change (mean, at the last step), outside, remedy
    refused   probe, feature, row, error, input: the first input of each column and side that the model raised an error on
    ends      smallest and largest value of each column, its range
    answer    what the answer is, in words; spread: standard deviation of the answers on these rows
    """

    steps: pd.DataFrame
    verdicts: pd.DataFrame
    refused: pd.DataFrame
    ends: Mapping[str, tuple[Any, Any]]
    answer: str
    spread: float
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row for each column, side and step."""
        return self.steps

    def more(self) -> Mapping[str, Any]:
        """Give the verdicts, and the inputs that the model raised an error on."""
        from modelglass.analysis.result import frame_json

        return {"verdicts": frame_json(self.verdicts), "refused": frame_json(self.refused)}

    def sentence(self) -> str:
        """Say where the answer runs away or jumps, largest first."""
        table, n = self.verdicts, int(self.steps.n.max())
        counts = [
            f"{v} at {(table.verdict == v).sum()}"
            for v in (STAYS, LEVELS, DRIFTS, JUMPS, RUNS)
            if (table.verdict == v).any()
        ]
        text = f"Beyond the range of a column, {self.answer} {', '.join(counts) or 'is known at none'} of {len(table)} ends of ranges; {rows_text(n)}."
        bad = table[table.verdict.isin((RUNS, JUMPS))]
        if len(bad):
            worst = bad.loc[bad.change.abs().idxmax()]
            at = self.steps[(self.steps.feature == worst.feature) & (self.steps.side == worst.side)].iloc[-1]
            text += (
                f" It changes most {worst.side} the range of {worst.feature}: by {signed(worst.change)} at {at.value}."
            )
            if worst.outside > 0:
                text += f" There {worst.outside:.0%} of answers lie outside all answers on the data."
        return text + refused_text(self.refused)

    def recipe(self) -> Recipe | None:
        """Give how values are clipped where the answer runs away or jumps; None where it does nowhere."""
        return of_ranges(self.verdicts, (RUNS, JUMPS), self.ends)


def beyond_range(
    ev: Evaluation,
    *,
    features: Any = None,
    steps: Sequence[float] = STEPS,
    rows: int | None = ROWS,
    class_: Any = None,
    level: float = 0.95,
    seed: int | None = None,
    progress: Progress | None = None,
) -> BeyondRange:
    """Set one column after another to values below and above all that data and training data hold.

    These rows are not possible ones: that is the question. All other columns stay as they are.

    Parameters
    ----------
    features : name or sequence of names, optional
        Columns of numbers or dates; all that the model reads without it.
    steps : sequence of float
        How far beyond, in widths of the range, > 0.
    rows : int or None
        Rows used, a stratified sample; None: all.
    class_ : label of a class, optional
        Whose score is looked at; without it the positive one, of several the one predicted most often.

    Raises
    ------
    NotApplicable
        Without a model, or without columns of numbers.
    InputError
        Unknown columns or steps that are none; the model raises an error at every end of every range.
    """
    if ev.model is None:
        raise NotApplicable(
            "there is no model here, only predictions, and values beyond the range are asked of a model"
        )
    widths = sorted({float(s) for s in steps})
    if not widths or not all(np.isfinite(w) and w > 0 for w in widths):
        raise InputError(
            "Expected steps above 0, in widths of the range.", f"Got {list(steps)}.", "Give e.g. [0.5, 2]."
        )
    level, seed = check_level(level), ev.seed_or(seed)
    rules = constraints(ev).columns
    asked_for = known_features(ev, features)
    names = [n for n in asked_for if rules[n].kind == "number" and np.isfinite([rules[n].low, rules[n].high]).all() and rules[n].high > rules[n].low]  # fmt: skip
    if not names:
        raise NotApplicable("no column here holds numbers of more than one value")
    chosen = ev.sample(rows)
    code, words = whose(chosen, class_)
    table, spread, refused = _steps(chosen, rules, names, widths, code, level, progress)
    return BeyondRange(
        steps=table,
        verdicts=_verdicts(table, spread),
        refused=refused_frame(refused),
        ends={n: _ends(rules[n], chosen.frame[n]) for n in names},
        answer=words,
        spread=spread,
        source=chosen.source,
        settings={
            "features": names,
            "steps": widths,
            "rows": chosen.n,
            "class_": class_ or None,
            "level": level,
            "seed": seed,
        },
    )


def _steps(
    ev: Evaluation, rules: Mapping[str, ColumnRule], names: list[str], widths: list[float], code: int | None, level: float, progress: Progress | None
) -> tuple[pd.DataFrame, float, list[tuple[str, str, Refused]]]:  # fmt: skip
    records, first = list[tuple[Any, ...]](), dict[tuple[str, str], InputError]()
    inputs = ev.inputs()
    own = answers(ev, inputs, code)
    span = (float(own.min()) - 1e-9, float(own.max()) + 1e-9)
    ends = [(n, side) for n in names for side in ("below", "above")]
    for i, (name, side) in enumerate(ends):
        tell(progress, i / len(ends), f"{side} the range of {name}")
        rule, key = rules[name], (f"values {side} the range", name)
        end, sign = (rule.low, -1) if side == "below" else (rule.high, 1)
        at_end = _asked(ev, inputs, rule, end, code, first, key)
        for width in widths:
            value = end + sign * width * (rule.high - rule.low)
            if rule.step and rule.step == int(rule.step):
                value = float(np.rint(value))
            got = None if at_end is None else _asked(ev, inputs, rule, value, code, first, key)
            moved, outside = ((np.nan,) * 3,) * 2
            if got is not None:
                moved, outside = _mean(ev, got - at_end, level), share(ev, (got < span[0]) | (got > span[1]), level)
            records.append((name, side, width, number_text(rule, value), *moved, ev.n, *outside))
    if len(first) == len(ends) and all(np.isnan(r[4]) for r in records):
        raise next(iter(first.values()))
    tell(progress, 1.0, "done")
    refused = [(*key, error.refused) for key, error in first.items()]
    return pd.DataFrame(records, columns=STEP_COLUMNS), float(own.std()), refused


def _asked(
    ev: Evaluation, inputs: pd.DataFrame, rule: ColumnRule, value: float, code: int | None, first: dict[tuple[str, str], InputError], key: tuple[str, str]
) -> np.ndarray | None:  # fmt: skip
    """Give the answers with one column at a value; None where the model raises an error, of which the first is kept under ``key``."""
    try:
        return answers(ev, inputs.assign(**{rule.name: _put(inputs[rule.name], rule, value)}), code)
    except InputError as error:
        if error.refused is None:
            raise
        first.setdefault(key, error)
        return None


def _ends(rule: ColumnRule, column: pd.Series) -> tuple[Any, Any]:
    """Give the ends of a range as the column holds them."""
    if not rule.dates:
        return rule.low, rule.high
    low, high = (pd.Timestamp(v, unit="s", tz=getattr(column.dtype, "tz", None)) for v in (rule.low, rule.high))
    return low, high


def _put(column: pd.Series, rule: ColumnRule, value: float) -> pd.Series:
    """Set all values of a column, missing ones too; whole numbers stay whole."""
    if rule.dates:
        stamps = pd.Series(pd.to_datetime([value] * len(column), unit="s"), index=column.index)
        zone = getattr(column.dtype, "tz", None)
        return (stamps.dt.tz_localize("UTC").dt.tz_convert(zone) if zone else stamps).astype(column.dtype)
    values = np.full(len(column), value)
    if column.isna().any():
        return pd.Series(values, index=column.index)
    return numbers_like(column, values)


def _mean(ev: Evaluation, values: np.ndarray, level: float) -> tuple[float, float, float]:
    rows = Rows(
        task="regression", y=np.zeros(len(values)), predicted=values, weight=ev.weight, cluster=rows_of(ev).cluster
    )
    found = estimate(METRICS["bias"], Groups(rows, np.zeros(len(values), np.int64), 1), level)
    return float(found.estimate[0]), float(found.low[0]), float(found.high[0])


def _verdicts(table: pd.DataFrame, spread: float) -> pd.DataFrame:
    records = []
    for (feature, side), part in table.groupby(["feature", "side"], sort=False):
        change = part.estimate.to_numpy()
        found = RAISES if np.isnan(change).any() else verdict(change, max(spread, 1e-12))
        records.append((feature, side, found, float(change[-1]), float(part.outside.iloc[-1]), REMEDIES[found]))
    made = pd.DataFrame(records, columns=["feature", "side", "verdict", "change", "outside", "remedy"])
    return made.iloc[np.argsort(-made.change.abs().to_numpy(), kind="stable")].reset_index(drop=True)


_CLIP = "clip the value to the range, or refuse the row: a check of ranges does either without training again"
REMEDIES = {
    STAYS: "",
    LEVELS: "refuse rows far beyond the range, if what is levelled off at is not plausible",
    DRIFTS: _CLIP,
    JUMPS: f"{_CLIP}; a monotone constraint or more training rows near the end of the range",
    RAISES: "clip the value to the range, or refuse the row before the model is asked: its own error ends a whole batch",
    RUNS: f"{_CLIP}; a transformation that levels off, or trees, in training",
}


def verdict(change: np.ndarray, spread: float) -> str:
    """Name what a mean change does along rising steps, shape (m,), beside the answers' standard deviation.

    >>> [verdict(np.array(c), 1.0) for c in ([0, 0], [0.2, 0.2], [0.5, 0.55], [0.1, 0.6], [1.0, 9.0])]
    ['stays', 'levels off', 'jumps', 'drifts', 'runs away']
    """
    last = abs(change[-1])
    if np.abs(change).max() < SLIGHT * spread:
        return STAYS
    moving = len(change) > 1 and abs(change[-1] - change[-2]) > 0.05 * last
    if abs(change[0]) >= LARGE * spread and abs(change[0]) >= last / 2:
        return JUMPS
    if not moving:
        return LEVELS
    return RUNS if last > spread else DRIFTS
