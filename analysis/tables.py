"""Tables of other libraries (Polars, Arrow, DuckDB, ...) as pandas frames, without importing any of them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from modelglass.analysis.errors import InputError
from modelglass.analysis.reading_arrow import to_frame
from modelglass.analysis.reading_checks import check_names


def as_frame(data: Any, what: str = "the table given") -> pd.DataFrame:
    """Give a pandas frame of any table.

    Parameters
    ----------
    data : table
        A pandas frame (given back as it is), anything with the Arrow PyCapsule interface (``__arrow_c_stream__``: Polars, Arrow,
        DuckDB), a ``to_pandas()``, or the data frame interchange protocol (``__dataframe__``).
    what : str
        What it is, for messages.

    Raises
    ------
    InputError
        No table; a lazy one; names that stand twice; values that pandas cannot hold.
    """
    import pyarrow as pa

    if isinstance(data, pd.DataFrame):
        return data
    if hasattr(data, "__arrow_c_stream__") or isinstance(data, pa.RecordBatch):
        try:
            table = pa.Table.from_batches([data]) if isinstance(data, pa.RecordBatch) else pa.table(data)
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise _no_table(data, what) from error
        check_names(table.column_names, what)
        return to_frame(table, what)
    if hasattr(data, "collect") and hasattr(data, "collect_schema"):
        raise InputError(
            "Expected a table that holds its rows.", f"Got a lazy {type(data).__name__}.", "Give .collect() of it."
        )
    if callable(getattr(data, "to_pandas", None)):
        frame = data.to_pandas()
        if isinstance(frame, pd.DataFrame):
            return frame
    if hasattr(data, "__dataframe__"):
        from pandas.api.interchange import from_dataframe

        return from_dataframe(data)
    raise _no_table(data, what)


def _no_table(data: Any, what: str) -> InputError:
    return InputError(
        f"Expected a data frame as {what}: of pandas, Polars, Arrow or another library.",
        f"Got {type(data).__name__}.",
        "Build one, e.g. pandas.DataFrame(array, columns=names).",
    )
