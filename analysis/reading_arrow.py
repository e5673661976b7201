"""Parquet and Arrow (Feather) files to Arrow tables, and tables to pandas frames: checked before they are believed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import pandas as pd

from modelglass.analysis.errors import InputError, MachineError
from modelglass.analysis.reading_checks import check_memory, check_names, refuse_foreign, surely_fits
from modelglass.analysis.reading_messages import claimed

if TYPE_CHECKING:
    import pyarrow as pa

_STREAM = b"\xff\xff\xff\xff"
"""An Arrow stream begins with this continuation mark."""
_MAGIC = b"ARROW1"
_FIRST_ROWS, _MANY_ROWS = 8_192, 32_768
_THREADS = 4
"""Most columns that are read in blocks at the same time: the memory that a block takes counts as often."""
_BLOCK_ROWS, _NESTED_ROWS, _BLOCKS, _SMALL = 2_048, 128, 64, 1 << 26
"""Rows of texts and of nested values that are unfolded before their bytes are counted; blocks put together at once; bytes that need
no counting."""


def read_parquet(path: Path, name: str) -> pa.Table:
    """Read a Parquet file.

    Raises
    ------
    InputError
        Not Parquet, cut off, broken, or with column names that are empty or stand twice.
    MachineError
        More rows than memory can hold.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    head, tail = _ends(path)
    if head != b"PAR1":
        refuse_foreign(_head(path), name, "Parquet data")
        raise InputError(
            f"Expected Parquet data in {name}.",
            "It does not begin as a Parquet file does.",
            "If it is CSV text, rename it to .csv.",
        )
    if tail != b"PAR1" or path.stat().st_size < 12:
        raise InputError(
            f"Expected a complete Parquet file in {name}.",
            "Its end (the footer) is missing: it is cut off.",
            "Copy or write it again.",
        )

    def read() -> pa.Table:
        with pq.ParquetFile(path) as file:
            check_names(file.schema_arrow.names, name)
            _check_size(file, name)
            schema, rows = file.schema_arrow, file.metadata.num_rows
        try:
            coded = _few_valued(path, schema)
            table = _in_parts(path, coded, schema, name)
        except (
            pa.ArrowNotImplementedError,
            OSError,
        ):  # some packings of texts cannot be places; a broken file fails again
            coded = []
            table = _in_parts(path, coded, schema, name)
        table.validate()
        if table.num_rows != rows:
            raise _disagreeing(name, rows, table.num_rows)
        return _utf8(table, schema, coded)

    return _checked(read, name, "Parquet")


def _texts(schema: pa.Schema) -> list[str]:
    import pyarrow as pa

    return [f.name for f in schema if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)]


def _in_parts(path: Path, coded: list[str], schema: pa.Schema, name: str) -> pa.Table:
    """Read ``coded`` as places in dictionaries, numbers as they are, and what may be of any length block by block."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, read_dictionary=coded) as file:
        blocked = [f.name for f in schema if f.name not in coded and _width(f.type) is None]
        flat = [n for n in schema.names if n not in blocked]
        table = file.read(columns=flat).select(flat)
        check_memory(_unfolded(table, coded), file.metadata.num_rows, len(schema), name)
    return _joined(table, _beside(path, blocked, name), schema, name) if blocked else table


def _few_valued(path: Path, schema: pa.Schema) -> list[str]:
    """Name the text columns whose first rows repeat few values: reading these as places in a dictionary is quicker.

    They are looked at as places already: a long text that many rows name is held once.
    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    texts = _texts(schema)
    if not texts:
        return []
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        rows = file.metadata.num_rows
        # metadata of columns can abort the process
        batch = next(file.iter_batches(batch_size=_FIRST_ROWS, columns=texts), None)
    if batch is None:
        return []
    found = []
    for name, column in zip(batch.schema.names, batch.columns):
        longest = pc.max(pc.binary_length(column.dictionary)).as_py() or 0
        few = pc.count_distinct(column.indices).as_py() < 0.75 * batch.num_rows
        if name in texts and few and (rows >= _MANY_ROWS or longest * _BLOCK_ROWS > _SMALL):
            found.append(name)
    return found


def _unfolded(table: pa.Table, coded: list[str]) -> int:
    """Count the bytes of texts that are still places in a dictionary, as if each row held its own; 0 where they surely fit."""
    import numpy as np
    import pyarrow.compute as pc

    chunks = [chunk for name in coded for chunk in table.column(name).chunks]
    lengths = [pc.binary_length(c.dictionary).fill_null(0).to_numpy(zero_copy_only=False) for c in chunks]
    most = sum(len(c) * int(each.max(initial=0)) for c, each in zip(chunks, lengths))
    if most <= _SMALL or surely_fits(most):
        return 0
    size = 0
    for chunk, each in zip(chunks, lengths):
        places = chunk.indices.drop_null().to_numpy(zero_copy_only=False)
        size += int(np.bincount(places, minlength=len(each)) @ each.astype("int64"))
    return size


