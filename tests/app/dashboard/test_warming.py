"""Loops compiled in the background on a first start, and said on pages while it lasts."""

import os
import subprocess
import sys

from streamlit.testing.v1 import AppTest

from modelglass.app.dashboard import warming
from modelglass.explainers import loops


def test_warm_means_compiled_code_that_is_not_older(tmp_path):
    loop = tmp_path / "fast.py"
    loop.write_text("")
    assert not loops.is_warm((loop,))
    (tmp_path / "__pycache__").mkdir()
    kept = tmp_path / "__pycache__" / "fast.add-3.py311.nbi"
    kept.write_text("")
    assert loops.is_warm((loop,))
    os.utime(kept, (0, 0))
    assert not loops.is_warm((loop,))


def test_every_file_of_loops_is_named():
    found = {
        p.resolve()
        for room in ("explainers", "analysis")
        for p in (loops.ROOM.parent / room).glob("*.py")
        if "@njit" in p.read_text()
    }
    assert found - set(loops.LOOPS) == {
        loops.ROOM.parent / "analysis" / "leaf_kernels.py"
    }  # certified bounds, on demand only


def test_it_is_left_where_asked_and_where_warm(monkeypatch):
    started = []
    monkeypatch.setattr(warming.subprocess, "Popen", lambda *a, **k: started.append(a))
    monkeypatch.setattr(warming, "_process", None)
    monkeypatch.setattr(warming, "is_warm", lambda: False)
    warming.begin()  # tests set MODELGLASS_WARM=0
    monkeypatch.delenv("MODELGLASS_WARM")
    monkeypatch.setattr(warming, "is_warm", lambda: True)
    warming.begin()
    assert not started
    monkeypatch.setattr(warming, "is_warm", lambda: False)
    monkeypatch.setattr(warming.atexit, "register", lambda f: None)
    warming.begin()
    assert started[0][0][-3:] == [sys.executable, "-m", "modelglass.explainers.warm"]


def test_pages_say_so_while_it_lasts(monkeypatch):
    def page():
        from modelglass.app.dashboard import warming

        warming.note()

    busy = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    monkeypatch.setattr(warming, "_process", busy)
    assert warming.under_way()
    assert [c.value for c in AppTest.from_function(page).run(timeout=20).caption] == [warming.SAID]
    warming.end()
    assert not warming.under_way()
    assert not AppTest.from_function(page).run(timeout=20).caption
    assert busy.returncode is not None
