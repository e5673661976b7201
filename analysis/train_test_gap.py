"""How much better is the model on the rows it was fitted on? Headline metrics there and here, and the interval of the gap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.companions import overlap
from modelglass.analysis.curves import chosen_class
from modelglass.analysis.difference import difference
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.estimates import estimate
from modelglass.analysis.groups import Groups, Rows, rows_of
from modelglass.analysis.metrics import Function, Metric, chosen_metrics, headline_metrics
from modelglass.analysis.paired import default_metric
from modelglass.analysis.performance import check_level, shown
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.result import Result
from modelglass.analysis.sides import joined, one_count_of_clusters
from modelglass.analysis.source import UNNAMED, Source

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

TRAIN, TEST, GAP = "training rows", "these rows", "difference"


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class TrainTestGap(Result):
    """Headline metrics on the training rows and on the rows of the Evaluation.

    table       three rows for each metric: metric, label, part ("training rows", "these rows", "difference": these rows less training
                rows), estimate, low, high (interval at settings["level"]; NaN where none that holds its level can be given), n (rows;
                of the difference those of both), support (rows the metric rests on), method (of the interval), note
    main        the metric that the sentence is about
    greater_is_better   of that metric; None where neither is better
    overlap     rows of the Evaluation that also stand in the training data (equal in the target and every column the model reads), so
                that the two samples are not independent; None where this was not looked at
    """

    table: pd.DataFrame
    main: str
    greater_is_better: bool | None
    overlap: int | None
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give three rows for each metric."""
        return self.table

    def of(self, metric: str) -> pd.DataFrame:
        """Give the three rows of one metric, by part."""
        return self.table[self.table["metric"] == metric].set_index("part")

    def sentence(self) -> str:
        """Say the main metric in both parts, the gap with its interval, and how many rows stand in both."""
        rows = self.of(self.main)
        here, there, gap = (rows.loc[part] for part in (TEST, TRAIN, GAP))
        said = (
            f"{here['label']} is {shown(there['estimate'])} on the {rows_text(int(there['n']))} of training and "
            f"{shown(here['estimate'])} on these {rows_text(int(here['n']))}"
        )
        return f"{said}{self._gap(gap)}.{self._both(int(here['n']))}"

    def _gap(self, gap: pd.Series) -> str:
        if not np.isfinite(gap["estimate"]):
            return f"; no difference can be given: {gap['note'].removeprefix('cannot say: ')}"
        size, better = abs(gap["estimate"]), self.greater_is_better
        if not np.isfinite(gap["low"]):
            return f", a difference of {shown(size)} (no interval: {gap['note'].removeprefix('no interval: ')})"
        level = f"{100 * self.settings['level']:.4g} % interval"
        if gap["low"] <= 0 <= gap["high"]:
            return f", no difference that so many rows can tell from chance ({level} {shown(gap['low'])} to {shown(gap['high'])})"
        up = gap["estimate"] > 0
        ends = (gap["low"], gap["high"]) if up else (-gap["high"], -gap["low"])
        word = "more" if up else "less"
        if better is not None:
            word = "better" if up == better else "worse"
        return f": {shown(size)} {word} on these ({level} {shown(ends[0])} to {shown(ends[1])})"

    def _both(self, n: int) -> str:
        if not self.overlap:
            return ""
        many = "All" if self.overlap == n else f"{self.overlap:,}"
        stands = "stands" if self.overlap == 1 else "stand"
        return (
            f" {many} of these rows also {stands} in the training data (equal in the target and all columns that the model reads), "
            "so the gap may be larger than it looks."
        )


