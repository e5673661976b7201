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
