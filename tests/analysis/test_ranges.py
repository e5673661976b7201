"""Numbers and times cut in two: the conditions select exactly the rows of the codes, missing stays apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from modelglass.analysis.coding import code_column
from modelglass.analysis.columns import infer_columns
from modelglass.analysis.conditions import Conditions
from modelglass.analysis.discovery import find_slices, searched_codings
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.ranges import ranges

RNG = np.random.default_rng(0)
COLUMNS = {
    "skewed": np.exp(RNG.normal(3, 1, 500)),
    "counts": RNG.poisson(3, 500),
    "many zeros": np.where(RNG.random(500) < 0.6, 0.0, RNG.gamma(2, 5, 500)),
    "with missing": np.where(RNG.random(500) < 0.2, np.nan, RNG.normal(size=500)),
    "days": pd.Timestamp("2023-01-10") + pd.to_timedelta(RNG.integers(0, 500, 500), "D"),
}


@pytest.mark.parametrize("name", list(COLUMNS))
def test_conditions_select_the_rows_of_the_codes(name):
    frame = pd.DataFrame({name: COLUMNS[name]})
    columns = infer_columns(frame)
    coding = code_column(frame[name], columns[name], bins=4)
    cuts = ranges(coding)
    assert len(cuts) == len(coding.bounds) - 1 >= 2
    run = Conditions(frame, columns)
    for cut in cuts:
        assert len(cut.labels) == len(cut.conditions) == 2 + frame[name].isna().any()
        for level, condition in enumerate(cut.conditions):
            np.testing.assert_array_equal(run.mask(condition), cut.codes == level)


def test_two_levels_are_cut_already():
    frame = pd.DataFrame({"two": [0, 1] * 50})
    assert ranges(code_column(frame["two"], infer_columns(frame)["two"])) == []


def test_a_slice_from_some_value_on_is_one_slice():
    """Half of the values of one column and a level of another: no bin alone holds them."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"size": rng.gamma(2, 10, 6000).round(1), "kind": rng.choice(list("abcde"), 6000)})
    bad = (frame["size"] > frame["size"].median()) & (frame["kind"] == "b")
    y = rng.normal(size=6000) + bad
    ev = Evaluation.from_predictions(y, np.zeros(6000), frame=frame, task="regression")
    first = ev.where(find_slices(ev, metric="bias").frame()["where"][0])
    assert np.isin(first.rows, np.flatnonzero(bad)).mean() > 0.9
    assert np.isin(np.flatnonzero(bad), first.rows).mean() > 0.9


def test_each_column_is_cut_once():
    frame = pd.DataFrame({"a": np.arange(500.0), "b": RNG.choice(list("xy"), 500)})
    ev = Evaluation.from_predictions(np.arange(500.0), np.zeros(500), frame=frame)
    cut = [c for c in searched_codings(ev) if c.column == "a" and len(c.labels) == 2]
    assert len(cut) == 3