class _Held:
    """Bytes that blocks of several threads hold together, checked against the memory there is."""

    def __init__(self, file: Any, name: str):
        self._of = (file.metadata.num_rows, len(file.schema_arrow), name)
        self._bytes, self._lock = 0, Lock()

    def take(self, fresh: int) -> None:
        """Count bytes that were read, and refuse where as many more would not fit."""
        with self._lock:
            self._bytes += fresh
            check_memory(self._bytes + fresh, *self._of, held=self._bytes)


def _beside(path: Path, columns: list[str], name: str) -> pa.Table:
    """Read columns in blocks on several cores, each a share of the columns: reading in blocks itself uses one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    threads = min(pa.cpu_count(), len(columns), _THREADS)
    groups = [columns[i::threads] for i in range(threads)]
    with pq.ParquetFile(path) as file:
        held = _Held(file, name)

    def one(group: list[str]) -> pa.Table:
        with pq.ParquetFile(path) as file:
            return _in_blocks(file, group, held)

    with ThreadPoolExecutor(max_workers=len(groups)) as pool:
        tables = list(pool.map(one, groups))
    if len({table.num_rows for table in tables}) > 1:
        raise _disagreeing(name, tables[0].num_rows, tables[1].num_rows)
    return pa.table({n: table.column(n) for table in tables for n in table.column_names})


def _in_blocks(file: Any, columns: list[str], held: _Held) -> pa.Table:
    """Read columns whose values may be of any length in blocks, so that few bytes which unfold without bound are stopped.

    Raises
    ------
    MachineError
        The next block would not fit into the memory that is left.
    """
    import pyarrow as pa

    schema, parts = file.schema_arrow, list[pa.Table]()
    blocks: list[pa.RecordBatch] = []
    fresh = 0
    rows = _NESTED_ROWS if any(pa.types.is_nested(schema.field(n).type) for n in columns) else _BLOCK_ROWS
    for block in file.iter_batches(batch_size=rows, columns=columns):
        blocks.append(block.select(columns))
        fresh += block.nbytes
        if fresh > _SMALL or len(blocks) == _BLOCKS:
            held.take(fresh)
            parts.append(pa.Table.from_batches(blocks).combine_chunks())
            blocks, fresh = [], 0
    parts += [pa.Table.from_batches(blocks).combine_chunks()] if blocks else []
    return pa.concat_tables(parts or [pa.schema([schema.field(n) for n in columns]).empty_table()])


def _joined(table: pa.Table, others: pa.Table, schema: pa.Schema, name: str) -> pa.Table:
    """Put columns that were read apart in the order of the file."""
    import pyarrow as pa

    if table.num_columns and table.num_rows != others.num_rows:
        raise _disagreeing(name, table.num_rows, others.num_rows)
    columns = [(others if n in others.column_names else table).column(n) for n in schema.names]
    fields = [f.with_type(c.type) for f, c in zip(schema, columns)]
    return pa.Table.from_arrays(columns, schema=pa.schema(fields, metadata=schema.metadata))


def _utf8(table: pa.Table, schema: pa.Schema, coded: list[str]) -> pa.Table:
    """Check that texts are UTF-8, which Parquet readers do not; turn dictionaries back to the texts that the file declares."""

    def one(at: int) -> Any:
        field, column = schema.field(at), table.column(at)
        if field.name in coded:
            for chunk in column.chunks:
                chunk.dictionary.validate(full=True)
            return column.cast(field.type)
        column.validate(full=True)
        return column

    texts = [schema.get_field_index(n) for n in _texts(schema)]
    with ThreadPoolExecutor(max_workers=4) as pool:
        for at, column in zip(texts, pool.map(one, texts)):
            table = table.set_column(at, schema.field(at), column)
    return table


def _check_size(file: Any, name: str) -> None:
    """Believe the footer only where its counts agree, and only what fits into memory."""
    meta, schema = file.metadata, file.schema_arrow
    groups = [meta.row_group(i) for i in range(meta.num_row_groups)]
    if meta.num_rows < 0 or sum(g.num_rows for g in groups) != meta.num_rows:
        raise _disagreeing(name, meta.num_rows, sum(g.num_rows for g in groups))
    least = max(_least_bytes(schema, meta.num_rows), sum(g.total_byte_size for g in groups))
    check_memory(least, meta.num_rows, len(schema), name)


def _disagreeing(name: str, rows: int, held: int) -> InputError:
    return InputError(
        f"Expected a complete Parquet file in {name}.",
        f"It says that it holds {rows:,} rows, its parts hold {held:,}.",
        "Copy or write it again.",
    )


def _least_bytes(schema: Any, rows: int) -> int:
    """Bytes that a frame of these columns takes at least."""
    return rows * sum(_width(field.type) or 8 for field in schema)


def _width(kind: pa.DataType) -> int | None:
    """Give the bytes that a value takes; None where it may take any number."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return 4
    try:
        return max(kind.bit_width // 8, 1)
    except ValueError:
        return 1 if pa.types.is_null(kind) else None


def read_feather(path: Path, name: str) -> pa.Table:
    """Read an Arrow IPC file (Feather version 2) or stream; raises as ``read_parquet`` does."""
    import pyarrow as pa

    head = _head(path)
    stream = head.startswith(_STREAM)
    if head.startswith(b"FEA1"):
        raise InputError(
            f"Expected an Arrow file (Feather version 2) in {name}.",
            "It is of Feather version 1, which is no longer written.",
            "Read it with pandas.read_feather and write it again.",
        )
    if not stream and not head.startswith(_MAGIC):
        refuse_foreign(head, name, "Arrow (Feather) data")
        raise InputError(
            f"Expected Arrow (Feather) data in {name}.",
            "It does not begin as an Arrow file or stream does.",
            "If it is CSV text, rename it to .csv; if it is Parquet, to .parquet.",
        )
    if not stream and _ends(path, 6)[1] != _MAGIC:
        raise InputError(
            f"Expected a complete Arrow file in {name}.",
            "Its end (the footer) is missing: it is cut off.",
            "Copy or write it again.",
        )

    def read() -> pa.Table:
        with pa.OSFile(str(path)) as file:
            if not stream:
                file.seek(8)
            rows, size = claimed(pa.ipc.MessageReader.open_stream(file), name)
            check_memory(size, rows, 1, name)
        with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) if stream else pa.ipc.open_file(file) as reader:
            check_names(reader.schema.names, name)
            check_memory(_least_bytes(reader.schema, rows), rows, len(reader.schema), name)
            return reader.read_all()

    return _checked(read, name, "Arrow")


