"""Accumulated local effects beside alibi's: same fitted model, same rows, same grid, warm calls, wall and processor time.

All 20 columns. Both in one process, because alibi imports no other than this one's scikit-learn; repeats alternate; medians. Ours includes
its intervals and the density of the data, which alibi's has not. Needs alibi beside modelglass.

Run: ``python benchmarks/ale.py [--rows 100000] [--repeats 3] [--cases hist,gradient,xgboost,linear,mlp]``
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
sys.path[:] = [
    p for p in sys.path if p != str(HERE)
]  # numba looks for a package coverage, and a script here is called so
COLUMNS, GRID, TRAINED = 20, 30, 20_000


def data(n: int) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, COLUMNS)).astype(np.float32).astype(float)
    drive = X[:, 0] * X[:, 1] + X[:, 2] + np.sin(2 * X[:, 3]) + np.abs(X[:, 4]) * X[:, 5] + rng.normal(size=n)
    return pd.DataFrame(X, columns=[f"f{j}" for j in range(COLUMNS)]), (drive > np.median(drive)).astype(int)


def estimator(case: str) -> Any:
    from sklearn import ensemble, linear_model, neural_network

    if case == "xgboost":
        import xgboost

        return xgboost.XGBClassifier(n_estimators=100, max_depth=6, n_jobs=2)
    return {
        "hist": lambda: ensemble.HistGradientBoostingClassifier(max_iter=100, early_stopping=False, random_state=0),
        "gradient": lambda: ensemble.GradientBoostingClassifier(n_estimators=100, max_depth=3, random_state=0),
        "linear": lambda: linear_model.LogisticRegression(),
        "mlp": lambda: neural_network.MLPClassifier((32,), max_iter=20, random_state=0),
    }[case]()


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    got = work()
    return time.perf_counter() - wall, time.process_time() - cpu, got


def compare(case: str, rows: int, repeats: int) -> None:
    from alibi.explainers.ale import ALE

    from modelglass.analysis import Evaluation
    from modelglass.explainers import accumulated_local_effects

    X, y = data(rows)
    values = X.to_numpy()
    model = estimator(case).fit(values[:TRAINED], y[:TRAINED])
    ev = Evaluation(model, X.assign(y=y), target="y")

    def ours(rows: int | None = None) -> Any:
        return accumulated_local_effects(ev, features=list(X.columns), grid=GRID, rows=rows)

    ours(200)  # compiled, imported
    got = ours()
    curves = dict(iter(got.curves.groupby("feature", sort=False)))
    grid = {j: np.array(list(curves[c].value), dtype=float) for j, c in enumerate(X.columns)}
    alibi = ALE(model.predict_proba)
    alibi.explain(values[:200])
    mine, theirs = [], []
    for _ in range(repeats):
        mine.append(timed(ours))
        theirs.append(timed(lambda: alibi.explain(values, grid_points=grid)))
    them = theirs[-1][2]
    off = max(
        float(np.abs(them.ale_values[j][:, -1] - curves[c].estimate.to_numpy()).max()) for j, c in enumerate(X.columns)
    )
    for j in grid:
        np.testing.assert_array_equal(them.feature_values[j], grid[j])
    walls = [statistics.median(t[0] for t in side) for side in (mine, theirs)]
    cpus = [statistics.median(t[1] for t in side) for side in (mine, theirs)]
    print(
        f"| {case} | {rows:,} | {walls[0]:.2f} / {cpus[0]:.2f} s | {walls[1]:.2f} / {cpus[1]:.2f} s | {walls[1] / walls[0]:.1f} / "
        f"{cpus[1] / cpus[0]:.1f} | {off:.0e} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cases", default="hist,gradient,xgboost,linear,mlp")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    names = ("alibi", "scikit-learn", "numpy", "pandas", "numba", "xgboost")
    print(", ".join(f"{n} {version(n)}" for n in names) + f"; {asked.repeats} repeats, {COLUMNS} columns, grid {GRID}")
    print(
        "| model | rows | modelglass, wall / processor | alibi, wall / processor | times faster | largest difference |"
    )
    print("|---|---|---|---|---|---|")
    for case in asked.cases.split(","):
        compare(case, asked.rows, asked.repeats)


if __name__ == "__main__":
    main()
