"""Noisier outcomes than in training: found and sized where labels or values are spoiled, silent where rows or the relation differ otherwise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from modelglass.analysis.checked_data import of_frame
from modelglass.analysis.checks_noise import slope, standardised
from modelglass.analysis.data_checks import measure

N = 3_000


def table(seed, task, turn=0.0):
    """Rows whose outcome follows from x and g; ``turn`` changes the relation."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.normal(size=N), "z": rng.normal(size=N), "g": rng.choice(list("abc"), N)})
    pull = 1.5 * frame["x"] * (1 - 2 * turn) + 2.0 * turn * frame["z"] + (frame["g"] == "a")
    if task == "regression":
        frame["y"] = pull + rng.standard_t(5, N)
    elif task == "binary":
        frame["y"] = np.where(rng.random(N) < 1 / (1 + np.exp(-1.5 * pull)), "yes", "no")
    else:
        frame["y"] = np.array(list("rst"))[np.digitize(pull + 0.5 * rng.logistic(size=N), [-0.8, 1.0])]
    return frame


def flipped(frame, share, seed=9):
    rng = np.random.default_rng(seed)
    classes, codes = np.unique(frame["y"], return_inverse=True)
    moved = rng.random(len(frame)) < share
    other = (codes + rng.integers(1, len(classes), len(codes))) % len(classes)
    return frame.assign(y=classes[np.where(moved, other, codes)])


def looked(frame, train, **more):
    return measure(of_frame(frame, "y", train=train, **more), checks=["noise"])


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_flipped_labels_are_found_and_their_share_is_in_the_interval(task):
    found = looked(flipped(table(1000, task), 0.15, seed=0), table(3000, task)).found
    assert len(found) == 1
    assert found[0].severity == "high"
    assert found[0].kind == "noisy_outcomes"
    assert found[0].estimate == pytest.approx(0.15, abs=0.05)
    assert np.isnan(found[0].low) if task == "multiclass" else found[0].low < 0.15 < found[0].high
    assert "labels" in found[0].sentence
    assert "wrong" in found[0].sentence


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_clean_rows_give_nothing(task):
    for seed in range(2):
        assert not looked(table(10 + seed, task), table(20 + seed, task)).found


