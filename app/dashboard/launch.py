"""Starting Streamlit's server in this process, for an evaluation that is already in memory."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelglass.analysis.blas import blas_threads
from modelglass.analysis.errors import MachineError
from modelglass.app.dashboard.ports import listening
from modelglass.app.dashboard.terms import LARGEST_UPLOAD, LOCAL

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

SCRIPT = Path(__file__).with_name("main.py")
BASE_SCRIPT = b'<head><script>window.__streamlit={BACKEND_BASE_URL:location.origin+"/"}</script>'
LAST_SCRIPTS = 5
"""Seconds that a closing server waits for pages that still run."""
LARGEST_MESSAGE = 64 * 2**20
LARGEST_REQUEST = 256 * 2**10
"""Bytes of a request's head: a link may name thousands of rows."""
SWITCH_SECONDS = 0.0005
"""How long a busy thread keeps Python's lock while another waits: short, so that a click is answered during a job."""
FIRST_PAGE = "overview"


def serve(
    opened: Evaluation | None,
    *,
    host: str = "127.0.0.1",
    port: int = 8501,
    headless: bool = False,
    folders: Sequence[str] = (),
    budget: float | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Show an evaluation in a browser, and block until interrupted.

    Parameters
    ----------
    opened : Evaluation or None
        What to show; None shows the start page.
    host, port
        Where to listen; a port that is taken is followed by the next free one, said on standard error.
    headless : bool
        Do not open a browser.
    folders : sequence of str
        Folders in which the start page may open files by name.
    budget : float, optional
        Seconds that one longer analysis may take; what is not done by then says so in its place.
    on_ready : callable, optional
        Called with the address once the server answers. Without it the address is printed.

    Raises
    ------
    MachineError
        No port could be had.
    """
    from modelglass.app.dashboard import opened as registry
    from modelglass.app.dashboard import terms

    terms.agree(host, folders, budget)
    if opened is not None:
        registry.hand_over(opened, first=True)
    # the two workers must not spin against each other, the pages or the browser; a notebook's own number is left alone
    with blas_threads(max(1, (os.cpu_count() or 1) // 2)), contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_Running(host, port).main(headless=headless, on_ready=on_ready))


def dashboard(ev: Evaluation, *, port: int | None = None, block: bool | None = None) -> Open | None:
    """Show an evaluation in a browser, with the model in memory.

    Parameters
    ----------
    ev : Evaluation
    port : int, optional
        Where to listen; 8501 or the next free one without it.
    block : bool, optional
        Whether to wait until interrupted. Without it: yes in a script, no in a notebook.

    Returns
    -------
    Open or None
        ``.url`` and ``.stop()``; None where it blocked.
    """
    block = not _in_notebook() if block is None else block
    if block and _background is None:
        serve(ev, port=port or 8501)
        return None
    return _in_background(ev, port or 8501)


class Open:
    """A dashboard that runs in the background of a notebook: its ``url``, and ``stop()``."""

    def __init__(self, url: str, running: _Running, thread: threading.Thread):
        self.url, self._running, self._thread = url, running, thread

    def stop(self) -> None:
        """Close the dashboard and free the port."""
        global _background
        self._running.stop()
        self._thread.join(timeout=LAST_SCRIPTS + 10)
        _background = None

    def _repr_html_(self) -> str:
        return f'<a href="{self.url}" target="_blank" rel="noopener">Open the dashboard: {self.url}</a>'

    def __repr__(self) -> str:
        return f"<dashboard at {self.url}>"


_background: Open | None = None


def _in_background(ev: Evaluation, port: int) -> Open:
    global _background
    from modelglass.app.dashboard import opened as registry

    if _background is not None:  # one server a process; another model is another address of it
        token = registry.hand_over(ev)
        base = _background.url.split("/?")[0]
        return Open(f"{base}/?model={token}", _background._running, _background._thread)
    registry.hand_over(ev, first=True)
    running, ready, failed = _Running("127.0.0.1", port), threading.Event(), []

    def work() -> None:
        try:
            asyncio.run(running.main(headless=True, on_ready=lambda _: ready.set()))
        except Exception as error:  # noqa: BLE001  handed to the thread that waits
            failed.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=work, name="modelglass-dashboard", daemon=True)
    thread.start()
    if not ready.wait(180) or failed:
        raise MachineError("The dashboard did not start." + (f"\n{failed[0]}" if failed else ""))
    _background = Open(running.url, running, thread)
    return _background


class _Running:
    """One server: configured, started, and stopped from any thread."""

    def __init__(self, host: str, port: int):
        self._socket = listening(host, port)
        self.host, self.port = host, int(self._socket.getsockname()[1])
        shown = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self.port}"
        self._server: Any = None

    async def main(self, *, headless: bool, on_ready: Callable[[str], None] | None) -> None:
        with contextlib.closing(self._socket):
            await self._serve(headless, on_ready)

    async def _serve(self, headless: bool, on_ready: Callable[[str], None] | None) -> None:
        configure(self.host, self.port)
        from modelglass.app.dashboard import early, warming

        warming.begin()
        sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_SECONDS))
        early.begin("")  # under way while the server starts and a browser loads

        import uvicorn

        self._server = uvicorn.Server(
            uvicorn.Config(
                _app(),
                host=self.host,
                port=self.port,
                access_log=False,
                log_level="error",
                use_colors=False,
                ws_max_size=LARGEST_MESSAGE,
                h11_max_incomplete_event_size=LARGEST_REQUEST,
                timeout_graceful_shutdown=1,
            )
        )
        serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started and not serving.done():
            await asyncio.sleep(0.01)
        try:
            if self._server.started:
                self._announce(headless, on_ready)
            await serving
            await _scripts_ended()
        finally:
            _allow_another()

    def _announce(self, headless: bool, on_ready: Callable[[str], None] | None) -> None:
        _quiet()
        if on_ready is not None:
            on_ready(self.url)
        else:
            print(self.url, flush=True)  # noqa: T201  the address is what the command gives
        if not headless and _has_screen():
            asyncio.get_running_loop().run_in_executor(None, webbrowser.open, self.url)

    def stop(self) -> None:
        if self._server is not None:
            self._server.should_exit = True


def _app() -> Any:
    """Give the dashboard as an ASGI app."""
    import streamlit as st
    from starlette.middleware import Middleware

    return st.App(SCRIPT, middleware=[Middleware(_KnownBase)])


def _quiet() -> None:
    """Keep Streamlit's remarks off the terminal; it sets its level anew while it starts."""
    from streamlit.logger import set_log_level

    set_log_level("ERROR")


async def _scripts_ended() -> None:
    """Wait for pages that still run: Streamlit closes what belongs to a session only when it hears here that its script ended."""
    until = time.monotonic() + LAST_SCRIPTS
    while time.monotonic() < until and any("ScriptRunner" in t.name for t in threading.enumerate()):
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.1)  # what the last of them sent is heard


