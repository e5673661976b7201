"""Interval coverage: do as many outcomes lie below a promised quantile, or within a promised interval, as was promised?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.aimed import named
from modelglass.analysis.curves import MOST_SLICES, WHOLE
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import Estimates, rows_text
from modelglass.analysis.estimates_labels import binary_proportion
from modelglass.analysis.groups import Groups
from modelglass.analysis.performance import check_level
from modelglass.analysis.ranking import one_group, share, weights
from modelglass.analysis.result import Result
from modelglass.analysis.source import UNNAMED, Source
from modelglass.analysis.wording import percent, say

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

COLUMNS = ["group", "kind", "what", "nominal", "estimate", "low", "high", "clear", "equal", "mean_width", "n", "where"]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class IntervalCoverage(Result):
    """Promised share beside the share that came true.

    table   one row per group (all rows, then slices) and promise: group, kind ("quantile": outcomes at or below it; "interval":
            outcomes between a quantile and its mirror, both included), what ("0.05", "0.05 to 0.95"), nominal (promised share),
            estimate (share that came true), low, high (Wilson 1927 at settings["level"]; with weights and clusters from
            effective rows), clear (whether nominal is outside the interval corrected for the number of promises and groups,
            Bonferroni; a quantile is too high only where surely more than promised lie below it, those that equal it left out), equal (share of outcomes
            that equal the quantile; NaN of an interval), mean_width (of the interval, in the target's unit; NaN of a quantile), n (rows), where (SQL condition
            of the group's rows)
    crossed rows in which a higher quantile lies below a lower one
    aim     the share that the judged prediction itself promises, of a model trained for a quantile; else None
    """

    table: pd.DataFrame
    crossed: int
    aim: float | None = None
    source: Source
    settings: Mapping[str, Any]
    note: str = ""

    def frame(self) -> pd.DataFrame:
        """Give one row per group and promise."""
        return self.table

    def sentence(self) -> str:
        """Say how often the widest interval held (else the quantile that is predicted), and where it held least."""
        row = self.first()
        text = f"{held_text(row, self.aim)}: {_verdict(row)}."
        slices = self.table[(self.table.group != WHOLE) & (self.table.what == row.what)].dropna(subset="estimate")
        if len(slices):
            worst = slices.loc[(slices.estimate - slices.nominal).abs().idxmax()]
            text += (
                f" By {self.settings['by']} it is farthest off for {worst.group}: "
                f"{percent(worst.estimate, worst.low, worst.high)} of {rows_text(int(worst.n))}"
                f"{'' if worst.clear or not np.isfinite(worst.low) else ', which chance alone can explain'}."
            )
        if self.crossed:
            text += f" In {rows_text(self.crossed)} a higher quantile lies below a lower one."
        return f"{text} {self.note[:1].upper()}{self.note[1:]}." if self.note else text

    def first(self) -> pd.Series:
        """Give the row of all rows that is told first: of the widest interval, else of the quantile predicted, else of the highest."""
        whole = self.table[self.table.group == WHOLE]
        kind = "interval" if (whole.kind == "interval").any() else "quantile"
        mine = whole[whole.kind == kind]
        aimed = mine[mine.nominal == self.aim] if kind == "quantile" and self.aim is not None else mine[:0]
        return aimed.iloc[0] if len(aimed) else mine.sort_values("nominal").iloc[-1]


def held_text(row: pd.Series, aim: float | None = None) -> str:
    """Say of one promise how often it held, beside what was promised."""
    came, n = percent(row.estimate, row.low, row.high), rows_text(int(row.n))
    if row.kind == "interval":
        wide = f"({say(row.mean_width)} wide on average)"
        return f"{came} of {n} lie within the interval {row.what} that promises {row.nominal:.1%} {wide}"
    if aim is not None and row.nominal == aim:
        return f"The model predicts {named(aim)}: {came} of {n} lie at or below its prediction, where {row.nominal:.1%} is promised"
    return f"{came} of {n} lie at or below the quantile that promises {row.nominal:.1%}"


def _verdict(row: pd.Series) -> str:
    if not np.isfinite(row.low):
        return "without an interval it cannot be said whether chance explains the difference"
    if not row.clear:
        equal = row.kind == "quantile" and row.low > row.nominal >= row.estimate - row.equal
        return (
            f"{row.equal:.1%} equal it, as a right one allows" if equal else "chance alone can explain the difference"
        )
    too = row.estimate < row.nominal
    if row.kind == "quantile":
        return "the quantile is too low" if too else "the quantile is too high"
    return "intervals are too narrow" if too else "intervals are wider than promised"


def interval_coverage(ev: Evaluation, *, by: str | None = None, level: float = 0.95) -> IntervalCoverage:
    """Count how often promised quantiles and intervals held.

    Parameters
    ----------
    ev : Evaluation of a regression with quantiles
        ``Evaluation.from_predictions(..., quantiles={0.05: low, 0.95: high})`` or ``Evaluation(model, frame, quantiles=...)``; or of a
        model that was trained for one quantile or several, which its loss tells.
    by : str, optional
        A column: the same for each of its levels (the 8 with the most rows).
    level : float, level of the intervals

    Raises
    ------
    NotApplicable
        In classification and without quantiles.
    """
    level = check_level(level)
    if ev.task != "regression":
        raise NotApplicable("the target is a class and not a number, so there are no quantiles of it")
    if not ev.quantiles:
        raise NotApplicable(
            "no quantiles are known here, and the model was not trained for one; give them as quantiles={0.05: ..., 0.95: ...} (columns, arrays or models that predict "
            "them), on the command line as --quantile 0.05=COL --quantile 0.95=COL"
        )
    codes, labels, note, conditions = None, [], "", {WHOLE: "TRUE"}
    if by:
        coding = ev.coding(by)
        size = np.bincount(coding.codes, minlength=len(coding.labels))
        kept = np.sort(np.argsort(-size, kind="stable")[:MOST_SLICES])
        kept = kept[size[kept] > 0]
        place = np.full(len(size), len(kept))
        place[kept] = np.arange(len(kept))
        codes, labels = place[coding.codes], [str(coding.labels[c]) for c in kept]
        conditions |= {str(coding.labels[c]): coding.conditions[c] for c in kept}
        left = int((size > 0).sum()) - len(kept)
        said = [coding.note] if coding.note else []
        note = "; ".join(said + ([f"{left:,} levels of {by} with fewer rows are left out"] if left else []))
    found = measure(
        ev.y,
        ev.quantiles,
        ev.weight,
        cluster=ev.cluster,
        codes=codes,
        labels=labels,
        by=by or None,
        note=note,
        level=level,
        source=ev.source,
    )
    return replace(found, aim=ev.aim, table=found.table.assign(where=found.table["group"].map(conditions)))


def measure(
    actual: Any,
    quantiles: Mapping[float, Any],
    weight: Any = None,
    *,
    cluster: Any = None,
    codes: Any = None,
    labels: Sequence[str] = (),
    by: str | None = None,
    note: str = "",
    level: float = 0.95,
    source: Source = UNNAMED,
) -> IntervalCoverage:
    """Count the same from arrays of shape (n_rows,): actual numbers, quantiles by share, weight >= 0, cluster codes.

    codes into labels cut the rows in slices (a code of len(labels) belongs to none).

    >>> found = measure([1.0, 2.0, 3.0, 9.0], {0.1: [0.0] * 4, 0.9: [4.0] * 4}).table
    >>> found[["what", "estimate"]].values.tolist()
    [['0.1', 0.0], ['0.9', 0.75], ['0.1 to 0.9', 0.75]]
    """
    level = check_level(level)
    y = np.asarray(actual, dtype=float)
    w = weights(weight, len(y))
    found = {float(q): np.asarray(v, dtype=float) for q, v in sorted(quantiles.items())}
    promises = [("quantile", f"{q:g}", q, y <= v, None, y < v) for q, v in found.items()]
    for q, low in found.items():
        mirror = next((m for m in found if m > 0.5 and abs(m - (1 - q)) < 1e-9), None)
        if q < 0.5 and mirror is not None:
            high = found[mirror]
            within = (y >= low) & (y <= high)
            promises.append(("interval", f"{q:g} to {mirror:g}", mirror - q, within, high - low, within))
    groups = [(WHOLE, np.zeros(len(y), dtype=np.int64), 1)]
    if codes is not None:
        groups.append(("", np.asarray(codes), len(labels) + 1))
    many = len(promises) * (1 + len(labels))
    tables = [
        _rows(promise, cut, [WHOLE] if name else list(labels), (w, weight is not None, cluster), level, many)
        for promise in promises
        for name, *cut in groups
    ]
    table = pd.concat(tables, ignore_index=True)
    table["order"] = [[WHOLE, *labels].index(g) for g in table.group]
    table = table.sort_values("order", kind="stable").drop(columns="order").reset_index(drop=True)
    stacked = np.column_stack(list(found.values()))
    crossed = int((np.diff(stacked, axis=1) < 0).any(axis=1).sum()) if len(found) > 1 else 0
    settings = {"by": by, "level": level}
    return IntervalCoverage(table=table, crossed=crossed, note=note, source=source, settings=settings)


def _rows(promise: tuple, cut: Sequence[Any], names: Sequence[str], of: tuple, level: float, many: int) -> pd.DataFrame:
    """Count one promise in some groups."""
    kind, what, nominal, held, width, below = promise
    w, weighted, cluster = of

    def cut_by(promised: np.ndarray) -> Groups:
        return Groups(one_group(promised, None, None, w if weighted else None, cluster).rows, *cut)

    def count(groups: Groups, at: float) -> Estimates:
        return binary_proportion("selection_rate", groups, at)  # the decision is here whether the promise held

    groups, most = cut_by(held), 1 - (1 - level) / many
    came, strict = count(groups, level), count(groups, most)
    surely = strict if (below == held).all() else count(cut_by(below), most)  # the estimate hangs on no level
    size = len(names)
    mean = np.full(size, np.nan)
    if width is not None:
        mean = share(np.bincount(cut[0], w * width, minlength=groups.count), groups.w)[:size]
    frame = pd.DataFrame(
        {
            "group": names,
            "kind": kind,
            "what": what,
            "nominal": nominal,
            "estimate": came.estimate[:size],
            "low": came.low[:size],
            "high": came.high[:size],
            "clear": ((surely.low > nominal) | (strict.high < nominal))[:size],
            "equal": (came.estimate - surely.estimate)[:size] if width is None else np.nan,
            "mean_width": mean,
            "n": groups.n[:size],
            "where": None,
        }
    )
    return frame[COLUMNS]
