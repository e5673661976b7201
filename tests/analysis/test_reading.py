"""Data files: read as pandas reads them, and every refusal in one to five lines."""

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelglass.analysis.errors import InputError
from modelglass.analysis.reading import NA_DEFAULTS, read_data, read_file
from modelglass.analysis.reading_csv import _even, _rows

CSV = b'name,age,note\nAda,36,"a, b"\n"O""Neil",,NA\nZo\xc3\xab,7,"two\nlines"\n'


def write(folder, data, name="data.csv"):
    path = folder / name
    path.write_bytes(data)
    return path


def parquet(frame=None, **settings):
    buffer = io.BytesIO()
    (pd.DataFrame({"a": [1, 2], "b": ["x", None]}) if frame is None else frame).to_parquet(buffer, **settings)
    return buffer.getvalue()


def test_missing_values_are_those_of_pandas():
    from pandas._libs.parsers import STR_NA_VALUES

    assert set(NA_DEFAULTS) == set(STR_NA_VALUES)
    assert len(set(NA_DEFAULTS)) == len(NA_DEFAULTS)


@pytest.mark.parametrize(
    "data",
    [
        CSV,
        b"\xef\xbb\xbf" + CSV,
        CSV.replace(b"\n", b"\r\n"),
        CSV.rstrip(b"\n"),
        b"\n\n" + CSV + b"\n\n",
        b"a\n1\n\n2\n",
        b"a,b\n1,\n,2\n",
        b'a,b\n5" pipe,1\n6" pipe,2\n',
        b"a,b\n1,2\r3,4\r",
        b"PAR1,BZh\n1,2\n",
        b" a ,b\n 1,x\n",
        b'"a,b",c\n1,2\n',
        b"a,b\n#N/A,null\nNULL,-nan\n",
    ],
)
def test_reads_as_pandas_does(tmp_path, data):
    path = write(tmp_path, data)
    pd.testing.assert_frame_equal(read_data(path), pd.read_csv(path))


def test_na_adds_to_the_defaults_and_is_said(tmp_path):
    path = write(tmp_path, b"a,b\n?,NA\n1,-9\n")
    got = read_file(path, ["?", "-9"])
    assert got.frame["a"].tolist()[1] == 1
    assert got.frame.isna().to_numpy().tolist() == [[True, True], [False, True]]
    assert got.missing_values == (*NA_DEFAULTS, "?", "-9")
    assert read_file(path, "?").frame["a"].isna().tolist() == [True, False]
    assert read_file(path).frame["a"].tolist() == ["?", "1"]


def test_name_and_fingerprint(tmp_path):
    got = read_file(write(tmp_path, CSV, "my.CSV"))
    assert (got.name, got.fingerprint) == ("my.CSV", hashlib.sha256(CSV).hexdigest()[:32])


def test_parquet_comes_back_whole(tmp_path):
    frame = pd.DataFrame(
        {
            "i": [1, 2, 3],
            "f": [0.5, np.nan, -1],
            "s": ["x", None, "?"],
            "t": pd.to_datetime(["2024-01-01", None, "2024-02-01"]),
            "b": [True, False, True],
            "c": pd.Categorical(["u", "v", None]),
            "n": pd.array([1, None, 3], dtype="Int64"),
        }
    )
    path = write(tmp_path, parquet(frame), "d.parquet")
    got = read_file(path)
    pd.testing.assert_frame_equal(got.frame, pd.read_parquet(path))
    assert got.missing_values == ()
    marked = read_file(path, ["?", "u"])
    assert marked.frame["s"].isna().tolist() == [False, True, True]
    assert marked.frame["c"].isna().tolist() == [True, False, True]
    assert marked.missing_values == ("?", "u")


def test_parquet_index_is_kept_as_a_column_only_where_it_has_a_name(tmp_path):
    frame = pd.DataFrame({"a": [1, 2]}, index=[7, 9])
    got = read_data(write(tmp_path, parquet(frame), "d.parquet"))
    assert got.columns.tolist() == ["a"]
    assert got.index.tolist() == [0, 1]
    got = read_data(write(tmp_path, parquet(frame.rename_axis("key")), "e.parquet"))
    assert got.columns.tolist() == ["key", "a"]


def zipped():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("xl/workbook.xml", "<x/>")
    return buffer.getvalue()


def two_columns_of_one_name():
    buffer = io.BytesIO()
    pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), buffer)
    return buffer.getvalue()


