"""Folders and patterns of Parquet files as one table: one schema, ``key=value`` folders as columns, ordered by name."""

from __future__ import annotations

import glob
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pandas as pd

from modelglass.analysis.errors import InputError, listed
from modelglass.analysis.reading_arrow import read_parquet, to_frame
from modelglass.analysis.reading_checks import check_memory, hashed_beside

if TYPE_CHECKING:
    import pyarrow as pa

MOST_FILES = 10_000
MOST_SAID = 6
"""Columns of several types that are told one by one."""
MISSING_PARTITION = "__HIVE_DEFAULT_PARTITION__"
_WHOLE = re.compile(r"0|-?[1-9]\d{0,17}")


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class ReadFolder:
    """The rows of all files, in the order of their names; fingerprint over names and bytes of all files ("" where it was not asked for); what
    should be said.
    """

    frame: pd.DataFrame
    name: str
    fingerprint: str
    notes: tuple[str, ...]


def is_pattern(path: str) -> bool:
    """Tell whether a path names several files by wildcards."""
    return glob.has_magic(path)


def read_folder(path: Path, hashed: bool = True) -> ReadFolder:
    """Read the Parquet files of a folder (and the folders in it), or those that a pattern names, as one table.

    Names that begin with ``.`` or ``_`` are passed over, as all writers of such folders expect.

    Raises
    ------
    InputError
        No file, too many; a broken file (named); columns that differ in name, or in type where none holds the values of both without
        change (both files named).
    MachineError
        More rows than memory can hold.
    """
    base, files = _files(path)
    names = [f.relative_to(base).as_posix() for f in files]
    shown = path.name or str(path)
    keys = _partitions(names, shown)
    with hashed_beside(files, hashed) as digests:
        table, widened = _table(files, names, keys, shown)
        frame = to_frame(table, shown)
        digest = hashlib.sha256()
        for name, each in zip(names, digests()):
            digest.update(f"{name}\0{each}\0".encode("utf-8", "surrogatepass"))
    note = f"{shown}: {len(files):,} Parquet files, in the order of their names: {listed(names, 4)}."
    if keys:
        note += f" The columns {listed(keys)} are the names of folders."
    return ReadFolder(
        frame=frame, name=shown, fingerprint=digest.hexdigest()[:32] if hashed else "", notes=(note, *widened)
    )


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
) -> tuple[pa.Table, list[str]]:
    """Read and join the files; gives the table, and which columns were widened. The first file decides the order of columns."""
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
    schema, widened = _one_schema(parts, names, shown)
    parts = [_cast(part, name, schema, shown) for part, name in zip(parts, names)]
    try:
        return pa.concat_tables(parts).unify_dictionaries(), widened
    except (pa.ArrowException, ValueError) as error:
        raise InputError(
            f"Expected files in {shown} that can be joined.", f"They cannot: {str(error).splitlines()[0][:160]}."
        ) from error


def _one_schema(parts: Sequence[pa.Table], names: Sequence[str], shown: str) -> tuple[pa.Schema, list[str]]:
    """Find for each column one type that holds the values of all files; say where types differed, refuse where there is none."""
    import pyarrow as pa

    first = parts[0].schema
    types = {field.name: (field.type, names[0]) for field in first}
    said: dict[str, str] = {}
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
            elif not (field.type.equals(known) or pa.types.is_null(field.type)):
                wide = wider(known, field.type)
                if wide is None:
                    raise InputError(
                        f"Expected one type for the column {field.name!r} in every file of {shown}.",
                        f"It is {known} in {where} and {field.type} in {name}.",
                        "Write all files with the same types.",
                    )
                types[field.name] = (wide, where)
                if not (_is_text(known) and _is_text(field.type)):
                    said.setdefault(field.name, f"{known} in {where} and {field.type} in {name}")
    notes = [f"The column {n!r} is {how}; it is read as {types[n][0]}, which holds both." for n, how in said.items()]
    if len(notes) > MOST_SAID:
        rest = f" So are {len(notes) - MOST_SAID:,} other columns of several types."
        notes = [*notes[: MOST_SAID - 1], notes[MOST_SAID - 1] + rest]
    return pa.schema([pa.field(n, kind) for n, (kind, _) in types.items()], metadata=first.metadata), notes


def wider(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """Give a type that holds the values of both without change, or may (then they are checked); None where there is none.

    >>> import pyarrow as pa
    >>> wider(pa.int32(), pa.float32()), wider(pa.date32(), pa.timestamp("ms")), wider(pa.bool_(), pa.int8())
    (DataType(double), TimestampType(timestamp[ms]), None)
    """
    import pyarrow as pa

    is_ = pa.types
    kinds = (one, other)
    if all(map(_is_text, kinds)):
        return one if one.equals(other) else pa.large_string()
    texts = [k.value_type if is_.is_dictionary(k) else k for k in kinds]
    if all(map(_is_text, texts)) and any(map(is_.is_dictionary, kinds)):
        return pa.large_string()
    if all(map(is_.is_integer, kinds)):
        unsigned = all(map(is_.is_unsigned_integer, kinds))
        return pa.uint64() if unsigned else pa.int64()
    if all(is_.is_integer(k) or is_.is_floating(k) for k in kinds):
        return pa.float64()
    if all(map(is_.is_decimal, kinds)):
        scale = max(k.scale for k in kinds)
        digits = max(k.precision - k.scale for k in kinds) + scale
        return pa.decimal128(digits, scale) if digits <= 38 else None
    if all(is_.is_date(k) or is_.is_timestamp(k) for k in kinds):
        zones = {getattr(k, "tz", None) for k in kinds}
        units = [k.unit if is_.is_timestamp(k) else "s" for k in kinds]
        if len(zones) == 1:
            return pa.timestamp(max(units, key=["s", "ms", "us", "ns"].index), zones.pop())
    return None


def _cast(part: pa.Table, name: str, schema: pa.Schema, shown: str) -> pa.Table:
    """Give the columns in the order and types of the schema, without changing any value.

    Raises
    ------
    InputError
        A value that the wider type cannot hold.
    """
    import pyarrow as pa

    columns = []
    for field in schema:
        column = part.column(field.name)
        try:
            columns.append(column if column.type.equals(field.type) else column.cast(field.type, safe=True))
        except (pa.ArrowException, ValueError) as error:
            raise InputError(
                f"Expected one type for the column {field.name!r} in every file of {shown}.",
                f"It is {column.type} in {name}, and not all of its values can be {field.type}: {str(error).splitlines()[0][:120]}.",
                "Write all files with the same types.",
            ) from error
    return pa.Table.from_arrays(columns, schema=schema)


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
