"""Permutation importance: how much worse the model gets when raw columns are shuffled, alone and together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.curves import chosen_class
from modelglass.analysis.errors import InputError
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.groups import rows_of
from modelglass.analysis.known_features import known_features
from modelglass.analysis.metrics import Metric
from modelglass.analysis.paired import default_metric, value_of
from modelglass.analysis.performance import check_level, in_sentence, label_of, shown
from modelglass.analysis.progress import Progress
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.explainers import rows as shared
from modelglass.explainers.shuffling import Part, Shuffled, parts_of, shuffled

ROWS = 5_000
TOGETHER = 0.7


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class PermutationImportance(Result):
    """How much worse a metric gets when raw columns are shuffled among the rows.

    importance   feature (a group: its columns joined by +), metric, estimate (mean over shuffles; above 0 is worse, or higher where neither
                 way is better), low, high, n, columns (how many are shuffled together); largest first
    repeats      feature, repeat, estimate: each shuffle by itself
    together     feature, columns (names), why ("given" or "go together"), weakest (association of the least associated pair, NaN where
                 given): the groups
    strata       feature, strata (their number), explained (share of the columns' variance that lies between strata): within which values
                 were shuffled; no rows where they were shuffled among all
    metric       its name; label: for people; before: its value on these rows, unshuffled
    interval     the interval's method; how: what answered for the model
    made         shuffles of each column; unsettled: neighbours in the order whose places more shuffles could change
    """

    importance: pd.DataFrame
    repeats: pd.DataFrame
    together: pd.DataFrame
    strata: pd.DataFrame
    metric: str
    label: str
    before: float
    interval: str
    how: str
    made: int
    unsettled: tuple[tuple[str, str], ...]
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give feature, metric, estimate, low, high, n, columns."""
        return self.importance

    @property
    def single(self) -> pd.DataFrame:
        """Give the rows of single columns."""
        return self.importance[self.importance["columns"] == 1]

    def sentence(self) -> str:
        """Say which columns the model leans on most, which go together, and whether the order is settled."""
        does = (
            "worsens" if self.settings["greater_is_better"] is not None else "raises"
        )  # of a bias neither way is worse
        single = self.single
        none = int((single.low <= 0).sum())
        idle = f" For {none} of {len(single)} columns no loss can be told from none." if none else ""
        among = " among rows alike in the other columns" if self.settings["conditional"] else ""
        return (
            f"Shuffling a column{among} {does} {in_sentence(self.label)} ({shown(self.before)} as it is) most for {', '.join(map(self._told, single[:3].itertuples()))}; "
            f"mean of {self.made} shuffle{'' if self.made == 1 else 's'} of {rows_text(int(self.importance.n.iloc[0]))}."
            f"{idle}{self._groups()}{self._settled()}"
        )

    def _told(self, row: Any) -> str:
        few = "one shuffle only" if self.made < 2 else "too few rows"
        interval = (
            f"{100 * self.settings['level']:.4g} % interval {shown(row.low)} to {shown(row.high)}"
            if row.low == row.low
            else f"no interval: {few}"
        )
        return f"{row.feature} ({shown(row.estimate)}, {interval})"

    def _groups(self) -> str:
        if self.together.empty:
            return ""
        row = self.importance[self.importance["columns"] > 1].iloc[0]
        group = self.together[self.together.feature == row.feature].iloc[0]
        why = f"go together (association {_at_least(group.weakest)})" if group.why == "go together" else "as a group"
        rest = len(self.together) - 1
        more = f"; {rest} more group{'' if rest == 1 else 's'} in the table" if rest else ""
        return f" {' and '.join(group['columns'])} {why}: shuffled as one they cost {shown(row.estimate)}{more}."

    def _settled(self) -> str:
        wanted, settle = self.settings["n_repeats"], self.settings["settle"]
        if self.made < wanted and (self.made < 2 or self.unsettled or not settle):
            return f" The time was over after {self.made} of {wanted} shuffles: this is what there is."
        if len(self.single) < 2 or self.made < 2:
            return ""
        if not self.unsettled:
            return f" {'It stopped there because the' if self.made < wanted else 'The'} order is settled on these rows."
        a, b = self.unsettled[0]
        more = f" (and {len(self.unsettled) - 1} more pairs)" if len(self.unsettled) > 1 else ""
        return f" More shuffles could change the order of {a} and {b}{more}."


def _at_least(association: float) -> str:
    """Write an association of at most 1 from below.

    >>> _at_least(0.999), _at_least(0.912)
    ('1.00', '0.91 or more')
    """
    written = f"{association:.2f}"
    return written if written == "1.00" else f"{written} or more"


def permutation_importance(
    ev: Evaluation,
    *,
    metric: Any = None,
    features: Any = None,
    groups: Any = None,
    together: float | None = TOGETHER,
    conditional: bool = False,
    n_repeats: int = 5,
    settle: bool = True,
    rows: int | None = ROWS,
    class_: Any = None,
    level: float = 0.95,
    seed: int | None = None,
    progress: Progress | None = None,
) -> PermutationImportance:
    """Shuffle raw columns and see how much worse the model predicts (Breiman 2001; Fisher, Rudin and Dominici 2019).

    Parameters
    ----------
    metric : name or function, optional
        A function's direction is declared by ``own_metric(f, greater_is_better=...)``; where neither way is better the estimate is
        the rise of the metric. Without it ROC AUC (binary), log loss (several classes), accuracy where there are no scores, RMSE in regression.
    features : sequence of str, optional
        Columns to shuffle; all that the model reads without it.
    groups : sequence of sequences of str, mapping of a name to names, or text "a + b; c + d", optional
        Columns also shuffled together, in one order.
    together : float or None
        Columns associated at least so much, each with each, are also shuffled together: |Spearman's rank correlation|, Cramer's V or
        correlation ratio (``going_together``). None: no such groups are sought.
    conditional : bool
        Shuffle only among rows alike in what the other columns say of this one (strata: leaves of a small tree; Strobl et al. 2008, BMC
        Bioinformatics 9, 307; Molnar et al. 2023): what the column adds to the others, without rows that cannot be. The interval takes the
        strata as they are.
    n_repeats : int
        Shuffles of each column, at most.
    settle : bool
        Stop, after two shuffles or more, as soon as more of them would not change the order of the columns: each two neighbours differ by
        more than twice the standard error that the shuffles add, or that adds less than a tenth to the variance of their difference, or
        both lose less than 1 % of the largest loss.
    rows : int or None
        Rows used, a stratified sample; None: all.
    class_ : label of a class, optional
        Measure this class against the rest, as if there were only the two.
    level : float
        The interval covers the choice of rows (paired influences, the shuffled values' part included) and the spread of shuffles.
        None (NaN) where it would not hold its level: one shuffle, fewer than 200 rows or 60 clusters, or fewer than 30 rows of one
        outcome (60 with clusters).

    Raises
    ------
    NotApplicable
        Without a model, or where the metric has no value on these rows.
    """
    shared.need_model(ev)
    level = check_level(level)
    if n_repeats < 1:
        raise InputError("Expected at least one repeat.", f"Got {n_repeats}.")
    seed = ev.seed_or(seed)
    record = default_metric(ev, metric, class_)
    names = known_features(ev, features)
    chosen = ev.sample(rows)
    parts = parts_of(chosen, names, groups, together)
    found = shuffled(chosen, record, parts, n_repeats, settle, conditional, class_, seed, progress)
    table, each, method = _tables(record, found, level, chosen.n)
    made = found.made
    return PermutationImportance(
        importance=table,
        repeats=each,
        together=_groups(parts),
        strata=_strata(found),
        metric=record.name,
        label=label_of(record, ev.task, chosen_class(class_)),
        before=value_of(record, rows_of(chosen, class_)),
        interval=method,
        how=found.how,
        made=made,
        unsettled=found.unsettled,
        source=chosen.source,
        settings={
            "metric": record.name,
            "greater_is_better": record.greater_is_better,
            "together": together,
            "conditional": bool(conditional),
            "n_repeats": n_repeats,
            "settle": bool(settle),
            "rows": chosen.n,
            "class_": chosen_class(class_),
            "level": level,
            "seed": seed,
        },
    )


def _tables(metric: Metric, found: Shuffled, level: float, n: int) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    worse = -1.0 if metric.greater_is_better else 1.0
    records, each, method = [], [], ""
    for part, tally in zip(found.parts, found.tallies, strict=True):
        one = tally.change(level)
        ends = sorted((worse * one.low, worse * one.high)) if np.isfinite(one.low) else (np.nan, np.nan)
        records.append((part.name, metric.name, worse * one.estimate, *ends, n, len(part.columns)))
        each += [(part.name, r, worse * v) for r, v in enumerate(one.repeats)]
        method = one.method
    table = pd.DataFrame(records, columns=["feature", "metric", "estimate", "low", "high", "n", "columns"])
    return (
        table.sort_values("estimate", ascending=False, kind="stable", ignore_index=True),
        pd.DataFrame(each, columns=["feature", "repeat", "estimate"]),
        method,
    )


def _groups(parts: Sequence[Part]) -> pd.DataFrame:
    found = [(p.name, p.columns, p.why, p.weakest) for p in parts if len(p.columns) > 1]
    return pd.DataFrame(found, columns=["feature", "columns", "why", "weakest"])


def _strata(found: Shuffled) -> pd.DataFrame:
    made = [
        (part.name, int(codes.max()) + 1, explained)
        for part, (codes, explained) in zip(found.parts, found.strata, strict=False)
    ]
    return pd.DataFrame(made, columns=["feature", "strata", "explained"])
