"""``--engine``: a real Dask cluster gives what this process gives, and a cluster that fails is told in words."""

from __future__ import annotations

import builtins
import json
import os
import pickle
import signal
import socket
import sys
import threading
import time
from importlib.metadata import version

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import modelglass as mg
from modelglass.analysis.budget import within_budget
from modelglass.analysis.errors import GuestFailed, InputError, MachineError, MissingPackage, NotApplicable, Stopped
from modelglass.analysis.registry import Analysis, Setting, fitting, get, run
from modelglass.app import cli, engine
from modelglass.app.report import build

SLOW = """
import os, time
from modelglass.analysis import performance
from modelglass.analysis.errors import NotApplicable

def slow(ev, *, seconds=5.0, file="", fail="", progress=None):
    open(file, "w").close()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.02)
        progress(0.5, "half of it")
    if fail == "reason":
        raise NotApplicable("it is asked to")
    if fail == "bug":
        raise ZeroDivisionError("a bug")
    if fail == "dies":
        os._exit(9)
    open(file + ".done", "w").close()
    return performance(ev)
"""
RECORD = Analysis(
    name="slow",
    title="Slow work",
    question="?",
    page="overview",
    compute="slow_work_of_the_tests:slow",
    cost="seconds",
    settings=tuple(Setting(name=n, kind="text") for n in ("seconds", "file", "fail")),
)


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    made = pd.DataFrame({"a": rng.normal(size=200), "b": rng.normal(size=200), "c": rng.choice(list("uvw"), 200)})
    return made.assign(y=np.where(made.a + rng.normal(size=200) > 0, "yes", "no"))


@pytest.fixture(scope="module")
def ev(frame):
    first, second = (LogisticRegression(C=c).fit(frame[["a", "b"]], frame.y) for c in (1.0, 1e-3))
    return mg.Evaluation(first, frame, target="y", train=frame[:90], baseline=second.predict_proba)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """A function that starts a cluster of one worker process."""
    distributed = pytest.importorskip(
        "distributed", reason="dask is not installed (pip install 'modelglass[distributed]')"
    )
    folder = tmp_path_factory.mktemp("code")
    (folder / "slow_work_of_the_tests.py").write_text(SLOW)
    sys.path.insert(0, str(folder))
    started = []

    def one():
        started.append(
            distributed.LocalCluster(
                n_workers=1,
                threads_per_worker=1,
                processes=True,
                dashboard_address="127.0.0.1:0",
                silence_logs=50,
                host="127.0.0.1",
            )
        )
        return started[-1]

    yield one
    for cluster in started:
        cluster.close(timeout=15)
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def cluster(start):
    return start()


@pytest.fixture
def there(cluster):
    """Analyses run on the cluster during the test."""
    told = []
    with engine.using(cluster.scheduler_address, told.append):
        yield engine.run
    assert told == []  # one world: no remark on versions


def same(mine, theirs):
    assert (mine.reason, mine.result is None) == (theirs.reason, theirs.result is None)
    if mine.result is not None:
        pd.testing.assert_frame_equal(mine.result.frame(), theirs.result.frame(), check_exact=True)
        assert mine.result.sentence() == theirs.result.sentence()
        assert mine.result.source == theirs.result.source
        assert mine.result.settings == theirs.result.settings


# without a cluster ---------------------------------------------------------------------------------------------------


def test_an_evaluation_travels_whole(ev):
    """Rows, threshold, notes and fingerprints; also those of a model that has no bytes to hash."""
    for one in (ev, ev.where("a > 0"), ev.sample(50), ev.with_threshold(0.7), ev.where("_error = 1")):
        again = pickle.loads(pickle.dumps(one))
        assert again.source == one.source
        assert again.fingerprint == one.fingerprint
        assert again.notes == one.notes
        np.testing.assert_array_equal(again.predicted, one.predicted)
        np.testing.assert_array_equal(again.rows, one.rows)
    moved = pickle.loads(pickle.dumps(ev.where("_error = 1"))).with_threshold(0.9)
    np.testing.assert_array_equal(moved.rows, ev.where("_error = 1").with_threshold(0.9).rows)


@pytest.mark.parametrize("given", ["dask", "http://host:1", "tcp://host", "tcp://a:b@host:1", "tcp://host:1 x"])
def test_what_is_no_engine(given):
    with pytest.raises(InputError) as caught, engine.using(given, print):
        pass
    assert "tcp://host:8786" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 3


def test_local_is_this_process(ev):
    for name in ("local", None):
        with engine.using(name, print):
            assert isinstance(engine._engine, engine.Local)
            same(engine.run(ev, "performance"), run(ev, "performance"))


