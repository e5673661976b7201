"""How does the model do in a cohort, beside the rest: outcomes, promises, confidence, discrimination and errors, each with its difference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.aimed import below
from modelglass.analysis.difference import adjusted, difference
from modelglass.analysis.groups import Rows, against_rest
from modelglass.analysis.metrics import METRICS, Metric, aimed_loss, reason_against
from modelglass.analysis.performance import check_level, in_sentence, shown
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.result import Result
from modelglass.analysis.sides import rows_of_both, sides_of, these
from modelglass.analysis.source import UNNAMED, Source

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

MOST_CLASSES = 8
COLUMNS = ["about", "metric", "label", "group", "here", "here_low", "here_high", "there", "estimate", "low", "high"]
COLUMNS += ["p_adjusted", "n", "support", "note"]
OUTCOME, PROMISE, CONFIDENCE, DISCRIMINATION, ERROR = "outcome", "promise", "confidence", "discrimination", "error"
METRICS_OF = {
    "binary": (
        (CONFIDENCE, ("calibration_gap", "excess_log_loss")),
        (DISCRIMINATION, ("roc_auc",)),
        (ERROR, ("log_loss", "accuracy")),
    ),
    "multiclass": (
        (CONFIDENCE, ("excess_log_loss",)),
        (DISCRIMINATION, ("roc_auc",)),
        (ERROR, ("log_loss", "accuracy")),
    ),
    "regression": ((CONFIDENCE, ("bias",)), (DISCRIMINATION, ("r2",)), (ERROR, ("mae",))),
}


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Contrast(Result):
    """What the model does in a cohort, beside the rest.

    table   one row per number: about ("outcome": how often each class, or the mean; "promise": the mean probability or prediction;
            "confidence": promised less what came true, of several classes the highest probability less the share that was right, and
            the excess log loss; "discrimination"; "error"), metric, label (for people), group (the class, where it is about one), here,
            here_low, here_high, there, estimate (here less there), low, high (intervals at settings["level"]), p_adjusted (of no
            difference, Holm over the table; NaN without an interval), n, support (rows here, and those the number rests on), note
    by_choice   whether the condition of the cohort names the outcome or the error: then outcome, confidence and error differ by choice
    """

    table: pd.DataFrame
    compared: str
    by_choice: bool
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row per number."""
        return self.table

    def of(self, metric: str) -> pd.Series:
        """Give the first row of a metric."""
        return self.table[self.table["metric"] == metric].iloc[0]

    def sentence(self) -> str:
        """Say the sure differences, confidence first."""
        n = these(self.source.rows)
        if self.by_choice:
            return (
                f"The condition of {n} names the outcome or the error, so what the model does here follows from the choice; "
                "the table shows it, and explains nothing."
            )
        sure = self.table[self.table["p_adjusted"] <= 1 - self.settings["level"]]
        if sure.empty:
            return f"On {n} nothing of what the model does is surely other than in {self.compared}."
        order = [CONFIDENCE, ERROR, DISCRIMINATION, OUTCOME, PROMISE]
        ranked = sure.iloc[np.argsort([order.index(a) for a in sure["about"]], kind="stable")]
        said = "; ".join(self._said(r) for r in ranked[:4].itertuples())
        return f"On {n}: {said}."

    def _said(self, row: Any) -> str:
        label = in_sentence(str(row.label)) + (f" of {row.group}" if row.group else "")
        level = f"{100 * self.settings['level']:.4g} % interval of the difference {shown(row.low)} to {shown(row.high)}"
        words = {
            "calibration_gap": "over-confident" if row.here > 0 else "under-confident",
            "top_gap": "over-confident" if row.here > 0 else "under-confident",
            "bias": "predictions too high" if row.here > 0 else "predictions too low",
            "quantile_gap": "predictions too low" if row.here > 0 else "predictions too high",
        }
        extra = words.get(row.metric, "")
        sure = np.isfinite(row.here_low) and (row.here_low > 0 or row.here_high < 0)
        return f"{label} {shown(row.here)}{f' ({extra})' if extra and sure else ''} against {shown(row.there)} in {self.compared} ({level})"


