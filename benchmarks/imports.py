"""What `import modelglass` costs beside `import pandas, sklearn`: medians of alternated fresh processes.

Run: python benchmarks/imports.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

REPEATS = 9
SIDES = {"import pandas, sklearn": "import pandas, sklearn", "import modelglass": "import modelglass"}


def seconds(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, cwd="/")
    return time.perf_counter() - began


def main() -> None:
    for code in SIDES.values():
        seconds(code)
    taken: dict[str, list[float]] = {side: [] for side in SIDES}
    for _ in range(REPEATS):
        for side, code in SIDES.items():
            taken[side].append(seconds(code))
    medians = {side: statistics.median(times) for side, times in taken.items()}
    for side, median in medians.items():
        print(f"{side:24} {median:.3f} s")
    print(f"ratio {medians['import modelglass'] / medians['import pandas, sklearn']:.2f}")


if __name__ == "__main__":
    main()
