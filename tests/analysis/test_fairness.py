"""Rates by group equal fairlearn's; differences and ratios have intervals that hold; small groups are flagged."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.fairness import fairness, measure
from modelglass.analysis.figures import figure


def people(n=4000, seed=0, gap=0.0):
    rng = np.random.default_rng(seed)
    sex, race = rng.choice(["f", "m"], n, p=[0.4, 0.6]), rng.choice(["a", "b", "c"], n, p=[0.6, 0.38, 0.02])
    p = np.clip(rng.beta(2, 3, n) + gap * (sex == "m"), 0, 1)
    return pd.DataFrame({"sex": sex, "race": race}), (rng.random(n) < p).astype(int), p


def test_rates_and_spreads_equal_fairlearn():
    from fairlearn import metrics as theirs

    frame, y, p = people()
    predicted = (p > 0.4).astype(int)
    weight = np.random.default_rng(1).gamma(2, 1, len(y))
    for w in (None, weight):
        found = measure(y, predicted, {"sex": frame["sex"], "race": frame["race"]}, weight=w)
        given = (
            {}
            if w is None
            else {"sample_params": {k: {"sample_weight": w} for k in ("selection_rate", "recall", "fpr")}}
        )
        cut = theirs.MetricFrame(
            metrics={
                "selection_rate": theirs.selection_rate,
                "recall": theirs.true_positive_rate,
                "fpr": theirs.false_positive_rate,
            },
            y_true=y,
            y_pred=predicted,
            sensitive_features=frame["race"],
            **given,
        )
        mine = found.frame()[found.frame()["columns"] == "race"].pivot(
            index="group", columns="metric", values="estimate"
        )
        for metric in ("selection_rate", "recall", "fpr"):
            np.testing.assert_allclose(
                mine[metric].sort_index(), cut.by_group[metric].sort_index().astype(float), rtol=1e-12
            )
            spread = found.spread[(found.spread["columns"] == "race") & (found.spread["metric"] == metric)].iloc[0]
            assert spread["difference"] == pytest.approx(cut.difference()[metric])
            assert spread["ratio"] == pytest.approx(cut.ratio()[metric])


def test_by_hand():
    y, predicted = np.array([1, 1, 0, 0, 1, 1, 0, 0]), np.array([1, 0, 1, 0, 1, 1, 0, 0])
    found = measure(y, predicted, {"g": list("aaaabbbb")}, reference="a").frame().set_index(["group", "metric"])
    assert found.loc[("b", "recall"), "estimate"] == 1
    assert found.loc[("b", "recall"), "difference"] == 0.5
    assert found.loc[("b", "recall"), "ratio"] == 2
    assert found.loc[("b", "fpr"), "difference"] == -0.5
    assert np.isnan(found.loc[("a", "recall"), "difference"])
    assert "small group: 4 rows" in found.loc[("a", "fpr"), "note"]


def test_intervals_of_difference_and_ratio_cover():
    inside = {"difference": 0, "ratio": 0}
    for seed in range(400):
        rng = np.random.default_rng(seed)
        side = np.repeat(["l", "r"], [300, 200])
        predicted = (rng.random(500) < np.where(side == "l", 0.3, 0.5)).astype(int)
        row = (
            measure(np.zeros(500, int), predicted, {"s": side}, metrics=["selection_rate"], reference="l")
            .frame()
            .iloc[1]
        )
        inside["difference"] += row["difference_low"] <= 0.2 <= row["difference_high"]
        inside["ratio"] += row["ratio_low"] <= 5 / 3 <= row["ratio_high"]
    assert all(0.92 <= n / 400 <= 0.98 for n in inside.values()), inside


def test_groups_alike_are_rarely_called_different():
    sure = 0
    for seed in range(60):
        frame, y, p = people(1500, seed)
        table = measure(y, (p > 0.4).astype(int), {"sex": frame["sex"], "race": frame["race"]}).frame()
        sure += bool((table["p_adjusted"] <= 0.05).any())
    assert sure <= 6  # of 60 at 5 %: more in 3 of 100 such tests (exact binomial), at 20 % in 97


def test_an_evaluation_with_intersections():
    frame, y, p = people(gap=0.15)
    ev = Evaluation.from_predictions(y, score=p, frame=frame, threshold=0.5, positive=1)
    found = fairness(ev, groups=["sex", ("sex", "race")])
    assert set(found.frame()["columns"]) == {"sex", "sex*race"}
    assert "sex" in found.sentence()
    for row in found.frame().drop_duplicates(["columns", "group"]).itertuples():
        assert ev.where(row.where).n == row.n
    assert len(figure(found).data) == 6


def test_refusals():
    frame, y, p = people(300)
    ev = Evaluation.from_predictions(y, score=p, frame=frame.assign(one="x"), threshold=0.5, positive=1)
    with pytest.raises(NotApplicable, match="no column of groups was named"):
        fairness(ev)
    with pytest.raises(InputError, match="sxe"):
        fairness(ev, groups="sxe")
    with pytest.raises(NotApplicable, match="only one group"):
        fairness(ev, groups="one")
    with pytest.raises(InputError, match="group of sex"):
        fairness(ev, groups="sex", reference="x")
    with pytest.raises(InputError, match="mae"):
        fairness(ev, groups="sex", metrics="mae")
