"""A package that is not ours and is broken: what it declares is left out, what fails is told as its fault, and all else stands."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from modelglass.analysis import registry
from modelglass.analysis.errors import GuestFailed, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.registry import Analysis, run
from modelglass.app.report.build import report


def fails(ev):
    return 1 / 0


def text(ev):
    return "no result"


def refuses(ev):
    raise NotApplicable("it is Monday")


def record(name, compute):
    return Analysis(name=name, title=f"Guest {name}", question="?", page="overview", compute=compute)


HERE = __name__
GOOD = [record(n, f"{HERE}:{n}") for n in ("fails", "text", "refuses")]
POINTS = {
    "guest:RECORDS": lambda: [*GOOD, record("gone", "modelglass_nowhere.digits:gone")],
    "guest:TEXT": lambda: "no analysis",
    "guest:NUMBER": lambda: 5,
    "guest:AMONG": lambda: [None, 7],
    "guest:RAISES": lambda: fails(None),
}


@pytest.fixture
def guests(monkeypatch):
    points = [SimpleNamespace(name=value, value=value, load=load) for value, load in POINTS.items()]
    ours = tuple(registry.entry_points(group=registry.GROUP))
    monkeypatch.setattr(registry, "entry_points", lambda group: (*ours, *points))
    registry.analyses.cache_clear()
    yield
    registry.analyses.cache_clear()


@pytest.fixture
def ev():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 60)
    return Evaluation.from_predictions(y, y, frame=pd.DataFrame({"a": rng.normal(size=60)}), task="binary", positive=1)


def test_what_is_no_analysis_is_left_out_and_logged(guests, caplog):
    with caplog.at_level(logging.WARNING):
        known = registry.analyses()
    assert {"fails", "text", "refuses", "gone", "performance"} <= set(known)
    said = "\n".join(r.getMessage() for r in caplog.records)
    assert "Of what 'guest:TEXT' declares, 11 are no Analysis and left out, as 'n'" in said
    assert "Of what 'guest:AMONG' declares, 2 are no Analysis and left out, as None" in said
    assert "'guest:NUMBER' could not be loaded: 'int' object is not iterable" in said
    assert "'guest:RAISES' could not be loaded: division by zero" in said


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("fails", "ZeroDivisionError: division by zero"),
        ("text", "gave a str instead of a Result"),
        ("gone", "ModuleNotFoundError: No module named 'modelglass_nowhere'"),
    ],
)
def test_the_fault_of_a_guest_is_told_as_such(name, why, guests, ev):
    with pytest.raises(GuestFailed, match="The fault is that package's") as told:
        run(ev, name)
    assert why in told.value.came
    assert repr(name) in told.value.expected


def test_a_guest_may_refuse(guests, ev):
    assert run(ev, "refuses").reason == "it is Monday"


def test_a_fault_of_ours_stays_one(monkeypatch, ev):
    ours = record("ours", "modelglass.analysis.slices:slice_metrics")
    monkeypatch.setattr("modelglass.analysis.slices.slice_metrics", fails)
    with pytest.raises(ZeroDivisionError):
        run(ev, ours)


def test_the_report_says_so_in_place_and_stands(guests, ev, tmp_path):
    report(ev, tmp_path / "r.html", analyses=["performance", "text", "fails"])
    page = (tmp_path / "r.html").read_text()
    assert page.count("This failed.") == 2
    assert "gave a str instead of a Result" in page
    assert "Accuracy" in page