def test_dask_is_not_installed(monkeypatch):
    whole = builtins.__import__

    def absent(name, *more):
        if name == "distributed":
            raise ImportError(name)
        return whole(name, *more)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(MissingPackage, match="modelglass\\[distributed\\]"), engine.using("tcp://127.0.0.1:1", print):
        pass


@pytest.mark.dask
def test_nobody_is_there(start, monkeypatch, capsys):
    from modelglass.app import engine_dask

    monkeypatch.setattr(engine_dask, "REACH_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # listens, and never answers
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        for _ in range(2):  # and then: nothing listens
            with pytest.raises(SystemExit) as stop:
                cli.main(["slices", "no.skops", "no.csv", "--target", "y", "--engine", address])
            err = capsys.readouterr().err
            assert stop.value.code == 2
            assert err.startswith(f"Expected a Dask scheduler at {address}.\nIt cannot be reached: ")
            assert ("no answer within 0.5 seconds." in err) or "Connection refused" in err
            assert len(err.strip().splitlines()) == 3
            silent.close()


def test_every_face_asks_the_engine(ev, monkeypatch, capsys, tmp_path):
    """Report, command line and the dashboard's longer work go through the one runner."""
    from modelglass.app.dashboard import work

    class Fake(engine.Local):
        def __init__(self):
            self.ran, self.begun = [], []

        def run(self, ev, analysis, **given):
            self.ran.append(getattr(analysis, "name", analysis))
            return super().run(ev, analysis, **given)

        def ahead(self, asked):
            self.begun += [getattr(a, "name", a) for _, a, _ in asked]

    fake = Fake()
    monkeypatch.setattr(engine, "_engine", fake)
    few = ["performance", "worst_rows", "permutation_importance"]
    build.written(ev, tmp_path / "r.html", cohorts=["a > 0"], analyses=few)
    wanted = [
        "performance",
        "performance",
        "permutation_importance",
    ]  # the longer one for all rows only; rows of the data not at all
    assert (sorted(fake.ran), sorted(fake.begun)) == (wanted, wanted)
    monkeypatch.setattr(cli, "_open", lambda inputs: ev)
    cli._answer(None, True, None, [("residuals", {})], False)
    assert (fake.ran[-1], fake.begun[-1]) == ("residuals", "residuals")
    work._within_budget(get("permutation_importance"), ev, {}, lambda *_: None)
    assert fake.ran[-1] == "permutation_importance"
    assert "residuals" in capsys.readouterr().out.lower()


# on a cluster --------------------------------------------------------------------------------------------------------


@pytest.mark.dask
def test_results_are_those_of_this_process(ev, there):
    for one in (ev, ev.where("c = 'u'"), ev.with_threshold(0.6)):
        for name in ("performance", "slice_metrics", "residuals", "why_here"):
            same(there(one, name), run(one, name))
    same(there(ev, "permutation_importance", n_repeats=3), run(ev, "permutation_importance", n_repeats=3))
    for name in ("train_test_gap", "changed_answers"):  # beside it: training data, another model
        if any(a.name == name for a in fitting(ev.task)):
            same(there(ev, name), run(ev, name))


@pytest.mark.dask
def test_what_an_analysis_refuses_comes_back_as_it_is(ev, there, tmp_path):
    with pytest.raises(InputError) as caught:
        there(ev, "performance", nope=1)
    with pytest.raises(InputError) as own:
        run(ev, "performance", nope=1)
    assert (str(caught.value), caught.value.todo) == (str(own.value), own.value.todo)
    given = {"seconds": 0, "file": str(tmp_path / "f")}
    assert there(ev, RECORD, fail="reason", **given).reason == "it is asked to"
    with pytest.raises(GuestFailed, match="ZeroDivisionError: a bug"):
        there(ev, RECORD, fail="bug", **given)


@pytest.mark.dask
def test_errors_of_every_kind_travel():
    from modelglass.app.engine_dask import _rebuilt, _told_of

    for error in (NotApplicable("x"), MissingPackage("p", "r", "i"), MachineError("m"), InputError("a", "b", "c"), MemoryError(), OSError(28, "full")):  # fmt: skip
        again = _rebuilt(pickle.loads(pickle.dumps(_told_of(error))))
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
    holding = ValueError(threading.Lock())
    assert "ValueError" in str(_rebuilt(_told_of(holding)))


def wait_for(path, seconds=30):
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.dask
def test_a_stop_and_a_budget_reach_the_worker(ev, there, tmp_path):
    told = []

    def stops(share, what):
        told.append((share, what))
        if (0.5, "half of it") in told:
            raise Stopped("Stopped.")

    with pytest.raises(Stopped):
        there(ev, RECORD, seconds=20.0, file=str(tmp_path / "one"), progress=stops)
    began = time.monotonic()  # the only thread of the worker is free again long before the twenty seconds are over
    with within_budget(0.3):
        outcome = there(ev, RECORD, seconds=20.0, file=str(tmp_path / "two"), progress=lambda *_: None)
    assert time.monotonic() - began < 15
    assert "the budget of 0.3 s was spent" in outcome.reason
    assert not (tmp_path / "one.done").exists()


@pytest.mark.dask
def test_a_report_and_the_command_line(ev, frame, cluster, tmp_path, capsys):
    few = ["performance", "slice_metrics", "permutation_importance"]
    texts = []
    for name in ("local", cluster.scheduler_address):
        with engine.using(name, print):
            path, gave_out = build.written(ev, tmp_path / "r.html", cohorts=["a > 0"], analyses=few)
        assert gave_out == []
        texts.append(path.read_text(encoding="utf-8"))
    assert texts[0] == texts[1]
    import skops.io

    skops.io.dump(LogisticRegression().fit(frame[["a", "b"]], frame.y), tmp_path / "m.skops")
    frame.to_csv(tmp_path / "d.csv", index=False)
    (tmp_path / "run.yaml").write_text(f"model: m.skops\ndata: d.csv\ntarget: y\nengine: {cluster.scheduler_address}\n")
    answers = []
    for words in (["explain", str(tmp_path / "m.skops"), str(tmp_path / "d.csv"), "--target", "y", "--engine", "local"],
                  ["explain", "--config", str(tmp_path / "run.yaml")]):  # fmt: skip
        with pytest.raises(SystemExit) as stop:
            cli.main([*words, "--json", "--quiet"])
        out, err = capsys.readouterr()
        assert (stop.value.code, err) == (0, "")
        answers.append(json.loads(out))
    assert answers[0] == answers[1]


@pytest.mark.dask
def test_what_cannot_be_sent_is_refused(frame, there):
    lock = threading.Lock()

    class Odd:
        classes_ = np.array(["no", "yes"])

        def predict_proba(self, X):
            with lock:
                return np.full((len(X), 2), 0.5)

    odd = Odd()
    odd.lock = lock
    with pytest.raises(InputError) as caught:
        there(mg.Evaluation(odd, frame, target="y", features=["a"]), "performance")
    assert "cannot pickle" in str(caught.value)
    assert "--engine local" in str(caught.value)


@pytest.mark.dask
def test_versions_that_differ_are_said(cluster, monkeypatch):
    from modelglass.app import engine_dask

    there = {"worker": engine_dask._versions(engine_dask.ALIKE)}
    monkeypatch.setattr(engine_dask, "version", lambda name: "0.1" if name == "numpy" else version(name))
    monkeypatch.setattr("distributed.Client.run", lambda *_, **__: there)
    with engine.using(cluster.scheduler_address, (told := []).append):
        pass
    assert told == [
        f"The worker worker has other versions, so numbers may differ: numpy {np.__version__} there and 0.1 here."
    ]
    monkeypatch.setattr(
        "distributed.Client.run",
        lambda *_, **__: (_ for _ in ()).throw(ModuleNotFoundError("No module named 'modelglass'")),
    )
    with (
        pytest.raises(InputError, match="Install the same modelglass there"),
        engine.using(cluster.scheduler_address, print),
    ):
        pass


@pytest.mark.dask
def test_a_cluster_that_is_lost(ev, start, tmp_path, capsys, monkeypatch):
    """The worker is killed, then the scheduler goes: each is told within seconds, and what was finished is printed."""
    from modelglass.app import engine_dask

    monkeypatch.setattr(engine_dask, "ALONE_SECONDS", 1.0)
    cluster = start()
    address = cluster.scheduler_address

    def when_begun(act, file):
        def work():
            wait_for(file)
            time.sleep(1.0)  # what was finished before has been fetched by then
            act()

        thread = threading.Thread(target=work)
        thread.start()
        return thread

    def kill():
        for worker in cluster.workers.values():
            os.kill(worker.process.process.pid, signal.SIGKILL)

    monkeypatch.setattr(cli, "_open", lambda inputs: ev)
    for number, act in enumerate((kill, lambda: cluster.close(timeout=15))):
        cluster.wait_for_workers(1, timeout=20)  # the one that was killed is started again
        thread = when_begun(act, tmp_path / f"f{number}")
        slow = ("slow", {"seconds": 60.0, "file": str(tmp_path / f"f{number}")})
        monkeypatch.setattr(engine_dask, "get", lambda name: RECORD if name == "slow" else get(name))
        with pytest.raises(MachineError) as caught, engine.using(address, print):
            cli._answer(None, True, None, [("performance", {}), slow], False)
        thread.join()
        out, err = capsys.readouterr()
        assert "Performance" in out
        assert "What was finished is printed; slow is not." in err
        assert str(caught.value).startswith(f"the cluster at {address} ")
