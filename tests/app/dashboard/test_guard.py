"""Whatever a guest does wrong is a box in its place: no stack trace, the rest of the page stands, the log has the trace."""

import itertools
import logging
from pathlib import Path

import pytest

import modelglass.app.dashboard
from modelglass.analysis import registry
from modelglass.analysis.registry import Analysis, Setting
from modelglass.app.dashboard import cohort, edit, guard, sidebar
from modelglass.app.dashboard.views import export

APOLOGY = "did not expect"
_numbers = itertools.count()


@pytest.fixture
def guest(monkeypatch):
    """A function: declare a guest analysis whose compute function is given."""

    def declared(function, **record):
        name = f"guest_{next(_numbers)}"  # results are cached by name: a guest of another test must not be met again
        analysis = Analysis(
            **{"name": name, "title": "Guest", "question": "What?", "page": "guests", "compute": "x:y", **record}
        )
        monkeypatch.setitem(registry.analyses(), name, analysis)
        known = Analysis.function
        monkeypatch.setattr(Analysis, "function", lambda self: function if self.name == name else known(self))
        return analysis

    return declared


def fails(*_, **__):
    raise ZeroDivisionError("one by nothing")


def boxes(at):
    assert not at.exception
    return [e.value for e in at.error if APOLOGY in e.value]


def test_a_guest_that_fails_is_a_box_and_the_log_has_the_trace(guest, binary, show, caplog):
    guest(fails)
    with caplog.at_level(logging.ERROR):
        at = show(binary, "guests")
    assert not at.exception
    assert [e.value.count("The fault is that package") for e in at.error] == [1]
    assert "ZeroDivisionError" in at.error[0].value
    assert any(r.exc_info and isinstance(r.exc_info[1].__cause__, ZeroDivisionError) for r in caplog.records)


def test_a_guest_with_a_setting_that_makes_no_sense(guest, binary, show):
    guest(fails, settings=(Setting(name="n", kind="integer", default="many", low=1, high=3),))
    assert len(boxes(show(binary, "guests"))) == 1


def test_a_guest_whose_result_cannot_be_told(guest, binary, show):
    guest(lambda ev: object())
    at = show(binary, "guests")
    assert not at.exception
    assert ["gave a object instead of a Result" in e.value for e in at.error] == [True]


@pytest.mark.parametrize(
    ("where", "name", "page", "params"),
    [
        (cohort, "_condition", "", {}),
        (sidebar, "about", "", {}),
        (sidebar, "_range", "", {"threshold": "0.5"}),
        (export, "for_report", "export", {}),
        (export, "offered", "export", {}),
        (edit, "_value", "row", {"edit.columns": "age", "row.row": "3"}),
        (edit, "_answer", "row", {"edit.columns": "age", "row.row": "3"}),
    ],
)
def test_every_part_that_fails_is_a_box(where, name, page, params, binary, show, monkeypatch):
    at = show(binary, page, **params) if name == "_condition" else None
    monkeypatch.setattr(where, name, fails)
    if at is None:
        at = show(binary, page, **params)
    else:
        at.selectbox(key="mg.column").set_value("age").run()
    assert boxes(at)
    assert len(at.title) == 1 or name == "about"


def test_a_callback_that_fails_is_told(binary, show, monkeypatch):
    at = show(binary)
    monkeypatch.setattr(sidebar.state, "choose_threshold", fails)
    at.toggle(key="mg.decide").set_value(True).run()
    assert len(boxes(at)) == 1
    assert len(at.metric) > 3


def test_every_fragment_goes_through_the_guard():
    room = Path(modelglass.app.dashboard.__file__).parent
    users = [p.name for p in room.rglob("*.py") if "st.fragment(" in p.read_text() or "@st.fragment" in p.read_text()]
    assert users == [Path(guard.__file__).name]


def test_another_row_starts_unedited(binary, show):
    at = show(binary, "row", **{"row.row": "3", "edit.columns": "age", "edit.age": "33"})
    assert at.number_input(key="mg.edit.age").value == 33
    at.number_input(key="mg.row").set_value(5).run()
    assert not [n for n in at.query_params if n.startswith("edit.")]
    at.multiselect(key="mg.edit").set_value(["age"]).run()
    assert at.number_input(key="mg.edit.age").value == int(binary.frame["age"].iloc[5])
