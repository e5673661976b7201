"""Feather, Arrow streams and hostile Parquet: read as pandas reads them, and every refusal before memory is taken."""

from __future__ import annotations

import contextlib
import io
import re
import struct

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from modelglass.analysis.errors import InputError, MachineError
from modelglass.analysis.reading import read_data, read_file
from modelglass.analysis.reading_messages import claimed

FRAME = pd.DataFrame(
    {
        "i": [1, 2, 3],
        "f": [0.5, np.nan, -1],
        "s": ["x", None, "?"],
        "t": pd.to_datetime(["2024-01-01", None, "2024-02-01"]),
        "z": pd.to_datetime(["2024-01-01", None, "2024-02-01"]).tz_localize("Europe/Berlin"),
        "d": pd.to_timedelta([1, None, 3], unit="h"),
        "b": [True, False, True],
        "c": pd.Categorical(["u", "v", None], categories=["v", "u"], ordered=True),
        "n": pd.array([1, None, 3], dtype="Int64"),
    }
)


def write(folder, data, name):
    path = folder / name
    path.write_bytes(data)
    return path


def arrow_file(table, **settings):
    buffer = io.BytesIO()
    with pa.ipc.new_file(buffer, table.schema, **settings) as writer:
        writer.write_table(table)
    return buffer.getvalue()


def arrow_stream(table, **settings):
    buffer = io.BytesIO()
    with pa.ipc.new_stream(buffer, table.schema, **settings) as writer:
        writer.write_table(table, max_chunksize=2)
    return buffer.getvalue()


@pytest.mark.parametrize("compression", ["uncompressed", "lz4", "zstd"])
def test_feather_comes_back_as_pandas_reads_it(tmp_path, compression):
    path = tmp_path / "d.feather"
    FRAME.to_feather(path, compression=compression)
    got = read_file(path, "?")
    assert got.frame["s"].isna().tolist() == [False, True, True]
    pd.testing.assert_frame_equal(read_data(path), pd.read_feather(path))
    assert got.frame["c"].cat.ordered
    assert got.missing_values == ("?",)


@pytest.mark.parametrize(
    "settings", [{}, {"options": pa.ipc.IpcWriteOptions(compression="zstd")}], ids=["plain", "zstd"]
)
def test_streams_and_files_of_any_ending(tmp_path, settings):
    table = pa.Table.from_pandas(FRAME)
    want = table.to_pandas()
    for i, data in enumerate((arrow_stream(table, **settings), arrow_file(table, **settings))):
        for ending in ("arrow", "feather"):
            pd.testing.assert_frame_equal(read_data(write(tmp_path, data, f"d{i}.{ending}")), want)


def test_texts_of_polars_and_views_are_texts(tmp_path):
    table = pa.table({"a": pa.array(["x", None], pa.large_string()), "b": pa.array(["p", "q"]).cast(pa.string_view())})
    got = read_data(write(tmp_path, arrow_file(table), "d.arrow"))
    assert got["a"].tolist()[0] == "x"
    assert got["a"].isna().tolist() == [False, True]
    assert got["b"].tolist() == ["p", "q"]


def test_texts_with_few_levels_come_back_as_pandas_reads_them(tmp_path):
    """These are read by their dictionaries; nothing of it shows."""
    values = np.array(["a", "bb", None, "ç"], dtype=object)[np.arange(50_000) % 4]
    frame = pd.DataFrame({"few": values, "many": [f"t{i}" for i in range(50_000)]})
    path = tmp_path / "d.parquet"
    frame.to_parquet(path, row_group_size=10_000)
    pd.testing.assert_frame_equal(read_data(path), pd.read_parquet(path))
    pq.write_table(pa.table({"few": pa.array(values, pa.large_string())}), path)
    pd.testing.assert_frame_equal(read_data(path), pd.read_parquet(path))


# refusals ------------------------------------------------------------------------------------------------------------


GOOD = arrow_file(pa.Table.from_pandas(pd.DataFrame({"a": [1, 2], "b": ["x", None]})))
STREAM = arrow_stream(pa.Table.from_pandas(pd.DataFrame({"a": [1, 2], "b": ["x", None]})))


def feather_v1(tmp_path):
    path = tmp_path / "old.feather"
    feather.write_feather(pa.table({"a": [1]}), path, version=1)
    return path.read_bytes()


