"""While an explanation runs for minutes: how soon a second person's click is answered, and how soon Stop frees the processor.

`modelglass run` on 20,000 rows and a network behind a pipeline. One browser lets Shapley values of every row be asked of the model (minutes); another
turns pages, and so does a third session without a browser, which sends what a click sends and reads until the page is complete: what the server alone takes,
without the drawing of two browsers on the same two cores. Then the first presses Stop of all that its page has started. Answer: from the moment the mouse is told to click until the other page's heading is in
the document (without a browser: its message is there), both by this machine's clock (the page notes when its heading changes, for asking it would wait for the charts below). Stop: from the press until the page says that it was
stopped, and until the server's processor time over a third of a second falls under a tenth of a core. Medians and the longest of one run.

Run: python benchmarks/response.py   (Linux; needs Debian's chromium and the package playwright)
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright
from start import ARGUMENTS, await_port, free_port
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

ROWS, STOPS, TURNS = 20_000, 3, 4
SETTLED = """() => document.querySelector('h1') && !document.querySelector('[data-stale=true], [data-testid=stSkeleton]')
    && document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'"""
HEADINGS = """() => { let last = ''; window.headings = {}; new MutationObserver(() => { const now = document.querySelector('h1')?.textContent;
    if (now && now !== last) { last = now; window.headings[now] = Date.now(); } }).observe(document, {subtree: true, childList: true, characterData: true}); }"""
SOCKET: dict[str, Any] = {"subprotocols": ["streamlit"], "max_size": None}
TICK = os.sysconf("SC_CLK_TCK")


def make(folder: Path) -> None:
    import numpy as np
    import pandas as pd
    import skops.io
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(ROWS + 5_000, 20)).round(3), columns=[f"n{i}" for i in range(20)])
    y = np.where(frame.n0 + frame.n1 * frame.n2 + rng.logistic(size=len(frame)) > 0, "yes", "no")
    model = make_pipeline(StandardScaler(), MLPClassifier((64, 64), max_iter=10, random_state=0))
    skops.io.dump(model.fit(frame.iloc[ROWS:], y[ROWS:]), folder / "model.skops")
    frame.assign(y=y).iloc[:ROWS].to_csv(folder / "data.csv", index=False)


def used(process: subprocess.Popen[bytes]) -> float:
    """Give the processor seconds of a process and of all that it started, as far as they have ended."""
    parts = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, parts[11:15])) / TICK


def answered(page: Page, place: tuple[float, float], title: str) -> float:
    began = time.time()
    page.mouse.click(*place)  # not by its name: looking for it would wait for a page that is still being drawn
    page.wait_for_function("title => document.querySelector('h1')?.textContent === title", arg=title)
    seen: float = page.evaluate("title => window.headings[title]", title)
    return seen / 1000 - began


