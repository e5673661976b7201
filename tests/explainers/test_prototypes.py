"""Prototypes: the greedy choice by hand and against alibi's, shares by hand, and groups that must be found."""

import importlib.util
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

import modelglass as mg
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import prototypes
from modelglass.explainers.likeness import Likeness
from modelglass.explainers.prototypes import select


def test_greedy_choice_by_hand():
    """On a line: 0 1 2 are of one class, 2.2 and 9 of the other; the middle one covers three and one stranger, the end two and none."""
    x, label = np.array([0.0, 1, 2, 2.2, 9]), np.array([0, 0, 0, 1, 1])
    near = np.abs(x[:, None] - x[None]) <= 1.3
    assert select(near, label, 5) == [(0, 0), (4, 1)]
    assert select(near, label, 1) == [(0, 0)]
    heavy = np.array([1, 1, 10, 1, 1.0])
    assert select(near, label, 5, weight=heavy)[0] == (1, 0)


@pytest.mark.alibi
@pytest.mark.skipif(importlib.util.find_spec("alibi") is None, reason="alibi is not installed here")
@pytest.mark.parametrize("seed", range(3))
def test_equals_alibis_protoselect(seed):
    with warnings.catch_warnings():  # what alibi imports warns
        warnings.simplefilter("ignore")
        from alibi.prototypes import ProtoSelect
        from alibi.utils.kernel import EuclideanDistance

    rng = np.random.default_rng(seed)
    X = rng.normal(size=(80, 3))
    label = (X[:, 0] + 0.5 * rng.normal(size=80) > 0).astype(int) + (X[:, 1] > 1)
    summary = (
        ProtoSelect(kernel_distance=EuclideanDistance(), eps=0.9, lambda_penalty=0.5)
        .fit(X=X, y=label)
        .summarise(num_prototypes=9)
    )
    near = np.sqrt(((X[:, None] - X[None]) ** 2).sum(axis=2)) <= 0.9
    ours = select(near, label, 9, penalty=0.5, own=False)  # a penalty without rounding: alibi breaks ties by it
    theirs = set(
        zip(summary.data["prototype_indices"].tolist(), summary.data["prototype_labels"].tolist(), strict=True)
    )
    assert set(ours) == theirs


def test_shares_by_hand(made, monkeypatch):
    ev = made(LogisticRegression(max_iter=300), n=400)
    got = prototypes(ev, count=6, radius=0.3)
    likeness = Likeness(ev.inputs(), list(ev.features))
    read = likeness.read(ev.inputs())
    assert len(got.rows) <= 6
    assert (got.rows.outcome == got.rows.group).all()
    assert (ev.frame.y[got.rows.row].to_numpy() == got.rows.group.to_numpy()).all()
    far = likeness.distances(read, read.take(got.rows.row.to_numpy()))
    right = got.rows.group.to_numpy()[far.argmin(axis=1)] == ev.frame.y.to_numpy()
    whole = got.coverage[got.coverage.group == "all"].set_index("measure")
    # ours is of the half in which no prototype was sought
    assert whole.estimate["nearest of its group"] == pytest.approx(right.mean(), abs=0.08)
    assert whole.n.tolist() == [200, 200]
    assert ((got.coverage.low <= got.coverage.estimate) & (got.coverage.estimate <= got.coverage.high)).all()
    assert got.rows.groupby("group").nearest_to.sum().max() <= 1 + 1e-12
    drawn = mg.figure(got)
    assert drawn.data[0].type == "bar"
    monkeypatch.setattr("modelglass.explainers.figures.prototypes.LETTERS", 8)
    texts = [text for trace in mg.figure(got).data for text in trace.hovertext]
    assert all(text.partition("<br>holds: ")[2].count("<br>") for text in texts), "what is long stands in lines"
    assert not any("&lt;br" in text for text in texts)


def test_three_heaps_are_found():
    """Of data in three heaps, three prototypes: one in each, and all rows are covered."""
    rng = np.random.default_rng(0)
    heap = rng.integers(0, 3, 600)
    X = pd.DataFrame({"a": heap * 10 + rng.normal(size=600), "b": heap * -7 + rng.normal(size=600)})
    X["y"] = np.array(["p", "q", "r"])[heap]
    model = LogisticRegression(max_iter=300).fit(X[["a", "b"]], X.y)
    got = prototypes(Evaluation(model, X, target="y"), count=3)
    assert sorted(got.rows.group) == ["p", "q", "r"]
    assert got.coverage.estimate[got.coverage.measure == "nearest of its group"].min() > 0.99
    assert "3 rows (1 for" in got.sentence()


def test_numbers_in_thirds_and_predictions(made):
    ev = made(LinearRegression(), "amount", n=400)
    got = prototypes(ev, count=6)
    assert len(got.groups) == 3
    assert got.groups[0].startswith("up to ")
    assert got.groups[2].startswith("above ")
    by_prediction = prototypes(made(LogisticRegression(max_iter=300), n=400), of="prediction")
    assert (by_prediction.rows.prediction == by_prediction.rows.group).all()


def test_row_order_does_not_matter(made):
    ev = made(LogisticRegression(max_iter=300), n=300)
    turned = ev.frame.iloc[::-1].reset_index(drop=True)
    again = Evaluation(ev.model, turned, target="y", ignore=["y3", "amount"])
    a, b = prototypes(ev, count=4, radius=0.3), prototypes(again, count=4, radius=0.3)
    assert sorted(a.rows.holds) == sorted(b.rows.holds)


def test_refusals(made):
    ev = made(LogisticRegression(max_iter=300), n=200)
    with pytest.raises(InputError, match="outcome, prediction"):
        prototypes(ev, of="predicton")
    with pytest.raises(InputError, match="radius between 0 and 1"):
        prototypes(ev, radius=2)
    with pytest.raises(InputError, match="at least one prototype"):
        prototypes(ev, count=0)
    with pytest.raises(NotApplicable, match="at least 40 rows"):
        prototypes(ev.take(np.arange(20)))
