"""Permutation importance beside scikit-learn's, on the same model, rows, metric and number of shuffles.

The two sides alternate in one process; medians of wall and processor time. The interval that modelglass gives covers rows and shuffles;
with the same rows and as many shuffles scikit-learn's numbers have the same half-width, which it does not compute: it is computed here
from its kind of shuffles, after its time was taken.

Run: ``python benchmarks/importance.py [--rows 100000] [--repeats 3] [--metrics roc_auc,accuracy]``
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from sklearn import inspection
from sklearn.ensemble import HistGradientBoostingClassifier

from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.groups import rows_of
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.paired import change, judged
from modelglass.explainers import permutation_importance

COLUMNS, SHUFFLES = 20, 5


def data(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, COLUMNS))
    drive = X[:, 0] * X[:, 1] + X[:, 2] + np.sin(2 * X[:, 3]) + np.abs(X[:, 4]) * X[:, 5] + rng.normal(size=n)
    return pd.DataFrame(X, columns=[f"x{i}" for i in range(COLUMNS)]).assign(y=(drive > np.median(drive)).astype(int))


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    wall, processor = time.perf_counter(), time.process_time()
    made = work()
    return time.perf_counter() - wall, time.process_time() - processor, made


def medians(runs: list[tuple[float, float, Any]]) -> tuple[float, float]:
    return statistics.median(r[0] for r in runs), statistics.median(r[1] for r in runs)


def half_width_of_theirs(ev: Evaluation, metric: str, feature: str) -> float:
    """Give the half-width over rows and shuffles of five random shuffles as scikit-learn makes them."""
    rng = np.random.RandomState(0)
    orders = [rng.permutation(ev.n) for _ in range(SHUFFLES)]
    inputs, clean = ev.inputs(), rows_of(ev)
    made = [judged(ev, inputs.assign(**{feature: inputs[feature].to_numpy()[o]}), clean) for o in orders]
    found = change(METRICS[metric], clean, made, donors=orders)
    return (found.high - found.low) / 2


def permutations(n: int, repeats: int, metrics: list[str]) -> None:
    print(
        f"| model, metric, {n:,} rows | modelglass, wall / processor | at its default (stops when settled) | scikit-learn, wall / processor "
        "| times faster, wall / processor | half-width of x0, ours / theirs | largest difference of means in standard errors |"
    )
    print("|---|---|---|---|---|---|---|")
    frame = data(n)
    X, y = frame.drop(columns="y"), frame.y
    hist = HistGradientBoostingClassifier(max_iter=100, max_leaf_nodes=31, early_stopping=False).fit(X, y)
    ev = Evaluation(hist, frame, target="y")
    for metric in metrics:
        permutation(f"HistGradientBoosting (100 trees, 31 leaves), {metric}", ev, metric, repeats)


def permutation(name: str, ev: Evaluation, metric: str, repeats: int) -> None:
    X, y = ev.inputs(), ev.frame.y
    settings: dict[str, Any] = {"metric": metric, "rows": None, "together": None}
    permutation_importance(ev, **{**settings, "n_repeats": 2})  # compiled code and the reading of the trees are warm
    given = {"scoring": metric, "n_repeats": SHUFFLES, "random_state": 0}
    ours, stopped, theirs = [], [], []
    for _ in range(repeats):
        ours.append(timed(lambda: permutation_importance(ev, n_repeats=SHUFFLES, settle=False, **settings)))
        stopped.append(timed(lambda: permutation_importance(ev, **settings)))
        theirs.append(timed(lambda: inspection.permutation_importance(ev.estimator, X, y, **given)))
    a, b, c = medians(ours), medians(stopped), medians(theirs)
    table, found = ours[-1][2].frame().set_index("feature"), theirs[-1][2]
    half = (table.high["x0"] - table.low["x0"]) / 2
    spread = np.maximum(found.importances_std * np.sqrt(2 / SHUFFLES), 1e-12)
    off = np.max(np.abs(table.estimate[list(X.columns)] - found.importances_mean) / spread)
    print(
        f"| {name}, {ours[-1][2].how} | {a[0]:.2f} / {a[1]:.2f} s | {b[0]:.2f} / {b[1]:.2f} s, {stopped[-1][2].made} shuffles | {c[0]:.2f} / {c[1]:.2f} s | "
        f"{c[0] / a[0]:.1f} / {c[1] / a[1]:.1f} | {half:.5f} / {half_width_of_theirs(ev, metric, 'x0'):.5f} | {off:.1f} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)

    parser.add_argument("--metrics", default="roc_auc,accuracy")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    print(", ".join(f"{p} {version(p)}" for p in ("numpy", "pandas", "scikit-learn", "numba")))
    permutations(asked.rows, asked.repeats, asked.metrics.split(","))


if __name__ == "__main__":
    main()
