"""From the command to headline metrics in the page with no spinner, 100,000 rows, measured by a browser.

The other side is an empty Streamlit app that imports pandas, plotly and sklearn.ensemble. Both are started as fresh processes, alternated; the clock
runs from the start of the process until the browser sees the text and no spinner. Medians of one run.

Run: python benchmarks/start.py   (needs Debian's chromium and the package playwright)
"""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from playwright.sync_api import Page, sync_playwright

ROWS, REPEATS = 100_000, 5
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
]
EMPTY = "import pandas, plotly.express, sklearn.ensemble\nimport streamlit as st\nst.write('ready to show')\n"


def make(folder: Path) -> None:
    import skops.io
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    rng = np.random.default_rng(0)
    numbers = [f"n{i}" for i in range(14)]
    frame = pd.DataFrame(rng.normal(size=(ROWS + 20_000, 14)).round(3), columns=numbers)
    for i in range(6):
        frame[f"c{i}"] = rng.choice([f"c{i}_{k}" for k in "abcdef"], len(frame))
    frame["y"] = np.where(frame.n0 + frame.n1 * (frame.c0 == "c0_a") + rng.logistic(size=len(frame)) > 0, "yes", "no")
    categories = [f"c{i}" for i in range(6)]
    model = make_pipeline(
        make_column_transformer((SimpleImputer(), numbers), (OneHotEncoder(sparse_output=False), categories)),
        HistGradientBoostingClassifier(random_state=0),
    )
    train = frame.iloc[ROWS:]
    skops.io.dump(model.fit(train[numbers + categories], train.y), folder / "model.skops")
    frame.iloc[:ROWS].to_csv(folder / "data.csv", index=False)
    (folder / "empty.py").write_text(EMPTY)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_port(port: int) -> None:
    """Wait until a server listens."""
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=0.2).close()
            return
        except OSError:
            time.sleep(0.02)


def seconds(page: Page, command: list[str], port: int, text: str) -> float:
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await_port(port)
        page.goto(f"http://127.0.0.1:{port}", wait_until="commit")
        page.get_by_text(text).first.wait_for(state="visible", timeout=120_000)
        page.wait_for_function(
            '!document.querySelector(\'[data-testid="stSpinner"], [data-testid="stSkeleton"], [data-testid="stStatusWidget"]\')',
            timeout=120_000,
        )
        return time.perf_counter() - began
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        make(folder)
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        streamlit = [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            str(folder / "empty.py"),
            "--server.headless",
            "true",
            "--browser.gatherUsageStats",
            "false",
        ]
        ours = [
            sys.executable,
            "-m",
            "modelglass.app.cli",
            "run",
            str(folder / "model.skops"),
            str(folder / "data.csv"),
            "--target",
            "y",
            "--headless",
        ]
        sides = {
            "empty Streamlit app": (streamlit, "--server.port", "ready to show"),
            "modelglass run": (ours, "--port", "Accuracy"),
        }
        taken: dict[str, list[float]] = {side: [] for side in sides}
        for repeat in range(REPEATS + 1):
            for side, (command, flag, text) in sides.items():
                port, page = free_port(), browser.new_page()
                spent = seconds(page, [*command, flag, str(port)], port, text)
                page.close()
                if repeat:  # the first is a warm-up of disk caches
                    taken[side].append(spent)
        browser.close()
    print({p: version(p) for p in ("modelglass", "streamlit", "pandas", "scikit-learn", "plotly")})
    medians = {side: statistics.median(times) for side, times in taken.items()}
    for side, median in medians.items():
        print(f"{side:22} {median:.2f} s   {[round(t, 2) for t in taken[side]]}")
    print(f"ratio {medians['modelglass run'] / medians['empty Streamlit app']:.2f}")


if __name__ == "__main__":
    main()
