"""Do columns vary, and are they what they are read as? Constant and empty columns, columns that freeze for a while, identifiers, mixed texts."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from modelglass.analysis.checked_data import CheckedData, Hit, hit
from modelglass.analysis.errors import NotApplicable, listed
from modelglass.analysis.estimated import agree, all_rows, rows_text
from modelglass.analysis.finding import Severity
from modelglass.analysis.plain import is_text, plain
from modelglass.analysis.selecting import Place, between, level_of
from modelglass.analysis.sql_text import literal, quote_name
from modelglass.analysis.stretches import Clock, clocks

P_MOST = 1e-4
_LENGTHS = 4.0
"""A stretch without change is told where it is so many times as long as the next longest."""
_ABSENT = frozenset(
    [
        "",
        "?",
        "-",
        "--",
        ".",
        "na",
        "n/a",
        "n.a.",
        "nan",
        "none",
        "null",
        "nil",
        "unknown",
        "missing",
        "not available",
        "unk",
        "#n/a",
        "tbd",
    ]
)
_NUMBER = re.compile(r"\s*[-+]?(\d+([.,]\d*)*|\.\d+)([eE][-+]?\d+)?\s*$")


# columns that do not vary --------------------------------------------------------------------------------------------


def check_constants(data: CheckedData) -> list[Hit]:
    """Columns with one value, or none at all."""
    if not data.inputs:
        raise NotApplicable("there are no columns beside the outcome")
    if not data.whole:
        raise NotApplicable("in a cohort a column may be constant because of the condition; all rows are checked")
    hits = []
    for name in data.inputs:
        missing = int(data.frame[name].isna().sum())
        if data.columns[name].unique > 1 or (missing and missing < data.n):
            continue
        value = None if missing else data.frame[name].iloc[0]
        hits.append(_constant(data, name, value))
    return hits


def _constant(data: CheckedData, name: str, value: object) -> Hit:
    severity: Severity = "medium"
    beside = ""
    if data.train is not None and name in data.train.columns:
        there = data.train[name]
        same = there.isna() if value is None else there.astype(str) == str(value)
        share = float(same.mean())
        if share > 0.999:
            severity, beside = "low", "; so it is in the training data"
        elif share ** min(data.n, 100) < P_MOST:
            severity, beside = "high", f"; in the training data {1 - share:.0%} of the rows have another"
    what = "no value" if value is None else f"one value, {_shown(value)},"
    return hit(
        data,
        "constant_column",
        severity,
        f"{name} holds {what} on {all_rows(data.n)}{beside}",
        columns=(name,),
        n=data.n,
        harm=1.0,
        advice=f"Look where {name} is filled: a column that no longer varies was usually lost on the way, and the model still reads it.",
    )


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:39] + "…"


def check_frozen(data: CheckedData) -> list[Hit]:
    """Columns that vary, but not in a stretch of time."""
    along = clocks(data)
    if not along:
        raise NotApplicable("there is no column of times")
    names = [c for c in data.inputs if data.columns[c].kind != "id" and data.columns[c].unique > 1]
    if data.target in data.columns:
        names.append(data.target)
    hits = [h for c in along for name in names if name != c.name if (h := _frozen(data, c, name, len(names)))]
    return hits + _frozen_in_levels(data)


def _frozen(data: CheckedData, clock: Clock, name: str, looks: int) -> Hit | None:
    known = clock.bin >= 0
    least = max(20, 0.005 * int(known.sum()))
    if _longest_at_most(clock, data.hashes(name)) < least:
        return None
    found = longest_run(clock.seconds, data.hashes(name))
    if found is None:
        return None
    places, length, next_length, stays, count, elsewhere, rows = found
    # a usual value that also stays by itself: no rain, no snow
    alike = elsewhere >= 0.3 and 1 - stays < 0.5 * (1 - elsewhere)
    if length < least or length < _LENGTHS * next_length or length > 0.9 * rows or alike:
        return None
    p = min(count * stays ** (length - 1) * looks, 1.0)
    if p > P_MOST:
        return None
    low, high = float(clock.seconds[places].min()), float(clock.seconds[places].max())
    known = clock.seconds[np.isfinite(clock.seconds)]
    place = between(data, clock.name, low if low > known.min() else None, high if high < known.max() else None)
    value = data.frame[name].iloc[places[0]]
    missing = bool(pd.isna(value))
    severity: Severity = "high" if length >= 0.01 * rows and elsewhere < 0.1 and not missing else "medium"
    return hit(
        data,
        "gap" if missing else "frozen_column",
        severity,
        f"{name} {'is missing' if missing else f'does not change from {_shown(value)}'} on {rows_text(length)} in a row, "
        f"where {place.words}; elsewhere the longest such run is {rows_text(next_length)}",
        columns=(name,),
        where=place.where,
        places=np.sort(places),
        n=length,
        p_adjusted=p,
        advice=f"Look at the source of {name} in that time: a sensor that stopped, a join that failed or a default that was filled in. "
        "Leave these rows out, or repair them.",
    )


def _longest_at_most(clock: Clock, values: np.ndarray) -> int:
    """Give the longest run in the order of time, whatever the order of rows within one time: never shorter than that of whole times."""
    v = values[clock.by_time]
    steps = np.flatnonzero(v[1:] != v[:-1]) + 1
    return int(np.diff(np.r_[0, steps, len(v)]).max(initial=0))


def longest_run(seconds: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, int, int, float, int, float, int] | None:
    """Find the longest run of one value along time; only whole times count, so that the order of rows within one does not matter.

    Returns
    -------
    places, length, next_length, stays, count, elsewhere, rows
        Rows of the run; its length; the next longest of any value; how often a value stays, outside the run (the larger of: this
        value, any value); runs outside; share of this value outside; rows with a time. None where nothing varies.
    """
    known = np.flatnonzero(np.isfinite(seconds))
    order = known[np.lexsort((values[known], seconds[known]))]
    v, t = values[order], seconds[order]
    change = np.flatnonzero(v[1:] != v[:-1]) + 1
    if not len(change):
        return None
    starts, ends = np.r_[0, change], np.r_[change, len(v)]
    bounds = np.r_[0, np.flatnonzero(t[1:] != t[:-1]) + 1, len(t)]
    first = bounds[np.searchsorted(bounds, starts, side="left")]
    last = bounds[np.searchsorted(bounds, ends, side="right") - 1]
    lengths = np.maximum(last - first, 0)
    at = int(lengths.argmax())
    length = int(lengths[at])
    if length < 2:
        return None
    others = np.delete(lengths, at)
    value = v[starts[at]]
    mine = v[starts] == value
    mine[at] = False
    rows_of_value, runs_of_value = int((v == value).sum()) - int(ends[at] - starts[at]), int(mine.sum())
    rows_outside = len(v) - int(ends[at] - starts[at])
    stay_any = 1 - (len(starts) - 1) / max(rows_outside, 1)
    stay_one = 1 - (runs_of_value + 0.5) / (rows_of_value + 1) if rows_of_value >= 20 else 0.0
    stays = min(max(stay_any, stay_one, 1.0 / max(rows_outside, 1)), 1.0)
    places = order[first[at] : last[at]]
    return (
        places, length, int(others.max(initial=0)), stays, len(starts), rows_of_value / max(rows_outside, 1), len(v),
    )  # fmt: skip


def _frozen_in_levels(data: CheckedData) -> list[Hit]:
    """Numbers that hardly repeat, and are all the same (not 0) in one level of another column."""
    small = data.part(data.rows)
    names = []
    for name in small.of_kind("numeric"):
        values = small.numbers(name)
        head = values[np.isfinite(values)]
        if len(head) and len(np.unique(head)) > 0.3 * len(head):
            names.append(name)
    hits = []
    for slicer in small.slicers() if names else []:
        coding = small.levels(slicer)
        order = np.argsort(coding.codes, kind="stable")
        sizes = np.bincount(coding.codes, minlength=len(coding.labels))
        starts = np.r_[0, np.cumsum(sizes)[:-1]]
        used = np.flatnonzero(sizes >= 30)
        for name in names if len(used) else []:
            values = small.numbers(name)[order]
            low, high = (f.reduceat(np.nan_to_num(values), starts[used]) for f in (np.minimum, np.maximum))
            same = np.flatnonzero((low == high) & (low != 0))
            hits += [
                _level_told(data, name, slicer, level_of(coding, int(used[i])), float(low[i]), int(sizes[used[i]]))
                for i in same
            ]
    return hits


def _level_told(data: CheckedData, name: str, slicer: str, place: Place, value: float, n: int) -> Hit:
    return hit(
        data,
        "frozen_column",
        "medium",
        f"{name} is {value:g} on every row where {place.words} ({rows_text(n)}); elsewhere its values hardly repeat",
        columns=(name, slicer),
        where=place.where,
        n=n,
        harm=n / data.n,
        advice=f"Find out whether {name} is really known there, or a default was filled in.",
    )


# identifiers and texts -----------------------------------------------------------------------------------------------


def check_identifiers(data: CheckedData) -> list[Hit]:
    """Columns of names of rows that the model reads."""
    if data.reads is None:
        raise NotApplicable("which columns the model reads is not known: there are only predictions")
    return [
        hit(
            data,
            "identifier",
            "medium",
            f"The model reads {name}, which names the {rows_text(data.n)}: {data.columns[name].how}",
            columns=(name,),
            n=data.n,
            harm=1.0,
            advice=f"Train it without {name}: a name cannot help on new rows, and lets the model remember old ones.",
        )
        for name in data.features
        if data.columns[name].kind == "id"
    ]


def check_texts(data: CheckedData) -> list[Hit]:
    """Columns of texts that are mostly numbers, write one level in several ways, or hold words for "unknown"."""
    names = [c for c in data.of_kind("categorical", "id", "text") if is_text(plain(data.frame[c]))]  # type: ignore[arg-type]
    if not names:
        raise NotApplicable("there are no columns of texts")
    hits: list[Hit] = []
    absent: dict[str, tuple[str, int]] = {}
    for name in names:
        counts = plain(data.frame[name]).value_counts()  # type: ignore[union-attr]
        levels = [str(v) for v in counts.index[:20_000]]
        hits += _mostly_numbers(data, name, levels, counts.to_numpy())
        hits += _written_twice(data, name, levels, counts.to_numpy())
        gone = [(v, int(c)) for v, c in zip(levels, counts.to_numpy()) if v.strip().lower() in _ABSENT]
        if gone:
            absent[name] = gone[0][0], sum(c for _, c in gone)
    return hits + ([_absent(data, absent)] if absent else [])


def _mostly_numbers(data: CheckedData, name: str, levels: list[str], counts: np.ndarray) -> list[Hit]:
    number = np.array([bool(_NUMBER.match(v)) for v in levels])
    odd = [v for v, is_number in zip(levels, number) if not is_number]
    if not odd or number.sum() < 5 or len(odd) > 0.2 * len(levels):
        return []
    rows = int(counts[: len(levels)][~number].sum())
    written = ", ".join(literal(v) for v in odd[:20])
    return [
        hit(
            data,
            "mixed_types",
            "medium",
            f"{name} holds numbers written as texts, and on {rows_text(rows)} other texts: {listed([repr(_shown(v)) for v in odd], 3)}",
            columns=(name,),
            where=f"{quote_name(name)} IN ({written})" if len(odd) <= 20 else None,
            n=rows,
            harm=rows / data.n,
            advice=f"Read {name} as numbers, and name the texts that stand for a missing value with --na; as texts every number is a "
            "category of its own.",
        )
    ]


def _written_twice(data: CheckedData, name: str, levels: list[str], counts: np.ndarray) -> list[Hit]:
    same: dict[str, list[int]] = {}
    for i, level in enumerate(levels):
        same.setdefault(" ".join(level.split()).casefold(), []).append(i)
    twins = [[int(i) for i in group] for group in same.values() if len(group) > 1]
    if not twins or data.columns[name].kind != "categorical":
        return []
    rows = int(sum(counts[i] for group in twins for i in group[1:]))
    rare = [levels[i] for group in twins for i in group[1:]]
    shown = "; ".join(" and ".join(repr(_shown(levels[i])) for i in group[:3]) for group in twins[:3])
    return [
        hit(
            data,
            "written_twice",
            "medium" if rows >= 0.01 * data.n else "low",
            f"{name} writes {len(twins):,} of its levels in several ways ({shown}): {rows_text(rows)} {agree(rows, 'has', 'have')} the rarer ones",
            columns=(name,),
            where=f"{quote_name(name)} IN ({', '.join(literal(v) for v in rare[:20])})" if len(rare) <= 20 else None,
            n=rows,
            harm=rows / data.n,
            advice="Write each level in one way (blanks, capitals) before the model, which takes them for different ones.",
        )
    ]


def _absent(data: CheckedData, found: dict[str, tuple[str, int]]) -> Hit:
    rows = max(count for _, count in found.values())
    shown = listed([f"{name} ({value!r}, {count:,} rows)" for name, (value, count) in found.items()], 4)
    return hit(
        data,
        "missing_as_text",
        "low",
        f"Words for unknown stand as levels of their own: {shown}",
        columns=tuple(found),
        n=rows,
        harm=rows / data.n,
        advice="If the model was trained that way, leave it; else read them as missing with --na.",
    )