REFUSED = {
    "empty": (b"", "0 bytes"),
    "blank": (b"\n \n\n", "nothing but blank lines"),
    "header only": (b"a,b\n", "no rows"),
    "header without line end": (b"a,b", "no rows"),
    "parquet": (parquet(), "a Parquet file"),
    "gzip": (gzip.compress(CSV, mtime=0), "gzip-compressed"),
    "zip": (zipped(), "a zip archive or an Excel workbook"),
    "pickle": (pickle.dumps({"a": [1]}), "a Python pickle"),
    "html": (b"<!DOCTYPE html>\n<html></html>", "a web page"),
    "json": (b'{"a": [1]}', "JSON"),
    "latin": ("name\nZoë\n".encode("latin-1"), r"Byte 0xeb at offset 7 \(line 2\) is not UTF-8"),
    "utf-16": ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
    "utf-16 without mark": ("a,b\n1,2\n".encode("utf-16-le"), "NUL byte at offset 1"),
    "nul": (b"a,b\n1,\x002\n", "NUL byte at offset 6"),
    "twice": (b"a,b,a\n1,2,3\n", "stand more than once: a"),
    "unnamed": (b",a\n0,1\n", "index=False"),
    "unnamed last": (b"a,b,\n0,1,2\n", "number 3"),
    "long row": (b"a,b\n1,2\n1,2,3\n", r"Line 3 has 3"),
    "all rows long": (b"a,b\n1,2,\n1,2,\n", r"Line 2 has 3"),
    "short row": (b"a,b\n1,2\n3\n4,5\n", r"Line 3 has 1"),
    "cut off": (b"a,b,c\n1,2,3\n4,5", r"Line 3 has 2.*\n.*cut off"),
    "open quote": (b'a,b\n1,"x\n2,y\n3,z\n', "never closed"),
    "open quote that swallows": (b'a,b\n1,2\n"x\n2,y\n', "line 4 swallows rows"),
    "open quote in the last cell": (b'a,b\n1,2\n2,"y', "never closed"),
    "semicolons": (b"a;b\n1;2\n", "separated by semicolons"),
    "tabs": (b"a\tb\n1\t2\n", "separated by tabs"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_csv_refused(tmp_path, case):
    data, said = REFUSED[case]
    with pytest.raises(InputError, match=said) as error:
        read_data(write(tmp_path, data))
    assert 2 <= len(str(error.value).splitlines()) <= 5
    assert "data.csv" in str(error.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "0 bytes"),
        (b"a,b\n1,2\n", "does not begin as a Parquet file"),
        (gzip.compress(CSV, mtime=0), "gzip-compressed"),
        (parquet()[:-30], "footer"),
        (parquet()[:4] + b"\x00" * 40 + b"PAR1", "cannot be read"),
        (parquet()[:4] + b"\xff" * 20 + parquet()[24:], "cannot be read"),
        (parquet(pd.DataFrame({"a": pd.Series([], dtype=float)})), "no rows"),
        (two_columns_of_one_name(), "more than once: a"),
        (b"PAR1", "footer"),
    ],
    # named by hand: the bytes hold version numbers and times, and every worker must collect the same names
    ids=["empty", "csv", "gzip", "cut", "zeros", "garbage", "no-rows", "two-of-one-name", "magic-only"],
)
def test_parquet_refused(tmp_path, data, said):
    with pytest.raises(InputError, match=said) as error:
        read_data(write(tmp_path, data, "d.parquet"))
    assert 2 <= len(str(error.value).splitlines()) <= 5


def test_paths_refused(tmp_path):
    write(tmp_path, CSV, "adult_test.csv")
    with pytest.raises(InputError, match=r"Did you mean adult_test\.csv"):
        read_data(tmp_path / "adult_tst.csv")
    with pytest.raises(InputError, match=r"Data files there: adult_test\.csv"):
        read_data(tmp_path / "zzz.parquet")
    with pytest.raises(InputError, match="no folder"):
        read_data(tmp_path / "no" / "x.csv")
    with pytest.raises(InputError, match="Expected Parquet files"):
        read_data(tmp_path)
    with pytest.raises(InputError, match=r"ends in \.csv, \.parquet, \.feather or \.arrow"):
        read_data(write(tmp_path, b"x", "data.sav"))
    with pytest.raises(InputError, match="ends in nothing"):
        read_data(write(tmp_path, b"x", "data"))


cells = st.text(st.sampled_from('ab1," \n;é'), max_size=4)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=6))
def test_any_written_rows_read_as_pandas_does(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("d") / "d.csv"
    pd.DataFrame(rows, columns=["x", "y", "z"]).to_csv(path, index=False)
    pd.testing.assert_frame_equal(read_data(path), pd.read_csv(path))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60).map(lambda b: bytes(b'a1,"\n\r'[x % 6] for x in b)), st.integers(1, 4))
@example(b'","', 1)
@example(b",2\ra,b\n", 3)
def test_the_quick_look_never_passes_a_row_that_is_too_short_or_long(body, columns):
    if _even(b"x" + body, columns):
        assert {len(row) for _, row in _rows(b"x" + body)} == {columns}


@pytest.mark.data
@pytest.mark.parametrize("name", ["adult_test.csv", "diamonds.csv", "beijing_pm25.csv"])
def test_real_data(data_file, tmp_path, name):
    path = data_file(name)
    pd.testing.assert_frame_equal(read_data(path), pd.read_csv(path))
    cut = path.read_bytes()[:100_003]
    with pytest.raises(InputError):
        read_data(write(tmp_path, cut[: cut.rindex(b",")]))


def test_na_leaves_the_frame_given_as_it_is():
    frame = pd.DataFrame({"a": ["?", "x"], "n": [-999, 1], "c": pd.Categorical(["?", "y"])})
    before = frame.copy(deep=True)
    got = read_data(frame, na=["?", "-999"])
    assert got.isna().sum().tolist() == [1, 1, 1]
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("ending", ["csv", "parquet", "feather"])
def test_numbers_count_as_missing_whatever_the_file(tmp_path, ending):
    frame = pd.DataFrame(
        {"i": [-999, 1, 2], "f": [-999.0, 0.5, 1.5], "t": ["-999", "u", "w"], "ok": [True, False, True], "b": [9, 8, 7]}
    )
    path = tmp_path / f"d.{ending}"
    if ending == "csv":
        frame.to_csv(path, index=False)
    else:
        getattr(frame, f"to_{ending}")(path)
    for na in ("-999", "-999.0"):
        got = read_data(path, na=na)
        missing = got.isna().iloc[0]
        assert missing[["i", "f"]].all()
        assert not got.iloc[1:].isna().any().any()
        assert not missing[["ok", "b"]].any()
        assert got["i"].dtype == "float64"
        assert got["b"].dtype == "int64"
    assert read_data(path, na="-999")["t"].isna().tolist() == [True, False, False]
