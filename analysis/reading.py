"""Data files in: CSV, Parquet, Arrow and folders of Parquet to a pandas frame, and plain words for every way they can be wrong."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from modelglass.analysis.errors import InputError, MachineError, listed, nearest
from modelglass.analysis.reading_arrow import read_feather, read_parquet, to_frame
from modelglass.analysis.reading_checks import also_missing, check_path, hashed_beside
from modelglass.analysis.reading_csv import NA_DEFAULTS, read_csv
from modelglass.analysis.reading_folder import is_pattern, read_folder
from modelglass.analysis.tables import as_frame

__all__ = ["NA_DEFAULTS", "READERS", "ReadFile", "read_data", "read_file"]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class ReadFile:
    """Data that was read.

    frame           the rows, index 0 to n - 1
    name            name of the file, folder or pattern
    fingerprint     SHA-256 of the file's bytes, its first 32 hexadecimal digits; of a folder, over the names and bytes of all its files;
                    "" where it was not asked for
    missing_values  texts that counted as missing: of a CSV pandas' defaults and those of ``na``, of other files (which store
                    missing values themselves) only those of ``na``
    notes           what a person should know of how it was read
    """

    frame: pd.DataFrame
    name: str
    fingerprint: str
    missing_values: tuple[str, ...]
    notes: tuple[str, ...] = ()


def read_data(path: Any, *, na: Sequence[str] | str = ()) -> pd.DataFrame:
    """Read a data file, a folder or pattern of Parquet files, or a table of another library.

    Parameters
    ----------
    path : str, Path, or table
        A file that ends in ``.csv``, ``.parquet``, ``.feather`` or ``.arrow``; a folder of Parquet files (with ``key=value`` folders
        as columns), or a pattern such as ``"data/*.parquet"``; or a Polars, Arrow or other table.
    na : str or sequence of str
        Texts that are also missing. A CSV's missing values are exactly those of ``pandas.read_csv``, and these.

    Raises
    ------
    InputError
        The file is missing, empty, truncated, without rows, not UTF-8, not what its name says, or has column names that are
        empty or stand twice; files of a folder whose columns differ.
    MachineError
        More data than memory can hold.
    """
    if isinstance(path, (str, Path)):
        return _read(path, _texts(na), hashed=False).frame
    return also_missing(as_frame(path), _texts(na))


def read_file(path: str | Path, na: Sequence[str] | str = ()) -> ReadFile:
    """Read data and say what they were: name, fingerprint, and what counted as missing. See `read_data`."""
    return _read(path, _texts(na), hashed=True)


def _read(path: str | Path, na: tuple[str, ...], hashed: bool) -> ReadFile:
    text = str(path)
    check_path(text)
    path = Path(os.path.expanduser(path))
    if path.is_dir() or (is_pattern(text) and not path.exists()):
        found = read_folder(path, hashed)
        read = ReadFile(
            frame=also_missing(found.frame, na),
            name=found.name,
            fingerprint=found.fingerprint,
            missing_values=na,
            notes=found.notes,
        )
    else:
        read = _one_file(path, na, hashed)
    if not len(read.frame):
        raise InputError(
            f"Expected at least one row in {read.name}.",
            f"It has {len(read.frame.columns)} column names and no rows.",
            "Choose a file with data in it.",
        )
    return read


def _texts(na: Sequence[str] | str) -> tuple[str, ...]:
    return (na,) if isinstance(na, str) else tuple(str(v) for v in na)


def _one_file(path: Path, na: tuple[str, ...], hashed: bool) -> ReadFile:
    reader = _reader(path)
    try:
        before = path.stat()
        if not before.st_size:
            raise InputError(
                f"Expected rows of data in {path.name}.", "The file is empty (0 bytes).", "Export or copy it again."
            )
        with hashed_beside([path], hashed) as digests:
            frame, missing = reader(path, na)
            fingerprint = "".join(digests())
        after = path.stat()
    except OSError as error:
        raise InputError(
            f"Expected a data file that can be read at {path}.",
            f"It cannot: {error.strerror or error}.",
            "Check its permissions.",
        ) from error
    except MemoryError as error:
        raise MachineError(
            f"Reading {path.name} ({path.stat().st_size:,} bytes) took more memory than there is."
        ) from error
    if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
        raise InputError(
            f"Expected {path.name} to stay as it is while it is read.", "It was changed meanwhile.", "Read it again."
        )
    return ReadFile(frame=frame, name=path.name, fingerprint=fingerprint, missing_values=missing)


Reader = Callable[[Path, tuple[str, ...]], tuple[pd.DataFrame, tuple[str, ...]]]


def _reader(path: Path) -> Reader:
    """Choose how to read the file, or say why it cannot be."""
    if not path.exists():
        raise _not_there(path)
    ending = path.suffix.lower()
    if ending not in READERS:
        raise InputError(
            f"Expected a data file that ends in {', '.join(list(READERS)[:-1])} or {list(READERS)[-1]}, or a folder of Parquet files.",
            f"{path.name} ends in {ending or 'nothing'}.",
            "Convert it, or rename it if the ending is wrong.",
        )
    return READERS[ending]


def _not_there(path: Path) -> InputError:
    folder = path.parent
    if not folder.is_dir():
        return InputError(f"Expected a data file at {path}.", f"There is no folder {folder}.", "Check the path.")
    files = sorted(f.name for f in folder.iterdir() if f.is_file())
    close = nearest(path.name, files)
    usable = [f for f in files if Path(f).suffix.lower() in READERS]
    todo = (
        f"Did you mean {close[0]}?"
        if close
        else f"Data files there: {listed(usable, 5)}."
        if usable
        else "Check the path."
    )
    return InputError(f"Expected a data file at {path}.", "There is no such file.", todo)


def _read_csv(path: Path, na: tuple[str, ...]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    return read_csv(path.read_bytes(), path.name, na)


def _read_table(read: Callable[[Path, str], Any]) -> Reader:
    """Make a reader of Arrow tables."""

    def reader(path: Path, na: tuple[str, ...]) -> tuple[pd.DataFrame, tuple[str, ...]]:
        return also_missing(to_frame(read(path, path.name), path.name), na), na

    return reader


READERS: dict[str, Reader] = {
    ".csv": _read_csv,
    ".parquet": _read_table(read_parquet),
    ".feather": _read_table(read_feather),
    ".arrow": _read_table(read_feather),
}