def contrast(
    ev: Evaluation, other: Evaluation | str | None = None, *, level: float = 0.95, progress: Progress | None = None
) -> Contrast:
    """Hold what the model does in a cohort against the rest.

    Parameters
    ----------
    ev : Evaluation
        The cohort.
    other : Evaluation or str, optional
        What it is compared with: another cohort (its Evaluation or SQL condition), the same model on other data; without it the
        rest of the data.
    level : float, level of the intervals

    Raises
    ------
    NotApplicable
        Without a cohort.
    """
    level = check_level(level)
    sides = sides_of(ev, other)
    rows, inside = rows_of_both(sides)
    labels = (ev.target, "" if ev.positive is None else str(ev.positive))
    return _measure(rows, inside, labels, sides.words, sides.by_outcome, level, ev.source, progress)


def measure(rows: Rows, inside: Any, *, level: float = 0.95, source: Source = UNNAMED) -> Contrast:
    """The same from rows (``groups.Rows``) and which of them are here, (n_rows,) bool."""
    named = rows.names[1] if rows.task == "binary" and rows.names else "positive" if rows.task == "binary" else ""
    here = np.asarray(inside, dtype=bool)
    return _measure(rows, here, ("target", named), "the rest", False, check_level(level), source, None)


def _measure(
    rows: Rows,
    inside: np.ndarray,
    labels: tuple[str, str],
    words: str,
    by_choice: bool,
    level: float,
    source: Source,
    progress: Progress | None,
) -> Contrast:
    asked = list(_asked(rows, *labels))
    records = []
    for i, (about, metric, label, group, held) in enumerate(asked):
        tell(progress, i / len(asked), label)
        d = difference(metric, held, inside, level)
        records.append(
            {
                "about": about,
                "metric": _OWN.get(label, f"mean_{about}" if about in (OUTCOME, PROMISE) else metric.name),
                "label": label,
                "group": group,
                "here": d.estimate,
                "here_low": d.low,
                "here_high": d.high,
                "there": d.rest,
                "estimate": d.effect,
                "low": d.effect_low,
                "high": d.effect_high,
                "p": d.p,
                "n": d.n,
                "support": d.support,
                "note": d.note
                or ("" if np.isfinite(d.effect_low) else "no interval: too few rows or clusters on one side"),
            }
        )
    table = pd.DataFrame(records)
    table["p_adjusted"] = adjusted(table.pop("p").to_numpy(float))
    tell(progress, 1.0, "Comparing")
    return Contrast(table=table[COLUMNS], compared=words, by_choice=by_choice, source=source, settings={"level": level})


_TOP, _BELOW = (
    "Highest probability less share right",
    "Share promised at or below the prediction less the share that is",
)
_OWN = {_TOP: "top_gap", _BELOW: "quantile_gap"}
Asked = tuple[str, Metric, str, str, Rows]


def _asked(rows: Rows, target: str, positive: str) -> Iterator[Asked]:
    """Give what is compared: (about, metric, label, group, rows that the metric is taken of)."""
    rate, mean = METRICS["selection_rate"], METRICS["bias"]
    kind = rows.score_kind
    if rows.task == "regression":
        zero = np.zeros(len(rows.y))
        yield OUTCOME, mean, f"Mean {target}", "", replace(rows, predicted=np.asarray(rows.y, float), y=zero)
        yield PROMISE, mean, "Mean prediction", "", replace(rows, y=zero)
    else:
        for code in [1] if rows.task == "binary" else range(min(rows.classes, MOST_CLASSES)):
            one = against_rest(rows, code)
            name = positive if rows.task == "binary" else rows.names[code] if rows.names else str(code)
            yield OUTCOME, rate, "Share", name, replace(one, predicted=one.y)
            if kind == "probability":
                value = np.asarray(one.score, float)
                held = replace(one, task="regression", y=np.zeros(len(value)), predicted=value, score=None)
                yield PROMISE, mean, "Mean probability", name, held
    if rows.task == "multiclass" and kind == "probability":
        top = np.asarray(rows.score).max(axis=1)
        right = (np.asarray(rows.score).argmax(axis=1) == rows.y).astype(np.int64)
        held = Rows(
            task="binary",
            y=right,
            predicted=right,
            score=top,
            probability=True,
            weight=rows.weight,
            cluster=rows.cluster,
        )
        yield CONFIDENCE, METRICS["calibration_gap"], _TOP, "", held
    if rows.aim is not None:  # bias and R² judge means
        loss = METRICS[aimed_loss(rows.aim)]
        yield CONFIDENCE, METRICS["calibration_gap"], _BELOW, "", below(rows)
        yield ERROR, loss, loss.label_for(rows.task), "", rows
        return
    for about, names in METRICS_OF[rows.task]:
        for metric in (METRICS[name] for name in names):
            if reason_against(metric, rows.task, kind) is None:
                yield about, metric, metric.label_for(rows.task), "", rows
