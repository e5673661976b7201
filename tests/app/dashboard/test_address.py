"""Page, cohort, threshold and settings live in the address: they survive navigation and hostile values."""

import pytest

from modelglass.analysis.registry import Setting
from modelglass.app.dashboard import cohort, pages
from modelglass.app.dashboard.settings import decode, encode


def cohort_n(ev, sql):
    import duckdb

    frame = ev.frame  # noqa: F841  read by DuckDB under this name
    return duckdb.sql(f"SELECT count(*) FROM frame WHERE {sql}").fetchall()[0][0]


def test_cohort_survives_navigation_and_every_page_says_its_n(binary, show, go, texts):
    sql = "age < 30 AND city = 'Oslo'"
    n = cohort_n(binary, sql)
    assert 0 < n < binary.n
    at = show(binary, where=sql, threshold="0.4")
    for page in [pages.path(g) for g in pages.offered("binary", True)]:
        go(at, page)
        assert not at.error, (page, [e.value for e in at.error])
        assert f"{n:,} of {binary.n:,} rows" in texts(at), page
        assert at.query_params["where"] in (sql, [sql])
        assert at.query_params["threshold"] in ("0.4", ["0.4"])


def test_numbers_follow_cohort_and_threshold(binary, show):
    at = show(binary, where="age < 30", threshold="0.7")
    here = binary.with_threshold(0.7).where("age < 30")
    accuracy = float((here.y == here.predicted).mean())
    assert next(m.value for m in at.metric if m.label == "Accuracy") == f"{accuracy:.3f}"


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("age <", "SQL"),
        ("(SELECT count(*) FROM frame) > 0", "subquery"),
        ("age > 1000", "No row of 300"),
        ("agee > 3", "age"),
        ("read_csv('/etc/passwd') = 1", "read_csv"),
        ("1; DROP TABLE data", ""),
        ("'" * 3000, ""),
        ("\x00", ""),
    ],
)
def test_a_bad_condition_in_a_link_is_a_box_and_the_page_stands(sql, said, binary, show, texts):
    at = show(binary, where=sql)
    assert not at.exception
    assert len(at.error) == 1
    assert said in at.error[0].value.replace("\\", "")
    assert "Traceback" not in texts(at)
    assert "where" not in at.query_params
    assert len(at.metric) > 3


def test_a_bad_condition_keeps_the_cohort_before(binary, show, texts):
    at = show(binary, where="age < 30")
    n = cohort_n(binary, "age < 30")
    at.text_area[0].set_value("age > 1000")
    next(b for b in at.button if b.label == "Apply").click().run()
    assert len(at.error) == 1
    assert f"{n:,} of 300 rows" in texts(at)
    assert at.query_params["where"] in ("age < 30", ["age < 30"])


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999", "drop table", "", "0.5'--"])
def test_a_bad_threshold_in_a_link_is_a_box(value, binary, show):
    at = show(binary, threshold=value)
    assert not at.exception
    assert len(at.error) == 1
    assert "threshold" not in at.query_params


@pytest.mark.parametrize(
    "params",
    [
        {"slice_metrics.bins": "banana"},
        {"slice_metrics.bins": "-3"},
        {"slice_metrics.bins": "1e9"},
        {"slice_metrics.by": "nothing"},
        {"slice_metrics.by": "age*nothing"},
        {"slice_metrics.metrics": "<script>"},
        {"slice_metrics.level": "nan"},
        {"find_slices.metric": "acuracy"},
        {"find_slices.metric": "mae"},
        {"find_slices.columns": "agee"},
        {"find_slices.depth": "4"},
        {"find_slices.support": "-1"},
        {"error_tree.columns": "agee"},
        {"error_tree.max_leaves": "1"},
        {"error_heatmap.x": "agee"},
        {"error_heatmap.bins": "99"},
    ],
)
def test_bad_settings_in_a_link_are_a_box(params, binary, show, go):
    at = show(binary, "slices", **params)
    assert not at.exception
    assert len(at.error) == 1
    assert not set(params) & set(at.query_params)


@pytest.mark.parametrize("where", [{}, {"where": "age < 30"}])
def test_what_cannot_stand_beside_a_cohort_is_a_box(where, binary, show):
    at = show(binary, beside="zzz\u202e", **where)
    assert not at.exception
    assert len(at.error) == 1
    assert "zzz" in at.error[0].value
    assert "\u202e" not in at.error[0].value
    assert "beside" not in at.query_params
    assert not at.run().error, "it is told once"


