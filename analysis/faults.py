"""Faults that inputs have in real life, as functions of one column: rounding, wrong units, typing errors, a wrong clock, a missing code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.columns import Column
from modelglass.analysis.constraints import FAR, ColumnRule, numbers

UNITS = (10, 100, 1000)
DIGITS = (2, 1)
SHIFTS = (("1 hour", "1h"), ("1 day", "1D"), ("30 days", "30D"), ("365 days", "365D"))
MOST_PAIRS = 12
"""Pairs of columns that are swapped, those that stand next to one another first."""
TYPED = "typing error"


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Fault:
    """One fault: its kind ("unit error", say), the columns concerned as text, how ("x 10"), and the columns as it makes them."""

    kind: str
    feature: str
    how: str
    make: Callable[[], Mapping[str, pd.Series]]


def faults_of(
    frame: pd.DataFrame, columns: Mapping[str, Column], names: list[str], rules: Mapping[str, ColumnRule], seed: int
) -> list[Fault]:
    """Give every fault that these columns can have, column by column, swaps last."""
    made: list[Fault] = []
    for name in names:
        rng = np.random.default_rng((seed, 20_019, list(frame.columns).index(name)))
        made += _of_column(name, frame[name], columns[name].kind, rules[name], int(rng.integers(2**31)))
    return made + [_swap(frame, a, b) for a, b in pairs(frame, names, rules)]


def _of_column(name: str, column: pd.Series, kind: str, rule: ColumnRule, seed: int) -> Iterator[Fault]:
    def made(change: Callable[..., pd.Series], how: Any) -> Callable[[], Mapping[str, pd.Series]]:
        return lambda: {name: change(column, how)}

    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        for how, step in SHIFTS:
            yield Fault(kind="shifted time", feature=name, how=f"+{how}", make=made(shifted, step))
    elif rule.kind == "number":
        for digits in DIGITS:
            yield Fault(kind="rounding", feature=name, how=f"to {digits} digit{'s' * (digits > 1)}", make=made(rounded, digits))  # fmt: skip
        for factor in UNITS:
            yield Fault(kind="unit error", feature=name, how=f"x {factor}", make=made(scaled, factor))  # fmt: skip
        if whole(column):
            yield Fault(kind=TYPED, feature=name, how="two digits exchanged", make=made(digits_exchanged, seed))  # fmt: skip
    elif kind in ("categorical", "text") and _texts(column):
        yield Fault(kind=TYPED, feature=name, how="one letter wrong", make=made(letters_wrong, seed))


def _texts(column: pd.Series) -> bool:
    filled = column.dropna()
    return len(filled) > 0 and isinstance(filled.iloc[0], str)


def whole(column: pd.Series) -> bool:
    """Tell whether all numbers of a column are whole."""
    values = numbers(column)
    values = values[np.isfinite(values)]
    return bool(len(values)) and bool((values == np.rint(values)).all()) and bool(np.abs(values).max() < 2**52)


def numbers_like(column: pd.Series, values: np.ndarray) -> pd.Series:
    """Put numbers, float64 (n,), in place of those of a column; missing stays missing, whole numbers stay whole where they can.

    Where a value does not fit into the column's integers the column is float64, as a file with such a value is read.
    """
    there = column.notna().to_numpy()
    if pd.api.types.is_integer_dtype(column.dtype):
        limits = np.iinfo(getattr(column.dtype, "numpy_dtype", column.dtype))
        fits = not there.any() or bool((values[there] >= limits.min).all() and (values[there] <= limits.max).all())
        if not fits:
            return pd.Series(np.where(there, values, np.nan), index=column.index)
        values = np.rint(values)
    made = column.copy()
    made[there] = values[there].astype(getattr(column.dtype, "numpy_dtype", column.dtype))
    return made.astype(column.dtype)


def rounded(column: pd.Series, digits: int) -> pd.Series:
    """Round numbers to so many leading digits.

    >>> rounded(pd.Series([1234.5, 0.0678, 0.0]), 2).tolist()
    [1200.0, 0.068, 0.0]
    """
    values = numbers(column)
    with np.errstate(divide="ignore", invalid="ignore"):
        power = digits - 1 - np.floor(np.log10(np.abs(values)))
    power = np.where(np.isfinite(power), power, 0.0)
    factor = 10.0 ** np.abs(power)
    got = np.where(power >= 0, np.rint(values * factor) / factor, np.rint(values / factor) * factor)
    return numbers_like(column, got)


def scaled(column: pd.Series, factor: float) -> pd.Series:
    """Multiply numbers, as where metres are written for kilometres."""
    return numbers_like(column, numbers(column) * factor)


def shifted(column: pd.Series, step: str) -> pd.Series:
    """Shift times, as a wrong clock or zone does."""
    return (column + pd.Timedelta(step)).astype(column.dtype)


def digits_exchanged(column: pd.Series, seed: int) -> pd.Series:
    """Exchange two neighbouring digits of whole numbers, where they differ and the first stays a digit above 0; others stay."""
    values = numbers(column)
    known, at = np.unique(values[np.isfinite(values)], return_inverse=True)
    rng = np.random.default_rng(seed)
    made = np.array([_exchanged(v, rng) for v in known])
    out = values.copy()
    out[np.isfinite(values)] = made[at.reshape(-1)]
    return numbers_like(column, out)


def _exchanged(value: float, rng: np.random.Generator) -> float:
    text = str(int(abs(value)))
    at = [i for i in range(len(text) - 1) if text[i] != text[i + 1] and not (i == 0 and text[1] == "0")]
    if not at:
        return value
    i = int(rng.choice(at))
    return float(np.copysign(int(text[:i] + text[i + 1] + text[i] + text[i + 2 :]), value))


def letters_wrong(column: pd.Series, seed: int) -> pd.Series:
    """Write every text with one letter left out, doubled, exchanged with the next, or of the other case; the same text the same way.

    A column of pandas categories cannot hold a level that it does not know: such a text becomes missing there, as it does when read so.
    """
    rng = np.random.default_rng(seed)
    words = column.astype(object)
    wrong = {v: _mistyped(v, rng) for v in sorted({v for v in words.dropna() if isinstance(v, str)})}
    made = words.map(lambda v: wrong.get(v, v) if isinstance(v, str) else v)
    if isinstance(column.dtype, pd.CategoricalDtype):
        return made.where(made.isin(list(column.dtype.categories)), None).astype(column.dtype)
    return made.astype(column.dtype)


def _mistyped(text: str, rng: np.random.Generator) -> str:
    if not text:
        return " "
    i, way = int(rng.integers(len(text))), int(rng.integers(4))
    if way == 0 and len(text) > 1:
        return text[:i] + text[i + 1 :]
    if way == 1 and i + 1 < len(text) and text[i] != text[i + 1]:
        return text[:i] + text[i + 1] + text[i] + text[i + 2 :]
    if way == 2 and text[i].swapcase() != text[i]:
        return text[:i] + text[i].swapcase() + text[i + 1 :]
    return text[:i] + text[i] + text[i:]


def pairs(frame: pd.DataFrame, names: list[str], rules: Mapping[str, ColumnRule]) -> list[tuple[str, str]]:
    """Give the columns that could be mistaken for one another: numbers with numbers, and columns that share levels; neighbours first."""
    found = []
    for i, a in enumerate(names):
        for j in range(i + 1, len(names)):
            b, one, two = names[j], rules[a], rules[names[j]]
            alike = one.kind == two.kind == "number" and one.dates == two.dates
            shared = one.kind == two.kind == "levels" and len(set(one.levels) & set(two.levels)) > 1
            if alike or shared:
                found.append((j - i, i, a, b))
    return [(a, b) for _, _, a, b in sorted(found)[:MOST_PAIRS]]


def _swap(frame: pd.DataFrame, a: str, b: str) -> Fault:
    def make() -> Mapping[str, pd.Series]:
        return {a: _as(frame[a], frame[b]), b: _as(frame[b], frame[a])}

    return Fault(kind="swapped columns", feature=f"{a} and {b}", how="", make=make)


def _as(column: pd.Series, other: pd.Series) -> pd.Series:
    """Give the values of another column in the type of this one, as far as it can hold them."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        return other.astype(column.dtype)
    if pd.api.types.is_numeric_dtype(column.dtype):
        values = other.to_numpy(dtype="float64", na_value=np.nan)
        if np.isfinite(values).all() and pd.api.types.is_integer_dtype(column.dtype):
            return pd.Series(np.rint(values), index=column.index).astype(column.dtype)
        return pd.Series(values, index=column.index)
    words = other.astype(object)
    if isinstance(column.dtype, pd.CategoricalDtype):
        return words.where(words.isin(list(column.dtype.categories)), None).astype(column.dtype)
    return words.astype(column.dtype)


def caught(rule: ColumnRule, column: pd.Series) -> np.ndarray:
    """Tell which values a check of range, step and levels would refuse, bool (n,); missing and codes pass."""
    if rule.kind == "fixed":
        return np.zeros(len(column), dtype=bool)
    if rule.kind == "levels":
        return (column.notna() & ~column.astype(object).isin(list(rule.levels))).to_numpy()
    values = numbers(column)
    with np.errstate(invalid="ignore"):
        edge = FAR * np.maximum(np.abs(values), rule.step)
        out = (values < rule.low - edge) | (values > rule.high + edge)
        if rule.step:
            steps = (values - rule.origin) / rule.step
            out |= np.abs(steps - np.rint(steps)) > np.maximum(1e-3, FAR * np.abs(values) / rule.step)
    return out & ~np.isin(values, rule.codes) & np.isfinite(values)


def clipped(rule: ColumnRule, column: pd.Series) -> pd.Series:
    """Move numbers into the range of the data."""
    return numbers_like(column, np.clip(numbers(column), rule.low, rule.high))
