"""What the search for slices adds to the findings: slices where the model is wrong in a way it does not know, then slices that are hard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from modelglass.analysis.aimed import below, no_ties
from modelglass.analysis.discovery import FoundSlices, measure, searched_codings
from modelglass.analysis.estimates_promises import calibration_gaps
from modelglass.analysis.estimates_scores import brier_losses
from modelglass.analysis.finding import Budget, Finding, Severity
from modelglass.analysis.groups import Rows, against_rest, rows_of
from modelglass.analysis.performance import metric_label, off, shown
from modelglass.analysis.progress import span
from modelglass.analysis.sql_text import columns_in
from modelglass.analysis.wording import class_name, outward, percent, points_off

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

TOLD = 3
MOST_CLASSES = 4
"""Classes whose promises are searched one by one, the most frequent first."""
MATERIAL = 0.01
"""A slice is of high severity where what is surely wrong there makes up this share of the loss of all rows (squared error or Brier score)
..."""
OFF = {"bias": 0.25, "calibration_gap": 0.05, "excess_brier_score": 0.025}
"""... and is surely this far off: in RMSE of all rows, in probability, in Brier score."""
HARDER = 0.25
"""A slice that is merely hard (the model knows it) is told where its error is surely larger than that of the rest by this part of it."""
SIGNED = ("bias", "calibration_gap")
_ADVICE = {
    "excess_brier_score": "Look at these rows: labels, a column read wrongly, or too few such rows in training; recalibrate or retrain there.",
    "calibration_gap": "Look at these rows: labels, a column read wrongly, or too few such rows in training; recalibrate or retrain there.",
    "bias": "Look at these rows: labels, units, or too few such rows in training; correct the offset or retrain there.",
    "accuracy": "More columns that tell these rows apart would help, or a second opinion.",
    "mae": "Errors are larger here; state wider uncertainty for these rows, or add columns that tell them apart.",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class _Search:
    """One metric searched: the rows it is measured on, of which class (None: all), and what shows its slices."""

    metric: str
    rows: Rows
    class_: str | None = None
    whole: float = 1.0
    unit: float = 1.0
    more: Mapping[str, Any] = field(default_factory=dict)


def find(ev: Evaluation, budget: Budget) -> list[Finding]:
    """Give the worst slices by metrics that are 0 where the model is right about itself, and by plain error."""
    searches, codings = _searches(ev), searched_codings(ev)
    out: list[Finding] = []
    early = 0
    for i, search in enumerate(searches):
        found = measure(
            search.rows,
            codings,
            search.metric,
            seed=ev.seed,
            seconds=max(budget.left() / (len(searches) - i), 0.5),
            progress=span(budget.progress, i / len(searches), (i + 1) / len(searches)),
            source=ev.source,
        )
        out += _worst(ev, search, found, len(searches))
        early += not found.settings["complete"]
    if early:
        budget.note = (
            f"the time ran out in {early} of {len(searches)} searches before all pairs of columns were looked at"
        )
    return out


def _searches(ev: Evaluation) -> list[_Search]:
    rows = rows_of(ev)
    if ev.aim is not None:
        no_ties(rows)
        held = below(rows)
        return [_Search(metric="calibration_gap", rows=held, whole=_squared_gaps(held))]
    if ev.task == "regression":
        mse = float(np.average((rows.predicted - rows.y) ** 2, weights=rows.weight))
        return [
            _Search(metric="bias", rows=rows, whole=mse, unit=float(np.sqrt(mse))),
            _Search(metric="mae", rows=rows, unit=float(np.sqrt(mse))),
        ]
    if not rows.probability:
        return [_Search(metric="accuracy", rows=rows)]
    loss = float(np.average(brier_losses(rows), weights=rows.weight))
    classes = [None] if ev.task == "binary" else np.argsort(-np.bincount(rows.y, minlength=rows.classes))[:MOST_CLASSES]
    gaps = []
    for code in classes:
        mine = rows if code is None else against_rest(rows, int(code))
        name = None if code is None else str(ev.classes[code])
        gaps.append(_Search(metric="calibration_gap", rows=mine, whole=_squared_gaps(mine), class_=name))
    return [_Search(metric="excess_brier_score", rows=rows, whole=loss), *gaps, _Search(metric="accuracy", rows=rows)]


def _squared_gaps(rows: Rows) -> float:
    """Give the mean squared gap between promise and outcome: the Brier score."""
    return float(np.average(calibration_gaps(rows) ** 2, weights=rows.weight))


def _worst(ev: Evaluation, search: _Search, found: FoundSlices, searches: int) -> list[Finding]:
    """Tell of the slices that are most surely worse; those that are right where the rest is wrong are no weak slices.

    Of slices that are only hard, and less than twice as hard as the rest, one says it: rows differ in how hard they are, and the model knows.
    """
    known = found.frame().dropna(subset=["low", "high", "effect_low", "effect_high"])  # no finding without an interval
    rows = [r for r in known.to_dict("records") if _counts(search.metric, r)]
    rows.sort(key=lambda r: -abs(r["effect"]) / max(r["effect_high"] - r["effect_low"], 1e-300))
    told = [_told(ev, search, row, searches) for row in rows[:TOLD]]
    first = next((i for i, f in enumerate(told) if f.severity == "low"), None)
    return [f for i, f in enumerate(told) if f.severity != "low" or i == first]


def _counts(metric: str, row: Mapping[str, Any]) -> bool:
    if metric in SIGNED:
        return _is_off(row)
    if metric in OFF:
        return True
    rest = 1 - row["rest"] if metric == "accuracy" else row["rest"]
    return _surely(row["effect_low"], row["effect_high"]) >= HARDER * rest


def _is_off(row: Mapping[str, Any]) -> bool:
    return not row["low"] <= 0 <= row["high"] and abs(row["estimate"]) > abs(row["rest"])


def _told(ev: Evaluation, search: _Search, row: Mapping[str, Any], searches: int) -> Finding:
    metric, share = search.metric, _share(ev, row)
    surely = _surely(row["low"], row["high"])
    lost = share * (surely**2 if metric in SIGNED else surely) / max(search.whole, 1e-300)
    columns = columns_in(row["where"], ev.columns)
    shows: dict[str, Any] = {"evidence": "find_slices", "settings": {"metric": metric}}
    if ev.aim is not None:
        shows = {"evidence": "interval_coverage", "settings": {"by": columns[0]}}
    elif search.class_ is not None:
        by = "*".join(columns)
        shows = {"evidence": "slice_metrics", "settings": {"by": [by], "metrics": [metric], "class_": search.class_}}
    return Finding(
        kind="weak_slice",
        severity=_severity(search, row, surely, lost),
        sentence=_sentence(ev, search, row),
        where=row["where"],
        features=columns,
        estimate=row["estimate"],
        low=row["low"],
        high=row["high"],
        n=int(row["n"]),
        p_adjusted=min(row["p_adjusted"] * searches, 1.0),
        advice=_advice(ev, search, row),
        harm=lost if metric in OFF else share * abs(row["effect"]) / search.unit,
        **shows,
    )


def _advice(ev: Evaluation, search: _Search, row: Mapping[str, Any]) -> str:
    """Say what could be done; that the model knows that rows are hard only where it promises no more than came true."""
    rows, metric = search.rows, "bias" if ev.aim is not None else search.metric
    if metric != "accuracy" or not rows.probability or rows.score is None:
        return _ADVICE[metric]
    here = np.isin(ev.rows, ev.where(row["where"]).rows)
    promised = float(np.average(_sureness(rows)[here], weights=None if rows.weight is None else rows.weight[here]))
    if promised > row["high"]:
        return (
            f"The model promises {percent(promised)} right there and does not know better. {_ADVICE['calibration_gap']}"
        )
    return f"The model says itself that these rows are hard ({percent(promised)} right by its probabilities). {_ADVICE[metric]}"


def _sureness(rows: Rows) -> np.ndarray:
    """Give the probability of what is predicted, (n,)."""
    score = np.asarray(rows.score, float)
    if score.ndim == 1:
        return np.where(rows.predicted == 1, score, 1 - score)
    return score[np.arange(len(score)), rows.predicted.astype(np.int64)]


def _share(ev: Evaluation, row: Mapping[str, Any]) -> float:
    """Give the share of all weight that lies in a slice."""
    whole = ev.weight
    inside = None if whole is None else ev.where(row["where"]).weight
    return float(row["rows"] / ev.n) if whole is None or inside is None else float(inside.sum() / whole.sum())


def _sentence(ev: Evaluation, search: _Search, row: Mapping[str, Any]) -> str:
    metric, where = search.metric, row["slice"]
    judged = f"; judged on {row['n']:,} rows that did not propose it"
    if ev.aim is not None:
        came = percent(ev.aim - row["estimate"], ev.aim - row["high"], ev.aim - row["low"])
        return (
            f"{came} of outcomes lie at or below the prediction where {where}, against {percent(ev.aim - row['rest'])} on the rest; "
            f"it promises {percent(ev.aim)}{judged}"
        )
    near, far = outward(row["estimate"], row["low"], row["high"])
    here, low, high, rest = (shown(row[name]) for name in ("estimate", "low", "high", "rest"))
    if metric == "bias":
        return (
            f"Predictions of {ev.target} are {off(row['estimate'])} on average (interval {shown(near)} to {shown(far)}) "
            f"where {where}, and {off(row['rest'])} on the rest{judged}"
        )
    if metric == "calibration_gap":
        of = ev.positive if search.class_ is None else search.class_
        return (
            f"The probability of {class_name(of)} is {points_off(row['estimate'])} (interval {100 * near:.1f} to {100 * far:.1f}) where {where}, "
            f"and {points_off(row['rest'])} on the rest{judged}"
        )
    if metric == "excess_brier_score":
        return (
            f"The model is surer than it is right where {where}: the Brier score is {here} (interval {low} to {high}) above what the "
            f"probabilities promise, against {rest} on the rest{judged}"
        )
    label = metric_label(metric, ev.task)
    return f"{label} is {here} (interval {low} to {high}) where {where}, against {rest} on the rest{judged}"


def _surely(low: float, high: float) -> float:
    """Give how far from 0 something is at least: the end of its interval nearest to 0."""
    return 0.0 if low <= 0 <= high else min(abs(low), abs(high))


def _severity(search: _Search, row: Mapping[str, Any], surely: float, lost: float) -> Severity:
    if search.metric in OFF:
        return "high" if lost >= MATERIAL and surely >= OFF[search.metric] * search.unit else "medium"
    if search.metric == "accuracy":
        return "medium" if 1 - row["estimate"] > 2 * (1 - row["rest"]) else "low"
    return "medium" if row["estimate"] > 2 * row["rest"] else "low"
