"""What is said of each column."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import modelglass as mg
from modelglass.analysis import column_facts
from modelglass.analysis.column_facts import measure
from modelglass.analysis.columns import infer_columns
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.registry import run

N = 120
FRAME = pd.DataFrame(
    {
        "age": np.where(np.arange(N) % 4 == 0, np.nan, np.arange(N) % 50),
        "sex": ["f", "m", "f"] * 40,
        "when": pd.date_range("2024-01-01", periods=N, freq="D"),
        "name": [f"person {i}" for i in range(N)],
        "said": [f"one two three four five {'six ' * (i % 3)}{i}" for i in range(N)],
        "tags": [["a"]] * N,
        "empty": [None] * N,
        "many": [f"l{i % 60}" for i in range(N)],
        "y": np.arange(N) % 2,
    }
)
SAID = {"age": {"description": "Age at application", "unit": "years", "expected": "rising"}}


@pytest.fixture(scope="module")
def ev():
    return mg.Evaluation.from_predictions(FRAME["y"], FRAME["y"], frame=FRAME, target="y", columns=SAID)


def test_facts_of_each_kind(ev):
    table = column_facts(ev).frame().set_index("column")
    assert table["kind"].to_dict() == {
        "age": "numeric", "sex": "categorical", "when": "datetime", "name": "id", "said": "text", "tags": "other",
        "empty": "numeric", "many": "categorical", "y": "numeric",
    }  # fmt: skip
    assert table.loc["age", "holds"] == f"0 to 49, median {np.nanmedian(FRAME['age']):g}"
    assert (table.loc["age", "missing"], table.loc["age", "missing_share"]) == (30, 0.25)
    assert (table.loc["age", "description"], table.loc["age", "unit"]) == ("Age at application", "years")
    assert (table.loc["age", "expected"], table.loc["sex", "expected"]) == ("rising", "")
    assert table.loc["sex", "holds"] == "'f' 67%, 'm' 33%"
    assert table.loc["when", "holds"] == "2024-01-01 to 2024-04-29"
    assert table.loc["name", "holds"] == table.loc["tags", "holds"] == table.loc["empty", "holds"] == ""
    words = [len(t.split()) for t in FRAME["said"]]
    assert f"{np.median(words):g} words (median; {min(words)} to {max(words)})" in table.loc["said", "holds"]
    assert "characters" in table.loc["said", "holds"]
    assert "Never offered for slicing" in table.loc["name", "note"]
    assert "the 50 most frequent of 60 levels" in table.loc["many", "note"]
    assert table.loc["y", "role"] == "target"
    assert table.loc["empty", "note"] == "All values are missing."


def test_sentence(ev):
    said = column_facts(ev).sentence()
    assert said.startswith("9 columns of 120 rows: 3 numeric, 2 categorical")
    assert said.endswith("2 have missing values, most of all empty (100.0% of the rows).")
    whole = mg.Evaluation.from_predictions([0, 1], [0, 1], frame=pd.DataFrame({"a": [1, 2]}))
    assert column_facts(whole).sentence() == "2 columns of 2 rows: 2 numeric. Nothing is missing."


def test_a_cohort_counts_its_own_rows(ev):
    cohort = column_facts(ev.where("sex = 'm'")).frame().set_index("column")
    assert cohort["n"].unique().tolist() == [40]
    assert cohort.loc["age", "missing"] == 10
    assert cohort.loc["sex", "holds"] == "'m' 100%"


def test_declared_and_drawn(ev):
    outcome = run(ev, "column_facts")
    made = mg.figure(outcome.result)
    assert made.data[0].x[0] == 1.0
    assert list(made.layout.yaxis.ticktext) == ["empty", "age"]
    assert "Age at application" in made.data[0].hovertext[1]


def test_nothing_is_drawn_where_nothing_is_missing():
    whole = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": ["x", "y", "x"]})
    with pytest.raises(NotApplicable, match="no column has missing values"):
        mg.figure(measure(whole, infer_columns(whole)))
    whole.loc[0, "a"] = None
    assert len(mg.figure(measure(whole, infer_columns(whole))).data[0].x) == 1
