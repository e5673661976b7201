"""Data files in: CSV and Parquet to a pandas frame, and plain words for every way a file can be wrong."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from modelglass.analysis.errors import InputError, MachineError, listed, nearest

NA_DEFAULTS: tuple[str, ...] = (
    "",
    "#N/A",
    "#N/A N/A",
    "#NA",
    "-1.#IND",
    "-1.#QNAN",
    "-NaN",
    "-nan",
    "1.#IND",
    "1.#QNAN",
    "<NA>",
    "N/A",
    "NA",
    "NULL",
    "NaN",
    "None",
    "n/a",
    "nan",
    "null",
)
"""What pandas' read_csv counts as missing; a test holds it equal to pandas' own list."""

_CHUNK = 1 << 20
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow (Feather) file"),
    (b"\x1f\x8b", "gzip-compressed"),
    (b"PK\x03\x04", "a zip archive or an Excel workbook"),
    (b"BZh", "bzip2-compressed"),
    (b"\xfd7zXZ\x00", "xz-compressed"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"\x89HDF\r\n", "an HDF5 file"),
    (b"%PDF", "a PDF document"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\x80\x02", "a Python pickle"),
    (b"\x80\x03", "a Python pickle"),
    (b"\x80\x04", "a Python pickle"),
    (b"\x80\x05", "a Python pickle"),
)
_WIDE: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class ReadFile:
    """A data file that was read.

    frame           the rows, index 0 to n - 1
    name            file name
    fingerprint     BLAKE2b of the file's bytes, 32 hexadecimal digits
    missing_values  texts that counted as missing: of a CSV pandas' defaults and those of ``na``, of Parquet (which stores
                    missing values itself) only those of ``na``
    """

    frame: pd.DataFrame
    name: str
    fingerprint: str
    missing_values: tuple[str, ...]


def read_data(path: str | Path, *, na: Sequence[str] | str = ()) -> pd.DataFrame:
    """Read a CSV or Parquet file.

    Parameters
    ----------
    path : str or Path
        A file ending in ``.csv`` or ``.parquet``.
    na : str or sequence of str
        Texts that are also missing. A CSV's missing values are exactly those of ``pandas.read_csv``, and these.

    Raises
    ------
    InputError
        The file is missing, a folder, empty, truncated, without rows, not UTF-8, not what its name says, or has column names
        that are empty or stand twice.
    """
    return read_file(path, na).frame


def read_file(path: str | Path, na: Sequence[str] | str = ()) -> ReadFile:
    """Read a data file and say what it was: name, fingerprint, and what counted as missing. See `read_data`."""
    path = Path(path).expanduser()
    reader = _reader(path)
    extra = (na,) if isinstance(na, str) else tuple(str(v) for v in na)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"Expected a data file that can be read at {path}.",
            f"It cannot: {error.strerror}.",
            "Check its permissions.",
        ) from error
    if not data:
        raise InputError(
            f"Expected rows of data in {path.name}.", "The file is empty (0 bytes).", "Export or copy it again."
        )
    try:
        frame, missing = reader(data, path.name, extra)
    except MemoryError as error:
        raise MachineError(f"Reading {path.name} ({len(data):,} bytes) took more memory than there is.") from error
    if not len(frame):
        raise InputError(
            f"Expected at least one row in {path.name}.",
            f"It has {len(frame.columns)} column names and no rows.",
            "Choose a file with data in it.",
        )
    return ReadFile(frame=frame, name=path.name, fingerprint=_fingerprint(data), missing_values=missing)


def _reader(path: Path) -> Callable[[bytes, str, tuple[str, ...]], tuple[pd.DataFrame, tuple[str, ...]]]:
    """Choose how to read the file, or say why it cannot be."""
    if path.is_dir():
        raise InputError("Expected a data file.", f"{path} is a folder.", "Name a .csv or .parquet file in it.")
    if not path.exists():
        raise _not_there(path)
    ending = path.suffix.lower()
    if ending not in READERS:
        raise InputError(
            f"Expected a data file that ends in {' or '.join(READERS)}.",
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


def _fingerprint(data: bytes) -> str:
    digest, view = hashlib.blake2b(digest_size=16), memoryview(data)
    for at in range(0, len(view), _CHUNK):
        digest.update(view[at : at + _CHUNK])
    return digest.hexdigest()


# --- CSV -------------------------------------------------------------------------------------------------------------


def _read_csv(data: bytes, name: str, na: tuple[str, ...]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    _refuse_foreign(data, name, "CSV text")
    _check_utf8(data, name)
    header = _header(data, name)
    _check_separator(header, name)
    _check_names(header, name)
    _check_lengths(data, len(header), name)
    try:  # low_memory=False: one type per column, whatever its length; nothing else differs from pandas' defaults
        frame = pd.read_csv(io.BytesIO(data), na_values=list(na), low_memory=False)
    except pd.errors.ParserError as error:
        raise _broken_csv(name, error) from error
    return frame, tuple(dict.fromkeys((*NA_DEFAULTS, *na)))


def _refuse_foreign(data: bytes, name: str, expected: str) -> None:
    """Refuse bytes that are plainly another kind of file."""
    what = next((what for magic, what in _MAGIC if data.startswith(magic) and _binary(data[:4096])), None)
    if what is not None:
        raise InputError(
            f"Expected {expected} in {name}.",
            f"Its first bytes say that it is {what}.",
            "Rename it to its true ending, or unpack or export it first.",
        )
    head = data[:512].removeprefix(codecs.BOM_UTF8).lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html", b"<?xml")):
        raise InputError(
            f"Expected {expected} in {name}.",
            "It is a web page (HTML or XML).",
            "Download the data file itself, not the page that shows it.",
        )
    if head.startswith((b'{"', b"[{", b"{\n", b"{\r")):
        raise InputError(f"Expected {expected} in {name}.", "It is JSON.", "Convert it to CSV or Parquet.")


def _binary(head: bytes) -> bool:
    """Tell whether bytes are no text: a NUL, or not UTF-8 (a character cut at the end does not count)."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return True
    return b"\x00" in head


