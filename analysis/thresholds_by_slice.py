"""A threshold for each slice: what it would gain over one for all, judged honestly, and what it would do to fairness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.cheapest import HALVINGS, Halved, halved
from modelglass.analysis.costs import Costs, costs_of, read_costs
from modelglass.analysis.curves import WHOLE, chosen_class, one_class
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.estimates import estimate
from modelglass.analysis.estimates_values import mean_of
from modelglass.analysis.gaps import NAMES, RATES, correlations, enough, largest_slices, pairs, strict, widest
from modelglass.analysis.groups import Groups, Rows
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.performance import check_level
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.ranking import one_group
from modelglass.analysis.result import Result
from modelglass.analysis.source import UNNAMED, Source
from modelglass.analysis.wording import percent, ranged

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

RULES = ("common", "own")
FEWEST_OF_A_CLASS = 10
ERRORS = "fp=1, fn=1"


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class ThresholdsBySlice(Result):
    """One threshold for all beside a threshold for each slice.

    table   one row per group (all rows, then each slice), rule ("common", "own", and "difference", own minus common) and metric
            (mean_cost, selection_rate, recall: the true positive rate, fpr): group, rule, threshold (the cheapest on all of
            these rows; NaN where several or none), metric, estimate, low, high (at settings["level"]), n (rows it rests on).
            Everything is cross-fitted: a row is decided by thresholds that other rows picked. Slices with fewer than 10 rows
            of a class keep the common threshold, and note says so.
    gaps    one row per rule and rate: rule, metric, highest, lowest (slices), estimate (highest minus lowest), low, high
            (of the largest gap: all pairs of slices at once, Bonferroni)
    slices  one row per slice: group, where (its SQL condition), n, positives, own (whether it has a threshold of its own)
    """

    table: pd.DataFrame
    gaps: pd.DataFrame
    slices: pd.DataFrame
    source: Source
    settings: Mapping[str, Any]
    note: str = ""

    def frame(self) -> pd.DataFrame:
        """Give one row per group, rule and metric."""
        return self.table

    def pick(self, group: str, rule: str, metric: str) -> pd.Series:
        """Give one row of the table."""
        at = self.table
        return at[(at.group == group) & (at.rule == rule) & (at.metric == metric)].iloc[0]

    def sentence(self) -> str:
        """Say what own thresholds would save over all rows, and what they do to the largest gap."""
        gain, common = (self.pick(WHOLE, rule, "mean_cost") for rule in ("difference", "common"))
        unit = "a row" if self.settings["costs"] != read_costs(ERRORS) else "errors a row"
        class_ = self.settings.get("class_")
        of = f" on the score of {class_}" if class_ else ""
        text = f"With one threshold{of} for all {rows_text(int(common.n))} the mean cost is {ranged(*_of(common))} {unit}; "
        saved = ranged(-gain.estimate, -gain.high, -gain.low)
        clear = not np.isnan(gain.low) and (gain.high < 0 or gain.low > 0)
        by = self.settings["by"]
        if not clear:
            text += f"one for each slice of {by} makes no clear difference: it saves {saved}."
        else:
            text += f"one for each slice of {by} " + (
                f"saves {saved}." if gain.high < 0 else f"costs {ranged(*_of(gain))} more."
            )
        widest = self.gaps.dropna(subset="estimate").set_index(["rule", "metric"])
        for metric in RATES:
            if all((rule, metric) in widest.index for rule in RULES):
                now, then = (widest.loc[(rule, metric)] for rule in RULES)
                text += (
                    f" The {NAMES[metric]} differs by {percent(*_of(now))} between {now.highest} and {now.lowest}; with own "
                    f"thresholds by {percent(*_of(then))} between {then.highest} and {then.lowest}."
                )
        return f"{text} {self.note[:1].upper()}{self.note[1:]}." if self.note else text


def _of(row: pd.Series) -> tuple[float, float, float]:
    return float(row.estimate), float(row.low), float(row.high)


def thresholds_by_slice(
    ev: Evaluation,
    *,
    by: str | None = None,
    costs: Mapping[str, float | str] | str | None = None,
    level: float = 0.95,
    class_: Any = None,
    progress: Progress | None = None,
) -> ThresholdsBySlice:
    """Hold a threshold for each level of a column against one for all.

    Parameters
    ----------
    ev : Evaluation of a classification with scores
    by : str
        The column; its 8 levels with the most rows are used, the others keep the common threshold.
    costs : mapping or str, optional
        As in ``thresholds``; without them every error costs 1.
    level : float, level of the intervals
    class_ : label of a class, optional
        The class that is flagged, by its own score, against the rest; the positive one without it.
    progress : callable, optional

    Raises
    ------
    NotApplicable
        Without scores or a column; of several classes without one chosen.
    InputError
        A column that does not exist, or costs that cannot be read.
    """
    level = check_level(level)
    part = one_class(ev, class_)
    if not by:
        raise NotApplicable("no column is chosen whose levels could have thresholds of their own; choose one (by)")
    coding = ev.coding(by)
    said = read_costs(costs) or read_costs(ERRORS)
    assert said is not None
    found = measure(
        part.y,
        part.score,
        coding.codes,
        costs_of(ev, said, part.y),
        part.weight,
        cluster=part.cluster,
        labels=coding.labels,
        where=coding.conditions,
        by=by,
        note=coding.note,
        level=level,
        seed=ev.seed,
        progress=progress,
        source=ev.source,
    )
    return replace(found, settings={**found.settings, "class_": chosen_class(class_)})


def measure(
    y_true: Any,
    score: Any,
    codes: Any,
    costs: Costs,
    weight: Any = None,
    *,
    cluster: Any = None,
    labels: Sequence[str],
    where: Sequence[str] = (),
    by: str = "slice",
    note: str = "",
    level: float = 0.95,
    seed: int = 0,
    progress: Progress | None = None,
    source: Source = UNNAMED,
) -> ThresholdsBySlice:
    """Compare the same from arrays of shape (n_rows,): y_true 0/1, score, codes into labels, weight >= 0, cluster codes."""
    rows = one_group(y_true, None, score, weight, cluster).rows
    ready = halved(rows, costs)
    if ready is None:
        raise NotApplicable("one row (or one cluster) cannot be judged by the threshold that others pick")
    ordered, own_costs = _sorted(rows, ready), costs.cut(ready.places)
    code = np.asarray(codes)[ready.places]
    slices = largest_slices(ordered.y, code, labels, where)
    rarer = np.minimum(slices.positives, slices.n - slices.positives)
    slices["own"] = rarer >= 2 * FEWEST_OF_A_CLASS  # each half picks with half of them
    if len(slices) < 2:
        raise NotApplicable(f"{by} has only one level among these {rows_text(len(code))}")
    place = np.full(len(labels), len(slices))
    place[slices.code] = np.arange(len(slices))
    code = place[code]
    tables, gaps = [], []
    for i, half in enumerate(ready.halves(seed)):
        tell(progress, i / HALVINGS, "halves judged by each other")
        decided = _decided(ready, half, code, slices.own.to_numpy())
        tables.append(_table(ordered, own_costs, code, len(slices), decided, level))
        gaps.append(_pairs(ordered, code, len(slices), decided, level))
    table = _labelled(
        np.mean(tables, axis=0), _support(ordered, code, len(slices)), slices.group, _picked(ready, code, slices)
    )
    left = len(np.unique(np.asarray(codes))) - len(slices)
    said = [note] if note else []
    if left:
        said.append(f"{left:,} levels of {by} with fewer rows keep the common threshold")
    if not slices.own.all():
        names = ", ".join(slices.group[~slices.own])
        said.append(f"too few rows of a class for a threshold of its own: {names}")
    return ThresholdsBySlice(
        table=table,
        gaps=_gaps(np.mean(gaps, axis=0), slices.group.tolist()),
        slices=slices.drop(columns="code"),
        note="; ".join(said),
        source=source,
        settings={"by": by, "costs": costs.said, "level": level, "seed": seed},
    )


def _sorted(rows: Rows, ready: Halved) -> Rows:
    """Put rows in the order of ``ready``."""
    weight = None if rows.weight is None else rows.weight[ready.places]
    y, cluster = rows.y[ready.places], None if rows.cluster is None else ready.unit
    return Rows(task="binary", y=y, predicted=y, weight=weight, cluster=cluster)


def _decided(ready: Halved, half: np.ndarray, code: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Decide each row by the thresholds that the other half picks: (common, own), each (n,) bool."""
    common, by_slice = np.zeros(len(half), dtype=bool), np.zeros(len(half), dtype=bool)
    for here, rest in ((half, ~half), (~half, half)):
        one = ready.pick(rest)
        cut = np.full(len(own) + 1, one)
        for c in np.flatnonzero(own):
            among = rest & (code == c)
            cut[c] = ready.pick(among) if among.any() else one
        common[here] = ready.score[here] >= one
        by_slice[here] = ready.score[here] >= cut[code[here]]
    return common, by_slice


