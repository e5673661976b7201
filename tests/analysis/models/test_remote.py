"""Models on a server: a real HTTP server and real models; predictions equal the model's own, and everything that goes wrong is said."""

from __future__ import annotations

import base64
import contextlib
import pickle
import socket
import threading

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

import modelglass as mg
from modelglass.analysis.errors import InputError, MachineError
from modelglass.analysis.models import remote, served
from modelglass.analysis.models.address import masked, read_address
from modelglass.analysis.models.loading import load_model

FEATURES = ["a", "c", "n"]
COLUMNS = [
    {"name": "a", "datatype": "FP64", "shape": [-1]},
    {"name": "c", "datatype": "BYTES", "shape": [-1, 1], "parameters": {"content_type": "str"}},
    {"name": "n", "datatype": "INT64", "shape": [-1]},
]
BOTH = [
    {"name": "predict", "datatype": "BYTES", "shape": [-1]},
    {"name": "predict_proba", "datatype": "FP64", "shape": [-1, -1]},
]


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    made = pd.DataFrame({"a": rng.normal(size=120), "c": rng.choice(list("uvw"), 120), "n": rng.integers(0, 9, 120)})
    z = made.a + made.c.eq("u") + made.n / 4
    several = np.array(["low", "mid", "top"])[np.digitize(z, [0.7, 1.7])]
    return made.assign(binary=np.where(z > 1, "yes", "no"), several=several, value=z * 2, count=made.n + 3)


class Coded:
    """A scikit-learn model behind a few lines of coding: much quicker for few rows than a Pipeline."""

    def __init__(self, model, X, y):
        self.model = model.fit(self.coded(X), y)
        self.classes_ = getattr(self.model, "classes_", None)

    @staticmethod
    def coded(X):
        return np.column_stack([X["a"], X["n"], X["c"].to_numpy() == "u", X["c"].to_numpy() == "v"]).astype("float64")

    def predict(self, X):
        return self.model.predict(self.coded(X))

    def __getattr__(self, name):
        if name != "predict_proba" or not hasattr(self.model, name):
            raise AttributeError(name)
        return lambda X: self.model.predict_proba(self.coded(X))


@pytest.fixture(scope="module")
def fitted(frame):
    """A model fitted to a target."""
    made = {}

    def fit(target):
        if target not in made:
            model = LinearRegression() if target == "value" else LogisticRegression(max_iter=1000)
            made[target] = Coded(model, frame, frame[target])
        return made[target]

    return fit


@pytest.fixture
def serve(inference_server):
    """A function: description, answer -> (address of the model, what the server heard)."""
    with contextlib.ExitStack() as stack:

        def start(described, answer, **settings):
            model = inference_server.Served(described, answer)
            base = stack.enter_context(inference_server.serving({"m": model}, **settings))
            return f"{base}/v2/models/m", model

        yield start


def three(caught, *parts):
    text = str(caught.value)
    assert len(text.splitlines()) == 3, text
    for part in parts:
        assert part in text
    return text


# right ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["binary", "several"])
def test_one_input_a_column_with_labels_and_probabilities(target, frame, fitted, serve, inference_server):
    own, tools = fitted(target), inference_server

    def answer(request):
        X = tools.table(request, datatypes={"a": "FP64", "c": "BYTES", "n": "INT64"})
        return [tools.out("predict", own.predict(X), "BYTES"), tools.out("predict_proba", own.predict_proba(X), "FP64")]

    address, heard = serve({"inputs": COLUMNS, "outputs": BOTH}, answer)
    model = load_model(f"{address}/versions/1/infer")
    assert (model.kind, model.feature_names, model.fingerprint) == ("Open Inference Protocol", tuple(FEATURES), None)
    ev = mg.Evaluation(model, frame[["n", target, "c", "a"]], target=target)
    got = ev.score if target == "several" else np.column_stack([1 - ev.score, ev.score])
    np.testing.assert_allclose(got, own.predict_proba(frame[FEATURES]), atol=1e-15)
    assert [ev.classes[i] for i in ev.predicted] == own.predict(frame[FEATURES]).tolist()
    assert ev.source.model == f"{address}/versions/1"
    assert ev.source.model_fingerprint.startswith("process-")
    assert heard.heard[0]["inputs"][1]["shape"][1] == 1
    assert "parameters" not in heard.heard[0]  # nothing beyond the protocol for a server that asks for nothing
    assert [o["name"] for o in heard.heard[0]["outputs"]] == ["predict", "predict_proba"]
    assert any("every row that it is asked about is sent there" in n.text for n in ev.notes)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.prepare(frame[FEATURES])[0][2], frame.a)


