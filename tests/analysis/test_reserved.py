"""Conditions on outcome, prediction, score, error and row number: what they select, and how they follow the threshold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, LogisticRegression

from modelglass.analysis import joining
from modelglass.analysis.again import understood_as
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation

CLASSES = ["Iris's", "se tosa", "<b>x</b>"]


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    made = pd.DataFrame({"age": rng.integers(18, 80, 300).astype(float), "pay": rng.normal(3, 1, 300)})
    drive = made["age"] / 30 + made["pay"] + rng.normal(0, 1, 300)
    made["bought"] = np.where(drive > 4.6, "yes", "no")
    made["kind"] = np.array(CLASSES)[np.digitize(drive, [4, 5.5])]
    made["spent"] = drive
    return made


@pytest.fixture(scope="module")
def binary(frame):
    return Evaluation(
        LogisticRegression(max_iter=1000).fit(frame[["age", "pay"]], frame["bought"]),
        frame,
        target="bought",
        positive="yes",
    )


@pytest.fixture(scope="module")
def several(frame):
    return Evaluation(LogisticRegression(max_iter=1000).fit(frame[["age", "pay"]], frame["kind"]), frame, target="kind")


@pytest.fixture(scope="module")
def numbers(frame):
    return Evaluation(LinearRegression().fit(frame[["age", "pay"]], frame["spent"]), frame, target="spent")


def rows(ev, sql):
    return ev.where(sql).rows.tolist()


def places(mask):
    return np.flatnonzero(mask).tolist()


def test_two_classes(binary, frame):
    says = np.array(binary.classes, dtype=object)[binary.predicted]
    assert rows(binary, "_prediction = 'yes'") == places(says == "yes")
    assert rows(binary, "_outcome = 'no' AND _prediction = 'yes'") == places(
        (frame["bought"] == "no") & (says == "yes")
    )
    assert rows(binary, "_error = 1") == places(says != frame["bought"])
    assert rows(binary, "_error = 0 AND age < 30") == places((says == frame["bought"]) & (frame["age"] < 30))
    assert rows(binary, "_score >= 0.25 AND _SCORE < 0.5") == places((binary.score >= 0.25) & (binary.score < 0.5))
    assert rows(binary, "_row IN (3, 7, 7, 299)") == [3, 7, 299]
    assert rows(binary, "_row % 2 = 0 AND data._row < 5") == [0, 2, 4]


def test_several_classes(several):
    says, score = several.predicted, several.score
    for code, label in enumerate(several.classes):
        name = joining.literal(label)
        assert rows(several, f"_prediction = {name}") == places(says == code)
        quoted = '"_score:' + str(label).replace('"', '""') + '"'
        assert rows(several, f"{quoted} > 0.3") == places(score[:, code] > 0.3)
    assert rows(several, "_confidence < 0.6") == places(score.max(axis=1) < 0.6)
    with pytest.raises(InputError, match="each with a score"):
        several.where("_score > 0.5")


def test_numbers(numbers):
    off = numbers.predicted - numbers.y
    assert rows(numbers, "_error > 0.5") == places(off > 0.5)
    assert rows(numbers, "abs(_prediction - _outcome) > 1") == places(np.abs(off) > 1)
    with pytest.raises(InputError, match="no score of a class"):
        numbers.where("_score > 0.5")


def test_row_numbers_are_those_of_the_data_as_read(frame):
    gaps = frame.assign(bought=frame["bought"].where(frame.index % 3 > 0))
    ev = Evaluation(
        LogisticRegression(max_iter=1000).fit(frame[["age", "pay"]], frame["bought"]), gaps, target="bought"
    )
    assert ev.where("_row IN (1, 2, 3, 4)").frame.index.tolist() == [1, 2, 4]


def test_labels_only_say_that_there_is_no_score(frame):
    ev = Evaluation.from_predictions(frame["bought"], prediction=frame["bought"], frame=frame[["age"]])
    assert ev.where("_error = 0").n == 300
    with pytest.raises(InputError, match="labels only"):
        ev.where("_score > 0")
    with pytest.raises(InputError, match="_error"):
        ev.where("_eror = 1")  # the nearest name


def test_a_column_of_the_data_goes_before_and_this_is_said(frame):
    own = frame.assign(_Error=np.arange(300))
    ev = Evaluation(LogisticRegression(max_iter=1000).fit(frame[["age", "pay"]], frame["bought"]), own, target="bought")
    assert rows(ev, "_error < 3") == [0, 1, 2]
    assert any("_error" in note.text and note.level == "warning" for note in ev.notes)
    assert ev.words().name("_error") is None
    assert ev.words().name("_prediction") == "_prediction"
    assert not ev.follows_threshold("_error < 3")


def test_a_cohort_follows_the_threshold(binary):
    wrong = binary.where("_error = 1")
    assert wrong.moves
    moved = wrong.with_threshold(0.8)
    at = binary.with_threshold(0.8)
    assert moved.rows.tolist() == places(at.predicted != at.y) != wrong.rows.tolist()
    assert moved.threshold == 0.8
    assert moved.condition == "_error = 1"
    assert moved.fingerprint == at.where("_error = 1").fingerprint != wrong.fingerprint
    assert moved.with_threshold(None).rows.tolist() == wrong.rows.tolist()
    assert wrong.with_threshold(0.8, same_rows=True).rows.tolist() == wrong.rows.tolist()
    assert not binary.where("_score > 0.4").moves


def test_a_chain_of_conditions_and_samples_follows_it(binary):
    chain = binary.where("age > 30").where("_prediction = 'yes'").sample(20, seed=3)
    there = binary.with_threshold(0.3).where("age > 30").where("_prediction = 'yes'").sample(20, seed=3)
    assert chain.with_threshold(0.3).rows.tolist() == there.rows.tolist()
    taken = chain.take([0, 1])
    assert taken.with_threshold(0.3).rows.tolist() == taken.rows.tolist()


def test_a_threshold_at_which_the_cohort_is_empty_is_told(binary):
    with pytest.raises(InputError, match="No row"):
        binary.where("_prediction = 'yes'").with_threshold(1.0)


def test_the_rest_is_all_other_rows(frame):
    gaps = frame.assign(city=np.where(np.arange(300) % 5 == 0, None, "Rome"))
    model = LogisticRegression(max_iter=1000).fit(frame[["age", "pay"]], frame["bought"])
    ev = Evaluation(model, gaps, target="bought")
    some = ev.where("city = 'Rome' AND age < 40")
    assert sorted([*some.rows, *some.rest().rows]) == list(range(300))
    with pytest.raises(NotApplicable):
        ev.rest()
    with pytest.raises(InputError, match="No row"):
        ev.where("age > 0").rest()


def test_another_positive_class_chooses_the_rows_anew(binary):
    low = binary.where("_score < 0.2")
    turned = understood_as(low, positive="no")
    assert turned.rows.tolist() == places(1 - binary.score < 0.2)
    assert (
        understood_as(binary.where("age < 30"), positive="no").rows.tolist() == binary.where("age < 30").rows.tolist()
    )


def test_row_numbers_mean_nothing_on_other_data(frame):
    model = LogisticRegression(max_iter=1000).fit(frame[["age", "pay"]], frame["bought"])
    ev = Evaluation(model, frame, target="bought", train=frame.iloc[::2])
    assert ev.where("_error = 1").on("train").n > 0
    with pytest.raises(NotApplicable, match="number"):
        ev.where("_row < 10").on("train")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 299), min_size=1, max_size=80), st.integers(0, 280), st.integers(1, 20))
def test_rows_named_by_number_come_back(several, alone, start, length):
    wanted = sorted({*alone, *range(start, start + length)})
    sql = joining.rows_in(wanted)
    assert rows(several, sql) == [r for r in wanted if r < 300]
    assert joining.is_rows(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "age > 30 OR pay < 3",
        "age > 30 -- OR so",
        "NOT age > 30",
        "age > 30 or(pay < 3)",
        "CASE WHEN age > 30 OR pay < 2 THEN TRUE ELSE FALSE END",
        "age BETWEEN 20 AND 40",
        "/* a */ age > 30",
    ],
)
def test_conditions_put_together_mean_both(sql, binary):
    other = "_error = 0 OR pay > 3 -- c"
    both = joining.conjoined(sql, other)
    assert rows(binary, both) == sorted({*rows(binary, sql)} & {*rows(binary, other)})
    assert sorted([*rows(binary, sql), *rows(binary, joining.rest_of(sql))]) == list(range(300))


def test_mixed_labels_are_texts():
    y = pd.Series(["1", "2", "1", "2"])
    ev = Evaluation.from_predictions(y, prediction=np.array(["1", "2", "2", "2"]))
    assert ev.where("_prediction = '2'").n == 3
    ints = Evaluation.from_predictions([0, 1, 1], prediction=[0, 0, 1])
    assert ints.where("_prediction = 0").n == 2
    flags = Evaluation.from_predictions([False, True, True], prediction=[False, False, True], positive=True)
    assert flags.where("NOT _prediction").n == 2
    assert flags.where(flags.words().label("_prediction", 0)).n == 2
