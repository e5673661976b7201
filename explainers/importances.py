"""What columns are worth, three ways side by side: shuffled, by mean absolute Shapley value, and left out of the fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.budget import BudgetSpent, part_of_budget
from modelglass.analysis.curves import chosen_class
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.in_time import in_time
from modelglass.analysis.performance import in_sentence
from modelglass.analysis.progress import Progress, span
from modelglass.analysis.registry import get
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.explainers.drop_column_importance import drop_column_importance
from modelglass.explainers.shapley import shapley_values

SHUFFLED, MOVED, LEFT_OUT = "shuffled", "moves predictions", "left out of the fit"
ROWS = 2_000
COLUMNS = ["feature", "method", "estimate", "low", "high", "n", "rank", "share"]
FAR = 3
"""Places by which two ways must differ on a column to be told."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Importances(Result):
    """Importance of raw columns by several ways.

    importance  feature, method ("shuffled": loss of the metric; "moves predictions": mean |Shapley value|; "left out of the fit": loss of
                the metric), estimate, low, high, n, rank (1: most important by this way), share (of the sum over columns of what is
                above 0); columns in the order of "shuffled"
    units       method -> what its numbers are in
    agreement   Spearman's correlation of the ranks by "shuffled" and "moves predictions"; NaN of fewer than three columns
    why_not     method -> why it could not be had
    """

    importance: pd.DataFrame
    units: Mapping[str, str]
    agreement: float
    why_not: Mapping[str, str]
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give feature, method, estimate, low, high, n, rank, share."""
        return self.importance

    def ranks(self) -> pd.DataFrame:
        """Give ranks: one row a feature, one column a method."""
        return self.importance.pivot(index="feature", columns="method", values="rank")

    def sentence(self) -> str:
        """Say the first column of each way, how far they agree, and where they differ most."""
        first = [
            f"{m}: {t.loc[t['rank'].idxmin(), 'feature']}" for m, t in self.importance.groupby("method", sort=False)
        ]
        agree = (
            ""
            if np.isnan(self.agreement)
            else f" Ranks by shuffling and by Shapley values correlate by {self.agreement:.2f}."
        )
        lacking = "".join(f" Not {m}: {why}." for m, why in self.why_not.items())
        n = int(self.importance.n.max())
        return f"Most important column by each way: {'; '.join(first)} (up to {rows_text(n)}).{agree}{self._apart()}{lacking}"

    def _apart(self) -> str:
        ranks = self.ranks()
        gap = ranks.max(axis=1) - ranks.min(axis=1)
        if gap.max() < FAR:
            return ""
        row = ranks.loc[gap.idxmax()]
        return (
            f" They differ most on {gap.idxmax()}: place {row.min():.0f} when {row.idxmin()}, {row.max():.0f} when {row.idxmax()}; what moves "
            "predictions need not make them better, and a column that goes with another is missed less than it is used."
        )


def importances(
    ev: Evaluation,
    *,
    metric: Any = None,
    refit: bool = False,
    n_repeats: int = 5,
    rows: int | None = ROWS,
    class_: Any = None,
    level: float = 0.95,
    seed: int | None = None,
    progress: Progress | None = None,
) -> Importances:
    """Put permutation importance, mean absolute Shapley values and drop-column importance beside each other.

    Parameters
    ----------
    metric, n_repeats, class_, level, seed : as in ``permutation_importance``
    refit : bool
        Also fit the model again without each column (``drop_column_importance``); needs training data, and takes a fit for each.
    rows : int or None
        Rows used by each way, a stratified sample (fewer where Shapley values are sampled); None: all.

    Raises
    ------
    NotApplicable
        Without a model, or where no way is possible.
    """
    common = {"class_": class_, "level": level}
    done = 0.4 if refit else 0.5
    asked = {"metric": metric, "n_repeats": n_repeats, "rows": rows, "seed": seed, "together": None, **common}
    with part_of_budget(done):
        shuffled: Any = in_time(ev, get("permutation_importance"), asked, span(progress, 0, done))
    cut = shuffled.source.cut
    tables = [shuffled.frame().assign(method=SHUFFLED)]
    units, why_not = {SHUFFLED: f"loss of {in_sentence(shuffled.label)}"}, {}
    try:
        with part_of_budget(0.6 if refit else 1.0):
            moved = shapley_values(
                ev, rows=_rows_explained(ev, rows), seed=seed, progress=span(progress, done, 2 * done), **common
            )  # type: ignore[arg-type]
        tables.append(_over_groups(moved.frame()).assign(method=MOVED))
        units[MOVED] = f"mean |Shapley value|, {moved.scale}"  # type: ignore[union-attr]
    except (NotApplicable, BudgetSpent) as answer:
        why_not[MOVED] = answer.reason
    if refit:
        try:
            out = drop_column_importance(ev, metric=metric, rows=rows, progress=span(progress, 2 * done, 1.0), **common)  # type: ignore[arg-type]
            tables.append(out.frame().assign(method=LEFT_OUT))
            cut = " ".join(filter(None, (cut, out.source.cut)))
            units[LEFT_OUT] = f"loss of {in_sentence(out.label)} after a new fit"
        except (NotApplicable, BudgetSpent) as answer:
            why_not[LEFT_OUT] = answer.reason
    table = _joined(tables)
    return Importances(
        importance=table,
        units=units,
        agreement=_agreement(table),
        why_not=why_not,
        source=replace(shuffled.source, cut=cut),
        settings={
            "metric": shuffled.metric,
            "refit": bool(refit),
            "n_repeats": n_repeats,
            "rows": rows,
            "class_": chosen_class(class_),
            "level": level,
            "seed": shuffled.settings["seed"],
        },
    )


def _rows_explained(ev: Evaluation, rows: int | None) -> int | None:
    """Let Shapley values choose how many rows they can afford; fewer where fewer were asked for."""
    return None if rows is None or min(rows, ev.n) >= 1_000 else rows


def _over_groups(table: pd.DataFrame) -> pd.DataFrame:
    """Give one row a feature: of several classes the mean over them, without an interval."""
    if table.group.nunique() == 1:
        return table
    found = table.groupby("feature", sort=False).agg(estimate=("estimate", "mean"), n=("n", "max")).reset_index()
    return found.assign(low=np.nan, high=np.nan)


def _joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    order = list(tables[0].feature)
    made = []
    for table in tables:
        above = table.estimate.clip(lower=0)
        rank = table.estimate.rank(ascending=False, method="min").astype(int)
        ready = table.assign(rank=rank, share=above / max(float(above.sum()), 1e-300))
        there = [f for f in order if f in set(table.feature)]  # a budget may have ended the fits
        made.append(ready.set_index("feature").loc[there].reset_index()[COLUMNS])
    return pd.concat(made, ignore_index=True)


def _agreement(table: pd.DataFrame) -> float:
    ranks = table.pivot(index="feature", columns="method", values="rank")
    if MOVED not in ranks or len(ranks) < 3 or (ranks[[SHUFFLED, MOVED]].nunique() < 2).any():
        return float("nan")
    return float(np.corrcoef(ranks[SHUFFLED].rank(), ranks[MOVED].rank())[0, 1])
