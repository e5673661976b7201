"""Folders and patterns of Parquet files as one table: one schema, ``key=value`` folders as columns, ordered by name."""

from __future__ import annotations

import glob
import hashlib
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pandas as pd

from modelglass.analysis.errors import InputError, listed
from modelglass.analysis.reading_arrow import read_parquet, to_frame
from modelglass.analysis.reading_checks import check_memory, hash_file

if TYPE_CHECKING:
    import pyarrow as pa

MOST_FILES = 10_000
MISSING_PARTITION = "__HIVE_DEFAULT_PARTITION__"
_WHOLE = re.compile(r"0|-?[1-9]\d{0,17}")


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class ReadFolder:
    """The rows of all files, in the order of their names; fingerprint over names and bytes of all files; what should be said."""

    frame: pd.DataFrame
    name: str
    fingerprint: str
    notes: tuple[str, ...]


def is_pattern(path: str) -> bool:
    """Tell whether a path names several files by wildcards."""
    return glob.has_magic(path)


def read_folder(path: Path) -> ReadFolder:
    """Read the Parquet files of a folder (and the folders in it), or those that a pattern names, as one table.

    Names that begin with ``.`` or ``_`` are passed over, as all writers of such folders expect.

    Raises
    ------
    InputError
        No file, too many; a broken file (named); columns that differ in name or type (both files named).
    MachineError
        More rows than memory can hold.
    """
    base, files = _files(path)
    names = [f.relative_to(base).as_posix() for f in files]
    shown = path.name or str(path)
    keys = _partitions(names, shown)
    with ThreadPoolExecutor(max_workers=1) as beside:
        hashing = [beside.submit(hash_file, f) for f in files]
        try:
            frame = to_frame(_table(files, names, keys, shown), shown)
        except BaseException:
            for task in hashing:
                task.cancel()
            raise
        digest = hashlib.sha256()
        for name, task in zip(names, hashing):
            digest.update(f"{name}\0{task.result()}\0".encode("utf-8", "surrogatepass"))
    note = f"{shown}: {len(files):,} Parquet files, in the order of their names: {listed(names, 4)}."
    if keys:
        note += f" The columns {listed(keys)} are the names of folders."
    return ReadFolder(frame=frame, name=shown, fingerprint=digest.hexdigest()[:32], notes=(note,))


def _files(path: Path) -> tuple[Path, list[Path]]:
    """Give the folder that names are relative to, and the files in order of name."""
    if path.is_dir():
        base, found = path, path.rglob("*")
    else:
        fixed = path.parts[: next(i for i, p in enumerate(path.parts) if glob.has_magic(p))]
        base = Path(*fixed) if fixed else Path()
        found = (Path(p) for p in glob.iglob(str(path), recursive=True))
    files: list[Path] = []
    others: list[str] = []
    for file in found:
        inside = file.relative_to(base)
        if any(part.startswith((".", "_")) for part in inside.parts) or not file.is_file():
            continue
        if file.suffix.lower() == ".parquet":
            files.append(file)
        else:
            others.append(inside.as_posix())
        if len(files) > MOST_FILES:
            raise InputError(
                f"Expected at most {MOST_FILES:,} Parquet files in {path}.",
                "There are more.",
                "Join them to fewer files, or name a part of them.",
            )
    if not files:
        raise InputError(
            f"Expected Parquet files (.parquet) in the folder {path}."
            if path.is_dir()
            else f"Expected Parquet files (.parquet) that {path} names.",
            f"There are only other files: {listed(sorted(others), 5)}." if others else "There are none.",
            "Name one data file, or a folder of Parquet files." if others else "Check the path.",
        )
    return base, sorted(files, key=lambda f: f.relative_to(base).as_posix())


