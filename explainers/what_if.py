"""What if a column were different? The answers for one row, and metric and decisions for all rows, before and after."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.constraints import constraints
from modelglass.analysis.errors import InputError, NotApplicable, nearest, unknown_name
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.groups import rows_of
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.paired import change, default_metric, judged_answers, value_of
from modelglass.analysis.performance import check_level, in_sentence, label_of, shown
from modelglass.analysis.progress import Progress, blocks, span, tell
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.analysis.wording import signed
from modelglass.explainers import rows as shared

ROWS = 1_000_000
FORM = re.compile(r"\s*(?P<column>.+?)\s*(?P<sign>[-+*]=|=)\s*(?P<value>.*?)\s*")
BESIDE = {"binary": ("accuracy", "selection_rate"), "multiclass": ("accuracy",), "regression": ("bias",)}


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class WhatIf(Result):
    """What the model says of changed rows.

    metrics     measure (metric, or "mean ..." of the model's answers), label (for people), before, after, estimate (after minus before), low, high
                (interval of the paired difference over rows or clusters), n
    rows        row, before, after (answers), output_before, output_after (score of the positive or most likely class, or the number): the rows whose
                answer moves most
    said        the changes in words; changed: share of decisions that change (NaN in regression); impossible: how many rows are no longer possible
                rows by the constraints of the data, and the first reason
    """

    metrics: pd.DataFrame
    rows: pd.DataFrame
    said: str
    changed: float
    touched: int
    impossible: int
    reason: str
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give measure, label, before, after, estimate, low, high, n."""
        return self.metrics

    def sentence(self) -> str:
        """Say what changes."""
        warning = ""
        if self.impossible:
            warning = f" {rows_text(self.impossible).capitalize()} would be unlike any in the data ({self.reason}): what the model says of them is a guess."
        if len(self.rows) == 1 and self.settings["row"] is not None:
            one = self.rows.iloc[0]
            score = (
                f" ({shown(one.output_before)} to {shown(one.output_after)})"
                if one.before == one.after or np.isfinite(one.output_before)
                else ""
            )
            move = f"stays {one.before}" if one.before == one.after else f"goes from {one.before} to {one.after}"
            return f"With {self.said}, row {one.row} {move}{score}.{warning}"
        first = self.metrics.iloc[0]
        interval = (
            "no interval: too few rows"
            if np.isnan(first.low)
            else f"{100 * self.settings['level']:.4g} % interval {signed(first.low)} to {signed(first.high)}"
        )
        flips = "" if np.isnan(self.changed) else f"; {self.changed:.1%} of decisions change"
        return (
            f"With {self.said}, {in_sentence(first.label)} goes from {shown(first.before)} to {shown(first.after)} (change {signed(first.estimate)}, {interval}){flips}; "
            f"{rows_text(int(first.n))}, {self.touched:,} of them touched.{warning} This is what the model would say, not what would happen."
        )


def what_if(
    ev: Evaluation,
    *,
    changes: Any = None,
    row: Any = None,
    rows: int | None = ROWS,
    metric: Any = None,
    level: float = 0.95,
    progress: Progress | None = None,
) -> WhatIf:
    """Change columns of all rows (or of one) and ask the model again, once for each row.

    Parameters
    ----------
    changes : text or mapping
        ``"age = 40; hours += 5; income *= 1.1; sector = Private; pay ="`` (nothing after = makes it missing), or a mapping of column to a
        value or to such a text without the column (``{"hours": "+= 5"}``). Missing values stay missing under += and *=.
    row : row number in the data, optional
        Only this row.
    rows : int or None
        At most so many, a stratified sample; None: all.
    metric : name or function, optional
        Beside accuracy and such; without it ROC AUC, log loss or RMSE, by the task.

    Raises
    ------
    NotApplicable
        Without a model, or without changes.
    InputError
        A column the model does not read, a level or number that does not fit.
    """
    shared.need_model(ev)
    level = check_level(level)
    asked = _parsed(ev, changes)
    if not asked:
        raise NotApplicable("no change was given; write for example hours += 5")
    whole = row in (None, "")
    if rows is not None and rows < 1:
        raise InputError("Expected rows of at least one.", f"Got {rows}.")
    chosen = ev.sample(rows) if whole else ev.take([shared.row_place(ev, row)])
    tell(progress, 0.0, "changing the rows")
    before = chosen.inputs()
    after = before.assign(**{c: _changed(before[c], sign, value, ev.whole.inputs()[c]) for c, sign, value in asked})
    columns = list(dict.fromkeys(c for c, _, _ in asked))
    touched = int((~_same(before[columns], after[columns])).sum())
    broken = constraints(ev).violations(after)
    broken = broken[broken.column.isin(columns) | broken.rule.str.startswith("not ")]
    now = _asked(chosen, after, span(progress, 0.1, 1.0))
    return WhatIf(
        metrics=_metrics(chosen, now, metric, level) if whole else _mean(chosen, now, level),
        rows=_rows(chosen, now),
        said=", ".join(_said(c, s, v) for c, s, v in asked),
        changed=np.nan if ev.task == "regression" else _share_changed(chosen, now[0]),
        touched=touched,
        impossible=int(broken.place.nunique()),
        reason=f"{broken.column.iloc[0]}: {broken.rule.iloc[0]}" if len(broken) else "",
        source=chosen.source,
        settings={
            "changes": changes if isinstance(changes, str) else dict(changes),
            "row": None if whole else int(row),
            "rows": chosen.n,
            "metric": metric if isinstance(metric, str) else None,
            "level": level,
        },
    )


def what_if_row(ev: Evaluation, *, row: Any, changes: Any = None, progress: Progress | None = None) -> WhatIf:
    """Change columns of one row and ask the model again; see ``what_if``."""
    return what_if(ev, changes=changes, row=row, progress=progress)


def _parsed(ev: Evaluation, changes: Any) -> list[tuple[str, str, Any]]:
    if changes is None or (isinstance(changes, str) and not changes.strip()):
        return []
    if isinstance(changes, str):
        out = []
        for part in filter(str.strip, re.split(r"[;\n]", changes)):
            found = FORM.fullmatch(part)
            if found is None:
                raise InputError(
                    "Expected changes such as hours += 5; sector = Private.",
                    f"Got {part.strip()!r}.",
                    "Write column = value.",
                )
            out.append((found["column"], found["sign"], found["value"] or None))
    elif isinstance(changes, Mapping):
        out = [(str(c), *_of_value(v)) for c, v in changes.items()]
    else:
        raise InputError(
            "Expected changes as a text or a mapping of column to value.", f"Got {type(changes).__name__}."
        )
    for column, _, _ in out:
        if column not in ev.features:
            raise unknown_name("column that the model reads", column, ev.features)
    return out


def _of_value(value: Any) -> tuple[str, Any]:
    found = re.fullmatch(r"\s*([-+*]=|=)\s*(.*?)\s*", value) if isinstance(value, str) else None
    return ("=", value) if found is None else (found[1], found[2] or None)


def _changed(column: pd.Series, sign: str, value: Any, known: pd.Series) -> pd.Series:
    """Give the changed column, with the dtype it had."""
    dtype, name = column.dtype, str(column.name)
    if value is None:
        if pd.api.types.is_integer_dtype(dtype) and isinstance(dtype, np.dtype):
            return pd.Series(np.nan, index=column.index, dtype="float64")
        if pd.api.types.is_bool_dtype(dtype) and isinstance(dtype, np.dtype):
            return pd.Series(None, index=column.index, dtype=object)
        return column.where(np.zeros(len(column), bool))
    dates = pd.api.types.is_datetime64_any_dtype(dtype)
    if pd.api.types.is_bool_dtype(dtype) or not (pd.api.types.is_numeric_dtype(dtype) or dates):
        return _levelled(column, sign, value, known)
    if dates:
        return _dated(column, sign, value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InputError(f"Expected a number for {name!r}.", f"Got {value!r}.", "") from None
    values = column.astype("float64" if isinstance(dtype, np.dtype) else "Float64")
    if sign == "=":
        made = pd.Series(number, index=column.index)
    else:
        made = values * number if sign == "*=" else values + (number if sign == "+=" else -number)
    return (made.round() if pd.api.types.is_integer_dtype(dtype) else made).astype(dtype)


def _levelled(column: pd.Series, sign: str, value: Any, known: pd.Series) -> pd.Series:
    name = str(column.name)
    if sign != "=":
        raise InputError(f"Expected {name} = LEVEL, because {name!r} holds no numbers.", f"Got {name} {sign} {value}.")
    levels = {str(v): v for v in pd.unique(known.dropna().astype(object))}
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels |= {str(v): v for v in column.cat.categories}
    if str(value) not in levels:
        close = nearest(str(value), levels)
        raise InputError(
            f"Expected a level that {name!r} has: {', '.join(list(levels)[:12])}.",
            f"Got {value!r}, which no row holds.",
            f"Did you mean {close[0]!r}?" if close else "",
        )
    return pd.Series([levels[str(value)]] * len(column), index=column.index, dtype=object).astype(column.dtype)


def _dated(column: pd.Series, sign: str, value: Any) -> pd.Series:
    try:
        if sign == "=":
            return pd.Series(pd.Timestamp(value), index=column.index).astype(column.dtype)
        if sign in ("+=", "-="):
            return (column + pd.Timedelta(days=float(value) * (1 if sign == "+=" else -1))).astype(column.dtype)
    except (TypeError, ValueError):
        pass
    raise InputError(
        f"Expected a date, or += days, for {str(column.name)!r}.",
        f"Got {sign} {value!r}.",
        "Write 2024-05-01, or += 30.",
    )


def _same(a: pd.DataFrame, b: pd.DataFrame) -> np.ndarray:
    out = np.ones(len(a), bool)
    for c in a.columns:
        left, right = a[c].astype(object).to_numpy(), b[c].astype(object).to_numpy()
        out &= np.array(
            [x is y or (pd.isna(x) and pd.isna(y)) or x == y for x, y in zip(left, right, strict=True)], bool
        )
    return out


def _said(column: str, sign: str, value: Any) -> str:
    if value is None:
        return f"{column} missing"
    return f"{column} = {value}" if sign == "=" else f"{column} {sign[0].replace('*', 'times')} {value}"


def _asked(ev: Evaluation, frame: pd.DataFrame, progress: Progress | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Ask the model about the changed rows, block by block: decisions and scores as ``ev.answer`` gives them."""
    parts = []
    for rows in blocks(len(frame), start=512, most=200_000):
        parts.append(ev.answer(frame.iloc[rows]))
        tell(progress, rows.stop / len(frame), f"asking about {rows_text(len(frame))}, changed")
    decided, scores = (list(each) for each in zip(*parts, strict=True))
    return np.concatenate(decided), None if scores[0] is None else np.concatenate(scores)


def _words(ev: Evaluation, decided: np.ndarray, score: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Answers in words, and the score of the positive (or most likely) class or the number."""
    if ev.task == "regression":
        return np.array([shown(v) for v in decided], dtype=object), np.asarray(decided, float)
    words = np.array([str(c) for c in ev.classes], dtype=object)[np.asarray(decided, dtype=np.int64)]
    if score is None:
        return words, np.full(len(decided), np.nan)
    score = np.asarray(score, float)
    return words, score if score.ndim == 1 else score.max(axis=1)


def _rows(ev: Evaluation, changed: tuple[np.ndarray, np.ndarray | None], most: int = 20) -> pd.DataFrame:
    (said, score), (now, moved) = _words(ev, ev.predicted, ev.score), _words(ev, *changed)
    table = pd.DataFrame(
        {"row": ev.frame.index.to_numpy(), "before": said, "after": now, "output_before": score, "output_after": moved}
    )
    size = np.abs(moved - score) + (said != now)
    return table.iloc[np.argsort(-np.nan_to_num(size), kind="stable")[:most]].reset_index(drop=True)


def _share_changed(ev: Evaluation, decided: np.ndarray) -> float:
    return float(np.average(decided != ev.predicted, weights=ev.weight))


def _metrics(ev: Evaluation, now: tuple[np.ndarray, np.ndarray | None], metric: Any, level: float) -> pd.DataFrame:
    record = default_metric(ev, metric)
    names = [record, *(METRICS[m] for m in BESIDE[ev.task] if METRICS[m].name != record.name)]
    clean = rows_of(ev)
    changed = judged_answers(ev, *now, clean)
    records = []
    for one in names:
        try:
            found = change(one, clean, [changed], level=level, seed=ev.seed)
        except NotApplicable:
            if one is record:
                raise
            continue
        before = value_of(one, clean)
        records.append(
            (
                one.name,
                label_of(one, ev.task, None),
                before,
                before + found.estimate,
                found.estimate,
                found.low,
                found.high,
                ev.n,
            )
        )
    table = pd.DataFrame(records, columns=["measure", "label", "before", "after", "estimate", "low", "high", "n"])
    return pd.concat([table, _mean(ev, now, level)], ignore_index=True)


def _mean(ev: Evaluation, now: tuple[np.ndarray, np.ndarray | None], level: float) -> pd.DataFrame:
    """Mean answer before and after, with the interval of the mean of the rows' own differences."""
    first, second = shared.given_answers(ev), shared.output_of(ev, *now)
    estimate, low, high = shared.mean_interval(ev, second - first, level)
    weight = np.ones(ev.n) if ev.weight is None else ev.weight
    mean = np.average(first, axis=0, weights=weight)
    scale = shared.scale(ev)
    labels = [f"mean {scale}" + (f" of {g}" if ev.task != "regression" else "") for g in shared.groups(ev)]
    return pd.DataFrame(
        {
            "measure": labels, "label": labels, "before": mean, "after": mean + estimate, "estimate": estimate, "low": low, "high": high, "n": ev.n,
        }
    )  # fmt: skip
