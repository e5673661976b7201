"""Where is the model good and where is it bad? Every metric on every slice of chosen columns, each with its interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from modelglass.analysis.errors import InputError, NotApplicable, unknown_name
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.estimates import Estimates, estimate
from modelglass.analysis.groups import Groups, Rows, rows_of
from modelglass.analysis.metrics import Function, Metric, chosen_metrics, slice_default_metrics
from modelglass.analysis.offering import sliced_by_default
from modelglass.analysis.own_metrics import SECONDS, Bootstrap
from modelglass.analysis.performance import check_level, in_sentence, make_rows, shown
from modelglass.analysis.progress import Progress
from modelglass.analysis.result import Result
from modelglass.analysis.source import UNNAMED, Source

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

ALL_ROWS = "(all rows)"
COLUMNS = ["columns", "slice", "where", "metric", "estimate", "low", "high", "n", "support", "note", "method"]
By = str | Sequence[str | Sequence[str]] | None


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Grouping:
    """One way to cut the rows: ``codes`` (n,) in [0, len(labels)), a label and a SQL condition (or None) for each group."""

    columns: str
    codes: np.ndarray
    labels: tuple[str, ...]
    conditions: tuple[str | None, ...]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Slices(Result):
    """Metrics of slices.

    table     one row per slice and metric: columns ("sex", "sex*race"), slice (its label), where (SQL condition that selects it),
              metric, estimate, low, high (interval at settings["level"]), n (rows of the slice), support (rows the metric rests
              on), note, method (of the interval). The first rows, columns "(all rows)", are the whole. NaN: see note.
    overall   metric -> estimate on all rows.
    labels, better   metric -> its words for people, and whether greater is better (None: neither).
    """

    table: pd.DataFrame
    overall: Mapping[str, float]
    labels: Mapping[str, str]
    better: Mapping[str, bool | None]
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row per slice and metric, all rows first."""
        return self.table

    def worst(self, metric: str | None = None) -> pd.DataFrame:
        """Give the slices of one metric (the first without one), worst first; those without an estimate are left out.

        Where neither direction is better (a selection rate), farthest from the whole first.
        """
        metric = metric or self.settings["metrics"][0]
        if metric not in self.overall:
            raise unknown_name("measured metric", metric, self.overall)
        rows = self.table[
            (self.table["metric"] == metric) & (self.table["columns"] != ALL_ROWS) & self.table["estimate"].notna()
        ]
        better = self.better[metric]
        key = rows["estimate"] if better is not None else -(rows["estimate"] - self.overall[metric]).abs()
        return rows.loc[key.sort_values(ascending=better is not False, kind="stable").index]

    def surest_first(self, metric: str | None = None) -> pd.DataFrame:
        """Give the slices of ``worst``, first those surely worse: by the end of the interval that lies nearer to the whole.

        By the estimate alone the smallest slices would stand on top, because theirs scatter most.
        """
        metric = metric or self.settings["metrics"][0]
        rows, whole, better = self.worst(metric), self.overall[metric], self.better[metric]
        if better is None:  # neither way is worse: the farthest from the whole
            near = -np.maximum(rows["low"] - whole, whole - rows["high"])
        else:
            near = rows["high"] if better else -rows["low"]
        return rows.loc[near.sort_values(kind="stable", na_position="last").index]

    def surely_worse(self, metric: str | None = None) -> pd.DataFrame:
        """Give the slices whose whole interval lies on the worse side of the whole (beside it, where neither is worse), surest first."""
        metric = metric or self.settings["metrics"][0]
        rows, whole, better = self.surest_first(metric), self.overall[metric], self.better[metric]
        below, above = rows["high"] < whole, rows["low"] > whole
        return rows[below | above if better is None else below if better else above]

    def sentence(self) -> str:
        """Say the lowest slice of the first metric that differs from the whole beyond its interval, with its n."""
        metric = self.settings["metrics"][0]
        label, whole = self.labels[metric], self.overall[metric]
        rows = self.worst(metric)
        groups = self.table.loc[self.table["columns"] != ALL_ROWS, ["columns", "slice"]].drop_duplicates()
        about = f"{len(groups):,} slices of {rows_text(self.settings['rows'])}"
        if rows.empty or not np.isfinite(whole):
            return f"{label} can be given in none of {about}."
        sure = self.surely_worse(metric)
        if sure.empty:
            return f"In none of {about} does the whole interval of {in_sentence(label)} lie on the worse side of {shown(whole)}, the whole."
        row = sure.iloc[0]
        how = "farthest from the whole" if self.better[metric] is None else "most surely worse"
        return (
            f"{label} is {how} where {row['columns']} is {row['slice']}: {shown(row['estimate'])} "
            f"({100 * self.settings['level']:.4g} % interval {shown(row['low'])} to {shown(row['high'])}, {rows_text(row['n'])}) "
            f"against {shown(whole)} overall; in {len(sure):,} of {about} the whole interval lies on the worse side."
        )


