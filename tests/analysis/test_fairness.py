"""Rates by group equal fairlearn's; differences and ratios have intervals that hold; small groups are flagged."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import accuracy_score, precision_score

from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.fairness import fairness, measure
from modelglass.analysis.figures import figure


def people(n=4000, seed=0, gap=0.0):
    rng = np.random.default_rng(seed)
    sex, race = rng.choice(["f", "m"], n, p=[0.4, 0.6]), rng.choice(["a", "b", "c"], n, p=[0.6, 0.38, 0.02])
    p = np.clip(rng.beta(2, 3, n) + gap * (sex == "m"), 0, 1)
    return pd.DataFrame({"sex": sex, "race": race}), (rng.random(n) < p).astype(int), p


RATES = ("selection_rate", "recall", "fpr", "precision", "calibration_gap", "accuracy")


def gap(y_true, score, sample_weight=None):
    """Mean score less the share that came true."""
    return np.average(score, weights=sample_weight) - np.average(y_true, weights=sample_weight)


def theirs(y, predicted, score, groups, weight):
    """Give fairlearn's frame of each rate, of its own or scikit-learn's functions."""
    from fairlearn import metrics as fairlearn

    functions = {
        "selection_rate": fairlearn.selection_rate,
        "recall": fairlearn.true_positive_rate,
        "fpr": fairlearn.false_positive_rate,
        "precision": precision_score,
        "calibration_gap": gap,
        "accuracy": accuracy_score,
    }
    given = {} if weight is None else {"sample_params": {"sample_weight": weight}}
    return {
        name: fairlearn.MetricFrame(
            metrics=function,
            y_true=y,
            y_pred=score if name == "calibration_gap" else predicted,
            sensitive_features=groups,
            **given,
        )
        for name, function in functions.items()
    }


def same_as_fairlearn(found, columns, frames, level_of=str):
    """Compare rates, and differences and ratios: between groups, and each against a reference group."""
    table = found.frame()[found.frame()["columns"] == columns]
    assert set(table["metric"]) == set(RATES)
    for metric, frame in frames.items():
        by_group = frame.by_group.astype(float)
        mine = table[table["metric"] == metric].set_index("group")
        assert len(mine) == len(by_group) > 1
        spread = found.spread[(found.spread["columns"] == columns) & (found.spread["metric"] == metric)].iloc[0]
        assert spread["difference"] == pytest.approx(frame.difference(method="between_groups"), abs=1e-12)
        if metric != "calibration_gap":  # a signed gap has no ratio
            assert spread["ratio"] == pytest.approx(frame.ratio(method="between_groups"), rel=1e-12)
        reference = by_group[next(g for g in by_group.index if level_of(g) == mine["reference"].iloc[0])]
        for group, value in by_group.items():
            row = mine.loc[level_of(group)]
            assert row["estimate"] == pytest.approx(value, abs=1e-12)
            if level_of(group) == row["reference"]:
                continue
            assert row["difference"] == pytest.approx(value - reference, abs=1e-12)
            if metric != "calibration_gap":
                assert row["ratio"] == pytest.approx(value / reference, rel=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("columns", ["sex", "race"])
def test_rates_differences_and_ratios_equal_fairlearn(columns, weighted):
    frame, y, p = people(gap=0.1)
    predicted = (p > 0.4).astype(int)
    weight = np.random.default_rng(1).gamma(2, 1, len(y)) if weighted else None
    found = measure(y, predicted, {columns: frame[columns]}, score=p, weight=weight, metrics=RATES)
    same_as_fairlearn(found, columns, theirs(y, predicted, p, frame[columns], weight))


@pytest.mark.data
@pytest.mark.parametrize("weighted", [False, True])
def test_adult_equals_fairlearn(data_file, weighted):
    """By the door, with labels, a model, groups that cross, and the census' own weights."""
    train, test = (pd.read_csv(data_file(f"adult_{part}.csv"), na_values="?") for part in ("train", "test"))
    numeric = ["age", "education_num", "capital_gain", "capital_loss", "hours_per_week"]
    model = HistGradientBoostingClassifier(max_iter=30, random_state=0).fit(train[numeric], train["income"])
    ev = Evaluation(model, test, target="income", positive=">50K", weight="fnlwgt" if weighted else None)
    found = fairness(ev, groups=["sex", "race", ("sex", "race")])
    y = (test["income"] == ">50K").astype(int)
    score = model.predict_proba(test[numeric])[:, 1]
    predicted = (model.predict(test[numeric]) == ">50K").astype(int)
    weight = test["fnlwgt"] if weighted else None
    for columns in ("sex", "race", ["sex", "race"]):
        frames = theirs(y, predicted, score, test[columns], weight)
        one = isinstance(columns, str)
        same_as_fairlearn(found, columns if one else "*".join(columns), frames, str if one else ", ".join)


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