def test_a_matrix_in_requests_of_bounded_size(frame, serve, inference_server, monkeypatch):
    tools = inference_server
    own = LinearRegression().fit(frame[["a", "n"]].to_numpy(), frame.value)
    inputs = [{"name": "X", "datatype": "FP32", "shape": [-1, 2]}]
    address, heard = serve(
        {"inputs": inputs, "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 1]}]},
        lambda r: [tools.out("y", own.predict(tools.matrix(r))[:, None], "FP32")],
    )
    monkeypatch.setenv("MODELGLASS_REQUEST_ROWS", "50")
    ev = mg.Evaluation(load_model(address), frame[["n", "a", "value"]], target="value", features=["a", "n"])
    np.testing.assert_allclose(ev.predicted, own.predict(frame[["a", "n"]].to_numpy(dtype="float32")), rtol=1e-6)
    assert ev.task == "regression"
    assert max(r["inputs"][0]["shape"][0] for r in heard.heard) == 50
    with pytest.raises(InputError, match="Expected 2 input columns"):
        mg.Evaluation(load_model(address), frame[["a", "value"]], target="value")
    monkeypatch.setenv("MODELGLASS_REQUEST_ROWS", "none")
    with pytest.raises(InputError, match="MODELGLASS_REQUEST_ROWS to be a number of rows"):
        mg.Evaluation(load_model(address), frame[["n", "a", "value"]], target="value")


def mlserver(own, tools, pandas):
    """As MLServer's runtime for scikit-learn: it describes nothing, and gives ``predict`` unless asked for more."""

    def answer(request):
        names = [o["name"] for o in request.get("outputs", [{"name": "predict"}])]
        if pandas:
            assert request["parameters"] == {"content_type": "pd"}
            text = [i["name"] for i in request["inputs"] if i.get("parameters") == {"content_type": "str"}]
            assert text == [i["name"] for i in request["inputs"] if i["datatype"] == "BYTES"]
        X = tools.table(request) if pandas else tools.matrix(request)
        if "predict_proba" in names and not hasattr(own, "predict_proba"):
            raise ValueError("models do not support 'predict_proba'")
        made = {n: getattr(own, n)(X) for n in names}
        return [tools.out(n, v, "BYTES" if v.dtype.kind in "OU" else "FP64") for n, v in made.items()]

    return answer


@pytest.mark.parametrize("declared", [True, False])
def test_mlserver_with_pandas(declared, frame, fitted, serve, inference_server):
    own = fitted("several")
    said = {"inputs": COLUMNS, "parameters": {"content_type": "pd"}} if declared else {}
    address, heard = serve(said, mlserver(own, inference_server, pandas=True))
    ev = mg.Evaluation(load_model(address), frame[[*FEATURES, "several"]], target="several", features=FEATURES)
    np.testing.assert_allclose(ev.score, own.predict_proba(frame[FEATURES]), atol=1e-15)
    assert {i["name"]: i["datatype"] for i in heard.heard[0]["inputs"]} == {"a": "FP64", "c": "BYTES", "n": "INT64"}


def test_mlserver_that_says_nothing(frame, serve, inference_server):
    own = LinearRegression().fit(frame[["a", "n"]].to_numpy(), frame.value)
    address, heard = serve({}, mlserver(own, inference_server, pandas=False))
    ev = mg.Evaluation(load_model(address), frame[["a", "n", "value"]], target="value")
    np.testing.assert_allclose(ev.predicted, own.predict(frame[["a", "n"]].to_numpy()))
    assert any("asked for predict and predict_proba it refused" in n.text and "status 400" in n.text for n in ev.notes)
    assert "outputs" not in heard.heard[-1]
    machine = LogisticRegression().fit(frame[["a", "n"]].to_numpy(), frame.binary)
    address, _ = serve({}, mlserver(machine, inference_server, pandas=False))
    ev = mg.Evaluation(load_model(address), frame[["a", "n", "binary"]], target="binary")
    np.testing.assert_allclose(ev.score, machine.predict_proba(frame[["a", "n"]].to_numpy())[:, 1], atol=1e-15)


def test_missing_numbers_are_null_and_come_back_as_the_models_own(frame, serve, inference_server):
    tools = inference_server
    X = frame[["a", "n"]].astype("float64").mask(np.arange(120)[:, None] % np.array([3, 5]) == 0)
    own = HistGradientBoostingClassifier(max_iter=4).fit(X.to_numpy(), frame.binary)
    address, heard = serve(
        {"inputs": [{"name": "X", "datatype": "FP64", "shape": [-1, -1]}], "outputs": BOTH[1:]},
        lambda r: [tools.out("predict_proba", own.predict_proba(tools.matrix(r)), "FP64")],
    )
    ev = mg.Evaluation(load_model(address), X.assign(binary=frame.binary), target="binary")
    np.testing.assert_allclose(ev.score, own.predict_proba(X.to_numpy())[:, 1], atol=1e-15)
    assert heard.heard[0]["inputs"][0]["data"][0] is None
    assert any("taken as probabilities of 'no', 'yes', in this order" in n.text for n in ev.notes)
    assert any("sent as null" in n.text for n in ev.notes)


def column_of(inference_server, function, datatype):
    return lambda r: [inference_server.out("answer", function(inference_server.table(r)), datatype)]


def one(datatype):
    return {"inputs": COLUMNS, "outputs": [{"name": "answer", "datatype": datatype, "shape": [-1]}]}


def test_one_output_of_labels_or_one_probability(frame, fitted, serve, inference_server):
    own = fitted("binary")
    data = frame[[*FEATURES, "binary"]]
    address, _ = serve(one("BYTES"), column_of(inference_server, own.predict, "BYTES"))
    ev = mg.Evaluation(load_model(address), data, target="binary")
    assert ev.score is None
    assert [ev.classes[i] for i in ev.predicted] == own.predict(frame[FEATURES]).tolist()
    address, _ = serve(one("FP32"), column_of(inference_server, lambda X: own.predict_proba(X)[:, 0], "FP32"))
    ev = mg.Evaluation(load_model(address), data, target="binary", positive="no")
    np.testing.assert_allclose(ev.score, own.predict_proba(frame[FEATURES])[:, 0], atol=1e-12)
    address, _ = serve(
        one("INT64"), column_of(inference_server, lambda X: (own.predict(X) == "yes").astype(int), "INT64")
    )
    with pytest.raises(InputError) as caught:  # never taken for probabilities
        mg.Evaluation(load_model(address), data, target="binary")
    three(caught, "labels that the model knows: 0, 1", "--label no=0 --label yes=1")
    ev = mg.Evaluation(load_model(address), data, target="binary", label=["no=0", "yes=1"])
    assert [ev.classes[i] for i in ev.predicted] == own.predict(frame[FEATURES]).tolist()


def test_labels_written_otherwise_are_the_same(frame, serve, inference_server):
    """Numbers as text or as 1.0, labels in other numbers than the data: met where that is sure, refused where not."""
    X = frame[["a", "n"]]
    y = (frame.binary == "yes").astype(int)
    own = LogisticRegression().fit(X, y)
    inputs = [{"name": c, "datatype": "FP64", "shape": [-1]} for c in X]
    for datatype, write in (("BYTES", lambda v: v.astype(str)), ("FP64", lambda v: v.astype(float))):

        def answer(request, write=write, datatype=datatype):
            T = inference_server.table(request)
            return [
                inference_server.out("label", write(own.predict(T)), datatype),
                inference_server.out("probabilities", own.predict_proba(T), "FP32"),
            ]

        address, _ = serve({"inputs": inputs}, answer)
        ev = mg.Evaluation(load_model(address), X.assign(y=y), target="y")
        assert ev.predicted.tolist() == own.predict(X).tolist()
        np.testing.assert_allclose(ev.score, own.predict_proba(X)[:, 1], atol=1e-12)
        three_level = mg.Evaluation(
            load_model(address), X.assign(y=np.where(y, "p", "q")), target="y", label={"q": 0, "p": 1}
        )
        assert three_level.predicted.tolist() == own.predict(X).tolist()


def test_class_names_from_metadata_and_an_order_that_is_not_sorted(frame, fitted, serve, inference_server):
    own, tools = fitted("several"), inference_server
    turned = ["top", "low", "mid"]

    def answer(request):
        X = tools.table(request)
        proba = pd.DataFrame(own.predict_proba(X), columns=own.classes_)[turned]
        return [tools.out("predict", own.predict(X), "BYTES"), tools.out("predict_proba", proba, "FP64")]

    data = frame[[*FEATURES, "several"]]
    named = [BOTH[0], {**BOTH[1], "parameters": {"labels": turned}}]
    address, _ = serve({"inputs": COLUMNS, "outputs": named}, answer)
    ev = mg.Evaluation(load_model(address), data, target="several")
    assert list(ev.classes) == turned
    np.testing.assert_allclose(ev.score, own.predict_proba(frame[FEATURES])[:, [2, 0, 1]], atol=1e-15)
    address, _ = serve({"inputs": COLUMNS, "outputs": BOTH}, answer)
    with pytest.raises(InputError) as caught:
        mg.Evaluation(load_model(address), data, target="several")
    three(caught, "order of the sorted labels", "mostly not the highest score", 'parameters: {"labels": [...]}')


def test_more_classes_than_labels(frame, fitted, serve, inference_server):
    own, tools = fitted("several"), inference_server
    address, _ = serve(
        {"inputs": COLUMNS, "outputs": BOTH[1:]},
        lambda r: [tools.out("predict_proba", own.predict_proba(tools.table(r)), "FP64")],
    )
    two = frame[[*FEATURES, "several"]].query("several != 'mid'")
    with pytest.raises(InputError) as caught:
        mg.Evaluation(load_model(address), two, target="several", task="multiclass")
    three(caught, "Expected the labels of the scores", "There are 2: low, top", "--label DATA=MODEL")


# what cannot be sent -------------------------------------------------------------------------------------------------


def test_what_the_types_of_the_server_cannot_hold_is_refused_and_not_changed(frame, fitted, serve, inference_server):
    address, heard = serve({"inputs": COLUMNS, "outputs": BOTH}, lambda r: pytest.fail("it was asked"))
    model = load_model(address)
    cases = [
        (frame.assign(c=frame.c.mask(frame.index == 3)), "column 'c' on every row", "BYTES", "row 3"),
        (frame.assign(n=frame.n.astype("Int64").mask(frame.index == 5)), "column 'n' on every row", "INT64", "row 5"),
        (frame.assign(n=frame.n + 0.5), "column 'n' as the server reads it: INT64", "such as", "training"),
        (frame.assign(a="x"), "column 'a' as the server reads it: FP64", "'x'", "training"),
        (frame.assign(c=frame.a), "column 'c' as the server reads it: text", "float64", "training"),
        (frame.assign(c=pd.Timestamp("2020-01-01")), "column 'c' as the server reads it: text", "datetime64", "training"),
        (frame.assign(a=frame.a.mask(frame.index == 7, np.inf)), "finite numbers in the column 'a'", "Row 7", "neither JSON"),
    ]  # fmt: skip
    for data, *parts in cases:
        with pytest.raises(InputError) as caught:
            mg.Evaluation(model, data[[*FEATURES, "binary"]], target="binary")
        three(caught, *parts)
    assert not heard.heard
    small = {"inputs": [{"name": "X", "datatype": "FP32", "shape": [-1, 1]}], "outputs": BOTH}
    with pytest.raises(InputError, match="fit into FP32"):
        mg.Evaluation(load_model(serve(small, None)[0]), pd.DataFrame({"a": [1.0, 1e300], "y": [0, 1]}), target="y")


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ([{"name": "X", "datatype": "BYTES", "shape": [-1, 3]}], "X (BYTES [-1, 3])"),
        ([{"name": "X", "datatype": "BF16", "shape": [-1, 3]}], "BF16"),
        ([{"name": "image", "datatype": "FP32", "shape": [-1, 3, 224, 224]}], "image (FP32"),
        ([{"name": "X", "datatype": "FP32", "shape": [-1, 3]}, {"name": "a", "datatype": "FP32", "shape": [-1]}], "X (FP32"),
        ([{"name": "X", "datatype": "FP32"}], "{'name': 'X'"),
        ({"X": 1}, "{'X': 1}"),
        ([{"name": "X", "datatype": "FP32", "shape": ["n"]}], "['n']"),
    ],
)  # fmt: skip
def test_inputs_that_are_no_table(inputs, said, serve):
    with pytest.raises(InputError) as caught:
        load_model(serve({"inputs": inputs}, None)[0])
    three(caught, said)


