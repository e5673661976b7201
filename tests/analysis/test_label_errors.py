"""Suspect labels: the confident joint by hand, noise found where it is planted and not on clean data of misfit models."""

from __future__ import annotations

import functools
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC
from statsmodels.stats.multitest import multipletests

import modelglass as mg
from modelglass.analysis import label_errors
from modelglass.analysis.confident import confident_joint, likely_class, margins, thresholds
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.figures import figure
from modelglass.analysis.figures.marks import conditions_of
from modelglass.analysis.finding import Budget
from modelglass.analysis.label_errors import measure, measure_values
from modelglass.analysis.label_errors_find import find


def world(seed, n=4000, noise=(0.0, 0.0), model=LogisticRegression, sharp=3.0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n + 3000, 5)), columns=list("abcde"))
    z = sharp * (1.5 * X["a"] + X["b"] - 0.8 * X["c"])
    y = (rng.random(len(X)) < 1 / (1 + np.exp(-z))).astype(int).to_numpy()
    fitted = model().fit(X[:3000], y[:3000])
    flip = rng.random(len(X)) < np.where(y == 0, *noise)
    flip[:3000] = False
    frame = X.assign(y=np.where(flip, 1 - y, y))
    return mg.Evaluation(fitted, frame[3000:].reset_index(drop=True), target="y", train=frame[:3000]), flip[3000:]


def by_the_paper(y, p):
    k = p.shape[1]
    t = [p[y == j, j].mean() for j in range(k)]
    out = np.zeros((k, k), int)
    for label, row in zip(y, p):
        over = [j for j in range(k) if row[j] >= t[j]]
        if over:
            out[label, max(over, key=lambda j: row[j])] += 1
    return out


@pytest.mark.parametrize("seed", range(3))
def test_the_confident_joint_is_the_papers(seed):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet([0.5] * 3, 400)
    y = (p.cumsum(axis=1) < rng.random((400, 1))).sum(axis=1).clip(0, 2)
    likely = likely_class(p, thresholds(y, p))
    found, joint = confident_joint(y, likely, 3)
    np.testing.assert_array_equal(found, by_the_paper(y, p))
    np.testing.assert_allclose(joint.sum(axis=1), np.bincount(y))
    np.testing.assert_allclose(joint / joint.sum(axis=1, keepdims=True), found / found.sum(axis=1, keepdims=True))
    times = rng.integers(1, 3, 400)
    twice = np.repeat(np.arange(400), times)
    at = thresholds(y, p, times.astype(float))
    np.testing.assert_allclose(at, thresholds(y[twice], p[twice]))
    own, margin = margins(y, p)
    assert own[0] == p[0, y[0]]
    assert margin[0] == pytest.approx(own[0] - np.delete(p[0], y[0]).max())


@pytest.mark.parametrize("noise", [(0.1, 0.1), (0.1, 0.0)])
def test_planted_noise_is_found_and_its_share_estimated(noise):
    ev, flip = world(0, noise=noise, model=HistGradientBoostingClassifier)
    found = label_errors(ev)
    assert found.sure
    assert found.noise[1] <= flip.mean() <= found.noise[2]
    assert flip[found.rows["row"].to_numpy()[:100]].mean() > 0.8
    assert found.pairs["found"].sum() == len(found.rows)
    assert "look wrong" in found.sentence()
    told = find(ev, Budget(30))
    assert [f.kind for f in told] == ["label_noise"]
    made = conditions_of(figure(found))["where"]
    assert ev.where(made.iloc[0]).n == found.pairs["found"].iloc[0]


def test_clean_labels_of_fit_and_misfit_models_are_no_noise():
    sure, judged, boosted = 0, 0, functools.partial(HistGradientBoostingClassifier, max_iter=30)
    for seed in range(8):
        for model, sharp in ((boosted, 3.0), (GaussianNB, 1.0), (LogisticRegression, 0.5)):
            with suppress(NotApplicable):  # a model that is not sure enough
                sure += len(find(world(seed, 2000, model=model, sharp=sharp)[0], Budget(30)))
                judged += 1
    assert sure <= 1
    assert judged >= 12


def test_rows_of_the_training_data_are_left_out():
    ev, _ = world(1, 1500)
    both = pd.concat([ev.frame, ev.train[:300]], ignore_index=True)
    found = label_errors(mg.Evaluation(ev.estimator, both, target="y", train=ev.train))
    assert found.seen == 300
    assert found.settings["rows"] == 1500
    with pytest.raises(NotApplicable, match="stand in the training data"):
        label_errors(mg.Evaluation(ev.estimator, ev.train, target="y", train=ev.train))


def test_row_order_does_not_matter():
    ev, _ = world(2, 1500, noise=(0.1, 0.1))
    a, b = label_errors(ev), label_errors(ev.take(np.random.default_rng(0).permutation(ev.n)))
    pd.testing.assert_frame_equal(a.sides, b.sides)
    pd.testing.assert_frame_equal(a.rows, b.rows)


def test_numbers_give_suspects_and_no_count_of_errors():
    rng = np.random.default_rng(0)
    predicted = rng.normal(size=2000)
    y = predicted + rng.normal(size=2000) * (1 + 3 * (predicted > 0))
    y[:10] += 100
    found = measure_values(y, predicted)
    assert set(found.rows["row"][:10]) == set(range(10))
    assert len(found.rows) < 20
    assert np.isnan(found.pairs["estimate"].astype(float)).all()
    assert "suspects by their residual alone" in found.sentence()
    assert figure(found).data


