"""The findings are under way before the browser has loaded the first page, under the key by which the page asks for them."""

import asyncio

import pytest

from modelglass.analysis.registry import get
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