# what comes back -----------------------------------------------------------------------------------------------------


def outputs(*named):
    return [{"name": n, "datatype": t, "shape": s} for n, t, s in named]


def test_outputs_that_cannot_be_told_apart_are_named(serve):
    several = outputs(("first", "FP32", [-1, 2]), ("second", "FP32", [-1, 2]))
    with pytest.raises(InputError) as caught:
        load_model(serve({"inputs": COLUMNS, "outputs": several}, None)[0])
    three(caught, "first (FP32 [-1, 2]), second (FP32 [-1, 2])", "predict and predict_proba")
    for given, label, score in [
        (outputs(("l", "INT64", [-1]), ("s", "FP32", [-1, 2])), "l", "s"),
        (outputs(("predict", "FP64", [-1]), ("predict_proba", "FP64", [-1, 2])), "predict", "predict_proba"),
        (outputs(("Probabilities", "FP32", [-1, 2]), ("x", "FP32", [-1, 9]), ("z", "FP32", [-1])), None, "Probabilities"),
        (outputs(("y", "FP32", [-1])), None, "y"),
        (outputs(("y", "BYTES", [-1])), "y", None),
    ]:  # fmt: skip
        model = load_model(serve({"inputs": COLUMNS, "outputs": given}, None)[0])
        assert (model._label, model._score) == (label, score)


