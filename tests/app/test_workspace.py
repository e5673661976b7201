"""The workspace file: whole or not at all, nothing lost between writers, broken ones kept, nothing in it believed."""

import json
import os
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest

from modelglass.analysis.errors import InputError, MachineError
from modelglass.analysis.evaluation import Evaluation
from modelglass.app import workspace
from modelglass.app.inputs import Inputs
from modelglass.app.locking import locked
from modelglass.sample_models.keeping import home


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELGLASS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def ev():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=60), "b": rng.choice(["x", "y"], 60)})
    return Evaluation.from_predictions(rng.integers(0, 2, 60), score=rng.random(60), frame=frame, name="shop.csv")


def inputs(**more):
    return Inputs(**{"model": "m.skops", "data": "d.csv", "target": "y", **more})


def test_the_tests_never_write_to_the_real_home():
    assert "modelglass-tests-" in os.environ["MODELGLASS_HOME"] or "pytest" in str(home())


def test_nothing_there_is_nothing_remembered(folder):
    assert workspace.read() == workspace.Workspace()
    assert not folder.exists()  # reading makes nothing


def test_a_recent_evaluation_is_kept_newest_first_by_whole_paths_without_trust(ev, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    workspace.record(inputs(model="m.pkl", trust=True, trust_type=["a.B"], type={"a": "numeric"}), ev)
    workspace.record(inputs(positive="1"), ev)
    workspace.record(inputs(model="m.pkl", type={"a": "numeric"}), ev)  # the same again
    recent = workspace.read().recent
    assert [r.given["model"] for r in recent] == [str(tmp_path / "m.pkl"), str(tmp_path / "m.skops")]
    text = workspace.place().read_text()
    assert "trust" not in text
    assert recent[0].inputs().trust is False
    assert recent[0].given["type"] == {"a": "numeric"}
    assert recent[0].rows == 60
    assert set(recent[1].missing()) == {str(tmp_path / "m.skops"), str(tmp_path / "d.csv")}
    workspace.forget(recent[0].key)
    assert [r.key for r in workspace.read().recent] == [recent[1].key]


def test_only_so_many_are_kept(ev):
    for i in range(workspace.MOST_RECENT + 5):
        workspace.record(inputs(seed=i), ev)
    recent = workspace.read().recent
    assert len(recent) == workspace.MOST_RECENT
    assert recent[0].given["seed"] == workspace.MOST_RECENT + 4


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("m.pkl", "pickle"),
        ("m.JOBLIB", "pickle"),
        ("package.module:thing", "terminal"),
        ("http://169.254.169.254/v2", "terminal"),
        ("/etc", "terminal"),
        ("m.skops", None),
        ("-", None),
    ],
)
def test_a_click_opens_files_of_safe_kinds_only(model, said):
    recent = workspace.Recent(
        given={"model": model, "data": "d.csv"}, task="binary", rows=1, when="2026-01-01T00:00:00Z"
    )
    refusal = recent.refusal()
    assert (refusal is None) if said is None else said in refusal


def test_a_baseline_that_is_a_pickle_is_refused_too():
    given = {"model": "m.skops", "data": "d.csv", "baseline": "old.pkl", "target": "y"}
    recent = workspace.Recent(given=given, task="binary", rows=1, when="2026-01-01T00:00:00Z")
    assert "old.pkl is a pickle" in recent.refusal()
    assert workspace.command(given).endswith("--baseline old.pkl --target y --trust")


def test_the_command_reads_back_as_the_same_options():
    given = {
        "model": "my m.skops",
        "data": "d;rm -rf.csv",
        "target": "y",
        "ignore": ["a", "b"],
        "score": ["c=d"],
        "seed": 3,
    }
    import shlex

    words = shlex.split(workspace.command(given))
    assert words[:4] == ["modelglass", "run", "my m.skops", "d;rm -rf.csv"]
    assert words[4:] == ["--target", "y", "--ignore", "a,b", "--score", "c=d", "--seed", "3"]


