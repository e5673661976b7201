"""The findings are under way before the browser has loaded the first page, under the key by which the page asks for them."""

import asyncio

import pytest

from modelglass.analysis.registry import analyses, get
from modelglass.app.dashboard import early, opened, work
from modelglass.app.dashboard.jobs import Jobs


@pytest.fixture
def jobs(monkeypatch, binary):
    monkeypatch.setattr(opened, "_evaluations", {})
    monkeypatch.setattr(opened, "_first", None)
    monkeypatch.setattr(work, "jobs", Jobs())
    monkeypatch.setattr(work, "results", type(work.results)(entries=10, size=2**20))
    opened.hand_over(binary, first=True)
    return work.jobs


def asked(path, query=""):
    from modelglass.app.dashboard.launch import _KnownBase

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"<head></head>"})

    async def send(message):
        pass

    scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode(), "headers": []}
    asyncio.run(_KnownBase(app)(scope, None, send))


def test_the_first_page_finds_them_begun_and_they_are_made_once(jobs, binary):
    record = get("findings")
    asked("/")
    key = work.key_of(binary, "findings", {})
    job = jobs.get(key)
    assert job is not None
    assert work.ready(record, binary, {})
    asked("/")
    assert jobs.get(key) is job
    assert job.wait(60)
    assert job.state == "done"
    assert work.outcome(record, binary, {}).result.settings["budget"] == 30.0  # the page has them at once
    work.ahead(record, binary)
    assert jobs.get(key) is None  # kept: not begun again


def test_they_begin_with_the_server_and_let_no_drawing_pass(jobs, binary, monkeypatch):
    from modelglass.app.dashboard import launch, warming

    seen = []

    def app():
        seen.append(jobs.get(work.key_of(binary, "findings", {})))
        raise KeyboardInterrupt  # before anything listens

    monkeypatch.setattr(launch, "_app", app)
    monkeypatch.setattr(warming, "begin", lambda: None)
    monkeypatch.setattr(launch, "configure", lambda *_: None)
    monkeypatch.setattr(launch.sys, "setswitchinterval", lambda _: None)
    launch.serve(None, port=9_400, headless=True)
    assert seen[0].first
    assert seen[0].wait(60)
    assert work.ready(get("findings"), binary, {})


def test_another_model_of_this_process_by_its_token(jobs, regression):
    asked("/", f"model={opened.hand_over(regression)}")
    assert jobs.get(work.key_of(regression, "findings", {})) is not None


@pytest.mark.parametrize(
    ("path", "query"),
    [("/slices", ""), ("/index.js", ""), ("/", "where=age%20%3C%2030"), ("/", "findings.most=3"), ("/", "model=none")],
)
def test_nothing_begins_where_the_page_may_ask_for_something_else(jobs, path, query):
    asked(path, query)
    assert not jobs._jobs


def test_nothing_is_open(jobs, monkeypatch):
    monkeypatch.setattr(opened, "_first", None)
    early.begin("")
    assert not jobs._jobs


def test_work_begun_ahead_leaves_out_a_threshold_that_plays_no_part(jobs, binary, monkeypatch):
    record = next(a for a in analyses().values() if a.reads_threshold == "never" and a.cost == "seconds")
    begun = []
    monkeypatch.setattr(
        work, "_within_budget", lambda analysis, ev, *_: begun.append((analysis.name, ev.threshold)) or 1
    )
    at = binary.with_threshold(0.7)
    work.ahead(record, at)
    assert jobs.get(work._asked_for(record, at, {})).wait(30)
    assert (record.name, None) in begun  # the findings of the tests before may begin now too
    assert (record.name, 0.7) not in begun
