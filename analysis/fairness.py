"""Are groups of people treated alike? Rates by group, and each group's difference and ratio to a reference group, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.curves import chosen_class
from modelglass.analysis.difference import Difference, adjusted, difference
from modelglass.analysis.errors import InputError, NotApplicable, unknown_name
from modelglass.analysis.estimates import estimate
from modelglass.analysis.given import part_of_one
from modelglass.analysis.groups import Groups, Rows, rows_of
from modelglass.analysis.metrics import METRICS, Metric, aimed_loss, chosen_metrics, reason_against
from modelglass.analysis.performance import check_level, metric_label, shown
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.result import Result
from modelglass.analysis.source import UNNAMED, Source

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

SMALL = 50
"""Groups of fewer rows are flagged."""
MOST_GROUPS = 60
USUAL = {
    "binary": ("selection_rate", "recall", "fpr", "precision", "calibration_gap", "accuracy"),
    "multiclass": ("accuracy", "balanced_accuracy"),
    "regression": ("bias", "mae"),
}
COLUMNS = ["columns", "group", "where", "metric", "estimate", "low", "high", "n", "support", "reference"]
COLUMNS += ["difference", "difference_low", "difference_high", "ratio", "ratio_low", "ratio_high", "p_adjusted", "note"]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Fairness(Result):
    """Rates by group, each beside a reference group.

    table     one row per group and metric: columns, group, where (SQL condition), metric, estimate, low, high, n (rows of the group), support
              (rows the metric rests on), reference (name of the group compared with; of its own rows the comparison is NaN), difference (group
              less reference) and ratio (group over reference), each with low and high, p_adjusted (of no difference; Holm over all of
              the table), note (small groups are flagged)
    spread    one row per columns and metric: highest and lowest group, their difference and ratio (fairlearn's "between groups" numbers;
              without interval, because the two were picked as the extremes)
    """

    table: pd.DataFrame
    spread: pd.DataFrame
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row per group and metric."""
        return self.table

    def sentence(self) -> str:
        """Say the surest difference, or that none is sure."""
        rows = self.table[self.table["p_adjusted"].notna()]
        n = len(self.table[["columns", "group"]].drop_duplicates())
        about = f"{n} groups of {self.settings['rows']:,} rows"
        if rows.empty:
            return f"No difference between groups can be told among {about}."
        sure = rows[rows["p_adjusted"] <= self.settings["alpha"]]
        if sure.empty:
            return f"No sure difference from the reference group was found among {about} and {self.table['metric'].nunique()} rates."
        size = (sure["difference"] / (sure["difference_high"] - sure["difference_low"])).abs()
        row = sure.loc[size.idxmax()]
        label = metric_label(row["metric"], self.source.task, self.settings.get("class_"))
        return (
            f"{label} differs most surely where {row['columns']} is {row['group']}: {shown(row['estimate'])} against "
            f"{shown(row['estimate'] - row['difference'])} where it is {row['reference']}, a difference of {shown(row['difference'])} "
            f"({100 * self.settings['level']:.4g} % interval {shown(row['difference_low'])} to {shown(row['difference_high'])}, {row['n']:,} rows); "
            f"{len(sure)} of {len(rows)} differences among {about} are sure."
        )


def fairness(
    ev: Evaluation,
    *,
    groups: str | Sequence[str | Sequence[str]] | None = None,
    metrics: Sequence[str] | str | None = None,
    reference: str | None = None,
    class_: Any = None,
    level: float = 0.95,
    alpha: float = 0.05,
    progress: Progress | None = None,
) -> Fairness:
    """Compare groups by named columns.

    Parameters
    ----------
    ev : Evaluation
    groups : column, or list of columns and tuples of them (or "a*b") for intersections
        Required: which columns name groups of people is not for a program to guess.
    metrics : names, optional
        Selection rate, recall (true positive rate), false positive rate, precision (positive predictive value), calibration gap
        and accuracy without it; bias and MAE in regression.
    reference : str, optional
        Name of the group to compare with; the largest one of each column without it.
    class_ : label of a class, optional
        Measure this class against the rest, as if there were only the two.

    Raises
    ------
    InputError
        Unknown column, metric or reference group.
    NotApplicable
        Without groups; for a column with one group.
    """
    from modelglass.analysis.slices import groupings_of

    if not groups:
        raise NotApplicable("no column of groups was named: set groups, for example to sex or to sex*race")
    rows = rows_of(ev, class_)
    names = USUAL[rows.task] if ev.aim is None else dict.fromkeys((aimed_loss(ev.aim), "mae"))
    usual = [METRICS[m] for m in names if reason_against(METRICS[m], rows.task, ev.score_kind, ev.aim) is None]
    chosen = chosen_metrics(metrics, usual, task=rows.task, score_kind=ev.score_kind, aim=ev.aim)
    cuts = [(g.columns, g.codes, g.labels, g.conditions) for g in groupings_of(ev, groups)]
    found = _measure(rows, cuts, chosen, reference, level, alpha, ev.source, progress)
    return replace(found, settings={**found.settings, "class_": chosen_class(class_)})


Cut = tuple[str, np.ndarray, Sequence[str], Sequence[str | None]]


