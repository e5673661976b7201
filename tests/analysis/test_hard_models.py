"""Models that misbehave: found out and said in plain words, within bounds of time and memory."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import threading
import tracemalloc

import joblib
import numpy as np
import pandas as pd
import pytest

import modelglass as mg
from modelglass.analysis.errors import InputError, MachineError
from modelglass.analysis.feeding import rows_a_batch
from modelglass.analysis.patience import limit, within


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    made = pd.DataFrame({"a": rng.normal(size=400), "b": rng.normal(5, 3, size=400)})
    return made.assign(y=np.where(made.a > 0, "up", "down"))


class Sound:
    """Says what it does: an object with the attributes that scikit-learn's classifiers have."""

    classes_ = np.array(["down", "up"])
    feature_names_in_ = np.array(["a", "b"], dtype=object)

    def predict(self, X):
        return self.classes_[(np.asarray(X["a"]) > 0).astype(int)]

    def predict_proba(self, X):
        p = 1 / (1 + np.exp(-np.asarray(X["a"], dtype=float)))
        return np.column_stack([1 - p, p])


class Random(Sound):
    def predict_proba(self, X):
        p = np.random.default_rng().random(len(X))
        return np.column_stack([1 - p, p])


class Chatty(Sound):
    def predict(self, X):
        print("hello from the model")
        print("and an aside", file=sys.stderr)
        os.write(1, b"and from below\n")
        return super().predict(X)


class Picky(Sound):
    def predict(self, X):
        if (np.asarray(X["a"]) > 2.2).any():
            raise ArithmeticError("a is far too large for me")
        return super().predict(X)


def notes_of(ev):
    return " ".join(n.text for n in ev.notes if n.level == "warning")


def test_a_sound_object_gets_no_warning(frame):
    ev = mg.Evaluation(Sound(), frame, target="y")
    assert notes_of(ev) == ""
    np.testing.assert_array_equal(ev.score, Sound().predict_proba(frame)[:, 1])


def test_a_model_that_is_not_deterministic(frame):
    said = notes_of(mg.Evaluation(Random(), frame, target="y"))
    assert "not deterministic: asked twice about the same rows" in said
    assert "other row order" not in said


def test_what_a_model_prints_is_said_once_and_kept_from_the_output(frame, capfd):
    ev = mg.Evaluation(Chatty(), frame, target="y")
    print("still here")
    assert capfd.readouterr() == ("still here\n", "")
    said = [n.text for n in ev.notes if "prints" in n.text]
    assert len(said) == 1
    for text in ("hello from the model", "and an aside", "and from below"):
        assert said[0].count(text) == 1
    ev.output(ev.inputs()[:3])
    assert capfd.readouterr() == ("", "")


def test_rows_that_a_model_refuses_are_named(frame):
    bad = frame.index[frame.a > 2.2]
    assert 2 <= len(bad) <= 12
    with pytest.raises(InputError) as caught:
        mg.Evaluation(Picky(), frame, target="y")
    said = str(caught.value)
    assert f"row {bad[0]} (ArithmeticError: a is far too large for me), row {bad[1]} (" in said
    assert len(said.split("\n")) == 3


def test_row_numbers_are_those_of_the_data_as_read(frame):
    holes = frame.assign(y=frame.y.where(frame.index % 3 > 0))
    bad = [i for i in frame.index[frame.a > 2.2] if i % 3]
    with pytest.raises(InputError, match=rf"row {bad[0]} \("):
        mg.Evaluation(Picky(), holes, target="y")


class Whole(Sound):
    def predict(self, X):
        raise ArithmeticError("never")


def test_a_model_that_refuses_everything(frame):
    with pytest.raises(InputError, match=r"Expected the model to predict these rows[\s\S]*ArithmeticError: never"):
        mg.Evaluation(Whole(), frame, target="y")


def answering(answer, attribute="predict"):
    return type("Odd", (Sound,), {attribute: lambda self, X: answer(X)})()


