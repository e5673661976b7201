"""Columns whose values in a cohort look unlike themselves, and what could be put in their place. Outcomes are not looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from modelglass.analysis.columns import is_number, plain
from modelglass.analysis.wording import percent, say

FEWEST = 20
"""Known values of a column on each side from which it is judged."""
AFFECTED, USUAL = 0.05, 0.5
APART = np.log10(np.sqrt(10))
MOST_COLUMNS, TYPICAL = 8, 9


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Way:
    """What could stand in place of a column's values: words, and one or more columns whose answers are averaged."""

    words: str
    columns: tuple[pd.Series, ...]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Repair:
    """One column that looks unlike itself: ``words`` say how, ``affected`` which share of the rows, ``ways`` what could be put instead."""

    column: str
    words: str
    affected: float
    ways: tuple[Way, ...]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class _Pair:
    """One column on both sides: as it is (here, there) and as plain values (a, b); what the other side is called."""

    here: pd.Series
    there: pd.Series
    a: pd.Series
    b: pd.Series
    rest: str


def proposed(
    here: pd.DataFrame,
    there: pd.DataFrame,
    *,
    by_condition: Iterable[str] = (),
    words: str = "the rest",
) -> list[Repair]:
    """Propose columns to repair, those with most rows affected first, at most ``MOST_COLUMNS``.

    Looked for: values of another size (other units), values outside the range or levels of the other side, one value where the other
    side has many, and missing values where it has few.

    Parameters
    ----------
    here, there : DataFrame
        The columns that the model reads, in the cohort and in the rest.
    by_condition : names
        Columns that the condition of the cohort names: they differ by choice, so only another size by a power of ten is looked for.
    words : str
        What the other side is called.
    """
    chosen = set(by_condition)
    found = [_of_column(here[c], there[c], str(c) in chosen, words) for c in here.columns]
    made = [r for r in found if r is not None]
    return sorted(made, key=lambda r: (-r.affected, r.column))[:MOST_COLUMNS]


def _of_column(here: pd.Series, there: pd.Series, by_condition: bool, rest: str) -> Repair | None:
    a, b = plain(here), plain(there)
    if a is None or b is None or types.is_datetime64_any_dtype(a.dtype) or len(a) < FEWEST or b.notna().sum() < FEWEST:
        return None
    pair, number = _Pair(here=here, there=there, a=a, b=b, rest=rest), is_number(a) and is_number(b)
    if by_condition:
        return _size(pair, only_tens=True) if number else None
    of_numbers, of_levels = (_missing, _code, _frozen, _size, _outside), (_missing, _unknown_levels, _frozen)
    looked = (look(pair) for look in (of_numbers if number else of_levels))
    return next((found for found in looked if found is not None), None)


# what is looked for ------------------------------------------------------------------------------------------------


def _missing(pair: _Pair) -> Repair | None:
    here, a, b = pair.here, pair.a, pair.b
    now, usual = float(a.isna().mean()), float(b.isna().mean())
    if now - usual < 4 * AFFECTED:
        return None
    gone = a.isna().to_numpy()
    return Repair(
        column=str(here.name),
        words=f"missing in {percent(now)} of the rows here, in {percent(usual)} of {pair.rest}",
        affected=now,
        ways=(
            Way(
                words=f"its usual value in {pair.rest} ({_shown(_usual(b))})",
                columns=(_put(pair, gone, _usual(b)),),
            ),
        ),
    )


def _code(pair: _Pair) -> Repair | None:
    """Tell one value far from all others, as codes for missing are."""
    x, r = pair.a.to_numpy(dtype=float, na_value=np.nan), _floats(pair.b)
    low, high = float(r.min()), float(r.max())
    room = 0.1 * (high - low)
    far = pair.a[(x < low - room) | (x > high + room)]
    counts = far.value_counts()
    if (
        not len(counts)
        or counts.iloc[0] < max(AFFECTED * len(x), FEWEST / 4)
        or counts.iloc[0] < (1 - AFFECTED) * len(far)
    ):
        return None
    value, share = counts.index[0], float(counts.iloc[0] / len(x))
    coded = x == value
    middle = float(np.median(r))
    ways = [Way(words=f"the middle of {pair.rest} ({say(middle)}) in these rows", columns=(_put(pair, coded, middle),))]
    if pair.b.isna().any():
        ways.append(
            Way(words="nothing (missing) in these rows", columns=(_numbers(pair.here, np.where(coded, np.nan, x)),))
        )
    return Repair(
        column=str(pair.here.name),
        words=f"{_shown(value)} in {percent(share)} of the rows here, far from the {say(low)} to {say(high)} of {pair.rest}",
        affected=share,
        ways=tuple(ways),
    )


