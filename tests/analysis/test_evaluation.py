"""Evaluation: fed rightly, predicted once, cohorts by row, nothing silent."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import modelglass as mg
from modelglass.analysis import calibration, slice_metrics, thresholds
from modelglass.analysis.errors import InputError, NotApplicable


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(1)
    made = pd.DataFrame(
        {"age": rng.integers(18, 80, 400), "sex": rng.choice(["F", "M"], 400), "pay": rng.gamma(2, 20, 400)}
    )
    made["extra"] = rng.choice(["x", "y", "z"], 400)
    made["w"] = rng.random(400)
    made["y"] = np.where(made.age + made.pay + rng.normal(0, 20, 400) > 90, "rich", "poor")
    return made


@pytest.fixture(scope="module")
def model(frame):
    X = frame[["age", "sex", "pay"]]
    return make_pipeline(
        make_column_transformer((OneHotEncoder(), ["sex"]), remainder="passthrough"), LogisticRegression(max_iter=1000)
    ).fit(X, frame.y)


@pytest.fixture(scope="module")
def ev(model, frame):
    return mg.Evaluation(model, frame, target="y")


def test_predictions_equal_the_librarys_own_call(ev, model, frame):
    X = frame[["age", "sex", "pay"]]
    np.testing.assert_array_equal(np.asarray(ev.classes)[ev.predicted], model.predict(X))
    np.testing.assert_array_equal(ev.score, model.predict_proba(X)[:, 1])
    np.testing.assert_array_equal(np.asarray(ev.classes)[ev.y], frame.y)
    assert (ev.task, ev.positive, ev.score_kind, ev.n) == ("binary", "rich", "probability", 400)


def test_columns_in_another_order_change_nothing(ev, model, frame):
    turned = mg.Evaluation(model, frame[frame.columns[::-1]], target="y")
    np.testing.assert_array_equal(turned.score, ev.score)


def test_positive_turns_score_and_decision(model, frame, ev):
    other = mg.Evaluation(model, frame, target="y", positive="poor")
    np.testing.assert_allclose(other.score, 1 - ev.score)
    np.testing.assert_array_equal(other.predicted, ev.predicted)
    strict = other.with_threshold(0.9)
    np.testing.assert_array_equal(strict.predicted == strict.positive_index, other.score >= 0.9)


def test_unused_columns_stay_available(ev):
    assert "extra" in ev.columns
    assert "extra" not in ev.features
    assert sum(np.bincount(ev.coding("extra").codes)) == 400
    assert any("extra" in n.text for n in ev.notes)


def test_where_gives_the_rows_of_the_condition(ev, frame):
    cohort = ev.where("sex = 'F' AND age < 40")
    expected = np.flatnonzero((frame.sex == "F") & (frame.age < 40))
    np.testing.assert_array_equal(cohort.rows, expected)
    np.testing.assert_array_equal(cohort.score, ev.score[expected])
    np.testing.assert_array_equal(cohort.frame.index, expected)
    assert cohort.source.condition == "sex = 'F' AND age < 40"
    assert cohort.source.rows_all == 400
    nested = cohort.where("extra = 'x'")
    np.testing.assert_array_equal(
        nested.rows, np.flatnonzero((frame.sex == "F") & (frame.age < 40) & (frame.extra == "x"))
    )
    assert cohort.whole.n == 400
    assert len({ev.fingerprint, cohort.fingerprint, nested.fingerprint}) == 3


def test_a_cohort_without_rows_is_an_error(ev):
    with pytest.raises(InputError, match="No row of 400"):
        ev.where("age > 1000")


def test_sample_is_stratified_seeded_and_says_so(ev):
    drawn = ev.sample(100)
    assert drawn.n == 100
    assert len(set(drawn.rows)) == 100
    assert abs(drawn.y.mean() - ev.y.mean()) <= 0.01
    np.testing.assert_array_equal(drawn.rows, ev.sample(100).rows)
    assert not np.array_equal(drawn.rows, ev.sample(100, seed=5).rows)
    assert drawn.source.sample == 100
    assert "sample of 100" in drawn.source.text()
    assert ev.sample(400) is ev


def test_threshold_never_asks_the_model_again(frame):
    class Counting(RandomForestClassifier):
        calls = 0

        def predict_proba(self, X):
            type(self).calls += 1
            return super().predict_proba(X)

    numbers = frame[["age", "pay"]]
    ev = mg.Evaluation(Counting(5, random_state=0).fit(numbers, frame.y), frame[["age", "pay", "y"]], target="y")
    before = Counting.calls
    moved = ev.with_threshold(0.3)
    np.testing.assert_array_equal(moved.predicted, (ev.score >= 0.3).astype(int))
    moved.where("age < 50")
    assert Counting.calls == before
    assert moved.fingerprint != ev.fingerprint


def test_output_is_what_was_predicted(ev):
    np.testing.assert_allclose(ev.output(ev.inputs()), ev.score)
    np.testing.assert_array_equal(ev.predict_codes(ev.inputs()), ev.predicted)
    np.testing.assert_array_equal(ev.with_threshold(0.2).predict_codes(ev.inputs()), (ev.score >= 0.2).astype(int))


def test_decision_scores_are_not_probabilities(frame):
    X = frame[["age", "pay"]]
    ev = mg.Evaluation(RidgeClassifier().fit(X, frame.y), frame[["age", "pay", "y"]], target="y")
    assert ev.score_kind == "decision"
    with pytest.raises(NotApplicable, match="no probabilities"):
        ev.outcome_and_probability()
    other = mg.Evaluation(RidgeClassifier().fit(X, frame.y), frame[["age", "pay", "y"]], target="y", positive="poor")
    np.testing.assert_allclose(other.score, -ev.score)


def test_native_categories_are_cast_from_the_models_record(frame):
    trained = frame[["sex", "extra", "age"]].astype({"sex": "category", "extra": "category"})
    model = HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype").fit(trained, frame.y)
    ev = mg.Evaluation(model, frame[["sex", "extra", "age", "y"]], target="y")
    np.testing.assert_array_equal(ev.score, model.predict_proba(trained)[:, 1])


def test_weights_clusters_time_and_ids(model, frame):
    more = frame.assign(
        day=pd.date_range("2026-01-01", periods=400), name=[f"r{i}" for i in range(400)], house=np.arange(400) // 4
    )
    ev = mg.Evaluation(model, more, target="y", weight="w", time="day", cluster="house", id="name").where("age < 40")
    np.testing.assert_array_equal(ev.weight, frame.w[ev.rows])
    np.testing.assert_array_equal(ev.cluster, ev.rows // 4)
    assert ev.ids.tolist() == [f"r{i}" for i in ev.rows]
    assert (ev.time.to_numpy() == more.day.to_numpy()[ev.rows]).all()
    assert ev.source.weight == "w"


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"w": -1.0}, "zero or more"),
        ({"w": np.nan}, "zero or more"),
        ({"w": 0.0}, "All are zero"),
        ({"w": 1e308}, r"their sum inf[\s\S]*only their ratios"),
        ({"w": 1e76}, r"a sum between[\s\S]*1e\+76, their sum 4e\+78"),
        ({"w": 1e-80}, "a sum between"),
    ],
)
def test_unusable_weights(model, frame, change, part):
    with pytest.raises(InputError, match=part):
        mg.Evaluation(model, frame.assign(**change), target="y", weight="w")


@pytest.mark.parametrize("size", [1e-75, 1e74])
def test_weights_just_within_what_can_be_multiplied_give_the_numbers_of_ones(model, frame, size):
    found = [
        slice_metrics(mg.Evaluation(model, frame.assign(w=w), target="y", weight="w"), by="sex").frame()
        for w in (size, 1.0)
    ]
    for name in ("estimate", "low", "high"):
        np.testing.assert_allclose(*(f[name] for f in found), rtol=1e-9)


def test_missing_feature_is_named_with_the_nearest_column(model, frame):
    with pytest.raises(InputError, match=r"lacks 'age'[\s\S]*'Age'"):
        mg.Evaluation(model, frame.rename(columns={"age": "Age"}), target="y")


def test_target_missing_suggests_the_nearest_name(model, frame):
    with pytest.raises(InputError, match="Did you mean 'extra'"):
        mg.Evaluation(model, frame, target="extr")


def test_text_in_a_number_column_is_named(frame):
    numbers = frame[["age", "pay"]]
    model = LogisticRegression().fit(numbers, frame.y)
    broken = frame[["age", "pay", "y"]].assign(age=["a lot", *frame.age[1:].astype(str)])
    with pytest.raises(InputError, match=r"column 'age'[\s\S]*'a lot'"):
        mg.Evaluation(model, broken, target="y")


class Odd(LinearRegression):
    """Returns what it is told."""

    def predict(self, X):
        return self.answer(super().predict(X))


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (lambda p: np.where(np.arange(len(p)) == 7, np.nan, p), "row 7"),
        (lambda p: np.column_stack([p, p]), "one output of the model"),
        (lambda p: p * np.inf, "finite|NaN"),
    ],
)
def test_unusable_predictions(frame, answer, part):
    model = Odd().fit(frame[["age", "pay"]], frame.w)
    model.answer = answer
    with pytest.raises(InputError, match=part):
        mg.Evaluation(model, frame[["age", "pay", "w"]], target="w")


def test_duplicate_names_and_no_rows(model, frame):
    with pytest.raises(InputError, match="called 'age'"):
        mg.Evaluation(model, pd.concat([frame, frame[["age"]]], axis=1), target="y")
    with pytest.raises(InputError, match="at least one row"):
        mg.Evaluation(model, frame.iloc[:0], target="y")


def test_names_that_differ_only_in_case_are_refused_at_once(model, frame):
    with pytest.raises(InputError, match="upper and lower case"):
        mg.Evaluation(model, frame.assign(Sex="F"), target="y")


def test_rows_keep_their_numbers_when_targets_are_missing(model, frame):
    holes = frame.assign(y=frame.y.where(frame.index % 10 != 0))
    ev = mg.Evaluation(model, holes, target="y")
    assert ev.n == 360
    assert ev.frame.index[0] == 1
    assert any("40 of 400 rows" in n.text for n in ev.notes)
    np.testing.assert_array_equal(ev.where("age < 30").frame.index, [i for i in frame.index[frame.age < 30] if i % 10])


class TestFromPredictions:
    def test_scores_only(self):
        ev = mg.Evaluation.from_predictions([0, 1, 1, 0], score=[0.2, 0.9, 0.4, 0.1])
        assert ev.threshold == 0.5
        assert ev.predicted.tolist() == [0, 1, 0, 0]
        assert ev.source.model_kind == "predictions only"

    def test_positive_may_be_the_first_label(self):
        ev = mg.Evaluation.from_predictions(["a", "b", "a"], score=[0.9, 0.2, 0.7], positive="a")
        np.testing.assert_allclose(ev.score, [0.9, 0.2, 0.7])
        assert [ev.classes[c] for c in ev.predicted] == ["a", "b", "a"]

    def test_one_score_a_class(self):
        ev = mg.Evaluation.from_predictions(
            ["a", "b", "c"], score={"a": [0.8, 0.1, 0.1], "b": [0.1, 0.8, 0.1], "c": [0.1, 0.1, 0.8]}
        )
        assert ev.task == "multiclass"
        assert ev.predicted.tolist() == [0, 1, 2]

    def test_regression(self):
        ev = mg.Evaluation.from_predictions([1.5, 2.5, 4.0], [1.0, 3.0, 4.5])
        assert ev.task == "regression"
        assert ev.predicted.tolist() == [1.0, 3.0, 4.5]

    def test_labels_only(self):
        ev = mg.Evaluation.from_predictions(["x", "y", "x"], ["x", "x", "x"])
        assert ev.score is None
        with pytest.raises(NotApplicable, match="no scores"):
            ev.binary()
        with pytest.raises(NotApplicable, match="no model"):
            ev.output(ev.frame)

    def test_what_cannot_be_used(self):
        with pytest.raises(InputError, match="neither"):
            mg.Evaluation.from_predictions([0, 1])
        with pytest.raises(InputError, match="has 3"):
            mg.Evaluation.from_predictions([0, 1], score=[0.1, 0.2, 0.3])
        with pytest.raises(InputError, match="Expected a threshold"):
            mg.Evaluation.from_predictions([0, 1], score=[-3.0, 5.0])
        with pytest.raises(InputError, match="score for each row"):
            mg.Evaluation.from_predictions([0, 1, 0], score=[0.5, np.nan, 0.2])


class Labels(LogisticRegression):
    """Predicts labels it does not have."""

    def predict(self, X):
        return np.full(len(X), 7)


def test_fingerprint_follows_content(model, frame):
    one, same = mg.Evaluation(model, frame, target="y"), mg.Evaluation(model, frame.copy(), target="y")
    other = mg.Evaluation(model, frame.assign(age=frame.age + (frame.index == 3)), target="y")
    assert one.fingerprint == same.fingerprint != other.fingerprint


def test_labels_that_the_model_does_not_have():
    data = pd.DataFrame({"a": [1.0, 2.0], "y": [0, 1]})
    with pytest.raises(InputError, match=r"among 0, 1[\s\S]*7"):
        mg.Evaluation(Labels().fit(data[["a"]], data.y), data, target="y")


class TestPredictionsMadeElsewhereMeetTheTarget:
    Y = (0, 1, 0, 1)

    def test_the_order_of_scores_does_not_matter(self):
        p = [0.1, 0.8, 0.3, 0.6]
        q = [0.9, 0.2, 0.7, 0.4]
        one = mg.Evaluation.from_predictions(self.Y, score={"1": p, "0": q})
        two = mg.Evaluation.from_predictions(self.Y, score={"0": q, "1": p})
        assert one.positive == two.positive == 1
        np.testing.assert_array_equal(one.score, two.score)
        np.testing.assert_array_equal(one.score, p)

    def test_labels_that_never_meet_are_refused(self):
        with pytest.raises(InputError, match=r"0, 1[\s\S]*'no', 'yes'"):
            mg.Evaluation.from_predictions(self.Y, ["no", "yes", "no", "yes"])

    def test_sums_off_by_little_are_said_and_used(self):
        off = mg.Evaluation.from_predictions(self.Y, score={"0": [0.9005, 0.2, 0.7, 1.0005], "1": [0.1, 0.8, 0.3, 0.0]})
        assert any("sum to one only within" in n.text for n in off.notes)

    @pytest.mark.parametrize(
        "given", [{"score": ["a", "b", "a", "b"]}, {"prediction": ["a", "b", "a", "b"], "task": "regression"}]
    )
    def test_text_where_numbers_belong(self, given):
        with pytest.raises(InputError, match="Expected numbers"):
            mg.Evaluation.from_predictions(self.Y, **given)

    def test_a_score_for_each_class(self):
        with pytest.raises(InputError, match="score for each class"):
            mg.Evaluation.from_predictions(["x", "y", "z"], score={"x": [1.0, 0.0, 0.0], "y": [0.0, 1.0, 1.0]})
        with pytest.raises(InputError, match="each of 3 classes"):
            mg.Evaluation.from_predictions(["x", "y", "z"], score=[1.0, 0.0, 0.0])


def test_settings_that_cannot_be_are_refused(model, frame, ev):
    for given, part in [
        ({"seed": -1}, "seed"),
        ({"ignore": ["age"]}, "reads 'age'"),
        ({"threshold": 7}, "probabilities"),
    ]:
        with pytest.raises(InputError, match=part):
            mg.Evaluation(model, frame, target="y", **given)
    said = mg.Evaluation(model, frame, target="y", features=["age"])
    assert any("--features is not used" in n.text for n in said.notes)


WRONG_KINDS = {
    "target nothing": (lambda model, frame: mg.Evaluation(model, frame, target=None), "Got nothing"),
    "weights as array": (lambda model, frame: mg.Evaluation(model, frame, target="y", weight=frame.w.to_numpy()), "ndarray"),
    "threshold as text": (lambda model, frame: mg.Evaluation(model, frame, target="y", threshold="0.5"), "Got '0.5'"),
    "threshold as flag": (lambda model, frame: mg.Evaluation(model, frame, target="y", threshold=True), "Got True"),
    "label as number": (lambda model, frame: mg.Evaluation(model, frame, target="y", label=3), "Got '3'"),
    "sample as text": (lambda model, frame: mg.Evaluation(model, frame, target="y").sample("a"), "Got 'a'"),
    "part of a row": (lambda model, frame: mg.Evaluation(model, frame, target="y").sample(10.5), "Got 10.5"),
    "ignore as one name": (lambda model, frame: mg.Evaluation(model, frame, target="y", ignore="extras"), "Got 'extras'"),
    "outcomes in two columns": (lambda *_: mg.Evaluation.from_predictions(np.zeros((3, 2)), np.zeros(3)), "2 dimensions"),
    "predictions in two columns": (lambda *_: mg.Evaluation.from_predictions([1, 0], [[1, 0], [0, 1]]), "2 dimensions"),
    "nothing to load": (lambda *_: mg.load_model(None), "NoneType"),
    "an address to load": (lambda *_: mg.load_model("http://127.0.0.1:9/v2/models/m"), "cannot be reached"),
    "costs as number": (lambda model, frame: thresholds(mg.Evaluation(model, frame, target="y"), costs=-1), "Got -1"),
    "bins as text": (lambda model, frame: calibration(mg.Evaluation(model, frame, target="y"), n_bins="x"), "'x' bins"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_KINDS)
def test_values_of_the_wrong_kind_are_refused_in_words(case, model, frame):
    call, part = WRONG_KINDS[case]
    with pytest.raises(InputError, match=re.escape(part)) as caught:
        call(model, frame)
    assert 1 <= len(str(caught.value).splitlines()) <= 4


def test_one_name_to_ignore_may_stand_alone(model, frame):
    assert "extra" not in mg.Evaluation(model, frame, target="y", ignore="extra").columns


def test_a_condition_with_a_comment_can_be_put_together_again(ev):
    cohort = ev.where("age > 30 -- grown").where("age < 50")
    assert ev.where(cohort.condition).n == cohort.n


@pytest.mark.parametrize("seed", [-1, 2**32, 0.5])
def test_seeds_that_numpy_does_not_take_are_refused_once(seed):
    frame = pd.DataFrame({"x": range(10), "y": [0, 1] * 5})
    with pytest.raises(InputError, match="from 0 to 4294967295 as the seed"):
        mg.Evaluation.from_predictions(frame.y, frame.y, frame=frame[["x"]], seed=seed)
    assert mg.Evaluation.from_predictions(frame.y, frame.y, frame=frame[["x"]], seed=2**32 - 1).seed == 2**32 - 1


@pytest.mark.parametrize("kind", ["object", "category"])
def test_half_a_character_is_refused_in_words(kind):
    """pandas 3 cannot hold it as text; with pandas 2 the fingerprint, and so every analysis, raised UnicodeEncodeError."""
    texts = pd.Series(["fine", "x\ud800"] * 50, dtype=object)
    if kind == "category":
        texts = pd.Series(pd.Categorical.from_codes([0, 1] * 50, pd.Index(["fine", "x\ud800"], dtype=object)))
    frame = pd.DataFrame({"a": [0.0, 1.0] * 50, "t": texts, "y": [0, 1] * 50})
    model = LogisticRegression().fit(frame[["a"]], frame.y)
    with pytest.raises(InputError, match=r"(?s)UTF-8.*'t' holds half a character: 'x.ud800'"):
        mg.Evaluation(model, frame, target="y")


def test_an_object_whose_attributes_raise_is_refused_in_words():
    class Grumpy:
        def __getattr__(self, name):
            raise RuntimeError("not today")

    with pytest.raises(InputError, match=r"(?s)type Grumpy raised RuntimeError: not today"):
        mg.Evaluation(Grumpy(), pd.DataFrame({"a": [0.0, 1.0], "y": [0, 1]}), target="y")


def test_scores_of_two_classes_that_go_beyond_one_are_told_with_their_whole_range():
    """0.0003 of one class and 1.0047 of the other: the first alone looks like a probability."""
    p = np.array([0.0003, 0.4, 0.9, 0.6])
    with pytest.raises(InputError, match="not probabilities") as told:
        mg.Evaluation.from_predictions(["a", "b", "b", "a"], score={"b": p, "a": 1.005 - p}, positive="b")
    assert told.value.came == "Scores run from 0.0003 to 1.005 (those of both classes)."


class CountingBayes(GaussianNB):
    """Says how often it was asked for labels."""

    asked = 0

    def predict(self, X):
        type(self).asked += 1
        return super().predict(X)


@pytest.mark.parametrize("positive", [None, "first"])
def test_scores_alone_are_asked_for_what_explanations_explain(positive):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=50), "b": rng.normal(size=50)})
    y = np.where(X.a > 0, "second", "first")
    model = CountingBayes().fit(X, y)
    made = mg.Evaluation(model, X.assign(y=y), target="y", **({} if positive is None else {"positive": positive}))
    before = CountingBayes.asked
    column = list(model.classes_).index(made.positive)
    np.testing.assert_array_equal(made.output(X), model.predict_proba(X)[:, column])
    assert CountingBayes.asked == before
    assert set(made.answer(X)[0]) <= {0, 1}
    assert CountingBayes.asked == before + 1