@pytest.mark.parametrize(("answer", "attribute", "said"), [
    (lambda X: None, "predict", r"nothing \(None\)"),
    (lambda X: "up", "predict", "one single value"),
    (lambda X: ["up"], "predict", r"shape \(1,\)"),
    (lambda X: np.full((len(X), 2), "up"), "predict", "scores of the type <U2"),
    (lambda X: [["up"]] * len(X), "predict", None),
    (lambda X: [{"label": "up"}] * len(X), "predict", "a dict for a row"),
    (lambda X: np.full(len(X), np.datetime64("2024-01-01")), "predict", "datetime64"),
    (lambda X: np.full((len(X), 2), "up"), "predict_proba", "scores of the type"),
    (lambda X: np.full((len(X), 2), 1j), "predict_proba", "complex"),
    (lambda X: np.full((len(X), 3), 1 / 3), "predict_proba", "Expected 2 scores a row"),
    (lambda X: np.full((len(X), 2), 3.0), "predict_proba", "They run from 3 to 3"),
    (lambda X: np.full((len(X), 2), np.nan), "predict_proba", "NaN or infinite"),
    (lambda X: np.ones((2, len(X))), "predict_proba", r"shape \(2, "),
    (lambda X: np.full(len(X), "left"), "predict", "Got 'left'"),
    (lambda X: np.where(np.arange(len(X)) == 3, None, "up"), "predict", "the first in row 3"),
])  # fmt: skip
def test_wrong_shapes_and_types(frame, answer, attribute, said):
    model = answering(answer, attribute)
    if said is None:
        assert mg.Evaluation(model, frame, target="y").n == 400
        return
    with pytest.raises(InputError, match=said) as caught:
        mg.Evaluation(model, frame, target="y")
    assert len(str(caught.value).split("\n")) <= 3


class Batches(Sound):
    """Remembers how many cells it was handed at once."""

    def __init__(self):
        self.sizes = []

    def predict(self, X):
        self.sizes.append(X.size)
        return super().predict(X)


def test_a_million_rows_in_bounded_memory():
    frame = pd.DataFrame({"a": np.linspace(-1, 1, 1_000_000), "b": 1.0})
    model = Batches()
    from modelglass.analysis.feeding import plan_feed, predict_all
    from modelglass.analysis.models.loading import wrap_model

    wrapped = wrap_model(model)
    feed = plan_feed(wrapped, frame, leave_out=())
    tracemalloc.start()
    labels, scores, said = predict_all(wrapped, feed, frame)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(labels), scores.shape, said) == (1_000_000, (1_000_000, 2), [])
    assert max(model.sizes) <= 2 * 65_536
    answers = labels.nbytes + scores.nbytes
    assert peak < 2.2 * answers + 40 * 2**20  # the parts and the whole, and one batch
    assert predict_all(wrapped, feed, frame[:100_000], batch=999)[1].tolist() == scores[:100_000].tolist()


@pytest.mark.parametrize("columns", [1, 10, 64, 100, 1_000, 10_000, 100_000])
def test_batches_get_smaller_where_there_are_many_columns(columns):
    rows = rows_a_batch(columns)
    assert 256 <= rows <= 65_536
    assert rows * columns <= 2**22 or rows == 256


def test_the_limit_is_read_from_the_environment(monkeypatch):
    assert limit() == 600
    monkeypatch.setenv("MODELGLASS_PREDICT_SECONDS", "2.5")
    assert limit() == 2.5
    monkeypatch.setenv("MODELGLASS_PREDICT_SECONDS", "0")
    assert limit() == float("inf")
    for wrong in ("soon", "-1", "nan"):
        monkeypatch.setenv("MODELGLASS_PREDICT_SECONDS", wrong)
        with pytest.raises(InputError, match="MODELGLASS_PREDICT_SECONDS"):
            limit()


def test_waiting_passes_answers_errors_and_scikit_learns_settings_on():
    from sklearn import config_context, get_config

    with config_context(transform_output="pandas"):
        assert within(lambda: get_config()["transform_output"], 5, 1) == "pandas"
    with pytest.raises(ZeroDivisionError):
        within(lambda: 1 / 0, 5, 1)


