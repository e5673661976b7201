"""What moves predictions otherwise in a cohort than in the rest: the difference of Shapley values, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.budget import part_of_budget
from modelglass.analysis.curves import chosen_class
from modelglass.analysis.difference import adjusted
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.mean_difference import FEWEST_ROWS, MeanDifference, Sample, mean_difference, why_none
from modelglass.analysis.performance import check_level
from modelglass.analysis.progress import Progress, span
from modelglass.analysis.result import Result
from modelglass.analysis.sides import Sides, rows_of_both, sides_of
from modelglass.analysis.source import Source
from modelglass.analysis.wording import ranged, say, signed
from modelglass.explainers import rows as shared
from modelglass.explainers.shapley_exact import Attribution, ExactWay
from modelglass.explainers.shapley_ways import ENOUGH_ROWS, Asked, checked, explained, fewer, gap_of, plan

MEAN, SIZE = "mean", "mean absolute"
NAMED = 3
"""Columns named in the sentence."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class ShapleyDifference(Result):
    """Mean Shapley values of a cohort beside those of the rest, in raw columns.

    table       one row per column, group and measure: feature, group (the positive class, each class, or the target), measure ("mean":
                which way and how far the column moves predictions; "mean absolute": how much), here, there (weighted means), estimate
                (here less there), low, high (interval of the difference at settings["level"]; NaN where none holds its level), p_adjusted
                (of no difference, Holm over columns and groups of a measure; NaN without an interval), n, n_there (rows of the samples).
                Largest difference first within a measure
    totals      one row per group: group, here, there (mean prediction in the unit ``scale``), estimate, low, high, p, n, n_there. The
                estimates of the measure "mean" sum to the estimate here
    scale, method, how, absent, reason   as in ShapleyValues; both sides have the same background
    compared    "the rest", "the other cohort" or "the other data"
    additivity_gap   largest |base + sum - prediction| of a single row
    other       where the other side's rows come from
    note        why there are no intervals; "" where there are
    """

    table: pd.DataFrame
    totals: pd.DataFrame
    groups: tuple[str, ...]
    scale: str
    method: str
    exact: bool
    how: str
    absent: str
    reason: str
    compared: str
    additivity_gap: float
    other: Source
    note: str
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row per column, group and measure."""
        return self.table

    def of(self, measure: str = MEAN) -> pd.DataFrame:
        """Give the rows of one measure."""
        return self.table[self.table["measure"] == measure].reset_index(drop=True)

    def sentence(self) -> str:
        """Say how far mean predictions are apart, and which columns that goes with."""
        total = self.totals.loc[self.totals["estimate"].abs().idxmax()]
        way = "higher" if total["estimate"] >= 0 else "lower"
        ends = sorted(abs(total[["low", "high"]].to_numpy(float))) if total["low"] * total["high"] > 0 else None
        size = ranged(abs(total["estimate"]), *ends) if ends else say(abs(total["estimate"]))
        unit = "" if self.scale == total["group"] else f" of {total['group']} (in {self.scale})"
        about = (
            f"over {rows_text(int(total['n']))} here than over {rows_text(int(total['n_there']))} of {self.compared}"
        )
        unsure = "" if ends or np.isnan(total["low"]) else ", which chance alone can explain"
        because = f" The exact way was not taken, because {self.reason}." if self.reason else ""
        return (
            f"The mean prediction{unit} is {size} {way} {about}{unsure}. {self._columns(str(total['group']))} "
            f"{self.how[:1].upper()}{self.how[1:]}; {self.absent}{self._taken()}.{because}"
        )

    def _taken(self) -> str:
        """Say what the intervals do not hold: another draw of background rows."""
        return " (the intervals take these as given)" if self.settings["background"] and not self.note else ""

    def _columns(self, group: str) -> str:
        table = self.of(MEAN)
        part = table[table["group"] == group]
        if self.note:
            named = ", ".join(f"{r.feature} ({signed(r.estimate)})" for r in part[:NAMED].itertuples())
            return f"Largest parts by column: {named}; no intervals, because {self.note}."
        sure = part[part["p_adjusted"] <= 1 - self.settings["level"]]
        if sure.empty:
            return "No column moves predictions surely otherwise."
        named = ", ".join(
            f"{r.feature} {signed(r.estimate)} ({say(r.low)} to {say(r.high)})" for r in sure[:NAMED].itertuples()
        )
        more = f" and {len(sure) - NAMED} more columns" if len(sure) > NAMED else ""
        return f"The difference goes with {named}{more}."


def shapley_difference(
    ev: Evaluation,
    other: Evaluation | str | None = None,
    *,
    rows: int | None = None,
    background: int | None = None,
    method: str = "auto",
    class_: Any = None,
    level: float = 0.95,
    seed: int | None = None,
    progress: Progress | None = None,
) -> ShapleyDifference:
    """Compare what moves predictions in a cohort with what moves them in the rest.

    Two samples are drawn, one from each side, and explained against the same background; the means of each column's Shapley values are
    compared, with their sign and without. Signed differences sum to the difference of the mean predictions.

    Parameters
    ----------
    ev : Evaluation
        The cohort.
    other : Evaluation or str, optional
        What it is compared with: another cohort (its Evaluation or SQL condition), the same model on other data; without it the
        rest of the data.
    rows : int, optional
        Rows of each side, a stratified sample. Without it 1,000 where exact; where sampled as many as 600,000 questions to the model
        allow, 100 to 200.
    background : int, optional
        Background rows, drawn from the whole data of ``ev``, the same for both sides; as in ``shapley_values``.
    method : {"auto", "tree", "linear", "sampling"}
    class_ : label of a class, optional
        Of several classes only this one.
    level : float
        Of the intervals.

    Raises
    ------
    NotApplicable
        Without a model, without a cohort, or where the method asked for does not fit the model.
    InputError
        Where the other side has another task or another model.

    Notes
    -----
    Intervals (``analysis.mean_difference``) are about the rows: Student's t corrected for skewness, over clusters where given; the
    background counts as given. Simulated in ``benchmarks/coverage_explanations.py``: none below 100 rows a side (200 with clusters or
    unequal weights), where they do not hold their level.
    """
    check_level(level)
    group = shared.group_of(ev, class_)
    seed = checked(ev, method, rows, background, seed)
    asked = Asked(method=method, background=background, seed=seed, in_time=ENOUGH_ROWS, against=ev)
    sides = sides_of(ev, other)
    drawn, found, reason = _explained(sides, asked, rows, progress)
    groups, counts = shared.groups(ev), (drawn.here.n, drawn.there.n)
    if group is not None:
        groups, found = (groups[group],), [part.of_group(group) for part in found]
    here, there = _samples(drawn, found)
    compared, note = mean_difference(here, there, level), why_none(here, there)
    return ShapleyDifference(
        table=_table(compared, ev.features, groups, counts),
        totals=_totals(compared, groups, counts),
        groups=groups,
        scale=found[0].scale,
        method=found[0].method,
        exact=found[0].error is None,
        how=found[0].how,
        absent=found[0].absent,
        reason=reason,
        compared=sides.words,
        additivity_gap=max(gap_of(f) for f in found),
        other=drawn.there.source,
        note=note,
        source=replace(drawn.here.source, cut=fewer(found[0], rows, counts[0], ev.n)),
        settings={
            "rows": counts[0],
            "rows_there": counts[1],
            "method": method,
            "background": found[0].background,
            "class_": chosen_class(class_),
            "level": level,
            "seed": asked.seed,
        },
    )


def _explained(
    sides: Sides, asked: Asked, rows: int | None, progress: Progress | None
) -> tuple[Sides, list[Attribution], str]:
    """Explain a sample of each side in the same way, and give the samples too."""
    way, reason, n = plan(sides.here, asked, rows, max(sides.here.n, sides.there.n))
    if way is None and rows is None:
        n = max(n, FEWEST_ROWS)
    chosen = (sides.here.sample(n), sides.there.sample(n))
    found = _both(chosen, way, reason, asked, progress)
    if found[0][0].method != found[1][0].method:  # the exact way failed on one side: two scales cannot be compared
        found = _both(chosen, None, found[0][1] or found[1][1], asked, progress)
    done = [ev if f.done is None else ev.take(f.done) for ev, (f, _) in zip(chosen, found)]
    return _drawn(sides, *done), [f for f, _ in found], found[0][1]


def _both(
    chosen: tuple[Evaluation, Evaluation], way: ExactWay | None, reason: str, asked: Asked, progress: Progress | None
) -> list[tuple[Attribution, str]]:
    """Explain both sides, each in its share of a budget, that ends a sampling after some of the rows."""
    found = []
    for ev, (low, high) in zip(chosen, ((0.0, 0.5), (0.5, 1.0))):
        with part_of_budget(1.0 if low else 0.5):
            found.append(explained(ev, way, reason, asked, span(progress, low, high), may_end=True))
        if found[0][0].error is not None:  # both sides meet the same background
            asked = replace(asked, background=found[0][0].background)
    return found


def _drawn(sides: Sides, here: Evaluation, there: Evaluation) -> Sides:
    both = len(np.intersect1d(here.rows, there.rows)) if sides.shared else 0
    return replace(sides, here=here, there=there, shared=both)


def _samples(sides: Sides, found: list[Attribution]) -> tuple[Sample, Sample]:
    """Give signed values, sizes and predictions of both sides, one column each, with weights and clusters."""
    rows, inside = rows_of_both(sides)
    made = []
    for side, among in zip(found, (inside, ~inside)):
        flat = side.values.reshape(len(side.values), -1)
        made.append(
            Sample(
                values=np.column_stack([flat, np.abs(flat), side.prediction]),
                weight=None if rows.weight is None else rows.weight[among],
                cluster=None if rows.cluster is None else rows.cluster[among],
            )
        )
    return made[0], made[1]


def _table(
    compared: MeanDifference, features: tuple[str, ...], groups: tuple[str, ...], counts: tuple[int, int]
) -> pd.DataFrame:
    size = len(features) * len(groups)
    parts = []
    for start, measure in ((0, MEAN), (size, SIZE)):
        part = _of(compared, slice(start, start + size), counts)
        part.insert(0, "measure", measure)
        part.insert(0, "group", np.tile(np.array(groups, dtype=object), len(features)))
        part.insert(0, "feature", np.repeat(np.array(features, dtype=object), len(groups)))
        part["p_adjusted"] = adjusted(part.pop("p").to_numpy(float))
        parts.append(part.iloc[np.argsort(-part["estimate"].abs().to_numpy(), kind="stable")])
    columns = ["feature", "group", "measure", "here", "there", "estimate", "low", "high", "p_adjusted", "n", "n_there"]
    return pd.concat(parts, ignore_index=True)[columns]


def _totals(compared: MeanDifference, groups: tuple[str, ...], counts: tuple[int, int]) -> pd.DataFrame:
    made = _of(compared, slice(-len(groups), None), counts)
    made.insert(0, "group", list(groups))
    return made


def _of(compared: MeanDifference, places: slice, counts: tuple[int, int]) -> pd.DataFrame:
    names = ("here", "there", "estimate", "low", "high", "p")
    return pd.DataFrame({n: getattr(compared, n)[places] for n in names}).assign(n=counts[0], n_there=counts[1])
