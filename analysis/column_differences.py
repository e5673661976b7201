"""Which columns are spread otherwise in a cohort than in the rest, and by how much?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.column_widths import from_middle, of_size, sides_in_words, widths_in_words
from modelglass.analysis.columns import Column, as_datetime, is_number, plain
from modelglass.analysis.crossfit import splits
from modelglass.analysis.difference import difference
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimates import estimate
from modelglass.analysis.groups import Groups, Rows
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.performance import check_level
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.result import Result
from modelglass.analysis.sides import once, rows_of_both, sides_of, these
from modelglass.analysis.source import UNNAMED, Source
from modelglass.analysis.weighted import standardised_difference
from modelglass.analysis.wording import percent, ranged

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

VALUES, MISSING = "values", "missing"
KINDS = ("numeric", "boolean", "categorical", "datetime")
APART = "Cliff's delta of the distance from the middle"
ORDERED = ("numeric", "datetime")
MOST_LEVELS = 1_000
COLUMNS = ["column", "about", "measure", "here", "there", "estimate", "low", "high", "sure", "smd", "n", "n_there"]
COLUMNS += ["read", "by_condition", "says", "note"]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class ColumnDifferences(Result):
    """Columns of a cohort beside those of the rest, largest difference first.

    table   one row per column and, where values are missing, one more: column, about ("values" or "missing"), measure ("Cliff's delta": of
            numbers and times, |2 AUC - 1|, how surely a value from here is larger than one from there, or smaller; "total variation": of
            levels, the share of rows that would have to change level; "Cliff's delta of the distance from the middle": of numbers and times that
            are not surely larger or smaller, but surely lie wider or closer around the middle of all; "share": of missing values), here, there (medians of
            numbers; the share of the levels that are more frequent here; the share missing), estimate (size of the difference, 0 to 1),
            low, high (interval at settings["level"]), sure (0 is left out by the interval at a level strict enough for all rows of the
            table: Bonferroni), smd (standardised mean difference of numbers), n, n_there (rows with a value), read (by the
            model), by_condition (the condition names the column, so it differs by choice), says (both sides in words), note
    left_out  columns without an order or levels (free text, ids, nested values)
    """

    table: pd.DataFrame
    left_out: tuple[str, ...]
    compared: str
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row per column, and one more where values are missing."""
        return self.table

    @property
    def sure(self) -> pd.DataFrame:
        """Give the differences that are sure and not by choice."""
        return self.table[self.table["sure"] & ~self.table["by_condition"]]

    def sentence(self) -> str:
        """Say which columns differ most, and which of them by choice."""
        n = these(self.source.rows)
        chosen = list(dict.fromkeys(self.table.loc[self.table["by_condition"], "column"]))
        by = (
            f" {', '.join(chosen)} {'differs' if len(chosen) == 1 else 'differ'} by choice: part of the condition."
            if chosen
            else ""
        )
        sure = self.sure
        if sure.empty:
            looked = len(self.table["column"].unique()) - len(chosen)
            return f"No column is surely spread otherwise on {n} than in {self.compared}, of {looked} looked at.{by}"
        named = "; ".join(
            f"{r.column} ({r.says}; size {ranged(r.estimate, r.low, r.high)})" for r in sure[:3].itertuples()
        )
        more = f" {len(sure)} differences are sure." if len(sure) > 3 else ""
        return f"Columns that differ most on {n} from {self.compared}: {named}.{more}{by}"


def column_differences(
    ev: Evaluation, other: Evaluation | str | None = None, *, level: float = 0.95, progress: Progress | None = None
) -> ColumnDifferences:
    """Compare how each column is spread in a cohort and in the rest.

    Parameters
    ----------
    ev : Evaluation
        The cohort.
    other : Evaluation or str, optional
        What it is compared with: another cohort (its Evaluation or SQL condition), the same model on other data; without it the
        rest of the data.
    level : float, level of the intervals

    Raises
    ------
    NotApplicable
        Without a cohort, or without a column that has an order or levels.

    Notes
    -----
    Numbers: Cliff's delta (1993), with the interval of ROC AUC (DeLong's variance); where that is not sure, the same of
    the distance from the median of all, where that is. Two levels: the difference of shares (Newcombe's
    method). More levels: total variation; which levels are more frequent here is found on one half and judged on the other, because on
    the same rows chance alone makes levels differ (ten halvings, averaged). Weights and clusters count as for the metrics.
    """
    level = check_level(level)
    return once(ev, ("columns", level), other, lambda: _compared(ev, other, level, progress))


