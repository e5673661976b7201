"""Stretches where the model moves against what is expected: by hand, planted, constrained; who is not judged; without expectations nothing changes."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from modelglass.analysis import findings
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.finding import Budget
from modelglass.explainers import effects_find, expected_find, turned_find


def asked(model, X, y=None, *, expected=None, features=("a", "b", "c"), **kwargs):
    y = np.arange(len(X)) % 7.0 if y is None else y
    columns = {c: {"expected": way} for c, way in (expected or {}).items()}
    return Evaluation(model, X.assign(t=y), target="t", features=list(features), columns=columns, **kwargs)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(5)
    return pd.DataFrame(rng.uniform(-1, 1, size=(1200, 3)), columns=list("abc"))


def bent(frame):
    """Rise with a, but for the middle half, where it falls by 1 where b is 0, by 0.5 to 1.5 elsewhere."""
    a = frame["a"]
    return (2 * a - (3 + frame["b"] / 2) * np.clip(a, -0.5, 0.5)).to_numpy() + 0.3 * frame["c"].to_numpy()


def test_a_stretch_against_what_is_expected_is_told_with_where_and_how_far(rows):
    (one,) = expected_find.find(asked(bent, rows, expected={"a": "rising"}, task="regression"), Budget(30))
    assert one.kind == "unexpected_direction"
    assert one.features == ("a",)
    assert one.sentence.startswith("The model's t was expected to rise with a; between -0.5")
    assert "it falls by 0.9" in one.sentence or "it falls by 1.0" in one.sentence
    assert -1.2 < one.low < one.estimate < one.high < -0.8
    assert one.severity == "high"
    assert one.p_adjusted < 1e-6
    assert one.evidence == "accumulated_local_effects"
    assert one.settings == {"features": ["a"]}
    assert (
        expected_find.find(asked(bent, rows, expected={"b": "falling", "c": "rising"}, task="regression"), Budget(30))
        == []
    )


def test_expected_falling_but_rises_whole(rows):
    """Every row moves by the same: no interval, and the whole range is told."""
    ev = asked(lambda f: 2.0 * f["a"].to_numpy(), rows, expected={"a": "falling"}, task="regression")
    (one,) = expected_find.find(ev, Budget(30))
    assert one.estimate == pytest.approx(2 * np.ptp(rows.a), rel=1e-6)
    assert one.n == 1200
    assert np.isnan([one.low, one.high, one.p_adjusted]).all()
    assert "was expected to fall with a" in one.sentence
    assert "the same for every row there; 1,200 rows" in one.sentence


def test_flat_small_and_right_moves_are_not_told(rows):
    for model in (lambda f: f["b"] * 1.0, lambda f: f["b"] - 0.01 * f["a"], lambda f: f["b"] + f["a"] ** 3):
        ev = asked(lambda f, m=model: m(f).to_numpy(), rows, expected={"a": "rising"}, task="regression")
        assert expected_find.find(ev, Budget(30)) == []


def test_the_interval_of_one_step_is_that_of_a_mean(rows):
    """One step, no skewness to speak of: Student's t interval of the mean of what the step does, at the level of all that was looked at."""
    moves = -1 + 0.5 * rows.b.to_numpy() / 3
    X = rows.assign(a=np.resize([0.0, 1.0], 1200))
    ev = asked(lambda f: (f["a"] * (-1 + 0.5 * f["b"] / 3)).to_numpy(), X, expected={"a": "rising"}, task="regression")
    (one,) = expected_find.find(ev, Budget(30))
    assert one.n == 1200
    assert one.estimate == pytest.approx(moves.mean(), abs=1e-9)
    half = stats.t.isf(0.025, 1199) * moves.std(ddof=1) / np.sqrt(1200)
    assert (one.high - one.low) / 2 == pytest.approx(half, rel=0.05)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_a_planted_violation_is_found_and_a_constrained_model_has_none(task):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        X = pd.DataFrame(rng.normal(size=(3000, 3)), columns=list("abc"))
        y = 1.5 * X.a - 5 * np.clip(X.a, -0.4, 0.4) + X.b * X.c + 0.5 * rng.normal(size=3000)
        y = y if task == "regression" else (y > 0).astype(int)
        make = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
        free, held = (make(max_iter=40, monotonic_cst=c).fit(X, y) for c in (None, {"a": 1}))
        (one,) = expected_find.find(asked(free, X, y, expected={"a": "rising"}), Budget(30))
        assert one.features == ("a",)
        assert one.high < 0
        assert expected_find.find(asked(held, X, y, expected={"a": "rising"}), Budget(30)) == []


