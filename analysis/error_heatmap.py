"""Where do two columns together go with errors? Any metric in each cell, with its interval; without columns, those that explain most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.coding import Coding, code_column
from modelglass.analysis.curves import chosen_class
from modelglass.analysis.difference import adjusted, difference
from modelglass.analysis.discovery import FEWEST_ROWS, codings_of, needs_value, searched_metric
from modelglass.analysis.errors import InputError, NotApplicable, unknown_name
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.estimates import estimate
from modelglass.analysis.given import whole
from modelglass.analysis.groups import Groups, Rows, rows_of
from modelglass.analysis.growing import inflation_of
from modelglass.analysis.halves import halves
from modelglass.analysis.joining import conjoined
from modelglass.analysis.losses import losses_of
from modelglass.analysis.metrics import METRICS, Function, Metric
from modelglass.analysis.own_metrics import Bootstrap
from modelglass.analysis.paired import value_of
from modelglass.analysis.pairing import best_pair, explained, squares_of
from modelglass.analysis.performance import check_level, in_sentence, metric_label, shown
from modelglass.analysis.progress import Progress, span, tell
from modelglass.analysis.result import Result
from modelglass.analysis.source import UNNAMED, Source
from modelglass.analysis.weighted import equal_rows

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

ALPHA = 0.05
MOST_LEVELS = 12
"""Of categories the most frequent stand alone, the others together: more cells than these nobody reads."""
FEWEST = 10
"""Rows below which a cell gets no number."""
COLUMNS = ["x", "y", "where", "metric", "estimate", "low", "high", "n", "support"]
COLUMNS += ["rest", "effect", "effect_low", "effect_high", "p", "p_adjusted", "note"]
_COMPARED = ("rest", "effect", "effect_low", "effect_high", "p")


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class ErrorHeatmap(Result):
    """A metric in each cell of two columns.

    cells       one row per cell that holds rows: x, y (levels of the two columns), where (SQL condition), metric, estimate, low, high, n
                (rows measured), support (rows the metric rests on), rest (the metric on all other rows), effect (cell less rest),
                effect_low, effect_high, p, p_adjusted (Holm over the cells), note (why a number is NaN)
    x_levels, y_levels  levels of the two columns, in order
    overall     the metric on all rows measured
    explained   share of the variation of the metric's loss between the cells on the rows measured, chance taken off (0: cells say nothing)
    """

    cells: pd.DataFrame
    x_levels: tuple[str, ...]
    y_levels: tuple[str, ...]
    overall: float
    explained: float
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row per cell that holds rows."""
        return self.cells

    def sure(self) -> pd.DataFrame:
        """Give the cells that are surely worse than the rest, the surest first (where neither way is worse: that surely differ)."""
        better, effect = self.settings["better"], self.cells["effect"].to_numpy(float)
        worse = np.isfinite(effect) if better is None else (effect < 0) == better
        kept = self.cells[worse & (self.cells["p_adjusted"].to_numpy(float) <= ALPHA)]
        size = kept["effect"].abs() / (kept["effect_high"] - kept["effect_low"])
        return kept.loc[size.sort_values(ascending=False, kind="stable").index]

    def sentence(self) -> str:
        """Say the cell that is most surely worse, or that none is; and how the columns were chosen."""
        s = self.settings
        label, sure = metric_label(s["metric"], self.source.task, s.get("class_")), self.sure()
        known = int(self.cells["estimate"].notna().sum())
        if sure.empty:
            how = "worse" if s["better"] is not None else "other"
            said = f"No cell of {s['x']} and {s['y']} has a surely {how} {in_sentence(label)} than the rest, of {known} that can be measured"
        else:
            row = sure.iloc[0]
            how = "most surely worse" if s["better"] is not None else "most surely different"
            said = (
                f"{label} is {how} where {_is(s['x'], row['x'])} and {_is(s['y'], row['y'])}: {shown(row['estimate'])} "
                f"({100 * s['level']:.4g} % interval {shown(row['low'])} to {shown(row['high'])}, {rows_text(row['n'])}) against "
                f"{shown(row['rest'])} on the rest; so are {len(sure)} of {known} cells"
            )
        return f"{said}. {self._columns()}"

    def _columns(self) -> str:
        s = self.settings
        share = f"{max(self.explained, 0.0):.1%} of the variation of the loss"
        if not s["chosen"]:
            return f"Together the two columns explain {share} of {rows_text(s['rows'])}."
        return (
            f"Of {s['pairs']:,} pairs of columns this one explained most of the loss on {rows_text(s['rows_choosing'])}; "
            f"on the {rows_text(s['rows'])} measured here, others than those, it explains {share}."
        )


