"""When work that others wait for has ended, its own part is drawn first, and the page after it."""

import pytest

from modelglass.app.dashboard import redraw


class Rerun(Exception):
    pass


@pytest.fixture
def drawn(monkeypatch):
    done, state = [], {}
    monkeypatch.setattr(redraw.st, "session_state", state)
    monkeypatch.setattr(redraw, "_request", lambda part: done.append(part))

    def rerun():
        done.append("page")
        raise Rerun

    def empty():  # where Streamlit turns to the request
        raise Rerun

    monkeypatch.setattr(redraw.st, "rerun", rerun)
    monkeypatch.setattr(redraw.st, "empty", empty)
    return done


def test_the_part_and_then_the_page_that_waited_for_it(drawn):
    redraw.page_follows(True)
    with pytest.raises(Rerun):
        redraw.only("findings")
    assert drawn == ["findings"]
    with pytest.raises(Rerun):
        redraw.then_the_page()
    assert drawn == ["findings", "page"]
    redraw.then_the_page()  # once


def test_the_part_alone_where_nothing_waited(drawn):
    redraw.page_follows(False)
    with pytest.raises(Rerun):
        redraw.only("findings")
    redraw.then_the_page()
    assert drawn == ["findings"]


def test_the_page_at_once_outside_of_parts_and_where_streamlit_knows_no_requests(drawn, monkeypatch):
    def unknown(part):
        raise AttributeError("another Streamlit")

    redraw.page_follows(True)
    with pytest.raises(Rerun):
        redraw.only(None)
    monkeypatch.setattr(redraw, "_request", unknown)
    with pytest.raises(Rerun):
        redraw.only("findings")
    assert drawn == ["page", "page"]
    redraw.page_follows(True)  # a page drawn meanwhile is the page that was to come
    redraw.then_the_page()
    assert drawn == ["page", "page"]
