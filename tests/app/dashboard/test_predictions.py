"""The page of all predictions: what it shows is the listing; everything in the address; hostile links; files to take away."""

import io
import json

import pandas as pd
import pytest

from modelglass.analysis.listing import KINDS, columns_to_sort_by, listing
from modelglass.app import files
from modelglass.app.dashboard.text import plain

TASKS = ["binary", "multiclass", "regression", "predictions_only"]


def at_page(show, go, ev, **params):
    """Open as a link does: at the page, with parameters."""
    return show(ev, page="predictions", **params)


def widget(at, name):
    return next(w for w in [*at.selectbox, *at.text_input, *at.toggle] if w.key == f"mg.listing.{name}")


def said(at):
    return at.query_params.get("listing.sort", [None])


@pytest.mark.parametrize("evaluation", TASKS, indirect=True)
def test_every_kind_and_every_order_is_the_listing(evaluation, show, go, texts):
    at = at_page(show, go, evaluation)
    assert not at.exception
    assert not at.error
    assert list(widget(at, "kind").options)[1:] == list(KINDS[evaluation.task])[1:]
    for kind in KINDS[evaluation.task]:
        widget(at, "kind").set_value(kind).run()
        assert not at.error
        result = listing(evaluation, kind=kind)
        assert result.sentence() in texts(at)
        if result.total:
            assert at.dataframe[0].value["row"].tolist() == result.rows["row"].tolist()
    widget(at, "kind").set_value("all").run()
    for sort in [*columns_to_sort_by(evaluation), "random"]:
        widget(at, "sort").set_value(sort).run()
        assert not at.error
        down = sort in ("loss", "score")
        expected = listing(evaluation, sort=sort, descending=down).rows["row"].tolist()
        assert at.dataframe[0].value["row"].tolist() == expected, sort


def test_filters_are_in_the_address_and_survive_navigation(binary, show, go, texts):
    at = at_page(show, go, binary)
    widget(at, "kind").set_value("false positives").run()
    widget(at, "sort").set_value("loss").run()
    widget(at, "n").set_value(25).run()
    assert at.query_params["listing.kind"] in ("false positives", ["false positives"])
    before = texts(at)
    go(at, "errors")
    go(at, "predictions")
    assert texts(at) == before
    kept = dict(at.query_params.items())
    again = show(binary, page="predictions", **kept)
    assert texts(again) == before
    assert again.dataframe[0].value.equals(at.dataframe[0].value)


def test_pages_turn_and_a_filter_goes_back_to_the_first(binary, show, go, texts):
    at = at_page(show, go, binary)
    at.pagination[0].set_value(3).run()
    assert at.query_params["listing.start"] in ("100", ["100"])
    assert at.dataframe[0].value["row"].tolist() == list(range(100, 150))
    widget(at, "kind").set_value("wrong").run()
    assert "listing.start" not in at.query_params
    assert at.dataframe[0].value["row"].tolist() == listing(binary, kind="wrong").rows["row"].tolist()


def test_the_cohort_is_what_is_listed(binary, show, go, texts):
    sql = "age < 30"
    at = show(binary, page="predictions", where=sql)
    cohort = binary.where(sql)
    assert f"{cohort.n:,} of {binary.n:,} rows" in texts(at)
    assert at.dataframe[0].value["row"].tolist() == cohort.rows[:50].tolist()


def test_a_row_by_number_and_at_random(binary, show, go, texts):
    at = at_page(show, go, binary)
    widget(at, "find").set_value("17").run()
    assert at.dataframe[0].value["row"].tolist() == [17]
    widget(at, "find").set_value("nobody").run()
    assert "None of the 300 rows looked at is named or numbered nobody" in texts(at)
    assert not at.dataframe
    widget(at, "find").set_value("").run()
    widget(at, "sort").set_value("random").run()
    first = at.dataframe[0].value["row"].tolist()
    next(b for b in at.button if b.key == "mg.draw_again").click().run()
    assert at.query_params["listing.seed"] in ("1", ["1"])
    assert at.dataframe[0].value["row"].tolist() == listing(binary, sort="random", seed=1).rows["row"].tolist() != first


