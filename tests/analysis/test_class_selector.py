"""One class chosen of several: the numbers are those of a model that tells only this class from the rest."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import modelglass as mg
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.registry import analyses, run
from modelglass.explainers import shapley_values

CLASS = "mid"
COLUMNS = ["a", "b", "c"]


class Against:
    """A model of two classes out of one of several: this class, or not."""

    def __init__(self, model, name):
        self.model, self.place = model, list(model.classes_).index(name)
        self.classes_, self.feature_names_in_ = np.array(["not", name]), model.feature_names_in_

    def predict_proba(self, X):
        p = self.model.predict_proba(X)[:, self.place]
        return np.column_stack([1 - p, p])

    def predict(self, X):
        return self.classes_[(self.model.predict(X) == self.classes_[1]).astype(int)]


@pytest.fixture(scope="module")
def both():
    """The evaluation of several classes, and that of the one class against the rest."""
    rng = np.random.default_rng(4)
    n = 900
    frame = pd.DataFrame(rng.normal(size=(n, 3)), columns=COLUMNS).round(2)
    frame["city"] = rng.choice(["Rome", "Oslo", "Lima"], n)
    drive = frame.a + frame.b / 2 + (frame.city == "Rome") + rng.normal(size=n)
    y = np.array(["low", CLASS, "top"])[np.digitize(drive, [-0.4, 0.9])]
    model = LogisticRegression(C=0.3).fit(frame[COLUMNS], y)
    one = np.where(y == CLASS, CLASS, "not")
    train = frame.iloc[:300]
    several = mg.Evaluation(model, frame.assign(y=y), target="y", train=train.assign(y=y[:300]))
    binary = mg.Evaluation(
        Against(model, CLASS), frame.assign(y=one), target="y", positive=CLASS, train=train.assign(y=one[:300])
    )
    return several, binary


WITH_CLASS = [a.name for a in analyses().values() if any(s.name == "class_" for s in a.settings)]
SETTINGS = {
    "find_slices": {"k": 3, "depth": 1},
    "fairness": {"groups": ["city"]},
    "thresholds": {"costs": "fp=1, fn=2"},
    "thresholds_by_slice": {"by": "city"},
    "fairness_by_threshold": {"by": "city", "n_points": 5},
    "roc": {"by": "city"},
    "permutation_importance": {"n_repeats": 2, "rows": 300},
    "noise_robustness": {"rows": 300, "features": ["a"]},
    "partial_dependence": {"features": ["a"], "rows": 50, "ice": 3},
    "individual_conditional_expectation": {"features": ["a"], "ice": 3},
    "interaction_strength": {"rows": 30},
    "joint_effect": {"features": ["a", "b"], "rows": 100_000, "grid": 3},
    "shapley_values": {"rows": 5, "method": "sampling"},
    "shapley_row": {"row": 7, "method": "sampling"},
    "lime_weights": {"row": 7, "n_samples": 500},
    "shapley_contrast": {"row": 7, "other": 8},
    "explanation_quality": {"rows": 5, "method": "sampling"},
    "shapley_difference": {"rows": 100, "method": "sampling"},
    "explanation_quality_row": {"row": 7, "method": "sampling"},
    "decision_path": {"row": 7},
    "beyond_range": {"rows": 100_000},
    "concept_activation": {"concepts": "a > 0"},
}
DRAWN_BY_OUTCOME = (
    "shapley_values",
    "shapley_row",
    "partial_dependence",
    "individual_conditional_expectation",
    "shapley_difference",
    "interaction_strength",
)
"""Samples are stratified by outcome, so those of two classes hold other rows: compared with all classes instead."""
OF_OTHER_MODELS = (
    "shapley_interactions",
    "explanation_quality",
    "explanation_quality_row",
    "decision_path",
    "own_terms",
    "concept_activation",
)
"""Of models that these are not (trees, networks, a model that can be read), or of each row's own class: compared in their own tests."""
OTHER_FITS = ("importances", "drop_column_importance")
"""Hold Shapley values of rows drawn by outcome, or fit the model again, which for one class alone is another fit."""


def frame_of(ev, name, **settings):
    ev = ev.where("city = 'Oslo'") if analyses()[name].needs_cohort else ev
    outcome = run(ev, name, **SETTINGS.get(name, {}), **settings)
    assert outcome.result is not None, outcome.reason
    return outcome.result


def test_every_analysis_of_several_classes_can_be_of_one():
    """All but those that show every class anyway, choose rows by outcome and decision, or are not about a class."""
    asked = {
        "performance", "slice_metrics", "find_slices", "error_tree", "error_heatmap", "fairness", "train_test_gap", "roc", "precision_recall",
        "lift", "calibration", "thresholds", "thresholds_by_slice", "fairness_by_threshold", "predictions", "noise_robustness",
        "permutation_importance", "partial_dependence", "individual_conditional_expectation", "shapley_values", "shapley_row",
        "shapley_difference", "lime_weights", "accumulated_local_effects", "interaction_strength",
        "joint_effect",
    }  # fmt: skip
    assert asked <= set(WITH_CLASS)


@pytest.mark.parametrize("name", [n for n in WITH_CLASS if n not in DRAWN_BY_OUTCOME + OF_OTHER_MODELS + OTHER_FITS])
def test_equals_a_model_of_this_class_alone(name, both):
    several, binary = both
    if name in ("permutation_importance", "noise_robustness"):  # the same rows, whatever the outcome
        SETTINGS[name]["rows"] = 5_000
    mine, theirs = (frame_of(several, name, class_=CLASS), frame_of(binary, name))
    columns = [c for c in mine.frame().columns if c not in ("where", "label")]
    pd.testing.assert_frame_equal(mine.frame()[columns], theirs.frame()[columns], rtol=1e-6, atol=1e-9)
    assert mine.settings["class_"] == CLASS
    with suppress(NotApplicable):  # a search may find nothing to draw
        mg.figure(mine)


@pytest.mark.parametrize("name", DRAWN_BY_OUTCOME)
def test_equals_its_part_of_all_classes(name, both):
    several, _ = both
    mine, whole = frame_of(several, name, class_=CLASS), frame_of(several, name)
    of = whole.frame()[whole.frame()["group"] == CLASS].reset_index(drop=True)
    columns = [c for c in of.columns if c != "p_adjusted"]  # of fewer comparisons
    pd.testing.assert_frame_equal(mine.frame()[columns], of[columns])
    assert mine.groups == (CLASS,)
    assert len(whole.groups) == 3
    mg.figure(mine)


@pytest.mark.parametrize("name", WITH_CLASS)
def test_a_class_that_is_none_is_refused_with_the_nearest(name, both):
    several, _ = both
    ev = several.where("city = 'Oslo'") if analyses()[name].needs_cohort else several
    with pytest.raises(InputError, match="mid"):
        run(ev, name, **SETTINGS.get(name, {}), class_="mit")


@pytest.mark.parametrize("name", ["thresholds", "thresholds_by_slice", "fairness_by_threshold"])
def test_thresholds_of_several_classes_ask_for_one(name, both):
    outcome = run(both[0], name, **SETTINGS[name])
    assert "choose one of the 3" in outcome.reason


def test_of_two_classes_the_other_one_is_not_explained(both):
    _, binary = both
    with pytest.raises(NotApplicable, match=f"the score of {CLASS} is explained"):
        shapley_values(binary, rows=3, class_="not")
    assert shapley_values(binary, rows=3, class_=CLASS).groups == (CLASS,)
