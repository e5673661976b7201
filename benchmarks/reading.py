"""Reading and typing data: 1,000,000 x 30 Parquet beside pandas' own reader, its peak memory, and what the Overview needs of 100,000 x 200.

Run: python benchmarks/reading.py [--repeats 7]
Sides are alternated in one process after a warm-up; medians of wall and processor time. Memory: fresh processes, the highest
resident size while reading less that after the imports, over ``memory_usage(deep=True)`` of pandas' own frame.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

ROWS = 1_000_000
WIDE_ROWS, WIDE_COLUMNS = 100_000, 200


def long_frame(rows: int = ROWS) -> pd.DataFrame:
    """Thirty columns: numbers, whole numbers, texts of 2 to 10,000 levels, dates, flags; every second with missing values."""
    rng = np.random.default_rng(0)
    columns: dict[str, object] = {}
    for i in range(8):
        values = rng.normal(size=rows)
        columns[f"x{i}"] = np.where(rng.random(rows) < 0.05, np.nan, values) if i % 2 else values
    for i in range(4):
        columns[f"m{i}"] = np.round(rng.gamma(2, 50, rows), 2)
    for i, most in enumerate((2, 10, 100, 10_000, 10**9)):
        columns[f"i{i}"] = rng.integers(0, most, rows)
    for i, levels in enumerate((2, 5, 8, 12, 50, 200, 1_000, 10_000)):
        names = np.array([f"c{i}_level_{j}" for j in range(levels)], dtype=object)
        values = names[rng.integers(0, levels, rows)]
        if i % 2:
            values[rng.random(rows) < 0.05] = None
        columns[f"s{i}"] = values
    for i in range(3):
        seconds = rng.integers(0, 3 * 365 * 86_400, rows).astype("timedelta64[s]")
        columns[f"t{i}"] = np.datetime64("2020-01-01", "us") + seconds
    columns["b0"] = rng.random(rows) < 0.3
    columns["y"] = (rng.random(rows) < 0.2).astype(int)
    return pd.DataFrame(columns)


def different_frame(rows: int = ROWS) -> pd.DataFrame:
    """Five columns of texts that all differ, four short and one of several words, and one of numbers."""
    rng = np.random.default_rng(0)
    columns: dict[str, object] = {
        f"u{i}": [f"{v:016x}-{i}" for v in rng.integers(0, 2**63, rows).tolist()] for i in range(4)
    }
    columns["long"] = [f"text number {v} with several words in it" for v in rng.integers(0, 2**40, rows).tolist()]
    return pd.DataFrame({**columns, "x": rng.normal(size=rows)})


def timed(sides: dict[str, Callable[[], object]], repeats: int) -> dict[str, tuple[float, float]]:
    """Medians of (wall, processor) seconds, sides alternated, the first round left out."""
    taken: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
    for repeat in range(repeats + 1):
        for side, do in sides.items():
            wall, cpu = time.perf_counter(), time.process_time()
            kept = do()
            spent = (time.perf_counter() - wall, time.process_time() - cpu)
            del kept
            if repeat:
                taken[side].append(spent)
    return {
        side: (statistics.median(w for w, _ in all_), statistics.median(c for _, c in all_))
        for side, all_ in taken.items()
    }


PEAK = """
import resource, sys, threading, time
import pandas as pd, pyarrow.parquet, pyarrow.compute, modelglass
from modelglass.analysis.columns import infer_columns
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
pd.DataFrame({"a": ["x"]}).to_parquet(sys.argv[2]); modelglass.read_data(sys.argv[2]); infer_columns(pd.read_parquet(sys.argv[2]))
start, top, go = resident(), [0], [True]
def watch():
    while go[0]:
        top[0] = max(top[0], resident()); time.sleep(0.001)
watcher = threading.Thread(target=watch); watcher.start()
if sys.argv[3] == "modelglass":
    frame = modelglass.read_data(sys.argv[1]); columns = infer_columns(frame)
else:
    frame = pd.read_parquet(sys.argv[1])