GOOD = {"name": "answer", "datatype": "FP64", "shape": [120]}


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ({**GOOD, "data": [0.5] * 119}, ["one row of values for each of", "[120] and 119 values"]),
        ({**GOOD, "shape": [119], "data": [0.5] * 119}, ["[119] and 119 values"]),
        ({**GOOD, "shape": [120, 1, 1], "data": [0.5] * 120}, ["[120, 1, 1]"]),
        ({**GOOD}, ["in JSON (data)", "not in binary"]),
        ({**GOOD, "data": "abc"}, ["in JSON (data)"]),
        ({**GOOD, "data": [0.5] * 119 + ["x"]}, ["Expected FP64", "'x'"]),
        ({**GOOD, "data": [0.5] * 119 + [True]}, ["Expected FP64", "'True'"]),
        ({**GOOD, "datatype": "BF16", "data": [0.5] * 120}, ["It is BF16"]),
        ({**GOOD, "datatype": "INT64", "data": [0] * 119 + [10**30]}, ["fit into 64 bits"]),
        ({**GOOD, "datatype": "BYTES", "data": ["a"] * 119 + [1]}, ["Expected BYTES", "'1'"]),
        ({**GOOD, "shape": None, "data": []}, ["name, datatype and shape"]),
        ({**GOOD, "name": "other", "data": [0.5] * 120}, ["Expected the outputs answer", "holds other"]),
        (None, ["There are none"]),
    ],
)
def test_answers_that_are_not_as_the_protocol_has_them(given, parts, frame, serve):
    address, _ = serve(one("FP64"), lambda r: [] if given is None else [given])
    with pytest.raises(InputError) as caught:
        mg.Evaluation(load_model(address), frame[[*FEATURES, "value"]], target="value")
    three(caught, *parts)


