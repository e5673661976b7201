"""What the baselines add to the findings: where the model is not surely better than something simple."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modelglass.analysis.baselines import Baselines, baselines
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.finding import Budget, Finding, Severity
from modelglass.analysis.performance import in_sentence, shown
from modelglass.analysis.weighted import as_equal_rows, equal_rows

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

FEWEST_WEIGHED = 200
"""Weights that leave rows to count for fewer than these leave many a good model not surely better than a simple one."""
ALIKE = 0.995
"""Rank correlation of predictions above which a baseline is the model itself by another name."""


def find(ev: Evaluation, budget: Budget) -> list[Finding]:
    """Say where the model is not surely better than a baseline."""
    budget.used = min(ev.n, budget.rows)
    ev = ev.sample(budget.used)
    result = baselines(ev, progress=budget.progress)
    if not result.table["gain_low"].notna().any():
        raise NotApplicable("no difference from a simple prediction has an interval here")
    out = []
    told = equal_rows(ev.weight, ev.n) >= FEWEST_WEIGHED or ev.weight is None
    if not told:
        budget.note = f"that it is not surely better is not told of {as_equal_rows(ev.weight, ev.n)}"
    for key in ("constant", "single", "linear"):
        rows = result.table[(result.table["baseline"] == key) & result.table["gain_low"].notna()]
        records = [row for row in rows.to_dict("records") if told or row["gain_high"] < 0]
        found = [f for row in records if (f := _finding(ev, result, row)) is not None]
        out += found[:1]
    return out


def _finding(ev: Evaluation, result: Baselines, row: dict[str, Any]) -> Finding | None:
    same = result.alike.get(row["baseline"], 0.0) >= ALIKE or (row["baseline"] == "linear" and _linear(ev.estimator))
    if row["gain_low"] > 0 or same:
        return None
    worse = row["gain_high"] < 0
    simple = row["baseline"] == "constant"
    ranks = result.table[(result.table["baseline"] == row["baseline"]) & (result.table["metric"] == "roc_auc")][
        "gain_low"
    ]
    told = bool(len(ranks) and ranks.iloc[0] > 0)  # it ranks well, its probabilities are off
    severity: Severity = "medium"
    if simple and (worse or row["gain"] <= 0) and not told:
        severity = "high"
    label = in_sentence(row["label"])
    advice = "Use the simple one, or find out what keeps the model from learning: its columns, its fit, or the way it is fed."
    if told:
        advice = "It ranks rows well, but its probabilities are off: recalibrate them before they are used as such."
    elif simple:
        advice = "It adds nothing to an answer that looks at no column: check that columns and labels reach it as in training."
    return Finding(
        kind="no_better_than_simple",
        severity=severity,
        sentence=(
            f"By {label} the model ({shown(row['model'])}) is {'worse than' if worse else 'not surely better than'} {row['name']} "
            f"({shown(row['estimate'])}, {_fitted_on(row['how'])}): a gain of {shown(row['gain'])} (interval {shown(row['gain_low'])} to "
            f"{shown(row['gain_high'])}) over {rows_text(ev.n)}"
        ),
        n=ev.n,
        estimate=row["gain"],
        low=row["gain_low"],
        high=row["gain_high"],
        features=(row["name"].removesuffix(" alone"),) if row["baseline"] == "single" else (),
        evidence="baselines",
        settings={"metrics": [row["metric"]]},
        advice=advice,
        harm=1.0 if simple else 0.5,
    )


def _linear(estimator: Any) -> bool:
    """Tell whether an estimator, or the last step of a pipeline, is linear itself."""
    last = estimator.steps[-1][1] if getattr(estimator, "steps", None) else estimator
    return (
        hasattr(last, "coef_")
        and np.ndim(last.coef_) <= 2
        and not hasattr(last, "support_vectors_")
        and not hasattr(last, "coefs_")
    )


def _fitted_on(how: str) -> str:
    return {"training data": "fitted on the training data", "these rows": "of these rows"}.get(how, how)
