"""Recurring parts of a date as levels: month of the year, day of the week, hour of the day."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pandas.api import types

from modelglass.analysis.coding import MISSING, Coding
from modelglass.analysis.columns import Column, as_datetime, plain
from modelglass.analysis.conditions import quote_name

PART = "date part"
"""Kind of such a coding; its column is called "PART of COLUMN"."""
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def date_parts(series: pd.Series, column: Column) -> list[Coding]:
    """Give a coding for each part that can recur within the span of the column: months from 13 months on, week days from 8 days on,
    hours where times of day differ and the span is more than a day.
    """
    times = as_datetime(series)
    missing = times.isna().to_numpy(dtype=bool)
    kept = pd.Series(times.to_numpy()[~missing])
    if kept.empty:
        return []
    read = plain(series)
    text = read is None or not types.is_datetime64_dtype(read.dtype)
    name = f"CAST({quote_name(column.name)} AS TIMESTAMP)" if text else quote_name(column.name)
    days = (kept.max() - kept.min()) / pd.Timedelta(days=1)
    parts = []
    if days > 396:
        parts.append(("month", kept.dt.month.to_numpy() - 1, _MONTHS, [f"month({name}) = {i + 1}" for i in range(12)]))
    if days > 8:
        parts.append(
            ("day of the week", kept.dt.day_of_week.to_numpy(), _DAYS, [f"isodow({name}) = {i + 1}" for i in range(7)])
        )
    hours = kept.dt.hour.to_numpy()
    if days > 1 and hours.min() < hours.max():
        labels = [f"{h} to {h + 4} o'clock" for h in range(0, 24, 4)]
        parts.append(("hour", hours // 4, labels, [f"hour({name}) BETWEEN {h} AND {h + 3}" for h in range(0, 24, 4)]))
    return [_coded(column, *part, missing) for part in parts]


def _coded(
    column: Column, what: str, codes: np.ndarray, labels: list[str], conditions: list[str], missing: np.ndarray
) -> Coding:
    full = np.full(len(missing), len(labels), dtype=np.int64)
    full[~missing] = codes
    gone = [MISSING] * bool(missing.any())
    null = [f"{quote_name(column.name)} IS NULL"] * bool(missing.any())
    return Coding(f"{what} of {column.name}", full, (*labels, *gone), (*conditions, *null), PART)


def column_of(coding: Coding) -> str:
    """Give the column of the data that a coding is of, also where it is a part of a date."""
    return coding.column.split(" of ", 1)[1] if coding.kind == PART else coding.column
