"""A sample is written whole or not at all, made once, and made again when what it depends on changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from modelglass.analysis.errors import InputError, MachineError
from modelglass.sample_models import keeping, make


def writer(calls, text="whole"):
    def write(draft: Path) -> None:
        calls.append(draft)
        (draft / "a.txt").write_text(text)
        (draft / "b.txt").write_text(text)

    return write


def test_made_once(tmp_path):
    calls = []
    folder = keeping.keep(tmp_path / "x", writer(calls))
    assert keeping.keep(tmp_path / "x", writer(calls)) == folder
    assert len(calls) == 1
    assert sorted(path.name for path in folder.iterdir()) == ["a.txt", "b.txt", "stamp.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("harm", ["missing", "short", "stamp", "versions"])
def test_made_again_when_harmed_or_out_of_date(tmp_path, harm):
    calls = []
    folder = keeping.keep(tmp_path / "x", writer(calls))
    if harm == "missing":
        (folder / "a.txt").unlink()
    elif harm == "short":
        (folder / "b.txt").write_text("wh")
    elif harm == "stamp":
        (folder / "stamp.json").write_text("{")
    else:
        noted = json.loads((folder / "stamp.json").read_text())
        noted["stamp"]["scikit-learn"] = "0.1"
        (folder / "stamp.json").write_text(json.dumps(noted))
    keeping.keep(folder, writer(calls, "again"))
    assert len(calls) == 2
    assert (folder / "b.txt").read_text() == "again"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_nothing_remains_of_a_broken_run(tmp_path):
    def breaks(draft: Path) -> None:
        (draft / "a.txt").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keeping.keep(tmp_path / "x", breaks)
    assert not list(tmp_path.iterdir())


def test_a_broken_run_leaves_the_older_sample(tmp_path):
    folder = keeping.keep(tmp_path / "x", writer([], "old"))
    noted = json.loads((folder / "stamp.json").read_text())
    (folder / "stamp.json").write_text(json.dumps({**noted, "stamp": {}}))

    def breaks(draft: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keeping.keep(folder, breaks)
    assert (folder / "a.txt").read_text() == "old"


def test_what_is_not_ours_is_left_alone(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="was not made by modelglass"):
        keeping.keep(tmp_path / "x", writer([]))
    assert (tmp_path / "x" / "thesis.txt").read_text() == "mine"
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="choose another folder"):
        keeping.keep(tmp_path / "file", writer([]))


def test_an_empty_folder_is_taken(tmp_path):
    (tmp_path / "x").mkdir()
    assert (keeping.keep(tmp_path / "x", writer([])) / "a.txt").exists()


def test_a_place_that_cannot_be_written_says_what_to_do(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match="MODELGLASS_HOME"):
        keeping.keep(tmp_path / "file" / "x", writer([]))


@pytest.mark.parametrize("harmed", [False, True])
def test_concurrent_makers_do_not_clash(tmp_path, harmed):
    """All start their work before any ends; each gets a whole sample, and one of them stays."""
    folder = tmp_path / "x"
    if harmed:
        keeping.keep(folder, writer([]))
        (folder / "a.txt").unlink()
    together, calls, given, errors = threading.Barrier(6), [], [], []

    def write(draft: Path) -> None:
        writer(calls)(draft)
        together.wait(timeout=30)

    def work() -> None:
        try:
            given.append(keeping.is_whole(keeping.keep(folder, write)))
        except (OSError, InputError, MachineError, threading.BrokenBarrierError) as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert given == [True] * 6
    assert len(calls) == 6
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_two_processes_make_the_same_sample(tmp_path):
    environment = {**os.environ, "MODELGLASS_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "modelglass.sample_models", "wine"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    runs = [subprocess.Popen(command, env=environment, **pipes) for _ in range(2)]
    outputs = [run.communicate(timeout=120) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    assert outputs[0][0] == outputs[1][0]
    assert [path.name for path in (tmp_path / "samples").glob("*/*")] == ["wine"]


def test_home_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("MODELGLASS_HOME", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert keeping.home() == tmp_path / "own"
    monkeypatch.delenv("MODELGLASS_HOME")
    assert keeping.home() == tmp_path / "data" / "modelglass"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    assert keeping.home() == tmp_path / ".local" / "share" / "modelglass"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert keeping.home() == tmp_path / "Library" / "Application Support" / "modelglass"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert keeping.home() == tmp_path / "local" / "modelglass"


def test_without_a_folder_it_is_kept_in_home_by_stamp(monkeypatch, tmp_path):
    monkeypatch.setenv("MODELGLASS_HOME", str(tmp_path))
    made = make("wine")
    assert made.model == tmp_path / "samples" / keeping.key() / "wine" / "wine.skops"
    written = made.model.stat().st_mtime_ns
    assert make("wine").model.stat().st_mtime_ns == written


def test_stamp_names_what_a_sample_depends_on():
    assert set(keeping.stamp()) == {"modelglass", "scikit-learn", "skops", "numpy", "scripts"}
    assert "not installed" not in keeping.stamp().values()