class Bare:
    """A session without a browser: it turns pages by the messages that a browser would send."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.pages: dict[str, str] = {}
        self.turn("Overview")

    def turns(self, titles: list[str]) -> list[tuple[float, float]]:
        found = []
        for title in titles * 3:
            found.append(self.turn(title))
            time.sleep(0.3)
        return found

    def turn(self, title: str) -> tuple[float, float]:
        """Give the seconds until the heading of a page is there, and until all of the page is."""
        message = BackMsg()
        message.rerun_script.page_script_hash = self.pages.get(title, "")
        began, heading = time.perf_counter(), None
        self.socket.send(message.SerializeToString())
        while True:
            came = ForwardMsg.FromString(bytes(self.socket.recv(timeout=60)))
            kind = came.WhichOneof("type")
            if kind == "navigation":
                self.pages = {page.page_name: page.page_script_hash for page in came.navigation.app_pages}
            element = came.delta.new_element if kind == "delta" else None
            if element is not None and element.WhichOneof("type") == "heading" and element.heading.tag == "h1":
                assert element.heading.body == title, f"{element.heading.body} instead of {title}"
                heading = time.perf_counter() - began
            if kind == "script_finished" and heading is not None:
                return heading, time.perf_counter() - began


def middle(page: Page, title: str) -> tuple[float, float]:
    box = page.get_by_role("link", name=title, exact=True).bounding_box()
    assert box is not None, f"no link to {title}"
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def stopped(page: Page, process: subprocess.Popen[bytes]) -> tuple[float, float]:
    """Press every Stop; give the seconds from the last press until the page says it of all, and until the processor is free."""
    stop, said = page.get_by_role("button", name="Stop"), page.get_by_text("was stopped")
    while stop.count():
        already, free = said.count(), None
        began = looked = time.perf_counter()
        before = used(process)
        stop.first.click()
        while said.count() == already and stop.count():
            page.wait_for_timeout(20)
            looked, before, free = free_since(process, began, looked, before, free)
    told = time.perf_counter() - began
    while free is None:
        page.wait_for_timeout(20)
        looked, before, free = free_since(process, began, looked, before, free)
    return told, free


def free_since(
    process: subprocess.Popen[bytes], began: float, looked: float, before: float, free: float | None
) -> tuple[float, float, float | None]:
    """Look at the processor every third of a second: once it was all but idle, the seconds from the press to the last look before."""
    now = time.perf_counter()
    if now - looked < 1 / 3:
        return looked, before, free
    spent = used(process)
    return now, spent, looked - began if free is None and spent - before < (now - looked) / 10 else free


def main() -> None:
    answers: dict[str, list[float]] = {"nobody else works": [], "an explanation runs": []}
    bare: dict[str, list[tuple[float, float]]] = {situation: [] for situation in answers}
    stops: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright, ExitStack() as opened:
        folder, port = Path(name), free_port()
        make(folder)
        command = [
            sys.executable,
            "-m",
            "modelglass.app.cli",
            "run",
            str(folder / "model.skops"),
            str(folder / "data.csv"),
        ]
        command += ["--target", "y", "--headless", "--port", str(port)]
        process = subprocess.Popen(
            command, env={**os.environ, "MODELGLASS_HOME": name}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
            address = f"http://127.0.0.1:{port}/"
            other, busy = browser.new_page(), browser.new_page()
            await_port(port)
            other.goto(address, wait_until="commit")
            other.get_by_text("Accuracy").first.wait_for(timeout=120_000)
            other.wait_for_function(SETTLED)
            other.evaluate(HEADINGS)
            places = {title: middle(other, title) for title in ("Errors", "Overview")}
            titles = [title for _ in range(TURNS // 2) for title in ("Errors", "Overview")]
            for title in titles[:2]:  # a first visit computes; what is measured is a click
                answered(other, places[title], title)
                other.wait_for_timeout(15_000)
            third = Bare(opened.enter_context(connect(f"ws://127.0.0.1:{port}/_stcore/stream", **SOCKET)))
            for title in titles:
                answers["nobody else works"].append(answered(other, places[title], title))
                other.wait_for_timeout(500)
            bare["nobody else works"] += third.turns(titles)
            for fewer in range(STOPS):  # other rows are another result: nothing comes from the cache
                busy.goto(f"{address}importance?shapley_values.rows={ROWS - fewer}")
                stop = busy.get_by_role("button", name="Stop")
                stop.first.wait_for(timeout=120_000)
                busy.wait_for_timeout(2_000)
                for title in titles:
                    answers["an explanation runs"].append(answered(other, places[title], title))
                    other.wait_for_timeout(500)
                bare["an explanation runs"] += third.turns(titles)
                assert stop.count(), "the explanation was over too soon to measure anything"
                stops.append(stopped(busy, process))
            browser.close()
        finally:
            process.terminate()
            process.wait()
    print(
        {p: version(p) for p in ("modelglass", "streamlit", "numpy", "scikit-learn")},
        "Python",
        platform.python_version(),
    )
    for what, seconds in answers.items():
        print(
            f"click while {what:22} median {statistics.median(seconds):.2f} s, longest {max(seconds):.2f} s of {len(seconds)}"
        )
    for situation, pairs in bare.items():
        for k, what in enumerate(("heading", "whole page")):
            seconds = [pair[k] for pair in pairs]
            print(
                f"without a browser, {what:10} while {situation:22} median {statistics.median(seconds):.3f} s, longest {max(seconds):.3f} s of {len(seconds)}"
            )
    for k, what in enumerate(("the page says it", "the processor is free")):
        seconds = [stop[k] for stop in stops]
        print(
            f"Stop until {what:22} median {statistics.median(seconds):.2f} s, longest {max(seconds):.2f} s of {len(seconds)}"
        )


if __name__ == "__main__":
    main()