class Hanging(Sound):
    def __init__(self):
        self.may_end, self.ended = threading.Event(), threading.Event()

    def predict(self, X):
        self.may_end.wait()
        self.ended.set()
        return super().predict(X)


def test_a_model_that_hangs_is_given_up_on(frame, monkeypatch, capfd):
    monkeypatch.setenv("MODELGLASS_PREDICT_SECONDS", "0.2")
    model = Hanging()
    with pytest.raises(MachineError, match=r"did not answer for 400 rows within 0.2 seconds[\s\S]*MODELGLASS_PREDICT"):
        mg.Evaluation(model, frame, target="y")
    assert not model.ended.is_set()
    print("said")
    assert capfd.readouterr().out == "said\n"
    model.may_end.set()
    assert model.ended.wait(60)  # its thread ends before the next test


def kept_in(folder, name):
    """Pickle the model of a module that lies in the folder, and leave no trace of it in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        joblib.dump(importlib.import_module(name).model, folder / "m.joblib")
    del sys.modules[name]


HANGS = {
    "in Python": "while True: pass",
    "in compiled code that holds the lock": "sum(range(10**14))",
    "asleep": "__import__('time').sleep(1000)",
}


@pytest.mark.parametrize("how", HANGS)
def test_the_command_line_ends_with_3_when_a_model_hangs(how, tmp_path):
    pd.DataFrame({"a": [1.0, 2, 3, 4] * 5, "y": [0, 1, 0, 1] * 5}).to_csv(tmp_path / "d.csv", index=False)
    (tmp_path / "hanging.py").write_text(
        f"import numpy as np\nclass M:\n    def predict(self, X):\n        {HANGS[how]}\nmodel = M()\n"
    )
    kept_in(tmp_path, "hanging")
    done = subprocess.run(
        [sys.executable, "-m", "modelglass.app.cli", "slices", "m.joblib", "d.csv", "--target", "y", "--trust", "--json"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
        env={**os.environ, "MODELGLASS_PREDICT_SECONDS": "0.5"},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "")
    assert "did not answer for 20 rows within 0.5 seconds" in done.stderr
    assert len(done.stderr.strip().split("\n")) == 1


def test_a_printing_model_does_not_mix_with_json(tmp_path):
    pd.DataFrame({"a": [1.0, -2, 3, -4] * 20, "y": [0, 1, 0, 1] * 20}).to_csv(tmp_path / "d.csv", index=False)
    (tmp_path / "talking.py").write_text(
        "import numpy as np, os, ctypes\nclass M:\n    def predict(self, X):\n        print('PRINTED')\n"
        "        os.write(1, b'PRINTED')\n        ctypes.CDLL(None).puts(b'PRINTED')\n"
        "        return (np.asarray(X)[:, 0] > 0).astype(int)\nmodel = M()\n"
    )
    kept_in(tmp_path, "talking")
    done = subprocess.run(
        [sys.executable, "-m", "modelglass.app.cli", "slices", "m.joblib", "d.csv", "--target", "y", "--trust", "--json"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    notes = json.loads(done.stdout)["notes"]
    assert sum("PRINTED" in n["text"] for n in notes) == 1
    assert done.stderr.count("The model prints") == 1


def test_classes_as_a_plain_list(frame):
    """scikit-learn gives a list of arrays where a row has several labels; a person's own object a list of labels."""

    class Listed:
        def __init__(self):
            self.classes_ = ["no", "yes"]

        def predict_proba(self, X):
            p = 1 / (1 + np.exp(-X.iloc[:, 0].to_numpy()))
            return np.column_stack([1 - p, p])

    numbers = pd.DataFrame({"a": np.linspace(-2, 2, 60), "b": 0.0})
    data = numbers.assign(y=np.where(np.arange(60) % 3, "yes", "no"))
    ev = mg.Evaluation(Listed(), data, target="y", positive="yes", features=["a", "b"])
    np.testing.assert_allclose(ev.score, 1 / (1 + np.exp(-numbers.a)))
    assert ev.classes == ("no", "yes")