def slice_metrics(
    ev: Evaluation,
    *,
    by: By = None,
    metrics: str | Function | Metric | Iterable[str | Function | Metric] | None = None,
    level: float = 0.95,
    bins: int = 5,
    min_rows: int = 1,
    class_: Any = None,
    budget: float = SECONDS,
    progress: Progress | None = None,
) -> Slices:
    """Measure the model on slices of the data.

    Parameters
    ----------
    ev : Evaluation
    by : column name, or list of column names and tuples of them (or "a*b") to cross; None
        None: every numeric, categorical, boolean and datetime column by itself, but for weights, clusters and names of rows that the model
        does not read.
    metrics : names, functions f(y_true, y_pred_or_score, sample_weight), or None for the usual ones of the task
        Functions: see ``own_metric``; their intervals are bootstraps over the rows (or clusters) of each slice.
    level : float
        Level of the intervals, in (0, 1). They are for each slice by itself, not for all at once.
    bins : int
        Numeric columns are cut into this many quantiles (of the whole data); missing is a slice of its own.
    min_rows : int
        Slices with fewer rows stay in the table without numbers, and say so.
    class_ : label of a class, optional
        Measure this class against the rest, as if there were only the two.
    budget : float
        Seconds for the bootstraps of all functions together; where they run out there is no interval, and a note.

    Returns
    -------
    Slices

    Raises
    ------
    InputError
        Unknown column, metric or class.
    NotApplicable
        No column to slice by.
    """
    rows = rows_of(ev, class_)
    chosen = _chosen(metrics, rows)
    asked = _asked_columns(ev, by)
    ev.make_codings((name for columns in asked for name in columns), bins)
    groupings, notes = [], []
    for columns in asked:
        try:
            grouping, note = _grouping(ev, columns, bins)
        except NotApplicable as answer:
            if by is not None:
                raise
            note = f"{answer.reason}; it is left out"
        else:
            groupings.append(grouping)
        notes += [note] if note else []
    settings = {
        "by": [g.columns for g in groupings],
        "bins": bins,
        "min_rows": min_rows,
        "notes": list(dict.fromkeys(notes)),
        "class_": None if class_ in (None, "") else rows.names[1],
    }
    own = Bootstrap(seed=ev.seed, seconds=budget, progress=progress)
    return _measure(rows, groupings, chosen, level, own, ev.source, settings)


def _chosen(metrics: Any, rows: Rows) -> list[Metric]:
    usual = slice_default_metrics(rows.task, rows.score_kind, rows.aim)
    return chosen_metrics(metrics, usual, task=rows.task, score_kind=rows.score_kind, aim=rows.aim)


def _asked_columns(ev: Evaluation, by: By) -> list[tuple[str, ...]]:
    if by is None:
        names = [c.name for c in sliced_by_default(ev)]
        if not names:
            raise NotApplicable("the data has no column to slice by")
        return [(name,) for name in names]
    asked = list(by) if isinstance(by, Iterable) and not isinstance(by, str) else [by]
    if not asked:
        raise InputError(
            "Expected at least one column to slice by.", "Got an empty list.", "Leave by out to slice by every column."
        )
    found = []
    for item in asked:
        if not isinstance(item, (str, tuple, list)):
            raise InputError(
                "Expected columns to slice by as names, or several names to cross.",
                f"Got {item!r}.",
                'Write e.g. by=["sex", ("sex", "race")].',
            )
        columns = _split(item, ev.columns) if isinstance(item, str) else tuple(item)
        for name in columns:
            if name not in ev.columns:
                raise unknown_name("column", str(name), ev.columns)
        if len(set(columns)) < len(columns):
            raise InputError(
                "Expected different columns to cross.",
                f"Got {'*'.join(map(str, columns))!r}, which names one of them twice.",
                "Cross it with another, or name it once.",
            )
        found.append(columns)
    return list(dict.fromkeys(found))


def _split(item: str, known: Iterable[str]) -> tuple[str, ...]:
    if item in known:
        return (item,)
    return tuple(part.strip() for part in item.split("*"))


def groupings_of(ev: Evaluation, by: By, bins: int = 5) -> list[Grouping]:
    """Give the ways to cut an Evaluation's rows that a person asked for, as ``by`` of ``slice_metrics``."""
    return [_grouping(ev, columns, bins)[0] for columns in _asked_columns(ev, by)]


def _grouping(ev: Evaluation, columns: tuple[str, ...], bins: int) -> tuple[Grouping, str]:
    from modelglass.analysis.coding import cross

    codings = [ev.coding(name, bins) for name in columns]
    coding = codings[0] if len(codings) == 1 else cross(codings)
    grouping = Grouping(
        columns="*".join(columns), codes=coding.codes, labels=tuple(coding.labels), conditions=tuple(coding.conditions)
    )
    return grouping, coding.note


