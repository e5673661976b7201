"""The start page: samples, recent evaluations, uploads and the operator's folders; each session on its own; the saved cohorts."""

import os

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

from modelglass.analysis.errors import InputError
from modelglass.app import workspace
from modelglass.app.dashboard import opened, terms
from modelglass.app.inputs import Inputs


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELGLASS_HOME", str(tmp_path / "home"))
    yield tmp_path / "home"
    terms.agree()
    opened._private.clear()


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.integers(18, 80, 120), "pay": rng.normal(size=120).round(3)})
    frame["rich"] = np.where(frame.age + rng.normal(0, 9, 120) > 50, "yes", "no")
    model = LogisticRegression(max_iter=1000).fit(frame[["age", "pay"]], frame.rich)
    skops.io.dump(model, folder / "m.skops")
    joblib.dump(model, folder / "m.pkl")
    frame.to_csv(folder / "d.csv", index=False)
    return folder


@pytest.fixture
def finished(until):
    """A function: run until no job is watched any more."""
    return lambda at: until(at, lambda at: not at.get("progress"))


@pytest.fixture
def press(finished):
    """A function: press a button and wait for what it starts."""
    return lambda at, key: finished(next(b for b in at.button if b.key == key).click().run())


@pytest.fixture
def upload(finished):
    """A function: give a model and its data to the page."""

    def given(at, model, data):
        for key, path in (("mg.upload_model", model), ("mg.upload_data", data)):
            widget = next(w for w in at.file_uploader if w.key == key)
            widget.set_value((path.name, path.read_bytes(), "application/octet-stream"))
        return finished(at.run())

    return given


def record(place, **more):
    inputs = Inputs(model=str(place / "m.skops"), data=str(place / "d.csv"), target="rich", **more)
    ev = inputs.model_copy(update={"model": str(place / "m.skops")}).open()
    return workspace.record(inputs, ev)


def test_a_recent_evaluation_is_reopened(place, show, texts, press):
    record(place, positive="yes")
    at = show(None)
    assert "m.skops on d.csv" in texts(at).replace("*", "")
    entry = workspace.read().recent[0]
    press(at, f"recent {entry.key}")
    assert not at.exception
    assert not at.error
    assert any("Accuracy" in m.label for m in at.metric)
    assert len(at.query_params["model"]) >= 1
    press_again = show(None)
    press(press_again, f"forget {entry.key}")
    assert workspace.read().recent == []


def test_a_recent_one_with_missing_files_says_so_and_cannot_be_opened(place, show, texts):
    record(place)
    (place / "d.csv").unlink()
    at = show(None)
    assert f"Not there any more: {place / 'd.csv'}" in texts(at)
    assert next(b for b in at.button if str(b.key).startswith("recent ")).disabled


def test_a_pickle_among_the_recent_asks_for_trust_again(place, show, texts):
    inputs = Inputs(model=str(place / "m.pkl"), data=str(place / "d.csv"), target="rich", trust=True)
    workspace.record(inputs, inputs.open())
    at = show(None)
    assert "m.pkl is a pickle" in texts(at)
    assert next(b for b in at.button if str(b.key).startswith("recent ")).disabled
    assert any(c.value.endswith("--target rich --trust") for c in at.code)


def test_hostile_entries_and_a_broken_file_cost_nobody_the_page(place, own_home, show, texts, press):
    own_home.mkdir()
    hostile = [
        {"model": ":red[x] <b>$1$", "data": "\x00", "target": "y"},
        {"model": "m.skops"},
        {"model": ["a"], "data": {"b": 1}, "other": 3},
        {"model": str(place / "m.skops"), "data": str(place / "d.csv"), "target": "rich", "unknown": 1},
    ]
    entries = [workspace.Recent(given=g, task="x", rows=1, when="0001-01-01T00:00:00Z") for g in hostile]
    workspace.place().write_text(workspace.Workspace(recent=entries).model_dump_json())
    at = show(None)
    assert not at.exception
    assert not any("did not expect" in e.value for e in at.error)
    press(at, f"recent {entries[3].key}")
    assert "unknown" in at.error[0].value
    workspace.place().write_text("{")
    at = show(None)
    assert not at.exception
    assert ".broken-" in texts(at)
    assert [b for b in at.button if str(b.key).startswith("sample ")]
    assert ".broken-" in texts(show(None))  # as long as it lies there


