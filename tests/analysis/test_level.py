"""The level of intervals: whatever takes one refuses 95 where 0.95 is meant, instead of giving no intervals in silence."""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

import modelglass as mg
from modelglass.analysis.errors import InputError
from modelglass.analysis.registry import analyses

NEEDED = {
    "row": 3,
    "this": "a",
    "that": "b",
    "feature": "x",
    "changes": "x += 1",
    "other": "x > 0",
    "groups": ["g"],
    "by": "g",
}
TAKING = [a for a in analyses().values() if "level" in inspect.signature(a.function()).parameters]


@pytest.fixture(scope="module")
def evaluations():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=60), "z": rng.normal(size=60), "g": rng.choice(["p", "q"], 60)})
    made = {}
    for task, y in {
        "binary": np.where(frame.x > 0, "a", "b"),
        "multiclass": np.array(list("abc"))[np.digitize(frame.x, [-0.5, 0.5])],
        "regression": frame.x * 2 + frame.z,
    }.items():
        model = (LinearRegression() if task == "regression" else LogisticRegression()).fit(frame[["x", "z"]], y)
        quantiles = {0.05: frame.x - 3, 0.95: frame.x + 3} if task == "regression" else None
        made[task] = mg.Evaluation(model, frame.assign(y=y), target="y", quantiles=quantiles)
    return made


@pytest.mark.parametrize("level", [95, "0.95"])
@pytest.mark.parametrize("analysis", TAKING, ids=lambda a: a.name)
def test_a_level_that_is_no_share_is_refused(analysis, level, evaluations):
    task = next(t for t in ("binary", "multiclass", "regression") if t in analysis.tasks)
    takes = inspect.signature(analysis.function()).parameters
    given = {
        k: v for k, v in NEEDED.items() if k in takes and (takes[k].default is takes[k].empty or k in ("groups", "by"))
    }
    with pytest.raises(InputError, match="level between 0 and 1"):
        analysis.function()(evaluations[task], level=level, **given)


@pytest.mark.parametrize("sql", [None, [], ["x > 0"], 5, pd.Series([True])])
def test_a_condition_is_a_text(sql, evaluations):
    with pytest.raises(InputError, match="condition in SQL"):
        evaluations["binary"].where(sql)
