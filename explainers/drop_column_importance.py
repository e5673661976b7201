"""Drop-column importance: how much worse the model would be had it been fitted without a raw column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.budget import BudgetSpent, short
from modelglass.analysis.curves import chosen_class
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.groups import Rows, class_of, rows_of
from modelglass.analysis.known_features import known_features
from modelglass.analysis.paired import change, default_metric, enough_rows, value_of
from modelglass.analysis.performance import check_level, in_sentence, label_of, shown
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.refitting import Refitter, training
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.explainers import rows as shared

ROWS, TRAIN_ROWS = 5_000, 20_000


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class DropColumnImportance(Result):
    """How much worse a metric is when the model is fitted without a raw column.

    importance  feature, metric, estimate (metric without the column less metric of a fit with all; above 0 is worse, or higher where
                neither way is better), low, high (paired over rows or clusters, the two fits as they are; NaN below 200 rows), n; largest first
    metric, label, before   of the model as it is; refitted: of the same kind of model, fitted here with all columns
    trained     training rows used
    """

    importance: pd.DataFrame
    metric: str
    label: str
    before: float
    refitted: float
    trained: int
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give feature, metric, estimate, low, high, n."""
        return self.importance

    def sentence(self) -> str:
        """Say which columns the fit would miss most, and that the fits were made here."""
        does = "worsens" if self.settings["greater_is_better"] is not None else "raises"
        names = ", ".join(
            f"{r.feature} ({shown(r.estimate)}" + (f", {shown(r.low)} to {shown(r.high)})" if r.low == r.low else ")")
            for r in self.importance[:3].itertuples()
        )
        idle = int((self.importance.low <= 0).sum())
        none = (
            f" Without {idle} of {len(self.importance)} columns, each alone, no loss can be told from none."
            if idle
            else ""
        )
        return (
            f"Fitting the model again without a column {does} {in_sentence(self.label)} most for {names}; fitted on {rows_text(self.trained)} of training, "
            f"judged on {rows_text(int(self.importance.n.iloc[0]))}. With all columns this fit reaches {shown(self.refitted)}, the model itself "
            f"{shown(self.before)}.{none}"
        )


def drop_column_importance(
    ev: Evaluation,
    *,
    metric: Any = None,
    features: Any = None,
    train_rows: int | None = TRAIN_ROWS,
    rows: int | None = ROWS,
    class_: Any = None,
    level: float = 0.95,
    progress: Progress | None = None,
) -> DropColumnImportance:
    """Fit the model again without each raw column and compare with a fit that has them all (Lei et al. 2018, JASA 113, 1094-1111).

    A column is left out by giving every row its most typical value, while fitting and while judging, so that a pipeline that names the column
    still works; a constant column tells a model nothing. Both fits are made here, on the same training rows, with the settings of the
    model and without weights.

    Parameters
    ----------
    metric, class_ : as in ``permutation_importance``
    features : sequence of str, optional
        Columns left out one by one; all without it.
    train_rows, rows : int or None
        Rows fitted on and judged on, stratified samples; None: all.
    level : float
        Of the interval over rows; it does not hold what another training sample would change.

    Raises
    ------
    NotApplicable
        Without training data with the target, or where the model cannot be fitted again.
    """
    shared.need_model(ev)
    level, record = check_level(level), default_metric(ev, metric, class_)
    names = known_features(ev, features)
    if class_ not in (None, ""):
        class_of(ev, class_)
    train = training(ev).sample(train_rows)
    chosen = ev.sample(rows)
    judge = _Refit(chosen, train, class_)
    full = judge.rows(None)
    records = []
    worse = -1.0 if record.greater_is_better else 1.0
    enough = enough_rows(full)
    cut = ""
    for i, name in enumerate(names):
        try:
            tell(progress, (i + 1) / (len(names) + 1), f"fitting without {name}")
        except BudgetSpent:
            if not i:
                raise
            progress, cut = None, f"Fitted without {i} of {len(names)} columns only{short()}."
            break
        found = change(record, full, [judge.rows(name)], level=level, seed=ev.seed)
        ends = sorted((worse * found.low, worse * found.high)) if enough else (np.nan, np.nan)
        records.append((name, record.name, worse * found.estimate, *ends, chosen.n))
    tell(progress, 1.0, "done")
    table = pd.DataFrame(records, columns=["feature", "metric", "estimate", "low", "high", "n"])
    return DropColumnImportance(
        importance=table.sort_values("estimate", ascending=False, kind="stable", ignore_index=True),
        metric=record.name,
        label=label_of(record, ev.task, chosen_class(class_)),
        before=value_of(record, rows_of(chosen, class_)),
        refitted=value_of(record, full),
        trained=train.n,
        source=replace(chosen.source, cut=cut),
        settings={
            "metric": record.name,
            "greater_is_better": record.greater_is_better,
            "features": names,
            "train_rows": train.n,
            "rows": chosen.n,
            "class_": chosen_class(class_),
            "level": level,
        },
    )


class _Refit:
    """Fits the model again without a column and judges the rows with it."""

    def __init__(self, ev: Evaluation, train: Evaluation, class_: Any):
        self._refit, self._inputs, self._class = Refitter(ev, train), ev.inputs(), class_

    def rows(self, without: str | None) -> Rows:
        """Judge the rows by a fit without a column (None: with all)."""
        train, inputs = self._refit.inputs, self._inputs
        if without is not None:
            column = train[without]
            at = _typical(column)
            train = train.assign(**{without: column.iloc[np.full(len(train), at)].set_axis(train.index)})
            inputs = inputs.assign(**{without: column.iloc[np.full(len(inputs), at)].set_axis(inputs.index)})
        fresh = self._refit.fitted(train, self._refit.y, f"without {without}" if without else "with all columns")
        return self._refit.judged(fresh, inputs, self._class)


def _typical(column: pd.Series) -> int:
    """Give the place of a value in the middle of numbers and dates, or of the most frequent one of others; 0 where all are missing."""
    known = np.flatnonzero(column.notna().to_numpy())
    if not len(known):
        return 0
    values = column.iloc[known]
    if pd.api.types.is_bool_dtype(values.dtype) or not (
        pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_datetime64_any_dtype(values.dtype)
    ):
        codes = pd.factorize(values)[0]
        return int(known[np.flatnonzero(codes == np.bincount(codes).argmax())[0]])
    return int(known[np.argsort(values.to_numpy(), kind="stable")[len(known) // 2]])
