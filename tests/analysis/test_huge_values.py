"""Outcomes in huge units: the same answers in that unit and no warnings, up to where they are refused in words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from modelglass.analysis import findings, performance, slice_metrics
from modelglass.analysis.errors import InputError
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.outcome import LARGEST

METRICS = ["rmse", "mae", "bias", "r2", "median_absolute_error"]
N = 800


def frame(unit=1.0):
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"a": rng.normal(size=N), "b": rng.normal(size=N), "g": rng.choice(list("xy"), N)})
    return data.assign(y=(data["a"] + 0.3 * rng.standard_t(3, N) + 0.5 * (data["g"] == "x")) * unit)


def evaluation(unit, weighted=False):
    data = frame(unit)
    weight = np.random.default_rng(1).gamma(2, 1, N) if weighted else None
    return Evaluation.from_predictions(
        data["y"], data["a"].to_numpy() * unit, frame=data.assign(w=1.0 if weight is None else weight), target="y",
        task="regression", weight="w" if weighted else None, ignore=[] if weighted else ["w"],
    )  # fmt: skip


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("power", [-130, 60, 127])
def test_metrics_and_their_intervals_go_with_the_unit(power, weighted):
    """2^127 is 1.7e38: errors to the eighth power would be no numbers."""
    small, large = (
        slice_metrics(evaluation(unit, weighted), by="g", metrics=METRICS).frame() for unit in (1.0, 2.0**power)
    )
    unit = np.where(small["metric"] == "r2", 1.0, 2.0**power)
    for column in ("estimate", "low", "high"):
        np.testing.assert_allclose(large[column].astype(float) / unit, small[column].astype(float), rtol=1e-9)
    assert small["low"].notna().all()


def test_findings_in_a_huge_unit_are_those_in_a_usual_one():
    class Model:
        def __init__(self, unit):
            self.unit = unit

        def predict(self, X):
            return X["a"].to_numpy() * self.unit

    told = []
    for unit in (1.0, 2.0**127):
        ev = Evaluation(Model(unit), frame(unit), target="y", features=["a", "b"], task="regression")
        found = findings(ev)
        told.append([(f.kind, f.severity, f.where, f.features) for f in found.found])
        assert found.looked["ran"].sum() >= 5
    assert told[0] == told[1]
    assert told[0]


def test_larger_ones_are_refused_with_what_to_do():
    data = frame()
    model = LinearRegression().fit(data[["a", "b"]], data["y"])
    data.loc[[3, 5], "y"] = -1e160
    with pytest.raises(
        InputError,
        match=r"at most 1e\+40(.|\n)*target column 'y'(.|\n)*2 rows hold(.|\n)*row 3: -1e\+160(.|\n)*larger unit",
    ):
        Evaluation(model, data, target="y", features=["a", "b"])
    with pytest.raises(InputError, match=r"in the predictions(.|\n)*1 row holds(.|\n)*row 7"):
        Evaluation.from_predictions(frame()["y"], np.where(np.arange(N) == 7, 1e300, 0.0), task="regression")
    at_the_limit = np.where(np.arange(N) == 7, LARGEST, 0.0)
    assert np.isfinite(
        performance(Evaluation.from_predictions(frame()["y"], at_the_limit, task="regression")).frame()["estimate"]
    ).all()