def test_what_cannot_be_said():
    ev, _ = world(3, 400)
    labels = mg.Evaluation.from_predictions(ev.y, ev.predicted, task="binary", positive=1)
    with pytest.raises(NotApplicable, match="no probabilities"):
        label_errors(labels)
    bare = mg.Evaluation.from_predictions(ev.y, score=ev.score, task="binary", positive=1)
    assert np.isnan(label_errors(bare).p)
    assert "cannot be said" in label_errors(bare).sentence()
    with pytest.raises(NotApplicable, match="nobody can see whether surer rows are contradicted less"):
        find(bare, Budget(5))
    with pytest.raises(NotApplicable, match=r"only \d+ labels contradict the model where it is sure"):
        find(world(3, 100)[0], Budget(5))


def test_labels_that_hardly_contradict_are_no_open_question():
    rng = np.random.default_rng(0)
    p = np.where(rng.random(3000) < 0.5, 0.02, 0.98)
    y = (p > 0.5).astype(int)
    y[:5] = 1 - y[:5]
    ev = mg.Evaluation.from_predictions(
        y, score=p, frame=pd.DataFrame({"a": rng.normal(size=3000)}), task="binary", positive=1
    )
    assert np.isnan(label_errors(ev).p)
    assert find(ev, Budget(30)) == []


def test_p_values_are_adjusted_over_all_classes_looked_at():
    found = label_errors(world(0, 1500, noise=(0.1, 0.1))[0])
    known = found.sides["p"].dropna().to_numpy(float)
    assert len(known) > 1
    np.testing.assert_allclose(found.sides["p_adjusted"].dropna(), multipletests(known, method="holm")[1])
    assert found.p == found.sides["p_adjusted"].min() > known.min()


def test_a_weight_of_two_is_the_row_twice():
    rng = np.random.default_rng(0)
    p = rng.dirichlet([0.5] * 3, 400)
    y = (p.cumsum(axis=1) < rng.random((400, 1))).sum(axis=1).clip(0, 2)
    times = rng.integers(1, 4, 400)
    twice = np.repeat(np.arange(400), times)
    found = measure(y, p, weight=times)
    np.testing.assert_allclose(found.settings["thresholds"], thresholds(y[twice], p[twice]))
    _, joint = confident_joint(y[twice], likely_class(p[twice], thresholds(y[twice], p[twice])), 3)
    pairs = found.pairs[["given", "likely"]].astype(int).to_numpy()
    np.testing.assert_allclose(found.pairs["joint"], joint[pairs[:, 0], pairs[:, 1]])


def test_copies_of_rows_in_one_cluster_tell_no_more_than_the_rows_once():
    ev, flip = world(0, 800, noise=(0.1, 0.1))
    four = pd.concat([ev.frame.assign(who=range(ev.n))] * 4, ignore_index=True)
    _, low, high = label_errors(mg.Evaluation(ev.estimator, four, target="y", cluster="who")).noise
    once = label_errors(ev).noise
    assert low <= flip.mean() <= high
    assert high - low == pytest.approx(once[2] - once[1], rel=0.25)


def test_copies_of_rows_that_no_cluster_names_do_not_vouch_for_their_labels():
    for seed in (0, 1):
        ev, flip = world(seed, 800, noise=(0.1, 0.1))
        found = label_errors(mg.Evaluation(ev.estimator, pd.concat([ev.frame] * 4, ignore_index=True), target="y"))
        _, low, high = found.noise
        once = label_errors(ev).noise
        assert found.sure
        assert 0 < low <= flip.mean() <= high
        assert high - low == pytest.approx(once[2] - once[1], rel=0.25)


def test_copies_that_only_a_column_not_read_tells_apart_are_copies():
    ev, flip = world(1, 800, noise=(0.1, 0.1))
    four = pd.concat([ev.frame.assign(batch=b) for b in "stuv"], ignore_index=True)
    found = label_errors(mg.Evaluation(ev.estimator, four, target="y"))
    assert found.sure
    assert found.noise[1] <= flip.mean() <= found.noise[2]


def test_few_rows_of_different_inputs_cannot_be_ranked():
    ev, _ = world(1, 2000, noise=(0.1, 0.1))
    few = ev.frame.iloc[np.arange(2000) % 30].assign(batch=np.arange(2000) % 7, y=ev.frame["y"].to_numpy())
    found = label_errors(mg.Evaluation(ev.estimator, few, target="y"))
    assert not found.sure
    assert "cannot be said: there are too few rows of different inputs" in found.sentence()


@pytest.mark.parametrize("times", [1, 4])
def test_copies_of_extreme_values_stay_suspect(times):
    rng = np.random.default_rng(0)
    codes, p = rng.integers(0, 16, (800, 3)), rng.normal(size=800)
    y = p + rng.normal(size=800)
    y[:10] += 30
    here = np.tile(np.arange(800), times)
    found = measure_values(y[here], p[here], codes[here])
    assert set(found.rows["row"] % 800) == set(range(10))
    assert len(found.rows) == 10 * times
    few = measure_values(y[here], np.zeros(800 * times), codes[here] // 8)
    assert set(range(10)) <= set(few.rows["row"])


def test_scores_that_are_no_probabilities_do_not_tell_how_sure_a_model_is():
    ev, _ = world(0, 400)
    model = LinearSVC().fit(ev.train[list("abcde")], ev.train["y"])
    with pytest.raises(NotApplicable, match="no probabilities"):
        label_errors(mg.Evaluation(model, ev.frame, target="y"))
