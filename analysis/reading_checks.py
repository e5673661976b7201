"""What every reader of data files checks: first bytes, column names, the memory there is; and the hash of a file's bytes."""

from __future__ import annotations

import codecs
import hashlib
import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from numbers import Number
from pathlib import Path

import numpy as np
import pandas as pd

from modelglass.analysis.errors import InputError, MachineError, listed

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


def refuse_foreign(data: bytes, name: str, expected: str) -> None:
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


def check_names(names: Sequence[str], name: str) -> None:
    """Refuse columns without a name, and names that stand twice."""
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


def also_missing(frame: pd.DataFrame, na: tuple[str, ...]) -> pd.DataFrame:
    """Give the frame with these texts missing, in columns of texts and categories, and numbers equal to them; the frame given stays as it is."""
    known = {number for text in na if (number := _number(text)) is not None}
    out = frame.copy(deep=False)
    for name in frame.columns if na else ():
        column = frame[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            gone = [c for c in column.cat.categories if _among(c, na, known)]
            out[name] = column.cat.remove_categories(gone)
            continue
        if isinstance(column.dtype, pd.StringDtype):
            hit = column.isin(na)
        elif column.dtype == object:
            hit = column.isin(na)
            if known:
                hit |= column.map(lambda v: _among(v, (), known)).astype(bool)
        elif known and pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
            hit = column.isin(sorted(known))
        else:
            continue
        if hit.any():
            out[name] = column.mask(hit)
    return out


def _number(text: str) -> int | float | None:
    """Read a text as a number, a whole one exactly."""
    try:
        value = float(text)
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    try:
        return int(text)
    except ValueError:
        return int(value) if value.is_integer() else value


def _among(value: object, texts: tuple[str, ...], known: set[int | float]) -> bool:
    if isinstance(value, str):
        return value in texts
    return isinstance(value, Number) and not isinstance(value, (bool, np.bool_)) and value in known


def hash_file(path: Path) -> str:
    """Give the SHA-256 of a file's bytes, its first 32 hexadecimal digits, without holding the file."""
    digest = hashlib.sha256()  # processors have instructions for it
    with path.open("rb") as file:
        while block := file.read(_CHUNK):
            digest.update(block)
    return digest.hexdigest()[:32]


@contextmanager
def hashed_beside(files: Sequence[Path], wanted: bool) -> Iterator[Callable[[], list[str]]]:
    """Hash files while other work goes on (hashing leaves the interpreter free); a function gives the digests, none where they are not wanted."""
    with ThreadPoolExecutor(max_workers=1) as beside:
        tasks = [beside.submit(hash_file, file) for file in files if wanted]
        try:
            yield lambda: [task.result() for task in tasks]
        except BaseException:
            for task in tasks:
                task.cancel()
            raise


def free_memory() -> int | None:
    """Give the bytes of memory that this process may still take (its container's limit respected); None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        try:
            free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        except (ValueError, OSError, AttributeError):
            return None
    group = Path("/sys/fs/cgroup")
    try:
        most, used = ((group / f"memory.{what}").read_text().strip() for what in ("max", "current"))
        return min(free, max(int(most) - int(used), 0))
    except (OSError, ValueError):  # no cgroup, or one without a limit ("max")
        return free


def check_memory(needed: int, rows: int, columns: int, name: str, held: int = 0) -> None:
    """Refuse data that would not fit: said before it is allocated; of what is needed, ``held`` bytes are already.

    Raises
    ------
    MachineError
        ``needed`` bytes are more than there are.
    """
    free = free_memory()
    if free is not None and needed > (free := free + held):
        raise MachineError(
            f"Reading {name} needs at least {_size(needed)}: it says that it holds {rows:,} rows of {columns:,} column{'' if columns == 1 else 's'}. "
            f"There are {_size(free)} of free memory. Read a part of it, or use a larger machine."
        )


def surely_fits(needed: int) -> bool:
    """Tell whether so many bytes are a small part of the memory there is, so that they need no exact count."""
    free = free_memory()
    return free is not None and needed <= free // 8


def _size(bytes_: float) -> str:
    return f"{bytes_ / 1e9:,.1f} GB" if bytes_ >= 1e8 else f"{bytes_ / 1e6:,.1f} MB"


def check_path(path: str | Path) -> None:
    """Refuse a path that the machine itself does not take, such as a name of hundreds of letters, and an empty one.

    Raises
    ------
    InputError
        The path is empty (as a path it would be the folder one is in), too long, or holds a sign that no path may hold.
    """
    if not str(path).strip():
        raise InputError("Expected the path of a file or folder.", "Got nothing.", "Write . for the folder you are in.")
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return  # told where the file is opened
    except (OSError, ValueError) as error:
        text = str(path)
        shown = text if len(text) <= 80 else f"{text[:60]} ... ({len(text):,} letters)"
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            "Expected the path of a file or folder.", f"{shown!r} cannot be one: {reason}.", "Check what was given."
        ) from None