def _frozen(pair: _Pair) -> Repair | None:
    here, a, b = pair.here, pair.a, pair.b
    counts = a.value_counts()
    if not len(counts) or counts.iloc[0] < (1 - AFFECTED) * len(a):
        return None
    value = counts.index[0]
    usual = float((b == value).mean())
    if usual > USUAL or b.nunique() < 3:
        return None
    stuck = (a == value).to_numpy(dtype=bool, na_value=False)
    return Repair(
        column=str(here.name),
        words=f"{_shown(value)} in {percent(counts.iloc[0] / len(a))} of the rows here, in {percent(usual)} of {pair.rest}",
        affected=float(counts.iloc[0] / len(a)),
        ways=(
            Way(
                words=f"its usual value in {pair.rest} ({_shown(_usual(b))})",
                columns=(_put(pair, stuck, _usual(b)),),
            ),
            Way(words=f"the average answer over {TYPICAL} typical values of {pair.rest}", columns=_typical(pair)),
        ),
    )


def _size(pair: _Pair, only_tens: bool = False) -> Repair | None:
    """Tell another unit: typical size or spread at least threefold larger or smaller."""
    here, a, b = pair.here, pair.a, pair.b
    x, r = _floats(a), _floats(b)
    ratios = [v for v in (_ratio(np.abs(x), np.abs(r)), _spread(x) / _spread(r) if _spread(r) > 0 else np.nan) if v > 0]
    apart = [v for v in ratios if np.isfinite(v) and abs(np.log10(v)) >= APART]
    if not apart or not len(x) or not len(r):
        return None
    tens = dict.fromkeys(float(10.0 ** np.round(np.log10(v))) for v in apart)
    ways = [Way(words=f"values {_times(1 / k)}", columns=(_numbers(here, x_over(a, k)),)) for k in tens if k != 1]
    if not only_tens:
        ratio = apart[0]
        ways.append(Way(words=f"values {_times(1 / ratio)}", columns=(_numbers(here, x_over(a, ratio)),)))
        if _spread(x) > 0 and _spread(r) > 0:
            moved = (a.to_numpy(dtype=float, na_value=np.nan) - np.median(x)) / _spread(x) * _spread(r) + np.median(r)
            ways.append(
                Way(
                    words=f"values moved and stretched to the middle and spread of {pair.rest}",
                    columns=(_numbers(here, moved),),
                )
            )
    if not ways:
        return None
    return Repair(
        column=str(here.name),
        words=f"of another size here: the middle of its values is {say(float(np.median(x)))}, in {pair.rest} {say(float(np.median(r)))}",
        affected=1.0,
        ways=tuple(ways),
    )


def _outside(pair: _Pair) -> Repair | None:
    here, a, b = pair.here, pair.a, pair.b
    x, r = a.to_numpy(dtype=float, na_value=np.nan), _floats(b)
    low, high = np.quantile(r, [0.001, 0.999])
    room = 0.1 * (high - low)
    out = (x < low - room) | (x > high + room)
    if out.mean() < AFFECTED:
        return None
    return Repair(
        column=str(here.name),
        words=f"beyond {say(low)} to {say(high)}, where {pair.rest} lies, in {percent(float(out.mean()))} of the rows here",
        affected=float(out.mean()),
        ways=(
            Way(words=f"values cut to the range of {pair.rest}", columns=(_numbers(here, np.clip(x, low, high)),)),
            Way(
                words=f"the middle of {pair.rest} ({say(float(np.median(r)))}) in these rows",
                columns=(_numbers(here, np.where(out, np.median(r), x)),),
            ),
        ),
    )


