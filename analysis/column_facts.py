"""What does each column hold, and how is it read? Kinds, missing values, ranges, levels, lengths of texts, and what people said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.columns import MOST_LEVELS, Column, as_datetime, plain, side_by_side
from modelglass.analysis.describing import level_text
from modelglass.analysis.plain import missing
from modelglass.analysis.result import Result
from modelglass.analysis.source import UNNAMED, Source

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

COLUMNS = [
    "column",
    "kind",
    "role",
    "missing",
    "missing_share",
    "distinct",
    "holds",
    "description",
    "unit",
    "expected",
    "how",
    "note",
    "n",
]
LONGEST = 40
"""Letters of a level that are shown."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class ColumnFacts(Result):
    """One row a column.

    table   column, kind, role ("read by the model", "target", "weight", "not read"), missing (rows), missing_share, distinct (of
            all rows of the data, also in a cohort), holds (in words: range of numbers and times, most frequent level, lengths of
            texts), description, unit and expected (as given: "rising" or "falling", how the answer should go with it), how (why it is of
            this kind), note, n (rows)
    """

    table: pd.DataFrame
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row a column."""
        return self.table

    def sentence(self) -> str:
        """Say how many columns of which kind there are, and where most is missing."""
        table, n = self.table, int(self.table["n"].max()) if len(self.table) else 0
        counts = table["kind"].value_counts()
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in counts.items())
        start = f"{len(table):,} columns of {n:,} {'row' if n == 1 else 'rows'}: {kinds}."
        worst = table.sort_values("missing", ascending=False, kind="stable").head(1)
        if not len(worst) or not worst["missing"].iloc[0]:
            return f"{start} Nothing is missing."
        gaps = int((table["missing"] > 0).sum())
        where = f"{worst['column'].iloc[0]} ({worst['missing_share'].iloc[0]:.1%} of the rows)"
        return f"{start} {gaps:,} {'has' if gaps == 1 else 'have'} missing values, most of all {where}."


def column_facts(ev: Evaluation) -> ColumnFacts:
    """Say what each column holds and how it is read.

    Parameters
    ----------
    ev : Evaluation
    """
    roles = {ev.target: "target", **dict.fromkeys(ev.features, "read by the model")}
    for role in ("weight", "cluster", "time"):
        name = getattr(ev.source, role)
        if name and name not in roles:
            roles[name] = role
    return measure(ev.frame, ev.columns, roles, source=ev.source)


def measure(
    frame: pd.DataFrame,
    columns: Mapping[str, Column],
    roles: Mapping[str, str] | None = None,
    *,
    source: Source = UNNAMED,
) -> ColumnFacts:
    """The same from a frame of shape (n_rows, n_columns) and what is known of its columns.

    >>> from modelglass.analysis.columns import infer_columns
    >>> data = pd.DataFrame({"age": [20, 35, None], "sex": ["f", "m", "f"]})
    >>> measure(data, infer_columns(data)).frame()["holds"].tolist()
    ['20 to 35, median 27.5', "'f' 67%, 'm' 33%"]
    """
    known = [(column, frame[name], (roles or {}).get(name, "not read")) for name, column in columns.items()]
    rows = side_by_side(lambda about: _facts(*about), known, len(frame))
    return ColumnFacts(table=pd.DataFrame(list(rows), columns=COLUMNS), source=source, settings={})


def _facts(column: Column, series: pd.Series, role: str) -> dict[str, Any]:
    absent, n = int(np.count_nonzero(missing(series))), len(series)
    notes = [column.note]
    if column.kind == "categorical" and column.unique > MOST_LEVELS:
        notes.append(f"Slices keep the {MOST_LEVELS} most frequent of {column.unique:,} levels and group the others.")
    if column.kind in ("text", "id"):
        notes.append("Never offered for slicing.")
    return {
        "column": column.name,
        "kind": column.kind,
        "role": role,
        "missing": absent,
        "missing_share": absent / n if n else np.nan,
        "distinct": column.unique,
        "holds": "" if absent == n else _holds(column, series),
        "description": column.description,
        "unit": column.unit,
        "expected": column.expected,
        "how": column.how,
        "note": " ".join(filter(None, notes)),
        "n": n,
    }


def _holds(column: Column, series: pd.Series) -> str:
    """Say what stands in a column, without quoting a row of an id or a text."""
    if column.kind in ("id", "other"):
        return ""
    if column.kind == "datetime":
        times = as_datetime(series)
        return f"{_time(times.min())} to {_time(times.max())}"
    values = plain(series)
    if values is None:
        return ""
    if column.kind == "numeric":
        low, middle, high = (values.min(), values.median(), values.max())
        return f"{_number(low)} to {_number(high)}, median {_number(middle)}"
    if column.kind == "text":
        return _lengths(values)
    counts = values.value_counts()
    counts = counts[counts > 0]
    whole = int(counts.sum())
    shown = [f"{_level(level)} {count / whole:.0%}" for level, count in counts.head(3).items()]
    return ", ".join(shown) + (", ..." if len(counts) > 3 else "")


def _lengths(values: pd.Series) -> str:
    """Give lengths in characters and in words (parts between blanks)."""
    texts = values.dropna().astype(str)
    letters, words = texts.str.len(), texts.str.split().str.len()
    return (
        f"{_number(letters.median())} characters (median; {_number(letters.min())} to {_number(letters.max())}), "
        f"{_number(words.median())} words (median; {_number(words.min())} to {_number(words.max())})"
    )


def _level(value: Any) -> str:
    text = level_text(value)
    return repr(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…")


def _time(value: pd.Timestamp) -> str:
    text = str(value)
    return text.removesuffix(" 00:00:00")


def _number(value: Any) -> str:
    number = float(value)
    return f"{number:,.0f}" if number.is_integer() and abs(number) < 1e15 else f"{number:,.6g}"