def test_an_unknown_column_of_a_setting_is_named_as_one(binary, show, go):
    at = show(binary, "slices", **{"slice_metrics.by": "nothing"})
    assert "the name of a column for 'Slice by'" in at.error[0].value


def test_unknown_parameters_are_dropped_and_nothing_breaks(binary, show):
    at = show(binary, x="1", **{"no.such": "2", "..": "3", "slices.cross": "maybe"})
    assert not at.exception
    assert not at.error
    assert "x" not in at.query_params


def test_a_link_to_a_model_that_is_not_open(binary, show):
    at = show(binary, model="0123456789")
    assert not at.exception
    assert "model" in at.error[0].value


def test_good_settings_in_a_link_are_used(binary, show):
    at = show(binary, "slices", **{"slice_metrics.by": ["age", "city"], "slice_metrics.bins": "3"})
    assert not at.error
    assert at.multiselect(key="slice_metrics.by").value == ["age", "city"]
    assert at.slider(key="slice_metrics.bins").value == 3


def test_a_widget_writes_the_address(binary, show):
    at = show(binary, "slices")
    at.slider(key="slice_metrics.bins").set_value(7).run()
    assert at.query_params["slice_metrics.bins"] in ("7", ["7"])
    at.slider(key="slice_metrics.bins").set_value(5).run()
    assert "slice_metrics.bins" not in at.query_params


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        (Setting(name="n", kind="integer", low=1, high=9), 3),
        (Setting(name="x", kind="number"), 0.1),
        (Setting(name="b", kind="flag"), False),
        (Setting(name="c", kind="choice", choices=(1, "two")), 1),
        (Setting(name="f", kind="features"), ["age", "city"]),
        (Setting(name="k", kind="class"), "yes"),
        (Setting(name="t", kind="text"), "a&b=c"),
        (Setting(name="r", kind="row"), 12),
    ],
)
def test_settings_come_back_from_the_address_as_they_were(setting, value, binary):
    assert decode(setting, encode(value), binary) == value


def test_widgets_make_the_condition_that_selects_those_rows(binary, show, texts):
    at = show(binary)
    at.selectbox(key="mg.column").set_value("city").run()
    at.multiselect(key="mg.values city").set_value(["Oslo", "Rome"]).run()
    at.button(key="mg.apply").click().run()
    assert at.query_params["where"] in [(w := "\"city\" IN ('Oslo', 'Rome')"), [w]]
    assert f"{binary.frame['city'].isin(['Oslo', 'Rome']).sum():,} of 300 rows" in texts(at)


def test_a_range_leaves_out_the_open_sides(binary, show):
    at = show(binary)
    at.selectbox(key="mg.column").set_value("age").run()
    low, _ = at.slider(key="mg.range age").value
    at.slider(key="mg.range age").set_value((low, 40)).run()
    at.button(key="mg.apply").click().run()
    assert at.query_params["where"] in ['"age" <= 40', ['"age" <= 40']]
    assert cohort.MISSING  # a column without missing values offers none


def test_a_widget_is_given_its_value_also_as_its_default(binary, show):
    """What Streamlit sets from the session is lost where a rerun overtakes it; the browser then shows the default."""
    at = show(binary, "slices", threshold="0.7", **{"slice_metrics.bins": "7", "slice_metrics.by": "city"})
    assert list(at.slider(key="slice_metrics.bins").proto.default) == [7]
    assert list(at.slider(key="mg.threshold").proto.default) == [0.7]
    assert len(at.multiselect(key="slice_metrics.by").proto.default) == 1
    at = show(binary, "row", **{"row.row": "12", "edit.columns": "age", "edit.age": "44"})
    assert at.number_input(key="mg.row").proto.default == 12
    assert at.number_input(key="mg.edit.age").proto.default == 44
    assert at.number_input(key="lime_weights.n_features").proto.default == 10
    given = {"kind": "wrong", "n": "25", "descending": "yes", "find": "", "start": "25"}
    at = show(binary, "predictions", **{f"listing.{name}": value for name, value in given.items() if value})
    kinds = at.selectbox(key="mg.listing.kind")
    assert kinds.options[kinds.proto.default] == "wrong"
    assert not at.selectbox(key="mg.listing.actual").proto.HasField("default")
    assert at.selectbox(key="mg.listing.n").proto.default == 0
    assert at.toggle(key="mg.listing.descending").proto.default is True
    at = show(binary, "predictions", **{"listing.find": "7"})
    assert at.text_input(key="mg.listing.find").proto.default == "7"
