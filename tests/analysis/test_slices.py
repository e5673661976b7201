"""Sliced metrics: equal to scikit-learn and fairlearn, every slice with its n, and notes where nothing can be said."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    precision_score,
    r2_score,
    recall_score,
    roc_auc_score,
    root_mean_squared_error,
)

from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure
from modelglass.analysis.result import result_json
from modelglass.analysis.slices import ALL_ROWS, measure, slice_metrics

CONTRACT = ["columns", "slice", "where", "metric", "estimate", "low", "high", "n", "support", "note"]


def people(n=1_500, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"age": rng.integers(18, 80, n), "hours": rng.normal(40, 10, n)})
    frame = X.assign(sex=rng.choice(["F", "M"], n), race=rng.choice(["a", "b", "c"], n, p=[0.7, 0.28, 0.02]))
    frame.loc[rng.random(n) < 0.05, "race"] = None
    frame["y"] = np.where((X.age - 50) / 15 + rng.normal(size=n) > 0, "yes", "no")
    return Evaluation(LogisticRegression(max_iter=2000).fit(X, frame.y), frame, target="y")


@pytest.fixture(scope="module")
def ev():
    return people()


def test_columns_are_the_contracts_and_json_is_strict(ev):
    found = slice_metrics(ev)
    assert list(found.frame().columns)[: len(CONTRACT)] == CONTRACT
    assert set(found.frame()["columns"]) == {ALL_ROWS, "age", "hours", "sex", "race"}
    json.dumps(result_json("slice_metrics", found), allow_nan=False)


def test_overall_is_the_whole(ev):
    found = slice_metrics(ev, by="sex")
    whole = found.frame()[found.frame()["columns"] == ALL_ROWS].set_index("metric")
    assert whole.estimate.to_dict() == dict(found.overall)
    assert found.overall["accuracy"] == accuracy_score(ev.y, ev.predicted)
    assert (whole.n == ev.n).all()


def test_every_slice_equals_the_cohort_that_its_condition_selects(ev):
    frame = slice_metrics(ev, by=["age", ("sex", "race")], metrics=["accuracy", "recall", "roc_auc"]).frame()
    for (_, where), rows in frame.groupby(["columns", "where"]):
        cohort = ev.where(where)
        y, p = cohort.y == cohort.positive_index, cohort.predicted == cohort.positive_index
        values = rows.set_index("metric").estimate
        assert (rows.n == cohort.n).all()
        assert values["accuracy"] == pytest.approx(accuracy_score(y, p), abs=1e-12)
        if y.any() and not y.all():
            assert values["recall"] == pytest.approx(recall_score(y, p), abs=1e-12)
            assert values["roc_auc"] == pytest.approx(roc_auc_score(y, cohort.score), abs=1e-12)


def test_groups_of_a_column_cover_all_rows(ev):
    frame = slice_metrics(ev, by=["age", "race", "sex*race"], metrics="accuracy").frame()
    assert frame.groupby("columns").n.sum().eq(ev.n).all()


@pytest.mark.filterwarnings("ignore")
def test_equals_fairlearn():
    from fairlearn.metrics import MetricFrame, false_positive_rate

    rng = np.random.default_rng(3)
    n = 2_000
    a, b, score = rng.choice(["x", "y", "z"], n), rng.choice(["p", "q"], n), rng.random(n)
    y = (rng.random(n) < score).astype(int)
    p, w = (score > 0.6).astype(int), rng.random(n)
    metrics = {
        "accuracy": accuracy_score,
        "precision": precision_score,
        "recall": recall_score,
        "fpr": false_positive_rate,
    }
    theirs = MetricFrame(
        metrics=metrics,
        y_true=y,
        y_pred=p,
        sensitive_features=pd.DataFrame({"a": a, "b": b}),
        sample_params={m: {"sample_weight": w} for m in metrics},
    ).by_group
    crossed = np.array([f"{i}, {j}" for i, j in zip(a, b)])
    ours = measure(y, p, {("a", "b"): crossed}, weight=w, metrics=list(metrics)).frame()
    ours = ours[ours["columns"] == "a*b"].pivot(index="slice", columns="metric", values="estimate")
    for group, values in theirs.iterrows():
        for name in metrics:
            assert ours.loc[", ".join(group), name] == pytest.approx(values[name], abs=1e-9)


@pytest.mark.data
def test_adult_equals_scikit_learn_and_fairlearn(data_file):
    from fairlearn.metrics import MetricFrame

    train, test = (pd.read_csv(data_file(f"adult_{part}.csv")) for part in ("train", "test"))
    numeric = train.select_dtypes("number").columns.tolist()
    model = HistGradientBoostingClassifier(max_iter=30, random_state=0).fit(train[numeric], train.income)
    ev = Evaluation(model, test, target="income", positive=">50K")
    ours = slice_metrics(ev, by=["sex", "race"], metrics=["accuracy", "roc_auc"]).frame()
    y, p = (ev.y == ev.positive_index).astype(int), (ev.predicted == ev.positive_index).astype(int)
    for column in ("sex", "race"):
        part = ours[ours["columns"] == column].pivot(index="slice", columns="metric", values="estimate")
        labels = MetricFrame(metrics=accuracy_score, y_true=y, y_pred=p, sensitive_features=test[column]).by_group
        ranks = MetricFrame(metrics=roc_auc_score, y_true=y, y_pred=ev.score, sensitive_features=test[column]).by_group
        for level in labels.index:
            assert part.loc[level, "accuracy"] == pytest.approx(labels[level], abs=1e-9)
            assert part.loc[level, "roc_auc"] == pytest.approx(ranks[level], abs=1e-9)


@pytest.mark.data
def test_diamonds_equal_scikit_learn(data_file):
    frame = pd.read_csv(data_file("diamonds.csv"))
    X = frame[["carat", "depth", "table"]]
    ev = Evaluation(LinearRegression().fit(X, frame.price), frame, target="price")
    ours = slice_metrics(ev, by="cut").frame()
    ours = ours[ours["columns"] == "cut"].pivot(index="slice", columns="metric", values="estimate")
    for level, rows in frame.groupby("cut"):
        predicted = ev.predicted[rows.index]
        assert ours.loc[level, "rmse"] == pytest.approx(root_mean_squared_error(rows.price, predicted), rel=1e-12)
        assert ours.loc[level, "r2"] == pytest.approx(r2_score(rows.price, predicted), rel=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_row_order_is_irrelevant_and_weight_two_is_a_double_row(seed):
    rng = np.random.default_rng(seed)
    n = 80
    score, labels, w = rng.random(n).round(1), rng.choice(list("abc"), n), rng.integers(1, 3, n)
    y, p = rng.integers(0, 2, n), (score > 0.5).astype(int)

    def table(rows, weight):
        return measure(
            y[rows],
            p[rows],
            {"g": labels[rows]},
            score[rows],
            weight,
            metrics=["accuracy", "f1", "roc_auc", "log_loss"],
        ).frame()

    first, other = table(np.arange(n), w), table(order := rng.permutation(n), w[order])
    double = table(np.repeat(np.arange(n), w), None)
    for frame in (other, double):
        assert np.allclose(first.estimate, frame.estimate, atol=1e-12, equal_nan=True)
    assert np.allclose(first.low, other.low, atol=1e-9, equal_nan=True)


@example(seed=3687, n=40, weighted=True, clustered=True)  # so uneven that less than one degree of freedom is left
@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 60), st.booleans(), st.booleans())
def test_every_number_has_an_interval_around_it_or_a_note(seed, n, weighted, clustered):
    rng = np.random.default_rng(seed)
    score = rng.random(n).round(int(rng.integers(0, 3)))
    y = rng.integers(0, 2, n) * int(rng.integers(0, 2))
    from modelglass.analysis.metrics import metrics_for

    names = [m.name for m in metrics_for("binary")]
    frame = measure(
        y,
        score > 0.5,
        {"g": rng.integers(0, 4, n)},
        score,
        rng.integers(0, 3, n).astype(float) if weighted else None,
        rng.integers(0, 12, n) if clustered else None,
        metrics=names,
    ).frame()
    values = measure(
        rng.normal(size=n),
        rng.normal(size=n).round(0),
        {"g": rng.integers(0, 4, n)},
        None,
        rng.random(n) if weighted else None,
        rng.integers(0, 30, n) if clustered else None,
        task="regression",
    ).frame()
    for table in (frame, values):
        known = table.low.notna() & table.high.notna()
        assert (table.low.notna() == table.high.notna()).all()
        assert (known | (table.note != "")).all()
        assert (table.estimate.notna() | table.note.str.startswith("cannot say: ")).all()
        assert (table.high[known] > table.low[known]).all()
        assert (table.low[known] <= table.estimate[known] + 1e-9).all()
        assert (table.estimate[known] <= table.high[known] + 1e-9).all()


def test_small_and_one_class_slices_say_why():
    y, labels = [1] * 12 + [0, 1] * 30, ["only"] * 12 + ["both"] * 60
    frame = measure(y, y, {"g": labels}, np.linspace(0, 1, 72), metrics=["accuracy", "roc_auc", "fpr"]).frame()
    notes = frame[frame.slice == "only"].set_index("metric").note
    assert notes["roc_auc"] == "cannot say: no negatives among 12 rows"
    assert notes["fpr"] == "cannot say: no negatives among 12 rows"
    assert notes["accuracy"] == ""


def test_min_rows_keeps_small_slices_in_the_table_and_says_so(ev):
    frame = slice_metrics(ev, by="race", metrics="accuracy", min_rows=100).frame()
    small = frame[(frame.n < 100)]
    assert len(small) == 2  # race c, and missing
    assert small.estimate.isna().all()
    assert (small.note == "cannot say: fewer than 100 rows").all()


def test_by_accepts_names_tuples_and_stars_and_each_once(ev):
    found = slice_metrics(ev, by=["sex", ("sex", "race"), "sex*race", "sex"], metrics="accuracy")
    assert found.settings["by"] == ["sex", "sex*race"]


def test_unknown_column_and_metric_name_the_nearest(ev):
    with pytest.raises(InputError, match="Did you mean 'race'"):
        slice_metrics(ev, by="rase")
    with pytest.raises(InputError, match="Did you mean 'accuracy'"):
        slice_metrics(ev, metrics=["acuracy"])
    with pytest.raises(InputError, match="at least one column"):
        slice_metrics(ev, by=[])


def test_no_column_to_slice_by():
    with pytest.raises(NotApplicable, match="no column to slice by"):
        slice_metrics(Evaluation.from_predictions([0, 1, 1], prediction=[0, 1, 0], frame=None))


def test_own_function_gets_a_bootstrap_interval_in_every_slice(ev):
    def agreement(y_true, y_pred, sample_weight):
        return float(np.average(y_true == y_pred, weights=sample_weight))

    frame = slice_metrics(ev, by="sex", metrics=["accuracy", agreement]).frame().pivot(index="slice", columns="metric")
    assert np.allclose(frame["estimate"]["accuracy"], frame["estimate"]["agreement"])
    for end in ("low", "high"):
        assert np.allclose(frame[end]["accuracy"], frame[end]["agreement"], atol=0.01)


def test_worst_and_sentence_of_a_planted_defect():
    y = np.tile([0, 1], 300)
    labels = np.repeat(["fine", "bad", "good"], 200)
    p = np.where((labels == "bad") & (np.arange(600) % 10 < 6), 1 - y, y)
    found = measure(y, p, {"group": labels}, metrics="accuracy")
    assert found.worst().slice.tolist()[0] == "bad"
    assert found.sentence().startswith(
        "Accuracy is most surely worse where group is bad: 0.400 (95 % interval 0.335 to 0.469, 200 rows) against 0.800"
    )
    calm = measure(y, y, {"group": labels}, metrics="accuracy")
    assert calm.sentence().startswith("In none of 3 slices of 600 rows")


def test_lower_is_better_turns_worst_round():
    rng = np.random.default_rng(0)
    y, labels = rng.normal(size=300), np.repeat(["a", "b", "c"], 100)
    found = measure(
        y, y + np.where(labels == "b", 3, 0.1) * rng.normal(size=300), {"g": labels}, task="regression", metrics="mae"
    )
    assert found.worst().slice.tolist()[0] == "b"
    assert "g is b" in found.sentence()


def test_cohort_is_sliced_with_the_bins_of_the_whole(ev):
    whole = slice_metrics(ev, by="age", metrics="accuracy").frame()
    cohort = slice_metrics(ev.where("sex = 'F'"), by="age", metrics="accuracy").frame()
    assert set(cohort.slice) <= set(whole.slice)


def test_figure_draws_the_surest_thirty_and_says_so():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 60, 6_000)
    y = rng.integers(0, 2, 6_000)
    found = measure(
        y, rng.integers(0, 2, 6_000), {"<b>g</b>": labels}, rng.random(6_000), metrics=["accuracy", "roc_auc"]
    )
    drawn = figure(found)
    said = drawn.layout.title.text.replace("<br>", " ")
    assert "30 of 60 slices, surely worst accuracy first; the table has all" in said
    first_panel = [x for t in drawn.data if t.xaxis in (None, "x") for x in t.x]
    surest = found.worst().sort_values("high", kind="stable")
    assert sorted(first_panel) == pytest.approx(sorted(surest.estimate.tolist()[:30]))
    assert "&lt;b&gt;g&lt;/b&gt;: " in drawn.data[0].hovertext[0]


def test_figure_and_sentence_begin_with_the_same_slice_and_not_with_the_smallest():
    n = np.array([4_000, 2_000, 12])
    g = np.repeat(["fine", "surely bad", "tiny"], n)
    right = np.concatenate([np.arange(m) < round(m * share) for m, share in zip(n, (0.9, 0.6, 0.5))])
    y = np.tile([0, 1], len(g) // 2)
    found = measure(y, np.where(right, y, 1 - y), {"g": g}, metrics=["accuracy"])
    assert found.worst().slice.iloc[0] == "tiny"
    assert "most surely worse where g is surely bad" in found.sentence()
    assert list(figure(found).layout.yaxis.categoryarray) == ["g: surely bad", "g: tiny", "g: fine"]
    lower = measure(
        y, np.where(right, y, 1 - y), {"g": g}, metrics=["fpr"]
    )  # where less is better, the other way round
    assert figure(lower).layout.yaxis.categoryarray[0] == "g: surely bad"


def test_figure_of_nothing():
    assert (
        "No slice has a number"
        in figure(measure([0, 0], [0, 0], {"g": ["a", "b"]}, metrics="recall")).layout.annotations[0].text
    )


def test_figure_without_intervals_and_with_one_slice():
    drawn = figure(measure([0, 1], [0, 1], {"g": ["a", "a"]}, [0.1, 0.9], metrics=["roc_auc", "ece"]))
    assert {t.marker.symbol for t in drawn.data} == {"circle-open"}
    assert not any(t.error_x.visible for t in drawn.data)


def test_grouped_rare_levels_are_said_in_the_settings():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"city": [f"c{i}" for i in rng.integers(0, 70, 4_000)], "side": rng.choice(["l", "r"], 4_000)})
    y = rng.integers(0, 2, 4_000)
    found = slice_metrics(Evaluation.from_predictions(y, prediction=y, frame=frame), by=["city", "side"])
    assert len(found.settings["notes"]) == 1
    assert "rarer levels of city" in found.settings["notes"][0]


def test_text_asked_for_is_not_applicable_but_left_out_by_itself():
    rng = np.random.default_rng(0)
    words = [
        " ".join(rng.choice(["many", "different", "words", "stand", "in", "here"], 8)) + f" {i}" for i in range(300)
    ]
    frame = pd.DataFrame({"story": words, "side": rng.choice(["l", "r"], 300)})
    y = rng.integers(0, 2, 300)
    ev = Evaluation.from_predictions(y, prediction=y, frame=frame, types={"story": "text"})
    assert slice_metrics(ev).settings["by"] == ["side"]
    with pytest.raises(NotApplicable, match="'story' is free text"):
        slice_metrics(ev, by=["side", "story"])


def test_the_condition_of_a_cohorts_slice_selects_it_from_the_whole():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"g": rng.choice(["a", "b"], 400), "age": rng.integers(0, 90, 400)})
    ev = Evaluation.from_predictions(rng.integers(0, 2, 400), score=rng.random(400), frame=frame)
    found = slice_metrics(ev.where("age < 40 -- young"), by=["g"], metrics="accuracy").frame()
    for row in found.itertuples():
        assert ev.where(row.where).n == row.n


def test_the_headline_is_the_surest_not_the_smallest_slice():
    y = np.ones(1_000, int)
    labels = np.array(["tiny"] * 3 + ["large"] * 497 + ["fine"] * 500)
    predicted = np.where(labels == "tiny", 0, np.where((labels == "large") & (np.arange(1_000) % 2 == 0), 0, 1))
    found = measure(y, predicted, {"group": labels}, metrics="accuracy")
    assert found.worst().slice.tolist()[0] == "tiny"
    assert "group is large" in found.sentence()