def train_test_gap(
    ev: Evaluation,
    *,
    metrics: str | Function | Iterable[str | Function] | None = None,
    class_: Any = None,
    level: float = 0.95,
    progress: Progress | None = None,
) -> TrainTestGap:
    """Measure the model on the training data beside the rows of the Evaluation.

    The same condition and threshold hold for both. The model is asked about the training data once, at the first call.

    Parameters
    ----------
    ev : Evaluation
        With ``train``.
    metrics : names, functions f(y_true, y_pred_or_score, sample_weight), or None for the usual ones of the task
    class_ : label of a class, optional
        Measure this class against the rest, as if there were only the two.
    level : float
        Level of the intervals, in (0, 1).

    Raises
    ------
    NotApplicable
        No training data were given, they hold no target, or the cohort's condition holds for none of their rows.

    Notes
    -----
    The interval is that of the difference between two independent samples, for the model as it is (MOVER, or influences by cluster; see
    ``difference``). Simulated in ``benchmarks/train_test_gap.py``: it holds its level for two samples that the model never saw, and is
    wide (98 to 99 % instead of 95 %) for the gap of this one training, because the training rows are no sample any more.
    """
    level = check_level(level)
    rows = rows_of(ev, class_)
    chosen = _chosen(metrics, rows)
    tell(progress, 0.0, "Asking the model about the training data")
    train = ev.on("train")
    tell(progress, 0.5, "Looking for rows that stand in both")
    both = int(overlap(ev.frame, train.frame, [*ev.features, ev.target]).sum())
    here, there = one_count_of_clusters(ev, rows, train, rows_of(train, class_))
    usual = default_metric(ev, None, class_).name
    main = usual if metrics is None and usual in [m.name for m in chosen] else chosen[0].name
    tell(progress, 0.6, "Measuring")
    found = _measure(here, there, chosen, main, both, level, ev.source, progress)
    of = chosen_class(class_)
    labels = found.table.label if of is None else found.table.label + f" of {of}"
    return replace(found, table=found.table.assign(label=labels), settings={**found.settings, "class_": of})


def measure(
    here: Rows,
    there: Rows,
    *,
    metrics: str | Function | Iterable[str | Function] | None = None,
    level: float = 0.95,
    source: Source = UNNAMED,
) -> TrainTestGap:
    """The same from two sets of rows (``groups.Rows``): ``here`` to judge by, ``there`` the training rows."""
    chosen = _chosen(metrics, here)
    return _measure(here, there, chosen, chosen[0].name, None, check_level(level), source, None)


def _chosen(metrics: Any, rows: Rows) -> list[Metric]:
    usual = headline_metrics(rows.task, rows.score_kind, rows.aim)
    return chosen_metrics(metrics, usual, task=rows.task, score_kind=rows.score_kind, aim=rows.aim)


def _measure(
    here: Rows,
    there: Rows,
    chosen: list[Metric],
    main: str,
    both: int | None,
    level: float,
    source: Source,
    progress: Progress | None,
) -> TrainTestGap:
    rows = joined(here, there)
    inside = np.arange(len(rows.y)) < len(here.y)
    records: list[dict[str, Any]] = []
    for place, metric in enumerate(chosen):
        tell(progress, 0.6 + 0.4 * place / len(chosen), metric.label_for(here.task))
        records += _of_metric(metric, rows, inside, level)
    settings = {"metrics": [m.name for m in chosen], "level": level}
    better = next(m for m in chosen if m.name == main).greater_is_better
    return TrainTestGap(
        table=pd.DataFrame(records),
        main=main,
        greater_is_better=better,
        overlap=both,
        source=source,
        settings=settings,
    )


def _of_metric(metric: Metric, rows: Rows, inside: np.ndarray, level: float) -> list[dict[str, Any]]:
    found = estimate(metric, Groups(rows, inside.astype(np.int64), 2), level)
    gap = difference(metric, rows, inside, level, test=False)
    counts = {TRAIN: int((~inside).sum()), TEST: int(inside.sum())}
    named = {"metric": metric.name, "label": metric.label_for(rows.task)}
    records: list[dict[str, Any]] = [
        {
            **named,
            "part": part,
            "estimate": float(found.estimate[g]),
            "low": float(found.low[g]),
            "high": float(found.high[g]),
            "n": counts[part],
            "support": int(found.support[g]),
            "method": found.method,
            "note": str(found.note[g]),
        }
        for g, part in enumerate((TRAIN, TEST))
    ]
    without = not np.isfinite(gap.effect_low)
    reason = gap.note or ("no interval: too few clusters or rows in one of the parts" if without else "")
    records.append(
        {
            **named,
            "part": GAP,
            "estimate": gap.effect,
            "low": gap.effect_low,
            "high": gap.effect_high,
            "n": len(inside),
            "support": int(found.support.sum()),
            "method": gap.method,
            "note": reason if without else "",
        }
    )
    return records