def _compared(
    ev: Evaluation, other: Evaluation | str | None, level: float, progress: Progress | None
) -> ColumnDifferences:
    sides = sides_of(ev, other)
    rows, inside = rows_of_both(sides)
    both = [e.frame for e in (sides.here, sides.there)]
    source = ev.source
    roles = {ev.target, source.weight, source.cluster, ev._all.id}
    wanted = [c for name, c in ev.columns.items() if name not in roles and name in both[1].columns]
    frame = pd.DataFrame({c.name: pd.concat([b[c.name] for b in both], ignore_index=True) for c in wanted})
    made = _measure(frame, wanted, inside, rows, level, ev.seed, progress)
    read, named = set(ev.features), set(sides.by_condition)
    return _result(made, read, named, sides.words, source, level)


def measure(
    frame: pd.DataFrame,
    inside: Any,
    weight: Any = None,
    cluster: Any = None,
    *,
    columns: Iterable[Column] | None = None,
    by_condition: Sequence[str] = (),
    level: float = 0.95,
    seed: int = 0,
    source: Source = UNNAMED,
) -> ColumnDifferences:
    """The same from a frame of shape (n_rows, n_columns) and which of its rows are here, (n_rows,) bool.

    >>> frame = pd.DataFrame({"a": [1, 2, 3, 4, 5, 6]})
    >>> float(measure(frame, [True, True, True, False, False, False]).table["estimate"][0])
    1.0
    """
    from modelglass.analysis.columns import infer_columns

    here = np.asarray(inside, dtype=bool)
    nothing = np.zeros(len(here))
    mass = None if weight is None else np.asarray(weight, float)
    code = None if cluster is None else np.unique(np.asarray(cluster), return_inverse=True)[1].ravel()
    rows = Rows(task="regression", y=nothing, predicted=nothing, weight=mass, cluster=code)
    chosen = list(infer_columns(frame).values() if columns is None else columns)
    made = _measure(frame, chosen, here, rows, check_level(level), seed, None)
    return _result(made, set(frame.columns), set(by_condition), "the rest", source, level)


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class _Made:
    records: list[dict[str, Any]]
    left_out: tuple[str, ...]


def _measure(
    frame: pd.DataFrame,
    columns: Sequence[Column],
    inside: np.ndarray,
    rows: Rows,
    level: float,
    seed: int,
    progress: Progress | None,
) -> _Made:
    plain_values = [(c, _plain(frame[c.name], c)) for c in columns]
    usable = [(c, v) for c, v in plain_values if v is not None]
    if not usable:
        raise NotApplicable("no column has an order or levels that could be compared")
    gaps = [v.isna().to_numpy(dtype=bool) for _, v in usable]
    # sure: at a level strict enough for every difference looked at; of numbers their order and their distance from the middle
    looks = sum(2 if c.kind in ORDERED else 1 for c, _ in usable) + sum(bool(g.any()) for g in gaps)
    strict = 1 - (1 - level) / looks
    sides = Rows(
        task="binary",
        y=inside.astype(np.int64),
        predicted=inside.astype(np.int64),
        weight=rows.weight,
        cluster=rows.cluster,
    )
    records = []
    for i, ((column, values), gone) in enumerate(zip(usable, gaps)):
        tell(progress, i / len(usable), f"Comparing {column.name}")
        if gone.any():
            records.append(
                {"column": column.name, "about": MISSING, **_share(sides, gone, inside, level, strict, "missing")}
            )
        if not gone.all():
            known = sides.cut(np.flatnonzero(~gone))
            records.append(
                {"column": column.name, "about": VALUES, **_values(known, values[~gone], column, level, strict, seed)}
            )
    return _Made(records=records, left_out=tuple(c.name for c, v in plain_values if v is None))


def _plain(series: pd.Series, column: Column) -> pd.Series | None:
    """Give values that can be ordered or are levels; None for free text, ids and nested values."""
    if column.kind not in KINDS:
        return None
    values = as_datetime(series) if column.kind == "datetime" else plain(series)
    if values is None or (column.kind == "numeric" and not is_number(values)):
        return None
    return values