def _unknown_levels(pair: _Pair) -> Repair | None:
    here, a, b = pair.here, pair.a, pair.b
    known = set(b.dropna())
    out = (a.notna() & ~a.isin(known)).to_numpy(dtype=bool)
    if out.mean() < AFFECTED:
        return None
    ways = []
    alike: dict[str, list[Any]] = {}
    for level in sorted(known, key=str):
        alike.setdefault(_folded(level), []).append(level)
    one = {key: levels[0] for key, levels in alike.items() if len(levels) == 1}
    if a[out].map(lambda v: _folded(v) in one).any():
        matched = a[out].map(lambda v: one.get(_folded(v), v))
        ways.append(
            Way(
                words=f"the level of {pair.rest} that is written alike",
                columns=(_put(pair, out, matched.to_numpy()),),
            )
        )
    ways.append(
        Way(words=f"the usual level of {pair.rest} ({_shown(_usual(b))})", columns=(_put(pair, out, _usual(b)),))
    )
    return Repair(
        column=str(here.name),
        words=f"a level that {pair.rest} does not have ({_shown(a[out].iloc[0])}, say) in {percent(float(out.mean()))} of the rows here",
        affected=float(out.mean()),
        ways=tuple(ways),
    )


# making columns ----------------------------------------------------------------------------------------------------


def _usual(values: pd.Series) -> Any:
    """Give the middle of numbers, else the most frequent value."""
    if is_number(values):
        return float(np.median(_floats(values)))
    return values.value_counts().sort_index(key=lambda i: i.astype(str), kind="stable").idxmax()


def _typical(pair: _Pair) -> tuple[pd.Series, ...]:
    """Give columns of one value each, which together stand for how the values of the other side are spread."""
    known = pair.there[pair.b.notna().to_numpy()]
    order = known.argsort(kind="stable") if is_number(pair.b) else known.astype(str).argsort(kind="stable")
    places = order.to_numpy()[((np.arange(TYPICAL) + 0.5) / TYPICAL * len(known)).astype(int)]
    n = len(pair.here)
    return tuple(pd.Series(known.array.take([p] * n), index=pair.here.index, name=pair.here.name) for p in places)


def _put(pair: _Pair, where: np.ndarray, value: Any) -> pd.Series:
    """Give the column with another value in some rows, of the same type where that holds it."""
    here, there = pair.here, pair.there
    if is_number(plain(here)):
        return _numbers(here, np.where(where, value, here.to_numpy(dtype=float, na_value=np.nan)))
    if isinstance(here.dtype, pd.CategoricalDtype):
        levels = here.dtype.categories.union(pd.Index([value] if np.isscalar(value) else pd.unique(value)), sort=False)
        if isinstance(there.dtype, pd.CategoricalDtype) and set(levels) <= set(there.dtype.categories):
            levels = there.dtype.categories
        changed = here.astype("object").copy()
        changed[where] = value
        return changed.astype(pd.CategoricalDtype(levels, ordered=bool(here.dtype.ordered)))
    changed = here.copy()
    changed[where] = value
    return changed


def _numbers(here: pd.Series, values: np.ndarray) -> pd.Series:
    """Give numbers as a column of the same type where it holds them, else as floats."""
    if types.is_integer_dtype(here.dtype) and np.isfinite(values).all() and (values == np.round(values)).all():
        return pd.Series(values, index=here.index, name=here.name).astype(here.dtype)
    return pd.Series(np.asarray(values, float), index=here.index, name=here.name)


def x_over(values: pd.Series, by: float) -> np.ndarray:
    """Divide a column by a number, as floats."""
    return values.to_numpy(dtype=float, na_value=np.nan) / by


def _floats(values: pd.Series) -> np.ndarray:
    known = values.to_numpy(dtype=float, na_value=np.nan)
    return known[np.isfinite(known)]


def _ratio(x: np.ndarray, r: np.ndarray) -> float:
    top, bottom = (np.median(v[v > 0]) if (v > 0).sum() > USUAL * len(v) else np.nan for v in (x, r))
    return float(top / bottom)


def _spread(x: np.ndarray) -> float:
    """Give the distance of the quartiles; of columns that are mostly one value the standard deviation."""
    if not len(x):
        return 0.0
    low, high = np.quantile(x, [0.25, 0.75])
    return float(high - low) if high > low else float(np.std(x))


def _times(factor: float) -> str:
    return f"times {say(factor)}" if factor > 1 else f"divided by {say(1 / factor)}"


def _folded(level: Any) -> str:
    return "".join(ch for ch in str(level).casefold() if ch.isalnum())


def _shown(value: Any) -> str:
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
        return say(float(value))
    text = str(value)
    return text if len(text) <= 40 else text[:39] + "…"
