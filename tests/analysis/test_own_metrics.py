"""Functions of the user's own: what they get, what is said when they fail, and intervals that hold their level."""

from __future__ import annotations

import functools
import time

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

from modelglass.analysis import own_metric, performance, slice_metrics
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.estimates import estimate
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.groups import Groups, Rows
from modelglass.analysis.own_metrics import Bootstrap, takes_weights
from modelglass.analysis.performance import measure
from modelglass.explainers import permutation_importance


def right(y_true, y_pred, sample_weight):
    return float(np.average(y_true == y_pred, weights=sample_weight))


def spread(y_true, score, sample_weight):
    return float(np.average(score[y_true == 1]) - np.average(score[y_true == 0]))


@pytest.fixture(scope="module")
def ev():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=600), "b": rng.normal(size=600)})
    y = np.where(X.a + rng.normal(size=600) > 0.5, "yes", "no")
    frame = X.assign(y=y, w=rng.random(600) + 0.1, g=np.arange(600) // 4, side=rng.choice(["l", "r"], 600))
    model = LogisticRegression().fit(X, y)
    return Evaluation(model, frame, target="y")


def test_scores_are_given_where_declared(ev):
    seen = []

    def looks(y_true, given, sample_weight):
        seen.append((given.copy(), sample_weight.copy()))
        return 0.5

    performance(ev, metrics=[own_metric(looks, needs="score")], budget=0.0)
    performance(ev, metrics=[looks], budget=0.0)
    np.testing.assert_array_equal(seen[0][0], ev.score)
    np.testing.assert_array_equal(seen[1][0], (ev.predicted == ev.positive_index).astype(int))
    assert (seen[0][1] == 1).all()


def test_scikit_learns_own_functions_just_work(ev):
    frame = performance(
        ev,
        metrics=[
            own_metric(sk.roc_auc_score, needs="score", greater_is_better=True),
            own_metric(functools.partial(sk.fbeta_score, beta=2), greater_is_better=True),
            "roc_auc",
        ],
        budget=120,  # a loaded machine must not end it early
    ).frame()
    rows = frame.set_index("metric")
    assert rows.estimate["roc_auc_score"] == pytest.approx(rows.estimate["roc_auc"], abs=1e-12)
    assert rows.low["roc_auc_score"] == pytest.approx(rows.low["roc_auc"], abs=0.012)
    assert rows.high["roc_auc_score"] == pytest.approx(rows.high["roc_auc"], abs=0.012)
    assert np.isfinite(rows.low["fbeta_score"])


@pytest.mark.parametrize(
    ("function", "how"),
    [
        (right, "keyword"),
        (lambda y, p: 0.0, ""),
        (lambda y, p, beta=2: 0.0, ""),
        (lambda y, p, weight=None: 0.0, "third"),
        (lambda y, p, *, sample_weight=None: 0.0, "keyword"),
        (lambda y, p, **more: 0.0, "keyword"),
        (functools.partial(sk.fbeta_score, beta=2), "keyword"),
    ],
    ids=["three", "two", "option", "named", "keyword", "any", "partial"],
)
def test_how_weights_are_taken(function, how):
    assert takes_weights(function) == how


def test_without_weights_it_cannot_say_on_weighted_rows():
    def plain(y_true, y_pred):
        return float(np.mean(y_true == y_pred))

    frame = measure([0, 1, 1], [0, 1, 0], None, [1, 2, 3], metrics=[plain, "accuracy"]).frame()
    assert frame.note[0] == "cannot say: plain takes no sample_weight, and these rows have weights"
    assert np.isnan(frame.estimate[0])
    assert measure([0, 1, 1], [0, 1, 0], metrics=[plain]).value("plain") == pytest.approx(2 / 3)


def test_weights_and_clusters_reach_the_function_and_the_interval():
    rng = np.random.default_rng(2)
    y, p = (np.repeat(rng.integers(0, 2, 60), 10) for _ in range(2))
    w = np.repeat(rng.random(60) + 0.5, 10)
    plain, clustered = (
        measure(y, p, None, w, c, metrics=[right, "accuracy"]).frame() for c in (None, np.arange(600) // 10)
    )
    assert plain.estimate[0] == pytest.approx(plain.estimate[1], abs=1e-12)
    assert (clustered.high - clustered.low)[0] > 2.5 * (plain.high - plain.low)[0]
    assert (clustered.high - clustered.low)[0] == pytest.approx((clustered.high - clustered.low)[1], rel=0.2)


def test_same_seed_same_interval(ev):
    one, two = (performance(ev, metrics=[right]).frame() for _ in range(2))
    pd.testing.assert_frame_equal(one, two)


def test_row_order_moves_only_the_draws():
    rng = np.random.default_rng(1)
    y, p = rng.integers(0, 2, (2, 300))
    turn = rng.permutation(300)
    one, two = (measure(y[o], p[o], metrics=[right]).frame() for o in (np.arange(300), turn))
    assert one.estimate[0] == pytest.approx(two.estimate[0], abs=1e-12)
    assert one.low[0] == pytest.approx(two.low[0], abs=0.02)


def test_time_that_runs_out_gives_no_interval_and_says_so():
    asked = []

    def slow(y_true, y_pred, sample_weight):
        asked.append(1)
        time.sleep(0.01)
        return 0.5 + float(y_pred.mean()) / 10

    frame = measure([0, 1] * 30, [0, 1, 1] * 20, metrics=[slow], budget=0.1).frame()
    assert len(asked) < 40, "0.1 seconds hold ten calls of 0.01"
    assert np.isfinite(frame.estimate[0])
    assert np.isnan(frame.low[0])
    assert "400 draws do not fit into the 0.1 seconds" in frame.note[0]


def test_drawing_reports_and_can_be_stopped(ev):
    class Stop(Exception):
        pass

    told = []

    def progress(share, what):
        told.append((share, what))
        if len(told) == 5:
            raise Stop

    with pytest.raises(Stop):
        performance(ev, metrics=[right], progress=progress)
    assert told[0][1] == "drawing rows for right"
    assert all(0 <= share <= 1 for share, _ in told)


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (lambda y, p, w: None, "It returned None."),
        (lambda y, p, w: np.array([0.1, 0.2]), r"It returned an array of shape \(2,\)"),
        (lambda y, p, w: [0.5], r"It returned an array of shape \(1,\)"),
        (lambda y, p, w: "0.5", "It returned '0.5'"),
        (lambda y, p, w: y.nothing, "it raised AttributeError"),
        (lambda y, p, w, v: 1.0, "it raised TypeError"),
    ],
    ids=["none", "array", "list", "text", "attribute", "parameters"],
)
def test_a_function_that_is_wrong_in_itself_is_refused_with_words(made, text):
    made.__name__ = "mine"
    with pytest.raises(InputError, match=text) as caught:
        measure([0, 1, 1], [0, 1, 0], metrics=[made])
    assert "metric mine" in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 5


