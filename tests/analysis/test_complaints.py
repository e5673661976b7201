"""Foreign code that ends the program or cannot say what is wrong, and paths that no machine takes."""

import sys

import numpy as np
import pandas as pd
import pytest

import modelglass as mg
from modelglass.analysis.complaints import words_of
from modelglass.analysis.errors import InputError
from modelglass.analysis.evaluation import Evaluation


class Speechless(Exception):
    def __str__(self):
        raise RuntimeError("no words")


class Leaving:
    def predict(self, X):
        sys.exit(0)


class Failing:
    def predict(self, X):
        raise Speechless


@pytest.fixture
def frame():
    return pd.DataFrame({"a": np.arange(30.0), "y": np.arange(30.0) ** 2})


def test_an_exception_without_words_is_told_by_its_kind():
    assert words_of(Speechless()) == "Speechless: (it does not say what)"


@pytest.mark.parametrize(("model", "said"), [(Leaving(), "asked Python to exit"), (Failing(), "Speechless")])
def test_a_model_that_leaves_or_cannot_speak_is_refused_in_words(model, said, frame):
    with pytest.raises(InputError, match=said):
        Evaluation(model, frame, target="y")


def test_a_module_that_leaves_is_refused_in_words(tmp_path, monkeypatch):
    (tmp_path / "leaving_module.py").write_text("import sys\nsys.exit(3)\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match="SystemExit: 3"):
        mg.load_model("leaving_module:model")


@pytest.mark.parametrize("read", [mg.load_model, mg.read_data])
@pytest.mark.parametrize("name", ["x" * 300, "a\x00b"])
def test_a_name_that_no_file_can_have_is_refused_in_few_letters(read, name):
    with pytest.raises(InputError) as refused:
        read(name)
    assert len(str(refused.value)) < 400
