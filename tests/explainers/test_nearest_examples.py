"""Rows like one row: distances by hand, mixed columns, training data, and what it refuses."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier

import modelglass as mg
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import nearest_examples, prototypes, trust_score, trust_score_row
from modelglass.explainers.likeness import Likeness


def test_distances_by_hand():
    """Ranks of 10, 20, 30, 40 are 1/8, 3/8, 5/8, 7/8; a missing value is a whole column away from a known one."""
    frame = pd.DataFrame({"a": [10.0, 20.0, 30.0, 40.0, np.nan], "b": ["x", "x", "y", None, None]})
    likeness = Likeness(frame, ["b", "a"])
    read = likeness.read(frame)
    got = likeness.differences(read.take(np.array([0])), read)
    assert got.tolist() == [[0, 0], [0, 0.25], [1, 0.5], [1, 0.75], [1, 1]]
    np.testing.assert_allclose(likeness.distances(read, read)[0], got.mean(axis=1), atol=1e-6)
    assert likeness.distances(read, read)[3].tolist() == pytest.approx([0.875, 0.75, 0.625, 0, 0.5])
    points = likeness.matrix(read)
    assert np.linalg.norm(points[0] - points[1]) == pytest.approx(0.25)
    assert np.linalg.norm(points[1] - points[2]) == pytest.approx(np.hypot(0.25, 1))
    other = likeness.read(pd.DataFrame({"a": [5], "b": ["z"]}))  # a level that the reference does not hold
    assert likeness.differences(other, read)[0].tolist() == [1, 0.125]


def test_nearest_are_the_nearest(made):
    ev = made(LogisticRegression(max_iter=300), n=300)
    got = nearest_examples(ev, row=7, count=5)
    inputs = ev.inputs()
    far = np.zeros(ev.n)
    for name in inputs:
        column = inputs[name]
        if name in ("age", "pay"):
            rank = (column.rank() - 0.5) / column.notna().sum()
            gap = (rank - rank[7]).abs()
            far += np.where(gap.isna(), (column.isna() != pd.isna(column[7])).astype(float), gap)
        else:
            far += [not (v == column[7] or (pd.isna(v) and pd.isna(column[7]))) for v in column]
    order = np.argsort(far / inputs.shape[1], kind="stable")
    assert got.frame().row.tolist() == order[order != 7][:5].tolist()
    np.testing.assert_allclose(got.frame().distance, np.sort(far[order[order != 7][:5]]) / inputs.shape[1], atol=1e-12)
    first = got.frame().iloc[0]
    assert first.outcome == ev.frame.y[first.row]
    own = ev.score[first.row]
    assert first.score == pytest.approx(own if got.prediction == ev.positive else 1 - own)
    assert "of the 5 other rows most like it" in got.sentence()
    assert mg.figure(got).data[0].z.shape == (5, 5)


def test_a_twin_and_one_constant_column():
    frame = pd.DataFrame({"a": [1, 1, 2, 3] * 10, "same": [4] * 40, "none": [np.nan] * 40, "y": [0, 1, 0, 1] * 10})
    ev = Evaluation(lambda f: np.where(f.a > 1, 0.9, 0.1), frame, target="y", features=["a", "same", "none"])
    got = nearest_examples(ev, row=0, count=1)
    assert got.frame().row[0] == 1
    assert got.frame().n_differ[0] == 0
    assert "row 1 is the same in every column" in got.sentence()


def test_numbers_and_training_data(made):
    ev = made(LinearRegression(), "amount", n=200)
    got = nearest_examples(ev, row=3)
    assert got.score == pytest.approx(ev.predicted[3])
    assert f"the model says {ev.predicted[3]:.3g}" in got.sentence()
    with pytest.raises(NotApplicable, match="no training data"):
        nearest_examples(ev, row=3, among="train")
    X = pd.DataFrame({"a": np.arange(40.0), "y": [0, 1] * 20})
    own = Evaluation(
        DecisionTreeClassifier(max_depth=2).fit(X[["a"]], X.y), X[20:].reset_index(drop=True), target="y", train=X
    )
    among = nearest_examples(own, row=0, among="train", count=2)
    assert among.frame().row[0] == 20  # the row itself stands in the training data
    assert among.looked_at == 40
    assert "training rows most like it" in among.sentence()


def test_refusals(made):
    ev = made(LogisticRegression(max_iter=300), n=200)
    with pytest.raises(InputError, match="Expected the number of a row"):
        nearest_examples(ev, row=900)
    with pytest.raises(InputError, match="evaluated, train"):
        nearest_examples(ev, row=1, among="trian")
    with pytest.raises(InputError, match="at least one example"):
        nearest_examples(ev, row=1, count=0)
    with pytest.raises(NotApplicable, match="no other row"):
        nearest_examples(ev.take([4]), row=4)
    with pytest.raises(InputError, match="Did you mean 'age'"):
        nearest_examples(ev, row=1, features=["agge"])


def test_predictions_alone_are_compared_by_the_columns_of_the_data(made):
    """Outcome, prediction and score are no columns to compare by; what comes is that of a model that reads these columns."""
    ev = made(LogisticRegression(max_iter=300))
    names = list(ev.features)
    said = np.array(ev.classes)[ev.predicted]
    alone = Evaluation.from_predictions(
        ev.frame.y, prediction=said, score=ev.score, frame=ev.frame[names], positive="yes"
    )
    for door, settings in (
        (nearest_examples, {"row": 7}),
        (trust_score, {}),
        (trust_score_row, {"row": 7}),
        (prototypes, {}),
    ):
        got, expected = door(alone, **settings), door(ev, features=names, **settings)
        pd.testing.assert_frame_equal(got.frame(), expected.frame())
        some = door(alone, features=["age", "city"], **settings)
        pd.testing.assert_frame_equal(some.frame(), door(ev, features=["age", "city"], **settings).frame())
        with pytest.raises(InputError, match="Expected the name of a column of the data: age, "):
            door(alone, features=["agee"], **settings)
    bare = Evaluation.from_predictions(ev.frame.y, prediction=said, score=ev.score, positive="yes")
    with pytest.raises(NotApplicable, match="no columns beside outcome and predictions"):
        nearest_examples(bare, row=7)