@pytest.mark.parametrize(
    "params",
    [
        {"listing.kind": "too high"},
        {"listing.kind": "'; DROP"},
        {"listing.sort": "__class__"},
        {"listing.actual": "maybe"},
        {"listing.start": "-1"},
        {"listing.n": "100000000"},
        {"listing.n": "nan"},
        {"listing.seed": "1e999"},
    ],
)
def test_a_hostile_link_is_a_box_and_the_page_stands(params, binary, show):
    at = show(binary, page="predictions", **params)
    assert not at.exception
    assert len(at.error) == 1
    assert not set(params) & set(at.query_params)
    assert len(at.dataframe[0].value) == 50


def test_a_start_past_the_end_shows_the_last_page(binary, show):
    at = show(binary, page="predictions", **{"listing.start": "123456789", "listing.n": "50"})
    assert at.dataframe[0].value["row"].tolist() == list(range(250, 300))


def test_formulas_are_made_safe_in_the_csv_and_kept_in_parquet():
    frame = pd.DataFrame(
        {
            "=1+1": ["=cmd|' /C calc'!A0", "+1", "-2+3", "@SUM(A1)", "\tx", "a=b", "", None],
            "n": [-1, 2, 3, 4, 5, 6, 7, 8],
            "c": pd.Categorical(["=x", "y"] * 4),
            "mixed": pd.Series(["=z", 1, None, -2.5, True, "b", "c", "d"], dtype=object),
        }
    )
    got = pd.read_csv(io.BytesIO(files.csv_bytes(frame)), keep_default_na=False, dtype=str)
    assert list(got) == ["'=1+1", "n", "c", "mixed"]
    assert got["'=1+1"].tolist() == ["'=cmd|' /C calc'!A0", "'+1", "'-2+3", "'@SUM(A1)", "'\tx", "a=b", "", ""]
    assert got["n"].tolist() == [str(v) for v in frame["n"]]
    assert got["c"].tolist() == ["'=x", "y"] * 4
    assert got["mixed"].tolist() == ["'=z", "1", "", "-2.5", "True", "b", "c", "d"]
    back = pd.read_parquet(io.BytesIO(files.parquet_bytes(frame)))
    assert back["=1+1"].tolist()[:6] == frame["=1+1"].tolist()[:6]
    assert back["mixed"].tolist()[0] == "=z"
    assert back["n"].tolist() == frame["n"].tolist()
    assert list(frame["mixed"])[1] == 1  # the table itself is as it was


def test_a_large_csv_is_written_in_blocks_and_can_be_stopped(tmp_path, monkeypatch):
    from modelglass.analysis.errors import Stopped

    monkeypatch.setattr(files, "_BLOCK", 7)
    frame = pd.DataFrame({"a": range(50), "b": ["=x"] * 50})
    told = []
    files.write_file(frame, tmp_path / "t.csv", lambda share, what: told.append(share))
    assert pd.read_csv(tmp_path / "t.csv")["a"].tolist() == list(range(50))
    assert told == [i / 50 for i in range(0, 50, 7)]

    def stop(share, what):
        if share > 0.5:
            raise Stopped("Stopped.")

    with pytest.raises(Stopped):
        files.write_csv(frame, io.BytesIO(), stop)
    assert files.csv_bytes(frame.head(0)) == b"a,b\n"


def test_a_large_table_is_a_job_and_its_file_holds_every_row(binary, show, until, monkeypatch):
    from modelglass.app.dashboard import downloads

    monkeypatch.setattr(downloads, "SMALL", 10)
    at = show(binary, page="predictions", **{"listing.kind": "wrong"})
    next(b for b in at.button if b.key == "make csv predictions").click().run()
    until(at, lambda at: any("CSV of" in str(b.label) for b in at.get("download_button")))
    assert not at.error
    path = downloads._kept[-1]
    assert len(pd.read_csv(path)) == listing(binary, kind="wrong").total


@pytest.mark.parametrize(
    ("evaluation", "said"),
    [
        (
            "binary",
            {
                "score": "Probability of ",
                "loss": "How wrong: minus the log",
                "outcome": "Whether the prediction is right",
            },
        ),
        ("multiclass", {"score": "Probability of the class predicted", "actual": " in the data"}),
        ("regression", {"error": "Prediction minus outcome", "loss": "How wrong: distance of prediction and outcome"}),
    ],
    indirect=["evaluation"],
)
def test_headings_say_what_the_columns_beside_the_data_hold(evaluation, said, show, go):
    at = show(evaluation, "predictions")
    columns = json.loads(at.dataframe[0].proto.columns)
    for name, words in said.items():
        assert plain(words) in columns[name]["help"], name
    assert not any("help" in columns.get(c, {}) and columns[c]["help"] for c in evaluation.features)