def _values(rows: Rows, values: pd.Series, column: Column, level: float, strict: float, seed: int) -> dict[str, Any]:
    if column.kind in ORDERED:
        found, numbers = _ordered(rows, values, column, level, strict)
        return found if found["sure"] else {**found, **_of_width(rows, numbers, column, level, strict)}
    codes, levels = pd.factorize(values.astype("object"), sort=False)
    names = [str(v) for v in levels]
    if len(names) > MOST_LEVELS:
        return _blank(rows, f"{len(names):,} levels are too many to compare")
    if len(names) <= 2:
        inside = rows.y == 1
        first = _more_here(rows, codes, len(names))
        return _share(rows, codes == first, inside, level, strict, names[first])
    return _levels(rows, codes, names, level, strict, seed)


def _of_width(rows: Rows, numbers: np.ndarray, column: Column, level: float, strict: float) -> dict[str, Any]:
    """Compare how far numbers lie from the middle of all, whose order alone differs not surely; nothing where that differs not surely either."""
    far = from_middle(numbers, rows.weight)
    if far is None:
        return {}
    (delta, low, high), sure, _ = _delta(rows, far, level, strict)
    if not sure:
        return {}
    ends = of_size(low, high)
    says = widths_in_words(numbers, rows.y == 1, rows.weight, times=column.kind == "datetime")
    return {"measure": APART, "estimate": abs(delta), "low": ends[0], "high": ends[1], "sure": True, "says": says}


def _delta(
    rows: Rows, numbers: np.ndarray, level: float, strict: float
) -> tuple[tuple[float, float, float], bool, str]:
    """Give Cliff's delta with its interval, whether it is sure at the strict level, and a note."""
    held = Groups(replace(rows, score=numbers), np.zeros(len(numbers), np.int64), 1)
    found, at_all = (estimate(METRICS["roc_auc"], held, at) for at in (level, strict))
    delta, low, high = (2 * float(v[0]) - 1 for v in (found.estimate, found.low, found.high))
    return (delta, low, high), bool(at_all.low[0] > 0.5 or at_all.high[0] < 0.5), str(found.note[0])


def _ordered(
    rows: Rows, values: pd.Series, column: Column, level: float, strict: float
) -> tuple[dict[str, Any], np.ndarray]:
    times = column.kind == "datetime"
    numbers = (
        values.to_numpy().astype("datetime64[ns]").astype(np.int64).astype(float)
        if times
        else values.to_numpy(dtype=float)
    )
    (delta, low, high), sure, note = _delta(rows, numbers, level, strict)
    sides = [rows.y == 1, rows.y == 0]
    middles, said = sides_in_words(numbers, sides, rows.weight, times)
    estimated, ends = abs(delta), of_size(low, high)
    record = {
        "measure": "Cliff's delta",
        "here": np.nan if times else middles[0],
        "there": np.nan if times else middles[1],
        "estimate": estimated,
        "low": ends[0],
        "high": ends[1],
        "sure": sure,
        "smd": np.nan if times else standardised_difference(numbers, sides[0], rows.weight),
        "n": int(sides[0].sum()),
        "n_there": int(sides[1].sum()),
        "says": said,
        "note": note,
    }
    return record, numbers


def _share(rows: Rows, flag: np.ndarray, inside: np.ndarray, level: float, strict: float, name: str) -> dict[str, Any]:
    """Compare a share: of missing values, or of one of two levels."""
    held = replace(rows, y=flag.astype(np.int64), predicted=flag.astype(np.int64))
    rate = METRICS["selection_rate"]
    apart, at_all = (difference(rate, held, inside, at, test=False) for at in (level, strict))
    ends = of_size(apart.effect_low, apart.effect_high)
    return {
        "measure": "share" if name == "missing" else "total variation",
        "here": apart.estimate,
        "there": apart.rest,
        "estimate": abs(apart.effect),
        "low": ends[0],
        "high": ends[1],
        "sure": bool(at_all.effect_low > 0 or at_all.effect_high < 0),
        "smd": np.nan,
        "n": int(inside.sum()),
        "n_there": int((~inside).sum()),
        "says": f"{name} {percent(apart.estimate)} here, {percent(apart.rest)} there",
        "note": apart.note or ("" if np.isfinite(apart.effect_low) else "no interval: too few rows or clusters"),
    }


