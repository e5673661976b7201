"""Task, labels and positive class: what is inferred, what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from modelglass.analysis.errors import InputError
from modelglass.analysis.models.base import Model
from modelglass.analysis.outcome import understand


def model(classes=None, task=None):
    made = Model(None)
    made.classes, made.task = classes, task
    return made


def series(values):
    return pd.Series(values, name="y")


def test_codes_follow_the_models_order():
    target = understand(series(["no", "yes", "no"]), model(("yes", "no"), "binary"))
    assert target.y.tolist() == [1, 0, 1]
    assert target.classes == ("yes", "no")
    assert target.classes[target.positive_index] == "no"


@pytest.mark.parametrize(
    ("values", "task"),
    [
        ([0, 1, 0], "binary"),
        (["a", "b", "a"], "binary"),
        ([True, False, True], "binary"),
        ([0.0, 1.0, 0.0], "binary"),
        (["a", "b", "c"], "multiclass"),
        ([1, 2, 3], "multiclass"),
        ([0.5, 1.5, 2.25], "regression"),
        (list(range(30)), "regression"),
    ],
)
def test_task_is_inferred_from_the_data(values, task):
    assert understand(series(values), model()).task == task


def test_the_models_task_wins_over_the_data():
    assert understand(series([1, 2, 3]), model(task="regression")).task == "regression"


def test_equal_labels_of_other_types_match():
    target = understand(series([True, False, True]), model((0, 1), "binary"))
    assert target.y.tolist() == [1, 0, 1]
    assert understand(series([0.0, 1.0]), model((0, 1), "binary")).y.tolist() == [0, 1]


def test_labels_that_do_not_match_name_both_sets_and_the_way_out():
    with pytest.raises(InputError) as error:
        understand(series(["<=50K", ">50K"]), model((0, 1), "binary"))
    text = str(error.value)
    for part in ("0", "1", "<=50K", ">50K", "--label", "--positive"):
        assert part in text
    assert len(text.splitlines()) <= 5


def test_label_map_joins_them():
    target = understand(series(["<=50K", ">50K"]), model((0, 1), "binary"), label_map={"<=50K": "0", ">50K": "1"})
    assert target.y.tolist() == [0, 1]
    assert target.classes == ("<=50K", ">50K")
    assert target.model_classes == (0, 1)


def test_positive_alone_joins_two_labels_with_zero_and_one():
    target = understand(series(["good", "bad"]), model((0, 1), "binary"), positive="bad")
    assert target.y.tolist() == [0, 1]
    assert target.classes[target.positive_index] == "bad"
    assert any("matched" in note for note in target.notes)


def test_positive_can_be_the_first_class():
    target = understand(series([0, 1, 1]), model((0, 1), "binary"), positive="0")
    assert target.positive_index == 0


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ([np.nan, np.nan], "missing"),
        (["a", "a"], "All 2 rows hold 'a'"),
        ([1.0, np.inf, 2.5], "infinity"),
    ],
)
def test_unusable_targets(values, part):
    with pytest.raises(InputError, match=part):
        understand(series(values), model())


def test_rows_without_a_target_are_left_out_and_said():
    target = understand(series([1.5, np.nan, 2.5]), model(task="regression"))
    assert target.kept.tolist() == [0, 2]
    assert "1 of 3 rows" in target.notes[0]


def test_unknown_positive_and_task():
    with pytest.raises(InputError, match="positive class"):
        understand(series([0, 1]), model((0, 1), "binary"), positive="x")
    with pytest.raises(InputError, match="one of binary"):
        understand(series([0, 1]), model(), task="ranking")


def test_text_in_a_regression_target_names_the_row():
    with pytest.raises(InputError, match="Row 1 holds 'x'"):
        understand(series([1.5, "x", 2.0]), model(task="regression"))


def hint(values, classes):
    with pytest.raises(InputError) as error:
        understand(series(values), model(classes))
    return str(error.value).splitlines()[-1]


def test_labels_that_the_model_knows_get_no_hint():
    assert hint(["b", "c", "x"], ("a", "b", "c")) == "Say which is which, e.g. --label x=a."
    stray = hint(["<=50K", ">50K", "maybe"], ("<=50K", ">50K"))
    assert "--label maybe=..." in stray
    assert "<=50K=" not in stray
    both = hint(["a", "x", "y"], ("a", "b"))
    assert "by 'x', 'y', e.g. --label x=... with one of a, b." in both
    assert "=b" not in both


def test_whole_numbers_of_a_column_with_gaps_are_written_without_a_point():
    gaps = series([0.0, 1.0, np.nan, 1.0])
    target = understand(gaps, model(("<=50K", ">50K"), "binary"), label_map=["1=>50K", "0=<=50K"])
    assert target.y.tolist() == [0, 1, 1]
    assert understand(gaps, model(("<=50K", ">50K")), label_map={1: ">50K", "0": "<=50K"}).y.tolist() == [0, 1, 1]
    assert understand(gaps, model(("<=50K", ">50K")), label_map=["1.0=>50K", "0.0=<=50K"]).y.tolist() == [0, 1, 1]
    for classes in ((0, 1), (0.0, 1.0), None):
        for positive in ("1", 1, 1.0, "1.0"):
            found = understand(gaps, model(classes, classes and "binary"), positive=positive)
            assert found.positive_index == 1
    found = understand(gaps, model((0, 1), "binary"))
    assert [str(c) for c in found.classes] == ["0", "1"]