def _is(column: str, level: str) -> str:
    return f"{column}{' ' if level[:1] in '<>' else ' is '}{level}"


def error_heatmap(
    ev: Evaluation,
    *,
    x: str | None = None,
    y: str | None = None,
    metric: str | Function | None = None,
    bins: int = 5,
    class_: Any = None,
    level: float = 0.95,
    progress: Progress | None = None,
) -> ErrorHeatmap:
    """Measure a metric in the cells of two columns.

    Parameters
    ----------
    ev : Evaluation
    x, y : str, optional
        The two columns. Where one or both are not given, those are chosen whose cells explain most of the metric's loss: half of the rows
        (whole clusters) chooses, and all numbers come from the other half.
    metric : name or function f(y_true, y_pred_or_score, sample_weight), optional
        Accuracy, or MAE in regression, without it.
    bins : int
        Numbers are cut into about this many quantiles (of the whole data), 2 to 10.
    class_ : label of a class, optional
        Measure this class against the rest, as if there were only the two.
    level : float
        Level of the intervals.

    Raises
    ------
    InputError
        Unknown metric or column, or twice the same.
    NotApplicable
        A column without levels (text, ids), fewer than two columns, or too few rows to choose.
    """
    whole(bins, "bins", 2, 10)
    x, y = (_one_column(v, ev) for v in (x, y))
    if x is not None and x == y:
        raise InputError(
            "Expected two different columns.", f"Got {x!r} twice.", "Choose another one, or leave one out."
        )
    rows = rows_of(ev, class_)
    chosen = searched_metric(rows, metric)
    given = [name for name in (x, y) if name is not None]
    names = given if len(given) == 2 else list(dict.fromkeys([*given, *_names(ev)]))
    codings = [_coding(ev, name, bins) for name in names]
    how: dict[str, Any] = {"bins": bins, "level": level, "seed": ev.seed, "progress": progress, "source": ev.source}
    found = measure(rows, codings, chosen, x=x, y=y, **how)
    return replace(found, settings={**found.settings, "class_": chosen_class(class_)})


def _one_column(name: str | None, ev: Evaluation) -> str | None:
    if name is None or name == "":
        return None
    if not isinstance(name, str) or name not in ev.columns:
        raise unknown_name("column", str(name), ev.columns)
    return name


def _names(ev: Evaluation) -> list[str]:
    found = list(dict.fromkeys(c.column for c in codings_of(ev, None, (5,), recurring=False)))
    if len(found) < 2:
        raise NotApplicable("the data has only one column with levels, and a heat map needs two")
    return found


def _coding(ev: Evaluation, name: str, bins: int) -> Coding:
    """Give the levels of a column; of many categories only the most frequent stand alone."""
    coding = ev.coding(name, bins)
    if len(coding.labels) <= MOST_LEVELS or coding.bounds is not None:
        return coding
    whole = code_column(ev.whole.frame[name], ev.columns[name], bins=bins, max_levels=MOST_LEVELS - 2)
    return Coding(name, whole.codes[ev.rows], whole.labels, whole.conditions, whole.kind, note=whole.note)


def measure(
    rows: Rows,
    codings: Sequence[Coding],
    metric: Metric | str,
    *,
    x: str | None = None,
    y: str | None = None,
    bins: int = 5,
    level: float = 0.95,
    seed: int = 0,
    progress: Progress | None = None,
    source: Source = UNNAMED,
) -> ErrorHeatmap:
    """The same from rows and codings, among which those of ``x`` and ``y`` are; without these the two are chosen."""
    metric = METRICS[metric] if isinstance(metric, str) else metric
    level = check_level(level)
    settings: dict[str, Any] = {"metric": metric.name, "bins": bins, "level": level, "better": metric.greater_is_better}
    named = [c.column for c in codings]
    pair = [named.index(name) for name in (x, y) if name is not None]
    settings |= {"chosen": len(pair) < 2, "pairs": 1, "rows_choosing": 0}
    if len(pair) < 2:
        codes = np.column_stack([c.codes for c in codings])
        first, second = halves(rows, seed, codes)
        if len(first) < FEWEST_ROWS // 2:
            raise NotApplicable(
                f"two columns can only be chosen from at least {FEWEST_ROWS} rows, half of them to choose and half to measure; "
                f"there are {len(rows.y):,}: name the columns x and y"
            )
        pair, settings["pairs"] = _chosen(rows.cut(first), codes[first], codings, metric, pair, x is None, progress)
        settings["rows_choosing"] = len(first)
        rows = rows.cut(second)
        across, up = (_cut(codings[i], second) for i in pair)
    else:
        across, up = (codings[i] for i in pair)
    settings |= {"x": across.column, "y": up.column, "rows": len(rows.y)}
    settings["notes"] = [c.note for c in (across, up) if c.note]
    own = Bootstrap(seed=seed, progress=span(progress, 0.5, 1.0))
    overall = value_of(metric, rows)
    if metric.function is None:
        needs_value(metric, overall)
    cells = _cells(rows, across, up, metric, level, own, span(progress, 0.5, 1.0))
    return ErrorHeatmap(
        cells=cells,
        x_levels=across.labels,
        y_levels=up.labels,
        overall=overall,
        explained=_explained(rows, across, up, metric),
        source=source,
        settings=settings,
    )