def test_cohorts_are_saved_renamed_deleted_and_belong_to_their_data(ev):
    other = Evaluation.from_predictions([0, 1], prediction=[0, 1], frame=pd.DataFrame({"a": [1, 2]}))
    first = workspace.save_cohort("  low  ", "a < 0", ev)
    workspace.save_cohort("low", "a < 1", other)
    assert [(c.name, c.condition) for c in workspace.cohorts_of(ev)] == [("low", "a < 0")]
    with pytest.raises(InputError, match="'low' is saved already: a < 0"):
        workspace.save_cohort("LOW", "a < 2", ev)
    second = workspace.save_cohort("all", "TRUE", ev)
    with pytest.raises(InputError, match="saved already"):
        workspace.rename_cohort(second, "low")
    workspace.rename_cohort(first, "Low")  # its own name in other letters
    renamed = workspace.rename_cohort(workspace.cohorts_of(ev)[1], "small")
    assert [c.name for c in workspace.cohorts_of(ev)] == ["all", "small"]
    workspace.delete_cohort(renamed)
    workspace.delete_cohort(renamed)
    assert [c.name for c in workspace.cohorts_of(ev)] == ["all"]
    with pytest.raises(InputError, match="deleted meanwhile"):
        workspace.rename_cohort(renamed, "again")
    for name in ("", "   ", "x" * 101):
        with pytest.raises(InputError, match="1 to 100 characters"):
            workspace.save_cohort(name, "a < 0", ev)
    assert len(workspace.cohorts_of(other)) == 1


