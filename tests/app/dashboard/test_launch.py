"""The server: in this process, on this machine only, silent, stoppable, startable again."""

import socket
import sys
import urllib.error
import urllib.request

import pytest

from modelglass.analysis.errors import InputError
from modelglass.app.dashboard import opened
from modelglass.app.dashboard.launch import dashboard
from modelglass.app.dashboard.ports import check_address, listening


@pytest.fixture
def taken():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.status, answer.read().decode()


def test_a_taken_port_gives_the_next_and_says_so(taken, capsys):
    with listening("127.0.0.1", taken) as ours:
        port = ours.getsockname()[1]
        assert port > taken
        assert not check_address("127.0.0.1", port)  # nobody else gets it while the server starts
    said = capsys.readouterr()
    assert said.err == f"Port {taken} is taken; using {port}.\n"
    assert said.out == ""


def test_a_host_of_another_machine_is_refused():
    with pytest.raises(InputError, match=r"192\.0\.2\.1"):
        listening("192.0.2.1", 8501)


def test_it_serves_stops_and_starts_again_in_one_process(binary, regression, taken, capsys):
    first = dashboard(binary, port=taken, block=False)
    status, page = fetch(first.url)
    assert status == 200
    assert "window.__streamlit" in page
    assert fetch(first.url + "/slices?where=age%20%3C%2030")[0] == 200
    second = dashboard(regression, block=False)
    assert second.url.startswith(first.url + "/?model=")
    assert opened.fetch(second.url.split("=")[1]) is regression
    assert first.url in first._repr_html_()
    first.stop()
    with pytest.raises(urllib.error.URLError):
        fetch(first.url)
    again = dashboard(binary, port=taken, block=False)
    assert fetch(again.url)[0] == 200
    again.stop()
    assert capsys.readouterr().out == ""


def test_nothing_is_sent_asked_or_open_to_others(binary, taken):
    from streamlit import config

    running = dashboard(binary, port=taken, block=False)
    try:
        for name, value in {
            "browser.gatherUsageStats": False,
            "server.showEmailPrompt": False,
            "server.address": "127.0.0.1",
            "server.fileWatcherType": "none",
            "server.enableCORS": True,
            "server.enableXsrfProtection": True,
            "client.showErrorDetails": "none",
        }.items():
            assert config.get_option(name) == value, name
        if sys.platform.startswith("linux"):  # where 127.0.0.2 is this machine too, as another of its addresses
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.2", int(running.url.rsplit(":")[-1])), timeout=10)
    finally:
        running.stop()


@pytest.mark.parametrize("query", ["", "where=age%20%3C%2030&threshold=0.4"])
def test_the_first_page_also_answers_by_its_name(query):
    import asyncio

    from modelglass.app.dashboard.launch import _KnownBase

    sent = []

    async def send(message):
        sent.append(message)

    async def app(*_):
        raise AssertionError("Streamlit was asked")

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/overview",
        "query_string": query.encode(),
        "headers": [],
    }
    asyncio.run(_KnownBase(app)(scope, None, send))
    assert sent[0]["status"] == 307
    assert dict(sent[0]["headers"])[b"location"].decode() == "./" + (f"?{query}" if query else "")
