"""Shapley values: how much each raw column moves each prediction away from the average one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from modelglass.analysis.curves import chosen_class
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.performance import check_level
from modelglass.analysis.progress import Progress
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.analysis.wording import say, signed
from modelglass.explainers import rows as shared
from modelglass.explainers.shapley_exact import Attribution
from modelglass.explainers.shapley_ways import ENOUGH_ROWS, Asked, checked, explained, fewer, gap_of, plan, way_of


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class ShapleyValues(Result):
    """Shapley values of many rows, in raw columns.

    values      shape (n_rows, n_features, n_groups), in the unit ``scale``; they sum to prediction minus base
    base, prediction   shapes (n_groups,) and (n_rows, n_groups), same unit
    error       standard error of each value where it was sampled (shape of values), else None
    rows        row numbers in the data, shape (n_rows,); data: the raw values as text, object, shape (n_rows, n_features)
    features, groups   names; groups are the positive class, each class, or the target
    scale       "log-odds", "probability", "decision", "raw score" (before softmax), the target's name, "log of <target>"
    method      "tree", "linear" or "sampling"; exact: no sampling of orders
    how, absent what was done, and what stands in for a feature that is left out; reason: why not exactly, else ''
    importance  feature, group, estimate (weighted mean of |value|), low, high (interval over rows or clusters, and over background rows
                where sampled), n
    additivity_gap   largest |base + sum - prediction|
    """

    values: np.ndarray
    base: np.ndarray
    prediction: np.ndarray
    error: np.ndarray | None
    rows: np.ndarray
    data: np.ndarray
    features: tuple[str, ...]
    groups: tuple[str, ...]
    scale: str
    method: str
    exact: bool
    how: str
    absent: str
    reason: str
    importance: pd.DataFrame
    additivity_gap: float
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give the importance: feature, group, estimate, low, high, n; largest first."""
        return self.importance

    def long(self) -> pd.DataFrame:
        """Give every value: row, feature, value (of the feature, as text), group, shap, error (NaN where exact)."""
        n, p, k = self.values.shape
        return pd.DataFrame(
            {
                "row": np.repeat(self.rows, p * k),
                "feature": np.tile(np.repeat(np.array(self.features, dtype=object), k), n),
                "value": np.repeat(self.data.ravel(), k),
                "group": np.tile(np.array(self.groups, dtype=object), n * p),
                "shap": self.values.ravel(),
                "error": np.full(n * p * k, np.nan) if self.error is None else self.error.ravel(),
            }
        )

    def matrix(self) -> pd.DataFrame:
        """Give the values as one row a row of the data (the index) and one column a feature (and group, of several)."""
        n, p, k = self.values.shape
        names = [f if k == 1 else f"{f} ({g})" for f in self.features for g in self.groups]
        return pd.DataFrame(self.values.reshape(n, p * k), index=self.rows, columns=names)

    def sentence(self) -> str:
        """Say which columns move predictions most, and how it was found."""
        top = (
            self.importance[self.importance.group == self.importance.group.iloc[0]]
            if len(self.groups) == 1
            else _over_groups(self.importance)
        )
        names = ", ".join(f"{f} ({say(v)})" for f, v in zip(top.feature[:3], top.estimate[:3], strict=True))
        of = f" for {self.groups[0]}" if self.settings.get("class_") else ""
        unsure = (
            ""
            if self.error is None
            else f"; standard error of a single value {np.sqrt(np.nanmean(self.error**2)):.2g} on average"
        )
        because = f" The exact way was not taken, because {self.reason}." if self.reason else ""
        if self.reason and self.method == "given":
            because = f" {self.reason[0].upper()}{self.reason[1:]}."
        return (
            f"The columns that move predictions{of} most: {names}; mean absolute Shapley value in {self.scale} over {rows_text(len(self.rows))} "
            f"({self.how}; {self.absent}{unsure}; sums are off by at most {self.additivity_gap:.1g}).{because}"
        )


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class ShapleyRow(Result):
    """Shapley values of one row: the way from the base to its prediction, in raw columns.

    steps       feature, value (as text), group, shap, low, high (95 % or ``level`` interval where sampled, else equal to shap), largest
                |shap| first within a group
    base, prediction, output   by group: start and end of the way in the unit ``scale``, and the model's answer (probability, value)
    row         number of the row in the data; other fields as in ShapleyValues
    """

    steps: pd.DataFrame
    base: np.ndarray
    prediction: np.ndarray
    output: np.ndarray
    row: int
    groups: tuple[str, ...]
    scale: str
    output_scale: str
    method: str
    exact: bool
    how: str
    absent: str
    reason: str
    additivity_gap: float
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give feature, value, group, shap, low, high."""
        return self.steps

    def sentence(self) -> str:
        """Say what moved this prediction most."""
        at = 0 if len(self.groups) == 1 else int(np.argmax(self.output))
        part = self.steps[self.steps.group == self.groups[at]][:3]
        names = ", ".join(f"{s.feature} = {s.value} ({signed(s.shap)})" for s in part.itertuples())
        answer = (
            f"{self.output_scale} of {self.groups[at]}"
            if self.output_scale in ("probability", "decision")
            else self.output_scale
        )
        because = f" The exact way was not taken, because {self.reason}." if self.reason else ""
        return (
            f"Row {self.row}: {answer} {say(self.output[at])}. From {say(self.base[at])} to {say(self.prediction[at])} in {self.scale}, "
            f"moved most by {names} ({self.how}; {self.absent}).{because}"
        )


def shapley_values(
    ev: Evaluation,
    *,
    rows: int | None = None,
    row: Any = None,
    background: int | None = None,
    method: str = "auto",
    class_: Any = None,
    level: float = 0.95,
    seed: int | None = None,
    progress: Progress | None = None,
) -> ShapleyValues | ShapleyRow:
    """Explain predictions by Shapley values in the raw columns (Lundberg and Lee 2017).

    Trees and linear models are explained exactly, through a Pipeline too where every transformed column comes from one raw column (its
    values are then the sum of those of the columns made from it, each a player of its own); other models by sampling orders of raw
    columns against background rows, and the result says so.

    Parameters
    ----------
    rows : int, optional
        Rows explained, a stratified sample. Without it 1,000 where exact; where sampled as many as 600,000 questions to the model
        allow, 20 to 200.
    row : row number, optional
        Explain this one row instead: gives a ShapleyRow, as ``shapley_row`` does.
    background : int, optional
        Background rows, drawn from the whole data (by weight where given), whose values absent columns take: of trees too, then
        (interventional). Without it 10,000 for linear models, 100 for sampling; absent columns of trees then follow the training rows
        down each tree (path-dependent; Lundberg et al. 2020).
    method : {"auto", "tree", "linear", "sampling"}
    class_ : label of a class, optional
        Of several classes only this one.
    level : float
        Of the intervals of the importance: over rows (clusters), and over background rows where sampled; where exact the background counts
        as given.

    Raises
    ------
    NotApplicable
        Without a model, or where the method asked for does not fit it.
    """
    level = check_level(level)
    if row is not None:
        how = {"background": background, "method": method, "class_": class_, "level": level, "seed": seed}
        return shapley_row(ev, row=row, **how, progress=progress)  # type: ignore[arg-type]
    group = shared.group_of(ev, class_)
    seed = checked(ev, method, rows, background, seed)
    asked = Asked(method=method, background=background, seed=seed, in_time=min(rows or ENOUGH_ROWS, ENOUGH_ROWS, ev.n))
    way, reason, n = plan(ev, asked, rows, ev.n)
    chosen = ev.sample(n)
    found, reason = explained(chosen, way, reason, asked, progress, may_end=True)
    chosen = chosen if found.done is None else chosen.take(found.done)
    names, importance = shared.groups(ev), importance_of(found, chosen, level)
    if group is not None:
        names, found = (names[group],), found.of_group(group)
        importance = importance[importance.group == names[0]].reset_index(drop=True)
    return ShapleyValues(
        values=found.values,
        base=found.base,
        prediction=found.prediction,
        error=found.error,
        rows=chosen.frame.index.to_numpy(),
        data=shared.texts(chosen.inputs()),
        features=ev.features,
        groups=names,
        scale=found.scale,
        method=found.method,
        exact=found.error is None,
        how=found.how,
        absent=found.absent,
        reason=reason,
        additivity_gap=gap_of(found),
        importance=importance,
        source=replace(chosen.source, cut=fewer(found, rows, chosen.n, ev.n)),
        settings={
            "rows": chosen.n,
            "method": method,
            "background": found.background,
            "class_": chosen_class(class_),
            "level": level,
            "seed": asked.seed,
        },
    )


def shapley_row(
    ev: Evaluation,
    *,
    row: Any,
    background: int | None = None,
    method: str = "auto",
    rounds: int = 8,
    class_: Any = None,
    level: float = 0.95,
    seed: int | None = None,
    progress: Progress | None = None,
) -> ShapleyRow:
    """Explain one row by Shapley values; see ``shapley_values``.

    Parameters
    ----------
    row : row number in the data (the frame's index)
    rounds : int
        Orders per background row where sampled.
    class_ : label of a class, optional
        Of several classes only this one.
    """
    level = check_level(level)
    seed = checked(ev, method, None, background, seed)
    place, group = shared.row_place(ev, row), shared.group_of(ev, class_)
    one = ev.take([place])
    way, reason = way_of(ev, method)
    asked = Asked(method=method, background=background, seed=seed, rounds=rounds)
    found, reason = explained(one, way, reason, asked, progress, may_end=True)
    names, values = shared.groups(ev), shared.texts(one.inputs())[0]
    answers = shared.output(ev, one.inputs())[0]
    if group is not None:
        names, answers, found = (names[group],), answers[[group]], found.of_group(group)
    spread = (
        0.0 if found.error is None else special.stdtrit(max(found.background - 1, 1), 0.5 + level / 2) * found.error[0]
    )
    parts = []
    for g, name in enumerate(names):
        shap = found.values[0, :, g]
        wide = np.broadcast_to(spread, found.values[0].shape)[:, g]
        part = pd.DataFrame(
            {
                "feature": list(ev.features),
                "value": values,
                "group": name,
                "shap": shap,
                "low": shap - wide,
                "high": shap + wide,
            }
        )
        parts.append(part.iloc[np.argsort(-np.abs(shap), kind="stable")])
    return ShapleyRow(
        steps=pd.concat(parts, ignore_index=True),
        base=found.base,
        prediction=found.prediction[0],
        output=answers,
        row=int(row),
        groups=names,
        scale=found.scale,
        output_scale=shared.scale(ev),
        method=found.method,
        exact=found.error is None,
        how=found.how,
        absent=found.absent,
        reason=reason,
        additivity_gap=gap_of(found),
        source=replace(ev.source, seed=seed),
        settings={
            "row": int(row),
            "method": method,
            "background": found.background,
            "rounds": rounds,
            "class_": chosen_class(class_),
            "level": level,
            "seed": seed,
        },
    )


def importance_of(
    found: Attribution, ev: Evaluation, level: float, features: tuple[str, ...] | None = None
) -> pd.DataFrame:
    """Weighted mean |value| of each feature and group, with an interval over rows (or clusters), and background rows where sampled.

    A sampled value's size is too large by what its error adds, most where it is near 0; low and high are moved down by that.
    """
    n, p, k = found.values.shape
    size = np.abs(found.values)
    estimate, low, high = shared.mean_interval(ev, size.reshape(n, p * k), level)
    if found.error is not None and found.lent is not None:
        share = np.full(n, 1.0 / n) if ev.weight is None else ev.weight / ev.weight.sum()
        own = np.einsum("r,rfg->fg", share**2, found.error**2)  # what each row meets alone is in the interval over rows
        lent = np.sqrt(np.maximum(found.lent**2 - own, 0.0)).ravel()
        spread = special.stdtrit(max(found.background - 1, 1), 0.5 + level / 2) * lent
        above = np.average(_above(size, found.error), axis=0, weights=ev.weight).ravel()
        low, high = (
            estimate - np.hypot(estimate - low, spread) - above,
            np.maximum(estimate, estimate + np.hypot(high - estimate, spread) - above),
        )
    out = pd.DataFrame(
        {
            "feature": np.repeat(np.array(features or ev.features, dtype=object), k),
            "group": np.tile(np.array(shared.groups(ev), dtype=object), p),
            "estimate": estimate,
            "low": np.maximum(low, 0.0),
            "high": high,
            "n": n,
        }
    )
    return out.sort_values("estimate", ascending=False, kind="stable", ignore_index=True)


def _above(size: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Say how much larger the size of a number with a normal error is on average than the number's own; 0 without an error."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z = size / error
        more = error * np.sqrt(2 / np.pi) * np.exp(-(z**2) / 2) - 2 * size * special.ndtr(-z)
    return np.where(error > 0, more, 0.0)


def _over_groups(importance: pd.DataFrame) -> pd.DataFrame:
    """Sum the importance over classes, largest first."""
    return (
        importance.groupby("feature", sort=False)
        .estimate.sum()
        .sort_values(ascending=False, kind="stable")
        .reset_index()
    )
