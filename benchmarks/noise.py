"""The noise sweep: rows asked of the model beside those it needs, processor time beside the model's own, and memory: ``python benchmarks/noise.py``.

20 columns of numbers, 5 strengths, 100,000 rows, boosted trees. Needed are rows x strengths x (columns + 1, all of them at once).
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier

import modelglass as mg
from modelglass.analysis import noise_robustness


def peak() -> float:
    """Give the largest memory so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(rows: int, columns: int) -> None:
    """Run once, and print."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(rows, columns)), columns=[f"x{i}" for i in range(columns)])
    y = (X.x0 + X.x1 * X.x2 + rng.logistic(size=rows) > 0).astype(int)
    model = HistGradientBoostingClassifier(max_iter=50).fit(X.iloc[:20_000], y.iloc[:20_000])
    ev = mg.Evaluation(model, X.assign(y=y), target="y")
    before, began = peak(), time.process_time()
    ev.answer(ev.inputs())
    alone = time.process_time() - began
    began = time.process_time()
    got = noise_robustness(ev, rows=None)
    spent, needed = time.process_time() - began, rows * 5 * (columns + 1)
    print(
        f"{rows:,} rows, {columns} columns, 5 strengths: {got.asked:,} rows asked, {got.asked / needed:.3f} times the {needed:,} needed"
    )
    print(
        f"processor time {spent:.0f} s; the model alone for as many rows about {alone * 5 * (columns + 1):.0f} s; memory {peak() - before:.0f} MB over the data"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--columns", type=int, default=20)
    given = parser.parse_args()
    main(given.rows, given.columns)