def _partitions(names: Sequence[str], shown: str) -> dict[str, list[int | str | None]]:
    """Read the ``key=value`` folders of each file: for each key one value a file, whole numbers if all are."""
    found = [dict(part.split("=", 1) for part in name.split("/")[:-1] if "=" in part) for name in names]
    keys = list(found[0])
    for name, pairs in zip(names, found):
        if list(pairs) != keys:
            raise InputError(
                f"Expected the same key=value folders above every file of {shown}.",
                f"{names[0]} has {listed(keys) or 'none'}, {name} has {listed(pairs) or 'none'}.",
                "Put all files under folders of the same keys.",
            )
    columns: dict[str, list[int | str | None]] = {}
    for key in keys:
        texts = [None if p[key] == MISSING_PARTITION else unquote(p[key]) for p in found]
        whole = all(t is None or _WHOLE.fullmatch(t) for t in texts) and any(t is not None for t in texts)
        columns[unquote(key)] = [None if t is None else int(t) for t in texts] if whole else list(texts)
    return columns


def _table(
    files: Sequence[Path], names: Sequence[str], keys: dict[str, list[int | str | None]], shown: str
) -> pa.Table:
    """Read and join the files; the first one decides names and types."""
    import pyarrow as pa

    _check_fits(files, shown)
    parts: list[pa.Table] = []
    for i, (file, name) in enumerate(zip(files, names)):
        table = read_parquet(file, f"{name} (file {i + 1:,} of {len(files):,} in {shown})" if len(files) > 1 else name)
        for key, values in keys.items():
            if key in table.column_names:
                raise InputError(
                    f"Expected the column {key!r} either in the files of {shown} or in the names of its folders.",
                    f"{name} has it in both.",
                    "Rename one of them.",
                )
            kind = pa.int64() if any(isinstance(v, int) for v in values) else pa.string()
            table = table.append_column(key, pa.repeat(pa.scalar(values[i], kind), table.num_rows))
        parts.append(table)
    schema = _one_schema(parts, names, shown)
    try:
        return pa.concat_tables([part.select(schema.names).cast(schema) for part in parts]).unify_dictionaries()
    except (pa.ArrowException, ValueError) as error:
        raise InputError(
            f"Expected files in {shown} that can be joined.", f"They cannot: {str(error).splitlines()[0][:160]}."
        ) from error


def _one_schema(parts: Sequence[pa.Table], names: Sequence[str], shown: str) -> pa.Schema:
    """Check that names and types are the same; a column without any value in one file takes the type of the others."""
    import pyarrow as pa

    first = parts[0].schema
    types = {field.name: (field.type, names[0]) for field in first}
    for part, name in zip(parts, names):
        lacks = [n for n in types if n not in part.schema.names]
        more = [n for n in part.schema.names if n not in types]
        if lacks or more:
            what = f"lacks {listed(map(repr, lacks), 4)}" if lacks else f"has {listed(map(repr, more), 4)} as well"
            raise InputError(
                f"Expected the same columns in every file of {shown}.",
                f"{name} {what}, beside {names[0]}.",
                "Write all files with the same columns, or name those that belong together.",
            )
        for field in part.schema:
            known, where = types[field.name]
            if pa.types.is_null(known):
                types[field.name] = (field.type, name)
            elif _is_text(known) and _is_text(field.type):
                types[field.name] = (pa.large_string() if field.type != known else known, where)
            elif not (field.type.equals(known) or pa.types.is_null(field.type)):
                raise InputError(
                    f"Expected one type for the column {field.name!r} in every file of {shown}.",
                    f"It is {known} in {where} and {field.type} in {name}.",
                    "Write all files with the same types.",
                )
    return pa.schema([pa.field(n, kind) for n, (kind, _) in types.items()], metadata=first.metadata)


def _is_text(kind: pa.DataType) -> bool:
    return str(kind) in ("string", "large_string", "string_view")


def _check_fits(files: Sequence[Path], shown: str) -> None:
    """Add up what the files say they hold, before the first is read; broken ones are named when they are read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = columns = size = 0
    for file in files:
        try:
            meta = pq.read_metadata(file)
        except (pa.ArrowException, OSError, ValueError):
            continue
        rows, columns = rows + max(meta.num_rows, 0), max(columns, meta.num_columns)
        size += max(meta.num_rows, 0) * meta.num_columns
    check_memory(size, rows, columns, shown)
