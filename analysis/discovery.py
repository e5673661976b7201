"""Where does it fail? The search for slices on which a metric is bad: one half of the rows proposes, the other half judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.budget import checked_seconds
from modelglass.analysis.coding import OTHER, Coding
from modelglass.analysis.curves import chosen_class
from modelglass.analysis.date_parts import column_of, date_parts
from modelglass.analysis.difference import Difference, adjusted, difference
from modelglass.analysis.errors import InputError, NotApplicable, listed, unknown_name
from modelglass.analysis.estimated import many
from modelglass.analysis.estimates import Estimates, estimate
from modelglass.analysis.given import names, part_of_one, whole
from modelglass.analysis.groups import Groups, Rows, rows_of
from modelglass.analysis.halves import halves
from modelglass.analysis.joining import conjoined
from modelglass.analysis.metrics import METRICS, Function, Metric, aimed_loss, chosen_metrics
from modelglass.analysis.offering import SLICED_KINDS, sliced_by_default
from modelglass.analysis.own_metrics import SECONDS, Bootstrap
from modelglass.analysis.performance import check_level, in_sentence, metric_label, shown
from modelglass.analysis.progress import Progress, span, tell
from modelglass.analysis.proposing import Proposing, worse_of
from modelglass.analysis.ranges import ranges
from modelglass.analysis.result import Result
from modelglass.analysis.search import rows_in
from modelglass.analysis.source import UNNAMED, Source
from modelglass.analysis.weighted import as_equal_rows, equal_rows

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

FEWEST_ROWS = 200
BINS = (4, 10)
DEFAULT = {"binary": "accuracy", "multiclass": "accuracy", "regression": "mae"}
COLUMNS = [
    "slice",
    "where",
    "depth",
    "metric",
    "estimate",
    "low",
    "high",
    "n",
    "support",
    "rest",
    "effect",
    "effect_low",
    "effect_high",
    "p",
    "p_adjusted",
    "rows",
    "note",
]


def searched_metric(rows: Rows, metric: str | Function | Metric | None) -> Metric:
    """Give the metric asked for; else accuracy or MAE, of a model of a quantile the loss that it was trained for."""
    usual = DEFAULT[rows.task] if rows.aim is None else aimed_loss(rows.aim)
    return chosen_metrics(metric or usual, [], task=rows.task, score_kind=rows.score_kind, aim=rows.aim)[0]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class FoundSlices(Result):
    """Slices on which a metric is worse than on the rest.

    table       one row per slice that the judging half confirmed, worst first: slice (words), where (SQL condition), depth (conditions),
                metric, estimate, low, high (in the slice), n (rows of the judging half in it), support (rows the metric rests on), rest
                (the metric on all other rows), effect (slice less rest), effect_low, effect_high, p, p_adjusted (over all proposals),
                rows (in all the data), note. All numbers but rows are from the judging half only.
    proposed    the same of every proposal, confirmed or not, in the order proposed
    confirmed   True where p_adjusted <= settings["alpha"] and the slice is worse
    """

    table: pd.DataFrame
    proposed: pd.DataFrame
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give the confirmed slices, worst first."""
        return self.table

    def sentence(self) -> str:
        """Say the worst slice, or that there is none and where it was looked for."""
        s = self.settings
        label = metric_label(s["metric"], self.source.task, s.get("class_"))
        about = f"{many(s['slices'], 'slice')} of up to {many(s['depth'], 'condition')} over {many(len(s['columns']), 'column')}"
        early = (
            "" if s["complete"] else f" The time ran out after {s['searched']:,} of {s['prefixes']:,} pairs of columns."
        )
        if self.table.empty:
            return f"No slice with a surely worse {in_sentence(label)} was found among {about}; {len(self.proposed)} were proposed and none confirmed on {s['rows_judged']:,} other rows.{early}"
        row = self.table.iloc[0]
        more = f" {len(self.table)} of {len(self.proposed)} proposals were confirmed on {s['rows_judged']:,} other rows (adjusted p at most {s['alpha']:g})."
        return (
            f"{label} is worst where {row['slice']}: {shown(row['estimate'])} ({100 * s['level']:.4g} % interval {shown(row['low'])} to {shown(row['high'])}, "
            f"{row['n']:,} rows) against {shown(row['rest'])} on the rest, found among {about}.{more}{early}"
        )


