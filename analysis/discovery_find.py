"""What the search for slices adds to the findings: slices where the model is wrong in a way it does not know, then slices that are hard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modelglass.analysis.discovery import FoundSlices, find_slices
from modelglass.analysis.finding import Budget, Finding, Severity
from modelglass.analysis.performance import metric_label, shown
from modelglass.analysis.progress import span

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

TOLD = 3
SURE_OF_ITSELF = 0.05
"""Excess log loss (nats a row) whose lower limit above this is of high severity."""
OFF = 0.1
"""Bias, as a share of the RMSE of all rows, whose limit beyond this is of high severity."""
_ADVICE = {
    "excess_log_loss": "Look at these rows: labels, a column read wrongly, or too few such rows in training; recalibrate or retrain there.",
    "bias": "Look at these rows: labels, units, or too few such rows in training; correct the offset or retrain there.",
    "accuracy": "The model says itself that these rows are hard; more columns that tell them apart would help, or a second opinion.",
    "mae": "Errors are larger here; state wider uncertainty for these rows, or add columns that tell them apart.",
}


def find(ev: Evaluation, budget: Budget) -> list[Finding]:
    """Give the worst slices by two metrics: one that is 0 where the model is right about itself, and one of plain error."""
    if ev.task == "regression":
        metrics = ["bias", "mae"]
    else:
        metrics = (["excess_log_loss"] if ev.score_kind == "probability" else []) + ["accuracy"]
    out: list[Finding] = []
    for i, metric in enumerate(metrics):
        found = find_slices(
            ev,
            metric=metric,
            seconds=max(budget.left() / (len(metrics) - i), 0.5),
            progress=span(budget.progress, i / len(metrics), (i + 1) / len(metrics)),
        )
        out += [_told(ev, found, row, len(metrics)) for row in found.frame().head(TOLD).to_dict("records")]
    return out


def _told(ev: Evaluation, found: FoundSlices, row: dict[str, Any], searches: int) -> Finding:
    metric = str(found.settings["metric"])
    label = metric_label(metric, ev.task)
    share = row["rows"] / ev.n
    return Finding(
        kind="weak_slice",
        severity=_severity(ev, metric, row),
        sentence=(
            f"{label} is {shown(row['estimate'])} (interval {shown(row['low'])} to {shown(row['high'])}) where {row['slice']}, against "
            f"{shown(row['rest'])} on the rest; judged on {row['n']:,} rows that did not propose it"
        ),
        where=row["where"],
        features=tuple(dict.fromkeys(_columns(ev, row["where"]))),
        estimate=row["estimate"],
        low=row["low"],
        high=row["high"],
        n=int(row["n"]),
        p_adjusted=min(row["p_adjusted"] * searches, 1.0),
        evidence="find_slices",
        settings={"metric": metric},
        advice=_ADVICE[metric],
        harm=share * abs(row["effect"]) / max(_scale(ev, metric), 1e-300),
    )


def _severity(ev: Evaluation, metric: str, row: dict[str, Any]) -> Severity:
    if metric == "excess_log_loss":
        return "high" if row["low"] > SURE_OF_ITSELF else "medium"
    if metric == "bias":
        nearest = 0.0 if row["low"] < 0 < row["high"] else min(abs(row["low"]), abs(row["high"]))
        return "high" if nearest > OFF * _scale(ev, metric) else "medium"
    if metric == "accuracy":
        return "medium" if 1 - row["estimate"] > 2 * (1 - row["rest"]) else "low"
    return "medium" if row["estimate"] > 2 * row["rest"] else "low"


def _scale(ev: Evaluation, metric: str) -> float:
    """Give what a difference is large against: 1 for shares and nats, the RMSE for values."""
    if metric in ("bias", "mae"):
        return float(np.sqrt(np.average((ev.predicted - ev.y) ** 2, weights=ev.weight)))
    return 1.0


def _columns(ev: Evaluation, where: str) -> list[str]:
    from modelglass.analysis.conditions import quote_name

    return [name for name in ev.columns if quote_name(name) in where]
