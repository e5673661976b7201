"""CSV files in, exactly as pandas reads them; broken ones are refused with the line where they break."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator

import numpy as np
import pandas as pd

from modelglass.analysis.errors import InputError
from modelglass.analysis.reading_checks import check_names, refuse_foreign

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

_WIDE: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


def read_csv(data: bytes, name: str, na: tuple[str, ...]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Read the bytes of a CSV file; gives the frame and the texts that count as missing."""
    refuse_foreign(data, name, "CSV text")
    _check_utf8(data, name)
    header = _header(data, name)
    _check_separator(header, name)
    check_names(header, name)
    _check_lengths(data, len(header), name)
    try:  # low_memory=False: one type per column, whatever its length; nothing else differs from pandas' defaults
        frame = pd.read_csv(io.BytesIO(data), na_values=list(na), low_memory=False)
    except pd.errors.ParserError as error:
        raise _broken_csv(name, error) from error
    return frame, tuple(dict.fromkeys((*NA_DEFAULTS, *na)))


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
