"""Cohorts without a browser: what stands beside, the way back, thresholds that empty a cohort, links that are too long."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from modelglass.analysis import registry
from modelglass.analysis.source import Source
from modelglass.app import workspace
from modelglass.app.dashboard import state, walk, work


def test_the_rest_stands_beside_the_cohort_on_every_page(binary, show, go, texts):
    n = binary.where("age < 30").n
    at = show(binary, where="age < 30", beside="rest")
    for page in ("overview", "slices", "errors", "curves"):
        go(at, page)
        assert not at.error
        assert f"The rest: {binary.n - n} rows" in texts(at)
        assert f"All {binary.n} rows" not in texts(at)
        assert at.query_params["beside"] in ("rest", ["rest"])
    rest = binary.where("age < 30").rest()
    go(at, "overview")
    shown = [m.value for m in at.metric if m.label == "Accuracy"]
    assert shown == [f"{(e.y == e.predicted).mean():.3f}" for e in (binary.where("age < 30"), rest)]


def test_another_cohort_beside_it_by_link_and_by_name(binary, show, texts, monkeypatch, tmp_path):
    monkeypatch.setenv("MODELGLASS_HOME", str(tmp_path))
    workspace.save_cohort("the old", "age > 60", binary)
    at = show(binary, where="age < 30")
    assert at.selectbox(key="mg.beside").options == ["All rows", "The rest", "Cohort the old"]
    at.selectbox(key="mg.beside").set_value("Cohort the old").run()
    assert at.query_params["beside.where"] in ("age > 60", ["age > 60"])
    assert f"Other cohort: {binary.where('age > 60').n} rows" in texts(at)
    fresh = show(binary, where="age < 30", **{"beside.where": "age > 50"})
    assert f"Other cohort: {binary.where('age > 50').n} rows" in texts(fresh)
    assert fresh.selectbox(key="mg.beside").value == "Another cohort"
    at.selectbox(key="mg.beside").set_value("All rows").run()
    assert "beside.where" not in at.query_params


@pytest.mark.parametrize(
    "params",
    [
        {"beside.where": "nothing = 1"},
        {"beside.where": "age > 1000"},
        {"beside.where": "(SELECT 1) = 1"},
        {"beside.where": "_error = 3"},
    ],
)
def test_what_cannot_stand_beside_is_told_and_dropped(params, binary, show, texts):
    at = show(binary, where="age < 30", **params)
    assert not at.exception
    assert len(at.error) == 1
    assert "beside.where" not in at.query_params
    assert f"All {binary.n} rows" in texts(at)


def test_all_rows_have_no_rest(binary, show):
    at = show(binary, where="age > 0", beside="rest")
    assert "no rest" in at.error[0].value
    assert "beside" not in at.query_params
    assert "nonsense" in show(binary, where="age < 30", beside="nonsense").error[0].value


def test_a_threshold_that_empties_the_cohort_is_told(binary, show, texts):
    at = show(binary, where="_prediction = 'yes'", threshold="1.0")
    assert not at.exception
    assert "No row" in at.error[0].value
    assert "where" not in at.query_params
    assert len(at.metric) > 3


def test_the_way_back(binary, show, texts):
    at = show(binary, where="age < 30")
    at.text_area[0].set_value("age < 40")
    next(b for b in at.button if b.label == "Apply").click().run()
    at.button(key="mg.all_rows").click().run()
    assert "where" not in at.query_params
    for where in ("age < 40", "age < 30"):
        at.button(key="mg.back").click().run()
        assert at.query_params["where"] in (where, [where])
    assert not [b for b in at.button if b.key == "mg.back"]


def test_a_cohort_that_no_link_can_hold_is_refused(binary, show):
    rows = ",".join(map(str, range(9000, 19_000)))
    at = show(binary, where="age < 30")
    at.text_area[0].set_value(f"_row IN (1,{rows})")
    next(b for b in at.button if b.label == "Apply").click().run()
    assert "fits into a link" in at.error[0].value
    assert at.query_params["where"] in ("age < 30", ["age < 30"])


def test_thousands_of_rows_are_a_cohort_and_are_shown_short(binary, show, texts):
    where = f"_row IN ({','.join(map(str, range(0, 300, 2)))}," + ",".join(map(str, range(100_000, 104_850))) + ")"
    at = show(binary, where=where)
    assert not at.error
    assert "150 of 300 rows" in texts(at)
    assert at.query_params["where"] in (where, [where])
    assert max(len(c.value) for c in [*at.caption, *at.markdown, *at.code]) < 3_000


def test_a_side_is_known_by_its_condition(binary):
    cohort, rest = binary.where("age < 30"), binary.where("age < 30").rest()
    desk = state.Desk(binary, cohort, "age < 30", ("The rest", rest, rest.condition))
    assert desk.side_of("age < 30") == ("age < 30", cohort.n)
    assert desk.side_of(rest.condition) == (rest.condition, rest.n)
    assert desk.side_of(None) == (None, binary.n)
    assert desk.other is rest
    assert [label.split(":")[0] for label, _ in desk.sides] == ["Cohort", "The rest"]


def test_the_same_rows_spelled_otherwise_are_another_result(binary):
    one, other = binary.where("city = 'Rome'"), binary.where("\"city\" = 'Rome'")
    assert one.fingerprint == other.fingerprint
    assert work.key_of(one, "slice_metrics", {}) != work.key_of(other, "slice_metrics", {})
    analysis = registry.get("slice_metrics")
    for ev in (one, other):  # a click on a mark is understood by the condition that its result names
        assert work.outcome(analysis, ev, {"by": ["age"]}).result.source.condition == ev.condition


def test_an_opened_condition_is_no_part_of_the_link(binary):
    base = binary.where("income > 2")
    cohort = base.where("age < 30")
    desk = state.Desk(base, cohort, "age < 30")
    assert desk.side_of(cohort.condition) == ("age < 30", cohort.n)
    assert walk.relative(f"({cohort.condition}) AND city = 'Oslo'", cohort.condition) == "city = 'Oslo'"
    assert walk.relative(cohort.condition, cohort.condition) == "TRUE"
    assert Source(condition="x" * 5_000).text().count("x") < 700


def test_what_the_threshold_leaves_alone_is_looked_at_in_the_rows_it_chooses(binary):
    """An analysis that never reads the threshold is kept over its moves, but for the rows that it decides on."""
    never = registry.Analysis(
        name="never", title="", question="", page="x", compute=f"{__name__}:rows_seen", reads_threshold="never"
    )
    other = replace(never, settings=(registry.Setting(name="other", kind="text"),))
    assert rows_of(never, binary.with_threshold(0.7), {}) == (None, binary.n)
    moved = binary.with_threshold(0.7).where("_prediction = 'yes'")
    assert rows_of(never, moved, {}) == (0.7, moved.n)
    assert rows_of(other, binary.with_threshold(0.7), {"other": "_error = 1"}) == (0.7, binary.n)
    assert rows_of(other, binary.with_threshold(0.7), {"other": "age < 30"}) == (None, binary.n)
    assert rows_of(other, binary.with_threshold(0.7), {"other": "age <"}) == (0.7, binary.n)


def rows_of(analysis, ev, settings):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work, "_outcome", lambda analysis, ev, settings: SimpleNamespace(result=None, seen=ev))
        seen = work.outcome(analysis, ev, settings).seen
    return seen.threshold, seen.n
