"""Trust scores: by hand, against alibi on the same points, and whether they tell right from wrong where they must."""

import importlib.util
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import roc_auc_score

import modelglass as mg
from modelglass.analysis.errors import InputError, NotApplicable, Stopped
from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import trust_score, trust_score_row
from modelglass.explainers.trust_score import class_distances, scores


def test_by_hand():
    points, label = np.array([[0.0], [1], [4], [6]]), np.array([0, 0, 1, 1])
    far = class_distances(points, label, np.array([[2.0]]), k=1, classes=2)
    assert far.tolist() == [[1, 2]]
    assert scores(far, np.array([0]))[0] == pytest.approx(2)
    assert scores(far, np.array([1]))[0] == pytest.approx(0.5)
    own = class_distances(points, label, points[:1], k=1, classes=2, itself=np.array([0]))
    assert own.tolist() == [[1, 4]]  # not to itself
    none = class_distances(points, label, points, k=1, classes=3)
    assert np.isnan(none[:, 2]).all()
    assert scores(none, np.array([0, 0, 1, 2]))[0].tolist()[3:] == pytest.approx([np.nan], nan_ok=True)


@pytest.mark.alibi
@pytest.mark.skipif(importlib.util.find_spec("alibi") is None, reason="alibi is not installed here")
@pytest.mark.parametrize("k", [1, 2, 5])
def test_equals_alibi(k):
    with warnings.catch_warnings():  # what alibi imports warns
        warnings.simplefilter("ignore")
        from alibi.confidence import TrustScore

    rng = np.random.default_rng(0)
    X, label = rng.normal(size=(300, 4)), rng.integers(0, 3, 300)
    points, predicted = rng.normal(size=(50, 4)), rng.integers(0, 3, 50)
    theirs = TrustScore()
    theirs.fit(X, label, classes=3)
    score, other = theirs.score(points, predicted, k=k)
    ours = scores(class_distances(X, label, points, k=k, classes=3), predicted)
    np.testing.assert_allclose(ours[0], score, rtol=1e-9)
    np.testing.assert_array_equal(ours[1], other)


def test_whole(made):
    ev = made(LogisticRegression(max_iter=300), n=800)
    got = trust_score(ev)
    right = ev.predicted == ev.y
    assert got.rows.right.tolist() == right.tolist()
    by = got.ranks.set_index("by")
    assert by.estimate["trust score"] == pytest.approx(roc_auc_score(right, got.rows.score))
    assert by.estimate["own confidence"] == pytest.approx(roc_auc_score(right, np.abs(ev.score - 0.5)))
    assert by.low["trust score"] > 0.5
    assert got.frame().n.sum() == ev.n
    for part in got.frame().itertuples():
        inside = (got.rows.score >= part.from_) & (got.rows.score <= part.to)
        assert part.estimate == pytest.approx(right[inside].mean())
        assert part.low < part.estimate < part.high
    assert "800 evaluated rows, the row itself left out" in got.sentence()
    one = trust_score_row(ev, row=11)
    assert one.score == pytest.approx(got.rows.score[11])
    assert one.frame().predicted.sum() == 1
    assert mg.figure(got).data[0].orientation == mg.figure(one).data[0].orientation == "h"


def test_own_confidence_is_the_same_whichever_class_is_called_positive():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=300), "b": rng.normal(size=300)})
    y = np.where(frame.a + rng.normal(size=300) > 0, "yes", "no")
    model = LogisticRegression().fit(frame, y)
    given = [
        trust_score(Evaluation(model, frame.assign(y=y), target="y", positive=name)).ranks.set_index("by")
        for name in ("yes", "no")
    ]
    for one in given:
        assert one.estimate["own confidence"] == pytest.approx(given[0].estimate["own confidence"])
        assert one.estimate["own confidence"] > 0.5


def test_rows_given_by_weights_and_labels_alone(made):
    """Weights of one change nothing; without scores there is no confidence to compare with."""
    frame = made(LogisticRegression(max_iter=300), n=300).frame.assign(w=1.0)
    model = lambda f: np.where(f.age > 50, "yes", "no")  # noqa: E731
    settings = {"target": "y", "ignore": ["y3", "amount"], "features": ["age", "pay", "city"], "task": "binary"}
    plain = trust_score(Evaluation(model, frame.drop(columns="w"), **settings))
    weighted = trust_score(Evaluation(model, frame, weight="w", **settings))
    pd.testing.assert_frame_equal(plain.frame(), weighted.frame(), rtol=1e-6)
    assert plain.ranks.by.tolist() == ["trust score"]


def test_training_data_are_the_reference_where_given():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=300), "y": rng.integers(0, 2, 300)})
    ev = Evaluation(LogisticRegression().fit(X[["a"]], X.y), X[:100], target="y", train=X[100:])
    assert trust_score(ev).reference == "200 rows that the model was fitted on"


def test_refusals(made):
    with pytest.raises(NotApplicable, match="a regression has none"):
        trust_score(made(LinearRegression(), "amount", n=200))
    ev = made(LogisticRegression(max_iter=300), n=200)
    with pytest.raises(InputError, match="k = 0"):
        trust_score(ev, k=0)
    with pytest.raises(InputError, match="Expected the number of a row"):
        trust_score_row(ev, row=-3)

    def stop(share, what):
        raise Stopped("stop")

    with pytest.raises(Stopped):
        trust_score(ev, progress=stop)