def test_an_upload_opens_is_removed_and_is_nobody_elses(place, show, texts, tmp_path, monkeypatch, press, upload):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    at = upload(show(None), place / "m.skops", place / "d.csv")
    assert not at.error
    assert next(s for s in at.selectbox if "Target" in s.label).value == "rich"
    positive = next(s for s in at.selectbox if "Positive" in s.label)
    assert list(positive.options) == ["no", "yes"]
    positive.set_value("no").run()
    press(at, "mg.open_own")
    assert not at.exception
    assert not at.error
    assert "positive class no" in texts(at)
    token = at.query_params["model"]
    token = token[0] if isinstance(token, list) else token
    assert token.startswith("own-")
    assert not [p for p in tmp_path.iterdir() if p.name.startswith("modelglass-upload")]
    assert workspace.read().recent == []
    from streamlit.testing.v1 import AppTest

    other = AppTest.from_file(at._script_path, default_timeout=60).run()
    assert opened.opened() == {}
    assert not [b for b in other.button if "Go on with" in b.label]
    assert opened.fetch(token).n == 120


@pytest.mark.parametrize(
    ("key", "name", "next_"), [("model", "m.skops", "the data file"), ("data", "d.csv", "the model file")]
)
def test_after_one_file_the_other_is_asked_for(place, show, texts, key, name, next_):
    at = show(None)
    assert "Next:" not in texts(at)
    widget = next(w for w in at.file_uploader if w.key == f"mg.upload_{key}")
    widget.set_value((name, (place / name).read_bytes(), "application/octet-stream"))
    assert f"Next: {next_}" in texts(at.run())


def test_a_pickle_is_refused_with_the_command(place, show, texts, monkeypatch, upload):
    monkeypatch.setattr(joblib, "load", lambda *a: pytest.fail("a pickle was loaded"))
    at = upload(show(None), place / "m.pkl", place / "d.csv")
    assert "m.pkl is a pickle" in at.error[0].value.replace("\\", "")
    assert at.code[0].value == "modelglass run m.pkl d.csv --target COLUMN --trust"
    assert not [b for b in at.button if b.key == "mg.open_own"]


@pytest.mark.parametrize(
    ("name", "content"), [("m.skops", "pickle"), ("m.txt", "pickle"), ("m.json", "pickle"), ("m.exe", "pickle")]
)
def test_a_renamed_pickle_is_refused_too(name, content, place, show, monkeypatch, upload):
    monkeypatch.setattr(joblib, "load", lambda *a: pytest.fail("a pickle was loaded"))
    (place / name).write_bytes((place / "m.pkl").read_bytes())
    at = upload(show(None), place / name, place / "d.csv")
    assert not at.exception
    assert len(at.error) == 1
    assert not [b for b in at.button if b.key == "mg.open_own"]


def test_only_files_in_the_named_folders(place, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "secret.csv").write_text("a\n1\n")
    (place / "out").symlink_to(other)
    (place / "link.csv").symlink_to(other / "secret.csv")
    (place / "back.csv").symlink_to(place / "d.csv")
    (place / "round").symlink_to(place / "round")
    terms.agree(folders=[str(place)])
    assert terms.inside("d.csv") == terms.inside(str(place / "d.csv")) == terms.inside("back.csv") == place / "d.csv"
    assert terms.inside("../files/d.csv") == place / "d.csv"
    outside = [
        "../other/secret.csv",
        "link.csv",
        "out/secret.csv",
        str(other / "secret.csv"),
        "/etc/passwd",
        "~/x",
        "/etc/none",
    ]
    for text in outside:
        if text == "~/x":
            continue
        with pytest.raises(InputError, match="Expected a file inside") as told:
            terms.inside(text)
        assert "There is no file" not in str(told.value)
    for text in ("none.csv", ".", "\x00", "x" * 5000, "round"):
        with pytest.raises(InputError):
            terms.inside(text)
    assert str(place / "d.csv") in terms.listed([".csv"])
    assert not [p for p in terms.listed([".csv"]) if "secret" in p]
    with pytest.raises(InputError, match="--folder"):
        terms.agree(folders=[str(place / "d.csv")])
    terms.agree()
    with pytest.raises(InputError, match="a folder that the operator named"):
        terms.inside(str(place / "d.csv"))