def _check_utf8(data: bytes, name: str) -> None:
    for bom, what in _WIDE:
        if data.startswith(bom):
            raise InputError(f"Expected UTF-8 text in {name}.", f"It is written in {what}.", "Save it again as UTF-8.")
    nul = data.find(b"\x00")
    if nul >= 0:
        raise InputError(
            f"Expected text in {name}.",
            f"It holds a NUL byte at offset {nul:,}: binary data, or UTF-16.",
            "Save it again as CSV in UTF-8.",
        )
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"Expected UTF-8 text in {name}.",
            f"Byte {data[error.start]:#04x} at offset {error.start:,} (line {line:,}) is not UTF-8.",
            "Save it again as UTF-8; it is often Windows-1252 or Latin-1.",
        ) from error


def _rows(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Give (line, cells) of every row that is not blank."""
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline=""))
    before = csv.field_size_limit(max(len(data), 131_072))
    try:
        for row in reader:
            if len(row) > 1 or (row and row[0].strip()):
                yield reader.line_num, row
    finally:
        csv.field_size_limit(before)


def _header(data: bytes, name: str) -> list[str]:
    """Give the raw column names, before pandas renames any."""
    for _, row in _rows(data):
        return row
    raise InputError(
        f"Expected rows of data in {name}.", "It holds nothing but blank lines.", "Export or copy it again."
    )


def _check_separator(header: list[str], name: str) -> None:
    for sign, what in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(header) == 1 and sign in header[0]:
            raise InputError(
                f"Expected values separated by commas in {name}.",
                f"Its first line is separated by {what}.",
                "Save it again with commas.",
            )


def _check_names(names: Sequence[str], name: str) -> None:
    empty = [str(i + 1) for i, n in enumerate(names) if not n.strip()]
    if empty:
        todo = (
            "If it is a row index, write the file without it (pandas: index=False)."
            if empty == ["1"]
            else "Name or remove it."
        )
        raise InputError(
            f"Expected a name for every column of {name}.",
            f"Of {len(names)} columns, this has none: number {listed(empty)}.",
            todo,
        )
    twice = [n for n, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(
            f"Expected column names of {name} that differ.",
            f"These stand more than once: {listed(twice)}.",
            "Rename or remove the repeated columns.",
        )


def _check_lengths(data: bytes, columns: int, name: str) -> None:
    """Refuse rows with more or fewer values than there are names; pandas would fill or shift them silently."""
    if _even(data, columns):
        return
    line = 0
    for line, row in _rows(data):
        if len(row) != columns:
            cut = "The file may be cut off there: copy it again, or mend that line."
            if any("\n" in cell for cell in row):
                raise InputError(
                    f"Expected complete rows in {name}.",
                    f"A quoted text that ends or never ends on line {line:,} swallows rows.",
                    "Close the quote; or the file is cut off: copy it again.",
                )
            raise InputError(
                f"Expected {columns:,} values on every line of {name}, as it names {columns:,} columns.",
                f"Line {line:,} has {len(row):,}.",
                cut,
            )


def _even(data: bytes, columns: int) -> bool:
    """Tell quickly whether all lines have as many values as there are columns; False may also mean "not sure"."""
    if data.count(b"\r") != data.count(b"\r\n"):
        return False
    signs = np.frombuffer(data, dtype=np.uint8)
    places = np.flatnonzero((signs == 0x2C) | (signs == 0x0A) | (signs == 0x22))
    kinds = signs[places]
    if (kinds == 0x22).any():
        inside = (np.cumsum(kinds == 0x22) & 1).astype(bool)
        opening = places[(kinds == 0x22) & inside]
        before = signs[
            opening[opening > 0] - 1
        ]  # a quote opens after a comma, a line end or another quote; elsewhere it is a sign
        if inside[-1] or not np.isin(before, (0x2C, 0x0A, 0x22)).all():
            return False
        places, kinds = places[(kinds != 0x22) & ~inside], kinds[(kinds != 0x22) & ~inside]
    ends = np.flatnonzero(kinds == 0x0A)
    if data[-1] != 0x0A:
        ends = np.append(ends, len(kinds))
    return bool(len(ends)) and bool((np.diff(ends, prepend=-1) == columns).all())


def _broken_csv(name: str, error: Exception) -> InputError:
    said = str(error).strip().splitlines()[-1].removeprefix("Error tokenizing data. C error: ").strip().rstrip(".")
    if "EOF inside string" in said:
        return InputError(
            f"Expected complete rows in {name}.",
            f"A quoted text is never closed ({said}).",
            "The file may be cut off: copy it again, or close the quote.",
        )
    return InputError(
        f"Expected rows of equal length in {name}.",
        f"{said}.",
        "Mend that line, or copy the file again if it is cut off.",
    )


# --- Parquet ---------------------------------------------------------------------------------------------------------


def _read_parquet(data: bytes, name: str, na: tuple[str, ...]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not data.startswith(b"PAR1"):
        _refuse_foreign(data, name, "Parquet data")
        raise InputError(
            f"Expected Parquet data in {name}.",
            "It does not begin as a Parquet file does.",
            "If it is CSV text, rename it to .csv.",
        )
    if not data.endswith(b"PAR1") or len(data) < 12:
        raise InputError(
            f"Expected a complete Parquet file in {name}.",
            "Its end (the footer) is missing: it is cut off.",
            "Copy or write it again.",
        )
    try:
        _check_names(pq.read_schema(pa.BufferReader(data)).names, name)
        frame = pd.read_parquet(io.BytesIO(data), engine="pyarrow")
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"Expected a complete Parquet file in {name}.",
            f"It cannot be read: {str(error).strip().splitlines()[0][:160].rstrip('.')}.",
            "Copy or write it again.",
        ) from error
    named = [n for n in frame.index.names if n is not None]
    frame = frame.reset_index(level=named) if named else frame
    frame = frame.reset_index(drop=True)
    frame.columns = [str(c) for c in frame.columns]
    return _also_missing(frame, na), na


def _also_missing(frame: pd.DataFrame, na: tuple[str, ...]) -> pd.DataFrame:
    """Make these texts missing, in columns of texts and categories."""
    for name in frame.columns if na else ():
        column = frame[name]
        if isinstance(column.dtype, (pd.CategoricalDtype, pd.StringDtype)) or column.dtype == object:
            hit = column.isin(na)
            if isinstance(column.dtype, pd.CategoricalDtype):
                frame[name] = column.cat.remove_categories([c for c in column.cat.categories if c in na])
            elif hit.any():
                frame[name] = column.mask(hit)
    return frame


READERS: dict[str, Callable[[bytes, str, tuple[str, ...]], tuple[pd.DataFrame, tuple[str, ...]]]] = {
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}