def test_a_value_that_is_missing_in_the_answer_is_said(frame, serve, inference_server):
    nested = {**GOOD, "data": [[v] for v in [None, *range(119)]]}  # the protocol allows lists in lists

    def answer(request):
        n = request["inputs"][0]["shape"][0]
        return [{**nested, "shape": [n], "data": nested["data"][:n]}]

    address, _ = serve(one("FP64"), answer)
    with pytest.raises(InputError, match=r"NaN in 1 row, the first in row 0|NaN in row 0|prediction for each row"):
        mg.Evaluation(load_model(address), frame[[*FEATURES, "value"]], target="value")


def test_rows_that_the_server_refuses_are_named(frame, fitted, serve, inference_server):
    own, tools = fitted("value"), inference_server

    def answer(request):
        X = tools.table(request)
        if (X.n == 8).any():
            raise ValueError("n is too large")
        return [tools.out("answer", own.predict(X), "FP64")]

    data = frame[[*FEATURES, "value"]].assign(n=np.r_[np.zeros(60, int), 8, np.zeros(59, int)])
    with pytest.raises(InputError) as caught:
        mg.Evaluation(load_model(serve(one("FP64"), answer)[0]), data, target="value")
    three(caught, "not row 60 (RefusedByServer: status 400: n is too large.)")


