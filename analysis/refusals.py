"""What a model refuses, in words for people: which column, which value, which rows."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.complaints import words_of
from modelglass.analysis.errors import InputError, listed

NOT_A_NUMBER = re.compile("convert|numeric|number|float", re.IGNORECASE)
A_DATE = re.compile("datetime|timestamp", re.IGNORECASE)
ROWS_NAMED = 3
MOST_ASKED = 200
MOST_SECONDS = 20.0
"""The search for the rows that a model refuses ends here."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Refused:
    """A changed row that the model raised an error on, kept so that it can be asked again.

    row     its number in the data as read; error: what was raised, in one line; input: every raw value that was handed over
    """

    row: Any
    error: str
    input: Mapping[str, Any]


def first_refused(error: InputError, X: pd.DataFrame, ask: Callable[[pd.DataFrame], Any]) -> Refused:
    """Find the first row that a model refuses, after it refused them together with this error."""
    found = refused_rows(X, ask)
    label, raised = found[0] if found else (X.index[0], error)
    cause: BaseException = raised.__cause__ or raised
    return Refused(
        row=label,
        error=f"{type(cause).__name__}: {' '.join(str(cause).split())[:200]}",
        input={str(k): v for k, v in X.loc[label].items()},
    )


def kept_error(expected: str, kept: Refused, todo: str, which: str = "the row") -> InputError:
    """Build the error for a changed row that a model refuses: it says the row in plain values, and keeps it (``error.refused``)."""
    row = {name: value.item() if isinstance(value, np.generic) else value for name, value in kept.input.items()}
    error = InputError(expected, f"It raised {kept.error}; {which} is {row}.", todo)
    error.refused = kept
    return error


def refusal(error: BaseException, X: pd.DataFrame, ask: Callable[[pd.DataFrame], Any] | None = None) -> InputError:
    """Turn what a model raised into an error for people.

    Parameters
    ----------
    error : BaseException
        What it raised.
    X : DataFrame
        The rows it was asked about.
    ask : callable, optional
        Asks the model again; with it the rows that it refuses are searched for.
    """
    column = _by_value(error, X) or _by_date(error, X)
    if column is not None:
        return column
    found = refused_rows(X, ask) if ask is not None else []
    if found:
        return InputError(
            "Expected the model to predict every row.",
            f"It predicts some but not {listed(f'row {row} ({words_of(e)})' for row, e in found)}"
            + (", perhaps others too." if len(found) == ROWS_NAMED else "."),
            "Repair these rows, or take them out of the data.",
        )
    return _by_name(error, X) or InputError(
        "Expected the model to predict these rows.",
        f"It refused: {words_of(error, 300)}",
        "Check that the columns have the types they had in training (--type, --features, --na).",
    )


def refused_rows(X: pd.DataFrame, ask: Callable[[pd.DataFrame], Any]) -> list[tuple[Any, BaseException]]:
    """Find the first rows (by index label) that a model refuses by themselves, halving; empty where it refuses all, or none alone."""
    stop = time.monotonic() + MOST_SECONDS
    asked, fine = 0, False
    found: list[tuple[Any, BaseException]] = []
    parts = [(0, len(X))] if len(X) > 1 else []
    while parts and len(found) < ROWS_NAMED and asked < MOST_ASKED and time.monotonic() < stop:
        start, end = parts.pop()
        asked += 1
        try:
            ask(X.iloc[start:end])
            fine = True
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001  a model may raise anything
            if end - start == 1:
                found.append((X.index[start], error))
            else:
                middle = (start + end) // 2
                parts += [(middle, end), (start, middle)]
    return found if fine else []


def _by_value(error: BaseException, X: pd.DataFrame) -> InputError | None:
    text = words_of(error, 10_000)
    for name in X.columns:
        values = X[name]
        if pd.api.types.is_numeric_dtype(values.dtype):
            continue
        hit = next((v for v in pd.unique(values.dropna())[:1000] if isinstance(v, str) and repr(v) in text), None)
        if hit is not None and not NOT_A_NUMBER.search(text):
            return InputError(
                f"Expected values that the model knows in the column {name!r}.",
                f"It holds {hit!r}. It refused: {words_of(error)}",
                f"Repair the column, or if {hit!r} means missing, use --na {hit!r}.",
            )
        if hit is not None:
            return InputError(
                f"Expected numbers in the column {name!r}, as the model was fitted with.",
                f"It holds {hit!r}.",
                f"Repair the column, or if {hit!r} means missing, use --na {hit!r}.",
            )
    return None


def _by_date(error: BaseException, X: pd.DataFrame) -> InputError | None:
    """Name columns of dates that a model of numbers refuses: numpy's own words name a type, and no column."""
    dates = [name for name in X.columns if pd.api.types.is_datetime64_any_dtype(X[name].dtype)]
    if not dates or not A_DATE.search(words_of(error, 10_000)):
        return None
    one = len(dates) == 1
    return InputError(
        f"Expected numbers in the column{'' if one else 's'} {listed(map(repr, dates))}, as the model was fitted with.",
        f"{'It holds' if one else 'They hold'} dates ({X[dates[0]].dtype}), which the model refused.",
        "Make them the numbers that they were in training, e.g. days since a date.",
    )


def _by_name(error: BaseException, X: pd.DataFrame) -> InputError | None:
    text = words_of(error, 10_000)
    for name in X.columns:
        if f"'{name}'" in text or f'"{name}"' in text or f": {name}" in text:
            return InputError(
                f"Expected a type that the model can use in the column {name!r}.",
                f"It holds {X[name].dtype}. It refused: {words_of(error, 300)}",
                "Give the column the type it had in training.",
            )
    return None
