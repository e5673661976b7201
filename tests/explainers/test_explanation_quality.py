"""How far an explanation can be trusted: worked by hand, a good explanation beside a bad one, and what is said of both."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import GaussianNB

import modelglass as mg
from modelglass.analysis.errors import InputError, NotApplicable, Stopped
from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import explanation_quality, explanation_quality_row
from modelglass.explainers.explanation_quality import (
    AGREES,
    COMPACT,
    ERROR,
    KNOWN,
    STABLE,
    TAKEN,
    Answers,
    _error,
    _tests,
)
from modelglass.explainers.shapley_ways import Asked, explained, way_of


def linear(n=300):
    """Six columns, of which one moves nearly all."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(n, 6)), columns=list("abcdef"))
    frame["y"] = 10 * frame.a + frame[list("bcdef")].sum(axis=1) * 0.01
    return Evaluation(LinearRegression().fit(frame[list("abcdef")], frame.y), frame, target="y")


def test_a_linear_model_by_hand():
    found = explanation_quality(linear())
    assert found.largest == 3
    assert found.frame().aspect.tolist() == [TAKEN, KNOWN, STABLE, AGREES, COMPACT, ERROR]
    assert found.of(COMPACT).estimate == pytest.approx(
        1 / 6, abs=0.02
    )  # the one column carries it, but where it is at its mean
    assert found.of(ERROR).estimate == 0
    assert found.of(STABLE).chance == 0.5
    # random three hold "a" half of the time; then both move the answer by nearly the same, to either side
    assert found.of(TAKEN).estimate > 0.6
    assert found.of(TAKEN).low < found.of(TAKEN).estimate < found.of(TAKEN).high
    assert found.moved[0] > 1.5 * found.moved[1]
    assert found.exact
    assert "points at columns that matter" in found.sentence()
    assert "nothing is sampled" in found.sentence()
    mg.figure(found)


def test_a_wrong_explanation_is_found_out():
    ev = linear()
    way, _ = way_of(ev, "auto")
    asked = Asked(method="auto", background=None, seed=0)
    right, _ = explained(ev, way, "", asked, None)
    shuffled = np.random.default_rng(1).permuted(right.values, axis=1)
    wrong = type(right)(**{f: getattr(right, f) for f in right.__dataclass_fields__} | {"values": shuffled})
    (good, _), (bad, moved) = (_tests(ev, r, r.values, Answers(ev, None, 0, None), 3, 0.95) for r in (right, wrong))
    good, bad = good.set_index("aspect"), bad.set_index("aspect")
    for aspect in (TAKEN, KNOWN):
        assert bad.low[aspect] <= 0.5 <= bad.high[aspect]
        assert good.low[aspect] > 0.5
    assert bad.estimate[AGREES] == pytest.approx(0.5, abs=0.06)
    assert good.estimate[AGREES] > 0.7
    assert moved[0] == pytest.approx(moved[1], rel=0.15)


@pytest.mark.parametrize(
    ("final", "target"),
    [
        (HistGradientBoostingClassifier(max_iter=10), "y"),
        (RandomForestClassifier(5, max_depth=4, random_state=0), "y3"),
    ],
    ids=["y", "y3"],
)
def test_trees_and_pipelines(final, target, made):
    ev = made(final, target)
    found = explanation_quality(ev)
    assert found.largest == 2
    assert found.exact
    assert found.of(TAKEN).low > 0.5
    assert (found.frame().estimate <= 1).all()
    if target == "y":
        few, again = (explanation_quality(ev, rows=30).frame() for _ in range(2))
        pd.testing.assert_frame_equal(few, again)
    else:
        assert explanation_quality(ev, class_="top", rows=50).settings["class_"] == "top"
    mg.figure(found)