# servers and addresses -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("ftp://host/v2/models/m", "only http:// and https://"),
        ("file:///etc/passwd", "only http:// and https://"),
        ("s3://bucket/m.skops", "only http:// and https://"),
        ("http://host:8080", "Add /v2/models/"),
        ("http://host/v1/models/m:predict", "Add /v2/models/"),
        ("http://host/v2/models/m?key=1", "behind a ? or #"),
        ("http://host/v2/models/m#x", "behind a ? or #"),
        ("http:///v2/models/m", "names no host"),
        ("http://host:99999/v2/models/m", "Check the host and the port"),
        ("http://[::1/v2/models/m", "Check the host and the port"),
        ("http://host/v2/models/a b", "as %20"),
        ("http://host/v2/models/m\r\nX: y", "as %20"),
        ("http://hôst/v2/models/m", "as %20"),
    ],
)
def test_what_is_no_address_of_a_model(address, said):
    with pytest.raises(InputError) as caught:
        load_model(address)
    assert said in str(caught.value)
    assert len(str(caught.value).split("\n")) <= 3


def test_addresses_are_read_whole_and_shown_without_passwords():
    read = read_address("HTTPS://me:se%40cret@Host.example/seldon/ns/v2/models/m/versions/3/")
    assert (read.scheme, read.host, read.port, read.base) == ("https", "host.example", 443, "/seldon/ns")
    assert (read.model, read.user) == ("/v2/models/m/versions/3", "me:se@cret")
    assert read.text() == "https://***@host.example/seldon/ns/v2/models/m/versions/3"
    assert "cret" not in repr(read)
    assert read_address("http://[::1]:8080/v2/models/m").text() == "http://[::1]:8080/v2/models/m"
    assert masked("http://a:b@c/d?e=f@g") == "http://***@c/d?e=f@g"
    for bad in ("ftp://me:secret@host/x", "http://me:secret@host/x", "http://me:secret@host/v2/models/m?a"):
        with pytest.raises(InputError) as caught:
            read_address(bad)
        assert "secret" not in str(caught.value)


def test_name_and_password_are_sent_and_never_shown(frame, fitted, serve, inference_server):
    own = fitted("value")
    address, heard = serve(one("FP64"), column_of(inference_server, own.predict, "FP64"))
    ev = mg.Evaluation(load_model(address.replace("://", "://me:secret@")), frame[[*FEATURES, "value"]], target="value")
    sent = heard.headers[0]
    assert base64.b64decode(sent["Authorization"].split()[1]) == b"me:secret"
    assert ev.source.model == address.replace("://", "://***@")
    assert "secret" not in repr(ev.source) + ev.source.text() + " ".join(n.text for n in ev.notes)


def reply(status, body=b"", **headers):
    return lambda tools: {"reply": tools.Reply(status, body, **headers)}


@pytest.mark.parametrize(
    ("described", "kind", "parts"),
    [
        (reply(404, b'{"error": "no such model"}'), InputError, ["no such model", "Check the name and the version"]),
        (reply(401), InputError, ["who asks (status 401)", "NAME:PASSWORD"]),
        (reply(403, b"<html>denied</html>"), InputError, ["denied"]),
        (reply(500, b'{"detail": "boom\x07"}'), InputError, ["status 500: "]),
        (reply(503, b"busy"), MachineError, ["could not answer (status 503): busy. It was not asked again."]),
        (reply(302, Location="http://u:secret@other/x"), InputError, ["to answer itself", "http://***@other/x"]),
        (reply(200, b"<html>"), InputError, ["answer in JSON", "<html>"]),
        (reply(200, b"[1]"), InputError, ["answer in JSON"]),
        (reply(200, b"[" * 10**5), InputError, ["answer in JSON"]),
        (reply(200, b"x" * (2**20 + 1)), InputError, ["at most 1,048,576 bytes", "It sends more"]),
        (reply(200, b"xx", Content_Encoding="gzip"), InputError, ["not compressed"]),
    ],
)
def test_servers_that_do_not_say_what_they_serve(described, kind, parts, serve, inference_server):
    address, _ = serve(described(inference_server), None)
    with pytest.raises(kind) as caught:
        load_model(address)
    text = str(caught.value)
    assert len(text.splitlines()) == (1 if kind is MachineError else 3)
    assert all(p in text for p in parts), text
    assert "secret" not in text
    assert text.replace("\n", "").isprintable()