def test_a_function_that_changes_its_inputs_is_refused_and_changes_nothing():
    def harsh(y_true, y_pred, sample_weight):
        y_pred[:] = 0
        return 0.5

    predicted = np.array([0, 1, 1])
    with pytest.raises(InputError, match="It changed one of them in place"):
        measure([0, 1, 1], predicted, metrics=[harsh])
    assert predicted.tolist() == [0, 1, 1]


def test_a_slice_on_which_it_has_no_meaning_says_why_and_the_others_stand():
    def needs_both(y_true, score, sample_weight):
        if len(np.unique(y_true)) < 2:
            raise ValueError("only one class here")
        return spread(y_true, score, sample_weight)

    from modelglass.analysis.slices import measure as sliced

    y = np.array([1] * 20 + [0, 1] * 30)
    score = np.linspace(0, 1, 80)
    labels = ["one"] * 20 + ["both"] * 60
    frame = sliced(y, y, {"g": labels}, score, metrics=[own_metric(needs_both, needs="score")]).frame()
    notes = frame.set_index("slice").note
    assert notes["one"] == "cannot say: needs_both raised ValueError on 20 rows: only one class here"
    assert notes["both"] == ""


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_no_number_is_said(number):
    frame = measure([0, 1], [0, 1], metrics=[own_metric(lambda y, p, w: number, name="odd")]).frame()
    assert frame.note[0] == f"cannot say: odd gave {number} on 2 rows"