def test_files_of_a_folder_are_opened_and_noted(place, show, texts, press, finished):
    terms.agree(folders=[str(place)])
    at = show(None)
    boxes = {s.label: s for s in at.selectbox}
    boxes["Model in the folder"].set_value(str(place / "m.skops"))
    boxes["Data in the folder"].set_value(str(place / "d.csv"))
    finished(at.run())
    press(at, "mg.open_own")
    assert not at.error
    assert any("Accuracy" in m.label for m in at.metric)
    assert workspace.read().recent[0].given["target"] == "rich"


def test_a_server_that_others_reach_offers_nothing_of_this_user(place, show, texts, binary):
    record(place)
    workspace.save_cohort("young", "age < 30", binary)
    terms.agree(host="0.0.0.0")
    at = show(None)
    assert not [b for b in at.button if str(b.key).startswith("recent ")]
    at = show(binary, cohort="young")
    assert "Others can reach this server" in texts(at)
    assert "where" not in at.query_params
    assert not [s for s in at.selectbox if s.key == "mg.saved"]


def test_sessions_switch_each_for_itself(binary, regression, show, go, texts):
    from streamlit.testing.v1 import AppTest

    one = show(binary)
    opened.hand_over(regression)
    two = AppTest.from_file(one._script_path, default_timeout=60).run()
    go(one, "start")
    next(b for b in one.button if "spending" in b.label).click().run()
    assert any("spent" in m.value for m in one.sidebar.markdown)
    two.run()
    assert any("bought" in m.value for m in two.sidebar.markdown)


def test_a_cohort_is_saved_used_renamed_deleted(binary, show, press):
    at = show(binary, where="age < 30")
    name = next(t for t in at.text_input if t.key == "mg.save_name")
    name.set_value("young :red[x]")
    press(at, "mg.save")
    assert not at.error
    assert [(c.name, c.condition) for c in workspace.cohorts_of(binary)] == [("young :red[x]", "age < 30")]
    press(at, "mg.save")
    assert "1 to 100 characters" in at.error[0].value
    press(at, "mg.all_rows")
    assert "where" not in at.query_params
    next(s for s in at.selectbox if s.key == "mg.saved").set_value("young :red[x]").run()
    press(at, "mg.saved_use")
    assert at.query_params["where"] in ("age < 30", ["age < 30"])
    next(t for t in at.text_input if t.key.startswith("mg.rename")).set_value("young")
    press(at, "mg.saved_rename")
    assert [c.name for c in workspace.cohorts_of(binary)] == ["young"]
    press(at, "mg.saved_delete")
    assert workspace.cohorts_of(binary) == []
    assert not at.error


def test_a_link_names_a_saved_cohort_and_its_sql_is_checked(binary, show, texts):
    workspace.save_cohort("young", "age < 30", binary)
    workspace.save_cohort("evil", "read_csv('/etc/passwd') = 1", binary)
    at = show(binary, cohort="young")
    n = binary.where("age < 30").n
    assert f"{n:,} of {binary.n:,} rows" in texts(at)
    assert at.query_params["where"] in ("age < 30", ["age < 30"])
    assert "cohort" not in at.query_params
    at = show(binary, cohort="evil")
    assert "read_csv" in at.error[0].value.replace("\\", "")
    at = show(binary, cohort="nobody")
    assert "nobody" in at.error[0].value
    assert len(at.metric) > 3


def test_private_tokens_are_long_bounded_and_listed_nowhere(binary):
    tokens = [opened.hand_over_privately(binary) for _ in range(opened.MOST_PRIVATE + 2)]
    assert len(set(tokens)) == len(tokens)
    assert min(map(len, tokens)) > 25
    assert [opened.is_open(t) for t in tokens] == [False] * 2 + [True] * opened.MOST_PRIVATE
    assert not set(tokens) & set(opened.opened())
    with pytest.raises(InputError, match="another model, or one of an earlier run"):
        opened.fetch(tokens[0])
    assert os.environ["MODELGLASS_HOME"]
