"""Cohorts that a hand wrote into the file: each way to use them ends in words, the page stands, and the file keeps what it held."""

from __future__ import annotations

import json

import pytest

from modelglass.app import workspace

HAND_WRITTEN = {
    "injected": ("1=1) OR read_csv('/etc/passwd') IS NOT NULL OR (1=1", "Expected"),
    "two statements": ("age < 30; DROP TABLE rows", "one condition and nothing after it"),
    "a file": ("read_csv('/etc/passwd') = 1", "read_csv"),
    "of other data": ("postcode = 'SW1'", "postcode"),
    "misspelled": ("agee < 30", "Did you mean 'age'"),
    "empty one": ("age > 1000", "Loosen the condition"),
    "no condition": ("age", "true or false for each row"),
    "a NUL": ("age < 30\0", "none of them NUL"),
    "half written": ("age <", "DuckDB says"),
    ":red[bold] <b>$x$": ("city = 'nowhere'", "Loosen the condition"),
}


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELGLASS_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def written(ev, cohorts):
    same = {"data": "d.csv", "fingerprint": ev.source.data_fingerprint, "when": "2026-01-01T00:00:00Z"}
    content = {"version": 1, "cohorts": [{"name": name, "condition": sql, **same} for name, sql in cohorts.items()]}
    workspace.place().write_text(json.dumps(content))


def told(at):
    return "\n".join(e.value for e in at.error).replace("\\", "")


def test_hand_written_conditions_are_refused_where_they_are_used(binary, show):
    """By the list beside the page, and by a link; what was chosen before stays chosen."""
    written(binary, {"good": "age < 30"} | {name: sql for name, (sql, _) in HAND_WRITTEN.items()})
    before = workspace.place().read_text()
    at = show(binary, where="age < 60")
    for name, (_, said) in HAND_WRITTEN.items():
        next(s for s in at.selectbox if s.key == "mg.saved").set_value(name).run()
        at = next(b for b in at.button if b.key == "mg.saved_use").click().run()
        assert not at.exception, name
        assert said in told(at), (name, told(at))
        assert "Traceback" not in told(at)
        assert at.query_params["where"] in ("age < 60", ["age < 60"]), name
    next(s for s in at.selectbox if s.key == "mg.saved").set_value("good").run()
    at = next(b for b in at.button if b.key == "mg.saved_use").click().run()
    assert not at.error
    assert at.query_params["where"] in ("age < 30", ["age < 30"])
    assert workspace.place().read_text() == before


@pytest.mark.parametrize("name", ["injected", "of other data", "empty one", "a NUL"])
def test_a_link_to_a_hand_written_cohort_is_refused_and_the_page_stands(name, binary, show):
    written(binary, {name: HAND_WRITTEN[name][0]})
    at = show(binary, cohort=name)
    assert not at.exception
    assert HAND_WRITTEN[name][1] in told(at)
    assert "where" not in at.query_params
    assert len(at.metric) > 3


def test_a_hand_written_cohort_beside_another_is_refused(binary, show):
    written(binary, {name: HAND_WRITTEN[name][0] for name in ("injected", "of other data")})
    at = show(binary, where="age < 60")
    for name in ("injected", "of other data"):
        at = next(s for s in at.selectbox if s.key == "mg.beside").set_value(f"Cohort {name}").run()
        assert not at.exception
        assert HAND_WRITTEN[name][1] in told(at)
        assert len(at.metric) > 3


@pytest.mark.parametrize(
    "content", [b'{"version": 1, "cohorts": [', b"\xff\xfe\x00", b'{"version": 1, "cohorts": [{"name": 3}]}']
)
def test_a_broken_file_costs_nobody_the_page_and_is_kept(content, binary, show, own_home):
    workspace.place().write_bytes(content)
    at = show(binary, where="age < 60")
    assert not at.exception
    assert ".broken-" in told(at)
    assert [(own_home / name).read_bytes() for name in workspace.set_aside()] == [content]
    assert len(at.metric) > 3
    at = at.run()  # it starts anew
    assert not at.error
    next(t for t in at.text_input if t.key == "mg.save_name").set_value("young")
    at = next(b for b in at.button if b.key == "mg.save").click().run()
    assert not at.error
    assert [c.name for c in workspace.cohorts_of(binary)] == ["young"]


def test_a_file_broken_while_the_page_is_open_is_kept_when_a_cohort_is_saved(binary, show, own_home):
    at = show(binary, where="age < 60")
    next(t for t in at.text_input if t.key == "mg.save_name").set_value("young")
    workspace.place().write_bytes(b"{")
    at = next(b for b in at.button if b.key == "mg.save").click().run()
    assert not at.exception
    assert ".broken-" in told(at)
    assert [(own_home / name).read_bytes() for name in workspace.set_aside()] == [b"{"]
    at = next(b for b in at.button if b.key == "mg.save").click().run()
    assert [c.name for c in workspace.cohorts_of(binary)] == ["young"]