def _levels(
    rows: Rows, codes: np.ndarray, names: Sequence[str], level: float, strict: float, seed: int
) -> dict[str, Any]:
    """Compare several levels: those more frequent here by one half, how much more by the other."""
    inside, k = rows.y == 1, len(names)
    excess = _excess(rows, codes, k, np.ones(len(codes), bool))
    found: list[list[float]] = []
    sure = []
    for first in splits(rows, seed, codes=_by_name(codes, names)):
        more = np.zeros(len(codes), dtype=bool)
        for use in (first, ~first):
            more[use] = (_excess(rows, codes, k, ~use) > 0)[codes[use]]
        held = replace(rows, y=more.astype(np.int64), predicted=more.astype(np.int64))
        at = [difference(METRICS["selection_rate"], held, inside, v, test=False) for v in (level, strict)]
        found.append([at[0].estimate, at[0].rest, at[0].effect, at[0].effect_low, at[0].effect_high])
        sure.append(at[1].effect_low)
    here, there, effect, low, high = np.mean(found, axis=0)
    top = int(np.argmax(np.abs(excess)))
    shares = [_shares(rows, codes, k, side)[top] for side in (inside, ~inside)]
    return {
        "measure": "total variation",
        "here": float(here),
        "there": float(there),
        "estimate": float(max(effect, 0.0)),
        "low": float(np.fmax(low, 0.0)) if np.isfinite(low) else np.nan,
        "high": float(np.fmax(high, 0.0)) if np.isfinite(high) else np.nan,
        "sure": bool(np.mean(sure) > 0),
        "smd": np.nan,
        "n": int(inside.sum()),
        "n_there": int((~inside).sum()),
        "says": f"{names[top]} {percent(shares[0])} here, {percent(shares[1])} there",
        "note": "" if np.isfinite(low) else "no interval: too few rows or clusters",
    }


def _blank(rows: Rows, note: str) -> dict[str, Any]:
    numbers = dict.fromkeys(("here", "there", "estimate", "low", "high", "smd"), np.nan)
    n = int((rows.y == 1).sum())
    return {
        "measure": "",
        **numbers,
        "sure": False,
        "n": n,
        "n_there": len(rows.y) - n,
        "says": "",
        "note": f"cannot say: {note}",
    }


def _result(
    made: _Made, read: set[str], named: set[str], words: str, source: Source, level: float
) -> ColumnDifferences:
    table = pd.DataFrame(made.records)
    table["read"] = table["column"].isin(read)
    table["by_condition"] = table["column"].isin(named)
    order = np.lexsort([-table["estimate"].fillna(-1).to_numpy(), table["by_condition"].to_numpy()])
    return ColumnDifferences(
        table=table.iloc[order][COLUMNS].reset_index(drop=True),
        left_out=made.left_out,
        compared=words,
        source=source,
        settings={"level": level},
    )


# numbers -----------------------------------------------------------------------------------------------------------


def _shares(rows: Rows, codes: np.ndarray, k: int, among: np.ndarray) -> np.ndarray:
    weight = None if rows.weight is None else rows.weight[among]
    counts = np.bincount(codes[among], weights=weight, minlength=k).astype(float)
    return counts / counts.sum() if counts.sum() > 0 else counts


def _excess(rows: Rows, codes: np.ndarray, k: int, among: np.ndarray) -> np.ndarray:
    """Give for each level its share here less its share there, among some rows."""
    inside = rows.y == 1
    return _shares(rows, codes, k, among & inside) - _shares(rows, codes, k, among & ~inside)


def _more_here(rows: Rows, codes: np.ndarray, k: int) -> int:
    return int(np.argmax(_excess(rows, codes, k, np.ones(len(codes), bool))))


def _by_name(codes: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Number levels by their names, so that the order of rows plays no part."""
    place = np.empty(len(names), np.int64)
    place[np.argsort(np.array(names, dtype=object).astype(str), kind="stable")] = np.arange(len(names))
    return place[codes][:, None]