go[0] = False; watcher.join()
print(top[0] - start)
"""


def peak(path: Path, small: Path, side: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(path), str(small), side], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def reading(folder: Path, repeats: int, frame: pd.DataFrame, what: str) -> None:
    from modelglass.analysis.columns import infer_columns
    from modelglass.analysis.reading import read_data, read_file

    def typed(frame: pd.DataFrame) -> tuple[pd.DataFrame, object]:
        return frame, infer_columns(
            frame
        )  # the frame is kept, as pandas' is: giving memory back is not timed on either side

    path = folder / "long.parquet"
    frame.to_parquet(path)
    pd.testing.assert_frame_equal(read_data(path), pd.read_parquet(path))
    found = timed(
        {
            "pandas.read_parquet": lambda: pd.read_parquet(path),
            "modelglass, read": lambda: read_data(path),
            "modelglass, read and typed": lambda: typed(read_data(path)),
            "the same, file hashed too": lambda: typed(read_file(path).frame),
        },
        repeats,
    )
    base = found["pandas.read_parquet"]
    print(
        f"\n{what} ({frame.shape[0]:,} x {frame.shape[1]} Parquet, {path.stat().st_size / 1e6:.0f} MB); target: 1.5 times pandas"
    )
    for side, (wall, cpu) in found.items():
        print(f"{side:28} {wall:.3f} s wall ({wall / base[0]:.2f}), {cpu:.3f} s processor ({cpu / base[1]:.2f})")
    size = int(pd.read_parquet(path).memory_usage(deep=True).sum())
    print(f"\nPeak memory; target: 2.5 times the frame of {size / 1e6:.0f} MB")
    for side in ("pandas", "modelglass"):
        most = statistics.median(peak(path, folder / "small.parquet", side) for _ in range(3))
        print(f"{side:28} {most / 1e6:.0f} MB ({most / size:.2f} times)")


def overview(repeats: int) -> None:
    """What stands on the Overview: typing, headline metrics, slices of every column, facts of every column."""
    from sklearn.linear_model import SGDClassifier

    from modelglass import Evaluation
    from modelglass.analysis import column_facts, performance, slice_metrics

    rng = np.random.default_rng(1)
    columns: dict[str, object] = {f"x{i}": rng.normal(size=WIDE_ROWS) for i in range(120)}
    columns |= {f"i{i}": rng.integers(0, 50, WIDE_ROWS) for i in range(39)}
    columns |= {f"s{i}": np.array(list("abcdefgh"), dtype=object)[rng.integers(0, 8, WIDE_ROWS)] for i in range(30)}
    days = rng.integers(0, 900, (10, WIDE_ROWS)).astype("timedelta64[D]")
    columns |= {f"t{i}": np.datetime64("2022-01-01", "us") + days[i] for i in range(10)}
    frame = pd.DataFrame(columns)
    frame["y"] = (frame["x0"] + rng.logistic(size=WIDE_ROWS) > 0).astype(int)
    numbers = [c for c in frame if c.startswith("x")]
    model = SGDClassifier(loss="log_loss", random_state=0).fit(frame[numbers].iloc[:5_000], frame["y"].iloc[:5_000])

    parts: dict[str, list[float]] = {}
    for repeat in range(repeats + 1):
        start = time.perf_counter()
        ev = Evaluation(model, frame, target="y")
        steps: dict[str, Callable[[Evaluation], object]] = {
            "open (typing, predictions)": lambda ev: ev,
            "headline metrics, hashing": performance,
            "slices of every column": slice_metrics,
            "facts of every column": column_facts,
        }
        for name, do in steps.items():
            do(ev)
            now = time.perf_counter()
            if repeat:
                parts.setdefault(name, []).append(now - start)
            start = now
    print(f"\n100,000 x {len(frame.columns)}: what the Overview needs; target: 5 s")
    for name, times in parts.items():
        print(f"{name:28} {statistics.median(times):.2f} s")
    print(f"{'together':28} {sum(statistics.median(t) for t in parts.values()):.2f} s")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--repeats", type=int, default=7)
    repeats = asked.parse_args().repeats
    print(platform.python_version(), {p: version(p) for p in ("numpy", "pandas", "pyarrow", "scikit-learn")}, end=" ")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as name:
        reading(Path(name), repeats, long_frame(), "Columns of all kinds")
        reading(Path(name), repeats, different_frame(), "Texts that all differ")
    overview(min(repeats, 3))


if __name__ == "__main__":
    main()
