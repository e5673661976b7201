import joblib
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

from modelglass.analysis.errors import InputError
from modelglass.analysis.guessing import draft, guess_target

FRAME = pd.DataFrame({"y": [1, 0, 1], "a": [1, 2, 3], "grade": ["b", "a", "b"], "z": [4, 5, 6]})


@pytest.mark.parametrize(
    ("features", "classes", "target"),
    [
        (["a", "grade", "z"], None, "y"),
        (["a", "z"], ["a", "b"], "grade"),
        (["a", "z"], [0.0, 1.0], "y"),
        (["a"], None, "y"),
        (["y", "a"], None, "z"),
        (None, ["a", "b"], "grade"),
        (None, None, "y"),
        (["y", "a", "grade", "z"], None, None),
    ],
)
def test_the_target_is_what_the_model_does_not_read_or_what_holds_its_labels(features, classes, target):
    found, why = guess_target(FRAME, features, classes)
    assert found == target
    assert why


def test_labels_may_be_numbers_with_a_point():
    frame = pd.DataFrame({"a": [1.5, 2.5, 2.0], "won": [1.0, None, 0.0], "b": [3, 4, 5]})
    assert guess_target(frame, None, [0, 1])[0] == "won"


def test_a_draft_of_files_and_no_pickle(tmp_path):
    model = LogisticRegression().fit(FRAME[["a", "z"]], FRAME["grade"])
    skops.io.dump(model, tmp_path / "m.skops")
    joblib.dump(model, tmp_path / "m.pkl")
    FRAME.to_csv(tmp_path / "d.csv", index=False)
    found = draft(tmp_path / "m.skops", tmp_path / "d.csv")
    assert (found.target, found.rows, found.task) == ("grade", 3, "binary")
    assert found.labels == {"y": ("0", "1"), "grade": ("a", "b")}
    with pytest.raises(InputError, match="is a pickle"):
        draft(tmp_path / "m.pkl", tmp_path / "d.csv")