def _cut(coding: Coding, places: np.ndarray) -> Coding:
    return Coding(coding.column, coding.codes[places], coding.labels, coding.conditions, coding.kind, note=coding.note)


def _chosen(
    rows: Rows,
    codes: np.ndarray,
    codings: Sequence[Coding],
    metric: Metric,
    given: Sequence[int],
    free_x: bool,
    progress: Progress | None,
) -> tuple[list[int], int]:
    """Choose what is not given: places of the columns across and up, and the number of pairs."""
    values, weight, part, grown = _loss(rows, metric)
    fixed = given[0] if given else None
    sizes = [len(c.labels) for c in codings]
    i, j, _, pairs = best_pair(
        codes[part], sizes, values, weight, inflation=grown, fixed=fixed, progress=span(progress, 0.0, 0.5)
    )
    if fixed is not None:
        other = j if i == fixed else i
        return ([other, fixed] if free_x else [fixed, other]), pairs
    return sorted((i, j), key=lambda c: sizes[c]), pairs  # the one with fewer levels across: a phone is narrow


def _loss(rows: Rows, metric: Metric) -> tuple[np.ndarray, np.ndarray | None, np.ndarray, float]:
    """Give the loss that stands for a metric, the weights and places of its rows, and how much clusters and weights inflate variances."""
    loss = losses_of(metric, rows)[0]
    part = np.arange(len(rows.y)) if loss.rows is None else loss.rows
    weight = None if rows.weight is None else rows.weight[part]
    grown = inflation_of(loss.values, weight, None if rows.cluster is None else rows.cluster[part])
    if weight is not None and weight.sum() > 0:
        grown *= len(weight) / equal_rows(weight, len(weight))
    return loss.values, weight, part, grown


def _explained(rows: Rows, across: Coding, up: Coding, metric: Metric) -> float:
    values, weight, part, grown = _loss(rows, metric)
    cell, size = _cell(across, up)
    w = np.ones(len(part)) if weight is None else weight
    n, wl, e = (np.bincount(cell[part], weights=v, minlength=size) for v in (None, w, w * values))
    return explained(n, wl, e, squares_of(values, weight), grown)


def _cell(across: Coding, up: Coding) -> tuple[np.ndarray, int]:
    return up.codes * len(across.labels) + across.codes, len(up.labels) * len(across.labels)


def _cells(
    rows: Rows,
    across: Coding,
    up: Coding,
    metric: Metric,
    level: float,
    own: Bootstrap,
    progress: Progress | None,
) -> pd.DataFrame:
    code, size = _cell(across, up)
    n = np.bincount(code, minlength=size)
    records: list[dict[str, Any]] = []
    used = np.flatnonzero(n)
    for i, c in enumerate(map(int, used)):
        tell(progress, i / len(used), "measuring the cells")
        row, column = divmod(c, len(across.labels))
        records.append(
            {
                "x": across.labels[column],
                "y": up.labels[row],
                "where": conjoined(across.conditions[column], up.conditions[row]),
                "metric": metric.name,
                **_measured(metric, rows, code == c, int(n[c]), level, own),
            }
        )
    table = pd.DataFrame(records)
    table["p_adjusted"] = adjusted(table["p"].to_numpy(float))
    return table[COLUMNS]


def _measured(metric: Metric, rows: Rows, inside: np.ndarray, n: int, level: float, own: Bootstrap) -> dict[str, Any]:
    if n < FEWEST or n == len(inside):
        note = f"cannot say: only {rows_text(n)}" if n < FEWEST else ""
        one = estimate(metric, Groups(rows, np.zeros(len(inside), np.int64), 1), level) if not note else None
        values = {k: np.nan if one is None else float(getattr(one, k)[0]) for k in ("estimate", "low", "high")}
        support = 0 if one is None else int(one.support[0])
        return {**values, "n": n, "support": support, **dict.fromkeys(_COMPARED, np.nan), "note": note}
    found = difference(metric, rows, inside, level, own=own)
    return {name: getattr(found, name) for name in ("estimate", "low", "high", "n", "support", *_COMPARED, "note")}