BROKEN = {
    "empty": b"",
    "cut": b'{"version": 1, "recent": [',
    "no utf-8": b"\xff\xfe{}",
    "a list": b"[]",
    "nested": b"[" * 200_000,
    "other keys": b'{"version": 1, "run": "rm -rf"}',
    "wrong types": b'{"version": 1, "recent": [{"given": 3}]}',
    "a key twice": b'{"version": 1, "cohorts": [], "cohorts": []}',
    "no number": b'{"version": NaN}',
    "half a sign": b'{"version": 1, "cohorts": [{"name": "\\ud800", "condition": "a", "data": "d", "fingerprint": "f", "when": "2026-01-01"}]}',
    "a cohort in another cohort's place": b'{"version": 1, "cohorts": {"name": "c"}}',
    "too many": json.dumps({"version": 1, "cohorts": [{}] * 1_001}).encode(),
    "version text": b'{"version": "1; DROP"}',
    "version zero": b'{"version": 0}',
    "a long name": json.dumps(
        {
            "version": 1,
            "cohorts": [
                {"name": "x" * 200, "condition": "a", "data": "d", "fingerprint": "f", "when": "2026-01-01T00:00:00Z"}
            ],
        }
    ).encode(),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_said_and_kept_aside_and_never_written_over(kind, folder, ev):
    folder.mkdir()
    workspace.place().write_bytes(BROKEN[kind])
    with pytest.raises(InputError) as told:
        workspace.save_cohort("c", "a < 0", ev)
    assert ".broken-" in str(told.value)
    assert len(str(told.value).splitlines()) == 3
    aside = workspace.set_aside()
    assert len(aside) == 1
    assert (folder / aside[0]).read_bytes() == BROKEN[kind]
    workspace.save_cohort("c", "a < 0", ev)  # anew
    workspace.place().write_bytes(BROKEN[kind])
    with pytest.raises(InputError, match="kept as"):
        workspace.read()
    assert len(workspace.set_aside()) == 2
    assert workspace.read() == workspace.Workspace()


def test_cohorts_of_one_name_are_told_apart_and_none_is_lost(folder, ev):
    """By hand a name can stand there twice; other data may have it, too."""
    folder.mkdir()
    same = {"data": "shop.csv", "fingerprint": ev.source.data_fingerprint, "when": "2026-01-01T00:00:00Z"}
    written = [
        ("low", "a < 0"),
        ("Low", "a < -1"),
        ("low (2)", "a < -2"),
        ("low", "a < -3"),
        ("x" * 100, "a < 1"),
        ("x" * 100, "a < 2"),
    ]
    cohorts = [{"name": name, "condition": sql, **same} for name, sql in written]
    cohorts.append({**cohorts[0], "fingerprint": "other"})
    workspace.place().write_text(json.dumps({"version": 1, "cohorts": cohorts}))
    found = {c.condition: c.name for c in workspace.cohorts_of(ev)}
    assert found == {
        "a < 0": "low", "a < -1": "Low (2)", "a < -2": "low (2) (2)", "a < -3": "low (3)", "a < 1": "x" * 100, "a < 2": "x" * 92 + " (2)"
    }  # fmt: skip
    workspace.delete_cohort(next(c for c in workspace.cohorts_of(ev) if c.condition == "a < 0"))
    workspace.save_cohort("new", "a > 0", ev)
    assert {c.condition for c in workspace.cohorts_of(ev)} == {sql for _, sql in written if sql != "a < 0"} | {"a > 0"}
    assert [c.name for c in workspace.read().cohorts if c.fingerprint == "other"] == ["low"]


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16"])
def test_what_an_editor_saved_in_another_coding_is_read(coding, folder, ev):
    workspace.save_cohort("ältere", "a < 0", ev)
    workspace.place().write_bytes(workspace.place().read_text(encoding="utf-8").encode(coding))
    assert [c.name for c in workspace.cohorts_of(ev)] == ["ältere"]
    workspace.place().write_bytes('{"version": 1, "cohorts": ["ä"]}'.encode("latin-1"))
    with pytest.raises(InputError, match="not JSON"):
        workspace.read()
    assert len(workspace.set_aside()) == 1


def test_a_huge_file_and_a_folder_in_its_place_are_kept_aside(folder):
    folder.mkdir()
    with workspace.place().open("wb") as file:
        file.truncate(workspace.LARGEST + 1)
    with pytest.raises(InputError, match="larger than 40 MB"):
        workspace.read()
    workspace.place().mkdir()
    with pytest.raises(InputError, match="it is no file"):
        workspace.read()
    assert len(workspace.set_aside()) == 2


def test_a_newer_version_is_left_as_it_is(folder, ev):
    folder.mkdir()
    text = '{"version": 2, "other": true}'
    workspace.place().write_text(text)
    for act in (workspace.read, lambda: workspace.save_cohort("c", "a < 0", ev)):
        with pytest.raises(InputError, match="A newer modelglass wrote it"):
            act()
    assert workspace.place().read_text() == text
    assert workspace.set_aside() == []


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(folder, ev, monkeypatch):
    workspace.save_cohort("kept", "a < 0", ev)
    before = workspace.place().read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(workspace.os, "fsync", full)
    with pytest.raises(MachineError, match="No space left"):
        workspace.save_cohort("lost", "a < 1", ev)
    assert workspace.place().read_bytes() == before
    assert sorted(p.name for p in folder.iterdir()) == ["workspace.json", "workspace.lock"]


def test_the_file_is_for_its_owner_only_and_a_link_stays_a_link(folder, ev, tmp_path):
    folder.mkdir()
    real = tmp_path / "elsewhere.json"
    real.write_text('{"version": 1}')
    workspace.place().symlink_to(real)
    workspace.save_cohort("c", "a < 0", ev)
    assert workspace.place().is_symlink()
    assert "a < 0" in real.read_text()
    if os.name == "posix":
        assert real.stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_made_is_said(tmp_path, monkeypatch, ev):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MODELGLASS_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(MachineError, match="Set MODELGLASS_HOME"):
        workspace.save_cohort("c", "a < 0", ev)


SAVE_MANY = """
import sys
from modelglass.app import workspace
def add(w, name):
    c = workspace.Cohort(name=name, condition="a", data="d", fingerprint="f", when=workspace._now())
    return w.model_copy(update={"cohorts": [*w.cohorts, c]})
for i in range(12):
    workspace.change(lambda w, i=i: add(w, f"{sys.argv[1]} {i}"))
"""


def test_processes_and_threads_that_write_at_once_lose_nothing(folder):
    others = [subprocess.Popen([sys.executable, "-c", SAVE_MANY, f"process {i}"]) for i in range(2)]

    def add(name):
        for i in range(10):
            cohort = workspace.Cohort(
                name=f"{name} {i}", condition="a", data="d", fingerprint="f", when=workspace._now()
            )
            workspace.change(lambda w, c=cohort: w.model_copy(update={"cohorts": [*w.cohorts, c]}))

    threads = [threading.Thread(target=add, args=(f"thread {i}",)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [p.wait() for p in others] == [0, 0]
    names = [c.name for c in workspace.read().cohorts]
    assert len(names) == len(set(names)) == 2 * 12 + 3 * 10


def test_a_lock_that_is_held_is_waited_for_only_so_long(tmp_path):
    path = tmp_path / "lock"
    with locked(path), pytest.raises(MachineError, match="Try again"), locked(path, patience=0.05):
        pass
    with locked(path):
        pass
