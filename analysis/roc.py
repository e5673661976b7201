"""ROC: how well scores separate a class from the rest, at every threshold."""

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
from modelglass.analysis.ranking import Ranking, one, one_class, one_group, ranking_of, thinned
from modelglass.analysis.rates import decisions, metric
from modelglass.analysis.result import Result
from modelglass.analysis.source import UNNAMED, Source
from modelglass.analysis.wording import percent, score

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Roc(Result):
    """True positive rate against false positive rate.

    curve   one row per class (or slice) and shown threshold, falling: group, threshold (positive when score
            >= threshold; the first, +inf, selects nobody), fpr, tpr, low, high (of tpr: Wilson 1927 at
            settings["level"], point by point, effective n when weighted), n (positive rows). Exact; of
            more than 500 points those that keep the shape.
    areas   one row per class (or slice, after one of all rows): group, estimate (area under the curve), low, high (DeLong 1988), n, positives,
            negatives (rows), note (why there is no curve, else "")
    operating   one row per class (or slice): the decision in use: group, threshold (NaN when the model's own predict
            decides), fpr, fpr_low, fpr_high, tpr, tpr_low, tpr_high
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
        """Say the area under the curve and the operating point."""
        known = self.areas.dropna(subset="estimate")
        if known.empty:
            return f"There is no ROC curve: {self.areas.note.iloc[0]}."
        if len(self.areas) > 1:
            said = lambda row: score(row.estimate, row.low, row.high)  # noqa: E731
            return told(known, self.settings, "the area under the ROC curve", said, self.note)
        whole = known.iloc[0]
        text = (
            f"A row of {whole.group} scores above a row that is not in {whole.estimate:.1%} of pairs: ROC "
            f"AUC "
            f"{score(whole.estimate, whole.low, whole.high)} over {rows_text(whole.n)}."
        )
        for point in self.operating.itertuples():
            text += (
                f" As used now the model finds {percent(point.tpr, point.tpr_low, point.tpr_high)} of "
                f"{rows_text(whole.positives)} of {whole.group} and flags "
                f"{percent(point.fpr, point.fpr_low, point.fpr_high)} of {whole.negatives:,} others."
            )
        return text


def roc(ev: Evaluation, *, by: str | None = None, class_: Any = None, level: float = 0.95) -> Roc:
    """Give the ROC curve of the positive class, of each class against the rest, or of one class by slice.

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
        Without scores, in regression, and where there is only one class among the rows.
    """
    level = check_level(level)
    return Roc(**curves(ev, measure, by=by, class_=class_, level=level))


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
) -> Roc:
    """Give the same from arrays of shape (n_rows,).

    y_true and predicted 0/1, score rising with the chance of 1, weight >= 0, cluster codes;
    ``scores`` are the same rows sorted, where that was done already.

    >>> float(measure([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).areas.estimate[0])
    0.75
    """
    everyone = one_group(y_true, predicted, score, weight, cluster, scores)
    ranking = ranking_of(everyone.rows.sorted_scores(), np.asarray(everyone.rows.score), cluster)
    whole = {
        "group": group,
        "estimate": np.nan,
        "low": np.nan,
        "high": np.nan,
        "n": ranking.positives + ranking.negatives,
        "positives": ranking.positives,
        "negatives": ranking.negatives,
        "note": "",
    }
    whole["note"] = one_class(ranking, group)
    if not whole["note"]:
        whole["estimate"], whole["low"], whole["high"] = one(estimate(METRICS["roc_auc"], everyone, level))
    return Roc(
        curve=_curve(ranking, weight is not None, group, level) if not whole["note"] else pd.DataFrame(),
        areas=pd.DataFrame([whole]),
        operating=_operating(everyone, threshold, group, level) if predicted is not None else pd.DataFrame(),
        source=source,
        settings={"level": level},
    )


def _curve(ranking: Ranking, weighted: bool, group: str, level: float) -> pd.DataFrame:
    fpr, tpr = ranking.fp / ranking.fp[-1], ranking.tp / ranking.tp[-1]
    keep = thinned(fpr, tpr)
    threshold = np.append(np.inf, ranking.threshold)[keep]
    shown = metric(decisions(ranking, keep, weighted=weighted), "recall", level)
    return pd.DataFrame(
        {
            "group": group,
            "threshold": threshold,
            "fpr": fpr[keep],
            "tpr": tpr[keep],
            "low": shown.low,
            "high": shown.high,
            "n": ranking.positives,
        }
    )


def _operating(everyone: Groups, threshold: float | None, group: str, level: float) -> pd.DataFrame:
    point: dict[str, Any] = {"group": group, "threshold": np.nan if threshold is None else threshold}
    for name, known_as in (("fpr", "fpr"), ("tpr", "recall")):
        rate, low, high = one(estimate(METRICS[known_as], everyone, level))
        point |= {name: rate, f"{name}_low": low, f"{name}_high": high}
    return pd.DataFrame([point])
