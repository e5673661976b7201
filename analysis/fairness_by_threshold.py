"""Does the threshold decide how alike groups are treated? Rates by slice, and how far they lie apart, at each threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis import rates
from modelglass.analysis.curves import WHOLE, chosen_class, one_class
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.gaps import NAMES, RATES, correlations, enough, largest_slices, pairs, strict, widest
from modelglass.analysis.groups import Rows
from modelglass.analysis.performance import check_level
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.ranking import Ranking, ranked, weights
from modelglass.analysis.result import Result
from modelglass.analysis.source import UNNAMED, Source
from modelglass.analysis.thresholds import cut_of, places
from modelglass.analysis.wording import percent, say

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class FairnessByThreshold(Result):
    """Rates of slices at each threshold ("positive when score >= threshold").

    table   one row per threshold (rising), group (all rows, then each slice) and metric (selection_rate; recall, the true positive
            rate; fpr): threshold, group, metric, estimate, low, high (at settings["level"], point by point), n (rows that the
            rate rests on; NaN in estimate where there are none)
    gaps    one row per threshold and metric: threshold, metric, highest, lowest (slices), estimate (highest less lowest), low, high
            (of the largest gap at that threshold: all pairs of slices at once, see ``gaps.pairs``)
    slices  one row per slice: group, where (its SQL condition), n, positives
    threshold   the one in use; NaN where the model's own predict is no threshold on the score
    """

    table: pd.DataFrame
    gaps: pd.DataFrame
    slices: pd.DataFrame
    threshold: float
    source: Source
    settings: Mapping[str, Any]
    note: str = ""

    def frame(self) -> pd.DataFrame:
        """Give one row per threshold, group and metric."""
        return self.table

    def sentence(self) -> str:
        """Say how far rates lie apart at the threshold in use, and how wide gaps become at other thresholds."""
        n = int(self.table.loc[self.table.group == WHOLE, "n"].max())
        class_ = self.settings.get("class_")
        of = f" for {class_}" if class_ else ""
        text = f"By {self.settings['by']}{of}, over {rows_text(n)}"
        known = self.gaps.dropna(subset="estimate")
        now = known[known.threshold == self.threshold]
        said = [
            f"the {NAMES[row.metric]} differs by {percent(row.estimate, row.low, row.high)} between {row.highest} and {row.lowest}"
            for row in now.itertuples()
        ]
        text += f", at the threshold in use ({say(self.threshold)}): {'; '.join(said)}." if said else "."
        moves = []
        for metric in RATES:
            gaps = known[known.metric == metric]
            if len(gaps) > 1:
                most = gaps.loc[gaps.estimate.idxmax()]
                moves.append(f"{NAMES[metric]} {percent(most.estimate)} (at {say(most.threshold)})")
        if moves:
            text += f" The widest gaps of all thresholds, on these rows: {', '.join(moves)}."
        return f"{text} {self.note[:1].upper()}{self.note[1:]}." if self.note else text


def fairness_by_threshold(
    ev: Evaluation,
    *,
    by: str | None = None,
    n_points: int = 50,
    level: float = 0.95,
    class_: Any = None,
    progress: Progress | None = None,
) -> FairnessByThreshold:
    """Give selection rate, true and false positive rate of each slice at each threshold, and the gaps between slices.

    Parameters
    ----------
    ev : Evaluation of a classification with scores
    by : str
        The column; its 8 levels with the most rows are used.
    n_points : int
        Thresholds shown at most, beside the one in use.
    level : float
        Level of the intervals: of rates point by point, of gaps for all pairs of slices at once.
    class_ : label of a class, optional
        The class that is flagged, by its own score, against the rest; the positive one without it.
    progress : callable, optional

    Raises
    ------
    NotApplicable
        Without scores or a column; of several classes without one chosen; for a column with one level.
    InputError
        A column that does not exist, fewer than two thresholds.
    """
    part = one_class(ev, class_)
    if not by:
        raise NotApplicable("no column is chosen whose levels could be treated differently; choose one (by)")
    coding = ev.coding(by)
    found = measure(
        part.y,
        part.score,
        coding.codes,
        part.weight,
        cluster=part.cluster,
        predicted=part.predicted,
        threshold=part.threshold,
        labels=coding.labels,
        where=coding.conditions,
        by=by,
        note=coding.note,
        n_points=n_points,
        level=level,
        progress=progress,
        source=ev.source,
    )
    return replace(found, settings={**found.settings, "class_": chosen_class(class_)})


def measure(
    y_true: Any,
    score: Any,
    codes: Any,
    weight: Any = None,
    *,
    cluster: Any = None,
    predicted: Any = None,
    threshold: float | None = None,
    labels: Sequence[str],
    where: Sequence[str] = (),
    by: str = "slice",
    note: str = "",
    n_points: int = 50,
    level: float = 0.95,
    progress: Progress | None = None,
    source: Source = UNNAMED,
) -> FairnessByThreshold:
    """Give the same from arrays of shape (n_rows,): y_true 0/1, score, codes into labels, weight >= 0, cluster codes.

    Without predicted the threshold, or 0.5, decides.

    >>> found = measure([0, 1, 0, 1], [0.2, 0.8, 0.6, 0.9], [0, 0, 1, 1], labels=["a", "b"])
    >>> found.gaps[found.gaps.threshold == 0.6][["metric", "highest", "estimate"]].to_numpy().tolist()
    [['selection_rate', 'b', 0.5], ['recall', 'a', 0.0], ['fpr', 'b', 1.0]]
    """
    if n_points < 2:
        raise InputError("Expected two thresholds or more.", f"Got {n_points}.")
    level, score = check_level(level), np.asarray(score, dtype=float)
    weights(weight, len(score))
    unit = None if cluster is None else np.unique(np.asarray(cluster), return_inverse=True)[1].ravel()
    rows = Rows(
        task="binary",
        y=np.asarray(y_true).astype(np.int64),
        predicted=np.zeros(len(score), np.int64),
        score=score,
        weight=None if weight is None else np.asarray(weight, dtype=float),
        cluster=unit,
    )
    slices = largest_slices(rows.y, np.asarray(codes), labels, where)
    if len(slices) < 2:
        raise NotApplicable(f"{by} has only one level among these {rows_text(len(score))}")
    used = _used(score, predicted, threshold)
    whole = ranked(rows.y, score, rows.weight, unit)
    cuts = whole.threshold[places(whole, n_points) - 1]
    cuts = np.unique(cuts if np.isnan(used) else np.append(cuts, used))
    place = np.full(len(labels), len(slices))
    place[slices.code] = np.arange(len(slices))
    found = _along(rows, whole, place[np.asarray(codes)], len(slices), cuts, level, progress)
    said = [note] if note else []
    left = len(np.unique(np.asarray(codes))) - len(slices)
    if left:
        said.append(f"{left:,} levels of {by} with fewer rows are left out")
    return FairnessByThreshold(
        table=_table(found, cuts, slices.group.tolist()),
        gaps=_gaps(found, cuts, slices.group.tolist()),
        slices=slices.drop(columns="code"),
        threshold=used,
        note="; ".join(said),
        source=source,
        settings={"by": by, "n_points": n_points, "level": level},
    )


def _used(score: np.ndarray, predicted: Any, threshold: float | None) -> float:
    if threshold is not None or predicted is None:
        return 0.5 if threshold is None else float(threshold)
    return cut_of(score, np.asarray(predicted).astype(bool))


@dataclass(frozen=True, eq=False, slots=True)
class _Found:
    """Along t thresholds: rates (groups, rates, t, 4) as estimate, low, high and n; apart (t, rates, slices, slices, 3)."""

    rates: np.ndarray
    apart: np.ndarray


def _along(
    rows: Rows,
    whole: Ranking,
    code: np.ndarray,
    count: int,
    cuts: np.ndarray,
    level: float,
    progress: Progress | None,
) -> _Found:
    weighted = rows.weight is not None
    shown = np.full((count + 1, len(RATES), len(cuts), 4), np.nan)
    ends = np.full((3, len(cuts), len(RATES), count), np.nan)
    for g in range(count + 1):
        tell(progress, g / (2 * count + 2), "rates of slices")
        ranking = whole if not g else _ranking(rows.cut(np.flatnonzero(code == g - 1)))
        groups = rates.decisions(ranking, ranking.place(cuts), weighted=weighted)
        for m, name in enumerate(RATES):
            got = rates.metric(groups, name, level)
            shown[g, m] = np.column_stack([got.estimate, got.low, got.high, got.support])
            if g:
                joint = rates.metric(groups, name, strict(level, count))
                sure = enough(groups, name, weighted)
                ends[:, :, m, g - 1] = joint.estimate, *(np.where(sure, end, np.nan) for end in (joint.low, joint.high))
    together = np.zeros((len(cuts), len(RATES), count, count))
    for t, cut in enumerate(cuts if rows.cluster is not None else ()):
        tell(progress, 0.5 + t / (2 * len(cuts)), "clusters that reach over slices")
        decided = replace(rows, predicted=(np.asarray(rows.score) >= cut).astype(np.int64))
        together[t] = correlations(decided, code, count)
    return _Found(shown, pairs(ends[0], ends[1], ends[2], together))


def _ranking(rows: Rows) -> Ranking:
    return ranked(rows.y, rows.score, rows.weight, rows.cluster)


def _table(found: _Found, cuts: np.ndarray, names: Sequence[str]) -> pd.DataFrame:
    groups, metrics, points = found.rates.shape[:3]
    by_threshold = found.rates.transpose(2, 0, 1, 3).reshape(-1, 4)
    table = pd.DataFrame(
        {
            "threshold": np.repeat(cuts, groups * metrics),
            "group": np.tile(np.repeat([WHOLE, *names], metrics), points),
            "metric": np.tile(RATES, groups * points),
        }
    )
    for i, name in enumerate(("estimate", "low", "high")):
        table[name] = by_threshold[:, i]
    return table.assign(n=by_threshold[:, 3].astype(np.int64))


def _gaps(found: _Found, cuts: np.ndarray, names: Sequence[str]) -> pd.DataFrame:
    records = [
        (cut, metric, *widest(found.apart[t, m], names)) for t, cut in enumerate(cuts) for m, metric in enumerate(RATES)
    ]
    return pd.DataFrame(records, columns=["threshold", "metric", "highest", "lowest", "estimate", "low", "high"])