def _checked(read: Callable[[], pa.Table], name: str, what: str) -> pa.Table:
    """Read, and say for people what can go wrong; texts are checked to be UTF-8, blocks to hold what they claim."""
    import pyarrow as pa

    try:
        table = read()
        if what == "Arrow":
            table.validate(full=True)
        return table
    except (pa.ArrowMemoryError, MemoryError) as error:
        raise MachineError(f"Reading {name} took more memory than there is.") from error
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"Expected a complete {what} file in {name}.",
            f"It cannot be read: {said[:160].rstrip('.')}.",
            "Copy or write it again.",
        ) from error


def to_frame(table: pa.Table, name: str) -> pd.DataFrame:
    """Turn an Arrow table into the frame that pandas' own readers give, index 0 to n - 1; the table is used up.

    A named index of pandas that was stored becomes a column again.
    """
    import pyarrow as pa

    try:
        frame = as_pandas(table)
    except (pa.ArrowMemoryError, MemoryError) as error:
        raise MachineError(f"Reading {name} took more memory than there is.") from error
    except (pa.ArrowException, ValueError, OverflowError, TypeError, LookupError, AttributeError) as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"Expected values that a pandas frame can hold in {name}.",
            f"They cannot be turned: {said[:160].rstrip('.')}.",
            "Write the file again with other types.",
        ) from error
    named = [n for n in frame.index.names if n is not None]
    frame = frame.reset_index(level=named) if named else frame
    if not (isinstance(frame.index, pd.RangeIndex) and frame.index.start == 0 and frame.index.step == 1):
        frame = frame.reset_index(drop=True)
    frame.columns = [str(c) for c in frame.columns]
    return frame


def as_pandas(table: pa.Table) -> pd.DataFrame:
    """Turn a table into a frame as ``pandas.read_parquet`` does: with pandas 3 texts are of type ``str``."""
    import pyarrow as pa

    views = [i for i, field in enumerate(table.schema) if str(field.type) in ("string_view", "binary_view")]
    for i in views:  # older pandas does not know them
        field = table.schema.field(i)
        wide = pa.large_string() if str(field.type) == "string_view" else pa.large_binary()
        table = table.set_column(i, field.name, table.column(i).cast(wide))
    mapper = None
    if int(pd.__version__.split(".")[0]) >= 3:
        mapper = {
            pa.string(): pd.StringDtype(na_value=float("nan")),
            pa.large_string(): pd.StringDtype(na_value=float("nan")),
        }.get
    return table.to_pandas(types_mapper=mapper, self_destruct=True, split_blocks=False)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4096)


def _ends(path: Path, length: int = 4) -> tuple[bytes, bytes]:
    with path.open("rb") as file:
        head = file.read(length)
        file.seek(max(path.stat().st_size - length, 0))
        return head, file.read(length)