def _allow_another() -> None:
    """Let a later dashboard() start: Streamlit keeps its one runtime for ever, even one that has stopped."""
    from streamlit.runtime import Runtime

    Runtime._instance = None


async def _elsewhere(send: Any, location: str) -> None:
    """Lead to another address: Streamlit knows its first page by the bare address only."""
    headers = [(b"location", location.encode("latin-1")), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 307, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


class _KnownBase:
    """Tell the browser where the server is.

    Without it Streamlit's page guesses, and a link to /slices first asks /slices/_stcore/health: two errors in its console.
    """

    def __init__(self, app: Any):
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        last = scope.get("path", "").rsplit("/", 1)[-1]
        if scope["type"] == "http" and scope["method"] == "GET" and last == FIRST_PAGE:
            await _elsewhere(send, "./" + (b"?" + scope["query_string"] if scope.get("query_string") else b"").decode())
            return
        if scope["type"] != "http" or scope["method"] != "GET" or "." in last or "/_stcore/" in scope["path"]:
            await self.app(scope, receive, send)
            return
        if last == "":
            from modelglass.app.dashboard import early

            early.begin(scope.get("query_string", b"").decode("latin-1"))
        plain = {
            **scope,
            "headers": [
                h for h in scope["headers"] if h[0] not in (b"accept-encoding", b"if-none-match", b"if-modified-since")
            ],
        }
        start: list[Any] = []
        body = bytearray()

        async def held(message: Any) -> None:
            if message["type"] == "http.response.start":
                start.append(message)
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            whole = bytes(body).replace(b"<head>", BASE_SCRIPT, 1) if start[0]["status"] == 200 else bytes(body)
            headers = [h for h in start[0]["headers"] if h[0].lower() not in (b"content-length", b"etag")]
            await send({**start[0], "headers": [*headers, (b"content-length", str(len(whole)).encode())]})
            await send({"type": "http.response.body", "body": whole})

        await self.app(plain, receive, held)


def configure(host: str, port: int) -> None:
    """Set Streamlit's options for this process: nothing is sent, asked, watched or written to the user's home.

    Its garbage collection after every run is off: it holds Python's lock for a tenth of a second and more in a process with a model
    and data, at each look at a progress bar, and slows all work several times.
    """
    from streamlit import config

    wanted: dict[str, Any] = {
        "browser.gatherUsageStats": False,
        "server.showEmailPrompt": False,
        "server.headless": True,
        "server.address": host,
        "server.port": port,
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "server.enableCORS": True,
        "server.enableXsrfProtection": True,
        "server.enableAgentApi": False,
        "server.enableStaticServing": False,
        "server.allowedHosts": list(LOCAL) if host in LOCAL else [],
        "server.maxUploadSize": LARGEST_UPLOAD,
        "server.maxMessageSize": LARGEST_MESSAGE // 2**20,
        "global.developmentMode": False,
        "global.disableWidgetStateDuplicationWarning": True,
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "client.toolbarMode": "minimal",
        "logger.hideWelcomeMessage": True,
        "logger.level": "error",
        "runner.magicEnabled": False,
        "runner.postScriptGC": False,
        "theme.light.primaryColor": "#2563a8",
        "theme.dark.primaryColor": "#6ea8e8",
    }
    known = config.get_config_options()
    for name, value in wanted.items():
        if name in known:  # an older Streamlit lacks some
            config.set_option(name, value, "set by modelglass")
    _quiet()


def _has_screen() -> bool:
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    return shell is not None and getattr(shell.get_ipython(), "kernel", None) is not None
