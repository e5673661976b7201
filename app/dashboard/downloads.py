"""Tables to take away: small ones made at the click, large ones by a job that writes them to a folder of this process."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Hashable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from modelglass.analysis.progress import Progress
from modelglass.app import files
from modelglass.app.dashboard import work
from modelglass.app.dashboard.text import file_name

if TYPE_CHECKING:
    import pandas as pd

SMALL = 20_000
"""Rows of a table that is made at the click."""
MOST_FILES = 6
KINDS = {"csv": ("CSV", "text/csv"), "parquet": ("Parquet", "application/vnd.apache.parquet")}
_lock = threading.Lock()
_kept: list[Path] = []


def table(key: Hashable, name: str, rows: int, make: Callable[[], pd.DataFrame]) -> None:
    """Offer a table as CSV and as Parquet.

    Parameters
    ----------
    key : hashable
        What decides the table: the same key is the same table.
    name : str
        For the file's name.
    rows : int
        Rows it has.
    make : callable
        Gives the table.
    """
    with st.container(horizontal=True, gap="small"):
        for kind, (title, _) in KINDS.items():
            if rows <= SMALL:
                _button(kind, name, rows, functools.partial(_small, kind, make))
            elif _asked((*_tuple(key), kind)) or st.button(
                f"Make the {title} of {rows:,} rows",
                key=f"make {kind} {name}",
                icon=":material/download:",
                type="tertiary",
            ):
                _large((*_tuple(key), kind), kind, name, rows, make)
    st.caption(files.ESCAPED)


def _tuple(key: Hashable) -> tuple[Hashable, ...]:
    return key if isinstance(key, tuple) else (key,)


def _asked(key: Hashable) -> bool:
    return work.jobs.get(key) is not None or _there(work.results.get(key)) is not None


def _small(kind: str, make: Callable[[], pd.DataFrame]) -> bytes:
    return files.csv_bytes(make()) if kind == "csv" else files.parquet_bytes(make())


def _large(key: Hashable, kind: str, name: str, rows: int, make: Callable[[], pd.DataFrame]) -> None:
    if work.results.get(key) is not None and _there(work.results.get(key)) is None:
        work.results.drop(key)  # others have pushed the file out meanwhile
    path = work.later(key, f"The {KINDS[kind][0]} of {rows:,} rows", lambda progress: _written(kind, make, progress))
    if path is not None:
        _button(kind, name, rows, lambda: Path(path).read_bytes())


def _button(kind: str, name: str, rows: int, data: Callable[[], bytes]) -> None:
    title, mime = KINDS[kind]
    st.download_button(
        f"{title} of {rows:,} row{'' if rows == 1 else 's'}",
        data,
        f"{file_name(name)}.{kind}",
        mime,
        key=f"{name} {kind}",
        on_click="ignore",
        icon=":material/download:",
        type="tertiary",
    )


def _there(path: str | None) -> str | None:
    return path if path is not None and Path(path).exists() else None


def _written(kind: str, make: Callable[[], pd.DataFrame], progress: Progress) -> str:
    progress(0.0, "choosing the rows")
    handle, place = tempfile.mkstemp(suffix=f".{kind}", dir=_folder())
    os.close(handle)
    path = Path(place)
    try:
        files.write_file(make(), path, progress)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    with _lock:
        _kept.append(path)
        while len(_kept) > MOST_FILES:
            _kept.pop(0).unlink(missing_ok=True)
    return str(path)


@cache
def _folder() -> str:
    folder = tempfile.mkdtemp(prefix="modelglass-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