def _groups(rows: Rows, code: np.ndarray, count: int) -> list[tuple[Groups, np.ndarray]]:
    """Give all rows as one group, and the slices with their places in the results."""
    return [
        (Groups(rows, np.zeros(len(code), dtype=np.int64), 1), np.array([0])),
        (Groups(rows, code, count + 1), np.arange(count)),
    ]


def _table(
    rows: Rows, costs: Costs, code: np.ndarray, count: int, decided: tuple[np.ndarray, np.ndarray], level: float
) -> np.ndarray:
    """Give estimate, low and high by group, rule and metric: (1 + slices, 3, 4, 3)."""
    out = np.full((count + 1, 3, 4, 3), np.nan)
    each = [costs.of(d) for d in decided]
    for number, (groups, places) in enumerate(_groups(rows, code, count)):
        at = places + number
        for r, chosen in enumerate(decided):
            _put(out, at, r, 0, mean_of(groups, each[r], level), places)
            judged = Groups(replace(rows, predicted=chosen.astype(np.int64)), groups.codes, groups.count)
            for m, name in enumerate(RATES, start=1):
                _put(out, at, r, m, estimate(METRICS[name], judged, level), places)
        _put(out, at, 2, 0, mean_of(groups, each[1] - each[0], level), places)
    moved = decided[1].astype(float) - decided[0]
    for m, among in enumerate((np.ones(len(code), dtype=bool), rows.y == 1, rows.y == 0), start=1):
        if among.any():
            part = rows.cut(np.flatnonzero(among))
            for number, (groups, places) in enumerate(_groups(part, code[among], count)):
                _put(out, places + number, 2, m, mean_of(groups, moved[among], level), places)
    return out


