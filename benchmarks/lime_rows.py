"""LIME for 200 rows: modelglass beside lime's own loop, in one process on the same model, rows, samples and number of columns.

Both sides alternate; medians of wall and processor time, warm. lime's loop makes one explainer, as its users do, and explains row after row.
How far the weights of both are apart stands beside how far lime's own are apart from seed to seed, and the range over other draws that
modelglass gives where all columns are in the linear model is held against 100 further seeds.

Run: ``python benchmarks/lime_rows.py [--rows 200] [--repeats 3]``
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
from sklearn.ensemble import HistGradientBoostingClassifier

from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import lime_weights

COLUMNS, DATA, SAMPLES, FEATURES = 20, 20_000, 5_000, 10
SEEDS, HELD = 20, 100


def data() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(DATA, COLUMNS))
    drive = X[:, 0] * X[:, 1] + X[:, 2] + np.sin(2 * X[:, 3]) + np.abs(X[:, 4]) * X[:, 5] + rng.normal(size=DATA)
    return pd.DataFrame(X, columns=[f"x{i}" for i in range(COLUMNS)]).assign(y=(drive > 0).astype(int))


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    wall, processor = time.perf_counter(), time.process_time()
    made = work()
    return time.perf_counter() - wall, time.process_time() - processor, made


def medians(runs: list[tuple[float, float, Any]]) -> tuple[float, float]:
    return statistics.median(r[0] for r in runs), statistics.median(r[1] for r in runs)


def theirs(ev: Evaluation, reference: np.ndarray, rows: list[int], seed: int, n_features: int = FEATURES) -> np.ndarray:
    """Explain with lime; weights of shape (rows, columns), NaN where a column is in no linear model."""
    from lime.lime_tabular import LimeTabularExplainer

    names = list(ev.features)
    explainer = LimeTabularExplainer(reference, mode="classification", feature_names=names, random_state=seed)
    inputs, out = ev.inputs().to_numpy(), np.full((len(rows), len(names)), np.nan)
    for i, row in enumerate(rows):
        found = explainer.explain_instance(
            inputs[row], lambda Z: ev.estimator.predict_proba(pd.DataFrame(Z, columns=names)),
            num_features=n_features, num_samples=SAMPLES,
        )  # fmt: skip
        for j, weight in found.local_exp[1]:
            out[i, j] = weight
    return out


def table_of(ev: Evaluation, found: Any, rows: list[int], column: str = "weight") -> np.ndarray:
    wide = found.frame().pivot(index="row", columns="feature", values=column)
    return wide.reindex(index=rows, columns=list(ev.features)).to_numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    print(", ".join(f"{p} {version(p)}" for p in ("lime", "numpy", "pandas", "scikit-learn", "scipy")))
    frame = data()
    model = HistGradientBoostingClassifier(max_iter=100, max_leaf_nodes=31, early_stopping=False)
    ev = Evaluation(model.fit(frame.drop(columns="y"), frame.y), frame, target="y")
    rows = list(range(asked.rows))
    reference = ev.sample(5_000).inputs().to_numpy()  # the rows that modelglass takes too
    settings = {"n_samples": SAMPLES, "n_features": FEATURES}
    lime_weights(ev, row=rows[:2], **settings)
    theirs(ev, reference, rows[:2], 0)
    ours, loop = [], []
    for _ in range(asked.repeats):
        ours.append(timed(lambda: lime_weights(ev, row=rows, **settings)))
        loop.append(timed(lambda: theirs(ev, reference, rows, 0)))
    a, b = medians(ours), medians(loop)
    print(f"\n| {asked.rows} rows, {SAMPLES:,} samples, {COLUMNS} columns | wall | processor |\n|---|---|---|")
    print(f"| modelglass | {a[0]:.2f} s | {a[1]:.2f} s |\n| lime's loop | {b[0]:.2f} s | {b[1]:.2f} s |")
    print(f"| times faster | {b[0] / a[0]:.0f} | {b[1] / a[1]:.0f} |")
    differences(ev, reference, rows[:10])
    coverage(ev, rows[:10])


def differences(ev: Evaluation, reference: np.ndarray, rows: list[int]) -> None:
    """Print root mean squares over rows, columns and seeds, all columns in the linear models."""
    mine = [table_of(ev, lime_weights(ev, row=rows, n_features=COLUMNS, seed=s), rows) for s in range(SEEDS)]
    other = [theirs(ev, reference, rows, 1_000 + s, COLUMNS) for s in range(SEEDS)]
    size = np.sqrt(np.mean(np.mean(other, axis=0) ** 2))
    between = np.sqrt(np.mean([(m - o) ** 2 for m, o in zip(mine, other, strict=True)]))
    own = np.sqrt(np.mean([(o - p) ** 2 for o, p in zip(other, np.roll(other, 1, axis=0), strict=True)]))
    means = np.sqrt(np.mean((np.mean(mine, axis=0) - np.mean(other, axis=0)) ** 2))
    print(f"\n| difference of weights, root mean square (their size: {size:.4f}) | |\n|---|---|")
    print(f"| modelglass and lime, one run each | {between:.5f} |\n| lime and lime, other seeds | {own:.5f} |")
    print(f"| means of {SEEDS} runs: modelglass and lime | {means:.5f} |")
    print(f"| the same as lime's noise alone would give | {own / np.sqrt(SEEDS):.5f} |", flush=True)


def coverage(ev: Evaluation, rows: list[int]) -> None:
    """Print how often the 95 % range over other draws holds the mean over all seeds."""
    found = [lime_weights(ev, row=rows, n_samples=1_000, n_features=COLUMNS, seed=s) for s in range(HELD)]
    tables = {c: np.stack([table_of(ev, f, rows, c) for f in found]) for c in ("weight", "low", "high")}
    large = {"n_features": COLUMNS, "n_samples": 20_000}
    truth = np.mean(
        [table_of(ev, lime_weights(ev, row=rows, seed=10_000 + s, **large), rows) for s in range(20)], axis=0
    )
    inside = (tables["low"] <= truth) & (truth <= tables["high"])
    print(f"| 95 % range, 1,000 samples | {inside.mean():.1%} of {inside.size:,} |", flush=True)


if __name__ == "__main__":
    main()