def test_honest_rows_cost_two_fits_on_one_thread_each(monkeypatch):
    """Models of these rows are asked only where something speaks for noise; beside other work two threads took 17 times as long as one."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_info

    threads, fit = [], HistGradientBoostingClassifier.fit

    def seen(self, *args, **kwargs):
        threads.append({p["num_threads"] for p in threadpool_info() if p["user_api"] == "openmp"})
        return fit(self, *args, **kwargs)

    monkeypatch.setattr(HistGradientBoostingClassifier, "fit", seen)
    assert not looked(table(10, "binary"), table(20, "binary")).found
    assert threads == [{1}, {1}]
    assert looked(flipped(table(10, "binary"), 0.15), table(20, "binary")).found
    assert threads == [{1}] * 6


def test_a_few_wrong_labels_are_found_too():
    told = [looked(flipped(table(s, "binary"), 0.07, seed=s), table(50 + s, "binary")).found for s in range(6)]
    assert sum(map(bool, told)) >= 5
    assert "go against the class that a model taught by one half" in next(f for f in told if f)[0].sentence


def test_another_frequency_of_a_class_is_no_noise():
    frame = table(7, "binary")
    fewer = frame[(frame["y"] == "no") | (np.arange(N) % 2 == 0)].reset_index(drop=True)
    assert not looked(fewer, table(8, "binary")).found


def test_a_relation_that_has_changed_is_no_noise():
    """A model of these rows wins the loss back, so nobody may say that labels are wrong."""
    assert not looked(table(1, "binary", turn=0.5), table(2, "binary")).found


def test_a_column_that_stands_still_here_is_no_noise():
    assert not looked(table(1, "binary").assign(x=0.0), table(2, "binary")).found


def test_wrong_values_lead_to_their_rows():
    frame = table(1, "regression")
    wrong = np.arange(0, N, 40)
    frame.loc[wrong, "y"] += 12.0
    result = looked(frame, table(2, "regression"))
    assert len(result.found) == 1
    assert set(wrong) <= set(result.rows[0])
    assert len(result.rows[0]) < len(wrong) + 30
    assert result.found[0].low < len(wrong) / N < result.found[0].high


def test_rare_values_that_training_has_too_are_no_news():
    def heavy(seed):
        frame = table(seed, "regression")
        frame.loc[::40, "y"] += 12.0
        return frame

    assert not looked(heavy(1), heavy(2)).found


def test_cannot_say_why():
    frame = table(1, "binary")
    silent = {
        "no training data": looked(frame, None),
        "most of the rows also stand": looked(frame, frame),
        "too few": looked(frame, table(2, "binary").head(300)),
    }
    for words, result in silent.items():
        assert result.checks["outcome"][0] == "cannot say"
        assert words in result.checks["said"][0]
    noise = table(3, "binary").assign(x=0.0, g="a")
    assert "too little" in looked(noise, noise.assign(z=np.random.default_rng(0).normal(size=N))).checks["said"][0]


def test_rows_that_stand_in_training_are_left_out_and_row_order_changes_nothing():
    train, frame = table(2, "binary"), flipped(table(1, "binary"), 0.15)
    both = pd.concat([frame, train.head(900)], ignore_index=True)
    first, second = (looked(f, train).found[0] for f in (frame, both))
    assert second.n == first.n
    assert second.estimate == pytest.approx(first.estimate, abs=0.01)  # the edges of bins follow from all rows
    moved = looked(
        frame.sample(frac=1, random_state=0).reset_index(drop=True), train.sample(frac=1, random_state=1)
    ).found[0]
    assert moved.estimate == pytest.approx(first.estimate, rel=1e-6)


def test_rows_of_one_cluster_widen_the_interval():
    frame, train = flipped(table(1, "binary"), 0.15), table(2, "binary")
    cluster = np.repeat(np.arange(N // 3), 3)
    lumpy = frame.assign(x=frame["x"].to_numpy()[cluster * 3], y=frame["y"].to_numpy()[cluster * 3])
    alone, joined = looked(lumpy, train).found, looked(lumpy, train, cluster=cluster).found
    assert alone
    assert not joined or joined[0].high - joined[0].low > 1.3 * (alone[0].high - alone[0].low)


def test_slope_equals_least_squares_with_its_robust_error():
    rng = np.random.default_rng(0)
    f = rng.random(500)
    y = (rng.random(500) < f).astype(float)
    w = rng.random(500) + 0.1
    found = slope(y[None], f[None, None], w)
    fit = LinearRegression().fit(f[:, None], y, sample_weight=w)
    assert found.size == pytest.approx(fit.coef_[0])
    rest, centred = y - fit.predict(f[:, None]), f - np.average(f, weights=w)
    white = np.sqrt((w**2 * centred**2 * rest**2).sum()) / (w * centred**2).sum()
    assert found.error == pytest.approx(white)
    assert found.explained == pytest.approx(fit.score(f[:, None], y, w))


def test_residuals_are_measured_in_their_own_group():
    rng = np.random.default_rng(0)
    off = np.r_[rng.normal(size=400), 10 + 5 * rng.normal(size=400)]
    z = standardised(off, np.repeat([0, 1], 400))
    assert abs(np.median(z[400:])) < 1e-9
    assert 0.8 < z[:400].std() < 1.2
    assert 0.8 < z[400:].std() < 1.2


def coarse(seed, task):
    """Columns of five values: most rows here are like some training row, and so are training rows among themselves."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.integers(0, 5, (N, 3)), columns=list("xzu")).astype(float)
    pull = 1.2 * (frame["x"] - 2) - 0.8 * (frame["z"] - 2)
    if task == "regression":
        return frame.assign(y=pull + rng.standard_t(5, N))
    return frame.assign(y=np.where(rng.random(N) < 1 / (1 + np.exp(-pull)), "yes", "no"))


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_columns_of_few_values_make_rows_alike_but_not_known(task):
    """Rows that training holds by chance are asked of the model that saw none like them; copies on top of chance cannot be judged."""
    train, clean = coarse(50, task), coarse(60, task)
    assert not looked(clean, train).found
    if task == "regression":
        rng = np.random.default_rng(1)
        off = rng.random(N) < 0.05
        spoiled = clean.assign(y=clean["y"] + np.where(off, rng.choice([-1, 1], N) * rng.uniform(8, 14, N), 0))
        found = looked(spoiled, train).found
        assert found[0].estimate == pytest.approx(0.05, abs=0.01)
    else:
        found = looked(flipped(clean, 0.15), train).found
        assert found[0].low < 0.15 < found[0].high
    assert found[0].severity == "high"
    fine = train.assign(x=train["x"] + np.arange(N) / N)  # no two training rows are alike now
    copied = pd.concat([fine.iloc[: N // 2], clean.iloc[: N // 4]], ignore_index=True)
    assert "most of the rows also stand" in looked(copied, fine).checks["said"][0]
