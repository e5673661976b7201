"""What data say of their columns: range, step, levels, spread, and columns that belong together on every row."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.checks_codes import spikes
from modelglass.analysis.columns import Column
from modelglass.analysis.constraints import DAY, ROUNDED_32, ColumnRule, Together, numbers
from modelglass.analysis.levels_apart import apart
from modelglass.analysis.possible import OPERATIONS

FEWEST = 50
"""Rows from which a relation that holds on all of them is taken for a rule."""
FEWEST_OTHER = 10
"""Rows that the second most frequent value must have: a column that hardly varies follows from everything."""
MOST_NUMBERS, MOST_VALUES, LOOKED_AT = 40, 1_000, 64
ORDERED_BY_CHANCE = 0.95
DECIMALS = 4
ROUNDED_64, OFF_STEP = 1e-12, 0.05
"""Relative error of decimals in numbers of 64 bits (some sums later); and of a step the most that a value may lie beside it."""
_HEAD = 1_000


def rules(known: pd.DataFrame, columns: Mapping[str, Column]) -> dict[str, ColumnRule]:
    """Give the rule of each column of ``known``."""
    return {name: _rule(name, known[name], columns[name]) for name in known.columns}


def _rule(name: str, column: pd.Series, what: Column) -> ColumnRule:
    dtype = column.dtype
    dates = pd.api.types.is_datetime64_any_dtype(dtype)
    number = pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
    filled = column.dropna()
    if what.kind in ("numeric", "datetime") and (number or dates):
        if not len(filled):
            return ColumnRule(name=name, kind="fixed", immutable=True, how="it has no values")
        return _number(name, numbers(filled), dates)
    if what.kind in ("categorical", "boolean"):
        levels = list(pd.unique(filled.astype(object)))
        try:
            levels = sorted(levels)
        except TypeError:
            levels = sorted(levels, key=str)
        if len(levels) > 1:
            return ColumnRule(name=name, kind="levels", levels=tuple(levels))
        return ColumnRule(name=name, kind="levels", levels=tuple(levels), immutable=True, how="it has one value")
    words = {"id": "an id", "text": "text", "datetime": "a date written as text"}
    return ColumnRule(name=name, kind="fixed", immutable=True, how=f"it is {words.get(what.kind, 'of no plain kind')}")


def _number(name: str, values: np.ndarray, dates: bool) -> ColumnRule:
    values = values[np.isfinite(values)]
    if not len(values):
        return ColumnRule(name=name, kind="fixed", immutable=True, how="it has no finite values")
    codes = () if dates else tuple(s.value for s in spikes(values) if s.how in ("outside", "sign"))
    inside = values[~np.isin(values, codes)] if codes else values
    if not len(inside):
        inside, codes = values, ()
    low, high = float(inside.min()), float(inside.max())
    said = f"{', '.join(f'{c:g}' for c in codes)} stand for something else and stay" if codes else ""
    if low == high:
        return ColumnRule(
            name=name, kind="number", immutable=True, low=low, high=high, spread=1.0, codes=codes, dates=dates,
            how="it has one value",
        )  # fmt: skip
    distinct = np.unique(inside)
    step = _step(distinct, dates)
    return ColumnRule(
        name=name,
        kind="number",
        low=low,
        high=high,
        step=step,
        origin=low if step and not dates else 0.0,
        spread=spread(inside),
        codes=codes,
        dates=dates,
        how=said,
    )


def spread(values: np.ndarray) -> float:
    """Give the spread of numbers: interquartile range / 1.349; of the others where one value fills half; else the standard deviation."""
    found, count = np.unique(values, return_counts=True)
    if 2 * count.max() >= len(values) and len(found) > 2:
        values = values[values != found[count.argmax()]]
    width = float(np.subtract(*np.quantile(values, [0.75, 0.25]))) / 1.349
    return width or float(values.std()) or float(np.ptp(found)) or 1.0


def _step(distinct: np.ndarray, dates: bool) -> float:
    """Give the step of all values: the greatest common divisor of whole numbers, 10^-d where all have d decimals; 0: none.

    Decimals are off by what the numbers' own digits leave (of 64 or 32 bits), and never by more than a twentieth of a step: beyond that any
    number would lie on some step.
    """
    if dates:
        return DAY if (np.mod(distinct, DAY) == 0).all() else 1.0 if (distinct == np.rint(distinct)).all() else 0.0
    with np.errstate(over="ignore"):
        digits = ROUNDED_32 if (distinct == distinct.astype(np.float32)).all() else ROUNDED_64
    for decimals in range(DECIMALS + 1):
        scaled = distinct * 10.0**decimals
        largest = np.abs(scaled).max()
        if largest > 2**52:
            return 0.0
        whole = np.rint(scaled)
        off = np.abs(scaled - whole)
        if (off <= min(digits * largest, OFF_STEP)).all() and (decimals == 0 or len(distinct) >= 20):
            gaps = np.diff(whole.astype(np.int64))
            return float(np.gcd.reduce(gaps)) / 10.0**decimals if len(gaps) and gaps.min() > 0 else 0.0
    return 0.0


def together(
    known: pd.DataFrame, columns: Mapping[str, ColumnRule], counted: np.ndarray | None = None
) -> list[Together]:
    """Give the columns that belong together on every row; a column is derived from one thing only.

    ``counted``: the rows that count where chance does, (n,) bool; None: all.
    """
    if len(known) < FEWEST:
        return []
    values = {n: _values(known[n], r) for n, r in columns.items() if r.kind == "number" and not r.immutable}
    values = dict(list(values.items())[:MOST_NUMBERS])
    found = list(_sums(values))
    taken = {c for t in found for c in t.columns}
    for one in itertools.chain(_tables(known, columns), _lines(values), _triples(values, columns)):
        if one.columns[-1] not in taken and not set(one.columns[:-1]) & {
            t.columns[-1] for t in found if t.kind == "derived"
        }:
            # what others follow from stays free
            found.append(one)
            taken.update(one.columns)
    derived = {t.columns[-1] for t in found if t.kind == "derived"}
    orders = _orders({n: v for n, v in values.items() if n not in derived})
    return [*found, *orders, *apart(known, columns, found, counted)]


def _values(column: pd.Series, rule: ColumnRule) -> np.ndarray:
    got = numbers(column)
    return np.where(np.isin(got, rule.codes), np.nan, got) if rule.codes else got


def _tables(known: pd.DataFrame, columns: Mapping[str, ColumnRule]) -> Iterator[Together]:
    """Find columns of which each value goes with one value of another (education and its number)."""
    coded = {}
    for name, rule in columns.items():
        if rule.kind == "fixed" or rule.dates or not rule.free:
            continue
        codes, distinct = pd.factorize(
            known[name].astype(object) if rule.kind == "levels" else known[name], use_na_sentinel=False
        )
        count = np.sort(np.bincount(codes))
        if len(distinct) <= min(MOST_VALUES, len(known) / 5) and len(count) > 1 and count[-2] >= FEWEST_OTHER:
            coded[name] = (codes, len(distinct))
    order = sorted(coded, key=lambda n: (columns[n].kind != "levels", -coded[n][1]))
    for source, derived in itertools.permutations(order, 2):
        (a, k), (b, m) = coded[source], coded[derived]
        if m > k or len(np.unique(a[:_HEAD] * m + b[:_HEAD])) > len(np.unique(a[:_HEAD])):
            continue  # settled by the first rows
        if len(np.unique(a * m + b)) == k:
            first = known[[source, derived]].drop_duplicates(source).dropna()
            table = dict(zip(first[source].astype(object), first[derived].astype(object), strict=True))
            yield Together(kind="derived", columns=(source, derived), by="table", table=table, how="on all rows")


def _lines(values: Mapping[str, np.ndarray]) -> Iterator[Together]:
    """Find numbers that are another one times a factor plus a shift."""
    for a, b in itertools.combinations(values, 2):
        x, y = values[a], values[b]
        both = np.isfinite(x) & np.isfinite(y)
        if not _same_missing(x, y) or both.sum() < FEWEST or np.ptp(x[both]) == 0 or np.ptp(y[both]) == 0:
            continue
        i, j = x[both].argmin(), x[both].argmax()
        slope = (y[both][j] - y[both][i]) / (x[both][j] - x[both][i])
        shift = y[both][i] - slope * x[both][i]
        if slope and _close(slope * x[both] + shift, y[both]):
            yield Together(
                kind="derived", columns=(a, b), by="line", value=float(slope), shift=float(shift),
                within=1e-6 * float(np.abs(y[both]).max()), how="on all rows",
            )  # fmt: skip


def _same_missing(*columns: np.ndarray) -> bool:
    return all((np.isnan(columns[0]) == np.isnan(c)).all() for c in columns[1:])


def _close(got: np.ndarray, wanted: np.ndarray, within: float = 0.0) -> bool:
    return bool((np.abs(got - wanted) <= within + 1e-7 * np.abs(wanted).max()).all())


def _triples(values: Mapping[str, np.ndarray], columns: Mapping[str, ColumnRule]) -> Iterator[Together]:
    """Find numbers that are the sum, difference, product or ratio of two others (a total, a body mass index per height)."""
    names = list(values)
    if len(names) < 3:
        return
    n = len(values[names[0]])
    few = np.random.default_rng(0).permutation(n)[:LOOKED_AT]
    head = np.stack([values[c][few] for c in names])
    rounded = {c: columns[c].step / 2 * 1.001 for c in names}
    loose = np.array([rounded[c] for c in names])[:, None] + 1e-7 * np.nanmax(np.abs(head), axis=1, keepdims=True)
    ways = [*itertools.product(("sum", "product"), itertools.combinations(range(len(names)), 2)),
            *itertools.product(("difference", "ratio"), itertools.permutations(range(len(names)), 2))]  # fmt: skip
    for by, (i, j) in ways:
        with np.errstate(all="ignore"):
            off = np.abs(OPERATIONS[by](head[i], head[j]) - head)
        for k in np.flatnonzero((np.isnan(off) | (off <= loose)).all(axis=1)):
            a, b, c = names[i], names[j], names[k]
            if k in (i, j) or not _triple_holds(by, values[a], values[b], values[c], rounded[c]):
                continue
            yield Together(kind="derived", columns=(a, b, c), by=by, within=rounded[c], how="on all rows")


def _triple_holds(by: str, x: np.ndarray, y: np.ndarray, z: np.ndarray, within: float) -> bool:
    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < FEWEST or not (np.isfinite(z) == known).all():
        return False
    x, y, z = x[known], y[known], z[known]
    if any(len(np.unique(v)) < 5 or np.mean(v == np.median(v)) > 0.8 for v in (x, y, z)):
        return False  # next to a column that hardly varies another one seems to follow from the third
    # small whole numbers are near many products: the values must spread widely beside what rounding allows
    if within and np.ptp(z) < 20 * within:
        return False
    with np.errstate(all="ignore"):
        got = OPERATIONS[by](x, y)
    return bool(np.isfinite(got).all() and _close(got, z, within))


def _sums(values: Mapping[str, np.ndarray]) -> Iterator[Together]:
    """Find shares that add up to 1 or 100 on every row."""
    for total in (1.0, 100.0):
        shares = [
            n
            for n, v in values.items()
            if np.isfinite(v).all() and v.min() >= 0 and v.max() <= total * (1 + 1e-6) and v.max() > 0.02 * total
        ]
        before: list[str] = []
        for name in shares:
            if len(before) >= 1:
                X = np.column_stack([*(values[b] for b in before), np.ones(len(values[name]))])
                weights, *_ = np.linalg.lstsq(X, values[name], rcond=None)
                used = np.abs(weights[:-1] + 1) < 1e-4
                rest = np.abs(weights[:-1]) < 1e-4
                if used.any() and (used | rest).all() and abs(weights[-1] / total - 1) < 1e-4:
                    members = (*(b for b, u in zip(before, used, strict=True) if u), name)
                    if _close(np.sum([values[m] for m in members], axis=0), np.full(len(X), total), 1e-6 * total):
                        yield Together(kind="sum", columns=members, value=total, how="on all rows")
                        continue
            before.append(name)


def _orders(values: Mapping[str, np.ndarray]) -> Iterator[Together]:
    """Find pairs of which one is never above the other, though by chance it often would be."""
    rng = np.random.default_rng(0)
    found = []
    for a, b in itertools.permutations(values, 2):
        x, y = values[a], values[b]
        both = np.isfinite(x) & np.isfinite(y)
        if both.sum() < FEWEST or not (x[both] <= y[both]).all() or (x[both] == y[both]).all():
            continue
        some = rng.permutation(np.flatnonzero(both))[:2_000]
        by_chance = np.mean(x[some] <= rng.permutation(y[some]))
        if by_chance < ORDERED_BY_CHANCE:
            found.append((a, b))
    for a, b in found:
        if not any((a, c) in found and (c, b) in found for c in values):  # the others say it already
            yield Together(kind="order", columns=(a, b), how="on all rows")


def relation(
    by: Any, derived: str, sources: tuple[str, ...], known: pd.DataFrame, columns: Mapping[str, ColumnRule]
) -> Together | None:
    """Find how one column follows from others, where a person said that it does; None where no known way holds on all rows."""
    values = {n: _values(known[n], columns[n]) for n in (*sources, derived) if columns[n].kind == "number"}
    if len(sources) == 1:
        lines = [t for t in _lines(values) if t.columns == (*sources, derived)] if by in (None, "line") else []
        if lines:
            return lines[0]
        rows = known[[*sources, derived]].dropna()
        pairs = rows.drop_duplicates()
        # values that all differ give a table whatever the other column holds
        if by in (None, "table") and 2 * len(pairs) <= len(rows) and not pairs[sources[0]].duplicated().any():
            table = dict(zip(pairs[sources[0]].astype(object), pairs[derived].astype(object), strict=True))
            return Together(kind="derived", columns=(*sources, derived), by="table", table=table, how="given")
        return None
    within = columns[derived].step / 2 * 1.001
    for way, operation in OPERATIONS.items():
        for a, b in (sources, sources[::-1]):
            if by not in (None, way) or len(values) < 3:
                continue
            with np.errstate(all="ignore"):
                got, z = operation(values[a], values[b]), values[derived]
            both = np.isfinite(got) & np.isfinite(z)
            if both.any() and _close(got[both], z[both], within):
                return Together(kind="derived", columns=(a, b, derived), by=way, within=within, how="given")
    return None
