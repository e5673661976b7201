"""Training data, reference data and a baseline: checked at once, predicted once when asked for, refused in words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

import modelglass as mg
from modelglass.analysis.companions import overlap
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.models.loading import wrap_model
from modelglass.analysis.models.reordered import reordered


def _table(n, seed):
    rng = np.random.default_rng(seed)
    made = pd.DataFrame({"age": rng.integers(18, 80, n), "sex": rng.choice(["F", "M"], n), "pay": rng.gamma(2, 20, n)})
    made["w"], made["group"] = rng.random(n), rng.integers(0, 30, n)
    made["y"] = np.where(made.age + made.pay + rng.normal(0, 20, n) > 90, "rich", "poor")
    return made


@pytest.fixture(scope="module")
def data():
    return _table(300, 1)


@pytest.fixture(scope="module")
def train():
    return _table(500, 2)


class Counting(LogisticRegression):
    """Counts how often it is asked about many rows."""

    calls = 0

    def predict_proba(self, X):
        type(self).calls += len(X) > 20
        return super().predict_proba(X)


@pytest.fixture(scope="module")
def model(train):
    return Counting(max_iter=1000).fit(train[["age", "pay"]], train.y)


def test_train_is_judged_once_by_the_same_model(model, data, train):
    ev = mg.Evaluation(model, data, target="y", train=train, reference=data.iloc[:100], positive="poor")
    before = Counting.calls
    there = ev.on("train")
    assert Counting.calls == before + 1
    np.testing.assert_allclose(there.score, model.predict_proba(train[["age", "pay"]])[:, 0])
    np.testing.assert_array_equal(np.asarray(there.classes)[there.y], train.y)
    calls = Counting.calls
    np.testing.assert_array_equal(ev.on("train").score, there.score)
    assert Counting.calls == calls
    assert ev.on("reference").n == 100
    assert (there.positive, there.source.data, there.source.rows) == ("poor", "in memory", 500)


def test_threshold_condition_and_roles_go_with_it(model, data, train):
    ev = mg.Evaluation(model, data, target="y", train=train, weight="w", cluster="group")
    moved = ev.with_threshold(0.3).where("age < 40").on("train")
    rows = train.age < 40
    assert moved.n == rows.sum()
    np.testing.assert_array_equal(moved.predicted == moved.positive_index, moved.score >= 0.3)
    np.testing.assert_array_equal(moved.weight, train.w[rows])
    assert len(np.unique(moved.cluster)) == train.group[rows].nunique()
    assert ev.sample(50).on("train").n == 500


def test_origins_stand_in_source_and_fingerprint(model, data, train):
    plain = mg.Evaluation(model, data, target="y")
    ev = mg.Evaluation(model, data, target="y", train=train, baseline=LogisticRegression().fit(train[["pay"]], train.y))
    assert plain.source.train == plain.source.baseline_fingerprint == ""
    assert ev.source.train == "in memory"
    assert len(ev.source.train_fingerprint) == 32
    assert ev.source.baseline_fingerprint
    other = mg.Evaluation(model, data, target="y", train=train.assign(pay=train.pay + 1))
    assert len({e.fingerprint for e in (plain, ev, other)}) == 3
    assert ev.source.as_dict()["train_fingerprint"] == ev.source.train_fingerprint


def test_nothing_given_is_an_answer(model, data):
    ev = mg.Evaluation(model, data, target="y")
    with pytest.raises(NotApplicable, match="--train"):
        ev.on("train")
    with pytest.raises(NotApplicable, match="--reference"):
        ev.on("reference")
    with pytest.raises(NotApplicable, match="--baseline"):
        ev.of_baseline()
    with pytest.raises(InputError, match="'train'"):
        ev.on("trian")


WRONG = {
    "column": ({"train": lambda t: t.drop(columns="age")}, r"training data \(--train\)[\s\S]*'age'"),
    "label": ({"reference": lambda t: t.assign(y=t.y.replace("rich", "wealthy"))}, r"--reference[\s\S]*'wealthy'"),
    "no rows": ({"train": lambda t: t.iloc[:0]}, "--train.*at least one row"),
    "no frame": ({"train": lambda t: "train.csv"}, "training data"),
    "no target values": ({"train": lambda t: t.assign(y=None)}, "--train.*values in the target"),
    "weights": ({"train": lambda t: t.assign(w=0.0), "weight": lambda t: "w"}, "--train.*weight"),
    "one cluster": ({"train": lambda t: t.assign(group=1), "cluster": lambda t: "group"}, "--train.*two clusters"),
    "regression": ({"baseline": lambda t: LinearRegression().fit(t[["age"]], t.pay)}, r"--baseline[\s\S]*regression"),
    "other classes": (
        {"baseline": lambda t: LogisticRegression().fit(t[["age"]], t.y.replace("rich", "wealthy"))},
        r"--baseline[\s\S]*'wealthy'",
    ),
    "three classes": (
        {"baseline": lambda t: DecisionTreeClassifier().fit(t[["age"]], t.y.mask(t.pay > 50, "other"))},
        r"--baseline[\s\S]*'other'",
    ),
    "column of baseline": (
        {"baseline": lambda t: LinearRegression().fit(t[["age"]].rename(columns={"age": "height"}), t.y == "rich")},
        "--baseline",
    ),
}


@pytest.mark.parametrize("case", sorted(WRONG))
def test_what_does_not_fit_is_refused_at_once(model, data, train, case):
    made, part = WRONG[case]
    given = {name: make(train) for name, make in made.items()}
    with pytest.raises(InputError, match=part) as refused:
        mg.Evaluation(model, data, target="y", **given)
    assert len(str(refused.value).splitlines()) <= 4


def test_what_differs_is_said(model, data, train):
    odd = train.assign(sex=1.0).drop(columns=["group"])
    ev = mg.Evaluation(model, data, target="y", train=odd, cluster="group")
    said = " ".join(n.text for n in ev.notes)
    assert "other types than the data: sex is" not in said  # numbers can be read as levels
    assert "no column 'group' (cluster)" in said
    text = mg.Evaluation(model, data.assign(z=1.5), target="y", train=train.assign(z="a"))
    assert any("z is categorical there and numeric in the data" in n.text for n in text.notes)


def test_without_target_or_weights_inputs_remain(model, data, train):
    ev = mg.Evaluation(model, data, target="y", reference=train.drop(columns="y"))
    assert ev.reference.shape[0] == 500
    with pytest.raises(NotApplicable, match="no column 'y'"):
        ev.on("reference")
    weighted = mg.Evaluation(model, data, target="y", weight="w", reference=train.drop(columns="w"))
    with pytest.raises(NotApplicable, match="'w'"):
        weighted.on("reference")


def test_a_condition_that_cannot_be_applied_is_an_answer(model, data, train):
    ev = mg.Evaluation(model, data.assign(extra=1), target="y", train=train)
    with pytest.raises(NotApplicable, match="training data"):
        ev.where("extra = 1").on("train")
    with pytest.raises(NotApplicable, match="training data"):
        mg.Evaluation(model, data.assign(age=200), target="y", train=train).where("age > 100").on("train")


def test_labels_in_another_writing_are_the_same(train):
    numbers = train.assign(y=(train.y == "rich").astype(int))
    model = LogisticRegression(max_iter=1000).fit(numbers[["age", "pay"]], numbers.y)
    holes = numbers.assign(y=numbers.y.where(numbers.index % 10 != 0))
    ev = mg.Evaluation(model, numbers, target="y", train=holes)
    assert ev.on("train").n == 450
    assert any("50 of 500 rows" in n.text for n in ev.notes)
    np.testing.assert_array_equal(ev.on("train").y, holes.y.dropna())


class TestBaseline:
    def test_same_rows_other_model(self, model, data, train):
        other = RidgeClassifier().fit(train[["pay"]], train.y)
        ev = mg.Evaluation(model, data, target="y", baseline=other, positive="poor")
        beside = ev.where("age < 40").of_baseline()
        rows = data.age < 40
        np.testing.assert_array_equal(np.asarray(beside.classes)[beside.predicted], other.predict(data[["pay"]])[rows])
        np.testing.assert_allclose(beside.score, -other.decision_function(data[["pay"]])[rows])
        np.testing.assert_array_equal(beside.y, ev.where("age < 40").y)
        assert beside.source.data_fingerprint == ev.source.data_fingerprint
        with pytest.raises(NotApplicable, match="threshold"):
            ev.with_threshold(0.3).of_baseline()

    def test_it_goes_along_to_other_data(self, model, data, train):
        other = LogisticRegression().fit(train[["pay"]], train.y)
        there = mg.Evaluation(model, data, target="y", baseline=other, train=train).on("train").of_baseline()
        np.testing.assert_allclose(there.score, other.predict_proba(train[["pay"]])[:, 1])

    def test_its_own_names_of_classes(self, model, data, train):
        by_number = LogisticRegression(max_iter=1000).fit(train[["age", "pay"]], (train.y == "rich").astype(int))
        ev = mg.Evaluation(model, data, target="y", positive="rich", baseline=by_number)
        np.testing.assert_allclose(ev.of_baseline().score, by_number.predict_proba(data[["age", "pay"]])[:, 1])
        turned = mg.Evaluation(by_number, data, target="y", label={"rich": 1, "poor": 0}, baseline=model)
        np.testing.assert_allclose(turned.of_baseline().score, model.predict_proba(data[["age", "pay"]])[:, 1])
        np.testing.assert_array_equal(turned.of_baseline().y, turned.y)

    def test_classes_in_another_order(self, data, train):
        turned = train.y.map({"poor": 1, "rich": 0})  # the other way round than by name
        by_number = LogisticRegression(max_iter=1000).fit(train[["age", "pay"]], turned)
        by_name = LogisticRegression(max_iter=1000).fit(train[["age", "pay"]], train.y)
        ev = mg.Evaluation(by_number, data, target="y", label={"poor": 1, "rich": 0}, positive="rich", baseline=by_name)
        beside = ev.of_baseline()
        assert beside.classes == ev.classes
        np.testing.assert_allclose(beside.score, by_name.predict_proba(data[["age", "pay"]])[:, 1])
        np.testing.assert_array_equal(
            np.asarray(beside.classes, object)[beside.predicted], by_name.predict(data[["age", "pay"]])
        )

    def test_reordered_columns_of_scores(self, train):
        three = train.y.mask(train.pay > 50, "a lot")
        model = wrap_model(DecisionTreeClassifier(max_depth=3).fit(train[["age", "pay"]], three))
        order = ("rich", "a lot", "poor")
        turned = reordered(model, order)
        X = model.prepare(train[["age", "pay"]])
        for place, name in enumerate(order):
            np.testing.assert_array_equal(turned.scores(X)[:, place], model.scores(X)[:, model.classes.index(name)])
        np.testing.assert_array_equal(turned.predict(X), model.predict(X))
        assert reordered(model, model.classes) is model

    def test_regression_and_a_pipeline_with_other_columns(self, train):
        model = LinearRegression().fit(train[["age"]], train.pay)
        other = make_pipeline(
            make_column_transformer((OneHotEncoder(), ["sex"]), remainder="passthrough"), LinearRegression()
        ).fit(train[["sex", "w"]], train.pay)
        ev = mg.Evaluation(model, train, target="pay", baseline=other)
        np.testing.assert_allclose(ev.of_baseline().predicted, other.predict(train[["sex", "w"]]))

    def test_without_names_it_is_fed_the_models_columns_and_that_is_said(self, train):
        model = LinearRegression().fit(train[["age"]], train.pay)
        ev = mg.Evaluation(model, train, target="pay", baseline=DummyRegressor().fit([[1.0]], [5.0]))
        np.testing.assert_array_equal(ev.of_baseline().predicted, 5.0)
        assert any("baseline recorded no column names" in n.text for n in ev.notes)


def test_noted_gives_a_new_view(model, data):
    ev = mg.Evaluation(model, data, target="y")
    from modelglass.analysis.selfcheck import Note

    before = ev.notes
    more = ev.noted([Note(level="info", text="hello")])
    assert ev.notes == before
    assert more.where("age < 40").notes[0].text == "hello"


def test_rows_that_stand_in_both():
    first = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None]})
    second = pd.DataFrame({"a": [1.0, 3.0, 2.0], "b": ["x", None, "x"], "c": 1})
    assert overlap(first, second, ["a", "b"]).tolist() == [True, False, True]
    assert overlap(first, second, ["a"]).tolist() == [True, True, True]
    assert overlap(first, second.astype({"b": "category"}), ["a", "b"]).tolist() == [True, False, True]
    # what stands in which column matters
    left, right = pd.DataFrame({"p": [1], "q": [2]}), pd.DataFrame({"p": [2], "q": [1]})
    assert not overlap(left, right, ["p", "q"]).any()


def test_a_cluster_for_each_row_is_said(model, data):
    ev = mg.Evaluation(model, data.assign(own=np.arange(len(data))), target="y", cluster="own", ignore=["group"])
    assert any("cluster by itself" in n.text for n in ev.notes)