def test_weights_clusters_and_levels_are_judged(rows):
    X = rows.assign(k=np.arange(1200) // 4, w=2.0)
    plain = expected_find.find(asked(bent, rows, expected={"a": "rising"}, task="regression"), Budget(30))[0]
    (weighted,) = expected_find.find(
        asked(bent, X, expected={"a": "rising"}, task="regression", weight="w"), Budget(30)
    )
    (clustered,) = expected_find.find(
        asked(bent, X, expected={"a": "rising"}, task="regression", cluster="k"), Budget(30)
    )
    assert clustered.estimate == pytest.approx(plain.estimate)
    assert weighted.sentence == plain.sentence
    assert (weighted.low, weighted.high) == pytest.approx((plain.low, plain.high))
    X = X.assign(
        w=np.where(rows.b > 0.9, 1.0, 1e-3)
    )  # where b is near 1 the model falls by 1.5 over the middle, and few rows count
    with pytest.raises(NotApplicable, match="judged from 300 rows on"):
        expected_find.find(asked(bent, X, expected={"a": "rising"}, task="regression", weight="w"), Budget(30))
    X = rows.assign(s=np.resize(["mid", "low", "high"], 1200))
    columns = {"s": {"level_order": ["low", "mid", "high"], "expected": "rising"}}
    ev = Evaluation(
        lambda f: f["s"].map({"low": 0.0, "mid": 5.0, "high": 4.0}).to_numpy(dtype=float) * (1 + 0.1 * f["b"].to_numpy()),
        X.assign(t=rows.a), target="t", task="regression", features=["s", "b"], columns=columns,
    )  # fmt: skip
    (one,) = expected_find.find(ev, Budget(30))
    assert "between mid and high it falls by" in one.sentence
    assert one.estimate == pytest.approx(-1, abs=0.02)


def test_without_expectations_findings_are_as_before(rows):
    """The same calls, word for word, and a column that is expected to go its way adds nothing."""
    rng = np.random.default_rng(0)
    y = 2 * rows.a + rows.b + 0.3 * rng.normal(size=1200)
    plain = asked(bent, rows, y, task="regression")
    assert expected_find.find(plain, Budget(30)) == []
    before = [f.sentence for f in turned_find.find(plain, Budget(30))]
    assert before
    assert [f.sentence for f in effects_find.find(plain, Budget(30))] == before
    right = asked(bent, rows, y, expected={"c": "rising"}, task="regression")
    assert [f.sentence for f in effects_find.find(right, Budget(30))] == before
    wrong = asked(bent, rows, y, expected={"a": "rising"}, task="regression")
    assert [f.kind for f in effects_find.find(wrong, Budget(30))] == ["unexpected_direction", "turned_effect"]


def test_who_is_not_judged_is_said(rows):
    y = (rows.a > 0).astype(int)
    few = asked(bent, rows[:250], expected={"a": "rising"}, task="regression")
    with pytest.raises(NotApplicable, match="judged from 300 rows on, and there are 250"):
        expected_find.find(few, Budget(30))
    three = np.digitize(rows.a, [-0.3, 0.3])
    several = asked(HistGradientBoostingClassifier(max_iter=3).fit(rows, three), rows, three, expected={"a": "rising"})
    with pytest.raises(NotApplicable, match="one rises where another falls"):
        expected_find.find(several, Budget(30))
    budget = Budget(30)
    effects_find.find(several, budget)
    assert (
        budget.note == "expected directions were not judged, because of several classes one rises where another falls"
    )
    clustered = Evaluation(
        bent, rows.assign(t=y * 1.0, k=np.arange(1200) // 4), target="t", task="regression", cluster="k",
        features=list("abc"), columns={"a": {"expected": "rising"}},
    )  # fmt: skip
    budget = Budget(30)
    assert [f.kind for f in effects_find.find(clustered, budget)] == ["unexpected_direction"]
    assert budget.note.startswith("turns against the outcome were not judged, because rows hang together")
    both = Evaluation(
        bent, rows[:250].assign(t=1.0 * y[:250], k=np.arange(250) // 4), target="t", task="regression", cluster="k",
        features=list("abc"), columns={"a": {"expected": "rising"}},
    )  # fmt: skip
    with pytest.raises(NotApplicable, match="rows hang together"):
        effects_find.find(both, Budget(30))


def test_findings_tell_it(rows):
    rng = np.random.default_rng(0)
    y = bent(rows) + 0.3 * rng.normal(size=1200)  # the outcome falls there, too: only the expectation speaks against it
    found = findings(asked(bent, rows, y, expected={"a": "rising"}, task="regression"), budget=60)
    (one,) = [f for f in found.found if f.kind == "unexpected_direction"]
    assert one.severity == "high"
    assert "was expected to rise with a" in found.frame().sentence.str.cat()