def test_sampled_values_say_their_error(made):
    found = explanation_quality(made(GaussianNB(), "y"), rows=8)
    assert not found.exact
    assert 0 < found.of(ERROR).estimate < 1
    assert np.isnan(found.frame().low).all()
    assert found.of(TAKEN).note == "fewer than 200 rows: no interval"
    assert "sampling leaves an error of" in found.sentence()
    assert "there is no exact method for GaussianNB" in found.reason
    mg.figure(found)


def test_bad_input_and_stopping(made):
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "y": [1.0, 2.0, 3.0, 4.5]})
    with pytest.raises(NotApplicable, match="one column only"):
        explanation_quality(Evaluation(LinearRegression().fit(frame[["a"]], frame.y), frame, target="y"))
    with pytest.raises(InputError, match="at least 1"):
        explanation_quality(linear(), rows=0)

    def stop(share, what):
        raise Stopped

    with pytest.raises(Stopped):
        explanation_quality(linear(), progress=stop)


def test_sampling_error_counts_rows_by_their_weight():
    error, size = np.array([[1.0, np.nan], [3, 3]]), np.array([[2.0, 2], [4, 4]])
    assert _error(error, size, None) == pytest.approx(np.sqrt((1 + 9 + 9) / 3) / 3)
    assert _error(error, size, np.array([1.0, 0])) == pytest.approx(1 / 2)
    assert _error(error, size, np.array([1.0, 2])) == pytest.approx(np.sqrt((1 + 2 * 18) / 5) / (20 / 6))
    assert _error(error, size, np.array([1.0, 1])) == _error(error, size, None)


def test_one_row_by_hand():
    """One column moves nearly all: every set of three without it moves the answer less, and leaves it further away."""
    ev = linear()
    row = int(ev.inputs().a.abs().idxmax())
    got = explanation_quality_row(ev, row=row)
    assert got.columns[0] == "a"
    assert got.largest == 3
    # of the 19 other sets of three columns 9 hold "a" too, and move it as much within the other columns' hundredths
    assert 10 <= got.of(TAKEN).estimate * 19 <= 19
    assert got.of(TAKEN).n == got.of(KNOWN).n == 19
    assert got.of(COMPACT).estimate == pytest.approx(1 / 6)
    assert got.of(ERROR).estimate == 0
    assert got.of(STABLE).n == 20
    assert got.moved[0] > got.moved[1]
    assert got.frame()[["low", "high"]].isna().all(axis=None)
    assert "nothing is sampled" in got.sentence()
    assert got.sentence() == explanation_quality_row(ev, row=row).sentence()
    assert len(mg.figure(got).data[0].x) == 6


def test_one_row_of_sampled_values(made):
    ev = made(GaussianNB(), "y3", n=200)
    got = explanation_quality_row(ev, row=3, class_="top")
    assert got.group == "top"
    assert not got.exact
    assert got.of(ERROR).estimate > 0
    with pytest.raises(InputError, match="Expected the number of a row"):
        explanation_quality_row(ev, row=999)
    with pytest.raises(NotApplicable, match="there is no model here"):
        explanation_quality_row(Evaluation.from_predictions([0, 1], prediction=[0, 1]), row=0)


def test_background_rows_are_drawn_for_each_row_so_that_another_draw_gives_nearly_the_same():
    """Shared by all rows, ten background rows moved the estimates by several widths of their interval."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.exponential(size=(400, 6)), columns=list("abcdef"))
    frame["y"] = frame.a * frame.b + frame.c + 0.5 * frame.d * frame.e
    model = RandomForestRegressor(10, max_depth=4, random_state=0).fit(frame[list("abcdef")], frame.y)
    ev = Evaluation(model, frame, target="y")
    tests = [explanation_quality(ev, rows=400, seed=seed).frame().set_index("aspect") for seed in range(8)]
    agrees = pd.DataFrame([t.loc[AGREES] for t in tests])
    assert agrees.estimate.std() < 0.3 * (agrees.high - agrees.low).min()  # it was 0.8 of it
