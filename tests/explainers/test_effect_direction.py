"""Whether effects only rise, only fall or do both: curves by hand, what the sentence says, expected directions, constrained models."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import accumulated_local_effects
from modelglass.explainers.effect_direction import FIELDS, direction_of


def asked(model, X, y=None, **kwargs):
    y = np.arange(len(X)) % 7.0 if y is None else y
    return Evaluation(model, X.assign(t=y), target="t", features=list(X), **kwargs)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(5)
    return pd.DataFrame(rng.uniform(-1, 1, size=(800, 2)), columns=list("ab"))


@pytest.mark.parametrize(
    ("curve", "expected", "direction", "against", "places", "move"),
    [
        ([0, 1, 1, 3], "", "only rises", 0, (None, None), np.nan),
        ([3, 1, 1, 0], "", "only falls", 0, (None, None), np.nan),
        ([3, 1, 1, 0], "rising", "only falls", 1, (0, 3), -3),
        ([3, 1, 1, 0], "falling", "only falls", 0, (None, None), np.nan),
        ([4, 1, 0, 2, 4], "", "rises and falls", 0.5, (0, 2), -4),  # as much up as down: against rising
        ([4, 1, 0, 2, 4], "falling", "rises and falls", 0.5, (2, 4), 4),
        ([0, 50, 49, 99], "", "rises, but for little", 1 / 101, (1, 2), -1),
        ([99, 49, 50, 0], "", "falls, but for little", 1 / 101, (1, 2), 1),
        ([99, 49, 50, 0], "rising", "falls, but for little", 100 / 101, (0, 3), -99),
        ([0, 9, 6, 7, 3, 20], "", "rises and falls", 7 / 34, (1, 4), -6),  # 6 down from 9 to 3, a rise of 1 between
        ([0, 0, 0], "", "stays the same", np.nan, (None, None), np.nan),
        ([0, 1, 1 - 1e-12, 2], "", "only rises", 0, (None, None), np.nan),  # rounding
    ],
)
def test_curves_by_hand(curve, expected, direction, against, places, move):
    found = direction_of(np.array(curve, dtype=float), expected)
    assert found["direction"] == direction
    assert found["against"] == pytest.approx(against, nan_ok=True)
    assert found["places"] == places
    assert found["move"] == pytest.approx(move, nan_ok=True)


def test_a_curve_turned_round_is_judged_the_other_way_round():
    rng = np.random.default_rng(0)
    for _ in range(50):
        curve = rng.normal(size=12).cumsum()
        for expected, other in (("rising", "falling"), ("falling", "rising")):
            one, turned = direction_of(curve, expected), direction_of(-curve, other)
            assert one["against"] == pytest.approx(turned["against"])
            assert one["places"] == turned["places"]
            assert one["move"] == pytest.approx(-turned["move"])


@pytest.mark.parametrize(
    ("model", "expected", "said"),
    [
        (lambda x: np.exp(x), None, "(only rises)"),
        (lambda x: x**2, None, "(rises and falls: 5"),
        (lambda x: -x, None, "(only falls)"),
        (lambda x: -x, "falling", "(only falls, as expected)"),
        (lambda x: x, "falling", "(only rises, though expected to fall)"),
        (lambda x: x - 4 * np.clip(x, 0, 0.1), "rising", "(rises and falls, though expected to rise: it falls"),
        (
            lambda x: x - 1.2 * np.clip(x, 0, 0.1),
            "rising",
            "(rises, as expected, but for little: it falls furthest from 0.0",
        ),
        (
            lambda x: x - 1.2 * np.clip(x, 0, 0.1),
            "falling",
            "(rises, but for little, though expected to fall: it rises furthest",
        ),
        (lambda x: x - 1.2 * np.clip(x, 0, 0.1), None, "(rises, but for little: "),
        (lambda x: 0 * x, None, "(stays the same)"),
        (lambda x: 0 * x, "rising", "(stays the same, though expected to rise)"),
        (lambda x: x**2, "rising", "though expected to rise: it falls furthest from -1 to 0.03306, by 0.999"),
    ],
)
def test_the_sentence_says_it(rows, model, expected, said):
    columns = None if expected is None else {"a": {"expected": expected}}
    ev = asked(lambda f: model(f["a"].to_numpy()), rows, task="regression", columns=columns)
    found = accumulated_local_effects(ev, features="a", rows=None)
    assert said in found.sentence()
    assert tuple(found.directions.columns) == FIELDS
    assert found.directions.expected.tolist() == [expected or ""]
    assert found.more()["directions"] is found.directions
    assert list(found.frame()) == ["feature", "value", "group", "estimate", "low", "high", "n", "cohort"]


def test_levels_have_a_direction_where_they_have_an_order(rows):
    def model(frame):
        return frame["s"].map({"low": 0.0, "mid": 1.0, "high": 5.0}).to_numpy(dtype=float)

    X = rows.assign(s=np.resize(["mid", "low", "high"], len(rows)))
    ev = asked(
        model, X, task="regression", columns={"s": {"level_order": ["low", "mid", "high"], "expected": "falling"}}
    )
    found = accumulated_local_effects(ev, features="s", rows=None)
    (one,) = found.directions.to_dict("records")
    assert (one["start"], one["stop"], one["against"]) == ("low", "high", 1.0)
    assert one["move"] == pytest.approx(5)
    without = accumulated_local_effects(asked(model, X, task="regression"), features="s", rows=None)
    assert not len(without.directions)
    assert "(only" not in without.sentence()


def test_each_cohort_and_class_has_its_own(rows):
    ev = asked(lambda f: np.where(f["b"] > 0, 1, -1) * f["a"].to_numpy(), rows, task="regression")
    found = accumulated_local_effects(ev, features="a", by="b > 0", rows=None).directions
    assert dict(zip(found.cohort, found.direction, strict=True)) == {"b > 0": "only rises", "the rest": "only falls"}
    three = HistGradientBoostingClassifier(max_iter=3).fit(rows, np.digitize(rows.a, [-0.3, 0.3]))
    ev = asked(three, rows, np.digitize(rows.a, [-0.3, 0.3]), columns={"a": {"expected": "rising"}})
    found = accumulated_local_effects(ev, features="a", rows=None)
    assert found.directions.group.tolist() == ["0", "1", "2"]
    assert found.directions.expected.unique().tolist() == [""]  # what raises one class lowers another
    assert found.directions.direction.tolist()[::2] == ["only falls", "only rises"]
    one = accumulated_local_effects(ev, features="a", class_="2", rows=None)
    assert one.directions.group.tolist() == ["2"]


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize("task", ["binary", "regression"])
def test_a_constrained_model_never_goes_against_its_constraint(way, task):
    words = {1: "only rises", -1: "only falls"}
    free = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X = pd.DataFrame(rng.normal(size=(600, 3)), columns=list("abc"))
        y = way * X.a + np.sin(3 * X.a) * 2 + X.b * X.c + rng.normal(size=600)
        y = y if task == "regression" else (y > 0).astype(int)
        make = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
        for held in (True, False):
            model = make(max_iter=30, monotonic_cst={"a": way} if held else None).fit(X, y)
            found = accumulated_local_effects(asked(model, X, y), features="a", rows=None).directions.iloc[0]
            if held:
                assert (found.direction, found.against) == (words[way], 0.0)
            else:
                free.append(found.direction)
    assert set(free) == {"rises and falls"}


def test_predictions_only_have_none():
    with pytest.raises(NotApplicable):
        accumulated_local_effects(
            Evaluation.from_predictions([0.0, 1.0], prediction=[0.0, 1.0], task="regression"), features="a"
        )
