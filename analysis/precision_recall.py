"""Precision and recall: what share of the flagged rows is right, and what share of the class is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.auc import SortedScores
from modelglass.analysis.curves import curves, told
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.estimates import estimate
from modelglass.analysis.groups import Groups
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.performance import check_level
from modelglass.analysis.ranking import Ranking, one, one_class, one_group, ranking_of, share, thinned
from modelglass.analysis.rates import decisions, metric
from modelglass.analysis.result import Result
from modelglass.analysis.source import UNNAMED, Source
from modelglass.analysis.wording import percent, score

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class PrecisionRecall(Result):
    """Precision against recall.

    curve   one row per class (or slice) and shown threshold, falling: group, threshold (positive when score
            >= threshold), recall, precision, low, high (of precision: Wilson 1927 at settings["level"], point
            by point, effective n when weighted), n (rows flagged). The first row, threshold +inf,
            flags nobody: recall 0, precision 1 by convention, no interval. Exact; of more than 500 points
            those that keep the shape.
    areas   one row per class (or slice, after one of all rows): group, estimate (average precision: the step-wise area), low, high (by its
            influence function, on the logit scale), n, positives, negatives (rows), baseline (share of the
            class: what random scores give), note (why there is no curve, else "")
    operating   one row per class (or slice): the decision in use: group, threshold (NaN when the model's own predict
            decides), recall, recall_low, recall_high, precision, precision_low, precision_high; NaN precision
            where nobody is flagged
    """

    curve: pd.DataFrame
    areas: pd.DataFrame
    operating: pd.DataFrame
    source: Source
    settings: Mapping[str, Any]
    note: str = ""

    def frame(self) -> pd.DataFrame:
        """Give one row per class and shown threshold."""
        return self.curve

    def sentence(self) -> str:
        """Say the average precision beside its baseline, and the operating point."""
        known = self.areas.dropna(subset="estimate")
        if known.empty:
            return f"There is no precision-recall curve: {self.areas.note.iloc[0]}."
        if len(self.areas) > 1:
            said = lambda row: (  # noqa: E731
                f"{score(row.estimate, row.low, row.high)} (random scores would give {row.baseline:.3f})"
            )
            return told(known, self.settings, "average precision", said, self.note)
        whole = known.iloc[0]
        text = (
            f"Average precision for {whole.group} is {score(whole.estimate, whole.low, whole.high)} over "
            f"{rows_text(whole.n)}, {whole.positives:,} of them {whole.group}; random scores would give {whole.baseline:.3f}."
        )
        for point in self.operating.itertuples():
            if np.isnan(point.precision):
                return f"{text} As used now the model never predicts {whole.group}."
            text += (
                f" As used now {percent(point.precision, point.precision_low, point.precision_high)} of "
                f"what it flags "
                f"is right, and it finds {percent(point.recall, point.recall_low, point.recall_high)} of "
                f"{whole.group}."
            )
        return text


def precision_recall(
    ev: Evaluation, *, by: str | None = None, class_: Any = None, level: float = 0.95
) -> PrecisionRecall:
    """Give the precision-recall curve of the positive class, of each class against the rest, or of one class by slice.

    Parameters
    ----------
    ev : Evaluation with scores
    by : str, optional
        A column: the curve of all rows, and one of each of its levels (the 8 with the most rows).
    class_ : label, optional
        One class against the rest; without it the positive one, or each of several.
    level : float, level of the intervals

    Raises
    ------
    NotApplicable
        Without scores, in regression, and where no row belongs to the class.
    """
    level = check_level(level)
    return PrecisionRecall(**curves(ev, measure, by=by, class_=class_, level=level))


def measure(
    y_true: Any,
    score: Any,
    weight: Any = None,
    *,
    cluster: Any = None,
    predicted: Any = None,
    threshold: float | None = None,
    level: float = 0.95,
    group: str = "positive",
    scores: SortedScores | None = None,
    source: Source = UNNAMED,
) -> PrecisionRecall:
    """Give the same from arrays of shape (n_rows,).

    y_true and predicted 0/1, score rising with the chance of 1, weight >= 0, cluster codes;
    ``scores`` are the same rows sorted, where that was done already.

    >>> round(float(measure([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).areas.estimate[0]), 4)
    0.8333
    """
    everyone = one_group(y_true, predicted, score, weight, cluster, scores)
    ranking = ranking_of(everyone.rows.sorted_scores(), np.asarray(everyone.rows.score), cluster)
    positive, everything = ranking.tp[-1], ranking.tp[-1] + ranking.fp[-1]
    whole = {
        "group": group,
        "estimate": np.nan,
        "low": np.nan,
        "high": np.nan,
        "n": ranking.positives + ranking.negatives,
        "positives": ranking.positives,
        "negatives": ranking.negatives,
        "baseline": float(share(positive, everything)),
        "note": "",
    }
    whole["note"] = one_class(ranking, group)
    if not whole["note"]:
        whole["estimate"], whole["low"], whole["high"] = one(estimate(METRICS["average_precision"], everyone, level))
    return PrecisionRecall(
        curve=_curve(ranking, weight is not None, group, level) if not whole["note"] else pd.DataFrame(),
        areas=pd.DataFrame([whole]),
        operating=_operating(everyone, threshold, group, level) if predicted is not None else pd.DataFrame(),
        source=source,
        settings={"level": level},
    )


def _curve(ranking: Ranking, weighted: bool, group: str, level: float) -> pd.DataFrame:
    flagged = ranking.tp + ranking.fp
    recall, precision = ranking.tp / ranking.tp[-1], np.where(flagged > 0, share(ranking.tp, flagged), 1.0)
    keep = thinned(recall, precision)
    threshold = np.append(np.inf, ranking.threshold)[keep]
    shown = metric(decisions(ranking, keep, weighted=weighted), "precision", level)
    return pd.DataFrame(
        {
            "group": group,
            "threshold": threshold,
            "recall": recall[keep],
            "precision": precision[keep],
            "low": shown.low,
            "high": shown.high,
            "n": ranking.selected[keep],
        }
    )


def _operating(everyone: Groups, threshold: float | None, group: str, level: float) -> pd.DataFrame:
    point: dict[str, Any] = {"group": group, "threshold": np.nan if threshold is None else threshold}
    for name, known_as in (("recall", "recall"), ("precision", "precision")):
        rate, low, high = one(estimate(METRICS[known_as], everyone, level))
        point |= {name: rate, f"{name}_low": low, f"{name}_high": high}
    return pd.DataFrame([point])
