"""What promises as a whole add to the findings: probabilities that do not hold over all rows, values that are too high or too low on average."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modelglass.analysis.aimed import no_mean
from modelglass.analysis.calibration import calibration
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.estimates import estimate
from modelglass.analysis.estimates_promises import excess_brier_losses
from modelglass.analysis.finding import Budget, Finding
from modelglass.analysis.groups import Groups, Rows, against_rest, rows_of
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.performance import shown

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

LARGE, WORTH_A_LOOK = 0.05, 0.02
"""Average gap between promise and outcome beyond what chance gives in 99 % of cases: of high, of medium severity."""
LARGE_BIAS, BIAS_WORTH_A_LOOK = 0.25, 0.1
"""Mean error, whose end nearer to 0 is beyond this, in RMSE."""
LEVEL = 0.99
ONE_SIDED = 0.7
"""Where the mean gap makes up this share of the average one, promises are too high, or too low, rather than too bold or too timid."""


def find(ev: Evaluation, budget: Budget) -> list[Finding]:
    """Say where probabilities are off by more than chance explains: of two classes, or of the worst of several."""
    if ev.score_kind != "probability":
        raise NotApplicable("the model gives no probabilities")
    found = calibration(ev, level=LEVEL)
    summary = found.summary
    beyond = (summary["gap"] - summary["gap_if_perfect_high"]).to_numpy(float)
    if not np.isfinite(beyond).any():
        raise NotApplicable("what chance alone would give cannot be told")
    worst = int(np.nanargmax(beyond))
    if beyond[worst] < WORTH_A_LOOK:
        return []
    row = summary.iloc[worst].to_dict()
    code = 1 if ev.task == "binary" else [str(c) for c in ev.classes].index(str(row["group"]))
    return [_told(ev, row, float(beyond[worst]), against_rest(rows_of(ev), code))]


def _told(ev: Evaluation, row: dict[str, Any], beyond: float, rows: Rows) -> Finding:
    how, advice = _way(row, rows)
    return Finding(
        kind="miscalibrated",
        severity="high" if beyond >= LARGE else "medium",
        sentence=(
            f"Probabilities of {row['group']} are {how}: off by {row['gap']:.1%} on average over {rows_text(int(row['n']))}, where perfect ones would "
            f"stay below {row['gap_if_perfect_high']:.1%}; they promise {row['promised']:.1%} overall, and {row['estimate']:.1%} came true"
        ),
        estimate=float(row["gap"]),
        n=int(row["n"]),
        evidence="calibration",
        settings={} if ev.task == "binary" else {"class_": str(row["group"])},
        advice=advice,
        harm=beyond,
    )


def _way(row: dict[str, Any], rows: Rows) -> tuple[str, str]:
    """Say which way promises are wrong, and what could be done."""
    mean = float(row["promised"] - row["estimate"])
    if abs(mean) >= ONE_SIDED * row["gap"]:
        side = "high" if mean > 0 else "low"
        return (
            f"too {side}",
            "The outcome is not as frequent here as in training: recalibrate on rows like these, and ask what has changed.",
        )
    if np.average(excess_brier_losses(rows), weights=rows.weight) > 0:
        return (
            "too extreme",
            "The model is surer than it is right: it fits its training rows too closely, or labels here are wrong; regularise, recalibrate, and check a sample of labels.",
        )
    return "too timid", "The model is right more often than it says: recalibrate on rows that it was not fitted on."


def find_bias(ev: Evaluation, budget: Budget) -> list[Finding]:
    """Say whether predicted values are too high or too low on average, by a lot."""
    no_mean(ev.aim, "a mean error is no fault of it")
    rows = rows_of(ev)
    found = estimate(METRICS["bias"], Groups(rows, np.zeros(ev.n, dtype=np.int64), 1), LEVEL)
    bias, low, high = (float(v[0]) for v in (found.estimate, found.low, found.high))
    if not np.isfinite(low + high):
        raise NotApplicable(str(found.note[0]) or "the mean error has no interval here")
    rmse = float(np.sqrt(np.average((ev.predicted - ev.y) ** 2, weights=ev.weight)))
    surely = 0.0 if low <= 0 <= high else min(abs(low), abs(high)) / max(rmse, 1e-300)
    if surely < BIAS_WORTH_A_LOOK:
        return []
    side = "high" if bias > 0 else "low"
    return [
        Finding(
            kind="biased",
            severity="high" if surely >= LARGE_BIAS else "medium",
            sentence=(
                f"Predictions are {shown(abs(bias))} too {side} on average ({100 * LEVEL:.4g} % interval of the mean error {shown(low)} to "
                f"{shown(high)}, {rows_text(ev.n)}); errors are {shown(rmse)} in size (RMSE)"
            ),
            estimate=bias,
            low=low,
            high=high,
            n=ev.n,
            evidence="residuals",
            advice="Values here are not as in training: ask what has changed (units, prices, the kind of rows), correct the offset or retrain.",
            harm=surely,
        )
    ]
