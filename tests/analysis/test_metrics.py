"""Metric records, and every metric equal to scikit-learn's, whole and by slice, weighted and not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import special
from sklearn import metrics as sk

from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.estimates import estimate
from modelglass.analysis.groups import Groups, Rows, against_rest
from modelglass.analysis.losses import losses_of
from modelglass.analysis.metrics import (
    METRICS,
    chosen_metrics,
    headline_metrics,
    metrics_for,
    reason_against,
    slice_default_metrics,
)

CONTRACT = {
    "accuracy",
    "balanced_accuracy",
    "precision",
    "recall",
    "f1",
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier_score",
    "mcc",
    "fpr",
    "fnr",
    "selection_rate",
    "ece",
    "r2",
    "mae",
    "rmse",
    "mape",
    "median_absolute_error",
    "bias",
}

SEVERAL = {
    "precision_weighted",
    "recall_weighted",
    "f1_weighted",
    "roc_auc_ovr_weighted",
    "roc_auc_ovo",
    "average_precision_weighted",
    "top_2_accuracy",
    "top_3_accuracy",
}
QUANTILE = {"pinball_loss"}  # asked of rows that have an aim, below
PROMISES = {"calibration_gap", "excess_log_loss", "excess_brier_score"}  # no equal in scikit-learn

BINARY = {
    "accuracy": lambda y, p, s, w: sk.accuracy_score(y, p, sample_weight=w),
    "balanced_accuracy": lambda y, p, s, w: sk.balanced_accuracy_score(y, p, sample_weight=w),
    "precision": lambda y, p, s, w: sk.precision_score(y, p, sample_weight=w),
    "recall": lambda y, p, s, w: sk.recall_score(y, p, sample_weight=w),
    "f1": lambda y, p, s, w: sk.f1_score(y, p, sample_weight=w),
    "mcc": lambda y, p, s, w: sk.matthews_corrcoef(y, p, sample_weight=w),
    "fpr": lambda y, p, s, w: 1 - sk.recall_score(1 - y, 1 - p, sample_weight=w),
    "fnr": lambda y, p, s, w: 1 - sk.recall_score(y, p, sample_weight=w),
    "selection_rate": lambda y, p, s, w: np.average(p, weights=w),
    "roc_auc": lambda y, p, s, w: sk.roc_auc_score(y, s, sample_weight=w),
    "average_precision": lambda y, p, s, w: sk.average_precision_score(y, s, sample_weight=w),
    "log_loss": lambda y, p, s, w: sk.log_loss(y, s, sample_weight=w),
    "brier_score": lambda y, p, s, w: sk.brier_score_loss(y, s, sample_weight=w),
}
MULTICLASS = {
    "accuracy": BINARY["accuracy"],
    "balanced_accuracy": BINARY["balanced_accuracy"],
    "precision": lambda y, p, s, w: sk.precision_score(y, p, sample_weight=w, average="macro"),
    "recall": lambda y, p, s, w: sk.recall_score(y, p, sample_weight=w, average="macro"),
    "f1": lambda y, p, s, w: sk.f1_score(y, p, sample_weight=w, average="macro"),
    "mcc": BINARY["mcc"],
    "roc_auc": lambda y, p, s, w: sk.roc_auc_score(y, s, sample_weight=w, multi_class="ovr", average="macro"),
    "average_precision": lambda y, p, s, w: sk.average_precision_score(y, s, sample_weight=w, average="macro"),
    "log_loss": lambda y, p, s, w: sk.log_loss(y, s, sample_weight=w),
    "brier_score": lambda y, p, s, w: np.average(((np.eye(s.shape[1])[y] - s) ** 2).sum(1), weights=w),
}


def one_against_one(y, p, s, w):
    """Hand and Till by pairs; scikit-learn takes no weights there."""
    if w is None:
        return sk.roc_auc_score(y, s, multi_class="ovo", average="macro")
    pairs = []
    for a in range(s.shape[1]):
        for b in range(s.shape[1]):
            if a != b:
                two = (y == a) | (y == b)
                pairs.append(sk.roc_auc_score(y[two] == a, s[two, a], sample_weight=w[two]))
    return np.mean(pairs)


MULTICLASS |= {
    "precision_weighted": lambda y, p, s, w: sk.precision_score(y, p, sample_weight=w, average="weighted"),
    "recall_weighted": lambda y, p, s, w: sk.recall_score(y, p, sample_weight=w, average="weighted"),
    "f1_weighted": lambda y, p, s, w: sk.f1_score(y, p, sample_weight=w, average="weighted"),
    "average_precision_weighted": lambda y, p, s, w: sk.average_precision_score(
        y, s, sample_weight=w, average="weighted"
    ),
    "roc_auc_ovr_weighted": lambda y, p, s, w: sk.roc_auc_score(
        y, s, sample_weight=w, multi_class="ovr", average="weighted"
    ),
    "roc_auc_ovo": one_against_one,
    "top_2_accuracy": lambda y, p, s, w: sk.top_k_accuracy_score(y, s, sample_weight=w, k=2),
    "top_3_accuracy": lambda y, p, s, w: sk.top_k_accuracy_score(y, s, sample_weight=w, k=3),
}
REGRESSION = {
    "r2": lambda y, p, s, w: sk.r2_score(y, p, sample_weight=w),
    "mae": lambda y, p, s, w: sk.mean_absolute_error(y, p, sample_weight=w),
    "rmse": lambda y, p, s, w: sk.root_mean_squared_error(y, p, sample_weight=w),
    "mape": lambda y, p, s, w: sk.mean_absolute_percentage_error(y, p, sample_weight=w),
    "median_absolute_error": lambda y, p, s, w: sk.median_absolute_error(y, p, sample_weight=w),
    "bias": lambda y, p, s, w: np.average(p - y, weights=w),
}


def make(task: str, n: int, weighted: bool, seed: int = 0) -> Rows:
    rng = np.random.default_rng(seed)
    weight = rng.integers(1, 9, n) / 4 if weighted else None
    if task == "regression":
        y = rng.normal(5, 3, n).round(2)
        return Rows(task=task, y=y, predicted=y + rng.normal(0.2, 1, n).round(1), weight=weight)
    if task == "binary":
        score = rng.random(n).round(2).clip(0.01, 0.99)  # with ties
        y = (rng.random(n) < score).astype(int)
        return Rows(task=task, y=y, predicted=(score > 0.4).astype(int), score=score, probability=True, weight=weight)
    score = rng.dirichlet(np.ones(4), n)
    y = np.array([rng.choice(4, p=p) for p in score])
    return Rows(task=task, y=y, predicted=score.argmax(1), score=score, probability=True, weight=weight, classes=4)


def cases():
    for task, known in (("binary", BINARY), ("multiclass", MULTICLASS), ("regression", REGRESSION)):
        for name in known:
            for weighted in (False, True):
                yield pytest.param(
                    task, name, known[name], weighted, id=f"{task}-{name}-{'weighted' if weighted else 'plain'}"
                )


@pytest.mark.parametrize(("task", "name", "theirs", "weighted"), list(cases()))
def test_equals_scikit_learn_whole_and_by_slice(task, name, theirs, weighted):
    rows = make(task, 900, weighted)
    codes = np.random.default_rng(1).integers(0, 5, 900)
    for cut in (Groups(rows, np.zeros(900, int), 1), Groups(rows, codes, 5)):
        ours = estimate(METRICS[name], cut)
        for g in range(cut.count):
            at = cut.codes == g
            score = None if rows.score is None else rows.score[at]
            expected = theirs(rows.y[at], rows.predicted[at], score, None if rows.weight is None else rows.weight[at])
            assert ours.estimate[g] == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_every_metric_of_a_task_is_compared_or_known_to_have_no_equal_there():
    assert set(METRICS) == CONTRACT | SEVERAL | PROMISES | QUANTILE
    assert {m.name for m in metrics_for("binary")} - set(BINARY) - PROMISES == {"ece"}
    assert {m.name for m in metrics_for("multiclass")} - set(MULTICLASS) - PROMISES == {"ece"}
    assert {m.name for m in metrics_for("regression")} == set(REGRESSION)
    assert {m.name for m in metrics_for("regression", None, 0.9)} == set(REGRESSION) | QUANTILE


@pytest.mark.parametrize("aim", [0.05, 0.5, 0.9])
@pytest.mark.parametrize("weighted", [False, True])
def test_pinball_loss_equals_scikit_learn_whole_and_by_slice(aim, weighted):
    rows = replace(make("regression", 900, weighted), aim=aim)
    codes = np.random.default_rng(1).integers(0, 5, 900)
    found = estimate(METRICS["pinball_loss"], Groups(rows, codes, 5))
    for g in range(5):
        at = codes == g
        weight = None if rows.weight is None else rows.weight[at]
        theirs = sk.mean_pinball_loss(rows.y[at], rows.predicted[at], alpha=aim, sample_weight=weight)
        assert found.estimate[g] == pytest.approx(theirs, rel=1e-12)
        assert np.isfinite(found.low[g]) == (aim != 0.05)  # 9 of 180 rows are to lie below: too few for an interval
    assert "rarer side of the 0.05 quantile" in found.note[0] or aim != 0.05
    worst = losses_of(METRICS["pinball_loss"], rows)[0]
    whole = estimate(METRICS["pinball_loss"], Groups(rows, np.zeros(900, int), 1)).estimate[0]
    assert np.average(worst.values, weights=rows.weight) == pytest.approx(whole, rel=1e-12)


def test_pinball_loss_is_refused_where_no_quantile_is_known():
    rows = make("regression", 900, False)
    found = estimate(METRICS["pinball_loss"], Groups(rows, np.zeros(900, int), 1))
    assert np.isnan(found.estimate[0])
    assert "judges predictions of one quantile" in found.note[0]
    with pytest.raises(NotApplicable, match="not known to be of one"):
        chosen_metrics("pinball_loss", [], task="regression", score_kind=None)
    assert chosen_metrics("pinball_loss", [], task="regression", score_kind=None, aim=0.9)


def test_expected_calibration_error_by_hand():
    rows = Rows(
        task="binary",
        y=np.array([0, 1, 1, 1]),
        predicted=np.array([0, 0, 1, 1]),
        score=np.array([0.1, 0.1, 0.7, 0.75]),
        probability=True,
    )
    found = estimate(METRICS["ece"], Groups(rows, np.zeros(4, int), 1))
    # bins (0, .1]: |.2 - 1| ; (.6, .7]: |.7 - 1| ; (.7, .8]: |.75 - 1|, each over 4 rows
    assert found.estimate[0] == pytest.approx((0.8 + 0.3 + 0.25) / 4)
    assert np.isnan(found.low[0])
    assert "chance alone" in found.note[0]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "name", ["precision", "recall", "f1", "fpr", "fnr", "selection_rate", "roc_auc", "average_precision"]
)
@pytest.mark.parametrize("code", [0, 3])
def test_one_class_against_the_rest_equals_scikit_learn(name, code, weighted):
    rows = make("multiclass", 900, weighted)
    one = against_rest(rows, code)
    ours = estimate(METRICS[name], Groups(one, np.zeros(900, int), 1)).estimate[0]
    y, p = (rows.y == code).astype(int), (rows.predicted == code).astype(int)
    assert ours == pytest.approx(BINARY[name](y, p, rows.score[:, code], rows.weight), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("probability", [True, False])
def test_the_negative_class_is_the_positive_one_turned_round(probability):
    rows = replace(make("binary", 900, True), probability=probability)
    other = against_rest(rows, 0)
    cut, turned = (Groups(r, np.zeros(900, int), 1) for r in (rows, other))
    for mine, theirs in (("recall", "fpr"), ("fnr", "selection_rate")):
        assert np.isfinite(estimate(METRICS[mine], turned).estimate[0] + estimate(METRICS[theirs], cut).estimate[0])
    assert estimate(METRICS["recall"], turned).estimate[0] == pytest.approx(
        1 - estimate(METRICS["fpr"], cut).estimate[0], abs=1e-12
    )
    assert estimate(METRICS["roc_auc"], turned).estimate[0] == pytest.approx(
        estimate(METRICS["roc_auc"], cut).estimate[0], abs=1e-12
    )


def test_top_k_of_any_k_with_ties_as_in_scikit_learn():
    rng = np.random.default_rng(3)
    score = rng.integers(0, 4, (400, 6)).astype(float)
    y = rng.integers(0, 6, 400)
    rows = Rows(task="multiclass", y=y, predicted=score.argmax(1), score=score, classes=6)
    for k in (1, 2, 5):
        (metric,) = chosen_metrics(f"top_{k}_accuracy", [], task="multiclass", score_kind="decision")
        found = estimate(metric, Groups(rows, np.zeros(400, int), 1))
        assert found.estimate[0] == pytest.approx(sk.top_k_accuracy_score(y, score, k=k), abs=1e-12)
        assert found.low[0] < found.estimate[0] < found.high[0]
    (metric,) = chosen_metrics("top_6_accuracy", [], task="multiclass", score_kind="decision")
    assert (
        "of 6 classes every one is among the first 6" in estimate(metric, Groups(rows, np.zeros(400, int), 1)).note[0]
    )


@pytest.mark.parametrize(
    "name",
    sorted(
        SEVERAL - {"top_3_accuracy"}
        | {"precision", "recall", "f1", "roc_auc", "average_precision", "mcc", "balanced_accuracy"}
    ),
)
def test_intervals_of_several_classes_are_as_wide_as_the_estimate_moves(name):
    """The spread of the estimate over fresh samples, against the width its interval claims; clusters and weights included."""
    (metric,) = chosen_metrics(name, [], task="multiclass", score_kind="probability")
    rng = np.random.default_rng(11)
    reps, n, together = 300, 400, 4
    y = np.repeat(rng.choice(3, reps * n // together, p=[0.5, 0.3, 0.2]), together)
    logits = (
        rng.normal(size=(reps * n, 3)) * 0.7 + np.repeat(rng.normal(size=(reps * n // together, 3)), together, 0) * 0.7
    )
    logits[np.arange(reps * n), y] += 1.5
    weight = np.exp(0.5 * rng.normal(size=reps * n))
    rows = Rows(
        task="multiclass",
        y=y,
        predicted=logits.argmax(1),
        score=special.softmax(logits, axis=1),
        probability=True,
        weight=weight,
        cluster=np.arange(reps * n) // together,
        classes=3,
    )
    codes = np.repeat(np.arange(reps), n)
    found = estimate(metric, Groups(rows, codes, reps))
    truth = estimate(metric, Groups(rows, np.zeros(reps * n, int), 1)).estimate[0]
    given = np.isfinite(found.low)
    assert given.mean() > 0.9
    covered = ((found.low <= truth) & (truth <= found.high))[given].mean()
    assert 0.90 <= covered <= 0.985


def test_unknown_metric_names_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'roc_auc'"):
        chosen_metrics("roc_auk", [], task="binary", score_kind="probability")


def test_metric_of_another_task_is_refused():
    with pytest.raises(InputError, match="'mae', which is for regression"):
        chosen_metrics(["accuracy", "mae"], [], task="binary", score_kind=None)


def test_metric_without_its_scores_is_not_applicable():
    with pytest.raises(NotApplicable, match="needs a score for each row"):
        chosen_metrics("roc_auc", [], task="binary", score_kind=None)
    with pytest.raises(NotApplicable, match="needs probabilities"):
        chosen_metrics(["log_loss"], [], task="binary", score_kind="decision")


def test_empty_list_is_refused():
    with pytest.raises(InputError, match="at least one metric"):
        chosen_metrics([], [], task="binary", score_kind=None)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("kind", [None, "decision", "probability"])
def test_usual_metrics_fit(task, kind):
    for metric in (*headline_metrics(task, kind), *slice_default_metrics(task, kind)):
        assert reason_against(metric, task, kind) is None


def test_macro_is_said():
    assert METRICS["f1"].label_for("binary") == "F1"
    assert METRICS["f1"].label_for("multiclass") == "F1 (macro)"
    assert "macro" in METRICS["precision"].describe


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_excess_brier_score_is_brier_less_what_is_promised(task):
    """By hand: sum over classes of (outcome - p)^2 - p (1 - p); of two classes that of the positive one."""
    rng = np.random.default_rng(5)
    k = 2 if task == "binary" else 3
    p = rng.dirichlet(np.ones(k), 400)
    y = rng.integers(0, k, 400)
    each = (np.eye(k)[y] - p) ** 2 - p * (1 - p)
    expected = each[:, 1].mean() if task == "binary" else each.sum(axis=1).mean()
    rows = Rows(
        task=task, y=y, predicted=p.argmax(1), score=p[:, 1] if task == "binary" else p, probability=True, classes=k
    )
    found = estimate(METRICS["excess_brier_score"], Groups(rows, np.zeros(400, int), 1), 0.95)
    assert found.estimate[0] == pytest.approx(expected, abs=1e-12)
    assert found.low[0] < expected < found.high[0]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("classes", [2, 6, 10])
def test_no_interval_is_without_width_where_all_rows_are_right_or_wrong(classes, right, weighted):
    """A mean of six recalls of 1 is 0.9999999999999999, so rounding must not pass for a known spread."""
    rng = np.random.default_rng(classes)
    y = rng.permutation(np.arange(40 * classes) % classes)
    predicted = y if right else (y + 1) % classes
    score = np.where(np.eye(classes)[predicted] > 0, 0.5, 0.5 / (classes - 1)) if classes > 2 else 0.1 + 0.8 * predicted
    weight = rng.random(len(y)) + 0.1 if weighted else None
    task = "binary" if classes == 2 else "multiclass"
    for cluster in (None, np.arange(len(y)) // 4):
        rows = Rows(
            task=task,
            y=y,
            predicted=predicted,
            score=score,
            probability=True,
            weight=weight,
            cluster=cluster,
            classes=classes,
        )
        groups = Groups(rows, rng.integers(0, 2, len(y)), 2)
        for metric in metrics_for(task):
            found = estimate(metric, groups)
            given = np.isfinite(found.low)
            assert (found.high[given] - found.low[given] > 1e-6).all(), metric.name
            assert (found.note[~given] != "").all(), metric.name
            if metric.name in ("accuracy", "roc_auc", "roc_auc_ovr_weighted", "roc_auc_ovo") and right:
                assert given.all(), metric.name
