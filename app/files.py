"""Tables as files for people: CSV that no spreadsheet mistakes for formulas, and Parquet."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from modelglass.analysis.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the start of a formula (OWASP, CSV injection)."""
ESCAPED = "In the CSV, texts that begin with =, +, -, @, a tab or a line end get a ' before them, so that no spreadsheet runs them as formulas; the Parquet file holds them as they are."
_BLOCK = 20_000


def safe_text(text: Any) -> Any:
    """Put an apostrophe before a text that a spreadsheet would run; anything else stays as it is.

    >>> safe_text("=1+1"), safe_text("a=1"), safe_text(-3)
    ("'=1+1", 'a=1', -3)
    """
    return "'" + text if isinstance(text, str) and text.startswith(FORMULA) else text


def write_csv(frame: pd.DataFrame, file: IO[bytes], progress: Progress | None = None) -> None:
    """Write a table as CSV in UTF-8, block by block; texts and names that a spreadsheet would run are made safe."""
    for start in range(0, max(len(frame), 1), _BLOCK):
        if progress is not None:
            progress(start / max(len(frame), 1), f"{start:,} of {len(frame):,} rows written")
        part = _safe(frame.iloc[start : start + _BLOCK])
        file.write(part.to_csv(index=False, header=not start, lineterminator="\n").encode("utf-8", "surrogatepass"))


def write_parquet(frame: pd.DataFrame, file: Any) -> None:
    """Write a table as Parquet; values of a column that Parquet cannot hold together are written as text."""
    import pyarrow as pa

    frame = frame.set_axis([str(c) for c in frame.columns], axis=1)
    for name in frame.columns:
        try:
            pa.Array.from_pandas(frame[name])
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
            frame[name] = frame[name].map(str, na_action="ignore").astype("object")
    frame.to_parquet(file, index=False)


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """Give a table as CSV; see ``write_csv``."""
    file = io.BytesIO()
    write_csv(frame, file)
    return file.getvalue()


def parquet_bytes(frame: pd.DataFrame) -> bytes:
    """Give a table as Parquet; see ``write_parquet``."""
    file = io.BytesIO()
    write_parquet(frame, file)
    return file.getvalue()


def write_file(frame: pd.DataFrame, path: Path, progress: Progress | None = None) -> None:
    """Write a table by the ending of the path: .parquet, else CSV."""
    with path.open("wb") as file:
        if path.suffix == ".parquet":
            write_parquet(frame, file)
        else:
            write_csv(frame, file, progress)


def _safe(frame: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    safe = frame.copy(deep=False)
    for place, name in enumerate(frame.columns):
        column = frame.iloc[:, place]
        if isinstance(column.dtype, pd.CategoricalDtype):
            if column.cat.categories.map(lambda v: safe_text(v) is not v).any():
                safe[name] = column.astype(object).map(safe_text)
        elif pd.api.types.is_object_dtype(column.dtype) or pd.api.types.is_string_dtype(column.dtype):
            safe[name] = column.map(safe_text, na_action="ignore")
    return safe.set_axis([safe_text(str(c)) for c in safe.columns], axis=1)
