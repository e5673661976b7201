"""Models of the person's own code: told apart by their source, refused in words where loading them exits or never ends."""

from __future__ import annotations

import importlib
import pickle
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context, get_config
from sklearn.linear_model import LinearRegression

import modelglass as mg
from modelglass.analysis.errors import InputError, MachineError
from modelglass.analysis.models.loading import load_model, wrap_model
from modelglass.analysis.models.own_code import code_hash

MODULE = """
import numpy as np
import h1own_help
from h1own_help import factor
class Rule:
    def predict(self, X):
        return h1own_help.factor() * X["a"].to_numpy() {more}
model = Rule()
"""
HELP = "def factor():\n    return {factor}\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    for name in [n for n in sys.modules if n.startswith("h1own")]:
        del sys.modules[name]


def loaded(folder, more="", factor=1):
    (folder / "h1own.py").write_text(MODULE.format(more=more))
    (folder / "h1own_help.py").write_text(HELP.format(factor=factor))
    for name in ("h1own", "h1own_help"):
        sys.modules.pop(name, None)
    importlib.invalidate_caches()
    return load_model("h1own:model")


def test_the_same_name_with_other_code_is_another_model(folder):
    first = loaded(folder).fingerprint
    assert first is not None
    assert loaded(folder).fingerprint == first
    assert loaded(folder, more="+ 1").fingerprint != first
    assert loaded(folder, factor=2).fingerprint != first  # code that it uses
    sure = wrap_model(sys.modules["h1own"].model).fingerprint
    (folder / "h1own.py").write_text(MODULE.format(more="+ 7"))
    assert wrap_model(sys.modules["h1own"].model).fingerprint == sure  # what runs is what was loaded
    data = pd.DataFrame({"a": [1.0, 2.0, 4.0], "y": [1.0, 2.0, 3.0]})
    prints = [mg.Evaluation(loaded(folder, more=m), data, target="y").fingerprint for m in ("+ 0", "+ 0.0")]
    assert prints[0] != prints[1]


def test_libraries_are_not_read(folder):
    fitted = LinearRegression().fit(np.arange(3.0)[:, None], np.arange(3.0))
    assert code_hash(["sklearn.linear_model._base", "json", "modelglass.analysis.errors", "no_such_module"]) == b""
    assert len(wrap_model(fitted).fingerprint) == 128


class Leaves:
    def __reduce__(self):
        return sys.exit, (7,)


def test_a_pickle_that_exits_is_refused_in_words(tmp_path):
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(Leaves()))
    with pytest.raises(InputError, match="SystemExit: 7"):
        load_model(tmp_path / "m.pkl", trust=True)


def test_importing_and_unpickling_have_a_clock(folder, monkeypatch):
    monkeypatch.setenv("MODELGLASS_PREDICT_SECONDS", "0.2")
    (folder / "h1own_hangs.py").write_text("import time\ntime.sleep(2)\nmodel = None\n")
    with pytest.raises(MachineError, match=r"importing h1own_hangs did not end within 0\.2 seconds\. Set the variable"):
        load_model("h1own_hangs:model")
    (folder / "m.pkl").write_bytes(b"ctime\nsleep\n(I2\ntR.")
    with pytest.raises(MachineError, match=r"reading m\.pkl did not end within 0\.2 seconds"):
        load_model(folder / "m.pkl", trust=True)


def test_settings_that_a_module_makes_hold_on(folder):
    (folder / "h1own_sets.py").write_text(
        "import sklearn\nsklearn.set_config(display='text')\ndef model(X):\n    return X['a']\n"
    )
    with config_context(display="diagram"):
        load_model("h1own_sets:model")
        assert get_config()["display"] == "text"


class Named:
    """Gives a frame whose columns are named after the labels, in no particular order."""

    def predict_proba(self, X):
        third = X["a"].to_numpy() / 3
        return pd.DataFrame({"no": 1 - third, "yes": third})[["yes", "no"]]


class SaysClasses(Named):
    classes_ = ("no", "yes")


def decision(X):
    d = X["a"].to_numpy() - 1.5
    return pd.DataFrame({"yes": d, "no": -d})


def of_three(X):
    a = X["a"].to_numpy()
    return pd.DataFrame({"no": np.where(a < 2, 0.8, 0.1), "yes": np.where(a > 2, 0.8, 0.1), "hm": np.where(a == 2, 0.8, 0.1)})  # fmt: skip


@pytest.mark.parametrize(
    ("model", "score"),
    [(Named().predict_proba, 1 / 3), (Named(), 1 / 3), (SaysClasses(), 1 / 3), (decision, -0.5)],
)
def test_columns_named_after_the_labels_are_read_by_name(model, score):
    """They were read in sorted order, so that a right model was shown as wrong on every row."""
    data = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "y": ["no", "no", "yes", "yes"]})
    ev = mg.Evaluation(model, data, target="y")
    assert ev.score[1] == pytest.approx(score)
    assert ev.predicted.tolist() == ev.y.tolist()
    assert ev.positive == "yes"


def test_columns_named_after_several_labels_and_mapped_ones_are_read_by_name():
    data = pd.DataFrame({"a": [1.0, 2.0, 3.0] * 4, "y": ["no", "hm", "yes"] * 4})
    ev = mg.Evaluation(of_three, data, target="y")
    assert ev.predicted.tolist() == ev.y.tolist()
    assert any("by name" in note for note in ev.model.notes)
    coded = data.assign(y=data["y"].map({"no": 1, "hm": 2, "yes": 3}))
    ev = mg.Evaluation(of_three, coded, target="y", label={1: "no", 2: "hm", 3: "yes"})
    assert ev.predicted.tolist() == ev.y.tolist()
    ev = mg.Evaluation(lambda X: of_three(X).set_axis(["p", "q", "r"], axis=1), data, target="y")
    assert any("(p, q, r) are taken as probabilities of 'hm', 'no', 'yes'" in note for note in ev.model.notes)
