import threading
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from modelglass.app.dashboard import work
from modelglass.app.dashboard.cache import Cache, size_of
from modelglass.app.dashboard.jobs import Job


def test_the_value_used_longest_ago_goes_first():
    cache = Cache(entries=2, size=1000)
    cache.put("a", "1")
    cache.put("b", "2")
    assert cache.get("a") == "1"
    cache.put("c", "3")
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == ("1", None, "3")


def test_bytes_are_bounded_and_given_back():
    cache = Cache(entries=100, size=1000)
    for i in range(5):
        cache.put(i, np.zeros(50))
    assert cache.held == 800
    assert [cache.get(i) is not None for i in range(5)] == [False, False, False, True, True]
    cache.put(4, np.zeros(10))
    assert cache.held == 480
    assert not cache.put("too large", np.zeros(1000))
    assert cache.get("too large") is None
    assert cache.held == 480


def test_many_who_ask_at_once_get_one_computation():
    cache, calls, gate = Cache(entries=5, size=1000), [], threading.Event()

    def make():
        calls.append(1)
        gate.wait(5)
        return "made"

    found = []
    threads = [threading.Thread(target=lambda: found.append(cache.get_or_make("k", make))) for _ in range(8)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join(5)
    assert found == ["made"] * 8
    assert len(calls) == 1


def test_an_error_is_raised_and_not_kept():
    cache = Cache(entries=5, size=1000)
    with pytest.raises(ZeroDivisionError):
        cache.get_or_make("k", lambda: 1 / 0)
    assert cache.get_or_make("k", lambda: "better") == "better"


def test_size_counts_what_is_inside():
    @dataclass(frozen=True, slots=True)
    class Result:
        table: pd.DataFrame
        parts: dict

    frame = pd.DataFrame({"x": np.zeros(1000)})
    assert size_of(Result(frame, {"a": [np.zeros(500), np.zeros(500)]})) >= 16_000


def test_a_result_too_large_for_the_cache_is_made_once_and_shown(monkeypatch):
    """It was made again and again, because the page found it neither in the cache nor under way."""
    calls = []

    def slow(progress):
        calls.append(1)
        return "x" * 1000

    monkeypatch.setattr(work.results, "size", 500)
    try:
        assert work.later("too large", "A thing", slow) == "x" * 1000
        assert [work.later("too large", "A thing", slow) for _ in range(3)] == ["x" * 1000] * 3
        assert (calls, work.results.get("too large")) == ([1], None)
    finally:
        work.jobs.forget("too large")
    assert work.later("too large", "A thing", slow) == "x" * 1000
    assert calls == [1, 1]
    work.jobs.forget("too large")


def test_a_page_does_not_wait_for_what_waits_for_other_work(monkeypatch):
    ended, waited = threading.Event(), []
    monkeypatch.setattr(work, "part", lambda function, **_: lambda *_: None)
    for k in range(work.jobs._workers):
        work.jobs.start(("long", k), lambda progress: ended.wait(30))
    try:
        monkeypatch.setattr(Job, "wait", lambda self, seconds: waited.append((self.key, seconds)))
        assert work.later("behind it", "A thing", lambda progress: 1) is None
        assert waited == [("behind it", 0.0)]
    finally:
        ended.set()
        monkeypatch.undo()
        while not all(job.over for job in work.jobs._jobs.values()):
            time.sleep(0.01)
    assert work.later("behind it", "A thing", lambda progress: 2) == 1
    assert not work.jobs.busy