def measure(
    y_true: np.ndarray,
    predicted: np.ndarray,
    groups: Mapping[str, Any],
    score: np.ndarray | None = None,
    weight: np.ndarray | None = None,
    *,
    metrics: Sequence[str] = ("selection_rate", "recall", "fpr", "precision"),
    reference: str | None = None,
    level: float = 0.95,
    alpha: float = 0.05,
    source: Source = UNNAMED,
) -> Fairness:
    """The same from arrays of shape (n,), two classes: codes 0/1, and labels of groups by name.

    >>> found = measure([1, 0, 1, 0], [1, 1, 0, 0], {"side": ["l", "l", "r", "r"]}, metrics=["selection_rate"])
    >>> found.spread[["highest", "lowest", "difference"]].to_numpy().tolist()
    [['l', 'r', 1.0]]
    """
    rows = Rows(
        task="binary",
        y=np.asarray(y_true),
        predicted=np.asarray(predicted),
        score=None if score is None else np.asarray(score, float),
        probability=score is not None,
        weight=None if weight is None else np.asarray(weight, float),
    )
    cuts: list[Cut] = []
    for name, labels in groups.items():
        codes, levels = pd.factorize(np.asarray(labels), sort=True, use_na_sentinel=False)
        cuts.append((name, codes, [str(v) for v in levels], [None] * len(levels)))
    return _measure(rows, cuts, [METRICS[m] for m in metrics], reference, level, alpha, source, None)


def _measure(
    rows: Rows,
    cuts: Sequence[Cut],
    chosen: Sequence[Metric],
    reference: str | None,
    level: float,
    alpha: float,
    source: Source,
    progress: Progress | None,
) -> Fairness:
    level, alpha = check_level(level), part_of_one(alpha, "alpha")
    parts = []
    for i, (columns, codes, labels, conditions) in enumerate(cuts):
        sizes = np.bincount(codes, minlength=len(labels))
        used = np.flatnonzero(sizes)
        if len(used) < 2:
            raise NotApplicable(f"{columns} has only one group here: {labels[int(used[0])]}")
        if len(used) > MOST_GROUPS:
            raise InputError(
                f"Expected at most {MOST_GROUPS} groups in {columns}.",
                f"Got {len(used)}.",
                "Choose columns with fewer levels.",
            )
        base = _reference(reference, labels, sizes, columns, len(cuts))
        for j, metric in enumerate(chosen):
            tell(progress, (i + j / len(chosen)) / len(cuts), f"comparing groups of {columns}")
            parts += [
                {"columns": columns, "where": conditions[g], **row}
                for g, row in _compared(metric, rows, codes, labels, used, base, level)
            ]
    table = pd.DataFrame(parts)
    table["p_adjusted"] = adjusted(table.pop("p").to_numpy(float))
    settings = {
        "metrics": [m.name for m in chosen],
        "groups": [c[0] for c in cuts],
        "level": level,
        "alpha": alpha,
        "rows": len(rows.y),
    }
    return Fairness(table=table[COLUMNS], spread=_spread(table), source=source, settings=settings)


def _reference(asked: str | None, labels: Sequence[str], sizes: np.ndarray, columns: str, cuts: int) -> int:
    if asked is None or (asked not in labels and cuts > 1):
        return int(sizes.argmax())
    if asked not in labels:
        raise unknown_name(f"group of {columns}", asked, labels)
    return list(labels).index(asked)


def _compared(
    metric: Metric, rows: Rows, codes: np.ndarray, labels: Sequence[str], used: np.ndarray, base: int, level: float
) -> list[tuple[int, dict[str, Any]]]:
    found = estimate(metric, Groups(rows, codes, len(labels)), level)
    sizes = np.bincount(codes, minlength=len(labels))
    out = []
    for g in (int(u) for u in used):
        row: dict[str, Any] = {
            "group": labels[g],
            "metric": metric.name,
            "estimate": float(found.estimate[g]),
            "low": float(found.low[g]),
            "high": float(found.high[g]),
            "n": int(sizes[g]),
            "support": int(found.support[g]),
            "reference": labels[base],
            **dict.fromkeys(
                ("difference", "difference_low", "difference_high", "ratio", "ratio_low", "ratio_high", "p"), np.nan
            ),
            "note": _note(found.note[g], int(sizes[g])),
        }
        if g != base:
            places = np.flatnonzero((codes == g) | (codes == base))
            row |= _against(
                difference(metric, rows.cut(places), codes[places] == g, level),
                float(found.low[base]),
                float(found.high[base]),
                metric,
            )
        out.append((g, row))
    return out


def _note(note: str, n: int) -> str:
    small = f"small group: {n} rows" if n < SMALL else ""
    return "; ".join(part for part in (str(note), small) if part)


def _against(d: Difference, base_low: float, base_high: float, metric: Metric) -> dict[str, float]:
    """Difference, and the ratio on the log scale by joining the two intervals (Zou and Donner 2008); none for signed rates."""
    row = {"difference": d.effect, "difference_low": d.effect_low, "difference_high": d.effect_high, "p": d.p}
    if metric.range[0] < 0 or not d.rest > 0:
        return row
    row["ratio"] = d.estimate / d.rest
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log([d.estimate, d.low, d.high, d.rest, base_low, base_high])
    if np.isfinite(logs[[0, 2, 3, 4]]).all():
        here, low, high, rest, rest_low, rest_high = logs
        row["ratio_low"] = float(np.exp(here - rest - np.hypot(here - low, rest_high - rest)))
        row["ratio_high"] = float(np.exp(here - rest + np.hypot(high - here, rest - rest_low)))
    return row


def _spread(table: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for (columns, metric), part in table[table["estimate"].notna()].groupby(["columns", "metric"], sort=False):
        high, low = part.loc[part["estimate"].idxmax()], part.loc[part["estimate"].idxmin()]
        rows.append(
            {
                "columns": columns,
                "metric": metric,
                "highest": high["group"],
                "lowest": low["group"],
                "difference": high["estimate"] - low["estimate"],
                "ratio": low["estimate"] / high["estimate"] if high["estimate"] else np.nan,
            }
        )
    return pd.DataFrame(rows, columns=["columns", "metric", "highest", "lowest", "difference", "ratio"])
