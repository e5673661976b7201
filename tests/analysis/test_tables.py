"""Tables of other libraries where a pandas frame is expected."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression

import modelglass as mg
from modelglass.analysis import slice_metrics
from modelglass.analysis.errors import InputError
from modelglass.analysis.tables import as_frame

COLUMNS = {
    "x": [0.5, 1.5, None, 4.0],
    "k": [1, 2, 3, 4],
    "s": ["a", "b", None, "a"],
    "t": [dt.datetime(2024, 1, day) for day in (1, 2, 3, 4)],
    "b": [True, None, False, True],
}


def test_arrow_tables():
    table = pa.table(COLUMNS)
    got = as_frame(table)
    assert got["k"].tolist() == [1, 2, 3, 4]
    assert got["s"].isna().tolist() == [False, False, True, False]
    pd.testing.assert_frame_equal(got, as_frame(table.to_batches()[0]))
    pd.testing.assert_frame_equal(got, mg.read_data(table))
    assert table.column("k").to_pylist() == [1, 2, 3, 4]  # the person's table is not used up
    assert mg.read_data(table, na="a")["s"].isna().tolist() == [True, False, True, True]


def test_polars_frames():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame(COLUMNS).with_columns(
        pl.col("s").cast(pl.Categorical).alias("c"), pl.lit("e").cast(pl.Enum(["f", "e"])).alias("e")
    )
    got = as_frame(frame)
    assert got["k"].tolist() == [1, 2, 3, 4]
    assert got["s"].dropna().tolist() == ["a", "b", "a"]
    assert got["c"].dropna().tolist() == ["a", "b", "a"]
    assert isinstance(got["c"].dtype, pd.CategoricalDtype)
    assert got["t"].iloc[0] == pd.Timestamp("2024-01-01")
    with pytest.raises(InputError, match=r"lazy LazyFrame.*\n.*collect"):
        as_frame(frame.lazy())


def test_other_protocols():
    class Ours:
        def to_pandas(self):
            return pd.DataFrame({"a": [1]})

    assert as_frame(Ours())["a"].tolist() == [1]
    frame = pd.DataFrame(COLUMNS)
    assert as_frame(frame) is frame

    class Stream:
        def __arrow_c_stream__(self, requested_schema=None):
            return pa.table(COLUMNS).__arrow_c_stream__(requested_schema)

    assert as_frame(Stream())["k"].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("what", [[1, 2], {"a": [1]}, None, np.zeros((2, 2)), 7])
def test_what_is_no_table_is_refused(what):
    with pytest.raises(InputError, match="Expected a data frame") as error:
        as_frame(what)
    assert len(str(error.value).splitlines()) == 3


def test_names_that_stand_twice():
    with pytest.raises(InputError, match="more than once: a"):
        as_frame(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]))


def kinds_of_table(frame):
    yield "arrow", pa.Table.from_pandas(frame)
    try:
        import polars as pl
    except ImportError:
        return
    yield "polars", pl.from_pandas(frame)


def test_an_evaluation_of_any_table_is_that_of_the_frame():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=300), "g": rng.choice(["u", "v"], 300)})
    frame["y"] = (frame["a"] + rng.normal(size=300) > 0).astype(int)
    model = LogisticRegression().fit(frame[["a"]], frame["y"])
    want = slice_metrics(mg.Evaluation(model, frame, target="y"), by=["g", "a"]).frame()
    for _, table in kinds_of_table(frame):
        ev = mg.Evaluation(model, table, target="y", train=table, reference=table)
        pd.testing.assert_frame_equal(slice_metrics(ev, by=["g", "a"]).frame(), want)
        assert isinstance(ev.train, pd.DataFrame)
        assert isinstance(ev.reference, pd.DataFrame)


def test_predictions_in_other_tables():
    frame = pd.DataFrame({"g": ["u", "v"] * 20, "y": [0, 1, 1, 0] * 10, "p": [0.1, 0.8, 0.4, 0.6] * 10})
    want = mg.Evaluation.from_predictions(frame["y"], score=frame["p"], frame=frame)
    for _, table in kinds_of_table(frame):
        got = mg.Evaluation.from_predictions(table["y"], score=table["p"], frame=table)
        assert got.y.tolist() == want.y.tolist()
        assert np.array_equal(got.score, want.score)
        assert got.coding("g").labels == want.coding("g").labels