def test_a_server_that_is_not_ready_and_one_that_keeps_it_to_itself(serve):
    with pytest.raises(MachineError, match="says that it is not ready: loading"):
        load_model(serve({}, None, ready=(503, b"loading"))[0])
    with pytest.raises(MachineError, match="not ready"):
        load_model(serve({}, None, ready=(400, b""))[0])
    assert load_model(serve({}, None, ready=(404, b""))[0]).kind == "Open Inference Protocol"


def listener(answer=b"", hold=False):
    """A port that takes connections, sends these bytes and closes, or holds the connection."""
    server = socket.create_server(("127.0.0.1", 0))
    kept = []

    def work():
        with contextlib.suppress(OSError):
            while True:
                taken, _ = server.accept()
                kept.append(taken)
                taken.recv(4_096)
                taken.sendall(answer)
                if not hold:
                    taken.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()

    @contextlib.contextmanager
    def open_():
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/v2/models/m"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            server.close()
            thread.join()
            for taken in kept:
                taken.close()

    return open_()


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000]
)  # fmt: skip
def test_what_listens_there_speaks_no_http_or_stops_in_the_middle(answer):
    with listener(answer) as address, pytest.raises(InputError) as caught:
        load_model(address)
    three(caught, "It cannot be reached: ", "check scheme, host and port")


def test_nothing_listens_there_or_it_is_no_https():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(InputError) as caught:
        load_model(f"http://127.0.0.1:{port}/v2/models/m")
    three(
        caught, "Expected a server that speaks the Open Inference Protocol v2", "Connection refused", "Start the server"
    )
    with listener(b"HTTP/1.1 200 OK\r\n\r\n") as address, pytest.raises(InputError) as caught:
        load_model(address.replace("http:", "https:"))
    three(caught, "no trusted connection")


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"])
def test_a_server_that_does_not_answer_is_given_up_on(answer, monkeypatch):
    monkeypatch.setattr(remote, "OPENING_SECONDS", 0.2)
    with (
        listener(answer, hold=True) as address,
        pytest.raises(MachineError, match=r"did not answer within 0\.2 seconds"),
    ):
        load_model(address)


def test_a_model_that_hangs_and_a_server_that_is_lost(frame, fitted, serve, inference_server, monkeypatch):
    own, data = fitted("value"), frame[[*FEATURES, "value"]]
    hang = threading.Event()

    def answer(request):
        hang.wait(5)
        return column_of(inference_server, own.predict, "FP64")(request)

    monkeypatch.setenv("MODELGLASS_PREDICT_SECONDS", "0.2")
    address, _ = serve(one("FP64"), answer)
    with pytest.raises(MachineError, match=r"did not answer for 120 rows within 0\.2 seconds"):
        mg.Evaluation(load_model(address), data, target="value")
    hang.set()
    monkeypatch.delenv("MODELGLASS_PREDICT_SECONDS")
    ev = mg.Evaluation(load_model(address), data, target="value")
    model = ev.model
    model.estimator.address = read_address("http://127.0.0.1:1/v2/models/m")
    with pytest.raises(MachineError, match=r"was lost while it was asked: Connection refused\. It was not asked again"):
        model.both(model.prepare(frame[FEATURES]))
    for status, kind, said in (
        (429, MachineError, "could not answer (status 429): slow down. It was not asked again."),
        (413, InputError, "Set the variable MODELGLASS_REQUEST_ROWS to fewer rows."),
        (404, InputError, "The server knows none there"),
        (307, InputError, "It leads to another address (status 307): which it does not name."),
    ):
        refusing, heard = serve(
            one("FP64"), lambda r, s=status: (_ for _ in ()).throw(inference_server.Reply(s, b"slow down"))
        )
        with pytest.raises(kind) as caught:
            mg.Evaluation(load_model(refusing), data, target="value")
        assert said in str(caught.value)
        assert len(heard.heard) == 1  # no second try


def test_no_proxy_of_the_environment_is_asked(frame, serve, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert load_model(serve({"inputs": COLUMNS}, None)[0]).feature_names == tuple(FEATURES)


def test_requests_are_bounded():
    assert [served._rows_a_request(n) for n in (1, 16, 64, 10**6)] == [4_096, 4_096, 1_024, 1]
