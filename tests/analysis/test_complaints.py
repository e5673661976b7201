"""Foreign code that ends the program or cannot say what is wrong, and paths that no machine takes."""

import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import modelglass as mg
from modelglass.analysis import conformal, noise_robustness
from modelglass.analysis.complaints import words_of
from modelglass.analysis.errors import InputError
from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import lime_weights, permutation_importance, shapley_values


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


@pytest.mark.parametrize("seed", [2**32, -1, 1.5, "a", True])
def test_a_seed_given_to_an_analysis_is_checked_as_that_of_an_evaluation(seed):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 2)), columns=["a", "b"])
    frame["y"] = (frame.a > 0).astype(int)
    ev = mg.Evaluation(LogisticRegression().fit(frame[["a", "b"]], frame.y), frame, target="y")
    for ask in (partial(lime_weights, row=1), permutation_importance, shapley_values, noise_robustness, conformal):
        with pytest.raises(InputError, match=r"whole number from 0 to 4294967295 as the seed"):
            ask(ev, seed=seed)
    with pytest.raises(InputError, match="as the seed"):
        ev.sample(10, seed)
    assert lime_weights(ev, row=1, seed=2**32 - 1).settings["seed"] == 2**32 - 1


@pytest.mark.parametrize("named", [True, False])
def test_dates_that_a_model_of_numbers_refuses_are_named(named):
    X = pd.DataFrame({"a": np.arange(40.0), "day": np.arange(40), "until": np.arange(40)})
    y = (X.a > 20).astype(int)
    model = LogisticRegression(max_iter=500).fit(X if named else X.to_numpy(), y)
    days = pd.date_range("2024-01-01", periods=40)
    settings = {} if named else {"features": list(X)}
    for columns, said in ((["day"], r"column 'day', as"), (["day", "until"], r"columns 'day', 'until', as")):
        with pytest.raises(InputError, match=rf"Expected numbers in the {said}.*\n.*dates \(datetime64.*\nMake them"):
            mg.Evaluation(model, X.assign(t=y, **dict.fromkeys(columns, days)), target="t", **settings)