def find_slices(
    ev: Evaluation,
    *,
    metric: str | Function | None = None,
    depth: int = 2,
    k: int = 10,
    support: int | None = None,
    columns: Sequence[str] | None = None,
    alpha: float = 0.05,
    adjust: str = "holm",
    class_: Any = None,
    level: float = 0.95,
    seconds: float | None = 60.0,
    progress: Progress | None = None,
) -> FoundSlices:
    """Search for the slices on which a metric is worst.

    Parameters
    ----------
    ev : Evaluation
    metric : name or function f(y_true, y_pred_or_score, sample_weight), optional
        Accuracy, or MAE in regression, without it.
    depth : int
        Conditions of a slice, 1 to 3.
    k : int
        At most so many slices are proposed, and judged.
    support : int, optional
        Fewest rows of a slice in each half; without it 1 % of the rows of a half, at least 30.
    columns : sequence of str, optional
        Columns to search; without it all that can be sliced, but for weights, clusters and names of rows that the model does not read.
    alpha : float
        A slice is confirmed where its adjusted p-value is at most this.
    adjust : {"holm", "bh"}
        Holm (1979): the chance of any false slice is at most alpha. Benjamini and Hochberg (1995): the share of false ones is.
    class_ : label of a class, optional
        Measure this class against the rest, as if there were only the two.
    seconds : float, optional
        The search ends after this time with what it has, and says so; a function of your own gets as long again for its intervals.

    Notes
    -----
    Half of the rows (whole clusters) proposes: the search is exact over all conjunctions (``search``), proposals that say the same are dropped,
    and a longer condition that adds nothing loses to the shorter one. All numbers come from the other half. In which half a row falls follows
    from its content (``halves``), so the order of the rows changes nothing.

    Raises
    ------
    InputError
        Unknown metric or column, a depth outside 1 to 3.
    NotApplicable
        Fewer than 200 rows (with weights by Kish's number), no column to search, or one value in all of those asked for.
    """
    rows = rows_of(ev, class_)
    chosen = searched_metric(rows, metric)
    codings = searched_codings(ev, columns)
    found = measure(
        rows,
        codings,
        chosen,
        depth=depth,
        k=k,
        support=support,
        alpha=alpha,
        adjust=adjust,
        level=level,
        seed=ev.seed,
        seconds=seconds,
        progress=progress,
        source=ev.source,
    )
    return replace(found, settings={**found.settings, "class_": chosen_class(class_)})


def codings_of(
    ev: Evaluation, columns: Sequence[str] | None = None, bins: Sequence[int] = BINS, *, recurring: bool = True
) -> list[Coding]:
    """Give the codings to search: categories, numbers in bins (coarse and fine), dates by period and by recurring part."""
    columns = names(columns, "columns")
    for name in columns:
        if name not in ev.columns:
            raise unknown_name("column", name, ev.columns)
        if name == ev.target:
            raise InputError(
                f"Expected columns to search in beside the target, {name!r}.", "Got the target.", "Leave it out."
            )
    wanted = (
        [c for c in ev.columns.values() if c.kind in SLICED_KINDS and c.name in columns]
        if columns
        else sliced_by_default(ev)
    )
    codings: list[Coding] = []
    for column in wanted:
        try:
            own = (
                [ev.coding(column.name, count) for count in bins]
                if column.kind == "numeric"
                else [ev.coding(column.name)]
            )
            codings += [c for i, c in enumerate(own) if all(c.labels != other.labels for other in own[:i])]
            codings += date_parts(ev.frame[column.name], column) if column.kind == "datetime" and recurring else []
        except NotApplicable:
            if columns:
                raise
    if not codings:
        raise NotApplicable("the data has no column to search for slices")
    if columns and not any(np.ptp(c.codes) for c in codings):
        held = listed(dict.fromkeys(f"{c.column}: {c.labels[int(c.codes[0])]}" for c in codings))
        raise NotApplicable(f"all of these rows hold the same ({held}), so there are no slices to compare")
    return codings


def searched_codings(ev: Evaluation, columns: Sequence[str] | None = None) -> list[Coding]:
    """Give what ``find_slices`` searches: ``codings_of``, and numbers and times cut in two at each edge of the coarse bins."""
    found = codings_of(ev, columns)
    coarse = {c.column: c for c in reversed(found) if c.bounds is not None}  # the first of each column stays
    return found + [cut for coding in reversed(coarse.values()) for cut in ranges(coding)]


