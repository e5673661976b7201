"""Permutation importance: how much worse the model gets when one raw column is shuffled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.curves import chosen_class
from modelglass.analysis.errors import InputError
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.groups import Rows, rows_of
from modelglass.analysis.metrics import Metric
from modelglass.analysis.paired import change, default_metric, judged, value_of
from modelglass.analysis.performance import check_level, label_of, shown
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.explainers import rows as shared
from modelglass.explainers.rows import Stack

ROWS = 5_000


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class PermutationImportance(Result):
    """How much worse a metric gets when a raw column is shuffled among the rows.

    importance   feature, metric, estimate (mean over repeats; above 0 is worse, or higher where neither way is better), low, high, n; largest first
    repeats      feature, repeat, estimate: each repeat by itself
    metric       its name; label: for people; before: its value on these rows, unshuffled
    interval     the interval's method
    """

    importance: pd.DataFrame
    repeats: pd.DataFrame
    metric: str
    label: str
    before: float
    interval: str
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give feature, metric, estimate, low, high, n."""
        return self.importance

    def sentence(self) -> str:
        """Say which columns the model leans on most."""
        top = self.importance.iloc[:3]
        few = "one shuffle only" if self.settings["n_repeats"] < 2 else "too few rows"
        names = ", ".join(
            f"{r.feature} ({shown(r.estimate)}, "
            + (
                f"{100 * self.settings['level']:.4g} % interval {shown(r.low)} to {shown(r.high)})"
                if r.low == r.low
                else f"no interval: {few})"
            )
            for r in top.itertuples()
        )
        does = (
            "worsens" if self.settings["greater_is_better"] is not None else "raises"
        )  # of a bias neither way is worse
        none = int((self.importance.low <= 0).sum())
        idle = f" For {none} of {len(self.importance)} columns no loss can be told from none." if none else ""
        return (
            f"Shuffling a column {does} {self.label} ({shown(self.before)} as it is) most for {names}; mean of "
            f"{self.settings['n_repeats']} shuffles of {rows_text(int(top.n.iloc[0]))}.{idle}"
        )


def permutation_importance(
    ev: Evaluation,
    *,
    metric: Any = None,
    features: Any = None,
    n_repeats: int = 5,
    rows: int | None = ROWS,
    class_: Any = None,
    level: float = 0.95,
    seed: int | None = None,
    progress: Progress | None = None,
) -> PermutationImportance:
    """Shuffle each raw column and see how much worse the model predicts (Breiman 2001; Fisher, Rudin and Dominici 2019).

    Parameters
    ----------
    metric : name or function, optional
        A function's direction is declared by ``own_metric(f, greater_is_better=...)``; where neither way is better the estimate is
        the rise of the metric. Without it ROC AUC (binary), log loss (several classes), accuracy where there are no scores, RMSE in regression.
    features : sequence of str, optional
        Columns to shuffle; all that the model reads without it.
    n_repeats : int
    rows : int or None
        Rows used, a stratified sample; None: all.
    class_ : label of a class, optional
        Measure this class against the rest, as if there were only the two.
    level : float
        The interval covers the choice of rows (paired influences, the shuffled values' part included) and the spread of repeats.
        None (NaN) where it would not hold its level: one repeat, fewer than 200 rows or 60 clusters, or fewer than 30 rows of one
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
    seed = ev.seed if seed is None else seed
    record = default_metric(ev, metric, class_)
    names = shared.known_features(ev, features)
    chosen = shared.sampled(ev, rows)
    table, each, method = _measured(chosen, record, names, n_repeats, class_, level, seed, progress)
    return PermutationImportance(
        importance=table.sort_values("estimate", ascending=False, kind="stable", ignore_index=True),
        repeats=each,
        metric=record.name,
        label=label_of(record, ev.task, chosen_class(class_)),
        before=value_of(record, rows_of(chosen, class_)),
        interval=method,
        source=chosen.source,
        settings={
            "metric": record.name,
            "greater_is_better": record.greater_is_better,
            "n_repeats": n_repeats,
            "rows": chosen.n,
            "class_": chosen_class(class_),
            "level": level,
            "seed": seed,
        },
    )


def _measured(
    ev: Evaluation,
    metric: Metric,
    names: list[str],
    n_repeats: int,
    class_: Any,
    level: float,
    seed: int,
    progress: Progress | None,
) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    clean, inputs = rows_of(ev, class_), ev.inputs()
    worse = -1.0 if metric.greater_is_better else 1.0
    ask = asker(ev, inputs, rows_of(ev), class_)
    records, each, method = [], [], ""
    for i, name in enumerate(names):
        rng = np.random.default_rng(
            (seed, 20_004, list(ev.features).index(name))
        )  # a column's result does not depend on the others
        orders = [rng.permutation(ev.n) for _ in range(n_repeats)]
        judgements = []
        for r, order in enumerate(orders):
            tell(progress, (i * n_repeats + r) / (len(names) * n_repeats), f"shuffling {name}")
            judgements.append(ask(name, order))
        found = change(metric, clean, judgements, level=level, donors=orders, seed=seed)
        ends = sorted((worse * found.low, worse * found.high)) if np.isfinite(found.low) else (np.nan, np.nan)
        records.append((name, metric.name, worse * found.estimate, *ends, ev.n))
        each += [(name, r, worse * v) for r, v in enumerate(found.repeats)]
        method = found.method
    tell(progress, 1.0, "done")
    return (
        pd.DataFrame(records, columns=["feature", "metric", "estimate", "low", "high", "n"]),
        pd.DataFrame(each, columns=["feature", "repeat", "estimate"]),
        method,
    )


def asker(ev: Evaluation, inputs: pd.DataFrame, clean: Rows, class_: Any = None) -> Callable[[str, np.ndarray], Rows]:
    """Give a function: feature, row order -> the rows judged with that column taken in that order."""
    place = {c: j for j, c in enumerate(inputs.columns)}
    stack = Stack(inputs)
    straight = np.repeat(np.arange(len(inputs))[:, None], inputs.shape[1], axis=1)

    def ask(name: str, order: np.ndarray) -> Rows:
        choice = straight.copy()
        choice[:, place[name]] = order
        return judged(ev, stack.rows(choice), clean, class_)

    return ask
