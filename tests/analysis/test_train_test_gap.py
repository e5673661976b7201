"""The train-test gap: both parts as performance measures them, the interval by hand, shared rows and clusters counted."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier

import modelglass as mg
from modelglass.analysis import NotApplicable, performance, train_test_gap
from modelglass.analysis.errors import InputError
from modelglass.analysis.figures import figure
from modelglass.analysis.figures.style import number
from modelglass.analysis.groups import Rows
from modelglass.analysis.registry import run
from modelglass.analysis.result import result_json
from modelglass.analysis.train_test_gap import GAP, TEST, TRAIN, measure

COLUMNS = ["metric", "label", "part", "estimate", "low", "high", "n", "support", "method", "note"]


def _table(n, seed):
    rng = np.random.default_rng(seed)
    made = pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n), "g": rng.integers(0, 40, n)})
    made["y"] = np.where(made.a + rng.normal(size=n) > 0, "yes", "no")
    made["w"] = rng.uniform(0.5, 2, n)
    return made


@pytest.fixture(scope="module")
def train():
    return _table(600, 1)


@pytest.fixture(scope="module")
def data():
    return _table(400, 2)


@pytest.fixture(scope="module")
def overfit(train):
    return DecisionTreeClassifier(random_state=0, min_samples_leaf=2).fit(train[["a", "b"]], train.y)


@pytest.fixture(scope="module")
def ev(overfit, data, train):
    return mg.Evaluation(overfit, data, target="y", train=train)


def test_both_parts_equal_performance(ev):
    result = train_test_gap(ev)
    assert list(result.frame().columns) == COLUMNS
    for part, there in ((TEST, ev), (TRAIN, ev.on("train"))):
        own = performance(there).frame().set_index("metric")
        rows = result.frame()[result.frame()["part"] == part].set_index("metric")
        np.testing.assert_allclose(rows[["estimate", "low", "high"]], own.loc[rows.index, ["estimate", "low", "high"]])
    assert result.of("accuracy").loc[GAP, "n"] == 1000


def test_the_interval_of_two_shares_is_newcombes_by_hand():
    # accuracy 10 of 20 rows here, 30 of 40 there; Wilson's intervals joined (Newcombe 1998, method 10)
    here = Rows(task="binary", y=np.array([0, 1] * 10), predicted=np.zeros(20, int))
    there = Rows(task="binary", y=np.array([0, 1, 1, 0] * 10), predicted=np.array([0, 1, 1, 1] * 10))
    rows = measure(here, there, metrics=["accuracy"]).of("accuracy")
    z = 1.959963984540054

    def wilson(p, n):
        middle, half = (
            (p + z * z / 2 / n) / (1 + z * z / n),
            z * np.sqrt(p * (1 - p) / n + z * z / 4 / n / n) / (1 + z * z / n),
        )
        return middle - half, middle + half

    (l1, u1), (l2, u2) = wilson(0.5, 20), wilson(0.75, 40)
    assert rows.loc[GAP, "estimate"] == -0.25
    assert rows.loc[GAP, "low"] == pytest.approx(-0.25 - np.hypot(0.5 - l1, u2 - 0.75))
    assert rows.loc[GAP, "high"] == pytest.approx(-0.25 + np.hypot(u1 - 0.5, 0.75 - l2))
    assert rows.loc[[TRAIN, TEST], "n"].tolist() == [40, 20]


def test_an_overfitted_model_is_worse_here(ev):
    result = train_test_gap(ev)
    assert result.main == "roc_auc"
    gap = result.of("roc_auc").loc[GAP]
    assert gap["high"] < 0
    text = result.sentence()
    assert "worse on these (95 % interval" in text
    assert "600 rows of training" in text
    assert "400 rows" in text


def test_no_gap_is_said_and_so_is_more_or_less(train):
    other = _table(600, 3)
    model = LogisticRegression().fit(train[["a"]], train.y)
    text = train_test_gap(mg.Evaluation(model, other, target="y", train=train)).sentence()
    assert "no difference that so many rows can tell from chance" in text
    worse = train_test_gap(mg.Evaluation(model, other, target="y", train=train.assign(a=-train.a))).sentence()
    assert "better on these" in worse
    share = train_test_gap(
        mg.Evaluation(model, other, target="y", train=train.assign(a=train.a + 3)), metrics=["selection_rate"]
    ).sentence()
    assert "less on these" in share


def test_rows_that_stand_in_both_are_counted_and_said(overfit, data, train):
    some = pd.concat([data, train.iloc[:25].assign(w=9.0)], ignore_index=True)
    result = train_test_gap(mg.Evaluation(overfit, some, target="y", train=train))
    assert result.overlap == 25
    assert "25 of these rows also stand in the training data" in result.sentence()
    same = train_test_gap(mg.Evaluation(overfit, train, target="y", train=train))
    assert "All of these rows" in same.sentence()
    assert train_test_gap(mg.Evaluation(overfit, data, target="y", train=train)).overlap == 0


def test_without_training_data_it_says_how_to_give_them(overfit, data):
    outcome = run(mg.Evaluation(overfit, data, target="y"), "train_test_gap")
    assert outcome.result is None
    assert "--train DATA" in outcome.reason
    assert "train=frame" in outcome.reason
    with pytest.raises(NotApplicable, match="no column 'y'"):
        train_test_gap(mg.Evaluation(overfit, data, target="y", train=data.drop(columns="y")))


def test_condition_and_threshold_hold_for_both(ev, data, train):
    cohort = ev.where("a > 0").with_threshold(0.9)
    rows = train_test_gap(cohort, metrics=["selection_rate", "accuracy"]).of("accuracy")
    assert rows.loc[TRAIN, "n"] == (train.a > 0).sum()
    assert rows.loc[TEST, "n"] == (data.a > 0).sum()
    there = cohort.on("train")
    assert rows.loc[TRAIN, "estimate"] == pytest.approx((there.y == there.predicted).mean())


def test_weights_count_in_both(overfit, data, train):
    ev = mg.Evaluation(overfit, data, target="y", train=train, weight="w")
    rows = train_test_gap(ev, metrics=["accuracy"]).of("accuracy")
    right = overfit.predict(train[["a", "b"]]) == train.y
    assert rows.loc[TRAIN, "estimate"] == pytest.approx(np.average(right, weights=train.w))


def test_clusters_that_stand_in_both_are_one_cluster(overfit, data, train):
    joined = mg.Evaluation(overfit, data, target="y", train=train, cluster="g")
    apart = mg.Evaluation(overfit, data.assign(g=data.g + 1000), target="y", train=train, cluster="g")
    one, two = (train_test_gap(e, metrics=["accuracy"]).of("accuracy").loc[GAP] for e in (joined, apart))
    assert "cluster" in one["method"]
    assert one["estimate"] == two["estimate"]
    assert np.isfinite(one["low"])
    assert one["high"] - one["low"] != pytest.approx(two["high"] - two["low"])
    lacking = mg.Evaluation(overfit, data, target="y", train=train.drop(columns="g"), cluster="g")
    assert train_test_gap(lacking, metrics=["accuracy"]).of("accuracy").loc[GAP, "method"] == "MOVER"


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_other_tasks(task, train, data):
    if task == "regression":
        model, target = LinearRegression().fit(train[["a"]], train.b), "b"
    else:
        train, data = (t.assign(c=pd.cut(t.a, [-9, -0.5, 0.5, 9], labels=False)) for t in (train, data))
        model, target = LogisticRegression().fit(train[["a"]], train.c), "c"
    result = train_test_gap(mg.Evaluation(model, data, target=target, train=train))
    assert result.main == ("rmse" if task == "regression" else "log_loss")
    gaps = result.frame()[result.frame()["part"] == GAP]
    assert np.isfinite(gaps["estimate"]).all()
    json.loads(json.dumps(result_json("train_test_gap", result), allow_nan=False))
    assert len(figure(result).data) >= 2


def test_what_has_no_value_or_interval_is_said():
    few = Rows(
        task="binary", y=np.array([1, 1]), predicted=np.array([1, 0]), score=np.array([0.9, 0.4]), probability=True
    )
    result = measure(few, few, metrics=["roc_auc", "accuracy"])
    assert np.isnan(result.of("roc_auc").loc[GAP, "estimate"])
    assert result.of("roc_auc").loc[GAP, "note"].startswith("cannot say")
    assert "no difference can be given" in result.sentence()

    def own(y, p, w):
        return float((y == p).mean())

    made = measure(few, few, metrics=[own])
    assert made.of("own").loc[GAP, "estimate"] == 0
    assert "function of your own" in made.sentence()


def test_the_figure_holds_the_numbers(ev):
    result = train_test_gap(ev)
    made = figure(result)
    shares = [t for t in made.data if t.xaxis in (None, "x")]
    assert [t.name for t in shares] == ["training rows (n 600)", "these rows (n 400)"]
    drawn = dict(zip(made.layout.yaxis.ticktext, shares[1].x))
    frame = result.frame()
    for tick, value in drawn.items():
        label, difference = tick.split("<br>")
        mine = frame[frame["label"].str.startswith(label.rstrip("…"))].set_index("part")
        assert value == mine.loc[TEST, "estimate"]
        assert f"<b>{'+' if mine.loc[GAP, 'estimate'] > 0 else ''}{number(mine.loc[GAP, 'estimate'])}</b>" in difference
        assert f"({number(mine.loc[GAP, 'low'])} to {number(mine.loc[GAP, 'high'])})" in difference


def test_the_figure_leaves_a_phone_room_to_draw(ev):
    """Nothing stands beside the panels, and the legend pushes no margin: on 360 px nothing was left of the plot."""
    made = figure(train_test_gap(ev))
    assert not made.layout.annotations
    assert (made.layout.margin.r or made.layout.template.layout.margin.r) <= 16
    assert (made.layout.legend.xref or "paper") == "paper"


def test_a_level_that_cannot_be_and_progress(ev):
    with pytest.raises(InputError, match="level"):
        train_test_gap(ev, level=2)
    heard = []
    train_test_gap(ev, progress=lambda share, what: heard.append(share))
    assert heard == sorted(heard)
    assert heard[0] == 0


def test_the_interval_of_the_difference_holds_its_level():
    """Two independent samples of one world, 400 times: 95 % intervals of accuracy and ROC AUC miss 0 about 5 % of the time."""
    rng = np.random.default_rng(5)
    missed = {"accuracy": 0, "roc_auc": 0}
    draws = 400
    for _ in range(draws):
        parts = []
        for n in (150, 300):
            y = (rng.random(n) < 0.4).astype(int)
            score = 1 / (1 + np.exp(-(1.2 * y + rng.normal(size=n) - 0.5)))
            parts.append(Rows(task="binary", y=y, predicted=(score > 0.5).astype(int), score=score, probability=True))
        result = measure(*parts, metrics=list(missed))
        for name in missed:
            gap = result.of(name).loc[GAP]
            missed[name] += not gap["low"] <= 0 <= gap["high"]
    for name, count in missed.items():
        assert 0.02 <= count / draws <= 0.085, (name, count / draws)