def measure(
    rows: Rows,
    codings: Sequence[Coding],
    metric: Metric | str,
    *,
    depth: int = 2,
    k: int = 10,
    support: int | None = None,
    alpha: float = 0.05,
    adjust: str = "holm",
    level: float = 0.95,
    seed: int = 0,
    seconds: float | None = None,
    progress: Progress | None = None,
    source: Source = UNNAMED,
) -> FoundSlices:
    """The same from rows and codings; parameters as above."""
    metric = METRICS[metric] if isinstance(metric, str) else metric
    if adjust not in ("holm", "bh"):
        raise unknown_name("way to adjust p-values", str(adjust), ("holm", "bh"))
    whole(k, "k", 1), part_of_one(alpha, "alpha"), whole(depth, "depth", 1, 3)
    seconds = None if seconds is None else checked_seconds(seconds, or_none=True)
    level = check_level(level)
    codes = _table(codings)
    first, second = halves(rows, seed, codes)
    needs_rows(rows, first, second, "a search", "to propose slices and half to judge them")
    least = max(30, len(first) // 100) if support in (None, 0) else whole(support, "support", 1, len(first))
    proposing = Proposing(rows.cut(first), np.take(codes.T, first, axis=1).T, codings, metric, depth, least, seconds)
    proposals = proposing.proposals(k, span(progress, 0.0, 0.9))
    if not proposals and metric.function is None:  # none is worse, or nothing can be measured or judged
        _tellable(estimate(metric, Groups(rows, np.zeros(len(rows.y), np.int64), 1), level), metric)
    judged, their = rows.cut(second), np.take(codes.T, second, axis=1).T
    own = Bootstrap(seed=seed, seconds=seconds or SECONDS, progress=span(progress, 0.9, 1.0))
    found: list[Difference] = []
    for i, conditions in enumerate(proposals):
        tell(progress, 0.9 + 0.1 * i / len(proposals), "judging the proposals on the other half")
        found.append(difference(metric, judged, rows_in(their, conditions), level, own=own))
    table = _frame(metric, codings, codes, proposals, found, adjust)
    worse = worse_of(metric, table["effect"].to_numpy(float))
    table["confirmed"] = (table["p_adjusted"].to_numpy(float) <= alpha) & worse
    kept = table[table["confirmed"]]
    order = np.argsort(-np.abs(kept["effect"].to_numpy(float)), kind="stable")
    settings = {
        "metric": metric.name,
        "depth": depth,
        "k": k,
        "support": least,
        "alpha": alpha,
        "adjust": adjust,
        "level": level,
        "columns": list(dict.fromkeys(column_of(c) for c in codings)),
        "slices": proposing.slices,
        "rows_proposing": len(first),
        "rows_judged": len(second),
        "searched": proposing.searched,
        "prefixes": proposing.prefixes,
        "complete": proposing.searched >= proposing.prefixes,
    }
    return FoundSlices(
        table=kept.iloc[order].drop(columns="confirmed").reset_index(drop=True),
        proposed=table,
        source=source,
        settings=settings,
    )


def needs_rows(rows: Rows, first: np.ndarray, second: np.ndarray, what: str, halves_for: str) -> None:
    """Refuse halves of too few rows, and weights that make rows count for too few."""
    few = equal_rows(rows.weight, len(rows.y)) < FEWEST_ROWS * (1 - 1e-9)
    if few or len(first) < FEWEST_ROWS // 2 or len(second) < FEWEST_ROWS // 2:
        raise NotApplicable(
            f"{what} needs at least {FEWEST_ROWS} rows, half of them {halves_for}; there are "
            f"{as_equal_rows(rows.weight, len(rows.y))}"
        )


def needs_value(metric: Metric, value: float) -> None:
    """Refuse a metric that has no value on all rows."""
    if not np.isfinite(value):
        raise NotApplicable(f"{metric.label} of all these rows cannot be told, so nor can where it is worse")


def _tellable(everyone: Estimates, metric: Metric) -> None:
    """Refuse a metric that cannot be told of all rows, or whose intervals hold their level nowhere: no slice could be surely worse."""
    needs_value(metric, float(everyone.estimate[0]))
    if not np.isfinite(everyone.low[0]):
        instead = ' ("calibration_gap" and "excess_log_loss" have intervals)' if metric.name == "ece" else ""
        raise NotApplicable(
            f"no slice can be called surely worse by {in_sentence(metric.label)}: {everyone.note[0]}{instead}"
        )


def _table(codings: Sequence[Coding]) -> np.ndarray:
    """Give the codes of all columns, (n_rows, m), small and each column by itself in memory."""
    most = max(len(c.labels) for c in codings)
    table = np.empty((len(codings), len(codings[0].codes)), np.uint8 if most <= 256 else np.uint16)
    for row, coding in zip(table, codings):
        row[:] = coding.codes
    return table.T


def _frame(
    metric: Metric,
    codings: Sequence[Coding],
    codes: np.ndarray,
    proposals: Sequence[Sequence[tuple[int, int]]],
    found: Sequence[Difference],
    adjust: str,
) -> pd.DataFrame:
    p = adjusted([d.p for d in found], adjust) if found else np.zeros(0)
    rows = [
        {
            "slice": words(codings, conditions),
            "where": conjoined(*(codings[c].conditions[v] for c, v in conditions)),
            "depth": len(conditions),
            "metric": metric.name,
            **{
                name: getattr(d, name)
                for name in (
                    "estimate",
                    "low",
                    "high",
                    "n",
                    "support",
                    "rest",
                    "effect",
                    "effect_low",
                    "effect_high",
                    "p",
                )
            },
            "p_adjusted": float(p[i]),
            "rows": int(rows_in(codes, conditions).sum()),
            "note": d.note,
        }
        for i, (conditions, d) in enumerate(zip(proposals, found))
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def words(codings: Sequence[Coding], conditions: Sequence[tuple[int, int]]) -> str:
    """Write a conjunction for people."""
    parts = []
    for column, level in conditions:
        label = codings[column].labels[level]
        verb = " is " if label[:1] not in "<>" else " "
        parts.append(f"{codings[column].column}{verb}{label if label != OTHER else 'another value'}")
    return " and ".join(parts)
