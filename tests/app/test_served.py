"""A model on a server through the command line: every face, the file of options, what is remembered, and exit codes."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from modelglass.analysis.registry import run
from modelglass.app import cli, workspace
from modelglass.app.config import _from_folder
from modelglass.app.inputs import checked
from modelglass.app.report import build


@pytest.fixture(scope="module")
def place(tmp_path_factory, inference_server):
    """(address with a password, data file, the model's own answers); served for the whole module."""
    tools, folder = inference_server, tmp_path_factory.mktemp("served")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=80), "b": rng.normal(size=80).round(2)})
    own = LogisticRegression().fit(frame.to_numpy(), frame.a + frame.b > 0)

    def answer(request):
        X = tools.matrix(request)
        return [tools.out("predict_proba", own.predict_proba(X), "FP64")]

    said = {"inputs": [{"name": "X", "datatype": "FP64", "shape": [-1, 2]}],
            "outputs": [{"name": "predict_proba", "datatype": "FP64", "shape": [-1, 2]}]}  # fmt: skip
    frame.assign(y=np.where(own.predict(frame.to_numpy()) ^ (np.arange(80) % 9 == 0), "yes", "no")).to_csv(
        folder / "data.csv", index=False
    )
    with tools.serving({"m": tools.Served(said, answer)}) as base:
        yield base.replace("://", "://me:secret@") + "/v2/models/m", folder / "data.csv", own.predict(frame.to_numpy())


def command(capsys, *words):
    with pytest.raises(SystemExit) as stop:
        cli.main(list(map(str, words)))
    out, err = capsys.readouterr()
    assert "secret" not in out + err
    return stop.value.code, out, err


@pytest.mark.parametrize(
    "words", [("slices", "--by", "a", "--metrics", "accuracy"), ("explain",), ("explain", "--row", "3"), ("findings",)]
)
def test_every_command_answers(words, place, capsys):
    address, data, own = place
    verb, *more = words
    code, out, err = command(capsys, verb, address, data, "--target", "y", "--seed", 1, "--json", *more)
    assert code == 0, err
    answer = json.loads(out, parse_constant=pytest.fail)
    assert answer["source"]["model"] == address.replace("me:secret", "***")
    assert [r for r in answer["results"] if "not_applicable" in r] == []
    assert any("sent there" in n["text"] for n in answer["notes"])
    if verb == "slices":
        table = pd.DataFrame(answer["results"][0]["frame"]["data"], columns=answer["results"][0]["frame"]["columns"])
        whole = pd.read_csv(data)
        share = float((own == (whole.y == "yes")).mean())
        np.testing.assert_allclose(np.average(table.estimate, weights=table.n), share)


def test_the_file_of_options_and_a_report_of_the_model_beside_itself(place, capsys, tmp_path, monkeypatch):
    address, data, _ = place
    (tmp_path / "run.yaml").write_text(
        f"model: {address}\nbaseline: {address}\ndata: {data}\ntarget: y\noutput: {tmp_path}/r.html\n"
    )
    whole = build.written
    few = ["performance", "permutation_importance"]
    monkeypatch.setattr(
        "modelglass.app.report.written", lambda ev, path, **given: whole(ev, path, **{**given, "analyses": few})
    )
    code, out, err = command(capsys, "report", "--config", tmp_path / "run.yaml")
    assert (code, out.strip()) == (0, f"{tmp_path}/r.html"), err
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "secret" not in text
    assert "Open Inference Protocol" in text
    assert "This failed" not in text.split("<script")[0]
    assert _from_folder(address, str(tmp_path / "run.yaml")) == address


def test_what_is_remembered_holds_no_password(place):
    address, data, _ = place
    inputs = checked(model=address, data=str(data), target="y", baseline=address)
    ev = inputs.open()
    assert run(ev, "performance").result is not None
    recent = workspace.record(inputs, ev)
    assert recent.given["model"] == recent.given["baseline"] == address.replace("me:secret", "***")
    assert "secret" not in workspace.place().read_text()
    assert "terminal only" in recent.refusal()
    assert recent.missing() == []
    assert "***@" in workspace.command(recent.given)
    workspace.forget(recent.key)
    pickled = checked(model=address.replace("/m", "/m.pkl"), data=str(data), target="y")
    assert "--trust" not in workspace.command(pickled.model_dump(exclude_defaults=True))


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (lambda a: a.replace("/models/m", "/models/other"), 2, "The server knows none there (status 404)"),
        (lambda a: a.replace("http:", "ftp:"), 2, "only http:// and https://"),
        (lambda a: "http://me:secret@127.0.0.1:1/v2/models/m", 2, "It cannot be reached: Connection refused."),
    ],
)
def test_exit_codes(change, code, said, place, capsys):
    address, data, _ = place
    got, out, err = command(capsys, "slices", change(address), data, "--target", "y")
    assert (got, out) == (code, "")
    assert said in err
    assert len(err.strip().splitlines()) == 3
    got, _, err = command(capsys, "slices", address, data, "--target", "y", "--score", "a")
    assert got == 2
    assert "The model is http://***@" in err


def test_a_model_that_does_not_answer_ends_with_3(place, capsys, monkeypatch):
    address, data, _ = place
    monkeypatch.setenv("MODELGLASS_PREDICT_SECONDS", "1e-6")
    got, out, err = command(capsys, "slices", address, data, "--target", "y")
    assert (got, out) == (3, "")
    assert err.startswith("The machine could not: ")
