"""A steadier threshold: its measures by hand, the gain where one is planted, none where there is none, and rows that do not choose judge."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import modelglass as mg
from modelglass.analysis import robust_threshold
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.groups import Rows
from modelglass.analysis.robust_threshold import CHANGE, FLAGGED, RIGHT, STEADY, _At, _thresholds, measure

N = 2_000


class Pile:
    """The probability is the column, so that a threshold in the middle of many rows is known."""

    classes_ = np.array(["no", "yes"])
    feature_names_in_ = np.array(["p"], dtype=object)

    def predict_proba(self, X):
        p = X["p"].to_numpy(float)
        return np.column_stack([1 - p, p])

    def predict(self, X):
        return self.classes_[(X["p"].to_numpy(float) >= 0.5).astype(int)]


def evaluation(seed=0, piled=True):
    """Half of the rows crowd about 0.5 and are all "no"; from 0.6 on the rest are "yes"."""
    rng = np.random.default_rng(seed)
    p = np.where((rng.random(N) < 0.5) & piled, 0.5 + 0.03 * rng.normal(size=N), rng.random(N))
    y = np.where(np.where(rng.random(N) < 0.1, rng.random(N) < 0.5, p > (0.6 if piled else 0.5)), "yes", "no")
    return mg.Evaluation(Pile(), pd.DataFrame({"p": p.clip(0, 1), "y": y}), target="y", positive="yes", seed=seed)


def by_measure(got):
    return got.table.set_index("measure")


def test_measures_by_hand():
    clean = Rows(
        task="binary", y=np.array([1, 1, 0, 0]), predicted=np.array([1, 0, 0, 1]), score=np.array([0.9, 0.4, 0.3, 0.6])
    )
    draws = tuple(
        Rows(task="binary", y=clean.y, predicted=np.array(d), score=np.array(s))
        for d, s in (([1, 1, 0, 1], [0.8, 0.6, 0.2, 0.7]), ([0, 0, 0, 0], [0.45, 0.3, 0.1, 0.3]))
    )
    steady, change, right, flagged = _At(clean, draws).as_decided()
    assert steady.tolist() == [0.5, 0, 1, 0]
    assert change.tolist() == [0.5, 0.5, 0, 0.5]
    assert (right.tolist(), flagged.tolist()) == ([1, 0, 1, 0], [1, 0, 0, 1])
    at = _At(clean, draws).with_threshold(0.35)
    assert at[0].tolist() == [1, 0.5, 1, 0]
    assert at[3].tolist() == [1, 1, 0, 1]
    np.testing.assert_allclose(_thresholds(clean.score)[:3], [0.35, 0.5, 0.75])
    with pytest.raises(NotApplicable, match="only 4 rows"):
        measure(clean, draws)


def test_a_threshold_away_from_the_crowd_is_found_and_its_gain_is_that_of_new_rows():
    got = robust_threshold(evaluation(), rows=None)
    assert got.sure
    assert 0.55 < got.threshold < 0.65
    table = by_measure(got)
    assert table.loc[CHANGE].then < table.loc[CHANGE].now / 2
    assert table.loc[CHANGE].high < 0
    new = evaluation(seed=1)
    moved, kept = (by_measure(robust_threshold(e, rows=None)) for e in (new.with_threshold(got.threshold), new))
    for name in (STEADY, CHANGE, RIGHT, FLAGGED):
        assert moved.loc[name].now - kept.loc[name].now == pytest.approx(table.loc[name].estimate, abs=0.05)
    assert table.loc[STEADY].low < moved.loc[STEADY].now - kept.loc[STEADY].now < table.loc[STEADY].high
    assert "decisions changed by noise go from" in got.sentence()
    dots = mg.figure(got).data
    np.testing.assert_allclose(dots[0].x, got.table.now)
    np.testing.assert_allclose(dots[1].x, got.table.then)


def test_no_gain_where_the_threshold_is_right_already():
    sure = [robust_threshold(evaluation(seed, piled=False), rows=1_000, draws=4).sure for seed in range(20)]
    assert sum(sure) <= 3
    got = robust_threshold(evaluation(piled=False))
    assert "No other threshold surely" in got.sentence()
    assert np.isnan(got.now)
    assert robust_threshold(evaluation().with_threshold(0.3)).now == 0.3


def test_weights_count_as_rows():
    ev = evaluation()
    weighted = mg.Evaluation(Pile(), ev.frame.assign(w=2.0), target="y", positive="yes", weight="w")
    plain, doubled = robust_threshold(ev, seed=3), robust_threshold(weighted, seed=3)
    np.testing.assert_allclose(plain.table.now, doubled.table.now)


def test_refusals():
    with pytest.raises(NotApplicable, match="only predictions"):
        robust_threshold(mg.Evaluation.from_predictions([0, 1], score=[0.2, 0.7]))
    frame = evaluation().frame
    with pytest.raises(NotApplicable, match="no scores"):
        robust_threshold(mg.Evaluation(lambda X: (X.p > 0.5).astype(int).to_numpy(), frame.assign(y=(frame.y == "yes").astype(int)), target="y", task="binary"))  # fmt: skip
    with pytest.raises(InputError, match="strength"):
        robust_threshold(evaluation(), strength=-1)