REFUSED = {
    "empty": (b"", "0 bytes"),
    "csv": (b"a,b\n1,2\n", "does not begin as an Arrow file"),
    "parquet": (b"PAR1" + b"\x00" * 30 + b"PAR1", "a Parquet file"),
    "cut": (GOOD[:-20], "footer"),
    "magic only": (b"ARROW1", "cannot be read|cut off"),
    "half a stream": (STREAM[: len(STREAM) // 2], "cannot be read|complete Arrow file"),
    "garbage": (GOOD[:40] + b"\xff" * 60 + GOOD[100:], "complete Arrow file"),
    "version 1": (b"FEA1" + b"\x00" * 30 + b"FEA1", "Feather version 1"),
    "two of one name": (arrow_file(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])), "more than once: a"),
    "no rows": (arrow_file(pa.table({"a": pa.array([], pa.int64())})), "no rows"),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_refused(tmp_path, case):
    data, said = REFUSED[case]
    with pytest.raises(InputError, match=said) as error:
        read_data(write(tmp_path, data, "d.feather"))
    assert 2 <= len(str(error.value).splitlines()) <= 5


@pytest.mark.parametrize("data", [GOOD, STREAM], ids=["file", "stream"])
def test_cut_or_spoilt_anywhere_gives_a_frame_or_a_plain_refusal(tmp_path, data):
    """Never a crash, another error, or a wait: every cut, and many flipped bytes."""
    rng = np.random.default_rng(0)
    for i in range(0, len(data), 7):
        spoilt = bytearray(data)
        spoilt[i] ^= int(rng.integers(1, 256))
        for bad in (data[:i], bytes(spoilt)):
            with contextlib.suppress(InputError, MachineError):
                read_data(write(tmp_path, bad, "d.arrow"))


def test_parquet_cut_or_spoilt_anywhere(tmp_path):
    buffer = io.BytesIO()
    pd.DataFrame({"a": [1, 2], "b": ["x", None]}).to_parquet(buffer)
    data = buffer.getvalue()
    rng = np.random.default_rng(0)
    for i in range(0, len(data), 11):
        spoilt = bytearray(data)
        spoilt[i] ^= int(rng.integers(1, 256))
        for bad in (data[:i], bytes(spoilt)):
            with contextlib.suppress(InputError, MachineError):
                read_data(write(tmp_path, bad, "d.parquet"))


def varint(value):
    """A whole number as Parquet's footer holds it (Thrift compact protocol, zigzag)."""
    value, out = value << 1, bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def hostile_parquet(rows, everywhere=True):
    """A small file whose footer claims ``rows`` rows, in all its places or only in the first one."""
    buffer = io.BytesIO()
    pq.write_table(pa.table({"a": np.zeros(12_345)}), buffer, write_statistics=False)
    data = buffer.getvalue()
    (length,) = struct.unpack("<I", data[-8:-4])
    body, footer = data[: -8 - length], data[-8 - length : -8]
    assert footer.count(varint(12_345)) >= 2
    changed = footer.replace(varint(12_345), varint(rows), -1 if everywhere else 1)
    return body + changed + struct.pack("<I", len(changed)) + b"PAR1"


def test_parquet_that_claims_a_million_million_rows(tmp_path):
    with pytest.raises(MachineError, match=r"needs at least 8,000\.0 GB: it says that it holds 1,000,000,000,000 rows"):
        read_data(write(tmp_path, hostile_parquet(10**12), "d.parquet"))
    with pytest.raises(InputError, match="its parts hold 12,345"):
        read_data(write(tmp_path, hostile_parquet(10**12, everywhere=False), "d.parquet"))
    with pytest.raises(InputError, match="complete Parquet file"):  # fits into memory, but is not there
        read_data(write(tmp_path, hostile_parquet(23_456), "d.parquet"))


def test_arrow_that_claims_what_it_does_not_hold(tmp_path):
    rows = 123_456
    data = arrow_file(pa.table({"a": pa.nulls(rows)}))
    assert data.count(struct.pack("<q", rows)) >= 2
    bomb = data.replace(struct.pack("<q", rows), struct.pack("<q", 10**12))
    with pytest.raises(MachineError, match="1,000,000,000,000 rows"):
        read_data(write(tmp_path, bomb, "d.arrow"))
    data = arrow_file(pa.table({"a": np.zeros(rows)}))
    more = data.replace(struct.pack("<q", rows), struct.pack("<q", rows * 2))
    with pytest.raises(InputError, match="complete Arrow file"):
        read_data(write(tmp_path, more, "d.arrow"))


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_packed_blocks_that_would_unfold_without_bound(tmp_path, compression):
    table = pa.table({"a": np.zeros(100_000)})
    data = arrow_file(table, options=pa.ipc.IpcWriteOptions(compression=compression))
    assert len(data) < 50_000
    bomb = data.replace(struct.pack("<q", 800_000), struct.pack("<q", 10**13))
    assert bomb != data
    with pytest.raises(MachineError, match=r"needs at least 10,000\.0 GB"):
        read_data(write(tmp_path, bomb, "d.arrow"))
    with pytest.raises(InputError, match="complete Arrow file"):
        read_data(write(tmp_path, data.replace(struct.pack("<q", 800_000), struct.pack("<q", -5)), "d.arrow"))


def bomb(values, rows_of, **settings):
    """A few kilobytes of Parquet whose texts, one of them long and repeated, take gigabytes as a frame."""
    buffer = io.BytesIO()
    texts = pa.DictionaryArray.from_arrays(pa.array(rows_of, pa.int32()), pa.array(values))
    table = pa.table({"a": np.arange(len(rows_of), dtype=float), "s": texts})
    with pq.ParquetWriter(buffer, table.schema, compression="zstd", store_schema=False, **settings) as writer:
        writer.write_table(table)
    return buffer.getvalue()


HUGE = "x" * 200_000
LATE = [f"d{i}" for i in range(9_000)]


@pytest.mark.parametrize(
    ("values", "rows_of"),
    [([HUGE], np.zeros(3_000, dtype=int)), ([*LATE, HUGE], np.r_[0:9_000, np.full(3_000, 9_000)])],
    ids=["from the first row", "after many short ones"],
)
def test_one_long_text_that_many_rows_name_is_refused_before_it_is_unfolded(tmp_path, monkeypatch, values, rows_of):
    data = bomb(values, rows_of, dictionary_pagesize_limit=10_000_000)
    assert len(data) < 120_000
    before = pa.total_allocated_bytes()
    most = []

    def free():
        most.append(pa.total_allocated_bytes() - before)
        return 300_000_000 - most[-1]

    monkeypatch.setattr("modelglass.analysis.reading_checks.free_memory", free)
    with pytest.raises(MachineError, match=r"d\.parquet needs at least 0\.[56] GB"):
        read_data(write(tmp_path, data, "d.parquet"))
    assert max(most) < 400_000_000


def test_long_texts_that_fit_are_read(tmp_path):
    frame = pd.DataFrame(
        {"a": np.arange(1_200.0), "s": ["y" * 70_000, None, "z"] * 400, "b": [b"1", b"22", None] * 400}
    )
    path = tmp_path / "d.parquet"
    frame.to_parquet(path)
    pd.testing.assert_frame_equal(read_data(path), pd.read_parquet(path))


@pytest.mark.parametrize("encoding", ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY", "PLAIN", "dictionary"])
def test_texts_of_every_encoding_are_read(tmp_path, encoding):
    """Arrow cannot read all of them as places in a dictionary."""
    path = tmp_path / "d.parquet"
    table = pa.table({"few": ["a", "bb", None] * 12_000, "many": [f"id {i}" for i in range(36_000)]})
    own = (
        {}
        if encoding == "dictionary"
        else {"use_dictionary": False, "column_encoding": dict.fromkeys(table.column_names, encoding)}
    )
    pq.write_table(table, path, **own)
    pd.testing.assert_frame_equal(read_data(path), pd.read_parquet(path))


def test_texts_that_share_their_beginning_are_counted_block_by_block(tmp_path, monkeypatch):
    path = tmp_path / "d.parquet"
    table = pa.table({"s": [HUGE[:100_000] + str(i) for i in range(3_000)]})
    pq.write_table(table, path, compression="zstd", use_dictionary=False, column_encoding={"s": "DELTA_BYTE_ARRAY"})
    del table
    assert path.stat().st_size < 20_000
    before = pa.total_allocated_bytes()
    monkeypatch.setattr(
        "modelglass.analysis.reading_checks.free_memory", lambda: 150_000_000 - pa.total_allocated_bytes() + before
    )
    with pytest.raises(MachineError, match=r"d\.parquet needs at least 0\.\d GB"):
        read_data(path)


def test_nested_columns_and_points_in_names_come_as_before(tmp_path):
    nested = pa.array([{"b": "x"}, {"b": None}, None] * 500)
    table = pa.table(
        {
            "l": [["u"], [], None] * 500,
            "a.b": np.arange(1_500),
            "a": nested,
            "n": pa.nulls(1_500),
            "s": ["p", "q", None] * 500,
        }
    )
    path = tmp_path / "d.parquet"
    pq.write_table(table, path, row_group_size=400)
    got, want = read_data(path), pd.read_parquet(path)
    assert list(got) == list(want)
    pd.testing.assert_frame_equal(got.drop(columns="l"), want.drop(columns="l"))
    assert [None if v is None else list(v) for v in got["l"]] == [None if v is None else list(v) for v in want["l"]]


def test_claims_are_counted_before_anything_is_unpacked():
    table = pa.table({"a": np.zeros(1_000), "c": pa.array(["x", "y"] * 500).dictionary_encode()})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    for data in (arrow_stream(table), arrow_stream(table, options=options)):
        rows, size = claimed(pa.ipc.MessageReader.open_stream(data), "d")
        assert rows == 1_000
        assert 8_000 + 4_000 <= size < 200_000


def test_parquet_texts_that_are_not_utf8(tmp_path):
    for values in (["caf\xe9"] * 3, [f"caf\xe9{i}" * 3 for i in range(200)]):
        buffer = io.BytesIO()
        wrong = pa.array([v.encode("latin-1") for v in values], pa.binary())
        plain = pa.Array.from_buffers(pa.string(), len(wrong), wrong.buffers())
        pq.write_table(pa.table({"a": plain}), buffer)
        with pytest.raises(InputError, match=re.compile("utf-?8", re.IGNORECASE)):
            read_data(write(tmp_path, buffer.getvalue(), "d.parquet"))


def test_a_file_that_changes_while_it_is_read(tmp_path, monkeypatch):
    from modelglass.analysis import reading

    path = write(tmp_path, b"a\n1\n", "d.csv")
    whole = reading.read_csv

    def slow(*args):
        path.write_bytes(b"a\n1\n2\n")
        return whole(*args)

    monkeypatch.setattr(reading, "read_csv", slow)
    with pytest.raises(InputError, match="changed meanwhile"):
        read_data(path)