def measure(
    y_true: ArrayLike,
    predicted: ArrayLike,
    groups: Mapping[str | tuple[str, ...], ArrayLike],
    score: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    *,
    task: str = "binary",
    classes: int = 2,
    probability: bool = True,
    aim: float | None = None,
    metrics: str | Function | Metric | Iterable[str | Function | Metric] | None = None,
    level: float = 0.95,
    min_rows: int = 1,
    seed: int = 0,
    budget: float = SECONDS,
    source: Source = UNNAMED,
) -> Slices:
    """The same from arrays; the first five parameters and ``task, classes, probability`` as in ``performance.measure``.

    Parameters
    ----------
    groups : mapping of a name to an array of labels, shape (n,)
        A missing label is a slice of its own. Conditions are None.

    Examples
    --------
    >>> found = measure([1, 1, 0, 0], [1, 0, 0, 0], {"side": ["l", "r", "l", "r"]}, metrics="accuracy")
    >>> found.frame()[["slice", "estimate"]].to_numpy().tolist()
    [['(all rows)', 0.75], ['l', 1.0], ['r', 0.5]]
    """
    rows = make_rows(
        y_true, predicted, score, weight, cluster, task=task, classes=classes, probability=probability, aim=aim
    )
    chosen = _chosen(metrics, rows)
    groupings = []
    for name, labels in groups.items():
        codes, levels = pd.factorize(np.asarray(labels), sort=True, use_na_sentinel=False)
        words = tuple("missing" if pd.isna(v) else str(v) for v in levels)
        groupings.append(
            Grouping(
                columns=name if isinstance(name, str) else "*".join(name),
                codes=codes,
                labels=words,
                conditions=(None,) * len(words),
            )
        )
    settings = {"by": [g.columns for g in groupings], "min_rows": min_rows, "class_": None}
    own = Bootstrap(seed=seed, seconds=budget)
    return _measure(rows, groupings, chosen, level, own, source, settings)


def _measure(
    rows: Rows,
    groupings: Sequence[Grouping],
    chosen: list[Metric],
    level: float,
    own: Bootstrap,
    source: Source,
    settings: Mapping[str, Any],
) -> Slices:
    level, n, min_rows = check_level(level), len(rows.y), settings["min_rows"]
    whole = Grouping(
        columns=ALL_ROWS, codes=np.zeros(n, np.int64), labels=(ALL_ROWS,), conditions=(source.condition or "TRUE",)
    )
    parts: list[dict[str, Any]] = []
    for grouping in (whole, *groupings):
        cut = Groups(rows, grouping.codes, len(grouping.labels))
        parts.extend(_part(grouping, cut, m, estimate(m, cut, level, own), min_rows) for m in chosen)
    table = _frame(parts)
    if source.condition:  # selects the slice from the whole data, whatever cohort this is
        inside = table["columns"] != ALL_ROWS
        end = "\n)" if "--" in source.condition else ")"
        table.loc[inside, "where"] = f"({source.condition}{end} AND " + table.loc[inside, "where"].astype(str)
    overall = {m.name: float(p["estimate"][0]) for m, p in zip(chosen, parts)}
    done = {**settings, "metrics": [m.name for m in chosen], "level": level, "rows": n}
    of = "" if settings["class_"] is None else f" of {settings['class_']}"
    return Slices(
        table=table,
        overall=overall,
        labels={m.name: m.label_for(rows.task) + of for m in chosen},
        better={m.name: m.greater_is_better for m in chosen},
        source=source,
        settings=done,
    )


def _part(grouping: Grouping, cut: Groups, metric: Metric, found: Estimates, min_rows: int) -> dict[str, Any]:
    """Columns of one grouping and metric, without the groups that have no row."""
    if grouping.columns != ALL_ROWS and min_rows > 1:
        found.cannot((cut.n < min_rows) & (cut.n > 0), lambda g: f"fewer than {min_rows:,} rows")
    used = np.flatnonzero(cut.n > 0)
    return {
        "columns": grouping.columns,
        "metric": metric.name,
        "method": found.method,
        "slice": np.array(grouping.labels, dtype=object)[used],
        "where": np.array(grouping.conditions, dtype=object)[used],
        "estimate": found.estimate[used],
        "low": found.low[used],
        "high": found.high[used],
        "n": cut.n[used],
        "support": np.asarray(found.support)[used],
        "note": found.note[used],
    }


def _frame(parts: list[dict[str, Any]]) -> pd.DataFrame:
    sizes = [len(p["slice"]) for p in parts]
    repeated = {
        c: np.repeat(np.array([p[c] for p in parts], dtype=object), sizes) for c in ("columns", "metric", "method")
    }
    joined = {c: np.concatenate([p[c] for p in parts]) for c in COLUMNS if c not in repeated}
    return pd.DataFrame({**repeated, **joined})[COLUMNS]
