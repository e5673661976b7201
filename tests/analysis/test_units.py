"""Weights and clusters reach every interval: four copies of each row as one cluster know no more than the row itself."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from modelglass import analysis
from modelglass.analysis.evaluation import Evaluation

N, COPIES = 600, 4


def evaluation(task: str, copies: int = 1, *, cluster: bool = False, weight: float | None = None) -> Evaluation:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"x": rng.normal(size=N), "side": rng.choice(["l", "r"], N)})
    frame["house"], frame["w"] = np.arange(N), 1.0 if weight is None else weight
    if task == "binary":
        score = rng.beta(1.2, 1.2, N)
        y, given = (rng.random(N) < score).astype(int), {"positive": 1}
    elif task == "multiclass":
        score = rng.dirichlet(np.ones(3), N)
        y, given = np.array([rng.choice(3, p=p) for p in score]), {}
    else:
        y = frame.x.to_numpy() + rng.normal(size=N)
        score, given = None, {"prediction": frame.x.to_numpy() + 0.1}
    places = np.repeat(np.arange(N), copies)
    if "prediction" in given:
        given["prediction"] = given["prediction"][places]
    return Evaluation.from_predictions(
        y[places],
        score=None if score is None else score[places],
        frame=frame.iloc[places].reset_index(drop=True),
        cluster="house" if cluster else None,
        weight=None if weight is None else "w",
        **given,
    )


def intervals(result) -> dict[str, np.ndarray]:
    """Every column of widths in every table of a result."""
    found = {}
    for field in fields(result):
        table = getattr(result, field.name)
        if not isinstance(table, pd.DataFrame):
            continue
        for low in (c for c in table.columns if str(c) == "low" or str(c).endswith("_low")):
            high = f"{low[:-3]}high"
            if high in table.columns and len(table):
                found[f"{field.name}.{low}"] = (table[high] - table[low]).to_numpy(float)
    return found


CASES = [
    ("binary", "performance", {}),
    ("binary", "slice_metrics", {"by": ["side"]}),
    ("binary", "confusion", {}),
    ("binary", "roc", {}),
    ("binary", "precision_recall", {}),
    ("binary", "calibration", {"n_bins": 4}),
    ("binary", "thresholds", {"costs": {"fp": 1, "fn": 2}, "n_points": 12}),
    ("binary", "lift", {}),
    ("binary", "predictions", {}),
    ("multiclass", "performance", {}),
    (
        "multiclass",
        "slice_metrics",
        {"by": ["side"], "metrics": ["f1", "f1_weighted", "roc_auc", "roc_auc_ovo", "top_2_accuracy"]},
    ),
    ("multiclass", "confusion", {}),
    ("multiclass", "roc", {}),
    ("multiclass", "precision_recall", {}),
    ("multiclass", "calibration", {"n_bins": 4}),
    ("regression", "performance", {}),
    ("regression", "residuals", {"bins": 3}),
    ("regression", "predictions", {}),
]


@pytest.mark.parametrize(("task", "name", "settings"), CASES, ids=[f"{t}-{n}" for t, n, _ in CASES])
def test_copies_in_one_cluster_add_nothing(task, name, settings):
    function = getattr(analysis, name)
    once = intervals(function(evaluation(task), **settings))
    copied = intervals(function(evaluation(task, COPIES, cluster=True), **settings))
    assert once.keys() == copied.keys()
    for column, widths in once.items():
        if widths.shape != copied[column].shape:
            continue  # a histogram, say, whose bins follow the number of rows
        both = np.isfinite(widths) & np.isfinite(copied[column]) & (widths > 0)
        if both.any():
            ratio = np.median(copied[column][both] / widths[both])
            assert 0.8 < ratio < 1.3, f"{column}: {ratio:.2f} times as wide (0.50 would ignore the clusters)"


@pytest.mark.parametrize(("task", "name", "settings"), CASES, ids=[f"{t}-{n}" for t, n, _ in CASES])
def test_equal_weights_change_little_whatever_their_size(task, name, settings):
    function = getattr(analysis, name)
    plain = intervals(function(evaluation(task), **settings))
    small, large = (intervals(function(evaluation(task, weight=w), **settings)) for w in (0.01, 50.0))
    for column, widths in small.items():
        np.testing.assert_allclose(widths, large[column], rtol=1e-6, atol=1e-9)
        if widths.shape == plain[column].shape:
            both = np.isfinite(widths) & np.isfinite(plain[column]) & (plain[column] > 0)
            if both.any():
                assert 0.85 < np.median(widths[both] / plain[column][both]) < 1.2, column


def test_chance_alone_is_no_smaller_for_copies_of_rows():
    once = analysis.calibration(evaluation("binary"), n_bins=4).summary.iloc[0]
    copied = analysis.calibration(evaluation("binary", COPIES, cluster=True), n_bins=4).summary.iloc[0]
    for name in ("gap_if_perfect", "gap_if_perfect_high"):
        assert 0.8 < copied[name] / once[name] < 1.25  # 0.5 would take the copies for rows of their own
    rng = np.random.default_rng(0)
    few = analysis.calibration(
        Evaluation.from_predictions(
            rng.integers(0, 2, 60), score=rng.random(60), frame=pd.DataFrame({"c": np.arange(60) % 4}), cluster="c"
        )
    )
    assert np.isnan(few.summary.gap_if_perfect[0])
    assert "too few clusters" in few.sentence()
