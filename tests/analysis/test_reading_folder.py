"""Folders and patterns of Parquet files as one table."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelglass.analysis.errors import InputError, MachineError
from modelglass.analysis.reading import read_data, read_file


def put(folder, name, frame, **settings):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(path, index=False, **settings)
    return path


def parts(folder):
    put(folder, "part-2.parquet", pd.DataFrame({"a": [3], "s": ["z"]}))
    put(folder, "part-1.parquet", pd.DataFrame({"a": [1, 2], "s": ["x", None]}))
    put(folder, "_hidden.parquet", pd.DataFrame({"other": [1]}))
    (folder / "_SUCCESS").write_text("")
    (folder / ".part.parquet.crc").write_bytes(b"x")
    return folder


def test_a_folder_and_a_pattern_are_one_table_in_the_order_of_names(tmp_path):
    got = read_file(parts(tmp_path / "d"))
    assert got.frame["a"].tolist() == [1, 2, 3]
    assert got.frame["s"].isna().tolist() == [False, True, False]
    assert got.frame.index.equals(pd.RangeIndex(3))
    assert got.name == "d"
    assert got.notes == ("d: 2 Parquet files, in the order of their names: part-1.parquet, part-2.parquet.",)
    pd.testing.assert_frame_equal(read_data(str(tmp_path / "d" / "*.parquet")), got.frame)
    assert read_data(tmp_path / "d" / "part-[2]*.parquet")["a"].tolist() == [3]
    assert read_data(tmp_path / "d", na="x")["s"].isna().tolist() == [True, True, False]


def test_the_fingerprint_is_of_all_files_and_their_names(tmp_path):
    folder = parts(tmp_path / "d")
    first = read_file(folder).fingerprint
    assert read_file(folder).fingerprint == first == read_file(folder / "*.parquet").fingerprint
    (folder / "part-2.parquet").rename(folder / "part-3.parquet")
    renamed = read_file(folder).fingerprint
    put(folder, "part-3.parquet", pd.DataFrame({"a": [4], "s": ["z"]}))
    assert len({first, renamed, read_file(folder).fingerprint}) == 3


def test_folders_of_keys_are_columns(tmp_path):
    for year, place, a in ((2023, "N%20Y", 1), (2024, "Ulm", 2), (2024, "__HIVE_DEFAULT_PARTITION__", 3)):
        put(tmp_path, f"d/year={year}/place={place}/x.parquet", pd.DataFrame({"a": [a, a]}))
    got = read_data(tmp_path / "d")
    assert got["year"].tolist() == [2023, 2023, 2024, 2024, 2024, 2024]
    assert got["year"].dtype == np.int64
    assert got["a"].tolist() == [1, 1, 2, 2, 3, 3]
    assert got["place"].iloc[0] == "N Y"
    assert got["place"].isna().tolist() == [False, False, False, False, True, True]
    whole = read_data(f"{tmp_path}/d/year=*/**/*.parquet")
    pd.testing.assert_frame_equal(whole, got)
    assert "key=value" not in read_file(tmp_path / "d").notes[0]
    assert "year, place are the names of folders" in read_file(tmp_path / "d").notes[0]
    partitioned = pd.DataFrame({"v": [1.5, 2.5, 3.5], "k": ["p", "q", "p"]})
    partitioned.to_parquet(tmp_path / "written", partition_cols=["k"])
    assert sorted(map(tuple, read_data(tmp_path / "written")[["v", "k"]].to_numpy())) == [
        (1.5, "p"),
        (2.5, "q"),
        (3.5, "p"),
    ]


def test_categories_and_columns_of_nothing_are_joined(tmp_path):
    put(tmp_path, "1.parquet", pd.DataFrame({"c": pd.Categorical(["a", "b"]), "n": [None, None]}))
    put(tmp_path, "2.parquet", pd.DataFrame({"c": pd.Categorical(["c", "a"]), "n": ["x", None]}))
    got = read_data(tmp_path)
    assert got["c"].tolist() == ["a", "b", "c", "a"]
    assert got["n"].isna().tolist() == [True, True, False, True]


def one_of_two(folder, second):
    put(folder, "a.parquet", pd.DataFrame({"x": [1], "y": ["u"]}))
    second(folder / "b.parquet")
    return folder


BROKEN = {
    "lacks": (lambda p: pd.DataFrame({"x": [1]}).to_parquet(p), r"b\.parquet lacks 'y', beside a\.parquet"),
    "more": (lambda p: pd.DataFrame({"x": [1], "y": ["u"], "z": [1]}).to_parquet(p), r"b\.parquet has 'z' as well"),
    "type": (
        lambda p: pd.DataFrame({"x": ["1.5"], "y": ["u"]}).to_parquet(p),
        r"column 'x'.*\n.*int64 in a\.parquet and (large_)?string in b\.parquet",
    ),
    "true or 1": (
        lambda p: pd.DataFrame({"x": [True], "y": ["u"]}).to_parquet(p),
        r"column 'x'.*\n.*int64 in a\.parquet and bool in b\.parquet",
    ),
    "cut": (lambda p: p.write_bytes(b"PAR1" + b"\0" * 20), r"b\.parquet \(file 2 of 2 in d\).*\n.*cut off"),
    "empty": (lambda p: p.write_bytes(b""), r"b\.parquet \(file 2 of 2 in d\)"),
    "csv": (
        lambda p: p.write_bytes(b"a,b\n1,2\n"),
        r"b\.parquet \(file 2 of 2 in d\).*\n.*not begin as a Parquet file",
    ),
}


@pytest.mark.parametrize("case", list(BROKEN))
def test_a_file_that_does_not_fit_is_named(tmp_path, case):
    second, said = BROKEN[case]
    with pytest.raises(InputError, match=said) as error:
        read_data(one_of_two(tmp_path / "d", second))
    assert 2 <= len(str(error.value).splitlines()) <= 5


def test_refusals(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="There are none"):
        read_data(tmp_path / "empty")
    (tmp_path / "empty" / "x.csv").write_text("a\n1\n")
    with pytest.raises(InputError, match=r"only other files: x\.csv"):
        read_data(tmp_path / "empty")
    with pytest.raises(InputError, match="There are none"):
        read_data(tmp_path / "no" / "*.parquet")
    put(tmp_path, "k/year=1/a.parquet", pd.DataFrame({"year": [1]}))
    with pytest.raises(InputError, match="'year' either in the files"):
        read_data(tmp_path / "k")
    put(tmp_path, "m/year=1/a.parquet", pd.DataFrame({"x": [1]}))
    put(tmp_path, "m/b.parquet", pd.DataFrame({"x": [1]}))
    with pytest.raises(InputError, match=r"b\.parquet has none, year=1/a\.parquet has year"):
        read_data(tmp_path / "m")
    put(tmp_path, "z/a.parquet", pd.DataFrame({"x": pd.Series([], dtype=float)}))
    with pytest.raises(InputError, match="no rows"):
        read_data(tmp_path / "z")


def test_many_files_that_together_claim_too_much(tmp_path, monkeypatch):
    from modelglass.analysis import reading_checks

    for i in range(3):
        put(tmp_path, f"d/{i}.parquet", pd.DataFrame({"x": np.zeros(1_000)}))
    monkeypatch.setattr(reading_checks, "free_memory", lambda: 2_500)
    with pytest.raises(MachineError, match="3,000 rows"):
        read_data(tmp_path / "d")


def test_a_file_whose_name_has_wildcards_is_itself(tmp_path):
    put(tmp_path, "a[1].parquet", pd.DataFrame({"x": [7]}))
    assert read_data(tmp_path / "a[1].parquet")["x"].tolist() == [7]


def test_types_that_differ_only_in_their_offsets_are_the_same(tmp_path):
    pq.write_table(pa.table({"s": pa.array(["a"])}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"s": pa.array(["b"], pa.large_string())}), tmp_path / "2.parquet")
    assert read_data(tmp_path)["s"].tolist() == ["a", "b"]


def two(folder, first, second):
    for name, values in (("1.parquet", first), ("2.parquet", second)):
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"x": values, "y": pa.array(range(len(values)))}), folder / name)
    return folder


WIDENED = {
    "int and float": (pa.array([1, 2]), pa.array([0.5, None]), "double", [1.0, 2.0, 0.5, None]),
    "float and int": (pa.array([0.5, None]), pa.array([1, 2], pa.int8()), "double", [0.5, None, 1.0, 2.0]),
    "small and large": (pa.array([1, None], pa.int8()), pa.array([2**40, 3]), "int64", [1, None, 2**40, 3]),
    "unsigned": (pa.array([1, 2], pa.uint8()), pa.array([2**63 + 1, 3], pa.uint64()), "uint64", [1, 2, 2**63 + 1, 3]),
    "signed and unsigned": (pa.array([-1, 2]), pa.array([7, 8], pa.uint64()), "int64", [-1, 2, 7, 8]),
    "single and double": (pa.array([0.5], pa.float32()), pa.array([0.1]), "double", [0.5, 0.1]),
    "date and time": (
        pa.array([19_000], pa.date32()),
        pa.array([1_700_000_000_500], pa.timestamp("ms")),
        r"timestamp\[ms\]",
        [pd.Timestamp("2022-01-08"), pd.Timestamp("2023-11-14 22:13:20.500")],
    ),
    "units": (
        pa.array([0], pa.timestamp("s", "UTC")),
        pa.array([1_500_000], pa.timestamp("us", "UTC")),
        r"timestamp\[us, tz=UTC\]",
        [pd.Timestamp("1970-01-01", tz="UTC"), pd.Timestamp("1970-01-01 00:00:01.5", tz="UTC")],
    ),
    "categories and text": (
        pa.array(["a", "b"]).dictionary_encode(),
        pa.array(["c", None]),
        "large_string",
        ["a", "b", "c", None],
    ),
}


@pytest.mark.parametrize("case", WIDENED)
def test_types_that_differ_are_widened_where_no_value_changes_and_this_is_said(tmp_path, case):
    first, second, wide, values = WIDENED[case]
    for folder, pair in (("d", (first, second)), ("e", (second, first))):  # their order decides only that of the rows
        read = read_file(two(tmp_path / folder, *pair))
        got = [None if pd.isna(v) else v for v in read.frame["x"]]
        assert got == (values if folder == "d" else values[len(first) :] + values[: len(first)])
        told = rf"The column 'x' is .+ in 1\.parquet and .+ in 2\.parquet; it is read as {wide}, which holds both\."
        assert len(read.notes) == 2
        assert re.fullmatch(told, read.notes[1]), read.notes


REFUSED = {
    "a whole number that no float holds": (pa.array([2**53 + 1]), pa.array([0.5])),
    "beyond int64": (pa.array([-1]), pa.array([2**63 + 1], pa.uint64())),
    "a zone and none": (pa.array([0], pa.timestamp("us", "UTC")), pa.array([0], pa.timestamp("us"))),
    "two zones": (pa.array([0], pa.timestamp("us", "UTC")), pa.array([0], pa.timestamp("us", "Europe/Rome"))),
    "a time that nanoseconds do not reach": (
        pa.array([-(10**12)], pa.timestamp("s")),
        pa.array([0], pa.timestamp("ns")),
    ),
    "text and number": (pa.array(["1"]), pa.array([1])),
    "list and number": (pa.array([[1]]), pa.array([1])),
}


@pytest.mark.parametrize("case", REFUSED)
def test_types_that_would_change_a_value_are_refused(tmp_path, case):
    for folder, pair in (("d", REFUSED[case]), ("e", REFUSED[case][::-1])):
        with pytest.raises(InputError, match="one type for the column 'x' in every file of") as error:
            read_data(two(tmp_path / folder, *pair))
        assert len(str(error.value).splitlines()) == 3


def test_three_files_and_many_columns(tmp_path):
    """The type is found over all files; only the first few columns are told one by one."""
    names = [f"c{i}" for i in range(9)]
    for i, values in enumerate(([1], [2.5], [3])):
        put(tmp_path, f"{i}.parquet", pd.DataFrame({n: np.array(values) for n in names}))
    read = read_file(tmp_path)
    assert read.frame["c0"].tolist() == [1.0, 2.5, 3.0]
    assert len(read.notes) == 7
    assert read.notes[-1].endswith("So are 3 other columns of several types.")
