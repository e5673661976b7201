"""ONNX graphs of a few hundred bytes that ask for gigabytes or never end: found out where they do no harm."""

from __future__ import annotations

import contextlib
import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from modelglass.analysis.errors import InputError, MachineError
from modelglass.analysis.models import onnx as module
from modelglass.analysis.models import onnx_trial
from modelglass.analysis.models.loading import load_model
from modelglass.analysis.patience import VARIABLE

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="memory of a process is bounded on Linux only"
)
FLOAT, INT, BOOL = 1, 7, 9


def node(kind, takes, gives, **settings):
    return onnx.helper.make_node(kind, takes, gives, **settings)


def info(name, kind, shape):
    return onnx.helper.make_tensor_value_info(name, kind, shape)


def constant(name, values, kind="int64"):
    return onnx.numpy_helper.from_array(np.array(values, kind), name)


def graph(nodes, constants=(), width=2, name="g"):
    """A model that reads ``x`` (rows, width) and gives ``y`` (rows, 1)."""
    made = onnx.helper.make_graph(
        nodes, name, [info("x", FLOAT, [None, width])], [info("y", FLOAT, [None, 1])], [constant("ax", [1]), *constants]
    )
    return onnx.helper.make_model(
        made, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8
    ).SerializeToString()


def total(of, gives):
    return node("ReduceSum", [of, "ax"], [gives], keepdims=1)


def from_nothing(size):
    """A tensor of a constant shape, of which the largest value is added."""
    nodes = [node("ConstantOfShape", ["n"], ["big"]), node("ReduceMax", ["big"], ["m"], keepdims=0), total("x", "s")]
    return graph([*nodes, node("Add", ["s", "m"], ["y"])], [constant("n", [size])])


def repeated(*times):
    """Columns repeated, and repeated again: no single step looks large."""
    names = ["x", *(f"t{i}" for i in range(len(times)))]
    steps = [node("Tile", [names[i], f"r{i}"], [names[i + 1]]) for i in range(len(times))]
    return graph([*steps, total(names[-1], "y")], [constant(f"r{i}", [1, t]) for i, t in enumerate(times)])


def endless(turns):
    body = onnx.helper.make_graph(
        [node("Identity", ["c"], ["c2"]), node("Sin", ["a"], ["a2"])], "body",
        [info("i", INT, []), info("c", BOOL, []), info("a", FLOAT, [None, 1])], [info("c2", BOOL, []), info("a2", FLOAT, [None, 1])],
    )  # fmt: skip
    return graph(
        [total("x", "s"), node("Loop", ["n", "go", "s"], ["y"], body=body)],
        [constant("n", turns), constant("go", True, "bool")],
    )


BOMBS = {
    "a constant": from_nothing(3 * 10**9),
    "a column repeated": repeated(20_000_000),
    "a little, often": repeated(60, 60, 60, 60),
    "a declared width": graph([total("x", "y")], width=2**33),
}


@pytest.mark.parametrize("case", BOMBS)
def test_a_small_file_that_asks_for_much_memory_is_refused(case, tmp_path):
    path = tmp_path / "bomb.onnx"
    path.write_bytes(BOMBS[case])
    assert path.stat().st_size < 1_000
    with pytest.raises(InputError, match=r"bomb\.onnx \(\d+ bytes\) takes more than 2\.1 GB while") as error:
        load_model(path)
    assert len(str(error.value).splitlines()) == 3


def test_a_loop_without_end_is_given_up_on(tmp_path, monkeypatch):
    (tmp_path / "m.onnx").write_bytes(endless(2**62))
    monkeypatch.setenv(VARIABLE, "8")
    with pytest.raises(MachineError, match=r"m\.onnx did not answer for 1,000 rows within 8 seconds"):
        load_model(tmp_path / "m.onnx")


def test_a_graph_that_takes_much_for_a_row_is_asked_in_parts(tmp_path, monkeypatch):
    """40,000 numbers a row, 160 KB: parts of some 3,000 rows, with the same answers."""
    (tmp_path / "m.onnx").write_bytes(repeated(20_000))
    model = load_model(tmp_path / "m.onnx")
    assert 500 < model.most_rows < 20_000
    whole = []
    real = model._run_at_once
    monkeypatch.setattr(model, "_run_at_once", lambda X: whole.append(len(X["x"])) or real(X))
    rows = model.most_rows * 2 + 7
    X = np.random.default_rng(0).integers(0, 2, (rows, 2)).astype("float32")
    labels, scores = model._run({"x": X})
    assert labels is None
    assert whole == [model.most_rows, model.most_rows, 7]
    np.testing.assert_array_equal(scores[:, 0], 20_000 * X.sum(axis=1))


def test_usual_models_pass_and_are_not_parted(tmp_path):
    skl2onnx = pytest.importorskip("skl2onnx")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4)).astype("float32")
    fitted = LogisticRegression().fit(X, X[:, 0] > 0)
    (tmp_path / "m.onnx").write_bytes(skl2onnx.to_onnx(fitted, X[:1]).SerializeToString())
    assert load_model(tmp_path / "m.onnx").most_rows > 65_536


def test_where_nothing_can_be_bounded_nothing_is_tried(monkeypatch):
    monkeypatch.setattr(onnx_trial.sys, "platform", "win32")
    assert onnx_trial.tried(BOMBS["a constant"], "m.onnx") == 0.0
    assert module.OnnxModel.kind == "onnx"


def test_names_that_are_no_text_are_refused_and_nothing_is_printed(tmp_path, capfd):
    """A flipped byte in a name: onnxruntime cannot say its error, and would print words among what a command prints."""
    data = graph([node("ReduceSum", ["x", "ax"], ["y"], keepdims=1, name="a_name_of_a_node")])
    (tmp_path / "m.onnx").write_bytes(data.replace(b"ReduceSum", b"Reduce\x9dum"))
    with pytest.raises(InputError, match=r"It cannot read m\.onnx"):
        load_model(tmp_path / "m.onnx")
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("at", range(4, 8))
def test_one_changed_byte_ends_in_words_or_a_model(tmp_path, at):
    data = bytearray(graph([node("ReduceSum", ["x", "ax"], ["y"], keepdims=1)]))
    place = len(data) * at // 9 - 1
    data[place] ^= 0xFF
    (tmp_path / "m.onnx").write_bytes(bytes(data))
    with contextlib.suppress(InputError):
        assert load_model(tmp_path / "m.onnx").kind == "onnx"
