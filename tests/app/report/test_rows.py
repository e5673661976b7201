"""Rows of the data reach the report only when asked for: also not in charts that are packed."""

from __future__ import annotations

import base64
import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from modelglass.analysis import registry
from modelglass.analysis.adversarial import adversarial
from modelglass.analysis.evaluation import Evaluation
from modelglass.app.report import report

N = 300
NAMES = ("shapley_values", "label_errors", "partial_dependence", "projection", "worst_rows", "residuals")
"""All that has marks of single rows; ``test_adult`` looks at the charts of every analysis."""


@pytest.fixture(scope="module", params=["binary", "regression"])
def ev(request):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=N), "b": rng.normal(size=N), "c": rng.integers(0, 5, N)})
    z = X.a + X.b / 2 + rng.normal(size=N) / 2
    if request.param == "regression":
        return Evaluation(LinearRegression().fit(X, z), X.assign(t=z), target="t")
    y = (z > 0).map({True: "yes", False: "no"})
    wrong = y.where(rng.random(N) > 0.05, y.map({"yes": "no", "no": "yes"}))
    return Evaluation(LogisticRegression().fit(X, y), X.assign(t=wrong), target="t")


def numbers(values):
    if isinstance(values, dict):
        return np.frombuffer(base64.b64decode(values["bdata"]), dtype=values["dtype"])
    return np.asarray(values, dtype=float)


def test_no_chart_tells_rows_unless_they_are_asked_for(ev, tmp_path, reading):
    chosen = [registry.get(n) for n in NAMES if ev.task in registry.get(n).tasks]
    text = report(ev, tmp_path / "r.html", analyses=chosen).read_text(encoding="utf-8")
    charts = reading.check_rows(text)
    assert "chart-shapley_values-0" in charts
    if ev.task == "binary":
        assert "chart-label_errors-0" in charts
    swarms = [t for t in json.loads(charts["chart-shapley_values-0"])["data"] if t["type"] == "scatter"]
    assert len(swarms) == 3
    for trace in swarms:  # in the order of the data, points at one position of two columns would be one row
        assert (np.diff(numbers(trace["x"])) >= 0).all()
        assert not {"hovertext", "customdata", "text", "hovertemplate"} & set(trace)


@pytest.mark.parametrize("asked", [False, True])
def test_cheapest_changes_are_listed_before_and_after_where_rows_are_asked_for(ev, tmp_path, reading, asked):
    """They were on the page and in the JSON alone."""
    record, heading = registry.get("adversarial"), "Rows whose answer changes most cheaply"
    settings = {"adversarial": {"rows": 40, "rounds": 1, "budget": 600.0}}
    made = report(ev, tmp_path / "r.html", analyses=[record], settings=settings, include_rows=asked)
    text = made.read_text(encoding="utf-8")
    (article,) = reading.Read(text).articles["adversarial"]
    assert heading in text
    worst = adversarial(ev, rows=40, rounds=1, budget=600.0).worst()
    assert len(worst) == 10
    if not asked:
        assert len(article["tables"]) == 1
        assert "adversarial(ev).tables() in Python gives it" in text
        assert not any(change in text for change in worst.change)
        return
    head, *rows = article["tables"][1]
    assert head == list(worst.columns)
    assert [(int(r[0]), r[2]) for r in rows] == list(zip(worst.row, worst.change, strict=True))


def test_asked_for_they_are_there(ev, tmp_path, reading):
    text = report(ev, tmp_path / "r.html", analyses=[registry.get("shapley_values")], include_rows=True).read_text(
        "utf-8"
    )
    assert reading.ROW.search(reading.unpacked(text)["chart-shapley_values-0"])