def _put(out: np.ndarray, at: np.ndarray, rule: int, metric: int, found: Any, places: np.ndarray) -> None:
    for i, values in enumerate((found.estimate, found.low, found.high)):
        out[at, rule, metric, i] = values[places]


def _support(rows: Rows, code: np.ndarray, count: int) -> np.ndarray:
    """Count the rows that each metric rests on: (1 + slices, 4)."""
    by = [np.bincount(code[among], minlength=count + 1)[:count] for among in (rows.y >= 0, rows.y == 1, rows.y == 0)]
    n = np.column_stack([by[0], by[0], by[1], by[2]])
    whole = [len(rows.y), len(rows.y), int((rows.y == 1).sum()), int((rows.y == 0).sum())]
    return np.vstack([whole, n])


def _picked(ready: Halved, code: np.ndarray, slices: pd.DataFrame) -> np.ndarray:
    """Give the cheapest thresholds on all rows: common, then of each slice (the common one where it has none)."""
    common = ready.pick(np.ones(len(code), dtype=bool))
    return np.array([common] + [ready.pick(code == c) if own else common for c, own in enumerate(slices.own)])


def _labelled(values: np.ndarray, support: np.ndarray, names: Sequence[str], picked: np.ndarray) -> pd.DataFrame:
    records = []
    for g, group in enumerate([WHOLE, *names]):
        for r, rule in enumerate((*RULES, "difference")):
            cut = picked[0] if rule == "common" else picked[g] if rule == "own" and g else np.nan
            for m, metric in enumerate(("mean_cost", *RATES)):
                records.append((group, rule, cut, metric, *values[g, r, m], int(support[g, m])))
    return pd.DataFrame(records, columns=["group", "rule", "threshold", "metric", "estimate", "low", "high", "n"])


def _pairs(
    rows: Rows, code: np.ndarray, count: int, decided: tuple[np.ndarray, np.ndarray], level: float
) -> np.ndarray:
    """Give the rate of one slice minus that of another: (rules, rates, slices, slices, 3)."""
    out = np.full((len(RULES), len(RATES), count, count, 3), np.nan)
    for r, chosen in enumerate(decided):
        judged = replace(rows, predicted=chosen.astype(np.int64))
        together = correlations(judged, code, count)
        groups = Groups(judged, code, count + 1)
        for m, name in enumerate(RATES):
            found = estimate(METRICS[name], groups, strict(level, count))
            sure = enough(groups, name, rows.weight is not None)
            low, high = (np.where(sure, end, np.nan)[:count] for end in (found.low, found.high))
            out[r, m] = pairs(found.estimate[:count], low, high, together[m])
    return out


def _gaps(found: np.ndarray, names: Sequence[str]) -> pd.DataFrame:
    """Give the widest difference of each rule and rate."""
    records = [
        (rule, metric, *widest(found[r, m], names)) for r, rule in enumerate(RULES) for m, metric in enumerate(RATES)
    ]
    return pd.DataFrame(records, columns=["rule", "metric", "highest", "lowest", "estimate", "low", "high"])
