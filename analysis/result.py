"""What every result can do, and strict JSON for all of them."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.odd_signs import visible
from modelglass.analysis.recipes import Recipe
from modelglass.analysis.source import Source


class Result:
    """Mixin of all frozen results: ``frame()``, ``sentence()``, ``source``, ``settings``; shows itself in a notebook.

    Subclasses are dataclasses with ``frozen=True, eq=False, kw_only=True, slots=True`` and fields ``source`` and ``settings``.
    Fields are arrays, frames, numbers and strings; never a model, a figure or a widget.
    """

    __slots__ = ()
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give the numbers behind the picture as a tidy frame."""
        raise NotImplementedError

    def sentence(self) -> str:
        """Say the finding in plain words, with its number of rows."""
        raise NotImplementedError

    def in_full(self) -> str:
        """Say the finding as it is shown: the sentence, and what a short budget left out."""
        return " ".join(filter(None, (self.sentence(), self.source.cut)))

    def opening(self) -> str:
        """Say what stands above ``text()``: the finding, or less where the text says it all the same."""
        return self.in_full()

    def text(self) -> str:
        """Give the numbers as they stand in a terminal: the table, long ones shortened, nothing in it that a terminal would obey."""
        frame = self.frame()
        if not len(frame):
            return "(an empty table)"
        return _seen(frame).to_string(index=False, max_rows=60, max_colwidth=40, float_format=lambda v: f"{v:.4g}")

    def more(self) -> Mapping[str, Any]:
        """Give what its JSON object holds besides sentence, frame and settings."""
        return {}

    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Give what stands beside ``frame()`` for people to read, by heading; a table with a column "row" lists rows of the data."""
        return {}

    def recipe(self) -> Recipe | None:
        """Say what could be done about what was found, with lines for a notebook; None where there is nothing."""
        return None

    def _repr_html_(self) -> str:
        from modelglass.analysis.figures.html import result_html

        return result_html(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(visible(f"{type(self).__name__}: {self.in_full()}", keep=""))


def _seen(frame: pd.DataFrame) -> pd.DataFrame:
    """Make odd signs in names and texts visible before widths are counted."""
    seen = frame.set_axis([visible(name, keep="") for name in frame.columns], axis=1)
    for place, dtype in enumerate(seen.dtypes):
        if not (pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_datetime64_any_dtype(dtype)):
            texts = [visible(v, keep="") if isinstance(v, str) else v for v in seen.iloc[:, place]]
            seen.isetitem(place, pd.Series(texts, index=seen.index, dtype=object))
    return seen


def as_json(value: Any) -> Any:
    """Turn a value into what strict JSON can hold: null for missing and not finite, ISO dates, plain numbers.

    >>> as_json([float("nan"), np.int64(3), pd.Timestamp("2026-01-02")])
    [None, 3, '2026-01-02T00:00:00']
    """
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, np.datetime64):
        return as_json(pd.Timestamp(value))
    if isinstance(value, pd.DataFrame):
        return frame_json(value)
    if isinstance(value, Mapping):
        return {str(k): as_json(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, np.ndarray, pd.Series, pd.Index)):
        return [as_json(v) for v in value]
    return str(value)


def frame_json(frame: pd.DataFrame) -> dict[str, Any]:
    """Turn a frame into ``{"columns": [...], "data": [[...]]}``."""
    columns = [as_json(frame[c].tolist()) for c in frame.columns] if frame.columns.is_unique else None
    rows = [list(r) for r in zip(*columns, strict=True)] if columns else as_json(frame.to_numpy(dtype=object))
    return {"columns": [str(c) for c in frame.columns], "data": rows}


def result_json(name: str, result: Result) -> dict[str, Any]:
    """Turn a result into the object the contract names for ``--json``."""
    recipe = result.recipe()
    return {
        "analysis": name,
        "sentence": result.in_full(),
        "frame": frame_json(result.frame()),
        "settings": as_json(result.settings),
        **({"cut": result.source.cut} if result.source.cut else {}),
        **({} if recipe is None else {"recipe": {"text": recipe.text, "code": recipe.code}}),
        **as_json(result.more()),
    }