def test_few_rows_and_a_constant_have_no_interval():
    few = measure([0, 1] * 5, [0, 1] * 5, metrics=[right]).frame()
    assert few.note[0] == "no interval: only 10 rows, at least 20 are needed"
    same = measure([0, 1] * 20, [0, 1] * 20, metrics=[right]).frame()
    assert "the same number in all draws" in same.note[0]


def test_names():
    with pytest.raises(InputError, match="'log_loss' is a metric that modelglass knows"):
        own_metric(sk.log_loss, needs="probability")
    with pytest.raises(InputError, match="Two different functions are called '<lambda>'"):
        measure([0, 1], [0, 1], metrics=[lambda y, p, w: 0.0, lambda y, p, w: 1.0])
    assert own_metric(sk.log_loss, name="mine", label="My loss").label == "My loss"
    with pytest.raises(InputError, match="needs to be one of"):
        own_metric(right, needs="scores")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="Expected a function"):
        own_metric("accuracy")  # type: ignore[arg-type]
    with pytest.raises(NotApplicable, match="needs a score"):
        measure([0, 1], [0, 1], metrics=[own_metric(spread, needs="score")])


def test_worst_follows_the_declared_direction(ev):
    def errors(y_true, y_pred, sample_weight):
        return float(np.average(y_true != y_pred, weights=sample_weight))

    found = slice_metrics(ev, by="side", metrics=[own_metric(errors, greater_is_better=False)])
    assert found.worst().estimate.is_monotonic_decreasing
    assert found.better["errors"] is False


def test_permutation_importance_by_an_own_function_equals_the_named_metric(ev):
    mine = own_metric(right, greater_is_better=True)
    ours, named = (
        permutation_importance(ev, metric=m, n_repeats=2).frame().set_index("feature") for m in (mine, "accuracy")
    )
    np.testing.assert_allclose(ours.estimate, named.estimate.loc[ours.index], atol=1e-12)
    np.testing.assert_allclose(ours.low, named.low.loc[ours.index], atol=0.02)
    bare = permutation_importance(ev, metric=right, n_repeats=2)  # nobody said which way is better: the rise is told
    np.testing.assert_allclose(bare.frame().set_index("feature").estimate.loc[ours.index], -ours.estimate, atol=1e-12)
    assert "raises right" in bare.sentence()


@pytest.mark.parametrize("n", [30, 120])
@pytest.mark.parametrize("clustered", [False, True])
def test_the_bootstrap_holds_its_level(n, clustered):
    rng = np.random.default_rng(7)
    each = 5 if clustered else 1
    metric = own_metric(lambda y, p, w: float(np.average(y, weights=w)), name="mean", needs="value")
    held, reps = 0, 120
    for seed in range(reps):
        y = np.repeat(rng.gamma(3.0, size=n), each) + 0.3 * rng.normal(size=n * each)
        rows = Rows(task="regression", y=y, predicted=y, cluster=np.arange(n * each) // each if clustered else None)
        found = estimate(
            metric, Groups(rows, np.zeros(len(y), int), 1), 0.95, Bootstrap(seed=seed, seconds=60, draws=200)
        )
        held += bool(found.low[0] <= 3.0 <= found.high[0])
    assert 0.885 <= held / reps <= 0.99
