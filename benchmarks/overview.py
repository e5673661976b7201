"""The Overview with its findings, 100,000 rows: from the command to all findings on the page, and again in another browser from what is kept.

`modelglass run` on the data of ``start.py`` (20 columns, boosted trees behind imputer and one-hot encoding). The first clock starts with the process, the
second with the opening of the page by a fresh browser; both end when the findings are on the page and nothing is under way above them. Medians of one run.

Run: python benchmarks/overview.py   (needs Debian's chromium and the package playwright)
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from start import ARGUMENTS, ROWS, await_port, free_port, make

REPEATS = int(os.environ.get("REPEATS", "3"))
FOUND = "() => /checks? ran/.test(document.querySelector('[data-testid=stMain]')?.innerText ?? '')"


def opened(browser: Browser, address: str, began: float) -> float:
    """Open the page in a fresh browser context; give the seconds since ``began`` when the findings stand there."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(address, wait_until="commit")
    page.wait_for_function(FOUND, timeout=120_000)
    spent = time.perf_counter() - began
    context.close()
    return spent


def main() -> None:
    first: list[float] = []
    again: list[float] = []
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        make(folder)
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        for repeat in range(REPEATS + 1):
            port = free_port()
            command = [
                sys.executable,
                "-m",
                "modelglass.app.cli",
                "run",
                str(folder / "model.skops"),
                str(folder / "data.csv"),
            ]
            command += ["--target", "y", "--headless", "--port", str(port)]
            began = time.perf_counter()
            process = subprocess.Popen(
                command,
                env={**os.environ, "MODELGLASS_HOME": name},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                await_port(port)
                spent = opened(browser, f"http://127.0.0.1:{port}", began)
                time.sleep(5)  # what stands below the findings
                kept = opened(browser, f"http://127.0.0.1:{port}", time.perf_counter())
                if repeat:  # the first is a warm-up of disk caches
                    first.append(spent)
                    again.append(kept)
            finally:
                process.terminate()
                process.wait()
        browser.close()
    print(
        {p: version(p) for p in ("modelglass", "streamlit", "pandas", "scikit-learn")},
        "Python",
        platform.python_version(),
    )
    for what, seconds in (("from the command, first start", first), ("another browser, from what is kept", again)):
        print(f"{ROWS:,} rows, {what:35} median {statistics.median(seconds):.2f} s   {[round(s, 2) for s in seconds]}")


if __name__ == "__main__":
    main()
